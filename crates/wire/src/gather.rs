//! A streamed answer put together, for callers who asked for it in one piece; and a whole one taken apart, for those who
//! asked for a stream.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::canonical::{Answer, Content, Delta, Signature, ToolUse};
use crate::error_body::UpstreamError;
use crate::frames::{FrameDecoder, StreamEvent};
use crate::inspect::OkBody;
use crate::notes::{Notes, Translated};
use crate::pipe::ends::Reader;
use crate::translate::{ReplyOptions, retell};
use crate::{Dialect, FinishReason, Usage};

/// The chunks of a stream that came as a list: how Gemini streams where nobody asks for events (`alt=sse`).
pub(crate) fn chunks_in_a_list(from: Dialect, body: &[u8]) -> Option<Vec<&RawValue>> {
    let is_list = from == Dialect::Gemini && body.trim_ascii_start().starts_with(b"[");
    is_list.then(|| serde_json::from_slice(body).ok()).flatten()
}

/// Why a streamed answer can't be put together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatherFault {
    /// The provider reported an error in it.
    #[error("the stream holds an error: {}", .0.message)]
    Error(Box<UpstreamError>),
    /// It broke off.
    #[error("the stream ended before the answer was complete")]
    Cut,
    /// What came is no stream of the dialect's.
    #[error("{0}")]
    Noise(String),
    /// It can't be read, or not be written for the caller.
    #[error("{0}")]
    Unreadable(String),
}

/// Writes an answer that came as a stream (dialect `from`), though it was asked for in one piece, for a caller that speaks
/// `to`; and what it tells about itself.
///
/// # Errors
/// [`GatherFault`], when the stream is no whole answer.
pub fn gather_response(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    options: &ReplyOptions,
) -> Result<(Translated, OkBody), GatherFault> {
    let mut notes = Notes::default();
    let mut reader = Reader::of(from);
    let mut gathering = Gathering::default();
    let mut read = |event: StreamEvent<'_>, gathering: &mut Gathering| {
        if event.data.is_empty() || event.is_heartbeat() || gathering.has_failed() {
            return Ok(());
        }
        let was_whole = gathering.is_whole();
        let fault = reader.read(&event, &mut notes, &mut |delta| gathering.take(delta));
        match fault {
            Ok(()) => Ok(()),
            // It broke off inside this event; and what comes behind a whole answer changes nothing of it.
            Err(_) if was_whole || !event.complete => Ok(()),
            Err(fault) if event.is_json() => Err(GatherFault::Unreadable(fault.to_string())),
            Err(fault) => Err(GatherFault::Noise(fault.to_string())),
        }
    };
    if let Some(chunks) = chunks_in_a_list(from, body) {
        for chunk in chunks {
            read(StreamEvent::of_data(chunk.get().as_bytes()), &mut gathering)?;
        }
    } else {
        let mut decoder = FrameDecoder::of(from);
        decoder.push(body);
        decoder.finish();
        loop {
            match decoder.next_event() {
                Ok(None) => break,
                Ok(Some(event)) => read(event, &mut gathering)?,
                Err(error) if error.is_noise() => return Err(GatherFault::Noise(error.to_string())),
                Err(error) => return Err(GatherFault::Unreadable(error.to_string())),
            }
        }
    }
    if !gathering.has_failed() {
        reader.finish(&mut |delta| gathering.take(delta));
    }
    let answer = gathering.end().map_err(|error| error.map_or(GatherFault::Cut, GatherFault::Error))?;
    let facts = OkBody {
        model: answer.model.as_deref().map(str::to_owned),
        usage: answer.usage,
        billed: reader.meter().billed(),
        finish: Some(answer.finish),
    };
    let told = retell(to, answer, options, notes);
    told.map(|told| (told, facts)).map_err(|error| GatherFault::Unreadable(error.to_string()))
}

/// An answer being put together.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    id: Option<String>,
    model: Option<String>,
    content: Vec<Content<'static>>,
    /// The place in the content of each call, by its number.
    calls: Vec<(usize, usize)>,
    usage: Option<Usage>,
    finish: Option<(FinishReason, Option<String>)>,
    error: Option<UpstreamError>,
}

fn owned(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}

