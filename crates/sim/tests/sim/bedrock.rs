//! Bedrock's Converse: answers, binary streams, signatures, refusals. Signed and decoded with AWS's own crates.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault, KeyState, Latency, Profile, SimProvider};

use crate::{client, now_s, with};

const MODEL: &str = "eu.anthropic.claude-sonnet-4-20250514-v1:0";
const PNG: &str = "iVBORw0KGgo=";

/// How a request is signed.
#[derive(Clone)]
pub(crate) struct Signing {
    id: &'static str,
    secret: &'static str,
    session: Option<&'static str>,
    service: &'static str,
    /// Seconds from now.
    skew_s: i64,
}

pub(crate) const RIGHT: Signing =
    Signing { id: "AKIDSIM", secret: "simsecret", session: None, service: "bedrock", skew_s: 0 };

async fn bedrock() -> SimProvider {
    SimProvider::start_with(Profile::new("acme").dialect(Dialect::BedrockConverse)).await.unwrap()
}

fn url(sim: &SimProvider, model: &str, operation: &str) -> String {
    format!("{}/model/{}/{operation}", sim.url(), model.replace(':', "%3A").replace('/', "%2F"))
}

pub(crate) fn signed(signing: &Signing, method: &str, url: &str, body: &str) -> reqwest::RequestBuilder {
    let session = signing.session.map(str::to_owned);
    let identity = Credentials::new(signing.id, signing.secret, session, None, "test").into();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(now_s().saturating_add_signed(signing.skew_s));
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name(signing.service)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let headers = [("content-type", "application/json")];
    let request =
        SignableRequest::new(method, url, headers.into_iter(), SignableBody::Bytes(body.as_bytes())).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    let request = client().request(method.parse().unwrap(), url).header("content-type", "application/json");
    let request = instructions.headers().fold(request, |request, (name, value)| request.header(name, value));
    request.body(body.to_owned())
}

fn converse(sim: &SimProvider, model: &str, operation: &str, body: &Value) -> reqwest::RequestBuilder {
    signed(&RIGHT, "POST", &url(sim, model, operation), &body.to_string())
}

/// Status, error type without its namespace, body.
async fn answer_to(request: reqwest::RequestBuilder) -> (u16, String, Value) {
    let response = request.send().await.unwrap();
    let kind = response.headers().get("x-amzn-errortype").map_or("", |value| value.to_str().unwrap());
    let kind = kind.split(':').next().unwrap().to_owned();
    (response.status().as_u16(), kind, response.json().await.unwrap())
}

async fn whole(sim: &SimProvider, body: &Value) -> Value {
    let (status, _, body) = answer_to(converse(sim, MODEL, "converse", body)).await;
    assert_eq!(status, 200, "{body}");
    body
}

fn user(content: &Value) -> Value {
    json!({ "role": "user", "content": content })
}

fn ask(text: &str) -> Value {
    json!({ "messages": [user(&json!([{ "text": text }]))] })
}

fn weather(prompt: &str) -> Value {
    let schema =
        json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let spec =
        json!({ "name": "get_weather", "description": "The weather", "inputSchema": { "json": schema } });
    with(ask(prompt), json!({ "toolConfig": { "tools": [{ "toolSpec": spec }] } }))
}

/// One message of a stream: its `:message-type`, its kind, its payload.
#[derive(Debug)]
struct Message {
    is_exception: bool,
    kind: String,
    payload: Value,
}

/// Decodes with AWS's decoder, as far as the bytes are frames, and says whether all of them were.
fn frames(bytes: &[u8]) -> (Vec<Message>, bool) {
    let (mut decoder, mut rest, mut messages) = (MessageFrameDecoder::new(), bytes, Vec::new());
    loop {
        match decoder.decode_frame(&mut rest) {
            Ok(DecodedFrame::Complete(message)) => {
                let header = |name: &str| {
                    let found = message.headers().iter().find(|header| header.name().as_str() == name);
                    found.map(|header| header.value().as_string().unwrap().as_str().to_owned())
                };
                assert_eq!(header(":content-type").as_deref(), Some("application/json"));
                let is_exception = header(":message-type").as_deref() == Some("exception");
                let kind = if is_exception { header(":exception-type") } else { header(":event-type") };
                let payload = serde_json::from_slice(message.payload()).unwrap();
                messages.push(Message { is_exception, kind: kind.unwrap(), payload });
            }
            Ok(DecodedFrame::Incomplete) => return (messages, rest.is_empty()),
            Err(_) => return (messages, false),
        }
    }
}

