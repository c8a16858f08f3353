//! How each wire dialect spells requests, answers, streams and errors.
//!
//! Written apart from the router's own codecs on purpose: a mistake made in one place would otherwise
//! agree with itself in every test.

pub(crate) mod anthropic;
pub(crate) mod bedrock;
pub(crate) mod gemini;
pub(crate) mod openai;

use bytes::Bytes;
use serde_json::Value;

use crate::answer::Answer;
use crate::ask::{Ask, Refusal};
use crate::endpoint::Endpoint;
use crate::profile::Dialect;
use crate::provider::Provider;
use crate::schema::{Misfit, Schema};

/// The content type of server-sent events.
pub(crate) const SSE: &str = "text/event-stream; charset=utf-8";

/// A streamed answer, cut where a fault can strike.
#[derive(Debug)]
pub(crate) struct Events {
    pub(crate) content_type: &'static str,
    /// Before any content: the role, the message's start.
    pub(crate) opening: Bytes,
    /// One content chunk each.
    pub(crate) content: Vec<Bytes>,
    /// The finish reason and the usage.
    pub(crate) closing: Bytes,
    /// The mark of a complete stream; empty where there is none but the body's end.
    pub(crate) done: Bytes,
}

/// The published schema of this endpoint's body, where one is kept.
pub(crate) fn schema(endpoint: &Endpoint) -> Option<&'static Schema> {
    match endpoint.dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => openai::schema(endpoint),
        Dialect::Anthropic => anthropic::schema(endpoint),
        Dialect::Gemini => gemini::schema(endpoint),
        Dialect::BedrockConverse => bedrock::schema(endpoint),
    }
}

/// What the vendor says to a body that does not fit its schema.
pub(crate) fn misfit(endpoint: &Endpoint, misfit: &Misfit) -> Refusal {
    match endpoint.dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => openai::misfit(misfit),
        Dialect::Anthropic => anthropic::misfit(misfit),
        Dialect::Gemini => gemini::misfit(misfit),
        Dialect::BedrockConverse => bedrock::misfit(misfit),
    }
}

/// Reads a completion request (or one whose tokens are to be counted).
pub(crate) fn read(endpoint: &Endpoint, body: &Value, provider: &Provider) -> Result<Ask, Refusal> {
    match endpoint.dialect {
        Dialect::OpenaiChat => openai::chat::read(endpoint, body, provider),
        Dialect::OpenaiResponses => openai::responses::read(endpoint, body, provider),
        Dialect::Anthropic => anthropic::read(endpoint, body, provider),
        Dialect::Gemini => gemini::read(endpoint, body, provider),
        Dialect::BedrockConverse => bedrock::read(endpoint, body, provider),
    }
}

pub(crate) fn whole(provider: &str, dialect: Dialect, ask: &Ask, answer: &Answer) -> Value {
    match dialect {
        Dialect::OpenaiChat => openai::chat::whole(ask, answer),
        Dialect::OpenaiResponses => openai::responses::whole(provider, ask, answer),
        Dialect::Anthropic => anthropic::whole(ask, answer),
        Dialect::Gemini => gemini::whole(ask, answer),
        Dialect::BedrockConverse => bedrock::whole(ask, answer),
    }
}

pub(crate) fn events(provider: &str, dialect: Dialect, ask: &Ask, answer: &Answer) -> Events {
    match dialect {
        Dialect::OpenaiChat => openai::chat::events(ask, answer),
        Dialect::OpenaiResponses => openai::responses::events(provider, ask, answer),
        Dialect::Anthropic => anthropic::events(ask, answer),
        Dialect::Gemini => gemini::events(ask, answer),
        Dialect::BedrockConverse => bedrock::events(ask, answer),
    }
}

/// The answer has been given: what the provider keeps of it.
pub(crate) fn remember(provider: &Provider, dialect: Dialect, ask: &Ask, answer: &Answer) {
    match dialect {
        Dialect::OpenaiResponses => openai::responses::remember(provider, ask, answer),
        Dialect::OpenaiChat | Dialect::Anthropic | Dialect::Gemini | Dialect::BedrockConverse => {}
    }
}

