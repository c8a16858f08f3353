//! A text stream that dies behind its first word is continued by another route: the caller sees one answer, whole and
//! once. Where that is not safe it ends in one clear error event.

use futures_util::StreamExt;
use serde_json::{Value, json};
use switchyard_domain::view::{CircuitState, Outcome, RequestView};
use switchyard_sim::{Dialect, Fault, FaultRule, Profile};
use switchyard_tests::{Ask, CALLERS, Kind, Reply, Table, Yard, fast_map, merge, within};

const CHAT: Dialect = Dialect::OpenaiChat;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const MESSAGES: Dialect = Dialect::Anthropic;

/// Every way a stream dies behind its first words, and what it is logged as.
const DEATHS: [(Fault, &str); 4] = [
    (Fault::CutStream { after_chunks: 2 }, "cut"),
    (Fault::StallStream { after_chunks: 2 }, "idle_timeout"),
    (Fault::MalformedChunk { after_chunks: 2 }, "malformed"),
    (Fault::ErrorEvent { after_chunks: 2 }, "overloaded"),
];

fn quick() -> Value {
    json!({ "timeouts": { "idleMs": 250 }, "breaker": { "consecutiveFailures": 1_000 } })
}

/// A question whose answer streams in its caller's dialect, usage included.
fn question(caller: Dialect) -> Ask {
    let ask = Ask::new(caller, "Tell me of Lisbon and of its trams").streaming(true);
    if caller == CHAT { ask.with(json!({ "stream_options": { "include_usage": true } })) } else { ask }
}

async fn logged(yard: &Yard, reply: &Reply) -> RequestView {
    let id = reply.header("x-switchyard-request-id").to_owned();
    let is = |request: &RequestView| request.id.as_str() == id;
    let snapshot = yard.wait_for("the request's log entry", |s| s.requests.iter().any(is)).await;
    snapshot.requests.into_iter().find(|request| is(request)).unwrap()
}

/// Two providers, Hot and Warm, as given.
async fn pair(hot: (Kind, Profile), warm: (Kind, Profile), more: Value) -> Yard {
    let yard = Yard::with_credentials(&json!({})).await;
    let (hot, warm) = (yard.added_as(hot.0, hot.1).await, yard.added_as(warm.0, warm.1).await);
    yard.apply(&merge(merge(fast_map(&[hot], &[warm]), quick()), more)).await;
    yard
}

#[tokio::test]
async fn a_stream_that_dies_is_continued_by_another_kind_for_every_caller() {
    let yard = Yard::of_every_kind(json!({ "timeouts": { "idleMs": 250 } })).await;
    let mut table = Table::new();
    for caller in CALLERS {
        for (n, kind) in Kind::ALL.into_iter().enumerate() {
            let warm = Kind::ALL[(n + 1) % Kind::ALL.len()];
            let ask = question(caller).job(&kind.then(warm));
            let hot = yard.provider(kind.name());
            hot.heal().await.unwrap();
            yard.provider(warm.name()).heal().await.unwrap();
            let whole = yard.send(&ask).await.completion(caller);
            for (fault, failure) in DEATHS {
                hot.set_fault(fault.clone()).await.unwrap();
                let (before, before_warm) = (hot.calls(), yard.provider(warm.name()).calls());
                let reply = yard.send(&ask).await;
                let place = format!("{caller:?} {kind:?} then {warm:?}, {fault:?}");
                let logged = logged(&yard, &reply).await;
                table.case(&place, || {
                    assert_eq!(reply.partial_text(caller), whole.text, "{reply:?}");
                    let got = reply.completion(caller);
                    assert_eq!((&got.text, &got.finish), (&whole.text, &whole.finish));
                    assert_eq!(reply.route(), kind.name(), "the head was sent before the death");
                    let calls = (hot.calls() - before, yard.provider(warm.name()).calls() - before_warm);
                    assert_eq!(calls, (1, 1));
                    let ended = (logged.outcome, logged.rescues, logged.degraded);
                    assert_eq!(ended, (Outcome::Answered, 1, true));
                    let tries: Vec<_> = logged
                        .attempts
                        .iter()
                        .map(|a| (a.route.as_str(), a.failure.as_ref().map_or("", |f| f.kind.as_str())))
                        .collect();
                    assert_eq!(tries, [(kind.name(), failure), (warm.name(), "")]);
                    assert_eq!(logged.route.unwrap().as_str(), warm.name());
                });
            }
            hot.heal().await.unwrap();
        }
    }
    table.end();
    let events = yard.get("/v1/snapshot").await["events"].clone();
    let rescued = events.as_array().unwrap().iter().find(|event| event["type"] == "stream_rescued").unwrap();
    assert!(rescued["sentence"].as_str().unwrap().contains("continued it"), "{rescued}");
    assert!(rescued["chars"].as_u64().is_some_and(|chars| chars > 0), "{rescued}");
}

