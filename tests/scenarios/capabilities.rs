//! A request goes only where it can be answered: a route that lacks what it needs is passed over, and when none is left
//! the caller hears why at once.

use serde_json::{Value, json};
use switchyard_domain::view::CircuitState;
use switchyard_sim::Dialect;
use switchyard_tests::{Ask, CALLERS, Kind, Yard, fast_map, merge};

const CHAT: Dialect = Dialect::OpenaiChat;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const MESSAGES: Dialect = Dialect::Anthropic;

/// Hot lacks this; Warm does not.
async fn lacking(change: Value, warm: bool) -> Yard {
    let yard = Yard::with_credentials(&json!({})).await;
    let hot = merge(yard.added(Kind::Chat, "hot").await, change);
    let warm = if warm { vec![yard.added(Kind::Gemini, "warm").await] } else { Vec::new() };
    yard.apply(&fast_map(&[hot], &warm)).await;
    yard
}

async fn refused_at_once(yard: &Yard, ask: &Ask, naming: &[&str]) {
    let reply = yard.send(ask).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    let (_, message) = reply.error(ask.dialect);
    for word in naming {
        assert!(message.contains(word), "`{message}` does not name `{word}`");
    }
    assert_eq!(yard.snapshot().await.cold.waiting, 0, "waiting would not help");
    assert_eq!(yard.provider("hot").calls(), 0);
    assert_eq!(yard.route("hot").await.circuit, CircuitState::Closed);
}

