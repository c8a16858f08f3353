//! A committed stream that broke off is continued by another route, where that is safe.
//!
//! What the caller has been told is kept by the stream's [`Pipe`]. The same request goes out again over the plan, with
//! that text as the beginning of the answer; the new upstream's words go through the old pipe's successor, so that the
//! caller sees one answer. Nothing is continued that could be told twice or wrongly: a tool call, thinking or JSON that
//! has begun ends in the dialect's error event.

use std::sync::Arc;

use switchyard_domain::map::{Midstream, Route, RouteIx};
use switchyard_domain::{Dialect, Failure, FailureKind, Feature};
use switchyard_wire::canonical::CallerTools;
use switchyard_wire::{How, Pipe, Seam, is_prefill_known};

use crate::core::clock;
use crate::core::shared::{Running, Shared};
use crate::walk::exchange::Exchange;
use crate::walk::pipeline::{self, Served};
use crate::walk::request::ProxyRequest;
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

/// A stream that broke off and is to be continued.
#[derive(Debug)]
pub(crate) struct Resume {
    /// What it went through.
    pub(crate) pipe: Pipe,
    /// What the caller has been told.
    pub(crate) text: String,
    /// How the rest is asked for.
    pub(crate) mode: Midstream,
    /// Why what it said last can't be read, where that is why it broke off: then one other route is asked, and the broken
    /// ones never.
    pub(crate) unread: Option<Failure>,
}

impl Resume {
    /// How a route is asked for the rest; none when it is asked from the beginning. `refuses_prefill`: it did so before.
    pub(crate) fn how(&self, route: &Route, dialect: Dialect, refuses_prefill: bool) -> Option<How> {
        match self.mode {
            Midstream::Continue if self.text.is_empty() => None,
            Midstream::Continue if !refuses_prefill && takes_prefill(route, dialect) => Some(How::Prefill),
            Midstream::Continue => Some(How::Instruction),
            Midstream::Restart | Midstream::Error => None,
        }
    }

    /// The successor of the broken stream's pipe, fed by an upstream that speaks `from`, was asked `how` and knows the
    /// caller's tools by `tools`.
    pub(crate) fn pipe(&self, from: Dialect, how: Option<How>, tools: Option<Arc<CallerTools>>) -> Pipe {
        let seam = match how {
            Some(How::Prefill) => Seam::Continue { prefilled: true },
            Some(How::Instruction) => Seam::Continue { prefilled: false },
            None => Seam::Restart,
        };
        self.pipe.resume(from, seam, tools)
    }
}

/// Whether a route goes on from a half answer at the conversation's end: as the map says, or else as its model is known.
pub(crate) fn takes_prefill(route: &Route, dialect: Dialect) -> bool {
    if route.cannot.has(Feature::Prefill) {
        return false;
    }
    let is_promised = match dialect {
        Dialect::AnthropicMessages | Dialect::OpenAiChat => route.can.has(Feature::Prefill),
        Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse => false,
    };
    is_promised || is_prefill_known(dialect, &route.upstream_model)
}

/// Asks for the rest of a broken stream, the broken route last.
pub(crate) async fn again(
    shared: Arc<Shared>,
    running: Arc<Running>,
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
    let served = pipeline::serve(&shared, &running, &Arc::new(again), &mut exchange).await;
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
