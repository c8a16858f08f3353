//! One simulated provider: what it is, what is wrong with it now, and what it has seen.
//!
//! [`Provider`] is the handle a test or the admin API steers it by; it outlives the listener and never
//! touches a socket itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::fault::{Fault, FaultError, FaultRule, Faults};
use crate::gate::Gate;
use crate::google_token::{self, TokenOffice};
use crate::latency::{Latency, Pace};
use crate::memory::Memory;
use crate::profile::{Dialect, KeyState, Profile};
use crate::recording::{Log, Received, Traffic};

/// A handle to a simulated provider. Cheap to clone; all clones steer the same provider.
#[derive(Clone, Debug)]
pub struct Provider {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    profile: Profile,
    url: String,
    /// Present where the provider has its own port.
    gate: Option<Gate>,
    state: Mutex<State>,
    traffic: watch::Sender<Traffic>,
}

struct State {
    faults: Faults,
    latency: Latency,
    keys: HashMap<String, KeyState>,
    memory: Memory,
    tokens: TokenOffice,
    log: Log,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("faults", &self.faults)
            .field("latency", &self.latency)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

impl Provider {
    pub(crate) fn new(profile: Profile, url: String, gate: Option<Gate>) -> Self {
        let state = State {
            faults: Faults::new(profile.seed),
            latency: profile.latency,
            keys: HashMap::new(),
            memory: Memory::default(),
            tokens: TokenOffice::default(),
            log: Log::default(),
        };
        let (traffic, _) = watch::channel(Traffic::default());
        Self { inner: Arc::new(Inner { profile, url, gate, state: Mutex::new(state), traffic }) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.profile.name
    }

    /// The only dialect it answers, if it is bound to one.
    pub fn dialect(&self) -> Option<Dialect> {
        self.inner.profile.dialect
    }

    /// Its base URL, without `/v1` and without a slash at the end.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The models it knows; empty: any.
    pub fn models(&self) -> &[String] {
        &self.inner.profile.models
    }

    /// Breaks it, from the next request on, until cleared. Replaces a rule for the same model (or the one for
    /// all models). On return, `Refuse` has closed the port, and any other rule has opened it again.
    ///
    /// # Errors
    /// If the rule makes no sense, or the port cannot be closed or reopened; nothing has changed then.
    pub async fn set_fault(&self, rule: impl Into<FaultRule>) -> Result<(), FaultError> {
        let rule = rule.into();
        rule.check()?;
        match (&self.inner.gate, &rule.fault) {
            (Some(gate), Fault::Refuse) => gate.close().await?,
            (None, Fault::Refuse) => return Err(FaultError::SharedPort),
            (Some(gate), _) if rule.model.is_none() => gate.open().await?,
            (Some(_) | None, _) => {}
        }
        self.state().faults.set(rule);
        Ok(())
    }

    /// Takes away the rule for one model, or the one for all models.
    ///
    /// # Errors
    /// If the port cannot be reopened after `Refuse`.
    pub async fn clear_fault(&self, model: Option<&str>) -> Result<(), FaultError> {
        if let (Some(gate), None) = (&self.inner.gate, model) {
            gate.open().await?;
        }
        self.state().faults.clear(model);
        Ok(())
    }

    /// Makes it healthy: takes away every rule.
    ///
    /// # Errors
    /// If the port cannot be reopened after `Refuse`.
    pub async fn heal(&self) -> Result<(), FaultError> {
        if let Some(gate) = &self.inner.gate {
            gate.open().await?;
        }
        self.state().faults.clear_all();
        Ok(())
    }

    /// The rules in force, the one for all models first.
    pub fn faults(&self) -> Vec<FaultRule> {
        self.state().faults.rules()
    }

    /// Its pace.
    pub fn latency(&self) -> Latency {
        self.state().latency
    }

    /// Changes its pace from the next request on.
    pub fn set_latency(&self, latency: Latency) {
        self.state().latency = latency;
    }

    /// Changes what it thinks of a key, from the next request on.
    pub fn set_key(&self, key: impl Into<String>, key_state: KeyState) {
        self.state().keys.insert(key.into(), key_state);
    }

    /// The last [`crate::LOG_LENGTH`] requests, oldest first.
    pub fn requests(&self) -> Vec<Received> {
        self.state().log.entries()
    }

    /// Completions asked for so far.
    pub fn calls(&self) -> u64 {
        self.traffic().calls
    }

    /// Requests whose client went away before the answer's end.
    pub fn aborted(&self) -> u64 {
        self.traffic().aborted
    }

    /// All counters.
    pub fn traffic(&self) -> Traffic {
        *self.inner.traffic.borrow()
    }

    /// Waits until the counters satisfy `ready`, and returns them. Has no time limit of its own. The log is
    /// always at least as new as the counters.
    pub async fn wait_for(&self, ready: impl FnMut(&Traffic) -> bool) -> Traffic {
        let mut counters = self.inner.traffic.subscribe();
        let met = counters.wait_for(ready).await.map(|traffic| *traffic);
        // The sender lives in `self`, so the wait cannot end otherwise.
        met.unwrap_or_else(|_| self.traffic())
    }

    /// Forgets the requests seen; the counters go on.
    pub fn forget(&self) {
        self.state().log.forget();
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.inner.profile
    }

    pub(crate) fn key_state(&self, key: Option<&str>) -> KeyState {
        let set = key.and_then(|key| self.state().keys.get(key).copied());
        let accepted = &self.inner.profile.keys;
        let known = accepted.is_empty() || key.is_some_and(|key| accepted.iter().any(|k| k == key));
        match set {
            Some(set) => set,
            None if known => KeyState::Good,
            None => KeyState::Revoked,
        }
    }

    pub(crate) fn pace(&self, seq: u64) -> Pace {
        Pace::new(self.latency(), self.inner.profile.seed, seq)
    }

    /// The key file (JSON) of a Google service account whose tokens it issues, for Vertex AI's side of the Gemini
    /// dialect. Signing keys for tests alone.
    pub fn google_service_account(&self) -> serde_json::Value {
        google_token::service_account(self.url())
    }

    /// The application default credentials (JSON) of a user whose refresh token it accepts.
    pub fn google_user_credentials(&self) -> serde_json::Value {
        google_token::authorized_user(self.url())
    }

    /// Requests to its token endpoint so far, on any outcome.
    pub fn token_requests(&self) -> u64 {
        self.state().tokens.requests()
    }

    /// Ends every access token it has issued.
    pub fn expire_tokens(&self) {
        self.state().tokens.expire_all();
    }

    /// Reads or changes what it knows of its access tokens.
    pub(crate) fn tokens<T>(&self, change: impl FnOnce(&mut TokenOffice) -> T) -> T {
        change(&mut self.state().tokens)
    }

    /// What it thinks of this very key, if anything: a key nobody told it of is none of its own.
    pub(crate) fn key_opinion(&self, key: &str) -> Option<KeyState> {
        let set = self.state().keys.get(key).copied();
        set.or_else(|| self.inner.profile.keys.iter().any(|own| own == key).then_some(KeyState::Good))
    }

    /// Reads or changes what it remembers.
    pub(crate) fn memory<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        change(&mut self.state().memory)
    }

