//! The command line, against a running router and without one.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault, Profile};
use switchyard_tests::{Ask, Start, Told, Yard, fast_map, merge, route};
use tempfile::TempDir;

const CHAT: Dialect = Dialect::OpenaiChat;

fn done(told: &Told) -> &str {
    assert_eq!(told.code, Some(0), "{told:?}");
    &told.out
}

#[tokio::test]
async fn a_map_is_checked_applied_compared_and_restored() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({})).await;
    let faulty = yard.root().join("faulty.json");
    std::fs::write(&faulty, r#"{ "hot": [{ "model": "m" }], "retry": { "attempts": 9 } }"#).unwrap();
    let faulty = faulty.to_str().unwrap();
    for verb in ["check", "apply"] {
        let told = yard.cli(&["map", verb, faulty], "").await;
        let said = format!("{}{}", told.out, told.err);
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(said.contains("hot[0].provider: ") && said.contains("retry.attempts: "), "{told:?}");
    }
    let next = fast_map(&[route(&yard.provider("warm"))], &[]).to_string();
    done(&yard.cli(&["map", "check", "-"], &next).await);
    done(&yard.cli(&["map", "apply", "-", "--base", "1", "--reason", "a quiet week"], &next).await);
    assert_eq!(yard.chat("hello").await.completion(CHAT).model, "warm-1");
    assert_eq!(done(&yard.cli(&["map", "show"], "").await).trim_end(), next);
    let stale = yard.cli(&["map", "apply", "-", "--base", "1"], &next).await;
    assert!(stale.code == Some(1) && stale.err.contains("version 2"), "{stale:?}");
    assert!(done(&yard.cli(&["map", "diff", "1", "2"], "").await).contains("v1"));
    let history = yard.cli(&["map", "history", "--json"], "").await;
    let history: Value = serde_json::from_str(done(&history)).unwrap();
    assert_eq!((&history[0]["source"], &history[0]["reason"]), (&json!("cli"), &json!("a quiet week")));
    done(&yard.cli(&["map", "restore", "1"], "").await);
    assert_eq!(yard.chat("hello").await.completion(CHAT).model, "hot-1");
}

#[tokio::test]
async fn a_key_is_stored_tested_listed_and_removed_and_never_shown() {
    const KEY: &str = "sk-typed-at-the-prompt-7777";
    let root = TempDir::new().unwrap();
    let start = Start::with_credentials(root.path(), &json!({}));
    let yard = Yard::start_in(root, start).await;
    let hot = yard.add(Profile::new("hot").dialect(CHAT).keys([KEY])).await;
    yard.apply(&fast_map(&[merge(route(&hot), json!({ "auth": "bearer" }))], &[])).await;
    let mut said = String::new();
    for (args, input, code, naming) in [
        (["credential", "test", "hot"].as_slice(), "", 1, "switchyard credential set hot"),
        (&["credential", "set", "hot"], "sk-with a space", 1, "Paste it again"),
        (&["credential", "set", "hot"], "", 1, "key"),
        (&["credential", "set", "hot"], concat!("sk-typed-at-the-prompt-7777", "\n"), 0, "hot"),
        (&["credential", "test", "hot"], "", 0, "accepts"),
        (&["credential", "list"], "", 0, "7777"),
        (&["credential", "remove", "hot"], "", 0, "hot"),
        (&["credential", "remove", "hot"], "", 1, "hot"),
    ] {
        let told = yard.cli(args, input).await;
        assert_eq!(told.code, Some(code), "{args:?}: {told:?}");
        assert!(format!("{}{}", told.out, told.err).contains(naming), "{args:?}: {told:?}");
        said += &format!("{told:?}");
    }
    assert!(!said.contains(KEY), "{said}");
}

#[tokio::test]
async fn the_router_is_watched_paused_and_steered() {
    let yard =
        Yard::over(&[CHAT], &[CHAT], json!({ "cold": { "maxAttempts": 1 }, "retry": { "attempts": 1 } }))
            .await;
    assert_eq!(done(&yard.cli(&["client", "key"], "").await).trim(), yard.key());
    assert!(done(&yard.cli(&["health"], "").await).len() < 500);
    assert!(done(&yard.cli(&["status"], "").await).contains("Nothing was asked yet"));
    let sent = yard.cli(&["test-request", "--prompt", "Say hello"], "").await;
    assert!(done(&sent).contains("[hot-1 @ hot]"), "{sent:?}");
    assert!(done(&yard.cli(&["status"], "").await).contains("All clear."));

    done(&yard.cli(&["pause", "--reason", "bill too high"], "").await);
    assert!(done(&yard.cli(&["status"], "").await).contains("bill too high"));
    done(&yard.cli(&["resume"], "").await);
    done(&yard.cli(&["route", "off", "hot"], "").await);
    assert_eq!(yard.chat("hello").await.route(), "warm");
    let unknown = yard.cli(&["route", "off", "hto"], "").await;
    assert!(unknown.code == Some(1) && unknown.err.contains("hot, warm"), "{unknown:?}");
    done(&yard.cli(&["route", "on", "hot"], "").await);

    for name in ["hot", "warm"] {
        yard.provider(name).set_fault(Fault::status(500)).await.unwrap();
    }
    let id = yard.chat("hello").await.json()["id"].as_str().unwrap().to_owned();
    yard.wait_for_job(&id, "dead").await;
    assert!(done(&yard.cli(&["queue", "list", "--state", "dead"], "").await).contains(&id));
    yard.provider("hot").heal().await.unwrap();
    done(&yard.cli(&["queue", "replay", &id], "").await);
    yard.wait_for_job(&id, "done").await;
    let again = yard.cli(&["queue", "discard", &id], "").await;
    assert!(again.code == Some(1) && again.err.contains("done"), "{again:?}");
    assert!(done(&yard.cli(&["requests"], "").await).contains("hot"));
}

