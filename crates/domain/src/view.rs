//! What a person looks at: one snapshot of the whole router, the same for window, CLI and browser.

mod providers;
mod requests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::budget::{BudgetView, Pause};
use crate::event::{Event, StatusLevel};
use crate::incident::IncidentBrief;
use crate::network::NetworkView;
use crate::operate::{
    CauseView, DistributionView, ForcedBreaker, Kill, LoopView, Overrides, ShedView, ShiftView, TriggerView,
    WhyView,
};
use crate::{Dialect, Failure, RouteId, Tier};

pub use providers::{CredentialPlace, CredentialView, KeychainView, ProviderView};
pub use requests::{AttemptView, Outcome, RequestView};

/// The whole state at one moment. A stream of these is the event stream; a reader that lags takes the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Grows with every change; equal numbers are equal snapshots.
    pub seq: u64,
    /// UTC epoch milliseconds.
    pub at_ms: i64,
    /// The router itself.
    pub router: RouterView,
    /// The one sentence that says how things stand.
    pub status: StatusView,
    /// Whether new work is paused, and why.
    pub pause: PauseView,
    /// Every capped budget as it stands: everything together first.
    #[serde(default)]
    pub budgets: Vec<BudgetView>,
    /// The running map.
    pub map: MapView,
    /// Hot and Warm, in order of tries.
    pub tiers: Vec<TierView>,
    /// The cold tier.
    pub cold: ColdView,
    /// Apps that called in the last hour, busiest first.
    pub clients: Vec<ClientView>,
    /// The last hour's traffic.
    pub traffic: TrafficView,
    /// Newest first, at most 50.
    pub events: Vec<EventView>,
    /// Newest first, at most 20.
    pub requests: Vec<RequestView>,
    /// The providers of the running map and their credentials.
    pub providers: Vec<ProviderView>,
    /// Whether the OS keychain can be used.
    pub keychain: KeychainView,
    /// Traffic that is moved, or was moved and stays away.
    pub shifts: Vec<ShiftView>,
    /// Weights other than the map's.
    pub distribution: Option<DistributionView>,
    /// What is overridden at run time.
    pub overrides: Overrides,
    /// Triggers that have fired and not recovered.
    pub triggers: Vec<TriggerView>,
    /// How retries are doing.
    pub loops: LoopView,
    /// What gives way for now.
    pub shed: Option<ShedView>,
    /// Likely causes of present trouble, worst first.
    pub causes: Vec<CauseView>,
    /// Open incidents, and those closed within the last hour, newest first.
    pub incidents: Vec<IncidentBrief>,
    /// This machine's network.
    #[serde(default)]
    pub network: NetworkView,
}

/// The router itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouterView {
    /// The program's version.
    pub version: String,
    /// Where clients point, without a trailing slash: `http://127.0.0.1:4310`.
    pub proxy_url: String,
    /// Where the control API listens; absent when it has no port (in-process only).
    pub control_url: Option<String>,
    /// Where the data lives.
    pub data_dir: String,
    /// Process id of the router.
    pub pid: u32,
    /// UTC epoch milliseconds.
    pub started_at_ms: i64,
    /// Whether the running map uses the simulated providers.
    pub demo: bool,
    /// Whether no map has been applied yet (the window shows Welcome).
    pub first_run: bool,
    /// Telemetry rows that were dropped because the log could not keep up. Never money, jobs or answers.
    pub telemetry_dropped: u64,
}

/// The status sentence: a bold state, then one sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// The lamp.
    pub lamp: StatusLevel,
    /// The tier the next request is expected to be answered by, as circuits and the last calls say.
    pub tier: Tier,
    /// The bold state: `All clear.`, `Ready.`, `Running on Warm.`
    pub state: String,
    /// The sentence after it.
    pub sentence: String,
    /// Since when this tier answers, UTC epoch milliseconds.
    pub since_ms: i64,
    /// Requests answered or queued since then.
    pub kept: u64,
    /// Accepted requests lost since the start. The promise is zero.
    pub lost: u64,
    /// Why requests go where they go, newest reason first; empty when everything is as the map says.
    pub why: Vec<WhyView>,
    /// The same judgement in one word, as `GET /health` says it.
    #[serde(default)]
    pub health: HealthWord,
    /// The stopped route that is tested next, where one waits for its test call.
    #[serde(default)]
    pub next_test: Option<NextTestView>,
}

