//! An upstream's body is taken for what it is, whatever its label says and whatever was asked for.

use serde_json::{Value, json};
use switchyard_sim::Dialect;
use switchyard_tests::{Ask, CALLERS, Canned, Yard, fast_map};

const EVENTS: &str = "HTTP/1.1 200 OK\ncontent-type: text/event-stream";
const JSON: &str = "HTTP/1.1 200 OK\ncontent-type: application/json";
const TEXT: &str = "HTTP/1.1 200 OK\ncontent-type: text/plain; charset=utf-8";
const NOTHING: &str = "HTTP/1.1 200 OK";

/// One answer of each dialect in one piece: a thought where the dialect has one, two words, a call.
const WHOLE: [(&str, &str); 5] = [
    (
        "openai-chat",
        r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi you","tool_calls":[{"id":"call_1","type":"function","function":{"name":"look","arguments":"{\"at\":7}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":5,"completion_tokens":9,"total_tokens":14}}"#,
    ),
    (
        "openai-responses",
        r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","instructions":"Be kind.","output":[{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hi you","annotations":[]}]},{"type":"function_call","id":"fc_1","call_id":"call_1","name":"look","arguments":"{\"at\":7}","status":"completed"}],"usage":{"input_tokens":5,"output_tokens":9,"total_tokens":14}}"#,
    ),
    (
        "anthropic",
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi you"},{"type":"tool_use","id":"toolu_1","name":"look","input":{"at":7}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":9}}"#,
    ),
    (
        "gemini",
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi you"},{"functionCall":{"name":"look","args":{"at":7}}}]},"finishReason":"STOP","index":0}],"modelVersion":"m","usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":9,"totalTokenCount":14}}"#,
    ),
    (
        "bedrock-converse",
        r#"{"output":{"message":{"role":"assistant","content":[{"text":"Hi you"},{"toolUse":{"toolUseId":"t1","name":"look","input":{"at":7}}}]}},"stopReason":"tool_use","usage":{"inputTokens":5,"outputTokens":9,"totalTokens":14},"metrics":{"latencyMs":1}}"#,
    ),
];

/// The same as streams.
const STREAMS: [(&str, &str); 4] = [
    (
        "openai-chat",
        concat!(
            ": OPENROUTER PROCESSING\n\n",
            "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hi \"}}]}\n\n",
            "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"you\"}}]}\n\n",
            "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\":\"{\\\"at\\\"\"}}]}}]}\n\n",
            "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":7}\"}}]}}]}\n\n",
            "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
            "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":9,\"total_tokens\":14}}\n\n",
            "data: [DONE]\n\n",
        ),
    ),
    (
        "openai-responses",
        concat!(
            "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"model\":\"m\",\"status\":\"in_progress\",\"output\":[]}}\n\n",
            "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[]}}\n\n",
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":2,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hi you\"}\n\n",
            "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":3,\"output_index\":1,\"item\":{\"id\":\"fc_1\",\"type\":\"function_call\",\"call_id\":\"call_1\",\"name\":\"look\",\"arguments\":\"\"}}\n\n",
            "event: response.function_call_arguments.delta\ndata: {\"type\":\"response.function_call_arguments.delta\",\"sequence_number\":4,\"item_id\":\"fc_1\",\"output_index\":1,\"delta\":\"{\\\"at\\\":7}\"}\n\n",
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":5,\"response\":{\"id\":\"resp_1\",\"model\":\"m\",\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hi you\"}]},{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"call_1\",\"name\":\"look\",\"arguments\":\"{\\\"at\\\":7}\"}],\"usage\":{\"input_tokens\":5,\"output_tokens\":9,\"total_tokens\":14}}}\n\n",
        ),
    ),
    (
        "anthropic",
        concat!(
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi you\"}}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"look\",\"input\":{}}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"at\\\":7}\"}}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":9}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ),
    ),
    (
        "gemini",
        concat!(
            "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Hi you\"}]}}],\"modelVersion\":\"m\"}\n\n",
            "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"look\",\"args\":{\"at\":7}}}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":9,\"totalTokenCount\":14}}\n\n",
        ),
    ),
];

/// How Gemini streams to those who don't ask for events.
const LIST: &str = concat!(
    "[{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Hi you\"}]}}],\"modelVersion\":\"m\"}\n,\r\n",
    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"look\",\"args\":{\"at\":7}}}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":9}}\n]",
);

