//! How the last requests ended, as their callers saw it: what the status is judged by beside circuits.
//!
//! At most twenty, none older than [`LATELY_MS`]. A request that was refused for its own fault, or that its caller left
//! after the first word, says nothing here; the engine leaves it out.

use std::collections::VecDeque;

use switchyard_domain::{Now, Tier};

/// Evidence older than this is not told as the present, milliseconds: five minutes, the span of the shares shown beside
/// it. One call a minute still gives five to judge by; what was mended before lunch is not told after it.
pub const LATELY_MS: u64 = 300_000;
/// Requests that are kept: as many as a route's strip shows.
const KEPT: usize = 20;

/// How a request ended for its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A route answered.
    Answered {
        /// The route's provider.
        provider: String,
        /// The route's tier for this request.
        tier: Tier,
        /// Whether a try failed before.
        retried: bool,
        /// Whether it was asked elsewhere than the map and the orders say, since that was out.
        moved: bool,
    },
    /// It was put into the queue.
    Queued,
    /// Its caller got no answer.
    Unanswered,
    /// Its caller left before an answer came.
    GivenUp,
}

/// The last requests.
#[derive(Debug, Default)]
pub struct Lately {
    ends: VecDeque<(u64, Ended)>,
}

/// What the last requests came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests that ended, but for those given up.
    pub asked: u32,
    /// Answered by Hot.
    pub hot: u32,
    /// Answered by Warm.
    pub warm: u32,
    /// Put into the queue.
    pub queued: u32,
    /// Without an answer.
    pub unanswered: u32,
    /// Given up by their callers before an answer came. That says nothing beside answers, and something without any.
    pub given_up: u32,
    /// Answered, but after a failed try.
    pub retried: u32,
    /// Answered, but after a failed try or elsewhere than the map says.
    pub troubled: u32,
    /// The providers that answered and how often, the busiest first.
    pub by: Vec<(String, u32)>,
    /// Whether any request ended before these.
    pub any_before: bool,
}

impl Figures {
    /// Whether there were requests and each was answered as the map says.
    #[must_use]
    pub const fn all_well(&self) -> bool {
        self.asked > 0 && self.queued == 0 && self.unanswered == 0 && self.troubled == 0
    }
}

impl Lately {
    /// Takes the end of a request.
    pub fn ended(&mut self, how: Ended, now: Now) {
        if self.ends.len() == KEPT {
            self.ends.pop_front();
        }
        self.ends.push_back((now.mono_ms, how));
    }

    /// Forgets what was: it happened under other conditions (another map, no network, a pause).
    pub fn clear(&mut self) {
        self.ends.clear();
    }

    /// What the requests of the last [`LATELY_MS`] came to.
    #[must_use]
    pub fn figures(&self, now: Now) -> Figures {
        let mut figures = Figures::default();
        for (at_mono_ms, how) in &self.ends {
            if now.mono_ms.saturating_sub(*at_mono_ms) > LATELY_MS {
                figures.any_before = true;
                continue;
            }
            figures.asked += u32::from(*how != Ended::GivenUp);
            match how {
                Ended::Answered { provider, tier, retried, moved } => {
                    match tier {
                        Tier::Hot => figures.hot += 1,
                        Tier::Warm | Tier::Cold => figures.warm += 1,
                    }
                    figures.retried += u32::from(*retried);
                    figures.troubled += u32::from(*retried || *moved);
                    match figures.by.iter_mut().find(|(name, _)| name == provider) {
                        Some((_, count)) => *count += 1,
                        None => figures.by.push((provider.clone(), 1)),
                    }
                }
                Ended::Queued => figures.queued += 1,
                Ended::Unanswered => figures.unanswered += 1,
                Ended::GivenUp => figures.given_up += 1,
            }
        }
        figures.by.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        figures
    }
}
