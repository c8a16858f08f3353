//! Requests of one caller's with the same idempotency key get one answer, whoever of them is the first.

use std::sync::Arc;

use switchyard_wire::ErrorReply;

use super::{answer, switched_off};
use crate::core::clock;
use crate::walk::LiveMap;
use crate::walk::Walk;
use crate::walk::cold;
use crate::walk::header_names;
use crate::walk::idempotency::{Outcome as FirstOutcome, Turn};
use crate::walk::reply::{self, Reply};
use crate::walk::request::ProxyRequest;

/// Answers a request, one way or another; two with the same key of their caller's get one answer.
pub(crate) async fn respond(walk: &Arc<Walk>, running: &Arc<LiveMap>, request: Arc<ProxyRequest>) -> Reply {
    if let Some(why) = walk.core.all_off(running) {
        return switched_off(walk, &request, &why);
    }
    let own_key = request.idempotency_key.as_deref();
    // No header holds a line feed: what stands for an SDK's repetitions is no caller's key.
    let implied = (own_key.is_none() && request.is_sdk).then(|| format!("\n{}", request.mark()));
    let Some(key) = own_key.or(implied.as_deref()) else { return answer(walk, running, &request).await };
    let deadline = request.arrived.mono_ms.saturating_add(request.job.slo_ms);
    let fingerprint = request.fingerprint();
    loop {
        match walk.idempotency.turn(&request.client_id, key, fingerprint.clone()) {
            Turn::Leader(first) => {
                let queued = match own_key {
                    Some(key) => cold::already_queued(walk, running, &request, key, &fingerprint).await,
                    None => cold::queued_before(walk, running, &request, &fingerprint).await,
                };
                let reply = match queued {
                    Some(reply) => reply,
                    None => answer(walk, running, &request).await,
                };
                return reply::share(reply, first);
            }
            // An equal prompt, and not the same request again.
            Turn::Follower(_) if own_key.is_none() && !request.asks_again => {
                return answer(walk, running, &request).await;
            }
            Turn::Other if own_key.is_none() => return answer(walk, running, &request).await,
            Turn::Other => return cold::key_reused(&request),
            Turn::Follower(mut waiters) => {
                let outcome = match clock::until(deadline, waiters.wait_for(Option::is_some)).await {
                    Some(Ok(outcome)) => outcome.clone(),
                    // The first one hung up, or its stream broke off.
                    Some(Err(_)) => continue,
                    None => None,
                };
                return match outcome {
                    None => same_key(&request),
                    // Its SDK lost the stream, or it would not ask again.
                    Some(FirstOutcome::Streamed) if own_key.is_none() => {
                        answer(walk, running, &request).await
                    }
                    Some(FirstOutcome::Streamed) => streamed_elsewhere(&request),
                    Some(FirstOutcome::SharedReply(told)) => match told.queued_as() {
                        // An app may ask by curl first and then by an SDK, which would take the first one's 202 for
                        // an answer.
                        Some(id) => cold::same_job(walk, running, &request, id).await,
                        None => reply::shared(&told, &request.id),
                    },
                };
            }
        }
    }
}

fn same_key(request: &ProxyRequest) -> Reply {
    let message =
        "A request with this idempotency key is still being answered. Wait for it, or send another key.";
    conflict(request, "idempotency_key_in_use", message)
}

/// The answer was bought once and has gone to the first request; asking again must be the caller's decision.
fn streamed_elsewhere(request: &ProxyRequest) -> Reply {
    let message = "The request with this idempotency key was answered as a stream to whoever sent it first, and a \
                   stream is not kept. Send another key to ask again.";
    let mut reply = conflict(request, "idempotency_key_streamed", message);
    reply.headers_mut().insert(&header_names::SHOULD_RETRY, http::HeaderValue::from_static("false"));
    reply
}

fn conflict(request: &ProxyRequest, code: &str, message: &str) -> Reply {
    reply::error(
        request.dialect,
        &ErrorReply {
            status: 409,
            kind: "conflict_error".to_owned(),
            code: Some(code.to_owned()),
            message: message.to_owned(),
            param: None,
            request_id: Some(request.id.as_str().to_owned()),
        },
    )
}
