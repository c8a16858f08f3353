//! Raw -> proven: the one constructor of a [`RoutingMap`]. Every fault at once, each with its path.

use std::collections::BTreeMap;
use std::sync::Arc;

use globset::Glob;
use url::{Host, Url};

use super::defaults::Defaults;
use super::fault::{Fault, Path};
use super::preset::{Auth, Preset, preset};
use super::proven::{
    BreakerSettings, Cold, ColdReply, CredentialSource, Flags, Job, Limits, Line, MatchRule, Provider,
    RetrySettings, Route, RouteIx, RoutingMap, Timeouts,
};
use super::raw::{
    RawBreaker, RawCold, RawColdMode, RawJob, RawMap, RawMatch, RawProvider, RawRoute, RawRouteRef,
    RawTimeouts,
};
use super::variables::{Variables, expand};
use crate::{Dialect, RouteId};

pub(super) fn prove(raw: &RawMap, variables: &dyn Variables, faults: Vec<Fault>) -> super::Read {
    let mut proof = Proof { raw, variables, faults, routes: Vec::new(), providers: BTreeMap::new() };
    proof.providers();
    let line = proof.default_line();
    let default_job = Arc::new(Job {
        name: "default".to_owned(),
        slo_ms: raw.slo_ms.unwrap_or(Defaults::SLO_MS),
        line: line.clone(),
        own_line: false,
        reply: proof.reply(None, &RawJob::default(), &Path::root().field("cold")),
        interactive: false,
        queue: true,
        matches: Vec::new(),
    });
    let jobs = proof.jobs(&line);
    let cold = proof.cold();
    let retry = proof.retry();
    let Proof { faults, routes, providers, .. } = proof;
    if !faults.is_empty() {
        return Err(faults);
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
        flags: Flags {
            enable_warm_fallback: flags.enable_warm_fallback.unwrap_or(true),
            enable_cold_queue: flags.enable_cold_queue.unwrap_or(true),
            require_client_key: flags.require_client_key.unwrap_or(true),
        },
        limits: Limits {
            max_body_bytes: limits.max_body_bytes.unwrap_or(Defaults::MAX_BODY_BYTES),
            max_in_flight: limits.max_in_flight.unwrap_or(Defaults::MAX_IN_FLIGHT),
        },
        probe_every_ms: raw.probe.as_ref().and_then(|p| p.every_ms).unwrap_or(Defaults::PROBE_EVERY_MS),
    })
}

struct Proof<'a> {
    raw: &'a RawMap,
    variables: &'a dyn Variables,
    faults: Vec<Fault>,
    routes: Vec<Route>,
    providers: BTreeMap<String, Provider>,
}

