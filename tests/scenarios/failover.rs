//! Whatever goes wrong on Hot before its first byte, Warm answers, and the caller never sees the difference.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault, Profile, ResetStage};
use switchyard_tests::{Ask, Yard, far, fast_map, merge, route};

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::Anthropic;

/// What Hot does, what that is called in the log for a plain answer and for a stream, and how often Hot is tried.
fn faults() -> Vec<(Fault, &'static str, &'static str, u32)> {
    let late = 600_000;
    let same = |fault, kind, tries| (fault, kind, kind, tries);
    vec![
        same(Fault::status(401), "key_rejected", 1),
        same(Fault::status(402), "unpaid", 1),
        same(Fault::status(403), "forbidden", 1),
        same(Fault::status(404), "model_not_found", 1),
        same(Fault::status(408), "upstream_timeout", 3),
        same(Fault::status(413), "too_large", 1),
        same(Fault::status(429), "rate_limited", 1),
        same(Fault::status(500), "server_error", 3),
        same(Fault::status(502), "server_error", 3),
        same(Fault::status(503), "overloaded", 3),
        same(Fault::status(504), "upstream_timeout", 3),
        same(Fault::status(529), "overloaded", 3),
        same(Fault::Reset { stage: ResetStage::Request }, "reset", 3),
        same(Fault::Refuse, "connect", 1),
        same(Fault::Silence, "first_byte_timeout", 1),
        same(Fault::SlowHeaders { ms: late }, "first_byte_timeout", 1),
        (Fault::SlowFirstToken { ms: late }, "idle_timeout", "first_token_timeout", 1),
        (Fault::StallStream { after_chunks: 0 }, "idle_timeout", "first_token_timeout", 1),
        (Fault::RoleOnlyThenStall, "idle_timeout", "first_token_timeout", 1),
        same(Fault::CutStream { after_chunks: 0 }, "cut", 3),
        same(Fault::MalformedChunk { after_chunks: 0 }, "malformed", 1),
        same(Fault::ErrorEvent { after_chunks: 0 }, "overloaded", 3),
        same(Fault::InBandError, "overloaded", 3),
        same(Fault::EmptyBody, "empty_body", 3),
        same(Fault::Html { redirect: false }, "html", 1),
        same(Fault::Html { redirect: true }, "redirect", 1),
    ]
}

async fn each_fault_on_hot_is_answered_by_warm(dialect: Dialect, stream: bool) {
    let yard = Yard::start().await;
    let hot = yard.add(Profile::new("hot").dialect(dialect)).await;
    let warm = yard.add(Profile::new("warm").dialect(dialect)).await;
    let ask = Ask::new(dialect, "Is the shop open?").streaming(stream);
    let ways =
        [false, true].into_iter().flat_map(|is_far| faults().into_iter().map(move |fault| (is_far, fault)));
    for (case, (is_far, (fault, plain, streamed, tries))) in ways.enumerate() {
        // A route of its own each time: what one fault left behind must not meet the next.
        let id = format!("hot-{case}");
        let way = |route| if is_far { far(route) } else { route };
        yard.apply(&fast_map(&[way(merge(route(&hot), json!({ "id": id })))], &[way(route(&warm))])).await;
        hot.set_fault(fault.clone()).await.unwrap();
        let (hot_before, warm_before) = (hot.calls(), warm.calls());

        let reply = yard.send(&ask).await;

        let completion = reply.completion(dialect);
        assert!(completion.text.starts_with("[warm-1 @ warm]"), "{fault:?}: {completion:?}");
        assert_eq!((reply.route(), reply.way()), ("warm", ("warm", tries + 1, true)), "{fault:?}");
        assert_eq!(warm.calls() - warm_before, 1, "{fault:?}");
        let seen_by_hot = if fault == Fault::Refuse { 0 } else { u64::from(tries) };
        assert_eq!(hot.calls() - hot_before, seen_by_hot, "{fault:?}");
        let logged = yard.get("/v1/requests?limit=1").await;
        assert_eq!(logged[0]["id"], reply.header("x-switchyard-request-id"), "{fault:?}");
        let tried: Vec<(&str, &str)> = logged[0]["attempts"].as_array().unwrap().iter().map(seen).collect();
        let kind = if stream { streamed } else { plain };
        let mut expected = vec![(id.as_str(), kind); tries as usize];
        expected.push(("warm", ""));
        assert_eq!(tried, expected, "{fault:?}: {}", logged[0]);
        hot.heal().await.unwrap();
    }
}

