//! Gathers what the cause finder goes by: circuits and how often they move, keys, the network, retries, and what the
//! providers' status pages say. A page is asked only while something is wrong there and this machine is online.

mod pages;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use switchyard_domain::event::{Event, EventKind};
use switchyard_domain::map::{Format, Route, RouteIx, value_at};
use switchyard_domain::view::{CircuitState, Snapshot};
use switchyard_domain::{Now, RouteId};
use switchyard_policy::causes::{Facts, ProviderFacts, RouteFacts, find};
use tokio_util::sync::CancellationToken;

use self::pages::Pages;
use crate::core::clock;
use crate::core::{Running, lock};
use crate::watch::Watch;
use crate::watch::snapshot;

const BEAT_MS: u64 = 2_000;
/// A cause that comes back within this time is still the same appearance, milliseconds.
const SAME_MS: u64 = 60_000;
/// Openings and closings remembered per route.
const MOVES: usize = 64;

/// Runs until stopped.
pub(crate) async fn run(watch: Arc<Watch>, stop: CancellationToken) {
    let mut events = watch.core.bus.subscribe();
    let mut finder = Finder::default();
    let mut next = clock::now().mono_ms + BEAT_MS;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            event = events.recv() => match event {
                Ok(event) => finder.note(&event),
                // What was missed is a few movements of circuits: the rest is looked up anyway.
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            },
            () = clock::sleep_until(next) => {
                finder.look(&watch).await;
                next = clock::now().mono_ms + BEAT_MS;
            }
        }
    }
}

/// How a route's circuit moved.
#[derive(Debug, Default)]
struct Moves {
    opened: VecDeque<i64>,
    closed: VecDeque<i64>,
    /// The threshold they were made under.
    threshold: u32,
}

/// What is remembered between two looks.
#[derive(Debug, Default)]
struct Finder {
    moves: HashMap<RouteId, Moves>,
    down_since: HashMap<String, i64>,
    pages: Pages,
    /// When each cause was last there, on the monotonic clock.
    told: HashMap<String, u64>,
}

impl Finder {
    fn note(&mut self, event: &Event) {
        let (route, opened) = if let EventKind::CircuitOpened { route, .. } = &event.what {
            (route, true)
        } else if let EventKind::CircuitClosed { route } = &event.what {
            (route, false)
        } else {
            return;
        };
        let moves = self.moves.entry(route.clone()).or_default();
        let own = if opened { &mut moves.opened } else { &mut moves.closed };
        own.push_back(event.at_ms);
        if own.len() > MOVES {
            own.pop_front();
        }
    }

    async fn look(&mut self, watch: &Arc<Watch>) {
        let now = clock::now();
        let Some(running) = watch.core.running.load_full() else { return };
        self.moves.retain(|id, moves| {
            let Some(ix) = running.map.find(id.as_str()) else { return false };
            // What was seen under another threshold says nothing of this one.
            let threshold = running.map.route(ix).breaker.consecutive_failures;
            moves.threshold == 0 || moves.threshold == threshold
        });
        for (id, moves) in &mut self.moves {
            let route = running.map.find(id.as_str()).map(|ix| running.map.route(ix));
            moves.threshold = route.map_or(0, |route| route.breaker.consecutive_failures);
        }
        let picture = snapshot::take(watch);
        let mut facts = self.facts(watch, &running, &picture, now);
        self.name_thresholds(watch, &mut facts).await;
        if !running.demo && !facts.network.is_down() {
            for provider in &facts.providers {
                let in_trouble = provider.routes.iter().any(|route| route.is_down);
                let page = running.map.providers.get(&provider.name).and_then(|p| p.status_page.as_deref());
                if let Some(page) = page.filter(|_| in_trouble && !provider.is_local) {
                    self.pages.ask(&provider.name, page, now);
                }
            }
        }
        let causes = find(&facts);
        for cause in &causes {
            let key = format!("{} {}", cause.code, cause.title);
            let last = self.told.insert(key, now.mono_ms);
            if last.is_none_or(|last| now.mono_ms.saturating_sub(last) > SAME_MS) {
                let (code, said) = (cause.code.clone(), format!("{}: {}", cause.title, cause.sentence));
                watch.core.bus.emit(EventKind::CauseFound { code, cause: said }, now);
            }
        }
        self.told.retain(|_, last| now.mono_ms.saturating_sub(*last) <= SAME_MS);
        let mut shown = lock(&watch.causes);
        if *shown != causes {
            *shown = causes;
            watch.core.bus.touch();
        }
    }

