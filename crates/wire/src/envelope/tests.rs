use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use switchyard_domain::Feature;

use super::*;

const CHAT: Dialect = Dialect::OpenAiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;

fn read(dialect: Dialect, body: &str) -> Envelope {
    Envelope::read(dialect, Operation::Complete, body.as_bytes()).unwrap()
}

#[test]
fn facts_are_read() {
    let envelope = read(
        CHAT,
        r#"{"model":"gpt-4o","stream":true,"max_tokens":9,"max_completion_tokens":7,"n":2,"tools":[{}],
            "messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}],
            "response_format":{"type":"json_object"},"user":"u","idempotencyKey":"k","metadata":null}"#,
    );
    assert_eq!((envelope.model.as_str(), envelope.stream, envelope.max_tokens), ("gpt-4o", true, Some(7)));
    assert_eq!((envelope.choices, envelope.message_count), (2, 1));
    let needed = [Feature::Stream, Feature::Tools, Feature::JsonMode, Feature::Vision, Feature::Choices];
    assert_eq!(envelope.features, FeatureSet::of(&needed));
    assert_eq!((envelope.user.as_deref(), envelope.idempotency_key.as_deref()), (Some("u"), Some("k")));
    let envelope = read(
        MESSAGES,
        r#"{"model":"claude","max_tokens":9,"tools":[ ],"metadata":{"user_id":"u2"},
            "messages":[{"role":"user","content":"an \"image\" of \"image_url\""}]}"#,
    );
    assert_eq!((envelope.features, envelope.stream), (FeatureSet::NONE, false));
    assert_eq!((envelope.user.as_deref(), envelope.include_usage), (Some("u2"), None));
}

