//! Same dialect on both sides: the bytes pass through untouched but for the model, and nothing of this machine's
//! goes upstream.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault, FaultRule, Profile};
use switchyard_tests::{Ask, Canned, Yard, far, fast_map, path, route};

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::Anthropic;

/// A body as no serializer would write it. The model is the only thing in it that may change.
const ODD_BODY: &str = "{ \"zeta\" : [ 1.0000000000000000001 ,123456789012345678901234567890, 1E+2, -0 ],\r\n\t\"max_tokens\":64 ,\
    \"messages\" :[{\"role\":\"user\" , \"content\":\"caf\\u00e9 \\ud83d\\ude00 \\/ \u{e9} \\\"model\\\":\\\"auto\\\"\"} ],\n\
    \"x_unknown\":{\"b\":null,\"a\":{\"model\":\"auto\"}}, \"model\"  :  \"auto\" , \"temperature\": 0.10 }\n";

const ODD_CHAT: &str = "{\n  \"id\":\"chatcmpl-1\" , \"object\":\"chat.completion\",\"created\":1,\"model\":\"up/m:1-2026\",\n\
    \"x_new\":12345678901234567890123, \"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi \\u00fc\"},\
    \"finish_reason\":\"stop\"}] ,\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}\n\n";

const ODD_MESSAGE: &str = "{ \"id\":\"msg_1\",\"type\":\"message\", \"role\":\"assistant\",\"model\":\"up/m:1\",\"content\":[ {\"type\":\"text\",\
    \"text\":\"hi\" , \"x\":1.50} ],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}";

fn odd_stream(dialect: Dialect) -> String {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Gemini | Dialect::BedrockConverse => concat!(
            ": keep-alive\n\n",
            "data:{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n",
            "id: 7\ndata: {\"id\":\"c\", \"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"caf\\u00e9 \"}}]}\n\n",
            ": a comment in between\n\ndata: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\n",
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\n",
            "data: [DONE]\n\n",
        ),
        Dialect::Anthropic => concat!(
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"up\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
            "event: ping\ndata: {\"type\": \"ping\"}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
            "data: {\"type\":\"content_block_delta\" ,\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\nevent: content_block_delta\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "event: x_future\ndata: {\"type\":\"x_future\",\"n\":1}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":2}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ),
    }
    .to_owned()
}

async fn over(canned: &Canned, dialect: Dialect) -> Yard {
    let yard = Yard::start().await;
    let name = if dialect == CHAT { "openai-chat" } else { "anthropic" };
    // The way most providers are reached; simulated ones elsewhere here are asked on the short one.
    yard.apply(&fast_map(&[far(canned.route(name))], &[])).await;
    yard
}

#[tokio::test]
async fn a_plain_exchange_is_the_callers_bytes_and_the_providers_bytes() {
    for (dialect, answer) in [(CHAT, ODD_CHAT), (MESSAGES, ODD_MESSAGE)] {
        let head = "HTTP/1.1 200 OK\ncontent-type: application/json; charset=utf-8\nx-ratelimit-remaining-requests: 59\n\
            x-request-id: req_up_1\nopenai-processing-ms: 12\nset-cookie: session=1\nkeep-alive: timeout=5\n\
            access-control-allow-origin: *\nlocation: http://evil.example/\nrefresh: 0\nclear-site-data: \"*\"\n\
            x-switchyard-cache: stale\nx-switchyard-job-id: job_forged\nx-switchyard-degradations: forged";
        let canned = Canned::start(head, answer.as_bytes()).await;
        let yard = over(&canned, dialect).await;
        let bearer = format!("Bearer {}", yard.key());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];

        let reply = yard.raw(path(dialect), &headers, ODD_BODY).await;

        let sent = &canned.taken()[0];
        let expected = ODD_BODY.replace("\"model\"  :  \"auto\"", "\"model\"  :  \"up/m:1\"");
        assert_eq!(String::from_utf8_lossy(&sent.body), expected);
        assert_eq!((reply.status, &reply.body[..]), (200, answer.as_bytes()));
        for (name, value) in [
            ("content-type", "application/json; charset=utf-8"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-request-id", "req_up_1"),
            ("openai-processing-ms", "12"),
            ("x-switchyard-route", "canned"),
            ("set-cookie", ""),
            ("keep-alive", ""),
            ("access-control-allow-origin", ""),
            ("location", ""),
            ("refresh", ""),
            ("clear-site-data", ""),
            ("x-switchyard-cache", ""),
            ("x-switchyard-job-id", ""),
            ("x-switchyard-degradations", ""),
        ] {
            assert_eq!(reply.header(name), value, "{name}");
        }
    }
}

