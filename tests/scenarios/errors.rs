//! What a provider says went wrong reaches the caller in the caller's dialect, with the provider's reason and without
//! its key; whatever a provider sends ends in an answer, a failover or a clear error.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, CALLERS, Canned, Kind, Reply, Table, Yard, fast_map, merge};

const CHAT: Dialect = Dialect::OpenaiChat;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const MESSAGES: Dialect = Dialect::Anthropic;

const BAD_REQUEST: &str = "HTTP/1.1 400 Bad Request\ncontent-type: application/json";
const STREAM: &str = "HTTP/1.1 200 OK\ncontent-type: text/event-stream";

/// A reason and, as some providers do, the key it is about.
const REASON: &str = "Tram 28 is out of order";
const LEAKED: &str = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789";

/// An error as the vendor writes it.
fn body(kind: Kind, code: u16) -> Value {
    let message = format!("{REASON} (key {LEAKED}).");
    match kind {
        Kind::Chat | Kind::Responses | Kind::Azure => {
            json!({ "error": { "message": message, "type": "some_error", "param": null, "code": null } })
        }
        Kind::Anthropic => json!({ "type": "error", "error": { "type": "some_error", "message": message } }),
        Kind::Gemini | Kind::Vertex => {
            json!({ "error": { "code": code, "message": message, "status": "UNAVAILABLE" } })
        }
        Kind::Bedrock => json!({ "message": message }),
    }
}

/// Statuses of a provider and what the caller gets for each.
const STATUSES: [(u16, u16); 11] = [
    (400, 400),
    (401, 503),
    (402, 503),
    (403, 503),
    // Nothing is said of the model: the address is wrong, and that is not the caller's fault.
    (404, 502),
    (408, 504),
    (413, 413),
    (429, 429),
    (500, 502),
    (503, 503),
    (529, 503),
];

fn alone() -> Value {
    // What keeps a route out for a while is waited for as long as the SLO allows.
    json!({ "flags": { "enable_cold_queue": false }, "breaker": { "consecutiveFailures": 1_000 }, "sloMs": 1_500 })
}

#[tokio::test]
async fn every_status_of_every_kind_reaches_every_caller_with_its_reason() {
    let mut table = Table::new();
    for (code, status) in STATUSES {
        // Keys and routes it condemns are condemned for good: a world for each.
        let mut jobs = json!({});
        for kind in Kind::ALL {
            jobs[format!("only-{}", kind.name())] = json!({ "hot": [kind.name()], "warm": [] });
        }
        let yard = Yard::of_every_kind(merge(alone(), json!({ "jobs": jobs }))).await;
        for kind in Kind::ALL {
            let text = body(kind, code).to_string();
            let fault = Fault::Status { code, retry_after_s: None, body: Some(text) };
            // A token is fetched while all is well.
            let well = Ask::chat("hello").job(&format!("only-{}", kind.name()));
            assert_eq!(yard.send(&well).await.status, 200);
            yard.provider(kind.name()).set_fault(fault).await.unwrap();
            for (n, caller) in CALLERS.into_iter().enumerate() {
                let ask = Ask::new(caller, "hello").job(&format!("only-{}", kind.name()));
                let reply = yard.send(&ask.streaming(n == 1)).await;
                table.case(&format!("{code} of {kind:?} to {caller:?}"), || {
                    let (_, message) = reply.error(caller);
                    let whole = String::from_utf8_lossy(&reply.body);
                    assert!(!whole.contains("abcdefghijklmnop"), "it quotes the key: {whole}");
                    // What the first caller met may keep the key or the route from the next ones.
                    if n > 0 && !matches!(code, 400 | 404 | 408 | 413 | 500) {
                        assert!((400..600).contains(&reply.status), "{reply:?}");
                        return;
                    }
                    // A 503 that does not say it is for load is a fault like any other.
                    let is_plain_503 = code == 503 && reply.status == 502;
                    assert!(reply.status == status || is_plain_503, "{reply:?}");
                    // A refused token is fetched anew, and refused again where tokens come from.
                    let is_of_token = (kind, code) == (Kind::Vertex, 401);
                    assert!(message.contains(REASON) || is_of_token, "{message}");
                });
            }
        }
        assert!(!yard.log().contains("abcdefghijklmnop"), "the log quotes the key");
    }
    table.end();
}

