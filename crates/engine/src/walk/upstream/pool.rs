//! Connections to providers: one pool for all routes with the same connect timeout and the same way out.
//!
//! A pool can be made anew while it is in use: after sleep, on another network and behind another proxy its connections
//! are dead, whatever they look like. Calls under way go on with the old ones.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use switchyard_domain::map::Outbound;

use super::direct::Direct;
use super::dns::Resolver;
use super::proxy::SystemProxy;

/// Idle connections are dropped after this: shorter than the providers' own, so that they go here before they go
/// there.
pub(super) const POOL_IDLE: Duration = Duration::from_secs(30);
pub(super) const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// What every connection out of this machine is made with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Egress {
    /// Who resolves names.
    pub(crate) names: Resolver,
    /// The system's proxy.
    pub(crate) proxy: SystemProxy,
}

/// A client that can be replaced. Clones follow.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient(Arc<ArcSwap<reqwest::Client>>);

impl HttpClient {
    /// The client of this moment.
    pub(crate) fn client(&self) -> Arc<reqwest::Client> {
        self.0.load_full()
    }
}

impl From<reqwest::Client> for HttpClient {
    fn from(client: reqwest::Client) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(client)))
    }
}

/// Connections opened with one connect timeout, one way out. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    connect_ms: u64,
    outbound: Outbound,
    pub(super) http: HttpClient,
    direct: Arc<ArcSwap<Direct>>,
}

impl Pool {
    pub(super) fn new(connect_ms: u64, outbound: &Outbound, egress: &Egress) -> reqwest::Result<Self> {
        let client = client(connect_ms, outbound, egress)?;
        let direct = Direct::new(Duration::from_millis(connect_ms));
        Ok(Self {
            connect_ms,
            outbound: outbound.clone(),
            http: client.into(),
            direct: Arc::new(ArcSwap::from_pointee(direct)),
        })
    }

    /// Whether it is the one for these.
    pub(super) fn is_for(&self, connect_ms: u64, outbound: &Outbound) -> bool {
        self.connect_ms == connect_ms && self.outbound == *outbound
    }

    pub(super) fn same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.http.0, &other.http.0)
    }

    pub(super) fn direct(&self) -> Arc<Direct> {
        self.direct.load_full()
    }

    /// Lets go of every connection; what is under way finishes on its own.
    pub(super) fn renew(&self, egress: &Egress) -> reqwest::Result<()> {
        self.http.0.store(Arc::new(client(self.connect_ms, &self.outbound, egress)?));
        self.direct.store(Arc::new(Direct::new(Duration::from_millis(self.connect_ms))));
        Ok(())
    }
}

/// A client without connections yet.
pub(crate) fn client(
    connect_ms: u64,
    outbound: &Outbound,
    egress: &Egress,
) -> reqwest::Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_millis(connect_ms))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .tcp_keepalive(TCP_KEEPALIVE)
        .pool_idle_timeout(POOL_IDLE)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .http2_keep_alive_timeout(Duration::from_secs(10))
        .dns_resolver(egress.names.clone());
    egress.proxy.applied(builder, outbound)?.build()
}
