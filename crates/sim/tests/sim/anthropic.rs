//! Anthropic's messages: thinking, caching, counting, and what the vendor would refuse.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault, Profile, SimProvider};

use crate::{PIXEL, ask, client, events_of, json_of, post, refused, set, strict_schema, with};

const MESSAGES: Dialect = Dialect::Anthropic;

async fn sim() -> SimProvider {
    SimProvider::start("acme", MESSAGES).await.unwrap()
}

fn conversation(messages: Value) -> Value {
    set(json!({ "model": "m-1", "max_tokens": 200 }), "messages", messages)
}

fn user(content: Value) -> Value {
    set(json!({ "role": "user" }), "content", content)
}

fn assistant(content: Value) -> Value {
    set(json!({ "role": "assistant" }), "content", content)
}

fn thinking(more: Value) -> Value {
    let body = with(ask("hello"), json!({ "max_tokens": 2000 }));
    with(body, json!({ "thinking": with(json!({ "type": "enabled", "budget_tokens": 1024 }), more) }))
}

#[tokio::test]
async fn what_the_schema_does_not_know_is_refused_with_its_path() {
    let sim = sim().await;
    let cases = [
        (with(ask("x"), json!({ "stop": "x" })), "stop: Extra inputs are not permitted"),
        (with(ask("x"), json!({ "stream": "yes" })), "stream: Input should be a valid boolean"),
        (
            with(ask("x"), json!({ "temperature": 1.5 })),
            "temperature: Input should be less than or equal to 1",
        ),
        (
            with(ask("x"), json!({ "max_tokens": 0 })),
            "max_tokens: Input should be greater than or equal to 1",
        ),
        (
            conversation(json!([user(json!([{ "type": "image_url", "image_url": {} }]))])),
            "messages.0.content.0: Input tag 'image_url' found using 'type'",
        ),
        (
            conversation(json!([user(json!([{ "type": "text" }]))])),
            "messages.0.content.0.text: Field required",
        ),
        (
            conversation(json!([user(json!([{ "type": "text", "text": "a", "id": 1 }]))])),
            "messages.0.content.0.id: Extra inputs",
        ),
        (
            conversation(json!([user(json!(7))])),
            "messages.0.content: Input should be a valid string or a valid list",
        ),
        (
            conversation(json!([{ "role": "tool", "content": "x" }])),
            "messages.0.role: Input should be 'user'",
        ),
        (with(ask("x"), json!({ "tools": [{ "name": "f", "parameters": {} }] })), "tools.0"),
        (
            conversation(json!([
                user(json!("x")),
                assistant(json!([{ "type": "tool_use", "id": "call:1", "name": "f", "input": {} }]))
            ])),
            "messages.1.content.0.id: String should match pattern",
        ),
    ];
    for (body, message) in cases {
        let error = refused(sim.url(), MESSAGES, &body, message).await;
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }
}