fn seen(attempt: &Value) -> (&str, &str) {
    (attempt["route"].as_str().unwrap(), attempt["failure"]["kind"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn each_fault_on_hot_is_answered_by_warm_chat() {
    each_fault_on_hot_is_answered_by_warm(CHAT, false).await;
}

#[tokio::test]
async fn each_fault_on_hot_is_answered_by_warm_chat_stream() {
    each_fault_on_hot_is_answered_by_warm(CHAT, true).await;
}

#[tokio::test]
async fn each_fault_on_hot_is_answered_by_warm_messages() {
    each_fault_on_hot_is_answered_by_warm(MESSAGES, false).await;
}

#[tokio::test]
async fn each_fault_on_hot_is_answered_by_warm_messages_stream() {
    each_fault_on_hot_is_answered_by_warm(MESSAGES, true).await;
}

#[tokio::test]
async fn a_healthy_hot_answers_and_says_so() {
    for dialect in [CHAT, MESSAGES] {
        let yard = Yard::over(&[dialect], &[dialect], json!({})).await;
        for stream in [false, true] {
            let reply = yard.send(&Ask::new(dialect, "hello").streaming(stream)).await;
            let completion = reply.completion(dialect);
            assert!(completion.text.starts_with("[hot-1 @ hot]"), "{completion:?}");
            assert_eq!(completion.model, "hot-1", "the response names the model that answered");
            assert_eq!((reply.route(), reply.way()), ("hot", ("hot", 1, false)));
            assert!(reply.header("x-switchyard-request-id").starts_with("req_"), "{reply:?}");
        }
        assert_eq!(yard.provider("warm").calls(), 0);
    }
}

#[tokio::test]
async fn connections_that_are_reset_as_they_are_made_are_answered_by_warm() {
    for stream in [false, true] {
        let yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
        yard.provider("hot").set_fault(Fault::Reset { stage: ResetStage::Accept }).await.unwrap();
        let reply = yard.send(&Ask::chat("hello").streaming(stream)).await;
        assert!(reply.completion(CHAT).text.starts_with("[warm-1 @ warm]"));
        // Depending on who is faster the reset meets the connection or the request on it; both are said.
        let logged = yard.get("/v1/requests?limit=1").await;
        let (kind, tries) = (logged[0]["attempts"][0]["failure"]["kind"].clone(), reply.way().1);
        assert!(
            ["reset", "connect"].contains(&kind.as_str().unwrap()) && (2..=4).contains(&tries),
            "{}",
            logged[0]
        );
    }
}

#[tokio::test]
async fn a_stream_without_its_done_is_an_answer() {
    for dialect in [CHAT, MESSAGES] {
        let yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
        yard.provider("hot").set_fault(Fault::MissingDone).await.unwrap();
        let reply = yard.send(&Ask::new(dialect, "hello").streaming(true)).await;
        assert!(reply.completion(dialect).text.starts_with("[hot-1 @ hot]"));
        let logged = yard.get("/v1/requests?limit=1").await;
        assert_eq!((&logged[0]["outcome"], &logged[0]["degraded"]), (&json!("answered"), &json!(false)));
        let shown = yard.route("hot").await;
        assert_eq!((shown.last, shown.last_failure), (vec![true], None));
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_tried_once() {
    let yard = Yard::start().await;
    let warm = yard.add(Profile::new("warm").dialect(CHAT)).await;
    let nowhere = json!({ "id": "hot", "provider": "hot", "model": "m", "auth": "none",
        "baseUrl": "http://api.nowhere.invalid/v1" });
    yard.apply(&fast_map(&[nowhere], &[route(&warm)])).await;
    let reply = yard.chat("hello").await;
    assert!(reply.completion(CHAT).text.starts_with("[warm-1 @ warm]"));
    assert_eq!(reply.way(), ("warm", 2, true));
}

#[tokio::test]
async fn a_request_the_provider_finds_fault_with_goes_back_to_the_caller_with_its_reason() {
    for (caller, upstream) in [(CHAT, CHAT), (MESSAGES, MESSAGES), (CHAT, MESSAGES), (MESSAGES, CHAT)] {
        let yard = Yard::over(&[upstream], &[CHAT], json!({})).await;
        let body =
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"temperature: too hot"}}"#;
        let fault = Fault::Status { code: 400, retry_after_s: None, body: Some(body.to_owned()) };
        yard.provider("hot").set_fault(fault).await.unwrap();
        for stream in [false, true] {
            let reply = yard.send(&Ask::new(caller, "hello").streaming(stream)).await;
            assert_eq!(reply.status, 400, "{reply:?}");
            assert_eq!(reply.error(caller).1, "temperature: too hot");
        }
        assert_eq!((yard.provider("hot").calls(), yard.provider("warm").calls()), (2, 0));
        assert_eq!(yard.route("hot").await.last_failure, None, "a caller's fault condemns nobody");
    }
}

#[tokio::test]
async fn a_prompt_too_long_for_hot_is_answered_by_a_larger_model() {
    let yard = Yard::start().await;
    let hot = yard.add(Profile::new("hot").dialect(CHAT).context_chars(100)).await;
    let warm = yard.add(Profile::new("warm").dialect(MESSAGES)).await;
    yard.apply(&fast_map(&[route(&hot)], &[route(&warm)])).await;
    let reply = yard.chat(&"long ".repeat(100)).await;
    assert!(reply.completion(CHAT).text.starts_with("[warm-1 @ warm]"));
    assert_eq!(yard.route("hot").await.last_failure, None, "the route did as it should");
    warm.set_fault(Fault::status(500)).await.unwrap();
    let reply = yard.chat("short").await;
    assert_eq!(reply.way(), ("hot", 1, false), "hot still takes what fits");
}

#[tokio::test]
async fn a_filtered_answer_is_the_answer() {
    for dialect in [CHAT, MESSAGES] {
        let yard = Yard::over(&[dialect], &[dialect], json!({})).await;
        yard.provider("hot").set_fault(Fault::ContentFilter).await.unwrap();
        for stream in [false, true] {
            let reply = yard.send(&Ask::new(dialect, "hello").streaming(stream)).await;
            let expected = if dialect == CHAT { "content_filter" } else { "refusal" };
            assert_eq!(reply.completion(dialect).finish, expected);
        }
        assert_eq!(yard.provider("warm").calls(), 0, "no other model is asked to say it instead");
    }
}

#[tokio::test]
async fn no_request_is_tried_more_than_six_times() {
    let yard =
        Yard::over(&[CHAT, CHAT], &[CHAT, CHAT], json!({ "flags": { "enable_cold_queue": false } })).await;
    for name in ["hot", "hot2", "warm", "warm2"] {
        yard.provider(name).set_fault(Fault::status(500)).await.unwrap();
    }
    let reply = yard.chat("hello").await;
    assert_eq!((reply.status, reply.header("x-switchyard-attempts")), (502, "6"), "{reply:?}");
    let calls = ["hot", "hot2", "warm", "warm2"].map(|name| yard.provider(name).calls());
    assert_eq!(calls.iter().sum::<u64>(), 6);
    assert!(calls.iter().all(|n| (1..=3).contains(n)), "every route gets its turn: {calls:?}");
}

#[tokio::test]
async fn no_request_outlasts_its_slo() {
    for caller in [CHAT, MESSAGES] {
        let patient = json!({ "sloMs": 800, "timeouts": { "firstByteMs": 60_000, "firstTokenMs": 60_000 } });
        let yard = Yard::over(&[caller], &[caller], patient).await;
        for (fault, stream, kind) in [
            (Fault::Silence, false, "first_byte_timeout"),
            (Fault::Silence, true, "first_byte_timeout"),
            (Fault::RoleOnlyThenStall, true, "first_token_timeout"),
        ] {
            for name in ["hot", "warm"] {
                yard.provider(name).set_fault(fault.clone()).await.unwrap();
            }
            let reply = yard.send(&Ask::new(caller, "hello").streaming(stream)).await;
            assert_eq!(reply.status, if stream { 503 } else { 202 }, "{fault:?}");
            let id = reply.header("x-switchyard-request-id");
            let logged = yard.get("/v1/requests?limit=10").await;
            let logged = logged.as_array().unwrap().iter().find(|request| request["id"] == id).unwrap();
            let took = logged["durationMs"].as_u64().unwrap();
            assert!((800..5_000).contains(&took), "{fault:?}: {took} ms");
            let tried: Vec<(&str, &str)> = logged["attempts"].as_array().unwrap().iter().map(seen).collect();
            assert_eq!(tried, [("hot", kind), ("warm", kind)], "each has its share of the time");
        }
    }
}

#[tokio::test]
async fn a_failover_is_in_the_log_by_provider_and_model_however_much_is_asked() {
    let settings = json!({
        "breaker": { "consecutiveFailures": 3, "halfOpenEveryMs": 200, "successesToClose": 1 },
        "retry": { "attempts": 1 },
    });
    let yard = Yard::with_credentials(&json!({})).await;
    let named = |route: Value, provider: &str, model: &str| {
        merge(route, json!({ "provider": provider, "model": model }))
    };
    let hot = named(yard.added(CHAT.into(), "hot").await, "acme", "sonnet-4.6");
    let warm = named(yard.added(CHAT.into(), "warm").await, "openai", "gpt-4o-mini");
    yard.apply(&merge(fast_map(&[hot], &[warm]), settings)).await;
    let lines = |part: &str| yard.log().lines().filter(|line| line.contains(part)).count();
    assert_eq!(yard.chat("hello").await.route(), "hot");
    assert_eq!(yard.log(), "", "nothing is said while nothing moves");

    yard.provider("hot").set_fault(Fault::status(503)).await.unwrap();
    for _ in 0..40 {
        assert_eq!(yard.chat("hello").await.route(), "warm");
    }
    assert_eq!(lines("failover provider=openai model=gpt-4o-mini tier=warm"), 1);
    assert_eq!(lines("circuit open provider=acme model=sonnet-4.6 reason=\"503 overloaded\""), 1);
    assert_eq!(lines("answered by a fallback provider=openai model=gpt-4o-mini"), 1, "{}", yard.log());

    yard.provider("hot").heal().await.unwrap();
    yard.wait_for_route("the test call to be due", "hot", |route| route.next_probe_in_ms == Some(0)).await;
    assert_eq!(yard.chat("hello").await.route(), "hot");
    assert_eq!(lines("circuit closed provider=acme model=sonnet-4.6"), 1);
    assert_eq!(lines("failback provider=acme model=sonnet-4.6 tier=hot"), 1);

    for name in ["hot", "warm"] {
        yard.provider(name).set_fault(Fault::status(500)).await.unwrap();
    }
    for _ in 0..10 {
        assert_eq!(yard.chat("hello").await.status, 202);
    }
    assert_eq!(lines("queued job_id="), 1, "{}", yard.log());
    assert!(!yard.log().contains("127.0.0.1") && !yard.log().contains(yard.key()), "{}", yard.log());
}
