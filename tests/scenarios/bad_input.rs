//! Whatever a client sends gets the dialect's own 4xx that names the field, or an answer; never a fault of the router, a
//! hang or a panic.

use serde_json::{Value, json};
use switchyard_sim::Dialect;
use switchyard_tests::{Ask, CALLERS, Kind, Reply, Yard, path};

const CHAT: Dialect = Dialect::OpenaiChat;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const MESSAGES: Dialect = Dialect::Anthropic;

/// Takes the member out.
const GONE: &str = "\u{0}gone";

/// A place in the body (a JSON pointer), what stands there instead, and what the error must name.
type Case = (&'static str, &'static str, &'static str);

const CHAT_CASES: &[Case] = &[
    ("/model", GONE, "model"),
    ("/model", "7", "model"),
    ("/model", "\"\"", "model"),
    ("/model", "null", "model"),
    ("/model", "[]", "model"),
    ("/messages", GONE, "messages"),
    ("/messages", "null", "messages"),
    ("/messages", "[]", "messages"),
    ("/messages", "{}", "messages"),
    ("/messages", "\"hi\"", "messages"),
    ("/messages", "7", "messages"),
    ("/messages/0", "null", "messages"),
    ("/messages/0", "\"hi\"", "messages"),
    ("/messages/0", "[]", "messages"),
    ("/messages/0", "{}", "role"),
    ("/messages/0/role", GONE, "role"),
    ("/messages/0/role", "7", "role"),
    ("/messages/0/role", "null", "role"),
    ("/messages/0/role", "\"wizard\"", "role"),
    ("/messages/1/content", GONE, "content"),
    ("/messages/1/content", "7", "content"),
    ("/messages/1/content", "{}", "content"),
    ("/messages/1/content", "[7]", "content"),
    ("/messages/1/content", "[null]", "content"),
    ("/messages/1/content", "[{}]", "content"),
    ("/messages/1/content", "[{\"type\":7}]", "content"),
    ("/messages/1/content", "[{\"type\":\"hologram\"}]", "content"),
    ("/messages/1/content", "[{\"type\":\"text\"}]", "text"),
    ("/messages/1/content", "[{\"type\":\"text\",\"text\":7}]", "text"),
    ("/messages/1/content", "[{\"type\":\"image_url\"}]", "image_url"),
    ("/messages/1/content", "[{\"type\":\"image_url\",\"image_url\":{}}]", "url"),
    ("/messages/1/content", "[{\"type\":\"image_url\",\"image_url\":{\"url\":7}}]", "url"),
    ("/messages/1/content", "[{\"type\":\"file\",\"file\":7}]", "file"),
    ("/messages/2/tool_calls", "7", "tool_calls"),
    ("/messages/2/tool_calls", "[7]", "tool_calls"),
    ("/messages/2/tool_calls/0/id", GONE, "id"),
    ("/messages/2/tool_calls/0/id", "7", "id"),
    ("/messages/2/tool_calls/0/function", GONE, "function"),
    ("/messages/2/tool_calls/0/function/name", GONE, "name"),
    ("/messages/2/tool_calls/0/function/name", "7", "name"),
    ("/messages/2/tool_calls/0/function/arguments", "7", "arguments"),
    ("/messages/3/tool_call_id", GONE, "tool_call_id"),
    ("/messages/3/tool_call_id", "7", "tool_call_id"),
    ("/messages/3/tool_call_id", "\"call_nobody\"", "call_"),
    ("/stream", "\"yes\"", "stream"),
    ("/stream", "1", "stream"),
    ("/stream_options", "7", "stream_options"),
    ("/max_tokens", "0", "max_tokens"),
    ("/max_tokens", "-5", "max_tokens"),
    ("/max_tokens", "1.5", "max_tokens"),
    ("/max_tokens", "\"many\"", "max_tokens"),
    ("/max_tokens", "1e300", "max_tokens"),
    ("/temperature", "\"hot\"", "temperature"),
    ("/temperature", "{}", "temperature"),
    ("/top_p", "\"x\"", "top_p"),
    ("/n", "0", "n"),
    ("/n", "\"two\"", "n"),
    ("/stop", "7", "stop"),
    ("/stop", "[7]", "stop"),
    ("/tools", "7", "tools"),
    ("/tools", "[7]", "tools"),
    ("/tools", "[{}]", "tools"),
    ("/tools/0/type", "7", "tools"),
    ("/tools/0/function", GONE, "function"),
    ("/tools/0/function/name", GONE, "name"),
    ("/tools/0/function/name", "7", "name"),
    ("/tool_choice", "7", "tool_choice"),
    ("/tool_choice", "\"sometimes\"", "tool_choice"),
    ("/tool_choice", "{\"type\":\"function\"}", "function"),
    ("/response_format", "7", "response_format"),
    ("/response_format", "{}", "response_format"),
    ("/response_format", "{\"type\":\"xml\"}", "response_format"),
    ("/response_format", "{\"type\":\"json_schema\"}", "json_schema"),
    ("/reasoning_effort", "7", "reasoning_effort"),
    ("/parallel_tool_calls", "\"no\"", "parallel_tool_calls"),
];

const MESSAGES_CASES: &[Case] = &[
    ("/model", GONE, "model"),
    ("/model", "7", "model"),
    ("/model", "\"\"", "model"),
    ("/max_tokens", GONE, "max_tokens"),
    ("/max_tokens", "0", "max_tokens"),
    ("/max_tokens", "-5", "max_tokens"),
    ("/max_tokens", "1.5", "max_tokens"),
    ("/max_tokens", "\"many\"", "max_tokens"),
    ("/messages", GONE, "messages"),
    ("/messages", "[]", "messages"),
    ("/messages", "{}", "messages"),
    ("/messages", "\"hi\"", "messages"),
    ("/messages/0", "null", "messages"),
    ("/messages/0", "7", "messages"),
    ("/messages/0", "{}", "messages"),
    ("/messages/0/role", GONE, "role"),
    ("/messages/0/role", "7", "role"),
    ("/messages/0/role", "\"wizard\"", "role"),
    ("/messages/0/content", "7", "content"),
    ("/messages/0/content", "{}", "content"),
    ("/messages/0/content", "[7]", "content"),
    ("/messages/0/content", "[{}]", "content"),
    ("/messages/0/content", "[{\"type\":7}]", "content"),
    ("/messages/0/content", "[{\"type\":\"text\",\"text\":7}]", "text"),
    ("/messages/0/content", "[{\"type\":\"image\"}]", "source"),
    ("/messages/0/content", "[{\"type\":\"image\",\"source\":7}]", "source"),
    ("/messages/0/content", "[{\"type\":\"image\",\"source\":{\"type\":\"fax\"}}]", "source"),
    (
        "/messages/0/content",
        "[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\"}}]",
        "data",
    ),
    ("/messages/0/content", "[{\"type\":\"image\",\"source\":{\"type\":\"url\"}}]", "url"),
    ("/messages/0/content", "[{\"type\":\"document\"}]", "source"),
    ("/messages/1/content/0/id", GONE, "id"),
    ("/messages/1/content/0/id", "7", "id"),
    ("/messages/1/content/0/name", GONE, "name"),
    ("/messages/1/content/0/name", "7", "name"),
    ("/messages/2/content/0/tool_use_id", GONE, "tool_use_id"),
    ("/messages/2/content/0/tool_use_id", "7", "tool_use_id"),
    ("/messages/2/content/0/tool_use_id", "\"toolu_nobody\"", "toolu_"),
    ("/messages/2/content/0/content", "7", "content"),
    ("/messages/2/content/0/content", "[7]", "content"),
    ("/messages/2/content/0/is_error", "\"yes\"", "is_error"),
    ("/system", "7", "system"),
    ("/system", "[7]", "system"),
    ("/stream", "\"yes\"", "stream"),
    ("/temperature", "\"hot\"", "temperature"),
    ("/top_p", "{}", "top_p"),
    ("/top_k", "\"x\"", "top_k"),
    ("/stop_sequences", "7", "stop_sequences"),
    ("/stop_sequences", "[7]", "stop_sequences"),
    ("/tools", "7", "tools"),
    ("/tools", "[7]", "tools"),
    ("/tools/0/name", GONE, "name"),
    ("/tools/0/name", "7", "name"),
    ("/tool_choice", "7", "tool_choice"),
    ("/tool_choice", "{\"type\":\"sometimes\"}", "tool_choice"),
    ("/tool_choice", "{\"type\":\"tool\"}", "name"),
    ("/thinking", "7", "thinking"),
    ("/thinking", "{\"type\":\"enabled\",\"budget_tokens\":\"x\"}", "budget_tokens"),
    ("/output_config", "7", "output_config"),
    ("/metadata", "7", "metadata"),
];

const RESPONSES_CASES: &[Case] = &[
    ("/model", GONE, "model"),
    ("/model", "7", "model"),
    ("/model", "\"\"", "model"),
    ("/input", GONE, "input"),
    ("/input", "null", "input"),
    ("/input", "7", "input"),
    ("/input", "{}", "input"),
    ("/input/0", "null", "input"),
    ("/input/0", "7", "input"),
    ("/input/0", "\"hi\"", "input"),
    ("/input/0", "{}", "input"),
    ("/input/0/type", "7", "input"),
    ("/input/0/role", GONE, "role"),
    ("/input/0/role", "7", "role"),
    ("/input/0/role", "\"wizard\"", "role"),
    ("/input/0/content", GONE, "content"),
    ("/input/0/content", "7", "content"),
    ("/input/0/content", "null", "content"),
    ("/input/0/content", "{}", "content"),
    ("/input/0/content", "[7]", "content"),
    ("/input/0/content", "[{}]", "content"),
    ("/input/0/content", "[{\"type\":\"input_text\"}]", "text"),
    ("/input/0/content", "[{\"type\":\"input_text\",\"text\":7}]", "text"),
    ("/input/0/content", "[{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":7}]", "image_url"),
    ("/input/0/content", "[{\"type\":\"input_file\",\"file_data\":7}]", "file_data"),
    ("/input/1/call_id", GONE, "call_id"),
    ("/input/1/call_id", "7", "call_id"),
    ("/input/1/name", GONE, "name"),
    ("/input/1/name", "7", "name"),
    ("/input/1/arguments", GONE, "arguments"),
    ("/input/2/call_id", GONE, "call_id"),
    ("/input/2/call_id", "7", "call_id"),
    ("/input/2/call_id", "\"call_nobody\"", "call"),
    ("/input/2/output", GONE, "output"),
    ("/input/2/output", "7", "output"),
    ("/instructions", "7", "instructions"),
    ("/instructions", "{}", "instructions"),
    ("/stream", "\"yes\"", "stream"),
    ("/max_output_tokens", "0", "max_output_tokens"),
    ("/max_output_tokens", "-5", "max_output_tokens"),
    ("/max_output_tokens", "1.5", "max_output_tokens"),
    ("/max_output_tokens", "\"many\"", "max_output_tokens"),
    ("/temperature", "\"hot\"", "temperature"),
    ("/top_p", "{}", "top_p"),
    ("/tools", "7", "tools"),
    ("/tools", "[7]", "tools"),
    ("/tools", "[{}]", "tools"),
    ("/tools/0/type", "7", "tools"),
    ("/tools/0/name", GONE, "name"),
    ("/tools/0/name", "7", "name"),
    ("/tool_choice", "7", "tool_choice"),
    ("/tool_choice", "\"sometimes\"", "tool_choice"),
    ("/tool_choice", "{\"type\":\"function\"}", "name"),
    ("/parallel_tool_calls", "\"no\"", "parallel_tool_calls"),
    ("/reasoning", "7", "reasoning"),
    ("/reasoning", "{\"effort\":7}", "effort"),
    ("/text", "7", "text"),
    ("/text", "{\"format\":7}", "format"),
    ("/text", "{\"format\":{\"type\":\"xml\"}}", "format"),
    ("/text", "{\"format\":{\"type\":\"json_schema\"}}", "format"),
    ("/include", "7", "include"),
];

