//! From one dialect to another, so that a caller survives a failover it cannot speak.
//!
//! A request is read into a [`Prompt`] and written anew for the upstream; an answer or a stream is read from the
//! upstream and written anew for the caller. What the other side has no word for is reported as a
//! [`Degradation`]; what would make the answer meaningless is refused, so that the route is passed over. Nothing is
//! dropped without one of the two.

mod caller_words;
mod calls;
pub(crate) mod free_text;
pub(crate) mod offer;
pub(crate) mod tool_ids;
pub(crate) mod tool_names;

use std::borrow::Cow;
use std::sync::Arc;

use crate::canonical::{Answer, CallerTools, Content, Prompt};
use crate::notes::{self, Notes, TranslateError, Translated};
use crate::{Dialect, anthropic, bedrock, gemini, openai_chat, openai_responses, surrogates};

/// Given to upstreams that demand a limit, when the caller sets none. Tokens.
pub const DEFAULT_MAX_TOKENS: u64 = 4096;

/// Begins a tool message that carries an error, in a dialect that has no flag for it.
pub const TOOL_ERROR_MARK: &str = "[tool error] ";

/// What is noted where the seal on a thought does not reach a caller, who would have sent it back.
pub(crate) const SEAL_DROPPED: &str = "thinking_signature_dropped";

/// What a translated answer needs besides the upstream's.
#[derive(Clone, Debug, Default)]
pub struct ReplyOptions {
    /// Whether a chat caller asked for the usage chunk of a stream.
    pub include_usage: bool,
    /// The time chat and Responses answers are stamped with, in seconds.
    pub created_unix_s: u64,
    /// Whether thinking nobody asked for is kept from the caller. Some models think unasked, and a caller that expects a
    /// text first would trip over it.
    pub hide_thoughts: bool,
    /// What a Responses answer repeats of its request (`instructions`, `tools`, `metadata`, ...): the members of a JSON
    /// object, as [`crate::openai_responses::echo`] reads them from the request. None: the API's defaults.
    pub echo: Option<Arc<str>>,
    /// The id of an answer whose upstream gives none.
    pub fallback_id: Option<Arc<str>>,
    /// The model of an answer whose upstream names none: the route's.
    pub fallback_model: Option<Arc<str>>,
    /// The request's tools that its upstream knows otherwise than its caller (see [`Translated::tools`]).
    pub tools: Option<Arc<CallerTools>>,
    /// The prompt's tokens as the router estimates them, told at the beginning of a stream whose dialect has a number there
    /// (Messages); the upstream's own number comes at the end.
    pub estimated_prompt_tokens: u64,
}

/// Writes a request read in dialect `from` for an upstream that speaks `to`.
///
/// Within one dialect use [`crate::rewrite`], which keeps the caller's bytes and sets the model; here
/// the body comes back as it is.
///
/// # Errors
/// [`TranslateError::Invalid`] when the request is not what its dialect says (the caller's fault),
/// [`TranslateError::Unsupported`] when the other dialect cannot carry something essential.
pub fn translate_request(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    upstream_model: &str,
) -> Result<Translated, TranslateError> {
    if from == to {
        return Ok(Translated::whole(body.to_vec()));
    }
    let done = request_of(from, to, body, upstream_model);
    // Half a character is no reason to refuse a request, and no provider can use it.
    let mended = done.as_ref().err().and_then(|_| surrogates::mended(body));
    mended.map_or(done, |body| request_of(from, to, &body, upstream_model))
}