async fn streamed(sim: &SimProvider, body: &Value) -> (Vec<Message>, bool) {
    let response = converse(sim, MODEL, "converse-stream", body).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
    frames(&response.bytes().await.unwrap())
}

fn kinds(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.kind.as_str()).collect()
}

fn joined(messages: &[Message], pointer: &str) -> String {
    messages.iter().filter_map(|message| message.payload.pointer(pointer)?.as_str()).collect()
}

#[tokio::test]
async fn a_stream_says_the_same_as_a_whole_answer() {
    let latency = Latency { chunks: 3, ..Latency::default() };
    let profile = Profile::new("acme").dialect(Dialect::BedrockConverse).latency(latency);
    let sim = SimProvider::start_with(profile).await.unwrap();
    let body = whole(&sim, &ask("how to price a trial")).await;
    let text = body["output"]["message"]["content"][0]["text"].as_str().unwrap();
    assert!(
        text.starts_with(&format!("[{MODEL} @ acme] ")) && text.contains("how to price a trial"),
        "{text}"
    );
    assert_eq!((&body["stopReason"], &body["usage"]["inputTokens"]), (&json!("end_turn"), &json!(5)));
    assert!(body["metrics"]["latencyMs"].is_u64());

    let (messages, complete) = streamed(&sim, &ask("how to price a trial")).await;
    assert!(complete);
    assert_eq!(
        kinds(&messages),
        [
            "messageStart",
            "contentBlockDelta",
            "contentBlockDelta",
            "contentBlockDelta",
            "contentBlockStop",
            "messageStop",
            "metadata",
        ]
    );
    assert_eq!(joined(&messages, "/delta/text"), text);
    assert_eq!(messages[6].payload["usage"], body["usage"]);
    assert!(sim.requests().last().unwrap().stream);
    assert_eq!(sim.requests().last().unwrap().model.as_deref(), Some(MODEL));
}

