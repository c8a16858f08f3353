//! The map as the rest of the program knows it: resolved, defaulted, checked.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use globset::GlobMatcher;
use url::Url;

use super::budget::BudgetSettings;
use super::fault::Fault;
use super::midstream::Midstream;
use super::network::{NetworkSettings, Outbound};
use super::operate::{
    CacheMode, CacheSettings, FailbackSettings, Goals, IncidentSettings, Priority, ShedSettings, ShiftMode,
    ShiftSettings, Sticky, StormSettings, TriggerSettings,
};
use super::preset::{Auth, Preset};
use super::price::{PriceRule, PriceSetting};
use super::steps::MoveSteps;
use crate::{Dialect, FeatureSet, RouteId, Tier};

/// A route's place in [`RoutingMap::routes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteIx(pub usize);

/// A proven map.
#[derive(Clone, Debug)]
pub struct RoutingMap {
    /// Its name.
    pub name: String,
    /// Every route, those of jobs included, each once.
    pub routes: Vec<Route>,
    /// The default order of tries.
    pub line: Line,
    /// Named workloads.
    pub jobs: BTreeMap<String, Arc<Job>>,
    /// The workload of requests that name none.
    pub default_job: Arc<Job>,
    /// The cold tier.
    pub cold: Cold,
    /// Providers, by name.
    pub providers: BTreeMap<String, Provider>,
    /// Retries inside one request.
    pub retry: RetrySettings,
    /// When a route or a provider is judged ill, and when well again.
    pub triggers: TriggerSettings,
    /// How traffic is moved away.
    pub shift: ShiftSettings,
    /// How traffic leaves a provider by itself.
    pub shift_mode: ShiftMode,
    /// The steps of every kind of move.
    pub steps: MoveSteps,
    /// When traffic comes home.
    pub failback: FailbackSettings,
    /// Whether it comes home by itself.
    pub failback_automatic: bool,
    /// When retries are cut, and when they come back.
    pub storm: StormSettings,
    /// When work of lower priority gives way.
    pub shed: ShedSettings,
    /// Answers kept for when no route can answer.
    pub cache: CacheSettings,
    /// Whether they are kept.
    pub cache_mode: CacheMode,
    /// When an incident is over, and what is told of it meanwhile.
    pub incidents: IncidentSettings,
    /// What an outage's handling is measured by.
    pub goals: Goals,
    /// Apps with rules of their own, by name.
    pub clients: BTreeMap<String, ClientRule>,
    /// What may be spent.
    pub budget: BudgetSettings,
    /// Names of this machine by which the proxy may be called besides the usual ones, in small letters.
    pub hosts: Vec<String>,
    /// What models cost, the most particular rule first. [`RoutingMap::price_setting`] asks them.
    pub prices: Vec<PriceRule>,
    /// Switches.
    pub flags: Flags,
    /// Sizes and counts.
    pub limits: Limits,
    /// Pause between two probes of a route, milliseconds; 0 = no probes.
    pub probe_every_ms: u64,
    /// How this machine's network is judged, and what happens while it is down.
    pub network: NetworkSettings,
    /// What is worth a word of how it is written; see [`super::warnings`].
    pub(super) notes: Vec<Fault>,
}

/// An order of tries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Tried first.
    pub hot: Vec<RouteIx>,
    /// Tried when Hot can't answer.
    pub warm: Vec<RouteIx>,
}

impl Line {
    /// The routes of a tier; none for Cold.
    #[must_use]
    pub fn tier(&self, tier: Tier) -> &[RouteIx] {
        match tier {
            Tier::Hot => &self.hot,
            Tier::Warm => &self.warm,
            Tier::Cold => &[],
        }
    }
}

