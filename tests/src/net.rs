//! A network that can be cut: two real network namespaces with a cable between them.
//!
//! In one stands the machine with the router and its apps, in the other the rest of the world: simulated providers
//! behind addresses of the open internet, a resolver, check pages, proxies. What happens on the way happens to real
//! packets. Needs Linux, root and `ip` (iproute2); where that is missing a scenario says so and does not run.

mod gateway;
mod names;
mod proxies;
mod tls;

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};
use switchyard_sim::{Dialect, Profile, Provider, SimFleet};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::process::Start;
use crate::yard::Yard;
use crate::{fast_map, merge};

pub use gateway::{Gateway, Manner};
pub use names::Names;
pub use proxies::{HttpProxy, SocksProxy};
pub use tls::Authority;

/// The machine's address, and the addresses of the world (RFC 5737, documentation only: nobody's own).
const MACHINE: &str = "203.0.113.100/24";
/// The same of IPv6 (RFC 3849).
const MACHINE6: &str = "2001:db8::100/64";
const WORLD: [&str; 7] = ["1", "2", "11", "12", "13", "21", "31"];

/// The resolver the machine was given.
pub const RESOLVER: &str = "203.0.113.1:53";
/// The same one.
pub const RESOLVER6: &str = "[2001:db8::1]:53";
/// A fallback resolver.
pub const FALLBACK: &str = "203.0.113.2:53";
/// Where check pages are.
pub const PAGES: &str = "203.0.113.21:80";
/// And by IPv6.
pub const PAGES6: &str = "[2001:db8::21]:80";
/// Where proxies are.
pub const PROXIES: &str = "203.0.113.31";

/// A machine on a network.
#[derive(Debug)]
pub struct Net {
    /// The router and its app, in the machine's namespace.
    pub yard: Yard,
    names: Spaces,
    world: Handle,
    fleet: Arc<SimFleet>,
    stop: Option<mpsc::Sender<()>>,
    /// The resolver at [`RESOLVER`].
    pub resolver: Names,
    /// The resolver at [`FALLBACK`].
    pub fallback: Names,
    /// The check page at [`PAGES`].
    pub pages: Gateway,
}

/// The two namespaces; removed on drop.
#[derive(Debug)]
struct Spaces {
    machine: String,
    world: String,
}

impl Drop for Spaces {
    fn drop(&mut self) {
        for name in [&self.machine, &self.world] {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
            let _ = std::fs::remove_dir_all(format!("/etc/netns/{name}"));
        }
    }
}

/// Plays a scenario on a machine with a network of its own. Where the machine it runs on can't make one, it says so.
pub fn on_a_network<F, S>(scenario: F)
where
    F: FnOnce(Net) -> S + Send + 'static,
    S: Future<Output = ()>,
{
    on_a_network_with(Start::default(), scenario);
}

/// The same, with a router started this way.
pub fn on_a_network_with<F, S>(start: Start, scenario: F)
where
    F: FnOnce(Net) -> S + Send + 'static,
    S: Future<Output = ()>,
{
    let spaces = match Spaces::new() {
        Ok(spaces) => spaces,
        Err(why) => {
            // A scenario that can't be played has not passed; whoever reads the output is told.
            let _ = writeln!(
                std::io::stderr(),
                "NOT PLAYED: network namespaces can't be made here ({why}). Run the tests as root on Linux."
            );
            assert!(std::env::var_os("SWITCHYARD_NEEDS_NETNS").is_none(), "network namespaces were demanded");
            return;
        }
    };
    // A thread of its own: it stays in the namespace.
    let played = std::thread::spawn(move || {
        enter(&spaces.machine);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let net = Net::start(spaces, start).await;
            scenario(net).await;
        });
    });
    if let Err(panic) = played.join() {
        std::panic::resume_unwind(panic);
    }
}

