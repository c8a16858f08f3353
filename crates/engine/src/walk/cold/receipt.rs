//! What the caller of a queued request hears: the 202 with the job's id, the same as an error in its dialect, a canned
//! completion, or the answer itself once it is there.

use std::sync::Arc;

use http::header;
use switchyard_domain::map::ColdReply;
use switchyard_domain::{Operation, Tier};
use switchyard_store::Enqueued;
use switchyard_wire::ErrorReply;

use crate::core::Running;
use crate::core::clock;
use crate::walk::Walk;
use crate::walk::reply::{self, Reply, RoutingHeaders};
use crate::walk::request::ProxyRequest;
use crate::walk::sentence::sentence;
use crate::walk::serve::Unserved;

/// The reply to a request that is queued now, as the map wants it for this caller.
pub(super) async fn reply(
    walk: &Arc<Walk>,
    running: &Running,
    request: &ProxyRequest,
    queued: &Enqueued,
    unserved: &Unserved,
) -> Reply {
    let routing = RoutingHeaders {
        tier: Some(Tier::Cold),
        degraded: true,
        ..RoutingHeaders::none(&request.id, unserved.attempts)
    };
    let wanted = running.map.cold_reply(&request.job, &request.client);
    let mut reply = match wanted {
        // A canned text is a completion; whoever wants vectors would read it as an answer without any.
        ColdReply::Template(text) if request.operation == Operation::Complete => {
            reply::template(request, text, &routing)
        }
        ColdReply::Wait if !request.envelope.stream => match wait(walk, request, &queued.id).await {
            Some(reply) => reply,
            None => told(request, wanted, queued, unserved, &routing),
        },
        ColdReply::ByCaller
        | ColdReply::Queued
        | ColdReply::Error
        | ColdReply::Wait
        | ColdReply::Template(_) => told(request, wanted, queued, unserved, &routing),
    };
    if let Ok(id) = http::HeaderValue::from_str(&queued.id) {
        reply.headers_mut().insert("x-switchyard-job-id", id);
    }
    reply
}

/// Whether the caller would read a 202 as a completion, or was set to get an error.
fn wants_an_error(request: &ProxyRequest, wanted: &ColdReply) -> bool {
    if request.envelope.stream || *wanted == ColdReply::Error {
        return true;
    }
    // What the request itself says goes before what is written for its job or client, and that before its headers.
    request.interactive.unwrap_or(request.job.interactive || (*wanted != ColdReply::Queued && request.is_sdk))
}

fn told(
    request: &ProxyRequest,
    wanted: &ColdReply,
    queued: &Enqueued,
    unserved: &Unserved,
    routing: &RoutingHeaders<'_>,
) -> Reply {
    let location = reply::location(&queued.id);
    if !wants_an_error(request, wanted) {
        let again_in_s = unserved.again_in_ms.div_ceil(1_000).max(1);
        return reply::queued(&queued.id, queued.existing, again_in_s, routing);
    }
    let message = format!(
        "{} Your request is queued as {} and is answered as soon as a route is back: GET {location}.",
        sentence(&unserved.why.message),
        queued.id,
    );
    let mut response = reply::error_after(
        request.dialect,
        &ErrorReply {
            status: 503,
            kind: "overloaded_error".to_owned(),
            code: Some("queued".to_owned()),
            message,
            param: None,
            request_id: Some(request.id.as_str().to_owned()),
        },
        Some(unserved.again_in_ms.max(1)),
    );
    routing.mark(response.headers_mut());
    super::not_before(&mut response, unserved.again_in_ms.max(1));
    if let Ok(location) = http::HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Holds the caller until its job is answered or its time is over.
async fn wait(walk: &Arc<Walk>, request: &ProxyRequest, id: &str) -> Option<Reply> {
    let deadline = request.arrived.mono_ms.saturating_add(request.job.slo_ms);
    let mut ended = walk.queue.ends();
    loop {
        let job = walk.core.store.queue().get(id).await.ok().flatten()?;
        if let Some(answer) = job.answer {
            let mut reply = reply::json(
                http::StatusCode::from_u16(answer.status).unwrap_or(http::StatusCode::OK),
                answer.body,
            );
            let routing = RoutingHeaders {
                route: Some(&answer.route),
                degraded: true,
                lost: &answer.lost,
                ..RoutingHeaders::none(&request.id, answer.attempts)
            };
            routing.mark(reply.headers_mut());
            return Some(reply);
        }
        if job.row.state.is_terminal() {
            return None;
        }
        tokio::select! {
            changed = clock::until(deadline, ended.changed()) => changed?.ok()?,
            () = walk.core.grace_over.cancelled() => return None,
        }
    }
}