#[tokio::test]
async fn a_stream_is_the_providers_bytes() {
    for dialect in [CHAT, MESSAGES] {
        let stream = odd_stream(dialect);
        let head = "HTTP/1.1 200 OK\ncontent-type: text/event-stream\nx-ratelimit-remaining-requests: 59";
        let canned = Canned::start(head, stream.as_bytes()).await;
        let yard = over(&canned, dialect).await;
        let usage =
            if dialect == CHAT { json!({ "stream_options": { "include_usage": true } }) } else { json!({}) };

        let reply = yard.send(&Ask::new(dialect, "hi").streaming(true).with(usage)).await;

        assert!(reply.whole);
        assert_eq!(String::from_utf8_lossy(&reply.body), stream);
        assert_eq!(reply.header("x-ratelimit-remaining-requests"), "59");
        assert!(reply.header("content-type").starts_with("text/event-stream"));
        let logged = &yard.get("/v1/requests?limit=1").await[0];
        let counted = ["inputTokens", "outputTokens"].map(|name| logged[name].as_u64());
        assert_eq!(counted, [Some(3), Some(2)], "{logged}");
    }
}

#[tokio::test]
async fn a_stream_in_pieces_that_end_anywhere_is_the_same_stream() {
    for dialect in [CHAT, MESSAGES] {
        for piece in [1, 7] {
            let stream = odd_stream(dialect);
            let head = "HTTP/1.1 200 OK\ncontent-type: text/event-stream";
            let canned = Canned::in_pieces(head, stream.as_bytes(), piece).await;
            let yard = over(&canned, dialect).await;
            let usage = json!({ "stream_options": { "include_usage": true } });
            let ask = Ask::new(dialect, "hi").streaming(true);
            let reply = yard.send(&if dialect == CHAT { ask.with(usage) } else { ask }).await;
            assert_eq!(String::from_utf8_lossy(&reply.body), stream);
        }
    }
}

#[tokio::test]
async fn a_large_prompt_and_a_large_answer_pass_whole() {
    let long = "0123456789abcdef".repeat(200_000);
    let answer = ODD_CHAT.replace("hi \\u00fc", &long);
    let canned = Canned::start("HTTP/1.1 200 OK\ncontent-type: application/json", answer.as_bytes()).await;
    let yard = over(&canned, CHAT).await;
    let ask = Ask::chat(&long);
    let reply = yard.send(&ask).await;
    assert!(reply.body == answer.as_bytes(), "{} bytes of {}", reply.body.len(), answer.len());
    let expected = ask.body.to_string().replacen("\"auto\"", "\"up/m:1\"", 1);
    assert!(canned.taken()[0].body == expected.as_bytes(), "the prompt changed on its way");
}

#[tokio::test]
async fn a_dialect_is_its_paths_whatever_headers_a_client_sends() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let reply = yard.send(&Ask::chat("hello").header("anthropic-version", "2023-06-01")).await;
    assert!(!reply.completion(CHAT).text.is_empty());
    let bad = Ask::chat("").with(json!({ "messages": 7 })).header("anthropic-version", "2023-06-01");
    assert_eq!(yard.send(&bad).await.json().get("type"), None, "errors too");
}

#[tokio::test]
async fn usage_is_asked_for_and_the_extra_chunk_is_withheld_unless_the_caller_wanted_it() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    for (asked, shown) in [(Value::Null, false), (json!(false), false), (json!(true), true)] {
        let mut ask = Ask::chat("hello").streaming(true);
        if !asked.is_null() {
            ask = ask.with(json!({ "stream_options": { "include_usage": asked } }));
        }
        let reply = yard.send(&ask).await;
        assert!(!reply.completion(CHAT).text.is_empty());
        assert_eq!(reply.events().last().unwrap().data, "[DONE]");
        let usage = reply.events().iter().filter(|e| e.json()["usage"].is_object()).count();
        assert_eq!(usage, usize::from(shown), "include_usage: {asked}");
        let sent = yard.provider("hot").requests().pop().unwrap().json();
        assert_eq!(sent["stream_options"]["include_usage"], true);
        let logged = &yard.get("/v1/requests?limit=1").await[0];
        assert!(logged["outputTokens"].as_u64().is_some_and(|n| n > 0), "{logged}");
    }
}

#[tokio::test]
async fn a_provider_that_knows_no_usage_option_is_not_asked() {
    let yard = Yard::start().await;
    let hot = yard.add(Profile::new("hot").dialect(CHAT)).await;
    let mut plain = route(&hot);
    plain["usageInStream"] = json!(false);
    yard.apply(&fast_map(&[plain], &[])).await;
    let reply = yard.send(&Ask::chat("hello").streaming(true)).await;
    assert!(!reply.completion(CHAT).text.is_empty());
    assert_eq!(hot.requests()[0].json()["stream_options"], Value::Null);
}

