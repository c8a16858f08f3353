//! What a healthy provider answers, and what it refuses.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, KeyState, Latency, Profile, SimConfig, SimProvider, SimServer};

use crate::{ask, client, json_of, path, post, streamed_text, with};

const BOTH: [Dialect; 2] = [Dialect::OpenaiChat, Dialect::Anthropic];

#[tokio::test]
async fn a_plain_answer_names_who_gave_it_and_counts_its_tokens() {
    let sim = SimProvider::start("acme", Dialect::OpenaiChat).await.unwrap();
    let (status, body) = json_of(post(sim.url(), Dialect::OpenaiChat, &ask("how to price a trial"))).await;
    assert_eq!(status, 200);
    let text = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.starts_with("[m-1 @ acme] ") && text.contains("how to price a trial"), "{text}");
    assert_eq!(body["model"], "m-1");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["usage"]["prompt_tokens"], 5);
    assert_eq!(body["usage"]["completion_tokens"], text.chars().count().div_ceil(4));

    let sim = SimProvider::start("acme", Dialect::Anthropic).await.unwrap();
    let (_, message) = json_of(post(sim.url(), Dialect::Anthropic, &ask("how to price a trial"))).await;
    assert_eq!(message["content"][0]["text"], text);
    assert_eq!((&message["stop_reason"], &message["usage"]["input_tokens"]), (&json!("end_turn"), &json!(5)));
}

