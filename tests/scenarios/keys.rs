//! Provider keys: one bad key condemns that key and not the route, and a new one is used at once.

use serde_json::{Value, json};
use switchyard_domain::view::CircuitState;
use switchyard_sim::{Dialect, Fault, KeyState, Profile, Provider};
use switchyard_tests::{Ask, Start, Yard, fast_map, merge, route};
use tempfile::TempDir;

const CHAT: Dialect = Dialect::OpenaiChat;
const MESSAGES: Dialect = Dialect::Anthropic;
const ONE: &str = "sk-acme-key-number-one-1111";
const TWO: &str = "sk-acme-key-number-two-2222";

/// Hot takes keys, Warm takes none; both keys are in the credentials file.
async fn with_two_keys(dialect: Dialect) -> (Yard, Provider) {
    let root = TempDir::new().unwrap();
    let start = Start::with_credentials(root.path(), &json!({ "acme:one": ONE, "acme:two": TWO }));
    let yard = Yard::start_in(root, start).await;
    let hot = yard.add(Profile::new("hot").dialect(dialect).keys([ONE, TWO])).await;
    let warm = yard.add(Profile::new("warm").dialect(CHAT)).await;
    let auth = if dialect == CHAT { "bearer" } else { "x-api-key" };
    let map = merge(
        fast_map(&[merge(route(&hot), json!({ "auth": auth }))], &[route(&warm)]),
        json!({ "providers": { "hot": { "credentials": ["acme:one", "acme:two"] } } }),
    );
    yard.apply(&map).await;
    (yard, hot)
}

/// The last four characters of the keys the provider saw, in order.
fn presented(provider: &Provider) -> Vec<String> {
    let key = |seen: &switchyard_sim::Received| {
        let header =
            seen.header("authorization").or_else(|| seen.header("x-api-key")).unwrap_or_default().to_owned();
        header.trim_start_matches('*').to_owned()
    };
    provider.requests().iter().map(key).collect()
}

#[tokio::test]
async fn a_revoked_key_makes_way_for_the_next_and_leaves_the_route_alone() {
    for dialect in [CHAT, MESSAGES] {
        let (yard, hot) = with_two_keys(dialect).await;
        hot.set_key(ONE, KeyState::Revoked);
        for stream in [false, true] {
            let reply = yard.send(&Ask::new(dialect, "hello").streaming(stream)).await;
            assert!(reply.completion(dialect).text.starts_with("[hot-1 @ hot]"));
            assert_eq!(reply.way(), ("hot", if stream { 1 } else { 2 }, false));
        }
        assert_eq!(presented(&hot), ["1111", "2222", "2222"]);
        assert_eq!(yard.route("hot").await.circuit, CircuitState::Closed);
        let provider = yard.get("/v1/snapshot").await["providers"][0].clone();
        assert_eq!(provider["credentials"][0]["condemned"]["kind"], "key_rejected", "{provider}");
        assert_eq!(provider["credentials"][1]["condemned"], Value::Null, "{provider}");
        assert!(yard.event_types().await.contains(&"key_condemned".to_owned()));
    }
}

#[tokio::test]
async fn a_key_refused_for_a_moment_is_used_again_once_a_probe_shows_that_it_is_accepted() {
    for dialect in [CHAT, MESSAGES] {
        let root = TempDir::new().unwrap();
        let start = Start::with_credentials(root.path(), &json!({ "hot": ONE }));
        let yard = Yard::start_in(root, start).await;
        let hot = yard.add(Profile::new("hot").dialect(dialect).keys([ONE])).await;
        let warm = yard.add(Profile::new("warm").dialect(CHAT)).await;
        let auth = json!({ "auth": if dialect == CHAT { "bearer" } else { "x-api-key" } });
        let map = fast_map(&[merge(route(&hot), auth)], &[route(&warm)]);
        yard.apply(&merge(map, json!({ "probe": { "everyMs": 200 } }))).await;
        hot.set_key(ONE, KeyState::Revoked);
        assert_eq!(yard.send(&Ask::new(dialect, "hello")).await.way(), ("warm", 2, true));
        assert_eq!(yard.send(&Ask::new(dialect, "hello")).await.way(), ("warm", 1, true));
        assert_eq!(yard.route("hot").await.detail.as_deref(), Some("no usable key"));

        hot.set_key(ONE, KeyState::Good);
        // The route's detail goes on telling of the call that failed. A trial call is not due for minutes.
        yard.wait_for("the key to be in use", |now| now.providers[0].credentials[0].condemned.is_none())
            .await;
        assert_eq!(yard.send(&Ask::new(dialect, "hello")).await.way(), ("hot", 1, false));
    }
}