    fn facts(&mut self, watch: &Watch, running: &Running, picture: &Snapshot, now: Now) -> Facts {
        let mut providers = Vec::new();
        for name in running.map.providers.keys() {
            let own: Vec<(RouteIx, &Route)> = running
                .map
                .routes
                .iter()
                .enumerate()
                .filter(|(_, route)| route.provider == *name && route.enabled)
                .map(|(at, route)| (RouteIx(at), route))
                .collect();
            let routes: Vec<RouteFacts> =
                own.iter().filter_map(|(ix, route)| self.route(watch, *ix, route, now)).collect();
            if routes.is_empty() {
                continue;
            }
            let keys = picture.providers.iter().filter(|view| view.name == *name).flat_map(|view| {
                view.credentials.iter().filter_map(|key| Some((key.name.clone(), key.condemned.clone()?)))
            });
            let down_since_ms = if routes.iter().all(|route| route.is_down) {
                Some(*self.down_since.entry(name.clone()).or_insert(now.wall_ms))
            } else {
                self.down_since.remove(name);
                None
            };
            providers.push(ProviderFacts {
                name: name.clone(),
                is_local: own.iter().all(|(_, route)| route.is_local),
                routes,
                down_since_ms,
                page: self.pages.said(name, now),
                keys: keys.collect(),
            });
        }
        Facts {
            now_ms: now.wall_ms,
            network: picture.network.state,
            providers,
            retry_budget: picture.loops.clone(),
            client_retries: lock(&watch.walk.client_retries).counts(now),
            tries_per_route: running.map.retry.attempts,
        }
    }

    /// None for a route that is out of service.
    fn route(&self, watch: &Watch, ix: RouteIx, route: &Route, now: Now) -> Option<RouteFacts> {
        let health = watch
            .core
            .with_fleet(|fleet| fleet.place(&route.id, ix).map(|place| fleet.view(place, now)))??;
        // What is out of service by hand, or left out, is dealt with.
        let left_out =
            || watch.core.with_fleet(|fleet| fleet.is_excepted(&route.provider)).unwrap_or_default();
        if !health.in_service || left_out() {
            return None;
        }
        let moves = self.moves.get(&route.id);
        let within = |at: &VecDeque<i64>| {
            u32::try_from(at.iter().filter(|at| now.wall_ms - **at <= Facts::WINDOW_MS).count())
                .unwrap_or(u32::MAX)
        };
        Some(RouteFacts {
            id: route.id.clone(),
            region: route.region.clone(),
            is_down: health.circuit != CircuitState::Closed,
            probe_ok: health.probed_at_ms.map(|_| health.probe_failure.is_none()),
            last_failure: health.last_failure,
            opened: moves.map_or(0, |moves| within(&moves.opened)),
            closed: moves.map_or(0, |moves| within(&moves.closed)),
            error_percent: health.error_percent,
            threshold: route.breaker.consecutive_failures,
            threshold_key: GLOBAL.to_owned(),
        })
    }

    /// Where the thresholds of routes that move are written; most routes have none of their own.
    async fn name_thresholds(&self, watch: &Watch, facts: &mut Facts) {
        let moving = facts.providers.iter_mut().flat_map(|provider| &mut provider.routes);
        let moving: Vec<&mut RouteFacts> = moving.filter(|route| route.opened > 1).collect();
        if moving.is_empty() {
            return;
        }
        let Ok(Some(stored)) = watch.core.store.maps().latest().await else { return };
        for route in moving {
            if let Some(key) = own_threshold(&stored.document, stored.header.format, &route.id) {
                route.threshold_key = key;
            }
        }
    }
}

const GLOBAL: &str = "breaker.consecutiveFailures";

/// The path of a route's own threshold in a document.
fn own_threshold(document: &str, format: Format, route: &RouteId) -> Option<String> {
    let mut lists = vec!["hot".to_owned(), "warm".to_owned()];
    if let Some(serde_json::Value::Object(jobs)) = value_at(document, format, "jobs") {
        for job in jobs.keys().filter(|job| !job.contains('"')) {
            lists.extend([format!("jobs.\"{job}\".hot"), format!("jobs.\"{job}\".warm")]);
        }
    }
    for list in lists {
        let Some(serde_json::Value::Array(entries)) = value_at(document, format, &list) else { continue };
        for (at, entry) in entries.iter().enumerate() {
            let text = |key: &str| entry.get(key).and_then(serde_json::Value::as_str);
            let is_it = match text("id") {
                Some(id) => id == route.as_str(),
                None => {
                    format!("{}/{}", text("provider").unwrap_or_default(), text("model").unwrap_or_default())
                        == route.as_str()
                }
            };
            if is_it && entry.get("breaker").is_some_and(|own| own.get("consecutiveFailures").is_some()) {
                return Some(format!("{list}[{at}].breaker.consecutiveFailures"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_s_own_threshold_is_found_where_it_is_written() {
        let document = r#"{ "hot": [{ "provider": "a", "model": "m" },
            { "id": "own", "provider": "a", "model": "n", "breaker": { "consecutiveFailures": 3 } }],
            "jobs": { "x.y": { "warm": ["own", { "provider": "b", "model": "o", "breaker": { "consecutiveFailures": 2 } }] } } }"#;
        let at = |id: &str| own_threshold(document, Format::Json, &RouteId::from(id));
        assert_eq!(at("a/m"), None);
        assert_eq!(at("own").as_deref(), Some("hot[1].breaker.consecutiveFailures"));
        let path = at("b/o").unwrap();
        assert_eq!(path, "jobs.\"x.y\".warm[1].breaker.consecutiveFailures");
        assert_eq!(value_at(document, Format::Json, &path), Some(2.into()));
    }
}