#[test]
fn faults_name_the_field() {
    let cases = [
        (CHAT, "", "the body is empty; send a JSON object"),
        (CHAT, "{\"model\":\n oops}", "the body is not JSON: expected value at line 2 column 2"),
        (CHAT, r#"{"model":"m""#, "the body is not JSON: EOF while parsing an object at line 1 column 12"),
        (
            CHAT,
            r#"{"model":"m","messages":[{"role":"user"}]} x"#,
            "the body is not JSON: trailing characters at line 1 column 44",
        ),
        (CHAT, "[1]", "invalid type: sequence, expected a JSON object as the body at line 1 column 0"),
        (CHAT, r#"{"messages":[{"role":"user"}]}"#, "model: is missing; name the model to use, or \"auto\""),
        (CHAT, r#"{"model":7,"messages":[{"role":"user"}]}"#, "model: must be a string"),
        (CHAT, r#"{"model":"","messages":[]}"#, "model: must not be empty; name a model, or \"auto\""),
        (CHAT, r#"{"model":"m"}"#, "messages: is missing; send a list of messages"),
        (CHAT, r#"{"model":"m","messages":[]}"#, "messages: must hold at least one message"),
        (
            CHAT,
            r#"{"model":"m","messages":"hi"}"#,
            "messages: invalid type: string \"hi\", expected a list of messages at line 1 column 28",
        ),
        (
            CHAT,
            r#"{"model":"m","messages":[{"role":"user"},"hi"]}"#,
            "messages[1]: invalid type: string \"hi\", expected a message object at line 1 column 45",
        ),
        (
            CHAT,
            r#"{"model":"m","messages":[{"content":"hi"}]}"#,
            "messages[0].role: is missing at line 1 column 41",
        ),
        (
            CHAT,
            r#"{"model":"m","messages":[{"role":"user","content":7}]}"#,
            "messages[0].content: must be a string or a list of parts at line 1 column 52",
        ),
        (CHAT, r#"{"model":"m","messages":[{"role":"user"}],"stream":1}"#, "stream: must be true or false"),
        (
            MESSAGES,
            r#"{"model":"m","messages":[{"role":"user"}]}"#,
            "max_tokens: is missing; this API needs a positive integer",
        ),
        (
            CHAT,
            r#"{"model":"m","messages":[{"role":"user"}],"mod\u0065l":"n"}"#,
            "model: is given twice at line 1 column 54",
        ),
        (
            CHAT,
            r#"{"model":"m","messages":[{"role":"user"}],"idempotencyKey":1}"#,
            "idempotencyKey: must be a string",
        ),
    ];
    for (dialect, body, said) in cases {
        let error = Envelope::read(dialect, Operation::Complete, body.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), said, "{body}");
    }
    let error = Envelope::read(CHAT, Operation::Complete, b"{\"model\":\"\xff\"}").unwrap_err();
    assert_eq!(error.to_string(), "the body is not UTF-8 (byte 10)");
}

#[test]
fn values_are_their_providers_to_judge() {
    let embed = Operation::Embed;
    let complete = Operation::Complete;
    for (dialect, operation, member, value) in [
        (CHAT, complete, "max_tokens", "-1"),
        (CHAT, complete, "max_completion_tokens", "0"),
        (CHAT, complete, "max_tokens", "1.5"),
        (CHAT, complete, "n", "0"),
        (CHAT, complete, "n", "\"two\""),
        (CHAT, complete, "stream_options", "[]"),
        (CHAT, complete, "stream_options", r#"{"include_usage":1}"#),
        (CHAT, complete, "temperature", "9e9"),
        (MESSAGES, complete, "max_tokens", "-1"),
        (RESPONSES, complete, "max_output_tokens", "\"none\""),
        (CHAT, embed, "dimensions", "0"),
    ] {
        let body = format!(
            r#"{{"model":"m","stream":true,"input":"hi","messages":[{{"role":"user"}}],"{member}":{value}}}"#
        );
        let body = Bytes::from(body);
        let envelope = Envelope::read(dialect, operation, &body).unwrap();
        assert_eq!((envelope.max_tokens, envelope.choices), (None, 1), "{body:?}");
        let is_told =
            envelope.odd.as_ref().and_then(|odd| odd.field.as_deref()).map(|field| field.starts_with(member));
        let is_checked = !matches!(member, "temperature" | "dimensions");
        assert_eq!(is_told, is_checked.then_some(true), "{body:?}");
        let sent = rewrite(&body, &envelope, "m", true);
        let sent: Value = serde_json::from_slice(&sent).unwrap();
        assert_eq!(sent[member], serde_json::from_str::<Value>(value).unwrap(), "{sent}");
    }
}

const RESPONSES: Dialect = Dialect::OpenAiResponses;

#[test]
fn what_a_request_needs_is_read() {
    use Feature as F;
    let complete = Operation::Complete;
    let cases: [(Dialect, Operation, &str, &[Feature]); 31] = [
        (CHAT, complete, r#""messages":[{"role":"user","content":"image_url"}],"n":1,"tools":[]"#, &[]),
        (
            CHAT,
            complete,
            r#""messages":[{"role":"user","content":[{"type":"text","text":"image_url"}]}]"#,
            &[],
        ),
        (
            CHAT,
            complete,
            r#""messages":[{"role":"user"}],"tools":[{"type":"function","function":{"name":"f"}}]"#,
            &[F::Tools],
        ),
        (
            CHAT,
            complete,
            r#""messages":[{"role":"user"}],"functions":[{"name":"f"}],"parallel_tool_calls":false"#,
            &[F::Tools],
        ),
        (CHAT, complete, r#""messages":[{"role":"user"}],"parallel_tool_calls":true"#, &[F::ParallelTools]),
        (
            CHAT,
            complete,
            r#""messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"a"},{"id":"b"}]},{"role":"tool","content":"x"}]"#,
            &[F::ParallelTools],
        ),
        (CHAT, complete, r#""messages":[{"role":"user"}],"web_search_options":{}"#, &[F::ServerTools]),
        (
            CHAT,
            complete,
            r#""messages":[{"role":"user"}],"response_format":{"type":"json_schema","json_schema":{}}"#,
            &[F::JsonSchema],
        ),
        (CHAT, complete, r#""messages":[{"role":"user"}],"response_format":{"type":"text"}"#, &[]),
        (
            CHAT,
            complete,
            r#""messages":[{"role":"user"}],"reasoning_effort":"low","logprobs":true"#,
            &[F::Reasoning, F::Logprobs],
        ),
        (CHAT, complete, r#""messages":[{"role":"user"}],"reasoning_effort":"none","logprobs":false"#, &[]),
        (CHAT, complete, r#""messages":[{"role":"user"}],"modalities":["text","audio"]"#, &[F::Audio]),
        (
            CHAT,
            complete,
            r#""messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA=="}},{"type":"file","file":{"file_id":"f"}}]}]"#,
            &[F::Audio, F::Documents, F::State],
        ),
        (CHAT, complete, r#""messages":[{"role":"user"},{"role":"assistant","content":"{"}]"#, &[F::Prefill]),
        (
            MESSAGES,
            complete,
            r#""max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]}]"#,
            &[F::Vision, F::State],
        ),
        (
            MESSAGES,
            complete,
            r#""max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","input":{}},{"type":"tool_use","input":{}}]},{"role":"user","content":[{"type":"document","source":{"type":"base64","data":"AA"}}]}]"#,
            &[F::ParallelTools, F::Documents],
        ),
        (
            MESSAGES,
            complete,
            r#""max_tokens":1,"messages":[{"role":"user"}],"thinking":{"type":"adaptive"},"tools":[{"type":"web_search_20250305","name":"web_search"}]"#,
            &[F::Reasoning, F::ServerTools],
        ),
        (
            MESSAGES,
            complete,
            r#""max_tokens":1,"messages":[{"role":"user"}],"thinking":{"type":"disabled"},"tools":[{"name":"f"},{"type":"custom","name":"g"}],"output_config":{"effort":"low","format":{"type":"json_schema"}}"#,
            &[F::Tools, F::JsonSchema],
        ),
        (
            MESSAGES,
            complete,
            r#""max_tokens":1,"messages":[{"role":"user"}],"tools":[{"type":"bash_20250124","name":"bash"},{"type":"text_editor_20250728","name":"e"}]"#,
            &[F::Tools],
        ),
        (RESPONSES, complete, r#""input":[],"instructions":"Say hello.""#, &[]),
        (
            MESSAGES,
            Operation::CountTokens,
            r#""messages":[{"role":"user"},{"role":"assistant","content":"x"}]"#,
            &[],
        ),
        (
            RESPONSES,
            complete,
            r#""input":"Hi","text":{"format":{"type":"json_object"}},"max_output_tokens":5"#,
            &[F::JsonMode],
        ),
        (RESPONSES, complete, r#""previous_response_id":"resp_1""#, &[F::State]),
        (
            RESPONSES,
            complete,
            r#""input":[{"type":"function_call","arguments":"{}"},{"type":"function_call","arguments":"{}"},{"type":"function_call_output","output":[{"type":"input_image","image_url":"data:"}]}]"#,
            &[F::ParallelTools, F::Vision],
        ),
        (
            RESPONSES,
            complete,
            r#""input":[{"type":"function_call","arguments":"{}"},{"type":"function_call_output","output":"1"},{"type":"function_call","arguments":"{}"},{"type":"item_reference","id":"x"}]"#,
            &[],
        ),
        (
            RESPONSES,
            complete,
            r#""input":[{"type":"function_call","arguments":"{}"},{"type":"custom_tool_call","input":"x"}],"tools":[{"type":"namespace","name":"n","tools":[]}]"#,
            &[F::ParallelTools, F::Tools],
        ),
        (
            RESPONSES,
            complete,
            r#""input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}],"tools":[{"type":"function","name":"f"},{"type":"web_search"}],"reasoning":{"effort":"high"},"stream":true"#,
            &[F::Documents, F::State, F::Tools, F::ServerTools, F::Reasoning, F::Stream],
        ),
        (
            RESPONSES,
            complete,
            r#""input":"x","include":["message.output_text.logprobs"],"background":true"#,
            &[F::Logprobs, F::State],
        ),
        (CHAT, Operation::Embed, r#""input":["a","b"],"dimensions":256"#, &[]),
        // What has no stream is not streamed, whatever stands there.
        (CHAT, Operation::Embed, r#""input":"a","stream":true"#, &[]),
        (
            RESPONSES,
            Operation::Compact,
            r#""input":"x","tools":[{"type":"function","name":"f"}],"stream":true"#,
            &[F::Tools],
        ),
    ];
    for (dialect, operation, members, features) in cases {
        let body = format!(r#"{{"model":"m",{members}}}"#);
        let envelope = Envelope::read(dialect, operation, body.as_bytes()).unwrap();
        assert_eq!(envelope.features, FeatureSet::of(features), "{members}");
        assert_eq!((envelope.dialect, envelope.operation), (dialect, operation));
    }
}

#[test]
fn the_prompts_size_is_its_text_without_images() {
    let cases = [
        (CHAT, r#""messages":[{"role":"user","content":"12345678"}]"#, 8, 6),
        (
            CHAT,
            r#""messages":[{"role":"user","content":[{"type":"text","text":"1234"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAAAAAAAAAA"}}]}]"#,
            4,
            1_605,
        ),
        (RESPONSES, r#""input":"12345678","instructions":"1234""#, 12, 7),
        (
            MESSAGES,
            r#""system":"1234","messages":[{"role":"user","content":[{"type":"tool_result","content":"1234"}]}]"#,
            8,
            6,
        ),
    ];
    for (dialect, members, chars, tokens) in cases {
        let body = format!(r#"{{"model":"m",{members}}}"#);
        let envelope = Envelope::read(dialect, Operation::CountTokens, body.as_bytes()).unwrap();
        assert_eq!(envelope.prompt_chars, chars, "{members}");
        assert_eq!(estimate_tokens(dialect, body.as_bytes()), tokens, "{members}");
    }
    assert_eq!(estimate_tokens(CHAT, b"not JSON"), 2);
}

#[test]
fn marked_seals_are_seen() {
    for (content, has_seals) in [("sy1.gemini.A", true), ("asy1.", false)] {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","signature":"{content}"}}]}}"#);
        assert_eq!(read(CHAT, &body).has_seals, has_seals, "{content}");
    }
}

#[test]
fn faults_of_the_other_operations_name_the_field() {
    let complete = Operation::Complete;
    let cases = [
        (RESPONSES, complete, "", "input: is missing; send a text or a list of items"),
        (RESPONSES, complete, r#","input":"""#, "input: must not be empty"),
        (RESPONSES, complete, r#","input":[]"#, "input: must not be empty"),
        (
            RESPONSES,
            complete,
            r#","input":7"#,
            "input: invalid type: integer `7`, expected a text or a list of items at line 1 column 22",
        ),
        (
            RESPONSES,
            complete,
            r#","input":[{"role":"user","content":"a"},7]"#,
            "input[1]: invalid type: integer `7`, expected an item object at line 1 column 53",
        ),
        (
            RESPONSES,
            complete,
            r#","input":[{"role":"user","content":"a"},{"type":"reasoning"},{"content":"a"}]"#,
            "input[2].role: is missing at line 1 column 88",
        ),
        (
            RESPONSES,
            complete,
            r#","input":[{"role":"user","content":7}]"#,
            "input[0].content: must be a string or a list of parts at line 1 column 49",
        ),
        (CHAT, Operation::Embed, "", "input: is missing; send a text, or a list of texts"),
        (
            CHAT,
            Operation::Embed,
            r#","input":[]"#,
            "input: must not be empty; send a text, or a list of texts",
        ),
        (CHAT, Operation::Embed, r#","input":["a",{}]"#, "input[1]: must be a text"),
        (
            CHAT,
            Operation::Embed,
            r#","input":{}"#,
            "input: has the wrong type; send a text, or a list of texts",
        ),
        (MESSAGES, Operation::CountTokens, "", "messages: is missing; send a list of messages"),
    ];
    for (dialect, operation, members, said) in cases {
        let body = format!(r#"{{"model":"m"{members}}}"#);
        let error = Envelope::read(dialect, operation, body.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), said, "{members}");
    }
    for (input, count) in [(r#""a""#, 1), (r#"["a","b"]"#, 2), ("[1,2,3]", 1), ("[[1],[2,3]]", 2)] {
        let body = format!(r#"{{"model":"m","input":{input}}}"#);
        let envelope = Envelope::read(CHAT, Operation::Embed, body.as_bytes()).unwrap();
        assert_eq!(envelope.message_count, count, "{input}");
    }
}

#[test]
fn a_body_that_needs_no_change_is_not_copied() {
    let body = Bytes::from_static(br#"{"model":"m","stream":true,"messages":[{"role":"user"}]}"#);
    let envelope = Envelope::read(CHAT, Operation::Complete, &body).unwrap();
    assert_eq!(rewrite(&body, &envelope, "m", false).as_ptr(), body.as_ptr());
}

#[test]
fn only_what_must_change_changes() {
    let cases = [
        // The model, escaped and with odd spacing around it.
        (
            r#"{ "a" : 1e3, "model" :  "m\u006f" , "messages":[{"role":"user"}] }"#,
            false,
            r#"{ "a" : 1e3, "model" :  "new \"m\"" , "messages":[{"role":"user"}] }"#,
        ),
        // Usage: nothing there, null, empty, off, on, something else in it.
        (
            r#"{"model":"m","stream":true,"messages":[{"role":"user"}]}"#,
            true,
            r#"{"model":"new \"m\"","stream_options":{"include_usage":true},"stream":true,"messages":[{"role":"user"}]}"#,
        ),
        (
            r#"{"stream_options":null,"model":"m","stream":true,"messages":[{"role":"user"}]}"#,
            true,
            r#"{"stream_options":{"include_usage":true},"model":"new \"m\"","stream":true,"messages":[{"role":"user"}]}"#,
        ),
        (
            r#"{"model":"m","stream":true,"messages":[{"role":"user"}],"stream_options":{ }}"#,
            true,
            r#"{"model":"new \"m\"","stream":true,"messages":[{"role":"user"}],"stream_options":{"include_usage":true }}"#,
        ),
        (
            r#"{"model":"m","stream":true,"messages":[{"role":"user"}],"stream_options":{"include_usage": false}}"#,
            true,
            r#"{"model":"new \"m\"","stream":true,"messages":[{"role":"user"}],"stream_options":{"include_usage": true}}"#,
        ),
        (
            r#"{"model":"m","stream":true,"messages":[{"role":"user"}],"stream_options":{"include_usage":true}}"#,
            true,
            r#"{"model":"new \"m\"","stream":true,"messages":[{"role":"user"}],"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","stream":true,"messages":[{"role":"user"}],"stream_options":{"x":1}}"#,
            true,
            r#"{"model":"new \"m\"","stream":true,"messages":[{"role":"user"}],"stream_options":{"include_usage":true,"x":1}}"#,
        ),
        // No stream, no usage chunk to ask for.
        (
            r#"{"model":"m","messages":[{"role":"user"}]}"#,
            true,
            r#"{"model":"new \"m\"","messages":[{"role":"user"}]}"#,
        ),
        // The idempotency key: first, in the middle, last, with its name escaped.
        (
            r#"{"idempotencyKey":"k" , "model":"m","messages":[{"role":"user"}]}"#,
            false,
            r#"{ "model":"new \"m\"","messages":[{"role":"user"}]}"#,
        ),
        (
            r#"{"model":"m","idempotency\u004bey" : "k","messages":[{"role":"user"}]}"#,
            true,
            r#"{"model":"new \"m\"","messages":[{"role":"user"}]}"#,
        ),
        (
            r#"{"model":"m","messages":[{"role":"user"}] , "idempotencyKey": null }"#,
            false,
            r#"{"model":"new \"m\"","messages":[{"role":"user"}]  }"#,
        ),
        // Model and key side by side, in a stream: three edits that touch.
        (
            r#"{"stream":true,"messages":[{"role":"user"}],"model":"m","idempotencyKey":"k"}"#,
            true,
            r#"{"stream":true,"messages":[{"role":"user"}],"model":"new \"m\"","stream_options":{"include_usage":true}}"#,
        ),
    ];
    for (body, ask_usage, expected) in cases {
        let body = Bytes::from(body);
        let envelope = Envelope::read(CHAT, Operation::Complete, &body).unwrap();
        let out = rewrite(&body, &envelope, "new \"m\"", ask_usage);
        assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
    }
}

#[test]
fn anthropic_streams_are_never_asked_for_usage() {
    let body = Bytes::from(r#"{"model":"m","max_tokens":1,"stream":true,"messages":[{"role":"user"}]}"#);
    let envelope = Envelope::read(MESSAGES, Operation::Complete, &body).unwrap();
    assert_eq!(rewrite(&body, &envelope, "m", true), body);
}

/// JSON as a client may send it: the members this router reads, with values of any kind.
fn odd_body() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec![
        "model",
        "messages",
        "input",
        "stream",
        "max_tokens",
        "n",
        "tools",
        "text",
        "role",
        "content",
        "type",
        "tool_calls",
        "idempotencyKey",
        "stream_options",
        "reasoning",
        "output",
        "source",
        "signature",
    ]);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        "[ -~é]{0,9}".prop_map(|text| json!(text).to_string()),
        Just("\"assistant\"".to_owned()),
        Just("\"sy1.openai.A\"".to_owned()),
        Just("\"thinking\"".to_owned()),
    ];
    leaf.prop_recursive(5, 48, 5, move |inner| {
        let member = (names.clone(), inner.clone()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

#[test]
fn a_gemini_body_is_read_with_what_its_url_said_and_goes_on_without() {
    use Feature as F;
    let complete = Operation::Complete;
    let text = r#""contents":[{"parts":[{"text":"hi"}]}]"#;
    let cases: [(Operation, &str, String, &[Feature]); 9] = [
        (complete, "", text.to_owned(), &[]),
        (complete, r#","stream":true"#, text.to_owned(), &[F::Stream]),
        (
            complete,
            "",
            format!(
                r#"{text},"generation_config":{{"response_mime_type":"application/json","thinking_config":{{"thinking_budget":-1}}}}"#
            ),
            &[F::JsonMode, F::Reasoning],
        ),
        (
            complete,
            "",
            format!(
                r#"{text},"generationConfig":{{"responseMimeType":"application/json","responseSchema":{{}},"thinkingConfig":{{"thinkingBudget":0}},"candidateCount":2}}"#
            ),
            &[F::JsonSchema, F::Choices],
        ),
        (
            complete,
            "",
            format!(r#"{text},"tools":[{{"functionDeclarations":[{{"name":"f"}}]}},{{"googleSearch":{{}}}}]"#),
            &[F::Tools, F::ServerTools],
        ),
        (
            complete,
            "",
            r#""contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"A"}},{"file_data":{"mime_type":"application/pdf","file_uri":"gs://a"}}]},{"role":"model","parts":[{"text":"so"}]}]"#.to_owned(),
            &[F::Vision, F::Documents, F::State, F::Prefill],
        ),
        (
            complete,
            "",
            r#""contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"g"}}]}],"cachedContent":"c""#.to_owned(),
            &[F::ParallelTools, F::State],
        ),
        (Operation::CountTokens, "", format!(r#""generateContentRequest":{{"model":"models/x",{text}}}"#), &[]),
        (Operation::Embed, "", r#""requests":[{"model":"models/x","content":{"parts":[{"text":"hi"}]}}]"#.to_owned(), &[]),
    ];
    for (operation, told, members, features) in cases {
        let body = format!(r#"{{"_url":{{"model":"m"{told}}}, {members} }}"#);
        let envelope = Envelope::read(Dialect::Gemini, operation, body.as_bytes()).unwrap();
        assert_eq!((envelope.model.as_str(), envelope.message_count > 0), ("m", true), "{body}");
        assert_eq!(envelope.features, FeatureSet::of(features), "{body}");
        assert_eq!(envelope.stream, !told.is_empty());
        let sent = rewrite(&Bytes::from(body), &envelope, "up", true);
        let expected = format!("{{ {} }}", members.replace("models/x", "models/up"));
        assert_eq!(std::str::from_utf8(&sent).unwrap(), expected);
    }
    let key = r#"{"_url":{"model":"m"},"idempotencyKey":"k","contents":{"parts":{"text":"hi"}}}"#;
    let envelope = Envelope::read(Dialect::Gemini, complete, key.as_bytes()).unwrap();
    assert_eq!(envelope.idempotency_key.as_deref(), Some("k"));
    let sent = rewrite(&Bytes::from(key), &envelope, "up", false);
    assert_eq!(&sent[..], br#"{"contents":{"parts":{"text":"hi"}}}"#);
    for (body, field) in [
        (r#"{"contents":[]}"#, "model"),
        (r#"{"_url":{"model":"m"},"contents":[]}"#, "contents"),
        (r#"{"_url":{"model":"m"},"contents":[7]}"#, "contents[0]"),
        (r#"{"_url":{"model":"m"},"_url":{"model":"n"},"contents":[]}"#, "_url"),
    ] {
        let error = Envelope::read(Dialect::Gemini, complete, body.as_bytes()).unwrap_err();
        assert_eq!(error.field.as_deref(), Some(field), "{body}");
    }
}

proptest! {
    #[test]
    fn no_body_makes_the_router_panic_and_what_is_changed_is_still_json(
        body in odd_body(),
        cut in any::<prop::sample::Index>(),
    ) {
        let body = format!(
            r#"{{"_url":{{"model":"m"}},"model":"m","max_tokens":1,"input":{body},"contents":{body},"messages":{body}}}"#
        );
        let half = &body.as_bytes()[..cut.index(body.len() + 1)];
        for dialect in Dialect::ALL {
            for operation in Operation::ALL {
                for bytes in [body.as_bytes(), half] {
                    if let Ok(envelope) = Envelope::read(dialect, operation, bytes) {
                        let bytes = Bytes::copy_from_slice(bytes);
                        let out = rewrite(&bytes, &envelope, "new", true);
                        prop_assert!(serde_json::from_slice::<Value>(&out).is_ok());
                    }
                    let _ = crate::inspect_ok_body(dialect, operation, None, bytes);
                    let _ = estimate_tokens(dialect, bytes);
                }
            }
            for how in [crate::How::Prefill, crate::How::Instruction] {
                if let Ok(out) = crate::continue_request(dialect, body.as_bytes(), "so\n\"far\"", how) {
                    prop_assert!(serde_json::from_slice::<Value>(&out).is_ok(), "{}", String::from_utf8_lossy(&out));
                }
                let _ = crate::continue_request(dialect, half, "so far", how);
            }
            let out = crate::strip_foreign_seals(dialect, body.as_bytes(), "m");
            prop_assert!(serde_json::from_slice::<Value>(&out).is_ok(), "{}", String::from_utf8_lossy(&out));
            let _ = crate::strip_foreign_seals(dialect, half, "m");
        }
        let error = crate::read_error(None, half);
        let _ = crate::meaning(200, &error);
        let _ = crate::models::model_ids(half);
    }
}

/// The model asked for, longer than any of the random values.
const ASKED: &str = "\"the-model-asked-for\"";

fn spaces() -> impl Strategy<Value = String> {
    "[ \n\t]{0,2}"
}

proptest! {
    #[test]
    fn rewriting_leaves_every_other_byte(
        members in prop::collection::vec(("[a-z]{3}x", "[ -~é]{0,12}", spaces(), spaces()), 0..6),
        at in 0usize..6,
        key_at in prop::option::of(0usize..6),
        model in "[ -~é]{1,12}",
        gap in spaces(),
    ) {
        let mut parts: Vec<(String, String)> = members
            .into_iter()
            .map(|(name, value, a, b)| (name.clone(), format!("{a}\"{name}\"{b}:{}{a}", json!(value))))
            .collect();
        parts.sort();
        parts.dedup_by(|a, b| a.0 == b.0);
        let mut parts: Vec<String> = parts.into_iter().map(|(_, part)| part).collect();
        parts.insert(at.min(parts.len()), format!("{gap}\"model\":{gap}{ASKED}{gap}"));
        parts.push(r#""messages":[{"role":"user","content":"\u0041 \"M\""}]"#.to_owned());
        let expected = format!("{{{}}}", parts.join(",")).replacen(ASKED, &json!(model).to_string(), 1);
        if let Some(key_at) = key_at {
            parts.insert(key_at.min(parts.len()), format!("{gap}\"idempotencyKey\"{gap}:\"k\""));
        }
        let body = Bytes::from(format!("{{{}}}", parts.join(",")));
        let envelope = Envelope::read(CHAT, Operation::Complete, &body).unwrap();
        let out = rewrite(&body, &envelope, &model, false);
        if key_at.is_none() {
            prop_assert_eq!(std::str::from_utf8(&out).unwrap(), &expected);
        }
        let value: Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(&value, &serde_json::from_str::<Value>(&expected).unwrap());
    }
}

#[test]
fn names_are_short_enough_to_be_logged_and_the_field_is_named() {
    let long = "A".repeat(257);
    let messages = r#""messages":[{"role":"user","content":"hi"}]"#;
    let cases = [
        (format!(r#"{{"model":"{long}",{messages}}}"#), "model"),
        (format!(r#"{{"model":"m","idempotencyKey":"{long}",{messages}}}"#), "idempotencyKey"),
        (format!(r#"{{"model":"m","user":"{long}",{messages}}}"#), "user"),
        (
            format!(r#"{{"model":"m","user":"u","safety_identifier":"{long}",{messages}}}"#),
            "safety_identifier",
        ),
        (format!(r#"{{"model":"m","metadata":{{"user_id":"{long}"}},{messages}}}"#), "metadata.user_id"),
        (format!(r#"{{"model":"m","prompt_cache_key":"{long}",{messages}}}"#), "prompt_cache_key"),
        (format!(r#"{{"model":"m","previous_response_id":"{long}",{messages}}}"#), "previous_response_id"),
    ];
    for (body, field) in cases {
        let error = Envelope::read(Dialect::OpenAiChat, Operation::Complete, body.as_bytes()).unwrap_err();
        assert_eq!(error.field.as_deref(), Some(field));
        assert!(error.message.contains("257 bytes") && error.message.contains("256"), "{error}");
    }
    let fits = format!(r#"{{"model":"{}",{messages}}}"#, &long[1..]);
    assert!(Envelope::read(Dialect::OpenAiChat, Operation::Complete, fits.as_bytes()).is_ok());
}

#[test]
fn an_error_does_not_quote_a_value_of_any_length() {
    let image = "A".repeat(300_000);
    for body in [
        format!(r#"{{"model":"m","messages":"{image}"}}"#),
        format!(r#"{{"model":"m","messages":["{image}"]}}"#),
        format!(r#""{image}""#),
    ] {
        let error = Envelope::read(Dialect::OpenAiChat, Operation::Complete, body.as_bytes()).unwrap_err();
        assert!(error.to_string().len() < 1_000, "{} bytes", error.to_string().len());
    }
}

/// Each level of content within content was read by a call within a call: a megabyte of them ended the process.
#[test]
fn contents_within_contents_cost_no_stack() {
    let deep = 100_000;
    let nested = format!("{}\"x\"{}", r#"[{"type":"tool_result","content":"#.repeat(deep), "}]".repeat(deep));
    let body = format!(r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":{nested}}}]}}"#);
    for dialect in [Dialect::OpenAiChat, Dialect::AnthropicMessages] {
        let envelope = Envelope::read(dialect, Operation::Complete, body.as_bytes()).unwrap();
        assert!(envelope.prompt_chars > 1_000_000, "it counts as text");
    }
}
