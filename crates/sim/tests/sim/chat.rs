//! OpenAI's chat completions: what is answered beyond a text, and what the vendor would refuse.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Profile, SimProvider};

use crate::{PIXEL, ask, client, events_of, json_of, post, refused, set, streamed_text, strict_schema, with};

const CHAT: Dialect = Dialect::OpenaiChat;

async fn sim() -> SimProvider {
    SimProvider::start("acme", CHAT).await.unwrap()
}

fn messages(messages: Value) -> Value {
    set(json!({ "model": "m-1" }), "messages", messages)
}

#[tokio::test]
async fn what_the_schema_does_not_know_is_refused_with_its_path() {
    let sim = sim().await;
    let tool = |function: Value| json!([{ "type": "function", "function": function }]);
    let user = |content: Value| messages(json!([{ "role": "user", "content": content }]));
    let cases = [
        (with(ask("x"), json!({ "top_k": 3 })), "top_k", "unknown_parameter"),
        (with(ask("x"), json!({ "stream": "yes" })), "stream", "invalid_type"),
        (with(ask("x"), json!({ "temperature": 3 })), "temperature", "invalid_value"),
        (
            with(ask("x"), json!({ "tools": tool(json!({ "name": "a b" })) })),
            "tools[0].function.name",
            "invalid_value",
        ),
        (
            with(ask("x"), json!({ "tools": [{ "name": "f", "input_schema": {} }] })),
            "tools[0].type",
            "missing_required_parameter",
        ),
        (user(json!([{ "type": "image", "source": {} }])), "messages[0].content[0].type", "invalid_value"),
        (
            user(json!([{ "type": "text", "text": "a", "cache_control": {} }])),
            "messages[0].content[0].cache_control",
            "unknown_parameter",
        ),
        (user(json!(7)), "messages[0].content", "invalid_type"),
        (messages(json!([{ "role": "robot", "content": "x" }])), "messages[0].role", "invalid_value"),
        (
            messages(json!([{ "role": "user", "content": "x", "id": "1" }])),
            "messages[0].id",
            "unknown_parameter",
        ),
    ];
    for (body, param, code) in cases {
        let (status, error) = json_of(post(sim.url(), CHAT, &body)).await;
        let error = &error["error"];
        assert_eq!(
            (status, &error["param"], &error["code"]),
            (400, &json!(param), &json!(code)),
            "{body}\n{error}"
        );
        assert_eq!(error["type"], "invalid_request_error");
    }
    let lenient = SimProvider::start_with(Profile::new("acme").strict(false)).await.unwrap();
    let body = with(ask("x"), json!({ "top_k": 3, "x_unknown": {} }));
    assert_eq!(json_of(post(lenient.url(), CHAT, &body)).await.0, 200);
}

