//! A caller's chat request.

use serde_json::value::RawValue;

use crate::canonical::{Effort, Format, Prompt, Reasoning};
use crate::lenient::is_filled;
use crate::members::{Kind, Members, Text, borrowed_text};
use crate::notes::{Notes, TranslateError};

use super::messages;
use super::tools::Tools;

pub(crate) fn read<'a>(body: &'a str, notes: &mut Notes) -> Result<Prompt<'a>, TranslateError> {
    let mut chat = Members::read(body, "")?;
    chat.raw("model");
    // Ours, and the stream writer's: neither is the upstream's business.
    chat.raw("idempotencyKey");
    chat.raw("stream_options");
    refuse_what_only_chat_has(&mut chat)?;
    check_what_is_left_out(&chat)?;
    let mut prompt = Prompt::default();
    let mut tools = Tools::read(&mut chat, notes)?;
    for (path, message) in chat.list("messages")? {
        messages::read(&mut prompt, &tools, &path, message, notes)?;
    }
    let plain_limit = chat.get("max_tokens")?;
    prompt.max_tokens = chat.get("max_completion_tokens")?.or(plain_limit);
    prompt.temperature = chat.get("temperature")?;
    prompt.top_p = chat.get("top_p")?;
    prompt.top_k = chat.get("top_k")?;
    prompt.presence_penalty = chat.get("presence_penalty")?.filter(|penalty| *penalty != 0.0);
    prompt.frequency_penalty = chat.get("frequency_penalty")?.filter(|penalty| *penalty != 0.0);
    prompt.seed = chat.get("seed")?;
    prompt.stop = stop(&mut chat)?;
    prompt.stream = chat.get("stream")?.unwrap_or(false);
    prompt.tool_choice = tools.choose(&mut chat, notes)?;
    (prompt.tools, prompt.caller_tools) = tools.finish();
    prompt.parallel_tools = chat.get("parallel_tool_calls")?;
    prompt.format = response_format(&mut chat, notes)?;
    prompt.reasoning = reasoning(&mut chat, notes)?;
    let safety_identifier = chat.text("safety_identifier")?;
    prompt.user = chat.text("user")?.or(safety_identifier);
    prompt.cache_key = chat.text("prompt_cache_key")?;
    prompt.service_tier = chat.text("service_tier")?.filter(|tier| !matches!(&**tier, "auto" | "default"));
    server_search(&mut chat, &prompt, notes)?;
    ignore_defaults(&mut chat);
    notes.dropped(chat);
    Ok(prompt)
}

/// What no other dialect can answer: several answers at once, sound, the odds of each token, and the
/// functions `tools` took the place of.
fn refuse_what_only_chat_has(chat: &mut Members<'_>) -> Result<(), TranslateError> {
    if chat.get::<u64>("n")?.is_some_and(|n| n > 1) {
        return Err(TranslateError::unsupported("n", "several answers at once"));
    }
    if chat
        .get::<Vec<Text<'_>>>("modalities")?
        .is_some_and(|all| all.iter().any(|one| one.as_str() != "text"))
    {
        return Err(TranslateError::unsupported("modalities", "answers in anything but text"));
    }
    if chat.get::<bool>("logprobs")?.unwrap_or(false) {
        return Err(TranslateError::unsupported("logprobs", "log probabilities"));
    }
    if chat.get::<u64>("top_logprobs")?.is_some_and(|top| top > 0) {
        return Err(TranslateError::unsupported("top_logprobs", "log probabilities"));
    }
    for (name, what) in [
        ("audio", "answers in audio"),
        ("functions", "legacy functions; send `tools` instead"),
        ("function_call", "legacy functions; send `tool_choice` instead"),
    ] {
        if chat.raw(name).is_some_and(is_filled) {
            return Err(TranslateError::unsupported(name, what));
        }
    }
    Ok(())
}

/// The members no other dialect has a word for.
fn check_what_is_left_out(chat: &Members<'_>) -> Result<(), TranslateError> {
    chat.check_metadata()?;
    chat.check(&[
        ("logit_bias", Kind::Object),
        ("moderation", Kind::Object),
        ("prompt_cache_options", Kind::Object),
        ("prompt_cache_retention", Kind::Text),
        ("store", Kind::Flag),
        ("verbosity", Kind::Text),
        ("web_search_options", Kind::Object),
    ])
}