#[tokio::test]
async fn inference_is_configured() {
    let sim = bedrock().await;
    let full = whole(&sim, &ask("hello")).await["output"]["message"]["content"][0]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    let short = whole(&sim, &with(ask("hello"), json!({ "inferenceConfig": { "maxTokens": 3 } }))).await;
    assert_eq!(short["output"]["message"]["content"][0]["text"], full[..12]);
    assert_eq!(short["stopReason"], "max_tokens");
    let stops = json!({
        "inferenceConfig": { "stopSequences": ["@"] }, "additionalModelResponseFieldPaths": ["/stop_sequence"],
    });
    let stopped = whole(&sim, &with(ask("hello"), stops)).await;
    assert_eq!(
        (&stopped["stopReason"], &stopped["additionalModelResponseFields"]),
        (&json!("stop_sequence"), &json!({ "stop_sequence": "@" }))
    );
    let schema =
        json!({ "type": "object", "required": ["stars"], "properties": { "stars": { "type": "integer" } } });
    let format =
        json!({ "type": "json_schema", "structure": { "jsonSchema": { "schema": schema.to_string() } } });
    let structured =
        whole(&sim, &with(ask("hello"), json!({ "outputConfig": { "textFormat": format } }))).await;
    assert_eq!(structured["output"]["message"]["content"][0]["text"], r#"{"stars":7}"#);
    let own = json!({ "role": "assistant", "content": [{ "text": &full[..60].trim_end() }] });
    let prefilled = whole(&sim, &json!({ "messages": [ask("hello")["messages"][0], own] })).await;
    let rest = prefilled["output"]["message"]["content"][0]["text"].as_str().unwrap();
    assert!(full.ends_with(rest) && rest.len() < full.len(), "{rest}");
}

#[tokio::test]
async fn tools_are_called_and_their_results_are_read() {
    let sim = bedrock().await;
    let asked = weather("What is the weather in Lisbon and Porto?");
    let body = whole(&sim, &asked).await;
    let message = body["output"]["message"].clone();
    assert_eq!(
        (&body["stopReason"], &message["content"][1]["toolUse"]["input"]),
        (&json!("tool_use"), &json!({ "city": "Porto" }))
    );
    let id = |n: usize| message["content"][n]["toolUse"]["toolUseId"].clone();
    let good = json!({ "toolResult": { "toolUseId": id(0), "content": [{ "json": { "sky": "clear" } }] } });
    let picture = json!({ "image": { "format": "png", "source": { "bytes": PNG } } });
    let bad = json!({ "toolResult": { "toolUseId": id(1), "status": "error", "content": [{ "text": "down" }, picture] } });
    let messages = json!([asked["messages"][0], message, user(&json!([good, bad]))]);
    let body = whole(&sim, &with(asked.clone(), json!({ "messages": messages }))).await;
    let text = body["output"]["message"]["content"][0]["text"].as_str().unwrap();
    for part in [r#"{"sky":"clear"}; down"#, "1 failure", "1 image"] {
        assert!(text.contains(part), "{text}");
    }
    let forced = json!({ "tools": asked["toolConfig"]["tools"], "toolChoice": { "any": {} } });
    let (messages, _) = streamed(&sim, &with(ask("hello"), json!({ "toolConfig": forced }))).await;
    assert_eq!(
        kinds(&messages),
        [
            "messageStart",
            "contentBlockStart",
            "contentBlockDelta",
            "contentBlockDelta",
            "contentBlockStop",
            "messageStop",
            "metadata",
        ]
    );
    assert_eq!(messages[1].payload["start"]["toolUse"]["name"], "get_weather");
    assert_eq!(joined(&messages, "/delta/toolUse/input"), r#"{"city":"hello"}"#);
    assert_eq!(messages[5].payload["stopReason"], "tool_use");
}

#[tokio::test]
async fn thoughts_come_signed_and_must_go_back_so() {
    let sim = bedrock().await;
    let thinking = json!({ "additionalModelRequestFields": { "thinking": { "type": "enabled", "budget_tokens": 1024 } } });
    let asked = with(weather("the weather in Lisbon"), thinking.clone());
    let body = whole(&sim, &asked).await;
    let message = body["output"]["message"].clone();
    let thought = message["content"][0]["reasoningContent"]["reasoningText"].clone();
    assert!(thought["text"].is_string() && thought["signature"].is_string(), "{message}");
    let (messages, _) = streamed(&sim, &asked).await;
    assert_eq!(joined(&messages, "/delta/reasoningContent/text"), thought["text"].as_str().unwrap());
    assert_eq!(
        joined(&messages, "/delta/reasoningContent/signature"),
        thought["signature"].as_str().unwrap()
    );

    let result = json!({ "toolResult": { "toolUseId": message["content"][1]["toolUse"]["toolUseId"], "content": [{ "text": "sun" }] } });
    let go_on = |message: &Value| {
        with(asked.clone(), json!({ "messages": [asked["messages"][0], message, user(&json!([result]))] }))
    };
    whole(&sim, &go_on(&message)).await;
    let mut forged = message.clone();
    forged["content"][0]["reasoningContent"]["reasoningText"]["signature"] = json!("forged");
    let mut bare = message.clone();
    bare["content"].as_array_mut().unwrap().remove(0);
    for (message, reason) in [
        (forged, "messages.1.content.0: Invalid `signature` in `thinking` block"),
        (bare, "Expected `thinking` or `redacted_thinking`"),
    ] {
        let (status, kind, error) = answer_to(converse(&sim, MODEL, "converse", &go_on(&message))).await;
        assert_eq!((status, kind.as_str()), (400, "ValidationException"));
        assert!(error["message"].as_str().unwrap().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn what_is_marked_is_cached() {
    let sim = bedrock().await;
    let long = "word ".repeat(1000);
    let system = json!([{ "text": long }, { "cachePoint": { "type": "default" } }]);
    let body = with(ask("hello"), json!({ "system": system }));
    let (first, second) = (whole(&sim, &body).await, whole(&sim, &body).await);
    assert_eq!(
        (&first["usage"]["cacheWriteInputTokens"], &first["usage"]["cacheReadInputTokens"]),
        (&json!(1250), &json!(0))
    );
    assert_eq!(
        (&second["usage"]["cacheWriteInputTokens"], &second["usage"]["cacheReadInputTokens"]),
        (&json!(0), &json!(1250))
    );
    assert_eq!(first["usage"]["totalTokens"], second["usage"]["totalTokens"]);
    assert_eq!(second["usage"]["inputTokens"], 2);
}

#[tokio::test]
async fn a_signature_must_be_right() {
    let sim = bedrock().await;
    let body = ask("hello").to_string();
    let request = |signing: &Signing| signed(signing, "POST", &url(&sim, MODEL, "converse"), &body);
    let arn = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude";
    assert_eq!(answer_to(request(&RIGHT)).await.0, 200);
    assert_eq!(answer_to(request(&Signing { session: Some("a session"), ..RIGHT })).await.0, 200);
    assert_eq!(answer_to(converse(&sim, arn, "converse", &ask("hello"))).await.0, 200);
    assert_eq!(sim.requests().last().unwrap().model.as_deref(), Some(arn));
    let list = answer_to(signed(
        &RIGHT,
        "GET",
        &format!("{}/foundation-models?byProvider=a%20b&a=1", sim.url()),
        "",
    ))
    .await;
    assert_eq!((list.0, &list.2["modelSummaries"]), (200, &json!([])));

    let unsigned = client().post(url(&sim, MODEL, "converse")).body(body.clone());
    let mangled =
        unsigned.try_clone().unwrap().header("authorization", "AWS4-HMAC-SHA256 Credential=AKIDSIM");
    let altered = request(&RIGHT).body(ask("something else").to_string());
    let cases = [
        (unsigned, "MissingAuthenticationTokenException", "Missing Authentication Token"),
        (mangled, "IncompleteSignatureException", "5 slash-delimited elements"),
        (altered, "InvalidSignatureException", "The request signature we calculated does not match"),
        (request(&Signing { secret: "wrong", ..RIGHT }), "InvalidSignatureException", "does not match"),
        (request(&Signing { id: "AKIDOTHER", ..RIGHT }), "UnrecognizedClientException", "security token"),
        (
            request(&Signing { service: "s3", ..RIGHT }),
            "InvalidSignatureException",
            "correct service: 'bedrock'",
        ),
        (request(&Signing { skew_s: -600, ..RIGHT }), "InvalidSignatureException", "Signature expired"),
        (request(&Signing { skew_s: 600, ..RIGHT }), "InvalidSignatureException", "not yet current"),
    ];
    for (request, expected, reason) in cases {
        let (status, kind, error) = answer_to(request).await;
        assert_eq!((status, kind.as_str()), (403, expected), "{error}");
        assert!(error["message"].as_str().unwrap().contains(reason), "{error}");
    }
    let record = serde_json::to_string(&sim.requests()).unwrap();
    assert!(!record.contains("a session"), "no session token is in a record");
}

#[tokio::test]
async fn an_api_key_does_as_well_and_keys_are_told_apart() {
    let profile = Profile::new("acme").dialect(Dialect::BedrockConverse).keys(["bedrock-api-key-1"]);
    let sim = SimProvider::start_with(profile).await.unwrap();
    let bearer = |key: &str| client().post(url(&sim, MODEL, "converse")).bearer_auth(key).json(&ask("hello"));
    assert_eq!(answer_to(bearer("bedrock-api-key-1")).await.0, 200);
    let (status, kind, _) = answer_to(bearer("bedrock-api-key-9")).await;
    assert_eq!((status, kind.as_str()), (403, "AccessDeniedException"));
    for (state, expected) in [
        (KeyState::Revoked, (403, "UnrecognizedClientException")),
        (KeyState::Unpaid, (403, "AccessDeniedException")),
        (KeyState::RateLimited { retry_after_s: 3 }, (429, "ThrottlingException")),
    ] {
        sim.set_key("AKIDSIM", state);
        let (status, kind, _) = answer_to(converse(&sim, MODEL, "converse", &ask("hello"))).await;
        assert_eq!((status, kind.as_str()), expected);
    }
}

#[tokio::test]
async fn what_bedrock_refuses_is_refused_in_its_words() {
    let sim = bedrock().await;
    let messages = |messages: Value| json!({ "messages": messages });
    let (hi, model) = (
        user(&json!([{ "text": "hi" }])),
        |content: Value| json!({ "role": "assistant", "content": content }),
    );
    let tool_use = |id: &str| json!({ "toolUse": { "toolUseId": id, "name": "get_weather", "input": {} } });
    let result = |id: &str| json!({ "toolResult": { "toolUseId": id, "content": [{ "text": "x" }] } });
    let with_tools = |turns: Value| with(weather("x"), messages(turns));
    let document =
        |name: &str| json!({ "document": { "name": name, "format": "txt", "source": { "bytes": "aGk=" } } });
    let fields = |fields: Value| with(ask("x"), json!({ "additionalModelRequestFields": fields }));
    let inference = |config: Value| with(ask("x"), json!({ "inferenceConfig": config }));
    let cases = [
        (messages(json!([])), "A conversation must start with a user message."),
        (
            messages(json!([model(json!([{ "text": "hi" }]))])),
            "A conversation must start with a user message.",
        ),
        (messages(json!([hi, hi])), "A conversation must alternate between user and assistant roles."),
        (
            messages(json!([user(&json!([]))])),
            "The content field in the Message object at messages.0 is empty.",
        ),
        (messages(json!([user(&json!([{ "text": " \n" }]))])), "at messages.0.content.0 is blank."),
        (
            messages(json!([hi, model(json!([tool_use("a")])), user(&json!([result("a")]))])),
            "The toolConfig field must be defined",
        ),
        (
            with_tools(json!([hi, model(json!([tool_use("a")])), hi])),
            "Expected toolResult blocks at messages.2.content for the following Ids: a",
        ),
        (
            with_tools(json!([hi, model(json!([tool_use("a")])), user(&json!([result("a"), result("b")]))])),
            "exceeds the number of toolUse blocks",
        ),
        (
            with_tools(json!([
                hi,
                model(json!([tool_use("a"), tool_use("a")])),
                user(&json!([result("a"), result("a")]))
            ])),
            "duplicate Ids: a",
        ),
        (
            messages(json!([user(&json!([{ "text": "x" }, document("a_b.txt")]))])),
            "The document file name can only contain",
        ),
        (messages(json!([user(&json!([document("notes")]))])), "A text block is required"),
        (
            messages(json!([user(&json!([{ "image": { "format": "jpeg", "source": { "bytes": PNG } } }]))])),
            "could not be read as jpeg",
        ),
        (messages(json!([hi, model(json!([{ "text": "so " }]))])), "cannot end with trailing whitespace"),
        (
            inference(json!({ "maxTokens": 0 })),
            "Value at 'inferenceConfig.maxTokens' failed to satisfy constraint",
        ),
        (inference(json!({ "top_p": 1 })), "#/inferenceConfig: extraneous key [top_p] is not permitted"),
        (with(ask("x"), json!({ "model": "m" })), "#: extraneous key [model] is not permitted"),
        (messages(json!([user(&json!([{ "type": "text", "text": "x" }]))])), "extraneous key [type]"),
        (fields(json!({ "seed": 1 })), "seed: Extra inputs are not permitted"),
        (
            fields(json!({ "thinking": { "type": "enabled", "budget_tokens": 1 } })),
            "greater than or equal to 1024",
        ),
    ];
    for (body, reason) in cases {
        let (status, kind, error) = answer_to(converse(&sim, MODEL, "converse", &body)).await;
        assert_eq!((status, kind.as_str()), (400, "ValidationException"), "{body}");
        assert!(error["message"].as_str().unwrap().contains(reason), "{body}: {error}");
    }
    let broken = signed(&RIGHT, "POST", &url(&sim, MODEL, "converse"), "{");
    assert_eq!(answer_to(broken).await.1, "SerializationException");
    let broken = signed(&RIGHT, "POST", &url(&sim, MODEL, "converse"), "{");
    assert_eq!(answer_to(broken).await.1, "SerializationException");
    let named = messages(json!([user(&json!([{ "text": "read" }, document("Notes (1) [a-b]")]))]));
    assert!(whole(&sim, &named).await.to_string().contains("1 document"));
}

#[tokio::test]
async fn every_status_has_its_exception() {
    let sim = bedrock().await;
    for (code, expected) in [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (408, "ModelTimeoutException"),
        (424, "ModelErrorException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
    ] {
        sim.set_fault(Fault::status(code)).await.unwrap();
        let (status, kind, body) = answer_to(converse(&sim, MODEL, "converse", &ask("x"))).await;
        assert_eq!((status, kind.as_str(), body["message"].is_string()), (code, expected, true));
    }
    let profile = Profile::new("acme").dialect(Dialect::BedrockConverse).models(["m-1"]);
    let sim = SimProvider::start_with(profile).await.unwrap();
    let (status, kind, error) = answer_to(converse(&sim, MODEL, "converse", &ask("x"))).await;
    assert_eq!((status, kind.as_str()), (400, "ValidationException"));
    assert_eq!(error["message"], "The provided model identifier is invalid.");
}

#[tokio::test]
async fn faults_strike_its_streams() {
    let sim = bedrock().await;
    let deltas =
        |messages: &[Message]| kinds(messages).iter().filter(|kind| **kind == "contentBlockDelta").count();
    for after_chunks in [0, 2] {
        let n = after_chunks as usize;
        sim.set_fault(Fault::CutStream { after_chunks }).await.unwrap();
        let cut = converse(&sim, MODEL, "converse-stream", &ask("x")).send().await.unwrap();
        assert!(cut.bytes().await.is_err());
        sim.set_fault(Fault::MalformedChunk { after_chunks }).await.unwrap();
        let (messages, complete) = streamed(&sim, &ask("x")).await;
        assert_eq!((deltas(&messages), complete), (n, false), "a frame fails its checksum");
        sim.set_fault(Fault::ErrorEvent { after_chunks }).await.unwrap();
        let (messages, complete) = streamed(&sim, &ask("x")).await;
        let last = messages.last().unwrap();
        assert_eq!((deltas(&messages), complete), (n, true));
        assert_eq!(
            (last.is_exception, last.kind.as_str()),
            (true, "serviceUnavailableException"),
            "{last:?}"
        );
        assert_eq!(last.payload["message"], "Overloaded");
    }
    sim.set_fault(Fault::MissingDone).await.unwrap();
    let (messages, complete) = streamed(&sim, &ask("x")).await;
    assert!(complete && !kinds(&messages).contains(&"messageStop"), "{messages:?}");
    sim.set_fault(Fault::InBandError).await.unwrap();
    assert!(streamed(&sim, &ask("x")).await.0[0].is_exception);
    sim.set_fault(Fault::TruncatedBody).await.unwrap();
    let cut = converse(&sim, MODEL, "converse-stream", &ask("x")).send().await.unwrap();
    assert!(cut.bytes().await.is_err());
    sim.set_fault(Fault::ContentFilter).await.unwrap();
    assert_eq!(whole(&sim, &ask("x")).await["stopReason"], "content_filtered");
}
