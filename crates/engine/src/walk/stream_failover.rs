//! A committed stream that broke off is continued by another route, where that is safe.
//!
//! What the caller has been told is kept by the stream's [`Pipe`](switchyard_wire::Pipe). The same request goes out again over the plan, with
//! that text as the beginning of the answer; the new upstream's words go through the old pipe's successor, so that the
//! caller sees one answer. Nothing is continued that could be told twice or wrongly: a tool call, thinking or JSON that
//! has begun ends in the dialect's error event.

use std::sync::Arc;

use switchyard_domain::map::{Midstream, RouteIx};
use switchyard_domain::{Failure, FailureKind};

use crate::core::clock;
use crate::walk::LiveMap;
use crate::walk::Walk;
use crate::walk::exchange::Exchange;
use crate::walk::request::{ProxyRequest, Resume};
use crate::walk::serve::{Served, serve};
use crate::walk::upstream::{Answer, Opened};

/// How often a request's stream is rescued at most: after two the network is the problem, not a route; and what was told
/// differently once would be again.
pub(crate) const fn most(mode: Midstream) -> usize {
    match mode {
        Midstream::Continue => 2,
        Midstream::Restart => 1,
        Midstream::Error => 0,
    }
}

/// Asks for the rest of a broken stream, the broken route last.
pub(crate) async fn again(
    walk: Arc<Walk>,
    running: Arc<LiveMap>,
    request: Arc<ProxyRequest>,
    resume: Arc<Resume>,
    broken: Vec<RouteIx>,
    mut exchange: Exchange,
) -> (Exchange, Result<Box<Opened>, Failure>) {
    let again = ProxyRequest {
        // From here the rest has the time a new request has.
        arrived: clock::now(),
        resume: Some(resume),
        avoid: broken,
        ..request.as_ref().clone()
    };
    let served_by = exchange.served_by().cloned();
    let served = serve(&walk, &running, &Arc::new(again), &mut exchange).await;
    let outcome = match served {
        Served::Answered(answered) => match answered.answer {
            Answer::Stream(opened) => Ok(opened),
            Answer::Whole(_) => {
                exchange.abort();
                exchange.serve_by(served_by);
                Err(Failure::new(FailureKind::Malformed, "The rest came without a stream."))
            }
        },
        Served::Refused { failure, .. } => Err(failure),
        Served::Unserved(unserved) => Err(unserved.why),
    };
    (exchange, outcome)
}
