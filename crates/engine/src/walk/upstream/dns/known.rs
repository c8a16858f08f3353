//! Addresses that worked before. One is good once its host has answered as itself there: a captive portal resolves
//! every name to its own address.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// More hosts than any map has.
const MOST: usize = 256;
/// That a host is still well is noted this often, milliseconds.
const NOTED_EVERY_MS: i64 = 3_600_000;

/// Good addresses, by host.
pub(crate) type Kept = BTreeMap<String, Good>;

/// The addresses a host was reached under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Good {
    addresses: Vec<IpAddr>,
    /// When it last answered there, UTC epoch milliseconds.
    at_ms: i64,
}

#[derive(Debug, Default)]
pub(super) struct Known {
    good: Kept,
    /// As resolved last; not proven yet.
    resolved: HashMap<String, Vec<IpAddr>>,
    is_new: bool,
}

impl Known {
    pub(super) fn resolved(&mut self, host: &str, addresses: &[IpAddr]) {
        if self.resolved.len() >= MOST && !self.resolved.contains_key(host) {
            self.resolved.clear();
        }
        match self.resolved.get_mut(host) {
            Some(known) if known.as_slice() == addresses => {}
            Some(known) => *known = addresses.to_vec(),
            None => {
                self.resolved.insert(host.to_owned(), addresses.to_vec());
            }
        }
    }

    pub(super) fn good(&mut self, host: &str, now_ms: i64) {
        let Some(addresses) = self.resolved.get(host) else { return };
        if let Some(good) = self.good.get(host)
            && good.addresses == *addresses
            && now_ms - good.at_ms < NOTED_EVERY_MS
        {
            return;
        }
        if self.good.len() >= MOST && !self.good.contains_key(host) {
            let oldest = self.good.iter().min_by_key(|(_, good)| good.at_ms).map(|(host, _)| host.clone());
            if let Some(oldest) = oldest {
                self.good.remove(&oldest);
            }
        }
        self.good.insert(host.to_owned(), Good { addresses: addresses.clone(), at_ms: now_ms });
        self.is_new = true;
    }

    pub(super) fn last(&self, host: &str, age_ms: u64, now_ms: i64) -> Option<Vec<IpAddr>> {
        let good = self.good.get(host)?;
        // A clock that was set back makes no address older.
        let age = u64::try_from(now_ms - good.at_ms).unwrap_or(0);
        (age <= age_ms && age_ms > 0).then(|| good.addresses.clone())
    }

    pub(super) fn take_new(&mut self) -> Option<Kept> {
        std::mem::take(&mut self.is_new).then(|| self.good.clone())
    }

    pub(super) fn restore(&mut self, kept: Kept) {
        for (host, good) in kept {
            self.good.entry(host).or_insert(good);
        }
    }
}
