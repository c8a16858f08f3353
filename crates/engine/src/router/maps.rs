//! Maps: check, apply, look back, restore.

use std::collections::HashMap;
use std::sync::Arc;

use switchyard_domain::Problem;
use switchyard_domain::api::{ApplyMap, MapDocument, MapVersion};
use switchyard_domain::event::EventKind;
use switchyard_domain::map::{self, Fault, Format, RoutingMap};
use switchyard_store::NewMap;

use super::state::RouterState;
use super::{Router, audit, credentials, money, shifts};
use crate::core::clock;
use crate::core::purse::Priced;
use crate::core::{Running, lock};
use crate::walk::LiveMap;
use crate::walk::upstream::Upstream;
use crate::watch::compat;

/// `${NAME}`s of one map that are looked up at most: each that is no variable of the environment is sought in the
/// system's keychain.
const MOST_VARIABLES: usize = 256;
/// Versions that are listed at most.
const LISTED: u32 = 500;

impl Router {
    /// Proves a document without applying it.
    ///
    /// # Errors
    /// Every fault; without one, what is worth a word about it all the same.
    pub async fn prove_map(&self, document: &str) -> Result<Vec<Fault>, Vec<Fault>> {
        let proven = read(&self.state, document, Format::detect(document)).await?;
        Ok(map::warnings(&proven))
    }

    /// Proves a document, keeps it, and lets the next request use it.
    ///
    /// # Errors
    /// `map_invalid` with every fault, or `stale_base_version`; then nothing has changed.
    pub async fn apply_map(&self, apply: ApplyMap) -> Result<i64, Problem> {
        let format = Format::detect(&apply.document);
        let map = read(&self.state, &apply.document, format).await.map_err(invalid)?;
        let base_version = apply.base_version.or_else(|| map::base_version(&apply.document, format));
        let reason = audit::said(apply.reason);
        let _turn = self.state.applying.lock().await;
        let now = clock::now();
        let append = NewMap {
            document: &apply.document,
            format,
            name: &map.name,
            source: &apply.source,
            reason: reason.as_deref(),
            at_ms: now.wall_ms,
            base_version,
        };
        // Everything that can fail comes before the version is kept.
        let before = self.state.walk.live.load_full();
        let known_upstreams = before.as_ref().map_or(&[][..], |before| &before.upstreams);
        let upstreams = Upstream::all(&map, known_upstreams, &self.state.walk.egress)
            .map_err(|error| Problem::new("map_invalid", error))?;
        let version = self.state.core.store.maps().append(&append).await.map_err(|error| error.problem())?;
        let name = map.name.clone();
        let demo = is_demo(&self.state, &apply.document);
        let priced = priced(&map).await;
        let running =
            Running { map, version, source: apply.source.clone(), applied_at_ms: now.wall_ms, demo, priced };
        self.install(running, upstreams).await;
        self.settle().await;
        self.state.core.bus.emit(EventKind::MapApplied { version, name, source: apply.source.clone() }, now);
        let state = |version| audit::State::Map { version };
        let states = before.as_ref().map(|before| (state(before.version), state(version)));
        let (actor, target) = (apply.source.as_str(), format!("v{version}"));
        let change = audit::Change { actor, action: "map.apply", target: &target, reason, states };
        audit::note(&self.state.core, change).await;
        Ok(version)
    }

    /// An applied map as it was written; the running one without a version.
    ///
    /// # Errors
    /// `not_found_map` for a version that was never applied.
    pub async fn map_document(&self, version: Option<i64>) -> Result<MapDocument, Problem> {
        let maps = self.state.core.store.maps();
        let found = match version {
            Some(version) => maps.get(version).await,
            None => maps.latest().await,
        };
        let found = found.map_err(|error| error.problem())?.ok_or_else(|| match version {
            Some(version) => Problem::new("not_found_map", format!("There is no map version {version}.")),
            None => Problem::new("not_found_map", "No map is applied yet. Run `switchyard map apply FILE`."),
        })?;
        Ok(MapDocument {
            version: found.header.version,
            name: found.header.name,
            document: found.document,
            format: found.header.format,
            applied_at_ms: found.header.at_ms,
            source: found.header.source,
            reason: found.header.reason,
        })
    }