impl Proof<'_> {
    fn fault(&mut self, path: &Path, message: impl Into<String>) {
        self.faults.push(Fault::new(path.as_str(), message));
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
            self.note_provider(name, Some(provider));
        }
    }

    fn note_provider(&mut self, name: &str, raw: Option<&RawProvider>) {
        let found = raw.and_then(|p| p.kind.as_deref()).and_then(preset).or_else(|| preset(name));
        let canonical = canonical(name);
        let page = raw.and_then(|p| p.status_page.clone()).or_else(|| found?.status_page.map(str::to_owned));
        let fresh = Provider { name: canonical.clone(), preset: found, status_page: page };
        self.providers.entry(canonical).or_insert(fresh);
    }

    fn default_line(&mut self) -> Line {
        let raw = self.raw;
        let path = Path::root();
        if raw.hot.as_ref().is_none_or(Vec::is_empty) {
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

    fn route(&mut self, raw: &RawRoute, path: &Path) -> Option<RouteIx> {
        let before = self.faults.len();
        let provider = raw.provider.as_deref().map(str::trim).filter(|p| !p.is_empty());
        let model = raw.model.as_deref().map(str::trim).filter(|m| !m.is_empty());
        if provider.is_none() && !self.has_fault_at(&path.field("provider")) {
            self.fault(
                &path.field("provider"),
                "Missing. Write the provider's name, for example \"anthropic\".",
            );
        }
        if model.is_none() && !self.has_fault_at(&path.field("model")) {
            self.fault(&path.field("model"), "Missing. Write the model's name, for example \"gpt-4o-mini\".");
        }
        let name = provider.unwrap_or_default();
        let all = self.raw.providers.as_ref();
        let declared = all.and_then(|all| all.get(name).or_else(|| all.get(&canonical(name))));
        self.note_provider(name, declared);
        let known = declared.and_then(|p| p.kind.as_deref()).and_then(preset).or_else(|| preset(name));
        let base = self.base_url(raw, declared, known, path);
        let headers = self.headers(raw, declared, path);
        let timeouts = self.timeouts(raw.timeouts.as_ref(), declared.and_then(|p| p.timeouts.as_ref()), path);
        let (provider, model, base_url) = (provider?, model?, base?);
        if self.faults.len() > before {
            return None;
        }
        let own_url = known.is_some_and(|preset| same_url(&base_url, preset.base_url));
        let dialect = raw.dialect.or_else(|| declared.and_then(|p| p.dialect)).unwrap_or(if own_url {
            known.map_or(Dialect::OpenAiChat, |p| p.dialect)
        } else {
            Dialect::OpenAiChat
        });
        let auth = raw
            .auth
            .or_else(|| declared.and_then(|p| p.auth))
            .unwrap_or_else(|| usual_auth(known, own_url, dialect));
        let id = self.route_id(raw, provider, model, path)?;
        let route = Route {
            id,
            provider: canonical(provider),
            model: model.to_owned(),
            upstream_model: raw.upstream_model.clone().unwrap_or_else(|| model.to_owned()),
            aliases: raw.aliases.clone().unwrap_or_default(),
            endpoint: below(&base_url, dialect.endpoint(), dialect),
            models_url: below(&base_url, "models", dialect),
            is_local: is_local(&base_url),
            base_url,
            dialect,
            auth,
            credentials: credentials(raw, declared, provider, known, auth),
            headers,
            weight: raw.weight,
            enabled: raw.enabled.unwrap_or(true),
            usage_in_stream: raw
                .usage_in_stream
                .or_else(|| declared.and_then(|p| p.usage_in_stream))
                .unwrap_or(true),
            timeouts,
            breaker: breaker(raw.breaker.as_ref(), self.raw.breaker.as_ref()),
        };
        if let Some(index) = self.routes.iter().position(|known| same_route(known, &route)) {
            return Some(RouteIx(index));
        }
        self.routes.push(route);
        Some(RouteIx(self.routes.len() - 1))
    }

    fn has_fault_at(&self, path: &Path) -> bool {
        self.faults.iter().any(|fault| fault.path == path.as_str())
    }

    fn route_id(&mut self, raw: &RawRoute, provider: &str, model: &str, path: &Path) -> Option<RouteId> {
        if let Some(id) = &raw.id {
            if self.routes.iter().any(|route| route.id.as_str() == id) {
                self.fault(&path.field("id"), format!("`{id}` is already the id of another route."));
                return None;
            }
            return Some(RouteId::from(id.as_str()));
        }
        let plain = format!("{}/{model}", canonical(provider));
        let taken = |id: &str| self.routes.iter().any(|route| route.id.as_str() == id);
        if !taken(&plain) {
            return Some(RouteId::from(plain));
        }
        (2..).map(|n| format!("{plain}#{n}")).find(|id| !taken(id)).map(RouteId::from)
    }

    fn base_url(
        &mut self,
        raw: &RawRoute,
        declared: Option<&RawProvider>,
        known: Option<&'static Preset>,
        path: &Path,
    ) -> Option<Url> {
        let at = path.field("baseUrl");
        let written = raw.base_url.as_deref().or_else(|| declared.and_then(|p| p.base_url.as_deref()));
        let Some(written) = written else {
            if known.is_none() && raw.provider.is_some() && !self.has_fault_at(&at) {
                let name = raw.provider.as_deref().unwrap_or_default();
                let message = format!("Missing. `{name}` is not a known provider, so write its base URL.");
                self.fault(&at, message);
            }
            return known.and_then(|preset| Url::parse(preset.base_url).ok());
        };
        let text = expand(written, self.variables, &at, &mut self.faults)?;
        // The text may hold a secret after expansion, so messages show only what was written.
        match Url::parse(&text) {
            Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                self.fault(&at, format!("`{written}` must start with http:// or https://."));
                None
            }
            Ok(url) if url.host_str().is_none_or(str::is_empty) => {
                self.fault(&at, format!("`{written}` has no host."));
                None
            }
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                self.fault(&at, format!("`{written}` must not have a query or fragment."));
                None
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                self.fault(
                    &at,
                    "A base URL must not hold a user name or password. Store the key as a credential.",
                );
                None
            }
            Ok(url) => Some(url),
            Err(error) => {
                self.fault(&at, format!("`{written}` is not a URL ({error}). Write https://host/path."));
                None
            }
        }
    }

    fn headers(
        &mut self,
        raw: &RawRoute,
        declared: Option<&RawProvider>,
        path: &Path,
    ) -> Vec<(String, String)> {
        let mut merged: BTreeMap<String, String> = BTreeMap::new();
        for headers in [declared.and_then(|p| p.headers.as_ref()), raw.headers.as_ref()].into_iter().flatten()
        {
            merged.extend(headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())));
        }
        let at = path.field("headers");
        let mut out = Vec::new();
        for (name, value) in merged {
            let valid = !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
            if !valid {
                self.fault(&at.field(&name), "Not a header name. Use letters, digits and hyphens.");
            } else if matches!(name.as_str(), "host" | "content-length" | "transfer-encoding" | "connection")
            {
                self.fault(&at.field(&name), "This header is set by the router. Remove it.");
            } else if let Some(value) = expand(&value, self.variables, &at.field(&name), &mut self.faults) {
                if value.bytes().all(|b| b == b'\t' || (0x20..0x7f).contains(&b)) {
                    out.push((name, value));
                } else {
                    self.fault(&at.field(&name), "The value has characters a header can't carry.");
                }
            }
        }
        out
    }

    fn timeouts(
        &mut self,
        own: Option<&RawTimeouts>,
        providers: Option<&RawTimeouts>,
        path: &Path,
    ) -> Timeouts {
        let layers = [own, providers, self.raw.timeouts.as_ref()];
        let pick =
            |get: fn(&RawTimeouts) -> Option<u64>| layers.iter().flatten().find_map(|layer| get(layer));
        let timeouts = Timeouts {
            connect_ms: pick(|t| t.connect_ms).unwrap_or(Defaults::CONNECT_MS),
            first_byte_ms: pick(|t| t.first_byte_ms).unwrap_or(Defaults::FIRST_BYTE_MS),
            first_token_ms: pick(|t| t.first_token_ms).unwrap_or(Defaults::FIRST_TOKEN_MS),
            idle_ms: pick(|t| t.idle_ms).unwrap_or(Defaults::IDLE_MS),
            total_ms: pick(|t| t.total_ms),
        };
        if let Some(total) = timeouts.total_ms.filter(|total| *total < timeouts.connect_ms) {
            let message =
                format!("{total} ms is shorter than connectMs ({} ms). Raise it.", timeouts.connect_ms);
            self.fault(&path.field("timeouts").field("totalMs"), message);
        }
        timeouts
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
            notify: raw.notify.unwrap_or_default(),
            max_attempts: raw.max_attempts.unwrap_or(Defaults::COLD_ATTEMPTS),
            initial_ms: raw.initial_ms.unwrap_or(Defaults::COLD_INITIAL_MS),
            max_ms: raw.max_ms.unwrap_or(Defaults::COLD_MAX_MS),
            expires_ms: raw.expires_ms.unwrap_or(Defaults::COLD_EXPIRES_MS),
            concurrency: raw.concurrency.unwrap_or(Defaults::COLD_CONCURRENCY),
        };
        let path = Path::root().field("cold");
        if cold.queue.trim().is_empty() {
            self.fault(&path.field("queue"), "Empty. Write a name, or leave the key out.");
        }
        for (index, address) in
            cold.notify.iter().enumerate().filter(|(_, a)| !a.contains('@') && !a.contains("://"))
        {
            let at = path.field("notify").index(index);
            if !self.has_fault_at(&at) {
                self.fault(&at, format!("`{address}` is neither an e-mail address nor a URL."));
            }
        }
        cold
    }

    fn reply(&mut self, mode: Option<RawColdMode>, job: &RawJob, path: &Path) -> ColdReply {
        let cold = self.raw.cold.as_ref();
        match mode.or_else(|| cold.and_then(|c: &RawCold| c.mode)) {
            None | Some(RawColdMode::GracefulDegrade | RawColdMode::Queued) => ColdReply::Queued,
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

    fn jobs(&mut self, default: &Line) -> BTreeMap<String, Arc<Job>> {
        let raw = self.raw;
        let mut jobs = BTreeMap::new();
        for (name, job) in raw.jobs.iter().flatten() {
            let path = Path::root().field("jobs").field(name);
            if name == "default" || name.trim().is_empty() || name.contains(char::is_whitespace) {
                self.fault(&path, "Choose another name: no spaces, and not `default`.");
            }
            let mut line = default.clone();
            if let Some(hot) = &job.hot {
                line.hot = self.job_tier(hot, &path.field("hot"));
                if hot.is_empty() {
                    self.fault(
                        &path.field("hot"),
                        "Empty. Name a route, or leave the key out for the default's Hot.",
                    );
                }
            }
            if let Some(warm) = &job.warm {
                line.warm = self.job_tier(warm, &path.field("warm"));
            } else if job.hot.is_some() {
                line.warm.retain(|ix| !line.hot.contains(ix));
            }
            let matches = self.matches(job.matches.as_deref().unwrap_or_default(), &path.field("match"));
            let proven = Job {
                name: name.clone(),
                slo_ms: job.slo_ms.or(raw.slo_ms).unwrap_or(Defaults::SLO_MS),
                line,
                own_line: job.hot.is_some() || job.warm.is_some(),
                reply: self.reply(job.reply, job, &path),
                interactive: job.interactive.unwrap_or(false),
                queue: job.queue.unwrap_or(true),
                matches,
            };
            jobs.insert(name.clone(), Arc::new(proven));
        }
        jobs
    }

    fn job_tier(&mut self, list: &[RawRouteRef], path: &Path) -> Vec<RouteIx> {
        let mut tier: Vec<RouteIx> = Vec::new();
        for (index, reference) in list.iter().enumerate() {
            let at = path.index(index);
            let found = match reference {
                RawRouteRef::Route(route) => self.route(route, &at),
                RawRouteRef::Name(name) => {
                    let found = self.routes.iter().position(|r| r.id.as_str() == name);
                    let found =
                        found.or_else(|| self.routes.iter().position(|r| r.serves(name))).map(RouteIx);
                    if found.is_none() {
                        let known: Vec<&str> = self.routes.iter().map(|r| r.id.as_str()).collect();
                        let message = format!("No route is called `{name}`. Routes: {}.", known.join(", "));
                        self.fault(&at, message);
                    }
                    found
                }
            };
            match found {
                Some(ix) if tier.contains(&ix) => {
                    self.fault(&at, "The same route twice in one tier. Remove one.")
                }
                Some(ix) => tier.push(ix),
                None => {}
            }
        }
        tier
    }

    fn matches(&mut self, rules: &[RawMatch], path: &Path) -> Vec<MatchRule> {
        let mut out = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let at = path.index(index);
            if rule.client.is_none() && rule.model.is_none() {
                self.fault(&at, "A rule needs `client` or `model`; this one would take every request.");
            }
            let mut glob = |text: &Option<String>, key: &str| {
                let text = text.as_deref()?;
                match Glob::new(text) {
                    Ok(glob) => Some(glob.compile_matcher()),
                    Err(error) => {
                        self.fault(&at.field(key), format!("`{text}` is not a glob: {}.", error.kind()));
                        None
                    }
                }
            };
            let (client, model) = (glob(&rule.client, "client"), glob(&rule.model, "model"));
            out.push(MatchRule { client, model });
        }
        out
    }
}

