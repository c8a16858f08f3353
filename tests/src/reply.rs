//! What an app gets back, read as strictly as the vendors' SDKs would.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
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

/// A whole completion, whatever dialect it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The text.
    pub text: String,
    /// The calls.
    pub calls: Vec<ToolCall>,
    /// The model that answered.
    pub model: String,
    /// `finish_reason` or `stop_reason`.
    pub finish: String,
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

    /// The completion, plain or streamed.
    ///
    /// # Panics
    /// When it is not a whole, well-formed one in this dialect.
    #[must_use]
    pub fn completion(&self, dialect: Dialect) -> Completion {
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.whole, "the body broke off: {self:?}");
        let streamed = self.header("content-type").starts_with("text/event-stream");
        match (dialect, streamed) {
            (Dialect::OpenaiChat, false) => chat(&self.json()),
            (Dialect::OpenaiChat, true) => chat(&chat_of(&self.events())),
            (Dialect::Anthropic, false) => message(&self.json()),
            (Dialect::Anthropic, true) => message(&message_of(&self.events())),
        }
    }

    /// The text that came, of a whole stream or a broken one.
    #[must_use]
    pub fn partial_text(&self, dialect: Dialect) -> String {
        let text = |event: &Event| {
            let json = event.json();
            let piece = match dialect {
                Dialect::OpenaiChat => json["choices"][0]["delta"]["content"].as_str(),
                Dialect::Anthropic => json["delta"]["text"].as_str(),
            };
            piece.unwrap_or_default().to_owned()
        };
        self.events().iter().map(text).collect()
    }
}

fn string(value: &Value, what: &str) -> String {
    value.as_str().filter(|text| !text.is_empty()).unwrap_or_else(|| panic!("no {what}: {value}")).to_owned()
}

pub(crate) fn chat(body: &Value) -> Completion {
    assert_eq!(body["object"], "chat.completion", "{body}");
    let choice = &body["choices"][0];
    assert_eq!(choice["message"]["role"], "assistant", "{body}");
    let calls = choice["message"]["tool_calls"].as_array().into_iter().flatten().map(|call| ToolCall {
        id: string(&call["id"], "call id"),
        name: string(&call["function"]["name"], "call name"),
        arguments: serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap(),
    });
    Completion {
        text: choice["message"]["content"].as_str().unwrap_or_default().to_owned(),
        calls: calls.collect(),
        model: string(&body["model"], "model"),
        finish: string(&choice["finish_reason"], "finish_reason"),
    }
}

pub(crate) fn message(body: &Value) -> Completion {
    assert_eq!((&body["type"], &body["role"]), (&json!("message"), &json!("assistant")), "{body}");
    let blocks = body["content"].as_array().unwrap();
    let of = |kind: &'static str| blocks.iter().filter(move |block| block["type"] == kind);
    Completion {
        text: of("text").map(|block| block["text"].as_str().unwrap()).collect(),
        calls: of("tool_use")
            .map(|block| ToolCall {
                id: string(&block["id"], "call id"),
                name: string(&block["name"], "call name"),
                arguments: block["input"].clone(),
            })
            .collect(),
        model: string(&body["model"], "model"),
        finish: string(&body["stop_reason"], "stop_reason"),
    }
}

/// Puts a chat stream together.
fn chat_of(events: &[Event]) -> Value {
    // A provider that leaves `[DONE]` out has still answered; the finish reason is what completes it.
    let events = match events.split_last() {
        Some((last, rest)) if last.data == "[DONE]" => rest,
        Some(_) | None => events,
    };
    let (mut text, mut calls, mut finish) = (String::new(), Vec::<Value>::new(), Value::Null);
    for event in events {
        assert_eq!(event.name, None, "chat events have no name");
        let chunk = event.json();
        assert!(chunk.get("error").is_none(), "an error in the stream: {chunk}");
        assert_eq!(chunk["object"], "chat.completion.chunk", "{chunk}");
        let choice = &chunk["choices"][0];
        if choice.is_null() {
            continue;
        }
        assert!(finish.is_null(), "content after the finish reason: {chunk}");
        text += choice["delta"]["content"].as_str().unwrap_or_default();
        for part in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(part["index"].as_u64().unwrap()).unwrap();
            if index == calls.len() {
                calls.push(part.clone());
                continue;
            }
            let known = &mut calls[index]["function"]["arguments"];
            *known = json!(format!(
                "{}{}",
                known.as_str().unwrap(),
                part["function"]["arguments"].as_str().unwrap()
            ));
        }
        finish = choice["finish_reason"].clone();
    }
    let model = events.first().map(|event| event.json()["model"].clone()).unwrap_or_default();
    let mut message = json!({ "role": "assistant", "content": text });
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    json!({ "object": "chat.completion", "model": model,
        "choices": [{ "message": message, "finish_reason": finish }] })
}

/// Puts a messages stream together; its order is part of the dialect.
fn message_of(events: &[Event]) -> Value {
    let mut events: Vec<(String, Value)> = events
        .iter()
        .map(|event| (event.name.clone().unwrap_or_default(), event.json()))
        .inspect(|(name, json)| assert_eq!(json["type"], json!(name), "the event's name is its type"))
        .filter(|(name, _)| name != "ping")
        .collect();
    assert!(events.iter().all(|(name, _)| name != "error"), "an error in the stream: {events:?}");
    // `message_stop` may be missing; `message_delta` with the stop reason is what completes an answer.
    if events.last().is_some_and(|(name, _)| name == "message_stop") {
        events.pop();
    }
    let (last, delta) = events.pop().unwrap();
    assert_eq!(last, "message_delta", "{delta}");
    let mut events = events.into_iter();
    let (first, mut start) = events.next().unwrap();
    assert_eq!(first, "message_start", "{start}");
    let (mut blocks, mut open) = (Vec::<Value>::new(), None::<String>);
    for (name, json) in events {
        assert_eq!(json["index"], blocks.len(), "{name} {json}");
        match (name.as_str(), &mut open) {
            ("content_block_start", None) => {
                let block = json["content_block"].clone();
                open = Some(block["text"].as_str().unwrap_or_default().to_owned());
                start["open"] = block;
            }
            ("content_block_delta", Some(text)) => {
                let piece = json["delta"]["text"].as_str().or_else(|| json["delta"]["partial_json"].as_str());
                *text += piece.unwrap_or_else(|| panic!("a delta without content: {json}"));
            }
            ("content_block_stop", Some(text)) => {
                let mut block = start["open"].take();
                match block["type"].as_str() {
                    Some("tool_use") => block["input"] = serde_json::from_str(text).unwrap(),
                    Some(_) | None => block["text"] = json!(text),
                }
                blocks.push(block);
                open = None;
            }
            (_, open) => panic!("{name} out of order (block open: {})", open.is_some()),
        }
    }
    assert!(open.is_none(), "a block was never closed");
    let mut whole = start["message"].take();
    whole["content"] = json!(blocks);
    whole["stop_reason"] = delta["delta"]["stop_reason"].clone();
    whole
}