impl Spaces {
    fn new() -> Result<Self, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let stem = format!("sy{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let spaces = Self { machine: format!("{stem}-m"), world: format!("{stem}-w") };
        let (m, w) = (spaces.machine.as_str(), spaces.world.as_str());
        ip(&["netns", "add", m])?;
        ip(&["netns", "add", w])?;
        ip(&["-n", m, "link", "add", "wan0", "type", "veth", "peer", "name", "lan0", "netns", w])?;
        ip(&["-n", m, "addr", "add", MACHINE, "dev", "wan0"])?;
        ip(&["-n", m, "addr", "add", MACHINE6, "dev", "wan0", "nodad"])?;
        for last in WORLD {
            ip(&["-n", w, "addr", "add", &format!("203.0.113.{last}/24"), "dev", "lan0"])?;
            ip(&["-n", w, "addr", "add", &format!("2001:db8::{last}/64"), "dev", "lan0", "nodad"])?;
        }
        for (space, link) in [(m, "lo"), (w, "lo"), (m, "wan0"), (w, "lan0")] {
            ip(&["-n", space, "link", "set", link, "up"])?;
        }
        ip(&["-n", m, "route", "add", "default", "via", "203.0.113.1"])?;
        ip(&["-n", m, "-6", "route", "add", "default", "via", "2001:db8::1"])?;
        let etc = format!("/etc/netns/{m}");
        let wrote = std::fs::create_dir_all(&etc).and_then(|()| {
            std::fs::write(
                format!("{etc}/resolv.conf"),
                "nameserver 203.0.113.1\noptions timeout:1 attempts:1\n",
            )
        });
        wrote.map_err(|error| format!("{etc}: {error}"))?;
        Ok(spaces)
    }
}

