//! The simulated providers, met the way the router meets them: over sockets, by a client.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod answers;
mod anthropic;
mod bedrock;
mod chat;
mod continuation;
mod embeddings;
mod faults;
mod gemini;
mod responses;
mod senses;
mod steering;

use std::time::Duration;

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Provider};

/// Long enough for a busy machine; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(10);

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

fn path(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenaiChat => "/v1/chat/completions",
        Dialect::OpenaiResponses => "/v1/responses",
        Dialect::Anthropic => "/v1/messages",
        Dialect::Gemini => "/v1beta/models/m-1:generateContent",
        Dialect::BedrockConverse => "/model/m-1/converse",
    }
}

fn ask(prompt: &str) -> Value {
    json!({ "model": "m-1", "max_tokens": 200, "messages": [{ "role": "user", "content": prompt }] })
}

fn with(mut body: Value, more: Value) -> Value {
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    body
}

fn post(url: &str, dialect: Dialect, body: &Value) -> reqwest::RequestBuilder {
    let request = client().post(format!("{url}{}", path(dialect))).json(body);
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Gemini | Dialect::BedrockConverse => {
            request
        }
        Dialect::Anthropic => request.header("anthropic-version", "2023-06-01"),
    }
}

async fn json_of(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// The text of a chat stream; what is not JSON is left out.
fn streamed_text(stream: &str) -> String {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let text = events.map(|event| {
        let delta = if event["choices"].is_array() {
            &event["choices"][0]["delta"]["content"]
        } else if event["type"] == "response.output_text.delta" {
            &event["delta"]
        } else {
            &event["delta"]["text"]
        };
        delta.as_str().unwrap_or_default().to_owned()
    });
    text.collect()
}

/// Seconds since 1970, for what is signed with a date.
#[expect(clippy::disallowed_methods, reason = "a signature is dated by the real clock")]
fn now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

async fn within<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(PATIENCE, what).await.expect("it should not take this long")
}

async fn until(provider: &Provider, ready: impl FnMut(&switchyard_sim::Traffic) -> bool) {
    within(provider.wait_for(ready)).await;
}

fn set(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

/// The question of [`ask`] as the Responses dialect asks it.
fn respond(prompt: &str) -> Value {
    json!({ "model": "m-1", "input": prompt })
}

/// A dialect's error is the one expected: its status, and what its message begins with.
async fn refused(url: &str, dialect: Dialect, body: &Value, message: &str) -> Value {
    let (status, error) = json_of(post(url, dialect, body)).await;
    assert_eq!(status, 400, "{body}\n{error}");
    let said = error["error"]["message"].as_str().unwrap_or_default();
    assert!(said.starts_with(message), "{body}\nwanted: {message}\nsaid: {said}");
    error
}

/// The events of a stream as JSON; `[DONE]` is left out.
fn events_of(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// A picture of one pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A schema as strict mode wants it.
fn strict_schema() -> Value {
    json!({
        "type": "object",
        "properties": { "city": { "type": "string" } },
        "required": ["city"],
        "additionalProperties": false,
    })
}
