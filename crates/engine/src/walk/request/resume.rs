//! A stream that broke off, as a request for its rest carries it.

use std::sync::Arc;

use switchyard_domain::map::{Midstream, Route};
use switchyard_domain::{Dialect, Failure, Feature};
use switchyard_wire::canonical::CallerTools;
use switchyard_wire::{How, Pipe, Seam, is_prefill_known};

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
