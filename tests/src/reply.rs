//! What an app gets back, read as strictly as the vendors' SDKs would.

mod chat;
mod messages;
mod responses;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde_json::Value;
use switchyard_sim::Dialect;

/// A response, read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// What came of the body.
    pub body: Bytes,
    /// Whether the body ended in good order, not by a broken connection.
    pub whole: bool,
}

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its `event:` line.
    pub name: Option<String>,
    /// Its data.
    pub data: String,
}

impl Event {
    /// The data as JSON; null for `[DONE]`.
    #[must_use]
    pub fn json(&self) -> Value {
        if self.data == "[DONE]" {
            return Value::Null;
        }
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.data))
    }
}

/// A call the model asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// Its id, to answer under.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments.
    pub arguments: Value,
}

/// What an answer says it took, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Of the prompt, what came from the cache included.
    pub input: u64,
    /// Of the answer, thoughts included.
    pub output: u64,
    /// Of the prompt, from the cache.
    pub cached: u64,
}

/// A whole completion, whatever dialect it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The text.
    pub text: String,
    /// What the model thought, where it shows that.
    pub thinking: String,
    /// The words of a refusal, where the dialect keeps them apart from the text.
    pub refusal: String,
    /// The calls.
    pub calls: Vec<ToolCall>,
    /// The model that answered.
    pub model: String,
    /// `finish_reason` or `stop_reason`; of a response its `incomplete_details.reason`, else its `status`.
    pub finish: String,
    /// The usage; absent in a chat stream that was not asked for it.
    pub usage: Option<Tokens>,
}

/// The events of a stream's bytes, comments left out.
#[must_use]
pub fn events_of(body: &[u8]) -> Vec<Event> {
    let text = std::str::from_utf8(body).unwrap().replace("\r\n", "\n");
    let mut events = Vec::new();
    for block in text.split("\n\n") {
        let field = |name: &str| {
            let values: Vec<&str> = block
                .lines()
                .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(|value| value.strip_prefix(' ').unwrap_or(value))
                .collect();
            (!values.is_empty()).then(|| values.join("\n"))
        };
        if let Some(data) = field("data") {
            events.push(Event { name: field("event"), data });
        }
    }
    events
}

impl Reply {
    /// A header, empty when absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `x-switchyard-route`.
    #[must_use]
    pub fn route(&self) -> &str {
        self.header("x-switchyard-route")
    }

    /// Tier, tries, degraded.
    #[must_use]
    pub fn way(&self) -> (&str, u32, bool) {
        let tries = self.header("x-switchyard-attempts").parse().unwrap();
        (self.header("x-switchyard-tier"), tries, self.header("x-switchyard-degraded") == "true")
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// The stream's events.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        events_of(&self.body)
    }

    /// The error's code and message, from a body in the caller's dialect.
    #[must_use]
    pub fn error(&self, dialect: Dialect) -> (String, String) {
        let body = self.json();
        if dialect == Dialect::Anthropic {
            assert_eq!(body["type"], "error", "{body}");
        }
        let error = &body["error"];
        for needed in ["type", "message"] {
            assert!(error[needed].as_str().is_some_and(|text| !text.is_empty()), "no error.{needed}: {body}");
        }
        (error["code"].as_str().unwrap_or_default().to_owned(), error["message"].as_str().unwrap().to_owned())
    }

    /// The code and message of the one error event a broken stream ends with, in the caller's dialect.
    ///
    /// # Panics
    /// When there is none, more than one, or anything behind it.
    #[must_use]
    pub fn error_event(&self, dialect: Dialect) -> (String, String) {
        let events = self.events();
        let (last, before) = events.split_last().unwrap_or_else(|| panic!("no events: {self:?}"));
        let is_error =
            |event: &Event| event.name.as_deref() == Some("error") || event.json()["error"].is_object();
        assert!(!before.iter().any(is_error), "an error that is not the last event: {events:?}");
        let json = last.json();
        let error = match dialect {
            Dialect::OpenaiResponses => {
                assert_eq!(
                    (last.name.as_deref(), &json["type"]),
                    (Some("error"), &"error".into()),
                    "{events:?}"
                );
                let number = u64::try_from(before.len()).unwrap();
                assert_eq!(json["sequence_number"], number, "events are numbered: {json}");
                &json
            }
            Dialect::Anthropic => {
                assert_eq!(
                    (last.name.as_deref(), &json["type"]),
                    (Some("error"), &"error".into()),
                    "{events:?}"
                );
                &json["error"]
            }
            Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                assert_eq!(last.name, None, "{events:?}");
                &json["error"]
            }
        };
        let message = error["message"].as_str().filter(|message| !message.is_empty());
        let message = message.unwrap_or_else(|| panic!("no error at the end: {events:?}"));
        (error["code"].as_str().unwrap_or_default().to_owned(), message.to_owned())
    }

    /// The answer's body, plain or put together from its stream.
    ///
    /// # Panics
    /// When it is not a whole, well-formed one in this dialect.
    #[must_use]
    pub fn answer(&self, dialect: Dialect) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.whole, "the body broke off: {self:?}");
        if !self.header("content-type").starts_with("text/event-stream") {
            return self.json();
        }
        match dialect {
            Dialect::OpenaiResponses => responses::put_together(&self.events()),
            Dialect::Anthropic => messages::put_together(&self.events()),
            Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                chat::put_together(&self.events())
            }
        }
    }

    /// The completion, plain or streamed.
    ///
    /// # Panics
    /// When it is not a whole, well-formed one in this dialect.
    #[must_use]
    pub fn completion(&self, dialect: Dialect) -> Completion {
        completion(dialect, &self.answer(dialect))
    }

    /// The text that came, of a whole stream or a broken one.
    #[must_use]
    pub fn partial_text(&self, dialect: Dialect) -> String {
        let text = |event: &Event| {
            let json = event.json();
            let piece = match dialect {
                Dialect::OpenaiResponses if json["type"] == "response.output_text.delta" => {
                    json["delta"].as_str()
                }
                Dialect::OpenaiResponses => None,
                Dialect::Anthropic => json["delta"]["text"].as_str(),
                Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                    json["choices"][0]["delta"]["content"].as_str()
                }
            };
            piece.unwrap_or_default().to_owned()
        };
        self.events().iter().map(text).collect()
    }
}

/// The completion in a body.
///
/// # Panics
/// When it is not a whole, well-formed one in this dialect.
#[must_use]
pub fn completion(dialect: Dialect, body: &Value) -> Completion {
    match dialect {
        Dialect::OpenaiResponses => responses::read(body),
        Dialect::Anthropic => messages::read(body),
        Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => chat::read(body),
    }
}

fn string(value: &Value, what: &str) -> String {
    value.as_str().filter(|text| !text.is_empty()).unwrap_or_else(|| panic!("no {what}: {value}")).to_owned()
}

fn number(value: &Value, what: &str) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no {what}: {value}"))
}
