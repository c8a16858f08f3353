//! Tool calls gathered from chunks, so that each is told from the others and begins with its name.

use crate::canonical::{Delta, Signature};
use crate::notes::Notes;
use crate::openai_chat::said::ReadCall;
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
    /// The choice it came in, and the index the provider gives it there.
    place: (u32, usize),
    /// The id the provider gives it.
    id: String,
    name: String,
    seal: Option<Signature<'static>>,
    /// Its number in the canonical stream, once its name is known.
    call: Option<usize>,
    /// Arguments that came before the name.
    early: String,
    has_arguments: bool,
}

impl Calls {
    /// Whether a call has begun.
    pub(super) fn any(&self) -> bool {
        self.begun > 0
    }

    pub(super) fn read(
        &mut self,
        mut read: ReadCall<'_>,
        choice: u32,
        sink: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<(), StreamFault> {
        let seal = read.take_seal();
        let index = read.index;
        let [id, name, arguments] = read.into_parts();
        if id.is_empty() && name.is_empty() && arguments.is_empty() {
            return Ok(());
        }
        let at = self.find(choice, index, [&id, &name, &arguments])?;
        let call = &mut self.seen[at];
        call.has_arguments |= !arguments.is_empty();
        if let Some(number) = call.call {
            if !arguments.is_empty() {
                sink(&Delta::ToolArguments { call: number, json: arguments });
            }
            return Ok(());
        }
        if call.id.is_empty() {
            call.id = id.into_owned();
        }
        call.name.push_str(&name);
        if let Some(seal) = seal {
            call.seal = Some(seal.into_owned());
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

    /// Finds the call a delta belongs to. Its index says so, whatever its id (some servers make up a new one for each
    /// delta); where there is none, its id, and else it goes on with the last call.
    fn find(
        &mut self,
        choice: u32,
        index: Option<usize>,
        [id, name, arguments]: [&str; 3],
    ) -> Result<usize, StreamFault> {
        let is_at_place = |call: &Call| index.is_none_or(|index| call.place == (choice, index));
        let has_id = |call: &Call| !id.is_empty() && call.id == id;
        let known = self.seen.iter().rposition(|call| is_at_place(call) && has_id(call));
        let known = known.or_else(|| self.seen.iter().rposition(is_at_place));
        // An index that counts the deltas.
        let known = known.or_else(|| self.seen.iter().rposition(|call| name.is_empty() && has_id(call)));
        if let Some(at) = known.filter(|at| self.seen[*at].goes_on_with([id, name, arguments])) {
            return Ok(at);
        }
        let at = self.seen.len();
        if at >= CALL_LIMIT {
            return Err(StreamFault::Malformed("too many tool calls".to_owned()));
        }
        self.seen.push(Call {
            place: (choice, index.unwrap_or(at)),
            id: id.to_owned(),
            name: String::new(),
            seal: None,
            call: None,
            early: String::new(),
            has_arguments: false,
        });
        Ok(at)
    }
}

impl Call {
    /// Whether a delta at its place is more of it. Some servers give every call the same index: another call then begins
    /// with a name, and with arguments of its own where it has the same name.
    fn goes_on_with(&self, [id, name, arguments]: [&str; 3]) -> bool {
        let is_new_object = self.has_arguments && arguments.trim_start().starts_with('{');
        name.is_empty()
            || self.name.is_empty()
            || (!id.is_empty() && self.id == id)
            || (self.name == name && !is_new_object)
    }
}
