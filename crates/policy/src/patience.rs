//! How long a try may be silent before another route is asked.
//!
//! What silence means depends on what is under way: a plain stream begins within seconds, a model that reasons says
//! nothing for a minute, the head of a whole answer comes when the answer is done. So each kind of silence has a limit:
//!
//! - a limit the map writes binds;
//! - else it is the default, or three times what 99 of 100 answers of this route needed, if that is more and at least 20
//!   answers of that kind are known;
//! - with no other route left to ask there is nothing to gain by giving up: only the deadline ends the try.
//!
//! The deadline is the request's SLO. Where a person wrote it, each route that has not been tried keeps a fair share of
//! what is left of it, so that a silent route never eats it all.

mod learned;

use switchyard_domain::Now;
use switchyard_domain::map::{Defaults, Timeouts};

pub(crate) use learned::Learned;

/// A learned limit is so many times the 99th percentile.
const LEARNED_FACTOR: u64 = 3;

/// A kind of silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Silence {
    /// Nothing of a stream has come.
    FirstToken,
    /// Nothing of a stream has come, and the request or the model reasons.
    FirstReasoning,
    /// Nothing of a stream has come but keep-alives.
    FirstAlive,
    /// Text flows.
    Text,
    /// Text flows, and the request carries tools: the server may be gathering a call.
    TextWithTools,
    /// Reasoning is under way.
    Reasoning,
    /// A tool call is under way.
    ToolCall,
    /// Inside a stream, nothing but keep-alives comes.
    KeepAlive,
    /// The head of a whole answer has not come.
    Answer,
    /// Inside a whole answer's body.
    Body,
}

impl Silence {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::FirstToken,
        Self::FirstReasoning,
        Self::FirstAlive,
        Self::Text,
        Self::TextWithTools,
        Self::Reasoning,
        Self::ToolCall,
        Self::KeepAlive,
        Self::Answer,
        Self::Body,
    ];

    /// The limit where the map writes none and nothing is learned, milliseconds.
    const fn default_ms(self) -> u64 {
        match self {
            Self::FirstToken => Defaults::FIRST_TOKEN_MS,
            Self::FirstReasoning | Self::Reasoning => Defaults::REASONING_MS,
            Self::FirstAlive | Self::KeepAlive => Defaults::KEEP_ALIVE_MS,
            Self::Text => Defaults::IDLE_MS,
            Self::TextWithTools => Defaults::IDLE_WITH_TOOLS_MS,
            Self::ToolCall => Defaults::TOOL_CALL_MS,
            Self::Answer => Defaults::ANSWER_MS,
            Self::Body => Defaults::BODY_MS,
        }
    }

    /// The limit the map writes: the nearest key that names it.
    pub(crate) fn written_ms(self, timeouts: &Timeouts) -> Option<u64> {
        match self {
            Self::FirstToken => timeouts.first_token_ms,
            Self::FirstReasoning => timeouts.reasoning_ms.or(timeouts.first_token_ms),
            Self::FirstAlive => timeouts.keep_alive_ms.or(timeouts.first_token_ms),
            Self::Text => timeouts.idle_ms,
            Self::TextWithTools => timeouts.idle_with_tools_ms.or(timeouts.idle_ms),
            Self::Reasoning => timeouts.reasoning_ms.or(timeouts.idle_ms),
            Self::ToolCall => timeouts.tool_call_ms.or(timeouts.idle_ms),
            Self::KeepAlive => timeouts.keep_alive_ms,
            Self::Answer => timeouts.answer_ms.or(timeouts.first_byte_ms),
            Self::Body => timeouts.body_ms.or(timeouts.idle_ms),
        }
    }

    /// Whether the caller has heard something by then: there is no way back, only a rescue.
    pub(crate) const fn is_committed(self) -> bool {
        match self {
            Self::Text | Self::TextWithTools | Self::Reasoning | Self::ToolCall | Self::KeepAlive => true,
            Self::FirstToken | Self::FirstReasoning | Self::FirstAlive | Self::Answer | Self::Body => false,
        }
    }
}

/// The longest silence of each kind in one answer, milliseconds; 0 = it had none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits([u32; Silence::ALL.len()]);

impl Waits {
    /// Takes a silence that ended well.
    pub fn note(&mut self, silence: Silence, ms: u32) {
        let longest = &mut self.0[silence as usize];
        *longest = ms.max(*longest);
    }

    fn known(&self) -> impl Iterator<Item = (Silence, u32)> {
        Silence::ALL.into_iter().map(|silence| (silence, self.0[silence as usize])).filter(|(_, ms)| *ms > 0)
    }
}

/// Whose limit ends a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The silence was too long for what was under way.
    Silence,
    /// Nothing but keep-alives came for too long.
    KeepAlives,
    /// The other routes' shares of the request's time begin.
    Share,
    /// The request's time is over.
    Deadline,
    /// `timeouts.totalMs`.
    Total,
}

/// The request a try belongs to, as far as its patience goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    /// The try's beginning.
    pub(crate) now: Now,
    /// The request's deadline on the monotonic clock.
    pub(crate) deadline_mono_ms: u64,
    /// Whether a person wrote the SLO behind it.
    pub(crate) is_written: bool,
    /// Routes that could still be asked after this one.
    pub(crate) untried: u64,
    /// Whether the plan has any other route, tried or not: who could continue a stream that breaks off.
    pub(crate) has_others: bool,
}