    /// The applied versions, newest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn map_versions(&self) -> Result<Vec<MapVersion>, Problem> {
        let headers = self.state.core.store.maps().list(LISTED).await.map_err(|error| error.problem())?;
        let version = |header: switchyard_store::MapHeader| MapVersion {
            version: header.version,
            name: header.name,
            applied_at_ms: header.at_ms,
            source: header.source,
            reason: header.reason,
        };
        Ok(headers.into_iter().map(version).collect())
    }

    /// Applies an older version again, as a new version.
    ///
    /// # Errors
    /// As [`Router::apply_map`], and `not_found_map`.
    pub async fn restore_map(
        &self,
        version: i64,
        reason: Option<String>,
        source: String,
    ) -> Result<i64, Problem> {
        let old = self.map_document(Some(version)).await?;
        let reason = audit::said(reason).or_else(|| Some(format!("restored v{version}")));
        let running = self.map_document(None).await?.version;
        self.apply_map(ApplyMap { document: old.document, base_version: Some(running), reason, source }).await
    }

    /// A unified diff of two applied versions; empty when they are equal.
    ///
    /// # Errors
    /// `not_found_map`.
    pub async fn diff_maps(&self, from: i64, to: i64) -> Result<String, Problem> {
        let (from, to) = (self.map_document(Some(from)).await?, self.map_document(Some(to)).await?);
        let label = |map: &MapDocument| format!("v{}", map.version);
        Ok(map::diff(&from.document, &label(&from), &to.document, &label(&to)))
    }

    /// Runs the stored map again after a start.
    pub(super) async fn restore_map_at_start(&self) -> Result<(), Problem> {
        let Some(stored) = self.state.core.store.maps().latest().await.map_err(|error| error.problem())?
        else {
            return Ok(());
        };
        let header = stored.header;
        let proven = read(&self.state, &stored.document, header.format).await;
        let made = proven
            .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
            .and_then(|map| {
                Upstream::all(&map, &[], &self.state.walk.egress).map(|upstreams| (map, upstreams))
            });
        match made {
            Ok((map, upstreams)) => {
                let demo = is_demo(&self.state, &stored.document);
                let (version, source, applied_at_ms) = (header.version, header.source, header.at_ms);
                let priced = priced(&map).await;
                self.install(Running { map, version, source, applied_at_ms, demo, priced }, upstreams).await;
                // The keychain may be slow or ask for a password; requests that need no key don't wait for it.
                let router = self.clone();
                self.workers.spawn(async move { router.settle().await });
            }
            Err(why) => {
                let problem = format!("Map v{} can't run here: {why}", header.version);
                tracing::error!("{problem}");
                *lock(&self.state.core.map_problem) = Some(problem);
            }
        }
        Ok(())
    }

    /// Makes a proven map the running one, atomically for the next request.
    async fn install(&self, mut running: Running, upstreams: Vec<Upstream>) {
        let most = self.state.walk.budget.in_flight;
        let wished = &mut running.map.limits.max_in_flight;
        if *wished > most {
            tracing::warn!(
                max_in_flight = *wished,
                most,
                "this process may not open enough files for the map's limit"
            );
            *wished = most;
        }
        let overrides = self.state.overrides.lock().await;
        let kept_shifts = self.kept_shifts().await;
        let running = Arc::new(running);
        let before = self.state.core.running.load_full();
        {
            let mut fleet = lock(&self.state.core.fleet);
            let fleet = fleet.get_or_insert_with(|| shifts::new_fleet(&running.map, kept_shifts));
            fleet.network_goes_by_proxy(self.state.walk.egress.proxy.serves(&running.map));
            fleet.remap(&running.map);
            // A lapse that is not kept yet is known to the fleet already.
            if overrides.version > fleet.overrides().version {
                fleet.set_overrides(overrides.clone());
            }
            let live = LiveMap { running: Arc::clone(&running), upstreams };
            self.state.walk.live.store(Some(Arc::new(live)));
            self.state.core.running.store(Some(Arc::clone(&running)));
        }
        money::take_plan(&self.state.core, &running.map).await;
        self.state.core.bus.routing.remap(&running.map);
        drop(overrides);
        self.tell_ignored(before.as_deref(), &running);
        compat::tell_fleet(&self.state.watch.checks, &running);
        *lock(&self.state.core.map_problem) = None;
        self.state.core.bus.touch();
        self.workers.spawn(compat::learn_windows(Arc::clone(&self.state.watch.checks)));
    }

    /// Reads the keys of a new map and sees where it stands. That is no failover: it is simply where it starts.
    async fn settle(&self) {
        credentials::reload(&self.state).await;
        let now = clock::now();
        let Some(running) = self.state.core.running.load_full() else { return };
        let current_tier =
            self.state.core.with_fleet(|fleet| switchyard_policy::current_tier(&running.map, fleet, now));
        if let Some(current_tier) = current_tier {
            let mut tier_since = lock(&self.state.walk.tier_since);
            if tier_since.current_tier.tier != current_tier.tier {
                tier_since.since_ms = now.wall_ms;
            }
            tier_since.current_tier = current_tier;
        }
        self.state.core.bus.touch();
        self.state.walk.queue.ways_changed();
    }
}

