//! From what the pass over the body found to the envelope.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserializer;
use serde_json::error::Category;
use serde_json::value::RawValue;

use switchyard_domain::Operation;
use switchyard_domain::limits::NAME_BYTES;

use super::fields::{FIELDS, Field};
use super::parts::{Opening, Parts};
use super::walk::Body;
use super::{Envelope, EnvelopeError, Splice, features, gemini};
use crate::Dialect;
use crate::members::Members;
use crate::seals::{CHAT_SEAL, OUR_REASONING, SEAL_MARK};
use crate::splice::{member_span, span_of};

/// How an Anthropic caller marks the end of what is to be cached (Anthropic, "Prompt caching").
static CACHE_MARKS: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"cache_control\""));
static SEAL_MARKS: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(SEAL_MARK));
static CHAT_SEALS: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(CHAT_SEAL));
static OUR_REASONINGS: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(OUR_REASONING));

const USAGE_OPTION: &str = r#","stream_options":{"include_usage":true}"#;

pub(super) fn read(dialect: Dialect, operation: Operation, body: &[u8]) -> Result<Envelope, EnvelopeError> {
    if body.is_empty() {
        return Err(EnvelopeError::body("the body is empty; send a JSON object"));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        EnvelopeError::body(format!("the body is not UTF-8 (byte {})", error.valid_up_to()))
    })?;
    if dialect == Dialect::Gemini {
        return gemini::read(operation, text);
    }
    let mut scan = Scan::new(dialect, operation);
    let mut json = serde_json::Deserializer::from_str(text);
    let walked = json.deserialize_map(Body(&mut scan)).and_then(|()| json.end());
    match walked {
        Ok(()) => scan.conclude(text),
        Err(error) => Err(scan.fault(&error)),
    }
}

