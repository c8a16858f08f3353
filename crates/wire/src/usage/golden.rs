//! What is billed of answers as providers document them: whole, as streams, and on every way to a caller.

mod rows;

use serde_json::{Value, json};
use switchyard_domain::Operation;
use switchyard_domain::usage::BilledUsage;

use self::rows::{Row, rows};
use crate::event_stream::encode;
use crate::sse::encode_event;
use crate::translate::ReplyOptions;
use crate::{Dialect, FrameDecoder, Pipe, gather_response, inspect_ok_body};

const CALLERS: [Dialect; 4] =
    [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages, Dialect::Gemini];

impl Row {
    fn usage(&self) -> Value {
        serde_json::from_str(self.usage).unwrap()
    }

    /// An answer's members that stand beside its usage.
    fn beside(&self) -> Value {
        if self.beside.is_empty() { json!({}) } else { serde_json::from_str(self.beside).unwrap() }
    }

    fn expected(&self) -> Option<BilledUsage> {
        let model = (self.dialect != Dialect::BedrockConverse).then(|| "m-1".into());
        self.billed.clone().map(|billed| BilledUsage { model, ..billed })
    }

    /// The answer in one piece.
    fn whole(&self) -> Vec<u8> {
        let text = json!({"role": "assistant", "content": "Hi"});
        let body = match self.dialect {
            Dialect::OpenAiChat => {
                json!({"id": "c", "object": "chat.completion", "model": "m-1", "usage": self.usage(),
                "choices": [{"index": 0, "message": text, "finish_reason": "stop"}]})
            }
            Dialect::OpenAiResponses => self.response("completed"),
            Dialect::AnthropicMessages => {
                json!({"id": "msg", "type": "message", "role": "assistant", "model": "m-1",
                "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn", "usage": self.usage()})
            }
            Dialect::Gemini => {
                json!({"modelVersion": "m-1", "responseId": "r", "usageMetadata": self.usage(),
                "candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]})
            }
            Dialect::BedrockConverse => {
                json!({"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
                "stopReason": "end_turn", "usage": self.usage(), "metrics": {"latencyMs": 9}})
            }
        };
        with(body, &self.beside()).to_string().into_bytes()
    }

    fn response(&self, status: &str) -> Value {
        let mut output = self.beside().get("output").cloned().unwrap_or(json!([]));
        output.as_array_mut().unwrap().push(json!({"type": "message", "id": "msg", "role": "assistant",
            "status": "completed", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]}));
        let mut response = json!({"id": "resp", "object": "response", "status": status, "model": "m-1"});
        if status == "completed" {
            response["usage"] = self.usage();
            response = with(response, &self.beside());
            response["output"] = output;
        } else {
            // The tier that was asked for.
            response["service_tier"] = "auto".into();
        }
        response
    }

    /// The answer as a stream of the upstream's.
    fn stream(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut say = |data: Value| {
            let name = data["type"].as_str().map(str::to_owned);
            encode_event(&mut bytes, name.as_deref(), data.to_string().as_bytes());
        };
        match self.dialect {
            Dialect::OpenAiChat => {
                let chunk = |choices: Value| {
                    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "model": "m-1", "choices": choices});
                    with(chunk, &self.beside())
                };
                // Azure's first chunk is about the prompt and names no model.
                say(json!({"id": "", "model": "", "choices": [], "prompt_filter_results": []}));
                say(chunk(json!([{"index": 0, "delta": {"role": "assistant", "content": ""}}])));
                say(chunk(json!([{"index": 0, "delta": {"content": "Hi"}}])));
                say(chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}])));
                say(with(chunk(json!([])), &json!({"usage": self.usage()})));
                encode_event(&mut bytes, None, b"[DONE]");
            }
            Dialect::OpenAiResponses => {
                say(json!({"type": "response.created", "response": self.response("in_progress")}));
                let whole = self.response("completed");
                for (at, item) in whole["output"].as_array().unwrap().iter().enumerate() {
                    if item["type"] == "message" {
                        say(json!({"type": "response.output_item.added", "output_index": at, "item":
                            {"type": "message", "id": "msg", "role": "assistant", "content": []}}));
                        say(
                            json!({"type": "response.output_text.delta", "output_index": at, "item_id": "msg",
                            "content_index": 0, "delta": "Hi"}),
                        );
                    }
                    say(json!({"type": "response.output_item.done", "output_index": at, "item": item}));
                }
                say(json!({"type": "response.completed", "response": whole}));
            }
            Dialect::AnthropicMessages => {
                let (mut start, mut delta) = (self.usage(), self.usage());
                let members = start.as_object_mut().unwrap();
                for late in ["server_tool_use", "iterations", "output_tokens_details"] {
                    members.remove(late);
                }
                members.insert("output_tokens".to_owned(), 1.into());
                let members = delta.as_object_mut().unwrap();
                for once in ["cache_creation", "service_tier", "speed", "inference_geo"] {
                    members.remove(once);
                }
                say(
                    json!({"type": "message_start", "message": {"id": "msg", "type": "message", "role": "assistant",
                    "model": "m-1", "content": [], "stop_reason": null, "usage": start}}),
                );
                say(
                    json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                );
                say(
                    json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}),
                );
                say(json!({"type": "content_block_stop", "index": 0}));
                say(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": delta}));
                say(json!({"type": "message_stop"}));
            }
            Dialect::Gemini => {
                let chunk = |text: &str| {
                    json!({"modelVersion": "m-1", "responseId": "r",
                        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]})
                };
                say(with(chunk("H"), &json!({"usageMetadata": {"trafficType": "ON_DEMAND"}})));
                let mut last = with(chunk("i"), &json!({"usageMetadata": self.usage()}));
                last["candidates"][0]["finishReason"] = "STOP".into();
                say(last);
            }
            Dialect::BedrockConverse => {
                let metadata = json!({"usage": self.usage(), "metrics": {"latencyMs": 9}});
                for (name, data) in [
                    ("messageStart", json!({"role": "assistant"})),
                    ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": "Hi"}})),
                    ("contentBlockStop", json!({"contentBlockIndex": 0})),
                    ("messageStop", json!({"stopReason": "end_turn"})),
                    ("metadata", with(metadata, &self.beside())),
                ] {
                    bytes.extend(encode::event(name, data.to_string().as_bytes()));
                }
            }
        }
        bytes
    }
}

fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The ways of a stream to its callers: untouched where its dialect has clients, and into every dialect.
fn pipes(from: Dialect) -> Vec<Pipe> {
    let options = ReplyOptions { include_usage: true, ..ReplyOptions::default() };
    let untouched = (from != Dialect::BedrockConverse)
        .then(|| Pipe::passthrough(from, false, options.clone(), true, false));
    let translated = CALLERS.into_iter().map(|to| Pipe::translating(from, to, options.clone(), true, false));
    untouched.into_iter().chain(translated).collect()
}

fn relay(mut pipe: Pipe, from: Dialect, pieces: &[&[u8]]) -> Pipe {
    let (mut decoder, mut out) = (FrameDecoder::of(from), Vec::new());
    let mut drain = |decoder: &mut FrameDecoder, pipe: &mut Pipe| {
        while let Some(event) = decoder.next_event().unwrap() {
            pipe.push(&event, &mut out);
        }
    };
    for piece in pieces {
        decoder.push(piece);
        drain(&mut decoder, &mut pipe);
    }
    decoder.finish();
    drain(&mut decoder, &mut pipe);
    pipe.finish(&mut out);
    pipe
}

#[test]
fn every_documented_usage_is_billed_as_it_was_reported() {
    let rows = rows();
    assert!(rows.len() >= 40, "{} rows", rows.len());
    for row in rows {
        let (name, from, body) = (row.name, row.dialect, row.whole());
        let whole = inspect_ok_body(from, Operation::Complete, None, &body).unwrap();
        assert_eq!(whole.billed, row.expected(), "{name}, whole");

        let stream = row.stream();
        let (_, facts) = gather_response(from, CALLERS[0], &stream, &ReplyOptions::default()).unwrap();
        assert_eq!(facts.billed, row.expected(), "{name}, gathered");
        for pipe in pipes(from) {
            let to = pipe.caller();
            let told = relay(pipe, from, &[&stream]);
            assert_eq!(told.billed(), row.expected(), "{name}, streamed to {to:?}");
            assert_eq!(told.usage(), whole.usage, "{name}, told to {to:?}");
        }
        for mut pipe in pipes(from) {
            let to = pipe.caller();
            pipe.take_whole(&body, || None, &mut Vec::new()).unwrap();
            assert_eq!(pipe.billed(), row.expected(), "{name}, taken whole for {to:?}");
        }
    }
}

#[test]
fn a_stream_is_billed_alike_wherever_it_is_cut() {
    for row in rows() {
        let (stream, from) = (row.stream(), row.dialect);
        let bytewise: Vec<&[u8]> = stream.chunks(1).collect();
        for pipe in pipes(from) {
            let to = pipe.caller();
            let told = relay(pipe, from, &bytewise);
            assert_eq!(told.billed(), row.expected(), "{}, byte by byte to {to:?}", row.name);
        }
        let [.., last] = &mut pipes(from)[..] else { panic!("a dialect without callers") };
        let to = last.caller();
        for at in (0..stream.len()).step_by(7) {
            let (one, other) = stream.split_at(at);
            let pipe = Pipe::translating(from, to, ReplyOptions::default(), false, false);
            assert_eq!(
                relay(pipe, from, &[one, other]).billed(),
                row.expected(),
                "{}, cut at {at}",
                row.name
            );
        }
    }
}