impl Gathering {
    /// Takes the next step.
    pub(crate) fn take(&mut self, delta: &Delta<'_>) {
        if self.error.is_some() {
            return;
        }
        match delta {
            Delta::Start { id, model } => {
                self.id = id.as_deref().filter(|id| !id.is_empty()).map(str::to_owned);
                self.model = model.as_deref().filter(|model| !model.is_empty()).map(str::to_owned);
            }
            Delta::Text(more) => match self.content.last_mut() {
                Some(Content::Text(text)) => text.to_mut().push_str(more),
                Some(_) | None => self.content.push(Content::Text(owned(more))),
            },
            Delta::Thinking(more) => match self.content.last_mut() {
                Some(Content::Thinking { text, signature: None }) => text.to_mut().push_str(more),
                Some(_) | None => {
                    self.content.push(Content::Thinking { text: owned(more), signature: None });
                }
            },
            Delta::ThinkingSignature(seal) => self.seal(seal.clone().into_owned()),
            Delta::RedactedThinking(seal) => {
                self.content.push(Content::RedactedThinking(seal.clone().into_owned()));
            }
            Delta::Refusal(more) => match self.content.last_mut() {
                Some(Content::Refusal(text)) => text.to_mut().push_str(more),
                Some(_) | None => self.content.push(Content::Refusal(owned(more))),
            },
            Delta::ToolStart { call, id, name, signature } => {
                self.calls.push((*call, self.content.len()));
                self.content.push(Content::ToolUse(ToolUse {
                    id: owned(id),
                    name: owned(name),
                    arguments: Cow::Borrowed(""),
                    signature: signature.clone().map(Signature::into_owned),
                }));
            }
            Delta::ToolArguments { call, json } => {
                let place = self.calls.iter().rev().find(|(number, _)| number == call).map(|(_, at)| *at);
                if let Some(Content::ToolUse(call)) = place.and_then(|at| self.content.get_mut(at)) {
                    call.arguments.to_mut().push_str(json);
                }
            }
            Delta::Usage(usage) => {
                self.usage = Some(self.usage.map_or(*usage, |so_far| so_far.merged(*usage)));
            }
            Delta::Finish { reason, stop_sequence } => {
                self.finish = Some((*reason, stop_sequence.as_deref().map(str::to_owned)));
            }
            Delta::End => {}
            // What comes behind a whole answer changes nothing of it.
            Delta::Error(_) if self.finish.is_some() => {}
            Delta::Error(error) => self.error = Some((**error).clone()),
        }
    }

    /// Whether the stream told an error.
    pub(crate) const fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    /// Whether the reason of its end came.
    pub(crate) const fn is_whole(&self) -> bool {
        self.finish.is_some()
    }

    fn seal(&mut self, seal: Signature<'static>) {
        match self.content.last_mut() {
            Some(Content::Thinking { signature: signature @ None, .. }) => *signature = Some(seal),
            Some(_) | None => {
                self.content.push(Content::Thinking { text: Cow::Borrowed(""), signature: Some(seal) });
            }
        }
    }

    /// The answer; an error the stream told, or none where it broke off before its end.
    pub(crate) fn end(self) -> Result<Answer<'static>, Option<Box<UpstreamError>>> {
        if let Some(error) = self.error {
            return Err(Some(Box::new(error)));
        }
        let (finish, stop_sequence) = self.finish.ok_or(None)?;
        let mut content = self.content;
        for piece in &mut content {
            // Whoever has no input to tell tells none.
            if let Content::ToolUse(call) = piece
                && call.arguments.is_empty()
            {
                call.arguments = Cow::Borrowed("{}");
            }
        }
        Ok(Answer {
            id: self.id.map(Cow::Owned),
            model: self.model.map(Cow::Owned),
            content,
            finish,
            stop_sequence: stop_sequence.map(Cow::Owned),
            usage: self.usage,
        })
    }
}

/// Gives the steps a streamed answer would have come in.
pub(crate) fn take_apart(answer: Answer<'_>, sink: &mut dyn FnMut(&Delta<'_>)) {
    sink(&Delta::Start { id: answer.id, model: answer.model });
    if let Some(usage) = answer.usage {
        sink(&Delta::Usage(usage));
    }
    let mut calls = 0;
    for content in answer.content {
        match content {
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => sink(&Delta::Text(text)),
            Content::Refusal(text) if text.is_empty() => {}
            Content::Refusal(text) => sink(&Delta::Refusal(text)),
            Content::Thinking { text, signature } => {
                if !text.is_empty() {
                    sink(&Delta::Thinking(text));
                }
                if let Some(seal) = signature {
                    sink(&Delta::ThinkingSignature(seal));
                }
            }
            Content::RedactedThinking(seal) => sink(&Delta::RedactedThinking(seal)),
            Content::ToolUse(call) => {
                let ToolUse { id, name, arguments, signature } = call;
                sink(&Delta::ToolStart { call: calls, id, name, signature });
                if !arguments.is_empty() {
                    sink(&Delta::ToolArguments { call: calls, json: arguments });
                }
                calls += 1;
            }
            // No answer holds these.
            Content::Image(_) | Content::Document(_) | Content::ToolResult(_) => {}
        }
    }
    sink(&Delta::Finish { reason: answer.finish, stop_sequence: answer.stop_sequence });
    sink(&Delta::End);
}
