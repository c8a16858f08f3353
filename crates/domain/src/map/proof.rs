//! Raw -> proven: the one constructor of a [`RoutingMap`]. Every fault at once, each with its path.

mod budget;
mod clients;
mod endpoint;
mod jobs;
mod listen;
mod network;
mod place;
pub(super) mod prices;
mod route;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::defaults::Defaults;
use super::fault::{Fault, Faults, MOST_FAULTS, Path};
use super::operate::{
    CacheSettings, FailbackSettings, Goals, IncidentSettings, ShedSettings, ShiftSettings, StormSettings,
    TriggerSettings,
};
use super::preset::preset;
use super::proven::{
    Cold, ColdReply, Flags, Job, Limits, Line, Provider, RetrySettings, Route, RouteIx, RoutingMap,
};
use super::raw::{RawCold, RawColdMode, RawJob, RawMap, RawProvider, RawRoute};
use super::steps::{MoveSteps, Steps};
use super::variables::Variables;

pub(super) fn prove(raw: &RawMap, variables: &dyn Variables, faults: Faults) -> super::Read {
    let mut proof = Proof {
        raw,
        variables,
        faults,
        routes: Vec::new(),
        known: Known::default(),
        notes: Vec::new(),
        providers: BTreeMap::new(),
    };
    proof.providers();
    let line = proof.default_line();
    let default_job = Arc::new(Job {
        name: "default".to_owned(),
        slo_ms: raw.slo_ms.unwrap_or(Defaults::SLO_MS),
        slo_is_written: raw.slo_ms.is_some(),
        midstream: raw.midstream.unwrap_or_default(),
        hold_back_ms: raw.hold_back_ms.unwrap_or(Defaults::HOLD_BACK_MS),
        line: line.clone(),
        own_line: false,
        reply: proof.reply(None, &RawJob::default(), &Path::root().field("cold")),
        own_reply: false,
        interactive: false,
        queue: true,
        priority: None,
        sticky: raw.sticky.unwrap_or_default(),
        matches: Vec::new(),
    });
    let jobs = proof.jobs(&line);
    let cold = proof.cold();
    let retry = proof.retry();
    let clients = proof.clients();
    let budget = proof.budget();
    let network = proof.network();
    let hosts = proof.hosts();
    let prices = proof.price_rules();
    let steps = proof.move_steps();
    proof.limits();
    let Proof { faults, routes, providers, notes, .. } = proof;
    if faults.count() > 0 {
        return Err(faults.into_told());
    }
    let flags = raw.flags.clone().unwrap_or_default();
    let limits = raw.limits.clone().unwrap_or_default();
    Ok(RoutingMap {
        name: raw.name.clone().unwrap_or_else(|| Defaults::MAP_NAME.to_owned()),
        routes,
        line,
        jobs,
        default_job,
        cold,
        providers,
        retry,
        triggers: TriggerSettings::of(raw.triggers.as_ref()),
        shift: ShiftSettings::of(raw.shift.as_ref()),
        steps,
        shift_mode: raw.shift.as_ref().and_then(|shift| shift.mode).unwrap_or_default(),
        failback: FailbackSettings::of(raw.failback.as_ref()),
        failback_automatic: raw.failback.as_ref().and_then(|home| home.automatic).unwrap_or(true),
        storm: StormSettings::of(raw.storm.as_ref()),
        shed: ShedSettings::of(raw.shed.as_ref()),
        cache: CacheSettings::of(raw.cache.as_ref()),
        cache_mode: raw.cache.as_ref().and_then(|cache| cache.mode).unwrap_or_default(),
        incidents: IncidentSettings::of(raw.incidents.as_ref()),
        goals: Goals::of(raw.goals.as_ref()),
        clients,
        budget,
        hosts,
        prices,
        flags: Flags {
            enable_warm_fallback: flags.enable_warm_fallback.unwrap_or(true),
            enable_cold_queue: flags.enable_cold_queue.unwrap_or(true),
            require_client_key: flags.require_client_key.unwrap_or(true),
            gate_warm_routes: flags.gate_warm_routes.unwrap_or(false),
            ai_enabled: flags.ai_enabled.unwrap_or(true),
            strict_models: flags.strict_models.unwrap_or(false),
        },
        limits: Limits {
            max_body_bytes: limits.max_body_bytes.unwrap_or(Defaults::MAX_BODY_BYTES),
            max_in_flight: limits.max_in_flight.unwrap_or(Defaults::MAX_IN_FLIGHT),
            max_bytes_in_flight: limits.max_bytes_in_flight.unwrap_or(Defaults::MAX_BYTES_IN_FLIGHT),
        },
        notes,
        probe_every_ms: raw.probe.as_ref().and_then(|p| p.every_ms).unwrap_or(Defaults::PROBE_EVERY_MS),
        network,
    })
}

