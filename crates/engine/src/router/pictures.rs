//! A snapshot is one picture: a state and the event that tells of it are in it together, or neither is.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::json;
use switchyard_domain::api::ApplyMap;
use switchyard_domain::event::EventKind;
use switchyard_domain::map::RouteIx;
use switchyard_domain::view::CircuitState;
use switchyard_domain::{Failure, FailureKind};
use switchyard_policy::Outcome;

use super::Router;
use crate::RouterConfig;
use crate::core::clock;

const ROUTES: usize = 8;
const ROUNDS: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_picture_shows_an_open_circuit_without_the_event_that_tells_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let config = RouterConfig {
        proxy_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        keychain: false,
        ..RouterConfig::new(dir.path())
    };
    let router = Router::start(config).await.unwrap();
    for round in 0..ROUNDS {
        // Each round has routes of its own, whose circuits are closed.
        let route = |n: usize| {
            json!({ "provider": format!("p{n}"), "model": format!("m{round}"), "auth": "none",
                                       "baseUrl": "http://127.0.0.1:9/v1", "dialect": "openai-chat" })
        };
        let document = json!({
            "hot": (0..ROUTES).map(route).collect::<Vec<_>>(), "warm": [],
            "breaker": { "consecutiveFailures": 1 }, "probe": { "everyMs": 0 },
            "network": { "enabled": false, "checkUrls": [], "fallbackDns": [] },
            "cold": { "mode": "graceful_degrade", "queue": "q", "notify": [] },
        });
        let apply = ApplyMap {
            document: document.to_string(),
            base_version: None,
            reason: None,
            source: "test".to_owned(),
        };
        router.apply_map(apply).await.unwrap();
        let state = Arc::clone(&router.state);
        let breaks = std::thread::spawn(move || {
            for n in 0..ROUTES {
                let now = clock::now();
                let permit = state.core.with_fleet(|fleet| fleet.acquire(RouteIx(n), now)).unwrap().unwrap();
                let failure = Failure::new(FailureKind::ServerError, "from the test");
                state.walk.change(now, |fleet| ((), fleet.report(permit, Outcome::Failed(failure), now)));
            }
        });
        loop {
            let seen = router.snapshot();
            let routes = seen.tiers.iter().flat_map(|tier| &tier.routes);
            let open: BTreeSet<String> = routes
                .filter(|route| route.circuit == CircuitState::Open)
                .map(|route| route.id.to_string())
                .collect();
            let mut told = BTreeSet::new();
            for event in &seen.events {
                if let EventKind::CircuitOpened { route, .. } = &event.event.what
                    && route.as_str().ends_with(&format!("/m{round}"))
                {
                    told.insert(route.to_string());
                }
            }
            assert_eq!(open, told, "round {round}");
            if open.len() == ROUTES {
                break;
            }
        }
        breaks.join().unwrap();
    }
    router.shutdown().await;
}