#[tokio::test]
async fn what_is_no_answer_moves_on_for_every_kind() {
    let yard = Yard::of_every_kind(json!({})).await;
    let faults = [
        Fault::EmptyBody,
        Fault::InBandError,
        Fault::Html { redirect: false },
        Fault::Html { redirect: true },
        Fault::TruncatedBody,
        Fault::MalformedChunk { after_chunks: 0 },
        Fault::CutStream { after_chunks: 0 },
    ];
    for kind in Kind::ALL {
        let warm = if kind == Kind::Chat { Kind::Anthropic } else { Kind::Chat };
        for fault in &faults {
            yard.provider(kind.name()).set_fault(fault.clone()).await.unwrap();
            for caller in CALLERS {
                for stream in [false, true] {
                    // Behind the last event of a stream it is an answer all the same.
                    if stream && *fault == Fault::TruncatedBody {
                        continue;
                    }
                    let ask = Ask::new(caller, "hello").job(&kind.then(warm)).streaming(stream);
                    let reply = yard.send(&ask).await;
                    let place = format!("{fault:?} of {kind:?} to {caller:?} stream={stream}");
                    assert_eq!(reply.route(), warm.name(), "{place}: {reply:?}");
                    let name = warm.name();
                    let got = reply.completion(caller);
                    assert!(got.text.starts_with(&format!("[{name}-1 @ {name}]")), "{place}: {got:?}");
                }
            }
        }
        yard.provider(kind.name()).heal().await.unwrap();
    }
}

#[tokio::test]
async fn a_rate_limit_names_when_to_come_back() {
    for caller in CALLERS {
        for kind in Kind::ALL {
            let yard = Yard::over(&[kind], &[], alone()).await;
            let fault = Fault::Status { code: 429, retry_after_s: Some(17), body: None };
            yard.provider("hot").set_fault(fault).await.unwrap();
            let reply = yard.send(&Ask::new(caller, "hello")).await;
            assert_eq!(reply.status, 429, "{caller:?} {kind:?}: {reply:?}");
            let after: u64 = reply.header("retry-after").parse().unwrap();
            assert!((1..=17).contains(&after), "{after}");
        }
    }
}

#[tokio::test]
async fn a_prompt_too_long_for_one_kind_is_answered_by_another() {
    for kind in Kind::ALL {
        let yard = Yard::with_credentials(&json!({})).await;
        let hot = yard.added_as(kind, kind.profile("hot").context_chars(100)).await;
        let warm = yard.added(Kind::Chat, "warm").await;
        yard.apply(&fast_map(&[hot], &[warm])).await;
        for caller in CALLERS {
            for stream in [false, true] {
                let reply = yard.send(&Ask::new(caller, &"long ".repeat(100)).streaming(stream)).await;
                assert_eq!(reply.route(), "warm", "{caller:?} {kind:?}: {reply:?}");
            }
        }
        assert_eq!(yard.route("hot").await.last_failure, None, "{kind:?} did as it should");
    }
}

