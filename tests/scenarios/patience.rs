//! How long a silent route is waited for, and what its silence counts for.

use futures_util::future::join_all;
use serde_json::{Value, json};
use switchyard_domain::view::CircuitState;
use switchyard_sim::{Dialect, Fault, Profile};
use switchyard_tests::{Act, Ask, Canned, Kind, Stopwatch, Yard, fast_map, merge, route};

const CHAT: Dialect = Dialect::OpenaiChat;
const EVENTS: &str = "HTTP/1.1 200 OK\ncontent-type: text/event-stream";
const JSON: &str = "HTTP/1.1 200 OK\ncontent-type: application/json";
const WORD: &str = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"One \"}}]}\n\n";

/// A map with every time limit at its default.
fn shipped(hot: &[Value], warm: &[Value], more: Value) -> Value {
    let mut map = fast_map(hot, warm);
    if let Value::Object(members) = &mut map {
        for name in ["sloMs", "timeouts", "retry", "breaker", "cold"] {
            members.remove(name);
        }
    }
    merge(map, more)
}

#[tokio::test]
async fn a_silent_hot_is_answered_by_warm_within_a_written_slo() {
    let slos = [
        (json!({ "sloMs": 4_000 }), None, 4_000),
        (json!({ "jobs": { "quick": { "sloMs": 2_000 } } }), Some("quick"), 2_000),
    ];
    for (more, job, slo_ms) in slos {
        for (fault, stream) in
            [(Fault::Silence, false), (Fault::Silence, true), (Fault::RoleOnlyThenStall, true)]
        {
            let yard = Yard::start().await;
            let (hot, warm) = (yard.add(Profile::new("hot")).await, yard.add(Profile::new("warm")).await);
            yard.apply(&shipped(&[route(&hot)], &[route(&warm)], more.clone())).await;
            hot.set_fault(fault.clone()).await.unwrap();
            let ask = Ask::chat("hello").streaming(stream);
            let ask = job.map_or(ask.clone(), |job| ask.job(job));

            let replies = join_all((0..5).map(|_| yard.send(&ask))).await;

            for reply in replies {
                assert_eq!(reply.way(), ("warm", 2, true), "{fault:?} {reply:?}");
                let id = reply.header("x-switchyard-request-id");
                let logged = yard.get("/v1/requests?limit=20").await;
                let logged = logged.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone();
                assert!(logged["durationMs"].as_u64().unwrap() < slo_ms, "{logged}");
            }
            assert_eq!(
                yard.route("hot").await.circuit,
                CircuitState::Open,
                "{fault:?}: noticed in five calls"
            );
            let next = yard.send(&ask).await;
            assert_eq!((next.way(), hot.calls()), (("warm", 1, true), 5), "{fault:?}: nobody waits any more");
        }
    }
}

#[tokio::test]
async fn a_body_that_goes_silent_behind_its_head_is_answered_by_warm() {
    let half = Act::say(r#"{"id":"c1","object":"chat.completion","choices":[{"#);
    for acts in [vec![Act::Hang], vec![half, Act::Hang]] {
        let hot = Canned::acting(JSON, acts).await;
        let yard = Yard::start().await;
        let warm = yard.add(Profile::new("warm")).await;
        let more = json!({ "timeouts": { "bodyMs": 300 } });
        yard.apply(&shipped(&[hot.route("openai-chat")], &[route(&warm)], more)).await;
        let reply = yard.chat("hello").await;
        assert_eq!(reply.way(), ("warm", 2, true), "{reply:?}");
        let logged = yard.get("/v1/requests?limit=1").await;
        assert_eq!(logged[0]["attempts"][0]["failure"]["kind"], "idle_timeout", "{logged}");
    }
}

#[tokio::test]
async fn keep_alives_alone_are_not_believed_for_ever() {
    let alive = || (0..200).flat_map(|_| [Act::say(": still here\n\n"), Act::Wait(50)]);
    let more = json!({ "timeouts": { "keepAliveMs": 600, "idleMs": 20_000 } });

    let before = Canned::acting(EVENTS, alive()).await;
    let yard = Yard::start().await;
    let warm = yard.add(Profile::new("warm")).await;
    yard.apply(&shipped(&[before.route("openai-chat")], &[route(&warm)], more.clone())).await;
    let reply = yard.send(&Ask::chat("hello").streaming(true)).await;
    assert_eq!(reply.way(), ("warm", 2, true), "{reply:?}");
    let logged = yard.get("/v1/requests?limit=1").await;
    assert_eq!(logged[0]["attempts"][0]["failure"]["kind"], "first_token_timeout", "{logged}");

    let behind = Canned::acting(EVENTS, std::iter::once(Act::say(WORD)).chain(alive())).await;
    yard.apply(&shipped(&[behind.route("openai-chat")], &[route(&warm)], more)).await;
    let began = Stopwatch::start();
    let reply = yard.send(&Ask::chat("hello").streaming(true)).await;
    assert!(began.elapsed().as_millis() < 9_000, "the upstream goes on for ten seconds");
    assert!(reply.partial_text(CHAT).starts_with("One [warm-1 @ warm]"), "{reply:?}");
    let logged = yard.get("/v1/requests?limit=1").await;
    let failure = &logged[0]["attempts"][0]["failure"];
    assert_eq!(failure["kind"], "idle_timeout", "{logged}");
    assert!(failure["message"].as_str().unwrap().contains("nothing but keep-alives"), "{failure}");
}

#[tokio::test]
async fn a_flood_before_the_first_token_is_given_up() {
    let empty = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{}}]}\n\n".repeat(1_000);
    let flood = std::iter::repeat_n(Act::say(&empty), 40).chain([Act::Hang]);
    let hot = Canned::acting(EVENTS, flood).await;
    let yard = Yard::start().await;
    let warm = yard.add(Profile::new("warm")).await;
    yard.apply(&shipped(&[hot.route("openai-chat")], &[route(&warm)], json!({}))).await;
    let reply = yard.send(&Ask::chat("hello").streaming(true)).await;
    assert_eq!(reply.way(), ("warm", 2, true), "{reply:?}");
    let logged = yard.get("/v1/requests?limit=1").await;
    assert_eq!(logged[0]["attempts"][0]["failure"]["kind"], "malformed", "{logged}");
}

