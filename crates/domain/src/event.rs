//! What happened, for the log, the event stream, notices and the window.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::budget::{PauseCause, Scope};
use crate::compat::CompatDrift;
use crate::incident::IncidentId;
use crate::map::ShiftMode;
use crate::network::{NameSource, NetworkState};
use crate::operate::TriggerKind;
use crate::{Failure, RequestId, RouteId, Tier};

/// One entry of the event log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Position in the log; grows by one per event across restarts.
    pub id: i64,
    /// UTC epoch milliseconds.
    pub at_ms: i64,
    /// What happened.
    #[serde(flatten)]
    pub what: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum EventKind {
    /// The router started.
    #[serde(rename_all = "camelCase")]
    Started { version: String, proxy_url: String },
    /// A map was applied.
    MapApplied { version: i64, name: String, source: String },
    /// A route's circuit opened.
    CircuitOpened { route: RouteId, failure: Failure, consecutive: u32 },
    /// A route's circuit lets a test call through.
    CircuitHalfOpen { route: RouteId },
    /// A route's circuit closed again.
    CircuitClosed { route: RouteId },
    /// New requests are now answered by another tier: a failover (to a later tier) or a recovery (to an earlier one).
    TierChanged { from: Tier, to: Tier, route: Option<RouteId>, cause: Option<String> },
    /// A key is not used for now.
    KeyCondemned { provider: String, credential: String, failure: Failure },
    /// A stream broke off behind its first word, and another route continued it.
    #[serde(rename_all = "camelCase")]
    StreamRescued { request_id: RequestId, from: RouteId, to: RouteId, chars: usize, failure: Failure },
    /// A route of another dialect answered, and something of the request or the answer had no word there. Told once in
    /// a while per route and kind of loss.
    #[serde(rename_all = "camelCase")]
    AnswerDegraded { request_id: RequestId, route: RouteId, lost: Vec<String> },
    /// A request was put into the cold queue.
    #[serde(rename_all = "camelCase")]
    JobQueued { job_id: String, job: String, client: String },
    /// A queued job was answered.
    #[serde(rename_all = "camelCase")]
    JobDone { job_id: String, job: String, route: RouteId },
    /// A queued job used up its attempts or its time.
    #[serde(rename_all = "camelCase")]
    JobDead { job_id: String, job: String, reason: String },
    /// A person discarded a queued job.
    #[serde(rename_all = "camelCase")]
    JobDiscarded { job_id: String, job: String },
    /// New work is paused.
    Paused { reason: String },
    /// New work is taken again.
    Resumed,
    /// Money holds new work of a scope.
    MoneyPaused {
        #[schema(value_type = String, example = "budget/client/crawler/dayUsd")]
        cause: PauseCause,
        #[schema(value_type = String, example = "client/crawler")]
        whose: Scope,
        reason: String,
    },
    /// It does no longer.
    MoneyResumed {
        #[schema(value_type = String, example = "webhook/google")]
        cause: PauseCause,
        #[schema(value_type = String, example = "total")]
        whose: Scope,
    },
    /// A route was switched on or off by hand.
    #[serde(rename_all = "camelCase")]
    RouteSwitched { route: RouteId, in_service: bool },
    /// A credential was stored or removed. Never its value.
    CredentialChanged { name: String, stored: bool },
    /// The keychain can't be used.
    KeychainUnavailable { reason: String },
    /// A probe found a route that can't be reached although its circuit is closed.
    ProbeFailed { route: RouteId, failure: Failure },
    /// A route's compatibility was checked. `drift` is what ends otherwise than the time before.
    CompatChecked { route: RouteId, passed: bool, drift: Vec<CompatDrift> },
    /// A trigger's condition is met. `route` is absent when the provider as a whole is judged.
    #[serde(rename_all = "camelCase")]
    TriggerFired {
        kind: TriggerKind,
        provider: String,
        route: Option<RouteId>,
        began_at_ms: i64,
        reason: String,
    },
    /// A trigger has recovered.
    TriggerCleared { kind: TriggerKind, provider: String, route: Option<RouteId>, reason: String },
    /// Traffic begins to move. `provider` is the one it leaves, where it leaves one.
    ShiftStarted {
        shift: u64,
        provider: Option<String>,
        from: String,
        to: String,
        mode: ShiftMode,
        actor: String,
        reason: String,
    },
    /// A shift took a step; `share_percent` of the traffic goes elsewhere now.
    #[serde(rename_all = "camelCase")]
    ShiftMoved {
        shift: u64,
        provider: Option<String>,
        from: String,
        to: String,
        share_percent: u32,
        reason: String,
    },
    /// A shift stands still, or goes on after it did.
    ShiftHeld {
        shift: u64,
        provider: Option<String>,
        from: String,
        held: bool,
        actor: String,
        reason: String,
    },
    /// A shift turned back: traffic goes where it was before.
    ShiftReversed { shift: u64, provider: Option<String>, from: String, to: String, reason: String },
    /// Traffic begins to come home.
    FailbackStarted { shift: u64, provider: Option<String>, home: String, actor: String, reason: String },
    /// Traffic is home again, or the shift was taken back.
    ShiftEnded { shift: u64, provider: Option<String>, home: String, reason: String },
    /// Weights other than the map's; none when they were taken back.
    Distributed { weights: Option<String>, actor: String, reason: String },
    /// Something was overridden by hand, or the override taken back. `action` is the audit log's.
    OrderChanged { action: String, target: String, on: bool, actor: String, reason: Option<String> },
    /// A circuit that opens again and again waits longer each time.
    #[serde(rename_all = "camelCase")]
    CircuitFlaps { route: RouteId, times: u32, wait_ms: u64 },
    /// Retries are cut because there are too many of them.
    StormBegan { reason: String },
    /// Retries are given again.
    StormEnded { reason: String },
    /// Work of low priority gives way. Told once in a while.
    WorkShed { priority: String, reason: String },
    /// An incident was opened.
    IncidentOpened { incident: IncidentId, provider: String, title: String },
    /// Callers get errors while an incident is open. Told once in a while.
    UsersHurt { incident: IncidentId, provider: String, reason: String },
    /// An incident is over.
    IncidentClosed { incident: IncidentId, provider: String, summary: String },
    /// A likely cause of trouble.
    CauseFound { code: String, cause: String },
    /// This machine's network went from one state to another. `lasted_ms` is how long the state before lasted.
    #[serde(rename_all = "camelCase")]
    NetworkTurned {
        from: NetworkState,
        to: NetworkState,
        reason: String,
        portal_url: Option<String>,
        lasted_ms: u64,
    },
    /// The machine is on another network than before: `what` says which part of it changed.
    NetworkSwitched { what: String },
    /// The machine slept.
    #[serde(rename_all = "camelCase")]
    WokeUp { asleep_ms: u64 },
    /// The wall clock was set; forward when positive.
    #[serde(rename_all = "camelCase")]
    ClockJumped { by_ms: i64 },
    /// Addresses of hosts come from elsewhere than before.
    NamesFrom { source: NameSource },
    /// The system's proxy is another; none when it was taken out.
    ProxyChanged { proxy: Option<String> },
    /// One region of a provider does not answer while another one does.
    RegionOut { provider: String, region: String, answers: String },
    /// That region answers again, or is no longer alone in it.
    RegionBack { provider: String, region: String },
}

