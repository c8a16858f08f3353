//! By which names the proxy may be called.

use url::Host;

use super::super::fault::Path;
use super::Proof;

impl Proof<'_> {
    /// Names of this machine besides the usual ones, in small letters.
    pub(super) fn hosts(&mut self) -> Vec<String> {
        let at = Path::root().field("listen").field("hosts");
        let raw = self.raw;
        self.hosts_at(raw.listen.as_ref().and_then(|listen| listen.hosts.as_deref()), &at)
    }

    /// Host names written at a place, in small letters.
    pub(super) fn hosts_at(&mut self, written: Option<&[String]>, at: &Path) -> Vec<String> {
        let mut hosts = Vec::new();
        for (index, name) in written.into_iter().flatten().enumerate() {
            match host(name) {
                Some(host) => hosts.push(host),
                None => self.fault(
                    &at.index(index),
                    format!("`{name}` is no host name. Write it without scheme, port or `*`, for example \"host.docker.internal\"."),
                ),
            }
        }
        hosts
    }
}

/// A host as it stands in a request, without its port.
fn host(name: &str) -> Option<String> {
    let host = Host::parse(name).ok().filter(|_| !name.contains('*'))?;
    Some(host.to_string())
}
