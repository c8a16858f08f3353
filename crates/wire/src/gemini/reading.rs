//! What an answer says, chunk by chunk: a whole answer is a stream of one chunk, so both are read here.

use std::borrow::Cow;

use super::finish::{Ending, ending};
use super::shapes::{Candidate, Chunk, FunctionCall, Part, Text};
use crate::FinishReason;
use crate::canonical::{Delta, Origin, Signature};
use crate::error_body::{ErrorShape, UpstreamError, read_error};
use crate::lenient::is_filled;
use crate::members::borrowed_text;
use crate::notes::Notes;
use crate::usage::Meter;

const WITHHELD: Ending = Ending::Answer(FinishReason::ContentFilter);

/// One answer being read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    is_started: bool,
    is_over: bool,
    /// What comes from the answer's id, for calls that bring none of their own.
    response_id: String,
    calls: usize,
    has_said: bool,
    meter: Meter,
    ending: Option<Ending>,
    /// The seal on the text being said. It is told when the text has ended: more of it may come after the seal.
    text_seal: Option<String>,
}

type Sink<'s, 'a> = dyn FnMut(Delta<'a>) + 's;

impl Reading {
    /// Takes the next chunk and gives what it says to `sink`; nothing after an error.
    pub(super) fn chunk<'a>(&mut self, chunk: Chunk<'a>, notes: &mut Notes, sink: &mut Sink<'_, 'a>) {
        if self.is_over {
            return;
        }
        // What comes behind a whole answer changes nothing of it.
        if let Some(error) = chunk.error.filter(|error| self.ending.is_none() && is_filled(error)) {
            let body = format!("{{\"error\":{}}}", error.get());
            return self.fail(read_error(None, body.as_bytes()), sink);
        }
        self.meter.names(chunk.model_version.as_ref().map(Text::as_str));
        if !self.is_started {
            self.is_started = true;
            self.response_id = chunk.response_id.as_ref().map(|id| id.0.to_string()).unwrap_or_default();
            let id = chunk.response_id.map(|Text(id)| id).filter(|id| !id.is_empty());
            let model = chunk.model_version.map(|Text(model)| model).filter(|model| !model.is_empty());
            sink(Delta::Start { id, model });
        }
        if let Some(usage) = chunk.usage_metadata.and_then(|usage| self.meter.hears(usage)) {
            sink(Delta::Usage(usage));
        }
        if let Some(feedback) = chunk.prompt_feedback
            && let Some(Text(reason)) = feedback.block_reason
        {
            let said = told(feedback.block_reason_message);
            let otherwise = || format!("The provider blocked the prompt: {reason}.").into();
            self.withhold(Some(said.unwrap_or_else(otherwise)), sink);
        }
        for (at, candidate) in chunk.candidates.into_iter().flatten().enumerate() {
            if candidate.index.unwrap_or(at) > 0 {
                notes.add_once("choice_dropped", "candidates[1]");
            } else {
                self.candidate(candidate, notes, sink);
            }
        }
    }

    /// What the upstream has reported.
    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Whether the reason of the end came.
    pub(super) fn has_reason(&self) -> bool {
        self.ending.is_some()
    }

    /// The upstream closed: tells how the answer ended. Without a reason to end it was cut, and nothing is told.
    pub(super) fn close<'a>(&mut self, sink: &mut Sink<'_, 'a>) {
        let Some(ending) = self.ending.take().filter(|_| !self.is_over) else { return };
        self.release_seal(sink);
        let reason = match ending {
            Ending::Answer(FinishReason::Stop) if self.calls > 0 => FinishReason::ToolCalls,
            Ending::Answer(reason) => reason,
            Ending::Unclear | Ending::Failure | Ending::NotYet => FinishReason::Other,
        };
        sink(Delta::Finish { reason, stop_sequence: None });
        sink(Delta::End);
        self.is_over = true;
    }

    fn candidate<'a>(&mut self, candidate: Candidate<'a>, notes: &mut Notes, sink: &mut Sink<'_, 'a>) {
        if candidate.citation_metadata.is_some_and(is_filled) {
            notes.add_once("citations_dropped", "candidates[0].citationMetadata");
        }
        if candidate.grounding_metadata.is_some_and(is_filled) {
            notes.add_once("citations_dropped", "candidates[0].groundingMetadata");
        }
        let parts = candidate.content.and_then(|content| content.parts);
        for (at, part) in parts.into_iter().flatten().enumerate() {
            self.part(part, at, notes, sink);
        }
        let Some(Text(reason)) = candidate.finish_reason else { return };
        let ending = ending(&reason);
        let is_failure = match ending {
            Ending::Failure => true,
            Ending::Unclear => !self.has_said,
            Ending::Answer(_) => false,
            Ending::NotYet => return,
        };
        if is_failure {
            let message = candidate.finish_message.map(|Text(message)| message.into_owned());
            return self.fail(astray(&reason, message), sink);
        }
        if ending == WITHHELD {
            // Of an answer that has begun the reason alone says enough.
            let otherwise =
                (!self.has_said).then(|| format!("The provider withheld the answer: {reason}.").into());
            return self.withhold(told(candidate.finish_message).or(otherwise), sink);
        }
        self.ending = Some(ending);
    }

    fn part<'a>(&mut self, part: Part<'a>, at: usize, notes: &mut Notes, sink: &mut Sink<'_, 'a>) {
        let is_thought = part.is_thought();
        let seal = part.thought_signature.map(|Text(seal)| seal).filter(|seal| !seal.is_empty());
        if let Some(call) = part.function_call {
            // Without a name it is more of the call before it (`streamFunctionCallArguments`), which nobody asked for.
            if call.name.as_ref().is_none_or(|Text(name)| name.is_empty()) {
                notes.add_once("tool_arguments_dropped", format!("candidates[0].content.parts[{at}]"));
                return;
            }
            return self.call(call, seal, sink);
        }
        let text = part.text.map(|Text(text)| text);
        if text.is_none() {
            // An image, code and its result, a tool the provider ran. The seal on it still goes home.
            notes.add_once("block_dropped", format!("candidates[0].content.parts[{at}]"));
        }
        if text.is_none() && seal.is_none() {
            return;
        }
        let text = text.filter(|text| !text.is_empty());
        self.has_said |= text.is_some();
        if is_thought {
            self.release_seal(sink);
            if let Some(text) = text {
                sink(Delta::Thinking(text));
            }
            if let Some(seal) = seal {
                sink(Delta::ThinkingSignature(Signature::new(Origin::Gemini, seal)));
            }
            return;
        }
        if let Some(text) = text {
            sink(Delta::Text(text));
        }
        if let Some(seal) = seal {
            self.release_seal(sink);
            self.text_seal = Some(seal.into_owned());
        }
    }

    fn call<'a>(&mut self, call: FunctionCall<'a>, seal: Option<Cow<'a, str>>, sink: &mut Sink<'_, 'a>) {
        self.release_seal(sink);
        self.has_said = true;
        let number = self.calls;
        self.calls += 1;
        let json = match call.args.map(|args| (args, borrowed_text(args))) {
            // Some gateways write the arguments as text.
            Some((_, Some(text))) if text.trim().is_empty() => Cow::Borrowed("{}"),
            Some((_, Some(text))) => text,
            Some((args, None)) => compact(args.get()),
            None => Cow::Borrowed("{}"),
        };
        let name = call.name.map(|Text(name)| name).unwrap_or_default();
        let id = match call.id {
            Some(Text(id)) if !id.is_empty() => id,
            // Unique among all answers, and the same however often this one is read.
            Some(_) | None if !self.response_id.is_empty() => {
                Cow::Owned(format!("call_{}_{number}", self.response_id))
            }
            Some(_) | None => Cow::Owned(format!("call_{number}:{name}:{json}")),
        };
        let signature = seal.map(|seal| Signature::new(Origin::Gemini, seal));
        sink(Delta::ToolStart { call: number, id, name, signature });
        sink(Delta::ToolArguments { call: number, json });
    }

    /// The provider withholds the answer, or the rest of it; what it says of that is told once.
    fn withhold<'a>(&mut self, message: Option<Cow<'a, str>>, sink: &mut Sink<'_, 'a>) {
        if let Some(message) = message.filter(|_| self.ending != Some(WITHHELD)) {
            self.release_seal(sink);
            sink(Delta::Refusal(message));
        }
        self.ending = Some(WITHHELD);
    }

    fn release_seal<'a>(&mut self, sink: &mut Sink<'_, 'a>) {
        if let Some(seal) = self.text_seal.take() {
            sink(Delta::RedactedThinking(Signature::new(Origin::Gemini, seal)));
        }
    }

    fn fail<'a>(&mut self, error: UpstreamError, sink: &mut Sink<'_, 'a>) {
        self.is_over = true;
        sink(Delta::Error(Box::new(error)));
    }
}