#[tokio::test]
async fn an_unpaid_account_condemns_all_its_keys() {
    for dialect in [CHAT, MESSAGES] {
        let (yard, hot) = with_two_keys(dialect).await;
        hot.set_key(ONE, KeyState::Unpaid);
        for _ in 0..2 {
            assert_eq!(yard.send(&Ask::new(dialect, "hello")).await.route(), "warm");
        }
        assert_eq!(presented(&hot), ["1111"], "the account's other key would not be paid either");
        let shown = yard.route("hot").await;
        assert_eq!((shown.circuit, shown.detail.as_deref()), (CircuitState::Closed, Some("no usable key")));
    }
}

#[tokio::test]
async fn a_rate_limited_key_rests_while_the_other_works() {
    for dialect in [CHAT, MESSAGES] {
        let (yard, hot) = with_two_keys(dialect).await;
        hot.set_key(ONE, KeyState::RateLimited { retry_after_s: 60 });
        for (turn, tries) in [(0, 2), (1, 1), (2, 1)] {
            let reply = yard.send(&Ask::new(dialect, "hello").streaming(turn == 1)).await;
            assert_eq!(reply.way(), ("hot", tries, false), "turn {turn}");
        }
        assert_eq!(presented(&hot), ["1111", "2222", "2222", "2222"]);
        hot.set_key(TWO, KeyState::RateLimited { retry_after_s: 60 });
        assert_eq!(yard.send(&Ask::new(dialect, "hello")).await.way(), ("warm", 2, true));
        assert_eq!(yard.send(&Ask::new(dialect, "hello")).await.way(), ("warm", 1, true));
        assert_eq!(yard.route("hot").await.circuit, CircuitState::Closed);
    }
}

#[tokio::test]
async fn a_replaced_key_is_used_from_the_next_request_on() {
    let root = TempDir::new().unwrap();
    let start = Start::with_credentials(root.path(), &json!({ "hot": ONE }));
    let yard = Yard::start_in(root, start).await;
    let hot = yard.add(Profile::new("hot").dialect(CHAT).keys([TWO])).await;
    let warm = yard.add(Profile::new("warm").dialect(CHAT)).await;
    yard.apply(&fast_map(&[merge(route(&hot), json!({ "auth": "bearer" }))], &[route(&warm)])).await;
    assert_eq!(yard.chat("hello").await.way(), ("warm", 2, true));
    assert_eq!(yard.chat("hello").await.way(), ("warm", 1, true), "a refused key is not offered again");
    assert_eq!(yard.post("/v1/credentials/hot/test", &json!({})).await.1["ok"], false);

    assert_eq!(yard.put("/v1/credentials/hot", &json!({ "value": TWO })).await.0, 204);
    assert_eq!(yard.chat("hello").await.way(), ("hot", 1, false));
    assert_eq!(yard.post("/v1/credentials/hot/test", &json!({})).await.1["ok"], true);
    let listed = yard.get("/v1/credentials").await;
    let own = &listed["credentials"][0];
    assert_eq!(
        (&own["name"], &own["hint"], &own["foundIn"]),
        (&json!("hot"), &json!("…2222"), &json!("file"))
    );

    assert_eq!(yard.delete("/v1/credentials/hot").await.0, 204);
    assert_eq!(yard.chat("hello").await.way(), ("warm", 1, true));
    assert_eq!(yard.delete("/v1/credentials/hot").await.0, 404);
}

#[tokio::test]
async fn a_route_without_a_key_says_which_command_stores_one() {
    for dialect in [CHAT, MESSAGES] {
        for queue in [false, true] {
            let yard = Yard::start().await;
            let hot = yard.add(Profile::new("acme").dialect(dialect)).await;
            let auth = json!({ "auth": if dialect == CHAT { "bearer" } else { "x-api-key" } });
            let map = fast_map(&[merge(route(&hot), auth)], &[]);
            yard.apply(&merge(map, json!({ "flags": { "enable_cold_queue": queue } }))).await;
            let reply = yard.send(&Ask::new(dialect, "hello").streaming(true)).await;
            assert_eq!(reply.status, 503, "{reply:?}");
            let (_, message) = reply.error(dialect);
            assert!(message.contains("switchyard credential set acme"), "{message}");
            assert_eq!(hot.calls(), 0);
            let status =
                yard.wait_for("the window to say so", |s| s.status.sentence.contains("key")).await.status;
            assert!(status.sentence.contains("Providers"), "{status:?}");
        }
    }
}