/// Which lamp stands beside an event or a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StatusLevel {
    /// Green: works.
    Clear,
    /// Amber: being tested.
    Caution,
    /// Amber triangle: works through another tier.
    Degraded,
    /// Red: does not work.
    Stop,
    /// Blue: stopped on purpose.
    Paused,
    /// Blue: for your information.
    Info,
    /// Grey: switched off.
    Out,
    /// Grey, dashed: not tried yet.
    Unknown,
}

/// The model's own name in a route id: what people call the route.
#[must_use]
pub fn route_label(route: &RouteId) -> &str {
    route.as_str().split_once('/').map_or(route.as_str(), |(_, model)| model)
}

impl EventKind {
    /// The lamp beside it.
    #[must_use]
    pub const fn lamp(&self) -> StatusLevel {
        match self {
            Self::CircuitOpened { .. }
            | Self::JobDead { .. }
            | Self::KeyCondemned { .. }
            | Self::UsersHurt { .. } => StatusLevel::Stop,
            Self::CircuitHalfOpen { .. } | Self::ProbeFailed { .. } | Self::KeychainUnavailable { .. } => {
                StatusLevel::Caution
            }
            Self::CircuitClosed { .. }
            | Self::JobDone { .. }
            | Self::IncidentClosed { .. }
            | Self::RegionBack { .. }
            | Self::TriggerCleared { .. }
            | Self::ShiftEnded { .. }
            | Self::StormEnded { .. } => StatusLevel::Clear,
            Self::StreamRescued { .. }
            | Self::AnswerDegraded { .. }
            | Self::RegionOut { .. }
            | Self::ShiftStarted { .. }
            | Self::ShiftMoved { .. }
            | Self::ShiftReversed { .. } => StatusLevel::Degraded,
            Self::CompatChecked { passed, drift, .. } => match (*passed, drift.is_empty()) {
                (true, true) => StatusLevel::Clear,
                (true, false) => StatusLevel::Info,
                (false, _) => StatusLevel::Caution,
            },
            Self::TierChanged { from, to, .. } => {
                if (*to as u8) < (*from as u8) {
                    StatusLevel::Clear
                } else {
                    StatusLevel::Degraded
                }
            }
            Self::Paused { .. }
            | Self::MoneyPaused { .. }
            | Self::JobQueued { .. }
            | Self::ShiftHeld { .. }
            | Self::WorkShed { .. } => StatusLevel::Paused,
            Self::RouteSwitched { in_service, .. } => {
                if *in_service {
                    StatusLevel::Clear
                } else {
                    StatusLevel::Out
                }
            }
            Self::TriggerFired { kind, .. } => match kind {
                TriggerKind::Errors => StatusLevel::Stop,
                TriggerKind::Manual => StatusLevel::Info,
                TriggerKind::ServerErrors
                | TriggerKind::RateLimited
                | TriggerKind::Slow
                | TriggerKind::Probes
                | TriggerKind::Quality => StatusLevel::Caution,
            },
            Self::IncidentOpened { .. }
            | Self::FailbackStarted { .. }
            | Self::CircuitFlaps { .. }
            | Self::StormBegan { .. }
            | Self::CauseFound { .. } => StatusLevel::Caution,
            Self::NetworkTurned { to, .. } => {
                if to.is_down() {
                    StatusLevel::Caution
                } else {
                    StatusLevel::Clear
                }
            }
            Self::NetworkSwitched { .. }
            | Self::WokeUp { .. }
            | Self::ClockJumped { .. }
            | Self::NamesFrom { .. }
            | Self::ProxyChanged { .. }
            | Self::Started { .. }
            | Self::Distributed { .. }
            | Self::OrderChanged { .. }
            | Self::MapApplied { .. }
            | Self::Resumed
            | Self::MoneyResumed { .. }
            | Self::CredentialChanged { .. }
            | Self::JobDiscarded { .. } => StatusLevel::Info,
        }
    }

