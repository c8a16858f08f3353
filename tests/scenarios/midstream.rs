//! With `midstream: error`, a stream that breaks after its first word ends in one clear error event: never a silent
//! cut, never a second try that would repeat words.

use serde_json::json;
use switchyard_domain::view::{CircuitState, Outcome};
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, CALLERS, Kind, Table, Yard, far, fast_map, merge, route};

const CHAT: Dialect = Dialect::OpenaiChat;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const MESSAGES: Dialect = Dialect::Anthropic;

async fn a_stream_that_breaks_ends_in_one_error_event(caller: Dialect, upstream: Dialect) {
    let after_chunks = 2;
    let faults = [
        (Fault::CutStream { after_chunks }, "cut"),
        (Fault::StallStream { after_chunks }, "idle_timeout"),
        (Fault::MalformedChunk { after_chunks }, "malformed"),
        (Fault::ErrorEvent { after_chunks }, "overloaded"),
    ];
    for (is_far, (fault, kind)) in
        [false, true].into_iter().flat_map(|is_far| faults.clone().map(|fault| (is_far, fault)))
    {
        let yard = Yard::over(&[upstream], &[upstream], json!({})).await;
        let way = |name| if is_far { far(route(&yard.provider(name))) } else { route(&yard.provider(name)) };
        let two = json!({ "midstream": "error", "breaker": { "consecutiveFailures": 2 } });
        yard.apply(&merge(fast_map(&[way("hot")], &[way("warm")]), two)).await;
        let (hot, ask) = (yard.provider("hot"), Ask::new(caller, "hello").streaming(true));
        let whole = yard.send(&ask).await.completion(caller).text;
        hot.set_fault(fault.clone()).await.unwrap();
        let before = hot.calls();

        let reply = yard.send(&ask).await;

        assert_eq!(
            (reply.status, reply.whole),
            (200, true),
            "{fault:?}: the stream itself ends in good order"
        );
        let text = reply.partial_text(caller);
        assert!(
            !text.is_empty() && whole.starts_with(&text) && text.len() < whole.len(),
            "{fault:?}: {text}"
        );
        let (code, message) = reply.error_event(caller);
        assert_eq!(code, format!("stream_{kind}"), "{fault:?}");
        assert!(message.contains("broke off"), "{message}");
        assert_eq!((hot.calls() - before, yard.provider("warm").calls()), (1, 0), "{fault:?}: no second try");

        let logged = yard.wait_for_outcome(Outcome::Broken).await;
        assert_eq!(logged.id.as_str(), reply.header("x-switchyard-request-id"));
        assert_eq!(logged.attempts[0].failure.as_ref().unwrap().kind.as_str(), kind);
        assert_eq!(yard.route("hot").await.circuit, CircuitState::Closed);
        let _ = yard.send(&ask).await;
        yard.wait_for_route("the breaker to have counted", "hot", |hot| hot.circuit == CircuitState::Open)
            .await;
        assert_eq!(yard.send(&ask).await.route(), "warm", "{fault:?}");
    }
}

#[tokio::test]
async fn a_chat_stream_that_breaks_ends_in_one_error_event() {
    a_stream_that_breaks_ends_in_one_error_event(CHAT, CHAT).await;
}

#[tokio::test]
async fn a_messages_stream_that_breaks_ends_in_one_error_event() {
    a_stream_that_breaks_ends_in_one_error_event(MESSAGES, MESSAGES).await;
}

#[tokio::test]
async fn a_chat_stream_translated_from_messages_that_breaks_ends_in_one_error_event() {
    a_stream_that_breaks_ends_in_one_error_event(CHAT, MESSAGES).await;
}

#[tokio::test]
async fn a_messages_stream_translated_from_chat_that_breaks_ends_in_one_error_event() {
    a_stream_that_breaks_ends_in_one_error_event(MESSAGES, CHAT).await;
}

#[tokio::test]
async fn a_responses_stream_that_breaks_ends_in_one_error_event() {
    a_stream_that_breaks_ends_in_one_error_event(RESPONSES, RESPONSES).await;
}

#[tokio::test]
async fn a_responses_stream_translated_from_messages_that_breaks_ends_in_one_error_event() {
    a_stream_that_breaks_ends_in_one_error_event(RESPONSES, MESSAGES).await;
}

#[tokio::test]
async fn a_connection_lost_behind_the_finish_reason_is_still_an_answer() {
    for caller in [CHAT, MESSAGES] {
        let yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
        for fault in [Fault::MissingDone, Fault::TruncatedBody] {
            yard.provider("hot").set_fault(fault.clone()).await.unwrap();
            let reply = yard.send(&Ask::new(caller, "hello").streaming(true)).await;
            assert!(reply.completion(caller).text.starts_with("[hot-1 @ hot]"), "{fault:?}");
            let logged = &yard.get("/v1/requests?limit=1").await[0];
            assert_eq!(logged["outcome"], "answered", "{fault:?}");
        }
        assert_eq!(yard.route("hot").await.last_failure, None);
    }
}

/// Chat and Messages tell the reason before their end marker: the answer is whole, and the caller gets the marker it
/// waits for. Of the others the stream's last part alone has the reason. Without it a text of Responses or Bedrock is
/// over though the answer is not whole; Gemini has no mark of a text's end, so that another route is asked, and finds
/// nothing to add.
#[tokio::test]
async fn an_end_marker_that_is_missing_makes_no_answer_longer_whatever_the_dialects_are() {
    let yard = Yard::of_every_kind(json!({})).await;
    let mut table = Table::new();
    for caller in CALLERS {
        for kind in Kind::ALL {
            let is_text_over = matches!(kind, Kind::Responses | Kind::Bedrock)
                || (kind == Kind::Azure && caller == Dialect::OpenaiResponses);
            let may_go_on = matches!(kind, Kind::Gemini | Kind::Vertex);
            let warm = if kind == Kind::Chat { Kind::Anthropic } else { Kind::Chat };
            let provider = yard.provider(kind.name());
            let ask = Ask::new(caller, "hello").streaming(true).job(&kind.then(warm));
            let whole = yard.send(&ask).await.completion(caller);
            for fault in [Fault::MissingDone, Fault::TruncatedBody] {
                provider.set_fault(fault.clone()).await.unwrap();
                let before = yard.provider(warm.name()).calls();
                let reply = yard.send(&ask).await;
                table.case(&format!("{caller:?} {kind:?} {fault:?}"), || {
                    assert!(reply.whole, "{reply:?}");
                    assert_eq!(reply.partial_text(caller), whole.text, "{reply:?}");
                    assert_eq!(
                        yard.provider(warm.name()).calls(),
                        before + u64::from(may_go_on),
                        "nobody is paid to go on with a text that is over: {reply:?}"
                    );
                    if is_text_over {
                        let (code, message) = reply.error_event(caller);
                        assert_eq!(code, "stream_cut");
                        assert!(message.contains("the text had ended already"), "{message}");
                    } else {
                        let got = reply.completion(caller);
                        assert_eq!((got.text, got.finish), (whole.text.clone(), whole.finish.clone()));
                    }
                });
            }
            provider.heal().await.unwrap();
        }
    }
    table.end();
}
