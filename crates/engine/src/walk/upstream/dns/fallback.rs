//! The map's fallback resolvers, asked only when the system's fails.

use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use switchyard_domain::network::NameSource;

use crate::core::lock;

/// One question to one resolver, milliseconds.
const PATIENCE_MS: u64 = 600;
/// All of them together, milliseconds: what the system's resolver leaves of the usual connect timeout.
const ALTOGETHER_MS: u64 = 700;

/// What the fallback resolvers said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    Addresses(Vec<IpAddr>, NameSource),
    /// They answered, and there is no such name, or it has no address.
    NoSuchName,
    /// None of them answered, or there is none.
    Silent,
}

#[derive(Debug, Default)]
pub(super) struct Fallback(Mutex<Servers>);

#[derive(Debug, Default)]
struct Servers {
    servers: Vec<SocketAddr>,
    resolver: Option<TokioResolver>,
}

impl Fallback {
    pub(super) fn set(&self, servers: &[SocketAddr]) {
        let mut own = lock(&self.0);
        if own.servers != servers {
            *own = Servers { servers: servers.to_vec(), resolver: None };
        }
    }

    pub(super) fn renew(&self) {
        lock(&self.0).resolver = None;
    }

    pub(super) async fn ask(&self, host: &str) -> Answered {
        let Some(resolver) = self.resolver() else { return Answered::Silent };
        // The name as it is: no search domain of this network is tried.
        let name = format!("{}.", host.trim_end_matches('.'));
        let asked = resolver.lookup_ip(name);
        match tokio::time::timeout(Duration::from_millis(ALTOGETHER_MS), asked).await {
            Ok(Ok(found)) => Answered::Addresses(found.iter().collect(), NameSource::Fallback),
            Ok(Err(error)) if error.is_nx_domain() || error.is_no_records_found() => Answered::NoSuchName,
            Ok(Err(_)) | Err(_) => Answered::Silent,
        }
    }

    fn resolver(&self) -> Option<TokioResolver> {
        let mut own = lock(&self.0);
        if own.resolver.is_none() && !own.servers.is_empty() {
            own.resolver = made(&own.servers);
        }
        own.resolver.clone()
    }
}

fn made(servers: &[SocketAddr]) -> Option<TokioResolver> {
    let servers = servers.iter().map(|server| {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = server.port();
            connection
        });
        NameServerConfig::new(server.ip(), true, connections.to_vec())
    });
    let config = ResolverConfig::from_name_servers(servers.collect());
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options();
    builder.build().ok()
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = Duration::from_millis(PATIENCE_MS);
    options.attempts = 1;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // All at once: a resolver that this network blocks must not cost the others their time.
    options.num_concurrent_reqs = 3;
    options
}