#[tokio::test]
async fn only_headers_that_mean_something_upstream_go_there() {
    for (dialect, answer) in [(CHAT, ODD_CHAT), (MESSAGES, ODD_MESSAGE)] {
        let canned =
            Canned::start("HTTP/1.1 200 OK\ncontent-type: application/json", answer.as_bytes()).await;
        let yard = over(&canned, dialect).await;
        let (key, bearer) = (yard.key().to_owned(), format!("Bearer {}", yard.key()));
        let headers = [
            ("x-switchyard-key", key.as_str()),
            ("content-type", "application/json"),
            ("x-switchyard-interactive", "true"),
            ("x-switchyard-anything", "1"),
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=9"),
            ("te", "trailers"),
            ("proxy-authorization", bearer.as_str()),
            ("cookie", "session=secret"),
            ("api-key", key.as_str()),
            ("x-goog-api-key", "goog-secret"),
            ("x-amz-security-token", "aws-secret"),
            ("x-vault-token", "vault-secret"),
            ("referer", "http://intranet/"),
            ("x-forwarded-for", "10.0.0.7"),
            ("accept-encoding", "gzip, br"),
            ("anthropic-beta", "context-1m-2025-08-07"),
            ("anthropic-beta", "files-api-2025-04-14,skills-2025-10-02"),
            ("anthropic-version", "2023-01-01"),
            ("openai-organization", "org-1"),
            ("x-stainless-lang", "rust"),
            ("user-agent", "my-app/1.0"),
        ];
        let reply = yard.raw(path(dialect), &headers, ODD_BODY).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let sent = &canned.taken()[0];
        assert!(!sent.head.contains(&key), "the local key went upstream: {}", sent.head);
        assert!(!sent.head.to_lowercase().contains("x-switchyard"), "{}", sent.head);
        assert!(!sent.head.contains("-secret"), "a key of another vendor's went upstream: {}", sent.head);
        for gone in
            ["x-hop", "keep-alive", "te", "proxy-authorization", "cookie", "referer", "x-forwarded-for"]
        {
            assert_eq!(sent.header(gone), None, "{gone}: {}", sent.head);
        }
        for (name, value) in [
            // Every line of it, in order.
            ("anthropic-beta", "context-1m-2025-08-07, files-api-2025-04-14,skills-2025-10-02"),
            ("anthropic-version", "2023-01-01"),
            ("openai-organization", "org-1"),
            ("x-stainless-lang", "rust"),
            ("user-agent", "my-app/1.0"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(sent.header(name).as_deref(), Some(value), "{}", sent.head);
        }
        let encoding = sent.header("accept-encoding");
        assert!(encoding.is_none_or(|value| value == "identity"), "compressed answers can't be looked into");
    }
}

#[tokio::test]
async fn the_idempotency_key_is_the_callers_or_one_that_stays_the_same_across_tries() {
    let yard = Yard::over(&[CHAT], &[MESSAGES], json!({ "breaker": { "consecutiveFailures": 1_000 } })).await;
    let (hot, warm) = (yard.provider("hot"), yard.provider("warm"));
    let keys = || {
        let seen = [hot.requests(), warm.requests()].concat();
        hot.forget();
        warm.forget();
        seen.iter().map(|seen| seen.header("idempotency-key").unwrap().to_owned()).collect::<Vec<_>>()
    };
    let failing = async || hot.set_fault(FaultRule::from(Fault::status(500)).times(3)).await.unwrap();

    failing().await;
    yard.send(&Ask::chat("one").header("idempotency-key", "mine-1")).await;
    assert_eq!(keys(), ["mine-1"; 4]);

    failing().await;
    yard.send(&Ask::chat("one").with(json!({ "idempotencyKey": "mine-2" }))).await;
    assert_eq!(hot.requests()[0].json()["idempotencyKey"], Value::Null, "no provider knows this member");
    assert_eq!(keys(), ["mine-2"; 4]);

    failing().await;
    yard.chat("one").await;
    let made = keys();
    assert!(made.len() == 4 && made.iter().all(|key| *key == made[0] && !key.is_empty()), "{made:?}");

    yard.chat("one").await;
    let again = keys();
    yard.chat("two").await;
    assert_eq!(again, made[..1], "the same client, job and input");
    assert_ne!(keys(), made[..1], "another input");
}

#[tokio::test]
async fn values_are_their_providers_to_judge() {
    let answer = r#"{"id":"c1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"#;
    let canned = Canned::start("HTTP/1.1 200 OK\ncontent-type: application/json", answer.as_bytes()).await;
    let yard = over(&canned, CHAT).await;
    for odd in [
        json!({ "max_tokens": -1 }),
        json!({ "max_completion_tokens": 0 }),
        json!({ "n": 0 }),
        json!({ "temperature": 9.5, "top_p": -1 }),
        json!({ "stream_options": {"include_usage": "yes"} }),
    ] {
        let reply = yard.send(&Ask::chat("hello").with(odd.clone())).await;
        assert_eq!(reply.status, 200, "{odd}: {reply:?}");
        let sent: Value = serde_json::from_slice(&canned.taken().pop().unwrap().body).unwrap();
        for (member, value) in odd.as_object().unwrap() {
            assert_eq!(sent[member], *value, "{sent}");
        }
    }
}