struct Proof<'a> {
    raw: &'a RawMap,
    variables: &'a dyn Variables,
    faults: Faults,
    routes: Vec<Route>,
    known: Known,
    notes: Vec<Fault>,
    providers: BTreeMap<String, Provider>,
}

/// Where the routes so far are found: a map may have thousands, and jobs name them as often.
#[derive(Default)]
struct Known {
    by_id: HashMap<String, RouteIx>,
    /// The first route that serves a name.
    by_name: HashMap<String, RouteIx>,
    by_model: HashMap<(String, String), Vec<RouteIx>>,
    /// The last number of the ids made from a provider and a model.
    numbered: HashMap<String, usize>,
    /// The id made last, what it was made from, and its number.
    wanted: Option<(String, String, usize)>,
}

impl Known {
    fn add(&mut self, route: &Route, ix: RouteIx) {
        if let Some((_, plain, number)) = self.wanted.take().filter(|(id, ..)| *id == route.id.as_str()) {
            self.numbered.insert(plain, number);
        }
        self.by_id.insert(route.id.to_string(), ix);
        let names = [&route.model, &route.upstream_model].into_iter().chain(&route.aliases);
        for name in names.map(String::as_str).chain([route.id.as_str()]) {
            self.by_name.entry(name.to_owned()).or_insert(ix);
        }
        self.by_model.entry((route.provider.clone(), route.model.clone())).or_default().push(ix);
    }
}

