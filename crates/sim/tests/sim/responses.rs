//! OpenAI's responses: items, events, what is stored, and what the vendor would refuse.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault, Latency, Profile, SimProvider};

use crate::{
    PIXEL, ask, events_of, json_of, post, refused, respond, set, streamed_text, strict_schema, with,
};

const RESPONSES: Dialect = Dialect::OpenaiResponses;

async fn sim() -> SimProvider {
    let profile = Profile::new("acme").latency(Latency { chunks: 3, ..Latency::default() });
    SimProvider::start_with(profile).await.unwrap()
}

fn items(items: Value) -> Value {
    set(json!({ "model": "m-1" }), "input", items)
}

fn weather(prompt: &str) -> Value {
    let tool =
        json!({ "type": "function", "name": "get_weather", "strict": true, "parameters": strict_schema() });
    with(respond(prompt), json!({ "tools": [tool] }))
}

async fn stream(sim: &SimProvider, body: &Value) -> String {
    let body = with(body.clone(), json!({ "stream": true }));
    post(sim.url(), RESPONSES, &body).send().await.unwrap().text().await.unwrap()
}

fn types(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .map(|kind| kind.trim_start_matches("response."))
        .collect()
}

#[tokio::test]
async fn the_answer_is_chats_answer_with_items_around_it() {
    let sim = sim().await;
    let (status, response) = json_of(post(sim.url(), RESPONSES, &respond("hello"))).await;
    let chat = json_of(post(sim.url(), Dialect::OpenaiChat, &ask("hello"))).await.1;
    let message = &response["output"][0];
    assert_eq!(
        (status, &response["status"], &message["type"]),
        (200, &json!("completed"), &json!("message"))
    );
    assert_eq!(message["content"][0]["text"], chat["choices"][0]["message"]["content"]);
    let usage = &response["usage"];
    assert_eq!(
        usage["total_tokens"].as_u64().unwrap(),
        usage["input_tokens"].as_u64().unwrap() + usage["output_tokens"].as_u64().unwrap()
    );
}

#[tokio::test]
async fn a_text_stream_is_the_documented_sequence() {
    let sim = sim().await;
    let whole = json_of(post(sim.url(), RESPONSES, &respond("hello"))).await.1;
    let text = stream(&sim, &respond("hello")).await;
    let events = events_of(&text);
    assert_eq!(
        types(&events),
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ]
    );
    for (n, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], n, "{event}");
    }
    let named = text.lines().filter_map(|line| line.strip_prefix("event: "));
    assert!(named.eq(events.iter().filter_map(|event| event["type"].as_str())));
    assert_eq!(json!(streamed_text(&text)), whole["output"][0]["content"][0]["text"]);
    let last = &events[10]["response"];
    assert_eq!((&last["status"], &last["usage"]), (&json!("completed"), &whole["usage"]));
    assert_eq!(last["output"][0], events[9]["item"]);
    assert!(!text.contains("[DONE]"), "{text}");
}

