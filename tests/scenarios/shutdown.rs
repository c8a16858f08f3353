//! A router that is told to stop while requests are under way: what outlives the grace hears so in its own dialect, is
//! kept in the queue, or is refused. Nothing is cut silently.

#![cfg(unix)]

use futures_util::future::join_all;
use serde_json::json;
use switchyard_domain::view::Outcome;
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, CALLERS, Kind, Yard};

const CODE: &str = "router_stopping";

fn question(caller: Dialect, job: &str) -> Ask {
    Ask::new(caller, "Tell me of Lisbon and of its trams").job(job)
}

/// How a request is under way when the grace ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Under {
    /// Its stream has begun.
    Stream,
    /// Its stream broke off and is carried on by another route.
    Rescued,
    /// Its stream broke off, and another route is being asked for the rest.
    Asking,
    /// It has no answer yet, and wants a stream.
    StreamUnanswered,
    /// It has no answer yet.
    Unanswered,
}

#[tokio::test]
async fn what_outlives_the_grace_hears_so_in_its_callers_dialect() {
    let patient = json!({
        "timeouts": { "firstByteMs": 60_000, "firstTokenMs": 60_000, "idleMs": 60_000 }, "sloMs": 120_000,
    });
    let mut yard = Yard::of_every_kind(patient).await;
    let stalled = [Kind::Chat, Kind::Responses, Kind::Anthropic, Kind::Gemini, Kind::Bedrock];
    for kind in stalled {
        yard.provider(kind.name()).set_fault(Fault::StallStream { after_chunks: 2 }).await.unwrap();
    }
    let (cut, silent) = (Kind::Vertex, Kind::Azure);
    yard.provider(cut.name()).set_fault(Fault::CutStream { after_chunks: 2 }).await.unwrap();
    yard.provider(silent.name()).set_fault(Fault::Silence).await.unwrap();
    let mut cases: Vec<(Dialect, Under, Ask)> = Vec::new();
    for caller in CALLERS {
        for kind in stalled {
            cases.push((caller, Under::Stream, question(caller, &kind.then(silent)).streaming(true)));
        }
        cases.push((caller, Under::Rescued, question(caller, &cut.then(Kind::Chat)).streaming(true)));
        cases.push((caller, Under::Asking, question(caller, &cut.then(silent)).streaming(true)));
        let unanswered = question(caller, &silent.then(Kind::Chat));
        cases.push((caller, Under::StreamUnanswered, unanswered.clone().streaming(true)));
        cases.push((caller, Under::Unanswered, unanswered));
    }
    let (callers, asked) = (CALLERS.len() as u64, cases.len() as u64);
    let stop = async {
        yard.provider(silent.name()).wait_for(|traffic| traffic.in_flight == 3 * callers).await;
        yard.provider(Kind::Chat.name()).wait_for(|traffic| traffic.in_flight == 2 * callers).await;
        yard.wait_for("everything to be under way", |s| s.traffic.in_flight == asked).await;
        yard.process().terminate();
    };
    let (replies, ()) = tokio::join!(join_all(cases.iter().map(|(_, _, ask)| yard.send(ask))), stop);
    let mut jobs = Vec::new();
    for ((caller, under, _), reply) in cases.iter().zip(replies) {
        let place = format!("{caller:?} {under:?}: {reply:?}");
        assert!(reply.whole, "cut silently: {place}");
        match under {
            Under::Stream | Under::Rescued | Under::Asking => {
                assert!(!reply.partial_text(*caller).is_empty(), "{place}");
                let (code, message) = reply.error_event(*caller);
                assert!(message.contains("shutting down"), "{message}, {place}");
                let expected = if *under == Under::Asking { "stream_cut" } else { CODE };
                assert_eq!(code, expected, "{place}");
            }
            Under::StreamUnanswered => {
                assert_eq!(reply.status, 503, "{place}");
                assert!(reply.error(*caller).1.contains("shutting down"), "{place}");
                jobs.push(reply.header("x-switchyard-job-id").to_owned());
            }
            Under::Unanswered => {
                assert_eq!(reply.status, 202, "{place}");
                jobs.push(reply.header("x-switchyard-job-id").to_owned());
            }
        }
    }
    assert!(yard.take_process().ended().await.0.success());
    for kind in Kind::ALL {
        yard.provider(kind.name()).heal().await.unwrap();
    }
    yard.restart().await;
    for job in jobs {
        yard.wait_for_job(&job, "done").await;
    }
    let log = yard.get("/v1/requests?limit=100").await;
    let broken = log.as_array().unwrap().iter().filter(|entry| entry["outcome"] == json!(Outcome::Broken));
    assert_eq!(broken.count() as u64, 7 * callers, "{log}");
}
