//! What an event says of incidents: which one it begins, whose timeline it belongs on, and what else it knows. Pure.

use switchyard_domain::RouteId;
use switchyard_domain::event::{Event, EventKind};
use switchyard_domain::incident::Severity;
use switchyard_domain::map::RoutingMap;
use switchyard_domain::operate::TriggerKind;

/// Why an incident begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) provider: String,
    /// What is wrong, in a few words.
    pub(super) what: String,
    /// When the condition was first true, UTC epoch milliseconds.
    pub(super) condition_at_ms: i64,
    /// Whether traffic was told to move with it.
    pub(super) decides: bool,
    pub(super) severity: Severity,
    /// Whether a person did it.
    pub(super) by_hand: bool,
}

impl Opening {
    /// The incident that a change to a later tier begins at a provider that can't be used.
    pub(super) fn of_tier(provider: String, cause: Option<&str>, at_ms: i64) -> Self {
        Self {
            provider,
            what: cause.unwrap_or("no route of it can be used").trim_end_matches('.').to_owned(),
            condition_at_ms: at_ms,
            decides: true,
            severity: Severity::Two,
            by_hand: false,
        }
    }
}

/// The incident an event begins, if any. A change of tier begins one too, which needs a look at the fleet
/// ([`Opening::of_tier`]).
pub(super) fn opening_of(event: &Event, map: &RoutingMap) -> Option<Opening> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other event begins no incident")]
    match &event.what {
        EventKind::CircuitOpened { route, failure, .. } => Some(Opening {
            provider: RoutingMap::provider_of(Some(map), route).to_owned(),
            what: failure.short(),
            condition_at_ms: event.at_ms,
            decides: true,
            severity: Severity::Two,
            by_hand: false,
        }),
        EventKind::TriggerFired { kind, provider, began_at_ms, reason, .. } => Some(Opening {
            provider: provider.clone(),
            what: reason.clone(),
            condition_at_ms: *began_at_ms,
            // The others only lower a weight.
            decides: *kind == TriggerKind::Errors,
            severity: Severity::Three,
            by_hand: false,
        }),
        EventKind::ShiftStarted { provider: Some(provider), actor, reason, .. } => Some(Opening {
            provider: provider.clone(),
            what: reason.clone(),
            condition_at_ms: event.at_ms,
            decides: true,
            severity: Severity::Three,
            by_hand: actor != "router",
        }),
        _ => None,
    }
}

/// Whether an event belongs on the timeline of a provider's incident.
pub(super) fn belongs(what: &EventKind, provider: &str, map: &RoutingMap) -> bool {
    let of = |route: &RouteId| RoutingMap::provider_of(Some(map), route) == provider;
    match what {
        EventKind::CircuitOpened { route, .. }
        | EventKind::CircuitHalfOpen { route }
        | EventKind::CircuitClosed { route }
        | EventKind::RouteSwitched { route, .. }
        | EventKind::ProbeFailed { route, .. }
        | EventKind::CircuitFlaps { route, .. }
        | EventKind::CompatChecked { route, .. } => of(route),
        EventKind::StreamRescued { from, .. } => of(from),
        EventKind::KeyCondemned { provider: theirs, .. }
        | EventKind::TriggerFired { provider: theirs, .. }
        | EventKind::TriggerCleared { provider: theirs, .. }
        | EventKind::RegionOut { provider: theirs, .. }
        | EventKind::RegionBack { provider: theirs, .. }
        | EventKind::UsersHurt { provider: theirs, .. } => theirs == provider,
        EventKind::ShiftStarted { provider: theirs, .. }
        | EventKind::ShiftMoved { provider: theirs, .. }
        | EventKind::ShiftHeld { provider: theirs, .. }
        | EventKind::ShiftReversed { provider: theirs, .. }
        | EventKind::FailbackStarted { provider: theirs, .. }
        | EventKind::ShiftEnded { provider: theirs, .. } => {
            theirs.as_deref().is_none_or(|theirs| theirs == provider)
        }
        EventKind::CredentialChanged { name, .. } => name.split(':').next() == Some(provider),
        // What moves or stops traffic while the incident lasts is part of its story.
        EventKind::Started { .. }
        | EventKind::MapApplied { .. }
        | EventKind::TierChanged { .. }
        | EventKind::Paused { .. }
        | EventKind::Resumed
        | EventKind::MoneyPaused { .. }
        | EventKind::MoneyResumed { .. }
        | EventKind::Distributed { .. }
        | EventKind::OrderChanged { .. }
        | EventKind::StormBegan { .. }
        | EventKind::StormEnded { .. }
        | EventKind::WorkShed { .. }
        | EventKind::CauseFound { .. }
        | EventKind::NetworkTurned { .. }
        | EventKind::NetworkSwitched { .. }
        | EventKind::WokeUp { .. }
        | EventKind::ClockJumped { .. }
        | EventKind::NamesFrom { .. }
        | EventKind::ProxyChanged { .. }
        | EventKind::JobDead { .. } => true,
        // Counted, not told one by one; the incident's own word is its state.
        EventKind::JobQueued { .. }
        | EventKind::JobDone { .. }
        | EventKind::JobDiscarded { .. }
        | EventKind::AnswerDegraded { .. }
        | EventKind::KeychainUnavailable { .. }
        | EventKind::IncidentOpened { .. }
        | EventKind::IncidentClosed { .. } => false,
    }
}

/// What else an event knows.
pub(super) fn detail_of(what: &EventKind) -> Option<String> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the sentence of every other event says it all")]
    match what {
        EventKind::CircuitOpened { route, failure, .. } | EventKind::ProbeFailed { route, failure } => {
            Some(format!("{route}: {}", failure.message)).filter(|_| !failure.message.is_empty())
        }
        EventKind::TierChanged { route: Some(route), .. } => Some(route.to_string()),
        _ => None,
    }
}
