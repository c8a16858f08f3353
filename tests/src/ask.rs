//! What an app sends, in any dialect apps speak.

mod parts;
mod tools;

use serde_json::{Value, json};
use switchyard_sim::Dialect;

use crate::merge;

/// The dialects apps speak. The others are spoken to upstreams only.
pub const CALLERS: [Dialect; 3] = [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::Anthropic];

/// The path of a dialect's completions.
///
/// # Panics
/// For a dialect no app speaks.
#[must_use]
pub const fn path(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenaiChat => "/v1/chat/completions",
        Dialect::OpenaiResponses => "/v1/responses",
        Dialect::Anthropic => "/v1/messages",
        Dialect::Gemini | Dialect::BedrockConverse => panic!("no app speaks this to the router"),
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
        let body = match dialect {
            Dialect::OpenaiResponses => {
                json!({ "model": "auto", "max_output_tokens": 300, "input": [message] })
            }
            Dialect::OpenaiChat | Dialect::Anthropic | Dialect::Gemini | Dialect::BedrockConverse => {
                json!({ "model": "auto", "max_tokens": 300, "messages": [message] })
            }
        };
        Self { dialect, body, headers: Vec::new() }
    }

    /// As OpenAI's SDK asks.
    #[must_use]
    pub fn chat(prompt: &str) -> Self {
        Self::new(Dialect::OpenaiChat, prompt)
    }

    /// As OpenAI's SDK asks in its newer API.
    #[must_use]
    pub fn responses(prompt: &str) -> Self {
        Self::new(Dialect::OpenaiResponses, prompt)
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

    /// As this job of the map.
    #[must_use]
    pub fn job(self, job: &str) -> Self {
        self.header("x-switchyard-job", job)
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

    /// With at most so many tokens of answer.
    #[must_use]
    pub fn at_most(self, tokens: u64) -> Self {
        let name = if self.dialect == Dialect::OpenaiResponses { "max_output_tokens" } else { "max_tokens" };
        self.with(json!({ name: tokens }))
    }

    /// The member the conversation stands in.
    fn turns_name(&self) -> &'static str {
        if self.dialect == Dialect::OpenaiResponses { "input" } else { "messages" }
    }

    /// The conversation.
    pub fn turns(&mut self) -> &mut Vec<Value> {
        let name = self.turns_name();
        self.body[name].as_array_mut().unwrap()
    }

    /// The next turn: what the model said, as it came, and what the user says to that.
    #[must_use]
    pub fn then(mut self, said: &Value, prompt: &str) -> Self {
        self.push_said(said);
        self.turns().push(json!({ "role": "user", "content": prompt }));
        self
    }

    /// What the model said, as it came.
    fn push_said(&mut self, said: &Value) {
        let dialect = self.dialect;
        let turns = self.turns();
        match dialect {
            Dialect::OpenaiResponses => turns.extend(said["output"].as_array().unwrap().iter().cloned()),
            Dialect::Anthropic => turns.push(json!({ "role": "assistant", "content": said["content"] })),
            Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => {
                turns.push(said["choices"][0]["message"].clone());
            }
        }
    }
}
