//! Gemini's dialect as a caller's: over every kind of provider, in Google's paths, with Google's keys, errors and lists.

use serde_json::{Value, json};
use switchyard_sim::Fault;
use switchyard_tests::{Canned, Kind, Reply, Table, Yard, fast_map, merge};

const SDK: &str = "google-genai-sdk/1.41.0 gl-python/3.12.1";

fn path(model: &str, method: &str) -> String {
    format!("/v1beta/models/{model}:{method}")
}

fn said(text: &str) -> Value {
    json!({ "contents": [{ "role": "user", "parts": [{ "text": text }] }] })
}

fn parts(answer: &Value) -> &[Value] {
    answer["candidates"][0]["content"]["parts"].as_array().map_or(&[], Vec::as_slice)
}

/// What an answer, or the chunks of one, says in words, and the calls it makes.
fn told(chunks: &[Value]) -> (String, Vec<Value>) {
    let all = || chunks.iter().flat_map(parts);
    let text =
        all().filter(|part| part["thought"] != true).filter_map(|part| part["text"].as_str()).collect();
    (text, all().map(|part| part["functionCall"].clone()).filter(|call| !call.is_null()).collect())
}

/// The chunks of a stream of server-sent events.
fn chunks(reply: &Reply) -> Vec<Value> {
    reply.events().iter().map(|event| serde_json::from_str(&event.data).unwrap()).collect()
}

