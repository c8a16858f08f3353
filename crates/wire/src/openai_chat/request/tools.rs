//! The tools of a caller's request and the choice among them.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::canonical::{CallerTools, Tool, ToolChoice, ToolForm};
use crate::members::{Members, borrowed_text};
use crate::notes::{Notes, TranslateError};
use crate::translate::free_text;
use crate::translate::offer::Offer;

/// What a caller offers to be called, who knows it by what, and how the model is to choose.
#[derive(Debug, Default)]
pub(super) struct Tools<'a> {
    offer: Offer<'a>,
    /// Whether there are tools only the provider runs, left out.
    has_provided: bool,
}

impl<'a> Tools<'a> {
    /// Reads `tools`.
    pub(super) fn read(chat: &mut Members<'a>, notes: &mut Notes) -> Result<Self, TranslateError> {
        let mut tools = Self::default();
        for (path, raw) in chat.list("tools")? {
            let mut tool = Members::read(raw.get(), path.clone())?;
            // Mistral's SDK leaves the type of a function out.
            let kind = match tool.text("type")? {
                None if tool.peek("function").is_some() => Cow::Borrowed("function"),
                Some(kind) => kind,
                None => return Err(TranslateError::invalid(tool.path_of("type"), "is missing")),
            };
            let cache = tool.raw("cache_control").is_some();
            let (form, read) = match &*kind {
                "function" => {
                    let mut function = tool.need_object("function")?;
                    let read = Tool {
                        name: function.need_text("name")?,
                        description: function.text("description")?,
                        schema: function.written_object("parameters")?,
                        strict: function.get("strict")?,
                        cache,
                        at: path,
                    };
                    notes.dropped(function);
                    (ToolForm::Function, read)
                }
                "custom" => {
                    let mut custom = tool.need_object("custom")?;
                    let description = free_text::described(&mut custom, notes)?;
                    let read = Tool {
                        name: custom.need_text("name")?,
                        description: Some(Cow::Owned(description)),
                        schema: free_text::schema(&path)?,
                        strict: None,
                        cache,
                        at: path,
                    };
                    notes.dropped(custom);
                    (ToolForm::Custom, read)
                }
                _ => {
                    tools.has_provided = true;
                    notes.add("server_tool_dropped", path);
                    continue;
                }
            };
            notes.dropped(tool);
            if let Some(again) = tools.offer.add(None, form, read) {
                notes.add("duplicate_tool_dropped", again.at);
            }
        }
        Ok(tools)
    }

    /// What a tool is called upstream.
    pub(super) fn name_of(&self, name: &Cow<'a, str>, form: ToolForm) -> Cow<'a, str> {
        self.offer.name_of(None, name, form)
    }

    /// Reads `tool_choice`. Of tools only some of which are allowed, the others are not offered at all, which the model can't
    /// tell apart.
    pub(super) fn choose(
        &mut self,
        chat: &mut Members<'a>,
        notes: &mut Notes,
    ) -> Result<Option<ToolChoice<'a>>, TranslateError> {
        let Some(raw) = chat.raw("tool_choice") else { return Ok(None) };
        if let Some(mode) = borrowed_text(raw) {
            return match mode_of(&mode, "tool_choice")? {
                ToolChoice::Required if self.has_provided && self.offer.tools.is_empty() => {
                    Err(TranslateError::unsupported("tool_choice", "only tools the provider itself runs"))
                }
                // Where no tool is left there is nothing to choose from.
                ToolChoice::Auto | ToolChoice::None if self.has_provided && self.offer.tools.is_empty() => {
                    Ok(None)
                }
                mode
                @ (ToolChoice::Auto | ToolChoice::Required | ToolChoice::None | ToolChoice::Named(_)) => {
                    Ok(Some(mode))
                }
            };
        }
        let mut choice = Members::read(raw.get(), "tool_choice")?;
        let kind = choice.need_text("type")?;
        if let Some(name) = self.named(&kind, &mut choice)? {
            return Ok(Some(ToolChoice::Named(name)));
        }
        if kind != "allowed_tools" {
            return Err(TranslateError::unsupported("tool_choice", format!("a choice of type \"{kind}\"")));
        }
        let mut allowed = choice.need_object("allowed_tools")?;
        let mut names = HashSet::new();
        for (at, raw) in allowed.list("tools")? {
            let mut tool = Members::read(raw.get(), at)?;
            let kind = tool.need_text("type")?;
            names.extend(self.named(&kind, &mut tool)?);
        }
        self.offer.tools.retain(|tool| names.contains(&tool.name));
        if self.offer.tools.is_empty() {
            let field = "tool_choice.allowed_tools.tools";
            return Err(TranslateError::unsupported(field, "no allowed tool is among those in `tools`"));
        }
        let mode = allowed.text("mode")?.unwrap_or(Cow::Borrowed("auto"));
        let read = mode_of(&mode, "tool_choice.allowed_tools.mode")?;
        notes.dropped(allowed);
        Ok(Some(read))
    }

    fn named(&self, kind: &str, named: &mut Members<'a>) -> Result<Option<Cow<'a, str>>, TranslateError> {
        let form = match kind {
            "function" => ToolForm::Function,
            "custom" => ToolForm::Custom,
            _ => return Ok(None),
        };
        Ok(Some(self.name_of(&named.need_object(kind)?.need_text("name")?, form)))
    }

    /// The tools to be offered, and what their caller knows them by.
    pub(super) fn finish(self) -> (Vec<Tool<'a>>, CallerTools) {
        (self.offer.tools, self.offer.caller)
    }
}

fn mode_of<'a>(mode: &str, at: &str) -> Result<ToolChoice<'a>, TranslateError> {
    match mode {
        "auto" => Ok(ToolChoice::Auto),
        "required" | "any" => Ok(ToolChoice::Required),
        "none" => Ok(ToolChoice::None),
        _ => Err(TranslateError::invalid(at, "must be auto, required, none or a tool")),
    }
}