fn request_of(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    upstream_model: &str,
) -> Result<Translated, TranslateError> {
    let mut notes = Notes::default();
    let body = readable(from, notes::utf8(body)?);
    let mut prompt = read_request(from, &body, &mut notes)?;
    let read = notes.noted().len();
    tool_names::fit(to, &mut prompt);
    if to != Dialect::OpenAiResponses {
        let unsaid = [("prompt_cache_key", &prompt.cache_key), ("service_tier", &prompt.service_tier)];
        for (name, _) in unsaid.iter().filter(|(_, value)| value.is_some()) {
            notes.add("field_dropped", *name);
        }
    }
    let written = write_request(to, &prompt, upstream_model, &mut notes);
    // Writers know the prompt, but not the words it was asked in.
    notes.rename(read, |noted| caller_words::note(from, noted));
    let body = written.map_err(|error| caller_words::error(from, error))?;
    let tools = Some(prompt.caller_tools).filter(|tools| !tools.is_empty()).map(Arc::new);
    Ok(Translated { tools, ..notes.with(body) })
}

/// The tools of a request that go to an upstream of its own dialect, as [`Translated::tools`] are of one that is translated:
/// for a stream which such an upstream carries on. None as well where the request can't be read.
#[must_use]
pub fn caller_tools(caller: Dialect, body: &[u8]) -> Option<Arc<CallerTools>> {
    let body = readable(caller, notes::utf8(body).ok()?);
    let prompt = read_request(caller, &body, &mut Notes::default()).ok()?;
    Some(prompt.caller_tools).filter(|tools| !tools.is_empty()).map(Arc::new)
}

/// Writes an upstream's whole answer (dialect `from`) for a caller that speaks `to`. The model named in it is
/// the one that answered.
///
/// # Errors
/// [`TranslateError::Invalid`] when the upstream's body is not an answer in its dialect.
pub fn translate_response(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    options: &ReplyOptions,
) -> Result<Translated, TranslateError> {
    if from == to {
        return Ok(Translated::whole(body.to_vec()));
    }
    let done = response_of(from, to, body, options);
    let mended = done.as_ref().err().and_then(|_| surrogates::mended(body));
    mended.map_or(done, |body| response_of(from, to, &body, options))
}

fn response_of(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    options: &ReplyOptions,
) -> Result<Translated, TranslateError> {
    let mut notes = Notes::default();
    let answer = read_answer(from, notes::utf8(body)?, &mut notes)?;
    retell(to, answer, options, notes)
}

/// Writes an answer for a caller.
pub(crate) fn retell<'a>(
    to: Dialect,
    mut answer: Answer<'a>,
    options: &'a ReplyOptions,
    mut notes: Notes,
) -> Result<Translated, TranslateError> {
    name(&mut answer, options);
    if answer.usage.is_none() {
        // The caller is told zeros, which are nobody's count.
        notes.add("usage_missing", "usage");
    }
    if options.hide_thoughts && hides_thoughts(to) {
        hide_thoughts(to, &mut answer, &mut notes);
    }
    let body = write_answer(to, &answer, options, &mut notes)?;
    Ok(notes.with(body))
}

/// Whether callers of a dialect are spared thinking they did not ask for. To those of Responses a reasoning item is nothing
/// unusual, and the next turn needs it.
pub(crate) fn hides_thoughts(caller: Dialect) -> bool {
    caller != Dialect::OpenAiResponses
}

/// Takes thinking out of an answer, and tells where a seal goes with it. A seal on a tool call stays where a caller has a
/// place for it that is not a thought of its own.
fn hide_thoughts(to: Dialect, answer: &mut Answer<'_>, notes: &mut Notes) {
    let mut is_lost = false;
    answer.content.retain_mut(|content| match content {
        Content::Thinking { signature, .. } => {
            is_lost |= signature.is_some();
            false
        }
        Content::RedactedThinking(_) => {
            is_lost = true;
            false
        }
        Content::ToolUse(call) => {
            is_lost |= !seals_calls(to) && call.signature.take().is_some();
            true
        }
        Content::Text(_)
        | Content::Image(_)
        | Content::Document(_)
        | Content::ToolResult(_)
        | Content::Refusal(_) => true,
    });
    if is_lost {
        notes.add(SEAL_DROPPED, "content");
    }
}

/// Whether a caller has a place for the seal on a tool call that is not a thought of its own.
pub(crate) const fn seals_calls(caller: Dialect) -> bool {
    match caller {
        Dialect::OpenAiChat | Dialect::Gemini => true,
        Dialect::OpenAiResponses | Dialect::AnthropicMessages | Dialect::BedrockConverse => false,
    }
}

