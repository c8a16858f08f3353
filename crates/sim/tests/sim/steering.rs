//! The admin API, the demo and the benchmark's provider.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};
use switchyard_sim::fast::{self, FastConfig, FastMode};
use switchyard_sim::{Dialect, admin, admin_router, demo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use utoipa::OpenApi;

use crate::{ask, client, json_of, post, streamed_text, with, within};

#[tokio::test]
async fn the_admin_api_breaks_and_heals_a_provider() {
    let demo = demo::start().await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin = format!("http://{}/providers", listener.local_addr().unwrap());
    let router = admin_router(demo.fleet().clone());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });

    let (status, list) = json_of(client().get(&admin)).await;
    let names: Vec<&str> = list.as_array().unwrap().iter().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!((status, names), (200, vec!["anthropic", "google", "openai"]));

    let fault = format!("{admin}/openai/fault");
    let set = |body: Value| json_of(client().put(&fault).json(&body));
    let rule =
        json!({ "fault": { "type": "cutStream", "afterChunks": 2 }, "model": "gpt-4o-mini", "count": 3 });
    let (status, view) = set(rule.clone()).await;
    assert_eq!((status, &view["faults"]), (200, &json!([rule])));
    assert_eq!(set(json!({ "fault": null, "model": "gpt-4o-mini" })).await.1["faults"], json!([]));
    assert_eq!(set(json!({ "fault": { "type": "refuse" } })).await.0, 200);
    let url = demo.fleet().url("openai").unwrap();
    let refused = client().get(format!("{url}/v1/models")).send().await.unwrap_err();
    assert!(refused.is_connect());
    assert_eq!(json_of(client().delete(&fault)).await.0, 200);
    assert_eq!(client().get(format!("{url}/v1/models")).send().await.unwrap().status(), 200);
    let seen = json_of(client().get(format!("{admin}/openai/requests"))).await.1;
    assert_eq!(seen[0]["path"], "/v1/models");

    let refusals = [
        (set(json!({ "fault": { "type": "status", "code": 200 } })).await, 422, "fault.code"),
        (set(json!({ "fault": { "type": "flood" } })).await, 400, "flood"),
        (set(json!({ "fault": null, "modle": "x" })).await, 400, "modle"),
        (json_of(client().delete(format!("{admin}/nobody/fault"))).await, 404, "nobody"),
    ];
    for ((status, body), expected, named) in refusals {
        assert_eq!(status, expected, "{body}");
        assert!(body["error"]["message"].as_str().unwrap().contains(named), "{body}");
    }
    serving.abort();
}

#[test]
fn the_admin_api_is_documented() {
    let document = serde_json::to_value(admin::SimApi::openapi()).unwrap();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths.len(), 4, "{paths:?}");
    assert!(document["components"]["schemas"]["SimFault"]["oneOf"].as_array().unwrap().len() == 17);
}

#[tokio::test]
async fn the_demo_map_points_at_the_demo_fleet() {
    let demo = demo::start().await.unwrap();
    let mut text = demo::map_json().to_owned();
    for (name, url) in demo.variables() {
        text = text.replace(&format!("${{{name}}}"), &url);
    }
    assert!(!text.contains("${"), "{text}");
    let map: Value = serde_json::from_str(&text).unwrap();
    for tier in ["hot", "warm"] {
        for route in map[tier].as_array().unwrap() {
            let dialect =
                if route["dialect"] == "anthropic" { Dialect::Anthropic } else { Dialect::OpenaiChat };
            let body = with(ask("hi"), json!({ "model": route["model"] }));
            let (status, answer) = json_of(post(route["baseUrl"].as_str().unwrap(), dialect, &body)).await;
            assert_eq!((status, &answer["model"]), (200, &route["model"]));
        }
    }
}

#[tokio::test]
async fn the_fast_provider_answers_both_dialects_plain_and_streamed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config =
        FastConfig { stream_chunks: 3, chunk_interval: Duration::from_millis(1), ..FastConfig::default() };
    let server = fast::serve(listener, config).unwrap();
    let chat = json_of(post(&server.url(), Dialect::OpenaiChat, &ask("hi"))).await.1;
    assert_eq!(chat["choices"][0]["message"]["content"].as_str().unwrap().len(), 400);
    for dialect in [Dialect::OpenaiChat, Dialect::Anthropic] {
        let body = with(ask("hi"), json!({ "stream": true }));
        let stream = post(&server.url(), dialect, &body).send().await.unwrap().text().await.unwrap();
        assert_eq!(streamed_text(&stream), "word word word ", "{dialect:?}");
    }
    server.set_mode(FastMode::Status500);
    assert_eq!(json_of(post(&server.url(), Dialect::Anthropic, &ask("hi"))).await.0, 500);
    client().post(format!("{}/sim/mode/ok", server.url())).send().await.unwrap();
    assert_eq!(json_of(post(&server.url(), Dialect::Anthropic, &ask("hi"))).await.0, 200);
}

#[tokio::test]
async fn the_fast_provider_answers_pipelined_requests_in_order_across_split_reads() {
    let server = fast::serve(TcpListener::bind("127.0.0.1:0").unwrap(), FastConfig::default()).unwrap();
    let mut stream = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
    let plain = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nContent-Length: 2\r\n\r\n{}";
    let last = "GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let all = format!("{plain}{plain}{last}");
    // The cut falls into the second request's body.
    let (first, rest) = all.split_at(plain.len() * 2 - 1);
    stream.write_all(first.as_bytes()).await.unwrap();
    let mut answers = vec![0; 1];
    within(stream.read_exact(&mut answers)).await.unwrap();
    stream.write_all(rest.as_bytes()).await.unwrap();
    within(stream.read_to_end(&mut answers)).await.unwrap();
    let answers = String::from_utf8(answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
    assert_eq!(answers.matches("chat.completion").count(), 2, "{answers}");
    assert!(answers.ends_with("\"object\":\"model\"}]}"), "{answers}");
}
