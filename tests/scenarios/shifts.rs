//! Traffic is moved, watched, held, brought home and split, by command and by itself, also across a power cut.

use serde_json::{Value, json};
use switchyard_domain::operate::{ShiftPhase, ShiftView};
use switchyard_domain::view::Snapshot;
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Told, Yard, within};

const CHAT: Dialect = Dialect::OpenaiChat;

async fn yard(more: Value) -> Yard {
    Yard::over(&[CHAT], &[CHAT, CHAT], more).await
}

fn done(told: Told) -> String {
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    told.out
}

async fn switchyard(yard: &Yard, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    done(yard.cli(&words, "").await)
}

fn only(snapshot: &Snapshot) -> Option<&ShiftView> {
    snapshot.shifts.first()
}

fn stands(snapshot: &Snapshot, phase: ShiftPhase) -> bool {
    only(snapshot).is_some_and(|shift| shift.phase == phase)
}

/// Which routes answer so many requests.
async fn answers(yard: &Yard, requests: usize) -> Vec<String> {
    let mut routes = Vec::new();
    for n in 0..requests {
        routes.push(yard.chat(&format!("request {n}")).await.route().to_owned());
    }
    routes
}

#[tokio::test]
async fn a_failover_by_command_moves_the_next_request_and_a_failback_brings_it_home() {
    let yard = yard(json!({})).await;
    assert_eq!(answers(&yard, 2).await, ["hot", "hot"]);
    let told =
        switchyard(&yard, "failover --from provider:hot --to warm2 --mode immediate --reason slow").await;
    assert!(told.contains("100 % of hot's traffic goes to warm2"), "{told}");
    assert_eq!(answers(&yard, 3).await, ["warm2", "warm2", "warm2"]);
    let status = yard.snapshot().await.status;
    assert!(status.sentence.contains("traffic was moved: slow"), "{}", status.sentence);

    let again = yard.cli(&["failover", "--from", "provider:hot", "--to", "warm2"], "").await;
    assert!(again.code == Some(1) && again.err.contains("switchyard failback 1"), "{}", again.err);
    let wrong = yard.cli(&["failover", "--from", "mistral"], "").await;
    assert!(
        wrong.code == Some(1) && wrong.err.contains("from: ") && wrong.err.contains("warm2"),
        "{}",
        wrong.err
    );

    switchyard(&yard, "failback --now --reason better").await;
    assert_eq!(answers(&yard, 2).await, ["hot", "hot"]);
    let audit = yard.get("/v1/audit").await;
    let noted: Vec<(&str, &str, &str)> = audit
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (&entry["action"], &entry["actor"], &entry["reason"]))
        .map(|(action, actor, reason)| {
            (action.as_str().unwrap(), actor.as_str().unwrap(), reason.as_str().unwrap_or(""))
        })
        .filter(|(action, ..)| action.starts_with("shift."))
        .collect();
    assert_eq!(noted, [("shift.take_back", "cli", "better"), ("shift.start", "cli", "slow")]);
}

#[tokio::test]
async fn when_the_other_side_fails_a_moved_request_still_finds_its_old_home() {
    let yard = yard(json!({})).await;
    switchyard(&yard, "failover --from provider:hot --mode immediate").await;
    for name in ["warm", "warm2"] {
        yard.provider(name).set_fault(Fault::status(503)).await.unwrap();
    }
    assert_eq!(answers(&yard, 1).await, ["hot"]);
}