/// What newer or careless clients send, and a conversation need not end for: taken, or left out with a word; the providers of
/// the caller's own dialect judge it themselves. By caller, a place and what stands there.
const TAKEN: [(Dialect, &[(&str, &str)]); 2] = [
    (
        MESSAGES,
        &[
            ("/messages/0/content", GONE),
            ("/messages/0/content", "null"),
            ("/messages/0/content", "[{\"type\":\"hologram\"}]"),
            ("/messages/0/content", "[{\"type\":\"text\"}]"),
            ("/messages/1/content/0/input", "7"),
            ("/system", "[{\"type\":\"image\"}]"),
            ("/thinking", "{\"type\":\"maybe\"}"),
            ("/thinking", "{\"type\":\"enabled\"}"),
        ],
    ),
    (
        RESPONSES,
        &[
            ("/input", "[]"),
            ("/input/0/type", "\"hologram\""),
            ("/input/0/content", "[{\"type\":\"hologram\"}]"),
            ("/input/1/arguments", "7"),
        ],
    ),
];

#[tokio::test]
async fn a_slip_that_costs_nothing_ends_no_conversation() {
    let yard = alone().await;
    for (caller, cases) in TAKEN {
        for (pointer, value) in cases {
            let mut body = rich(caller);
            changed(&mut body, pointer, value);
            for kind in Kind::ALL {
                let reply = send(&yard, caller, kind, body.to_string()).await;
                let is_answered = reply.status == 200;
                assert!(
                    is_answered || (400..500).contains(&reply.status),
                    "{pointer} {value} {kind:?}: {reply:?}"
                );
                // Chat has a place for everything of a conversation that is left.
                assert!(is_answered || kind != Kind::Chat, "{pointer} {value} {kind:?}: {reply:?}");
            }
        }
    }
    unharmed(&yard).await;
}

