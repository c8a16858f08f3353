//! Answers of Anthropic, Gemini and Bedrock, and of what claims to be them: read no more strictly than their SDKs do.

use serde_json::{Value, json};

use super::dialects::{Outcome, options, translate_stream};
use super::summary::Summary;
use super::{Dialect, translate_response};
use crate::FinishReason;
use crate::event_stream::encode;
use crate::notes::Degradation;
use crate::pipe::StreamEnd;

const CHAT: Dialect = Dialect::OpenAiChat;
const MESSAGES: Dialect = Dialect::AnthropicMessages;
const GEMINI: Dialect = Dialect::Gemini;
const BEDROCK: Dialect = Dialect::BedrockConverse;

/// What a chat caller makes of a whole answer, and what was noted, `code field`.
fn whole(from: Dialect, body: &Value) -> (Summary, Vec<String>) {
    let translated = translate_response(from, CHAT, body.to_string().as_bytes(), &options());
    let translated = translated.unwrap_or_else(|error| panic!("{from}: {error}: {body}"));
    (Summary::of_body(CHAT, &translated.body), said(&translated.degraded))
}

/// What was noted; that there was no usage is not what these tests are about.
fn said(noted: &[Degradation]) -> Vec<String> {
    let noted = noted.iter().filter(|noted| noted.code != "usage_missing");
    noted.map(|noted| format!("{} {}", noted.code, noted.field)).collect()
}

/// Events as SSE; a text is written as it is.
fn sse(events: &[Value]) -> Vec<u8> {
    let data = |event: &Value| event.as_str().map_or_else(|| event.to_string(), str::to_owned);
    events.iter().flat_map(|event| format!("data: {}\n\n", data(event)).into_bytes()).collect()
}

fn translated(from: Dialect, events: &[Value]) -> Outcome {
    let bytes = match from {
        Dialect::BedrockConverse => {
            encode::lines(&events.iter().map(|event| format!("{event}\n")).collect::<String>())
        }
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::AnthropicMessages | Dialect::Gemini => {
            sse(events)
        }
    };
    translate_stream(from, CHAT, &[&bytes])
}

/// What a chat caller makes of a stream, and what was noted.
fn streamed(from: Dialect, events: &[Value]) -> (Summary, Vec<String>) {
    let outcome = translated(from, events);
    let out = String::from_utf8_lossy(&outcome.out).into_owned();
    assert_eq!(outcome.end, StreamEnd::Complete, "{from}: {events:?}: {out}");
    (Summary::of_stream(CHAT, &outcome.out), said(&outcome.degraded))
}

fn calls(summary: &Summary) -> Vec<(&str, String)> {
    summary.calls.iter().map(|(_, name, input)| (name.as_str(), input.to_string())).collect()
}

fn begun() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "model": "m", "content": [],
        "usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 1}}})
}

fn text_delta(text: &str) -> Value {
    json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
}

fn call_start(index: usize, name: &str, input: &Value) -> Value {
    json!({"type": "content_block_start", "index": index,
        "content_block": {"type": "tool_use", "id": format!("toolu_{name}"), "name": name, "input": input}})
}

fn input_delta(index: usize, partial_json: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index,
        "delta": {"type": "input_json_delta", "partial_json": partial_json}})
}

fn stopped(reason: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 7}})
}

fn over() -> Value {
    json!({"type": "message_stop"})
}