/// Gives an answer the id and the model its upstream does not tell, and its calls the caller's names.
fn name<'a>(answer: &mut Answer<'a>, options: &'a ReplyOptions) {
    if answer.id.is_none() {
        answer.id = options.fallback_id.as_deref().map(Cow::Borrowed);
    }
    if answer.model.is_none() {
        answer.model = options.fallback_model.as_deref().map(Cow::Borrowed);
    }
    let Some(tools) = &options.tools else { return };
    for content in &mut answer.content {
        if let Content::ToolUse(call) = content
            && let Some(own) = tools.own_name(&call.name)
        {
            call.name = Cow::Borrowed(own);
        }
    }
}

/// The body as its reader wants it: readers borrow from what they read, so what has to be written anew for them is written
/// before.
pub(crate) fn readable(from: Dialect, body: &str) -> Cow<'_, str> {
    match from {
        Dialect::Gemini => gemini::asked::with_json_schemas(body),
        Dialect::OpenAiChat
        | Dialect::OpenAiResponses
        | Dialect::AnthropicMessages
        | Dialect::BedrockConverse => Cow::Borrowed(body),
    }
}

fn read_request<'a>(from: Dialect, body: &'a str, notes: &mut Notes) -> Result<Prompt<'a>, TranslateError> {
    let mut prompt = match from {
        Dialect::OpenAiChat => openai_chat::request::read(body, notes),
        Dialect::OpenAiResponses => openai_responses::request::read(body, notes),
        Dialect::AnthropicMessages => anthropic::request::read(body, notes),
        Dialect::Gemini => gemini::asked::read(body, notes),
        Dialect::BedrockConverse => Err(no_caller(from)),
    }?;
    calls::settle(from, &mut prompt)?;
    Ok(prompt)
}

fn write_request(
    to: Dialect,
    prompt: &Prompt<'_>,
    upstream_model: &str,
    notes: &mut Notes,
) -> Result<Vec<u8>, TranslateError> {
    match to {
        Dialect::OpenAiChat => openai_chat::request::write(prompt, upstream_model, notes),
        Dialect::OpenAiResponses => openai_responses::request::write(prompt, upstream_model, notes),
        Dialect::AnthropicMessages => anthropic::request::write(prompt, upstream_model, notes),
        Dialect::Gemini => gemini::request::write(prompt, upstream_model, notes),
        Dialect::BedrockConverse => bedrock::request::write(prompt, upstream_model, notes),
    }
}

pub(crate) fn read_answer<'a>(
    from: Dialect,
    body: &'a str,
    notes: &mut Notes,
) -> Result<Answer<'a>, TranslateError> {
    match from {
        Dialect::OpenAiChat => openai_chat::answer::read(body, notes),
        Dialect::OpenAiResponses => openai_responses::answer::read(body, notes),
        Dialect::AnthropicMessages => anthropic::answer::read(body, notes),
        Dialect::Gemini => gemini::answer::read(body, notes),
        Dialect::BedrockConverse => bedrock::answer::read(body, notes),
    }
}

fn write_answer(
    to: Dialect,
    answer: &Answer<'_>,
    options: &ReplyOptions,
    notes: &mut Notes,
) -> Result<Vec<u8>, TranslateError> {
    match to {
        Dialect::OpenAiChat => openai_chat::answer::write(answer, options, notes),
        Dialect::OpenAiResponses => openai_responses::answer::write(answer, options, notes),
        Dialect::AnthropicMessages => anthropic::answer::write(answer, notes),
        Dialect::Gemini => gemini::answer::write(answer, notes),
        Dialect::BedrockConverse => Err(no_caller(to)),
    }
}

fn no_caller(dialect: Dialect) -> TranslateError {
    TranslateError::unsupported("", format!("clients can't speak {dialect} here"))
}

#[cfg(test)]
mod tests;
