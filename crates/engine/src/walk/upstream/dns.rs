//! Who resolves names: the system; when it fails or is silent, the map's fallback resolvers; when no resolver answers,
//! the addresses that worked before.
//!
//! Only names of the open internet go to a fallback resolver: what a home or office network calls its own machines is
//! nobody else's business.

mod fallback;
mod known;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use switchyard_domain::map::NetworkSettings;
use switchyard_domain::network::NameSource;

use crate::core::clock;
use crate::core::lock;

use fallback::{Answered, Fallback};
pub(crate) use known::Kept;
use known::Known;

/// Who failed this lately is not waited for, milliseconds.
const ASK_AGAIN_MS: u64 = 10_000;
/// What resolvers that are back may take before a known address is used instead.
const HEAD_START: Duration = Duration::from_millis(50);

/// The resolver of every connection. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolver(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    settings: Mutex<Settings>,
    fallback: Fallback,
    known: Mutex<Known>,
    source: AtomicU8,
    /// When the system's resolver failed last, on the monotonic clock.
    failed_mono_ms: Mutex<Option<u64>>,
    /// When the fallback resolvers were silent last, on the monotonic clock.
    silent_mono_ms: Mutex<Option<u64>>,
    /// Names the system is being asked for: a resolver that hangs is asked once, not once per request.
    asking: Mutex<HashSet<String>>,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    system_ms: u64,
    last_known_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        use switchyard_domain::map::Defaults;
        Self { system_ms: Defaults::SYSTEM_DNS_MS, last_known_ms: Defaults::LAST_KNOWN_MS }
    }
}

/// A name's addresses, and who knew them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) source: NameSource,
}

impl Resolver {
    /// Takes a map's settings.
    pub(crate) fn set(&self, settings: &NetworkSettings) {
        *lock(&self.0.settings) =
            Settings { system_ms: settings.system_dns_ms, last_known_ms: settings.last_known_ms };
        self.0.fallback.set(&settings.fallback_dns);
    }

    /// On another network the resolvers are others, and what failed there says nothing here.
    pub(crate) fn renew(&self) {
        *lock(&self.0.failed_mono_ms) = None;
        *lock(&self.0.silent_mono_ms) = None;
        self.0.fallback.renew();
    }

    /// Where addresses came from when they were last asked for.
    pub(crate) fn source(&self) -> NameSource {
        match self.0.source.load(Ordering::Relaxed) {
            1 => NameSource::Fallback,
            2 => NameSource::LastKnown,
            _ => NameSource::System,
        }
    }

    /// A host has answered as itself: the addresses it was reached under are good.
    pub(crate) fn good(&self, host: &str) {
        lock(&self.0.known).good(host, clock::now().wall_ms);
    }

    /// The good addresses, when there is something new to keep.
    pub(crate) fn take_new(&self) -> Option<Kept> {
        lock(&self.0.known).take_new()
    }

    /// Takes the good addresses of an earlier run.
    pub(crate) fn restore(&self, kept: Kept) {
        lock(&self.0.known).restore(kept);
    }

    /// A name's addresses.
    ///
    /// # Errors
    /// What the last one asked said.
    pub(crate) async fn find(&self, host: &str) -> Result<Found, String> {
        let (answer, failed) = if self.system_is_failing() && is_public(host) {
            self.race(host).await
        } else {
            match self.ask_system(host).await {
                Ok(addresses) => return Ok(self.found(host, addresses, NameSource::System)),
                Err(why) if !is_public(host) => return Err(why),
                Err(why) => (self.ask_fallback(host).await, why),
            }
        };
        match answer {
            Answered::Addresses(addresses, source) => Ok(self.found(host, addresses, source)),
            Answered::NoSuchName => Err(format!("{failed}; {host} does not exist")),
            Answered::Silent => {
                let known = self.last_known(host).ok_or(failed)?;
                Ok(self.found(host, known, NameSource::LastKnown))
            }
        }
    }

    /// Asks the system, which is known to fail, and the fallback resolvers at the same time: nobody waits for the one,
    /// and it is noticed when it is back.
    async fn race(&self, host: &str) -> (Answered, String) {
        let failed = "the system's resolver does not answer".to_owned();
        let (system, fallback) = (self.ask_system(host), self.ask_fallback(host));
        tokio::pin!(system, fallback);
        tokio::select! {
            Ok(addresses) = &mut system => (Answered::Addresses(addresses, NameSource::System), failed),
            answer = &mut fallback => (answer, failed),
        }
    }