/// What is not looked at yet before it goes elsewhere, by caller.
const UNSEEN: [(Dialect, &[Case]); 3] = [
    (CHAT, &[("/tools/0/function/parameters", "7", "parameters")]),
    (RESPONSES, &[("/tools/0/parameters", "7", "parameters"), ("/metadata", "7", "metadata")]),
    (
        MESSAGES,
        &[("/tools/0/input_schema", GONE, "input_schema"), ("/tools/0/input_schema", "7", "input_schema")],
    ),
];

#[tokio::test]
async fn schemas_inputs_and_metadata_of_a_wrong_type_are_named() {
    for (caller, cases) in UNSEEN {
        every_case_names_its_field(caller, cases).await;
    }
}

/// A request with everything in it.
fn rich(caller: Dialect) -> Value {
    let ask = Ask::new(caller, "What is the weather in Lisbon?").system("Be brief.").weather_tool();
    let call = match caller {
        RESPONSES => {
            json!({ "output": [{ "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "get_weather",
            "arguments": "{\"place\":\"Lisbon\"}", "status": "completed" }] })
        }
        MESSAGES => {
            json!({ "content": [{ "type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": { "place": "Lisbon" } }] })
        }
        CHAT | Dialect::Gemini | Dialect::BedrockConverse => {
            json!({ "choices": [{ "message": { "role": "assistant", "content": null, "tool_calls": [{ "id": "call_1",
            "type": "function", "function": { "name": "get_weather", "arguments": "{\"place\":\"Lisbon\"}" } }] } }] })
        }
    };
    let id = if caller == MESSAGES { "toolu_1" } else { "call_1" };
    let ask = ask.then_tools(&call, &[(id.to_owned(), Ok("18 degrees"))]);
    ask.with(json!({ "temperature": 0.5, "tool_choice": if caller == MESSAGES { json!({ "type": "auto" }) } else { json!("auto") } })).body
}

