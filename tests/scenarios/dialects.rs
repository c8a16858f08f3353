//! An app that speaks one dialect does not notice which kind of provider answers: every caller's dialect, every kind
//! of upstream. The simulated providers hold what they are sent against the vendors' published schemas.

mod thinking;

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, CALLERS, Completion, Kind, Reply, Table, Yard};

const CHAT: Dialect = Dialect::OpenaiChat;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const MESSAGES: Dialect = Dialect::Anthropic;

/// Why an answer ended.
#[derive(Clone, Copy, Debug)]
enum End {
    Stop,
    Tools,
    Length,
    Filtered,
}

fn finish(caller: Dialect, end: End) -> &'static str {
    match (caller, end) {
        (RESPONSES, End::Stop | End::Tools) => "completed",
        (RESPONSES, End::Length) => "max_output_tokens",
        (MESSAGES, End::Stop) => "end_turn",
        (MESSAGES, End::Tools) => "tool_use",
        (MESSAGES, End::Length) => "max_tokens",
        (MESSAGES, End::Filtered) => "refusal",
        (CHAT | RESPONSES, End::Filtered) => "content_filter",
        (_, End::Stop) => "stop",
        (_, End::Tools) => "tool_calls",
        (_, End::Length) => "length",
        (Dialect::Gemini | Dialect::BedrockConverse, End::Filtered) => panic!("no app speaks this"),
    }
}

/// A kind's Warm: the next of the list, so that every kind is a Warm once.
fn other(kind: Kind) -> Kind {
    let at = Kind::ALL.iter().position(|own| *own == kind).unwrap();
    Kind::ALL[(at + 1) % Kind::ALL.len()]
}

/// Sends to each kind in each caller's dialect, plain and streamed.
async fn each(yard: &Yard, ask: impl Fn(Dialect) -> Ask, check: impl Fn(Dialect, Kind, bool, &Reply)) {
    let mut table = Table::new();
    for caller in CALLERS {
        for kind in Kind::ALL {
            for stream in [false, true] {
                let ask = ask(caller).model(&at(kind)).streaming(stream);
                let reply = yard.send(&ask).await;
                let name = format!("{caller:?} at {kind:?}, stream={stream}");
                table.case(&name, || {
                    assert_eq!(reply.route(), kind.name(), "{}", told(yard, kind, &reply));
                    check(caller, kind, stream, &reply);
                });
            }
        }
    }
    table.end();
}

/// The model that names a kind's route.
fn at(kind: Kind) -> String {
    format!("{}-1", kind.name())
}

/// What a failed case needs to be understood.
fn told(yard: &Yard, kind: Kind, reply: &Reply) -> String {
    let sent = yard.provider(kind.name()).requests().pop();
    let sent =
        sent.map(|sent| format!("{} {:?} {}", sent.path, sent.status, String::from_utf8_lossy(&sent.body)));
    format!(
        "{} {}\nupstream was sent: {}",
        reply.status,
        String::from_utf8_lossy(&reply.body),
        sent.unwrap_or_default()
    )
}

#[tokio::test]
async fn text_survives_failover_across_kinds_and_back() {
    let yard = Yard::of_every_kind(json!({})).await;
    let mut table = Table::new();
    for caller in CALLERS {
        for kind in Kind::ALL {
            let warm = other(kind);
            for (answers, failed) in [(kind, false), (warm, true), (kind, false)] {
                let hot = yard.provider(kind.name());
                if failed {
                    hot.set_fault(Fault::status(503)).await.unwrap();
                } else {
                    hot.heal().await.unwrap();
                }
                for stream in [false, true] {
                    let ask = Ask::new(caller, "Tell me of Lisbon").system("Be brief.").job(&kind.then(warm));
                    let reply = yard.send(&ask.streaming(stream)).await;
                    let name = answers.name();
                    table.case(
                        &format!("{caller:?}, {kind:?} then {warm:?}, failed={failed} stream={stream}"),
                        || {
                            assert_eq!(reply.route(), name, "{}", told(&yard, answers, &reply));
                            let got = reply.completion(caller);
                            assert!(got.text.starts_with(&format!("[{name}-1 @ {name}]")), "{got:?}");
                            assert!(got.text.contains("Tell me of Lisbon"), "the prompt arrived: {got:?}");
                            assert_eq!(got.model, format!("{name}-1"));
                            assert_eq!(got.finish, finish(caller, End::Stop));
                            assert_eq!(reply.header("x-switchyard-degradations"), "", "nothing is lost");
                        },
                    );
                }
            }
        }
    }
    table.end();
}

