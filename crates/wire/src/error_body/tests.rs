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
fn the_errors_of_every_kind_of_provider_are_understood() {
    let none = None;
    let cases = [
        // OpenAI Responses: a failed response in a 200, in a stream, and the stream's own error.
        (
            200,
            none,
            r#"{"id":"resp_1","object":"response","status":"failed","error":{"code":"server_error","message":"The model failed to generate a response."},"output":[]}"#,
            Meaning::Server,
            "The model failed to generate a response.",
        ),
        (
            200,
            none,
            r#"{"type":"response.failed","sequence_number":9,"response":{"id":"resp_1","status":"failed","error":{"code":"rate_limit_exceeded","message":"Slow down"}}}"#,
            Meaning::RateLimited,
            "Slow down",
        ),
        (
            200,
            none,
            r#"{"type":"error","code":"server_error","message":"Something went wrong","param":null,"sequence_number":1}"#,
            Meaning::Server,
            "Something went wrong",
        ),
        (
            200,
            none,
            r#"{"type":"error","error":{"type":"invalid_request_error","code":"context_length_exceeded","message":"Your input exceeds the context window of this model.","param":"input"},"sequence_number":2}"#,
            Meaning::ContextLength,
            "Your input exceeds the context window of this model.",
        ),
        (
            400,
            none,
            r#"{"error":{"message":"Invalid prompt: your prompt was flagged as potentially violating our usage policy.","type":"invalid_request_error","code":"invalid_prompt"}}"#,
            Meaning::ContentFilter,
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
        ),
        (
            400,
            none,
            r#"{"error":{"message":"The encrypted content gAAA...DQ== could not be verified.","type":"invalid_request_error","param":null,"code":"invalid_encrypted_content"}}"#,
            Meaning::ForeignSeal,
            "The encrypted content gAAA...DQ== could not be verified.",
        ),
        // Anthropic.
        (
            400,
            none,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#,
            Meaning::ForeignSeal,
            "messages.1.content.0: Invalid `signature` in `thinking` block",
        ),
        (
            400,
            none,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-12-01."}}"#,
            Meaning::Billing,
            "You have reached your specified API usage limits. You will regain access on 2026-12-01.",
        ),
        // Claude on Vertex AI, handed on as text.
        (
            400,
            none,
            r#"{"error":{"code":400,"message":"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 9 tokens > 8 maximum\"}}","status":"INVALID_ARGUMENT"}}"#,
            Meaning::ContextLength,
            "prompt is too long: 9 tokens > 8 maximum",
        ),
        // Azure OpenAI.
        (
            400,
            none,
            r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"}}}}}"#,
            Meaning::ContentFilter,
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        ),
        (
            404,
            none,
            r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,
            Meaning::ModelNotFound,
            "The API deployment for this resource does not exist.",
        ),
        (
            401,
            none,
            r#"{"statusCode":401,"message":"Access denied due to invalid subscription key."}"#,
            Meaning::InvalidKey,
            "Access denied due to invalid subscription key.",
        ),
        // Gemini and Vertex AI.
        (
            400,
            none,
            r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}"#,
            Meaning::InvalidKey,
            "API key not valid. Please pass a valid API key.",
        ),
        (
            401,
            none,
            r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED","details":[{"reason":"ACCESS_TOKEN_EXPIRED"}]}}"#,
            Meaning::InvalidKey,
            "Request had invalid authentication credentials.",
        ),
        (
            400,
            none,
            r#"{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}"#,
            Meaning::Permission,
            "User location is not supported for the API use.",
        ),
        (
            400,
            none,
            r#"{"error":{"code":400,"message":"The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#,
            Meaning::ContextLength,
            "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
        ),
        (
            400,
            none,
            r#"{"error":{"code":400,"message":"Unable to submit request because Thought signature is not valid.","status":"INVALID_ARGUMENT"}}"#,
            Meaning::ForeignSeal,
            "Unable to submit request because Thought signature is not valid.",
        ),
        (
            200,
            none,
            r#"[{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}]"#,
            Meaning::Overloaded,
            "The model is overloaded.",
        ),
        (
            404,
            none,
            r#"{"error":{"code":404,"message":"models/gemini-9 is not found for API version v1beta","status":"NOT_FOUND"}}"#,
            Meaning::ModelNotFound,
            "models/gemini-9 is not found for API version v1beta",
        ),
        // Bedrock: the type is in the header.
        (
            429,
            Some("ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"),
            r#"{"message":"Too many tokens, please wait before trying again."}"#,
            Meaning::RateLimited,
            "Too many tokens, please wait before trying again.",
        ),
        (429, Some("ModelNotReadyException"), r#"{"message":"Not ready"}"#, Meaning::Overloaded, "Not ready"),
        (408, Some("ModelTimeoutException"), r#"{"message":"Too slow"}"#, Meaning::Timeout, "Too slow"),
        (
            424,
            Some("ModelErrorException"),
            r#"{"message":"The model failed","originalStatusCode":500}"#,
            Meaning::Server,
            "The model failed",
        ),
        (
            400,
            Some("ValidationException"),
            r#"{"message":"Input is too long for requested model."}"#,
            Meaning::ContextLength,
            "Input is too long for requested model.",
        ),
        (
            400,
            Some("ValidationException"),
            r#"{"message":"The provided model identifier is invalid."}"#,
            Meaning::ModelNotFound,
            "The provided model identifier is invalid.",
        ),
        (
            400,
            Some("ValidationException"),
            r#"{"message":"Invocation of model ID x with on-demand throughput isn’t supported."}"#,
            Meaning::ModelNotFound,
            "Invocation of model ID x with on-demand throughput isn’t supported.",
        ),
        (
            400,
            Some("ValidationException"),
            r#"{"message":"1 validation error detected"}"#,
            Meaning::BadRequest,
            "1 validation error detected",
        ),
        (
            403,
            Some("AccessDeniedException"),
            r#"{"message":"User is not authorized to perform: bedrock:InvokeModel"}"#,
            Meaning::Permission,
            "User is not authorized to perform: bedrock:InvokeModel",
        ),
        (
            403,
            Some("AccessDeniedException"),
            r#"{"message":"You don't have access to the model with the specified model ID."}"#,
            Meaning::ModelNotFound,
            "You don't have access to the model with the specified model ID.",
        ),
        (
            403,
            Some("ExpiredTokenException"),
            r#"{"message":"The security token included in the request is expired"}"#,
            Meaning::InvalidKey,
            "The security token included in the request is expired",
        ),
        (
            403,
            none,
            r#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"Unknown"}"#,
            Meaning::InvalidKey,
            "Unknown",
        ),
        (
            403,
            Some("InvalidSignatureException"),
            r#"{"Message":"Signature expired"}"#,
            Meaning::InvalidKey,
            "Signature expired",
        ),
        // An exception within an event stream.
        (200, Some("throttlingException"), r#"{"message":"Rate"}"#, Meaning::RateLimited, "Rate"),
        (200, Some("modelStreamErrorException"), r#"{"message":"Broke"}"#, Meaning::Server, "Broke"),
        (200, Some("serviceUnavailableException"), r#"{"message":"Busy"}"#, Meaning::Overloaded, "Busy"),
        // OpenRouter.
        (
            200,
            none,
            r#"{"error":{"code":502,"message":"Provider returned error","metadata":{"provider_name":"Together","raw":"{\"error\":{\"message\":\"busy\"}}"}}}"#,
            Meaning::Server,
            "Provider returned error (Together: busy)",
        ),
        (
            200,
            none,
            r#"{"id":"gen-1","choices":[{"error":{"code":429,"message":"Rate limited"},"finish_reason":"error"}]}"#,
            Meaning::RateLimited,
            "Rate limited",
        ),
        (
            402,
            none,
            r#"{"error":{"message":"This request requires more credits, or fewer max_tokens.","code":402}}"#,
            Meaning::Billing,
            "This request requires more credits, or fewer max_tokens.",
        ),
        (408, none, r#"{"error":{"code":408,"message":"Timed out"}}"#, Meaning::Timeout, "Timed out"),
        (
            403,
            none,
            r#"{"error":{"code":403,"message":"openai/gpt-5 requires moderation. Your input was flagged.","metadata":{"reasons":["violence"],"provider_name":"OpenAI"}}}"#,
            Meaning::ContentFilter,
            "openai/gpt-5 requires moderation. Your input was flagged. (OpenAI)",
        ),
        // DeepSeek, Groq, Mistral, vLLM.
        (
            503,
            none,
            r#"{"error":{"message":"Server overloaded","type":"server_error"}}"#,
            Meaning::Overloaded,
            "Server overloaded",
        ),
        (
            400,
            none,
            r#"{"error":{"message":"Failed to generate JSON.","type":"invalid_request_error","code":"json_validate_failed","failed_generation":"{"}}"#,
            Meaning::BadRequest,
            "Failed to generate JSON.",
        ),
        (
            400,
            none,
            r#"{"object":"error","message":"Invalid model: mistral-9","type":"invalid_model","param":null,"code":"1500"}"#,
            Meaning::ModelNotFound,
            "Invalid model: mistral-9",
        ),
        (
            422,
            none,
            r#"{"object":"error","message":{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required"}]},"type":"invalid_request_error"}"#,
            Meaning::BadRequest,
            "Field required",
        ),
        (401, none, r#"{"detail":"Unauthorized"}"#, Meaning::InvalidKey, "Unauthorized"),
        (
            400,
            none,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","param":null,"code":400}"#,
            Meaning::ContextLength,
            "This model's maximum context length is 4096 tokens.",
        ),
        // Ollama, LM Studio, llama.cpp.
        (
            404,
            none,
            r#"{"error":"model \"llama9\" not found, try pulling it first"}"#,
            Meaning::ModelNotFound,
            "model \"llama9\" not found, try pulling it first",
        ),
        (
            400,
            none,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
            Meaning::ContextLength,
            "the request exceeds the available context size",
        ),
        // A gateway's own page.
        (524, none, "<html><title>A timeout occurred</title></html>", Meaning::Timeout, "A timeout occurred"),
    ];
    for (status, error_type, body, means, message) in cases {
        let error = read_error(None, body.as_bytes()).with_type(error_type);
        assert_eq!(error.message, message, "{body}");
        assert_eq!(meaning(status, &error), means, "{status} {error_type:?} {body}");
    }
}

#[test]
fn googles_wish_to_be_left_alone_is_read() {
    let cases = [("47.434392449s", Some(47_434)), ("3s", Some(3_000)), ("0.5s", Some(500)), ("soon", None)];
    for (delay, expected) in cases {
        let body = format!(
            r#"{{"error":{{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED","details":[
                {{"@type":"type.googleapis.com/google.rpc.QuotaFailure"}},
                {{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"{delay}"}}]}}}}"#
        );
        let error = read_error(None, body.as_bytes());
        assert_eq!((error.retry_after_ms, meaning(429, &error)), (expected, Meaning::RateLimited), "{delay}");
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
    for secret in [
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "ya29.a0AfH6SMBx-abc_def",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln-_x",
        "ABSKQmVkcm9ja0FQSUtleS1hYmM=",
    ] {
        let message = read_error(None, format!("refused {secret} here").as_bytes()).message;
        let kept = secret.trim_end_matches('=');
        assert!(!message.contains(kept) && message.contains("[redacted]"), "{message}");
    }
    for kept in [
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
        "see https://ai.google.dev/gemini-api/docs/rate-limits",
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
    let dialects = [
        (Dialect::OpenAiChat, "chat"),
        (Dialect::AnthropicMessages, "messages"),
        (Dialect::OpenAiResponses, "responses"),
    ];
    for (dialect, name) in dialects {
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

#[test]
fn a_callers_own_dialect_hears_an_error_with_all_its_members() {
    let error = |body: &str| read_error(Some("application/json"), body.as_bytes());
    let groq = error(
        r#"{"error":{"message":"Tool call validation failed","type":"invalid_request_error","code":"tool_use_failed","failed_generation":"{\"name\":\"look\",\"key\":\"sk-abcdefgh12345678\"}"}}"#,
    );
    let told = |error: &UpstreamError, dialect, message: &str| {
        let body = verbatim_error(dialect, error.verbatim.as_deref()?, message, "req_1")?;
        Some(serde_json::from_slice::<serde_json::Value>(&body).unwrap())
    };
    let chat = told(&groq, Dialect::OpenAiChat, &groq.message).unwrap();
    assert_eq!(chat["error"]["failed_generation"], r#"{"name":"look","key":"[redacted]"}"#);
    assert_eq!((&chat["error"]["code"], &chat["request_id"]), (&"tool_use_failed".into(), &"req_1".into()));
    assert_eq!(
        told(&groq, Dialect::AnthropicMessages, &groq.message),
        None,
        "another dialect has its own form"
    );
    assert_eq!(told(&groq, Dialect::OpenAiChat, "Your request is kept."), None, "more is to be said");
    let event =
        verbatim_event(Dialect::OpenAiChat, groq.verbatim.as_deref().unwrap(), &groq.message, "req_1");
    assert!(String::from_utf8(event.unwrap()).unwrap().starts_with("data: {\"error\":{"));

    let openai =
        error(r#"{"error":{"message":"No.","type":"invalid_request_error","param":"input","code":null}}"#);
    let responses = told(&openai, Dialect::OpenAiResponses, "No.").unwrap();
    assert!(responses["error"]["code"].is_null(), "{responses}");

    let claude = error(
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"No.","details":{"a":1}}}"#,
    );
    let messages = told(&claude, Dialect::AnthropicMessages, "No.").unwrap();
    assert_eq!((&messages["type"], &messages["error"]["details"]["a"]), (&"error".into(), &1.into()));
    assert_eq!(told(&claude, Dialect::OpenAiChat, "No."), None);

    let long = format!(r#"{{"error":{{"message":"No.","more":"{}"}}}}"#, "x ".repeat(VERBATIM_LIMIT));
    assert_eq!(error(&long).verbatim, None, "not at any length");
    assert_eq!(error(r#"{"detail":"No."}"#).verbatim, None, "no caller's dialect");
}

#[test]
fn a_gemini_caller_hears_googles_error_with_all_its_details() {
    let quota = serde_json::json!({ "error": { "code": 429, "message": "You exceeded your current quota.",
        "status": "RESOURCE_EXHAUSTED", "details": [
            { "@type": "type.googleapis.com/google.rpc.Help", "links": [
                { "description": "Learn more", "url": "https://ai.google.dev/gemini-api/docs/rate-limits" }] },
            { "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [
                { "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "20" }] },
            { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s" }] } });
    let error = read_error(Some("application/json"), quota.to_string().as_bytes());
    let verbatim = error.verbatim.as_deref().unwrap();
    let mut expected = quota["error"].clone();
    let named =
        serde_json::json!({ "@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "req_1" });
    expected["details"].as_array_mut().unwrap().push(named.clone());

    let body = verbatim_error(Dialect::Gemini, verbatim, &error.message, "req_1").unwrap();
    assert!(body.starts_with(b"{\"error\":"), "by this a client knows an error in a stream");
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told, serde_json::json!({ "error": expected }));
    let event = verbatim_event(Dialect::Gemini, verbatim, &error.message, "req_1").unwrap();
    assert_eq!(event, [b"data: ".as_slice(), &body, b"\n\n"].concat());

    for dialect in [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages] {
        assert_eq!(verbatim_error(dialect, verbatim, &error.message, "req_1"), None, "{dialect}");
    }
    for other in [
        r#"{"error":{"message":"No.","type":"invalid_request_error","code":400}}"#,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"No.","status":"x"}}"#,
    ] {
        let error = read_error(None, other.as_bytes());
        let told = verbatim_error(Dialect::Gemini, error.verbatim.as_deref().unwrap(), "No.", "req_1");
        assert_eq!(told, None, "{other}");
    }
    let bare = read_error(None, br#"{"error":{"code":400,"message":"No.","status":"INVALID_ARGUMENT"}}"#);
    let body = verbatim_error(Dialect::Gemini, bare.verbatim.as_deref().unwrap(), "No.", "req_1").unwrap();
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told["error"]["details"], serde_json::json!([named]));
}

#[test]
fn ids_in_reasons_stay_and_keys_among_them_go() {
    let digits = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607182";
    for prefix in ["rs_", "resp_", "msg_", "fc_", "call_", "toolu_", "chatcmpl-"] {
        let said = format!("Item '{prefix}{digits}' of type 'reasoning' was provided without its item.");
        let body = serde_json::json!({"error": {"message": said}}).to_string();
        assert_eq!(read_error(None, body.as_bytes()).message, said);
    }
    for key in [digits.to_owned(), format!("sk-{digits}"), format!("api_key: rs_{digits}")] {
        let body = serde_json::json!({"error": {"message": format!("refused {key}")}}).to_string();
        let message = read_error(None, body.as_bytes()).message;
        assert!(message.contains("[redacted]") && !message.contains(digits), "{message}");
    }
}