/// The body with something else at a place; whether there was such a place.
fn changed(body: &mut Value, pointer: &str, value: &str) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
    let value = if value == GONE { None } else { Some(serde_json::from_str(value).unwrap()) };
    match (parent, value) {
        (Value::Object(members), Some(value)) => drop(members.insert(name.to_owned(), value)),
        (Value::Object(members), None) => drop(members.remove(name)),
        (Value::Array(entries), Some(value)) => entries[name.parse::<usize>().unwrap()] = value,
        (Value::Array(entries), None) => drop(entries.remove(name.parse::<usize>().unwrap())),
        (other, _) => panic!("{pointer} in {other}"),
    }
}

/// Every kind, and a job for each of them alone.
async fn alone() -> Yard {
    let mut jobs = json!({});
    for kind in Kind::ALL {
        jobs[format!("only-{}", kind.name())] = json!({ "hot": [kind.name()], "warm": [] });
    }
    Yard::of_every_kind(json!({ "jobs": jobs })).await
}

async fn send(yard: &Yard, caller: Dialect, kind: Kind, body: impl Into<bytes::Bytes>) -> Reply {
    let (bearer, job) = (format!("Bearer {}", yard.key()), format!("only-{}", kind.name()));
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("anthropic-version", "2023-06-01"),
        ("x-switchyard-job", job.as_str()),
    ];
    yard.raw(path(caller), &headers, body).await
}

