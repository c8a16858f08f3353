//! Tool calls on their way into blocks, which come one after the other.
//!
//! Other dialects let calls take turns, with one another and with what else is said. What begins before the open call's
//! input is whole waits until it is: the only thing a Messages stream forces to be held back.

use std::collections::{HashMap, VecDeque};

use crate::canonical::Signature;

/// What may wait; beyond it order gives way to memory. Bytes.
const WAITING_LIMIT: usize = 1 << 20;
/// What each thing that waits costs besides its text, bytes.
const EACH: usize = size_of::<Later>();

/// The calls of one stream.
#[derive(Debug, Default)]
pub(super) struct Tools {
    /// The open call.
    open: Option<Open>,
    waiting: VecDeque<Later>,
    waiting_bytes: usize,
    /// How many things had to wait and have had their turn.
    had_turn: usize,
    /// Calls that wait, by how many things waited before them in all.
    queued: HashMap<usize, usize>,
    /// The block of each call that had its turn.
    blocks: HashMap<usize, usize>,
}

#[derive(Debug)]
struct Open {
    call: usize,
    input: Progress,
}

/// What waits for its turn.
#[derive(Debug)]
pub(super) enum Later {
    Text(String),
    Thinking(String),
    Seal(Signature<'static>),
    Redacted(Signature<'static>),
    Call(Waiting),
}

/// A call that waits for its turn.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) call: usize,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) signature: Option<Signature<'static>>,
    pub(super) input: String,
}

impl Later {
    fn bytes(&self) -> usize {
        EACH + match self {
            Self::Text(text) | Self::Thinking(text) => text.len(),
            Self::Seal(seal) | Self::Redacted(seal) => seal.value.len(),
            Self::Call(call) => call.id.len() + call.name.len() + call.input.len(),
        }
    }
}

impl Tools {
    /// Whether what comes now has to wait for the open call.
    pub(super) fn must_wait(&self) -> bool {
        !self.waiting.is_empty() || self.open.as_ref().is_some_and(|open| !open.input.is_whole())
    }

    /// Whether as much waits as may.
    pub(super) fn is_full(&self) -> bool {
        self.waiting_bytes >= WAITING_LIMIT
    }

    pub(super) fn wait(&mut self, later: Later) {
        self.waiting_bytes += later.bytes();
        if let Later::Call(call) = &later {
            self.queued.insert(call.call, self.had_turn + self.waiting.len());
        }
        self.waiting.push_back(later);
    }

    /// The next thing to have its turn.
    pub(super) fn next(&mut self) -> Option<Later> {
        let next = self.waiting.pop_front()?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(next.bytes());
        self.had_turn += 1;
        if let Later::Call(call) = &next {
            self.queued.remove(&call.call);
        }
        Some(next)
    }

    /// Whether the next thing can have its turn: the open call's input is whole, or there is no open call.
    pub(super) fn is_next_due(&self) -> bool {
        !self.waiting.is_empty() && self.open.as_ref().is_none_or(|open| open.input.is_whole())
    }

    /// A call has its turn, in a block of its own.
    pub(super) fn open(&mut self, call: usize, block: usize) {
        self.open = Some(Open { call, input: Progress::default() });
        self.blocks.insert(call, block);
    }

    /// The open call's block is closed.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Where a piece of input goes: the block of a call that had its turn. None: it waits with its call.
    pub(super) fn input(&mut self, call: usize, json: &str) -> Option<usize> {
        let queued = self.queued.get(&call).and_then(|before| before.checked_sub(self.had_turn));
        if let Some(Later::Call(waiting)) = queued.and_then(|at| self.waiting.get_mut(at)) {
            waiting.input.push_str(json);
            self.waiting_bytes += json.len();
            return None;
        }
        if let Some(open) = self.open.as_mut().filter(|open| open.call == call) {
            open.input.read(json);
        }
        self.blocks.get(&call).copied()
    }
}

/// How far a JSON object has come.
#[derive(Debug, Default)]
struct Progress {
    depth: usize,
    begun: bool,
    in_string: bool,
    escaped: bool,
}

impl Progress {
    fn read(&mut self, json: &str) {
        for byte in json.bytes() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.begun = true;
                    self.depth += 1;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.begun && self.depth == 0 && !self.in_string
    }
}
