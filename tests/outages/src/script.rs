//! What goes wrong, when and for whom. Times are milliseconds from a script's beginning.

use switchyard_domain::FailureKind;

use crate::world::World;

/// A share of failed calls from which a route counts as ill, percent.
const ILL_PERCENT: f64 = 5.0;
/// A slowdown from which a route counts as ill.
const ILL_FACTOR: f64 = 2.0;
/// A share of failed calls from which a route counts as out, percent.
const OUT_PERCENT: f64 = 95.0;

/// A span of a script: its beginning belongs to it, its end does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub from_ms: u64,
    /// Its end.
    pub to_ms: u64,
}

impl Span {
    /// A span of this length.
    #[must_use]
    pub const fn new(from_ms: u64, length_ms: u64) -> Self {
        Self { from_ms, to_ms: from_ms + length_ms }
    }

    /// Whether the moment is within it.
    #[must_use]
    pub const fn holds(self, at_ms: u64) -> bool {
        self.from_ms <= at_ms && at_ms < self.to_ms
    }

    /// Whether any moment from `from_ms` to `to_ms` is within it.
    #[must_use]
    pub const fn meets(self, from_ms: u64, to_ms: u64) -> bool {
        self.from_ms <= to_ms && from_ms < self.to_ms
    }

    /// How long it is.
    #[must_use]
    pub const fn length_ms(self) -> u64 {
        self.to_ms - self.from_ms
    }
}

/// Whom it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Every route of a provider.
    Provider(&'static str),
    /// One route, by its id.
    Route(&'static str),
    /// Every provider.
    Everyone,
}

/// What is wrong with a provider.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ailment {
    /// A share of calls fails this way.
    Failing {
        /// The share.
        percent: f64,
        /// The way.
        with: FailureKind,
    },
    /// A share of calls is refused with 429.
    Limited {
        /// The share.
        percent: f64,
        /// The pause asked for, milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// Answers take this many times as long.
    Slow {
        /// How many times.
        factor: f64,
    },
    /// Both grow, from nothing at the beginning to this at the end.
    Creeping {
        /// How many times as long answers take in the end.
        factor: f64,
        /// The share of failing calls in the end.
        percent: f64,
    },
}

/// One thing that goes wrong with a provider.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ill {
    /// When.
    pub span: Span,
    /// For whom.
    pub whom: Whom,
    /// What.
    pub what: Ailment,
}

/// What is wrong with this machine's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// No way out at all.
    Offline,
    /// Addresses can be reached, but no resolver answers.
    NoNames,
    /// A sign-in page answers for everyone.
    Portal,
}

/// Someone who calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Client {
    /// Its name.
    pub name: &'static str,
    /// Requests a minute, on average.
    pub per_minute: f64,
    /// Share of them that are streams, percent.
    pub stream_percent: f64,
}

/// How long the models of every route take when all is well; medians, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// An answer in one piece.
    pub whole_ms: f64,
    /// A stream's first word.
    pub first_words_ms: f64,
    /// The requests ask for reasoning.
    pub reasons: bool,
}

impl Pace {
    /// A small chat model.
    pub const CHAT: Self = Self { whole_ms: 900.0, first_words_ms: 400.0, reasons: false };
    /// A reasoning model: 95 of 100 answers in one piece take less than 63 s, and as many first words come within 36 s.
    pub const REASONING: Self = Self { whole_ms: 35_000.0, first_words_ms: 20_000.0, reasons: true };

    /// Whether most answers of a model that is well take longer than this, milliseconds, whatever is asked for.
    #[must_use]
    pub fn is_above(self, limit_ms: u64) -> bool {
        self.whole_ms.min(self.first_words_ms) > limit_ms as f64
    }
}

/// A script.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Its name.
    pub name: &'static str,
    /// The map it is played on.
    pub world: World,
    /// How long callers keep calling.
    pub lasts_ms: u64,
    /// What goes wrong with providers.
    pub ills: Vec<Ill>,
    /// What goes wrong with this machine's network.
    pub cuts: Vec<(Span, Cut)>,
    /// When this machine sleeps.
    pub sleeps: Vec<Span>,
    /// Who calls.
    pub clients: Vec<Client>,
    /// How long the models take.
    pub pace: Pace,
}

/// How a route does at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    /// Share of calls that fail, percent, and how.
    pub failing: Option<(f64, FailureKind)>,
    /// Share of calls refused with 429, percent, and the pause asked for.
    pub limited: Option<(f64, Option<u64>)>,
    /// How many times as long answers take.
    pub slow: f64,
}

impl Condition {
    const WELL: Self = Self { failing: None, limited: None, slow: 1.0 };

    /// Share of calls that fail one way or another, percent.
    #[must_use]
    pub fn failing_percent(self) -> f64 {
        self.failing.map_or(0.0, |(percent, _)| percent).max(self.limited.map_or(0.0, |(percent, _)| percent))
    }

    /// Whether callers would rather be elsewhere.
    #[must_use]
    pub fn is_ill(self) -> bool {
        self.failing_percent() >= ILL_PERCENT || self.slow >= ILL_FACTOR
    }

    /// Whether hardly a call is answered.
    #[must_use]
    pub fn is_out(self) -> bool {
        self.failing_percent() >= OUT_PERCENT
    }
}

impl Script {
    /// How a route does.
    #[must_use]
    pub fn condition(&self, provider: &str, route: &str, at_ms: u64) -> Condition {
        let mut condition = Condition::WELL;
        let hits = |whom: Whom| match whom {
            Whom::Provider(name) => name == provider,
            Whom::Route(id) => id == route,
            Whom::Everyone => true,
        };
        for ill in self.ills.iter().filter(|ill| ill.span.holds(at_ms) && hits(ill.whom)) {
            condition.suffer(ill, at_ms);
        }
        condition
    }

    /// What is wrong with the network.
    #[must_use]
    pub fn cut(&self, at_ms: u64) -> Option<(Span, Cut)> {
        self.cuts.iter().copied().find(|(span, _)| span.holds(at_ms))
    }

    /// The sleep of a moment.
    #[must_use]
    pub fn sleep(&self, at_ms: u64) -> Option<Span> {
        self.sleeps.iter().copied().find(|span| span.holds(at_ms))
    }

    /// Whether the machine slept or was cut off at any moment of this span.
    #[must_use]
    pub fn is_disturbed(&self, from_ms: u64, to_ms: u64) -> bool {
        self.sleeps
            .iter()
            .chain(self.cuts.iter().map(|(span, _)| span))
            .any(|span| span.meets(from_ms, to_ms))
    }
}

impl Condition {
    fn suffer(&mut self, ill: &Ill, at_ms: u64) {
        let fail = |now: Option<(f64, FailureKind)>, percent: f64, with: FailureKind| {
            Some(now.filter(|(worst, _)| *worst >= percent).unwrap_or((percent, with)))
        };
        match ill.what {
            Ailment::Failing { percent, with } => self.failing = fail(self.failing, percent, with),
            Ailment::Limited { percent, retry_after_ms } => self.limited = Some((percent, retry_after_ms)),
            Ailment::Slow { factor } => self.slow = self.slow.max(factor),
            Ailment::Creeping { factor, percent } => {
                let grown = (at_ms - ill.span.from_ms) as f64 / ill.span.length_ms().max(1) as f64;
                self.slow = self.slow.max(1.0 + (factor - 1.0) * grown);
                self.failing = fail(self.failing, percent * grown, FailureKind::ServerError);
            }
        }
    }
}