/// How the router is doing, for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthWord {
    /// Requests are answered as the map says, or nothing was asked lately and nothing speaks against it.
    Ok,
    /// Requests are answered, but not all as the map says.
    Degraded,
    /// No route is expected to answer: requests are queued, or refused where the queue is off.
    Cold,
    /// New work is paused.
    Paused,
    /// Every request is refused at once.
    Off,
    /// This machine's network is down.
    Offline,
    /// There is no map that runs.
    #[default]
    Unconfigured,
}

impl HealthWord {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Cold => "cold",
            Self::Paused => "paused",
            Self::Off => "off",
            Self::Offline => "offline",
            Self::Unconfigured => "unconfigured",
        }
    }

    /// Whether a caller can expect an answer now.
    #[must_use]
    pub const fn answers(self) -> bool {
        match self {
            Self::Ok | Self::Degraded => true,
            Self::Cold | Self::Paused | Self::Off | Self::Offline | Self::Unconfigured => false,
        }
    }
}

/// A stopped route's next test call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextTestView {
    /// The route.
    pub route: RouteId,
    /// From when on a request tests it, milliseconds from now; 0: the next one does.
    pub in_ms: u64,
}

/// Whether new work is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PauseView {
    /// Whether new work is refused or queued.
    pub paused: bool,
    /// Why, in the words of whoever paused it.
    pub reason: Option<String>,
    /// Since when, UTC epoch milliseconds.
    pub since_ms: Option<i64>,
    /// Every cause there is, those that hold a part of the work included.
    #[serde(default)]
    pub causes: Vec<Pause>,
}

/// The running map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapView {
    /// The document's `name`, else `production`.
    pub name: String,
    /// The applied version; 0 before the first.
    pub version: i64,
    /// When it was applied, UTC epoch milliseconds.
    pub applied_at_ms: Option<i64>,
    /// Who applied it: `window`, `cli`, `api`, `demo`, `restore`.
    pub source: Option<String>,
    /// Names of its jobs.
    pub jobs: Vec<String>,
    /// Whether it switches everything off (`flags.ai_enabled: false`): each request is refused at once.
    #[serde(default)]
    pub off: bool,
}

/// One tier with its routes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TierView {
    /// Hot or Warm.
    pub tier: Tier,
    /// Share of the answers of the last five minutes, percent; absent when there were none.
    pub share_percent: Option<f64>,
    /// Whether the next request would be answered here.
    pub in_use: bool,
    /// In order of tries.
    pub routes: Vec<RouteView>,
}

