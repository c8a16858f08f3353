//! What clients ask for besides answers: whether anybody is there, which models there are, their dialect's further
//! endpoints; and the forms in which they write a path.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use switchyard_sim::Dialect;
use switchyard_tests::{Ask, Canned, Reply, Yard, fast_map, path, within};

const CHAT: Dialect = Dialect::OpenaiChat;
const RESPONSES: Dialect = Dialect::OpenaiResponses;

const COMPACTED: &str = "{ \"id\":\"resp_1\",\"object\":\"response.compaction\",\"created_at\":1,\"output\":[{\"type\":\"compaction\",\
    \"id\":\"cmp_1\",\"encrypted_content\":\"x\"}],\"usage\":{\"input_tokens\":11,\"output_tokens\":3,\"total_tokens\":14}}";

async fn asked(yard: &Yard, method: Method, path: &str, headers: &[(&str, &str)]) -> (StatusCode, Reply) {
    let bearer = format!("Bearer {}", yard.key());
    let url = format!("{}{path}", yard.proxy_url());
    let request = yard.http().request(method, url).header("authorization", bearer);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let reply = reply_of(request).await;
    (StatusCode::from_u16(reply.status).unwrap(), reply)
}

async fn reply_of(request: RequestBuilder) -> Reply {
    let response = within("an answer", request.send()).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Reply { status, headers, body: response.bytes().await.unwrap(), whole: true }
}

#[tokio::test]
async fn a_conversation_is_compacted_by_a_route_that_speaks_responses() {
    let head = "HTTP/1.1 200 OK\ncontent-type: application/json\nx-request-id: req_up";
    let canned = Canned::start(head, COMPACTED.as_bytes()).await;
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    yard.apply(&fast_map(&[yard_route(&yard), canned.route("openai-responses")], &[])).await;
    // Codex's own body names no stream; others write one out of habit.
    for more in [json!({}), json!({ "stream": true })] {
        let ask = Ask::responses("long").with(json!({ "instructions": "be brief", "tools": [] })).with(more);
        let reply = posted(&yard, "/v1/responses/compact", &ask).await;
        assert_eq!((reply.status, &reply.body[..]), (200, COMPACTED.as_bytes()), "{reply:?}");
        assert_eq!(reply.header("x-switchyard-route"), "canned");
    }
    let sent = &canned.taken()[0];
    assert!(sent.head.starts_with("POST /v1/responses/compact "), "{}", sent.head);
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!((&body["model"], &body["instructions"]), (&json!("up/m:1"), &json!("be brief")));
    assert_eq!(yard.provider("hot").calls(), 0, "a chat provider can't compact");
    let logged = &yard.get("/v1/requests?limit=1").await[0];
    assert_eq!([&logged["inputTokens"], &logged["outputTokens"]], [&json!(11), &json!(3)], "{logged}");

    yard.apply(&fast_map(&[yard_route(&yard)], &[])).await;
    let reply = posted(&yard, "/v1/responses/compact", &Ask::responses("long")).await;
    let (code, message) = reply.error(RESPONSES);
    assert_eq!((reply.status, code.as_str()), (400, "no_route"), "{reply:?}");
    assert!(message.contains("has no compaction of conversations"), "{message}");
}

/// The route to the simulated provider.
fn yard_route(yard: &Yard) -> Value {
    switchyard_tests::route(&yard.provider("hot"))
}

async fn posted(yard: &Yard, path: &str, ask: &Ask) -> Reply {
    let bearer = format!("Bearer {}", yard.key());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    yard.raw(path, &headers, ask.body.to_string()).await
}

