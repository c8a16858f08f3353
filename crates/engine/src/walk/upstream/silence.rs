//! What a try's silence is called, and what it comes to when it was too long.

use switchyard_domain::map::Route;
use switchyard_domain::{Failure, FailureKind, Feature};
use switchyard_policy::{EndedBy, Silence};
use switchyard_wire::{UnderWay, is_reasoning_model};

use crate::walk::request::ProxyRequest;

/// What of a request and its route bears on how long silence may last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits {
    /// The request or the model reasons.
    reasons: bool,
    has_tools: bool,
}

impl Traits {
    pub(crate) fn of(request: &ProxyRequest, route: &Route) -> Self {
        let features = request.envelope.features;
        let reasons = features.has(Feature::Reasoning)
            || route.can.has(Feature::Reasoning)
            || is_reasoning_model(&route.upstream_model);
        Self { reasons, has_tools: features.has(Feature::Tools) || features.has(Feature::ServerTools) }
    }

    /// The silence of a stream before its first meaningful byte.
    pub(crate) const fn first(self, at: UnderWay) -> Silence {
        match at {
            UnderWay::Nothing if self.reasons => Silence::FirstReasoning,
            UnderWay::Nothing => Silence::FirstToken,
            UnderWay::Reasoning => Silence::FirstReasoning,
            UnderWay::Alive | UnderWay::Text | UnderWay::ToolCall => Silence::FirstAlive,
        }
    }

    /// The silence of a stream that has begun.
    pub(crate) const fn going_on(self, at: UnderWay) -> Silence {
        match at {
            UnderWay::Reasoning => Silence::Reasoning,
            UnderWay::ToolCall => Silence::ToolCall,
            UnderWay::Nothing | UnderWay::Alive | UnderWay::Text if self.has_tools => Silence::TextWithTools,
            UnderWay::Nothing | UnderWay::Alive | UnderWay::Text => Silence::Text,
        }
    }
}

/// The failure of a try that was silent for `ms`. It counts for the route, whoever's limit it was.
pub(crate) fn silent(kind: FailureKind, what: &str, ms: u64, by: EndedBy, route: &Route) -> Failure {
    let whose = match by {
        EndedBy::Silence | EndedBy::KeepAlives => "",
        EndedBy::Share => ", its share of the request's time",
        EndedBy::Deadline => ", until the request's time was over",
        EndedBy::Total => ", the route's timeouts.totalMs",
    };
    let status = (kind == FailureKind::FirstTokenTimeout).then_some(200);
    Failure { status, ..Failure::new(kind, format!("{} {what} for {ms} ms{whose}.", route.host())) }
}
