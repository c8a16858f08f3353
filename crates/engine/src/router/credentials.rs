//! Credentials: store, list, test, remove; and the keeper that reads them again when they are doubted.

use std::sync::Arc;

use switchyard_domain::api::{CredentialList, CredentialTest};
use switchyard_domain::event::EventKind;
use switchyard_domain::map::{self, Auth, Format, NoVariables, Route, RouteIx};
use switchyard_domain::view::{CredentialPlace, CredentialView, KeychainView};
use switchyard_domain::{Problem, Secret};
use switchyard_policy::KeyId;
use tokio_util::sync::CancellationToken;

use super::state::RouterState;
use super::{Router, keyring};
use crate::core::clock;
use crate::core::lock;
use crate::core::vault::{Key, blocking, check_name};
use crate::walk::upstream::Upstream;
use crate::watch::snapshot;

/// A provider has this long to answer a test, milliseconds.
const TEST_MS: u64 = 15_000;
/// Doubted keys are read again at most this often, milliseconds.
const DOUBT_MS: u64 = 5_000;

impl Router {
    /// Every credential the running map uses or that was stored, without values.
    pub async fn credentials(&self) -> CredentialList {
        let snapshot = self.snapshot();
        let mut credentials: Vec<CredentialView> =
            snapshot.providers.iter().flat_map(|provider| provider.credentials.clone()).collect();
        for stored in self.state.core.store.credentials().list().await.unwrap_or_default() {
            if !credentials.iter().any(|known| known.name == stored.name) {
                let view = snapshot::credential(&self.state.watch, stored.name);
                let found_in =
                    if view.found_in == CredentialPlace::Missing { stored.place } else { view.found_in };
                credentials.push(CredentialView { found_in, ..view });
            }
        }
        credentials.sort_by(|a, b| a.name.cmp(&b.name));
        credentials.dedup_by(|a, b| a.name == b.name);
        CredentialList { keychain: self.state.core.vault.view(), credentials }
    }

    /// Stores a key and uses it from the next request on.
    ///
    /// # Errors
    /// `invalid_credential_name`, `invalid_credential_value`, `keychain_unavailable`.
    pub async fn set_credential(&self, name: &str, value: Secret, actor: &str) -> Result<(), Problem> {
        keyring::set(&self.state.core.store, &self.state.core.vault, name, value).await?;
        self.changed(name, true, actor).await;
        Ok(())
    }

    /// Removes a stored key.
    ///
    /// # Errors
    /// `not_found_credential`, `keychain_unavailable`.
    pub async fn remove_credential(&self, name: &str, actor: &str) -> Result<(), Problem> {
        keyring::remove(&self.state.core.store, &self.state.core.vault, name).await?;
        self.changed(name, false, actor).await;
        Ok(())
    }

    /// Asks the provider whether it accepts a stored key. Costs nothing: it lists models.
    ///
    /// # Errors
    /// `not_found_credential`, `keychain_unavailable`, `unknown_provider`.
    pub async fn test_credential(&self, name: &str) -> Result<CredentialTest, Problem> {
        check_name(name)?;
        let (vault, owned) = (Arc::clone(&self.state.core.vault), name.to_owned());
        let found = blocking(move || vault.find(&owned)).await??;
        // What a cloud's own tools left here is in use without being stored.
        let in_use = || self.state.core.vault.key(&KeyId::from(name));
        let found = found.map(|(secret, place)| Arc::new(Key::of(secret, place))).or_else(in_use);
        let Some(key) = found else {
            let message = format!("No key is stored as {name}. Run `switchyard credential set {name}`.");
            return Err(Problem::new("not_found_credential", message));
        };
        let (route, upstream) = self.route_of(name).ok_or_else(|| {
            let message = format!(
                "No route uses {name}, and it isn't a known provider's name, so there is nothing to ask."
            );
            Problem::new("unknown_provider", message)
        })?;
        let by = clock::now().mono_ms + TEST_MS;
        let provider = &route.provider;
        let test = match upstream.probe(&route, Some(&key), by).await {
            Ok(200..=299) => CredentialTest { ok: true, message: format!("{provider} accepts this key.") },
            Ok(status @ (401 | 403)) => CredentialTest {
                ok: false,
                message: format!("{provider} answered {status}. Paste a new key."),
            },
            Ok(status) => CredentialTest {
                ok: false,
                message: format!(
                    "{provider} answered {status}, which says nothing about the key. Try again later."
                ),
            },
            Err(failure) => CredentialTest { ok: false, message: failure.message },
        };
        if test.ok {
            self.state.core.with_fleet(|fleet| fleet.enable_key(&KeyId::from(name)));
            self.state.walk.look_around(clock::now());
        }
        Ok(test)
    }

