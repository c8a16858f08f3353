//! One route: its address, its key, its limits.

use url::{Host, Url};

use super::super::defaults::Defaults;
use super::super::fault::Path;
use super::super::preset::{Auth, Preset, preset};
use super::super::proven::{BreakerSettings, CredentialSource, Route, RouteIx};
use super::super::raw::{RawBreaker, RawProvider, RawRoute};
use super::{Proof, canonical};
use crate::{Dialect, FeatureSet, RouteId};

impl Proof<'_> {
    pub(super) fn route(&mut self, raw: &RawRoute, path: &Path) -> Option<RouteIx> {
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
            endpoint: below(&base_url, endpoint(dialect), dialect),
            models_url: below(&base_url, "models", dialect),
            is_local: is_local(&base_url),
            base_url,
            dialect,
            speaks: raw
                .speaks
                .clone()
                .or_else(|| declared.and_then(|p| p.speaks.clone()))
                .unwrap_or_default(),
            can: stated(raw, true),
            cannot: stated(raw, false),
            context_window: raw.context_window,
            region: declared.and_then(|p| p.region.clone()),
            profile: declared.and_then(|p| p.profile.clone()),
            api_version: declared.and_then(|p| p.api_version.clone()),
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
}

fn usual_auth(known: Option<&'static Preset>, own_url: bool, dialect: Dialect) -> Auth {
    match (known, own_url) {
        (Some(preset), true) => preset.auth,
        (Some(Preset { auth: Auth::None, .. }), false) => Auth::None,
        _ => match dialect {
            Dialect::AnthropicMessages => Auth::XApiKey,
            Dialect::OpenAiChat | Dialect::OpenAiResponses => Auth::Bearer,
            Dialect::Gemini => Auth::GoogApiKey,
            Dialect::BedrockConverse => Auth::AwsSigv4,
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
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse => {
            !path.is_empty()
        }
        Dialect::AnthropicMessages => path.ends_with("/v1"),
    };
    let mut url = base.clone();
    url.set_path(&if versioned { format!("{path}/{endpoint}") } else { format!("{path}/v1/{endpoint}") });
    url
}

const fn endpoint(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat => "chat/completions",
        Dialect::OpenAiResponses => "responses",
        Dialect::AnthropicMessages => "messages",
        Dialect::Gemini => "models",
        Dialect::BedrockConverse => "model",
    }
}

fn stated(raw: &RawRoute, able: bool) -> FeatureSet {
    let features = raw.features.iter().flatten();
    features.filter(|(_, can)| **can == able).map(|(feature, _)| *feature).collect()
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