async fn is_told(yard: &Yard, canned: &Canned, dialect: &str, stream: bool, what: &str) {
    yard.apply(&fast_map(&[canned.route(dialect)], &[])).await;
    for caller in CALLERS {
        let ask = Ask::new(caller, "hello").streaming(stream);
        let reply = yard.send(&ask).await;
        let place = format!("{dialect} {what} to {caller:?} stream={stream}: {reply:?}");
        assert_eq!((reply.status, reply.way()), (200, ("hot", 1, false)), "{place}");
        let kind = if stream { "text/event-stream" } else { "application/json" };
        assert!(reply.header("content-type").starts_with(kind), "{place}");
        if stream && caller == Dialect::OpenaiResponses && dialect == "openai-responses" {
            // Passed on as it came, which is less than OpenAI itself would send.
            assert!(String::from_utf8_lossy(&reply.body).contains("Hi you"), "{place}");
            continue;
        }
        let told = reply.completion(caller);
        assert_eq!(told.text, "Hi you", "{place}");
        let call = &told.calls[0];
        assert_eq!((call.name.as_str(), &call.arguments), ("look", &json!({ "at": 7 })), "{place}");
        let logged: Value = yard.get("/v1/requests?limit=1").await[0].clone();
        let used = (&logged["inputTokens"], &logged["outputTokens"]);
        assert_eq!(used, (&json!(5), &json!(9)), "{place} {logged}");
    }
}

#[tokio::test]
async fn an_answer_in_one_piece_is_told_as_the_stream_that_was_asked_for() {
    let yard = Yard::start().await;
    for (dialect, body) in WHOLE {
        for head in [JSON, EVENTS, NOTHING] {
            let canned = Canned::in_pieces(head, body.as_bytes(), 90).await;
            is_told(&yard, &canned, dialect, true, head).await;
        }
    }
    let canned = Canned::start(JSON, LIST.as_bytes()).await;
    is_told(&yard, &canned, "gemini", true, "list").await;
}

#[tokio::test]
async fn a_stream_with_another_label_is_one() {
    let yard = Yard::start().await;
    for (dialect, body) in STREAMS {
        for head in [JSON, TEXT, NOTHING] {
            let canned = Canned::start(head, body.as_bytes()).await;
            is_told(&yard, &canned, dialect, true, head).await;
        }
    }
}

#[tokio::test]
async fn a_stream_is_told_in_one_piece_to_those_who_asked_for_that() {
    let yard = Yard::start().await;
    for (dialect, body) in STREAMS {
        for head in [EVENTS, JSON, NOTHING] {
            let canned = Canned::start(head, body.as_bytes()).await;
            is_told(&yard, &canned, dialect, false, head).await;
        }
    }
    let canned = Canned::start(JSON, LIST.as_bytes()).await;
    is_told(&yard, &canned, "gemini", false, "list").await;
}

#[tokio::test]
async fn an_error_or_a_cut_is_one_in_any_form() {
    let yard = Yard::start().await;
    let overloaded = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let (dialect, chat) = STREAMS[0];
    let cut = &chat[..chat.find("finish_reason").unwrap()];
    for (dialect, head, body, stream, kind) in [
        ("anthropic", EVENTS, overloaded, false, "overloaded"),
        ("anthropic", JSON, overloaded, true, "overloaded"),
        (
            "anthropic",
            JSON,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            true,
            "overloaded",
        ),
        (dialect, EVENTS, cut, false, "cut"),
        (dialect, JSON, "<html><title>Sign in</title></html>", true, "html"),
        (dialect, JSON, r#"{"id":"c1","choices":[{"message":{"cont"#, true, "malformed"),
        (dialect, JSON, r#"{"status":"ok"}"#, true, "malformed"),
    ] {
        let canned = Canned::start(head, body.as_bytes()).await;
        let fine = Canned::start(JSON, WHOLE[0].1.as_bytes()).await;
        let mut warm = fine.route("openai-chat");
        warm["id"] = json!("fine");
        yard.apply(&fast_map(&[canned.route(dialect)], &[warm])).await;
        let reply = yard.send(&Ask::new(Dialect::OpenaiChat, "hello").streaming(stream)).await;
        assert_eq!(reply.route(), "fine", "{body}: {reply:?}");
        let logged = yard.get("/v1/requests?limit=1").await;
        assert_eq!(logged[0]["attempts"][0]["failure"]["kind"], kind, "{body} {logged}");
    }
}
