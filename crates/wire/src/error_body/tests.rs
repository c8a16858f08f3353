use super::*;
use crate::Dialect;

#[test]
fn every_providers_errors_are_read_and_understood() {
    use ErrorShape as Shape;
    let cases = [
        (
            401,
            r#"{"error":{"message":"Incorrect API key provided: sk-proj-abc***xyz1.","type":"invalid_request_error","code":"invalid_api_key","param":null}}"#,
            Shape::OpenAi,
            Meaning::InvalidKey,
            "Incorrect API key provided: [redacted]",
        ),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota.","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            Shape::OpenAi,
            Meaning::Billing,
            "You exceeded your current quota.",
        ),
        (
            429,
            r#"{"error":{"message":"Rate limit reached for gpt-4o-mini","type":"requests","code":"rate_limit_exceeded"}}"#,
            Shape::OpenAi,
            Meaning::RateLimited,
            "Rate limit reached for gpt-4o-mini",
        ),
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 128000 tokens.","type":"invalid_request_error","code":"context_length_exceeded","param":"messages"}}"#,
            Shape::OpenAi,
            Meaning::ContextLength,
            "This model's maximum context length is 128000 tokens.",
        ),
        (
            404,
            r#"{"error":{"message":"The model `gpt-9` does not exist or you do not have access to it.","code":"model_not_found"}}"#,
            Shape::OpenAi,
            Meaning::ModelNotFound,
            "The model `gpt-9` does not exist or you do not have access to it.",
        ),
        (
            400,
            r#"{"error":{"message":"The response was filtered","code":"content_filter"}}"#,
            Shape::OpenAi,
            Meaning::ContentFilter,
            "The response was filtered",
        ),
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            Shape::Anthropic,
            Meaning::Overloaded,
            "Overloaded",
        ),
        (
            200,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"Slow down"}}"#,
            Shape::Anthropic,
            Meaning::RateLimited,
            "Slow down",
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
            Shape::Anthropic,
            Meaning::Billing,
            "Your credit balance is too low to access the Anthropic API.",
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
            Shape::Anthropic,
            Meaning::ContextLength,
            "prompt is too long: 210000 tokens > 200000 maximum",
        ),
        (
            403,
            r#"{"type":"error","error":{"type":"permission_error","message":"Not allowed"}}"#,
            Shape::Anthropic,
            Meaning::Permission,
            "Not allowed",
        ),
        (
            404,
            r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-9"}}"#,
            Shape::Anthropic,
            Meaning::ModelNotFound,
            "model: claude-9",
        ),
        (
            400,
            r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
            Shape::Google,
            Meaning::InvalidKey,
            "API key not valid. Please pass a valid API key.",
        ),
        (
            429,
            r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details: input token count","status":"RESOURCE_EXHAUSTED"}}"#,
            Shape::Google,
            Meaning::RateLimited,
            "You exceeded your current quota, please check your plan and billing details: input token count",
        ),
        (
            503,
            r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
            Shape::Google,
            Meaning::Overloaded,
            "The model is overloaded.",
        ),
        (
            422,
            r#"{"detail":[{"loc":["body","model"],"msg":"field required"},{"loc":["body"],"msg":"bad"}]}"#,
            Shape::FastApi,
            Meaning::BadRequest,
            "field required; bad",
        ),
        (
            402,
            r#"{"error":{"message":"Insufficient Balance","type":"unknown_error"}}"#,
            Shape::OpenAi,
            Meaning::Billing,
            "Insufficient Balance",
        ),
        (502, "upstream connect error", Shape::Text, Meaning::Server, "upstream connect error"),
        (500, "", Shape::Empty, Meaning::Server, "the upstream sent an empty body"),
        (
            502,
            "<html><head><title>502 Bad\n Gateway</title></head></html>",
            Shape::Html,
            Meaning::Server,
            "502 Bad Gateway",
        ),
        (511, "<!doctype html><title>Hotel Wi-Fi</title>", Shape::Html, Meaning::NotAnApi, "Hotel Wi-Fi"),
        (404, "<html>nothing</html>", Shape::Html, Meaning::NotAnApi, "a web page without a title"),
        (404, r#"{"message":"Not Found"}"#, Shape::Json, Meaning::NotFound, "Not Found"),
        (413, r#"{"error":"too big"}"#, Shape::Json, Meaning::TooLarge, "too big"),
    ];
    for (status, body, shape, means, message) in cases {
        let error = read_error(None, body.as_bytes());
        assert_eq!((error.shape, error.message.as_str()), (shape, message), "{body}");
        assert_eq!(meaning(status, &error), means, "{status} {body}");
    }
}

#[test]
fn keys_never_leave_in_a_message() {
    let cases = [
        "invalid x-api-key: abc123def456 given",
        "Authorization: Bearer abc123def456 refused",
        "key=AIzaabc123def456 refused",
        "gsk_abc123def456",
        "no access for abc123def456abc123def456abc123def456",
        "{\"authorization\":\"Bearer sk-ant-api03-abc123def456\"}",
    ];
    for said in cases {
        let message = read_error(None, said.as_bytes()).message;
        assert!(!message.contains("abc123def456") && message.contains("[redacted]"), "{message}");
    }
    for kept in [
        "model claude-sonnet-4-5-20250929 is busy",
        "request req_011CSHoEeqs5C35K2UUqR7Fy",
        "token limit reached",
    ] {
        assert_eq!(read_error(None, kept.as_bytes()).message, kept);
    }
}

#[test]
fn long_messages_are_bounded() {
    let message = read_error(None, "é ".repeat(5000).as_bytes()).message;
    assert_eq!(message.chars().count(), MESSAGE_LIMIT);
    assert!(message.ends_with('…'));
}

#[test]
fn errors_are_told_in_the_callers_dialect() {
    let reply = ErrorReply {
        status: 503,
        kind: String::new(),
        code: Some("no_route".to_owned()),
        message: "No route could answer; the job is queued.".to_owned(),
        param: None,
        request_id: Some("req_1".to_owned()),
    };
    for (dialect, name) in [(Dialect::OpenAiChat, "chat"), (Dialect::AnthropicMessages, "messages")] {
        let body = String::from_utf8(error_response(dialect, &reply)).unwrap();
        let event = String::from_utf8(error_event(dialect, &reply, 3)).unwrap();
        insta::assert_snapshot!(format!("error_{name}"), format!("{body}\n---\n{event}"));
        let mut tap = crate::StreamTap::new(dialect);
        let mut decoder = crate::SseDecoder::default();
        decoder.push(event.as_bytes());
        let event = decoder.next_event().unwrap().unwrap();
        assert_eq!(tap.observe(&event), crate::Observed::Error, "our own error reads as one");
    }
}