#[tokio::test]
async fn a_stream_that_dies_is_continued_by_another_provider_of_the_same_kind() {
    for (caller, kind) in [
        (CHAT, Kind::Chat),
        (RESPONSES, Kind::Responses),
        (MESSAGES, Kind::Anthropic),
        (CHAT, Kind::Gemini),
        (MESSAGES, Kind::Bedrock),
    ] {
        let yard = Yard::over(&[kind], &[kind], quick()).await;
        let whole = yard.send(&question(caller)).await.completion(caller);
        for (fault, _) in DEATHS {
            yard.provider("hot").set_fault(fault.clone()).await.unwrap();
            let reply = yard.send(&question(caller)).await;
            let got = reply.completion(caller);
            assert_eq!(
                (got.text, got.finish),
                (whole.text.clone(), whole.finish.clone()),
                "{kind:?} {fault:?}"
            );
            assert_eq!(logged(&yard, &reply).await.rescues, 1, "{kind:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn the_usage_of_a_rescued_stream_covers_both_halves() {
    for caller in CALLERS {
        for (hot, warm) in
            [(Kind::Anthropic, Kind::Anthropic), (Kind::Anthropic, Kind::Chat), (Kind::Chat, Kind::Gemini)]
        {
            let yard = Yard::over(&[hot], &[warm], quick()).await;
            let whole = yard.send(&question(caller)).await.completion(caller).usage.unwrap();
            yard.provider("hot").set_fault(DEATHS[0].0.clone()).await.unwrap();
            let reply = yard.send(&question(caller)).await;
            let usage = reply.completion(caller).usage.unwrap();
            // The rest's prompt holds the question and the words so far.
            assert!(usage.input > whole.input, "{caller:?} {hot:?} {warm:?}: {usage:?} of {whole:?}");
            assert!(usage.output > 0, "{usage:?}");
            let logged = logged(&yard, &reply).await;
            assert_eq!(
                (logged.input_tokens, logged.output_tokens),
                (Some(usage.input), Some(usage.output)),
                "{caller:?} {hot:?} {warm:?}: the log and the caller are told the same"
            );
        }
    }
}

#[tokio::test]
async fn the_rest_is_asked_for_by_prefill_where_a_model_takes_it_and_by_instruction_where_not() {
    let mut table = Table::new();
    for (kind, model) in [
        (Kind::Anthropic, "claude-sonnet-4-5"),
        (Kind::Anthropic, "claude-opus-4-6"),
        (Kind::Bedrock, "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (Kind::Bedrock, "amazon.nova-pro-v1:0"),
        (Kind::Gemini, "gemini-2.0-flash"),
    ] {
        let prefill = model.contains("4-5");
        {
            let yard = Yard::with_credentials(&json!({})).await;
            let hot = yard.added(Kind::Chat, "hot").await;
            let warm = yard.added_as(kind, kind.profile("warm").prefill(prefill)).await;
            let warm = merge(warm, json!({ "upstreamModel": model }));
            yard.apply(&merge(fast_map(&[hot], &[warm]), quick())).await;
            for caller in CALLERS {
                yard.provider("hot").heal().await.unwrap();
                let whole = yard.send(&question(caller)).await.completion(caller).text;
                yard.provider("hot").set_fault(DEATHS[0].0.clone()).await.unwrap();
                let reply = yard.send(&question(caller)).await;
                let sent = yard.provider("warm").requests().pop().map(|sent| sent.json()).unwrap_or_default();
                table.case(&format!("{caller:?} {model}"), || {
                    assert_eq!(reply.partial_text(caller), whole, "{reply:?}\n{sent}");
                    assert_eq!(reply.completion(caller).text, whole);
                    let turns = sent["messages"].as_array().or_else(|| sent["contents"].as_array()).unwrap();
                    let roles: Vec<&str> = turns.iter().map(|turn| turn["role"].as_str().unwrap()).collect();
                    let said = if kind == Kind::Gemini { "model" } else { "assistant" };
                    let expected = if prefill { vec!["user", said] } else { vec!["user", said, "user"] };
                    assert_eq!(roles, expected, "{sent}");
                });
            }
        }
    }
    table.end();
}

#[tokio::test]
async fn what_the_map_says_of_prefill_is_believed() {
    let mut table = Table::new();
    for kind in [Kind::Anthropic, Kind::Bedrock, Kind::Gemini] {
        let yard = Yard::with_credentials(&json!({})).await;
        let hot = yard.added(Kind::Chat, "hot").await;
        let warm = merge(yard.added(kind, "warm").await, json!({ "features": { "prefill": true } }));
        yard.apply(&merge(fast_map(&[hot], &[warm]), quick())).await;
        for caller in CALLERS {
            yard.provider("hot").heal().await.unwrap();
            let whole = yard.send(&question(caller)).await.completion(caller).text;
            yard.provider("hot").set_fault(DEATHS[0].0.clone()).await.unwrap();
            let reply = yard.send(&question(caller)).await;
            table.case(&format!("{caller:?} {kind:?}"), || assert_eq!(reply.completion(caller).text, whole));
        }
    }
    table.end();
}

#[tokio::test]
async fn a_model_that_repeats_the_end_when_asked_to_go_on_repeats_nothing_to_the_caller() {
    what_is_repeated_is_not_told_twice(&[12, 30, 200]).await;
}

#[tokio::test]
async fn a_space_on_both_sides_of_the_seam_is_told_once() {
    what_is_repeated_is_not_told_twice(&[1]).await;
}

async fn what_is_repeated_is_not_told_twice(chars: &[usize]) {
    let mut table = Table::new();
    for kind in [Kind::Chat, Kind::Responses, Kind::Anthropic, Kind::Gemini] {
        for repeats in chars {
            let warm = kind.profile("warm").repeats_chars(*repeats);
            let yard = pair((Kind::Chat, Kind::Chat.profile("hot")), (kind, warm), json!({})).await;
            for caller in CALLERS {
                yard.provider("hot").heal().await.unwrap();
                let whole = yard.send(&question(caller)).await.completion(caller).text;
                for after_chunks in 1..=4 {
                    yard.provider("hot").set_fault(Fault::CutStream { after_chunks }).await.unwrap();
                    let reply = yard.send(&question(caller)).await;
                    table.case(
                        &format!("{caller:?} {kind:?} repeats {repeats} after {after_chunks} chunks"),
                        || {
                            assert_eq!(reply.completion(caller).text, whole);
                        },
                    );
                }
            }
        }
    }
    table.end();
}

#[tokio::test]
async fn restart_asks_again_from_the_beginning_and_sends_only_what_is_new() {
    for caller in CALLERS {
        for kind in Kind::ALL {
            let more = merge(quick(), json!({ "midstream": "restart" }));
            let yard = Yard::over(&[kind], &[], more).await;
            let hot = yard.provider("hot");
            let whole = yard.send(&question(caller)).await.completion(caller).text;
            for (fault, _) in DEATHS {
                hot.set_fault(FaultRule::from(fault.clone()).times(1)).await.unwrap();
                let reply = yard.send(&question(caller)).await;
                assert_eq!(reply.partial_text(caller), whole, "{caller:?} {kind:?} {fault:?}");
                assert_eq!(reply.completion(caller).text, whole, "{caller:?} {kind:?} {fault:?}");
                let asked: Vec<Value> =
                    hot.requests().iter().rev().take(2).map(switchyard_sim::Received::json).collect();
                assert_eq!(asked[0], asked[1], "the same request again");
            }
        }
    }
}

#[tokio::test]
async fn a_restart_that_tells_it_differently_ends_in_an_error() {
    for caller in CALLERS {
        let more = merge(quick(), json!({ "midstream": "restart" }));
        // Another provider signs its answer with another name.
        let yard = Yard::over(&[Kind::Chat], &[Kind::Anthropic], more).await;
        let whole = yard.send(&question(caller)).await.completion(caller).text;
        yard.provider("hot").set_fault(DEATHS[0].0.clone()).await.unwrap();
        let reply = yard.send(&question(caller)).await;
        let (code, message) = reply.error_event(caller);
        assert!(code.starts_with("stream_"), "{code}: {message}");
        let text = reply.partial_text(caller);
        assert!(!text.is_empty() && whole.starts_with(&text), "nothing of the other answer is told: {text}");
        assert_eq!(logged(&yard, &reply).await.outcome, Outcome::Broken);
    }
}

#[tokio::test]
async fn a_restart_that_tells_it_differently_is_bought_once_and_condemns_nobody() {
    let yard =
        Yard::over(&[Kind::Chat], &[Kind::Anthropic], merge(quick(), json!({ "midstream": "restart" })))
            .await;
    yard.provider("hot").set_fault(DEATHS[0].0.clone()).await.unwrap();
    let _ = yard.send(&question(CHAT)).await.error_event(CHAT);
    assert_eq!(yard.provider("warm").calls(), 1, "it would tell it differently again");
    assert_eq!(yard.route("warm").await.last_failure, None, "the route did as it should");
}

#[tokio::test]
async fn a_job_says_what_happens_to_its_streams() {
    let jobs = json!({ "jobs": {
        "go-on": { "midstream": "continue" }, "stop": { "midstream": "error" }, "again": { "midstream": "restart" },
    } });
    let yard = Yard::over(&[CHAT], &[CHAT], merge(quick(), jobs)).await;
    let hot = yard.provider("hot");
    let whole = yard.send(&question(CHAT)).await.completion(CHAT).text;
    for (job, continued) in [("go-on", true), ("stop", false), ("again", false)] {
        hot.set_fault(DEATHS[0].0.clone()).await.unwrap();
        let before = yard.provider("warm").calls();
        let reply = yard.send(&question(CHAT).job(job)).await;
        assert_eq!(reply.partial_text(CHAT) == whole, continued, "{job}: {reply:?}");
        if !continued {
            let _ = reply.error_event(CHAT);
        }
        assert_eq!(yard.provider("warm").calls() > before, job != "stop", "{job}");
    }
}

#[tokio::test]
async fn what_can_not_be_told_twice_is_not_continued() {
    type Make = fn(Ask) -> Ask;
    let cases: [(&str, Make); 3] =
        [("a tool call", |ask| ask.weather_tool()), ("thinking", Ask::thinking), ("JSON", Ask::schema)];
    for (what, make) in cases {
        for caller in CALLERS {
            // OpenAI's chat shows no thoughts.
            let kinds: &[Kind] = if what == "thinking" {
                &[Kind::Anthropic, Kind::Responses, Kind::Gemini]
            } else {
                &[Kind::Chat, Kind::Anthropic, Kind::Responses, Kind::Gemini, Kind::Bedrock]
            };
            for kind in kinds {
                // Only what was shown can't be shown again: to a caller of chat these two show no thoughts.
                if what == "thinking" && caller == CHAT && *kind != Kind::Anthropic {
                    continue;
                }
                let yard = Yard::over(&[*kind], &[Kind::Chat], quick()).await;
                let hot = yard.provider("hot");
                hot.set_fault(Fault::CutStream { after_chunks: 1 }).await.unwrap();
                let ask = make(Ask::new(caller, "What is the weather in Lisbon?").streaming(true));
                let reply = yard.send(&ask).await;
                assert_eq!((reply.status, reply.whole), (200, true), "{what} {caller:?} {kind:?}: {reply:?}");
                let (code, message) = reply.error_event(caller);
                assert_eq!(code, "stream_cut", "{what} {caller:?} {kind:?}: {message}");
                assert_eq!(yard.provider("warm").calls(), 0, "{what} {caller:?} {kind:?}");
                assert_eq!(logged(&yard, &reply).await.outcome, Outcome::Broken);
            }
        }
    }
}

#[tokio::test]
async fn an_early_death_is_not_seen_while_the_first_words_are_held_back() {
    for caller in CALLERS {
        for kind in [Kind::Chat, Kind::Anthropic, Kind::Responses, Kind::Bedrock] {
            let yard =
                Yard::over(&[kind], &[Kind::Chat], merge(quick(), json!({ "holdBackMs": 2_000 }))).await;
            for (fault, failure) in DEATHS {
                if failure == "idle_timeout" {
                    continue;
                }
                yard.provider("hot").set_fault(fault.clone()).await.unwrap();
                let reply = yard.send(&question(caller)).await;
                let place = format!("{caller:?} {kind:?} {fault:?}");
                assert!(reply.completion(caller).text.starts_with("[warm-1 @ warm]"), "{place}: {reply:?}");
                assert_eq!(reply.route(), "warm", "{place}");
                let logged = logged(&yard, &reply).await;
                assert_eq!((logged.outcome, logged.rescues), (Outcome::Answered, 0), "{place}");
            }
        }
    }
}

#[tokio::test]
async fn a_second_death_is_rescued_again_and_a_third_ends_in_an_error() {
    for caller in CALLERS {
        let kinds = [Kind::Chat, Kind::Anthropic, Kind::Gemini];
        let yard = Yard::over(&[Kind::Responses], &kinds, quick()).await;
        let whole = yard.send(&question(caller)).await.completion(caller).text;
        let cut = Fault::CutStream { after_chunks: 1 };
        for name in ["hot", "warm"] {
            yard.provider(name).set_fault(cut.clone()).await.unwrap();
        }
        let reply = yard.send(&question(caller)).await;
        assert_eq!(reply.completion(caller).text, whole, "{caller:?}");
        let seen = logged(&yard, &reply).await;
        assert_eq!((seen.outcome, seen.rescues, seen.attempts.len()), (Outcome::Answered, 2, 3));

        yard.provider("warm2").set_fault(cut).await.unwrap();
        let reply = yard.send(&question(caller)).await;
        let (code, _) = reply.error_event(caller);
        assert_eq!(code, "stream_cut", "{caller:?}: {reply:?}");
        let text = reply.partial_text(caller);
        assert!(
            !text.is_empty() && whole.starts_with(&text) && text.len() < whole.len(),
            "{caller:?}: {text}"
        );
        let seen = logged(&yard, &reply).await;
        assert_eq!((seen.outcome, seen.attempts.len()), (Outcome::Broken, 3));
        assert_eq!(yard.provider("warm3").calls(), 0);
    }
}

#[tokio::test]
async fn a_stream_nobody_can_continue_ends_in_one_error_that_says_so_and_is_not_queued() {
    for caller in CALLERS {
        let yard = Yard::over(&[Kind::Anthropic], &[Kind::Chat], quick()).await;
        let whole = yard.send(&question(caller)).await.completion(caller).text;
        for fault in [Fault::status(503), Fault::status(400), Fault::Refuse] {
            yard.provider("hot").set_fault(FaultRule::from(DEATHS[0].0.clone())).await.unwrap();
            yard.provider("warm").set_fault(fault.clone()).await.unwrap();
            let reply = yard.send(&question(caller)).await;
            let text = reply.partial_text(caller);
            assert!(reply.whole && whole.starts_with(&text) && !text.is_empty(), "{fault:?}: {reply:?}");
            // The broken route is asked last, and breaks again.
            let (code, message) = reply.error_event(caller);
            assert_eq!(code, "stream_cut", "{caller:?} {fault:?}: {message}");
            assert_eq!(yard.snapshot().await.cold.waiting, 0);
        }
    }
}

#[tokio::test]
async fn hanging_up_while_the_rest_is_asked_for_stops_it() {
    for caller in CALLERS {
        let patient =
            json!({ "timeouts": { "firstByteMs": 60_000, "firstTokenMs": 60_000 }, "sloMs": 120_000 });
        let yard = Yard::over(&[Kind::Chat], &[Kind::Anthropic], merge(quick(), patient)).await;
        yard.provider("hot").set_fault(DEATHS[0].0.clone()).await.unwrap();
        let warm = yard.provider("warm");
        warm.set_fault(Fault::Silence).await.unwrap();
        let response = yard.request(&question(caller)).send().await.unwrap();
        let mut body = response.bytes_stream();
        within("the first words", body.next()).await.unwrap().unwrap();
        // Read on, so that the router asks for more.
        let reading = tokio::spawn(async move { while body.next().await.is_some() {} });
        within("the rest to be asked for", warm.wait_for(|traffic| traffic.in_flight == 1)).await;
        reading.abort();
        within("the upstream call to be cancelled", warm.wait_for(|traffic| traffic.aborted == 1)).await;
        let logged = yard.wait_for_outcome(Outcome::Aborted).await;
        assert_eq!(logged.attempts[0].failure.as_ref().unwrap().kind.as_str(), "cut", "{logged:?}");
        assert_eq!(yard.route("warm").await.last_failure, None, "nobody is condemned for it");
        yard.wait_for("nothing to be under way", |snapshot| snapshot.traffic.in_flight == 0).await;
    }
}

#[tokio::test]
async fn the_breaker_of_the_route_that_died_counts_it() {
    for caller in CALLERS {
        let yard =
            Yard::over(&[Kind::Anthropic], &[Kind::Chat], json!({ "breaker": { "consecutiveFailures": 2 } }))
                .await;
        let hot = yard.provider("hot");
        hot.set_fault(DEATHS[0].0.clone()).await.unwrap();
        for _ in 0..2 {
            assert_eq!(yard.send(&question(caller)).await.route(), "hot");
        }
        yard.wait_for_route("the breaker to have counted", "hot", |hot| hot.circuit == CircuitState::Open)
            .await;
        let reply = yard.send(&question(caller)).await;
        assert_eq!((reply.route(), hot.calls()), ("warm", 2));
        assert_eq!(yard.route("warm").await.last_failure, None);
    }
}

#[tokio::test]
async fn a_stream_that_dies_is_continued_by_its_own_route_when_there_is_no_other() {
    for caller in CALLERS {
        for kind in [Kind::Chat, Kind::Anthropic, Kind::Vertex] {
            let yard = Yard::over(&[kind], &[], quick()).await;
            let whole = yard.send(&question(caller)).await.completion(caller).text;
            let once = FaultRule::from(DEATHS[0].0.clone()).times(1);
            yard.provider("hot").set_fault(once).await.unwrap();
            let reply = yard.send(&question(caller)).await;
            assert_eq!(reply.completion(caller).text, whole, "{caller:?} {kind:?}");
            assert_eq!(logged(&yard, &reply).await.rescues, 1);
        }
    }
}

#[tokio::test]
async fn nothing_new_is_asked_for_while_work_is_paused() {
    let yard = Yard::over(&[Kind::Chat], &[Kind::Chat], quick()).await;
    let hot = yard.provider("hot");
    hot.set_fault(Fault::StallStream { after_chunks: 2 }).await.unwrap();
    let response = yard.request(&question(CHAT)).send().await.unwrap();
    assert_eq!(yard.post("/v1/pause", &json!({ "reason": "test" })).await.0 / 100, 2);
    let body = within("the stream's end", response.text()).await.unwrap();
    assert!(body.contains("stream_idle_timeout"), "{body}");
    assert_eq!(yard.provider("warm").calls(), 0);
}
