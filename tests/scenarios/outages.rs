//! A handful of the scripts of `cargo xtask sim`, on real sockets: the real router, simulated providers, and time that
//! runs faster, in the map's settings and in the script alike.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use switchyard_domain::{FailureKind, Tier};
use switchyard_outages::{Condition, Script, World, scripts};
use switchyard_sim::{Fault, FaultRule, ResetStage};
use switchyard_tests::{Ask, Kind, Reply, Yard, fast_map, merge};

/// Milliseconds of a script in a millisecond here: half an hour in five seconds.
const SPEED: u64 = 360;
/// An app asks this often.
const ASK_EVERY: Duration = Duration::from_millis(25);
/// An outage that is long for the script as for the router.
const LONG_MS: u64 = 35 * 60_000;
/// The script's providers here: home is Hot, the other one Warm.
const HOME: &str = "anthropic";
const OTHER: &str = "openai";

/// The router is looked at this often, for what it tells.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What the apps met, and what the router told.
#[derive(Debug, Default)]
struct Met {
    /// Events by id.
    told: BTreeMap<i64, Value>,
    requests: u64,
    answered: u64,
    /// Ids of queued requests.
    queued: Vec<String>,
    /// Whatever else came.
    other: Vec<String>,
}

impl Met {
    fn take(&mut self, reply: &Reply) {
        self.requests += 1;
        let job = reply.header("x-switchyard-job-id");
        if reply.status == 200 && reply.whole {
            self.answered += 1;
        } else if job.is_empty() {
            self.other.push(format!("{} {}", reply.status, String::from_utf8_lossy(&reply.body)));
        } else {
            self.queued.push(job.to_owned());
        }
    }

    fn hear(&mut self, snapshot: &Value) {
        for event in snapshot["events"].as_array().unwrap() {
            self.told.insert(event["id"].as_i64().unwrap(), event.clone());
        }
    }

    /// What was told of this kind.
    fn events(&self, kind: &str) -> Vec<&Value> {
        self.told.values().filter(|event| event["type"] == kind).collect()
    }

    fn answered_percent(&self) -> u64 {
        self.answered * 100 / self.requests.max(1)
    }
}

/// The first of a script's seeds that is of one home and one other provider, and fails in a way that waits for nothing.
fn script(name: &str) -> Script {
    script_with(name, |_| true)
}

/// The same, of those that are `as_asked`.
fn script_with(name: &str, as_asked: impl Fn(&Script) -> bool) -> Script {
    let named = scripts::find(name).unwrap();
    let quick = |script: &Script| {
        let conditions = script.ills.iter().map(|ill| script.condition(HOME, "", ill.span.from_ms));
        conditions.filter_map(|condition| condition.failing).all(|(_, kind)| fault_of(kind).is_some())
    };
    (1..500)
        .map(|seed| scripts::script(named, seed))
        .find(|script| script.world == World::Lean && quick(script) && as_asked(script))
        .unwrap()
}

/// A 529 is not among them: the half minute its route is left alone for is no setting, and does not run faster.
fn fault_of(kind: FailureKind) -> Option<Fault> {
    let quick = [
        (FailureKind::ServerError, Fault::status(500)),
        (FailureKind::Reset, Fault::Reset { stage: ResetStage::Request }),
    ];
    quick.into_iter().find(|(of, _)| *of == kind).map(|(_, fault)| fault)
}

/// How a condition is played by a provider; nothing when it is well.
fn rule_of(condition: Condition) -> Option<FaultRule> {
    let (percent, fault) = if let Some((percent, _)) = condition.limited {
        (percent, Fault::Status { code: 429, retry_after_s: Some(1), body: None })
    } else {
        let (percent, kind) = condition.failing?;
        (percent, fault_of(kind)?)
    };
    Some(FaultRule { probability: Some(percent / 100.0), ..FaultRule::from(fault) })
}

/// The default numbers of triggers, shifts and failbacks, as much faster as the script.
fn settings() -> Value {
    let fast = |ms: u64| ms / SPEED;
    json!({
        "breaker": { "halfOpenEveryMs": fast(30_000), "halfOpenMostMs": fast(300_000) },
        "triggers": {
            "windowMs": fast(300_000).max(1_000), "errorSustainedMs": fast(600_000),
            "recoverMs": fast(120_000), "p95SustainedMs": fast(300_000),
            // Time is faster, calls are not: a test call each few minutes is all an ill provider gets.
            "minCalls": 8,
        },
        // Loopback answers in a millisecond, and a busy machine in thirty: that is no slowdown.
        "shift": { "trialEveryMs": fast(30_000), "slowdownPercent": 10_000 },
        "failback": { "healthyMs": fast(1_800_000), "errorMs": fast(1_800_000), "stepMs": fast(180_000) },
        "cold": { "maxAttempts": 100 },
    })
}

