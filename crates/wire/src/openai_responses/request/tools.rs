//! The tools of a request and the choice among them.
//!
//! Whatever the caller runs goes upstream as a function. A tool the provider itself runs has no place elsewhere.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::value::RawValue;

use super::native;
use crate::canonical::{CallerTools, Tool, ToolChoice, ToolForm};
use crate::members::{Members, borrowed_text};
use crate::notes::{DEFER_LOADING_DROPPED, Notes, TranslateError};
use crate::translate::free_text;
use crate::translate::offer::Offer;

/// What a caller offers to be called: in `tools`, and on the way in `input`.
#[derive(Debug, Default)]
pub(super) struct Tools<'a> {
    pub(super) offer: Offer<'a>,
    /// Where the tools are named that the provider itself runs.
    server: Vec<String>,
}

/// A namespace of tools.
#[derive(Debug, Default)]
struct Namespace<'a> {
    name: Option<Cow<'a, str>>,
    /// What it says of itself: told with the first of its tools.
    description: Option<Cow<'a, str>>,
}

impl<'a> Tools<'a> {
    /// Adds the tools of a list. One that is there already is not added again.
    pub(super) fn add(
        &mut self,
        list: Vec<(String, &'a RawValue)>,
        notes: &mut Notes,
    ) -> Result<(), TranslateError> {
        for (at, raw) in list {
            self.tool(at, raw, &mut Namespace::default(), notes)?;
        }
        Ok(())
    }

    fn tool(
        &mut self,
        at: String,
        raw: &'a RawValue,
        within: &mut Namespace<'a>,
        notes: &mut Notes,
    ) -> Result<(), TranslateError> {
        let mut source = Members::read(raw.get(), at.as_str())?;
        let kind = source.text("type")?.unwrap_or(Cow::Borrowed("function"));
        if source.raw("defer_loading").is_some_and(|waits| waits.get() == "true") {
            notes.add(DEFER_LOADING_DROPPED, at.as_str());
        }
        let form = match &*kind {
            "function" => ToolForm::Function,
            "custom" => ToolForm::Custom,
            "namespace" if within.name.is_none() => {
                let mut namespace = Namespace {
                    name: Some(source.need_text("name")?),
                    description: source.text("description")?.filter(|said| !said.trim().is_empty()),
                };
                for (at, raw) in source.list("tools")? {
                    self.tool(at, raw, &mut namespace, notes)?;
                }
                notes.dropped(source);
                return Ok(());
            }
            kind => match native::form(kind, &source) {
                Some(form) => form,
                None => {
                    self.server.push(at);
                    return Ok(());
                }
            },
        };
        let mut tool = match form {
            ToolForm::Function => Tool {
                at,
                name: source.need_text("name")?,
                description: source.text("description")?,
                schema: source.written_object("parameters")?,
                strict: source.get("strict")?,
                cache: false,
            },
            ToolForm::Custom => Tool {
                description: Some(Cow::Owned(free_text::described(&mut source, notes)?)),
                name: source.need_text("name")?,
                schema: free_text::schema(&at)?,
                strict: None,
                cache: false,
                at,
            },
            ToolForm::LocalShell | ToolForm::Shell | ToolForm::ApplyPatch | ToolForm::ToolSearch => {
                native::tool(form, at, &mut source)?
            }
        };
        notes.dropped(source);
        if let (Some(name), Some(said)) = (&within.name, &within.description) {
            let own = tool.description.as_deref().unwrap_or_default();
            tool.description = Some(Cow::Owned(format!("[{name}: {said}]\n{own}")));
        }
        match self.offer.add(within.name.as_deref(), form, tool) {
            None => within.description = None,
            // Those a search found are named again with every turn.
            Some(again) if again.at.starts_with("tools") => notes.add("duplicate_tool_dropped", again.at),
            Some(_) => {}
        }
        Ok(())
    }

    /// The tools to be offered, who knows them by what, and how the model is to choose among them.
    pub(super) fn finish(
        mut self,
        source: &mut Members<'a>,
        notes: &mut Notes,
    ) -> Result<(Vec<Tool<'a>>, CallerTools, Option<ToolChoice<'a>>), TranslateError> {
        let only_server = self.offer.tools.is_empty() && !self.server.is_empty();
        for at in std::mem::take(&mut self.server) {
            notes.add("server_tool_dropped", at);
        }
        let choice = match self.choice(source, notes)? {
            Some(ToolChoice::Required) if only_server => {
                return Err(TranslateError::unsupported(
                    "tool_choice",
                    "only tools the provider itself runs",
                ));
            }
            // Where no tool is left there is nothing to choose from.
            Some(ToolChoice::Auto | ToolChoice::None) if only_server => None,
            choice => choice,
        };
        Ok((self.offer.tools, self.offer.caller, choice))
    }

    fn choice(
        &mut self,
        source: &mut Members<'a>,
        notes: &mut Notes,
    ) -> Result<Option<ToolChoice<'a>>, TranslateError> {
        let Some(raw) = source.raw("tool_choice") else { return Ok(None) };
        if let Some(mode) = borrowed_text(raw) {
            return mode_of(&mode, "tool_choice").map(Some);
        }
        let mut choice = Members::read(raw.get(), "tool_choice")?;
        let kind = choice.need_text("type")?;
        let read = match &*kind {
            "allowed_tools" => {
                let mode = choice.text("mode")?.unwrap_or(Cow::Borrowed("auto"));
                let allowed = self.allowed(&mut choice)?;
                self.offer.tools.retain(|tool| allowed.contains(&tool.name));
                if self.offer.tools.is_empty() {
                    let what = "no allowed tool but those the provider itself runs";
                    return Err(TranslateError::unsupported("tool_choice.tools", what));
                }
                mode_of(&mode, "tool_choice.mode")?
            }
            kind => match self.named(kind, &mut choice)? {
                Some(name) => ToolChoice::Named(name),
                None => {
                    let what = format!("a choice of type \"{kind}\", which only the provider itself can run");
                    return Err(TranslateError::unsupported("tool_choice", what));
                }
            },
        };
        notes.dropped(choice);
        Ok(Some(read))
    }

