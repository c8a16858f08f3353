//! What the router adds to a request by itself is taken back where a provider refuses it, and never what a caller wrote.

use serde_json::{Value, json};
use switchyard_sim::Dialect;
use switchyard_tests::{Act, Ask, CALLERS, Canned, Taken, Yard, fast_map};

const CHAT: Dialect = Dialect::OpenaiChat;

fn answer(status: &str, kind: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    vec![Act::say(&format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))]
}

const STREAM: &str = concat!(
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hi\"}}]}\n\n",
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: [DONE]\n\n",
);
const RESPONSE: &str = r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hi","annotations":[]}]}],"usage":{"input_tokens":5,"output_tokens":9,"total_tokens":14}}"#;

fn sent(taken: &Taken) -> Value {
    serde_json::from_slice(&taken.body).unwrap()
}

#[tokio::test]
async fn a_provider_that_refuses_our_stream_options_is_asked_without_from_then_on() {
    let yard = Yard::start().await;
    for (status, body) in [
        (
            "400 Bad Request",
            r#"{"error":{"message":"Unrecognized request argument supplied: stream_options","type":"invalid_request_error","param":null,"code":null}}"#,
        ),
        (
            "422 Unprocessable Entity",
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
        ),
    ] {
        let canned = Canned::answering(move |taken| match sent(taken).get("stream_options") {
            Some(_) => answer(status, "application/json", body),
            None => answer("200 OK", "text/event-stream", STREAM),
        })
        .await;
        yard.apply(&fast_map(&[canned.route("openai-chat")], &[])).await;
        for (n, caller) in CALLERS.into_iter().enumerate() {
            let reply = yard.send(&Ask::new(caller, "hello").streaming(true)).await;
            assert_eq!(reply.way(), ("hot", 1, false), "{caller:?} {reply:?}");
            assert_eq!(reply.completion(caller).text, "Hi", "{caller:?}");
            assert_eq!(canned.taken().len(), n + 2, "asked twice once, and from then on once");
        }
        let own =
            Ask::chat("hello").streaming(true).with(json!({ "stream_options": { "include_usage": true } }));
        let reply = yard.send(&own).await;
        assert_eq!(reply.status, status[..3].parse::<u16>().unwrap(), "{reply:?}");
        assert!(String::from_utf8_lossy(&reply.body).contains("stream_options"), "{reply:?}");
        assert_eq!(canned.taken().len(), 5, "what the caller wrote is not taken away");
    }
}

#[tokio::test]
async fn a_provider_that_refuses_what_a_translated_request_adds_is_asked_without() {
    let yard = Yard::start().await;
    let canned = Canned::answering(|taken| {
        let refused = ["store", "include"].into_iter().find(|member| sent(taken).get(*member).is_some());
        match refused {
            Some(member) => {
                let error = json!({ "error": { "message": format!("Unknown parameter: '{member}'."),
                                               "type": "invalid_request_error", "param": member } });
                answer("400 Bad Request", "application/json", &error.to_string())
            }
            None => answer("200 OK", "application/json", RESPONSE),
        }
    })
    .await;
    yard.apply(&fast_map(&[canned.route("openai-responses")], &[])).await;
    let ask = Ask::chat("hello").thinking();
    let reply = yard.send(&ask).await;
    assert_eq!((reply.status, reply.completion(CHAT).text.as_str()), (200, "Hi"), "{reply:?}");
    let asked = canned.taken().len();
    assert!(asked <= 3, "{asked}");
    assert_eq!(yard.send(&ask).await.status, 200);
    let all: Vec<String> =
        canned.taken().iter().map(|taken| String::from_utf8_lossy(&taken.body).into_owned()).collect();
    assert_eq!(all.len(), asked + 1, "{all:#?}");
}
