//! What a model thinks, across kinds: shown where it is shown, and its seals go home or nowhere.

use serde_json::{Value, json};
use switchyard_sim::Dialect;
use switchyard_tests::{Ask, CALLERS, Kind, Table, Yard};

use super::{CHAT, MESSAGES, RESPONSES, at, each, thinkers, told, weather_calls};

#[tokio::test]
async fn thoughts_are_shown_where_they_are_shown_and_tell_apart_from_the_answer() {
    let yard = thinkers().await;
    each(
        &yard,
        |caller| Ask::new(caller, "Tell me of Lisbon").thinking(),
        |caller, kind, stream, reply| {
            let got = reply.completion(caller);
            let place = format!("{caller:?} {kind:?} stream={stream}");
            assert!(
                got.text.contains("Tell me of Lisbon") && !got.text.contains("The user says"),
                "{place}: {got:?}"
            );
            let shown = match (caller, kind) {
                // OpenAI's chat asks for effort, never to see the thoughts; Claude shows them all the same.
                (CHAT, kind) => matches!(kind, Kind::Anthropic | Kind::Bedrock),
                // An Azure deployment speaks Responses to a caller of Responses.
                (RESPONSES, Kind::Azure) => true,
                (_, kind) => kind.shows_thinking(),
            };
            assert_eq!(got.thinking.contains("The user says"), shown, "{place}: {got:?}");
        },
    )
    .await;
}

/// A conversation that thinks and calls tools, begun at one kind and gone on with at another, for these pairs.
async fn thinks_and_goes_on(caller: Dialect, pairs: fn(Kind, Kind) -> bool) {
    let yard = thinkers().await;
    let mut table = Table::new();
    for kind in Kind::ALL {
        for stream in [false, true] {
            let ask = Ask::new(caller, "What is the weather in Lisbon and Porto?").weather_tool().thinking();
            let reply = yard.send(&ask.clone().model(&at(kind)).streaming(stream)).await;
            assert_eq!(reply.route(), kind.name(), "{}", told(&yard, kind, &reply));
            let got = reply.completion(caller);
            weather_calls(&got);
            let results = got.calls.iter().map(|call| (call.id.clone(), Ok("18 degrees")));
            let next = ask.then_tools(&reply.answer(caller), &results.collect::<Vec<_>>());
            for then in Kind::ALL.into_iter().filter(|then| pairs(kind, *then)) {
                let reply = yard.send(&next.clone().model(&at(then)).streaming(stream)).await;
                table.case(&format!("{kind:?} then {then:?}, stream={stream}"), || {
                    assert_eq!(reply.route(), then.name(), "{}", told(&yard, then, &reply));
                    assert!(reply.completion(caller).text.contains("18 degrees"));
                });
            }
        }
    }
    table.end();
}

fn is_openai(kind: Kind) -> bool {
    matches!(kind, Kind::Chat | Kind::Responses | Kind::Azure)
}

/// What a chat answer of another vendor holds that OpenAI's chat has no member for.
fn chat_extras(kind: Kind, then: Kind) -> bool {
    matches!(then, Kind::Chat | Kind::Azure) && !is_openai(kind)
}

#[tokio::test]
async fn a_chat_caller_s_sealed_thoughts_go_to_whom_they_belong_and_to_nobody_else() {
    thinks_and_goes_on(CHAT, |kind, then| !chat_extras(kind, then)).await;
}

#[tokio::test]
async fn a_chat_caller_s_thoughts_of_other_vendors_are_kept_from_openai() {
    thinks_and_goes_on(CHAT, chat_extras).await;
}

/// Reasoning without a seal, which OpenAI looks for in vain among what it keeps.
fn unsealed_reasoning(kind: Kind, then: Kind) -> bool {
    matches!(then, Kind::Responses | Kind::Azure) && matches!(kind, Kind::Gemini | Kind::Vertex)
}

#[tokio::test]
async fn a_responses_caller_s_sealed_thoughts_go_to_whom_they_belong_and_to_nobody_else() {
    thinks_and_goes_on(RESPONSES, |kind, then| !unsealed_reasoning(kind, then)).await;
}