/// One provider + model + endpoint.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its id.
    pub id: RouteId,
    /// The provider's name in the map, in its canonical form (`gemini` is `google`).
    pub provider: String,
    /// The model's name in the map.
    pub model: String,
    /// The name sent upstream; `model` unless `upstreamModel` is written.
    pub upstream_model: String,
    /// Other names clients may ask for.
    pub aliases: Vec<String>,
    /// The resolved base URL.
    pub base_url: Url,
    /// Where whole answers in its first dialect are asked for. [`Route::address`] has the others.
    pub endpoint: Url,
    /// Where models are listed (the free probe).
    pub models_url: Url,
    /// What it speaks.
    pub dialect: Dialect,
    /// What the same base URL speaks besides.
    pub speaks: Vec<Dialect>,
    /// What the map says it can do, whatever is known of its dialect and model.
    pub can: FeatureSet,
    /// What the map or its preset says it can't do.
    pub cannot: FeatureSet,
    /// The most tokens of prompt and answer together, as the map says.
    pub context_window: Option<u64>,
    /// What it costs, where the map says so on the route itself.
    pub price: Option<PriceSetting>,
    /// Where its account lives, as the map or the preset says.
    pub region: Option<String>,
    /// The AWS profile whose credentials are used where none are stored.
    pub profile: Option<String>,
    /// The dated API version of its address (Azure OpenAI deployments).
    pub api_version: Option<String>,
    /// How its key is presented.
    pub auth: Auth,
    /// Where its key is looked up.
    pub credentials: CredentialSource,
    /// Further headers, sent as written.
    pub headers: Vec<(String, String)>,
    /// Callers' headers passed on besides those every provider gets, in small letters.
    pub forward_headers: Vec<String>,
    /// The weight, where its tier splits by weight.
    pub weight: Option<u32>,
    /// False = switched off in the map.
    pub enabled: bool,
    /// Whether the upstream takes `stream_options.include_usage`.
    pub usage_in_stream: bool,
    /// Its timeouts.
    pub timeouts: Timeouts,
    /// Its breaker's settings.
    pub breaker: BreakerSettings,
    /// Whether its host is this machine or its own network (works offline).
    pub is_local: bool,
    /// The proxy its requests go through.
    pub outbound: Outbound,
}

impl Route {
    /// Whether a client that asks for `model` means this route.
    #[must_use]
    pub fn serves(&self, model: &str) -> bool {
        self.model == model
            || self.upstream_model == model
            || self.id.as_str() == model
            || self.aliases.iter().any(|alias| alias == model)
    }

    /// What a caller of `caller` is answered in: its own dialect where the route speaks it, else the route's first.
    #[must_use]
    pub fn dialect_for(&self, caller: Dialect) -> Dialect {
        if self.speaks.contains(&caller) { caller } else { self.dialect }
    }

    /// Host and port of the base URL, as shown to people.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.base_url.host_str().unwrap_or_default();
        self.base_url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

/// Where a route's key is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// These names, in order of use; each in keychain, environment, file.
    Named(Vec<String>),
    /// The provider's name (and `name:label`) in the keychain, else these variables.
    Usual {
        /// The provider's name.
        provider: String,
        /// The preset's usual environment variables.
        variables: &'static [&'static str],
    },
    /// It needs none, or the caller brings its own.
    Nothing,
}

/// A vendor account.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its canonical name.
    pub name: String,
    /// What is known of it.
    pub preset: Option<&'static Preset>,
    /// Where the vendor says how it is doing.
    pub status_page: Option<String>,
    /// Where the vendor takes support cases.
    pub support: Option<String>,
}

/// Time limits of one attempt, milliseconds. One that is written binds; for one that isn't, policy's `patience` has a
/// default that the route's own answers may raise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP and TLS.
    pub connect_ms: u64,
    /// From the request sent to the response head, of any answer.
    pub first_byte_ms: Option<u64>,
    /// From the request sent to a stream's first meaningful byte.
    pub first_token_ms: Option<u64>,
    /// The same where the request or the model reasons; and silence while reasoning is under way.
    pub reasoning_ms: Option<u64>,
    /// How long keep-alives alone are taken for a sign of life.
    pub keep_alive_ms: Option<u64>,
    /// Longest silence inside a stream or a body.
    pub idle_ms: Option<u64>,
    /// The same while text flows and the request carries tools.
    pub idle_with_tools_ms: Option<u64>,
    /// The same while a tool call is under way.
    pub tool_call_ms: Option<u64>,
    /// From the request sent to the head of a whole answer.
    pub answer_ms: Option<u64>,
    /// Longest silence inside a whole answer's body.
    pub body_ms: Option<u64>,
    /// The attempt as a whole.
    pub total_ms: Option<u64>,
}

