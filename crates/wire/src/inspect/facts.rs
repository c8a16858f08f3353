//! What each dialect's answer tells about itself.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{BodyFault, OkBody};
use crate::anthropic::MessagesUsage;
use crate::bedrock::{ConverseUsage, finish_reason as converse_finish_reason};
use crate::gemini::{GeminiUsage, finish_reason as gemini_finish_reason};
use crate::lenient::{is_filled, lenient_object, maybe};
use crate::members::{Text, text_of};
use crate::openai_chat::ChatUsage;
use crate::openai_responses::{CALLER_CALLS, ResponsesUsage, finish_reason};
use crate::{FinishReason, Usage};

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BodyFault> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => BodyFault::NotAnAnswer { missing: "a JSON object" },
        Category::Syntax | Category::Eof | Category::Io => BodyFault::NotJson(error.to_string()),
    })
}

/// Usage that can't be read is usage not reported.
fn usage<U: DeserializeOwned>(raw: Option<&RawValue>) -> Option<Usage>
where
    Usage: From<U>,
{
    raw.and_then(|raw| serde_json::from_str::<U>(raw.get()).ok()).map(Usage::from)
}

fn owned(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.0.into_owned())
}

/// The fault of a body without what makes an answer. `is_ours`: its other members say that it is one all the same.
fn without(missing: &'static str, is_ours: bool) -> BodyFault {
    if is_ours { BodyFault::Hollow { missing } } else { BodyFault::NotAnAnswer { missing } }
}

pub(super) fn chat(body: &[u8]) -> Result<OkBody, BodyFault> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Body<'a> {
        #[serde(borrow)]
        model: Option<&'a RawValue>,
        #[serde(borrow, deserialize_with = "maybe")]
        choices: Option<Vec<Choice<'a>>>,
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Choice<'a> {
        #[serde(borrow)]
        finish_reason: Option<&'a RawValue>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    lenient_object!(Choice<'de>);
    let parsed: Body<'_> = parse(body)?;
    if parsed.error.is_some_and(is_filled) {
        return Err(BodyFault::error_in(body));
    }
    let is_ours = parsed.model.is_some() || parsed.usage.is_some();
    let choices = parsed.choices.ok_or_else(|| without("`choices`", is_ours))?;
    let first = choices.into_iter().next().ok_or_else(|| without("a choice in `choices`", is_ours))?;
    // OpenRouter tells an error of the model's provider in the choice.
    if first.error.is_some_and(is_filled) {
        return Err(BodyFault::error_in(body));
    }
    Ok(OkBody {
        model: parsed.model.and_then(text_of),
        usage: usage::<ChatUsage>(parsed.usage),
        finish: first.finish_reason.and_then(text_of).map(|reason| FinishReason::from_chat(&reason)),
    })
}

pub(super) fn messages(body: &[u8]) -> Result<OkBody, BodyFault> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Body<'a> {
        #[serde(borrow)]
        r#type: Option<&'a RawValue>,
        #[serde(borrow)]
        model: Option<&'a RawValue>,
        content: Option<IgnoredAny>,
        #[serde(borrow)]
        stop_reason: Option<&'a RawValue>,
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    let parsed: Body<'_> = parse(body)?;
    let is_error = parsed.r#type.is_some_and(|kind| kind.get() == "\"error\"");
    if is_error || parsed.error.is_some_and(is_filled) {
        return Err(BodyFault::error_in(body));
    }
    // An answer that says nothing may have no content, but it has a reason.
    if parsed.content.is_none() && parsed.stop_reason.is_none() {
        let is_message = parsed.r#type.is_some_and(|kind| kind.get() == "\"message\"");
        let is_ours = is_message || parsed.model.is_some() || parsed.usage.is_some();
        return Err(without("`content`", is_ours));
    }
    Ok(OkBody {
        model: parsed.model.and_then(text_of),
        usage: usage::<MessagesUsage>(parsed.usage),
        finish: parsed.stop_reason.and_then(text_of).map(|reason| FinishReason::from_messages(&reason)),
    })
}