#[tokio::test]
async fn contradictions_are_refused() {
    let sim = sim().await;
    let marked = |n: usize| {
        let block = json!({ "type": "text", "text": "x", "cache_control": { "type": "ephemeral" } });
        user(Value::Array(vec![block; n]))
    };
    let call = |id: &str| json!({ "type": "tool_use", "id": id, "name": "f", "input": {} });
    let result = |id: &str| json!({ "type": "tool_result", "tool_use_id": id, "content": "x" });
    let hi = user(json!("hi"));
    let tool = json!({ "name": "f", "input_schema": { "type": "object" } });
    let open = json!({ "type": "object", "properties": {} });
    let newer = |more: Value| with(with(ask("x"), json!({ "model": "claude-sonnet-4-5-20250929" })), more);
    let cases = [
        (
            conversation(json!([user(json!([{ "type": "text", "text": "" }]))])),
            "messages: text content blocks must be non-empty",
        ),
        (conversation(json!([user(json!([])), hi])), "messages.0: all messages must have non-empty content"),
        (conversation(json!([assistant(json!("hi")), hi])), "messages: first message must use"),
        (
            conversation(json!([hi, assistant(json!([call("a")]))])),
            "messages.1: `tool_use` ids were found without",
        ),
        (
            conversation(json!([hi, assistant(json!([call("a")])), hi])),
            "messages.1: `tool_use` ids were found without",
        ),
        (
            conversation(json!([
                hi,
                assistant(json!([call("a")])),
                user(json!([{ "type": "text", "text": "x" }, result("a")]))
            ])),
            "messages.1: `tool_use` ids",
        ),
        (conversation(json!([user(json!([result("a")]))])), "messages.0.content: unexpected `tool_use_id`"),
        (
            conversation(json!([marked(5)])),
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        ),
        (with(ask("x"), json!({ "tools": [tool, tool] })), "tools: Tool names must be unique."),
        (
            with(ask("x"), json!({ "tool_choice": { "type": "auto" } })),
            "tool_choice: tool_choice may only be",
        ),
        (
            with(ask("x"), json!({ "tools": [tool], "tool_choice": { "type": "tool", "name": "g" } })),
            "tool_choice: Tool 'g' not found",
        ),
        (newer(json!({ "temperature": 0.5, "top_p": 0.5 })), "`temperature` and `top_p` cannot both"),
        (with(thinking(json!({})), json!({ "max_tokens": 1024 })), "`max_tokens` must be greater than"),
        (with(thinking(json!({})), json!({ "temperature": 0.5 })), "`temperature` may only be set to 1"),
        (
            with(
                ask("x"),
                json!({ "output_config": { "format": { "type": "json_schema", "schema": open } } }),
            ),
            "output_config.format.schema: For 'object' type",
        ),
        (
            conversation(json!([user(
                json!([{ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "%%" } }])
            )])),
            "messages.0.content.0.source",
        ),
    ];
    for (body, message) in cases {
        refused(sim.url(), MESSAGES, &body, message).await;
    }
    let schema =
        json!({ "output_config": { "format": { "type": "json_schema", "schema": strict_schema() } } });
    for body in [
        with(ask("x"), json!({ "temperature": 0.5, "top_p": 0.5, "model": "claude-3-haiku-20240307" })),
        with(ask("x"), schema),
        conversation(json!([marked(4)])),
    ] {
        let (status, answer) = json_of(post(sim.url(), MESSAGES, &body)).await;
        assert_eq!(status, 200, "{answer}");
    }
}

#[tokio::test]
async fn thinking_is_signed_streamed_and_taken_back_from_its_own_vendor_only() {
    let sim = sim().await;
    let body = thinking(json!({}));
    let whole = json_of(post(sim.url(), MESSAGES, &body)).await.1;
    let (thought, text) = (whole["content"][0].clone(), whole["content"][1].clone());
    assert_eq!((&thought["type"], &text["type"]), (&json!("thinking"), &json!("text")));

    let stream =
        post(sim.url(), MESSAGES, &with(body.clone(), json!({ "stream": true }))).send().await.unwrap();
    let events = events_of(&stream.text().await.unwrap());
    let joined = |member: &str, index: usize| -> String {
        let deltas = events.iter().filter(|event| event["index"] == index);
        deltas.filter_map(|event| event["delta"][member].as_str()).collect()
    };
    assert_eq!(json!(joined("thinking", 0)), thought["thinking"]);
    assert_eq!(json!(joined("signature", 0)), thought["signature"]);
    assert_eq!(json!(joined("text", 1)), text["text"]);

    let next = |thought: &Value| {
        let mut body = body.clone();
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(assistant(json!([thought, text])));
        messages.push(user(json!("and then?")));
        body
    };
    let beta = SimProvider::start("beta", MESSAGES).await.unwrap();
    assert_eq!(json_of(post(beta.url(), MESSAGES, &next(&thought))).await.0, 200);
    for (member, value) in [("signature", "not-signed"), ("thinking", "changed since")] {
        let forged = with(thought.clone(), json!({ member: value }));
        refused(sim.url(), MESSAGES, &next(&forged), "messages.1.content.0: Invalid `signature`").await;
    }
    let hidden = json_of(post(sim.url(), MESSAGES, &thinking(json!({ "display": "omitted" })))).await.1;
    assert_eq!(hidden["content"][0]["thinking"], "");
    assert_eq!(json_of(post(sim.url(), MESSAGES, &next(&hidden["content"][0]))).await.0, 200);
}