#[tokio::test]
async fn a_responses_caller_s_unsealed_thoughts_of_other_vendors_are_kept_from_openai() {
    thinks_and_goes_on(RESPONSES, unsealed_reasoning).await;
}

/// Thinking is on, and the turn whose tools were called holds none that Anthropic could take.
fn nothing_thought(kind: Kind, then: Kind) -> bool {
    then == Kind::Anthropic && !matches!(kind, Kind::Anthropic | Kind::Bedrock)
}

#[tokio::test]
async fn a_messages_caller_s_sealed_thoughts_go_to_whom_they_belong_and_to_nobody_else() {
    thinks_and_goes_on(MESSAGES, |kind, then| !nothing_thought(kind, then)).await;
}

#[tokio::test]
async fn a_messages_caller_s_tool_turn_of_another_vendor_goes_on_at_anthropic_though_thinking_is_on() {
    thinks_and_goes_on(MESSAGES, nothing_thought).await;
}

async fn a_thinking_conversation_moves(caller: Dialect, kinds: &[Kind]) {
    let yard = thinkers().await;
    let mut ask = Ask::new(caller, "Tell me of Lisbon").thinking();
    for kind in kinds {
        let reply = yard.send(&ask.clone().model(&at(*kind))).await;
        assert_eq!(reply.route(), kind.name(), "{caller:?}: {}", told(&yard, *kind, &reply));
        let sent = yard.provider(kind.name()).requests().pop().unwrap();
        assert_eq!(sent.status, Some(200), "{caller:?}: {}", told(&yard, *kind, &reply));
        ask = ask.then(&reply.answer(caller), "And what else is there to say of it?");
    }
}

const HOME_AND_AWAY: [Kind; 6] =
    [Kind::Anthropic, Kind::Gemini, Kind::Anthropic, Kind::Responses, Kind::Bedrock, Kind::Responses];

#[tokio::test]
async fn a_thinking_conversation_moves_away_and_comes_home() {
    a_thinking_conversation_moves(CHAT, &HOME_AND_AWAY).await;
    a_thinking_conversation_moves(MESSAGES, &HOME_AND_AWAY).await;
    // Without Gemini, whose thoughts have no seal.
    let kinds = [Kind::Anthropic, Kind::Responses, Kind::Bedrock, Kind::Anthropic, Kind::Responses];
    a_thinking_conversation_moves(RESPONSES, &kinds).await;
}

#[tokio::test]
async fn a_responses_caller_s_thinking_conversation_moves_to_gemini_and_comes_home() {
    a_thinking_conversation_moves(RESPONSES, &HOME_AND_AWAY).await;
}

#[tokio::test]
async fn the_third_generation_of_gemini_gets_its_signatures_back_and_a_stranger_s_calls_all_the_same() {
    for kind in [Kind::Gemini, Kind::Vertex] {
        let yard = Yard::over(&[kind, Kind::Anthropic], &[], json!({})).await;
        let mut map: Value =
            serde_json::from_str(yard.get("/v1/map").await["document"].as_str().unwrap()).unwrap();
        map["hot"][0]["upstreamModel"] = json!("gemini-3-flash");
        yard.apply(&map).await;
        let mut table = Table::new();
        for caller in CALLERS {
            for (first, stream) in [("hot-1", false), ("hot-1", true), ("hot2-1", false)] {
                let ask = Ask::new(caller, "What is the weather in Lisbon and Porto?").weather_tool();
                let reply = yard.send(&ask.clone().model(first).streaming(stream)).await;
                let got = reply.completion(caller);
                weather_calls(&got);
                let results = got.calls.iter().map(|call| (call.id.clone(), Ok("18 degrees")));
                let next = ask.then_tools(&reply.answer(caller), &results.collect::<Vec<_>>());
                let reply = yard.send(&next.model("hot-1")).await;
                let sent = yard.provider("hot").requests().pop().unwrap();
                table.case(&format!("{caller:?} at {kind:?}, {first} first, stream={stream}"), || {
                    assert_eq!(reply.route(), "hot", "{reply:?}\n{}", String::from_utf8_lossy(&sent.body));
                    assert!(reply.completion(caller).text.contains("18 degrees"));
                });
            }
        }
        table.end();
    }
}
