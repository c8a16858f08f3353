//! Which events are worth a person's attention, and the words.
//!
//! A notice names what happened, what Switchyard did about it, and what is left to do. It is written for
//! somebody who isn't looking at the window.

use switchyard_domain::event::{Event, EventKind, route_label};
use switchyard_domain::network::NetworkState;
use switchyard_domain::{Failure, FailureKind, RouteId, Tier};

/// What a person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What happened, in a few words.
    pub title: String,
    /// Cause, what was done, what is left to do. Plain text.
    pub body: String,
    /// How loud.
    pub urgency: Urgency,
    /// Notices with the same key say the same thing; see [`crate::Quiet`].
    pub key: String,
}

/// How loud a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Good to know.
    Low,
    /// Something changed.
    Normal,
    /// Somebody has to act; it stays until it is dismissed.
    Critical,
}

/// The notice an event is worth, if any.
#[must_use]
pub fn notice_of(event: &Event) -> Option<Notice> {
    match &event.what {
        EventKind::TierChanged { from, to, route, cause } => {
            tier_changed(*from, *to, route.as_ref(), cause.as_deref())
        }
        EventKind::Paused { reason } => Some(Notice {
            title: "New work is paused".to_owned(),
            body: join([Some(sentence(reason)), Some("Running requests finish.".to_owned())]),
            urgency: Urgency::Normal,
            key: "pause.paused".to_owned(),
        }),
        EventKind::Resumed => Some(Notice {
            title: "New work is taken again".to_owned(),
            body: "Requests are answered as usual.".to_owned(),
            urgency: Urgency::Low,
            key: "pause.resumed".to_owned(),
        }),
        EventKind::MoneyPaused { cause, whose, reason } => Some(Notice {
            title: whose.waits(),
            body: join([
                Some(sentence(reason)),
                Some(
                    "Running requests finish. `switchyard budget` shows why and lets work go on.".to_owned(),
                ),
            ]),
            urgency: Urgency::Critical,
            key: format!("money.{cause}"),
        }),
        EventKind::MoneyResumed { cause, .. } => Some(Notice {
            title: "Work goes on".to_owned(),
            body: event.what.sentence(),
            urgency: Urgency::Low,
            key: format!("money.{cause}.over"),
        }),
        EventKind::JobQueued { job, client, .. } => Some(Notice {
            title: "Jobs wait in the queue".to_owned(),
            body: format!(
                "No route could answer a {job} job from {client}. It is stored, and tried again by itself."
            ),
            urgency: Urgency::Normal,
            key: "queue.waiting".to_owned(),
        }),
        EventKind::JobDead { job, reason, .. } => Some(Notice {
            title: "A queued job needs you".to_owned(),
            body: join([
                Some(format!("A {job} job is not tried any more.")),
                Some(sentence(reason)),
                Some("Replay or discard it under Queue.".to_owned()),
            ]),
            urgency: Urgency::Critical,
            key: "queue.dead".to_owned(),
        }),
        EventKind::KeyCondemned { provider, credential, failure } => {
            key_condemned(provider, credential, failure)
        }
        EventKind::ShiftStarted { shift, from, to, mode, reason, .. } => Some(Notice {
            title: format!("Traffic leaves {from}"),
            body: join([Some(sentence(reason)), Some(format!("It goes to {to} ({}).", mode.as_str()))]),
            urgency: Urgency::Normal,
            key: format!("shift.{shift}.away"),
        }),
        EventKind::ShiftEnded { shift, home, reason, .. } => Some(Notice {
            title: format!("Traffic is back on {home}"),
            body: sentence(reason),
            urgency: Urgency::Normal,
            key: format!("shift.{shift}.home"),
        }),
        EventKind::UsersHurt { incident, reason, .. } => Some(Notice {
            title: "Callers get errors".to_owned(),
            body: join([Some(sentence(reason)), Some(format!("See incident {incident}."))]),
            urgency: Urgency::Critical,
            key: format!("incident.{incident}.hurt"),
        }),
        EventKind::NetworkTurned { to, reason, .. } => network_turned(*to, reason),
        EventKind::Started { .. }
        | EventKind::MapApplied { .. }
        | EventKind::CircuitOpened { .. }
        | EventKind::CircuitHalfOpen { .. }
        | EventKind::CircuitClosed { .. }
        | EventKind::StreamRescued { .. }
        | EventKind::AnswerDegraded { .. }
        | EventKind::JobDone { .. }
        | EventKind::JobDiscarded { .. }
        | EventKind::RouteSwitched { .. }
        | EventKind::CredentialChanged { .. }
        | EventKind::KeychainUnavailable { .. }
        | EventKind::ProbeFailed { .. }
        | EventKind::CompatChecked { .. }
        | EventKind::TriggerFired { .. }
        | EventKind::TriggerCleared { .. }
        | EventKind::ShiftMoved { .. }
        | EventKind::ShiftHeld { .. }
        | EventKind::ShiftReversed { .. }
        | EventKind::FailbackStarted { .. }
        | EventKind::Distributed { .. }
        | EventKind::OrderChanged { .. }
        | EventKind::CircuitFlaps { .. }
        | EventKind::StormBegan { .. }
        | EventKind::StormEnded { .. }
        | EventKind::WorkShed { .. }
        | EventKind::IncidentOpened { .. }
        | EventKind::IncidentClosed { .. }
        | EventKind::CauseFound { .. }
        | EventKind::NetworkSwitched { .. }
        | EventKind::WokeUp { .. }
        | EventKind::ClockJumped { .. }
        | EventKind::NamesFrom { .. }
        | EventKind::ProxyChanged { .. }
        | EventKind::RegionOut { .. }
        | EventKind::RegionBack { .. } => None,
    }
}

