//! A stream that dies far into its text, and another upstream that does not simply go on: what the caller gets is the
//! answer, whole and once, or its beginning and an error event. Never is anything told twice, or altered, as a success.

use serde_json::{Value, json};
use switchyard_sim::Dialect;
use switchyard_tests::{Ask, CALLERS, Canned, Kind, Table, Yard, fast_map, merge};

/// Words that come once each: 709 of them.
fn whole() -> String {
    (0..709).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ") + "."
}

/// A stream of this text in pieces of about 40 bytes, with its end or cut off before it.
fn stream(dialect: &str, text: &str, is_cut: bool) -> String {
    let pieces: Vec<&str> =
        text.as_bytes().chunks(40).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
    let mut events: Vec<(Option<&str>, Value)> = Vec::new();
    match dialect {
        "anthropic" => {
            let message = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
                "stop_reason": null, "stop_sequence": null, "usage": { "input_tokens": 9, "output_tokens": 1 } });
            events.push((Some("message_start"), json!({ "type": "message_start", "message": message })));
            let block = json!({ "type": "text", "text": "" });
            events.push((
                Some("content_block_start"),
                json!({ "type": "content_block_start", "index": 0, "content_block": block }),
            ));
            events.extend(pieces.iter().map(|text| {
                let delta = json!({ "type": "text_delta", "text": text });
                (
                    Some("content_block_delta"),
                    json!({ "type": "content_block_delta", "index": 0, "delta": delta }),
                )
            }));
            if !is_cut {
                events
                    .push((Some("content_block_stop"), json!({ "type": "content_block_stop", "index": 0 })));
                events.push((
                    Some("message_delta"),
                    json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null },
                        "usage": { "output_tokens": 5 } }),
                ));
                events.push((Some("message_stop"), json!({ "type": "message_stop" })));
            }
        }
        _ => {
            let chunk = |delta: Value, finish: Value| {
                let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
                json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] })
            };
            events.extend(pieces.iter().map(|text| (None, chunk(json!({ "content": text }), Value::Null))));
            if !is_cut {
                events.push((None, chunk(json!({}), "stop".into())));
            }
        }
    }
    let mut out = String::new();
    for (name, data) in events {
        if let Some(name) = name {
            out += &format!("event: {name}\n");
        }
        out += &format!("data: {data}\n\n");
    }
    if !is_cut && dialect != "anthropic" {
        out += "data: [DONE]\n\n";
    }
    out
}

const HEAD: &str = "HTTP/1.1 200 OK\ncontent-type: text/event-stream";

#[tokio::test]
async fn a_text_that_is_begun_anew_is_told_once_or_ends_in_an_error() {
    // What the second upstream says, and whether the caller gets the whole of it.
    type Answer<'a> = (&'a str, &'a dyn Fn(usize) -> String, bool);
    let whole = whole();
    let differs = whole.replacen("word20 ", "otherwise ", 1);
    let answers: [Answer<'_>; 7] = [
        ("goes on", &|at| whole[at..].to_owned(), true),
        ("repeats the last 30", &|at| whole[at - 30..].to_owned(), true),
        ("repeats the last half", &|at| whole[at / 2..].to_owned(), true),
        ("begins anew", &|_| whole.clone(), true),
        (
            "begins anew behind a preamble",
            &|_| format!("I apologise for the interruption. Here is the whole answer:\n\n{whole}"),
            true,
        ),
        ("begins anew and differs", &|_| differs.clone(), false),
        ("says less", &|at| whole[..at / 2].to_owned(), false),
    ];
    let yard = Yard::with_credentials(&json!({})).await;
    let mut table = Table::new();
    for (n, (what, answer, is_whole)) in answers.into_iter().enumerate() {
        for at in [413, 4_000] {
            // Each upstream in another dialect, and in other pieces, down to single bytes.
            let (first, second) =
                if n % 2 == 0 { ("openai-chat", "anthropic") } else { ("anthropic", "openai-chat") };
            let piece = if at == 413 && n < 2 { 1 } else { 100 };
            let hot = Canned::start(HEAD, stream(first, &whole[..at], true).as_bytes()).await;
            let warm = Canned::in_pieces(HEAD, stream(second, &answer(at), false).as_bytes(), piece).await;
            let named = |canned: &Canned, dialect: &str, id: &str| {
                merge(canned.route(dialect), json!({ "id": id, "provider": id }))
            };
            let circuits = json!({ "breaker": { "consecutiveFailures": 1_000 } });
            let map = fast_map(&[named(&hot, first, "hot")], &[named(&warm, second, "warm")]);
            yard.apply(&merge(map, circuits)).await;
            for caller in CALLERS {
                let ask = Ask::new(caller, "Tell me a long story").streaming(true);
                let reply = yard.send(&ask).await;
                table.case(&format!("{what}, {at} bytes, {first} then {second}, to {caller:?}"), || {
                    let told = reply.partial_text(caller);
                    if is_whole {
                        assert_eq!(told, whole);
                        assert_eq!(reply.completion(caller).text, whole);
                    } else {
                        assert_eq!(told, whole[..at]);
                        let (code, message) = reply.error_event(caller);
                        assert!(code.starts_with("stream_"), "{code}: {message}");
                        assert!(message.contains("the new answer"), "{message}");
                    }
                });
            }
        }
    }
    table.end();
}

/// The map believes that Warm goes on from a half answer; Warm refuses that, and takes the same in other words.
#[tokio::test]
async fn a_refused_prefill_is_asked_once_more_by_instruction_and_remembered() {
    for (caller, kind, model) in [
        (Dialect::OpenaiChat, Kind::Anthropic, "claude-sonnet-4-5"),
        (Dialect::Anthropic, Kind::Bedrock, "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (Dialect::OpenaiResponses, Kind::Anthropic, "claude-sonnet-4-5"),
    ] {
        let yard = Yard::with_credentials(&json!({})).await;
        let hot = yard.added(Kind::Chat, "hot").await;
        let warm = yard.added_as(kind, kind.profile("warm").prefill(false)).await;
        let warm = merge(warm, json!({ "upstreamModel": model }));
        let more = json!({ "breaker": { "consecutiveFailures": 1_000 } });
        yard.apply(&merge(fast_map(&[hot], &[warm]), more)).await;
        let ask = Ask::new(caller, "Tell me of Lisbon and of its trams").streaming(true);
        let whole = yard.send(&ask).await.completion(caller).text;
        yard.provider("hot").set_fault(switchyard_sim::Fault::CutStream { after_chunks: 2 }).await.unwrap();
        let provider = yard.provider("warm");
        for calls in [2, 3] {
            let reply = yard.send(&ask).await;
            assert_eq!(reply.completion(caller).text, whole, "{caller:?} {kind:?}: {reply:?}");
            assert_eq!(provider.requests().len(), calls, "the refusal is remembered: {caller:?} {kind:?}");
        }
        let sent = provider.requests().pop().map(|sent| sent.json()).unwrap_or_default();
        let last = sent["messages"].as_array().and_then(|turns| turns.last()).cloned().unwrap_or_default();
        assert_eq!(last["role"], "user", "{sent}");
        assert_eq!(yard.route("warm").await.last_failure, None, "nobody is condemned for it");
    }
}