#[test]
fn a_whole_messages_answer_with_odd_members_is_an_answer() {
    let text = json!([{"type": "text", "text": "Hi"}]);
    let answers = [
        json!({"content": "Hi", "stop_reason": "end_turn"}),
        json!({"content": {"type": "text", "text": "Hi"}, "stop_reason": null}),
        json!({"content": [{"text": "Hi"}], "id": 7, "model": null, "stop_reason": ["x"], "usage": "none"}),
        json!({"content": text, "role": {}, "stop_sequence": 7, "stop_details": "no", "container": [],
            "usage": {"input_tokens": "9", "output_tokens": -1, "output_tokens_details": []}}),
        json!({"content": [null, {"type": "text", "text": "Hi", "citations": null}, {"type": "text", "text": null}]}),
    ];
    for answer in answers {
        let (summary, noted) = whole(MESSAGES, &answer);
        assert_eq!((summary.text.as_str(), summary.finish), ("Hi", Some(FinishReason::Stop)), "{answer}");
        assert!(noted.is_empty(), "{answer}: {noted:?}");
    }
    let (summary, noted) =
        whole(MESSAGES, &json!({"content": [{"type": "hologram", "text": 7}], "stop_reason": "end_turn"}));
    assert_eq!((summary.text.as_str(), noted), ("", vec!["block_dropped content[0]".to_owned()]));
    for (input, expected) in [(json!("{\"a\":1}"), "{\"a\":1}"), (Value::Null, "{}"), (json!(""), "{}")] {
        let call = json!({"type": "tool_use", "id": null, "name": "f", "input": input});
        let (summary, _) = whole(MESSAGES, &json!({"content": [call], "stop_reason": "end_turn"}));
        assert_eq!(calls(&summary), [("f", expected.to_owned())]);
        assert_eq!(summary.finish, Some(FinishReason::ToolCalls), "a call is there to be run");
    }
}

#[test]
fn a_messages_stream_is_put_together_from_whatever_comes() {
    let streams = [
        vec![begun(), text_delta("Hi"), stopped("end_turn"), over()],
        // Begun by nothing, twice, or ended by another dialect's mark.
        vec![text_delta("Hi"), stopped("end_turn"), over()],
        vec![begun(), begun(), text_delta("Hi"), stopped("end_turn"), json!("[DONE]")],
        vec![
            begun(),
            text_delta("Hi"),
            stopped("end_turn"),
            over(),
            json!("[DONE]"),
            text_delta("!"),
            json!("{"),
        ],
        // The reason comes early, and more than once.
        vec![begun(), text_delta("H"), stopped("max_tokens"), text_delta("i"), stopped("end_turn"), over()],
        // Signs of life and things nobody knows.
        vec![
            begun(),
            json!("ping"),
            json!({"type": "ping"}),
            json!({"type": "weather", "index": "x"}),
            json!({}),
            text_delta("Hi"),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "glow"}}),
            stopped("end_turn"),
            over(),
        ],
        // Members that are something else, and types left out.
        vec![
            json!({"type": "message_start", "message": {"id": 7, "model": [], "content": null, "usage": 3}}),
            json!({"type": "content_block_start", "index": "0", "content_block": {"type": "text", "text": null}}),
            json!({"type": "content_block_start"}),
            json!({"type": "content_block_delta", "index": -1}),
            json!({"type": "content_block_delta", "index": null, "delta": {"text": "Hi"}}),
            json!({"type": "content_block_stop", "index": []}),
            json!({"type": "message_delta", "delta": null, "usage": null}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": 0}, "usage": []}),
            over(),
        ],
    ];
    for events in streams {
        let (summary, _) = streamed(MESSAGES, &events);
        assert_eq!((summary.text.as_str(), summary.finish), ("Hi", Some(FinishReason::Stop)), "{events:?}");
    }
    let (_, noted) =
        streamed(MESSAGES, &[begun(), json!({"type": "weather"}), text_delta("Hi"), stopped("end_turn")]);
    assert_eq!(noted, ["event_ignored weather"]);
}

#[test]
fn an_error_behind_the_reason_of_the_end_changes_nothing() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let (summary, _) = streamed(MESSAGES, &[begun(), text_delta("Hi"), stopped("end_turn"), error.clone()]);
    assert_eq!(summary.text, "Hi");
    for error in [error, json!({"error": {"message": "Overloaded"}})] {
        assert_eq!(translated(MESSAGES, &[begun(), text_delta("Hi"), error]).end, StreamEnd::Failed);
    }
}

