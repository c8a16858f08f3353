//! What a provider bills of one answer: every token counted once, in the category whose rate it is charged at.

mod reported;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::Usd;

pub use reported::ReportedUsage;

/// The billable counts of one answer. Categories are disjoint: a cached audio token is in `cache_read_audio` alone.
/// [`ReportedUsage::billed`] makes one of what an answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BilledUsage {
    /// Prompt tokens of text that no cache was involved in, and of every kind not told apart.
    pub input: u64,
    /// Prompt tokens of audio that came from no cache.
    pub input_audio: u64,
    /// Prompt tokens of images that came from no cache.
    pub input_image: u64,
    /// Prompt tokens of video that came from no cache.
    pub input_video: u64,
    /// Prompt tokens read from the provider's cache: text, and every kind not told apart.
    pub cache_read: u64,
    /// Prompt tokens of audio read from the provider's cache.
    pub cache_read_audio: u64,
    /// Prompt tokens of images read from the provider's cache.
    pub cache_read_image: u64,
    /// Prompt tokens written to the provider's cache for its usual time (five minutes at Anthropic).
    pub cache_write_5m: u64,
    /// Prompt tokens written to the provider's cache for an hour.
    pub cache_write_1h: u64,
    /// Answer tokens of text, and of every kind not told apart.
    pub output: u64,
    /// Answer tokens of reasoning.
    pub reasoning: u64,
    /// Answer tokens of audio.
    pub output_audio: u64,
    /// Answer tokens of images.
    pub output_image: u64,
    /// Web searches the provider ran, calls.
    pub web_searches: u64,
    /// Searches of stored files the provider ran, calls.
    pub file_searches: u64,
    /// The tier that served, as the answer says.
    pub tier: ServiceTier,
    /// Where the answer was made, as the answer says.
    pub geography: Geography,
    /// What the provider says the answer cost.
    pub stated_cost: Option<Usd>,
    /// The model that answered, as the answer names it.
    pub model: Option<Arc<str>>,
    /// Counted by us because the answer ended without its usage.
    pub is_estimate: bool,
    /// The answer's numbers contradicted each other or made no sense, and were clamped to the dearer side.
    pub odd_usage: bool,
}

/// The processing class an answer was served in, which has prices of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ServiceTier {
    /// The usual one.
    #[default]
    Standard,
    /// Cheaper and slower (OpenAI, Gemini and Bedrock `flex`).
    Flex,
    /// Cheaper, within a day.
    Batch,
    /// Dearer and faster. At Anthropic it is capacity bought ahead.
    Priority,
    /// Dearer and fastest (OpenAI `fast`, Anthropic's `speed: fast`).
    Fast,
}

impl ServiceTier {
    /// Every tier, in the order of [`ServiceTier::index`].
    pub const ALL: [Self; 5] = [Self::Standard, Self::Flex, Self::Batch, Self::Priority, Self::Fast];

    /// Its place in [`ServiceTier::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Reads a tier as an answer names it: `service_tier` (OpenAI, Anthropic), `serviceTier.type` (Bedrock), `trafficType`
    /// (Vertex), `speed` (Anthropic). `None` for a name nobody documents.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            // Bought ahead (`scale`, `reserved`, provisioned throughput): what is not billed by the token has no rate
            // of its own, and the usual one is never too low.
            "default"
            | "standard"
            | "auto"
            | "on_demand"
            | "scale"
            | "reserved"
            | "provisioned_throughput" => Self::Standard,
            "flex" | "on_demand_flex" => Self::Flex,
            "batch" => Self::Batch,
            "priority" | "on_demand_priority" => Self::Priority,
            "fast" | "ultrafast" => Self::Fast,
            _ => return None,
        })
    }
}

/// Where an answer was made, as far as its price depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Geography {
    /// The answer doesn't say.
    #[default]
    Unsaid,
    /// Wherever the provider had room.
    Global,
    /// Held inside one country or region, which some providers charge for.
    Regional,
}

impl Geography {
    /// Reads Anthropic's `usage.inference_geo`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "" | "not_available" => Self::Unsaid,
            "global" => Self::Global,
            _ => Self::Regional,
        }
    }
}

impl BilledUsage {
    /// Prompt tokens of every category. Steps of long prompts are judged by it.
    #[must_use]
    pub const fn input_tokens(&self) -> u64 {
        self.input
            .saturating_add(self.input_audio)
            .saturating_add(self.input_image)
            .saturating_add(self.input_video)
            .saturating_add(self.cached_tokens())
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
    }

    /// Prompt tokens read from the provider's cache, of every kind.
    #[must_use]
    pub const fn cached_tokens(&self) -> u64 {
        self.cache_read.saturating_add(self.cache_read_audio).saturating_add(self.cache_read_image)
    }

    /// Answer tokens of every category.
    #[must_use]
    pub const fn output_tokens(&self) -> u64 {
        self.output
            .saturating_add(self.reasoning)
            .saturating_add(self.output_audio)
            .saturating_add(self.output_image)
    }

    /// True where nothing was billed and no cost was stated.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.input_tokens() == 0
            && self.output_tokens() == 0
            && self.web_searches == 0
            && self.file_searches == 0
            && self.stated_cost.is_none()
    }

    /// Adds two counts, saturating. Tier, geography and model are this one's where it has them; a stated cost stands
    /// only where both state one, since half a bill is none.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let (first, second) = if self.is_empty() { (other, self) } else { (self, other) };
        let sum = |count: fn(&Self) -> u64| count(first).saturating_add(count(second));
        Self {
            input: sum(|usage| usage.input),
            input_audio: sum(|usage| usage.input_audio),
            input_image: sum(|usage| usage.input_image),
            input_video: sum(|usage| usage.input_video),
            cache_read: sum(|usage| usage.cache_read),
            cache_read_audio: sum(|usage| usage.cache_read_audio),
            cache_read_image: sum(|usage| usage.cache_read_image),
            cache_write_5m: sum(|usage| usage.cache_write_5m),
            cache_write_1h: sum(|usage| usage.cache_write_1h),
            output: sum(|usage| usage.output),
            reasoning: sum(|usage| usage.reasoning),
            output_audio: sum(|usage| usage.output_audio),
            output_image: sum(|usage| usage.output_image),
            web_searches: sum(|usage| usage.web_searches),
            file_searches: sum(|usage| usage.file_searches),
            tier: if first.tier == ServiceTier::Standard { second.tier } else { first.tier },
            geography: if first.geography == Geography::Unsaid { second.geography } else { first.geography },
            stated_cost: match (first.stated_cost, second.stated_cost) {
                (Some(first), Some(second)) => Some(first + second),
                (stated, None) if second.is_empty() => stated,
                (Some(_), None) | (None, Some(_) | None) => None,
            },
            model: first.model.clone().or_else(|| second.model.clone()),
            is_estimate: first.is_estimate || second.is_estimate,
            odd_usage: first.odd_usage || second.odd_usage,
        }
    }
}