/// What a map's routes charge. The price list takes a while to read.
async fn priced(map: &RoutingMap) -> Arc<Priced> {
    let map = map.clone();
    let priced = tokio::task::spawn_blocking(move || Arc::new(Priced::of(&map)));
    priced.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

fn invalid(faults: Vec<Fault>) -> Problem {
    let count = faults.len();
    let first = faults.first().map(ToString::to_string).unwrap_or_default();
    let message = match count {
        1 => format!("The map was not applied. {first}"),
        _ => format!("The map was not applied: {count} faults. The first: {first}"),
    };
    Problem { faults, ..Problem::new("map_invalid", message) }
}

/// Whether a document points at the simulated providers.
fn is_demo(state: &RouterState, document: &str) -> bool {
    state.variables.iter().any(|(name, _)| document.contains(&format!("${{{name}}}")))
}

/// Proves a document with the variables it names: from the shell, the environment, then credentials.
async fn read(state: &Arc<RouterState>, document: &str, format: Format) -> Result<RoutingMap, Vec<Fault>> {
    let wanted = names(document);
    if wanted.len() > MOST_VARIABLES {
        let message = format!(
            "The map names {} variables; at most {MOST_VARIABLES} are looked up, since each may be a credential.",
            wanted.len()
        );
        return Err(vec![Fault::new("", message)]);
    }
    let mut values: HashMap<String, String> = HashMap::new();
    for name in map::ambient_variables() {
        let given = state.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let value = given.or_else(|| std::env::var(name).ok()).filter(|value| !value.trim().is_empty());
        values.extend(value.map(|value| (name.to_owned(), value)));
    }
    let mut missing = Vec::new();
    for name in wanted {
        let given = state.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        match given.or_else(|| std::env::var(&name).ok()).filter(|value| !value.trim().is_empty()) {
            Some(value) => {
                values.insert(name, value);
            }
            None => missing.push(name),
        }
    }
    if !missing.is_empty() {
        let vault = Arc::clone(&state.core.vault);
        let found = tokio::task::spawn_blocking(move || {
            missing
                .into_iter()
                .filter_map(|name| {
                    let (secret, _) = vault.find(&name).ok().flatten()?;
                    Some((name, secret.expose().to_owned()))
                })
                .collect::<Vec<_>>()
        });
        values.extend(found.await.unwrap_or_default());
    }
    let document = document.to_owned();
    let proven = tokio::task::spawn_blocking(move || {
        map::read_apart(&document, format, &|name: &str| values.get(name).cloned())
    });
    proven.await.unwrap_or_else(|_| Err(vec![Fault::new("", "The map could not be checked. Try again.")]))
}

/// The `${NAME}`s of a document.
fn names(document: &str) -> Vec<String> {
    let mut names: Vec<String> = document
        .split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name.to_owned()))
        .filter(|name| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
        .collect();
    names.sort();
    names.dedup();
    names
}
