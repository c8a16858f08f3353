//! From what the pass over the body found to the envelope.

use std::ops::Range;

use memchr::memmem;
use serde::Deserializer;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::walk::Body;
use super::{Envelope, EnvelopeError, Splice};
use crate::Dialect;
use crate::members::Members;

const USAGE_OPTION: &str = r#","stream_options":{"include_usage":true}"#;

pub(super) fn read(dialect: Dialect, body: &[u8]) -> Result<Envelope, EnvelopeError> {
    if body.is_empty() {
        return Err(EnvelopeError::body("the body is empty; send a JSON object"));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        EnvelopeError::body(format!("the body is not UTF-8 (byte {})", error.valid_up_to()))
    })?;
    let mut scan = Scan::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let walked = json.deserialize_map(Body(&mut scan)).and_then(|()| json.end());
    match walked {
        Ok(()) => scan.conclude(dialect, text),
        Err(error) => Err(scan.fault(&error)),
    }
}

/// The members the router reads. The discriminant is the slot its raw value is kept in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Model,
    Stream,
    MaxTokens,
    MaxCompletionTokens,
    N,
    Tools,
    Functions,
    ResponseFormat,
    OutputConfig,
    OutputFormat,
    ReplyOptions,
    User,
    SafetyIdentifier,
    Metadata,
    IdempotencyKey,
    Messages,
}

pub(super) const FIELDS: [(&str, Field); 16] = [
    ("model", Field::Model),
    ("stream", Field::Stream),
    ("max_tokens", Field::MaxTokens),
    ("max_completion_tokens", Field::MaxCompletionTokens),
    ("n", Field::N),
    ("tools", Field::Tools),
    ("functions", Field::Functions),
    ("response_format", Field::ResponseFormat),
    ("output_config", Field::OutputConfig),
    ("output_format", Field::OutputFormat),
    ("stream_options", Field::ReplyOptions),
    ("user", Field::User),
    ("safety_identifier", Field::SafetyIdentifier),
    ("metadata", Field::Metadata),
    ("idempotencyKey", Field::IdempotencyKey),
    ("messages", Field::Messages),
];