    /// Tries the keychain again, for instance after it was unlocked.
    pub async fn retry_keychain(&self) -> KeychainView {
        self.state.core.vault.reconnect();
        reload(&self.state).await;
        let vault = Arc::clone(&self.state.core.vault);
        // A map may need no key at all; then nothing has shown yet whether the keychain works.
        let probe = blocking(move || vault.find("switchyard-keychain-check").err()).await;
        let view = self.state.core.vault.view();
        match probe {
            Ok(Some(problem)) => KeychainView { available: false, problem: Some(problem.message) },
            Ok(None) | Err(_) => view,
        }
    }

    async fn changed(&self, name: &str, stored: bool, actor: &str) {
        self.state.core.with_fleet(|fleet| fleet.enable_key(&KeyId::from(name)));
        reload(&self.state).await;
        self.state
            .core
            .bus
            .emit(EventKind::CredentialChanged { name: name.to_owned(), stored }, clock::now());
        let action = if stored { "credential.set" } else { "credential.remove" };
        self.note(actor, action, name, None).await;
        self.state.walk.look_around(clock::now());
        self.state.walk.queue.ways_changed();
    }

    /// A route that uses the key; else the one its preset would make.
    fn route_of(&self, name: &str) -> Option<(Route, Upstream)> {
        let provider = name.split(':').next().unwrap_or(name);
        if let Some(running) = self.state.walk.live.load_full() {
            let uses = |route: &Route| match &route.credentials {
                map::CredentialSource::Named(names) => names.iter().any(|known| known == name),
                map::CredentialSource::Usual { provider: known, variables } => {
                    map::names_of(known).contains(&provider) || variables.contains(&name)
                }
                map::CredentialSource::Nothing => false,
            };
            if let Some(at) = running.map.routes.iter().position(uses) {
                return Some((running.map.routes[at].clone(), running.upstream(RouteIx(at)).clone()));
            }
        }
        map::preset(provider).filter(|preset| preset.auth != Auth::None)?;
        let document = serde_json::json!({ "hot": [{ "provider": provider, "model": "any" }] }).to_string();
        let map = map::read(&document, Format::Json, &NoVariables).ok()?;
        let upstream = Upstream::all(&map, &[], &self.state.walk.egress).ok()?.into_iter().next()?;
        Some((map.routes.into_iter().next()?, upstream))
    }
}

/// Reads every key the running map needs, and hands their names to the fleet.
pub(super) async fn reload(state: &Arc<RouterState>) {
    let Some(running) = state.core.running.load_full() else {
        state.walk.keys_ready.send_replace(true);
        return;
    };
    let stored = state.core.store.credentials().list().await.unwrap_or_default();
    let names: Vec<String> = stored.into_iter().map(|row| row.name).collect();
    let vault = Arc::clone(&state.core.vault);
    let map = Arc::clone(&running);
    let load = blocking(move || vault.load(&map.map, &names));
    // A keychain that asks for a password may take its time; its answer is used when it comes.
    let Ok(assigned) = load.await else { return };
    state.core.with_fleet(|fleet| {
        for (ix, keys) in assigned {
            if let Some(place) = fleet.place(&running.map.route(ix).id, ix) {
                fleet.set_keys(place, keys);
            }
        }
    });
    let was_available = lock(&state.keychain_was).replace(state.core.vault.view().available);
    let is_news = state.core.vault.uses_keychain() && was_available != Some(false);
    if let (Some(problem), true) = (state.core.vault.view().problem, is_news) {
        state.core.bus.emit(EventKind::KeychainUnavailable { reason: problem }, clock::now());
    }
    if let Some(problem) = state.core.vault.file_problem() {
        tracing::error!(code = problem.code, "{problem} Keys that were read before stay in use.");
    }
    state.walk.keys_ready.send_replace(true);
    state.core.bus.touch();
}

/// Reads the keys again after one was refused: it may have been replaced behind our back.
pub(super) async fn keep(state: Arc<RouterState>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = state.walk.keys_doubted.notified() => {}
        }
        let before = state.core.vault.known();
        reload(&state).await;
        let after = state.core.vault.known();
        for (id, key) in after.iter() {
            // A new value deserves a new chance.
            if before.get(id).is_some_and(|old| old.differs(key)) {
                state.core.with_fleet(|fleet| fleet.enable_key(id));
            }
        }
        state.walk.look_around(clock::now());
        clock::sleep_until(clock::now().mono_ms + DOUBT_MS).await;
    }
}
