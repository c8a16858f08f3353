//! An app that speaks one dialect does not notice that the route that answers speaks the other.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Completion, Yard};

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::Anthropic;

/// Hot speaks one dialect, Warm the other; circuits stay closed, so that Hot is back as soon as it is healed.
async fn mixed(hot: Dialect, warm: Dialect) -> Yard {
    Yard::over(&[hot], &[warm], json!({ "breaker": { "consecutiveFailures": 1_000 } })).await
}

/// Runs `check` while Hot answers, while Warm does, and after Hot came back.
async fn there_and_back(yard: &Yard, check: impl AsyncFn(&'static str)) {
    check("hot").await;
    yard.provider("hot").set_fault(Fault::status(503)).await.unwrap();
    check("warm").await;
    yard.provider("hot").heal().await.unwrap();
    check("hot").await;
}

fn finished(dialect: Dialect, tools: bool) -> &'static str {
    match (dialect, tools) {
        (Dialect::OpenaiChat, false) => "stop",
        (Dialect::OpenaiChat, true) => "tool_calls",
        (Dialect::Anthropic, false) => "end_turn",
        (Dialect::Anthropic, true) => "tool_use",
    }
}

const PAIRS: [(Dialect, Dialect, Dialect); 4] =
    [(CHAT, MESSAGES, CHAT), (CHAT, CHAT, MESSAGES), (MESSAGES, CHAT, MESSAGES), (MESSAGES, MESSAGES, CHAT)];

#[tokio::test]
async fn text_survives_failover_across_dialects_and_back() {
    for (caller, hot, warm) in PAIRS {
        let yard = mixed(hot, warm).await;
        for stream in [false, true] {
            there_and_back(&yard, async |answers| {
                let ask = Ask::new(caller, "Tell me of Lisbon").streaming(stream);
                let ask = match caller {
                    Dialect::OpenaiChat => ask.with(json!({ "messages": [
                        { "role": "system", "content": "Be brief." },
                        { "role": "user", "content": [{ "type": "text", "text": "Tell me of Lisbon" }] }] })),
                    Dialect::Anthropic => ask.with(json!({ "system": "Be brief." })),
                };
                let reply = yard.send(&ask).await;
                let got = reply.completion(caller);
                assert!(got.text.starts_with(&format!("[{answers}-1 @ {answers}]")), "{got:?}");
                assert!(got.text.contains("Tell me of Lisbon"), "the prompt arrived: {got:?}");
                assert_eq!(
                    (got.model.as_str(), got.finish.as_str()),
                    (&*format!("{answers}-1"), finished(caller, false))
                );
                assert_eq!(reply.route(), answers);
            })
            .await;
        }
    }
}

#[tokio::test]
async fn parallel_tool_calls_survive_failover_across_dialects_and_back() {
    for (caller, hot, warm) in PAIRS {
        let yard = mixed(hot, warm).await;
        for stream in [false, true] {
            there_and_back(&yard, async |answers| {
                let ask = Ask::new(caller, "What is the weather in Lisbon and Porto?").weather_tool();
                let reply = yard.send(&ask.streaming(stream)).await;
                let got: Completion = reply.completion(caller);
                let called: Vec<(&str, &Value)> =
                    got.calls.iter().map(|c| (c.name.as_str(), &c.arguments)).collect();
                let (lisbon, porto) = (json!({ "place": "Lisbon" }), json!({ "place": "Porto" }));
                assert_eq!(called, [("get_weather", &lisbon), ("get_weather", &porto)], "{answers}");
                assert_ne!(got.calls[0].id, got.calls[1].id);
                assert_eq!((got.finish.as_str(), reply.route()), (finished(caller, true), answers));
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_tool_conversation_goes_on_where_the_other_dialect_left_it_even_when_a_tool_failed() {
    for (caller, hot, warm) in PAIRS {
        let yard = mixed(hot, warm).await;
        let ask = Ask::new(caller, "What is the weather in Lisbon and Porto?").weather_tool();
        for begins in ["hot", "warm"] {
            let (first, second) = if begins == "hot" { (false, true) } else { (true, false) };
            let fail = async |fails: bool| {
                let hot = yard.provider("hot");
                if fails {
                    hot.set_fault(Fault::status(503)).await.unwrap();
                } else {
                    hot.heal().await.unwrap();
                }
            };
            fail(first).await;
            let reply = yard.send(&ask).await;
            assert_eq!(reply.route(), begins);
            let calls = reply.completion(caller).calls;
            let results =
                [(calls[0].id.clone(), Ok("18 degrees")), (calls[1].id.clone(), Err("station is down"))];
            let next = ask.clone().then_tools(&reply.json(), &results);
            for stream in [false, true] {
                fail(second).await;
                let reply = yard.send(&next.clone().streaming(stream)).await;
                let got = reply.completion(caller);
                assert_ne!(reply.route(), begins);
                assert!(got.text.contains("18 degrees") && got.text.contains("station is down"), "{got:?}");
                assert!(got.calls.is_empty() && got.finish == finished(caller, false), "{got:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_translated_answer_counts_its_tokens_and_names_its_upstream_request() {
    for (caller, upstream) in [(CHAT, MESSAGES), (MESSAGES, CHAT)] {
        let yard = mixed(upstream, upstream).await;
        for stream in [false, true] {
            let reply = yard.send(&Ask::new(caller, "hello").streaming(stream)).await;
            let _ = reply.completion(caller);
            assert!(reply.header("x-switchyard-upstream-request-id").starts_with("req_sim"), "{reply:?}");
            let logged = &yard.get("/v1/requests?limit=1").await[0];
            for name in ["inputTokens", "outputTokens"] {
                assert!(logged[name].as_u64().is_some_and(|n| n > 0), "{name}: {logged}");
            }
        }
        let reply = yard.send(&Ask::new(caller, "hello")).await.json();
        let names = if caller == CHAT {
            ["prompt_tokens", "completion_tokens"]
        } else {
            ["input_tokens", "output_tokens"]
        };
        assert!(names.iter().all(|name| reply["usage"][name].as_u64().is_some_and(|n| n > 0)), "{reply}");
    }
}

#[tokio::test]
async fn an_upstreams_refusal_is_told_in_the_callers_dialect() {
    for (caller, upstream) in [(CHAT, MESSAGES), (MESSAGES, CHAT)] {
        let yard = mixed(upstream, upstream).await;
        // Roles are the provider's to judge: it refuses, and its reason must reach the caller.
        yard.provider("hot").set_fault(Fault::status(400)).await.unwrap();
        let reply = yard.send(&Ask::new(caller, "hello")).await;
        assert_eq!(
            (reply.status, reply.error(caller).1.as_str()),
            (400, "The request could not be understood.")
        );
    }
}