#[test]
fn the_input_of_calls_comes_whole_in_pieces_or_in_turns() {
    let a = json!({"a": 1});
    let stop = |index: usize| json!({"type": "content_block_stop", "index": index});
    let streams = [
        vec![
            call_start(0, "f", &json!({})),
            input_delta(0, &json!("{\"a\"")),
            input_delta(0, &json!(":1}")),
            stop(0),
        ],
        vec![call_start(0, "f", &a), stop(0)],
        vec![call_start(0, "f", &a)],
        vec![call_start(0, "f", &json!("{\"a\":1}")), stop(0)],
        // Told with the start and once more in pieces.
        vec![
            call_start(0, "f", &a),
            input_delta(0, &json!("{\"a\":")),
            input_delta(0, &json!("1}")),
            stop(0),
        ],
        vec![call_start(0, "f", &Value::Null), input_delta(0, &a), stop(0)],
        vec![
            json!({"type": "content_block_start", "content_block": {"type": "tool_use", "name": "f"}}),
            json!({"type": "content_block_delta", "delta": {"partial_json": "{\"a\":1}"}}),
        ],
        // Of a block that never began there is no call to run.
        vec![input_delta(5, &json!("{\"b\":")), call_start(0, "f", &a), stop(0)],
    ];
    for mut events in streams {
        events.insert(0, begun());
        events.extend([stopped("end_turn"), over()]);
        let (summary, _) = streamed(MESSAGES, &events);
        assert_eq!(calls(&summary), [("f", "{\"a\":1}".to_owned())], "{events:?}");
        assert_eq!(summary.finish, Some(FinishReason::ToolCalls), "a call is there to be run");
    }
    let turns = [
        begun(),
        call_start(0, "f", &json!({})),
        call_start(1, "g", &json!({})),
        input_delta(0, &json!("{\"a\"")),
        input_delta(1, &json!("{\"b\":")),
        input_delta(0, &json!(":1}")),
        input_delta(1, &json!("2}")),
        stopped("tool_use"),
        over(),
    ];
    let (summary, _) = streamed(MESSAGES, &turns);
    assert_eq!(calls(&summary), [("f", "{\"a\":1}".to_owned()), ("g", "{\"b\":2}".to_owned())]);
}

#[test]
fn an_answer_told_with_its_beginning_is_told() {
    let start = |content: Value, reason: &str| {
        json!({"type": "message_start", "message": {"id": "msg_1", "model": "m", "content": content,
            "stop_reason": reason, "usage": {"input_tokens": 0, "output_tokens": 0}}})
    };
    let call = json!([{"type": "tool_use", "id": "toolu_1", "name": "roll", "input": {"player": "p2"}}]);
    for events in [vec![start(call.clone(), "tool_use"), over()], vec![start(call, "tool_use")]] {
        let (summary, _) = streamed(MESSAGES, &events);
        assert_eq!(calls(&summary), [("roll", "{\"player\":\"p2\"}".to_owned())]);
        assert_eq!(summary.finish, Some(FinishReason::ToolCalls));
    }
    let (summary, _) =
        streamed(MESSAGES, &[start(json!([{"type": "text", "text": "Hi"}]), "max_tokens"), over()]);
    assert_eq!((summary.text.as_str(), summary.finish), ("Hi", Some(FinishReason::Length)));
}

#[test]
fn a_stream_that_begins_anew_inside_a_call_ends_in_an_error() {
    // The first call would be run with half its input, next to the one that is made anew.
    let events = [
        begun(),
        call_start(0, "f", &json!({})),
        input_delta(0, &json!("{\"v\":\"Spa")),
        begun(),
        call_start(0, "g", &json!({})),
        input_delta(0, &json!("{}")),
        stopped("tool_use"),
        over(),
    ];
    let outcome = translated(MESSAGES, &events);
    assert_eq!(outcome.end, StreamEnd::Failed);
    assert!(
        !String::from_utf8_lossy(&outcome.out).contains("finish_reason\":\"tool_calls"),
        "the torn call is not whole"
    );
}

#[test]
fn the_last_report_of_what_was_used_holds() {
    let usage =
        |usage: Value| json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage});
    let cases = [
        // The end tells the output alone, or the input without the cache.
        (json!({"output_tokens": 7}), (13, 4, 7)),
        (json!({"input_tokens": 9, "output_tokens": 7}), (13, 4, 7)),
        // Compaction: what the last step took.
        (json!({"input_tokens": 6, "cache_read_input_tokens": 1, "output_tokens": 5}), (7, 1, 5)),
        (json!({"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0}), (13, 4, 1)),
    ];
    for (reported, (input, cached, output)) in cases {
        let (summary, _) = streamed(MESSAGES, &[begun(), text_delta("Hi"), usage(reported.clone()), over()]);
        let used = summary.usage;
        assert_eq!(
            (used.input_tokens, used.cached_input_tokens, used.output_tokens),
            (input, cached, output),
            "{reported}"
        );
    }
    let chunk = |text: &str, tokens: Value, reason: Value| json!({"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": reason}], "usageMetadata": tokens});
    let first = chunk("It is", json!({"promptTokenCount": 169, "totalTokenCount": 169}), Value::Null);
    let last = chunk(" noon.", json!({"promptTokenCount": 79, "candidatesTokenCount": 12}), json!("STOP"));
    let (summary, _) = streamed(GEMINI, &[first, last]);
    assert_eq!((summary.usage.input_tokens, summary.usage.output_tokens), (79, 12));
}

