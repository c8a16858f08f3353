//! Names are looked up by whoever still answers.

use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use switchyard_domain::network::{NameSource, NetworkState};
use switchyard_tests::net::{on_a_network, world_route};
use switchyard_tests::{Yard, within};

const HOST: [u8; 4] = [203, 0, 113, 11];

#[test]
fn a_dead_resolver_is_replaced_by_a_fallback_and_then_by_what_worked_before() {
    on_a_network(|mut net| async move {
        let (hot, _) = net.provider("hot", 11).await;
        net.resolver.tell("api.hot.example", HOST);
        net.fallback.tell("api.hot.example", HOST);
        let map = json!({ "timeouts": { "connectMs": 4_000 }, "network": { "checkTimeoutMs": 4_000 } });
        let routes = [world_route("hot", "api.hot.example")];
        net.apply(&routes, &[], map.clone()).await;
        assert_eq!(net.yard.chat("system").await.way(), ("hot", 1, false));
        assert_eq!(net.fallback.asked(), 0, "while the system answers nobody else hears the name");

        addresses_are_kept(&net.yard).await;
        net.resolver.be_silent(true);
        net.yard.restart().await;
        assert_eq!(net.yard.chat("fallback").await.way(), ("hot", 1, false));
        assert_eq!(net.yard.snapshot().await.network.dns, NameSource::Fallback);
        assert!(net.fallback.asked() > 0);

        net.fallback.be_silent(true);
        net.yard.restart().await;
        assert_eq!(net.yard.chat("last known").await.way(), ("hot", 1, false));
        let snapshot = net.yard.snapshot().await;
        assert_eq!(snapshot.network.dns, NameSource::LastKnown, "kept across the restart");
        assert_eq!(hot.calls(), 3);

        net.resolver.be_silent(false);
        net.yard.restart().await;
        assert_eq!(net.yard.chat("system again").await.way(), ("hot", 1, false));
        assert_eq!(net.yard.snapshot().await.network.dns, NameSource::System);
    });
}

#[test]
fn without_any_resolver_or_known_address_the_networks_dns_is_to_blame() {
    on_a_network(|net| async move {
        net.provider("hot", 11).await;
        net.provider("warm", 12).await;
        // No check page by address: every thing that is asked has a name.
        let more = json!({ "network": { "checkUrls": ["http://check.example/generate_204"] } });
        let routes = [world_route("hot", "api.hot.example")];
        net.resolver.be_silent(true);
        net.fallback.be_silent(true);
        net.apply(&routes, &[world_route("warm", "api.warm.example")], more).await;
        let held = async {
            assert_eq!(net.yard.chat("held").await.way().0, "hot");
        };
        let steer = async {
            let is_broken =
                |s: &switchyard_domain::view::Snapshot| s.network.state == NetworkState::DnsBroken;
            let seen = net.yard.wait_for("broken DNS", is_broken).await;
            assert_eq!(seen.status.state, "No DNS.");
            super::nothing_is_laid_to_a_provider(&net.yard).await;
            net.resolver.tell("api.hot.example", HOST);
            net.resolver.tell("api.warm.example", [203, 0, 113, 12]);
            net.resolver.tell("check.example", [203, 0, 113, 21]);
            net.resolver.be_silent(false);
        };
        tokio::join!(held, steer);
        super::nothing_is_laid_to_a_provider(&net.yard).await;
    });
}

#[test]
fn a_name_the_resolver_denies_is_one_providers_trouble() {
    on_a_network(|net| async move {
        net.provider("warm", 12).await;
        net.resolver.tell("api.warm.example", [203, 0, 113, 12]);
        let (hot, warm) = (world_route("hot", "api.hot.example"), world_route("warm", "api.warm.example"));
        net.apply(&[hot], &[warm], json!({})).await;
        for _ in 0..5 {
            assert_eq!(net.yard.chat("hello").await.way().0, "warm");
        }
        let open = switchyard_domain::view::CircuitState::Open;
        net.yard.wait_for_route("the circuit to open", "hot", |r| r.circuit == open).await;
        assert_eq!(net.yard.snapshot().await.network.state, NetworkState::Online);
    });
}

/// Waits until the address that worked is in the database: it outlives a crash from then on.
async fn addresses_are_kept(yard: &Yard) {
    let path = yard.data_dir().join("switchyard.db");
    let mut database = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    within("the good address to be kept", async {
        let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
        loop {
            look.tick().await;
            let kept: Option<(String,)> =
                sqlx::query_as("SELECT value FROM settings WHERE key = 'network.names'")
                    .fetch_optional(&mut database)
                    .await
                    .unwrap();
            if kept.is_some_and(|(kept,)| kept.contains("203.0.113.11")) {
                return;
            }
        }
    })
    .await;
}
