//! The map as people write it. The JSON Schema is generated from these types; nothing is checked here.

mod budget;
mod network;
mod price;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::midstream::Midstream;
use super::operate::{
    Priority, RawCache, RawFailback, RawGoals, RawIncidents, RawShed, RawShift, RawStorm, RawTriggers, Sticky,
};
use super::preset::Auth;
use crate::{Dialect, Feature};

use budget::RawBudget;
pub(super) use budget::RawCaps;
pub(super) use network::RawCheckUrl;
use network::RawNetwork;
pub(super) use price::{RawPrice, RawPriceSettings};

/// A routing map: tiers, routes, jobs and policies.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Switchyard routing map")]
pub struct RawMap {
    /// The JSON Schema's address, for editors. Ignored.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// The map's name in the window.
    pub name: Option<String>,
    /// The applied version this document was written against. Applying it over a newer one is refused.
    #[schemars(range(min = 0))]
    pub version: Option<u64>,
    /// Provider accounts by name. A provider that is only named in a route needs no entry.
    pub providers: Option<BTreeMap<String, RawProvider>>,
    /// Tried first, in this order: models and endpoints of the primary provider.
    pub hot: Option<Vec<RawRoute>>,
    /// Tried when Hot can't answer, in this order: other providers.
    pub warm: Option<Vec<RawRoute>>,
    /// The durable queue behind both.
    pub cold: Option<RawCold>,
    /// Named workloads; each overrides only what it writes.
    pub jobs: Option<BTreeMap<String, RawJob>>,
    /// Most time to answer, milliseconds.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub slo_ms: Option<u64>,
    /// What happens when a stream dies after its first word.
    pub midstream: Option<Midstream>,
    /// How long the first words of a stream are held back, milliseconds, so that an early death goes unseen.
    #[schemars(range(min = 0, max = 10_000))]
    pub hold_back_ms: Option<u64>,
    /// Retries inside one request.
    pub retry: Option<RawRetry>,
    /// When a route's circuit opens and closes.
    pub breaker: Option<RawBreaker>,
    /// When a route or a provider is judged ill, and when well again.
    pub triggers: Option<RawTriggers>,
    /// How traffic is moved away.
    pub shift: Option<RawShift>,
    /// When traffic comes home by itself.
    pub failback: Option<RawFailback>,
    /// When retries are cut, and when they come back.
    pub storm: Option<RawStorm>,
    /// When work of lower priority gives way.
    pub shed: Option<RawShed>,
    /// Answers kept for when no route can answer.
    pub cache: Option<RawCache>,
    /// When an incident is over, and what is told of it meanwhile.
    pub incidents: Option<RawIncidents>,
    /// What an outage's handling is measured by.
    pub goals: Option<RawGoals>,
    /// Whether a conversation stays with its route where traffic is split.
    pub sticky: Option<Sticky>,
    /// What may be spent: at most so much in a day or a month.
    pub budget: Option<RawBudget>,
    /// Apps, by the name of their local key: where they may go, and who is told.
    pub clients: Option<BTreeMap<String, RawClient>>,
    /// Timeouts of one attempt.
    pub timeouts: Option<RawTimeouts>,
    /// The free health probe.
    pub probe: Option<RawProbe>,
    /// How this machine's network is judged, and what happens while it is down.
    pub network: Option<RawNetwork>,
    /// By which names the proxy may be called.
    pub listen: Option<RawListen>,
    /// What models cost, by a glob over `provider/model` or the model's name, where the price list doesn't know them or a
    /// contract says otherwise. An exact name beats a glob, and a longer glob a shorter one.
    pub prices: Option<BTreeMap<String, RawPrice>>,
    /// Switches.
    pub flags: Option<RawFlags>,
    /// Sizes and counts.
    pub limits: Option<RawLimits>,
}

