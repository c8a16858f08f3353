//! Tokens used, as Converse counts them.

use serde::Deserialize;
use serde::de::SeqAccess;
use serde_json::value::RawValue;
use switchyard_domain::usage::{ReportedUsage, ServiceTier};

use crate::lenient::{Lenient, each, lenient_object, maybe};
use crate::usage::numbers::{count, tier};

/// Usage as Converse reports it: `inputTokens` leaves out what was read from or written to the cache ("Prompt caching for
/// faster model inference"); thinking counts as output and is not told apart.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConverseUsage {
    #[serde(deserialize_with = "count")]
    input_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    output_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    total_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    cache_read_input_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    cache_write_input_tokens: Option<i64>,
    #[serde(deserialize_with = "maybe")]
    cache_details: Option<CacheDetails>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CacheDetail<'a> {
    #[serde(borrow)]
    ttl: Option<&'a RawValue>,
    #[serde(deserialize_with = "count")]
    input_tokens: Option<i64>,
}

/// The tier an answer was served in, which stands beside its usage.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ConverseTier {
    #[serde(deserialize_with = "tier")]
    r#type: Option<ServiceTier>,
}

lenient_object!(ConverseUsage, CacheDetail<'de>, ConverseTier);

/// What was written to the cache, and the part of it that is kept an hour.
#[derive(Clone, Copy, Debug, Default)]
struct CacheDetails {
    written: i64,
    written_1h: i64,
}

impl<'de> Lenient<'de> for CacheDetails {
    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        let mut details = Self::default();
        each(list, |detail: CacheDetail<'_>| {
            let tokens = detail.input_tokens.unwrap_or(0);
            details.written = details.written.saturating_add(tokens);
            if detail.ttl.is_some_and(|ttl| ttl.get() == "\"1h\"") {
                details.written_1h = details.written_1h.saturating_add(tokens);
            }
        })?;
        Ok(Some(details))
    }
}

impl ConverseUsage {
    /// The usage of an answer that was served in this tier.
    pub(crate) fn reported(self, tier: Option<ConverseTier>) -> ReportedUsage {
        let details = self.cache_details;
        ReportedUsage {
            input: self.input_tokens,
            cache_is_apart: true,
            cache_read: self.cache_read_input_tokens,
            cache_write: self.cache_write_input_tokens.max(details.map(|details| details.written)),
            cache_write_1h: details.map(|details| details.written_1h),
            output: self.output_tokens,
            total: self.total_tokens,
            tier: tier.and_then(|tier| tier.r#type).unwrap_or_default(),
            ..ReportedUsage::default()
        }
    }
}
