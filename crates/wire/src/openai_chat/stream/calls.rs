//! Tool calls gathered from chunks, so that each is told from the others and begins with its name.

use crate::canonical::{Delta, Signature};
use crate::notes::Notes;
use crate::openai_chat::answer::ReadCall;
use crate::pipe::StreamFault;

/// More calls than this, or more arguments before a name, are no answer.
const CALL_LIMIT: usize = 1_024;
const EARLY_LIMIT: usize = 1 << 20;

/// The calls of one stream.
#[derive(Debug, Default)]
pub(super) struct Calls {
    seen: Vec<Call>,
    begun: usize,
}

#[derive(Debug)]
struct Call {
    /// The index the provider gives it.
    index: usize,
    /// The id the provider gives it.
    id: String,
    name: String,
    seal: Option<Signature<'static>>,
    /// Its number in the canonical stream, once its name is known.
    call: Option<usize>,
    /// Arguments that came before the name.
    early: String,
}

impl Calls {
    /// Whether a call has begun.
    pub(super) fn any(&self) -> bool {
        self.begun > 0
    }

    pub(super) fn read(
        &mut self,
        mut read: ReadCall<'_>,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<(), StreamFault> {
        let seal = read.take_seal();
        let id = read.id.map(|id| id.0).filter(|id| !id.is_empty());
        let function = read.function.unwrap_or_default();
        let arguments = function.arguments.unwrap_or_default().0;
        let at = self.find(read.index, id.as_deref())?;
        let call = &mut self.seen[at];
        if let Some(number) = call.call {
            if !arguments.is_empty() {
                sink(&Delta::ToolArguments { call: number, json: arguments });
            }
            return Ok(());
        }
        if let Some(id) = id.filter(|_| call.id.is_empty()) {
            call.id = id.into_owned();
        }
        if let Some(name) = function.name {
            call.name.push_str(name.as_str());
        }
        if let Some(seal) = seal {
            call.seal = Some(Signature { origin: seal.origin, value: seal.value.into_owned().into() });
        }
        if call.early.len() + call.name.len() + arguments.len() > EARLY_LIMIT {
            return Err(StreamFault::Malformed("a tool call without a name".to_owned()));
        }
        if call.name.is_empty() {
            call.early.push_str(&arguments);
            return Ok(());
        }
        let number = self.begun;
        self.begun += 1;
        call.call = Some(number);
        let early = std::mem::take(&mut call.early);
        sink(&Delta::ToolStart {
            call: number,
            id: call.id.as_str().into(),
            name: call.name.as_str().into(),
            signature: call.seal.take(),
        });
        for json in [early.into(), arguments] {
            if !json.is_empty() {
                sink(&Delta::ToolArguments { call: number, json });
            }
        }
        Ok(())
    }

    /// Notes calls that never got a name: nobody could run them.
    pub(super) fn finish(&self, notes: &mut Notes) {
        if self.seen.iter().any(|call| call.call.is_none()) {
            notes.add_once("tool_call_dropped", "choices[0].delta.tool_calls");
        }
    }

    /// Finds the call a delta belongs to. The index says so; providers that give every call the same index
    /// (or none) tell new calls by a new id.
    fn find(&mut self, index: Option<usize>, id: Option<&str>) -> Result<usize, StreamFault> {
        let known = match (index, id) {
            (Some(index), Some(id)) => self
                .seen
                .iter()
                .rposition(|call| call.index == index && (call.id == id || call.id.is_empty())),
            (Some(index), None) => self.seen.iter().rposition(|call| call.index == index),
            (None, Some(id)) => self.seen.iter().rposition(|call| call.id == id),
            (None, None) => self.seen.len().checked_sub(1),
        };
        if let Some(at) = known {
            return Ok(at);
        }
        let at = self.seen.len();
        if at >= CALL_LIMIT {
            return Err(StreamFault::Malformed("too many tool calls".to_owned()));
        }
        self.seen.push(Call {
            index: index.unwrap_or(at),
            id: id.unwrap_or_default().to_owned(),
            name: String::new(),
            seal: None,
            call: None,
            early: String::new(),
        });
        Ok(at)
    }
}
