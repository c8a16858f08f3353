//! Anthropic Messages.

use serde_json::{Value, json};

use super::{Completion, Event, Tokens, ToolCall, number, string};

pub(super) fn read(body: &Value) -> Completion {
    assert_eq!((&body["type"], &body["role"]), (&json!("message"), &json!("assistant")), "{body}");
    let _ = string(&body["id"], "id");
    let blocks = body["content"].as_array().unwrap();
    let of = |kind: &'static str| blocks.iter().filter(move |block| block["type"] == kind);
    let usage = &body["usage"];
    let of_cache = |name: &str| usage[name].as_u64().unwrap_or(0);
    let cached = of_cache("cache_read_input_tokens");
    Completion {
        text: of("text").map(|block| block["text"].as_str().unwrap()).collect(),
        thinking: of("thinking").map(|block| block["thinking"].as_str().unwrap()).collect(),
        refusal: String::new(),
        calls: of("tool_use")
            .map(|block| ToolCall {
                id: string(&block["id"], "call id"),
                name: string(&block["name"], "call name"),
                arguments: block["input"].clone(),
            })
            .collect(),
        model: string(&body["model"], "model"),
        finish: string(&body["stop_reason"], "stop_reason"),
        usage: usage.is_object().then(|| Tokens {
            // `input_tokens` are those that no cache had.
            input: number(&usage["input_tokens"], "tokens")
                + cached
                + of_cache("cache_creation_input_tokens"),
            output: number(&usage["output_tokens"], "tokens"),
            cached,
        }),
    }
}

/// Puts a messages stream together; its order is part of the dialect.
pub(super) fn put_together(events: &[Event]) -> Value {
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
    let (first, start) = events.next().unwrap();
    assert_eq!(first, "message_start", "{start}");
    let (mut blocks, mut open) = (Vec::<Value>::new(), None::<Value>);
    for (name, json) in events {
        assert_eq!(json["index"], blocks.len(), "{name} {json}");
        match (name.as_str(), &mut open) {
            ("content_block_start", None) => open = Some(json["content_block"].clone()),
            ("content_block_delta", Some(block)) => add(block, &json["delta"]),
            ("content_block_stop", Some(_)) => blocks.extend(open.take().map(closed)),
            (_, open) => panic!("{name} out of order (block open: {})", open.is_some()),
        }
    }
    assert!(open.is_none(), "a block was never closed");
    let mut whole = start["message"].clone();
    whole["content"] = json!(blocks);
    whole["stop_reason"] = delta["delta"]["stop_reason"].clone();
    whole["stop_sequence"] = delta["delta"]["stop_sequence"].clone();
    // Its counts are cumulative: <https://platform.claude.com/docs/en/build-with-claude/streaming>.
    for (name, count) in
        delta["usage"].as_object().into_iter().flatten().filter(|(_, count)| !count.is_null())
    {
        whole["usage"][name] = count.clone();
    }
    whole
}

fn add(block: &mut Value, delta: &Value) {
    let (kind, name, piece) = match delta["type"].as_str() {
        Some("text_delta") => ("text", "text", &delta["text"]),
        Some("input_json_delta") => ("tool_use", "partial", &delta["partial_json"]),
        Some("thinking_delta") => ("thinking", "thinking", &delta["thinking"]),
        Some("signature_delta") => ("thinking", "signature", &delta["signature"]),
        Some(_) | None => panic!("an unknown delta: {delta}"),
    };
    assert_eq!(block["type"], kind, "{delta}");
    let piece = piece.as_str().unwrap_or_else(|| panic!("a delta without content: {delta}"));
    block[name] = json!(format!("{}{piece}", block[name].as_str().unwrap_or_default()));
}

fn closed(mut block: Value) -> Value {
    if block["type"] == "tool_use" {
        let written = block["partial"].take();
        block.as_object_mut().unwrap().remove("partial");
        block["input"] = match written.as_str() {
            Some(written) if !written.is_empty() => serde_json::from_str(written).unwrap(),
            Some(_) | None => json!({}),
        };
    }
    block
}