#[tokio::test]
async fn a_key_stored_under_another_name_of_its_provider_is_its_key() {
    for (name, alias) in
        [("google", "gemini"), ("gemini", "google"), ("claude", "claude"), ("azure", "azure-openai")]
    {
        let root = TempDir::new().unwrap();
        let start = Start::with_credentials(root.path(), &json!({}));
        let yard = Yard::start_in(root, start).await;
        let hot = yard.add(Profile::new(name).dialect(CHAT).keys([ONE])).await;
        yard.apply(&fast_map(&[merge(route(&hot), json!({ "auth": "bearer" }))], &[])).await;
        assert_eq!(yard.put(&format!("/v1/credentials/{alias}"), &json!({ "value": ONE })).await.0, 204);
        assert_eq!(yard.chat("hello").await.way(), ("hot", 1, false), "{alias} for {name}");
    }
}

#[tokio::test]
async fn a_job_that_lacked_a_key_is_answered_once_one_is_stored() {
    let root = TempDir::new().unwrap();
    let start = Start::with_credentials(root.path(), &json!({}));
    let yard = Yard::start_in(root, start).await;
    let hot = yard.add(Profile::new("hot").dialect(CHAT).keys([ONE])).await;
    yard.apply(&fast_map(&[merge(route(&hot), json!({ "auth": "bearer" }))], &[])).await;
    let reply = yard.chat("hello").await;
    assert_eq!(reply.status, 202, "{reply:?}");
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    yard.put("/v1/credentials/hot", &json!({ "value": ONE })).await;
    yard.wait_for_job(&id, "done").await;
}

#[tokio::test]
async fn a_callers_own_key_is_passed_through_beside_the_local_one() {
    for dialect in [CHAT, MESSAGES] {
        let yard = Yard::start().await;
        let hot = yard.add(Profile::new("hot").dialect(dialect).keys([ONE])).await;
        let warm = yard.add(Profile::new("warm").dialect(dialect)).await;
        let map = fast_map(&[merge(route(&hot), json!({ "auth": "passthrough" }))], &[route(&warm)]);
        yard.apply(&map).await;
        let own = if dialect == CHAT {
            ("authorization", format!("Bearer {ONE}"))
        } else {
            ("x-api-key", ONE.to_owned())
        };
        let ask = Ask::new(dialect, "hello").header("x-switchyard-key", yard.key()).header(own.0, &own.1);
        assert_eq!(yard.send(&ask).await.way(), ("hot", 1, false));
        assert_eq!(presented(&hot), ["1111"]);

        let reply = yard.send(&Ask::new(dialect, "hello")).await;
        assert_eq!(reply.route(), "warm", "without a key of its own the route can't be used");

        hot.set_fault(Fault::status(503)).await.unwrap();
        assert_eq!(yard.send(&ask).await.route(), "warm");
        let sent = &warm.requests().pop().unwrap().headers;
        assert!(
            !sent.values().any(|value| value.contains("1111")),
            "one vendor's key went to another: {sent:?}"
        );
    }
}

#[tokio::test]
async fn a_request_that_only_its_callers_key_can_pay_is_refused_and_not_promised_an_answer() {
    let yard = Yard::start().await;
    let hot = yard.add(Profile::new("hot").dialect(CHAT).keys([ONE])).await;
    yard.apply(&fast_map(&[merge(route(&hot), json!({ "auth": "passthrough" }))], &[])).await;
    let bearer = format!("Bearer {ONE}");
    let ask = Ask::chat("hello").header("x-switchyard-key", yard.key()).header("authorization", &bearer);
    hot.set_fault(Fault::status(503)).await.unwrap();
    let reply = yard.send(&ask).await;
    assert_eq!((reply.status, reply.header("x-switchyard-job-id")), (503, ""), "{reply:?}");
    assert!(reply.error(CHAT).1.contains("overloaded"), "{reply:?}");
    let reply = yard.chat("hello").await;
    assert!(reply.error(CHAT).1.contains("x-switchyard-key"), "the fix is named: {reply:?}");
    assert_eq!(yard.snapshot().await.cold.waiting, 0);
}

#[tokio::test]
async fn a_credentials_file_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let root = TempDir::new().unwrap();
    let start = Start::with_credentials(root.path(), &json!({ "hot": ONE }));
    let path = root.path().join("credentials.json");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    // It was named: to go on without it would be to lose every key in silence.
    let exit = start.refused(&root.path().join("data")).await;
    assert!(!exit.status.success() && exit.stderr.contains("chmod 600"), "{exit:?}");
}