fn tier_changed(from: Tier, to: Tier, route: Option<&RouteId>, cause: Option<&str>) -> Option<Notice> {
    let answers = match (route, to) {
        (Some(route), Tier::Hot | Tier::Warm | Tier::Cold) => format!("{} answers.", route_label(route)),
        (None, Tier::Cold) => "Jobs wait in the queue and are tried again.".to_owned(),
        (None, Tier::Hot | Tier::Warm) => String::new(),
    };
    if to > from {
        Some(Notice {
            title: format!("Running on {}", to.title()),
            body: join([cause.map(sentence), Some(answers), Some("Nothing was lost.".to_owned())]),
            urgency: if to == Tier::Cold { Urgency::Critical } else { Urgency::Normal },
            key: format!("tier.down.{to}"),
        })
    } else if to < from {
        Some(Notice {
            title: format!("Back on {}", to.title()),
            body: join([Some(answers), Some("Nothing was lost.".to_owned())]),
            urgency: Urgency::Normal,
            key: format!("tier.up.{to}"),
        })
    } else {
        None
    }
}

/// A key that only has to rest comes back by itself: that is no reason to interrupt anybody.
/// A person can do something about a sign-in page or a network that lets nothing through; that a cable is out shows by
/// itself.
fn network_turned(to: NetworkState, sentence: &str) -> Option<Notice> {
    let title = match to {
        NetworkState::CaptivePortal => "Sign in to this network",
        NetworkState::DnsBroken => "This network's DNS is broken",
        NetworkState::Intercepted => "This network lets no provider through",
        NetworkState::ProxyDown => "No way through the proxy",
        NetworkState::Unknown | NetworkState::Online | NetworkState::Offline => return None,
    };
    Some(Notice {
        title: title.to_owned(),
        body: sentence.to_owned(),
        urgency: Urgency::Normal,
        key: "network.turned".to_owned(),
    })
}

fn key_condemned(provider: &str, credential: &str, failure: &Failure) -> Option<Notice> {
    if failure.kind == FailureKind::RateLimited {
        return None;
    }
    Some(Notice {
        title: format!("A key of {provider} needs you"),
        body: format!(
            "{provider} answers {} to the key {credential}, so it is not used for now. Test or replace it under \
             Providers.",
            failure.short()
        ),
        urgency: Urgency::Critical,
        key: format!("key.{provider}.{credential}"),
    })
}

/// The words as a sentence: a capital in front, a full stop at the end. Empty stays empty.
fn sentence(words: &str) -> String {
    let words = words.trim();
    let mut letters = words.chars();
    let Some(first) = letters.next() else { return String::new() };
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), letters.as_str())
}

fn join<const N: usize>(sentences: [Option<String>; N]) -> String {
    let written: Vec<String> = sentences.into_iter().flatten().filter(|words| !words.is_empty()).collect();
    written.join(" ")
}

#[cfg(test)]
mod tests;