/// A provider account.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawProvider {
    /// The preset it builds on, when its name isn't one: `anthropic`, `openai`, `google`, ...
    pub kind: Option<String>,
    /// Base URL, with or without `/v1`. `${NAME}` is resolved.
    pub base_url: Option<String>,
    /// What the base URL speaks.
    pub dialect: Option<Dialect>,
    /// How the key is presented.
    pub auth: Option<Auth>,
    /// The name its key is stored under.
    pub credential: Option<String>,
    /// Names of several keys, in order of use.
    pub credentials: Option<Vec<String>>,
    /// Further request headers. `${NAME}` is resolved.
    pub headers: Option<BTreeMap<String, String>>,
    /// Callers' headers that are passed on to it besides those every provider gets.
    pub forward_headers: Option<Vec<String>>,
    /// Further dialects the same base URL speaks.
    pub speaks: Option<Vec<Dialect>>,
    /// Where the account lives: part of the address with Bedrock and Vertex, else for your information.
    pub region: Option<String>,
    /// The Google Cloud project (Vertex). `${NAME}` is resolved.
    pub project: Option<String>,
    /// The AWS profile whose credentials are used where none are stored (Bedrock).
    pub profile: Option<String>,
    /// The dated API version of a deployment's address (Azure OpenAI); without it the `v1` address is used.
    pub api_version: Option<String>,
    /// The proxy its requests go through: `http://`, `https://` or `socks5://`, `direct` for none, `system` for the
    /// system's. `${NAME}` is resolved.
    pub proxy: Option<String>,
    /// Where the vendor says how it is doing.
    pub status_page: Option<String>,
    /// Where the vendor takes support cases.
    pub support: Option<String>,
    /// Whether it takes `stream_options.include_usage` (OpenAI-compatible chat).
    pub usage_in_stream: Option<bool>,
    /// Timeouts of its routes.
    pub timeouts: Option<RawTimeouts>,
}

/// One provider + model + endpoint.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawRoute {
    /// Its id; `provider/model` when not written.
    pub id: Option<String>,
    /// The provider's name.
    #[schemars(required)]
    pub provider: Option<String>,
    /// The model's name, as clients ask for it.
    #[schemars(required)]
    pub model: Option<String>,
    /// The model's name upstream, when it differs.
    pub upstream_model: Option<String>,
    /// Other names clients may ask for.
    pub aliases: Option<Vec<String>>,
    /// Base URL, with or without `/v1`. `${NAME}` is resolved.
    pub base_url: Option<String>,
    /// What the base URL speaks.
    pub dialect: Option<Dialect>,
    /// How the key is presented.
    pub auth: Option<Auth>,
    /// The name its key is stored under.
    pub credential: Option<String>,
    /// Further request headers. `${NAME}` is resolved.
    pub headers: Option<BTreeMap<String, String>>,
    /// Callers' headers that are passed on to it besides those every provider gets and its provider's.
    pub forward_headers: Option<Vec<String>>,
    /// Its part of the tier's traffic. Without weights, order decides.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: Option<u32>,
    /// False switches it off.
    pub enabled: Option<bool>,
    /// Whether it takes `stream_options.include_usage` (OpenAI-compatible chat).
    pub usage_in_stream: Option<bool>,
    /// Further dialects the same base URL speaks.
    pub speaks: Option<Vec<Dialect>>,
    /// What it can do and what it can't, where that differs from what is known of its dialect and model.
    pub features: Option<BTreeMap<Feature, bool>>,
    /// The most tokens of prompt and answer together.
    #[schemars(range(min = 256, max = 100_000_000))]
    pub context_window: Option<u64>,
    /// What it costs, over the price list and over `prices`.
    pub price: Option<RawPrice>,
    /// Its timeouts.
    pub timeouts: Option<RawTimeouts>,
    /// Its breaker.
    pub breaker: Option<RawBreaker>,
}

/// A route of a job: the id or model of a route of the map, or a route of its own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawRouteRef {
    /// A route of the map, by id or model.
    Name(String),
    /// A route of its own.
    Route(Box<RawRoute>),
}

