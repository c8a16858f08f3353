//! Gemini's API and Vertex AI's: answers, streams, refusals, who is let in.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault, KeyState, Latency, Profile, SimProvider};

use crate::{client, json_of, now_s, with};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

async fn gemini() -> SimProvider {
    SimProvider::start_with(Profile::new("acme").dialect(Dialect::Gemini)).await.unwrap()
}

fn call(sim: &SimProvider, model: &str, method: &str, body: &Value) -> reqwest::RequestBuilder {
    client().post(format!("{}/v1beta/models/{model}:{method}", sim.url())).json(body)
}

async fn generate(sim: &SimProvider, body: &Value) -> (u16, Value) {
    json_of(call(sim, "m-1", "generateContent", body)).await
}

fn user(text: &str) -> Value {
    json!({ "role": "user", "parts": [{ "text": text }] })
}

fn ask(text: &str) -> Value {
    json!({ "contents": [user(text)] })
}

fn config(config: &Value) -> Value {
    with(ask("hello"), json!({ "generationConfig": config }))
}

fn weather(prompt: &str) -> Value {
    let schema = json!({
        "type": "OBJECT", "properties": { "city": { "type": "STRING" } }, "required": ["city"],
    });
    let functions = json!([{ "name": "get_weather", "description": "The weather", "parameters": schema }]);
    with(ask(prompt), json!({ "tools": [{ "functionDeclarations": functions }] }))
}

/// Asks, and goes on with what came back and the functions' results.
async fn after_calls(sim: &SimProvider, model: &str, change: impl Fn(&mut Value)) -> (u16, Value) {
    let body = weather("What is the weather in Lisbon and Porto?");
    let (status, answer) = json_of(call(sim, model, "generateContent", &body)).await;
    assert_eq!(status, 200, "{answer}");
    let mut content = answer["candidates"][0]["content"].clone();
    change(&mut content);
    let results = ["sunny", "rain"]
        .map(|text| json!({ "functionResponse": { "name": "get_weather", "response": { "output": text } } }));
    let contents = json!([body["contents"][0], content, { "role": "user", "parts": results }]);
    json_of(call(sim, model, "generateContent", &with(body, json!({ "contents": contents })))).await
}