#[tokio::test]
async fn tool_calls_stream_their_arguments_and_take_their_results() {
    let sim = sim().await;
    let body = weather("What is the weather in Lisbon and Porto?");
    let events = events_of(&stream(&sim, &body).await);
    let calls: Vec<&Value> =
        events.iter().filter(|e| e["type"] == "response.output_item.done").map(|e| &e["item"]).collect();
    for (n, city) in ["Lisbon", "Porto"].into_iter().enumerate() {
        let deltas = events.iter().filter(|event| event["item_id"] == calls[n]["id"]);
        let arguments: String = deltas.filter_map(|event| event["delta"].as_str()).collect();
        assert_eq!(arguments, format!(r#"{{"city":"{city}"}}"#));
        assert_eq!(calls[n]["arguments"], arguments);
    }
    let output = json!([{ "type": "input_text", "text": "sunny" }, { "type": "input_image", "image_url": format!("data:image/png;base64,{PIXEL}") }]);
    let next = with(
        body,
        json!({ "input": [
            { "role": "user", "content": "What is the weather in Lisbon and Porto?" },
            calls[0],
            calls[1],
            { "type": "function_call_output", "call_id": calls[0]["call_id"], "output": output },
            { "type": "function_call_output", "call_id": calls[1]["call_id"], "output": "rain" },
        ]}),
    );
    let answer = json_of(post(sim.url(), RESPONSES, &next)).await.1;
    let text = answer["output"][0]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("sunny; rain") && text.contains("1 image"), "{text}");
}

#[tokio::test]
async fn thoughts_are_summarised_sealed_and_bound_to_their_provider() {
    let sim = sim().await;
    let body = with(
        respond("hello"),
        json!({ "reasoning": { "effort": "low", "summary": "auto" }, "include": ["reasoning.encrypted_content"], "store": false }),
    );
    let whole = json_of(post(sim.url(), RESPONSES, &body)).await.1;
    let (thought, message) = (&whole["output"][0], &whole["output"][1]);
    assert_eq!(thought["type"], "reasoning");
    let events = events_of(&stream(&sim, &body).await);
    let summary = events.iter().filter(|e| e["type"] == "response.reasoning_summary_text.delta");
    let summary: String = summary.filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(json!(summary), thought["summary"][0]["text"]);
    assert!(whole["usage"]["output_tokens_details"]["reasoning_tokens"].as_u64().unwrap() > 0);

    let next = |thought: &Value| {
        with(
            body.clone(),
            json!({ "input": [{ "role": "user", "content": "hello" }, thought, message, { "role": "user", "content": "more" }] }),
        )
    };
    assert_eq!(json_of(post(sim.url(), RESPONSES, &next(thought))).await.0, 200);
    let other = SimProvider::start("beta", RESPONSES).await.unwrap();
    let error = refused(other.url(), RESPONSES, &next(thought), "The encrypted content for item").await;
    assert_eq!(error["error"]["code"], "invalid_encrypted_content");
    let mut open = thought.clone();
    open.as_object_mut().unwrap().remove("encrypted_content");
    assert_eq!(json_of(post(sim.url(), RESPONSES, &next(&open))).await.0, 404, "it was not stored");
}

#[tokio::test]
async fn a_stored_response_is_gone_on_from() {
    let sim = sim().await;
    let first = json_of(post(sim.url(), RESPONSES, &weather("the weather in Lisbon"))).await.1;
    let call = &first["output"][0];
    let result = json!([{ "type": "function_call_output", "call_id": call["call_id"], "output": "sunny" }]);
    let next = with(items(result), json!({ "previous_response_id": first["id"] }));
    let (status, second) = json_of(post(sim.url(), RESPONSES, &next)).await;
    assert_eq!((status, &second["previous_response_id"]), (200, &first["id"]));
    assert!(second["output"][0]["content"][0]["text"].as_str().unwrap().contains("sunny"));
    assert!(second["usage"]["input_tokens"].as_u64() > first["usage"]["input_tokens"].as_u64());

    let unstored =
        json_of(post(sim.url(), RESPONSES, &with(respond("x"), json!({ "store": false })))).await.1;
    let other = SimProvider::start("beta", RESPONSES).await.unwrap();
    for (url, id) in [(sim.url(), &unstored["id"]), (other.url(), &first["id"])] {
        let body = with(respond("x"), json!({ "previous_response_id": id }));
        let error = refused(url, RESPONSES, &body, "Previous response with id").await;
        assert_eq!(error["error"]["code"], "previous_response_not_found");
    }
    let reference = items(
        json!([{ "type": "item_reference", "id": second["output"][0]["id"] }, { "role": "user", "content": "x" }]),
    );
    assert_eq!(json_of(post(sim.url(), RESPONSES, &reference)).await.0, 200);
}

#[tokio::test]
async fn faults_break_it_as_they_break_the_others() {
    let sim = sim().await;
    sim.set_fault(Fault::MissingDone).await.unwrap();
    let text = stream(&sim, &respond("hello")).await;
    assert!(text.contains("output_item.done") && !text.contains("response.completed"), "{text}");
    sim.set_fault(Fault::ErrorEvent { after_chunks: 2 }).await.unwrap();
    let events = events_of(&stream(&sim, &respond("hello")).await);
    assert_eq!(types(&events)[4..], ["output_text.delta", "output_text.delta", "error", "failed"]);
    assert_eq!((&events[6]["sequence_number"], &events[7]["sequence_number"]), (&json!(6), &json!(7)));
    assert_eq!(events[7]["response"]["id"], events[0]["response"]["id"]);
    assert_eq!(events[7]["response"]["status"], "failed");
    sim.set_fault(Fault::InBandError).await.unwrap();
    assert_eq!(types(&events_of(&stream(&sim, &respond("hello")).await)), ["error"]);
    sim.set_fault(Fault::MalformedChunk { after_chunks: 1 }).await.unwrap();
    let text = stream(&sim, &respond("hello")).await;
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    assert_eq!(data.filter(|data| serde_json::from_str::<Value>(data).is_err()).count(), 1);
    sim.set_fault(Fault::CutStream { after_chunks: 1 }).await.unwrap();
    let body = with(respond("hello"), json!({ "stream": true }));
    assert!(post(sim.url(), RESPONSES, &body).send().await.unwrap().bytes().await.is_err());
    sim.set_fault(Fault::ContentFilter).await.unwrap();
    let filtered = json_of(post(sim.url(), RESPONSES, &respond("hello"))).await.1;
    assert_eq!(
        (&filtered["status"], &filtered["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("content_filter"))
    );
    sim.set_fault(Fault::status(429)).await.unwrap();
    assert_eq!(json_of(post(sim.url(), RESPONSES, &respond("hello"))).await.0, 429);
}

#[tokio::test]
async fn an_answer_cut_short_or_refused_says_so() {
    let sim = sim().await;
    let short = with(respond("hello"), json!({ "max_output_tokens": 16 }));
    let whole = json_of(post(sim.url(), RESPONSES, &short)).await.1;
    assert_eq!(
        (&whole["status"], &whole["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    let events = events_of(&stream(&sim, &short).await);
    assert_eq!(types(&events).last(), Some(&"incomplete"));
    let refusal = events_of(&stream(&sim, &respond("refuse to answer")).await);
    let said = refusal.iter().filter(|event| event["type"] == "response.refusal.delta");
    let said: String = said.filter_map(|event| event["delta"].as_str()).collect();
    let whole = json_of(post(sim.url(), RESPONSES, &respond("refuse to answer"))).await.1;
    assert_eq!(whole["output"][0]["content"][0], json!({ "type": "refusal", "refusal": said }));
    let format = json!({ "text": { "format": { "type": "json_schema", "name": "s", "strict": true, "schema": strict_schema() } } });
    let json = json_of(post(sim.url(), RESPONSES, &with(respond("x"), format))).await.1;
    let text = json["output"][0]["content"][0]["text"].as_str().unwrap();
    assert!(serde_json::from_str::<Value>(text).unwrap()["city"].is_string(), "{text}");
}

#[tokio::test]
async fn what_the_vendor_would_refuse_is_refused() {
    let sim = sim().await;
    let user = json!({ "role": "user", "content": "x" });
    let call = json!({ "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}" });
    let result = json!({ "type": "function_call_output", "call_id": "c1", "output": "x" });
    let open = json!({ "type": "object", "properties": {} });
    let function = json!({ "type": "function", "name": "f", "parameters": open, "strict": true });
    let cases = [
        (json!({ "input": "x" }), "Missing required parameter: 'model'."),
        (json!({ "model": "m" }), "Missing required parameter: 'input'."),
        (with(respond("x"), json!({ "max_tokens": 5 })), "Unknown parameter: 'max_tokens'."),
        (with(respond("x"), json!({ "messages": [] })), "Unknown parameter: 'messages'."),
        (
            items(json!([{ "role": "user", "content": [{ "type": "text", "text": "x" }] }])),
            "Invalid value: 'text'.",
        ),
        (
            items(json!([{ "role": "assistant", "content": [{ "type": "input_text", "text": "x" }] }])),
            "Invalid value: 'input_text'.",
        ),
        (
            items(json!([{ "type": "function_call", "call_id": "c", "name": "f" }])),
            "Missing required parameter: 'input[0].arguments'.",
        ),
        (items(json!([user, result])), "No tool call found for function call output with call_id c1."),
        (items(json!([user, call])), "No tool output found for function call c1."),
        (
            items(json!([user, with(call.clone(), json!({ "id": "call_9" })), result])),
            "Invalid 'input[1].id': 'call_9'.",
        ),
        (with(respond("x"), json!({ "tools": [function] })), "Invalid schema for function 'f'"),
        (
            with(respond("x"), json!({ "text": { "format": { "type": "json_object" } } })),
            "Response input messages must contain the word 'json'",
        ),
        (
            with(respond("x"), json!({ "model": "o3", "temperature": 0.3 })),
            "Unsupported parameter: 'temperature'",
        ),
        (
            with(respond("x"), json!({ "model": "gpt-4o", "reasoning": { "effort": "low" } })),
            "Unsupported parameter: 'reasoning.effort'",
        ),
        (with(respond("x"), json!({ "tool_choice": { "type": "function", "name": "f" } })), "Tool choice"),
    ];
    for (body, message) in cases {
        refused(sim.url(), RESPONSES, &body, message).await;
    }
}