#[tokio::test]
async fn slow_answers_get_through_with_every_default_and_are_asked_for_once() {
    let reasoning = concat!(
        "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r1\",\"model\":\"m\",\"status\":\"in_progress\",\"output\":[]}}\n\n",
        "data: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"id\":\"rs1\",\"type\":\"reasoning\",\"summary\":[]}}\n\n",
    );
    let rest = concat!(
        "data: {\"type\":\"response.output_text.delta\",\"output_index\":1,\"delta\":\"Hi\"}\n\n",
        "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r1\",\"model\":\"m\",\"status\":\"completed\",\"output\":[]}}\n\n",
    );
    let reasoner = Canned::acting(EVENTS, [Act::say(reasoning), Act::Wait(20_000), Act::say(rest)]).await;
    let yard = Yard::start().await;
    let slow = yard.add(Profile::new("slow")).await;
    let warm = yard.add(Profile::new("warm")).await;
    slow.set_fault(Fault::SlowHeaders { ms: 20_000 }).await.unwrap();
    let jobs = json!({ "jobs": { "reasoning": { "hot": ["canned"], "warm": ["warm"] } } });
    let routes = [route(&slow), reasoner.route("openai-responses")];
    yard.apply(&shipped(&routes, &[route(&warm)], jobs)).await;
    let reasons = Ask::responses("hello").streaming(true).job("reasoning");

    let (whole, stream) = tokio::join!(yard.chat("hello"), yard.send(&reasons));

    assert_eq!((whole.status, whole.route(), whole.way()), (200, "slow", ("hot", 1, false)), "{whole:?}");
    assert_eq!((stream.route(), stream.way()), ("canned", ("hot", 1, false)), "{stream:?}");
    assert_eq!(stream.partial_text(Dialect::OpenaiResponses), "Hi");
    assert_eq!((slow.calls(), reasoner.taken().len(), warm.calls()), (1, 1, 0));
    for id in ["slow", "canned"] {
        assert_eq!(yard.route(id).await.circuit, CircuitState::Closed, "{id}");
    }
}

#[tokio::test]
async fn a_queued_job_is_not_bound_by_its_callers_slo() {
    let yard = Yard::start().await;
    let hot = yard.add(Profile::new("hot")).await;
    let quick = json!({ "sloMs": 500, "cold": { "initialMs": 20, "maxMs": 60 } });
    yard.apply(&shipped(&[route(&hot)], &[], quick)).await;
    hot.set_fault(Fault::status(500)).await.unwrap();
    let reply = yard.chat("hello").await;
    assert_eq!(reply.status, 202, "{reply:?}");
    hot.forget();
    hot.set_fault(Fault::SlowHeaders { ms: 1_500 }).await.unwrap();
    yard.wait_for_job(reply.json()["id"].as_str().unwrap(), "done").await;
}

#[tokio::test]
async fn a_route_is_judged_by_its_own_first_token() {
    let yard = Yard::over(&[Kind::Chat], &[Kind::Chat], json!({ "sloMs": 4_000 })).await;
    yard.provider("hot").set_fault(Fault::Silence).await.unwrap();
    let reply = yard.send(&Ask::chat("hello").streaming(true)).await;
    assert_eq!(reply.way(), ("warm", 2, true), "{reply:?}");
    let logged = yard.get("/v1/requests?limit=1").await;
    let waited = logged[0]["firstTokenMs"].as_u64().unwrap();
    assert!(waited >= 700, "the caller waited for both: {logged}");
    let health = yard.get("/gateway/admin/providers/health").await;
    let own = health["providers"]["warm"]["p95_ms"].as_u64().unwrap();
    assert!(own + 600 <= waited, "{own} of {waited} ms: {health}");
}