fn told(message: Option<Text<'_>>) -> Option<Cow<'_, str>> {
    message.map(|Text(message)| message).filter(|message| !message.is_empty())
}

fn astray(reason: &str, message: Option<String>) -> UpstreamError {
    let message = message.filter(|message| !message.is_empty());
    let said = message.unwrap_or_else(|| "the model stopped without an answer".to_owned());
    let body = serde_json::json!({ "error": { "status": reason, "message": format!("{reason}: {said}") } });
    let error = read_error(None, body.to_string().as_bytes());
    UpstreamError { shape: ErrorShape::Google, ..error }
}

/// JSON text without the spaces between its words: callers pass arguments on as a string, and Gemini lays them out
/// over several lines.
pub(super) fn compact(json: &str) -> Cow<'_, str> {
    let is_space = |byte: u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    if !json.bytes().any(is_space) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    let (mut start, mut in_string, mut is_escaped) = (0, false, false);
    for (at, byte) in json.bytes().enumerate() {
        if in_string {
            (in_string, is_escaped) = match byte {
                _ if is_escaped => (true, false),
                b'\\' => (true, true),
                b'"' => (false, false),
                _ => (true, false),
            };
        } else if byte == b'"' {
            in_string = true;
        } else if is_space(byte) {
            out.push_str(&json[start..at]);
            start = at + 1;
        }
    }
    out.push_str(&json[start..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_go_between_words_and_stay_inside_strings() {
        let cases = [
            (
                "{\n  \"a b\": [1, 2.50],\t\"c\": \"x \\\" y\\\\\" }",
                "{\"a b\":[1,2.50],\"c\":\"x \\\" y\\\\\"}",
            ),
            ("{}", "{}"),
            ("{ \"é ü\": \" \" }", "{\"é ü\":\" \"}"),
        ];
        for (json, expected) in cases {
            assert_eq!(compact(json), expected);
        }
    }
}
