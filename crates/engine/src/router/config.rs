//! What a shell tells the router before it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// How to start a router.
#[derive(Clone, Debug)]
pub struct RouterConfig {
    /// Where the database, the lock and the local key live.
    pub data_dir: PathBuf,
    /// Where clients connect; port 0 takes any free one.
    pub proxy_addr: SocketAddr,
    /// `${NAME}`s the shell knows by itself, before the environment: the simulated providers' addresses.
    pub variables: Vec<(String, String)>,
    /// Whether the OS keychain is used.
    pub keychain: bool,
    /// A JSON file `{name: value}` of mode 0600 to keep credentials in, for machines without a keychain.
    pub credentials_file: Option<PathBuf>,
    /// Where the control API listens, as shown to people.
    pub control_url: Option<String>,
    /// Whether failovers are told through the desktop's notification service.
    pub desktop_notifications: bool,
    /// Whether a damaged database is moved aside, for an empty one.
    pub start_fresh: bool,
    /// How long running requests may take to finish at shutdown, milliseconds.
    pub shutdown_grace_ms: u64,
}

impl RouterConfig {
    /// The defaults for a data directory.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            proxy_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 4310)),
            variables: Vec::new(),
            keychain: true,
            credentials_file: None,
            control_url: None,
            desktop_notifications: false,
            start_fresh: false,
            shutdown_grace_ms: 10_000,
        }
    }
}