impl Proof<'_> {
    fn fault(&mut self, path: &Path, message: impl Into<String>) {
        self.faults.push(Fault::new(path.as_str(), message));
    }

    /// Something worth a word that refuses nothing, told once.
    fn note(&mut self, path: &Path, message: &str) {
        let note = Fault::new(path.as_str(), message);
        if self.notes.len() < MOST_FAULTS && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// A body that fits must find room.
    fn limits(&mut self) {
        let limits = self.raw.limits.clone().unwrap_or_default();
        let one = limits.max_body_bytes.unwrap_or(Defaults::MAX_BODY_BYTES);
        let all = limits.max_bytes_in_flight.unwrap_or(Defaults::MAX_BYTES_IN_FLIGHT);
        if all < one {
            let path = Path::root().field("limits").field("maxBytesInFlight");
            self.fault(&path, format!("{all} is less than one body may have (maxBodyBytes, {one})."));
        }
    }

    /// The steps of moves of traffic.
    fn move_steps(&mut self) -> MoveSteps {
        let mut steps = MoveSteps::default();
        let (shift, failback) = (self.raw.shift.as_ref(), self.raw.failback.as_ref());
        let written = [
            (&mut steps.gradual, "shift", "gradualSteps", shift.and_then(|raw| raw.gradual_steps.as_ref())),
            (&mut steps.canary, "shift", "canarySteps", shift.and_then(|raw| raw.canary_steps.as_ref())),
            (&mut steps.home, "failback", "steps", failback.and_then(|raw| raw.steps.as_ref())),
        ];
        for (steps, section, key, written) in written {
            match written.map(|shares| Steps::of(shares)) {
                Some(Ok(read)) => *steps = read,
                Some(Err(why)) => {
                    self.faults.push(Fault::new(Path::root().field(section).field(key).as_str(), why));
                }
                None => {}
            }
        }
        steps
    }

    fn providers(&mut self) {
        let raw = self.raw;
        for (name, provider) in raw.providers.iter().flatten() {
            let path = Path::root().field("providers").field(name);
            let by_kind = provider.kind.as_deref().map(|kind| (kind, preset(kind)));
            if let Some((kind, None)) = by_kind {
                let known: Vec<&str> = super::PRESETS.iter().map(|p| p.name).collect();
                self.fault(
                    &path.field("kind"),
                    format!("`{kind}` is not known. Known kinds: {}.", known.join(", ")),
                );
            }
            if provider.credential.is_some() && provider.credentials.is_some() {
                self.fault(
                    &path.field("credentials"),
                    "Write either `credential` or `credentials`, not both.",
                );
            }
            if let Some(list) = &provider.credentials {
                for (index, credential) in list.iter().enumerate().filter(|(_, c)| c.trim().is_empty()) {
                    let _ = credential;
                    self.fault(
                        &path.field("credentials").index(index),
                        "Empty. Write the name the key is stored under.",
                    );
                }
            }
            for (field, page) in [("statusPage", &provider.status_page), ("support", &provider.support)] {
                if page.as_deref().is_some_and(|page| !is_web_page(page)) {
                    self.fault(
                        &path.field(field),
                        "Not a web page's address. Write one that begins with https:// or http://.",
                    );
                }
            }
            self.note_provider(name, Some(provider));
        }
    }

    fn note_provider(&mut self, name: &str, raw: Option<&RawProvider>) {
        let found = raw.and_then(|p| p.kind.as_deref()).and_then(preset).or_else(|| preset(name));
        let canonical = canonical(name);
        let page = raw.and_then(|p| p.status_page.clone()).or_else(|| found?.status_page.map(str::to_owned));
        let support = raw.and_then(|p| p.support.clone()).or_else(|| found?.support.map(str::to_owned));
        let fresh = Provider { name: canonical.clone(), preset: found, status_page: page, support };
        self.providers.entry(canonical).or_insert(fresh);
    }

    fn default_line(&mut self) -> Line {
        let raw = self.raw;
        let path = Path::root();
        if raw.hot.as_ref().is_none_or(Vec::is_empty) && !self.has_fault_at(&path.field("hot")) {
            self.fault(&path.field("hot"), "At least one route is needed. Write its `provider` and `model`.");
        }
        let mut tier = |name: &str, list: &Option<Vec<RawRoute>>| -> Vec<RouteIx> {
            let mut tier: Vec<RouteIx> = Vec::new();
            for (index, route) in list.iter().flatten().enumerate() {
                let at = path.field(name).index(index);
                match self.route(route, &at) {
                    Some(ix) if tier.contains(&ix) => {
                        self.fault(&at, "The same route twice in one tier. Remove one.");
                    }
                    Some(ix) => tier.push(ix),
                    None => {}
                }
            }
            tier
        };
        let hot = tier("hot", &raw.hot);
        let warm = tier("warm", &raw.warm);
        for (name, list) in [("hot", &hot), ("warm", &warm)] {
            self.check_weights(&path.field(name), list);
        }
        Line { hot, warm }
    }

    fn check_weights(&mut self, path: &Path, tier: &[RouteIx]) {
        let weights: Vec<Option<u32>> = tier.iter().map(|ix| self.routes[ix.0].weight).collect();
        if !weights.is_empty() && weights.iter().all(|w| *w == Some(0)) {
            self.fault(
                path,
                "Every weight is 0, so nothing would be sent here. Give one route a weight of 1 or more.",
            );
        }
    }

    fn has_fault_at(&self, path: &Path) -> bool {
        self.faults.has_at(path)
    }

    fn has_fault_below(&self, path: &Path) -> bool {
        self.faults.has_below(path)
    }

    fn retry(&mut self) -> RetrySettings {
        let raw = self.raw.retry.clone().unwrap_or_default();
        let settings = RetrySettings {
            attempts: raw.attempts.unwrap_or(Defaults::TRIES_PER_ROUTE),
            max_attempts_per_request: raw.max_attempts_per_request.unwrap_or(Defaults::TRIES_PER_REQUEST),
            initial_ms: raw.initial_ms.unwrap_or(Defaults::RETRY_INITIAL_MS),
            max_ms: raw.max_ms.unwrap_or(Defaults::RETRY_MAX_MS),
        };
        if settings.max_ms < settings.initial_ms {
            let path = Path::root().field("retry").field("maxMs");
            self.fault(
                &path,
                format!("{} is less than initialMs ({}).", settings.max_ms, settings.initial_ms),
            );
        }
        settings
    }

    fn cold(&mut self) -> Cold {
        let raw = self.raw.cold.clone().unwrap_or_default();
        let cold = Cold {
            queue: raw.queue.unwrap_or_else(|| Defaults::QUEUE.to_owned()),
            notify: self.notify(raw.notify.as_deref(), &Path::root().field("cold").field("notify")),
            max_attempts: raw.max_attempts.unwrap_or(Defaults::COLD_ATTEMPTS),
            initial_ms: raw.initial_ms.unwrap_or(Defaults::COLD_INITIAL_MS),
            max_ms: raw.max_ms.unwrap_or(Defaults::COLD_MAX_MS),
            attempt_ms: raw.attempt_ms.unwrap_or(Defaults::COLD_ATTEMPT_MS),
            expires_ms: raw.expires_ms.unwrap_or(Defaults::COLD_EXPIRES_MS),
            concurrency: raw.concurrency.unwrap_or(Defaults::COLD_CONCURRENCY),
            max_jobs: raw.max_jobs.unwrap_or(Defaults::COLD_JOBS),
            max_bytes: raw.max_bytes.unwrap_or(Defaults::COLD_BYTES),
        };
        let path = Path::root().field("cold");
        if cold.queue.trim().is_empty() {
            self.fault(&path.field("queue"), "Empty. Write a name, or leave the key out.");
        }
        cold
    }

    fn reply(&mut self, mode: Option<RawColdMode>, job: &RawJob, path: &Path) -> ColdReply {
        let cold = self.raw.cold.as_ref();
        match mode.or_else(|| cold.and_then(|c: &RawCold| c.mode)) {
            None | Some(RawColdMode::GracefulDegrade) => ColdReply::ByCaller,
            Some(RawColdMode::Queued) => ColdReply::Queued,
            Some(RawColdMode::Error) => ColdReply::Error,
            Some(RawColdMode::Wait) => ColdReply::Wait,
            Some(RawColdMode::Template) => {
                let text = job.template.clone().or_else(|| cold.and_then(|c| c.template.clone()));
                if text.as_ref().is_none_or(|t| t.trim().is_empty()) {
                    self.fault(&path.field("template"), "Missing. Write the canned completion callers get.");
                }
                ColdReply::Template(text.unwrap_or_default())
            }
        }
    }
}

/// A provider's name as the proven map has it: `gemini` is `google`.
#[must_use]
pub fn canonical(name: &str) -> String {
    preset(name)
        .filter(|p| p.aliases.iter().any(|a| a.eq_ignore_ascii_case(name)))
        .map_or(name, |p| p.name)
        .to_owned()
}

/// Whether a browser may be sent there from a click: the address of a page, not a command (`javascript:`) or a file.
fn is_web_page(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}