fn canonical(name: &str) -> String {
    preset(name)
        .filter(|p| p.aliases.iter().any(|a| a.eq_ignore_ascii_case(name)))
        .map_or(name, |p| p.name)
        .to_owned()
}

fn usual_auth(known: Option<&'static Preset>, own_url: bool, dialect: Dialect) -> Auth {
    match (known, own_url) {
        (Some(preset), true) => preset.auth,
        (Some(Preset { auth: Auth::None, .. }), false) => Auth::None,
        _ => match dialect {
            Dialect::AnthropicMessages => Auth::XApiKey,
            Dialect::OpenAiChat => Auth::Bearer,
        },
    }
}

fn credentials(
    raw: &RawRoute,
    declared: Option<&RawProvider>,
    provider: &str,
    known: Option<&'static Preset>,
    auth: Auth,
) -> CredentialSource {
    if matches!(auth, Auth::None | Auth::Passthrough) {
        return CredentialSource::Nothing;
    }
    if let Some(name) = &raw.credential {
        return CredentialSource::Named(vec![name.clone()]);
    }
    if let Some(names) =
        declared.and_then(|p| p.credentials.clone().or_else(|| p.credential.clone().map(|c| vec![c])))
    {
        return CredentialSource::Named(names);
    }
    CredentialSource::Usual { provider: canonical(provider), variables: known.map_or(&[], |p| p.variables) }
}