#[tokio::test]
async fn with_a_budget_to_think_a_turn_of_tools_begins_with_the_thought() {
    let sim = sim().await;
    let mut body = thinking(json!({}));
    body["tools"] = json!([{ "name": "get_weather", "input_schema": strict_schema() }]);
    body["messages"] = json!([user(json!("the weather in Lisbon"))]);
    let said = json_of(post(sim.url(), MESSAGES, &body)).await.1["content"].clone();
    let id = said[1]["id"].clone();
    let result = user(json!([{ "type": "tool_result", "tool_use_id": id, "is_error": true, "content": [
        { "type": "text", "text": "no such city" },
        { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PIXEL } },
    ] }]));
    let mut next = body.clone();
    next["messages"] = json!([body["messages"][0], assistant(said.clone()), result]);
    let answer = json_of(post(sim.url(), MESSAGES, &next)).await.1;
    let text = answer["content"][1]["text"].as_str().unwrap();
    assert!(
        text.contains("no such city") && text.contains("1 failure") && text.contains("1 image"),
        "{text}"
    );
    next["messages"][1] = assistant(json!([said[1]]));
    refused(sim.url(), MESSAGES, &next, "messages.1.content.0.type: Expected `thinking`").await;
}

#[tokio::test]
async fn a_marked_prompt_is_written_to_the_cache_and_read_from_it() {
    let sim = sim().await;
    let mark = json!({ "type": "ephemeral" });
    let system =
        json!([{ "type": "text", "text": "all work and no play ".repeat(300), "cache_control": mark }]);
    let usage = async |prompt: &str, system: &Value| {
        let body = with(ask(prompt), json!({ "system": system }));
        json_of(post(sim.url(), MESSAGES, &body)).await.1["usage"].clone()
    };
    let (first, second) = (usage("one", &system).await, usage("two", &system).await);
    let written = first["cache_creation_input_tokens"].as_u64().unwrap();
    assert!(written > 1024 && first["cache_read_input_tokens"] == 0, "{first}");
    assert_eq!(
        (second["cache_read_input_tokens"].as_u64(), &second["cache_creation_input_tokens"]),
        (Some(written), &json!(0))
    );
    let unmarked = usage("one", &system[0]["text"]).await;
    assert_eq!(unmarked["cache_read_input_tokens"], 0);
    assert!(unmarked["input_tokens"].as_u64().unwrap() > written);
}

#[tokio::test]
async fn tokens_are_counted_as_a_message_would_be() {
    let sim = sim().await;
    let count = |body: Value| {
        let url = format!("{}/v1/messages/count_tokens", sim.url());
        json_of(client().post(url).header("anthropic-version", "2023-06-01").json(&body))
    };
    let body =
        json!({ "model": "m-1", "system": "Be brief.", "messages": [user(json!("how to price a trial"))] });
    let (status, counted) = count(body.clone()).await;
    let message = json_of(post(sim.url(), MESSAGES, &with(body.clone(), json!({ "max_tokens": 9 })))).await.1;
    assert_eq!((status, &counted["input_tokens"]), (200, &message["usage"]["input_tokens"]));
    let (status, error) = count(with(body, json!({ "max_tokens": 9 }))).await;
    assert_eq!(
        (status, &error["error"]["message"]),
        (400, &json!("max_tokens: Extra inputs are not permitted"))
    );
    sim.set_fault(Fault::status(529)).await.unwrap();
    assert_eq!(count(json!({})).await.0, 529);
}

#[tokio::test]
async fn it_says_why_it_stopped_and_what_came_with_the_question() {
    let sim = SimProvider::start_with(Profile::new("acme")).await.unwrap();
    let body = with(ask("hello"), json!({ "stop_sequences": ["nowhere", "hello"] }));
    let stopped = json_of(post(sim.url(), MESSAGES, &body)).await.1;
    assert_eq!(
        (&stopped["stop_reason"], &stopped["stop_sequence"]),
        (&json!("stop_sequence"), &json!("hello"))
    );
    let stream = post(sim.url(), MESSAGES, &with(body, json!({ "stream": true }))).send().await.unwrap();
    assert!(stream.text().await.unwrap().contains(r#""stop_sequence":"hello""#));
    let refusal = json_of(post(sim.url(), MESSAGES, &ask("refuse to answer"))).await.1;
    assert_eq!(refusal["stop_reason"], "refusal");
    let content = json!([
        { "type": "text", "text": "Look" },
        { "type": "image", "source": { "type": "url", "url": "https://example.com/a.png" } },
        { "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": "words" } },
    ]);
    let answer = json_of(post(sim.url(), MESSAGES, &conversation(json!([user(content)])))).await.1;
    let text = answer["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("1 image and 1 document"), "{text}");
}
