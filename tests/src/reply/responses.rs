//! OpenAI Responses.

use serde_json::{Value, json};

use super::{Completion, Event, Tokens, ToolCall, number, string};

pub(super) fn read(body: &Value) -> Completion {
    assert_eq!(body["object"], "response", "{body}");
    assert!(string(&body["id"], "id").starts_with("resp_"), "{body}");
    assert!(body["error"].is_null(), "{body}");
    let output = body["output"].as_array().unwrap();
    let of = |kind: &'static str| output.iter().filter(move |item| item["type"] == kind);
    let said = |kind: &str, name: &str| -> String {
        let parts = of("message").inspect(|item| assert_eq!(item["role"], "assistant", "{item}"));
        let parts = parts.flat_map(|item| item["content"].as_array().unwrap());
        parts.filter(|part| part["type"] == kind).map(|part| part[name].as_str().unwrap()).collect()
    };
    let summaries = of("reasoning").flat_map(|item| item["summary"].as_array().unwrap());
    let reason = &body["incomplete_details"]["reason"];
    assert_eq!(body["status"] == "incomplete", reason.is_string(), "{body}");
    let usage = &body["usage"];
    let (input, output_tokens) =
        (number(&usage["input_tokens"], "tokens"), number(&usage["output_tokens"], "tokens"));
    assert_eq!(usage["total_tokens"], input + output_tokens, "{usage}");
    Completion {
        text: said("output_text", "text"),
        thinking: summaries.map(|part| part["text"].as_str().unwrap()).collect(),
        refusal: said("refusal", "refusal"),
        calls: of("function_call")
            .map(|item| ToolCall {
                id: string(&item["call_id"], "call id"),
                name: string(&item["name"], "call name"),
                arguments: serde_json::from_str(item["arguments"].as_str().unwrap()).unwrap(),
            })
            .collect(),
        model: string(&body["model"], "model"),
        finish: string(if reason.is_string() { reason } else { &body["status"] }, "status"),
        usage: Some(Tokens {
            input,
            output: output_tokens,
            cached: number(&usage["input_tokens_details"]["cached_tokens"], "tokens"),
        }),
    }
}

/// Puts a stream together, event by event, and holds it against the whole response it ends with.
pub(super) fn put_together(events: &[Event]) -> Value {
    let mut items: Vec<Value> = Vec::new();
    let (last, before) = events.split_last().unwrap();
    for (n, event) in events.iter().enumerate() {
        let json = event.json();
        assert_eq!(event.name.as_deref(), json["type"].as_str(), "the event's name is its type");
        assert_eq!(json["sequence_number"], n, "events are numbered: {json}");
    }
    for (n, event) in before.iter().enumerate() {
        let json = event.json();
        match (n, event.name.as_deref().unwrap_or_default()) {
            (0, "response.created") | (1, "response.in_progress") => {
                assert_eq!(json["response"]["status"], "in_progress", "{json}");
                assert_eq!(json["response"]["output"], json!([]), "{json}");
            }
            (0 | 1, name) => panic!("{name} at the beginning"),
            (_, name) => take(&mut items, name, &json),
        }
    }
    let end = last.json();
    let whole = &end["response"];
    let kind = format!("response.{}", whole["status"].as_str().unwrap_or_default());
    assert_eq!(last.name.as_deref(), Some(kind.as_str()), "{end}");
    assert_eq!(before[0].json()["response"]["id"], whole["id"], "one answer, one id");
    let told = whole["output"].as_array().unwrap();
    assert_eq!(told.len(), items.len(), "every item was streamed: {events:?}");
    for (streamed, told) in items.iter().zip(told) {
        assert_eq!(streamed["done"], *told, "an item as it was streamed and as the response tells it");
    }
    whole.clone()
}

fn take(items: &mut Vec<Value>, name: &str, json: &Value) {
    let at = usize::try_from(number(&json["output_index"], "output_index")).unwrap();
    if name == "response.output_item.added" {
        assert_eq!(at, items.len(), "items are numbered: {json}");
        items.push(json!({ "id": json["item"]["id"], "added": json["item"] }));
        return;
    }
    let item = items.get_mut(at).unwrap_or_else(|| panic!("{name} before its item: {json}"));
    assert!(item["done"].is_null(), "{name} behind the item's end: {json}");
    if name == "response.output_item.done" {
        assert_eq!(json["item"]["id"], item["id"], "{json}");
        done(item, &json["item"]);
        item["done"] = json["item"].clone();
        return;
    }
    assert_eq!(json["item_id"], item["id"], "{name} {json}");
    let place = json.get("content_index").or_else(|| json.get("summary_index"));
    let part = format!("part{}", place.and_then(Value::as_u64).unwrap_or(0));
    let (kind, ending) = name.rsplit_once('.').unwrap();
    match (kind, ending) {
        (_, "delta") => {
            let sofar = item[&part].as_str().unwrap_or_default();
            item[&part] = json!(format!("{sofar}{}", json["delta"].as_str().unwrap()));
        }
        ("response.content_part" | "response.reasoning_summary_part", "added" | "done") => {}
        (_, "done") => {
            let texts = ["text", "refusal", "arguments"];
            let told = texts.iter().find_map(|name| json[*name].as_str()).unwrap();
            assert_eq!(told, item[&part].as_str().unwrap_or_default(), "deltas add up: {json}");
        }
        (_, _) => panic!("an unknown event {name}: {json}"),
    }
}

/// An item's end tells what its deltas told.
fn done(item: &Value, end: &Value) {
    let told: Vec<&str> = match end["type"].as_str() {
        Some("function_call") => vec![end["arguments"].as_str().unwrap()],
        Some("message") => {
            let parts = end["content"].as_array().unwrap().iter();
            parts.map(|part| part["text"].as_str().or_else(|| part["refusal"].as_str()).unwrap()).collect()
        }
        Some("reasoning") => {
            end["summary"].as_array().unwrap().iter().map(|part| part["text"].as_str().unwrap()).collect()
        }
        Some(_) | None => panic!("an unknown item: {end}"),
    };
    for (n, told) in told.iter().enumerate() {
        let streamed = item[format!("part{n}")].as_str().unwrap_or_default();
        assert_eq!(streamed, *told, "deltas add up: {end}");
    }
}