fn breaker(own: Option<&RawBreaker>, all: Option<&RawBreaker>) -> BreakerSettings {
    let layers = [own, all];
    let settings = |get: fn(&RawBreaker) -> Option<u32>| layers.iter().flatten().find_map(|layer| get(layer));
    BreakerSettings {
        consecutive_failures: settings(|b| b.consecutive_failures).unwrap_or(Defaults::CONSECUTIVE_FAILURES),
        half_open_every_ms: layers
            .iter()
            .flatten()
            .find_map(|b| b.half_open_every_ms)
            .unwrap_or(Defaults::HALF_OPEN_EVERY_MS),
        successes_to_close: settings(|b| b.successes_to_close).unwrap_or(Defaults::SUCCESSES_TO_CLOSE),
    }
}

/// Base URLs work with and without `/v1`: a bare host gets it, a path is taken as written.
fn below(base: &Url, endpoint: &str, dialect: Dialect) -> Url {
    let path = base.path().trim_end_matches('/');
    let versioned = match dialect {
        Dialect::OpenAiChat => !path.is_empty(),
        Dialect::AnthropicMessages => path.ends_with("/v1"),
    };
    let mut url = base.clone();
    url.set_path(&if versioned { format!("{path}/{endpoint}") } else { format!("{path}/v1/{endpoint}") });
    url
}

fn same_url(url: &Url, other: &str) -> bool {
    let trim = |text: &str| text.trim_end_matches('/').trim_end_matches("/v1").to_owned();
    trim(url.as_str()) == trim(other)
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name == "localhost"
                || name.ends_with(".localhost")
                || name.ends_with(".local")
                || !name.contains('.')
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        None => false,
    }
}

/// A job that writes out a route the map already has means that route, with its breaker and statistics.
fn same_route(a: &Route, b: &Route) -> bool {
    let key = |r: &Route| {
        (r.provider.clone(), r.model.clone(), r.upstream_model.clone(), r.endpoint.clone(), r.dialect)
    };
    key(a) == key(b)
        && a.auth == b.auth
        && a.credentials == b.credentials
        && a.headers == b.headers
        && a.timeouts == b.timeouts
        && a.enabled == b.enabled
}
