//! One route: its address, its key, its limits.

use url::{Host, Url};

use super::super::address::Place;
use super::super::defaults::Defaults;
use super::super::fault::Path;
use super::super::preset::{Auth, Layout, Preset, preset};
use super::super::proven::{BreakerSettings, CredentialSource, Route, RouteIx};
use super::super::raw::{RawBreaker, RawProvider, RawRoute};
use super::place::{Home, Named};
use super::{Proof, canonical};
use crate::{Dialect, FeatureSet, Operation, RouteId};

impl Proof<'_> {
    pub(super) fn route(&mut self, raw: &RawRoute, path: &Path) -> Option<RouteIx> {
        let before = self.faults.count();
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
        let declared_as = match all.is_some_and(|all| all.contains_key(name)) {
            true => name.to_owned(),
            false => canonical(name),
        };
        let named = Named { name: &declared_as, declared, preset: known };
        let home = self.home(raw, named, path);
        let headers = self.headers(raw, declared, path);
        let forward_headers = self.forward_headers(raw, declared, path);
        let outbound = self.outbound(named);
        let price = self.price(raw.price.as_ref(), &path.field("price"));
        let timeouts = self.timeouts(raw.timeouts.as_ref(), declared.and_then(|p| p.timeouts.as_ref()), path);
        let (provider, model, home) = (provider?, model?, home?);
        let Home { base_url, models_url, dialect, is_own, is_vendors, region } = home;
        let auth = raw
            .auth
            .or_else(|| declared.and_then(|p| p.auth))
            .unwrap_or_else(|| usual_auth(known, is_own, dialect));
        if auth == Auth::AwsSigv4 {
            // A signature names its region, whatever the address.
            self.needed_region(named, region.as_deref());
        }
        let upstream_model = raw.upstream_model.clone().unwrap_or_else(|| model.to_owned());
        let api_version = declared.and_then(|p| p.api_version.clone());
        let place = Place { base: &base_url, model: &upstream_model, api_version: api_version.as_deref() };
        let endpoint = place.address(dialect, Operation::Complete, false);
        if endpoint.is_none() {
            let key = if raw.upstream_model.is_some() { "upstreamModel" } else { "model" };
            let message = format!("`{upstream_model}` can't stand in an address. Write the model's id.");
            self.fault(&path.field(key), message);
        }
        if self.faults.count() > before {
            return None;
        }
        let id = self.route_id(raw, provider, model, path)?;
        let route = Route {
            id,
            provider: canonical(provider),
            model: model.to_owned(),
            upstream_model,
            aliases: raw.aliases.clone().unwrap_or_default(),
            endpoint: endpoint?,
            models_url,
            is_local: is_local(&base_url),
            outbound,
            base_url,
            dialect,
            speaks: spoken(raw, declared, known.filter(|_| is_own), dialect),
            can: stated(raw, true),
            cannot: lacking(raw, known.filter(|_| is_vendors)),
            context_window: raw.context_window,
            price,
            region,
            profile: declared.and_then(|p| p.profile.clone()),
            api_version,
            auth,
            credentials: credentials(raw, declared, provider, known, auth),
            headers,
            forward_headers,
            weight: raw.weight,
            enabled: raw.enabled.unwrap_or(true),
            usage_in_stream: raw
                .usage_in_stream
                .or_else(|| declared.and_then(|p| p.usage_in_stream))
                .unwrap_or(true),
            timeouts,
            breaker: breaker(raw.breaker.as_ref(), self.raw.breaker.as_ref()),
        };
        let alike = self.known.by_model.get(&(route.provider.clone(), route.model.clone()));
        let same = alike.into_iter().flatten().find(|ix| same_route(&self.routes[ix.0], &route));
        if let Some(same) = same {
            return Some(*same);
        }
        let ix = RouteIx(self.routes.len());
        self.known.add(&route, ix);
        self.routes.push(route);
        Some(ix)
    }

    fn route_id(&mut self, raw: &RawRoute, provider: &str, model: &str, path: &Path) -> Option<RouteId> {
        if let Some(id) = &raw.id {
            if self.known.by_id.contains_key(id) {
                self.fault(&path.field("id"), format!("`{id}` is already the id of another route."));
                return None;
            }
            return Some(RouteId::from(id.as_str()));
        }
        let plain = format!("{}/{model}", canonical(provider));
        let of_number = |number| if number == 1 { plain.clone() } else { format!("{plain}#{number}") };
        // What is below is taken; a job that writes a known route out again takes no number.
        let first = self.known.numbered.get(&plain).map_or(1, |number| number + 1);
        let number = (first..).find(|number| !self.known.by_id.contains_key(&of_number(*number)))?;
        self.known.wanted = Some((of_number(number), plain.clone(), number));
        Some(RouteId::from(of_number(number)))
    }
}

fn usual_auth(known: Option<&'static Preset>, is_own: bool, dialect: Dialect) -> Auth {
    match known {
        // A cloud's account is the same behind every address of it.
        Some(Preset { auth, layout: Layout::Region | Layout::Project, .. }) => *auth,
        Some(Preset { auth: Auth::None, .. }) => Auth::None,
        Some(preset) if is_own => preset.auth,
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
        half_open_most_ms: layers
            .iter()
            .flatten()
            .find_map(|b| b.half_open_most_ms)
            .unwrap_or(Defaults::HALF_OPEN_MOST_MS),
    }
}

fn stated(raw: &RawRoute, able: bool) -> FeatureSet {
    let features = raw.features.iter().flatten();
    features.filter(|(_, can)| **can == able).map(|(feature, _)| *feature).collect()
}

/// What the vendor's API lacks and the map says is missing, without what the map says is there.
fn lacking(raw: &RawRoute, vendor: Option<&Preset>) -> FeatureSet {
    let lacks = vendor.map_or(FeatureSet::NONE, |preset| FeatureSet::of(preset.lacks));
    lacks.without(stated(raw, true)).or(stated(raw, false))
}

/// The further dialects of the base URL: as written, else the preset's where the base URL is its own.
fn spoken(
    raw: &RawRoute,
    declared: Option<&RawProvider>,
    own: Option<&Preset>,
    first: Dialect,
) -> Vec<Dialect> {
    let written = raw.speaks.clone().or_else(|| declared.and_then(|p| p.speaks.clone()));
    let spoken = written.unwrap_or_else(|| own.map_or_else(Vec::new, |preset| preset.speaks.to_vec()));
    spoken.into_iter().filter(|dialect| *dialect != first).collect()
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
    (&a.provider, &a.model, &a.upstream_model) == (&b.provider, &b.model, &b.upstream_model)
        && (&a.endpoint, a.dialect, a.auth) == (&b.endpoint, b.dialect, b.auth)
        && a.credentials == b.credentials
        && (&a.headers, &a.forward_headers) == (&b.headers, &b.forward_headers)
        && (&a.region, &a.profile, &a.speaks) == (&b.region, &b.profile, &b.speaks)
        && a.timeouts == b.timeouts
        && a.price == b.price
        && a.enabled == b.enabled
}
