//! What one upstream's answer has reported of what it costs, report by report.

use serde_json::value::RawValue;
use switchyard_domain::usage::{BilledUsage, Geography, ReportedUsage, ServiceTier};

use super::{Usage, numbers};
use crate::members::borrowed_text;

/// The reports of one answer, joined. It holds what the upstream said, before any translation.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    reported: ReportedUsage,
    /// The tier named beside the usage.
    tier: Option<ServiceTier>,
    /// What callers are told; none until there was a report.
    usage: Option<Usage>,
    /// How many reports there were.
    reports: u32,
}

impl Meter {
    /// Takes a report of the whole answer so far. Returns what callers are to be told, where that has changed.
    pub(crate) fn hears(&mut self, report: impl Into<ReportedUsage>) -> Option<Usage> {
        merge(&mut self.reported, report.into());
        self.reports = self.reports.saturating_add(1);
        let usage = Some(Usage::from(&self.reported));
        if self.usage == usage {
            return None;
        }
        self.usage = usage;
        usage
    }

    /// Notes the tier that an event names. Chat names it with each chunk, so only the first is read, and the one that comes
    /// with the usage.
    pub(crate) fn serves(&mut self, tier: Option<&RawValue>, has_usage: bool) {
        if let Some(tier) = tier.filter(|_| has_usage || self.tier.is_none()) {
            self.tier = numbers::tier_of(tier).or(self.tier);
        }
    }

    /// Notes the model that answers; the first name holds.
    pub(crate) fn names(&mut self, model: Option<&str>) {
        if self.reported.model.is_none() {
            self.reported.model = model.filter(|model| !model.is_empty()).map(Into::into);
        }
    }

    /// Notes the model that answers from its raw value, which is not looked at again once it is known.
    pub(crate) fn names_raw(&mut self, model: Option<&RawValue>) {
        if self.reported.model.is_none() {
            self.names(model.and_then(borrowed_text).as_deref());
        }
    }

    /// The model that answers.
    pub(crate) fn model(&self) -> Option<&str> {
        self.reported.model.as_deref()
    }

    /// What callers are told; none until there was a report.
    pub(crate) const fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// What is billed so far. None where no report said anything: zeros are what gateways write for counts they don't
    /// have.
    pub(crate) fn billed(&self) -> Option<BilledUsage> {
        let billed = billed(&self.reported)?;
        Some(BilledUsage { tier: self.tier.unwrap_or(billed.tier), ..billed })
    }

    /// How many reports there were: what is billed changes with each.
    pub(crate) const fn reports(&self) -> u32 {
        self.reports
    }
}

/// What a report is billed as; none where it says nothing or nothing but zeros.
pub(crate) fn billed(reported: &ReportedUsage) -> Option<BilledUsage> {
    reported.billed().filter(|billed| !billed.is_empty())
}

/// Joins a later report of the same answer. Each is of the whole answer so far, and the last one holds, be it smaller
/// (Gemini corrects its prompt's count). Zeros report nothing, first or last.
fn merge(so_far: &mut ReportedUsage, later: ReportedUsage) {
    let is_new = |count: Option<i64>| count.is_some_and(|count| count > 0);
    let last = |before: Option<i64>, later: Option<i64>| match later {
        Some(_) if is_new(later) || !is_new(before) => later,
        Some(_) | None => before,
    };
    // What no later report repeats is still no more than the whole it is a part of.
    let part = |before: Option<i64>, later: Option<i64>, whole: Option<i64>| {
        let before = before.map(|before| whole.map_or(before, |whole| before.min(whole)));
        last(before, later)
    };
    let has_counts = [later.input, later.output, later.reasoning].into_iter().any(is_new);
    let before = std::mem::take(so_far);
    let input = last(before.input, later.input);
    let output = last(before.output, later.output);
    let cache_is_apart = before.cache_is_apart || later.cache_is_apart;
    let reasoning_is_apart = before.reasoning_is_apart || later.reasoning_is_apart;
    let prompt = if cache_is_apart { None } else { input };
    let cache_read = part(before.cache_read, later.cache_read, prompt);
    let unread = prompt.map(|prompt| prompt.saturating_sub(cache_read.unwrap_or(0)).max(0));
    let cache_write = part(before.cache_write, later.cache_write, unread);
    // Anthropic's `message_delta` counts all that was written, and only `message_start` says for how long.
    let is_all_1h = is_new(before.cache_write_1h) && before.cache_write_1h == before.cache_write;
    let written_1h = if is_all_1h { cache_write } else { before.cache_write_1h };
    let answer = if reasoning_is_apart { None } else { output };
    *so_far = ReportedUsage {
        input,
        cache_is_apart,
        cache_read,
        cache_write,
        cache_write_1h: part(written_1h, later.cache_write_1h, cache_write),
        input_audio: part(before.input_audio, later.input_audio, prompt),
        input_image: part(before.input_image, later.input_image, prompt),
        input_video: part(before.input_video, later.input_video, prompt),
        cache_read_audio: part(before.cache_read_audio, later.cache_read_audio, cache_read),
        cache_read_image: part(before.cache_read_image, later.cache_read_image, cache_read),
        output,
        reasoning: part(before.reasoning, later.reasoning, answer),
        reasoning_is_apart,
        output_audio: part(before.output_audio, later.output_audio, output),
        output_image: part(before.output_image, later.output_image, output),
        // A total is of the counts it came with.
        total: if has_counts { later.total } else { last(before.total, later.total) },
        web_searches: last(before.web_searches, later.web_searches),
        file_searches: last(before.file_searches, later.file_searches),
        cost_usd: later.cost_usd.filter(|cost| *cost != 0.0).or(before.cost_usd).or(later.cost_usd),
        tier: if later.tier == ServiceTier::Standard { before.tier } else { later.tier },
        geography: if later.geography == Geography::Unsaid { before.geography } else { later.geography },
        model: before.model.or(later.model),
    };
}
