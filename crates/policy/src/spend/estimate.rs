//! What a request may cost before it is sent, without a tokenizer.
//!
//! A byte-level tokenizer gives at least one byte to each token, so that a prompt has no more tokens than bytes; nothing
//! less holds always. Real text has two to five bytes a token, and a route's own answers soon tell how many: of the last
//! few hundred the first percentile is taken, which text, code and JSON of one app hardly ever fall below. Pictures, sound
//! and documents have no such bound; the caller adds them by the provider's rules.

use switchyard_domain::budget::Cost;

/// Answers that must have taught before a ratio is believed.
const LEARNED_FROM: u32 = 20;
/// Steps of the ratio: eighths of a byte per token, up to 12 bytes.
const STEPS: usize = 96;
const STEPS_PER_BYTE: u64 = 8;
/// At so many answers all counts are halved, so that a change of prompts is learned within a few hundred.
const MOST_ANSWERS: u32 = 512;
/// Output tokens a stream holds from its start: more than half of all answers are shorter.
pub const STREAM_FIRST_TOKENS: u64 = 512;

/// Bytes of text per token of prompt, learned of one route.
#[derive(Clone, Debug)]
pub struct InputRatio {
    /// Answers by their ratio.
    counts: [u16; STEPS],
    answers: u32,
}

impl Default for InputRatio {
    fn default() -> Self {
        Self { counts: [0; STEPS], answers: 0 }
    }
}

impl InputRatio {
    /// Takes what an answer billed for a prompt of so many bytes of text, media left out. Prompts under 64 bytes teach
    /// nothing: what providers put around every prompt outweighs them.
    pub fn learn(&mut self, text_bytes: u64, billed_input_tokens: u64) {
        if text_bytes < 64 || billed_input_tokens == 0 {
            return;
        }
        let step = text_bytes.saturating_mul(STEPS_PER_BYTE) / billed_input_tokens;
        let step = usize::try_from(step).unwrap_or(STEPS).min(STEPS - 1);
        self.counts[step] = self.counts[step].saturating_add(1);
        self.answers += 1;
        if self.answers >= MOST_ANSWERS {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.answers = self.counts.iter().map(|count| u32::from(*count)).sum();
        }
    }

    /// The most tokens a prompt of so many bytes of text is taken to have; never more than bytes.
    #[must_use]
    pub fn most_tokens(&self, text_bytes: u64) -> u64 {
        if self.answers < LEARNED_FROM {
            return text_bytes;
        }
        let below = self.answers.div_ceil(100);
        let mut seen = 0;
        let first_percentile = self.counts.iter().position(|count| {
            seen += u32::from(*count);
            seen >= below
        });
        // A step is judged by its lower edge, so that rounding never makes a prompt smaller.
        let step = u64::try_from(first_percentile.unwrap_or(0)).unwrap_or(0).max(STEPS_PER_BYTE);
        text_bytes.saturating_mul(STEPS_PER_BYTE).div_ceil(step).min(text_bytes)
    }
}

/// The most output tokens that fit into what is left ([`super::Never::left`]) beside a prompt: what to tell a caller who
/// asked for more. 0 where not even the prompt fits.
#[must_use]
pub fn fitting_output_tokens(left: Cost, input: Cost, nano_usd_per_output_token: u64) -> u64 {
    if input.nano_usd > left.nano_usd || input.tokens > left.tokens {
        return 0;
    }
    let by_money =
        (left.nano_usd - input.nano_usd).checked_div(nano_usd_per_output_token).unwrap_or(u64::MAX);
    by_money.min(left.tokens - input.tokens)
}

/// The next top-up of a stream that holds `held`, has cost `so_far` and may cost `worst`; `None` while a
/// quarter of what it holds is unused, or it holds the most it may cost. It doubles what is held, so that a long answer
/// asks a few times only.
#[must_use]
pub fn next_top_up(held: Cost, so_far: Cost, worst: Cost) -> Option<Cost> {
    let runs_out = |held: u64, so_far: u64, worst: u64| held < worst && so_far >= held - held / 4;
    let usd = runs_out(held.nano_usd, so_far.nano_usd, worst.nano_usd);
    let tokens = runs_out(held.tokens, so_far.tokens, worst.tokens);
    if !usd && !tokens {
        return None;
    }
    // What flowed while a top-up was short is made up for.
    Some(held.most(so_far).plus(held.most(so_far)).least(worst).minus(held))
}