async fn unharmed(yard: &Yard) {
    assert!(!yard.log().contains("panicked"), "{}", yard.log());
    let snapshot = yard.snapshot().await;
    assert_eq!((snapshot.cold.waiting, snapshot.status.lost), (0, 0), "a bad request is not queued");
    for kind in Kind::ALL {
        assert_eq!(yard.route(kind.name()).await.last_failure, None, "a caller's fault condemns nobody");
    }
}

#[tokio::test]
async fn the_rich_request_itself_is_a_good_one() {
    let yard = alone().await;
    for caller in CALLERS {
        for kind in Kind::ALL {
            let reply = send(&yard, caller, kind, rich(caller).to_string()).await;
            assert!(reply.completion(caller).text.contains("18 degrees"), "{caller:?} {kind:?}: {reply:?}");
        }
    }
}

async fn every_case_names_its_field(caller: Dialect, cases: &[Case]) {
    let yard = alone().await;
    let mut wrong = Vec::new();
    for (pointer, value, field) in cases {
        let mut body = rich(caller);
        changed(&mut body, pointer, value);
        for kind in Kind::ALL {
            let reply = send(&yard, caller, kind, body.to_string()).await;
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            let place = format!("{pointer} = {value} at {kind:?}: {} {text}", reply.status);
            // 200: the provider takes it, or it has no meaning there and was left out with a word.
            if !(400..500).contains(&reply.status) {
                wrong.push(place);
                continue;
            }
            let (_, message) = reply.error(caller);
            let param = reply.json()["error"]["param"].as_str().unwrap_or_default().to_owned();
            if !message.contains(field) && !param.contains(field) {
                wrong.push(place);
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    unharmed(&yard).await;
}

#[tokio::test]
async fn a_malformed_chat_request_gets_a_4xx_that_names_the_field() {
    every_case_names_its_field(CHAT, CHAT_CASES).await;
}

#[tokio::test]
async fn a_malformed_messages_request_gets_a_4xx_that_names_the_field() {
    every_case_names_its_field(MESSAGES, MESSAGES_CASES).await;
}

#[tokio::test]
async fn a_malformed_responses_request_gets_a_4xx_that_names_the_field() {
    every_case_names_its_field(RESPONSES, RESPONSES_CASES).await;
}

/// `SplitMix64`: the same bodies on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(most).unwrap()).unwrap()
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

const ODD: [&str; 24] = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "7",
    "1.5",
    "1e308",
    "-0",
    "18446744073709551616",
    "\"\"",
    "\" \"",
    "\"auto\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"text\"",
    "\"user\"",
    "\"assistant\"",
    "\"tool\"",
    "[]",
    "[[]]",
    "{}",
    "{\"type\":\"text\"}",
    "[{\"type\":\"text\",\"text\":\"x\"}]",
];

fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(entries) => {
            entries.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (name, value) in children {
        // Names with a slash or a tilde are spelled otherwise in a pointer; none has one here.
        let place = format!("{at}/{name}");
        places(value, &place, into);
        into.push(place);
    }
}

fn mutated(dice: &mut Dice, mut body: Value) -> Vec<u8> {
    for _ in 0..=dice.below(2) {
        let mut all = Vec::new();
        places(&body, "", &mut all);
        let Some(place) = all.get(dice.below(all.len().max(1))).cloned() else { break };
        match dice.below(4) {
            0 => changed(&mut body, &place, GONE),
            1 => {
                // Twice the same entry: two calls of one id, two messages in a row.
                let (parent, _) = place.rsplit_once('/').unwrap();
                if let Some(Value::Array(entries)) = body.pointer_mut(parent) {
                    let copy = entries[0].clone();
                    entries.push(copy);
                }
            }
            _ => changed(&mut body, &place, ODD[dice.below(ODD.len())]),
        }
    }
    let mut bytes = body.to_string().into_bytes();
    match dice.below(12) {
        0 => bytes.truncate(dice.below(bytes.len())),
        1 => {
            let at = dice.below(bytes.len());
            bytes[at] = u8::try_from(dice.below(256)).unwrap();
        }
        _ => {}
    }
    bytes
}

/// Every member a dialect knows, in one body.
fn richer(caller: Dialect) -> Value {
    let ask = Ask::new(caller, "What is this?").system("Be brief.").image().document();
    let ask = if caller == RESPONSES { ask } else { ask.stop("STOP") };
    ask.schema().thinking().with(json!({ "metadata": { "user_id": "u" }, "service_tier": "auto" })).body
}

async fn no_mutation_is_a_fault_of_the_router(caller: Dialect, seed: u64) {
    let yard = alone().await;
    let mut dice = Dice(seed);
    for n in 0..350 {
        let base = match dice.below(3) {
            0 => richer(caller),
            _ => rich(caller),
        };
        let base =
            if dice.below(3) == 0 { switchyard_tests::merge(base, json!({ "stream": true })) } else { base };
        let body = mutated(&mut dice, base);
        let kind = *dice.of(&Kind::ALL);
        let reply = send(&yard, caller, kind, body.clone()).await;
        let place = format!("{n} {caller:?} {kind:?} {}", String::from_utf8_lossy(&body));
        assert!(reply.whole, "{place}: {reply:?}");
        match reply.status {
            200 => {}
            400..500 => drop(reply.error(caller)),
            _ => panic!("{place}: {reply:?}"),
        }
    }
    assert!(!yard.log().contains("panicked"), "{}", yard.log());
    assert_eq!(yard.snapshot().await.cold.waiting, 0);
    for kind in Kind::ALL {
        assert_eq!(
            yard.route(kind.name()).await.last_failure,
            None,
            "{kind:?}: a caller's fault condemns nobody"
        );
    }
}

#[tokio::test]
async fn no_chat_request_however_odd_is_a_fault_of_the_router() {
    no_mutation_is_a_fault_of_the_router(CHAT, 1).await;
}

#[tokio::test]
async fn no_messages_request_however_odd_is_a_fault_of_the_router() {
    no_mutation_is_a_fault_of_the_router(MESSAGES, 2).await;
}

#[tokio::test]
async fn no_responses_request_however_odd_is_a_fault_of_the_router() {
    no_mutation_is_a_fault_of_the_router(RESPONSES, 3).await;
}

#[tokio::test]
async fn a_body_nested_without_end_is_refused() {
    let yard = alone().await;
    for caller in CALLERS {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
            for member in ["metadata", "tools", "tool_choice", "temperature"] {
                let mut body = rich(caller);
                body.as_object_mut().unwrap().remove(member);
                let mut body = body.to_string();
                body.pop();
                let body = format!("{body},\"{member}\":{deep}}}");
                for kind in Kind::ALL {
                    let reply = send(&yard, caller, kind, body.clone()).await;
                    // What is only left out does no harm, however deep it is.
                    let is_fine = reply.status == 200 && member == "metadata";
                    assert!(is_fine || (400..500).contains(&reply.status), "{caller:?} {member}: {reply:?}");
                }
            }
        }
    }
    unharmed(&yard).await;
}