fn weather_calls(got: &Completion) {
    let called: Vec<(&str, &Value)> = got.calls.iter().map(|c| (c.name.as_str(), &c.arguments)).collect();
    let (lisbon, porto) = (json!({ "place": "Lisbon" }), json!({ "place": "Porto" }));
    assert_eq!(called, [("get_weather", &lisbon), ("get_weather", &porto)], "{got:?}");
    assert_ne!(got.calls[0].id, got.calls[1].id);
}

#[tokio::test]
async fn parallel_tool_calls_come_from_every_kind() {
    let yard = Yard::of_every_kind(json!({})).await;
    let ask = |caller| Ask::new(caller, "What is the weather in Lisbon and Porto?").weather_tool();
    each(&yard, ask, |caller, kind, stream, reply| {
        let got = reply.completion(caller);
        weather_calls(&got);
        assert_eq!(got.finish, finish(caller, End::Tools), "{caller:?} {kind:?} stream={stream}");
    })
    .await;
}

#[tokio::test]
async fn a_tool_conversation_goes_on_at_any_other_kind_even_when_a_tool_failed() {
    let yard = Yard::of_every_kind(json!({})).await;
    let mut table = Table::new();
    for caller in CALLERS {
        for kind in Kind::ALL {
            for stream in [false, true] {
                let ask = Ask::new(caller, "What is the weather in Lisbon and Porto?").weather_tool();
                let reply = yard.send(&ask.clone().model(&at(kind)).streaming(stream)).await;
                let calls = reply.completion(caller).calls;
                let results =
                    [(calls[0].id.clone(), Ok("18 degrees")), (calls[1].id.clone(), Err("station is down"))];
                let next = ask.then_tools(&reply.answer(caller), &results);
                for then in Kind::ALL {
                    let reply = yard.send(&next.clone().model(&at(then)).streaming(stream)).await;
                    table.case(&format!("{caller:?}, {kind:?} then {then:?}, stream={stream}"), || {
                        assert_eq!(reply.route(), then.name(), "{}", told(&yard, then, &reply));
                        let got = reply.completion(caller);
                        assert!(
                            got.text.contains("18 degrees") && got.text.contains("station is down"),
                            "{got:?}"
                        );
                        assert!(got.calls.is_empty() && got.finish == finish(caller, End::Stop), "{got:?}");
                        if caller == MESSAGES {
                            // By the dialect's own word where it has one, else in the text.
                            let own = got.text.contains("There was 1 failure");
                            assert!(own || got.text.contains("[tool error]"), "{got:?}");
                        }
                    });
                }
            }
        }
    }
    table.end();
}

#[tokio::test]
async fn the_ids_of_calls_are_the_same_however_often_a_conversation_moves() {
    let yard = Yard::of_every_kind(json!({})).await;
    // Simulated providers number their calls from one on; the real ones draw lots, and never the same.
    for (n, kind) in Kind::ALL.into_iter().enumerate() {
        for _ in 0..n * 40 {
            let _ = yard.send(&Ask::chat("hello").model(&at(kind))).await;
        }
    }
    for caller in CALLERS {
        let mut ask = Ask::new(caller, "What is the weather in Lisbon and Porto?").weather_tool();
        for kind in Kind::ALL.into_iter().chain([Kind::Anthropic, Kind::Gemini, Kind::Anthropic]) {
            let reply = yard.send(&ask.clone().model(&at(kind))).await;
            assert_eq!(reply.route(), kind.name(), "{caller:?}: {}", told(&yard, kind, &reply));
            let got = reply.completion(caller);
            weather_calls(&got);
            let results = got.calls.iter().map(|call| (call.id.clone(), Ok("18 degrees")));
            ask = ask.then_tools(&reply.answer(caller), &results.collect::<Vec<_>>());
            let reply = yard.send(&ask.clone().model(&at(kind))).await;
            ask = ask.then(&reply.answer(caller), "And what is the weather in Lisbon and Porto?");
        }
    }
}

