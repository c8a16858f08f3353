//! Simulated providers with a port each, so that one can refuse connections while the others answer.

use std::collections::BTreeMap;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::gate::{self, Gate, Port};
use crate::profile::{Dialect, Profile};
use crate::provider::Provider;

/// Providers with a port each. Cheap to clone; they stop when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct SimFleet {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    providers: Mutex<BTreeMap<String, Provider>>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl Default for SimFleet {
    fn default() -> Self {
        Self::new()
    }
}

impl SimFleet {
    /// A fleet without providers.
    pub fn new() -> Self {
        let stop = CancellationToken::new();
        let inner = Inner {
            providers: Mutex::new(BTreeMap::new()),
            tasks: TaskTracker::new(),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Starts a provider on its own port of 127.0.0.1, on the current tokio runtime.
    ///
    /// # Errors
    /// If the port cannot be had, or a provider of that name exists.
    pub async fn add(&self, profile: Profile) -> io::Result<Provider> {
        let name = profile.name.clone();
        if self.provider(&name).is_some() {
            let message = format!("a simulated provider named {name} exists already");
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        let provider = open(profile, &self.inner.stop, &self.inner.tasks)?;
        self.inner.providers.lock().unwrap_or_else(PoisonError::into_inner).insert(name, provider.clone());
        Ok(provider)
    }

    /// The provider of this name.
    pub fn provider(&self, name: &str) -> Option<Provider> {
        self.inner.providers.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Every provider, by name.
    pub fn providers(&self) -> Vec<Provider> {
        self.inner.providers.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The base URL of a provider, without `/v1`: `http://127.0.0.1:PORT`.
    pub fn url(&self, name: &str) -> Option<String> {
        self.provider(name).map(|provider| provider.url().to_owned())
    }

    /// Stops accepting, gives answers under way a moment, and closes every connection of every clone.
    pub async fn shutdown(self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

fn open(profile: Profile, stop: &CancellationToken, tasks: &TaskTracker) -> io::Result<Provider> {
    let (listener, addr) = gate::bind(profile.port)?;
    let (gate, orders) = Gate::new();
    let provider = Provider::new(profile, format!("http://{addr}"), Some(gate));
    let tenants = Arc::new(provider.clone());
    Port { listener, addr, orders, tenants, stop: stop.clone(), tasks: tasks.clone() }.spawn();
    Ok(provider)
}

/// One provider on its own port, steered through the [`Provider`] it derefs to. Dropping it stops it.
#[derive(Debug)]
pub struct SimProvider {
    provider: Provider,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl SimProvider {
    /// Starts a healthy provider of this name and dialect on any free port of 127.0.0.1.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn start(name: &str, dialect: Dialect) -> io::Result<Self> {
        Self::start_with(Profile::new(name).dialect(dialect)).await
    }

    /// Starts a provider with these settings.
    ///
    /// # Errors
    /// If the port cannot be had.
    pub async fn start_with(profile: Profile) -> io::Result<Self> {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let provider = open(profile, &stop, &tasks)?;
        Ok(Self { provider, tasks, _stop_on_drop: stop.clone().drop_guard(), stop })
    }

    /// The handle, to keep apart from the server.
    pub fn provider(&self) -> Provider {
        self.provider.clone()
    }

    /// Stops accepting, gives answers under way a moment, and closes every connection.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Deref for SimProvider {
    type Target = Provider;

    fn deref(&self) -> &Provider {
        &self.provider
    }
}
