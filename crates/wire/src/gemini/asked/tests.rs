use serde_json::{Value, json};

use crate::Dialect;
use crate::translate::translate_request;

/// A request as chat has it, and what was noted.
fn chat(body: &Value) -> (Value, Vec<String>) {
    let translated =
        translate_request(Dialect::Gemini, Dialect::OpenAiChat, body.to_string().as_bytes(), "gpt-4o")
            .unwrap();
    let noted = translated.degraded.iter().map(|noted| format!("{} {}", noted.code, noted.field));
    (serde_json::from_slice(&translated.body).unwrap(), noted.collect())
}

fn refused(body: &Value) -> String {
    translate_request(Dialect::Gemini, Dialect::OpenAiChat, body.to_string().as_bytes(), "gpt-4o")
        .unwrap_err()
        .to_string()
}

#[test]
fn results_find_their_calls_by_id_or_by_name_and_order() {
    let call =
        |id: Option<&str>, n: u32| json!({ "functionCall": { "id": id, "name": "f", "args": { "n": n } } });
    let result = |id: Option<&str>, n: u32| json!({ "functionResponse": { "id": id, "name": "f", "response": { "output": n.to_string() } } });
    let cases = [
        // Neither has ids; both have; only the results have them, as Gemini CLI sends it; the other way round.
        ([call(None, 0), call(None, 1)], [result(None, 0), result(None, 1)], ["0", "1"]),
        ([call(Some("a"), 0), call(Some("b"), 1)], [result(Some("b"), 1), result(Some("a"), 0)], ["1", "0"]),
        ([call(None, 0), call(None, 1)], [result(Some("x"), 0), result(Some("y"), 1)], ["0", "1"]),
        ([call(Some("a"), 0), call(Some("b"), 1)], [result(None, 0), result(None, 1)], ["0", "1"]),
    ];
    for (calls, results, order) in cases {
        let (body, _) = chat(&json!({ "_url": { "model": "m" }, "contents": [
            { "role": "user", "parts": [{ "text": "go" }] },
            { "role": "model", "parts": calls },
            { "role": "user", "parts": results },
        ] }));
        let messages = body["messages"].as_array().unwrap();
        let made = messages[1]["tool_calls"].as_array().unwrap();
        for (told, n) in messages[2..].iter().zip(order) {
            assert_eq!(told["content"], n);
            let call = made.iter().find(|call| call["id"] == told["tool_call_id"]).unwrap();
            assert_eq!(call["function"]["arguments"], format!("{{\"n\":{n}}}"), "{body}");
        }
    }
}

#[test]
fn both_spellings_and_single_objects_are_taken() {
    let camel = json!({
        "_url": { "model": "m", "stream": true },
        "systemInstruction": { "parts": [{ "text": "Be brief." }] },
        "contents": [{ "role": "user", "parts": [
            { "inlineData": { "mimeType": "image/png", "data": "+/+/" } }, { "text": "hi" }] }],
        "tools": [{ "functionDeclarations": [{ "name": "f", "parametersJsonSchema": { "type": "object" } }] }],
        "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["f"] } },
        "generationConfig": { "maxOutputTokens": 9, "stopSequences": ["x"], "topP": 0.5 },
    });
    // Bytes may come in the URL-safe alphabet.
    let snake = json!({
        "_url": { "model": "m", "stream": true },
        "system_instruction": { "parts": { "text": "Be brief." } },
        "contents": { "parts": [{ "inline_data": { "mime_type": "image/png", "data": "-_-_" } }, { "text": "hi" }] },
        "tools": { "function_declarations": { "name": "f", "parameters_json_schema": { "type": "object" } } },
        "tool_config": { "function_calling_config": { "mode": "ANY", "allowed_function_names": ["f"] } },
        "generation_config": { "max_output_tokens": "9", "stop_sequences": ["x"], "top_p": 0.5 },
    });
    let (expected, noted) = chat(&camel);
    assert_eq!(noted, [""; 0]);
    assert_eq!(expected["stream"], true);
    assert_eq!(expected["messages"][0]["content"], "Be brief.");
    assert_eq!(expected["tool_choice"]["function"]["name"], "f");
    assert_eq!(chat(&snake), (expected, Vec::new()));
}

#[test]
fn what_only_google_has_is_left_out_with_a_note() {
    let (body, noted) = chat(&json!({
        "_url": { "model": "m" },
        "contents": [{ "parts": [{ "text": "hi" }, { "executableCode": { "code": "1" } }] }],
        "tools": [{ "googleSearch": {} }, { "urlContext": {}, "codeExecution": {} }],
        "safetySettings": [{ "category": "x" }],
        "labels": { "a": "b" },
    }));
    assert!(body["tools"].is_null(), "{body}");
    assert_eq!(
        noted,
        [
            "block_dropped contents[0].parts[1]",
            "server_tool_dropped tools[0].googleSearch",
            "server_tool_dropped tools[1].urlContext",
            "server_tool_dropped tools[1].codeExecution",
            "field_dropped safetySettings",
            "field_dropped labels",
        ]
    );
}

#[test]
fn what_no_other_provider_has_is_refused_with_its_place() {
    let user = json!([{ "role": "user", "parts": [{ "text": "hi" }] }]);
    let with = |name: &str, value: Value| {
        let mut body = json!({ "_url": { "model": "m" }, "contents": user });
        body[name] = value;
        body
    };
    let file = json!([{ "parts": [{ "fileData": { "mimeType": "image/png", "fileUri": "gs://b/a.png" } }] }]);
    let film = json!([{ "parts": [{ "inlineData": { "mimeType": "video/mp4", "data": "AA" } }] }]);
    let open = json!([{ "role": "model", "parts": [{ "functionCall": { "name": "f" } }] }]);
    let cases = [
        (with("cachedContent", json!("cachedContents/1")), "cachedContent: "),
        (with("contents", file), "contents[0].parts[0].fileData.fileUri: "),
        (with("contents", film), "contents[0].parts[0].inlineData.mimeType: "),
        (with("contents", open), "contents[0].parts[0].functionCall.id: "),
        (with("contents", json!([{ "role": "system", "parts": [] }])), "contents[0].role: "),
        (
            with("generationConfig", json!({ "responseModalities": ["IMAGE"] })),
            "generationConfig.responseModalities: ",
        ),
        (with("generationConfig", json!({ "candidateCount": 2 })), "generationConfig.candidateCount: "),
        (with("generationConfig", json!({ "temperature": "hot" })), "generationConfig.temperature: "),
        (
            with(
                "toolConfig",
                json!({ "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["g"] } }),
            ),
            "toolConfig.functionCallingConfig.allowedFunctionNames: ",
        ),
    ];
    for (body, place) in cases {
        let said = refused(&body);
        assert!(said.starts_with(place), "{said}");
    }
}

#[test]
fn a_choice_of_some_functions_offers_only_those() {
    let tools = json!([{ "functionDeclarations": [{ "name": "a" }, { "name": "b" }, { "name": "c" }] }]);
    let (body, _) = chat(&json!({
        "_url": { "model": "m" },
        "contents": [{ "parts": [{ "text": "hi" }] }],
        "tools": tools,
        "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["a", "c"] } },
    }));
    let names: Vec<&Value> =
        body["tools"].as_array().unwrap().iter().map(|tool| &tool["function"]["name"]).collect();
    assert_eq!(names, ["a", "c"]);
    assert_eq!(body["tool_choice"], "required");
}