/// A breaker's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// Calls flow.
    Closed,
    /// Test calls flow, one at a time.
    HalfOpen,
    /// No calls flow.
    Open,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteView {
    /// The route's id.
    pub id: RouteId,
    /// The provider's name in the map.
    pub provider: String,
    /// The model's name in the map.
    pub model: String,
    /// Host (and port) of the base URL. Never its path, query or user info.
    pub host: String,
    /// What it speaks.
    pub dialect: Dialect,
    /// The weight, where the tier splits by weight.
    pub weight: Option<u32>,
    /// The lamp.
    pub lamp: StatusLevel,
    /// The word beside the lamp: `Clear`, `Caution`, `Stop`, `Out of use`, `Not probed`.
    pub signal: String,
    /// Detail after the word: `529 overloaded`.
    pub detail: Option<String>,
    /// The breaker.
    pub circuit: CircuitState,
    /// Milliseconds until the next test call may go, while open.
    pub next_probe_in_ms: Option<u64>,
    /// Milliseconds the target asked not to be called (Retry-After), while it lasts.
    pub cooldown_ms: Option<u64>,
    /// Whether the kill switch leaves it in service.
    pub in_service: bool,
    /// Whether the map itself switched it off (`"enabled": false`).
    pub off_in_map: bool,
    /// Whether the next request would try it first.
    pub next: bool,
    /// The last 20 calls, oldest first: true = success.
    pub last: Vec<bool>,
    /// Median time of the last answers, milliseconds; for a stream, to its end.
    pub p50_ms: Option<u32>,
    /// 95th percentile, milliseconds.
    pub p95_ms: Option<u32>,
    /// Share of failed calls among the last 20 of the last five minutes, percent; absent when there were none.
    pub error_percent: Option<f64>,
    /// Why the last failed call failed.
    pub last_failure: Option<Failure>,
    /// When the last probe ended, UTC epoch milliseconds.
    pub probed_at_ms: Option<i64>,
    /// Whether the last probe succeeded.
    pub probe_ok: Option<bool>,
    /// What is left of its weight, percent, while a trigger lowers it.
    pub lowered_to_percent: Option<u32>,
    /// Share of its traffic that a shift sends elsewhere, percent.
    pub shifted_percent: Option<u32>,
    /// The breaker, where it is held by hand.
    pub forced: Option<ForcedBreaker>,
    /// The kill switch that keeps it out of service, its own or its model's or provider's.
    pub killed: Option<Kill>,
    /// Why it does not serve as the map says, as a sentence.
    pub why: Option<String>,
}

/// The cold tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ColdView {
    /// The queue's name.
    pub queue: String,
    /// Whether the map's flags allow queueing.
    pub enabled: bool,
    /// Whether the next request would be queued.
    pub in_use: bool,
    /// Jobs waiting or running.
    pub waiting: u64,
    /// Jobs that need a person (dead letters).
    pub dead: u64,
    /// Jobs answered so far.
    pub done: u64,
    /// The oldest waiting job's arrival, UTC epoch milliseconds.
    pub oldest_at_ms: Option<i64>,
    /// The next attempt, UTC epoch milliseconds.
    pub next_attempt_at_ms: Option<i64>,
    /// The first wagons, oldest first, at most 12.
    pub wagons: Vec<QueuedJobView>,
}

/// One waiting job in the diagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuedJobView {
    /// The job's id.
    pub id: String,
    /// The workload's name.
    pub job: String,
    /// Waiting, running or dead.
    pub state: JobState,
}

/// Where a queued job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waits for its next attempt.
    Waiting,
    /// An attempt is under way.
    Running,
    /// Answered. Terminal.
    Done,
    /// Used up its attempts; replay or discard. Terminal until replayed.
    Dead,
    /// Its time ran out. Terminal until replayed.
    Expired,
    /// Discarded by a person. Terminal.
    Discarded,
}

impl JobState {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Expired => "expired",
            Self::Discarded => "discarded",
        }
    }

    /// Reads the name in the database.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Running, Self::Done, Self::Dead, Self::Expired, Self::Discarded]
            .into_iter()
            .find(|state| state.as_str() == text)
    }

    /// Whether nothing more happens to it by itself.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Waiting | Self::Running => false,
            Self::Done | Self::Dead | Self::Expired | Self::Discarded => true,
        }
    }
}

/// An app with its own local key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientView {
    /// The app's name.
    pub name: String,
    /// Requests a minute over the last five minutes.
    pub per_minute: f64,
}

/// The last hour's traffic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrafficView {
    /// Requests a minute over the last five minutes.
    pub per_minute: f64,
    /// Requests in each of the last 60 minutes, oldest first.
    pub requests: Vec<u32>,
    /// Median answer time in each of the last 60 minutes, milliseconds; null where there were none.
    pub p50_ms: Vec<Option<u32>>,
    /// 95th percentile likewise.
    pub p95_ms: Vec<Option<u32>>,
    /// Requests under way now.
    pub in_flight: u64,
}

/// One event with its lamp and sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// The lamp beside it.
    pub lamp: StatusLevel,
    /// One or two plain sentences.
    pub sentence: String,
    /// The event itself.
    #[serde(flatten)]
    pub event: Event,
}