/// How long one try may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    begun_mono_ms: u64,
    /// The limit of each kind, milliseconds.
    limits_ms: [u32; Silence::ALL.len()],
    /// The kinds whose limit gives way to the deadline where that is later, one bit each.
    give_way: u16,
    /// `timeouts.firstByteMs`.
    head_ms: Option<u64>,
    total_ms: Option<u64>,
    share_mono_ms: Option<u64>,
    deadline_mono_ms: u64,
}

impl Patience {
    pub(crate) fn new(timeouts: &Timeouts, learned: &Learned, time: Time) -> Self {
        let now = time.now.mono_ms;
        let left = time.deadline_mono_ms.saturating_sub(now);
        let is_shared = time.is_written && time.untried > 0;
        let mut give_way = 0;
        let limits_ms = Silence::ALL.map(|silence| {
            let limit_ms = silence.written_ms(timeouts).unwrap_or_else(|| {
                let is_last = if silence.is_committed() { !time.has_others } else { time.untried == 0 };
                give_way |= u16::from(is_last) << silence as u16;
                let learned_ms = learned.p99_ms(silence).map_or(0, |p99| u64::from(p99) * LEARNED_FACTOR);
                silence.default_ms().max(learned_ms)
            });
            u32::try_from(limit_ms).unwrap_or(u32::MAX)
        });
        Self {
            begun_mono_ms: now,
            limits_ms,
            give_way,
            head_ms: timeouts.first_byte_ms,
            total_ms: timeouts.total_ms,
            share_mono_ms: is_shared.then(|| now.saturating_add(left / (time.untried + 1))),
            deadline_mono_ms: time.deadline_mono_ms,
        }
    }

    /// The patience with a route that is asked and no other: only its deadline ends it, unless the map writes a limit.
    #[must_use]
    pub fn alone(timeouts: &Timeouts, now: Now, deadline_mono_ms: u64) -> Self {
        let time = Time { now, deadline_mono_ms, is_written: false, untried: 0, has_others: false };
        Self::new(timeouts, &Learned::default(), time)
    }

    /// The try's beginning, on the monotonic clock.
    #[must_use]
    pub const fn begun_mono_ms(&self) -> u64 {
        self.begun_mono_ms
    }

    /// The request's deadline on the monotonic clock.
    #[must_use]
    pub const fn deadline_mono_ms(&self) -> u64 {
        self.deadline_mono_ms
    }

    /// When a try that has not been answered is over, whatever comes.
    #[must_use]
    pub fn ends_mono_ms(&self) -> u64 {
        let ends = [self.total_mono_ms(), self.share_mono_ms].into_iter().flatten();
        ends.fold(self.deadline_mono_ms, u64::min)
    }

    /// When a try that has not been answered is over, if nothing came since `since_mono_ms`; and whose limit that is.
    #[must_use]
    pub fn until(&self, silence: Silence, since_mono_ms: u64) -> (u64, EndedBy) {
        let mut end = (self.after(silence, since_mono_ms), EndedBy::Silence);
        let bounds = [
            (self.total_mono_ms(), EndedBy::Total),
            (self.share_mono_ms, EndedBy::Share),
            (Some(self.deadline_mono_ms), EndedBy::Deadline),
        ];
        for (at, by) in bounds {
            // The deadline names itself where a limit falls together with it.
            if let Some(at) = at.filter(|at| *at <= end.0) {
                end = (at, by);
            }
        }
        end
    }

    /// The same while the head of a stream has not come.
    #[must_use]
    pub fn until_head(&self, silence: Silence) -> (u64, EndedBy) {
        let begun = self.begun_mono_ms;
        let head = self.head_ms.map_or(u64::MAX, |ms| begun.saturating_add(ms));
        let end = self.until(silence, begun);
        if head < end.0 { (head, EndedBy::Silence) } else { end }
    }

    /// When a stream that has begun is over: if no frame came since `frame_mono_ms`, or, since there were keep-alives,
    /// nothing else since `content_mono_ms`.
    #[must_use]
    pub fn until_stalled(
        &self,
        silence: Silence,
        content_mono_ms: u64,
        frame_mono_ms: u64,
    ) -> (u64, EndedBy) {
        let mut end = (self.after(silence, frame_mono_ms), EndedBy::Silence);
        let keep_alives = self.after(Silence::KeepAlive, content_mono_ms);
        if frame_mono_ms > content_mono_ms && keep_alives < end.0 {
            end = (keep_alives, EndedBy::KeepAlives);
        }
        match self.total_mono_ms() {
            Some(total) if total <= end.0 => (total, EndedBy::Total),
            Some(_) | None => end,
        }
    }

    fn total_mono_ms(&self) -> Option<u64> {
        self.total_ms.map(|ms| self.begun_mono_ms.saturating_add(ms))
    }

    fn after(&self, silence: Silence, since_mono_ms: u64) -> u64 {
        let at = since_mono_ms.saturating_add(u64::from(self.limits_ms[silence as usize]));
        if self.give_way & (1 << silence as u16) == 0 { at } else { at.max(self.deadline_mono_ms) }
    }
}