    /// Asks the fallback resolvers; they too are not waited for while they are known to be silent and an address is
    /// known.
    async fn ask_fallback(&self, host: &str) -> Answered {
        if self.last_known(host).is_some() && is_recent(*lock(&self.0.silent_mono_ms)) {
            let (names, host) = (self.clone(), host.to_owned());
            tokio::spawn(async move { names.note_fallback(&host).await });
            // Whoever asks the system as well gives it this long.
            tokio::time::sleep(HEAD_START).await;
            return Answered::Silent;
        }
        self.note_fallback(host).await
    }

    async fn note_fallback(&self, host: &str) -> Answered {
        let answer = self.0.fallback.ask(host).await;
        let silent = (answer == Answered::Silent).then(|| clock::now().mono_ms);
        *lock(&self.0.silent_mono_ms) = silent;
        answer
    }

    fn last_known(&self, host: &str) -> Option<Vec<IpAddr>> {
        let age = lock(&self.0.settings).last_known_ms;
        lock(&self.0.known).last(host, age, clock::now().wall_ms)
    }

    fn found(&self, host: &str, addresses: Vec<IpAddr>, source: NameSource) -> Found {
        self.0.source.store(source as u8, Ordering::Relaxed);
        if source != NameSource::LastKnown {
            lock(&self.0.known).resolved(host, &addresses);
        }
        Found { addresses, source }
    }

    fn system_is_failing(&self) -> bool {
        is_recent(*lock(&self.0.failed_mono_ms))
    }

    async fn ask_system(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        let system_ms = lock(&self.0.settings).system_ms;
        match tokio::time::timeout(Duration::from_millis(system_ms), self.lookup(host)).await {
            Ok(answer) => answer,
            Err(_) => {
                *lock(&self.0.failed_mono_ms) = Some(clock::now().mono_ms);
                Err(format!("the system's resolver was silent for {system_ms} ms"))
            }
        }
    }

    /// Asks the system, in a task of its own: what it says late is still noticed.
    async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        let first = lock(&self.0.asking).insert(host.to_owned());
        if !first && self.system_is_failing() {
            // That very question hangs already; one of them is enough to notice an answer.
            return std::future::pending().await;
        }
        let (inner, name) = (Arc::clone(&self.0), host.to_owned());
        let task = tokio::spawn(async move {
            let answer = system(&name).await;
            lock(&inner.asking).remove(&name);
            // That a name does not exist is an answer: the resolver works.
            let is_failing = answer.as_ref().is_err_and(|why| !says_no_such_name(why));
            *lock(&inner.failed_mono_ms) = is_failing.then(|| clock::now().mono_ms);
            answer
        });
        task.await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

fn is_recent(at_mono_ms: Option<u64>) -> bool {
    at_mono_ms.is_some_and(|at| clock::now().mono_ms.saturating_sub(at) < ASK_AGAIN_MS)
}

async fn system(host: &str) -> Result<Vec<IpAddr>, String> {
    match tokio::net::lookup_host((host, 0)).await {
        Ok(addresses) => {
            let addresses: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
            if addresses.is_empty() { Err(format!("{host} has no address")) } else { Ok(addresses) }
        }
        Err(error) => Err(error.to_string()),
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let found = names.find(name.as_str()).await?;
            let addresses: Addrs = Box::new(found.addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

/// The words of `EAI_NONAME` and `EAI_NODATA` in glibc, musl, macOS and Windows.
fn says_no_such_name(why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    [
        "not known",
        "no address associated",
        "nodename nor servname",
        "does not resolve",
        "no such host",
        "has no address",
    ]
    .iter()
    .any(|words| why.contains(words))
}

/// Whether a name is one of the open internet's.
fn is_public(host: &str) -> bool {
    const OWN: [&str; 8] =
        [".localhost", ".local", ".lan", ".home", ".internal", ".intranet", ".corp", ".home.arpa"];
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.contains('.') && !OWN.iter().any(|own| host.ends_with(own))
}

#[cfg(test)]
mod tests;