/// The cold tier.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawCold {
    /// What callers hear when Hot and Warm can't answer.
    pub mode: Option<RawColdMode>,
    /// The queue's name.
    pub queue: Option<String>,
    /// Who is told; addresses.
    pub notify: Option<Vec<String>>,
    /// The canned completion of `"mode": "template"`.
    pub template: Option<String>,
    /// Attempts that reached an upstream.
    #[schemars(range(min = 1, max = 100))]
    pub max_attempts: Option<u32>,
    /// First wait between attempts, milliseconds.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub initial_ms: Option<u64>,
    /// Longest wait between attempts, milliseconds.
    #[schemars(range(min = 10, max = 86_400_000))]
    pub max_ms: Option<u64>,
    /// The deadline of one attempt, milliseconds.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub attempt_ms: Option<u64>,
    /// A job's life, milliseconds.
    #[schemars(range(min = 1_000, max = 2_592_000_000_u64))]
    pub expires_ms: Option<u64>,
    /// Jobs attempted at the same time.
    #[schemars(range(min = 1, max = 64))]
    pub concurrency: Option<u32>,
    /// Jobs that may wait at the same time; what comes then is refused with a reason.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_jobs: Option<u32>,
    /// Bytes that the kept requests may take, dead letters included; what comes then is refused with a reason.
    #[schemars(range(min = 1_048_576, max = 1_099_511_627_776_u64))]
    pub max_bytes: Option<u64>,
}

/// What callers hear when Hot and Warm can't answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawColdMode {
    /// By the caller: 202 for plain HTTP; an error in its dialect for a stream, an interactive caller or an SDK, which
    /// would read a 202 as a completion. The request is queued in both cases.
    GracefulDegrade,
    /// 202 for whoever asks for a whole answer, SDKs too; a stream gets an error. The request is queued.
    Queued,
    /// An error in the caller's dialect for everybody. The request is queued.
    Error,
    /// A canned completion, marked as degraded, and a queued job.
    Template,
    /// Hold the request until it is answered or the SLO ends, then as `graceful_degrade`.
    Wait,
}

/// A named workload.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawJob {
    /// Its own Hot.
    pub hot: Option<Vec<RawRouteRef>>,
    /// Its own Warm.
    pub warm: Option<Vec<RawRouteRef>>,
    /// Most time to answer, milliseconds.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub slo_ms: Option<u64>,
    /// What happens when a stream dies after its first word.
    pub midstream: Option<Midstream>,
    /// How long the first words of a stream are held back, milliseconds.
    #[schemars(range(min = 0, max = 10_000))]
    pub hold_back_ms: Option<u64>,
    /// What callers hear when Hot and Warm can't answer.
    pub reply: Option<RawColdMode>,
    /// The canned completion of `"reply": "template"`.
    pub template: Option<String>,
    /// A person waits for the answer: never a 202.
    pub interactive: Option<bool>,
    /// Whether its requests may be queued.
    pub queue: Option<bool>,
    /// What gives way when not everything can be served.
    pub priority: Option<Priority>,
    /// Whether a conversation stays with its route where traffic is split.
    pub sticky: Option<Sticky>,
    /// Which requests it takes without being named: one rule, or a list.
    #[serde(rename = "match")]
    pub matches: Option<Vec<RawMatch>>,
}

/// A rule that gives requests to a job. Every written part must match.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawMatch {
    /// Glob on the client's name.
    pub client: Option<String>,
    /// Glob on the model asked for.
    pub model: Option<String>,
}

/// Retries inside one request.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawRetry {
    /// Tries per route, the first included.
    #[schemars(range(min = 1, max = 3))]
    pub attempts: Option<u32>,
    /// Tries per request over all routes.
    #[schemars(range(min = 1, max = 6))]
    pub max_attempts_per_request: Option<u32>,
    /// Upper bound of the first wait, milliseconds; doubling, full jitter.
    #[schemars(range(min = 0, max = 60_000))]
    pub initial_ms: Option<u64>,
    /// Upper bound of any wait, milliseconds.
    #[schemars(range(min = 0, max = 60_000))]
    pub max_ms: Option<u64>,
}

