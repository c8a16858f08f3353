//! Load shedding: which work gives way when not everything can be served. What gives way is queued, never lost.

use switchyard_domain::Now;
use switchyard_domain::event::EventKind;
use switchyard_domain::map::{ClientRule, Job, Priority, ShedSettings};
use switchyard_domain::operate::ShedView;

/// While it lasts, shedding is told this often, milliseconds.
const TELL_EVERY_MS: u64 = 300_000;

/// How much the router carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests under way, without the one that is judged.
    pub in_flight: u64,
    /// The most there may be.
    pub max_in_flight: u32,
    /// Whether retries are cut because of a storm.
    pub storm: bool,
    /// Of the routes the request could be answered by, those that serve, where some don't.
    pub routes_left: Option<usize>,
}

/// Why work gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pressure {
    /// Nearly as much is under way as may be; the share, percent.
    Full(u64),
    /// Retries are cut.
    Storm,
    /// All routes but one are out.
    LastRoute,
}

/// Who gives way, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The highest priority that gives way.
    pub up_to: Priority,
    /// Why.
    pub why: Pressure,
}

impl Verdict {
    /// Whether work of this priority gives way.
    #[must_use]
    pub fn sheds(self, priority: Priority) -> bool {
        priority != Priority::High && priority <= self.up_to
    }
}

impl Pressure {
    /// The reason in words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Full(100..) => {
                "as many requests are under way as may be (limits.maxInFlight); any more, of whatever \
                                  priority, are refused with a 429"
                    .to_owned()
            }
            Self::Full(percent) => {
                format!("{percent} % of the requests that may be under way are (limits.maxInFlight)")
            }
            Self::Storm => "there is a retry storm".to_owned(),
            Self::LastRoute => "only one route is left".to_owned(),
        }
    }

    /// When asking again makes sense, milliseconds.
    #[must_use]
    pub const fn again_in_ms(self) -> u64 {
        match self {
            Self::Full(_) => 5_000,
            Self::Storm | Self::LastRoute => 30_000,
        }
    }
}

/// Who gives way under this load; none when everybody is served. High never does.
#[must_use]
pub fn judge(load: Load, settings: ShedSettings) -> Option<Verdict> {
    let percent = load.in_flight.saturating_mul(100) / u64::from(load.max_in_flight.max(1));
    if percent >= settings.normal_at_percent {
        return Some(Verdict { up_to: Priority::Normal, why: Pressure::Full(percent) });
    }
    let low = |why| Some(Verdict { up_to: Priority::Low, why });
    if percent >= settings.low_at_percent {
        low(Pressure::Full(percent))
    } else if load.storm {
        low(Pressure::Storm)
    } else if load.routes_left == Some(1) {
        low(Pressure::LastRoute)
    } else {
        None
    }
}

/// A request's priority: its job's, else what it says of itself, else its app's, else normal. What it says can lower
/// its job's, never raise it.
#[must_use]
pub fn priority(job: &Job, said: Option<Priority>, client: Option<&ClientRule>) -> Priority {
    match (job.priority, said) {
        (Some(job), Some(said)) => job.min(said),
        (Some(job), None) => job,
        (None, Some(said)) => said,
        (None, None) => client.and_then(|client| client.priority).unwrap_or_default(),
    }
}

/// What gave way since it began.
#[derive(Debug, Default)]
pub struct Shedding {
    now: Option<ShedView>,
    told_at: Option<u64>,
}

impl Shedding {
    /// A request gave way. Says so once in a while.
    pub fn shed(&mut self, verdict: Verdict, priority: Priority, now: Now) -> Option<EventKind> {
        let view =
            self.now.get_or_insert(ShedView { up_to: verdict.up_to, reason: verdict.why.words(), shed: 0 });
        view.up_to = verdict.up_to;
        view.reason = verdict.why.words();
        view.shed += 1;
        let is_news = self.told_at.is_none_or(|at| now.mono_ms.saturating_sub(at) >= TELL_EVERY_MS);
        is_news.then(|| {
            self.told_at = Some(now.mono_ms);
            EventKind::WorkShed { priority: priority.as_str().to_owned(), reason: verdict.why.words() }
        })
    }

    /// The beat: what gives way now, if anything does.
    pub fn tick(&mut self, verdict: Option<Verdict>) {
        let shed = self.now.as_ref().map_or(0, |view| view.shed);
        self.now =
            verdict.map(|verdict| ShedView { up_to: verdict.up_to, reason: verdict.why.words(), shed });
    }

    /// What is shown.
    #[must_use]
    pub fn view(&self) -> Option<ShedView> {
        self.now.clone()
    }
}
