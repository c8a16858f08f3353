//! Output items as they are written, whole or begun.
//!
//! A seal has its place in a reasoning item alone. Thinking with a seal has a summary, were it an empty text; thinking
//! only its provider can read has none. Gemini's seal on a function call is kept in a reasoning item before the call, from
//! where the request's reader puts it back.

use std::borrow::Cow;

use super::called::Called;
use crate::Dialect;
use crate::canonical::{CallerTools, Content, Origin, Signature, ToolForm, ToolUse};
use crate::notes::Notes;
use crate::seals::OUR_REASONING;
use crate::translate::free_text;
use crate::translate::tool_ids::answer_tool_id;

/// One item of an answer's `output`.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) body: Body<'a>,
}

/// How far an item has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    /// The answer ended in the middle of it.
    Incomplete,
}

/// What an item is.
#[derive(Clone, Debug)]
pub(super) enum Body<'a> {
    Message {
        parts: Vec<Part<'a>>,
    },
    Reasoning {
        summary: Option<Cow<'a, str>>,
        seal: Option<Cow<'a, str>>,
    },
    /// `said` are the call's arguments, or a custom tool's text.
    Call {
        call_id: Cow<'a, str>,
        tool: Called<'a>,
        said: Cow<'a, str>,
    },
}

/// A part of a message.
#[derive(Clone, Debug)]
pub(super) enum Part<'a> {
    Text(Cow<'a, str>),
    Refusal(Cow<'a, str>),
}

impl Status {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
        }
    }
}

impl Body<'_> {
    /// What the ids of such items begin with.
    pub(super) fn prefix(&self) -> &'static str {
        match self {
            Self::Message { .. } => "msg",
            // Told apart from a provider's own: see `seals`.
            Self::Reasoning { .. } => OUR_REASONING,
            Self::Call { tool, .. } => tool.prefix(),
        }
    }
}

impl Item<'_> {
    /// Writes the item as JSON.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"id\":");
        json_string(&self.id, out);
        match &self.body {
            Body::Message { parts } => {
                self.write_head("message", out);
                out.extend_from_slice(b",\"role\":\"assistant\",\"content\":[");
                for (at, part) in parts.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    part.write(out);
                }
                out.extend_from_slice(b"]}");
            }
            Body::Reasoning { summary, seal } => {
                out.extend_from_slice(b",\"type\":\"reasoning\",\"summary\":[");
                if let Some(summary) = summary {
                    write_summary_part(summary, out);
                }
                out.push(b']');
                if let Some(seal) = seal {
                    out.extend_from_slice(b",\"encrypted_content\":");
                    json_string(seal, out);
                }
                out.push(b'}');
            }
            Body::Call { call_id, tool, said } => {
                self.write_head(tool.kind(), out);
                tool.write(call_id, said, out);
                out.push(b'}');
            }
        }
    }

    fn write_head(&self, kind: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"status\":\"");
        out.extend_from_slice(self.status.as_str().as_bytes());
        out.push(b'"');
    }
}

impl Part<'_> {
    /// Writes the part as JSON.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (head, text): (&[u8], _) = match self {
            Self::Text(text) => (br#"{"type":"output_text","annotations":[],"logprobs":[],"text":"#, text),
            Self::Refusal(text) => (br#"{"type":"refusal","refusal":"#, text),
        };
        out.extend_from_slice(head);
        json_string(text, out);
        out.push(b'}');
    }
}

/// Writes a part of a reasoning item's summary.
pub(super) fn write_summary_part(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":"summary_text","text":"#);
    json_string(text, out);
    out.push(b'}');
}

/// Writes a JSON string.
pub(super) fn json_string(text: &str, out: &mut Vec<u8>) {
    // A string always serializes, and writing to a vector cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// A call's id as the caller gets it.
pub(super) fn call_id<'a>(given: &'a str, stem: &str, call: usize) -> Cow<'a, str> {
    answer_tool_id(Dialect::OpenAiResponses, given, stem, call)
}

/// The reasoning item that keeps a seal and nothing to read.
pub(super) fn sealed<'a>(seal: &Signature<'_>) -> Body<'a> {
    Body::Reasoning { summary: None, seal: Some(Cow::Owned(seal.for_caller(Origin::OpenAi).into_owned())) }
}

/// An answer's contents as items with ids made from the answer's; neighbouring texts and refusals are one message.
pub(super) fn of_contents<'a>(
    contents: &'a [Content<'a>],
    stem: &str,
    status: Status,
    tools: Option<&'a CallerTools>,
    notes: &mut Notes,
) -> Vec<Item<'a>> {
    let mut bodies: Vec<Body<'a>> = Vec::new();
    let mut calls = 0;
    for content in contents {
        match content {
            Content::Text(text) => add_part(&mut bodies, Part::Text(Cow::Borrowed(text))),
            Content::Refusal(text) => add_part(&mut bodies, Part::Refusal(Cow::Borrowed(text))),
            Content::Thinking { text, signature } => bodies.push(Body::Reasoning {
                summary: Some(Cow::Borrowed(text)),
                seal: signature.as_ref().map(|seal| seal.for_caller(Origin::OpenAi)),
            }),
            Content::RedactedThinking(seal) => bodies.push(sealed(seal)),
            Content::ToolUse(ToolUse { id, name, arguments, signature }) => {
                bodies.extend(signature.as_ref().map(sealed));
                let tool = Called::of(name, tools);
                let said = match tool.form {
                    ToolForm::Custom => Cow::Owned(free_text::unwrapped(arguments)),
                    ToolForm::Function
                    | ToolForm::LocalShell
                    | ToolForm::Shell
                    | ToolForm::ApplyPatch
                    | ToolForm::ToolSearch => {
                        Cow::Borrowed(if arguments.trim().is_empty() { "{}" } else { arguments })
                    }
                };
                bodies.push(Body::Call { call_id: call_id(id, stem, calls), tool, said });
                calls += 1;
            }
            Content::Image(_) | Content::Document(_) | Content::ToolResult(_) => {
                notes.add_once("block_dropped", "output");
            }
        }
    }
    let last = bodies.len().saturating_sub(1);
    let of_body = |(at, body): (usize, Body<'a>)| Item {
        id: format!("{}_{stem}_{at}", body.prefix()),
        status: if at == last { status } else { Status::Completed },
        body,
    };
    bodies.into_iter().enumerate().map(of_body).collect()
}

fn add_part<'a>(bodies: &mut Vec<Body<'a>>, part: Part<'a>) {
    match bodies.last_mut() {
        Some(Body::Message { parts }) => parts.push(part),
        Some(Body::Reasoning { .. } | Body::Call { .. }) | None => {
            bodies.push(Body::Message { parts: vec![part] });
        }
    }
}