/// A stream that ends early is billed by what it reported until then, and never by more than the whole.
#[test]
fn a_stream_that_breaks_off_is_billed_by_its_reports() {
    for row in rows() {
        let (stream, from) = (row.stream(), row.dialect);
        let whole = row.expected().unwrap_or_default();
        for at in (0..stream.len()).step_by(11) {
            for pipe in pipes(from).into_iter().take(2) {
                let told = relay(pipe, from, &[&stream[..at]]);
                let part = told.billed().unwrap_or_default();
                assert!(part.input_tokens() <= whole.input_tokens(), "{}, ended at {at}", row.name);
                assert!(part.output_tokens() <= whole.output_tokens(), "{}, ended at {at}", row.name);
                assert!(told.usage_reports() > 0 || told.billed().is_none(), "{}, ended at {at}", row.name);
            }
        }
    }
}

#[test]
fn a_report_is_counted_so_that_nobody_asks_for_the_same_bill_twice() {
    let row = rows().into_iter().find(|row| row.dialect == Dialect::AnthropicMessages).unwrap();
    let stream = row.stream();
    let mut decoder = FrameDecoder::of(row.dialect);
    decoder.push(&stream);
    let mut pipe = Pipe::passthrough(row.dialect, false, ReplyOptions::default(), false, false);
    let mut reports = Vec::new();
    while let Some(event) = decoder.next_event().unwrap() {
        pipe.push(&event, &mut Vec::new());
        reports.push(pipe.usage_reports());
    }
    assert_eq!(reports, [1, 1, 1, 1, 2, 2]);
}