/// A breaker's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open it.
    pub consecutive_failures: u32,
    /// How often it lets a test call through, milliseconds.
    pub half_open_every_ms: u64,
    /// Successful test calls in a row that close it.
    pub successes_to_close: u32,
    /// A circuit that flaps waits twice as long each time, up to this, milliseconds.
    pub half_open_most_ms: u64,
}

/// An app's rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientRule {
    /// The only providers its requests may reach (canonical names), also under failover; none written = all.
    pub providers: Option<Vec<String>>,
    /// The provider its requests go to first, where it may.
    pub prefer: Option<String>,
    /// Its requests' priority, where the job has none.
    pub priority: Option<Priority>,
    /// Its requests under way at the same time, where it has a limit of its own.
    pub max_in_flight: Option<u32>,
    /// Who is told when its requests were affected; addresses.
    pub notify: Vec<String>,
    /// What it hears when Hot and Warm can't answer, where the job says nothing of its own.
    pub reply: Option<ColdReply>,
}

/// Retries inside one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// Tries per route, the first included.
    pub attempts: u32,
    /// Tries per request over all routes.
    pub max_attempts_per_request: u32,
    /// Upper bound of the first wait, milliseconds; doubling.
    pub initial_ms: u64,
    /// Upper bound of any wait, milliseconds.
    pub max_ms: u64,
}

/// A named workload.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name; `default` for requests that name none.
    pub name: String,
    /// Most time to answer, milliseconds.
    pub slo_ms: u64,
    /// Whether a person wrote it: then every route that could answer keeps a fair share of it.
    pub slo_is_written: bool,
    /// What happens when a stream dies after its first word.
    pub midstream: Midstream,
    /// How long the first words of a stream are held back, milliseconds.
    pub hold_back_ms: u64,
    /// Its own order of tries, where it overrides the default's.
    pub line: Line,
    /// Whether it has its own order of tries.
    pub own_line: bool,
    /// What a caller hears when Hot and Warm can't answer.
    pub reply: ColdReply,
    /// Whether the job itself says so, not the cold tier for all.
    pub own_reply: bool,
    /// A person waits for the answer: never a 202.
    pub interactive: bool,
    /// Whether its requests may be queued.
    pub queue: bool,
    /// What gives way when not everything can be served, as written.
    pub priority: Option<Priority>,
    /// Whether a conversation stays with its route where traffic is split.
    pub sticky: Sticky,
    /// Which requests it takes without being named.
    pub matches: Vec<MatchRule>,
}

/// What a caller hears when Hot and Warm can't answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColdReply {
    /// 202 for a plain HTTP caller; the error for a stream, an interactive caller or an SDK.
    ByCaller,
    /// 202 with the queued job's id and `Location`.
    Queued,
    /// An error in the caller's dialect, with Retry-After and the job's id.
    Error,
    /// A canned completion, marked as degraded.
    Template(String),
    /// Hold the request until it is answered or the SLO ends, then as `ByCaller`.
    Wait,
}

/// A rule that gives requests to a job. Every written part must match.
#[derive(Clone, Debug)]
pub struct MatchRule {
    /// Glob on the client's name.
    pub client: Option<GlobMatcher>,
    /// Glob on the model asked for.
    pub model: Option<GlobMatcher>,
}

impl MatchRule {
    /// Whether a request of `client` for `model` is meant.
    #[must_use]
    pub fn matches(&self, client: &str, model: &str) -> bool {
        self.client.as_ref().is_none_or(|glob| glob.is_match(client))
            && self.model.as_ref().is_none_or(|glob| glob.is_match(model))
    }
}

/// The cold tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cold {
    /// The queue's name.
    pub queue: String,
    /// Who is told; addresses.
    pub notify: Vec<String>,
    /// Attempts that reached an upstream.
    pub max_attempts: u32,
    /// First wait between attempts, milliseconds; doubling, jittered.
    pub initial_ms: u64,
    /// Upper bound of any wait, milliseconds.
    pub max_ms: u64,
    /// The deadline of one attempt, milliseconds. The job's SLO is its caller's, who has left.
    pub attempt_ms: u64,
    /// A job's life, milliseconds.
    pub expires_ms: u64,
    /// Jobs attempted at the same time.
    pub concurrency: u32,
    /// Jobs that may wait at the same time.
    pub max_jobs: u32,
    /// Bytes that the kept requests may take, dead letters included.
    pub max_bytes: u64,
}

