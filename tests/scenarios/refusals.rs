//! Bad input: one clear error in the caller's dialect that names what is wrong and the fix, and nothing else happens.

use serde_json::json;
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Reply, Yard, path, within};

const CHAT: Dialect = Dialect::OpenaiChat;
const BOTH: [Dialect; 2] = [Dialect::OpenaiChat, Dialect::Anthropic];

fn refused(reply: &Reply, dialect: Dialect, status: u16, code: &str, naming: &[&str]) {
    assert_eq!(reply.status, status, "{reply:?}");
    let (got, message) = reply.error(dialect);
    assert_eq!(got, code, "{message}");
    for word in naming {
        assert!(message.contains(word), "`{message}` does not name `{word}`");
    }
    assert!(reply.header("content-type").starts_with("application/json"), "{reply:?}");
    assert!(reply.header("x-switchyard-request-id").starts_with("req_"), "{reply:?}");
}

/// Nothing went upstream, and the router still works.
async fn unharmed(yard: &Yard, dialect: Dialect) {
    assert_eq!(yard.provider("hot").calls(), 0, "a refused request went upstream");
    assert_eq!(yard.send(&Ask::new(dialect, "hello")).await.status, 200);
}

#[tokio::test]
async fn a_body_that_can_not_be_routed_names_the_field() {
    let cases: &[(&str, &[&str])] = &[
        ("", &["JSON"]),
        ("{\"model\": ", &["JSON"]),
        ("[]", &["object"]),
        (r#"{"messages": [{"role":"user","content":"hi"}]}"#, &["model"]),
        (r#"{"model": 7, "messages": []}"#, &["model"]),
        (r#"{"model": "auto"}"#, &["messages"]),
        (r#"{"model": "auto", "messages": "hi"}"#, &["messages"]),
        (r#"{"model": "auto", "stream": "yes", "messages": [{"role":"user","content":"hi"}]}"#, &["stream"]),
    ];
    for dialect in BOTH {
        let yard = Yard::over(&[dialect], &[], json!({})).await;
        let bearer = format!("Bearer {}", yard.key());
        for (body, naming) in cases {
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            let reply = yard.raw(path(dialect), &headers, *body).await;
            refused(&reply, dialect, 400, "invalid_body", naming);
        }
        unharmed(&yard, dialect).await;
    }
}

#[tokio::test]
async fn a_missing_or_wrong_local_key_says_where_the_right_one_is() {
    for dialect in BOTH {
        let yard = Yard::over(&[dialect], &[], json!({})).await;
        let body = Ask::new(dialect, "hello").body.to_string();
        let cases: &[&[(&str, &str)]] = &[
            &[],
            &[("authorization", "Bearer ")],
            &[("authorization", "Bearer sk-someone-elses-key")],
            &[("x-api-key", "sk-ant-someone-elses-key")],
            &[("x-switchyard-key", "sy_0000000000000000000000000000000000000000")],
        ];
        for own in cases {
            let headers = [&[("content-type", "application/json")], *own].concat();
            let reply = yard.raw(path(dialect), &headers, body.clone()).await;
            refused(&reply, dialect, 401, "invalid_local_key", &["switchyard client"]);
            let said = String::from_utf8_lossy(&reply.body).into_owned();
            assert!(!said.contains("someone-elses"), "the wrong key is not echoed: {said}");
        }
        unharmed(&yard, dialect).await;
    }
}

#[tokio::test]
async fn an_oversized_body_names_the_limit_whether_or_not_it_says_its_length() {
    for dialect in BOTH {
        let yard = Yard::over(&[dialect], &[], json!({ "limits": { "maxBodyBytes": 2_048 } })).await;
        let ask = Ask::new(dialect, &"long ".repeat(1_000));
        refused(&yard.send(&ask).await, dialect, 413, "body_too_large", &["2048", "limits.maxBodyBytes"]);

        let parts: Vec<Result<String, std::io::Error>> = ask
            .body
            .to_string()
            .as_bytes()
            .chunks(512)
            .map(|part| Ok(String::from_utf8_lossy(part).into()))
            .collect();
        let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(parts));
        let request = yard.request(&ask).header("content-type", "application/json").body(chunked);
        let response = within("an answer", request.send()).await.unwrap();
        assert_eq!(response.status(), 413);
        unharmed(&yard, dialect).await;
    }
}

#[tokio::test]
async fn a_caller_that_is_still_sending_hears_why_it_is_refused() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let large = Ask::chat(&"long ".repeat(800_000));
    for (name, value, status) in [
        ("authorization", "Bearer sk-someone-elses-key", 401),
        ("origin", "https://evil.example", 403),
        ("host", "evil.example", 421),
    ] {
        for _ in 0..5 {
            assert_eq!(yard.send(&large.clone().header(name, value)).await.status, status);
        }
    }
    unharmed(&yard, CHAT).await;
}

#[tokio::test]
async fn who_asks_and_how_is_checked_before_anything_else() {
    type Case<'a> = (&'a [(&'a str, &'a str)], u16, &'a str, &'a [&'a str]);
    let table: &[Case<'_>] = &[
        (&[("host", "evil.example")], 421, "wrong_host", &["evil.example", "http://127.0.0.1:"]),
        (&[("host", "127.0.0.1.evil.example:4310")], 421, "wrong_host", &["Host"]),
        (&[("origin", "https://evil.example")], 403, "browser_origin", &["web page"]),
        (&[("origin", "null")], 403, "browser_origin", &["web page"]),
        (
            &[("content-type", "text/plain")],
            415,
            "unsupported_media_type",
            &["application/json", "text/plain"],
        ),
        (
            &[("content-type", "application/x-www-form-urlencoded")],
            415,
            "unsupported_media_type",
            &["application/json"],
        ),
    ];
    for dialect in BOTH {
        let yard = Yard::over(&[dialect], &[], json!({})).await;
        let bearer = format!("Bearer {}", yard.key());
        let body = Ask::new(dialect, "hello").body.to_string();
        for (odd, status, code, naming) in table {
            let mut headers = vec![("authorization", bearer.as_str())];
            if odd[0].0 != "content-type" {
                headers.push(("content-type", "application/json"));
            }
            headers.extend(*odd);
            let reply = yard.raw(path(dialect), &headers, body.clone()).await;
            refused(&reply, dialect, *status, code, naming);
        }
        for good in ["application/json; charset=utf-8", "Application/JSON"] {
            let headers = [("authorization", bearer.as_str()), ("content-type", good)];
            assert_eq!(yard.raw(path(dialect), &headers, body.clone()).await.status, 200, "{good}");
        }
    }
}

#[tokio::test]
async fn an_unknown_job_lists_the_jobs_there_are() {
    for dialect in BOTH {
        let yard = Yard::over(&[dialect], &[], json!({ "jobs": { "support": {}, "bulk": {} } })).await;
        let by_header = Ask::new(dialect, "hello").header("x-switchyard-job", "suport");
        refused(&yard.send(&by_header).await, dialect, 400, "unknown_job", &["suport", "bulk, support"]);
        let by_model = Ask::new(dialect, "hello").model("switchyard/suport");
        refused(&yard.send(&by_model).await, dialect, 400, "unknown_job", &["suport", "bulk, support"]);
        unharmed(&yard, dialect).await;
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_say_what_there_is() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let bearer = format!("Bearer {}", yard.key());
    for dialect in BOTH {
        let mut headers = vec![("authorization", bearer.as_str())];
        if dialect == Dialect::Anthropic {
            headers.push(("anthropic-version", "2023-06-01"));
        }
        let naming = ["/v1/chat/completions", "/v1/messages", "/v1/models"];
        refused(&yard.fetch("/v1/images", &headers).await, dialect, 404, "unknown_path", &naming);
        let reply = yard.fetch(path(dialect), &headers).await;
        refused(&reply, dialect, 405, "method_not_allowed", &[path(dialect), "POST"]);
        assert_eq!(reply.header("allow"), "POST, OPTIONS");
        let reply = yard.fetch("/v1/switchyard/jobs/job_nope", &headers).await;
        refused(&reply, dialect, 404, "unknown_job", &["job_nope"]);
    }
    let reply = yard
        .raw("/v1/models", &[("authorization", &bearer), ("content-type", "application/json")], "{}")
        .await;
    refused(&reply, CHAT, 405, "method_not_allowed", &["GET"]);
    assert_eq!(yard.fetch("/v1/models", &[]).await.status, 401);
}

#[tokio::test]
async fn paths_work_with_and_without_v1() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let bearer = format!("Bearer {}", yard.key());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let reply = yard.raw("/chat/completions", &headers, Ask::chat("hello").body.to_string()).await;
    assert_eq!(reply.status, 200);
    assert_eq!(yard.fetch("/models", &headers).await.status, 200);
}

#[tokio::test]
async fn too_many_requests_at_once_are_told_to_come_back() {
    let more =
        json!({ "limits": { "maxInFlight": 1 }, "timeouts": { "firstByteMs": 60_000 }, "sloMs": 60_000 });
    let yard = Yard::over(&[CHAT], &[], more).await;
    let hot = yard.provider("hot");
    hot.set_fault(Fault::Silence).await.unwrap();
    let waiting = tokio::spawn(yard.request(&Ask::chat("hello")).send());
    within("the first request to be under way", hot.wait_for(|traffic| traffic.in_flight == 1)).await;
    let reply = yard.chat("hello").await;
    refused(&reply, CHAT, 429, "too_many_in_flight", &["limits.maxInFlight"]);
    assert_eq!(reply.header("retry-after"), "1");
    waiting.abort();
    yard.wait_for("room again", |snapshot| snapshot.traffic.in_flight == 0).await;
    hot.heal().await.unwrap();
    assert_eq!(yard.chat("hello").await.status, 200);
}

#[tokio::test]
async fn a_router_without_a_map_says_how_to_get_one() {
    let yard = Yard::start().await;
    for dialect in BOTH {
        let reply = yard.send(&Ask::new(dialect, "hello")).await;
        refused(&reply, dialect, 503, "no_map", &["switchyard map apply"]);
    }
    assert!(yard.snapshot().await.router.first_run);
    assert_eq!(yard.fetch("/health", &[]).await.json()["status"], "unconfigured");
}

#[tokio::test]
async fn the_control_api_is_closed_without_its_token_and_to_web_pages() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let url = format!("{}/v1/snapshot", yard.control_url());
    let token = std::fs::read_to_string(yard.data_dir().join("control.token")).unwrap();
    let token = token.trim();
    for (headers, status, code) in [
        (vec![], 401, "unauthorized"),
        (vec![("authorization", format!("Bearer {}", yard.key()))], 401, "unauthorized"),
        (
            vec![("authorization", format!("Bearer {token}")), ("host", "evil.example".to_owned())],
            403,
            "host_refused",
        ),
        (
            vec![("authorization", format!("Bearer {token}")), ("origin", "https://e.example".to_owned())],
            403,
            "origin_refused",
        ),
    ] {
        let request =
            headers.iter().fold(yard.http().get(&url), |request, (name, value)| request.header(*name, value));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{headers:?}");
        let problem: serde_json::Value = response.json().await.unwrap();
        assert_eq!(problem["code"], code, "{problem}");
    }
}
