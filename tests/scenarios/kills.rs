//! A hundred power cuts. Whatever a caller was promised by a 202 ends in exactly one way.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use switchyard_domain::view::JobState;
use switchyard_sim::{Dialect, Fault, FaultRule};
use switchyard_tests::{Ask, Yard, within};

const KILLS: u64 = 100;
const SEED: u64 = 0x5117_C4A2_D001;

/// `SplitMix64`: the same kills in the same order on every machine.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % (most + 1)
    }
}

/// What the router is in the middle of when the power goes.
async fn moment(yard: &Yard, dice: &mut Dice, answers: &mut tokio::sync::mpsc::UnboundedReceiver<()>) {
    let (hot, calls) = (yard.provider("hot"), yard.provider("hot").calls());
    match dice.up_to(3) {
        // As soon as the requests are on their way.
        0 => {
            for _ in 0..dice.up_to(40) {
                tokio::task::yield_now().await;
            }
        }
        // In the middle of the tries, or of the worker's.
        1 => {
            let some = calls + dice.up_to(12);
            // The round may be over before so many calls are made.
            let _ = tokio::select! {
                traffic = hot.wait_for(|traffic| traffic.calls >= some) => Some(traffic),
                () = async { while answers.recv().await.is_some() {} } => None,
            };
        }
        // Right behind an answer, the worker on its heels.
        2 => {
            within("an answer", answers.recv()).await;
        }
        // Once everything was answered.
        _ => while answers.recv().await.is_some() {},
    }
}

#[tokio::test]
async fn a_hundred_power_cuts_lose_nothing_and_answer_nothing_twice() {
    let patient = json!({
        "breaker": { "consecutiveFailures": 1_000 }, "retry": { "attempts": 1 },
        "cold": { "initialMs": 10, "maxMs": 40, "maxAttempts": 12, "concurrency": 8 },
    });
    let mut yard = Yard::over(&[Dialect::OpenaiChat], &[Dialect::Anthropic], patient).await;
    let (hot, warm) = (yard.provider("hot"), yard.provider("warm"));
    let mut dice = Dice(SEED);
    let mut promised: Vec<String> = Vec::new();
    let mut answered = 0_u32;
    for round in 0..KILLS {
        // Mostly an outage; now and then some requests and some of the queue get through.
        let outage = if dice.up_to(3) == 0 { 0.6 } else { 1.0 };
        for provider in [&hot, &warm] {
            provider.set_fault(FaultRule::from(Fault::status(500)).with_probability(outage)).await.unwrap();
        }
        let (told, mut answers) = tokio::sync::mpsc::unbounded_channel();
        let asked: Vec<_> = (0..=dice.up_to(3))
            .map(|n| {
                let dialect = if dice.up_to(1) == 0 { Dialect::OpenaiChat } else { Dialect::Anthropic };
                let request = yard.request(&Ask::new(dialect, &format!("round {round} request {n}")));
                let told = told.clone();
                tokio::spawn(async move {
                    // What the power cut took from the caller was never promised.
                    let response = request.send().await.ok()?;
                    let status = response.status().as_u16();
                    let body: serde_json::Value = response.json().await.ok()?;
                    // Nobody listens any more once the moment has come.
                    let _ = told.send(());
                    Some((status, body))
                })
            })
            .collect();
        drop(told);
        moment(&yard, &mut dice, &mut answers).await;
        yard.kill9().await;
        for (status, body) in join_all(asked).await.into_iter().filter_map(Result::unwrap) {
            match status {
                202 => promised.push(body["id"].as_str().unwrap().to_owned()),
                200 => answered += 1,
                other => panic!("round {round}: {other} {body}"),
            }
        }
        yard.restart().await;
    }
    assert!(promised.len() > 50 && answered > 0, "{} promised, {answered} answered", promised.len());

    for provider in [&hot, &warm] {
        provider.set_fault(Fault::status(500)).await.unwrap();
    }
    let hopeless = yard.chat("nobody will answer this").await.json()["id"].as_str().unwrap().to_owned();
    yard.wait_for_job(&hopeless, "dead").await;
    promised.push(hopeless);
    hot.heal().await.unwrap();
    warm.heal().await.unwrap();
    yard.wait_for("the queue to be worked off", |snapshot| snapshot.cold.waiting == 0).await;
    let mut ended = BTreeMap::<String, u32>::new();
    for id in &promised {
        let polled = yard.poll(id).await;
        let status = polled["status"].as_str().unwrap().to_owned();
        assert!(["done", "dead"].contains(&status.as_str()), "{polled}");
        assert_eq!(polled.get("result").is_some(), status == "done", "{polled}");
        *ended.entry(status).or_default() += 1;
    }
    assert_eq!(ended.len(), 2, "the kills met both ways to end: {ended:?}");
    assert_eq!(yard.snapshot().await.status.lost, 0);

    #[cfg(unix)]
    yard.process().terminate();
    assert!(yard.take_process().ended().await.0.success());
    let ends = ends(&yard).await;
    for id in &promised {
        assert_eq!(ends.get(id), Some(&1), "{id} ended {:?} times", ends.get(id));
    }
    let stray: Vec<_> = ends.iter().filter(|(_, times)| **times != 1).collect();
    assert!(stray.is_empty(), "jobs whose 202 was lost on the way end once too: {stray:?}");
}

/// How often each job of the database entered a state it does not leave by itself.
async fn ends(yard: &Yard) -> BTreeMap<String, usize> {
    let path = yard.data_dir().join("switchyard.db");
    let mut database = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT queue.id, job_transitions.to_state FROM queue JOIN job_transitions ON job_transitions.job = queue.id",
    )
    .fetch_all(&mut database)
    .await
    .unwrap();
    let mut ends = BTreeMap::new();
    for (id, state) in rows {
        *ends.entry(id).or_default() += usize::from(JobState::parse(&state).unwrap().is_terminal());
    }
    ends
}
