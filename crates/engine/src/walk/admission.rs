//! Who is let in: how many requests are under way, of all apps and of each, and how many bytes their bodies hold.
//!
//! A request counts from its head on, before a byte of its body is kept, until its answer has gone out; so does one that
//! waits for another's answer to the same idempotency key. Queued jobs are no requests under way: the queue has bounds
//! of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use switchyard_domain::map::RoutingMap;

use crate::core::lock;

/// What is under way.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    requests: AtomicU64,
    /// Of bodies, bytes.
    bytes: AtomicU64,
    by_client: Mutex<HashMap<Arc<str>, u32>>,
}

/// A limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// `limits.maxInFlight`.
    Requests(u32),
    /// `clients.<app>.maxInFlight`.
    Client(u32),
    /// `limits.maxBytesInFlight`.
    Bytes(u64),
}

impl Full {
    /// What the caller is told: how much is under way, and which setting says so.
    pub(crate) fn message(self, client: &str) -> String {
        let (what, key) = match self {
            Self::Requests(most) => (format!("{most} requests are"), "limits.maxInFlight".to_owned()),
            Self::Client(most) => {
                (format!("{most} requests of this app are"), format!("clients.{client}.maxInFlight"))
            }
            Self::Bytes(most) => {
                let mebibytes = most / (1024 * 1024);
                (format!("Request bodies of {mebibytes} MiB are"), "limits.maxBytesInFlight".to_owned())
            }
        };
        format!("{what} under way already. Try again, or raise `{key}` in the map.")
    }
}

impl Admission {
    /// How many requests are under way.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// A place for a request of this app.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(crate) fn enter(self: &Arc<Self>, map: &RoutingMap, client: &Arc<str>) -> Result<Arc<Place>, Full> {
        let most = map.limits.max_in_flight;
        if self.requests.fetch_add(1, Ordering::Relaxed) >= u64::from(most) {
            self.requests.fetch_sub(1, Ordering::Relaxed);
            return Err(Full::Requests(most));
        }
        let mut by_client = lock(&self.by_client);
        let own = by_client.entry(Arc::clone(client)).or_insert(0);
        let limit = map.clients.get(&**client).and_then(|rule| rule.max_in_flight);
        if let Some(most) = limit.filter(|most| *own >= *most) {
            self.requests.fetch_sub(1, Ordering::Relaxed);
            return Err(Full::Client(most));
        }
        *own += 1;
        let (admission, client) = (Arc::clone(self), Arc::clone(client));
        Ok(Arc::new(Place { admission, client, bytes: AtomicU64::new(0) }))
    }
}

/// One request's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    client: Arc<str>,
    /// What it holds of a body.
    bytes: AtomicU64,
}

impl Place {
    /// Counts more of its body.
    ///
    /// # Errors
    /// When all bodies together would hold more than `most` bytes.
    pub(crate) fn hold(&self, bytes: u64, most: u64) -> Result<(), Full> {
        if self.admission.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > most {
            self.admission.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Full::Bytes(most));
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.requests.fetch_sub(1, Ordering::Relaxed);
        self.admission.bytes.fetch_sub(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        let mut by_client = lock(&self.admission.by_client);
        if let Some(own) = by_client.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use switchyard_domain::map::{Format, NoVariables, read};

    use super::*;

    fn map(more: &serde_json::Value) -> RoutingMap {
        let mut document = json!({
            "hot": [{ "provider": "openai", "model": "gpt-4o-mini" }],
            "warm": [],
            "cold": { "mode": "graceful_degrade", "queue": "q", "notify": [] },
        });
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        read(&document.to_string(), Format::Json, &NoVariables).unwrap()
    }

    #[test]
    fn a_place_is_given_back_with_its_bytes() {
        let map = map(&json!({ "limits": { "maxInFlight": 2 } }));
        let admission = Arc::new(Admission::default());
        let app: Arc<str> = Arc::from("app");
        let first = admission.enter(&map, &app).unwrap();
        let second = admission.enter(&map, &app).unwrap();
        assert_eq!(admission.enter(&map, &app).unwrap_err(), Full::Requests(2));
        first.hold(60, 100).unwrap();
        assert_eq!(second.hold(60, 100).unwrap_err(), Full::Bytes(100));
        drop(first);
        second.hold(60, 100).unwrap();
        drop(second);
        assert_eq!((admission.requests(), admission.bytes.load(Ordering::Relaxed)), (0, 0));
        assert!(lock(&admission.by_client).is_empty());
    }

    #[test]
    fn one_app_can_be_kept_from_taking_every_place() {
        let map =
            map(&json!({ "limits": { "maxInFlight": 9 }, "clients": { "greedy": { "maxInFlight": 1 } } }));
        let admission = Arc::new(Admission::default());
        let (greedy, other): (Arc<str>, Arc<str>) = (Arc::from("greedy"), Arc::from("other"));
        let one = admission.enter(&map, &greedy).unwrap();
        let full = admission.enter(&map, &greedy).unwrap_err();
        assert!(full.message("greedy").contains("clients.greedy.maxInFlight"), "{}", full.message("greedy"));
        let others: Vec<_> = (0..8).map(|_| admission.enter(&map, &other).unwrap()).collect();
        assert_eq!(admission.requests(), 9);
        drop((one, others));
        assert!(admission.enter(&map, &greedy).is_ok());
    }
}