#[test]
fn embeddings_are_billed_by_their_prompt_alone() {
    let cases = [
        (r#"{"data":[{"embedding":[0.1]}],"model":"m-1","usage":{"prompt_tokens":8,"total_tokens":8}}"#, 8),
        (r#"{"data":[{"embedding":[0.1]}],"model":"m-1","usage":{"total_tokens":10}}"#, 10),
        (
            r#"{"embeddings":[{"values":[0.1]}],"model":"m-1","usageMetadata":{"promptTokenCount":12,"totalTokenCount":12}}"#,
            12,
        ),
        (
            r#"{"predictions":[{"embeddings":{"statistics":{"truncated":false,"token_count":6.0},"values":[0.1]}},{"embeddings":{"statistics":{"token_count":5},"values":[0.1]}}],"model":"m-1"}"#,
            11,
        ),
    ];
    for (body, input) in cases {
        let facts = inspect_ok_body(Dialect::OpenAiChat, Operation::Embed, None, body.as_bytes()).unwrap();
        let expected = BilledUsage { input, model: Some("m-1".into()), ..BilledUsage::default() };
        assert_eq!(facts.billed, Some(expected), "{body}");
        assert_eq!(facts.usage.unwrap().input_tokens, input, "{body}");
    }
    let unsaid = r#"{"data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":0,"total_tokens":0}}"#;
    let facts = inspect_ok_body(Dialect::OpenAiChat, Operation::Embed, None, unsaid.as_bytes()).unwrap();
    assert_eq!(facts.billed, None);
}

#[test]
fn counting_tokens_costs_nothing() {
    let body = br#"{"input_tokens":14}"#;
    let facts = inspect_ok_body(Dialect::AnthropicMessages, Operation::CountTokens, None, body).unwrap();
    assert_eq!(facts.billed, None);
}

/// Figures that make no sense: none of them panics, and none makes an answer free that said a count.
#[test]
fn nonsense_is_never_free() {
    let odd = [
        "-5",
        "\"12\"",
        "\"many\"",
        "1e300",
        "1e999",
        "99999999999999999999",
        "12.7",
        "null",
        "true",
        "[]",
        "{}",
    ];
    for (dialect, input, output) in [
        (Dialect::OpenAiChat, "prompt_tokens", "completion_tokens"),
        (Dialect::OpenAiResponses, "input_tokens", "output_tokens"),
        (Dialect::AnthropicMessages, "input_tokens", "output_tokens"),
        (Dialect::Gemini, "promptTokenCount", "candidatesTokenCount"),
        (Dialect::BedrockConverse, "inputTokens", "outputTokens"),
    ] {
        let body = |usage: &str| {
            let row = Row { name: "nonsense", dialect, usage: "{\"@\":0}", beside: "", billed: None };
            String::from_utf8(row.whole()).unwrap().replace("{\"@\":0}", usage)
        };
        for one in odd {
            for other in odd {
                let body = body(&format!("{{\"{input}\":{one},\"{output}\":{other}}}"));
                let facts = inspect_ok_body(dialect, Operation::Complete, None, body.as_bytes()).unwrap();
                let says = |text: &str| {
                    matches!(text, "\"12\"" | "1e300" | "1e999" | "99999999999999999999" | "12.7")
                };
                let billed = facts.billed.unwrap_or_default();
                assert_eq!(billed.input_tokens() > 0, says(one), "{body}");
                assert_eq!(billed.output_tokens() > 0, says(other), "{body}");
                assert!(!says(one) || facts.usage.unwrap().input_tokens > 0, "{body}");
            }
        }
        // Beside a count that makes sense nothing else takes it away, whole or streamed.
        for one in odd.into_iter().filter(|one| *one != "1e999") {
            let usage = format!(
                "{{\"{input}\":7,\"{output}\":{one},\"speed\":{one},\"trafficType\":{one},\
                \"cache_creation\":{one},\"cacheDetails\":{one},\"promptTokensDetails\":{one},\"cost_details\":{one},\
                \"prompt_tokens_details\":{one},\"input_tokens_details\":{one},\"iterations\":{one}}}"
            );
            let body = body(&usage);
            let facts = inspect_ok_body(dialect, Operation::Complete, None, body.as_bytes()).unwrap();
            assert_eq!(facts.billed.map(|billed| billed.input_tokens()), Some(7), "{body}");
            if dialect == Dialect::OpenAiChat {
                let chunk = format!("data: {{\"model\":\"m-1\",\"choices\":[],\"usage\":{usage}}}\n\n");
                for pipe in pipes(dialect) {
                    let told = relay(pipe, dialect, &[chunk.as_bytes()]);
                    assert_eq!(told.billed().map(|billed| billed.input_tokens()), Some(7), "{chunk}");
                }
            }
        }
    }
}

#[test]
fn the_last_report_of_a_stream_is_billed_and_zeros_report_nothing() {
    let chat = |usages: &[&str]| {
        let events: String = usages
            .iter()
            .map(|usage| format!("data: {{\"model\":\"m-1\",\"choices\":[],\"usage\":{usage}}}\n\n"))
            .collect();
        relay(pipes(Dialect::OpenAiChat).swap_remove(0), Dialect::OpenAiChat, &[events.as_bytes()]).billed()
    };
    let billed = |input, cache_read, output| {
        Some(BilledUsage { input, cache_read, output, model: Some("m-1".into()), ..BilledUsage::default() })
    };
    let zeros = r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#;
    let early = r#"{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":4}}"#;
    let late = r#"{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":4}}"#;
    let shrunk = r#"{"prompt_tokens":3,"completion_tokens":7}"#;
    assert_eq!(chat(&[zeros]), None);
    assert_eq!(chat(&[zeros, late]), billed(5, 4, 7));
    assert_eq!(chat(&[late, zeros]), billed(5, 4, 7));
    assert_eq!(chat(&[early, late]), billed(5, 4, 7));
    assert_eq!(chat(&[early, r#"{"completion_tokens":7}"#]), billed(5, 4, 7));
    assert_eq!(chat(&[late, shrunk]), billed(0, 3, 7));
    assert_eq!(chat(&["{}"]), None);
    assert_eq!(chat(&["null"]), None);
}

/// `message_delta` counts all that was written to the cache, server tools' turns included, and not for how long.
#[test]
fn what_is_written_later_is_kept_as_long_as_what_was_written_first() {
    let start = |by_time: &str| {
        format!(
            "data: {{\"type\":\"message_start\",\"message\":{{\"model\":\"m-1\",\"content\":[],\"usage\":{{\
             \"input_tokens\":2,\"cache_creation_input_tokens\":100,\"output_tokens\":1,\"cache_creation\":{by_time}}}}}}}\n\n"
        )
    };
    let delta = "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\
                 \"input_tokens\":2,\"cache_creation_input_tokens\":300,\"output_tokens\":9}}\n\n";
    for (by_time, cache_write_5m, cache_write_1h) in [
        (r#"{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":100}"#, 0, 300),
        (r#"{"ephemeral_5m_input_tokens":60,"ephemeral_1h_input_tokens":40}"#, 260, 40),
        (r#"{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":0}"#, 300, 0),
        ("null", 300, 0),
    ] {
        let stream = start(by_time) + delta;
        for pipe in pipes(Dialect::AnthropicMessages) {
            let told = relay(pipe, Dialect::AnthropicMessages, &[stream.as_bytes()]);
            let model = Some("m-1".into());
            let expected =
                BilledUsage { input: 2, cache_write_5m, cache_write_1h, output: 9, model, ..<_>::default() };
            assert_eq!(told.billed(), Some(expected), "{by_time}");
        }
    }
}
