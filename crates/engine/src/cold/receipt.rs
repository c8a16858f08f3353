//! What the caller of a queued request hears: the 202 with the job's id, the same as an error in its dialect, a canned
//! completion, or the answer itself once it is there.

use std::sync::Arc;

use http::header;
use switchyard_domain::map::ColdReply;
use switchyard_domain::{Operation, Tier};
use switchyard_store::Enqueued;
use switchyard_wire::ErrorReply;

use crate::clock;
use crate::intake::Ask;
use crate::pipeline::Parked;
use crate::reply::{self, Reply, Way};
use crate::shared::{Running, Shared};

/// The reply to a request that is queued now, as the map wants it for this caller.
pub(super) async fn reply(
    shared: &Arc<Shared>,
    running: &Running,
    ask: &Ask,
    queued: &Enqueued,
    parked: &Parked,
) -> Reply {
    let way = Way { tier: Some(Tier::Cold), degraded: true, ..Way::none(&ask.id, parked.attempts) };
    let wanted = running.map.cold_reply(&ask.job, &ask.client);
    let mut reply = match wanted {
        // A canned text is a completion; whoever wants vectors would read it as an answer without any.
        ColdReply::Template(text) if ask.operation == Operation::Complete => reply::template(ask, text, &way),
        ColdReply::Wait if !ask.envelope.stream => match wait(shared, ask, &queued.id).await {
            Some(reply) => reply,
            None => told(ask, wanted, queued, parked, &way),
        },
        ColdReply::ByCaller
        | ColdReply::Queued
        | ColdReply::Error
        | ColdReply::Wait
        | ColdReply::Template(_) => told(ask, wanted, queued, parked, &way),
    };
    if let Ok(id) = http::HeaderValue::from_str(&queued.id) {
        reply.headers_mut().insert("x-switchyard-job-id", id);
    }
    reply
}

/// Whether the caller would read a 202 as a completion, or was set to get an error.
fn wants_an_error(ask: &Ask, wanted: &ColdReply) -> bool {
    if ask.envelope.stream || *wanted == ColdReply::Error {
        return true;
    }
    // What the request itself says goes before what is written for its job or client, and that before its headers.
    ask.interactive.unwrap_or(ask.job.interactive || (*wanted != ColdReply::Queued && ask.is_sdk))
}

fn told(ask: &Ask, wanted: &ColdReply, queued: &Enqueued, parked: &Parked, way: &Way<'_>) -> Reply {
    let location = reply::location(&queued.id);
    if !wants_an_error(ask, wanted) {
        let again_in_s = parked.again_in_ms.div_ceil(1_000).max(1);
        return reply::queued(&queued.id, queued.existing, again_in_s, way);
    }
    let message = format!(
        "{} Your request is queued as {} and is answered as soon as a route is back: GET {location}.",
        reply::sentence(&parked.why.message),
        queued.id,
    );
    let mut response = reply::error_after(
        ask.dialect,
        &ErrorReply {
            status: 503,
            kind: "overloaded_error".to_owned(),
            code: Some("queued".to_owned()),
            message,
            param: None,
            request_id: Some(ask.id.as_str().to_owned()),
        },
        Some(parked.again_in_ms.max(1)),
    );
    way.mark(response.headers_mut());
    super::not_before(&mut response, parked.again_in_ms.max(1));
    if let Ok(location) = http::HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Holds the caller until its job is answered or its time is over.
async fn wait(shared: &Arc<Shared>, ask: &Ask, id: &str) -> Option<Reply> {
    let deadline = ask.arrived.mono_ms.saturating_add(ask.job.slo_ms);
    let mut ended = shared.job_ended.subscribe();
    loop {
        let job = shared.store.queue().get(id).await.ok().flatten()?;
        if let Some(answer) = job.answer {
            let mut reply = reply::json(
                http::StatusCode::from_u16(answer.status).unwrap_or(http::StatusCode::OK),
                answer.body,
            );
            let way = Way {
                route: Some(&answer.route),
                degraded: true,
                lost: &answer.lost,
                ..Way::none(&ask.id, answer.attempts)
            };
            way.mark(reply.headers_mut());
            return Some(reply);
        }
        if job.row.state.is_terminal() {
            return None;
        }
        tokio::select! {
            changed = clock::until(deadline, ended.changed()) => changed?.ok()?,
            () = shared.grace_over.cancelled() => return None,
        }
    }
}