/// Where the pass stands, so that serde's complaint can be given a path.
#[derive(Clone, Copy, Default)]
pub(super) enum Place {
    #[default]
    Body,
    Member(&'static str),
    Message(usize),
    MessageMember(usize, &'static str),
}

#[derive(Default)]
pub(super) struct Scan<'a> {
    pub(super) raw: [Option<&'a RawValue>; FIELDS.len()],
    /// The number of messages, once they have been walked.
    pub(super) messages: Option<usize>,
    pub(super) has_images: bool,
    pub(super) place: Place,
}

impl<'a> Scan<'a> {
    fn get(&self, field: Field) -> Option<&'a RawValue> {
        self.raw[field as usize].filter(|raw| raw.get() != "null")
    }

    fn fault(&self, error: &serde_json::Error) -> EnvelopeError {
        match error.classify() {
            Category::Syntax | Category::Eof | Category::Io => {
                EnvelopeError::body(format!("the body is not JSON: {error}"))
            }
            Category::Data => match self.place {
                Place::Body => EnvelopeError::body(error.to_string()),
                Place::Member(name) => EnvelopeError::field(name, error.to_string()),
                Place::Message(at) => EnvelopeError::field(format!("messages[{at}]"), error.to_string()),
                Place::MessageMember(at, name) => {
                    EnvelopeError::field(format!("messages[{at}].{name}"), error.to_string())
                }
            },
        }
    }

    fn conclude(self, dialect: Dialect, body: &'a str) -> Result<Envelope, EnvelopeError> {
        let model_raw = self
            .get(Field::Model)
            .ok_or_else(|| EnvelopeError::field("model", "is missing; name the model to use, or \"auto\""))?;
        let model: String = serde_json::from_str(model_raw.get())
            .map_err(|_| EnvelopeError::field("model", "must be a string"))?;
        if model.is_empty() {
            return Err(EnvelopeError::field("model", "must not be empty; name a model, or \"auto\""));
        }
        let message_count = match self.messages {
            None => return Err(EnvelopeError::field("messages", "is missing; send a list of messages")),
            Some(0) => return Err(EnvelopeError::field("messages", "must hold at least one message")),
            Some(count) => count,
        };
        let stream = match self.get(Field::Stream).map(RawValue::get) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(EnvelopeError::field("stream", "must be true or false")),
        };
        let max_tokens = self.max_tokens(dialect)?;
        let choices = self.positive(Field::N, "n")?.unwrap_or(1);
        let model_span = span_of(body, model_raw);
        let (include_usage, usage_splice) = match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse => {
                self.usage_option(body, model_span.end)?
            }
            Dialect::AnthropicMessages => (None, None),
        };
        let (idempotency_key, key_member) = match self.raw[Field::IdempotencyKey as usize] {
            None => (None, None),
            Some(raw) => {
                let key: Option<String> = serde_json::from_str(raw.get())
                    .map_err(|_| EnvelopeError::field("idempotencyKey", "must be a string"))?;
                (key.filter(|key| !key.is_empty()), Some(member_span(body, span_of(body, raw))))
            }
        };
        Ok(Envelope {
            dialect,
            model,
            model_span,
            stream,
            max_tokens,
            choices,
            message_count,
            has_tools: [Field::Tools, Field::Functions].iter().any(|&field| self.is_filled_list(field)),
            has_images: self.has_images,
            wants_json: self.wants_json(),
            include_usage,
            user: self.user(),
            idempotency_key,
            usage_splice,
            key_member,
        })
    }

    fn max_tokens(&self, dialect: Dialect) -> Result<Option<u64>, EnvelopeError> {
        let plain = self.positive(Field::MaxTokens, "max_tokens")?;
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini | Dialect::BedrockConverse => {
                Ok(self.positive(Field::MaxCompletionTokens, "max_completion_tokens")?.or(plain))
            }
            Dialect::AnthropicMessages if plain.is_none() => {
                Err(EnvelopeError::field("max_tokens", "is missing; this API needs a positive integer"))
            }
            Dialect::AnthropicMessages => Ok(plain),
        }
    }

    fn positive(&self, field: Field, name: &str) -> Result<Option<u64>, EnvelopeError> {
        let Some(raw) = self.get(field) else { return Ok(None) };
        match raw.get().parse::<u64>() {
            Ok(number) if number > 0 => Ok(Some(number)),
            Ok(_) | Err(_) => Err(EnvelopeError::field(name, "must be a positive integer")),
        }
    }

    fn is_filled_list(&self, field: Field) -> bool {
        let list = self.get(field).map_or("", RawValue::get);
        list.starts_with('[') && !list[1..].trim_start().starts_with(']')
    }

    fn wants_json(&self) -> bool {
        let has = |field, needle: &str| {
            self.get(field).is_some_and(|raw| memmem::find(raw.get().as_bytes(), needle.as_bytes()).is_some())
        };
        has(Field::ResponseFormat, "\"json_")
            || has(Field::OutputConfig, "\"json_schema\"")
            || has(Field::OutputFormat, "\"json_schema\"")
    }

    fn user(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Metadata {
            user_id: Option<String>,
        }
        let text = |field| self.get(field).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        text(Field::User)
            .or_else(|| text(Field::SafetyIdentifier))
            .or_else(|| serde_json::from_str::<Metadata>(self.get(Field::Metadata)?.get()).ok()?.user_id)
    }

    /// The caller's `include_usage` and the splice that would set it to true.
    fn usage_option(
        &self,
        body: &str,
        after_model: usize,
    ) -> Result<(Option<bool>, Option<Splice>), EnvelopeError> {
        let Some(raw) = self.raw[Field::ReplyOptions as usize] else {
            return Ok((None, Some(Splice { range: after_model..after_model, text: USAGE_OPTION })));
        };
        let span = span_of(body, raw);
        if raw.get() == "null" {
            return Ok((None, Some(Splice { range: span, text: r#"{"include_usage":true}"# })));
        }
        let options = Members::read(raw.get(), "stream_options")
            .map_err(|_| EnvelopeError::field("stream_options", "must be an object"))?;
        let inside = span.start + 1;
        match options.peek("include_usage").map(|value| (value.get(), span_of(body, value))) {
            Some(("true", _)) => Ok((Some(true), None)),
            Some(("false", at)) => Ok((Some(false), Some(Splice { range: at, text: "true" }))),
            Some(("null", at)) => Ok((None, Some(Splice { range: at, text: "true" }))),
            Some(_) => Err(EnvelopeError::field("stream_options.include_usage", "must be true or false")),
            None if options.is_empty() => {
                Ok((None, Some(Splice { range: inside..inside, text: r#""include_usage":true"# })))
            }
            None => Ok((None, Some(Splice { range: inside..inside, text: r#""include_usage":true,"# }))),
        }
    }
}

/// Where a borrowed value lies in the body it was read from.
fn span_of(body: &str, raw: &RawValue) -> Range<usize> {
    let start = raw.get().as_ptr() as usize - body.as_ptr() as usize;
    start..start + raw.get().len()
}

/// Widens a value's span to its whole member: name, colon, value, and one comma.
fn member_span(body: &str, value: Range<usize>) -> Range<usize> {
    let before = body[..value.start].trim_end().trim_end_matches(':').trim_end();
    // The name's own quotes are the last two: this name holds no quote, escaped or not.
    let name = before[..before.len() - 1].rfind('"').unwrap_or(0);
    let after = &body[value.end..];
    let skipped = after.len() - after.trim_start().len();
    if after.trim_start().starts_with(',') {
        return name..value.end + skipped + 1;
    }
    let lead = body[..name].trim_end();
    let start = if lead.ends_with(',') { lead.len() - 1 } else { name };
    start..value.end
}
