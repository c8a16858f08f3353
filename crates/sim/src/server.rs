//! Many simulated providers behind one port, told apart by the first part of the path.
//!
//! For tests that need several providers and no refused connections; a provider that must be able to refuse
//! has its own port in a [`crate::SimFleet`].

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::gate::{self, Gate, Port, Tenants};
use crate::profile::Profile;
use crate::provider::Provider;

/// How a [`SimServer`] starts.
#[derive(Clone, Debug, Default)]
pub struct SimConfig {
    /// The port on 127.0.0.1; 0: any free one.
    pub port: u16,
    /// Providers that differ from the healthy default; any other name exists from its first use.
    pub providers: Vec<Profile>,
}

/// Many simulated providers on one port. Dropping it stops it.
#[derive(Debug)]
pub struct SimServer {
    addr: SocketAddr,
    control: SimControl,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl SimServer {
    /// Listens on 127.0.0.1 and serves on the current tokio runtime.
    ///
    /// # Errors
    /// If the port cannot be had.
    pub async fn start(config: SimConfig) -> io::Result<Self> {
        let (listener, addr) = gate::bind(config.port)?;
        let control = SimControl {
            inner: Arc::new(Shared {
                origin: format!("http://{addr}"),
                providers: Mutex::new(BTreeMap::new()),
            }),
        };
        for profile in config.providers {
            control.add(profile);
        }
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        // No gate is handed out: the port is everybody's.
        let (_gate, orders) = Gate::new();
        let tenants = Arc::new(control.clone());
        Port { listener, addr, orders, tenants, stop: stop.clone(), tasks: tasks.clone() }.spawn();
        Ok(Self { addr, control, tasks, _stop_on_drop: stop.clone().drop_guard(), stop })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL of a provider, without `/v1`: `http://127.0.0.1:PORT/<provider>`.
    pub fn base_url(&self, provider: &str) -> String {
        self.control.base_url(provider)
    }

    /// The handle to its providers.
    pub fn control(&self) -> SimControl {
        self.control.clone()
    }

    /// Stops accepting, gives answers under way a moment, and closes every connection.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A handle to the providers of a [`SimServer`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SimControl {
    inner: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    origin: String,
    providers: Mutex<BTreeMap<String, Provider>>,
}

impl SimControl {
    /// The provider of this name, made healthy and unbound to a dialect if it did not exist.
    pub fn provider(&self, name: &str) -> Provider {
        let mut providers = self.inner.providers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(provider) = providers.get(name) {
            return provider.clone();
        }
        let provider = Provider::new(Profile::new(name), self.base_url(name), None);
        providers.insert(name.to_owned(), provider.clone());
        provider
    }

    /// Adds a provider, in place of one of the same name.
    pub fn add(&self, profile: Profile) -> Provider {
        let name = profile.name.clone();
        let provider = Provider::new(profile, self.base_url(&name), None);
        let mut providers = self.inner.providers.lock().unwrap_or_else(PoisonError::into_inner);
        providers.insert(name, provider.clone());
        provider
    }

    /// Every provider that exists by now, by name.
    pub fn providers(&self) -> Vec<Provider> {
        self.inner.providers.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn base_url(&self, name: &str) -> String {
        format!("{}/{name}", self.inner.origin)
    }
}

impl Tenants for SimControl {
    fn of(&self, path: &str) -> Provider {
        self.provider(path.trim_start_matches('/').split('/').next().unwrap_or_default())
    }

    fn sole(&self) -> Option<&Provider> {
        None
    }
}
