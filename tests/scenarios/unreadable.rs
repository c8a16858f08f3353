//! An answer that came and can't be read: the provider did its part. It is no outage, is bought once more at most, and
//! its caller hears of it.

use serde_json::{Value, json};
use switchyard_domain::event::StatusLevel;
use switchyard_domain::view::CircuitState;
use switchyard_sim::Profile;
use switchyard_tests::{Ask, CALLERS, Canned, Kind, Yard, fast_map, merge, route};

const JSON: &str = "HTTP/1.1 200 OK\ncontent-type: application/json";

/// Answers in the form of their API with nothing in them.
const HOLLOW: [(&str, &str); 5] = [
    (
        "openai-chat",
        r#"{"id":"c1","object":"chat.completion","model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":0}}"#,
    ),
    ("openai-responses", r#"{"id":"resp_1","object":"response","model":"m","status":"completed"}"#),
    ("anthropic", r#"{"id":"msg_1","type":"message","role":"assistant","model":"m"}"#),
    ("gemini", r#"{"modelVersion":"m","usageMetadata":{"promptTokenCount":5}}"#),
    ("bedrock-converse", r#"{"stopReason":"end_turn","usage":{"inputTokens":5,"outputTokens":0}}"#),
];

fn named(canned: &Canned, dialect: &str, name: &str) -> Value {
    merge(canned.route(dialect), json!({ "id": name, "provider": name }))
}

#[tokio::test]
async fn an_answer_that_can_not_be_read_is_no_outage_and_is_bought_once_more_at_most() {
    let yard = Yard::start().await;
    let fine = yard.add(Profile::new("fine")).await;
    for (dialect, body) in HOLLOW {
        let canned = Canned::start(JSON, body.as_bytes()).await;
        let routes = ["a", "b", "c"].map(|name| named(&canned, dialect, name));
        let warm = [routes[2].clone(), route(&fine)];
        let jobs = json!({ "jobs": { "odd": { "hot": ["a", "b"], "warm": ["c"] } } });
        yard.apply(&merge(fast_map(&routes[..2], &warm), jobs)).await;
        let mut asked = 0;
        for caller in CALLERS {
            for stream in [false, true] {
                let reply = yard.send(&Ask::new(caller, "hello").job("odd").streaming(stream)).await;
                let place = format!("{dialect} to {caller:?} stream={stream}: {reply:?}");
                asked += 2;
                assert_eq!((reply.status, canned.taken().len()), (502, asked), "{place}");
                let (code, message) = reply.error(caller);
                assert_eq!(code, "unreadable", "{place}");
                assert!(message.contains("without"), "{place}");
                assert_eq!(reply.header("x-should-retry"), "false", "{place}");
            }
        }
        for name in ["a", "b", "c"] {
            let shown = yard.route(name).await;
            assert_eq!((shown.circuit, shown.last_failure), (CircuitState::Closed, None), "{dialect}");
        }
        let logged = yard.get("/v1/requests?limit=1").await;
        assert_eq!(logged[0]["outcome"], "refused", "{logged}");
        let kinds: Vec<&Value> =
            logged[0]["attempts"].as_array().unwrap().iter().map(|one| &one["failure"]["kind"]).collect();
        assert_eq!(kinds, ["unreadable", "unreadable"], "{logged}");
    }
    let snapshot = yard.snapshot().await;
    assert_eq!((snapshot.cold.waiting, snapshot.cold.dead), (0, 0), "nothing was queued");
    assert!(
        !matches!(snapshot.status.lamp, StatusLevel::Stop | StatusLevel::Degraded),
        "{:?}",
        snapshot.status
    );
    assert_eq!(yard.try_get("/v1/incidents/1").await.0, 404, "no incident was opened");
}

#[tokio::test]
async fn another_route_may_answer_what_can_not_be_read() {
    let yard = Yard::start().await;
    let fine = yard.add(Profile::new("fine")).await;
    for (dialect, body) in HOLLOW {
        let canned = Canned::start(JSON, body.as_bytes()).await;
        yard.apply(&fast_map(&[canned.route(dialect)], &[route(&fine)])).await;
        for _ in 0..6 {
            assert_eq!(yard.chat("hello").await.way(), ("warm", 2, true), "{dialect}");
        }
        assert_eq!(yard.route("canned").await.circuit, CircuitState::Closed, "{dialect}");
    }
}

#[tokio::test]
async fn a_queued_job_whose_answer_can_not_be_read_is_a_dead_letter_at_once() {
    let yard = Yard::start().await;
    let (dialect, body) = HOLLOW[0];
    let canned = Canned::start(JSON, body.as_bytes()).await;
    let routes = ["a", "b", "c"].map(|name| named(&canned, dialect, name));
    yard.apply(&fast_map(&routes[..2], &routes[2..])).await;
    assert_eq!(yard.post("/v1/pause", &json!({ "reason": "a test" })).await.0, 204);
    let id = yard.chat("hello").await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(yard.post("/v1/resume", &json!({})).await.0, 204);

    let dead = yard.wait_for_job(&id, "dead").await;

    assert_eq!(dead["lastFailure"]["kind"], "unreadable", "{dead}");
    assert_eq!((canned.taken().len(), &dead["attempts"]), (2, &json!(1)), "{dead}");
}

#[tokio::test]
async fn what_is_no_answer_of_the_api_still_counts_for_its_route() {
    let yard = Yard::over(&[Kind::Chat], &[], json!({})).await;
    let fine = yard.added(Kind::Chat, "fine").await;
    for (head, body, kind) in [
        ("content-type: text/plain", "upstream connect error", "malformed"),
        ("content-type: application/json", r#"{"status":"ok"}"#, "malformed"),
        ("content-type: application/json", r#"{"id":"c1","model":"m","choices":[{"mess"#, "malformed"),
        ("content-type: text/html", "<html><title>Sign in</title></html>", "html"),
        ("content-type: application/json", "", "empty_body"),
    ] {
        let canned = Canned::start(&format!("HTTP/1.1 200 OK\n{head}"), body.as_bytes()).await;
        let map = fast_map(&[canned.route("openai-chat")], std::slice::from_ref(&fine));
        yard.apply(&merge(map, json!({ "retry": { "attempts": 1 } }))).await;
        for _ in 0..5 {
            assert_eq!(yard.messages("hello").await.route(), "fine", "{body}");
        }
        let shown = yard.route("canned").await;
        assert_eq!(shown.circuit, CircuitState::Open, "{body}");
        let logged = yard.get("/v1/requests?limit=1").await;
        assert_eq!(logged[0]["attempts"][0]["failure"]["kind"], kind, "{body} {logged}");
    }
}
