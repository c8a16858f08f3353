//! What a caller or a provider can fill has a bound, and beyond it one is told instead of everybody paying.

use serde_json::{Value, json};
use switchyard_sim::Dialect;
use switchyard_tests::{Ask, Yard, within};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const CHAT: Dialect = Dialect::OpenaiChat;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const MESSAGES: Dialect = Dialect::Anthropic;

#[tokio::test]
async fn a_long_conversation_in_translation_keeps_its_answer() {
    let yard = Yard::over(&[MESSAGES], &[], json!({})).await;
    let mut ask = Ask::chat("hello");
    for at in 0..2_000 {
        ask.turns().insert(0, json!({ "role": "user", "content": "hi", "name": format!("n{at}") }));
    }
    let reply = yard.send(&ask).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("x-switchyard-degradations"), "field_dropped messages[*].name");
    let members: serde_json::Map<String, Value> =
        (0..20_000).map(|at| (format!("member_{at}"), json!(1))).collect();
    let reply = yard.send(&Ask::chat("hello").with(Value::Object(members))).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let told = reply.header("x-switchyard-degradations");
    assert!(told.len() <= 1_024 && told.contains("; +"), "{told}");
    let logged = &yard.get("/v1/requests?limit=1").await[0];
    let lost = logged["degradations"].as_array().unwrap();
    assert!(lost.len() <= 65 && lost.last().unwrap() == "and 19936 more", "{lost:?}");
}

#[tokio::test]
async fn a_name_of_any_length_is_refused_by_its_field() {
    let yard = Yard::over(&[CHAT, MESSAGES, RESPONSES], &[], json!({})).await;
    let long = "A".repeat(100_000);
    for dialect in [CHAT, MESSAGES, RESPONSES] {
        let reply = yard.send(&Ask::new(dialect, "hello").model(&long)).await;
        let (_, message) = reply.error(dialect);
        assert_eq!(reply.status, 400, "{message}");
        assert!(message.contains("model") && message.contains("256") && message.len() < 1_000, "{message}");
        for header in ["idempotency-key", "x-switchyard-job", "x-switchyard-conversation"] {
            let reply = yard.send(&Ask::new(dialect, "hello").header(header, &long[..300])).await;
            let (_, message) = reply.error(dialect);
            assert!(reply.status == 400 && message.contains(header), "{header}: {message}");
        }
    }
    let snapshot = yard.get("/v1/snapshot").await.to_string();
    assert!(snapshot.len() < 200_000, "{} bytes", snapshot.len());
}

/// An upload under way: its head and the beginning of its body.
async fn upload(yard: &Yard, sent: usize) -> TcpStream {
    let at = yard.proxy_url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&at).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {at}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 20000000\r\n\r\n",
        yard.key()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; sent]).await.unwrap();
    stream
}

#[tokio::test]
async fn a_body_that_is_still_coming_has_a_place_and_its_bytes_are_counted() {
    let more =
        json!({ "limits": { "maxInFlight": 2, "maxBodyBytes": 20_000_000, "maxBytesInFlight": 20_000_000 } });
    let yard = Yard::over(&[CHAT], &[], more).await;
    let first = upload(&yard, 10).await;
    yard.wait_for("one request under way", |snapshot| snapshot.traffic.in_flight == 1).await;
    assert_eq!(yard.chat("hello").await.status, 200);
    let second = upload(&yard, 10).await;
    yard.wait_for("two requests under way", |snapshot| snapshot.traffic.in_flight == 2).await;
    let reply = yard.chat("hello").await;
    let (code, message) = reply.error(CHAT);
    assert_eq!((reply.status, code), (429, "too_many_in_flight".into()), "{message}");
    drop((first, second));
    yard.wait_for("room again", |snapshot| snapshot.traffic.in_flight == 0).await;

    let large = Ask::chat(&"x".repeat(100_000));
    // The two race for the room: a large one that comes while the upload is still being read gets it, and the upload is
    // refused. So each next upload is given more time, told by small requests.
    let full = async {
        for small in 0.. {
            let most_of_it = upload(&yard, 19_990_000).await;
            for _ in 0..1 << small {
                assert_eq!(yard.chat("hello").await.status, 200);
            }
            if yard.send(&large).await.status == 429 {
                return most_of_it;
            }
        }
        unreachable!()
    };
    let _most_of_it = within("the bytes under way to be too many", full).await;
    assert_eq!(yard.chat("hello").await.status, 200, "a small one still fits");
}

#[tokio::test]
async fn one_app_can_have_a_bound_of_its_own() {
    let more = json!({ "clients": { "default": { "maxInFlight": 1 } } });
    let yard = Yard::over(&[CHAT], &[], more).await;
    let _upload = upload(&yard, 10).await;
    yard.wait_for("one request under way", |snapshot| snapshot.traffic.in_flight == 1).await;
    let reply = yard.chat("hello").await;
    let (_, message) = reply.error(CHAT);
    assert!(reply.status == 429 && message.contains("clients.default.maxInFlight"), "{message}");
}

#[tokio::test]
async fn a_slip_in_a_control_call_changes_nothing() {
    let yard = Yard::over(&[CHAT], &[MESSAGES], json!({})).await;
    for (path, body, named) in [
        ("/v1/shifts", json!({ "from": "hot", "percnt": 5 }), "Did you mean `percent`?"),
        (
            "/v1/overrides/kill",
            json!({ "scope": { "kind": "route", "name": "hot" }, "on": true, "forms": 9 }),
            "forMs",
        ),
        ("/v1/pause", json!({ "reasn": "x" }), "reason"),
        ("/v1/pause", json!({ "reason": "x".repeat(1_900_000) }), "longer than 1000"),
        ("/v1/overrides/except", json!({ "provider": "hot", "on": true, "reasons": "x" }), "reason"),
    ] {
        let (status, problem) = yard.post(path, &body).await;
        assert_eq!((status, problem["code"].as_str()), (422, Some("invalid_body")), "{path}: {problem}");
        assert!(
            problem.to_string().contains(named) && problem.to_string().len() < 1_000,
            "{path}: {problem}"
        );
    }
    assert_eq!(yard.chat("hello").await.status, 200);
    assert_eq!(yard.get("/v1/shifts").await["shifts"], json!([]));
    assert_eq!(yard.get("/v1/overrides").await["kills"], json!([]));
}
