//! Usage as answers report it, whose categories overlap in each dialect's own way, made disjoint.

use std::sync::Arc;

use super::{BilledUsage, Geography, ServiceTier};
use crate::Usd;

/// No answer has more tokens of a kind; a larger count is nonsense. It is the largest context window a map takes.
const MOST_TOKENS: u64 = 100_000_000;
/// No answer has more calls of a server's tool.
const MOST_CALLS: u64 = 10_000;
/// No answer costs more, USD.
const MOST_USD: f64 = 10_000.0;

/// The counts of an answer as it reports them. `None` is "not said", which zero is not.
///
/// Sources: openai-python `types/completion_usage.py` and `types/responses/response_usage.py`; anthropic-sdk-python
/// `types/usage.py`; python-genai `GenerateContentResponseUsageMetadata`; Bedrock's `API_runtime_TokenUsage`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportedUsage {
    /// Prompt tokens (`prompt_tokens`, `input_tokens`, `promptTokenCount`).
    pub input: Option<i64>,
    /// True where `input` leaves out what was read from and written to a cache (Anthropic, Bedrock).
    pub cache_is_apart: bool,
    /// Prompt tokens read from the cache.
    pub cache_read: Option<i64>,
    /// Prompt tokens written to the cache, those kept an hour included.
    pub cache_write: Option<i64>,
    /// The part of `cache_write` that is kept an hour.
    pub cache_write_1h: Option<i64>,
    /// Prompt tokens of audio, cached ones included.
    pub input_audio: Option<i64>,
    /// Prompt tokens of images, cached ones included.
    pub input_image: Option<i64>,
    /// Prompt tokens of video, cached ones included.
    pub input_video: Option<i64>,
    /// The part of `cache_read` that is audio.
    pub cache_read_audio: Option<i64>,
    /// The part of `cache_read` that is images.
    pub cache_read_image: Option<i64>,
    /// Answer tokens (`completion_tokens`, `output_tokens`, `candidatesTokenCount`).
    pub output: Option<i64>,
    /// Answer tokens of reasoning.
    pub reasoning: Option<i64>,
    /// True where `output` leaves out `reasoning` (Gemini, xAI).
    pub reasoning_is_apart: bool,
    /// The part of `output` that is audio.
    pub output_audio: Option<i64>,
    /// The part of `output` that is images.
    pub output_image: Option<i64>,
    /// Tokens of prompt and answer together.
    pub total: Option<i64>,
    /// Web searches the provider ran.
    pub web_searches: Option<i64>,
    /// Searches of stored files the provider ran.
    pub file_searches: Option<i64>,
    /// The provider's own cost figure, USD.
    pub cost_usd: Option<f64>,
    /// The tier that served.
    pub tier: ServiceTier,
    /// Where the answer was made.
    pub geography: Geography,
    /// The model that answered.
    pub model: Option<Arc<str>>,
}

impl ReportedUsage {
    /// Makes the categories disjoint. What makes no sense is clamped so that it costs rather more than less, and marked
    /// in [`BilledUsage::odd_usage`]. A total above prompt and answer is answer: some leave their reasoning out of both.
    ///
    /// `None` where the answer says no count and no cost at all.
    #[must_use]
    pub fn billed(&self) -> Option<BilledUsage> {
        let said = [self.input, self.cache_read, self.cache_write, self.output, self.reasoning, self.total];
        let calls = [self.web_searches, self.file_searches];
        if said.iter().chain(&calls).all(Option::is_none) && self.cost_usd.is_none() {
            return None;
        }
        let mut read = Reading { is_odd: false };
        let mut billed = BilledUsage {
            web_searches: read.count(self.web_searches, MOST_CALLS),
            file_searches: read.count(self.file_searches, MOST_CALLS),
            stated_cost: read.cost(self.cost_usd),
            tier: self.tier,
            geography: self.geography,
            model: self.model.clone(),
            ..BilledUsage::default()
        };
        self.prompt(&mut billed, &mut read);
        self.answer(&mut billed, &mut read);
        billed.odd_usage = read.is_odd;
        Some(billed)
    }

