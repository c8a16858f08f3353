//! The cable is pulled and put back: at the start, for long, for many, again and again.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use switchyard_domain::network::NetworkState;
use switchyard_tests::net::on_a_network;
use switchyard_tests::{Ask, Stopwatch};

use super::{held_offline, is, nothing_is_laid_to_a_provider, two};

#[test]
fn a_machine_that_starts_offline_answers_what_waits_once_it_is_online() {
    on_a_network(|mut net| async move {
        two(&net, json!({})).await;
        net.pull_cable();
        net.yard.restart().await;
        assert_eq!(held_offline(&net, "first thing in the morning").await.way().0, "hot");
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

#[test]
fn two_hundred_held_requests_go_on_in_order_and_not_all_at_once() {
    const MANY: usize = 200;
    /// Those that came before all others.
    const FIRST: usize = 20;
    on_a_network(|net| async move {
        let (hot, warm) = two(&net, json!({ "sloMs": 25_000 })).await;
        assert_eq!(net.yard.chat("before").await.way().0, "hot");
        net.pull_cable();
        let (_, view) = net.yard.post("/v1/network/check", &json!({})).await;
        assert_eq!(view["state"], "offline");
        let held = async {
            let (net, began) = (&net, Stopwatch::start());
            let ask = |n| async move { (net.yard.chat(&format!("held {n}.")).await, began.elapsed()) };
            let others = async {
                net.yard.wait_for("the first ones to wait", |s| s.network.held == FIRST as u64).await;
                join_all((FIRST..MANY).map(ask)).await
            };
            let (first, others) = tokio::join!(join_all((0..FIRST).map(ask)), others);
            let replies = [first, others].concat();
            assert!(replies.iter().all(|(reply, _)| reply.way().0 == "hot"), "each is answered, by Hot");
            let first = replies.iter().map(|(_, at)| *at).min().unwrap();
            let last = replies.iter().map(|(_, at)| *at).max().unwrap();
            let spread = last - first;
            assert!(spread > Duration::from_millis(1_200), "they came all at once: {spread:?}");
            assert!(spread < Duration::from_secs(10), "{spread:?}");
        };
        let steer = async {
            net.yard.wait_for("all to wait", |s| s.network.held == MANY as u64).await;
            nothing_is_laid_to_a_provider(&net.yard).await;
            net.plug_cable();
        };
        tokio::join!(held, steer);
        assert_eq!((hot.calls(), warm.calls()), (MANY as u64 + 1, 0), "each was asked once");
        let asked = hot.requests();
        let place = |n: usize| {
            let is = |body: &[u8]| String::from_utf8_lossy(body).contains(&format!("held {n}."));
            asked.iter().position(|request| is(&request.body)).unwrap()
        };
        let last = (0..FIRST).map(place).max().unwrap();
        assert!(last < MANY / 2, "who came first goes on first: {last}");
        assert_eq!(net.yard.snapshot().await.network.held, 0);
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

#[test]
fn a_wavering_network_costs_no_request_and_blames_nobody() {
    const TIMES: usize = 5;
    on_a_network(|net| async move {
        let (hot, _) = two(&net, json!({ "probe": { "everyMs": 1_000 } })).await;
        for round in 0..TIMES {
            net.pull_cable();
            let reply = held_offline(&net, &format!("round {round}")).await;
            assert_eq!(reply.way().0, "hot", "round {round}: {reply:?}");
        }
        nothing_is_laid_to_a_provider(&net.yard).await;
        assert!(hot.calls() >= TIMES as u64);
        let types = net.yard.event_types().await;
        let turns = types.iter().filter(|kind| *kind == "network_turned").count();
        assert_eq!(turns, 2 * TIMES, "down and back, each told once: {types:?}");
        assert!(types.iter().filter(|kind| *kind == "cause_found").count() <= 1, "{types:?}");
        net.yard.wait_for("no cause of trouble to be left", |s| s.causes.is_empty()).await;
    });
}

#[test]
fn an_idle_machine_learns_from_its_probes_that_it_is_offline_and_probes_at_once_on_return() {
    on_a_network(|net| async move {
        let probing = json!({ "probe": { "everyMs": 1_500 }, "triggers": { "probeFailures": 1 } });
        two(&net, probing).await;
        net.yard.wait_for_route("a probe", "hot", |route| route.probe_ok == Some(true)).await;
        net.pull_cable();
        // Nobody calls.
        let down = net.yard.wait_for("the machine to be offline", is(NetworkState::Offline)).await;
        nothing_is_laid_to_a_provider(&net.yard).await;
        let probed = |s: &switchyard_domain::view::Snapshot| {
            s.tiers.iter().flat_map(|tier| &tier.routes).map(|route| route.probed_at_ms).collect::<Vec<_>>()
        };
        let before = probed(&down);
        // Longer than the pause between two probes.
        let rested = net.yard.wait_for("three seconds", |s| s.at_ms > down.at_ms + 3_000).await;
        assert_eq!(probed(&rested), before, "nobody is probed while offline");
        net.plug_cable();
        let back = net.yard.wait_for("the network to be back", is(NetworkState::Online)).await;
        let both = |s: &switchyard_domain::view::Snapshot| {
            probed(s).iter().all(|at| at.is_some_and(|at| at >= back.network.since_ms))
        };
        let again = net.yard.wait_for("both to be probed", both).await;
        assert!(again.at_ms - back.network.since_ms < 2_500, "at once");
        assert!(again.tiers.iter().flat_map(|tier| &tier.routes).all(|route| route.probe_ok == Some(true)));
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

#[test]
fn where_the_map_says_so_requests_are_queued_at_once_instead_of_held() {
    on_a_network(|net| async move {
        two(&net, json!({ "network": { "hold": false }, "sloMs": 20_000 })).await;
        net.pull_cable();
        let (_, view) = net.yard.post("/v1/network/check", &json!({})).await;
        assert_eq!(view["state"], "offline");
        let began = Stopwatch::start();
        let queued = net.yard.chat("later").await;
        assert_eq!(queued.status, 202, "{queued:?}");
        assert!(began.elapsed() < Duration::from_secs(2));
        let refused = net.yard.send(&Ask::messages("stream").streaming(true)).await;
        assert_eq!(refused.status, 503);
        assert_eq!(refused.json()["type"], "error", "in the caller's dialect: {refused:?}");
        let job = queued.json()["id"].as_str().unwrap().to_owned();
        let polled = net.yard.poll(&job).await;
        assert_eq!(polled["attempts"], 0, "offline is no attempt: {polled}");
        net.plug_cable();
        net.yard.wait_for_job(&job, "done").await;
        nothing_is_laid_to_a_provider(&net.yard).await;
    });
}
