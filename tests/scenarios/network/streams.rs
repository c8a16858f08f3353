//! The network goes in the midst of an answer.

use serde_json::{Value, json};
use switchyard_domain::network::NetworkState;
use switchyard_sim::{Dialect, Latency, Profile, Provider};
use switchyard_tests::net::{Net, on_a_network, world_route};
use switchyard_tests::{Ask, Reply};

use super::{HOT, is, nothing_is_laid_to_a_provider};

/// Two seconds of telling.
fn slow(name: &str) -> Profile {
    Profile::new(name).latency(Latency { per_chunk_ms: 200, chunks: 10, ..Latency::default() })
}

fn question() -> Ask {
    Ask::chat("Tell me of Lisbon and of its trams").streaming(true)
}

async fn told_by_one(net: &Net, more: Value) -> (Provider, String) {
    let (hot, _) = net.provider_at(slow("hot"), "203.0.113.11:80").await;
    net.apply(&[world_route("hot", HOT)], &[], more).await;
    let whole = net.yard.send(&question()).await.completion(Dialect::OpenaiChat).text;
    (hot, whole)
}

/// Asks, pulls the cable once some of the answer's text has come, and does the rest.
async fn cut_in_the_midst(net: &Net, then: impl Future<Output = ()>) -> Reply {
    // The role and two words.
    let has_begun = |body: &[u8]| body.windows(2).filter(|two| two == b"\n\n").count() >= 3;
    let then = async {
        net.pull_cable();
        then.await;
    };
    net.yard.send_and_once(&question(), has_begun, then).await
}

#[test]
fn a_short_gap_in_a_stream_is_bridged() {
    on_a_network(|net| async move {
        let (hot, whole) = told_by_one(&net, json!({ "timeouts": { "idleMs": 8_000 } })).await;
        let offline_then_back = Box::pin(async {
            let (_, view) = net.yard.post("/v1/network/check", &json!({})).await;
            assert_eq!(view["state"], "offline");
            net.plug_cable();
        });
        let reply = cut_in_the_midst(&net, offline_then_back).await;
        assert_eq!(reply.completion(Dialect::OpenaiChat).text, whole);
        assert_eq!(hot.calls(), 2);
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

#[test]
fn a_stream_that_died_with_the_network_goes_on_when_it_is_back() {
    on_a_network(|net| async move {
        let (_hot, whole) = told_by_one(&net, json!({ "timeouts": { "idleMs": 700 } })).await;
        let held_then_back = Box::pin(async {
            let offline = is(NetworkState::Offline);
            net.yard
                .wait_for("the rest to wait for the network", |s| offline(s) && s.network.held == 1)
                .await;
            nothing_is_laid_to_a_provider(&net.yard).await;
            net.plug_cable();
        });
        let reply = cut_in_the_midst(&net, held_then_back).await;
        assert_eq!(reply.completion(Dialect::OpenaiChat).text, whole, "one answer, whole and once");
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

#[test]
fn a_stream_whose_network_stays_away_ends_in_one_clear_error() {
    on_a_network(|net| async move {
        let more = json!({ "timeouts": { "idleMs": 700 }, "sloMs": 3_000 });
        let (_hot, whole) = told_by_one(&net, more).await;
        let reply = cut_in_the_midst(&net, async {}).await;
        assert!(reply.whole, "in good order");
        let text = reply.partial_text(Dialect::OpenaiChat);
        assert!(!text.is_empty() && whole.starts_with(&text) && text.len() < whole.len(), "{text}");
        let (_, message) = reply.error_event(Dialect::OpenaiChat);
        assert!(message.contains("offline"), "{message}");
        nothing_is_laid_to_a_provider(&net.yard).await;
        net.plug_cable();
        net.yard.wait_for("the network to be back", is(NetworkState::Online)).await;
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}