/// Where the pass stands, so that serde's complaint can be given a path.
#[derive(Clone, Copy, Default)]
pub(super) enum Place {
    #[default]
    Body,
    Member(&'static str),
    Message(usize),
    MessageMember(usize, &'static str),
}

pub(super) struct Scan<'a> {
    pub(super) dialect: Dialect,
    pub(super) operation: Operation,
    pub(super) raw: [Option<&'a RawValue>; FIELDS.len()],
    /// The number of messages, once they have been walked.
    pub(super) messages: Option<usize>,
    pub(super) parts: Parts,
    /// Tool calls of the assistant's turn the pass is in.
    pub(super) calls_in_turn: u32,
    pub(super) ends_with_assistant: bool,
    pub(super) place: Place,
}

impl<'a> Scan<'a> {
    fn new(dialect: Dialect, operation: Operation) -> Self {
        Self {
            dialect,
            operation,
            raw: [None; FIELDS.len()],
            messages: None,
            parts: Parts::default(),
            calls_in_turn: 0,
            ends_with_assistant: false,
            place: Place::Body,
        }
    }

    /// The member that holds the conversation, walked message by message.
    pub(super) fn conversation(&self) -> Option<Field> {
        match (self.operation, self.dialect) {
            (Operation::Embed, _) => None,
            (Operation::Complete | Operation::CountTokens | Operation::Compact, Dialect::OpenAiResponses) => {
                Some(Field::Input)
            }
            (
                Operation::Complete | Operation::CountTokens | Operation::Compact,
                Dialect::OpenAiChat | Dialect::AnthropicMessages | Dialect::Gemini | Dialect::BedrockConverse,
            ) => Some(Field::Messages),
        }
    }

    fn conversation_name(&self) -> &'static str {
        if self.conversation() == Some(Field::Messages) { "messages" } else { "input" }
    }

    pub(super) fn is_true(&self, field: Field) -> bool {
        self.get(field).is_some_and(|raw| raw.get() == "true")
    }

    pub(super) fn get(&self, field: Field) -> Option<&'a RawValue> {
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
                Place::Message(at) => {
                    EnvelopeError::field(format!("{}[{at}]", self.conversation_name()), error.to_string())
                }
                Place::MessageMember(at, name) => {
                    let list = self.conversation_name();
                    EnvelopeError::field(format!("{list}[{at}].{name}"), error.to_string())
                }
            },
        }
    }

    fn conclude(self, body: &'a str) -> Result<Envelope, EnvelopeError> {
        let (model, model_span) = self.model(body)?;
        let message_count = self.message_count()?;
        let stream = match self.get(Field::Stream).map(RawValue::get) {
            None | Some("false") => false,
            // Nothing else is told piece by piece, whatever a client writes out of habit.
            Some("true") => self.operation == Operation::Complete,
            Some(_) => return Err(EnvelopeError::field("stream", "must be true or false")),
        };
        let mut odd = None;
        let max_tokens = self.max_tokens(&mut odd)?;
        let choices = self.positive(Field::N, "n", &mut odd).unwrap_or(1);
        let (include_usage, usage_splice) = match (self.dialect, self.operation) {
            (Dialect::OpenAiChat, Operation::Complete) => self.usage_option(body, model_span.end, &mut odd),
            (Dialect::OpenAiChat, Operation::Embed | Operation::CountTokens | Operation::Compact)
            | (
                Dialect::OpenAiResponses
                | Dialect::AnthropicMessages
                | Dialect::Gemini
                | Dialect::BedrockConverse,
                _,
            ) => (None, None),
        };
        let (idempotency_key, key_member) = self.idempotency_key(body)?;
        Ok(Envelope {
            dialect: self.dialect,
            operation: self.operation,
            model,
            model_span,
            stream,
            max_tokens,
            choices,
            message_count,
            features: features::of(&self, stream, choices),
            prompt_chars: self.prompt_chars(),
            media_count: self.parts.media,
            has_seals: self.has_seals(body),
            include_usage,
            odd,
            user: self.user()?,
            idempotency_key,
            conversation: self.named_conversation()?,
            marks_cache: CACHE_MARKS.find(body.as_bytes()).is_some(),
            opening: self.opening(),
            usage_splice,
            key_member,
            url_member: None,
            resources: Vec::new(),
        })
    }

    fn named_conversation(&self) -> Result<Option<String>, EnvelopeError> {
        let names = [
            (Field::PromptCacheKey, "prompt_cache_key"),
            (Field::Conversation, "conversation"),
            (Field::PreviousResponseId, "previous_response_id"),
        ];
        let mut first = None;
        for (field, name) in names {
            if let Some(raw) = self.get(field) {
                // As it is written: quotes and all.
                check_name(name, raw.get().trim_matches('"'))?;
                first = first.or(Some(raw.get().to_owned()));
            }
        }
        Ok(first)
    }

    fn opening(&self) -> u64 {
        let mut opening = Opening { is_over: false, ..self.parts.opening };
        for raw in [Field::System, Field::Instructions].into_iter().filter_map(|field| self.get(field)) {
            opening.add(raw.get());
        }
        opening.hash
    }

    fn has_seals(&self, body: &str) -> bool {
        let holds = |mark: &Finder<'_>| mark.find(body.as_bytes()).is_some();
        holds(&SEAL_MARKS)
            || (self.dialect == Dialect::OpenAiChat && holds(&CHAT_SEALS))
            || (self.dialect == Dialect::OpenAiResponses && holds(&OUR_REASONINGS))
    }

    fn model(&self, body: &str) -> Result<(String, Range<usize>), EnvelopeError> {
        let raw = self
            .get(Field::Model)
            .ok_or_else(|| EnvelopeError::field("model", "is missing; name the model to use, or \"auto\""))?;
        let model: String =
            serde_json::from_str(raw.get()).map_err(|_| EnvelopeError::field("model", "must be a string"))?;
        if model.is_empty() {
            return Err(EnvelopeError::field("model", "must not be empty; name a model, or \"auto\""));
        }
        check_name("model", &model)?;
        Ok((model, span_of(body, raw)))
    }

    fn message_count(&self) -> Result<usize, EnvelopeError> {
        if self.operation == Operation::Embed {
            return self.embedded();
        }
        let is_responses = self.conversation() == Some(Field::Input);
        let kept_elsewhere = [Field::PreviousResponseId, Field::Conversation, Field::Prompt];
        match self.messages {
            None | Some(0) if is_responses && kept_elsewhere.into_iter().any(|at| self.get(at).is_some()) => {
                Ok(0)
            }
            None if is_responses => {
                Err(EnvelopeError::field("input", "is missing; send a text or a list of items"))
            }
            // Instructions alone can be answered.
            Some(0) if is_responses && self.get(Field::Instructions).is_some() => Ok(0),
            Some(0) if is_responses => Err(EnvelopeError::field("input", "must not be empty")),
            None => Err(EnvelopeError::field("messages", "is missing; send a list of messages")),
            Some(0) => Err(EnvelopeError::field("messages", "must hold at least one message")),
            Some(count) => Ok(count),
        }
    }

    /// The number of texts to embed: one text, a list of them, or texts as tokens.
    fn embedded(&self) -> Result<usize, EnvelopeError> {
        let wanted = "send a text, or a list of texts";
        let missing = || EnvelopeError::field("input", format!("is missing; {wanted}"));
        let input = self.get(Field::Input).ok_or_else(missing)?.get();
        let inside = input.get(1..).unwrap_or_default().trim_start();
        match input.as_bytes().first() {
            Some(b'"') if inside == "\"" => Err(EnvelopeError::field("input", "must not be empty")),
            Some(b'"') => Ok(1),
            Some(b'[') if inside.starts_with(']') => {
                Err(EnvelopeError::field("input", format!("must not be empty; {wanted}")))
            }
            // One text as tokens.
            Some(b'[') if inside.starts_with(|c: char| c.is_ascii_digit()) => Ok(1),
            Some(b'[') => {
                let texts: Vec<&RawValue> = serde_json::from_str(input).unwrap_or_default();
                let odd = texts.iter().position(|text| !text.get().starts_with(['"', '[']));
                match odd {
                    Some(at) => Err(EnvelopeError::field(format!("input[{at}]"), "must be a text")),
                    None => Ok(texts.len()),
                }
            }
            _ => Err(EnvelopeError::field("input", format!("has the wrong type; {wanted}"))),
        }
    }

    /// The caller's own key, and the member it stands in.
    fn idempotency_key(&self, body: &str) -> Result<(Option<String>, Option<Range<usize>>), EnvelopeError> {
        let Some(raw) = self.raw[Field::IdempotencyKey as usize] else { return Ok((None, None)) };
        let key: Option<String> = serde_json::from_str(raw.get())
            .map_err(|_| EnvelopeError::field("idempotencyKey", "must be a string"))?;
        check_name("idempotencyKey", key.as_deref().unwrap_or_default())?;
        Ok((key.filter(|key| !key.is_empty()), Some(member_span(body, span_of(body, raw)))))
    }

    fn prompt_chars(&self) -> u64 {
        let mut text = self.parts;
        let besides = [
            Field::System,
            Field::Instructions,
            Field::Tools,
            Field::Functions,
            Field::ResponseFormat,
            Field::OutputConfig,
            Field::OutputFormat,
            Field::Text,
        ];
        let input = (self.operation == Operation::Embed).then_some(Field::Input);
        for raw in besides.into_iter().chain(input).filter_map(|field| self.get(field)) {
            text.count(raw);
        }
        text.text_bytes
    }

    /// The most tokens an answer may have, where the caller names a number of them. Anything else (`-1` is no limit at
    /// some local servers) is the provider's to judge.
    fn max_tokens(&self, odd: &mut Option<EnvelopeError>) -> Result<Option<u64>, EnvelopeError> {
        match self.dialect {
            Dialect::OpenAiResponses => Ok(self.positive(Field::MaxOutputTokens, "max_output_tokens", odd)),
            Dialect::OpenAiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                let plain = self.positive(Field::MaxTokens, "max_tokens", odd);
                Ok(self.positive(Field::MaxCompletionTokens, "max_completion_tokens", odd).or(plain))
            }
            Dialect::AnthropicMessages => {
                if self.get(Field::MaxTokens).is_none() && self.operation == Operation::Complete {
                    let message = "is missing; this API needs a positive integer";
                    return Err(EnvelopeError::field("max_tokens", message));
                }
                Ok(self.positive(Field::MaxTokens, "max_tokens", odd))
            }
        }
    }

    fn positive(&self, field: Field, name: &str, odd: &mut Option<EnvelopeError>) -> Option<u64> {
        let number = self.get(field)?.get().parse::<u64>().ok().filter(|number| *number > 0);
        if number.is_none() {
            odd.get_or_insert_with(|| EnvelopeError::field(name, "must be a positive integer"));
        }
        number
    }

    fn user(&self) -> Result<Option<String>, EnvelopeError> {
        #[derive(serde::Deserialize)]
        struct Metadata {
            user_id: Option<String>,
        }
        let text = |field| self.get(field).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        let metadata = self.get(Field::Metadata).and_then(|raw| serde_json::from_str(raw.get()).ok());
        let named = [
            ("user", text(Field::User)),
            ("safety_identifier", text(Field::SafetyIdentifier)),
            ("metadata.user_id", metadata.and_then(|metadata: Metadata| metadata.user_id)),
        ];
        for (field, user) in &named {
            check_name(field, user.as_deref().unwrap_or_default())?;
        }
        Ok(named.into_iter().find_map(|(_, user)| user))
    }

    /// The caller's `include_usage` and the splice that would set it to true. What is neither true nor false is its
    /// provider's to judge: it is left as it is, and counts as asked for.
    fn usage_option(
        &self,
        body: &str,
        after_model: usize,
        odd: &mut Option<EnvelopeError>,
    ) -> (Option<bool>, Option<Splice>) {
        let mut is_odd = |field: &str, message: &str| {
            odd.get_or_insert_with(|| EnvelopeError::field(field, message));
            (Some(true), None)
        };
        let Some(raw) = self.raw[Field::StreamOptions as usize] else {
            return (None, Some(Splice { range: after_model..after_model, text: USAGE_OPTION }));
        };
        let span = span_of(body, raw);
        if raw.get() == "null" {
            return (None, Some(Splice { range: span, text: r#"{"include_usage":true}"# }));
        }
        let Ok(options) = Members::read(raw.get(), "stream_options") else {
            return is_odd("stream_options", "must be an object");
        };
        let inside = span.start + 1;
        match options.peek("include_usage").map(|value| (value.get(), span_of(body, value))) {
            Some(("true", _)) => (Some(true), None),
            Some(("false", at)) => (Some(false), Some(Splice { range: at, text: "true" })),
            Some(("null", at)) => (None, Some(Splice { range: at, text: "true" })),
            Some(_) => is_odd("stream_options.include_usage", "must be true or false"),
            None if options.is_empty() => {
                (None, Some(Splice { range: inside..inside, text: r#""include_usage":true"# }))
            }
            None => (None, Some(Splice { range: inside..inside, text: r#""include_usage":true,"# })),
        }
    }
}

/// Whether a name is short enough to be logged, shown and passed on.
pub(super) fn check_name(field: &str, name: &str) -> Result<(), EnvelopeError> {
    if name.len() > NAME_BYTES {
        let message = format!("is {} bytes long; at most {NAME_BYTES} are taken", name.len());
        return Err(EnvelopeError::field(field, message));
    }
    Ok(())
}