    pub(crate) fn strike(&self, model: Option<&str>) -> Option<Fault> {
        self.state().faults.strike(model)
    }

    pub(crate) fn strike_listing(&self) -> Option<Fault> {
        self.state().faults.strike_listing()
    }

    pub(crate) fn strike_accept(&self) -> bool {
        self.state().faults.strike_accept()
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Traffic)) {
        self.inner.traffic.send_modify(change);
    }

    /// Writes a request down; the exchange is open until it is ended or dropped.
    pub(crate) fn receive(&self, received: Received, completion: bool) -> OpenExchange {
        let seq = self.state().log.add(received);
        self.count(|traffic| {
            if completion {
                traffic.calls += 1;
            } else {
                traffic.probes += 1;
            }
            traffic.in_flight += 1;
        });
        OpenExchange { provider: self.clone(), seq, ended: false }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request being answered. Dropped before its end, the client has gone away.
#[derive(Debug)]
pub(crate) struct OpenExchange {
    provider: Provider,
    seq: u64,
    ended: bool,
}

impl OpenExchange {
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    pub(crate) fn met(&self, fault: Option<&Fault>) {
        if let Some(fault) = fault {
            self.amend(|entry| entry.fault = Some(fault.kind().to_owned()));
        }
    }

    pub(crate) fn answered(&self, status: u16) {
        self.amend(|entry| entry.status = Some(status));
    }

    /// The answer is complete, or broken off by the provider itself.
    pub(crate) fn end(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.amend(|entry| entry.ended = true);
        self.provider.count(|traffic| {
            traffic.ended += 1;
            traffic.in_flight -= 1;
        });
    }

    fn amend(&self, change: impl FnOnce(&mut Received)) {
        self.provider.state().log.amend(self.seq, change);
    }
}

impl Drop for OpenExchange {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.amend(|entry| entry.aborted = true);
        self.provider.count(|traffic| {
            traffic.aborted += 1;
            traffic.in_flight -= 1;
        });
    }
}