    /// What a tool that is spoken of by its type and name is called upstream; none for one the provider runs.
    fn named(&self, kind: &str, tool: &mut Members<'a>) -> Result<Option<Cow<'a, str>>, TranslateError> {
        let (form, name) = match kind {
            "function" => (ToolForm::Function, tool.need_text("name")?),
            "custom" => (ToolForm::Custom, tool.need_text("name")?),
            kind => match native::form(kind, tool) {
                Some(form) => (form, Cow::Borrowed(form.as_str())),
                None => return Ok(None),
            },
        };
        let namespace = tool.text("namespace")?;
        Ok(Some(self.offer.name_of(namespace.as_deref(), &name, form)))
    }

    /// The tools the model may call; the others are not offered at all, which the model can't tell apart.
    fn allowed(&self, choice: &mut Members<'a>) -> Result<HashSet<Cow<'a, str>>, TranslateError> {
        let mut names = HashSet::new();
        for (at, raw) in choice.list("tools")? {
            let mut tool = Members::read(raw.get(), at)?;
            let kind = tool.need_text("type")?;
            if kind == "namespace" {
                let namespace = tool.need_text("name")?;
                let is_in = |tool: &&Tool<'a>| {
                    let own = self.offer.caller.get(&tool.name).and_then(|own| own.namespace.as_deref());
                    own == Some(&*namespace)
                };
                names.extend(self.offer.tools.iter().filter(is_in).map(|tool| tool.name.clone()));
            } else {
                names.extend(self.named(&kind, &mut tool)?);
            }
        }
        Ok(names)
    }
}

fn mode_of<'a>(mode: &str, at: &str) -> Result<ToolChoice<'a>, TranslateError> {
    match mode {
        "auto" => Ok(ToolChoice::Auto),
        "required" => Ok(ToolChoice::Required),
        "none" => Ok(ToolChoice::None),
        _ => Err(TranslateError::invalid(at, format!("\"{mode}\" is not auto, required or none"))),
    }
}