fn stop<'a>(chat: &mut Members<'a>) -> Result<Vec<std::borrow::Cow<'a, str>>, TranslateError> {
    let Some(raw) = chat.raw("stop") else { return Ok(Vec::new()) };
    if let Some(one) = borrowed_text(raw) {
        return Ok(vec![one]);
    }
    let all = serde_json::from_str::<Vec<Text<'a>>>(raw.get())
        .map_err(|_| TranslateError::invalid("stop", "must be a string or a list of strings"))?;
    Ok(all.into_iter().map(|text| text.0).collect())
}

fn response_format<'a>(chat: &mut Members<'a>, notes: &mut Notes) -> Result<Format<'a>, TranslateError> {
    let Some(mut format) = chat.object("response_format")? else { return Ok(Format::Text) };
    let kind = format.need_text("type")?;
    let read = match &*kind {
        "text" => Format::Text,
        "json_object" => Format::Json,
        "json_schema" => {
            let at = format.path_of("json_schema");
            let mut wanted = format.need_object("json_schema")?;
            let name = wanted.text("name")?;
            let description = wanted.text("description")?;
            let strict = wanted.get("strict")?.unwrap_or(false);
            let schema = wanted.written_object("schema")?;
            notes.dropped(wanted);
            // "schema" is optional (OpenAI's reference); without one any JSON will do.
            schema.map_or(Format::Json, |schema| Format::Schema { at, name, description, schema, strict })
        }
        _ => {
            return Err(TranslateError::unsupported(
                "response_format",
                format!("a format of type \"{kind}\""),
            ));
        }
    };
    notes.dropped(format);
    Ok(read)
}

/// `reasoning_effort` (OpenAI), `reasoning` (OpenRouter: effort, `max_tokens`, exclude, enabled).
fn reasoning(chat: &mut Members<'_>, notes: &mut Notes) -> Result<Option<Reasoning>, TranslateError> {
    let plain = effort(chat, "reasoning_effort")?;
    let Some(mut asked) = chat.object("reasoning")? else {
        return Ok(plain.map(|effort| Reasoning { effort: Some(effort), ..Reasoning::default() }));
    };
    let own = effort(&mut asked, "effort")?;
    let budget_tokens = asked.get("max_tokens")?;
    let visible = asked.get::<bool>("exclude")?.map(|exclude| !exclude);
    let enabled = asked.get::<bool>("enabled")?;
    notes.dropped(asked);
    let effort = if enabled == Some(false) { Some(Effort::None) } else { plain.or(own) };
    let is_bare = effort.is_none() && budget_tokens.is_none();
    if is_bare && enabled.is_none() && visible.is_none() {
        return Ok(None);
    }
    Ok(Some(Reasoning { effort, budget_tokens, adaptive: is_bare && enabled == Some(true), visible }))
}

fn effort(members: &mut Members<'_>, name: &str) -> Result<Option<Effort>, TranslateError> {
    // Groq's word for what leaving it out says.
    let Some(word) = members.text(name)?.filter(|word| word != "default") else { return Ok(None) };
    let wrong = || {
        let known = "must be none, minimal, low, medium, high or xhigh";
        TranslateError::invalid(members.path_of(name), known)
    };
    Effort::read(&word).map(Some).ok_or_else(wrong)
}

/// `web_search_options`: a search OpenAI itself runs.
fn server_search(
    chat: &mut Members<'_>,
    prompt: &Prompt<'_>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    if chat.raw("web_search_options").is_none() {
        return Ok(());
    }
    if prompt.tools.is_empty() {
        return Err(TranslateError::unsupported("web_search_options", "a search the provider runs"));
    }
    notes.add("server_tool_dropped", "web_search_options");
    Ok(())
}

/// Takes members that say no more than the default does, so that they are not reported as lost.
fn ignore_defaults(chat: &mut Members<'_>) {
    let defaults = [
        ("store", &["false"][..]),
        ("logit_bias", &["{}"]),
        ("metadata", &["{}"]),
        ("verbosity", &["\"medium\""]),
    ];
    for (name, values) in defaults {
        if chat.peek(name).map(RawValue::get).is_some_and(|value| values.contains(&value)) {
            chat.raw(name);
        }
    }
}
