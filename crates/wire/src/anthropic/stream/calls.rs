//! The tool calls whose blocks are open.

use std::borrow::Cow;

use crate::canonical::Delta;

/// Blocks that may be open at once; the models write one after the other.
const OPEN_LIMIT: usize = 256;

/// The calls of one stream. Blocks come one after the other, but gateways let them take turns.
#[derive(Debug, Default)]
pub(super) struct Calls {
    begun: usize,
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    /// Its block's index, where it was told.
    block: Option<usize>,
    call: usize,
    /// Input that came with the block's start. It is told when the block closes: pieces that come after it are the input
    /// anew, not more of it.
    given: Option<String>,
}

impl Calls {
    /// A call begins; what it is called by.
    pub(super) fn begin(
        &mut self,
        block: Option<usize>,
        given: Option<String>,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) -> usize {
        // A block of the same number, or of none, can't still be open.
        let is_full = self.open.len() >= OPEN_LIMIT;
        let is_over = |open: &Open| is_full || open.block.is_none() || block.is_none() || open.block == block;
        self.close_where(is_over, sink);
        let call = self.begun;
        self.begun += 1;
        self.open.push(Open { block, call, given });
        call
    }

    /// Tells a piece of input; whether there is a call it belongs to.
    pub(super) fn input(
        &mut self,
        block: Option<usize>,
        json: Cow<'_, str>,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) -> bool {
        let is_of = |open: &&mut Open| block.is_none() || open.block.is_none() || open.block == block;
        let Some(open) = self.open.iter_mut().rev().find(is_of) else { return false };
        open.given = None;
        sink(&Delta::ToolArguments { call: open.call, json });
        true
    }

    /// A block closes; none: whatever is open.
    pub(super) fn close(&mut self, block: Option<usize>, sink: &mut dyn FnMut(&Delta<'_>)) {
        self.close_where(|open| block.is_none() || open.block.is_none() || open.block == block, sink);
    }

    pub(super) fn is_any_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn has_any(&self) -> bool {
        self.begun > 0
    }

    fn close_where(&mut self, is_over: impl Fn(&Open) -> bool, sink: &mut dyn FnMut(&Delta<'_>)) {
        self.open.retain_mut(|open| {
            let is_over = is_over(open);
            if let Some(json) = open.given.take_if(|_| is_over) {
                sink(&Delta::ToolArguments { call: open.call, json: Cow::Owned(json) });
            }
            !is_over
        });
    }
}