#[test]
fn a_gemini_answer_with_odd_members_is_an_answer() {
    let text = json!({"parts": [{"text": "Hi"}]});
    let answers = [
        json!({"candidates": [{"content": text, "finishReason": "STOP"}]}),
        json!({"candidates": {"content": {"parts": {"text": "Hi", "thought": null}}, "finishReason": "STOP"}}),
        json!({"candidates": [{"content": text, "finishReason": "STOP", "index": "0", "finishMessage": [],
            "citationMetadata": null}], "usageMetadata": {"promptTokenCount": "x"}, "modelVersion": 3,
            "responseId": {}, "promptFeedback": [], "error": null}),
        json!({"candidates": [null, {"content": text, "finishReason": "STOP"}], "usageMetadata": 9, "error": {}}),
        // Further candidates are other answers, numbered or not.
        json!({"candidates": [{"content": text, "finishReason": "STOP"}, {"content": {"parts": [{"text": "No"}]}}]}),
    ];
    for answer in answers {
        for (summary, _) in [whole(GEMINI, &answer), streamed(GEMINI, &[answer.clone(), json!("[DONE]")])] {
            assert_eq!((summary.text.as_str(), summary.finish), ("Hi", Some(FinishReason::Stop)), "{answer}");
        }
    }
    let chunk = |text: &str| json!({"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]});
    let (summary, _) =
        streamed(GEMINI, &[chunk("H"), json!({"candidates": []}), json!({"candidates": null}), chunk("i")]);
    assert_eq!(summary.text, "Hi", "the reason of the end comes with every chunk");
    for (args, expected) in [(json!("{\"a\":1}"), "{\"a\":1}"), (Value::Null, "{}"), (json!(""), "{}")] {
        let part = json!({"functionCall": {"name": "f", "args": args, "id": 7}});
        let answer = json!({"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]});
        for (summary, _) in [whole(GEMINI, &answer), streamed(GEMINI, std::slice::from_ref(&answer))] {
            assert_eq!(calls(&summary), [("f", expected.to_owned())]);
            assert_eq!(summary.finish, Some(FinishReason::ToolCalls));
        }
    }
}

#[test]
fn a_sealed_part_that_is_neither_text_nor_call_is_told() {
    let parts = [
        json!({"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thoughtSignature": "c2VhbA=="}),
        json!({"executableCode": {"code": "print(1)"}, "thoughtSignature": "c2VhbA=="}),
        json!({"toolCall": {"toolType": "GOOGLE_SEARCH_WEB"}, "thoughtSignature": "c2VhbA=="}),
    ];
    for part in parts {
        let answer = json!({"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]});
        for (summary, noted) in [whole(GEMINI, &answer), streamed(GEMINI, std::slice::from_ref(&answer))] {
            assert_eq!(
                noted.first().map(String::as_str),
                Some("block_dropped candidates[0].content.parts[0]")
            );
            assert_eq!(summary.text, "");
        }
    }
}

#[test]
fn a_call_without_a_name_is_no_call() {
    let part = |call: Value| json!({"candidates": [{"content": {"parts": [{"functionCall": call}]}}]});
    let events = [
        part(json!({"name": "look", "willContinue": true})),
        part(json!({"partialArgs": [{"jsonPath": "$.city", "stringValue": "Oslo"}], "willContinue": true})),
        part(json!({})),
        json!({"candidates": [{"finishReason": "STOP"}]}),
    ];
    let (summary, noted) = streamed(GEMINI, &events);
    assert_eq!(calls(&summary), [("look", "{}".to_owned())]);
    assert!(noted.contains(&"tool_arguments_dropped candidates[0].content.parts[0]".to_owned()), "{noted:?}");
}

#[test]
fn a_converse_answer_with_odd_members_is_an_answer() {
    let answer =
        |content: Value| json!({"output": {"message": {"content": content}}, "stopReason": "end_turn"});
    let answers = [
        answer(json!([{"text": "Hi"}])),
        answer(json!([null, {"text": "Hi"}, {"text": 7}, {"reasoningContent": "no"}])),
        json!({"output": {"message": {"content": [{"text": "Hi"}], "role": 7}}, "stopReason": null, "usage": "none",
            "metrics": [], "additionalModelResponseFields": 7}),
    ];
    for answer in answers {
        let (summary, _) = whole(BEDROCK, &answer);
        assert_eq!((summary.text.as_str(), summary.finish), ("Hi", Some(FinishReason::Stop)), "{answer}");
    }
    for (input, expected) in [(json!("{\"a\":1}"), "{\"a\":1}"), (Value::Null, "{}")] {
        let (summary, _) = whole(BEDROCK, &answer(json!([{"toolUse": {"name": "f", "input": input}}])));
        assert_eq!(calls(&summary), [("f", expected.to_owned())]);
        assert_eq!(summary.finish, Some(FinishReason::ToolCalls));
    }
    let (_, noted) =
        whole(BEDROCK, &answer(json!([{"reasoningContent": {"redactedContent": "*"}}, {"text": "Hi"}])));
    assert_eq!(noted, ["thinking_dropped output.message.content[0].reasoningContent.redactedContent"]);
}

#[test]
fn a_converse_stream_is_put_together_from_whatever_comes() {
    let event = |name: &str, data: Value| json!({"event": name, "data": data});
    let delta = |delta: Value| event("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": delta}));
    let end = || event("messageStop", json!({"stopReason": "end_turn"}));
    let streams = [
        vec![delta(json!({"text": "Hi"})), end()],
        vec![
            event("messageStart", json!({"role": null})),
            event("contentBlockStart", json!({"start": 7})),
            event("contentBlockDelta", json!({"delta": {"text": "Hi", "toolUse": null}})),
            event("contentBlockDelta", json!({"contentBlockIndex": "x", "delta": null})),
            delta(json!({"toolUse": {"input": "{}"}})),
            delta(json!({"reasoningContent": {"redactedContent": "*"}})),
            event("contentBlockStop", json!({})),
            event("weather", json!({})),
            event("messageStop", json!({"stopReason": 7})),
            event("metadata", json!({"usage": {"inputTokens": "x"}, "metrics": null})),
        ],
    ];
    for events in streams {
        let (summary, _) = streamed(BEDROCK, &events);
        assert_eq!((summary.text.as_str(), summary.finish), ("Hi", Some(FinishReason::Stop)), "{events:?}");
    }
    let call = [
        event(
            "contentBlockStart",
            json!({"contentBlockIndex": 0, "start": {"toolUse": {"name": "f", "toolUseId": null}}}),
        ),
        delta(json!({"toolUse": {"input": {"a": 1}}})),
        event("contentBlockStop", json!({"contentBlockIndex": 0})),
        end(),
    ];
    let (summary, _) = streamed(BEDROCK, &call);
    assert_eq!(calls(&summary), [("f", "{\"a\":1}".to_owned())]);
    assert_eq!(summary.finish, Some(FinishReason::ToolCalls));
}

#[test]
fn citations_of_converse_are_told_alike_whole_and_streamed() {
    let citation = json!({"title": "Law", "location": {"documentPage": {"start": 1}}});
    let cited = json!({"citationsContent": {"content": [{"text": "Hi"}], "citations": [citation]}});
    let answer = json!({"output": {"message": {"content": [cited]}}, "stopReason": "end_turn"});
    let (summary, noted) = whole(BEDROCK, &answer);
    assert_eq!(summary.text, "Hi");
    assert_eq!(noted, ["citations_dropped output.message.content[0].citationsContent.citations"]);
    let delta = |delta: Value| json!({"event": "contentBlockDelta", "data": {"contentBlockIndex": 0, "delta": delta}});
    let events = [
        delta(json!({"text": "Hi"})),
        delta(json!({"citation": citation})),
        json!({"event": "messageStop", "data": {"stopReason": "end_turn"}}),
    ];
    let (summary, noted) = streamed(BEDROCK, &events);
    assert_eq!(summary.text, "Hi");
    assert_eq!(noted, ["citations_dropped contentBlockDelta.delta.citation"]);
}
