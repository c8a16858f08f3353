//! A request, read member by member.

use super::items::Conversation;
use super::tools::Tools;
use crate::canonical::{Effort, Format, Prompt, Reasoning};
use crate::members::{Kind, Members};
use crate::notes::{Notes, TranslateError};

/// Reads a caller's request.
pub(crate) fn read<'a>(body: &'a str, notes: &mut Notes) -> Result<Prompt<'a>, TranslateError> {
    let mut source = Members::read(body, "")?;
    // The route's, and ours.
    source.raw("model");
    source.raw("idempotencyKey");
    refuse_stored(&mut source)?;
    refuse_logprobs(&mut source)?;
    check_what_is_left_out(&source)?;
    let mut tools = Tools::default();
    tools.add(source.list("tools")?, notes)?;
    let mut conversation = Conversation::default();
    if let Some(instructions) = source.text("instructions")? {
        conversation.instruct("instructions".to_owned(), instructions);
    }
    conversation.read_input(&mut source, &mut tools, notes)?;
    let (system, turns) = conversation.finish();
    let (tools, caller_tools, tool_choice) = tools.finish(&mut source, notes)?;
    let safety_identifier = source.text("safety_identifier")?;
    let prompt = Prompt {
        system,
        turns,
        tools,
        caller_tools,
        tool_choice,
        parallel_tools: source.get("parallel_tool_calls")?,
        max_tokens: source.get("max_output_tokens")?,
        temperature: source.get("temperature")?,
        top_p: source.get("top_p")?,
        format: format(&mut source, notes)?,
        reasoning: reasoning(&mut source, notes)?,
        stream: source.get("stream")?.unwrap_or(false),
        user: safety_identifier.or(source.text("user")?),
        cache_key: source.text("prompt_cache_key")?,
        service_tier: source.text("service_tier")?.filter(|tier| !matches!(&**tier, "auto" | "default")),
        ..Prompt::default()
    };
    include(&mut source, notes)?;
    stream_options(&mut source, notes)?;
    // Told again to the caller in the answer (see `echo`).
    source.raw("metadata");
    ignore_defaults(&mut source);
    notes.dropped(source);
    Ok(prompt)
}

/// What lives with the provider alone can't be found by another one.
fn refuse_stored(source: &mut Members<'_>) -> Result<(), TranslateError> {
    let stored = [
        ("previous_response_id", "an earlier response stored with the provider; send its items in `input`"),
        ("conversation", "a conversation stored with the provider; send its items in `input`"),
        ("prompt", "a prompt stored with the provider; send its text in `instructions`"),
    ];
    for (name, what) in stored {
        if source.raw(name).is_some() {
            return Err(TranslateError::unsupported(name, what));
        }
    }
    if source.get::<bool>("background")?.unwrap_or(false) {
        return Err(TranslateError::unsupported("background", "a response made in the background"));
    }
    Ok(())
}

fn refuse_logprobs(source: &mut Members<'_>) -> Result<(), TranslateError> {
    match source.get::<u64>("top_logprobs")? {
        Some(1..) => Err(TranslateError::unsupported("top_logprobs", "token probabilities")),
        Some(0) | None => Ok(()),
    }
}

/// The members no other dialect has a word for, `metadata` among them, which is told again in the answer.
fn check_what_is_left_out(source: &Members<'_>) -> Result<(), TranslateError> {
    source.check_metadata()?;
    source.check(&[
        ("context_management", Kind::List),
        ("max_tool_calls", Kind::Number),
        ("moderation", Kind::Object),
        ("prompt_cache_options", Kind::Object),
        ("prompt_cache_retention", Kind::Text),
        ("store", Kind::Flag),
        ("truncation", Kind::Text),
    ])
}

fn format<'a>(source: &mut Members<'a>, notes: &mut Notes) -> Result<Format<'a>, TranslateError> {
    let Some(mut wanted) = source.object("text")? else { return Ok(Format::Text) };
    if wanted.peek("verbosity").is_some_and(|verbosity| verbosity.get() == "\"medium\"") {
        wanted.raw("verbosity");
    }
    let format = wanted.object("format")?;
    notes.dropped(wanted);
    let Some(mut format) = format else { return Ok(Format::Text) };
    let kind: String = format.need("type")?;
    let read = match kind.as_str() {
        "text" => Format::Text,
        "json_object" => Format::Json,
        "json_schema" => Format::Schema {
            at: "text.format".to_owned(),
            name: Some(format.need_text("name")?),
            description: format.text("description")?,
            schema: format.need_written_object("schema")?,
            strict: format.get("strict")?.unwrap_or(false),
        },
        _ => {
            let message = format!("\"{kind}\" is not text, json_object or json_schema");
            return Err(TranslateError::invalid("text.format.type", message));
        }
    };
    notes.dropped(format);
    Ok(read)
}

fn reasoning(source: &mut Members<'_>, notes: &mut Notes) -> Result<Option<Reasoning>, TranslateError> {
    let Some(mut asked) = source.object("reasoning")? else { return Ok(None) };
    let effort = match asked.text("effort")? {
        None => None,
        Some(word) => Some(Effort::read(&word).ok_or_else(|| {
            let message = format!("\"{word}\" is not none, minimal, low, medium, high or xhigh");
            TranslateError::invalid("reasoning.effort", message)
        })?),
    };
    // `generate_summary` is its former name.
    let former = asked.text("generate_summary")?;
    let summary = asked.text("summary")?.or(former);
    if summary.as_deref().is_some_and(|style| style != "auto") {
        notes.add("summary_style_dropped", "reasoning.summary");
    }
    notes.dropped(asked);
    let visible = summary.map(|_| true);
    let said = effort.is_some() || visible.is_some();
    Ok(said.then_some(Reasoning { effort, visible, ..Reasoning::default() }))
}

/// Sealed reasoning is always given; the rest is about tools the provider runs.
fn include(source: &mut Members<'_>, notes: &mut Notes) -> Result<(), TranslateError> {
    for (at, raw) in source.list("include")? {
        let what: String = serde_json::from_str(raw.get())
            .map_err(|_| TranslateError::invalid(at.as_str(), "is not a string"))?;
        match what.as_str() {
            "reasoning.encrypted_content" => {}
            "message.output_text.logprobs" => {
                return Err(TranslateError::unsupported(at, "token probabilities"));
            }
            _ => notes.add("field_dropped", at),
        }
    }
    Ok(())
}

fn stream_options(source: &mut Members<'_>, notes: &mut Notes) -> Result<(), TranslateError> {
    let Some(mut options) = source.object("stream_options")? else { return Ok(()) };
    if options.peek("include_obfuscation").is_some_and(|wanted| wanted.get() == "false") {
        options.raw("include_obfuscation");
    }
    notes.dropped(options);
    Ok(())
}

/// Takes members that say no more than the default does, so that they are not reported as lost.
fn ignore_defaults(source: &mut Members<'_>) {
    let defaults = [("truncation", &["\"disabled\""][..]), ("store", &["false"])];
    for (name, values) in defaults {
        if source.peek(name).is_some_and(|raw| values.contains(&raw.get())) {
            source.raw(name);
        }
    }
}