#[tokio::test]
async fn a_stream_says_the_same_as_a_plain_answer_in_the_configured_chunks() {
    let latency = Latency { chunks: 4, ..Latency::default() };
    let profile = Profile::new("acme").latency(latency);
    let sim = SimProvider::start_with(profile).await.unwrap();
    let plain = json_of(post(sim.url(), Dialect::OpenaiChat, &ask("hello"))).await.1;
    let plain = plain["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    for (dialect, chunk, done) in [
        (Dialect::OpenaiChat, r#""content":"#, "data: [DONE]\n\n"),
        (Dialect::Anthropic, r#""text_delta""#, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
    ] {
        let mut body = with(ask("hello"), json!({ "stream": true }));
        if dialect == Dialect::OpenaiChat {
            body["stream_options"] = json!({ "include_usage": true });
        }
        let response = post(sim.url(), dialect, &body).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        let stream = response.text().await.unwrap();
        assert_eq!(streamed_text(&stream), plain, "{dialect:?}");
        assert!(stream.ends_with(done), "{dialect:?}: {stream}");
        // The chat dialect's opening event has an empty `content` of its own.
        let openings = usize::from(dialect == Dialect::OpenaiChat);
        assert_eq!(stream.matches(chunk).count(), 4 + openings, "{dialect:?}: {stream}");
        assert!(stream.contains(r#"_tokens":"#), "{dialect:?} has usage: {stream}");
    }
}

#[tokio::test]
async fn usage_is_streamed_only_when_asked_for() {
    let sim = SimProvider::start("acme", Dialect::OpenaiChat).await.unwrap();
    let body = with(ask("hello"), json!({ "stream": true }));
    let stream = post(sim.url(), Dialect::OpenaiChat, &body).send().await.unwrap().text().await.unwrap();
    assert!(!stream.contains("usage"), "{stream}");
}

#[tokio::test]
async fn max_tokens_cuts_the_text_short() {
    let sim = SimProvider::start_with(Profile::new("acme")).await.unwrap();
    let body = with(ask("hello"), json!({ "max_tokens": 3 }));
    let chat = json_of(post(sim.url(), Dialect::OpenaiChat, &body)).await.1;
    assert_eq!(chat["choices"][0]["finish_reason"], "length");
    assert_eq!(chat["choices"][0]["message"]["content"].as_str().unwrap().len(), 12);
    let message = json_of(post(sim.url(), Dialect::Anthropic, &body)).await.1;
    assert_eq!(message["stop_reason"], "max_tokens");
}

#[tokio::test]
async fn tools_are_called_in_parallel_and_their_results_are_read() {
    let sim = SimProvider::start_with(Profile::new("acme")).await.unwrap();
    let schema =
        json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let prompt = "What is the weather in Lisbon and Porto?";

    let tools = json!([{ "type": "function", "function": { "name": "get_weather", "parameters": schema } }]);
    let body = with(ask(prompt), json!({ "tools": tools }));
    let chat = json_of(post(sim.url(), Dialect::OpenaiChat, &body)).await.1;
    let message = chat["choices"][0]["message"].clone();
    let cities: Vec<&str> = message["tool_calls"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|c| c["function"]["arguments"].as_str())
        .collect();
    assert_eq!(cities, [r#"{"city":"Lisbon"}"#, r#"{"city":"Porto"}"#]);
    assert_eq!(chat["choices"][0]["finish_reason"], "tool_calls");

    let mut messages = vec![json!({ "role": "user", "content": prompt }), message.clone()];
    for (call, answer) in message["tool_calls"].as_array().unwrap().iter().zip(["sunny", "rain"]) {
        messages.push(json!({ "role": "tool", "tool_call_id": call["id"], "content": answer }));
    }
    let body = with(body, json!({ "messages": messages }));
    let chat = json_of(post(sim.url(), Dialect::OpenaiChat, &body)).await.1;
    let text = chat["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains("sunny; rain"), "{text}");

    let tools = json!([{ "name": "get_weather", "input_schema": schema }]);
    let body =
        with(ask("Say hi"), json!({ "tools": tools, "tool_choice": { "type": "any" }, "stream": true }));
    let stream = post(sim.url(), Dialect::Anthropic, &body).send().await.unwrap().text().await.unwrap();
    assert!(stream.contains(r#""type":"tool_use""#) && stream.contains("input_json_delta"), "{stream}");
    assert!(stream.contains(r#""stop_reason":"tool_use""#), "{stream}");
}

#[tokio::test]
async fn json_mode_answers_what_the_schema_requires() {
    let sim = SimProvider::start_with(Profile::new("acme")).await.unwrap();
    let schema = json!({ "type": "object", "required": ["name", "stars", "tags"], "properties": {
        "name": { "type": "string" }, "stars": { "type": "integer" }, "tags": { "type": "array", "items": { "enum": ["a", "b"] } },
    }});
    let format = json!({ "type": "json_schema", "json_schema": { "name": "review", "schema": schema } });
    let body = with(ask("review"), json!({ "response_format": format }));
    let chat = json_of(post(sim.url(), Dialect::OpenaiChat, &body)).await.1;
    let text = chat["choices"][0]["message"]["content"].as_str().unwrap();
    let answer: Value = serde_json::from_str(text).unwrap();
    assert_eq!(answer, json!({ "name": "[m-1 @ acme]", "stars": 7, "tags": ["a"] }));
}

#[tokio::test]
async fn a_bad_request_is_refused_in_the_dialect_with_its_field() {
    let sim = SimProvider::start_with(Profile::new("acme").context_chars(40)).await.unwrap();
    let long = "x".repeat(41);
    let orphan = json!([{ "role": "tool", "tool_call_id": "nope", "content": "?" }]);
    let cases = [
        (Dialect::OpenaiChat, json!({ "messages": [] }), "model", Value::Null),
        (Dialect::OpenaiChat, json!({ "model": "m" }), "messages", json!("missing_required_parameter")),
        (Dialect::OpenaiChat, with(ask("x"), json!({ "messages": orphan })), "messages[0].role", Value::Null),
        (Dialect::OpenaiChat, with(ask("x"), json!({ "max_tokens": -1 })), "max_tokens", Value::Null),
        (Dialect::OpenaiChat, ask(&long), "messages", json!("context_length_exceeded")),
        (Dialect::Anthropic, json!({ "model": "m", "messages": [] }), "max_tokens", Value::Null),
        (Dialect::Anthropic, with(ask("x"), json!({ "messages": orphan })), "messages.0.role", Value::Null),
        (Dialect::Anthropic, ask(&long), "prompt is too long", Value::Null),
    ];
    for (dialect, body, field, code) in cases {
        let (status, error) = json_of(post(sim.url(), dialect, &body)).await;
        assert_eq!(status, 400, "{body}");
        if dialect == Dialect::OpenaiChat {
            assert_eq!((&error["error"]["param"], &error["error"]["code"]), (&json!(field), &code), "{body}");
        } else {
            assert_eq!(error["type"], "error");
            assert_eq!(error["error"]["type"], "invalid_request_error");
            assert!(error["error"]["message"].as_str().unwrap().starts_with(field), "{error}");
        }
    }
}

#[tokio::test]
async fn keys_are_told_apart() {
    let profile = Profile::new("acme").keys(["good-key-1", "revoked-1", "unpaid-12", "limited-1"]);
    let sim = SimProvider::start_with(profile).await.unwrap();
    sim.set_key("revoked-1", KeyState::Revoked);
    sim.set_key("unpaid-12", KeyState::Unpaid);
    sim.set_key("limited-1", KeyState::RateLimited { retry_after_s: 7 });
    let cases = [
        (None, [401, 401]),
        (Some("no-such-key"), [401, 401]),
        (Some("good-key-1"), [200, 200]),
        (Some("revoked-1"), [401, 401]),
        (Some("unpaid-12"), [429, 402]),
        (Some("limited-1"), [429, 429]),
    ];
    for (key, expected) in cases {
        for (dialect, expected) in BOTH.into_iter().zip(expected) {
            let request = post(sim.url(), dialect, &ask("hi"));
            let request = match key {
                None => request,
                Some(key) if dialect == Dialect::OpenaiChat => request.bearer_auth(key),
                Some(key) => request.header("x-api-key", key),
            };
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), expected, "{key:?} {dialect:?}");
            let limited = key == Some("limited-1");
            assert_eq!(response.headers().get("retry-after").map(|v| v == "7"), limited.then_some(true));
        }
    }
    // A whole key is in no record.
    let record = serde_json::to_string(&sim.requests()).unwrap();
    assert!(!record.contains("good-key-1") && record.contains("***ey-1"), "{record}");
}

#[tokio::test]
async fn only_its_own_models_and_dialect_are_served() {
    let profile = Profile::new("acme").dialect(Dialect::OpenaiChat).models(["m-1", "m-2"]);
    let sim = SimProvider::start_with(profile).await.unwrap();
    let unknown = with(ask("hi"), json!({ "model": "m-9" }));
    let (status, error) = json_of(post(sim.url(), Dialect::OpenaiChat, &unknown)).await;
    assert_eq!((status, &error["error"]["code"]), (404, &json!("model_not_found")));
    assert_eq!(json_of(post(sim.url(), Dialect::Anthropic, &ask("hi"))).await.0, 404);
    for list in ["/v1/models", "/models"] {
        let models = json_of(client().get(format!("{}{list}", sim.url()))).await.1;
        assert_eq!(models["data"][1]["id"], "m-2");
        let head = client().head(format!("{}{list}", sim.url())).send().await.unwrap();
        assert_eq!(head.status(), 200);
    }
    let traffic = sim.traffic();
    assert_eq!((traffic.calls, traffic.probes, traffic.aborted), (2, 4, 0));
}

#[tokio::test]
async fn providers_on_one_port_are_told_apart_by_path() {
    let config = SimConfig { providers: vec![Profile::new("strict").keys(["k"])], ..SimConfig::default() };
    let server = SimServer::start(config).await.unwrap();
    let control = server.control();
    let new = json_of(post(&server.base_url("new"), Dialect::OpenaiChat, &ask("hi"))).await;
    let strict = json_of(post(&server.base_url("strict"), Dialect::OpenaiChat, &ask("hi"))).await;
    assert_eq!((new.0, strict.0), (200, 401));
    assert_eq!(control.provider("new").requests()[0].json(), ask("hi"));
    assert_eq!((control.provider("new").calls(), control.provider("strict").calls()), (1, 1));
    let url = server.base_url("new");
    server.shutdown().await;
    assert!(post(&url, Dialect::OpenaiChat, &ask("hi")).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn nothing_that_can_be_sent_goes_without_an_answer() {
    let odd = [json!(null), json!([]), json!("x"), json!(7), json!({ "a": [1], "type": 3 }), json!([[null]])];
    let members = [
        "model",
        "messages",
        "input",
        "system",
        "instructions",
        "tools",
        "tool_choice",
        "thinking",
        "reasoning",
        "response_format",
        "text",
        "stop",
        "stop_sequences",
        "previous_response_id",
        "n",
        "max_tokens",
        "output_config",
        "include",
        "stream_options",
    ];
    let wrapped = |value: &Value| {
        json!([{ "role": "user", "type": "message", "content": value, "tool_calls": value, "output": value },
            { "role": "assistant", "type": "reasoning", "content": [value], "id": value }])
    };
    // One for all: a client takes longer to make than to use.
    let http = client();
    for strict in [true, false] {
        let sim = SimProvider::start_with(Profile::new("acme").strict(strict)).await.unwrap();
        let mut sent = 0;
        for dialect in [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::Anthropic] {
            let conversation = if dialect == Dialect::OpenaiResponses { "input" } else { "messages" };
            let url = format!("{}{}", sim.url(), path(dialect));
            let mut bodies: Vec<Value> = odd.to_vec();
            for value in &odd {
                bodies.extend(members.map(|member| with(ask("x"), json!({ member: value }))));
                bodies.push(json!({ "model": "m", "max_tokens": 9, conversation: wrapped(value) }));
                bodies.push(json!({ "model": "m", "max_tokens": 9, conversation: [value] }));
            }
            for body in bodies {
                let request = http.post(&url).header("anthropic-version", "2023-06-01").json(&body);
                let status = request.send().await.unwrap().status().as_u16();
                assert!(status == 200 || (400..500).contains(&status), "{dialect:?} {status}: {body}");
                sent += 1;
            }
        }
        let traffic = sim.traffic();
        assert_eq!((traffic.calls, traffic.ended), (sent, sent));
    }
}