/// The data of each event.
fn events(stream: &str) -> Vec<Value> {
    let data = stream.split("\r\n\r\n").filter_map(|event| event.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

fn spoken(chunks: &[Value]) -> String {
    let parts = chunks
        .iter()
        .flat_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array().cloned().unwrap_or_default());
    parts
        .filter(|part| part["thought"] != true)
        .filter_map(|p| p["text"].as_str().map(str::to_owned))
        .collect()
}

async fn streamed(sim: &SimProvider, body: &Value) -> String {
    call(sim, "m-1", "streamGenerateContent?alt=sse", body).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_whole_answer_and_both_kinds_of_stream_say_the_same() {
    let latency = Latency { chunks: 4, ..Latency::default() };
    let profile = Profile::new("acme").dialect(Dialect::Gemini).latency(latency);
    let sim = SimProvider::start_with(profile).await.unwrap();
    let (status, whole) = generate(&sim, &ask("how to price a trial")).await;
    assert_eq!(status, 200);
    let text = whole["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("[m-1 @ acme] ") && text.contains("how to price a trial"), "{text}");
    assert_eq!(whole["candidates"][0]["finishReason"], "STOP");
    let usage = &whole["usageMetadata"];
    assert_eq!((&usage["promptTokenCount"], &whole["modelVersion"]), (&json!(5), &json!("m-1")));
    let written = usage["candidatesTokenCount"].as_u64().unwrap();
    assert_eq!(usage["totalTokenCount"], 5 + written);
    assert!(whole["responseId"].is_string());

    let stream = streamed(&sim, &ask("how to price a trial")).await;
    let chunks = events(&stream);
    assert_eq!((spoken(&chunks).as_str(), chunks.len()), (text, 5), "{stream}");
    let (last, before) = chunks.split_last().unwrap();
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert_eq!(last["usageMetadata"]["candidatesTokenCount"], written);
    assert!(before.iter().all(|chunk| chunk["candidates"][0].get("finishReason").is_none()), "{stream}");

    let array =
        call(&sim, "m-1", "streamGenerateContent", &ask("how to price a trial")).send().await.unwrap();
    assert_eq!(array.headers()["content-type"], "application/json; charset=UTF-8");
    let array: Vec<Value> = array.json().await.unwrap();
    assert_eq!((spoken(&array).as_str(), array.len()), (text, 5));
    assert!(sim.requests().last().unwrap().stream);
}

#[tokio::test]
async fn generation_is_configured() {
    let sim = gemini().await;
    let (_, whole) = generate(&sim, &ask("hello")).await;
    let text = whole["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap().to_owned();
    let part =
        |answer: &Value| answer["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap().to_owned();

    let (_, short) = generate(&sim, &config(&json!({ "maxOutputTokens": 3 }))).await;
    assert_eq!(
        (part(&short), &short["candidates"][0]["finishReason"]),
        (text[..12].to_owned(), &json!("MAX_TOKENS"))
    );
    let (_, stopped) = generate(&sim, &config(&json!({ "stopSequences": ["@"] }))).await;
    assert_eq!(
        (part(&stopped).as_str(), &stopped["candidates"][0]["finishReason"]),
        ("[m-1 ", &json!("STOP"))
    );
    let (_, two) = generate(&sim, &config(&json!({ "candidateCount": 2 }))).await;
    assert_eq!((two["candidates"].as_array().unwrap().len(), &two["candidates"][1]["index"]), (2, &json!(1)));
    let schema =
        json!({ "type": "OBJECT", "required": ["stars"], "properties": { "stars": { "type": "INTEGER" } } });
    let json_schema =
        json!({ "type": "object", "required": ["stars"], "properties": { "stars": { "type": "integer" } } });
    for (name, schema) in [("responseSchema", schema), ("responseJsonSchema", json_schema)] {
        let asked = json!({ "responseMimeType": "application/json", name: schema });
        let (_, answer) = generate(&sim, &config(&asked)).await;
        assert_eq!(part(&answer), r#"{"stars":7}"#);
    }
    let prefilled =
        json!({ "contents": [user("hello"), { "role": "model", "parts": [{ "text": &text[..20] }] }] });
    assert_eq!(part(&generate(&sim, &prefilled).await.1), text[20..]);
}

#[tokio::test]
async fn thoughts_are_shown_when_asked_for_and_counted_always() {
    let sim = gemini().await;
    let asked = config(&json!({ "thinkingConfig": { "thinkingBudget": 2000, "includeThoughts": true } }));
    let (_, shown) = generate(&sim, &asked).await;
    let parts = shown["candidates"][0]["content"]["parts"].as_array().unwrap();
    assert_eq!((&parts[0]["thought"], parts[1].get("thought")), (&json!(true), None));
    assert!(parts[1]["thoughtSignature"].is_string());
    let thoughts = shown["usageMetadata"]["thoughtsTokenCount"].as_u64().unwrap();
    assert!(thoughts > 0);
    let chunks = events(&streamed(&sim, &asked).await);
    assert_eq!(chunks[0]["candidates"][0]["content"]["parts"][0]["thought"], true);
    assert_eq!(chunks.last().unwrap()["usageMetadata"]["thoughtsTokenCount"], thoughts);

    let (_, hidden) = json_of(call(&sim, "gemini-2.5-flash", "generateContent", &ask("hello"))).await;
    assert_eq!(hidden["candidates"][0]["content"]["parts"].as_array().unwrap().len(), 1);
    assert!(hidden["usageMetadata"]["thoughtsTokenCount"].as_u64().unwrap() > 0);
    let off = config(&json!({ "thinkingConfig": { "thinkingBudget": 0 } }));
    let (_, off) = json_of(call(&sim, "gemini-2.5-flash", "generateContent", &off)).await;
    assert!(off["usageMetadata"].get("thoughtsTokenCount").is_none(), "{off}");
}

#[tokio::test]
async fn functions_are_called_and_their_results_are_read() {
    let sim = gemini().await;
    let (_, answer) = generate(&sim, &weather("What is the weather in Lisbon and Porto?")).await;
    let parts = answer["candidates"][0]["content"]["parts"].as_array().unwrap();
    let cities: Vec<&Value> = parts.iter().map(|part| &part["functionCall"]["args"]["city"]).collect();
    assert_eq!(cities, ["Lisbon", "Porto"]);
    assert_eq!(answer["candidates"][0]["finishReason"], "STOP", "a call ends like any other answer");
    assert!(parts.iter().all(|part| part["functionCall"].get("id").is_none()), "an older model gives no ids");
    let (status, answer) = after_calls(&sim, "m-1", |_| {}).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.to_string().contains("The tools answered: sunny; rain"), "{answer}");

    let none = json!({ "functionCallingConfig": { "mode": "NONE" } });
    let silent = with(weather("the weather in Lisbon"), json!({ "toolConfig": none }));
    assert!(!generate(&sim, &silent).await.1.to_string().contains("functionCall"));
    let any = json!({ "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["get_weather"] } });
    let chunks = events(&streamed(&sim, &with(weather("hello"), json!({ "toolConfig": any }))).await);
    assert_eq!(chunks[0]["candidates"][0]["content"]["parts"][0]["functionCall"]["name"], "get_weather");
    assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "STOP");
}

#[tokio::test]
async fn the_third_generation_wants_its_signatures_back() {
    let sim = gemini().await;
    let sign =
        |with: &'static str| move |content: &mut Value| content["parts"][0]["thoughtSignature"] = json!(with);
    let (status, answer) = after_calls(&sim, "gemini-3-flash", |content| {
        let [first, second] = [0, 1].map(|at| content["parts"][at].clone());
        assert!(first["thoughtSignature"].is_string() && first["functionCall"]["id"].is_string());
        assert!(second.get("thoughtSignature").is_none(), "only the first of parallel calls is signed");
    })
    .await;
    assert_eq!(status, 200, "{answer}");
    for accepted in ["context_engineering_is_the_way_to_go", "skip_thought_signature_validator"] {
        assert_eq!(after_calls(&sim, "gemini-3-flash", sign(accepted)).await.0, 200, "{accepted}");
    }
    let unsigned = |content: &mut Value| {
        content["parts"][0].as_object_mut().unwrap().remove("thoughtSignature");
    };
    let (status, error) = after_calls(&sim, "gemini-3-flash", unsigned).await;
    let message = error["error"]["message"].as_str().unwrap();
    assert_eq!((status, &error["error"]["status"]), (400, &json!("INVALID_ARGUMENT")));
    assert!(
        message.starts_with("Function call is missing a thought_signature in functionCall parts."),
        "{message}"
    );
    assert!(message.contains("function call `default_api:get_weather` , position 2."), "{message}");
    assert_eq!(after_calls(&sim, "m-1", unsigned).await.0, 200, "an older model does not mind");
    let cases = [("c2lnbmF0dXJl", "Corrupted thought signature."), ("!", "Base64 decoding failed")];
    for (foreign, reason) in cases {
        for model in ["gemini-3-flash", "m-1"] {
            let (status, error) = after_calls(&sim, model, sign(foreign)).await;
            assert!(status == 400 && error.to_string().contains(reason), "{error}");
        }
    }
}

#[tokio::test]
async fn files_arrive() {
    let sim = gemini().await;
    let blob = |kind: &str| json!({ "inlineData": { "mimeType": kind, "data": "aGVsbG8=" } });
    let link = json!({ "fileData": { "mimeType": "image/jpeg", "fileUri": "https://example.com/a.jpg" } });
    let parts = json!([{ "text": "look" }, blob("image/png"), link, blob("application/pdf")]);
    let (_, answer) = generate(&sim, &json!({ "contents": [{ "role": "user", "parts": parts }] })).await;
    assert!(answer.to_string().contains("It came with 2 images and 1 document."), "{answer}");
}

#[tokio::test]
async fn what_google_refuses_is_refused_in_its_words() {
    let sim = gemini().await;
    let model = |parts: Value| json!({ "role": "model", "parts": parts });
    let called = json!([{ "functionCall": { "name": "f", "args": {} } }]);
    let answered = |name: &str| json!({ "functionResponse": { "name": name, "response": {} } });
    let turns = |turns: Value| json!({ "contents": turns });
    let declared =
        |function: Value| with(ask("x"), json!({ "tools": [{ "functionDeclarations": [function] }] }));
    let parameters = |schema: Value| declared(json!({ "name": "f", "parameters": schema }));
    let cases = [
        (json!({}), "contents is not specified"),
        (turns(json!([{ "role": "user", "parts": [] }])), "contents.parts must not be empty."),
        (
            turns(json!([{ "role": "user", "parts": [{}] }])),
            "required oneof field 'data' must have one initialized field",
        ),
        (
            turns(json!([{ "role": "system", "parts": [{ "text": "x" }] }])),
            "Please use a valid role: user, model.",
        ),
        (turns(json!([model(json!([{ "text": "x" }])), user("x")])), "start with a user turn"),
        (
            turns(json!([user("x"), { "role": "user", "parts": [answered("f")] }])),
            "immediately after a function call turn",
        ),
        (
            turns(json!([user("x"), model(called.clone()), user("y")])),
            "number of function response parts is equal",
        ),
        (
            turns(json!([user("x"), model(called.clone()), { "role": "user", "parts": [answered("g")] }])),
            "function response `g`",
        ),
        (config(&json!({ "temperature": 3 })), "temperature must be in the range [0.0, 2.0]"),
        (
            config(&json!({ "temperature": "hot" })),
            "Invalid value at 'generation_config.temperature' (TYPE_FLOAT)",
        ),
        (config(&json!({ "stopSequences": ["1", "2", "3", "4", "5", "6"] })), "must not exceed 5"),
        (config(&json!({ "responseSchema": { "type": "STRING" } })), "mime type of application/json"),
        (
            config(&json!({ "thinkingConfig": { "thinkingBudget": 1, "thinkingLevel": "LOW" } })),
            "only one of thinking budget",
        ),
        (with(ask("x"), json!({ "stream": true })), "Unknown name \"stream\": Cannot find field."),
        (
            with(ask("x"), json!({ "toolConfig": { "functionCallingConfig": { "mode": "SOMETIMES" } } })),
            "\"SOMETIMES\"",
        ),
        (declared(json!({ "name": "1f" })), "Invalid function name."),
        (parameters(json!({ "type": "OBJECT", "properties": {} })), "should be non-empty for OBJECT type"),
        (parameters(json!({ "type": "ARRAY" })), "parameters.items: missing field."),
        (
            parameters(
                json!({ "type": "OBJECT", "properties": { "a": { "type": "STRING" } }, "additionalProperties": false }),
            ),
            "Unknown name \"additionalProperties\" at 'tools[0].function_declarations[0].parameters': Cannot find field.",
        ),
    ];
    for (body, reason) in cases {
        let (status, error) = generate(&sim, &body).await;
        let message = error["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(reason), "{body}: {error}");
        assert_eq!(
            (&error["error"]["code"], &error["error"]["status"]),
            (&json!(400), &json!("INVALID_ARGUMENT"))
        );
    }
    let (_, error) = generate(&sim, &config(&json!({ "topZ": 1 }))).await;
    let violation = &error["error"]["details"][0]["fieldViolations"][0];
    assert_eq!(violation["field"], "generation_config", "{error}");

    let broken = client().post(format!("{}/v1beta/models/m-1:generateContent", sim.url())).body("{");
    let (status, error) = json_of(broken).await;
    assert!(status == 400 && error.to_string().contains("Invalid JSON payload received."), "{error}");
    let lax =
        SimProvider::start_with(Profile::new("lax").dialect(Dialect::Gemini).strict(false)).await.unwrap();
    assert_eq!(generate(&lax, &with(ask("x"), json!({ "stream": true }))).await.0, 200);
}

#[tokio::test]
async fn an_answer_may_be_withheld() {
    let sim = gemini().await;
    let (status, blocked) = generate(&sim, &ask("block this prompt, please")).await;
    assert_eq!((status, &blocked["promptFeedback"]["blockReason"]), (200, &json!("PROHIBITED_CONTENT")));
    assert!(blocked.get("candidates").is_none());
    let (_, malformed) = generate(&sim, &weather("a malformed call")).await;
    assert_eq!(malformed["candidates"][0]["finishReason"], "MALFORMED_FUNCTION_CALL");
    sim.set_fault(Fault::ContentFilter).await.unwrap();
    let (_, filtered) = generate(&sim, &ask("hello")).await;
    assert_eq!(filtered["candidates"][0]["finishReason"], "SAFETY");
    assert!(filtered["candidates"][0].get("content").is_none());
    let chunks = events(&streamed(&sim, &ask("hello")).await);
    assert_eq!((chunks.len(), &chunks[0]["candidates"][0]["finishReason"]), (1, &json!("SAFETY")));
}

#[tokio::test]
async fn tokens_are_counted_texts_embedded_and_models_listed() {
    let profile = Profile::new("acme").dialect(Dialect::Gemini).models(["m-1", "text-embedding-9"]);
    let sim = SimProvider::start_with(profile).await.unwrap();
    for body in
        [ask("how to price a trial"), json!({ "generateContentRequest": ask("how to price a trial") })]
    {
        assert_eq!(json_of(call(&sim, "m-1", "countTokens", &body)).await.1["totalTokens"], 5, "{body}");
    }
    let content = json!({ "parts": [{ "text": "hello" }] });
    let one = json!({ "content": content, "outputDimensionality": 4 });
    let (_, embedded) = json_of(call(&sim, "text-embedding-9", "embedContent", &one)).await;
    let values = embedded["embedding"]["values"].clone();
    assert_eq!(values.as_array().unwrap().len(), 4);
    let same = with(one.clone(), json!({ "model": "models/text-embedding-9" }));
    let batch = json!({ "requests": [same, same] });
    let (_, embedded) = json_of(call(&sim, "text-embedding-9", "batchEmbedContents", &batch)).await;
    assert_eq!(embedded["embeddings"][1]["values"], values);
    for (method, body, reason) in [
        (
            "embedContent",
            json!({ "content": content, "encodingFormat": "float" }),
            "Unknown name \"encodingFormat\"",
        ),
        ("embedContent", json!({ "content": { "parts": [] } }), "content is empty"),
        ("batchEmbedContents", json!({ "requests": [one] }), "model must match"),
        ("countTokens", json!({}), "contents is not specified"),
    ] {
        let (status, error) = json_of(call(&sim, "text-embedding-9", method, &body)).await;
        assert!(status == 400 && error["error"]["message"].as_str().unwrap().contains(reason), "{error}");
    }
    let list = json_of(client().get(format!("{}/v1beta/models", sim.url()))).await.1;
    assert_eq!(list["models"][0]["name"], "models/m-1");
    let model = json_of(client().get(format!("{}/v1beta/models/m-1", sim.url()))).await.1;
    assert!(model["supportedGenerationMethods"].as_array().unwrap().contains(&json!("generateContent")));
    let (status, error) = json_of(call(&sim, "m-9", "generateContent", &ask("x"))).await;
    assert_eq!((status, &error["error"]["status"]), (404, &json!("NOT_FOUND")));
}

#[tokio::test]
async fn keys_are_told_apart_and_errors_say_what_google_says() {
    let profile =
        Profile::new("acme").dialect(Dialect::Gemini).keys(["good-key-1", "unpaid-12", "limited-1"]);
    let sim = SimProvider::start_with(profile).await.unwrap();
    sim.set_key("unpaid-12", KeyState::Unpaid);
    sim.set_key("limited-1", KeyState::RateLimited { retry_after_s: 7 });
    let ask_with = |key: &str| call(&sim, "m-1", "generateContent", &ask("x")).header("x-goog-api-key", key);
    assert_eq!(json_of(ask_with("good-key-1")).await.0, 200);
    let in_query = call(&sim, "m-1", "generateContent?key=good-key-1", &ask("x"));
    assert_eq!(json_of(in_query).await.0, 200);
    let (status, error) = json_of(ask_with("nonsense")).await;
    assert_eq!((status, &error["error"]["status"]), (400, &json!("INVALID_ARGUMENT")));
    assert_eq!(error["error"]["details"][0]["reason"], "API_KEY_INVALID");
    let (status, error) = json_of(call(&sim, "m-1", "generateContent", &ask("x"))).await;
    assert_eq!((status, &error["error"]["status"]), (403, &json!("PERMISSION_DENIED")));
    let (status, limited) = json_of(ask_with("limited-1")).await;
    let details = limited["error"]["details"].as_array().unwrap();
    let retry = details.iter().find(|d| d["@type"] == "type.googleapis.com/google.rpc.RetryInfo").unwrap();
    assert_eq!(
        (status, &limited["error"]["status"], &retry["retryDelay"]),
        (429, &json!("RESOURCE_EXHAUSTED"), &json!("7s"))
    );
    let (status, unpaid) = json_of(ask_with("unpaid-12")).await;
    assert!(status == 429 && !unpaid.to_string().contains("RetryInfo"), "{unpaid}");
    for (code, name) in
        [(500, "INTERNAL"), (503, "UNAVAILABLE"), (504, "DEADLINE_EXCEEDED"), (403, "PERMISSION_DENIED")]
    {
        sim.set_fault(Fault::status(code)).await.unwrap();
        let (status, error) = json_of(ask_with("good-key-1")).await;
        assert_eq!((status, &error["error"]["status"]), (code, &json!(name)));
    }
}

#[tokio::test]
async fn faults_strike_its_streams() {
    let sim = gemini().await;
    for after_chunks in [0, 2] {
        let n = after_chunks as usize;
        sim.set_fault(Fault::CutStream { after_chunks }).await.unwrap();
        let cut = call(&sim, "m-1", "streamGenerateContent?alt=sse", &ask("x")).send().await.unwrap();
        assert!(cut.text().await.is_err());
        sim.set_fault(Fault::ErrorEvent { after_chunks }).await.unwrap();
        let chunks = events(&streamed(&sim, &ask("x")).await);
        assert_eq!((chunks.len(), &chunks[n]["error"]["status"]), (n + 1, &json!("UNAVAILABLE")));
        let array = call(&sim, "m-1", "streamGenerateContent", &ask("x"));
        assert_eq!(json_of(array).await.1[n]["error"]["code"], 503);
        sim.set_fault(Fault::MalformedChunk { after_chunks }).await.unwrap();
        let stream = streamed(&sim, &ask("x")).await;
        let data = stream.split("\r\n\r\n").filter_map(|event| event.strip_prefix("data: "));
        assert_eq!(data.filter(|data| serde_json::from_str::<Value>(data).is_err()).count(), 1);
    }
    sim.set_fault(Fault::MissingDone).await.unwrap();
    let stream = streamed(&sim, &ask("x")).await;
    assert!(!spoken(&events(&stream)).is_empty() && !stream.contains("finishReason"), "{stream}");
    sim.set_fault(Fault::InBandError).await.unwrap();
    assert_eq!(generate(&sim, &ask("x")).await.1["error"]["status"], "UNAVAILABLE");
    assert_eq!(events(&streamed(&sim, &ask("x")).await)[0]["error"]["status"], "UNAVAILABLE");
    sim.set_fault(Fault::TruncatedBody).await.unwrap();
    let cut = call(&sim, "m-1", "streamGenerateContent?alt=sse", &ask("x")).send().await.unwrap();
    assert!(cut.text().await.is_err());
}

fn vertex(sim: &SimProvider, method: &str, body: &Value) -> reqwest::RequestBuilder {
    let path = "v1/projects/p/locations/europe-west4/publishers/google/models";
    client().post(format!("{}/{path}/gemini-3-flash:{method}", sim.url())).json(body)
}

/// An assertion signed with the service account's own key.
fn assertion(account: &Value, change: Value) -> String {
    let pem = account["private_key"].as_str().unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(der).unwrap()).unwrap();
    let claims = json!({
        "iss": account["client_email"], "scope": SCOPE, "aud": account["token_uri"], "iat": now_s(), "exp": now_s() + 3600,
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed =
        format!("{}.{}", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(&with(claims, change)));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

async fn token(sim: &SimProvider, form: &[(&str, &str)]) -> (u16, Value) {
    let body: Vec<String> =
        form.iter().map(|(name, value)| format!("{name}={}", value.replace('+', "%2B"))).collect();
    let request = client().post(format!("{}/token", sim.url())).body(body.join("&"));
    json_of(request.header("content-type", "application/x-www-form-urlencoded")).await
}

async fn exchange(sim: &SimProvider, assertion: &str) -> (u16, Value) {
    token(
        sim,
        &[("grant_type", "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"), ("assertion", assertion)],
    )
    .await
}

#[tokio::test]
async fn vertex_lets_in_whom_its_token_endpoint_has_issued_a_token() {
    let sim = gemini().await;
    let account = sim.google_service_account();
    let (status, issued) = exchange(&sim, &assertion(&account, json!({}))).await;
    assert_eq!(
        (status, &issued["token_type"], &issued["expires_in"]),
        (200, &json!("Bearer"), &json!(3600)),
        "{issued}"
    );
    let bearer = issued["access_token"].as_str().unwrap();
    let (status, answer) = json_of(vertex(&sim, "generateContent", &ask("hello")).bearer_auth(bearer)).await;
    assert_eq!(status, 200, "{answer}");
    let stream = vertex(&sim, "streamGenerateContent?alt=sse", &ask("hello")).bearer_auth(bearer);
    assert_eq!(spoken(&events(&stream.send().await.unwrap().text().await.unwrap())), spoken(&[answer]));

    let user = sim.google_user_credentials();
    let fields =
        ["client_id", "client_secret", "refresh_token"].map(|name| (name, user[name].as_str().unwrap()));
    let mut form = fields.to_vec();
    form.push(("grant_type", "refresh_token"));
    let (status, issued) = token(&sim, &form).await;
    assert_eq!(status, 200, "{issued}");
    let bearer = issued["access_token"].as_str().unwrap().to_owned();
    assert_eq!(json_of(vertex(&sim, "countTokens", &ask("hello")).bearer_auth(&bearer)).await.0, 200);
    assert_eq!(sim.token_requests(), 2);

    sim.expire_tokens();
    let api_key = vertex(&sim, "generateContent", &ask("x")).header("x-goog-api-key", "k");
    for (request, reason) in [
        (vertex(&sim, "generateContent", &ask("x")), "CREDENTIALS_MISSING"),
        (api_key, "CREDENTIALS_MISSING"),
        (vertex(&sim, "generateContent", &ask("x")).bearer_auth(&bearer), "ACCESS_TOKEN_EXPIRED"),
        (vertex(&sim, "generateContent", &ask("x")).bearer_auth("nonsense"), "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
    ] {
        let (status, error) = json_of(request).await;
        assert_eq!((status, &error["error"]["status"]), (401, &json!("UNAUTHENTICATED")));
        assert_eq!(error["error"]["details"][0]["reason"], reason);
    }
    let record = serde_json::to_string(&sim.requests()).unwrap();
    assert!(!record.contains(&bearer), "no whole token is in a record");
}

#[tokio::test]
async fn a_token_ends_when_its_time_is_up() {
    let profile = Profile::new("acme").dialect(Dialect::Gemini).token_lifetime_s(0);
    let sim = SimProvider::start_with(profile).await.unwrap();
    let (_, issued) = exchange(&sim, &assertion(&sim.google_service_account(), json!({}))).await;
    let bearer = issued["access_token"].as_str().unwrap();
    let (status, error) = json_of(vertex(&sim, "generateContent", &ask("x")).bearer_auth(bearer)).await;
    assert_eq!((status, &error["error"]["details"][0]["reason"]), (401, &json!("ACCESS_TOKEN_EXPIRED")));
}

#[tokio::test]
async fn a_bad_assertion_gets_no_token() {
    let sim = gemini().await;
    let account = sim.google_service_account();
    let good = assertion(&account, json!({}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (other, _) = assertion(&account, json!({ "sub": "x" }))
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    assert_ne!(signed, other);
    let cases = [
        (format!("{other}.{signature}"), "invalid_grant", "Invalid JWT Signature."),
        (assertion(&account, json!({ "iss": "nobody@example.com" })), "invalid_grant", "account not found"),
        (assertion(&account, json!({ "aud": "https://example.com" })), "invalid_grant", "audience"),
        (assertion(&account, json!({ "exp": now_s() + 7200 })), "invalid_grant", "short-lived token"),
        (
            assertion(&account, json!({ "iat": now_s() - 9000, "exp": now_s() - 5400 })),
            "invalid_grant",
            "short-lived token",
        ),
        (
            assertion(&account, json!({ "scope": "https://example.com" })),
            "invalid_scope",
            "Invalid OAuth scope",
        ),
        ("not-a-jwt".to_owned(), "invalid_grant", "Bad Request"),
    ];
    for (assertion, error, description) in cases {
        let (status, denied) = exchange(&sim, &assertion).await;
        assert_eq!((status, &denied["error"]), (400, &json!(error)), "{denied}");
        assert!(denied["error_description"].as_str().unwrap().contains(description), "{denied}");
    }
    for (form, expected) in [
        (vec![("grant_type", "password")], (400, "unsupported_grant_type")),
        (vec![("assertion", "x")], (400, "invalid_request")),
        (
            vec![
                ("grant_type", "refresh_token"),
                ("client_id", "x"),
                ("client_secret", "x"),
                ("refresh_token", "x"),
            ],
            (401, "invalid_client"),
        ),
    ] {
        let (status, denied) = token(&sim, &form).await;
        assert_eq!((status, denied["error"].as_str().unwrap()), expected, "{denied}");
    }
}
