//! A caller's Messages request.

use serde_json::value::RawValue;

use super::content::{self, Place};
use super::tools;
use crate::canonical::{Block, Content, Effort, Format, Prompt, Reasoning, Role, Turn};
use crate::members::{Kind, Members, Text, borrowed_text};
use crate::notes::{Notes, TranslateError};

pub(crate) fn read<'a>(body: &'a str, notes: &mut Notes) -> Result<Prompt<'a>, TranslateError> {
    let mut source = Members::read(body, "")?;
    source.raw("model");
    source.raw("idempotencyKey");
    check_what_is_left_out(&source)?;
    let mut prompt = Prompt::default();
    if let Some(raw) = source.raw("system") {
        prompt.system = system(raw, "system", notes)?;
    }
    for (path, raw) in source.list("messages")? {
        message(&mut prompt, path, raw, notes)?;
    }
    prompt.max_tokens = Some(source.need("max_tokens")?);
    prompt.stream = source.get("stream")?.unwrap_or(false);
    prompt.temperature = source.get("temperature")?;
    prompt.top_p = source.get("top_p")?;
    prompt.top_k = source.get("top_k")?;
    let stop: Option<Vec<Text<'a>>> = source.get("stop_sequences")?;
    prompt.stop = stop.into_iter().flatten().map(|text| text.0).collect();
    let offer = tools::read(&mut source, notes)?;
    tools::choice(&mut source, &mut prompt, offer)?;
    let effort = output_config(&mut source, &mut prompt, notes)?;
    prompt.reasoning = thinking(&mut source, effort, notes)?;
    prompt.user = match source.object("metadata")? {
        Some(mut metadata) => {
            let user = metadata.text("user_id")?;
            notes.dropped(metadata);
            user
        }
        None => None,
    };
    // Kept by the provider: without it the conversation is another one.
    if source.raw("container").is_some() {
        return Err(TranslateError::unsupported("container", "a container kept by the provider"));
    }
    if source.peek("service_tier").is_some_and(|tier| tier.get() == "\"auto\"") {
        source.raw("service_tier");
    }
    notes.dropped(source);
    Ok(prompt)
}

/// The members no other dialect has a word for.
fn check_what_is_left_out(source: &Members<'_>) -> Result<(), TranslateError> {
    source.check(&[
        ("cache_control", Kind::Object),
        ("context_management", Kind::Object),
        ("diagnostics", Kind::Object),
        ("inference_geo", Kind::Text),
        ("service_tier", Kind::Text),
        ("speed", Kind::Text),
    ])
}

/// System texts: a string, or text blocks.
fn system<'a>(raw: &'a RawValue, at: &str, notes: &mut Notes) -> Result<Vec<Block<'a>>, TranslateError> {
    let blocks = content::read(Place::System, raw, at, notes)?;
    Ok(blocks.into_iter().filter(|block| !is_empty(block)).collect())
}

fn is_empty(block: &Block<'_>) -> bool {
    matches!(&block.content, Content::Text(text) if text.is_empty())
}

fn message<'a>(
    prompt: &mut Prompt<'a>,
    path: String,
    raw: &'a RawValue,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    let mut message = Members::read(raw.get(), path.as_str())?;
    let role = message.need_text("role")?;
    let at = message.path_of("content");
    let said = message.raw("content");
    let (role, place) = match &*role {
        "user" => (Role::User, Place::User),
        "assistant" => (Role::Assistant, Place::Assistant),
        // Instructions in the middle of a conversation ("Mid-conversation system messages").
        "system" => {
            if !prompt.turns.is_empty() {
                notes.add("system_message_moved", path.as_str());
            }
            if let Some(said) = said {
                prompt.system.extend(system(said, &at, notes)?);
            }
            notes.dropped(message);
            return Ok(());
        }
        _ => return Err(TranslateError::invalid(message.path_of("role"), "must be user or assistant")),
    };
    let mut blocks = match said {
        Some(said) => content::read(place, said, &at, notes)?,
        // A turn in which nothing was said.
        None => Vec::new(),
    };
    if role == Role::Assistant {
        content::attach_seals(&mut blocks);
    }
    notes.dropped(message);
    prompt.turns.push(Turn { at: path, role, blocks });
    Ok(())
}

/// `output_config`: the format (before it had its place there, `output_format`) and the effort.
fn output_config<'a>(
    source: &mut Members<'a>,
    prompt: &mut Prompt<'a>,
    notes: &mut Notes,
) -> Result<Option<Effort>, TranslateError> {
    let mut format = source.object("output_format")?;
    let mut effort = None;
    if let Some(mut config) = source.object("output_config")? {
        format = config.object("format")?.or(format);
        if let Some(word) = config.text("effort")? {
            effort = Effort::read(&word);
            if effort.is_none() {
                // A word newer than this version.
                notes.add("field_dropped", "output_config.effort");
            }
        }
        notes.dropped(config);
    }
    let Some(mut format) = format else { return Ok(effort) };
    let kind = format.need_text("type")?;
    let path = format.path_of("type");
    if kind == "text" {
        return Ok(effort);
    }
    if kind != "json_schema" {
        return Err(TranslateError::unsupported(path, format!("a format of type \"{kind}\"")));
    }
    let schema = format.need_written_object("schema")?;
    let at = path.trim_end_matches(".type").to_owned();
    prompt.format = Format::Schema { at, name: None, description: None, schema, strict: true };
    notes.dropped(format);
    Ok(effort)
}

fn thinking(
    source: &mut Members<'_>,
    effort: Option<Effort>,
    notes: &mut Notes,
) -> Result<Option<Reasoning>, TranslateError> {
    let asked = Reasoning { effort, ..Reasoning::default() };
    let Some(mut thinking) = source.object("thinking")? else {
        return Ok(effort.map(|_| asked));
    };
    let kind = thinking.need_text("type")?;
    let visible = thinking.text("display")?.map(|display| display != "omitted");
    let read = match &*kind {
        "enabled" => {
            let budget_tokens = thinking.get("budget_tokens")?;
            let adaptive = budget_tokens.is_none();
            Reasoning { budget_tokens, adaptive, visible: visible.or(Some(true)), ..asked }
        }
        "adaptive" => Reasoning { adaptive: true, visible, ..asked },
        // The least there is, whatever the effort of the answer.
        "disabled" | "between_tools" => Reasoning { effort: Some(Effort::None), ..Reasoning::default() },
        // A way newer than this version.
        _ => {
            notes.add("field_dropped", "thinking");
            return Ok(effort.map(|_| asked));
        }
    };
    notes.dropped(thinking);
    Ok(Some(read))
}

/// Whether a content is a string.
pub(super) fn plain_text(raw: &RawValue) -> Option<Content<'_>> {
    borrowed_text(raw).map(Content::Text)
}