    /// One or two plain sentences, on one line whatever a caller or a provider put into the names in it.
    #[must_use]
    pub fn sentence(&self) -> String {
        crate::text::one_line(&self.words()).into_owned()
    }

    fn words(&self) -> String {
        match self {
            Self::Started { proxy_url, .. } => format!("Switchyard listens on {proxy_url}."),
            Self::MapApplied { version, source, .. } => format!("Map v{version} applied from {source}."),
            Self::CircuitOpened { route, failure, consecutive } => {
                format!("{}: {}, {consecutive} in a row. Circuit open.", route_label(route), failure.short())
            }
            Self::CircuitHalfOpen { route } => format!("{} gets a test call.", route_label(route)),
            Self::CircuitClosed { route } => format!("{} answers again. Circuit closed.", route_label(route)),
            Self::TierChanged { from, to, route, cause } => {
                let answers = route.as_ref().map_or_else(
                    || "jobs wait in the queue".to_owned(),
                    |route| format!("{} answers", route_label(route)),
                );
                if (*to as u8) < (*from as u8) {
                    format!("Back on {}: {answers}.", to.title())
                } else {
                    let cause = cause.as_ref().map(|c| format!(" {c}.")).unwrap_or_default();
                    format!("{} took over: {answers}.{cause}", to.title())
                }
            }
            Self::KeyCondemned { provider, credential, failure } => {
                format!("{provider}: key {credential} is not used for now ({}).", failure.short())
            }
            Self::StreamRescued { from, to, failure, .. } => format!(
                "A stream of {} broke off ({}); {} continued it.",
                route_label(from),
                failure.short(),
                route_label(to)
            ),
            Self::AnswerDegraded { route, lost, .. } => {
                format!("{} answered with losses in translation: {}.", route_label(route), lost.join(", "))
            }
            Self::JobQueued { job, .. } => format!("A {job} job waits in the queue. Nothing is lost."),
            Self::JobDone { job, route, .. } => {
                format!("A queued {job} job was answered by {}.", route_label(route))
            }
            Self::JobDead { job, reason, .. } => format!("A queued {job} job needs you: {reason}."),
            Self::JobDiscarded { job, .. } => format!("A queued {job} job was discarded."),
            Self::Paused { reason } => format!("New work is paused: {reason}. Running requests finish."),
            Self::Resumed => "New work is taken again.".to_owned(),
            Self::MoneyPaused { whose, reason, .. } => {
                format!("{}: {reason}. Running requests finish.", whose.waits())
            }
            Self::MoneyResumed { cause, whose } => {
                let what = match whose {
                    Scope::Total => "new work".to_owned(),
                    Scope::Provider(provider) => format!("new work for {provider}"),
                    Scope::Client(client) => format!("new work of {client}"),
                    Scope::Job(job) => format!("new work of the job {job}"),
                };
                format!("{cause} no longer holds {what}.")
            }
            Self::RouteSwitched { route, in_service } => {
                let state = if *in_service { "back in service" } else { "out of use" };
                format!("{} is {state}.", route_label(route))
            }
            Self::CredentialChanged { name, stored } => {
                format!("The key for {name} was {}.", if *stored { "stored" } else { "removed" })
            }
            Self::KeychainUnavailable { reason } | Self::NetworkTurned { reason, .. } => reason.clone(),
            Self::ProbeFailed { route, failure } => {
                format!("{} does not answer its probe: {}.", route_label(route), failure.short())
            }
            Self::CompatChecked { route, passed, drift } => checked(route, *passed, drift),
            Self::TriggerFired { provider, route, reason, .. } => {
                format!("{}: {reason}.", whose(provider, route.as_ref()))
            }
            Self::TriggerCleared { provider, route, reason, .. } => {
                format!("{} is well again: {reason}.", whose(provider, route.as_ref()))
            }
            Self::ShiftStarted { from, to, mode, reason, .. } => {
                format!("Traffic moves from {from} to {to} ({}): {reason}.", mode.as_str())
            }
            Self::ShiftMoved { from, to, share_percent, reason, .. } => {
                format!("{share_percent} % of {from}'s traffic goes to {to}: {reason}.")
            }
            Self::ShiftHeld { from, held: true, reason, .. } => {
                format!("The shift from {from} is held: {reason}.")
            }
            Self::ShiftHeld { from, held: false, reason, .. } => {
                format!("The shift from {from} goes on: {reason}.")
            }
            Self::ShiftReversed { from, to, reason, .. } => {
                format!("The shift from {from} to {to} was reversed: {reason}.")
            }
            Self::FailbackStarted { home, reason, .. } => format!("Traffic comes back to {home}: {reason}."),
            Self::ShiftEnded { home, reason, .. } => format!("All traffic is back on {home}: {reason}."),
            Self::Distributed { weights: Some(weights), reason, .. } => {
                format!("Traffic is split {weights}: {reason}.")
            }
            Self::Distributed { weights: None, reason, .. } => {
                format!("Traffic is split as the map says again: {reason}.")
            }
            Self::OrderChanged { action, target, reason, .. } => {
                let why = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                format!("{}{why}.", ordered(action, target))
            }
            Self::CircuitFlaps { route, times, wait_ms } => format!(
                "{} opened {times} times in a row; the next test call waits {} s.",
                route_label(route),
                wait_ms / 1_000
            ),
            Self::StormBegan { reason } => {
                format!("Retry storm: {reason}. Retries are cut until it is calm.")
            }
            Self::StormEnded { reason } => format!("Retries are given again: {reason}."),
            Self::WorkShed { priority, reason } => {
                format!("Work of {priority} priority is queued for now: {reason}. Nothing is lost.")
            }
            Self::IncidentOpened { incident, title, .. } => format!("Incident {incident} opened: {title}."),
            Self::UsersHurt { reason, .. } => format!("{reason}."),
            Self::IncidentClosed { incident, summary, .. } => {
                format!("Incident {incident} is over. {summary}")
            }
            Self::CauseFound { cause, .. } => cause.clone(),
            Self::NetworkSwitched { what } => format!("This machine is on another network: {what}."),
            Self::WokeUp { asleep_ms } => {
                format!("Resumed from sleep after {}. Connections are made anew.", span(*asleep_ms))
            }
            Self::ClockJumped { by_ms } => {
                let way = if *by_ms < 0 { "back" } else { "forward" };
                format!("The clock was set {way} by {}. No deadline moved.", span(by_ms.unsigned_abs()))
            }
            Self::NamesFrom { source } => match source {
                NameSource::System => "The system's DNS answers again.".to_owned(),
                NameSource::Fallback => {
                    "The system's DNS does not answer; fallback resolvers look names up.".to_owned()
                }
                NameSource::LastKnown => "No DNS answers; addresses that worked before are used.".to_owned(),
            },
            Self::ProxyChanged { proxy: Some(proxy) } => format!("The system's proxy is {proxy} now."),
            Self::ProxyChanged { proxy: None } => "The system has no proxy any more.".to_owned(),
            Self::RegionOut { provider, region, answers } => {
                format!("{provider}: only the region {region} is out; {answers} answers.")
            }
            Self::RegionBack { provider, region } => {
                format!("{provider}: the outage of the region {region} alone is over.")
            }
        }
    }
}