#[tokio::test]
async fn an_app_gets_its_own_key_and_loses_it() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let told = yard.cli(&["client", "add", "n8n"], "").await;
    let key = done(&told).split_whitespace().find(|word| word.starts_with("sy_")).unwrap().to_owned();
    let ask = Ask::chat("hello").header("authorization", &format!("Bearer {key}"));
    assert_eq!(yard.send(&ask).await.status, 200);
    assert_eq!(yard.get("/v1/requests?limit=1").await[0]["client"], "n8n");
    assert!(done(&yard.cli(&["client", "list"], "").await).contains("n8n"));
    done(&yard.cli(&["client", "remove", "n8n"], "").await);
    assert_eq!(yard.send(&ask).await.status, 401);
}

#[tokio::test]
async fn without_a_router_each_command_says_how_to_start_one() {
    let mut yard = Yard::start().await;
    yard.kill9().await;
    for args in [["status"].as_slice(), &["map", "show"], &["pause"], &["queue", "list"], &["health"]] {
        let told = yard.cli(args, "").await;
        assert_eq!(told.code, Some(1), "{args:?}: {told:?}");
        assert!(told.err.contains("switchyard serve"), "{args:?}: {told:?}");
    }
}

#[tokio::test]
async fn a_slip_is_answered_with_what_was_meant_and_changes_nothing() {
    let yard = Yard::over(&[CHAT], &[CHAT], json!({ "jobs": { "summary": {} } })).await;
    let before = yard.get("/v1/audit").await;
    // What was typed, the exit code, and what the answer has to name.
    let cases: &[(&str, i32, &[&str])] = &[
        ("failover --from hott", 1, &["from", "Did you mean `hot`?"]),
        ("failover --from hot --to wrm", 1, &["to:", "Did you mean `warm`?"]),
        ("failover --from hot --percent 0", 2, &["--percent", "1 to 100"]),
        ("failover --from hot --percent 101", 2, &["--percent", "1 to 100"]),
        ("failover --from hot --percent NaN", 2, &["--percent", "1 to 100"]),
        ("failover --from hot --percent -5", 2, &["--percent", "1 to 100"]),
        ("failover --from hot --mode sudden", 2, &["--mode", "immediate, gradual, canary"]),
        ("failover --from hot --reason=", 2, &["--reason", "empty"]),
        ("failover --except warmm", 1, &["Did you mean `warm`?"]),
        ("failover --except warm --for -2h", 2, &["--for", "2h30m"]),
        ("failover --except warm --for 400d", 2, &["--for", "365d"]),
        ("kill provider warmm", 1, &["Did you mean `warm`?"]),
        ("kill model hot-11", 1, &["Did you mean `hot-1`?"]),
        ("kill route warm22", 1, &["hot, warm"]),
        ("breaker open hott --reason test", 1, &["Did you mean `hot`?"]),
        ("breaker open hot --reason=", 2, &["--reason", "empty"]),
        ("override set sumary warm", 1, &["Did you mean `summary`?"]),
        ("override set summary hot-11", 1, &["Did you mean `hot-1`?"]),
        ("client bounds app --only warmm", 1, &["Did you mean `warm`?"]),
        ("shift set hott:1", 1, &["Did you mean `hot`?"]),
        ("shift set hot:0", 1, &["weights", "above 0"]),
        ("hold", 1, &["there is no shift"]),
        ("failback 7", 1, &["there is no shift"]),
        ("audit rollback seven", 2, &["seven", "like 12"]),
        ("incident show 7", 1, &["no incident 7", "switchyard incident list"]),
        ("incident note seven text", 2, &["seven", "like 12"]),
        ("incident emergency warmm", 1, &["Did you mean `warm`?"]),
        ("incident external add opnai down", 1, &["provider", "Did you mean `openai`?"]),
        ("incident external add openai down --at 2999-01-01", 1, &["atMs", "future"]),
        ("incident external add openai down --url ftp://x", 1, &["url", "https://"]),
        ("notice --since 1h --message=", 2, &["--message", "empty"]),
        ("notice --since soon --message hello", 1, &["soon", "30m"]),
        ("map set retry.attmpts=2", 1, &["retry.attmpts", "Did you mean `attempts`?"]),
        ("quality hot --score NaN --baseline 1", 2, &["--score", "from 0"]),
        ("causes --fix 3", 1, &["no cause 3"]),
    ];
    for (typed, code, named) in cases {
        let words: Vec<&str> = typed.split(' ').collect();
        let told = yard.cli(&words, "").await;
        assert_eq!(told.code, Some(*code), "{typed}: {told:?}");
        for name in *named {
            assert!(told.err.contains(name), "{typed}: no {name} in {}", told.err);
        }
        let lines: Vec<&str> = told.err.lines().map(|line| line.trim_start_matches("error: ")).collect();
        assert!(
            lines.windows(2).all(|two| two[0].is_empty() || two[0] != two[1]),
            "said twice: {}",
            told.err
        );
    }
    assert_eq!(yard.get("/v1/audit").await, before, "nothing was changed");
}