    fn prompt(&self, billed: &mut BilledUsage, read: &mut Reading) {
        let cached = read.tokens(self.cache_read);
        let written_1h = read.tokens(self.cache_write_1h);
        let written = read.tokens(self.cache_write).max(written_1h);
        let input = read.tokens(self.input);
        let fresh = if self.cache_is_apart { input } else { read.less(input, cached + written) };
        let mut pools = Pools { fresh, cached };

        let (image, image_cached) = pools.take(self.input_image, self.cache_read_image, read);
        let (video, video_cached) = pools.take(self.input_video, None, read);
        let (audio, audio_cached) = pools.take(self.input_audio, self.cache_read_audio, read);

        (billed.input_image, billed.cache_read_image) = (image, image_cached);
        (billed.input_audio, billed.cache_read_audio) = (audio, audio_cached);
        billed.input_video = video;
        billed.input = pools.fresh;
        billed.cache_read = pools.cached + video_cached;
        (billed.cache_write_5m, billed.cache_write_1h) = (written - written_1h, written_1h);
    }

    fn answer(&self, billed: &mut BilledUsage, read: &mut Reading) {
        let reasoning = read.tokens(self.reasoning);
        let (audio, image) = (read.tokens(self.output_audio), read.tokens(self.output_image));
        let written = read.tokens(self.output);
        let mut whole = if self.reasoning_is_apart { written + reasoning } else { written };
        let total = read.tokens(self.total);
        whole = whole.max(total.saturating_sub(billed.input_tokens()));
        if reasoning + audio + image > whole {
            // Reasoning that does not fit into the answer was left out of it (xAI without a total).
            read.is_odd = true;
            whole = (written + reasoning).max(reasoning + audio + image);
        }
        billed.output = whole - reasoning - audio - image;
        (billed.reasoning, billed.output_audio, billed.output_image) = (reasoning, audio, image);
    }
}

/// What is left of a prompt's fresh and cached tokens while its kinds are taken out.
struct Pools {
    fresh: u64,
    cached: u64,
}

impl Pools {
    /// Takes one kind out, of which the answer says how much there is and perhaps how much of it was cached. What does
    /// not fit into the fresh tokens was cached. Returns its fresh and its cached tokens.
    fn take(&mut self, all: Option<i64>, cached: Option<i64>, read: &mut Reading) -> (u64, u64) {
        let said_cached = read.tokens(cached);
        let all = read.tokens(all).max(said_cached);
        let mut fresh = (all - said_cached).min(self.fresh);
        let mut from_cache = all - fresh;
        self.fresh -= fresh;
        if from_cache > self.cached {
            // More of the kind than there is prompt.
            read.is_odd = true;
            fresh += from_cache - self.cached;
            from_cache = self.cached;
        }
        self.cached -= from_cache;
        (fresh, from_cache)
    }
}

/// Takes numbers as they come, and remembers that one of them made no sense.
struct Reading {
    is_odd: bool,
}

impl Reading {
    fn tokens(&mut self, said: Option<i64>) -> u64 {
        self.count(said, MOST_TOKENS)
    }

    fn count(&mut self, said: Option<i64>, most: u64) -> u64 {
        let said = said.unwrap_or(0);
        let count = u64::try_from(said).unwrap_or(0);
        self.is_odd |= said < 0 || count > most;
        count.min(most)
    }

    fn less(&mut self, whole: u64, parts: u64) -> u64 {
        self.is_odd |= parts > whole;
        whole.saturating_sub(parts)
    }

    /// A figure that can't be a cost is left out: the counts are priced then.
    fn cost(&mut self, said: Option<f64>) -> Option<Usd> {
        let said = said?;
        let makes_sense = (0.0..=MOST_USD).contains(&said);
        self.is_odd |= !makes_sense;
        Usd::from_dollars(said).filter(|_| makes_sense)
    }
}