/// An error, as Google's clients read it: its status, its reason and what it says.
fn error(reply: &Reply) -> (String, String, String) {
    let body = reply.json();
    let error = &body["error"];
    assert_eq!(error["code"], reply.status, "{body}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&error["status"]), text(&error["details"][0]["reason"]), text(&error["message"]))
}

#[tokio::test]
async fn every_kind_answers_whole_in_a_stream_and_as_a_list() {
    let yard = Yard::of_every_kind(json!({})).await;
    let mut table = Table::new();
    for kind in Kind::ALL {
        let model = format!("{}-1", kind.name());
        let begins = format!("[{}-1 @ {}]", kind.name(), kind.name());
        let ask = merge(
            said("Tell me of Lisbon"),
            json!({ "systemInstruction": { "parts": [{ "text": "Be brief." }] } }),
        );
        let whole = yard.call(&path(&model, "generateContent"), &ask).await;
        let stream = yard.call(&format!("{}?alt=sse", path(&model, "streamGenerateContent")), &ask).await;
        let list = yard.call(&path(&model, "streamGenerateContent"), &ask).await;
        table.case(&format!("{kind:?}"), || {
            for (reply, chunks) in [
                (&whole, vec![whole.json()]),
                (&stream, chunks(&stream)),
                (&list, list.json().as_array().unwrap().clone()),
            ] {
                assert_eq!((reply.status, reply.route()), (200, kind.name()), "{reply:?}");
                let (text, _) = told(&chunks);
                assert!(text.starts_with(&begins) && text.contains("Tell me of Lisbon"), "{text}");
                let last = chunks.last().unwrap();
                assert_eq!(last["candidates"][0]["finishReason"], "STOP", "{last}");
                assert_eq!(last["modelVersion"], model.as_str(), "{last}");
                assert!(last["usageMetadata"]["promptTokenCount"].as_u64().unwrap() > 0, "{last}");
                assert_eq!(reply.header("x-switchyard-degradations"), "");
            }
            assert!(list.header("content-type").starts_with("application/json"), "{list:?}");
        });
    }
    table.end();
}

#[tokio::test]
async fn a_tool_conversation_goes_on_at_every_kind() {
    let yard = Yard::of_every_kind(json!({})).await;
    let schema =
        json!({ "type": "OBJECT", "properties": { "place": { "type": "STRING" } }, "required": ["place"] });
    let declared =
        json!([{ "name": "get_weather", "description": "The weather at a place.", "parameters": schema }]);
    let ask = merge(
        said("What is the weather in Lisbon and Porto?"),
        json!({ "tools": [{ "functionDeclarations": declared }] }),
    );
    let mut table = Table::new();
    for kind in Kind::ALL {
        for method in ["generateContent", "streamGenerateContent?alt=sse"] {
            let model = format!("{}-1", kind.name());
            let reply = yard.call(&path(&model, method), &ask).await;
            let heard = if method.contains("alt") { chunks(&reply) } else { vec![reply.json()] };
            let (_, calls) = told(&heard);
            // Clients keep what says something; Google refuses the rest.
            let is_kept = |part: &&Value| part["text"] != "" || !part["thoughtSignature"].is_null();
            let model_parts: Vec<Value> = heard.iter().flat_map(parts).filter(is_kept).cloned().collect();
            let results: Vec<Value> = calls
                .iter()
                .map(|call| {
                    let result = json!({ "name": call["name"], "response": { "output": "sunny" } });
                    // Google's own models before Gemini 3 give none.
                    let id = call.get("id").map_or(json!({}), |id| json!({ "id": id }));
                    json!({ "functionResponse": merge(result, id) })
                })
                .collect();
            let mut next = ask.clone();
            let contents = next["contents"].as_array_mut().unwrap();
            contents.push(json!({ "role": "model", "parts": model_parts }));
            contents.push(json!({ "role": "user", "parts": results }));
            let other =
                Kind::ALL[(Kind::ALL.iter().position(|own| *own == kind).unwrap() + 1) % Kind::ALL.len()];
            let mut went_on = Vec::new();
            for kind in [kind, other] {
                let reply = yard.call(&path(&format!("{}-1", kind.name()), "generateContent"), &next).await;
                went_on.push((kind, reply));
            }
            table.case(&format!("{kind:?} {method}"), || {
                let places: Vec<&Value> = calls.iter().map(|call| &call["args"]["place"]).collect();
                assert_eq!(places, ["Lisbon", "Porto"], "{reply:?}");
                for (kind, reply) in &went_on {
                    assert_eq!((reply.status, reply.route()), (200, kind.name()), "{reply:?}");
                    let (text, _) = told(&[reply.json()]);
                    assert!(text.contains("sunny"), "at {kind:?}: {text}");
                }
            });
        }
    }
    table.end();
}

#[tokio::test]
async fn a_request_to_googles_own_goes_through_untouched() {
    let head = "HTTP/1.1 200 OK\ncontent-type: application/json";
    let answer = r#"{ "candidates": [ {"content":{"parts":[{"text":"hi","x":1.50}],"role":"model"},"finishReason":"STOP"} ], "new": {} }"#;
    let canned = Canned::start(head, answer.as_bytes()).await;
    let yard = Yard::over(&[Kind::Chat], &[], json!({})).await;
    yard.apply(&fast_map(&[canned.route("gemini")], &[])).await;
    let body = "{ \"contents\" : [{\"parts\":[{\"text\":\"é\\u00e9\",\"newThing\":1e3}]}],\n \"safetySettings\":[] }";
    let key = yard.key().to_owned();
    let headers = [("x-goog-api-key", key.as_str()), ("content-type", "application/json")];
    let reply = yard.raw(&path("auto", "generateContent"), &headers, body).await;
    assert_eq!(std::str::from_utf8(&reply.body).unwrap(), answer);
    let sent = &canned.taken()[0];
    assert!(sent.head.contains(":generateContent "), "{}", sent.head);
    assert!(!sent.head.contains(&key), "the local key stays here");
    assert_eq!(std::str::from_utf8(&sent.body).unwrap(), body);
}

#[tokio::test]
async fn tokens_are_counted_and_vectors_are_made() {
    let yard = Yard::of_every_kind(json!({})).await;
    for kind in Kind::ALL {
        let model = format!("{}-1", kind.name());
        let prompt = said(&"tram ".repeat(1_000));
        let inner = merge(prompt.clone(), json!({ "model": format!("models/{model}") }));
        for body in [prompt, json!({ "generateContentRequest": inner })] {
            let reply = yard.call(&path(&model, "countTokens"), &body).await;
            let counted = reply.json()["totalTokens"].as_u64().unwrap_or_default();
            assert!((600..2_500).contains(&counted), "{kind:?}: {reply:?}");
        }
        assert_eq!(yard.provider(kind.name()).calls(), 0, "{kind:?}: a count is no completion");
    }
    for kind in [Kind::Chat, Kind::Responses, Kind::Gemini, Kind::Azure] {
        let model = format!("{}-1", kind.name());
        let one = |text: &str| {
            json!({ "model": format!("models/{model}"), "content": { "parts": [{ "text": text }] },
                    "outputDimensionality": 8 })
        };
        let batch = json!({ "requests": [one("red tram"), one("blue sea")] });
        let batch = yard.call(&path(&model, "batchEmbedContents"), &batch).await;
        let single = yard.call(&path(&model, "embedContent"), &one("red tram")).await;
        let (batch, single) = (batch.json(), single.json());
        assert_eq!(batch["embeddings"].as_array().unwrap().len(), 2, "{kind:?}: {batch}");
        assert_eq!(single["embedding"]["values"].as_array().unwrap().len(), 8, "{kind:?}: {single}");
        assert_eq!(batch["embeddings"][0]["values"], single["embedding"]["values"], "{kind:?}");
    }
}

#[tokio::test]
async fn errors_keys_models_and_receipts_are_in_googles_form() {
    let patient = json!({ "breaker": { "consecutiveFailures": 1_000 }, "retry": { "attempts": 1 } });
    let yard = Yard::over(&[Kind::Chat], &[], patient).await;
    let generate = path("auto", "generateContent");
    let json = ("content-type", "application/json");
    let body = said("hello").to_string();

    let (status, reason, _) =
        error(&yard.raw(&generate, &[json, ("x-goog-api-key", "wrong")], body.clone()).await);
    assert_eq!((status.as_str(), reason.as_str()), ("UNAUTHENTICATED", "invalid_local_key"));
    let with_key = format!("{generate}?key={}", yard.key());
    assert_eq!(yard.raw(&with_key, &[json], body.clone()).await.status, 200);
    let (status, _, message) = error(&yard.call(&generate, &json!({ "contents": [] })).await);
    assert_eq!(status, "INVALID_ARGUMENT");
    assert!(message.starts_with("contents: "), "{message}");

    let key = [("x-goog-api-key", yard.key())];
    let models = yard.fetch("/v1beta/models", &key).await.json();
    let named = &models["models"][0]["name"];
    let name = named.as_str().unwrap().to_owned();
    assert!(name.starts_with("models/"), "{models}");
    let one = yard.fetch(&format!("/v1beta/{name}"), &key).await.json();
    assert_eq!(one["name"], *named, "{one}");
    let nobody = yard.fetch("/v1beta/models/nobody", &key).await;
    assert_eq!(error(&nobody).0, "NOT_FOUND");

    yard.provider("hot").set_fault(Fault::status(500)).await.unwrap();
    let sdk = yard.raw(&with_key, &[json, ("x-goog-api-client", SDK)], body.clone()).await;
    let (status, reason, message) = error(&sdk);
    assert_eq!((sdk.status, status.as_str(), reason.as_str()), (503, "UNAVAILABLE", "queued"), "{message}");
    assert!(sdk.json()["error"]["details"].to_string().contains("retryDelay"), "{sdk:?}");
    let plain = yard.raw(&with_key, &[json], said("another").to_string()).await;
    assert_eq!(plain.status, 202, "{plain:?}");
    let job = plain.json()["id"].as_str().unwrap().to_owned();
    yard.provider("hot").heal().await.unwrap();
    let done = yard.wait_for_job(&job, "done").await;
    let (text, _) = self::told(&[done["result"].clone()]);
    assert!(text.contains("another"), "{done}");

    let logged = format!("{} {}", yard.get("/v1/requests?limit=50").await, yard.get("/v1/snapshot").await);
    assert!(!logged.contains(yard.key()), "a key in a query is kept nowhere");
    assert!(logged.contains("\"gemini\""), "{logged}");
}

#[tokio::test]
async fn a_stream_that_breaks_off_goes_on_elsewhere_or_ends_in_an_error() {
    for (midstream, goes_on) in [("continue", true), ("error", false)] {
        let yard = Yard::over(&[Kind::Chat], &[Kind::Anthropic], json!({ "midstream": midstream })).await;
        yard.provider("hot").set_fault(Fault::CutStream { after_chunks: 2 }).await.unwrap();
        let stream = format!("{}?alt=sse", path("auto", "streamGenerateContent"));
        let chunks = chunks(&yard.call(&stream, &said("Tell me of Lisbon")).await);
        let last = chunks.last().unwrap();
        if goes_on {
            assert_eq!(last["candidates"][0]["finishReason"], "STOP", "{chunks:?}");
        } else {
            assert_eq!(last["error"]["code"], 502, "{chunks:?}");
            assert!(last["error"]["message"].as_str().unwrap().contains("broke off"), "{last}");
        }
    }
}

#[tokio::test]
async fn googles_own_error_has_all_its_details_whole_in_a_stream_and_in_a_list() {
    let details = json!([{ "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{ "field": "contents[0]", "description": "No." }] }]);
    let error = json!({ "code": 400, "message": "Request contains an invalid argument.",
        "status": "INVALID_ARGUMENT", "details": details });
    let told = |reply: &Reply, error: &Value| {
        let mut told = error.clone();
        let named = json!({ "@type": "type.googleapis.com/google.rpc.RequestInfo",
            "requestId": reply.header("x-switchyard-request-id") });
        told["details"].as_array_mut().unwrap().push(named);
        json!({ "error": told })
    };
    let yard = Yard::start().await;
    let refusing = Canned::start(
        "HTTP/1.1 400 Bad Request\ncontent-type: application/json",
        json!({ "error": error }).to_string().as_bytes(),
    )
    .await;
    yard.apply(&fast_map(&[refusing.route("gemini")], &[])).await;
    let reply = yard.call(&path("auto", "generateContent"), &said("hello")).await;
    assert_eq!((reply.status, reply.json()), (400, told(&reply, &error)));

    let word = json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": "Let me" }] },
        "index": 0 }], "responseId": "r1" });
    let events = format!("data: {word}\n\ndata: {}\n\n", json!({ "error": error }));
    let breaking = Canned::start("HTTP/1.1 200 OK\ncontent-type: text/event-stream", events.as_bytes()).await;
    yard.apply(&fast_map(&[breaking.route("gemini")], &[])).await;
    let stream = path("auto", "streamGenerateContent");
    let reply = yard.call(&format!("{stream}?alt=sse"), &said("hello")).await;
    assert_eq!(chunks(&reply), [word.clone(), told(&reply, &error)]);
    let list = yard.call(&stream, &said("hello")).await;
    assert_eq!(list.json(), json!([word, told(&list, &error)]));
}
