//! The operating system's keychain. The scenarios over a real secret service run where there is one:
//! `SWITCHYARD_TEST_KEYCHAIN=1` says so, and then they must not fail for want of it.

use serde_json::json;
use switchyard_sim::{Dialect, KeyState, Profile};
use switchyard_tests::{Start, Yard, fast_map, merge, route};

const KEY: &str = "sk-kept-in-the-keychain-1234";

fn with_bus(address: &str) -> Start {
    let env = vec![("DBUS_SESSION_BUS_ADDRESS".to_owned(), address.to_owned())];
    Start { keychain: true, env, ..Start::default() }
}

#[tokio::test]
async fn keychain_missing_says_so_and_names_the_alternatives() {
    let yard = Yard::start_with(with_bus("unix:path=/nonexistent")).await;
    let hot = yard.add(Profile::new("hot").dialect(Dialect::OpenaiChat).keys([KEY])).await;
    let warm = yard.add(Profile::new("warm").dialect(Dialect::OpenaiChat)).await;
    yard.apply(&fast_map(&[merge(route(&hot), json!({ "auth": "bearer" }))], &[route(&warm)])).await;
    let snapshot = yard.wait_for("the keychain to be judged", |snapshot| !snapshot.keychain.available).await;
    let problem = snapshot.keychain.problem.unwrap();
    let (status, refused) = yard.put("/v1/credentials/hot", &json!({ "value": KEY })).await;
    assert_eq!((status, refused["code"].as_str().unwrap()), (503, "keychain_unavailable"));
    for text in [problem.as_str(), refused["message"].as_str().unwrap()] {
        assert!(text.contains("keychain"), "{text}");
        assert!(text.contains("--credentials-file") && text.contains("environment"), "{text}");
        assert!(!text.contains(KEY));
    }
    assert_eq!(yard.chat("hello").await.route(), "warm", "the router works without it");
    assert!(yard.event_types().await.contains(&"keychain_unavailable".to_owned()));
}

#[tokio::test]
async fn keychain_keeps_a_key_across_restarts_until_it_is_removed() {
    if std::env::var("SWITCHYARD_TEST_KEYCHAIN").as_deref() != Ok("1") {
        return;
    }
    let bus = std::env::var("DBUS_SESSION_BUS_ADDRESS").unwrap();
    let mut yard = Yard::start_with(with_bus(&bus)).await;
    // A name of its own: the keychain is the machine's, not this world's.
    let name = format!("switchyard-scenario-{}", std::process::id());
    let hot = yard.add(Profile::new("hot").dialect(Dialect::OpenaiChat).keys([KEY])).await;
    let map = fast_map(&[merge(route(&hot), json!({ "auth": "bearer", "credential": name }))], &[]);
    yard.apply(&map).await;
    assert!(yard.snapshot().await.keychain.available);

    let credential = format!("/v1/credentials/{name}");
    let (status, problem) = yard.put(&credential, &json!({ "value": KEY })).await;
    assert_eq!(status, 204, "{problem}");
    assert_eq!(yard.chat("hello").await.way(), ("hot", 1, false));
    let (_, test) = yard.post(&format!("{credential}/test"), &json!({})).await;
    assert_eq!(test["ok"], true, "{test}");
    let listed = yard.get("/v1/credentials").await;
    let own =
        listed["credentials"].as_array().unwrap().iter().find(|c| c["name"] == json!(name)).unwrap().clone();
    assert_eq!((&own["foundIn"], &own["hint"]), (&json!("keychain"), &json!("…1234")));

    yard.restart().await;
    assert_eq!(
        yard.chat("hello").await.way(),
        ("hot", 1, false),
        "the first request after a start has its key"
    );
    hot.set_key(KEY, KeyState::Revoked);
    let (_, test) = yard.post(&format!("{credential}/test"), &json!({})).await;
    assert_eq!(test["ok"], false, "{test}");

    assert_eq!(yard.delete(&credential).await.0, 204);
    assert_eq!(yard.delete(&credential).await.0, 404);
    let (status, problem) = yard.post(&format!("{credential}/test"), &json!({})).await;
    assert_eq!(status, 404, "{problem}");
}