#[tokio::test]
async fn a_route_that_lacks_a_feature_is_passed_over_by_requests_that_need_it() {
    type Make = fn(Ask) -> Ask;
    let cases: [(&str, &str, Make); 5] = [
        ("vision", "images", Ask::image),
        ("documents", "documents", Ask::document),
        ("tools", "tools", Ask::weather_tool),
        ("jsonSchema", "JSON Schema", Ask::schema),
        ("stream", "streams", |ask| ask.streaming(true)),
    ];
    for (feature, words, make) in cases {
        for has_warm in [true, false] {
            let yard = lacking(json!({ "features": { feature: false } }), has_warm).await;
            for caller in CALLERS {
                let plain = Ask::new(caller, "hello");
                let needing = make(plain.clone());
                if has_warm {
                    let reply = yard.send(&needing).await;
                    assert_eq!(reply.route(), "warm", "{feature} {caller:?}: {reply:?}");
                } else {
                    refused_at_once(&yard, &needing, &["hot", words]).await;
                }
            }
            for caller in CALLERS {
                assert_eq!(
                    yard.send(&Ask::new(caller, "hello")).await.route(),
                    "hot",
                    "{feature} {caller:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_prompt_beyond_the_context_window_goes_to_a_larger_one() {
    for has_warm in [true, false] {
        let yard = lacking(json!({ "contextWindow": 1_000 }), has_warm).await;
        for caller in CALLERS {
            let long = Ask::new(caller, &"tram ".repeat(4_000));
            if has_warm {
                assert_eq!(yard.send(&long).await.route(), "warm", "{caller:?}");
            } else {
                refused_at_once(&yard, &long, &["hot", "1000"]).await;
            }
        }
        for caller in CALLERS {
            assert_eq!(yard.send(&Ask::new(caller, "hello")).await.route(), "hot", "{caller:?}");
        }
    }
}

#[tokio::test]
async fn several_answers_at_once_come_only_from_the_callers_own_dialect() {
    let yard = Yard::over(&[Kind::Anthropic, Kind::Gemini, Kind::Responses], &[Kind::Chat], json!({})).await;
    let two = Ask::chat("hello").with(json!({ "n": 2 }));
    let reply = yard.send(&two).await;
    assert_eq!(reply.route(), "warm", "{reply:?}");
    assert_eq!(reply.json()["choices"].as_array().unwrap().len(), 2);
    let yard = Yard::over(&[Kind::Anthropic], &[Kind::Bedrock], json!({})).await;
    refused_at_once(&yard, &two, &["hot", "several answers"]).await;
    refused_at_once(&yard, &Ask::chat("hello").with(json!({ "logprobs": true })), &["hot", "probabilities"])
        .await;
}

#[tokio::test]
async fn what_a_provider_keeps_is_used_only_where_it_lies() {
    let yard = Yard::over(&[Kind::Chat, Kind::Anthropic, Kind::Responses], &[], json!({})).await;
    let first = Ask::responses("Tell me of Lisbon").model("hot3-1").with(json!({ "store": true }));
    let first = yard.send(&first).await;
    let id = first.json()["id"].clone();
    assert_eq!(first.route(), "hot3");
    let next = Ask::responses("And of Porto").with(json!({ "previous_response_id": id }));
    for stream in [false, true] {
        let reply = yard.send(&next.clone().streaming(stream)).await;
        assert_eq!(reply.route(), "hot3", "{reply:?}");
        assert!(reply.completion(RESPONSES).text.contains("Porto"));
    }
    let yard = Yard::over(&[Kind::Chat], &[Kind::Anthropic], json!({})).await;
    refused_at_once(&yard, &next, &["hot", "stored state"]).await;
}

#[tokio::test]
async fn tools_a_provider_runs_itself_are_not_asked_of_another() {
    let yard = Yard::over(&[Kind::Chat], &[], json!({})).await;
    let messages = json!({ "tools": [{ "type": "web_search_20250305", "name": "web_search" }] });
    let responses = json!({ "tools": [{ "type": "web_search" }] });
    let demanded = json!({ "tool_choice": { "type": "tool", "name": "web_search" } });
    let ask = Ask::messages("hello").with(merge(messages.clone(), demanded));
    refused_at_once(&yard, &ask, &["tool_choice"]).await;
    let demanded = json!({ "tool_choice": { "type": "web_search" } });
    let ask = Ask::responses("hello").with(merge(responses.clone(), demanded));
    refused_at_once(&yard, &ask, &["tool_choice"]).await;
    // Clients offer them by default: offered alone, they are left out with a word.
    for ask in [Ask::messages("hello").with(messages), Ask::responses("hello").with(responses)] {
        let reply = yard.send(&ask).await;
        assert_eq!(
            (reply.status, reply.header("x-switchyard-degradations")),
            (200, "server_tool_dropped tools[0]")
        );
    }
}

#[tokio::test]
async fn what_one_dialect_alone_can_say_is_refused_with_its_field_where_it_can_not_be_said() {
    let yard = Yard::over(&[Kind::Anthropic], &[], json!({})).await;
    let audio = json!({ "modalities": ["text", "audio"], "audio": { "voice": "alloy", "format": "wav" } });
    refused_at_once(&yard, &Ask::chat("hello").with(audio), &["audio"]).await;
    let yard = Yard::over(&[Kind::Chat], &[], json!({})).await;
    let file = json!({ "type": "document", "source": { "type": "file", "file_id": "file_1" } });
    refused_at_once(&yard, &Ask::messages("hello").part(file), &["hot"]).await;
    let reference = json!({ "type": "item_reference", "id": "msg_1" });
    let mut ask = Ask::responses("hello");
    ask.turns().push(reference);
    let reply = yard.send(&ask).await;
    assert_eq!((reply.status, reply.header("x-switchyard-degradations")), (200, "item_dropped input[1]"));
}

#[tokio::test]
async fn an_answer_begun_by_the_caller_is_continued_where_that_is_possible() {
    for kind in [Kind::Anthropic, Kind::Bedrock] {
        let yard = Yard::with_credentials(&json!({})).await;
        let hot = merge(yard.added(kind, "hot").await, json!({ "upstreamModel": kind.thinker() }));
        yard.apply(&fast_map(&[hot], &[])).await;
        let whole = yard.messages("Tell me of Lisbon").await.completion(MESSAGES).text;
        let (begun, rest) = whole.split_at(20);
        let mut ask = Ask::messages("Tell me of Lisbon");
        ask.turns().push(json!({ "role": "assistant", "content": begun.trim_end() }));
        let reply = yard.send(&ask).await;
        assert_eq!(reply.completion(MESSAGES).text.trim_start(), rest.trim_start(), "{kind:?}");
    }
}

#[tokio::test]
async fn models_are_listed_and_told_one_by_one() {
    let yard = Yard::with_credentials(&json!({})).await;
    let hot = merge(
        yard.added(Kind::Chat, "hot").await,
        json!({ "model": "acme/large-2", "upstreamModel": "large", "aliases": ["large"] }),
    );
    yard.apply(&fast_map(&[hot], &[])).await;
    let bearer = format!("Bearer {}", yard.key());
    let openai = [("authorization", bearer.as_str())];
    let anthropic = [("authorization", bearer.as_str()), ("anthropic-version", "2023-06-01")];
    for path in ["/v1/models/acme/large-2", "/v1/models/acme%2Flarge-2"] {
        let reply = yard.fetch(path, &openai).await;
        assert_eq!((reply.status, &reply.json()["object"]), (200, &json!("model")), "{reply:?}");
        assert_eq!(reply.json()["id"], "acme/large-2");
        let reply = yard.fetch(path, &anthropic).await;
        assert_eq!((&reply.json()["type"], &reply.json()["id"]), (&json!("model"), &json!("acme/large-2")));
    }
    for (headers, dialect) in [(&openai[..], CHAT), (&anthropic[..], MESSAGES)] {
        let reply = yard.fetch("/v1/models/small", headers).await;
        assert_eq!(reply.status, 404, "{reply:?}");
        assert!(reply.error(dialect).1.contains("small"), "{reply:?}");
        let listed = yard.fetch("/v1/models", headers).await.json();
        assert!(listed["data"].as_array().unwrap().iter().any(|m| m["id"] == "acme/large-2"), "{listed}");
    }
    assert_eq!(yard.fetch("/v1/models/small", &[]).await.status, 401);
}
