//! The same idempotency key never buys two answers while the first is in flight: who comes second waits for the
//! first one's answer and gets the same. A stream can't be given twice, so who waited for one is told that it has
//! gone to the first.
//!
//! Only a caller's own key counts; two prompts that happen to be equal are two requests. The same key with another
//! request is a mistake of its caller's, and is refused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::watch;

use crate::core::lock;

type Key = (Arc<str>, String);
type Waiters = watch::Receiver<Option<Outcome>>;

/// Requests under way that have a key of their caller's.
#[derive(Debug, Default)]
pub(crate) struct IdempotencyKeys {
    under_way: Mutex<HashMap<Key, UnderWay>>,
}

#[derive(Debug)]
struct UnderWay {
    waiters: Waiters,
    /// Stands for what the first one asks.
    fingerprint: String,
}

/// How the first one ended, as far as the others are concerned.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It was told this, and so are the others.
    SharedReply(Arc<SharedReply>),
    /// Its answer was streamed to its end, and is not kept.
    Streamed,
}

/// What the first one was told.
#[derive(Debug)]
pub(crate) struct SharedReply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Whether a request is the first with its key.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It is; others wait until this is dropped.
    Leader(Leader),
    /// The same one is under way. An error from it means that it ended without an answer.
    Follower(Waiters),
    /// Another one is under way with this key.
    Other,
}

/// The first request with its key, while it is under way.
#[derive(Debug)]
pub(crate) struct Leader {
    idempotency: Arc<IdempotencyKeys>,
    key: Key,
    outcome: watch::Sender<Option<Outcome>>,
    /// Whether its stream came to its end, where it is one.
    completed: Option<Arc<AtomicBool>>,
}

impl IdempotencyKeys {
    /// Whose turn it is. `client` is an app's id, `fingerprint` stands for what is asked.
    pub(crate) fn turn(self: &Arc<Self>, client: &Arc<str>, key: &str, fingerprint: String) -> Turn {
        let key = (Arc::clone(client), key.to_owned());
        let mut under_way = lock(&self.under_way);
        if let Some(first) = under_way.get(&key) {
            return if first.fingerprint == fingerprint {
                Turn::Follower(first.waiters.clone())
            } else {
                Turn::Other
            };
        }
        let (outcome, waiters) = watch::channel(None);
        under_way.insert(key.clone(), UnderWay { waiters, fingerprint });
        Turn::Leader(Leader { idempotency: Arc::clone(self), key, outcome, completed: None })
    }
}

impl Leader {
    /// Tells the others what it was told itself.
    pub(crate) fn tell(self, told: SharedReply) {
        self.outcome.send_replace(Some(Outcome::SharedReply(Arc::new(told))));
    }

    /// Keeps the others waiting until its stream ends, which can't be walk; `completed` says whether it came to its end.
    pub(crate) fn streams(&mut self, completed: Arc<AtomicBool>) {
        self.completed = Some(completed);
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if self.completed.as_ref().is_some_and(|completed| completed.load(Ordering::Acquire)) {
            self.outcome.send_replace(Some(Outcome::Streamed));
        }
        lock(&self.idempotency.under_way).remove(&self.key);
    }
}

impl SharedReply {
    /// The job the first one's request was queued as, where that is what it was told.
    pub(crate) fn queued_as(&self) -> Option<String> {
        let receipt = matches!(self.status, StatusCode::ACCEPTED | StatusCode::SERVICE_UNAVAILABLE);
        let id = self.headers.get("x-switchyard-job-id").filter(|_| receipt)?;
        id.to_str().ok().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &'static str) -> SharedReply {
        let body = Bytes::from_static(text.as_bytes());
        SharedReply { status: StatusCode::OK, headers: HeaderMap::new(), body }
    }

    fn turn(idempotency: &Arc<IdempotencyKeys>, client: &str, key: &str, asks: &str) -> Turn {
        idempotency.turn(&Arc::from(client), key, asks.to_owned())
    }

    #[tokio::test]
    async fn the_second_gets_what_the_first_got_and_the_third_is_a_first_again() {
        let idempotency = Arc::new(IdempotencyKeys::default());
        let Turn::Leader(first) = turn(&idempotency, "app", "k", "x") else {
            panic!("nobody else is under way")
        };
        let Turn::Follower(mut waiters) = turn(&idempotency, "app", "k", "x") else {
            panic!("the first is under way")
        };
        assert!(
            matches!(turn(&idempotency, "app", "other", "x"), Turn::Leader(_)),
            "another key is another request"
        );
        assert!(
            matches!(turn(&idempotency, "b", "k", "x"), Turn::Leader(_)),
            "another client's key is its own"
        );
        first.tell(told("{}"));
        let outcome = waiters.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        let Outcome::SharedReply(told) = outcome else { panic!("a whole reply is walk") };
        assert_eq!(told.body, "{}");
        assert!(matches!(turn(&idempotency, "app", "k", "x"), Turn::Leader(_)));
    }

    #[test]
    fn the_same_key_with_another_request_is_told_apart() {
        let idempotency = Arc::new(IdempotencyKeys::default());
        let Turn::Leader(first) = turn(&idempotency, "app", "k", "x") else {
            panic!("nobody else is under way")
        };
        assert!(matches!(turn(&idempotency, "app", "k", "y"), Turn::Other));
        drop(first);
        assert!(
            matches!(turn(&idempotency, "app", "k", "y"), Turn::Leader(_)),
            "a key is free again once it is answered"
        );
    }

    #[tokio::test]
    async fn a_first_that_hangs_up_lets_the_second_go() {
        let idempotency = Arc::new(IdempotencyKeys::default());
        let Turn::Leader(first) = turn(&idempotency, "app", "k", "x") else {
            panic!("nobody else is under way")
        };
        let Turn::Follower(mut waiters) = turn(&idempotency, "app", "k", "x") else {
            panic!("the first is under way")
        };
        drop(first);
        assert!(waiters.wait_for(Option::is_some).await.is_err());
    }

    #[tokio::test]
    async fn who_waited_for_a_stream_is_told_that_it_has_gone() {
        let idempotency = Arc::new(IdempotencyKeys::default());
        for completed in [true, false] {
            let Turn::Leader(mut first) = turn(&idempotency, "app", "k", "x") else {
                panic!("nobody is under way")
            };
            let Turn::Follower(mut waiters) = turn(&idempotency, "app", "k", "x") else {
                panic!("one is under way")
            };
            first.completed = Some(Arc::new(AtomicBool::new(completed)));
            drop(first);
            let outcome = waiters.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
            assert_eq!(matches!(outcome, Some(Outcome::Streamed)), completed);
        }
    }
}