#[tokio::test]
async fn contradictions_are_refused() {
    let sim = sim().await;
    let function = |more: Value| json!({ "type": "function", "function": with(json!({ "name": "f", "parameters": strict_schema() }), more) });
    let call = json!({ "role": "assistant", "tool_calls": [
        { "id": "call_1", "type": "function", "function": { "name": "f", "arguments": "{}" } },
    ]});
    let user = json!({ "role": "user", "content": "hi" });
    let open = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let model = |name: &str, more: Value| with(json!({ "model": name, "messages": [user] }), more);
    let schema = |schema: &Value| json!({ "type": "json_schema", "json_schema": { "name": "s", "strict": true, "schema": schema } });
    let cases = [
        (
            messages(json!([user, { "role": "tool", "tool_call_id": "call_1", "content": "x" }])),
            "Invalid parameter: messages with role 'tool'",
        ),
        (messages(json!([user, call, user])), "An assistant message with 'tool_calls' must be followed"),
        (messages(json!([user, call])), "An assistant message with 'tool_calls' must be followed"),
        (
            messages(json!([user, call, { "role": "tool", "tool_call_id": "call_2", "content": "x" }])),
            "Invalid parameter: 'tool_call_id' of 'call_2'",
        ),
        (
            with(ask("x"), json!({ "tools": [function(json!({})), function(json!({}))] })),
            "Invalid 'tools[1].function.name'",
        ),
        (
            with(ask("x"), json!({ "tools": [function(json!({ "strict": true, "parameters": open }))] })),
            "Invalid schema for function 'f'",
        ),
        (
            with(ask("x"), json!({ "response_format": schema(&open) })),
            "Invalid schema for response_format 's'",
        ),
        (
            with(ask("x"), json!({ "response_format": { "type": "json_object" } })),
            "'messages' must contain the word 'json'",
        ),
        (with(ask("x"), json!({ "tool_choice": "auto" })), "Invalid value for 'tool_choice'"),
        (with(ask("x"), json!({ "parallel_tool_calls": true })), "Invalid value for 'parallel_tool_calls'"),
        (with(ask("x"), json!({ "stream_options": {} })), "The 'stream_options' parameter is only allowed"),
        (model("o3-mini", json!({ "max_tokens": 9 })), "Unsupported parameter: 'max_tokens'"),
        (model("gpt-5-mini", json!({ "temperature": 0.2 })), "Unsupported value: 'temperature'"),
        (model("gpt-5", json!({ "stop": "x" })), "Unsupported parameter: 'stop'"),
        (model("gpt-4o", json!({ "reasoning_effort": "low" })), "Unrecognized request argument"),
        (
            messages(
                json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "cat.png" } }] }]),
            ),
            "Invalid 'messages[0].content[0].image_url.url'",
        ),
    ];
    for (body, message) in cases {
        refused(sim.url(), CHAT, &body, message).await;
    }
    for body in [
        with(ask("x"), json!({ "response_format": schema(&strict_schema()) })),
        with(ask("as JSON"), json!({ "response_format": { "type": "json_object" } })),
        model("gpt-5", json!({ "temperature": 1, "max_completion_tokens": 99 })),
        model("gpt-5.1", json!({ "temperature": 0.2, "reasoning_effort": "none" })),
    ] {
        let (status, answer) = json_of(post(sim.url(), CHAT, &body)).await;
        assert_eq!(status, 200, "{body}\n{answer}");
    }
}

#[tokio::test]
async fn attachments_are_counted_in_the_answer() {
    let sim = sim().await;
    let content = json!([
        { "type": "text", "text": "Compare these" },
        { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{PIXEL}") } },
        { "type": "image_url", "image_url": { "url": "https://example.com/cat.png", "detail": "low" } },
        { "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0=" } },
    ]);
    let answer =
        json_of(post(sim.url(), CHAT, &messages(json!([{ "role": "user", "content": content }])))).await.1;
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.ends_with("It came with 2 images and 1 document."), "{text}");
}

