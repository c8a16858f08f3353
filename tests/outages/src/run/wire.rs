//! How a try of a route ends, drawn from the script.
//!
//! Times of a well route: an answer in one piece takes 0.9 s (median; 95 of 100 within 1.6 s), a stream begins after
//! 0.4 s and ends after 1.4 s. One call in a thousand fails for no reason.

use switchyard_domain::map::Timeouts;
use switchyard_domain::{Failure, FailureKind};

use crate::chance::{Chance, whole};
use crate::script::{Condition, Cut, Script};

const WHOLE_MS: f64 = 900.0;
const FIRST_WORDS_MS: f64 = 400.0;
const REST_MS: f64 = 1_000.0;
/// Spread (sigma of the logarithm): the 95th percentile is 1.8 times the median.
const SPREAD: f64 = 0.35;
/// What goes wrong on a well route, percent.
const NOISE_PERCENT: f64 = 0.1;

/// The statuses providers send with these.
const STATUSES: [(FailureKind, u16); 6] = [
    (FailureKind::ServerError, 500),
    (FailureKind::Overloaded, 529),
    (FailureKind::RateLimited, 429),
    (FailureKind::KeyRejected, 401),
    (FailureKind::Html, 200),
    (FailureKind::Redirect, 302),
];

/// How a try ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    /// It was answered.
    Answered { duration_ms: u64, first_words_ms: Option<u64> },
    /// It failed.
    Failed(Failure),
}

/// A try as it will go.
#[derive(Debug)]
pub(super) struct Fate {
    /// When a stream's first word comes, milliseconds from the script's beginning.
    pub(super) first_words_at: Option<u64>,
    /// When it ends.
    pub(super) ends_at: u64,
    pub(super) end: End,
}

/// What a try is bounded by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) timeouts: Timeouts,
    /// The request's own, milliseconds from the script's beginning.
    pub(super) deadline_at: u64,
}

/// How a try that begins now goes.
pub(super) fn fate(
    script: &Script,
    condition: Condition,
    stream: bool,
    bounds: Bounds,
    at_ms: u64,
    chance: &mut Chance,
) -> Fate {
    let mut fate = match script.cut(at_ms) {
        Some((_, cut)) => {
            let failure = cut_off(cut, chance);
            Fate::failed(at_ms, time_of(failure.kind, bounds.timeouts, chance), failure)
        }
        None => Fate::drawn(condition, stream, bounds.timeouts, at_ms, chance),
    };
    fate.stall(script, bounds.timeouts, at_ms);
    fate.bound(bounds.deadline_at, at_ms);
    fate.die_asleep(script, at_ms, chance);
    fate
}

/// What a call meets while this machine is cut off.
pub(super) fn cut_off(cut: Cut, chance: &mut Chance) -> Failure {
    use FailureKind as K;
    failure(match cut {
        Cut::Offline => chance.one_of(&[K::Dns, K::Dns, K::Connect, K::ConnectTimeout]),
        Cut::NoNames => K::Dns,
        Cut::Portal => chance.one_of(&[K::Tls, K::Tls, K::Html, K::Redirect, K::ConnectTimeout]),
    })
}

/// A failure with the status that goes with it.
pub(super) fn failure(kind: FailureKind) -> Failure {
    let status = STATUSES.iter().find(|(of, _)| *of == kind).map(|(_, status)| *status);
    Failure { status, ..Failure::new(kind, "simulated") }
}

/// How long a failure of this kind takes to show.
fn time_of(kind: FailureKind, timeouts: Timeouts, chance: &mut Chance) -> u64 {
    use FailureKind as K;
    if kind == K::ConnectTimeout {
        timeouts.connect_ms
    } else if kind == K::FirstByteTimeout {
        timeouts.first_byte_ms
    } else if kind == K::Dns {
        chance.between(5, 2_000)
    } else if matches!(kind, K::Connect | K::Tls) {
        chance.between(5, 300)
    } else {
        chance.around_ms(250.0, SPREAD)
    }
}

impl Fate {
    fn failed(at_ms: u64, after_ms: u64, failure: Failure) -> Self {
        Self { first_words_at: None, ends_at: at_ms + after_ms, end: End::Failed(failure) }
    }

