//! Apps with rules of their own: where they may go, and who is told.

use std::collections::BTreeMap;

use super::super::fault::Path;
use super::super::proven::ClientRule;
use super::super::raw::RawJob;
use super::super::variables::expand;
use super::{Proof, canonical};

impl Proof<'_> {
    pub(super) fn clients(&mut self) -> BTreeMap<String, ClientRule> {
        let raw = self.raw;
        let mut clients = BTreeMap::new();
        for (name, client) in raw.clients.iter().flatten() {
            let path = Path::root().field("clients").field(name);
            let providers = client.providers.as_ref().map(|names| {
                if names.is_empty() {
                    self.fault(
                        &path.field("providers"),
                        "Empty, so nothing could answer this app. Name a provider, or leave the key out.",
                    );
                }
                let at = path.field("providers");
                names.iter().enumerate().map(|(n, name)| self.known(name, &at.index(n))).collect::<Vec<_>>()
            });
            let prefer = client.prefer.as_ref().map(|name| self.known(name, &path.field("prefer")));
            if let (Some(allowed), Some(prefer)) = (&providers, &prefer)
                && !allowed.contains(prefer)
            {
                let message = format!(
                    "`{prefer}` is not among this app's `providers`. Add it there, or prefer another."
                );
                self.fault(&path.field("prefer"), message);
            }
            let notify = self.notify(client.notify.as_deref(), &path.field("notify"));
            // Its canned completion is the cold tier's.
            let reply = client
                .reply
                .map(|mode| self.reply(Some(mode), &RawJob::default(), &Path::root().field("cold")));
            let (priority, max_in_flight) = (client.priority, client.max_in_flight);
            let rule = ClientRule { providers, prefer, priority, max_in_flight, notify, reply };
            clients.insert(name.clone(), rule);
        }
        clients
    }

    /// Addresses of who is told. A webhook's is a secret, so it may be a `${NAME}`; faults show what was written.
    pub(super) fn notify(&mut self, written: Option<&[String]>, path: &Path) -> Vec<String> {
        let mut addresses = Vec::new();
        for (n, written) in written.into_iter().flatten().enumerate() {
            let at = path.index(n);
            if self.has_fault_at(&at) {
                continue;
            }
            let Some(address) = expand(written, self.variables, &at, &mut self.faults) else { continue };
            if !address.contains('@') && !address.contains("://") {
                self.fault(&at, format!("`{written}` is neither an e-mail address nor a URL."));
            }
            if written.contains("://") && !written.contains("${") {
                self.note(
                    &at,
                    "A webhook's address is a secret: whoever has it can post. Store it with `switchyard credential set NAME` \
                     and write ${NAME}.",
                );
            }
            addresses.push(address);
        }
        addresses
    }

    /// A provider's canonical name; a fault when no route of the map is of it.
    pub(super) fn known(&mut self, name: &str, at: &Path) -> String {
        let canonical = canonical(name);
        if !self.routes.iter().any(|route| route.provider == canonical) {
            let mut known: Vec<&str> = self.routes.iter().map(|route| route.provider.as_str()).collect();
            known.sort_unstable();
            known.dedup();
            let message = format!("No route of the map is of `{name}`. Providers: {}.", known.join(", "));
            self.fault(at, message);
        }
        canonical
    }
}