/// Runs `ip`.
fn ip(args: &[&str]) -> Result<(), String> {
    let done = Command::new("ip").args(args).output().map_err(|error| format!("ip: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&done.stderr).trim()))
}

/// Moves this thread, and what it starts, into a namespace.
fn enter(space: &str) {
    let space = File::open(format!("/run/netns/{space}")).unwrap();
    move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}

impl Net {
    async fn start(names: Spaces, start: Start) -> Self {
        let (told, world) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let space = names.world.clone();
        std::thread::spawn(move || {
            enter(&space);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            told.send(runtime.handle().clone()).unwrap();
            // Blocks for as long as the scenario lives; what it spawned goes with the runtime.
            let ended = runtime.spawn_blocking(move || stopped.recv());
            let _ = runtime.block_on(ended);
        });
        let world = world.recv().unwrap();
        let here = &world;
        let resolver = on(here, Names::serve(RESOLVER.parse().unwrap())).await;
        let fallback = on(here, Names::serve(FALLBACK.parse().unwrap())).await;
        let pages = on(here, Gateway::open(PAGES.parse().unwrap(), Manner::NoContent)).await;
        let (also, pages6) = (resolver.clone(), PAGES6.parse().unwrap());
        on(here, async move {
            also.also_at(RESOLVER6.parse().unwrap()).await;
            Gateway::open(pages6, Manner::NoContent).await
        })
        .await;
        let start = Start { inside: Some(names.machine.clone()), ..start };
        let yard = Yard::start_in(TempDir::new().unwrap(), start).await;
        let fleet = Arc::new(SimFleet::new());
        Self { yard, names, world, fleet, stop: Some(stop), resolver, fallback, pages }
    }

    /// A provider of the world at `203.0.113.<last>:80`, and the way to it.
    pub async fn provider(&self, name: &str, last: u8) -> (Provider, Gateway) {
        self.provider_at(Profile::new(name), &format!("203.0.113.{last}:80")).await
    }

    /// A provider of the world at this address.
    pub async fn provider_at(&self, profile: Profile, address: &str) -> (Provider, Gateway) {
        let address: SocketAddr = address.parse().unwrap();
        let (fleet, profile) = (Arc::clone(&self.fleet), profile.dialect(Dialect::OpenaiChat));
        on(&self.world, async move {
            let provider = fleet.add(profile).await.unwrap();
            let inner = provider.url().trim_start_matches("http://").parse().unwrap();
            let gateway = Gateway::open(address, Manner::Through(inner)).await;
            (provider, gateway)
        })
        .await
    }

    /// A proxy of the world at `203.0.113.31:3128`.
    pub async fn http_proxy(&self) -> HttpProxy {
        on(&self.world, HttpProxy::open(format!("{PROXIES}:3128").parse().unwrap())).await
    }

    /// A SOCKS proxy of the world at `203.0.113.31:1080`, that wants this name and password.
    pub async fn socks_proxy(&self, name: &'static str, password: &'static str) -> SocksProxy {
        on(&self.world, SocksProxy::open(format!("{PROXIES}:1080").parse().unwrap(), name, password)).await
    }

    /// Applies a map of these routes, looked after quickly, with the world's check page and fallback resolver.
    pub async fn apply(&self, hot: &[Value], warm: &[Value], more: Value) {
        let network = json!({ "network": {
            "enabled": true,
            "checkUrls": [format!("http://{}/generate_204", PAGES.trim_end_matches(":80"))],
            "fallbackDns": [FALLBACK], "checkEveryMs": 200, "checkTimeoutMs": 600, "systemDnsMs": 500
        }, "timeouts": { "connectMs": 800, "firstByteMs": 3_000, "firstTokenMs": 3_000 } });
        self.yard.apply(&merge(merge(fast_map(hot, warm), network), more)).await;
    }

    /// Pulls the machine's cable.
    pub fn pull_cable(&self) {
        ip(&["-n", &self.names.world, "link", "set", "lan0", "down"]).unwrap();
    }

    /// Puts it back.
    pub fn plug_cable(&self) {
        let world = self.names.world.as_str();
        ip(&["-n", world, "link", "set", "lan0", "up"]).unwrap();
        for last in WORLD {
            // A link that goes down loses its addresses of IPv6, unless its machine was told to keep them.
            let _ =
                ip(&["-n", world, "addr", "add", &format!("2001:db8::{last}/64"), "dev", "lan0", "nodad"]);
        }
    }

    /// Takes the machine's IPv4 away: its addresses, its way out, its resolver.
    pub fn only_ipv6(&self) {
        let machine = self.names.machine.as_str();
        ip(&["-n", machine, "-4", "addr", "flush", "dev", "wan0"]).unwrap();
        // The same file is written again: the router has that one mounted.
        std::fs::write(
            format!("/etc/netns/{machine}/resolv.conf"),
            "nameserver 2001:db8::1\noptions timeout:1\n",
        )
        .unwrap();
    }

    /// Takes an address out of the world: packets to it get no answer.
    pub fn block(&self, last: u8) {
        ip(&["-n", &self.names.world, "addr", "del", &format!("203.0.113.{last}/24"), "dev", "lan0"])
            .unwrap();
    }

    /// Gives the machine another address beside its own, as a VPN does.
    pub fn begin_vpn(&self) {
        let machine = self.names.machine.as_str();
        ip(&["-n", machine, "link", "add", "tun0", "type", "veth", "peer", "name", "tun1"]).unwrap();
        ip(&["-n", machine, "addr", "add", "10.8.0.2/24", "dev", "tun0"]).unwrap();
        ip(&["-n", machine, "link", "set", "tun0", "up"]).unwrap();
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.stop.take();
    }
}

/// A route to a provider by its address or name in the world.
#[must_use]
pub fn world_route(name: &str, host: &str) -> Value {
    json!({ "id": name, "provider": name, "model": format!("{name}-1"), "baseUrl": format!("http://{host}"),
            "dialect": "openai-chat", "auth": "none" })
}

/// Runs something in the world.
async fn on<F>(world: &Handle, future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    world.spawn(future).await.unwrap()
}
