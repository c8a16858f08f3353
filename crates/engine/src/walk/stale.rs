//! Answers kept for a while, to be given again when no route can answer (`cache.mode: stale_if_error`).
//!
//! Only the very same request of the same app gets one, byte for byte; only whole answers are kept, in memory, and
//! none outlives the process. While a route answers, nothing is ever taken from here.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use switchyard_domain::map::{CacheMode, CacheSettings, RoutingMap};
use switchyard_domain::{Now, Operation};
use xxhash_rust::xxh3::Xxh3;

use crate::walk::request::ProxyRequest;

/// An app and a hash of what it asked.
type Key = (Arc<str>, u128);

#[derive(Debug)]
struct Kept {
    body: Bytes,
    at: Now,
    /// Which turn in `turns` is this one's.
    turn: u64,
}

/// The answers, oldest first out.
#[derive(Debug, Default)]
pub(crate) struct Stale {
    kept: HashMap<Key, Kept>,
    turns: VecDeque<(u64, Key)>,
    last_turn: u64,
    bytes: u64,
}

impl Stale {
    /// Keeps a whole answer.
    pub(crate) fn keep(
        &mut self,
        map: &RoutingMap,
        request: &ProxyRequest,
        status: StatusCode,
        body: &Bytes,
        now: Now,
    ) {
        let size = body.len() as u64;
        if !is_kept(map, request) || status != StatusCode::OK || size > map.cache.max_bytes {
            return;
        }
        let key = key(request);
        self.last_turn += 1;
        let fresh = Kept { body: body.clone(), at: now, turn: self.last_turn };
        self.turns.push_back((self.last_turn, key.clone()));
        self.bytes += size;
        if let Some(old) = self.kept.insert(key, fresh) {
            self.bytes -= old.body.len() as u64;
        }
        self.make_room(map.cache, now);
    }

    /// The answer to the same request, and its age in milliseconds. An older one will do while every provider is out
    /// (`all_out`).
    pub(crate) fn find(
        &self,
        map: &RoutingMap,
        request: &ProxyRequest,
        all_out: bool,
        now: Now,
    ) -> Option<(Bytes, u64)> {
        let kept = self.kept.get(&key(request)).filter(|_| is_kept(map, request))?;
        let age_ms = now.mono_ms.saturating_sub(kept.at.mono_ms);
        let most_ms = if all_out { longest_ms(map.cache) } else { map.cache.ttl_ms };
        (age_ms <= most_ms).then(|| (kept.body.clone(), age_ms))
    }

    fn make_room(&mut self, settings: CacheSettings, now: Now) {
        while let Some((turn, key)) = self.turns.front() {
            let is_current = self.kept.get(key).is_some_and(|kept| kept.turn == *turn);
            let is_old = self
                .kept
                .get(key)
                .is_none_or(|kept| now.mono_ms.saturating_sub(kept.at.mono_ms) > longest_ms(settings));
            if is_current && !is_old && self.bytes <= settings.max_bytes {
                return;
            }
            if is_current && let Some(old) = self.kept.remove(key) {
                self.bytes -= old.body.len() as u64;
            }
            self.turns.pop_front();
        }
    }
}

/// How long an answer may be of use.
fn longest_ms(settings: CacheSettings) -> u64 {
    settings.ttl_ms.max(settings.emergency_ttl_ms)
}

fn is_kept(map: &RoutingMap, request: &ProxyRequest) -> bool {
    map.cache_mode == CacheMode::StaleIfError
        && !request.envelope.stream
        && matches!(request.operation, Operation::Complete | Operation::Embed)
}

fn key(request: &ProxyRequest) -> Key {
    let mut hash = Xxh3::new();
    for part in [request.job.name.as_str(), request.dialect.as_str(), request.operation.words()] {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    hash.update(&request.body);
    (Arc::clone(&request.client_id), hash.digest128())
}
