//! How each wire dialect spells requests, answers, streams and errors.
//!
//! Written apart from the router's own codecs on purpose: a mistake made in one place would otherwise
//! agree with itself in every test.

pub(crate) mod anthropic;
pub(crate) mod openai;

use bytes::Bytes;
use serde_json::Value;

use crate::answer::Answer;
use crate::ask::{Ask, Refusal};
use crate::profile::Dialect;

/// A streamed answer, cut where a fault can strike.
#[derive(Debug)]
pub(crate) struct Events {
    /// Before any content: the role, the message's start.
    pub(crate) opening: Bytes,
    /// One content chunk each.
    pub(crate) content: Vec<Bytes>,
    /// The finish reason and the usage.
    pub(crate) closing: Bytes,
    /// The mark of a complete stream.
    pub(crate) done: Bytes,
}

pub(crate) fn read(dialect: Dialect, body: &Value) -> Result<Ask, Refusal> {
    match dialect {
        Dialect::OpenaiChat => openai::read(body),
        Dialect::Anthropic => anthropic::read(body),
    }
}

pub(crate) fn whole(dialect: Dialect, answer: &Answer) -> Value {
    match dialect {
        Dialect::OpenaiChat => openai::whole(answer),
        Dialect::Anthropic => anthropic::whole(answer),
    }
}

pub(crate) fn events(dialect: Dialect, answer: &Answer, include_usage: bool) -> Events {
    match dialect {
        Dialect::OpenaiChat => openai::events(answer, include_usage),
        Dialect::Anthropic => anthropic::events(answer),
    }
}

pub(crate) fn error_body(dialect: Dialect, refusal: &Refusal, seq: u64) -> Value {
    match dialect {
        Dialect::OpenaiChat => openai::error_body(refusal),
        Dialect::Anthropic => anthropic::error_body(refusal, seq),
    }
}

/// The error as an event in the middle of a stream.
pub(crate) fn error_event(dialect: Dialect, refusal: &Refusal, seq: u64) -> Bytes {
    let body = error_body(dialect, refusal, seq);
    match dialect {
        Dialect::OpenaiChat => sse(None, &body),
        Dialect::Anthropic => sse(Some("error"), &body),
    }
}

/// An event whose data is not JSON.
pub(crate) fn malformed_event(dialect: Dialect) -> Bytes {
    match dialect {
        Dialect::OpenaiChat => {
            Bytes::from_static(b"data: {\"id\":\"chatcmpl-sim\",\"choices\":[{\"delta\":{\"con\n\n")
        }
        Dialect::Anthropic => Bytes::from_static(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"del\n\n",
        ),
    }
}

pub(crate) fn models(dialect: Dialect, models: &[String]) -> Value {
    match dialect {
        Dialect::OpenaiChat => openai::models(models),
        Dialect::Anthropic => anthropic::models(models),
    }
}

fn sse(event: Option<&str>, data: &Value) -> Bytes {
    match event {
        Some(event) => format!("event: {event}\ndata: {data}\n\n").into(),
        None => format!("data: {data}\n\n").into(),
    }
}

fn joined(events: &[Bytes]) -> Bytes {
    events.concat().into()
}

/// Cuts tool arguments in two, so that a stream sends them in parts as the real ones do.
fn halves(arguments: &str) -> (&str, &str) {
    let middle = (0..=arguments.len() / 2).rev().find(|at| arguments.is_char_boundary(*at)).unwrap_or(0);
    arguments.split_at(middle)
}