/// Plays a script while apps ask; returns what they met, once its last trouble is over.
async fn play(yard: &Yard, script: &Script) -> Met {
    let mut turns: Vec<u64> = script.ills.iter().flat_map(|ill| [ill.span.from_ms, ill.span.to_ms]).collect();
    turns.sort_unstable();
    turns.dedup();
    let troubles = async {
        let mut at_ms = turns[0].saturating_sub(60_000);
        for turn in turns {
            // A script's time passes here as it does for the router.
            tokio::time::sleep(Duration::from_millis((turn - at_ms) / SPEED)).await;
            at_ms = turn;
            for name in [HOME, OTHER] {
                let provider = yard.provider(name);
                provider.heal().await.unwrap();
                if let Some(rule) = rule_of(script.condition(name, name, turn)) {
                    provider.set_fault(rule).await.unwrap();
                }
            }
        }
    };
    asked_during(yard, troubles).await
}

/// Asks at a steady pace, streams and whole answers in turn, until `time` is over.
async fn asked_during(yard: &Yard, time: impl Future<Output = ()>) -> Met {
    let (mut met, mut under_way) = (Met::default(), FuturesUnordered::new());
    let mut pace = tokio::time::interval(ASK_EVERY);
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut streaming = false;
    let mut time = std::pin::pin!(time);
    loop {
        tokio::select! {
            () = &mut time => break,
            _ = pace.tick() => {
                streaming = !streaming;
                let ask = Ask::chat("How is the weather?").streaming(streaming);
                under_way.push(async move { yard.send(&ask).await });
            }
            Some(reply) = under_way.next(), if !under_way.is_empty() => met.take(&reply),
            _ = look.tick() => met.hear(&yard.get("/v1/snapshot").await),
        }
    }
    while let Some(reply) = under_way.next().await {
        met.take(&reply);
    }
    met.hear(&yard.get("/v1/snapshot").await);
    met
}

async fn yard() -> Yard {
    let yard = Yard::start().await;
    let mut routes = Vec::new();
    for name in [HOME, OTHER] {
        routes.push(yard.added(Kind::Chat, name).await);
    }
    let map = merge(fast_map(&routes[..1], &routes[1..]), settings());
    yard.apply(&map).await;
    yard
}

/// Nothing that was accepted is lost: each request was answered, or is in the queue and answered from there.
async fn nothing_is_lost(yard: &Yard, met: &Met) {
    assert!(met.other.is_empty(), "neither answered nor queued: {:?}", met.other);
    assert_eq!(met.answered + met.queued.len() as u64, met.requests);
    for job in &met.queued {
        yard.wait_for_job(job, "done").await;
    }
}

#[tokio::test]
async fn blips_move_no_traffic_and_are_not_felt() {
    let yard = yard().await;
    let met = play(&yard, &script("blip")).await;
    nothing_is_lost(&yard, &met).await;
    assert_eq!(met.answered, met.requests, "{met:?}");
    assert_eq!(met.events("shift_started"), Vec::<&Value>::new());
}

#[tokio::test]
async fn a_total_outage_moves_traffic_away_and_brings_it_home_when_it_is_over() {
    let yard = yard().await;
    // The router looks once a second, which is six minutes here: a shorter outage may be over when it would leave.
    let long = |script: &Script| script.ills.iter().any(|ill| ill.span.length_ms() >= LONG_MS);
    let met = play(&yard, &script_with("total", long)).await;
    nothing_is_lost(&yard, &met).await;
    assert!(met.answered_percent() >= 99, "{met:?}");
    let started = met.events("shift_started");
    assert_eq!(started.len(), 1, "{started:?}");
    assert_eq!((&started[0]["provider"], &started[0]["actor"]), (&json!(HOME), &json!("router")));
    assert_eq!(yard.snapshot().await.status.tier, Tier::Warm, "it does not come home at once");

    let home = yard.wait_for("the traffic to be home", |snapshot| {
        snapshot.shifts.is_empty() && snapshot.status.tier == Tier::Hot
    });
    let on_the_way = asked_during(&yard, async { drop(home.await) }).await;
    nothing_is_lost(&yard, &on_the_way).await;
    assert_eq!(on_the_way.answered, on_the_way.requests);
    assert_eq!(yard.chat("hello").await.route(), HOME);
    assert!(!on_the_way.events("failback_started").is_empty());
}

#[tokio::test]
async fn with_every_provider_out_requests_wait_in_the_queue_and_are_all_answered() {
    let yard = yard().await;
    let met = play(&yard, &script("everyone")).await;
    assert!(!met.queued.is_empty(), "{met:?}");
    // Jobs that came while a circuit was being tested don't sit out the half minute of one nothing is known of.
    let all_done = tokio::time::timeout(Duration::from_secs(20), nothing_is_lost(&yard, &met)).await;
    all_done.expect("the queue goes on as soon as a provider is back");
}

#[tokio::test]
async fn a_storm_of_rate_limits_is_not_felt() {
    let yard = yard().await;
    let met = play(&yard, &script("rate-limits")).await;
    nothing_is_lost(&yard, &met).await;
    assert_eq!(met.answered, met.requests, "{met:?}");
    assert_eq!(met.events("circuit_opened"), Vec::<&Value>::new(), "a 429 is no breaker's matter");
}

#[tokio::test]
async fn a_flapping_provider_is_not_felt() {
    let yard = yard().await;
    let met = play(&yard, &script("flap")).await;
    nothing_is_lost(&yard, &met).await;
    assert!(met.answered_percent() >= 99, "{met:?}");
    assert!(!met.events("circuit_opened").is_empty());
}
