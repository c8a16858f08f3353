//! Tokens as chat counts them: the cached ones are part of the prompt's, the reasoning ones of the completion's.

use serde::{Deserialize, Serialize};
use switchyard_domain::usage::ReportedUsage;

use crate::Usage;
use crate::lenient::{lenient_object, maybe};
use crate::usage::numbers::{cost, count, flag, ticks};

/// Usage as chat providers report it. DeepSeek's and Moonshot's own names for cached tokens are understood too,
/// OpenRouter's count of tokens written to a cache, and the costs that OpenRouter, Perplexity and xAI state.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ChatUsage {
    #[serde(deserialize_with = "count")]
    prompt_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    completion_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    total_tokens: Option<i64>,
    #[serde(deserialize_with = "maybe")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(deserialize_with = "maybe")]
    completion_tokens_details: Option<CompletionDetails>,
    #[serde(deserialize_with = "count")]
    prompt_cache_hit_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    cached_tokens: Option<i64>,
    #[serde(deserialize_with = "cost")]
    cost: Option<f64>,
    #[serde(deserialize_with = "flag")]
    is_byok: bool,
    #[serde(deserialize_with = "maybe")]
    cost_details: Option<CostDetails>,
    #[serde(deserialize_with = "ticks")]
    cost_in_usd_ticks: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    #[serde(deserialize_with = "count")]
    cached_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    cache_write_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    audio_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    image_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    video_tokens: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    #[serde(deserialize_with = "count")]
    reasoning_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    audio_tokens: Option<i64>,
    #[serde(deserialize_with = "count")]
    image_tokens: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CostDetails {
    #[serde(deserialize_with = "cost")]
    upstream_inference_cost: Option<f64>,
}
lenient_object!(ChatUsage, PromptDetails, CompletionDetails, CostDetails);

impl ChatUsage {
    /// What the answer cost, as it says itself. With a key of one's own OpenRouter charges its fee alone as `cost`, and
    /// the model's provider the rest ("Usage accounting").
    fn cost_usd(&self) -> Option<f64> {
        let upstream = self.cost_details.and_then(|details| details.upstream_inference_cost);
        let stated = match (self.cost, upstream.filter(|_| self.is_byok)) {
            (Some(fee), Some(upstream)) => Some(fee + upstream),
            (fee, upstream) => fee.or(upstream),
        };
        stated.or(self.cost_in_usd_ticks)
    }

    /// The counts of embeddings, which have a prompt and no answer. Some report their total alone (Voyage).
    pub(crate) fn of_embeddings(self) -> ReportedUsage {
        let reported = ReportedUsage::from(self);
        ReportedUsage { input: reported.input.or(reported.total), output: None, total: None, ..reported }
    }
}

impl From<ChatUsage> for ReportedUsage {
    fn from(chat: ChatUsage) -> Self {
        let prompt = chat.prompt_tokens_details.unwrap_or_default();
        let completion = chat.completion_tokens_details.unwrap_or_default();
        let is_filled = |count: &i64| *count != 0;
        let own_names = chat.prompt_cache_hit_tokens.or(chat.cached_tokens);
        Self {
            input: chat.prompt_tokens,
            cache_read: prompt.cached_tokens.filter(is_filled).or(own_names).or(prompt.cached_tokens),
            cache_write: prompt.cache_write_tokens,
            input_audio: prompt.audio_tokens,
            input_image: prompt.image_tokens,
            input_video: prompt.video_tokens,
            output: chat.completion_tokens,
            reasoning: completion.reasoning_tokens,
            output_audio: completion.audio_tokens,
            output_image: completion.image_tokens,
            total: chat.total_tokens,
            cost_usd: chat.cost_usd(),
            ..Self::default()
        }
    }
}

/// Usage as written to a chat caller.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct WrittenUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: WrittenPromptDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<WrittenCompletionDetails>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct WrittenPromptDetails {
    cached_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write_tokens: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct WrittenCompletionDetails {
    reasoning_tokens: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl From<Usage> for WrittenUsage {
    fn from(usage: Usage) -> Self {
        let reasoning_tokens = usage.reasoning_tokens;
        Self {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.input_tokens.saturating_add(usage.output_tokens),
            prompt_tokens_details: WrittenPromptDetails {
                cached_tokens: usage.cached_input_tokens,
                cache_write_tokens: usage.cache_write_tokens,
            },
            completion_tokens_details: (reasoning_tokens > 0)
                .then_some(WrittenCompletionDetails { reasoning_tokens }),
        }
    }
}