    fn drawn(
        condition: Condition,
        stream: bool,
        timeouts: Timeouts,
        at_ms: u64,
        chance: &mut Chance,
    ) -> Self {
        if let Some((percent, retry_after_ms)) = condition.limited
            && chance.percent(percent)
        {
            let failure = Failure { retry_after_ms, ..failure(FailureKind::RateLimited) };
            return Self::failed(at_ms, chance.between(30, 150), failure);
        }
        let fails = condition.failing.filter(|(percent, _)| chance.percent(*percent)).map(|(_, kind)| kind);
        let fails = fails.or_else(|| chance.percent(NOISE_PERCENT).then_some(FailureKind::ServerError));
        match fails {
            Some(FailureKind::Cut) => {
                Self::answered(condition, stream, timeouts, at_ms, chance).cut_short(at_ms)
            }
            Some(kind) => Self::failed(at_ms, time_of(kind, timeouts, chance), failure(kind)),
            None => Self::answered(condition, stream, timeouts, at_ms, chance),
        }
    }

    fn answered(
        condition: Condition,
        stream: bool,
        timeouts: Timeouts,
        at_ms: u64,
        chance: &mut Chance,
    ) -> Self {
        let mut takes = |median_ms: f64| chance.around_ms(median_ms * condition.slow, SPREAD);
        let first_ms = if stream { takes(FIRST_WORDS_MS) } else { takes(WHOLE_MS) };
        let (patience_ms, kind) = if stream {
            (timeouts.first_token_ms, FailureKind::FirstTokenTimeout)
        } else {
            (timeouts.first_byte_ms, FailureKind::FirstByteTimeout)
        };
        if first_ms >= patience_ms {
            return Self::failed(at_ms, patience_ms, failure(kind));
        }
        let duration_ms = if stream { first_ms + takes(REST_MS) } else { first_ms };
        let first_words_ms = stream.then_some(first_ms);
        Self {
            first_words_at: first_words_ms.map(|ms| at_ms + ms),
            ends_at: at_ms + duration_ms,
            end: End::Answered { duration_ms, first_words_ms },
        }
    }

    /// The answer breaks off on its way.
    fn cut_short(mut self, at_ms: u64) -> Self {
        let begun = self.first_words_at.unwrap_or(at_ms);
        self.ends_at = begun + whole((self.ends_at - begun) as f64 * 0.5);
        self.end = End::Failed(failure(FailureKind::Cut));
        self
    }

    /// The network goes while it is under way: it stalls, until the network is back or its timeout.
    fn stall(&mut self, script: &Script, timeouts: Timeouts, at_ms: u64) {
        let breaks = |from_ms: u64| from_ms > at_ms && from_ms < self.ends_at;
        let Some((span, _)) = script.cuts.iter().find(|(span, _)| breaks(span.from_ms)) else { return };
        let begun = self.first_words_at.is_some_and(|at| at <= span.from_ms);
        let (patience_ms, kind) = if begun {
            (timeouts.idle_ms, FailureKind::IdleTimeout)
        } else {
            (timeouts.first_byte_ms, FailureKind::FirstByteTimeout)
        };
        if span.length_ms() < patience_ms {
            self.put_off(span.length_ms(), span.from_ms);
        } else {
            self.first_words_at = self.first_words_at.filter(|_| begun);
            self.ends_at = if begun { span.from_ms } else { at_ms } + patience_ms;
            self.end = End::Failed(failure(kind));
        }
    }

    /// What comes after `from_ms` comes this much later.
    fn put_off(&mut self, by_ms: u64, from_ms: u64) {
        self.ends_at += by_ms;
        let late = self.first_words_at.is_some_and(|at| at > from_ms);
        self.first_words_at = self.first_words_at.map(|at| if late { at + by_ms } else { at });
        if let End::Answered { duration_ms, first_words_ms } = &mut self.end {
            *duration_ms += by_ms;
            *first_words_ms = first_words_ms.map(|ms| if late { ms + by_ms } else { ms });
        }
    }

    /// The request's own deadline ends it, up to its first word.
    fn bound(&mut self, deadline_at: u64, at_ms: u64) {
        let decides_at = self.first_words_at.unwrap_or(self.ends_at);
        if decides_at > deadline_at {
            let left_ms = deadline_at.saturating_sub(at_ms);
            *self = Self::failed(at_ms, left_ms, failure(FailureKind::DeadlineExceeded));
        }
    }

    /// A connection does not survive its machine's sleep.
    fn die_asleep(&mut self, script: &Script, at_ms: u64, chance: &mut Chance) {
        let breaks = |from_ms: u64| from_ms >= at_ms && from_ms < self.ends_at;
        let Some(sleep) = script.sleeps.iter().find(|sleep| breaks(sleep.from_ms)) else { return };
        self.first_words_at = self.first_words_at.filter(|at| *at < sleep.from_ms);
        self.ends_at = sleep.to_ms + chance.between(0, 500);
        self.end = End::Failed(failure(FailureKind::Reset));
    }
}