#[tokio::test]
async fn a_route_that_can_not_compact_is_not_taken_for_broken() {
    let missing = r#"{"error":{"message":"Not found","type":"invalid_request_error"}}"#;
    let lacks =
        Canned::start("HTTP/1.1 404 Not Found\ncontent-type: application/json", missing.as_bytes()).await;
    let can = Canned::start("HTTP/1.1 200 OK\ncontent-type: application/json", COMPACTED.as_bytes()).await;
    let mut second = can.route("openai-responses");
    second["id"] = json!("second");
    let yard = Yard::start().await;
    let more = json!({ "breaker": { "consecutiveFailures": 1 } });
    yard.apply(&switchyard_tests::merge(fast_map(&[lacks.route("openai-responses"), second], &[]), more))
        .await;
    for _ in 0..2 {
        let reply = posted(&yard, "/v1/responses/compact", &Ask::responses("long")).await;
        assert_eq!((reply.status, reply.header("x-switchyard-route")), (200, "second"), "{reply:?}");
    }
    assert_eq!(lacks.taken().len(), 2, "its circuit stays closed");
}

#[tokio::test]
async fn what_tools_ask_first_is_answered() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let anthropic = ("anthropic-version", "2023-06-01");
    for target in ["/", "/v1", "/v1/", "/health", "/v1/models", "/models", "/v1/models/auto"] {
        let (status, full) = asked(&yard, Method::GET, target, &[anthropic]).await;
        assert_eq!(status, 200, "GET {target}: {full:?}");
        let (status, head) = asked(&yard, Method::HEAD, target, &[anthropic]).await;
        assert_eq!((status.as_u16(), head.body.len()), (200, 0), "HEAD {target}");
        assert_eq!(head.header("content-type"), full.header("content-type"), "HEAD {target}");
        let (status, options) = asked(&yard, Method::OPTIONS, target, &[]).await;
        assert_eq!(status, 204, "OPTIONS {target}");
        assert_eq!(options.header("allow"), "GET, HEAD, OPTIONS");
    }
    for dialect in [CHAT, RESPONSES, Dialect::Anthropic] {
        let target = path(dialect);
        let (status, options) = asked(&yard, Method::OPTIONS, target, &[]).await;
        assert_eq!((status.as_u16(), options.header("allow")), (204, "POST, OPTIONS"), "{target}");
        let (status, head) = asked(&yard, Method::HEAD, target, &[]).await;
        assert_eq!((status.as_u16(), head.header("allow")), (405, "POST, OPTIONS"), "{target}");
        let upgrade = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ];
        let (status, reply) = asked(&yard, Method::GET, target, &upgrade).await;
        let (code, message) = reply.error(dialect);
        assert_eq!((status.as_u16(), code.as_str()), (426, "upgrade_required"), "{message}");
        assert!(message.contains(&format!("POST {target}")), "{message}");
        assert_eq!(reply.header("upgrade"), "HTTP/1.1");
        // Some HTTP clients offer HTTP/2 with each request.
        let bearer = format!("Bearer {}", yard.key());
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("connection", "Upgrade, HTTP2-Settings"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQAAP__"),
        ];
        let reply = yard.raw(target, &headers, Ask::new(dialect, "hello").body.to_string()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    // A browser's question before it asks is still a browser's.
    let preflight = [
        ("origin", "https://evil.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let (status, reply) = asked(&yard, Method::OPTIONS, "/v1/messages", &preflight).await;
    assert_eq!(status, 403);
    assert!(reply.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{reply:?}");
    let (status, _) = asked(&yard, Method::HEAD, "/v1/images", &[]).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_model_is_found_by_its_name_in_either_form_and_dialect() {
    let yard = Yard::start().await;
    let hot = yard.add(switchyard_sim::Profile::new("hot").dialect(CHAT)).await;
    let mut named = switchyard_tests::route(&hot);
    named["model"] = json!("meta-llama/Llama 4:latest");
    yard.apply(&fast_map(&[named], &[])).await;
    for target in ["/v1/models/meta-llama/Llama%204:latest", "/models/meta-llama%2FLlama%204%3Alatest"] {
        let (_, openai) = asked(&yard, Method::GET, target, &[]).await;
        assert_eq!(openai.json()["id"], "meta-llama/Llama 4:latest");
        assert_eq!(openai.json()["object"], "model");
        let (_, anthropic) = asked(&yard, Method::GET, target, &[("anthropic-version", "2023-06-01")]).await;
        assert_eq!(anthropic.json()["type"], "model");
    }
    let (status, missing) = asked(&yard, Method::GET, "/v1/models/nope", &[("anthropic-version", "1")]).await;
    assert_eq!(status, 404);
    assert_eq!(missing.json()["error"]["type"], "not_found_error", "{missing:?}");
}

#[tokio::test]
async fn a_base_url_with_slashes_a_version_or_an_endpoint_still_reaches_its_endpoint() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    for (dialect, targets) in [
        (CHAT, ["/v1/v1/chat/completions", "//v1/chat/completions", "/v1/chat/completions/chat/completions"]),
        (RESPONSES, ["/openai/v1/responses", "/v1//responses/", "/v1/responses/responses"]),
        (
            Dialect::Anthropic,
            ["/v1/v1/messages?beta=true", "/anthropic/v1/messages", "/v1/messages/v1/messages"],
        ),
    ] {
        for target in targets {
            let reply = posted(&yard, target, &Ask::new(dialect, "hello")).await;
            assert!(!reply.completion(dialect).text.is_empty(), "{target}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn a_name_of_this_machine_is_taken_once_the_map_lists_it() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let port = yard.proxy_url().rsplit(':').next().unwrap().to_owned();
    let host = format!("host.docker.internal:{port}");
    let by_name = |host: &str| reply_of(yard.request(&Ask::chat("hello")).header("host", host));
    let refused = by_name(&host).await;
    let (code, message) = refused.error(CHAT);
    assert_eq!((refused.status, code.as_str()), (421, "wrong_host"), "{message}");
    assert!(message.contains(r#""listen": { "hosts": ["host.docker.internal"] }"#), "{message}");
    let listed = json!({ "listen": { "hosts": ["host.docker.internal"] } });
    yard.apply(&switchyard_tests::merge(fast_map(&[yard_route(&yard)], &[]), listed)).await;
    assert_eq!(by_name(&host).await.status, 200);
    assert_eq!(by_name("HOST.docker.internal").await.status, 200);
    assert_eq!(by_name("127.0.0.1").await.status, 200);
    assert_eq!(by_name("evil.example").await.status, 421);
    let (status, reply) =
        asked(&yard, Method::GET, "/v1/models", &[("host", host.as_str()), ("origin", "http://x")]).await;
    assert_eq!(status, 403, "a page by that name is a page all the same: {reply:?}");
}

#[tokio::test]
async fn a_model_that_nobody_serves_is_told_or_refused_as_the_map_says() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let rule = json!({ "jobs": { "mail": { "match": { "model": "claude-*" } } } });
    let map = switchyard_tests::merge(fast_map(&[yard_route(&yard)], &[]), rule);
    yard.apply(&map).await;
    let served = yard_route(&yard)["model"].as_str().unwrap().to_owned();
    let slip = format!("{served}x");
    for stream in [false, true] {
        for (model, told) in [
            (slip.as_str(), slip.as_str()),
            (served.as_str(), ""),
            ("auto", ""),
            ("claude-9", ""),
            ("mod\u{e9}l", "mod?l"),
        ] {
            let reply = yard.send(&Ask::chat("hello").model(model).streaming(stream)).await;
            assert_eq!((reply.status, reply.header("x-switchyard-model-asked")), (200, told), "{model}");
        }
    }
    yard.apply(&switchyard_tests::merge(map, json!({ "flags": { "strict_models": true } }))).await;
    for dialect in [CHAT, RESPONSES, Dialect::Anthropic] {
        let reply = yard.send(&Ask::new(dialect, "hello").model(&slip)).await;
        let (code, message) = reply.error(dialect);
        assert_eq!((reply.status, code.as_str()), (404, "model_not_found"), "{message}");
        assert!(message.contains(&format!("Did you mean `{served}`?")), "{message}");
        for model in [served.as_str(), "auto", "switchyard/mail", "claude-9"] {
            assert_eq!(yard.send(&Ask::new(dialect, "hello").model(model)).await.status, 200, "{model}");
        }
    }
}
