//! Tokens as Anthropic counts them: three disjoint input counts, thinking as part of the output.

use serde::de::SeqAccess;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use switchyard_domain::usage::{Geography, ReportedUsage, ServiceTier};

use crate::Usage;
use crate::lenient::{Lenient, each, lenient_object, maybe};
use crate::usage::numbers::{count, geography, tier};

/// Usage as Anthropic reports it: `input_tokens` leaves out what was read from or written to the cache. In a stream
/// `message_start` tells all of it, `message_delta` the counts so far.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct MessagesUsage {
    #[serde(deserialize_with = "count")]
    input_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    output_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    cache_creation_input_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    cache_read_input_tokens: Option<i64>,
    #[serde(deserialize_with = "maybe")]
    cache_creation: Option<CacheCreation>,
    #[serde(deserialize_with = "maybe")]
    output_tokens_details: Option<OutputDetails>,
    #[serde(deserialize_with = "maybe")]
    server_tool_use: Option<ServerToolUse>,
    #[serde(deserialize_with = "tier")]
    service_tier: Option<ServiceTier>,
    #[serde(deserialize_with = "tier")]
    speed: Option<ServiceTier>,
    #[serde(deserialize_with = "geography")]
    inference_geo: Geography,
    #[serde(deserialize_with = "maybe")]
    iterations: Option<Iterations>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    #[serde(deserialize_with = "count")]
    ephemeral_5m_input_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    ephemeral_1h_input_tokens: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    #[serde(deserialize_with = "count")]
    thinking_tokens: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct ServerToolUse {
    #[serde(deserialize_with = "count")]
    web_search_requests: Option<i64>,
}

/// One sampling of several that made an answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Iteration<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(deserialize_with = "count")]
    input_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    output_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    cache_creation_input_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    cache_read_input_tokens: Option<i64>,
}

lenient_object!(MessagesUsage, CacheCreation, OutputDetails, ServerToolUse, Iteration<'de>);

/// The samplings that are billed and not counted at the top: compactions ("Compaction", understanding usage) and an advisor's
/// answers ("Advisor tool"). An advisor has a price of its own; at the answering model's it is at least not left out.
#[derive(Clone, Copy, Debug, Default)]
struct Iterations {
    input: i64,
    output: i64,
    written: i64,
    read: i64,
}

impl<'de> Lenient<'de> for Iterations {
    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        let mut sum = Self::default();
        each(list, |one: Iteration<'_>| {
            let kind = one.r#type.map(RawValue::get);
            if matches!(kind, Some("\"compaction\"" | "\"advisor_message\"")) {
                let add =
                    |to: &mut i64, count: Option<i64>| *to = to.saturating_add(count.unwrap_or(0).max(0));
                add(&mut sum.input, one.input_tokens);
                add(&mut sum.output, one.output_tokens);
                add(&mut sum.written, one.cache_creation_input_tokens);
                add(&mut sum.read, one.cache_read_input_tokens);
            }
        })?;
        Ok(Some(sum))
    }
}

impl From<MessagesUsage> for ReportedUsage {
    fn from(usage: MessagesUsage) -> Self {
        let kept = usage.cache_creation.unwrap_or_default();
        let besides = usage.iterations.unwrap_or_default();
        let plus = |count: Option<i64>, more: i64| match (count, more) {
            (count, 0) => count,
            (count, more) => Some(count.unwrap_or(0).saturating_add(more)),
        };
        // The counts by how long they are kept are there without their sum in some gateways' answers.
        let by_time = match (kept.ephemeral_5m_input_tokens, kept.ephemeral_1h_input_tokens) {
            (None, None) => None,
            (short, long) => Some(short.unwrap_or(0).saturating_add(long.unwrap_or(0))),
        };
        let written = usage.cache_creation_input_tokens.max(by_time);
        Self {
            input: plus(usage.input_tokens, besides.input),
            cache_is_apart: true,
            cache_read: plus(usage.cache_read_input_tokens, besides.read),
            cache_write: plus(written, besides.written),
            cache_write_1h: kept.ephemeral_1h_input_tokens,
            output: plus(usage.output_tokens, besides.output),
            reasoning: usage.output_tokens_details.and_then(|details| details.thinking_tokens),
            web_searches: usage.server_tool_use.and_then(|calls| calls.web_search_requests),
            tier: match usage.speed {
                Some(ServiceTier::Fast) => ServiceTier::Fast,
                Some(_) | None => usage.service_tier.unwrap_or_default(),
            },
            geography: usage.inference_geo,
            ..Self::default()
        }
    }
}

/// Usage as written to a Messages caller.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct WrittenUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<WrittenOutputDetails>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct WrittenOutputDetails {
    thinking_tokens: u64,
}

impl From<Usage> for WrittenUsage {
    fn from(usage: Usage) -> Self {
        let cached = usage.cached_input_tokens.saturating_add(usage.cache_write_tokens);
        let thinking_tokens = usage.reasoning_tokens;
        Self {
            input_tokens: usage.input_tokens.saturating_sub(cached),
            cache_creation_input_tokens: usage.cache_write_tokens,
            cache_read_input_tokens: usage.cached_input_tokens,
            output_tokens: usage.output_tokens,
            output_tokens_details: (thinking_tokens > 0).then_some(WrittenOutputDetails { thinking_tokens }),
        }
    }
}
