//! Tokens as Gemini counts them: the prompt's hold the cached ones, the candidates' leave the thoughts out, and what a tool of
//! Google's reads is counted apart.

use serde::Deserialize;
use serde::de::SeqAccess;
use serde_json::value::RawValue;
use switchyard_domain::usage::{ReportedUsage, ServiceTier};

use crate::lenient::{Lenient, each, lenient_object, maybe};
use crate::usage::numbers::{count, tier};

/// `usageMetadata`: in a stream every report is of the whole answer so far.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct UsageMetadata {
    #[serde(deserialize_with = "count")]
    prompt_token_count: Option<i64>,
    #[serde(deserialize_with = "count")]
    cached_content_token_count: Option<i64>,
    #[serde(deserialize_with = "count")]
    candidates_token_count: Option<i64>,
    #[serde(deserialize_with = "count")]
    tool_use_prompt_token_count: Option<i64>,
    #[serde(deserialize_with = "count")]
    thoughts_token_count: Option<i64>,
    #[serde(deserialize_with = "count")]
    total_token_count: Option<i64>,
    #[serde(deserialize_with = "maybe")]
    prompt_tokens_details: Option<Modalities>,
    #[serde(deserialize_with = "maybe")]
    cache_tokens_details: Option<Modalities>,
    #[serde(deserialize_with = "maybe")]
    candidates_tokens_details: Option<Modalities>,
    #[serde(deserialize_with = "maybe")]
    tool_use_prompt_tokens_details: Option<Modalities>,
    #[serde(deserialize_with = "tier")]
    traffic_type: Option<ServiceTier>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ModalityCount<'a> {
    #[serde(borrow)]
    modality: Option<&'a RawValue>,
    #[serde(deserialize_with = "count")]
    token_count: Option<i64>,
}

lenient_object!(UsageMetadata, ModalityCount<'de>);

/// The counts that have a price of their own, of a list by modality.
#[derive(Clone, Copy, Debug, Default)]
struct Modalities {
    audio: Option<i64>,
    image: Option<i64>,
    video: Option<i64>,
}

impl<'de> Lenient<'de> for Modalities {
    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        let mut counts = Self::default();
        each(list, |one: ModalityCount<'_>| {
            let to = match one.modality.map(RawValue::get) {
                Some("\"AUDIO\"") => &mut counts.audio,
                Some("\"IMAGE\"") => &mut counts.image,
                Some("\"VIDEO\"") => &mut counts.video,
                Some(_) | None => return,
            };
            *to = sum(*to, one.token_count);
        })?;
        Ok(Some(counts))
    }
}

fn sum(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

impl UsageMetadata {
    /// The counts of embeddings, which have a prompt and no answer.
    pub(crate) fn of_embeddings(self) -> ReportedUsage {
        ReportedUsage { total: None, ..self.into() }
    }
}

impl From<UsageMetadata> for ReportedUsage {
    fn from(usage: UsageMetadata) -> Self {
        let prompt = usage.prompt_tokens_details.unwrap_or_default();
        let tools = usage.tool_use_prompt_tokens_details.unwrap_or_default();
        let cached = usage.cache_tokens_details.unwrap_or_default();
        let answer = usage.candidates_tokens_details.unwrap_or_default();
        Self {
            input: sum(usage.prompt_token_count, usage.tool_use_prompt_token_count),
            cache_read: usage.cached_content_token_count,
            input_audio: sum(prompt.audio, tools.audio),
            input_image: sum(prompt.image, tools.image),
            input_video: sum(prompt.video, tools.video),
            cache_read_audio: cached.audio,
            cache_read_image: cached.image,
            output: usage.candidates_token_count,
            reasoning: usage.thoughts_token_count,
            reasoning_is_apart: true,
            output_audio: answer.audio,
            output_image: answer.image,
            total: usage.total_token_count,
            tier: usage.traffic_type.unwrap_or_default(),
            ..Self::default()
        }
    }
}
