//! What each dialect's answer tells about itself.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;
use serde_json::value::RawValue;
use switchyard_domain::usage::ReportedUsage;

use super::{BodyFault, OkBody};
use crate::FinishReason;
use crate::anthropic::MessagesUsage;
use crate::bedrock::{ConverseTier, ConverseUsage, finish_reason as converse_finish_reason};
use crate::gemini::{GeminiUsage, finish_reason as gemini_finish_reason};
use crate::lenient::{self, Lenient, is_filled, lenient_object, maybe};
use crate::members::{Text, text_of};
use crate::openai_chat::ChatUsage;
use crate::openai_responses::{CALLER_CALLS, Searches, finish_reason, reported};
use crate::usage::numbers::{count, tier_of};

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BodyFault> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => BodyFault::NotAnAnswer { missing: "a JSON object" },
        Category::Syntax | Category::Eof | Category::Io => BodyFault::NotJson(error.to_string()),
    })
}

/// Usage that can't be read is usage not reported.
fn usage<'a, U: Lenient<'a>>(raw: Option<&'a RawValue>) -> Option<U> {
    raw.and_then(|raw| lenient::read(raw).ok().flatten())
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
        service_tier: Option<&'a RawValue>,
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
    let tier = parsed.service_tier.and_then(tier_of).unwrap_or_default();
    let reported =
        usage::<ChatUsage>(parsed.usage).map(|usage| ReportedUsage { tier, ..ReportedUsage::from(usage) });
    let finish = first.finish_reason.and_then(text_of).map(|reason| FinishReason::from_chat(&reason));
    Ok(OkBody::of(parsed.model.and_then(text_of), reported, finish))
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
    let reported = usage::<MessagesUsage>(parsed.usage).map(ReportedUsage::from);
    let finish = parsed.stop_reason.and_then(text_of).map(|reason| FinishReason::from_messages(&reason));
    Ok(OkBody::of(parsed.model.and_then(text_of), reported, finish))
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
        service_tier: Option<&'a RawValue>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Item<'a> {
        #[serde(borrow, deserialize_with = "maybe")]
        r#type: Option<Text<'a>>,
        #[serde(borrow)]
        action: Option<&'a RawValue>,
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
    let finish = ended.then(|| finish_reason(status, reason, calls, has_refused));
    let mut searches = Searches::default();
    for item in &output {
        searches.note(item.r#type.as_ref().map(Text::as_str), item.action);
    }
    let reported = parsed.usage.and_then(|usage| reported(usage, parsed.service_tier, searches));
    Ok(OkBody::of(owned(parsed.model), reported, finish))
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
    let reported = usage::<GeminiUsage>(parsed.usage_metadata).map(ReportedUsage::from);
    Ok(OkBody::of(model, reported, finish))
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
        #[serde(deserialize_with = "maybe")]
        service_tier: Option<ConverseTier>,
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
    let reported = usage::<ConverseUsage>(parsed.usage).map(|usage| usage.reported(parsed.service_tier));
    Ok(OkBody::of(None, reported, finish))
}

/// Vectors: OpenAI's `data`, Google's `embeddings` or `predictions`. Vertex counts the tokens of each.
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
        #[serde(borrow, rename = "usageMetadata")]
        usage_metadata: Option<&'a RawValue>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Vector {
        #[serde(deserialize_with = "maybe")]
        statistics: Option<Statistics>,
        #[serde(deserialize_with = "maybe")]
        embeddings: Option<Box<Vector>>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Statistics {
        #[serde(deserialize_with = "count")]
        token_count: Option<i64>,
    }
    lenient_object!(Vector, Statistics);
    impl Vector {
        fn tokens(&self) -> Option<i64> {
            let statistics = self.statistics.as_ref().or(self.embeddings.as_ref()?.statistics.as_ref());
            statistics?.token_count
        }
    }
    let parsed: Body<'_> = parse(body)?;
    if parsed.error.is_some_and(is_filled) {
        return Err(BodyFault::error_in(body));
    }
    let vectors = parsed.data.or(parsed.embeddings).or(parsed.predictions).unwrap_or_default();
    if vectors.is_empty() {
        let is_ours = parsed.model.is_some() || parsed.usage.is_some();
        return Err(without("an embedding in `data`", is_ours));
    }
    let counted = vectors.iter().filter_map(Vector::tokens).reduce(i64::saturating_add);
    let reported = usage::<ChatUsage>(parsed.usage)
        .map(ChatUsage::of_embeddings)
        .or_else(|| usage::<GeminiUsage>(parsed.usage_metadata).map(GeminiUsage::of_embeddings))
        .or_else(|| counted.map(|_| ReportedUsage { input: counted, ..ReportedUsage::default() }));
    Ok(OkBody::of(owned(parsed.model), reported, None))
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
