//! Apps with rules of their own: where they may go, and who is told.

use std::collections::BTreeMap;

use super::super::fault::Path;
use super::super::proven::ClientRule;
use super::super::raw::RawJob;
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
            let notify = client.notify.clone().unwrap_or_default();
            for (n, address) in
                notify.iter().enumerate().filter(|(_, a)| !a.contains('@') && !a.contains("://"))
            {
                self.fault(
                    &path.field("notify").index(n),
                    format!("`{address}` is neither an e-mail address nor a URL."),
                );
            }
            // Its canned completion is the cold tier's.
            let reply = client
                .reply
                .map(|mode| self.reply(Some(mode), &RawJob::default(), &Path::root().field("cold")));
            let rule = ClientRule { providers, prefer, priority: client.priority, notify, reply };
            clients.insert(name.clone(), rule);
        }
        clients
    }

    /// A provider's canonical name; a fault when no route of the map is of it.
    fn known(&mut self, name: &str, at: &Path) -> String {
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