/// What a request to count tokens is answered with.
pub(crate) fn token_count(dialect: Dialect, tokens: usize) -> Value {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Anthropic => anthropic::token_count(tokens),
        Dialect::Gemini => gemini::token_count(tokens),
        Dialect::BedrockConverse => bedrock::token_count(tokens),
    }
}

/// Answers a request for embeddings.
pub(crate) fn embeddings(endpoint: &Endpoint, body: &Value) -> Result<Value, Refusal> {
    match endpoint.dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => openai::embeddings::answer(endpoint, body),
        Dialect::Gemini => gemini::embeddings(endpoint, body),
        // They have no such endpoint: the router of paths finds none.
        Dialect::Anthropic | Dialect::BedrockConverse => Err(Refusal::new(404, "Not found")),
    }
}

pub(crate) fn error_body(dialect: Dialect, refusal: &Refusal, seq: u64) -> Value {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => openai::error_body(refusal),
        Dialect::Anthropic => anthropic::error_body(refusal, seq),
        Dialect::Gemini => gemini::error_body(refusal),
        Dialect::BedrockConverse => bedrock::error_body(refusal),
    }
}

/// The headers an error has in this dialect, beside those every answer has.
pub(crate) fn error_headers(dialect: Dialect, refusal: &Refusal) -> Vec<(&'static str, String)> {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Anthropic | Dialect::Gemini => Vec::new(),
        Dialect::BedrockConverse => bedrock::error_headers(refusal),
    }
}

/// The error as an event in the middle of a stream, after `sent` events of it.
pub(crate) fn error_event(
    endpoint: &Endpoint,
    provider: &str,
    refusal: &Refusal,
    seq: u64,
    sent: u64,
) -> Bytes {
    match endpoint.dialect {
        Dialect::OpenaiChat => sse(None, &openai::error_body(refusal)),
        Dialect::OpenaiResponses => openai::responses::error_event(provider, refusal, seq, sent),
        Dialect::Anthropic => sse(Some("error"), &anthropic::error_body(refusal, seq)),
        Dialect::Gemini => gemini::error_event(endpoint, refusal),
        Dialect::BedrockConverse => bedrock::error_event(refusal),
    }
}

/// An event whose data is not JSON (or whose frame is broken).
pub(crate) fn malformed_event(endpoint: &Endpoint) -> Bytes {
    match endpoint.dialect {
        Dialect::OpenaiChat => {
            Bytes::from_static(b"data: {\"id\":\"chatcmpl-sim\",\"choices\":[{\"delta\":{\"con\n\n")
        }
        Dialect::OpenaiResponses => Bytes::from_static(
            b"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"del\n\n",
        ),
        Dialect::Anthropic => Bytes::from_static(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"del\n\n",
        ),
        Dialect::Gemini => gemini::malformed_event(endpoint),
        Dialect::BedrockConverse => bedrock::malformed_event(),
    }
}

pub(crate) fn models(dialect: Dialect, models: &[String]) -> Value {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => openai::models(models),
        Dialect::Anthropic => anthropic::models(models),
        Dialect::Gemini => gemini::models(models),
        Dialect::BedrockConverse => bedrock::models(models),
    }
}

/// One model of the listing.
pub(crate) fn model(dialect: Dialect, model: &str) -> Value {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => openai::model(model),
        Dialect::Anthropic => anthropic::model(model),
        Dialect::Gemini => gemini::model(model),
        Dialect::BedrockConverse => bedrock::model(model),
    }
}

/// The header a request's id comes back in.
pub(crate) fn request_id_header(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => "x-request-id",
        Dialect::Anthropic => "request-id",
        Dialect::Gemini => "x-goog-request-id",
        Dialect::BedrockConverse => "x-amzn-requestid",
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
