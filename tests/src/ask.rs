//! What an app sends, in either dialect.

use serde_json::{Value, json};
use switchyard_sim::Dialect;

use crate::merge;

/// The path of a dialect's completions.
#[must_use]
pub const fn path(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenaiChat => "/v1/chat/completions",
        Dialect::Anthropic => "/v1/messages",
    }
}

/// One request of an app.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The caller's dialect.
    pub dialect: Dialect,
    /// The body.
    pub body: Value,
    /// Headers beside the usual ones.
    pub headers: Vec<(String, String)>,
}

impl Ask {
    /// A question to whichever model the map's order gives.
    #[must_use]
    pub fn new(dialect: Dialect, prompt: &str) -> Self {
        let message = json!({ "role": "user", "content": prompt });
        let body = json!({ "model": "auto", "max_tokens": 300, "messages": [message] });
        Self { dialect, body, headers: Vec::new() }
    }

    /// As OpenAI's SDK asks.
    #[must_use]
    pub fn chat(prompt: &str) -> Self {
        Self::new(Dialect::OpenaiChat, prompt)
    }

    /// As Anthropic's SDK asks.
    #[must_use]
    pub fn messages(prompt: &str) -> Self {
        Self::new(Dialect::Anthropic, prompt)
    }

    /// For a stream.
    #[must_use]
    pub fn streaming(self, stream: bool) -> Self {
        if stream { self.with(json!({ "stream": true })) } else { self }
    }

    /// For this model.
    #[must_use]
    pub fn model(self, model: &str) -> Self {
        self.with(json!({ "model": model }))
    }

    /// With further members.
    #[must_use]
    pub fn with(self, more: Value) -> Self {
        Self { body: merge(self.body, more), ..self }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Offering one tool, `get_weather(place)`.
    #[must_use]
    pub fn weather_tool(self) -> Self {
        let schema = json!({ "type": "object", "properties": { "place": { "type": "string" } }, "required": ["place"] });
        let tool = match self.dialect {
            Dialect::OpenaiChat => json!({ "type": "function", "function": {
                "name": "get_weather", "description": "The weather at a place.", "parameters": schema,
            }}),
            Dialect::Anthropic => {
                json!({ "name": "get_weather", "description": "The weather at a place.", "input_schema": schema })
            }
        };
        self.with(json!({ "tools": [tool] }))
    }

    /// The next turn: what the model said (as it came), and what the tools answered by call id. `Err` is a tool
    /// that failed.
    #[must_use]
    pub fn then_tools(mut self, said: &Value, results: &[(String, Result<&str, &str>)]) -> Self {
        let Some(messages) = self.body["messages"].as_array_mut() else { return self };
        match self.dialect {
            Dialect::OpenaiChat => {
                messages.push(said["choices"][0]["message"].clone());
                messages.extend(results.iter().map(|(id, result)| {
                    let (Ok(text) | Err(text)) = result;
                    json!({ "role": "tool", "tool_call_id": id, "content": text })
                }));
            }
            Dialect::Anthropic => {
                messages.push(json!({ "role": "assistant", "content": said["content"] }));
                let blocks = results.iter().map(|(id, result)| {
                    let (Ok(text) | Err(text)) = result;
                    let mut block = json!({ "type": "tool_result", "tool_use_id": id, "content": text });
                    if result.is_err() {
                        block["is_error"] = json!(true);
                    }
                    block
                });
                messages.push(json!({ "role": "user", "content": blocks.collect::<Vec<_>>() }));
            }
        }
        self
    }
}