#[tokio::test]
async fn a_picture_and_a_document_arrive_everywhere() {
    let yard = Yard::of_every_kind(json!({})).await;
    each(
        &yard,
        |caller| Ask::new(caller, "What is this?").image(),
        |caller, kind, _, reply| {
            let got = reply.completion(caller);
            assert!(got.text.contains("It came with 1 image."), "{caller:?} {kind:?}: {got:?}");
        },
    )
    .await;
    each(
        &yard,
        |caller| Ask::new(caller, "What is this?").document(),
        |caller, kind, _, reply| {
            let got = reply.completion(caller);
            assert!(got.text.contains("It came with 1 document."), "{caller:?} {kind:?}: {got:?}");
        },
    )
    .await;
}

#[tokio::test]
async fn an_answer_keeps_to_its_schema_everywhere() {
    // Bedrock has schemas for some models only, and goes by their names.
    let yard = named(|kind| (kind == Kind::Bedrock).then(|| kind.thinker())).await;
    each(
        &yard,
        |caller| Ask::new(caller, "How warm is Lisbon?").schema(),
        |caller, kind, _, reply| {
            let got = reply.completion(caller);
            let answer: Value = serde_json::from_str(&got.text)
                .unwrap_or_else(|e| panic!("{e}: {caller:?} {kind:?} {got:?}"));
            assert!(answer["city"].is_string() && answer["degrees"].is_i64(), "{caller:?} {kind:?} {answer}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_limit_and_a_stop_sequence_end_an_answer_everywhere() {
    let yard = Yard::of_every_kind(json!({})).await;
    // OpenAI's Responses take no less than 16.
    each(
        &yard,
        |caller| Ask::new(caller, "Tell me of Lisbon").at_most(16),
        |caller, kind, _, reply| {
            let got = reply.completion(caller);
            assert_eq!(got.finish, finish(caller, End::Length), "{caller:?} {kind:?}: {got:?}");
            assert!(!got.text.is_empty() && got.text.len() <= 64, "{got:?}");
        },
    )
    .await;
    let mut table = Table::new();
    for caller in [CHAT, MESSAGES] {
        // OpenAI's Responses have no stop sequences.
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Responses) {
            for stream in [false, true] {
                let ask = Ask::new(caller, "Tell me of Lisbon").stop("Lisbon").streaming(stream);
                let reply = yard.send(&ask.model(&at(kind))).await;
                table.case(&format!("{caller:?} at {kind:?}, stream={stream}"), || {
                    assert_eq!(reply.route(), kind.name(), "{}", told(&yard, kind, &reply));
                    let got = reply.completion(caller);
                    assert!(got.text.ends_with("Tell me of "), "{got:?}");
                    // Only Anthropic's models say that it was a sequence; elsewhere it is an end like any other.
                    let told_which = caller == MESSAGES && matches!(kind, Kind::Anthropic | Kind::Bedrock);
                    let expected = if told_which { "stop_sequence" } else { finish(caller, End::Stop) };
                    assert_eq!(got.finish, expected);
                });
            }
        }
    }
    table.end();
}

#[tokio::test]
async fn a_refusal_is_told_as_such_everywhere() {
    let yard = Yard::of_every_kind(json!({})).await;
    let refused = |caller| Ask::new(caller, "Please refuse to answer");
    each(&yard, refused, |caller, kind, stream, reply| {
        let got = reply.completion(caller);
        let said = format!("{}{}", got.text, got.refusal);
        assert!(said.contains("I can't help with that"), "{caller:?} {kind:?} stream={stream}: {got:?}");
        // Google's models only say so in words.
        if caller == MESSAGES && !matches!(kind, Kind::Gemini | Kind::Vertex) {
            assert_eq!(got.finish, "refusal", "{kind:?}");
        }
    })
    .await;
}

async fn a_filtered_answer_is_told(skip: fn(Kind, bool) -> bool) {
    let yard = Yard::of_every_kind(json!({})).await;
    let mut table = Table::new();
    for kind in Kind::ALL {
        yard.provider(kind.name()).set_fault(Fault::ContentFilter).await.unwrap();
        for stream in [false, true].into_iter().filter(|stream| !skip(kind, *stream)) {
            for caller in CALLERS {
                let reply = yard.send(&Ask::new(caller, "hello").model(&at(kind)).streaming(stream)).await;
                table.case(&format!("{caller:?} at {kind:?}, stream={stream}"), || {
                    assert_eq!(
                        reply.route(),
                        kind.name(),
                        "nobody else is asked: {}",
                        told(&yard, kind, &reply)
                    );
                    let got = reply.completion(caller);
                    // Google's word for it is told as a refusal, and what is refused in words ends as such.
                    if caller != MESSAGES && matches!(kind, Kind::Gemini | Kind::Vertex) {
                        assert!(got.refusal.starts_with("The provider "), "{got:?}");
                        assert_eq!(got.finish, finish(caller, End::Stop));
                    } else {
                        assert_eq!(got.finish, finish(caller, End::Filtered));
                    }
                });
            }
        }
    }
    table.end();
}

fn is_googles_stream(kind: Kind, stream: bool) -> bool {
    stream && matches!(kind, Kind::Gemini | Kind::Vertex)
}

#[tokio::test]
async fn a_filtered_answer_is_told_as_such_everywhere() {
    a_filtered_answer_is_told(is_googles_stream).await;
}

#[tokio::test]
async fn a_filtered_stream_of_google_s_is_the_answer() {
    a_filtered_answer_is_told(|kind, stream| !is_googles_stream(kind, stream)).await;
}

#[tokio::test]
async fn tokens_are_counted_alike_whole_and_streamed_with_the_cached_ones() {
    let yard = Yard::of_every_kind(json!({})).await;
    // Long enough to be cached: 1024 tokens at least.
    let long = format!("{} Tell me of Lisbon.", "All work and no play. ".repeat(400));
    let mut table = Table::new();
    for caller in CALLERS {
        for kind in Kind::ALL {
            let ask = Ask::new(caller, &long).model(&at(kind));
            let (first, again) = (yard.send(&ask).await, yard.send(&ask).await);
            let usage = json!({ "stream_options": { "include_usage": true } });
            let streaming = ask.streaming(true);
            let streaming = if caller == CHAT { streaming.with(usage) } else { streaming };
            let streamed = yard.send(&streaming).await;
            let logged = yard.get("/v1/requests?limit=1").await[0].clone();
            table.case(&format!("{caller:?} at {kind:?}"), || {
                let [first, again, streamed] =
                    [first, again, streamed].map(|reply| reply.completion(caller).usage.unwrap());
                assert_eq!(again, streamed);
                assert_eq!((first.input, first.output), (again.input, again.output));
                // Anthropic's models cache only what the caller marks.
                if !matches!(kind, Kind::Anthropic | Kind::Bedrock) {
                    assert!(again.cached >= 1_024 && again.cached < again.input, "{again:?}");
                }
                let counted = ["inputTokens", "outputTokens"].map(|name| logged[name].as_u64());
                assert_eq!(counted, [Some(streamed.input), Some(streamed.output)], "{logged}");
            });
        }
    }
    table.end();
}

#[tokio::test]
async fn a_marked_prompt_is_cached_by_the_models_that_want_marks() {
    let yard = thinkers().await;
    let long = "All work and no play. ".repeat(400);
    for kind in [Kind::Anthropic, Kind::Bedrock] {
        let system = json!([{ "type": "text", "text": long, "cache_control": { "type": "ephemeral" } }]);
        let ask = Ask::messages("Tell me of Lisbon.").with(json!({ "system": system }));
        let ask = ask.model(&at(kind));
        let reply = yard.send(&ask).await;
        let written = reply.json()["usage"]["cache_creation_input_tokens"].clone();
        assert!(written.as_u64().is_some_and(|n| n >= 1_024), "{kind:?}: {}", told(&yard, kind, &reply));
        let again = yard.send(&ask).await.completion(MESSAGES).usage.unwrap();
        assert!(again.cached >= 1_024 && again.cached < again.input, "{kind:?}: {again:?}");
    }
}

/// Every kind with a model that thinks.
async fn thinkers() -> Yard {
    named(|kind| Some(kind.thinker())).await
}

/// Every kind, some with a model of this name upstream.
async fn named(model: impl Fn(Kind) -> Option<&'static str>) -> Yard {
    let yard = Yard::of_every_kind(json!({})).await;
    let mut map: Value =
        serde_json::from_str(yard.get("/v1/map").await["document"].as_str().unwrap()).unwrap();
    for (route, kind) in map["hot"].as_array_mut().unwrap().iter_mut().zip(Kind::ALL) {
        if let Some(model) = model(kind) {
            route["upstreamModel"] = json!(model);
        }
    }
    yard.apply(&map).await;
    yard
}

/// The id by which a vendor's support finds a request. Google's APIs name none.
async fn an_answer_names_its_upstream_request_at(kinds: &[Kind]) {
    let yard = Yard::of_every_kind(json!({})).await;
    let mut table = Table::new();
    for caller in CALLERS {
        for kind in kinds {
            for stream in [false, true] {
                let reply = yard.send(&Ask::new(caller, "hello").model(&at(*kind)).streaming(stream)).await;
                table.case(&format!("{caller:?} at {kind:?}, stream={stream}"), || {
                    let names = ["x-switchyard-upstream-request-id", "x-request-id", "request-id"];
                    let named = names.iter().any(|name| reply.header(name).starts_with("req_sim"));
                    assert!(named, "{:?}", reply.headers);
                });
            }
        }
    }
    table.end();
}

#[tokio::test]
async fn an_answer_names_its_upstream_request() {
    let kinds = [Kind::Chat, Kind::Responses, Kind::Anthropic, Kind::Azure];
    an_answer_names_its_upstream_request_at(&kinds).await;
}

#[tokio::test]
async fn an_answer_of_bedrock_names_its_upstream_request() {
    an_answer_names_its_upstream_request_at(&[Kind::Bedrock]).await;
}

#[tokio::test]
async fn what_a_dialect_has_no_word_for_is_told() {
    let yard = Yard::of_every_kind(json!({})).await;
    let reply = yard.send(&Ask::chat("hello").model("anthropic-1").with(json!({ "seed": 7 }))).await;
    let _ = reply.completion(CHAT);
    assert!(reply.way().2, "{reply:?}");
    assert!(reply.header("x-switchyard-degradations").contains("seed"), "{:?}", reply.headers);
    let logged = &yard.get("/v1/requests?limit=1").await[0];
    assert!(logged["degradations"][0].as_str().is_some_and(|lost| lost.contains("seed")), "{logged}");
    assert!(yard.event_types().await.contains(&"answer_degraded".to_owned()));
    let reply = yard.send(&Ask::chat("hello").model("chat-1").with(json!({ "seed": 7 }))).await;
    assert_eq!(
        (reply.way().2, reply.header("x-switchyard-degradations")),
        (false, ""),
        "its own dialect loses nothing"
    );
}

#[tokio::test]
async fn what_passes_in_the_same_dialect_passes_untouched() {
    let yard = Yard::of_every_kind(json!({})).await;
    for (caller, kind) in [
        (CHAT, Kind::Chat),
        (RESPONSES, Kind::Responses),
        (MESSAGES, Kind::Anthropic),
        (RESPONSES, Kind::Azure),
    ] {
        let ask = Ask::new(caller, "hello").model(&at(kind)).with(json!({ "metadata": {} }));
        let reply = yard.send(&ask).await;
        assert_eq!(reply.route(), kind.name(), "{}", told(&yard, kind, &reply));
        let sent = yard.provider(kind.name()).requests().pop().unwrap();
        assert_eq!(sent.json(), ask.body, "{caller:?} {kind:?}");
        assert!(sent.path.ends_with(switchyard_tests::path(caller)), "{kind:?} is asked at {}", sent.path);
    }
}