/// Switches of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// Whether Warm is tried.
    pub enable_warm_fallback: bool,
    /// Whether requests may be queued.
    pub enable_cold_queue: bool,
    /// Whether callers must bring a local key.
    pub require_client_key: bool,
    /// Whether a Warm route waits until its compatibility check has passed.
    pub gate_warm_routes: bool,
    /// False answers every request at once with a well-formed refusal.
    pub ai_enabled: bool,
    /// Whether a model that no route serves is refused.
    pub strict_models: bool,
}

/// Sizes and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body, bytes.
    pub max_body_bytes: u64,
    /// Requests under way at the same time.
    pub max_in_flight: u32,
    /// What their bodies may hold together, bytes.
    pub max_bytes_in_flight: u64,
}

impl RoutingMap {
    /// The route at a place.
    ///
    /// # Panics
    /// If the index is of another map.
    #[must_use]
    pub fn route(&self, ix: RouteIx) -> &Route {
        &self.routes[ix.0]
    }

    /// The place of a route's id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<RouteIx> {
        self.routes.iter().position(|route| route.id.as_str() == id).map(RouteIx)
    }

    /// A route's provider, by the running map (`None`: there is none). One of a route that it no longer has is read
    /// from the id.
    #[must_use]
    pub fn provider_of<'a>(map: Option<&'a Self>, route: &'a RouteId) -> &'a str {
        let id = route.as_str();
        match map.and_then(|map| Some(map.route(map.find(id)?))) {
            Some(route) => &route.provider,
            None => id.split_once('/').map_or(id, |(provider, _)| provider),
        }
    }

    /// The job of a request: named by header, by the model `switchyard/<job>`, by the first rule that matches,
    /// else the default. `Err` is the name that doesn't exist.
    ///
    /// # Errors
    /// The unknown job's name.
    pub fn job_for(&self, header: Option<&str>, client: &str, model: &str) -> Result<&Arc<Job>, String> {
        if let Some(name) = header.or_else(|| model.strip_prefix("switchyard/")) {
            if name == self.default_job.name {
                return Ok(&self.default_job);
            }
            return self.jobs.get(name).ok_or_else(|| name.to_owned());
        }
        let matched =
            self.jobs.values().find(|job| job.matches.iter().any(|rule| rule.matches(client, model)));
        Ok(matched.unwrap_or(&self.default_job))
    }

    /// Whether a client that asks for this model means something in this map: a route, a job, whatever a job's rule takes by
    /// its name, or `auto`. Any other name means the map's order.
    #[must_use]
    pub fn knows_model(&self, client: &str, model: &str) -> bool {
        let is_job = |name: &str| name == self.default_job.name || self.jobs.contains_key(name);
        let by_rule = |rule: &MatchRule| rule.model.is_some() && rule.matches(client, model);
        model == "auto"
            || self.routes.iter().any(|route| route.serves(model))
            || model.strip_prefix("switchyard/").is_some_and(is_job)
            || self.jobs.values().any(|job| job.matches.iter().any(by_rule))
    }

    /// What a client hears of a job when Hot and Warm can't answer: the job's own reply, else the client's, else the
    /// cold tier's.
    #[must_use]
    pub fn cold_reply<'a>(&'a self, job: &'a Job, client: &str) -> &'a ColdReply {
        let own = self.clients.get(client).and_then(|rule| rule.reply.as_ref());
        own.filter(|_| !job.own_reply).unwrap_or(&job.reply)
    }

    /// The models a client may ask for: each route's name and aliases, `auto`, and `switchyard/<job>`.
    #[must_use]
    pub fn model_names(&self) -> Vec<String> {
        let mut names = vec!["auto".to_owned()];
        let mut known = HashSet::from(["auto"]);
        let models = self.routes.iter().flat_map(|route| std::iter::once(&route.model).chain(&route.aliases));
        names.extend(models.filter(|name| known.insert(name)).cloned());
        names.extend(self.jobs.keys().map(|job| format!("switchyard/{job}")));
        names
    }
}
