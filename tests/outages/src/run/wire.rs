//! How a try of a route ends, drawn from the script.
//!
//! Times of a well route are the script's pace: of a chat model, an answer in one piece takes 0.9 s (median; 95 of 100
//! within 1.6 s), a stream begins after 0.4 s and ends after 1.4 s. One call in a thousand fails for no reason.

use switchyard_domain::{Failure, FailureKind};
use switchyard_policy::{Patience, Silence};

use super::START;
use crate::chance::{Chance, whole};
use crate::script::{Condition, Cut, Pace, Script};

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

/// What a try asks for, and how long it may be silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) stream: bool,
    pub(super) reasons: bool,
    pub(super) patience: Patience,
    pub(super) connect_ms: u64,
}

/// What a call's silence is called before anything has come.
pub(super) const fn first_silence(stream: bool, reasons: bool) -> Silence {
    match (stream, reasons) {
        (false, _) => Silence::Answer,
        (true, false) => Silence::FirstToken,
        (true, true) => Silence::FirstReasoning,
    }
}

impl Asked {
    /// When a try from which nothing has come is over, milliseconds from the script's beginning.
    fn gives_up_at(&self) -> u64 {
        let silence = first_silence(self.stream, self.reasons);
        self.patience.until(silence, self.patience.begun_mono_ms()).0 - START.mono_ms
    }

    /// The same of a stream that said its last word then.
    fn gives_up_stalled_at(&self, last_word_at: u64) -> u64 {
        let last_word = START.mono_ms + last_word_at;
        self.patience.until_stalled(Silence::Text, last_word, last_word).0 - START.mono_ms
    }

    const fn silence(&self) -> FailureKind {
        if self.stream { FailureKind::FirstTokenTimeout } else { FailureKind::FirstByteTimeout }
    }
}

/// How a try that begins now goes.
pub(super) fn fate(
    script: &Script,
    condition: Condition,
    asked: Asked,
    at_ms: u64,
    chance: &mut Chance,
) -> Fate {
    let mut fate = match script.cut(at_ms) {
        Some((_, cut)) => {
            let failure = cut_off(cut, chance);
            Fate::failed(at_ms, time_of(failure.kind, asked, at_ms, chance), failure)
        }
        None => Fate::drawn(condition, asked, script.pace, at_ms, chance),
    };
    fate.stall(script, asked, at_ms);
    fate.bound(asked, at_ms);
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
fn time_of(kind: FailureKind, asked: Asked, at_ms: u64, chance: &mut Chance) -> u64 {
    use FailureKind as K;
    if kind == K::ConnectTimeout {
        asked.connect_ms
    } else if kind == K::FirstByteTimeout {
        asked.gives_up_at() - at_ms
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

    fn drawn(condition: Condition, asked: Asked, pace: Pace, at_ms: u64, chance: &mut Chance) -> Self {
        if let Some((percent, retry_after_ms)) = condition.limited
            && chance.percent(percent)
        {
            let failure = Failure { retry_after_ms, ..failure(FailureKind::RateLimited) };
            return Self::failed(at_ms, chance.between(30, 150), failure);
        }
        let fails = condition.failing.filter(|(percent, _)| chance.percent(*percent)).map(|(_, kind)| kind);
        let fails = fails.or_else(|| chance.percent(NOISE_PERCENT).then_some(FailureKind::ServerError));
        match fails {
            Some(FailureKind::Cut) => Self::answered(condition, asked, pace, at_ms, chance).cut_short(at_ms),
            Some(kind) => Self::failed(at_ms, time_of(kind, asked, at_ms, chance), failure(kind)),
            None => Self::answered(condition, asked, pace, at_ms, chance),
        }
    }

    fn answered(condition: Condition, asked: Asked, pace: Pace, at_ms: u64, chance: &mut Chance) -> Self {
        let mut takes = |median_ms: f64| chance.around_ms(median_ms * condition.slow, SPREAD);
        let first_ms = takes(if asked.stream { pace.first_words_ms } else { pace.whole_ms });
        let duration_ms = if asked.stream { first_ms + takes(REST_MS) } else { first_ms };
        let first_words_ms = asked.stream.then_some(first_ms);
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

    /// The network goes while it is under way: it stalls, until the network is back or it is given up.
    fn stall(&mut self, script: &Script, asked: Asked, at_ms: u64) {
        let breaks = |from_ms: u64| from_ms > at_ms && from_ms < self.ends_at;
        let Some((span, _)) = script.cuts.iter().find(|(span, _)| breaks(span.from_ms)) else { return };
        let stalls = self.first_words_at.is_some_and(|at| at <= span.from_ms);
        let gives_up_at = asked.gives_up_stalled_at(span.from_ms);
        if stalls && span.to_ms >= gives_up_at {
            self.ends_at = gives_up_at;
            self.end = End::Failed(failure(FailureKind::IdleTimeout));
        } else {
            self.put_off(span.length_ms(), span.from_ms);
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

    /// Patience ends it, up to its first word.
    fn bound(&mut self, asked: Asked, at_ms: u64) {
        let gives_up_at = asked.gives_up_at();
        if self.first_words_at.unwrap_or(self.ends_at) > gives_up_at {
            *self = Self::failed(at_ms, gives_up_at - at_ms, failure(asked.silence()));
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
