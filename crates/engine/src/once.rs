//! The same idempotency key never buys two answers while the first is in flight: who comes second waits for the
//! first one's answer and gets the same.
//!
//! Only a caller's own key counts; two prompts that happen to be equal are two requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use switchyard_domain::RequestId;
use tokio::sync::watch;

use crate::reply::{Reply, ReplyBody};
use crate::shared::lock;

type Key = (Arc<str>, String);
type Waiters = watch::Receiver<Option<Arc<Told>>>;

/// Requests under way that have a key of their caller's.
#[derive(Debug, Default)]
pub(crate) struct Once {
    under_way: Mutex<HashMap<Key, Waiters>>,
}

/// What the first one was told.
#[derive(Debug)]
pub(crate) struct Told {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Whether a request is the first with its key.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It is; others wait until this is dropped.
    First(First),
    /// Another one is under way. An error from it means that it ended without an answer to share.
    Second(Waiters),
}

/// The first request with its key, while it is under way.
#[derive(Debug)]
pub(crate) struct First {
    once: Arc<Once>,
    key: Key,
    told: watch::Sender<Option<Arc<Told>>>,
}

impl Once {
    pub(crate) fn turn(self: &Arc<Self>, client: &Arc<str>, key: &str) -> Turn {
        let key = (Arc::clone(client), key.to_owned());
        let mut under_way = lock(&self.under_way);
        if let Some(waiters) = under_way.get(&key) {
            return Turn::Second(waiters.clone());
        }
        let (told, waiters) = watch::channel(None);
        under_way.insert(key.clone(), waiters);
        Turn::First(First { once: Arc::clone(self), key, told })
    }
}

impl First {
    /// Shares a whole reply; a stream can't be shared, so it only keeps the others waiting until it ends.
    pub(crate) fn share(self, reply: Reply) -> Reply {
        let (parts, body) = reply.into_parts();
        let body = match body {
            ReplyBody::Whole(body) => {
                let told = Told {
                    status: parts.status,
                    headers: parts.headers.clone(),
                    body: body.clone().unwrap_or_default(),
                };
                self.told.send_replace(Some(Arc::new(told)));
                ReplyBody::Whole(body)
            }
            ReplyBody::Stream(relay, _) => ReplyBody::Stream(relay, Some(self)),
        };
        Response::from_parts(parts, body)
    }
}

impl Drop for First {
    fn drop(&mut self) {
        lock(&self.once.under_way).remove(&self.key);
    }
}

impl Told {
    /// The job the first one's request was queued as, where that is what it was told.
    pub(crate) fn queued_as(&self) -> Option<String> {
        let receipt = matches!(self.status, StatusCode::ACCEPTED | StatusCode::SERVICE_UNAVAILABLE);
        let id = self.headers.get("x-switchyard-job-id").filter(|_| receipt)?;
        id.to_str().ok().map(str::to_owned)
    }

    /// The same reply, under the second request's id.
    pub(crate) fn reply(&self, id: &RequestId) -> Reply {
        let mut reply = Response::new(ReplyBody::Whole(Some(self.body.clone())));
        *reply.status_mut() = self.status;
        *reply.headers_mut() = self.headers.clone();
        let headers = reply.headers_mut();
        if let Ok(id) = HeaderValue::from_str(id.as_str()) {
            headers.insert(HeaderName::from_static("x-switchyard-request-id"), id);
        }
        headers.insert(HeaderName::from_static("x-switchyard-shared"), HeaderValue::from_static("true"));
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &'static str) -> Reply {
        crate::reply::json(StatusCode::OK, Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test]
    async fn the_second_gets_what_the_first_got_and_the_third_is_a_first_again() {
        let once = Arc::new(Once::default());
        let client: Arc<str> = Arc::from("app");
        let Turn::First(first) = once.turn(&client, "k") else { panic!("nobody else is under way") };
        let Turn::Second(mut waiters) = once.turn(&client, "k") else { panic!("the first is under way") };
        assert!(matches!(once.turn(&client, "other"), Turn::First(_)), "another key is another request");
        assert!(matches!(once.turn(&Arc::from("b"), "k"), Turn::First(_)), "another client's key is its own");
        first.share(reply("{}"));
        let told = waiters.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        let shared = told.reply(&RequestId::from("req_2"));
        assert_eq!(shared.headers()["x-switchyard-request-id"], "req_2");
        assert!(matches!(once.turn(&client, "k"), Turn::First(_)));
    }

    #[tokio::test]
    async fn a_first_that_hangs_up_lets_the_second_go() {
        let once = Arc::new(Once::default());
        let client: Arc<str> = Arc::from("app");
        let Turn::First(first) = once.turn(&client, "k") else { panic!("nobody else is under way") };
        let Turn::Second(mut waiters) = once.turn(&client, "k") else { panic!("the first is under way") };
        drop(first);
        assert!(waiters.wait_for(Option::is_some).await.is_err());
    }
}