#[tokio::test]
async fn several_answers_stop_sequences_and_probabilities() {
    let sim = sim().await;
    let body = with(ask("hello"), json!({ "n": 2, "logprobs": true, "top_logprobs": 2 }));
    let whole = json_of(post(sim.url(), CHAT, &body)).await.1;
    let text = |n: usize| whole["choices"][n]["message"]["content"].as_str().unwrap();
    assert_eq!(text(1), format!("{} (choice 2)", text(0)));
    let logprobs = whole["choices"][0]["logprobs"]["content"].as_array().unwrap();
    let tokens: String = logprobs.iter().map(|entry| entry["token"].as_str().unwrap()).collect();
    assert_eq!(tokens, text(0));
    assert_eq!(logprobs[0]["top_logprobs"].as_array().unwrap().len(), 2);

    let stream = post(sim.url(), CHAT, &with(body, json!({ "stream": true }))).send().await.unwrap();
    let events = events_of(&stream.text().await.unwrap());
    for n in [0, 1] {
        let deltas = events.iter().filter(|event| event["choices"][0]["index"] == n);
        let read: String = deltas.filter_map(|e| e["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(read, text(n));
    }

    let stopped = with(ask("hello"), json!({ "stop": ["Nowhere", "\"hello"] }));
    let stopped = json_of(post(sim.url(), CHAT, &stopped)).await.1;
    let said = stopped["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(
        (said, &stopped["choices"][0]["finish_reason"]),
        (text(0).split("\"hello").next().unwrap(), &json!("stop"))
    );
}

#[tokio::test]
async fn a_refusal_is_no_content_plain_or_streamed() {
    let sim = sim().await;
    let body = ask("Please refuse to answer this");
    let whole = json_of(post(sim.url(), CHAT, &body)).await.1;
    let message = &whole["choices"][0]["message"];
    assert_eq!((&message["content"], &whole["choices"][0]["finish_reason"]), (&Value::Null, &json!("stop")));
    let stream = post(sim.url(), CHAT, &with(body, json!({ "stream": true }))).send().await.unwrap();
    let stream = stream.text().await.unwrap();
    let events = events_of(&stream);
    let refusal: String =
        events.iter().filter_map(|e| e["choices"][0]["delta"]["refusal"].as_str()).collect();
    assert_eq!((json!(refusal), streamed_text(&stream)), (message["refusal"].clone(), String::new()));
}

#[tokio::test]
async fn a_prompt_seen_before_is_cached_and_thoughts_are_counted() {
    let sim = sim().await;
    let long = "all work and no play ".repeat(300);
    let body = messages(json!([{ "role": "system", "content": long }, { "role": "user", "content": "one" }]));
    let cached = async |body: &Value| {
        json_of(post(sim.url(), CHAT, body)).await.1["usage"]["prompt_tokens_details"]["cached_tokens"]
            .clone()
    };
    assert_eq!(cached(&body).await, 0);
    let next = with(
        body,
        json!({ "messages": [{ "role": "system", "content": long }, { "role": "user", "content": "two" }] }),
    );
    let read = cached(&next).await.as_u64().unwrap();
    assert!(read >= 1024 && read % 128 == 0, "{read}");
    assert_eq!(cached(&ask("short")).await, 0);

    let usage = json_of(post(sim.url(), CHAT, &with(ask("x"), json!({ "reasoning_effort": "low" })))).await.1;
    assert!(usage["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn azure_names_the_model_in_its_path_and_takes_its_own_key_header() {
    let profile = Profile::new("azure").dialect(CHAT).models(["gpt-4o"]).keys(["azure-key-1"]);
    let sim = SimProvider::start_with(profile).await.unwrap();
    let body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
    let url = |path: &str| format!("{}/openai/{path}", sim.url());
    let deployment = url("deployments/gpt-4o/chat/completions?api-version=2024-10-21");
    let (status, answer) =
        json_of(client().post(&deployment).header("api-key", "azure-key-1").json(&body)).await;
    assert_eq!((status, &answer["model"]), (200, &json!("gpt-4o")));
    assert_eq!(json_of(client().post(&deployment).header("api-key", "other-key").json(&body)).await.0, 401);
    let named = with(body, json!({ "model": "gpt-4o" }));
    let current = client().post(url("v1/chat/completions")).header("api-key", "azure-key-1").json(&named);
    assert_eq!(json_of(current).await.0, 200);
    assert_eq!(sim.requests()[0].model.as_deref(), Some("gpt-4o"));
    let record = serde_json::to_string(&sim.requests()).unwrap();
    assert!(!record.contains("azure-key-1"), "{record}");
}

#[tokio::test]
async fn a_model_can_be_looked_up() {
    let profile = Profile::new("acme").models(["m-1", "vendor/m-2"]);
    let sim = SimProvider::start_with(profile).await.unwrap();
    for (model, status) in [("m-1", 200), ("vendor/m-2", 200), ("m-9", 404)] {
        let url = format!("{}/v1/models/{model}", sim.url());
        let (chat, body) = json_of(client().get(&url)).await;
        let (message, _) = json_of(client().get(&url).header("anthropic-version", "2023-06-01")).await;
        assert_eq!((chat, message), (status, status), "{model}");
        if status == 200 {
            assert_eq!(body["id"], model);
        }
    }
}