pub(super) fn responses(body: &[u8]) -> Result<OkBody, BodyFault> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Body<'a> {
        #[serde(borrow, deserialize_with = "maybe")]
        model: Option<Text<'a>>,
        #[serde(borrow, deserialize_with = "maybe")]
        status: Option<Text<'a>>,
        #[serde(borrow, deserialize_with = "maybe")]
        output: Option<Vec<Item<'a>>>,
        #[serde(borrow, deserialize_with = "maybe")]
        output_text: Option<Text<'a>>,
        #[serde(borrow, deserialize_with = "maybe")]
        incomplete_details: Option<Incomplete<'a>>,
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Item<'a> {
        #[serde(borrow, deserialize_with = "maybe")]
        r#type: Option<Text<'a>>,
        #[serde(borrow, deserialize_with = "maybe")]
        content: Option<Vec<Part<'a>>>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Part<'a> {
        #[serde(borrow, deserialize_with = "maybe")]
        r#type: Option<Text<'a>>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Incomplete<'a> {
        #[serde(borrow, deserialize_with = "maybe")]
        reason: Option<Text<'a>>,
    }
    lenient_object!(Item<'de>, Part<'de>, Incomplete<'de>);
    let parsed: Body<'_> = parse(body)?;
    let status = parsed.status.as_ref().map_or("completed", Text::as_str);
    if parsed.error.is_some_and(is_filled) || status == "failed" {
        return Err(BodyFault::error_in(body));
    }
    if parsed.output.is_none() && parsed.output_text.is_none() {
        return Err(without("`output`", parsed.model.is_some() || parsed.usage.is_some()));
    }
    let output = parsed.output.unwrap_or_default();
    let is = |kind: &Option<Text<'_>>, kinds: &[&str]| {
        kind.as_ref().is_some_and(|kind| kinds.contains(&kind.as_str()))
    };
    let calls = output.iter().any(|item| is(&item.r#type, &CALLER_CALLS));
    let mut parts = output.iter().flat_map(|item| item.content.as_deref().unwrap_or_default());
    let has_refused = parts.any(|part| is(&part.r#type, &["refusal"]));
    let reason = parsed.incomplete_details.and_then(|details| details.reason);
    let reason = reason.as_ref().map(Text::as_str);
    // A background response is an answer that is still to come (`queued`, `in_progress`).
    let ended = matches!(status, "completed" | "incomplete");
    Ok(OkBody {
        finish: ended.then(|| finish_reason(status, reason, calls, has_refused)),
        model: parsed.model.map(|model| model.0.into_owned()),
        usage: parsed.usage.and_then(ResponsesUsage::read).map(Usage::from),
    })
}

pub(super) fn gemini(body: &[u8]) -> Result<OkBody, BodyFault> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Body<'a> {
        #[serde(borrow)]
        model_version: Option<&'a RawValue>,
        #[serde(borrow, deserialize_with = "maybe")]
        candidates: Option<Vec<Candidate<'a>>>,
        #[serde(borrow, deserialize_with = "maybe")]
        prompt_feedback: Option<Feedback<'a>>,
        #[serde(borrow)]
        usage_metadata: Option<&'a RawValue>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Candidate<'a> {
        #[serde(borrow)]
        finish_reason: Option<&'a RawValue>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Feedback<'a> {
        #[serde(borrow)]
        block_reason: Option<&'a RawValue>,
    }
    lenient_object!(Candidate<'de>, Feedback<'de>);
    // Gemini's streams without SSE, and its errors in them, come as a list.
    if body.trim_ascii_start().starts_with(b"[") {
        let first = parse::<Vec<&RawValue>>(body)?.first().copied();
        let first = first.ok_or(BodyFault::NotAnAnswer { missing: "`candidates`" })?;
        return gemini(first.get().as_bytes());
    }
    let parsed: Body<'_> = parse(body)?;
    if parsed.error.is_some_and(is_filled) {
        return Err(BodyFault::error_in(body));
    }
    let first = parsed.candidates.unwrap_or_default().into_iter().next();
    let blocked = parsed.prompt_feedback.and_then(|feedback| feedback.block_reason).and_then(text_of);
    let finish = match (first, blocked) {
        (Some(candidate), _) => {
            candidate.finish_reason.and_then(text_of).and_then(|reason| gemini_finish_reason(&reason))
        }
        // A refused prompt is an answer: another try would be refused as well.
        (None, Some(_)) => Some(FinishReason::ContentFilter),
        (None, None) => {
            let is_ours = parsed.model_version.is_some() || parsed.usage_metadata.is_some();
            return Err(without("`candidates`", is_ours));
        }
    };
    let model = parsed.model_version.and_then(text_of);
    Ok(OkBody { model, usage: usage::<GeminiUsage>(parsed.usage_metadata), finish })
}

pub(super) fn bedrock(body: &[u8]) -> Result<OkBody, BodyFault> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Body<'a> {
        #[serde(borrow)]
        output: Option<&'a RawValue>,
        #[serde(borrow)]
        stop_reason: Option<&'a RawValue>,
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
        #[serde(borrow)]
        message: Option<&'a RawValue>,
        #[serde(borrow, rename = "__type")]
        kind: Option<&'a RawValue>,
    }
    let parsed: Body<'_> = parse(body)?;
    if parsed.output.is_none() {
        let is_error = parsed.message.is_some() || parsed.kind.is_some();
        let is_ours = parsed.stop_reason.is_some() || parsed.usage.is_some();
        return Err(if is_error { BodyFault::error_in(body) } else { without("`output`", is_ours) });
    }
    let finish = parsed.stop_reason.and_then(text_of).map(|reason| converse_finish_reason(&reason));
    Ok(OkBody { model: None, usage: usage::<ConverseUsage>(parsed.usage), finish })
}

/// Vectors: OpenAI's `data`, Google's `embeddings` or `predictions`.
pub(super) fn embeddings(body: &[u8]) -> Result<OkBody, BodyFault> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Body<'a> {
        #[serde(borrow, deserialize_with = "maybe")]
        model: Option<Text<'a>>,
        #[serde(deserialize_with = "maybe")]
        data: Option<Vec<Vector>>,
        #[serde(deserialize_with = "maybe")]
        embeddings: Option<Vec<Vector>>,
        #[serde(deserialize_with = "maybe")]
        predictions: Option<Vec<Vector>>,
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    #[derive(Default, Deserialize)]
    struct Vector {}
    lenient_object!(Vector);
    let parsed: Body<'_> = parse(body)?;
    if parsed.error.is_some_and(is_filled) {
        return Err(BodyFault::error_in(body));
    }
    let vectors = parsed.data.or(parsed.embeddings).or(parsed.predictions);
    if vectors.is_none_or(|vectors| vectors.is_empty()) {
        let is_ours = parsed.model.is_some() || parsed.usage.is_some();
        return Err(without("an embedding in `data`", is_ours));
    }
    Ok(OkBody { model: owned(parsed.model), usage: usage::<ChatUsage>(parsed.usage), finish: None })
}

/// A count: Anthropic's `input_tokens`, Google's `totalTokens`, Bedrock's `inputTokens`.
pub(super) fn token_count(body: &[u8]) -> Result<OkBody, BodyFault> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Body<'a> {
        #[serde(alias = "totalTokens", alias = "inputTokens", deserialize_with = "maybe")]
        input_tokens: Option<u64>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    let parsed: Body<'_> = parse(body)?;
    if parsed.error.is_some_and(is_filled) {
        return Err(BodyFault::error_in(body));
    }
    match parsed.input_tokens {
        // Counting is free: no usage.
        Some(_) => Ok(OkBody::default()),
        None => Err(BodyFault::NotAnAnswer { missing: "`input_tokens`" }),
    }
}