#[tokio::test]
async fn a_shift_takes_its_steps_and_comes_home_by_itself_once_home_is_well() {
    let quick = json!({
        "shift": { "gradualStepMs": 300, "trialEveryMs": 50 },
        "failback": { "healthyMs": 1_500, "errorMs": 1_500, "stepMs": 100, "minCalls": 3 },
    });
    let yard = yard(quick).await;
    switchyard(&yard, "failover --from provider:hot --mode gradual").await;
    yard.wait_for("all traffic to have left", |snapshot| stands(snapshot, ShiftPhase::Away)).await;
    let routes = answers(&yard, 12).await;
    assert!(routes.contains(&"warm".to_owned()), "{routes:?}");
    let mut trials = 0;
    within("three trials of home", async {
        while trials < 3 {
            trials += usize::from(yard.chat("is home well?").await.route() == "hot");
        }
    })
    .await;
    yard.wait_for("traffic to be home", |snapshot| snapshot.shifts.is_empty()).await;
    assert_eq!(answers(&yard, 2).await, ["hot", "hot"]);
    let events = yard.event_types().await;
    for told in ["shift_started", "shift_moved", "failback_started", "shift_ended"] {
        assert!(events.iter().any(|event| event == told), "{told}: {events:?}");
    }
    let audit = yard.get("/v1/audit").await.to_string();
    assert!(audit.contains("shift.failback") && audit.contains(r#""actor":"router""#), "{audit}");
}

#[tokio::test]
async fn a_new_side_that_fails_sends_traffic_back_by_itself() {
    let yard =
        yard(json!({ "breaker": { "consecutiveFailures": 2 }, "shift": { "gradualStepMs": 60_000 } })).await;
    switchyard(&yard, "failover --from provider:hot --to provider:warm --mode gradual").await;
    yard.provider("warm").set_fault(Fault::status(500)).await.unwrap();
    within("a moved request to meet the ill side", async {
        while yard.provider("warm").calls() < 2 {
            assert_eq!(yard.chat("is anyone there?").await.status, 200);
        }
    })
    .await;
    yard.wait_for("the shift to be reversed", |snapshot| snapshot.shifts.is_empty()).await;
    assert!(yard.event_types().await.iter().any(|event| event == "shift_reversed"));
    assert_eq!(answers(&yard, 2).await, ["hot", "hot"]);
}

#[tokio::test]
async fn shifts_holds_and_weights_outlive_a_power_cut() {
    let mut yard = yard(json!({})).await;
    switchyard(&yard, "failover --from provider:hot --mode gradual --reason test").await;
    switchyard(&yard, "hold --reason lunch").await;
    switchyard(&yard, "shift set warm2:1,provider:warm:0 --over 0s").await;
    let before = yard.snapshot().await;
    yard.kill9().await;
    yard.restart().await;
    let after = yard.snapshot().await;
    let (was, is) = (only(&before).unwrap(), only(&after).unwrap());
    assert_eq!((is.id, is.phase, is.share_percent), (was.id, ShiftPhase::Leaving, 50));
    assert_eq!(is.held.as_ref().map(|held| (held.by.as_str(), held.reason.as_str())), Some(("cli", "lunch")));
    let goals = |snapshot: &Snapshot| snapshot.distribution.clone().unwrap().weights;
    assert_eq!(goals(&before), goals(&after));
    assert_eq!(answers(&yard, 3).await, ["warm2", "warm2", "warm2"]);
    switchyard(&yard, "hold --off").await;
    let listed: Value = serde_json::from_str(&switchyard(&yard, "shift list --json").await).unwrap();
    assert_eq!(listed["shifts"][0]["held"], Value::Null, "{listed}");
    assert!(listed["shifts"][0]["waitsFor"].as_str().unwrap().contains("75 % go elsewhere"), "{listed}");
}

#[tokio::test]
async fn a_conversation_stays_where_it_is_while_traffic_is_split() {
    let yard = yard(json!({})).await;
    switchyard(&yard, "shift set provider:hot:1,provider:warm:1,warm2:1 --over 0s").await;
    let mut met = std::collections::BTreeSet::new();
    for talk in 0..12 {
        let ask = Ask::chat("hello").header("x-switchyard-conversation", &format!("talk {talk}"));
        let first = yard.send(&ask).await.route().to_owned();
        for _ in 0..3 {
            assert_eq!(yard.send(&ask).await.route(), first, "talk {talk}");
        }
        met.insert(first);
    }
    assert!(met.len() > 1, "all twelve on {met:?}");
    switchyard(&yard, "shift clear").await;
    assert_eq!(answers(&yard, 3).await, ["hot", "hot", "hot"]);
}

/// The newest entry of the audit log: its number.
async fn newest(yard: &Yard) -> String {
    yard.get("/v1/audit?limit=1").await[0]["id"].to_string()
}

type How = Option<(u32, bool, bool)>;

/// Origin's share that is moved, whether it is held and whether it comes home; none without a shift.
async fn how(yard: &Yard) -> How {
    let snapshot = yard.snapshot().await;
    only(&snapshot)
        .map(|shift| (shift.share_percent, shift.held.is_some(), shift.phase == ShiftPhase::Returning))
}

#[tokio::test]
async fn whatever_was_said_of_a_shift_is_set_back_from_the_audit_log() {
    let yard = yard(json!({})).await;
    // What is said, and how the shift stands before and after it.
    let moved = "failover --from provider:hot --to provider:warm --mode immediate --percent 40 --reason slow";
    let said: [(&str, How); 7] = [
        (moved, Some((40, false, false))),
        (
            "failover --from provider:hot --to provider:warm --mode immediate --reason more",
            Some((100, false, false)),
        ),
        ("hold --reason lunch", Some((100, true, false))),
        ("hold --off", Some((100, false, false))),
        ("failback --reason home", Some((90, false, true))),
        ("hold", Some((90, true, true))),
        ("failback --now", None),
    ];
    let mut before = None;
    for (line, after) in said {
        switchyard(&yard, line).await;
        assert_eq!(how(&yard).await, after, "{line}");
        let id = newest(&yard).await;
        let told = switchyard(&yard, &format!("audit rollback {id}")).await;
        assert!(told.contains(&format!("Rolled back #{id}")), "{told}");
        // A way home that was cut short begins anew, from the share that is away.
        let alike = |how: How| how.map(|(share, held, home)| (share * u32::from(!home), held, home));
        assert_eq!(alike(how(&yard).await), alike(before), "{line}");
        let again = yard.cli(&["audit", "rollback", &id], "").await;
        let why = ["Nothing to roll back", "is over by now"].iter().any(|why| again.err.contains(why));
        assert!(again.code == Some(1) && why, "{line}: {}", again.err);
        assert_eq!(alike(how(&yard).await), alike(before), "{line}");
        let undone = newest(&yard).await;
        switchyard(&yard, &format!("audit rollback {undone}")).await;
        assert_eq!(alike(how(&yard).await), alike(after), "{line}: a rollback can be rolled back");
        before = after;
    }
    assert_eq!(answers(&yard, 2).await, ["hot", "hot"]);
}

#[tokio::test]
async fn a_rollback_that_comes_too_late_says_what_happened_since_and_changes_nothing() {
    let yard = yard(json!({})).await;
    switchyard(&yard, "failover --from provider:hot --mode immediate --reason slow").await;
    let begun = newest(&yard).await;
    switchyard(&yard, "hold --reason lunch").await;
    let refused = yard.cli(&["audit", "rollback", &begun], "").await;
    assert!(refused.code == Some(1) && refused.err.contains("it is held"), "{}", refused.err);
    assert_eq!(how(&yard).await, Some((100, true, false)));
    // Saying it twice changes nothing that could be set back.
    switchyard(&yard, "hold --reason lunch").await;
    let twice = newest(&yard).await;
    let refused = yard.cli(&["audit", "rollback", &twice], "").await;
    assert!(refused.code == Some(1) && refused.err.contains("can't be rolled back"), "{}", refused.err);

    switchyard(&yard, "shift set provider:warm:1,warm2:3 --over 0s --reason price").await;
    let split = newest(&yard).await;
    switchyard(&yard, "shift set warm2:1 --over 0s").await;
    let refused = yard.cli(&["audit", "rollback", &split], "").await;
    assert!(refused.code == Some(1) && refused.err.contains("changed again since"), "{}", refused.err);
    switchyard(&yard, &format!("audit rollback {}", newest(&yard).await)).await;
    let weights = yard.snapshot().await.distribution.unwrap().weights;
    let goals: Vec<String> = weights.iter().map(|weight| format!("{:.0}", weight.goal_percent)).collect();
    assert_eq!(goals, ["25", "75"], "{weights:?}");
    switchyard(&yard, &format!("audit rollback {split}")).await;
    assert!(yard.snapshot().await.distribution.is_none(), "as the map says");
}

#[tokio::test]
async fn saying_a_failover_twice_skips_no_watched_step() {
    let yard = yard(json!({ "shift": { "gradualStepMs": 60_000 } })).await;
    let line = "failover --from provider:hot --to provider:warm --mode gradual";
    switchyard(&yard, line).await;
    let words: Vec<&str> = line.split(' ').collect();
    let again = yard.cli(&words, "").await;
    assert!(again.code == Some(1) && again.err.contains("already"), "{}", again.err);
    assert_eq!(how(&yard).await, Some((50, false, false)));
}