#[tokio::test]
async fn a_200_that_is_an_error_in_any_vendors_words_moves_on() {
    for (dialect, text) in [
        (
            "openai-chat",
            r#"{"error":{"code":502,"message":"Provider returned error","metadata":{"provider_name":"X"}}}"#,
        ),
        ("openai-chat", r#"{"error":"model is loading"}"#),
        ("openai-chat", r#"{"object":"error","message":"boom","type":"internal","code":500}"#),
        ("openai-chat", r#"{"choices":[]}"#),
        ("openai-chat", "null"),
        ("openai-chat", "[]"),
        ("openai-chat", "{}"),
        (
            "openai-responses",
            r#"{"id":"resp_1","object":"response","status":"failed","error":{"code":"server_error","message":"boom"},"output":[]}"#,
        ),
        ("openai-responses", "{}"),
        ("anthropic", r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#),
        ("anthropic", "{}"),
        ("gemini", r#"[{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}]"#),
        ("gemini", r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#),
        ("gemini", "{}"),
    ] {
        let head = "HTTP/1.1 200 OK\ncontent-type: application/json";
        let canned = Canned::start(head, text.as_bytes()).await;
        let yard = Yard::with_credentials(&json!({})).await;
        let warm = yard.added(Kind::Chat, "warm").await;
        yard.apply(&fast_map(&[canned.route(dialect)], &[warm])).await;
        for caller in CALLERS {
            let reply = yard.send(&Ask::new(caller, "hello")).await;
            assert_eq!(
                (reply.status, reply.route()),
                (200, "warm"),
                "{dialect} {text} to {caller:?}: {reply:?}"
            );
        }
        assert!(!yard.log().contains("panicked"), "{}", yard.log());
    }
}

#[tokio::test]
async fn a_filter_of_the_prompt_is_told_as_such_and_asked_of_nobody_else() {
    let text = r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#;
    let yard = Yard::over(&[Kind::Azure], &[Kind::Chat], json!({})).await;
    let fault = Fault::Status { code: 400, retry_after_s: None, body: Some(text.to_owned()) };
    yard.provider("hot").set_fault(fault).await.unwrap();
    for caller in CALLERS {
        let reply = yard.send(&Ask::new(caller, "hello")).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        // Azure's own error, whose type is null, reaches callers of its dialect as it is.
        let message = reply.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains("content management policy"), "{reply:?}");
    }
    assert_eq!(yard.provider("warm").calls(), 0);
    assert_eq!(yard.send(&Ask::new(CHAT, "hello")).await.status, 400);
}

/// Groq's error where the model's call does not fit the tool: its clients recover the call from `failed_generation`.
fn tool_use_failed() -> Value {
    json!({
        "message": "Tool call validation failed", "type": "invalid_request_error", "code": "tool_use_failed",
        "failed_generation": "{\"name\":\"look\",\"arguments\":{\"foo\":1}}", "status_code": 400,
    })
}

/// The events of a provider's stream that said a word and then reports this error.
fn stream_with(dialect: Dialect, error: &Value) -> String {
    let chunk = |delta: Value| {
        json!({ "id": "c1", "object": "chat.completion.chunk", "model": "m",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
    };
    let events = match dialect {
        MESSAGES => vec![
            json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message", "role": "assistant",
                "model": "m", "content": [], "stop_reason": null, "usage": { "input_tokens": 3, "output_tokens": 1 } } }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "Let me" } }),
            json!({ "type": "error", "error": error }),
        ],
        RESPONSES => vec![
            json!({ "type": "response.created", "sequence_number": 0, "response": { "id": "resp_1",
                "object": "response", "status": "in_progress", "model": "m", "output": [] } }),
            json!({ "type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": {
                "id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": [] } }),
            json!({ "type": "response.content_part.added", "sequence_number": 2, "item_id": "msg_1",
                "output_index": 0, "content_index": 0,
                "part": { "type": "output_text", "text": "", "annotations": [] } }),
            json!({ "type": "response.output_text.delta", "sequence_number": 3, "item_id": "msg_1",
                "output_index": 0, "content_index": 0, "delta": "Let me" }),
            json!({ "type": "error", "sequence_number": 4, "error": error }),
        ],
        Dialect::OpenaiChat | Dialect::Gemini | Dialect::BedrockConverse => vec![
            chunk(json!({ "role": "assistant", "content": "Let" })),
            chunk(json!({ "content": " me" })),
            json!({ "error": error }),
        ],
    };
    events
        .iter()
        .map(|event| match event["type"].as_str() {
            Some(name) => format!("event: {name}\ndata: {event}\n\n"),
            None => format!("data: {event}\n\n"),
        })
        .collect()
}

async fn answered_by(yard: &Yard, canned: &Canned, dialect: &str, ask: Ask) -> Reply {
    yard.apply(&fast_map(&[canned.route(dialect)], &[])).await;
    yard.send(&ask).await
}

#[tokio::test]
async fn callers_of_the_providers_dialect_hear_its_error_with_all_its_members() {
    let yard = Yard::start().await;
    let odd =
        json!({ "type": "invalid_request_error", "message": "No.", "code": null, "details": { "a": [1] } });
    for (caller, dialect, error) in [
        (CHAT, "openai-chat", tool_use_failed()),
        (RESPONSES, "openai-responses", odd.clone()),
        (MESSAGES, "anthropic", odd.clone()),
    ] {
        let mut body = json!({ "error": error });
        if caller == MESSAGES {
            body["type"] = json!("error");
        }
        let refusing = Canned::start(BAD_REQUEST, body.to_string().as_bytes()).await;
        for stream in [false, true] {
            let reply =
                answered_by(&yard, &refusing, dialect, Ask::new(caller, "hello").streaming(stream)).await;
            let mut expected = body.clone();
            expected["request_id"] = json!(reply.header("x-switchyard-request-id"));
            assert_eq!((reply.status, reply.json()), (400, expected), "{caller:?} stream={stream}");
        }
        if caller == RESPONSES {
            continue;
        }
        let streaming = Canned::start(STREAM, stream_with(caller, &error).as_bytes()).await;
        let reply = answered_by(&yard, &streaming, dialect, Ask::new(caller, "hello").streaming(true)).await;
        assert_eq!((reply.status, reply.whole), (200, true), "{reply:?}");
        assert_eq!(reply.partial_text(caller), "Let me", "{reply:?}");
        assert_eq!(reply.error_event(caller).1, error["message"].as_str().unwrap());
        assert_eq!(reply.events().last().unwrap().json()["error"], error, "{caller:?}");
    }
}

#[tokio::test]
async fn a_stream_whose_first_event_is_groqs_error_is_refused_with_all_its_members() {
    let yard = Yard::start().await;
    let event = format!("data: {}\n\ndata: [DONE]\n\n", json!({ "error": tool_use_failed() }));
    let canned = Canned::start(STREAM, event.as_bytes()).await;
    let reply = answered_by(&yard, &canned, "openai-chat", Ask::new(CHAT, "hello").streaming(true)).await;
    assert_eq!((reply.status, &reply.json()["error"]), (400, &tool_use_failed()), "{reply:?}");
}

#[tokio::test]
async fn a_responses_streams_error_event_has_its_own_members() {
    let yard = Yard::start().await;
    let streaming = Canned::start(STREAM, stream_with(RESPONSES, &tool_use_failed()).as_bytes()).await;
    let ask = Ask::new(RESPONSES, "hello").streaming(true);
    let reply = answered_by(&yard, &streaming, "openai-responses", ask).await;
    let (code, message) = reply.error_event(RESPONSES);
    assert_eq!(code, "stream_bad_request", "{reply:?}");
    assert!(message.contains("Tool call validation failed"), "{message}");
    let event = reply.events().last().unwrap().json();
    let error = json!({ "message": message, "type": "api_error", "param": null, "code": code });
    let flat =
        json!({ "type": "error", "sequence_number": 4, "code": code, "message": message, "param": null });
    assert_eq!(event, merge(flat, json!({ "error": error })));
}

#[tokio::test]
async fn callers_of_other_dialects_hear_it_in_their_own_form() {
    let yard = Yard::start().await;
    let body = json!({ "error": tool_use_failed() }).to_string();
    let canned = Canned::start(BAD_REQUEST, body.as_bytes()).await;
    let reply = answered_by(&yard, &canned, "openai-chat", Ask::new(MESSAGES, "hello")).await;
    let error = json!({ "type": "invalid_request_error", "message": "Tool call validation failed",
        "code": "tool_use_failed" });
    assert_eq!((reply.status, &reply.json()["error"]), (400, &error), "{reply:?}");
}
