//! Tokens as Responses counts them: like chat, under other names.

use std::io::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;
use switchyard_domain::usage::ReportedUsage;

use crate::Usage;
use crate::lenient::{self, lenient_object, maybe};
use crate::members::borrowed_text;
use crate::usage::numbers::{cost, count, ticks, tier_of};

/// Usage as a Responses answer reports it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResponsesUsage {
    #[serde(deserialize_with = "count")]
    input_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    output_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    total_tokens: Option<i64>,
    #[serde(deserialize_with = "maybe")]
    input_tokens_details: Option<InputDetails>,
    #[serde(deserialize_with = "maybe")]
    output_tokens_details: Option<OutputDetails>,
    #[serde(deserialize_with = "cost")]
    cost: Option<f64>,
    #[serde(deserialize_with = "ticks")]
    cost_in_usd_ticks: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    #[serde(deserialize_with = "count")]
    cached_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    cache_write_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    audio_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    image_tokens: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    #[serde(deserialize_with = "count")]
    reasoning_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    audio_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    image_tokens: Option<i64>,
}

lenient_object!(ResponsesUsage, InputDetails, OutputDetails);

impl From<ResponsesUsage> for ReportedUsage {
    fn from(usage: ResponsesUsage) -> Self {
        let input = usage.input_tokens_details.unwrap_or_default();
        let output = usage.output_tokens_details.unwrap_or_default();
        Self {
            input: usage.input_tokens,
            cache_read: input.cached_tokens,
            cache_write: input.cache_write_tokens,
            input_audio: input.audio_tokens,
            input_image: input.image_tokens,
            output: usage.output_tokens,
            reasoning: output.reasoning_tokens,
            output_audio: output.audio_tokens,
            output_image: output.image_tokens,
            total: usage.total_tokens,
            cost_usd: usage.cost.or(usage.cost_in_usd_ticks),
            ..Self::default()
        }
    }
}

/// Reads a response's `usage`; none where it is no object. Its tier and the searches it made stand beside it.
pub(crate) fn reported(
    usage: &RawValue,
    tier: Option<&RawValue>,
    searches: Searches,
) -> Option<ReportedUsage> {
    let usage = lenient::read::<ResponsesUsage>(usage).ok().flatten()?;
    Some(ReportedUsage {
        tier: tier.and_then(tier_of).unwrap_or_default(),
        web_searches: (searches.web > 0).then_some(searches.web),
        file_searches: (searches.files > 0).then_some(searches.files),
        ..usage.into()
    })
}

/// Calls of the provider's own tools that cost by the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Searches {
    web: i64,
    files: i64,
}

/// The part of an output item that tells whether it is one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Action<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
}
lenient_object!(Item<'de>, Action<'de>);

impl Searches {
    /// Reads an `output`.
    pub(crate) fn in_output(output: Option<&RawValue>) -> Self {
        let items = output.and_then(|output| lenient::read::<Vec<Item<'_>>>(output).ok().flatten());
        let mut searches = Self::default();
        for item in items.into_iter().flatten() {
            searches.note(item.r#type.and_then(borrowed_text).as_deref(), item.action);
        }
        searches
    }

    /// Counts an item of this type. Of what the web search does, only searches cost; pages it opens don't
    /// (OpenAI, "Web search").
    pub(crate) fn note(&mut self, kind: Option<&str>, action: Option<&RawValue>) {
        match kind {
            Some("web_search_call") => {
                let action = action.and_then(|action| lenient::read::<Action<'_>>(action).ok().flatten());
                let action = action.and_then(|action| action.r#type).map(RawValue::get);
                let is_page = matches!(action, Some("\"open_page\"" | "\"find_in_page\""));
                self.web += i64::from(!is_page);
            }
            Some("file_search_call") => self.files += 1,
            Some(_) | None => {}
        }
    }

    /// The same searches, told item by item and once more in the whole: each is counted once.
    pub(crate) fn or(self, whole: Self) -> Self {
        Self { web: self.web.max(whole.web), files: self.files.max(whole.files) }
    }
}

/// Writes the `usage` of an answer. The SDKs declare each of its counts required.
pub(super) fn write(usage: Usage, out: &mut Vec<u8>) {
    let Usage { input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens } =
        usage;
    let total = input_tokens.saturating_add(output_tokens);
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        r#"{{"input_tokens":{input_tokens},"input_tokens_details":{{"cache_write_tokens":{cache_write_tokens},"cached_tokens":{cached_input_tokens}}},"output_tokens":{output_tokens},"output_tokens_details":{{"reasoning_tokens":{reasoning_tokens}}},"total_tokens":{total}}}"#
    );
}
