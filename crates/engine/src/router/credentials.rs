//! Credentials: store, list, test, remove; and the keeper that reads them again when they are doubted.

use std::sync::Arc;

use switchyard_domain::api::{CredentialList, CredentialTest};
use switchyard_domain::event::EventKind;
use switchyard_domain::map::{self, Auth, Format, NoVariables, Route, RouteIx};
use switchyard_domain::view::{CredentialPlace, CredentialView, KeychainView};
use switchyard_domain::{Problem, Secret};
use switchyard_policy::KeyId;
use tokio_util::sync::CancellationToken;

use super::{Router, keyring};
use crate::core::clock;
use crate::core::shared::{Shared, lock};
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
        for stored in self.shared.store.credentials().list().await.unwrap_or_default() {
            if !credentials.iter().any(|known| known.name == stored.name) {
                let view = snapshot::credential(&self.shared, stored.name);
                let found_in =
                    if view.found_in == CredentialPlace::Missing { stored.place } else { view.found_in };
                credentials.push(CredentialView { found_in, ..view });
            }
        }
        credentials.sort_by(|a, b| a.name.cmp(&b.name));
        credentials.dedup_by(|a, b| a.name == b.name);
        CredentialList { keychain: self.shared.vault.view(), credentials }
    }

    /// Stores a key and uses it from the next request on.
    ///
    /// # Errors
    /// `invalid_credential_name`, `invalid_credential_value`, `keychain_unavailable`.
    pub async fn set_credential(&self, name: &str, value: Secret, actor: &str) -> Result<(), Problem> {
        keyring::set(&self.shared.store, &self.shared.vault, name, value).await?;
        self.changed(name, true, actor).await;
        Ok(())
    }

    /// Removes a stored key.
    ///
    /// # Errors
    /// `not_found_credential`, `keychain_unavailable`.
    pub async fn remove_credential(&self, name: &str, actor: &str) -> Result<(), Problem> {
        keyring::remove(&self.shared.store, &self.shared.vault, name).await?;
        self.changed(name, false, actor).await;
        Ok(())
    }

    /// Asks the provider whether it accepts a stored key. Costs nothing: it lists models.
    ///
    /// # Errors
    /// `not_found_credential`, `keychain_unavailable`, `unknown_provider`.
    pub async fn test_credential(&self, name: &str) -> Result<CredentialTest, Problem> {
        check_name(name)?;
        let (shared, owned) = (Arc::clone(&self.shared), name.to_owned());
        let found = blocking(move || shared.vault.find(&owned)).await??;
        // What a cloud's own tools left here is in use without being stored.
        let in_use = || self.shared.vault.key(&KeyId::from(name));
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
            self.shared.with_fleet(|fleet| fleet.enable_key(&KeyId::from(name)));
            self.shared.look_around(clock::now());
        }
        Ok(test)
    }

    /// Tries the keychain again, for instance after it was unlocked.
    pub async fn retry_keychain(&self) -> KeychainView {
        self.shared.vault.reconnect();
        reload(&self.shared).await;
        let shared = Arc::clone(&self.shared);
        // A map may need no key at all; then nothing has shown yet whether the keychain works.
        let probe = blocking(move || shared.vault.find("switchyard-keychain-check").err()).await;
        let view = self.shared.vault.view();
        match probe {
            Ok(Some(problem)) => KeychainView { available: false, problem: Some(problem.message) },
            Ok(None) | Err(_) => view,
        }
    }

    async fn changed(&self, name: &str, stored: bool, actor: &str) {
        self.shared.with_fleet(|fleet| fleet.enable_key(&KeyId::from(name)));
        reload(&self.shared).await;
        self.shared.bus.emit(EventKind::CredentialChanged { name: name.to_owned(), stored }, clock::now());
        let action = if stored { "credential.set" } else { "credential.remove" };
        self.note(actor, action, name, None).await;
        self.shared.look_around(clock::now());
        self.shared.ways_changed();
    }

    /// A route that uses the key; else the one its preset would make.
    fn route_of(&self, name: &str) -> Option<(Route, Upstream)> {
        let provider = name.split(':').next().unwrap_or(name);
        if let Some(running) = self.shared.running.load_full() {
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
        let upstream = Upstream::all(&map, &[], &self.shared.network.egress).ok()?.into_iter().next()?;
        Some((map.routes.into_iter().next()?, upstream))
    }
}

/// Reads every key the running map needs, and hands their names to the fleet.
pub(super) async fn reload(shared: &Arc<Shared>) {
    let Some(running) = shared.running.load_full() else {
        shared.keys_ready.send_replace(true);
        return;
    };
    let stored = shared.store.credentials().list().await.unwrap_or_default();
    let names: Vec<String> = stored.into_iter().map(|row| row.name).collect();
    let vault = Arc::clone(shared);
    let map = Arc::clone(&running);
    let load = blocking(move || vault.vault.load(&map.map, &names));
    // A keychain that asks for a password may take its time; its answer is used when it comes.
    let Ok(assigned) = load.await else { return };
    shared.with_fleet(|fleet| {
        for (ix, keys) in assigned {
            if let Some(place) = fleet.place(&running.map.route(ix).id, ix) {
                fleet.set_keys(place, keys);
            }
        }
    });
    let was_available = lock(&shared.keychain_was).replace(shared.vault.view().available);
    let is_news = shared.vault.uses_keychain() && was_available != Some(false);
    if let (Some(problem), true) = (shared.vault.view().problem, is_news) {
        shared.bus.emit(EventKind::KeychainUnavailable { reason: problem }, clock::now());
    }
    if let Some(problem) = shared.vault.file_problem() {
        tracing::error!(code = problem.code, "{problem} Keys that were read before stay in use.");
    }
    shared.keys_ready.send_replace(true);
    shared.bus.touch();
}

/// Reads the keys again after one was refused: it may have been replaced behind our back.
pub(super) async fn keep(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = shared.keys_doubted.notified() => {}
        }
        let before = shared.vault.known();
        reload(&shared).await;
        let after = shared.vault.known();
        for (id, key) in after.iter() {
            // A new value deserves a new chance.
            if before.get(id).is_some_and(|old| old.differs(key)) {
                shared.with_fleet(|fleet| fleet.enable_key(id));
            }
        }
        shared.look_around(clock::now());
        clock::sleep_until(clock::now().mono_ms + DOUBT_MS).await;
    }
}