/// A length of time as people say it.
fn span(ms: u64) -> String {
    match ms / 1_000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

/// An override by hand, in words. Actions are the audit log's.
fn ordered(action: &str, target: &str) -> String {
    match action {
        "route.off" | "kill" => format!("{target} is switched off by hand"),
        "route.on" | "unkill" => format!("{target} is in service again"),
        "breaker.open" => format!("The breaker of {target} is held open by hand"),
        "breaker.close" => format!("The breaker of {target} is held closed by hand"),
        "breaker.auto" => format!("The breaker of {target} judges by itself again"),
        "override.set" => format!("The models of {target} are overridden"),
        "override.clear" | "client.clear" => format!("{target} goes by the map again"),
        "override.ignored" => format!("The override of {target} changes nothing: the map no longer has it"),
        "except" => format!("{target} is left out everywhere"),
        "except.clear" => format!("{target} is used again"),
        "client.bounds" => format!("The bounds of {target} were changed"),
        "client.prefer" => format!("The preferred provider of {target} was changed"),
        "ai.off" => "Every request is refused at once: the all-off switch is thrown".to_owned(),
        "ai.on" => "Requests are answered again: the all-off switch is reset".to_owned(),
        "rollback" => format!("Rolled back: {target}"),
        _ => format!("{action}: {target}"),
    }
}

fn whose<'a>(provider: &'a str, route: Option<&'a RouteId>) -> &'a str {
    route.map_or(provider, route_label)
}

fn checked(route: &RouteId, passed: bool, drift: &[CompatDrift]) -> String {
    let verdict = if passed { "passed" } else { "did not pass" };
    let mut sentence = format!("{} {verdict} its compatibility check.", route_label(route));
    if !drift.is_empty() {
        let moved: Vec<String> = drift
            .iter()
            .map(|moved| {
                format!("{} {} (was {})", moved.case.words(), moved.after.as_str(), moved.before.as_str())
            })
            .collect();
        sentence.push_str(&format!(" Changed since the last one: {}.", moved.join(", ")));
    }
    sentence
}

#[cfg(test)]
mod tests;
