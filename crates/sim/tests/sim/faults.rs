//! Each fault, as its caller meets it.

use futures_util::StreamExt;
use serde_json::json;
use switchyard_sim::{Dialect, Fault, FaultError, FaultRule, Profile, ResetStage, SimProvider, SimServer};

use crate::{ask, client, json_of, post, streamed_text, until, with, within};

const CHAT: Dialect = Dialect::OpenaiChat;

async fn broken(fault: impl Into<FaultRule>) -> SimProvider {
    let sim = SimProvider::start_with(Profile::new("acme")).await.unwrap();
    sim.set_fault(fault).await.unwrap();
    sim
}

fn streaming() -> serde_json::Value {
    with(ask("hello"), json!({ "stream": true }))
}

/// What arrives of a stream, and whether it ended in good order.
async fn read_stream(sim: &SimProvider, dialect: Dialect) -> (String, bool) {
    let mut body = post(sim.url(), dialect, &streaming()).send().await.unwrap().bytes_stream();
    let mut read = Vec::new();
    while let Some(part) = body.next().await {
        match part {
            Ok(part) => read.extend_from_slice(&part),
            Err(_) => return (String::from_utf8(read).unwrap(), false),
        }
    }
    (String::from_utf8(read).unwrap(), true)
}

/// How many content chunks arrived.
fn chunks(stream: &str) -> usize {
    let chat = stream.matches(r#""delta":{"content""#).count();
    chat + stream.matches("text_delta").count()
}

#[tokio::test]
async fn every_status_speaks_the_dialect() {
    let cases = [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "invalid_request_error", "authentication_error"),
        (402, "insufficient_quota", "billing_error"),
        (403, "invalid_request_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (408, "timeout", "timeout_error"),
        (413, "invalid_request_error", "request_too_large"),
        (429, "requests", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (502, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
        (504, "server_error", "timeout_error"),
        (529, "server_error", "overloaded_error"),
    ];
    let sim = SimProvider::start_with(Profile::new("acme")).await.unwrap();
    for (code, chat, anthropic) in cases {
        sim.set_fault(Fault::status(code)).await.unwrap();
        for (dialect, kind) in [(CHAT, chat), (Dialect::Anthropic, anthropic)] {
            let (status, body) = json_of(post(sim.url(), dialect, &ask("hi"))).await;
            assert_eq!((status, &body["error"]["type"]), (code, &json!(kind)), "{dialect:?}");
        }
    }
}

#[tokio::test]
async fn a_status_carries_retry_after_and_a_body_of_ones_own() {
    let body = Some("upstream connect error".to_owned());
    let sim = broken(Fault::Status { code: 429, retry_after_s: Some(12), body }).await;
    let response = post(sim.url(), CHAT, &ask("hi")).send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "12");
    assert_eq!(response.text().await.unwrap(), "upstream connect error");
    assert_eq!(sim.requests()[0].fault.as_deref(), Some("status"));
}

#[tokio::test]
async fn a_reset_is_a_reset_and_not_a_close() {
    for stage in [ResetStage::Accept, ResetStage::Request] {
        let sim = broken(Fault::Reset { stage }).await;
        let error = post(sim.url(), CHAT, &ask("hi")).send().await.unwrap_err();
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |cause| cause.source());
        let kinds: Vec<_> = causes
            .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
            .map(std::io::Error::kind)
            .collect();
        assert!(kinds.contains(&std::io::ErrorKind::ConnectionReset), "{stage:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_refusing_provider_refuses_and_comes_back_on_the_same_port() {
    let sim = SimProvider::start_with(Profile::new("acme")).await.unwrap();
    let kept_alive = client();
    let models = format!("{}/v1/models", sim.url());
    assert_eq!(kept_alive.get(&models).send().await.unwrap().status(), 200);
    for _ in 0..2 {
        sim.set_fault(Fault::Refuse).await.unwrap();
        until(&sim, |traffic| traffic.open_connections == 0).await;
        let error = kept_alive.get(&models).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        sim.clear_fault(None).await.unwrap();
        assert_eq!(kept_alive.get(&models).send().await.unwrap().status(), 200);
    }
    let shared = SimServer::start(switchyard_sim::SimConfig::default()).await.unwrap();
    let refused = shared.control().provider("acme").set_fault(Fault::Refuse).await.unwrap_err();
    assert!(matches!(refused, FaultError::SharedPort));
}

#[tokio::test]
async fn a_silent_provider_notices_that_its_client_went_away() {
    let sim = broken(Fault::Silence).await;
    let (url, body) = (sim.url().to_owned(), ask("hi"));
    let waiting = tokio::spawn(async move { post(&url, CHAT, &body).send().await.map(|_| ()) });
    until(&sim, |traffic| traffic.in_flight == 1).await;
    waiting.abort();
    until(&sim, |traffic| traffic.aborted == 1 && traffic.open_connections == 0).await;
    let seen = &sim.requests()[0];
    assert!(seen.aborted && !seen.ended && seen.status.is_none());
}

#[tokio::test]
async fn slow_faults_delay_what_they_name() {
    // Far longer than the test's patience: what must come at once is told apart from what must not.
    let late = 3_600_000;
    let sim = broken(Fault::SlowFirstToken { ms: late }).await;
    let mut response = within(post(sim.url(), CHAT, &streaming()).send()).await.unwrap();
    assert_eq!(response.status(), 200);
    {
        let first = std::pin::pin!(response.chunk());
        assert!(futures_util::FutureExt::now_or_never(first).is_none());
    }
    drop(response);
    until(&sim, |traffic| traffic.aborted == 1).await;

    sim.set_fault(Fault::SlowHeaders { ms: late }).await.unwrap();
    let (url, body) = (sim.url().to_owned(), streaming());
    let waiting = tokio::spawn(async move { post(&url, CHAT, &body).send().await.map(|_| ()) });
    until(&sim, |traffic| traffic.in_flight == 1).await;
    assert_eq!(sim.requests()[1].status, None);
    waiting.abort();

    for fault in [Fault::SlowFirstToken { ms: 1 }, Fault::SlowHeaders { ms: 1 }] {
        sim.set_fault(fault).await.unwrap();
        let (stream, whole) = read_stream(&sim, CHAT).await;
        assert!(whole && stream.ends_with("[DONE]\n\n"));
        assert_eq!(json_of(post(sim.url(), CHAT, &ask("hi"))).await.0, 200);
    }
}

#[tokio::test]
async fn a_stream_is_struck_after_the_chunks_named() {
    for dialect in [CHAT, Dialect::Anthropic] {
        for after_chunks in [0, 1, 3] {
            let sim = broken(Fault::CutStream { after_chunks }).await;
            let (stream, whole) = read_stream(&sim, dialect).await;
            assert_eq!((chunks(&stream), whole), (after_chunks as usize, false), "cut: {stream}");
            assert_eq!(sim.aborted(), 0, "the provider cut it, not the client");

            sim.set_fault(Fault::MalformedChunk { after_chunks }).await.unwrap();
            let (stream, whole) = read_stream(&sim, dialect).await;
            let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
            let bad =
                data.filter(|d| *d != "[DONE]" && serde_json::from_str::<serde_json::Value>(d).is_err());
            assert_eq!((bad.count(), whole), (1, true), "malformed: {stream}");

            sim.set_fault(Fault::ErrorEvent { after_chunks }).await.unwrap();
            let (stream, whole) = read_stream(&sim, dialect).await;
            assert_eq!((chunks(&stream), whole), (after_chunks as usize, true), "error: {stream}");
            assert!(stream.contains("Overloaded"), "{stream}");
            assert!(
                !stream.contains(r#"_reason":"stop"#) && !stream.contains(r#"_reason":"end_turn"#),
                "{stream}"
            );
        }
        let sim = broken(Fault::MissingDone).await;
        let (stream, whole) = read_stream(&sim, dialect).await;
        assert!(whole && chunks(&stream) == 6, "{stream}");
        assert!(!stream.contains("[DONE]") && !stream.contains("message_stop"), "{stream}");

        let sim = broken(Fault::CutStream { after_chunks: 1000 }).await;
        assert!(!read_stream(&sim, dialect).await.1, "a short stream is cut at its end");
    }
}

#[tokio::test]
async fn a_stalled_stream_sends_its_chunks_and_then_nothing() {
    for (fault, expected) in [(Fault::StallStream { after_chunks: 2 }, 2), (Fault::RoleOnlyThenStall, 0)] {
        let sim = broken(fault).await;
        let mut response = post(sim.url(), CHAT, &streaming()).send().await.unwrap();
        let mut read = String::new();
        while chunks(&read) < expected || !read.contains("assistant") {
            read += std::str::from_utf8(&within(response.chunk()).await.unwrap().unwrap()).unwrap();
        }
        assert_eq!(chunks(&read), expected);
        assert_eq!(sim.traffic().in_flight, 1);
        drop(response);
        until(&sim, |traffic| traffic.aborted == 1).await;
    }
}

#[tokio::test]
async fn a_captive_portal_answers_in_html() {
    let sim = broken(Fault::Html { redirect: false }).await;
    let response = post(sim.url(), CHAT, &ask("hi")).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"].to_str().unwrap()[..9]),
        (200, "text/html")
    );
    assert!(response.text().await.unwrap().contains("Free Wi-Fi"));
    sim.set_fault(Fault::Html { redirect: true }).await.unwrap();
    let response = post(sim.url(), CHAT, &ask("hi")).send().await.unwrap();
    assert_eq!(response.status(), 302);
    assert!(response.headers().contains_key("location"));
}

#[tokio::test]
async fn answers_of_status_200_that_are_none() {
    for body in [ask("hi"), streaming()] {
        let sim = broken(Fault::EmptyBody).await;
        let response = post(sim.url(), CHAT, &body).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.bytes().await.unwrap().len()), (200, 0));

        sim.set_fault(Fault::InBandError).await.unwrap();
        let response = post(sim.url(), CHAT, &body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        assert!(text.trim_start_matches("data: ").starts_with(r#"{"error":{"#), "{text}");

        sim.set_fault(Fault::TruncatedBody).await.unwrap();
        let response = post(sim.url(), CHAT, &body).send().await.unwrap();
        assert!(response.content_length().unwrap() > 0);
        assert!(response.bytes().await.is_err());
        assert_eq!(sim.aborted(), 0);
    }
}

#[tokio::test]
async fn stream_faults_spoil_plain_answers_too() {
    let sim = broken(Fault::CutStream { after_chunks: 2 }).await;
    assert!(post(sim.url(), CHAT, &ask("hi")).send().await.unwrap().bytes().await.is_err());
    sim.set_fault(Fault::MalformedChunk { after_chunks: 0 }).await.unwrap();
    let body = post(sim.url(), CHAT, &ask("hi")).send().await.unwrap().text().await.unwrap();
    assert!(body.starts_with('{') && serde_json::from_str::<serde_json::Value>(&body).is_err());
}

#[tokio::test]
async fn a_filtered_answer_says_so() {
    let sim = broken(Fault::ContentFilter).await;
    let chat = json_of(post(sim.url(), CHAT, &ask("hi"))).await.1;
    assert_eq!(chat["choices"][0]["finish_reason"], "content_filter");
    let message = json_of(post(sim.url(), Dialect::Anthropic, &ask("hi"))).await.1;
    assert_eq!(message["stop_reason"], "refusal");
    let (stream, _) = read_stream(&sim, CHAT).await;
    assert!(stream.contains("content_filter") && streamed_text(&stream).is_empty());
}

#[tokio::test]
async fn a_rule_reaches_its_model_its_count_and_its_share() {
    let sim = broken(FaultRule::from(Fault::status(500)).times(2)).await;
    let status = async |model: &str| {
        json_of(post(sim.url(), CHAT, &with(ask("hi"), json!({ "model": model })))).await.0
    };
    let models = format!("{}/v1/models", sim.url());
    assert_eq!(client().get(&models).send().await.unwrap().status(), 200, "a probe uses no count up");
    assert_eq!([status("a").await, status("a").await, status("a").await], [500, 500, 200]);
    assert!(sim.faults().is_empty());

    sim.set_fault(FaultRule::from(Fault::status(503)).for_model("a")).await.unwrap();
    sim.set_fault(Fault::status(429)).await.unwrap();
    assert_eq!([status("a").await, status("b").await], [503, 429]);
    assert_eq!(client().get(&models).send().await.unwrap().status(), 429, "a broken host breaks its listing");
    sim.heal().await.unwrap();

    sim.set_fault(FaultRule::from(Fault::status(500)).with_probability(0.5)).await.unwrap();
    let mut drawn = Vec::new();
    for _ in 0..20 {
        drawn.push(status("a").await);
    }
    let struck = drawn.iter().filter(|status| **status == 500).count();
    assert!((4..=16).contains(&struck), "{drawn:?}");
    for (rule, field) in [
        (FaultRule::from(Fault::status(200)), "fault.code"),
        (FaultRule::from(Fault::Silence).times(0), "count"),
        (FaultRule::from(Fault::Silence).with_probability(1.5), "probability"),
        (FaultRule::from(Fault::Refuse).for_model("a"), "fault"),
    ] {
        let refused = sim.set_fault(rule).await.unwrap_err().to_string();
        assert!(refused.starts_with(&format!("{field}: ")), "{refused}");
    }
}