/// When a route's circuit opens and closes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawBreaker {
    /// Failures in a row that open it.
    #[schemars(range(min = 1, max = 1_000))]
    pub consecutive_failures: Option<u32>,
    /// How often it lets a test call through, milliseconds.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub half_open_every_ms: Option<u64>,
    /// Successful test calls in a row that close it.
    #[schemars(range(min = 1, max = 100))]
    pub successes_to_close: Option<u32>,
    /// A circuit that flaps waits twice as long each time, up to this, milliseconds.
    #[schemars(range(min = 10, max = 86_400_000))]
    pub half_open_most_ms: Option<u64>,
}

/// An app.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawClient {
    /// The only providers its requests may reach, also under failover. Without the key: all of them.
    pub providers: Option<Vec<String>>,
    /// The provider its requests go to first, where it may.
    pub prefer: Option<String>,
    /// What gives way when not everything can be served; a job's own priority comes first.
    pub priority: Option<Priority>,
    /// Its requests under way at the same time; without the key as many as all apps together may have.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_in_flight: Option<u32>,
    /// Who is told when its requests were affected; addresses.
    pub notify: Option<Vec<String>>,
    /// What it hears when Hot and Warm can't answer; a job's own reply comes first.
    pub reply: Option<RawColdMode>,
}

/// Time limits of one attempt, milliseconds. A written one binds, whatever the route's own answers teach.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawTimeouts {
    /// TCP and TLS.
    #[schemars(range(min = 10, max = 600_000))]
    pub connect_ms: Option<u64>,
    /// From the request sent to the response head, of any answer.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub first_byte_ms: Option<u64>,
    /// From the request sent to a stream's first meaningful byte.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub first_token_ms: Option<u64>,
    /// The same where the request or the model reasons; and silence while reasoning is under way.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub reasoning_ms: Option<u64>,
    /// How long keep-alives alone (pings, comments, progress events) are taken for a sign of life.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub keep_alive_ms: Option<u64>,
    /// Longest silence inside a stream or a body.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub idle_ms: Option<u64>,
    /// The same while text flows and the request carries tools.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub idle_with_tools_ms: Option<u64>,
    /// The same while a tool call is under way.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub tool_call_ms: Option<u64>,
    /// From the request sent to the head of a whole answer, while another route is left.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub answer_ms: Option<u64>,
    /// Longest silence inside a whole answer's body.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub body_ms: Option<u64>,
    /// The attempt as a whole.
    #[schemars(range(min = 10, max = 86_400_000))]
    pub total_ms: Option<u64>,
}

/// The free health probe.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawProbe {
    /// Pause between two probes of a route, milliseconds; 0 switches probing off.
    #[schemars(range(min = 0, max = 86_400_000))]
    pub every_ms: Option<u64>,
}

/// Switches.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFlags {
    /// Whether Warm is tried.
    pub enable_warm_fallback: Option<bool>,
    /// Whether requests may be queued.
    pub enable_cold_queue: Option<bool>,
    /// Whether callers must bring a local key.
    pub require_client_key: Option<bool>,
    /// Whether a Warm route waits until its compatibility check has passed.
    pub gate_warm_routes: Option<bool>,
    /// False answers every request at once with a well-formed refusal.
    pub ai_enabled: Option<bool>,
    /// Whether a model that no route serves is refused. Else such a request follows the map's order.
    pub strict_models: Option<bool>,
}

/// By which names the proxy may be called.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawListen {
    /// Names of this machine besides `localhost` and `127.0.0.1`, without a port: as containers or others on the network
    /// call it. Requests for any other host are refused, so that no web page reaches the router by a name of its own.
    pub hosts: Option<Vec<String>>,
}

/// Sizes and counts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawLimits {
    /// Largest request body, bytes.
    #[schemars(range(min = 1_024, max = 268_435_456))]
    pub max_body_bytes: Option<u64>,
    /// Requests under way at the same time.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_in_flight: Option<u32>,
    /// What the bodies of requests under way may hold together, bytes.
    #[schemars(range(min = 1_048_576, max = 68_719_476_736_u64))]
    pub max_bytes_in_flight: Option<u64>,
}
