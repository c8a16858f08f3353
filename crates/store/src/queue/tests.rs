use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use proptest::prelude::*;
use switchyard_domain::map::Priority;
use switchyard_domain::view::JobState::{self, Dead, Discarded, Done, Expired, Running, Waiting};
use switchyard_domain::{Dialect, Failure, FailureKind, Operation, RequestId, RouteId};

use super::{Answer, NewJob, Order, QueueCounts};
use crate::{Options, Retention, Store, StoreError};

fn job(id: &str, at_ms: i64, key: Option<&str>) -> NewJob {
    NewJob {
        due_at_ms: at_ms,
        most_open: u32::MAX,
        most_bytes: u64::MAX,
        id: id.to_owned(),
        at_ms,
        expires_at_ms: at_ms + 1000,
        client: "editor".to_owned(),
        client_id: "app_1".to_owned(),
        priority: Priority::Normal,
        job: "summary".to_owned(),
        dialect: Dialect::AnthropicMessages,
        operation: Operation::Complete,
        request_id: RequestId::from("req_1"),
        idempotency_key: key.map(str::to_owned),
        fingerprint: "f".to_owned(),
        model: "claude".to_owned(),
        headers_json: r#"{"anthropic-version":"2023-06-01"}"#.to_owned(),
        body: b"{\"prompt\": \"\xff\0\"}".to_vec(),
        stream: true,
        reason: Some(overloaded()),
    }
}

fn overloaded() -> Failure {
    Failure {
        status: Some(529),
        code: Some("overloaded_error".to_owned()),
        param: None,
        retry_after_ms: Some(7000),
        ..Failure::new(FailureKind::Overloaded, "try \"later\"")
    }
}

fn answer() -> Answer {
    Answer {
        status: 200,
        content_type: "application/json".to_owned(),
        body: b"{}\xfe".to_vec(),
        route: RouteId::from("openai/gpt-5"),
        attempts: 2,
        input_tokens: Some(9),
        output_tokens: None,
        lost: vec!["thinking_dropped messages".to_owned()],
    }
}

async fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(dir.path(), &Options::default()).await.unwrap()
}

async fn states(store: &Store, id: &str) -> Vec<JobState> {
    store.queue().transitions(id).await.unwrap().into_iter().map(|transition| transition.to).collect()
}

#[tokio::test]
async fn a_confirmed_job_survives_without_a_clean_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    store.queue().enqueue(&job("b", 11, None)).await.unwrap();
    store.queue().enqueue(&job("a", 10, None)).await.unwrap();
    assert_eq!(store.queue().claim_due(11, 1).await.unwrap().len(), 1);
    // The files as they are at this moment, with nothing closed: what a killed process leaves behind.
    let killed = tempfile::tempdir().unwrap();
    for file in ["switchyard.db", "switchyard.db-wal"] {
        std::fs::copy(dir.path().join(file), killed.path().join(file)).unwrap();
    }
    let store = open(&killed).await;
    assert_eq!(store.queue().get("a").await.unwrap().unwrap().row.state, Running);
    assert_eq!(store.queue().recover(&[], 50).await.unwrap(), 1);
    let due = store.queue().claim_due(50, 9).await.unwrap();
    assert_eq!(due.iter().map(|due| due.row.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(due[0].body, job("a", 10, None).body);
    assert_eq!(due[0].headers_json, job("a", 10, None).headers_json);
    assert_eq!(due[0].row.reason, Some(overloaded()));
    assert_eq!(states(&store, "a").await, [Waiting, Running, Waiting, Running]);
}

#[tokio::test]
async fn a_job_runs_through_retries_to_its_answer() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    queue.enqueue(&job("a", 10, None)).await.unwrap();
    assert_eq!(queue.next_due().await.unwrap(), Some(10));
    assert!(queue.claim_due(9, 5).await.unwrap().is_empty(), "claimed before it was due");
    assert_eq!(queue.claim_due(10, 5).await.unwrap().len(), 1);
    assert!(queue.claim_due(10, 5).await.unwrap().is_empty(), "claimed twice");
    assert!(queue.retry_later("a", 30, 1, &overloaded(), 12).await.unwrap());
    assert!(!queue.retry_later("a", 30, 2, &overloaded(), 12).await.unwrap());
    assert_eq!(queue.next_due().await.unwrap(), Some(30));
    assert_eq!(queue.oldest().await.unwrap(), Some(10));
    queue.claim_due(30, 5).await.unwrap();
    assert!(queue.hold("a", 40, 31).await.unwrap());
    let row = queue.claim_due(40, 5).await.unwrap().remove(0).row;
    assert_eq!((row.attempts, row.last_failure), (1, Some(overloaded())), "a held attempt does not count");
    assert!(queue.finish("a", &answer(), 45).await.unwrap());
    assert!(!queue.finish("a", &answer(), 46).await.unwrap());
    assert!(!queue.bury("a", 5, &overloaded(), 46).await.unwrap());
    assert!(!queue.discard("a", 46).await.unwrap());
    let done = queue.get("a").await.unwrap().unwrap();
    assert_eq!(done.answer, Some(answer()));
    assert_eq!((done.row.state, done.row.state_at_ms, done.row.next_at_ms), (Done, 45, None));
    assert_eq!(queue.counts().await.unwrap(), QueueCounts { done: 1, ..QueueCounts::default() });
    assert_eq!((queue.next_due().await.unwrap(), queue.oldest().await.unwrap()), (None, None));
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM job_bodies").fetch_one(store.read()).await.unwrap();
    assert_eq!(kept, 0, "the prompt of an answered job is kept");
    let notes: Vec<_> =
        queue.transitions("a").await.unwrap().into_iter().map(|t| (t.at_ms, t.note)).collect();
    assert_eq!(notes[0], (10, "queued".to_owned()));
    assert_eq!(notes[2], (12, "529 overloaded".to_owned()));
}

#[tokio::test]
async fn a_held_job_is_due_once_it_is_released_and_one_that_backs_off_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    for id in ["held", "failed"] {
        queue.enqueue(&job(id, 10, None)).await.unwrap();
    }
    assert_eq!(queue.claim_due(10, 5).await.unwrap().len(), 2);
    assert!(queue.hold("held", 900, 11).await.unwrap());
    assert!(queue.retry_later("failed", 900, 1, &overloaded(), 11).await.unwrap());
    assert_eq!(queue.release_held(20).await.unwrap(), 1);
    let due: Vec<String> = queue.claim_due(20, 5).await.unwrap().into_iter().map(|job| job.row.id).collect();
    assert_eq!(due, ["held"]);
}

#[tokio::test]
async fn the_same_key_gets_the_same_job_while_its_answer_can_be_had() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    let enqueue = async |id: &str, at_ms| {
        let enqueued = queue.enqueue(&job(id, at_ms, Some("key"))).await.unwrap();
        (enqueued.id, enqueued.existing)
    };
    assert_eq!(enqueue("a", 0).await, ("a".to_owned(), false));
    assert_eq!(enqueue("b", 1).await, ("a".to_owned(), true), "waiting");
    queue.claim_due(2, 1).await.unwrap();
    assert_eq!(enqueue("b", 2).await, ("a".to_owned(), true), "running");
    queue.finish("a", &answer(), 3).await.unwrap();
    assert_eq!(enqueue("b", 999).await, ("a".to_owned(), true), "done");
    assert_eq!(enqueue("b", 1000).await, ("b".to_owned(), false), "its answer has expired");
    let other = NewJob { client_id: "app_2".to_owned(), ..job("c", 1000, Some("key")) };
    assert!(
        !queue.enqueue(&other).await.unwrap().existing,
        "another app's key, of the same name as it may be"
    );
    queue.claim_due(1000, 1).await.unwrap();
    queue.bury("b", 5, &overloaded(), 1001).await.unwrap();
    assert_eq!(enqueue("d", 1002).await, ("d".to_owned(), false), "dead");
    assert!(!queue.replay("b", 1003, 2000).await.unwrap(), "two jobs would hold the same key");
    assert_eq!(queue.get("b").await.unwrap().unwrap().row.state, Dead);
}

#[tokio::test]
async fn the_same_key_with_another_request_is_refused_while_its_job_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    queue.enqueue(&job("a", 0, Some("key"))).await.unwrap();
    let other = NewJob { fingerprint: "g".to_owned(), ..job("b", 1, Some("key")) };
    assert!(matches!(queue.enqueue(&other).await, Err(StoreError::KeyReused)), "waiting");
    let open = queue.open_job("app_1", "key").await.unwrap().unwrap();
    assert_eq!((open.id.as_str(), open.fingerprint.as_deref()), ("a", Some("f")));
    assert_eq!(queue.open_job("app_2", "key").await.unwrap(), None);
    queue.claim_due(2, 1).await.unwrap();
    queue.finish("a", &answer(), 3).await.unwrap();
    assert!(matches!(queue.enqueue(&other).await, Err(StoreError::KeyReused)), "its answer can still be had");
    // An older version kept no fingerprint: then the key alone counts.
    sqlx::query("UPDATE queue SET fingerprint = NULL").execute(&store.inner.durable).await.unwrap();
    assert!(queue.enqueue(&other).await.unwrap().existing);
}

#[tokio::test]
async fn more_bytes_than_the_map_allows_are_refused_until_some_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    let sized = |id: &str, bytes: usize| NewJob {
        most_bytes: 1_000,
        headers_json: "{}".to_owned(),
        body: vec![b'x'; bytes],
        ..job(id, 0, None)
    };
    queue.enqueue(&sized("a", 600)).await.unwrap();
    let refused = queue.enqueue(&sized("b", 400)).await.unwrap_err();
    assert_eq!(refused.code(), "queue_full");
    assert!(refused.to_string().contains("cold.maxBytes: 1000"), "{refused}");
    queue.enqueue(&sized("c", 140)).await.unwrap();
    queue.claim_due(0, 1).await.unwrap();
    queue.bury("a", 5, &overloaded(), 1).await.unwrap();
    queue.enqueue(&sized("b", 400)).await.unwrap_err();
    queue.discard("a", 2).await.unwrap();
    queue.enqueue(&sized("b", 300)).await.unwrap();
}

#[tokio::test]
async fn one_app_leaves_room_in_the_queue_for_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    let of = |app: &str, id: &str, bytes: usize| NewJob {
        most_bytes: 1_000,
        client_id: app.to_owned(),
        headers_json: "{}".to_owned(),
        body: vec![b'x'; bytes.saturating_sub(2)],
        ..job(id, 0, None)
    };
    queue.enqueue(&of("crawler", "a", 700)).await.unwrap();
    queue.enqueue(&of("crawler", "b", 50)).await.unwrap();
    let refused = queue.enqueue(&of("crawler", "c", 10)).await.unwrap_err();
    assert_eq!(refused.code(), "queue_full");
    assert!(refused.to_string().contains("750 bytes of requests of this app"), "{refused}");
    queue.enqueue(&of("editor", "d", 180)).await.unwrap();
    queue.enqueue(&of("mail", "e", 60)).await.unwrap();
    queue.enqueue(&of("mail", "f", 1)).await.unwrap_err();
}

#[tokio::test]
async fn a_move_does_not_write_the_request_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    let big = NewJob { body: vec![b'x'; 8 * 1024 * 1024], ..job("a", 0, None) };
    queue.enqueue(&big).await.unwrap();
    let log = || std::fs::metadata(dir.path().join("switchyard.db-wal")).unwrap().len();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&store.inner.durable).await.unwrap();
    let claimed = queue.claim_due(0, 1).await.unwrap().remove(0);
    assert_eq!(claimed.body.len(), big.body.len());
    queue.retry_later("a", 5, 1, &overloaded(), 1).await.unwrap();
    queue.claim_due(5, 1).await.unwrap();
    queue.hold("a", 6, 5).await.unwrap();
    queue.claim_due(6, 1).await.unwrap();
    queue.bury("a", 5, &overloaded(), 7).await.unwrap();
    assert!(log() < 1024 * 1024, "{} bytes written for six moves", log());
}

#[tokio::test]
async fn what_matters_most_is_taken_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    for (id, priority) in [("low", Priority::Low), ("normal", Priority::Normal), ("high", Priority::High)] {
        queue.enqueue(&NewJob { priority, ..job(id, 0, None) }).await.unwrap();
    }
    let mut order = Vec::new();
    for _ in 0..3 {
        let due = queue.claim_due(1, 1).await.unwrap().remove(0).row;
        assert_eq!(due.priority.map(Priority::as_str), Some(due.id.as_str()));
        order.push(due.id);
    }
    assert_eq!(order, ["high", "normal", "low"]);
}

#[tokio::test]
async fn a_running_job_that_nobody_works_on_waits_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    for id in ["lost", "worked"] {
        queue.enqueue(&job(id, 0, None)).await.unwrap();
    }
    queue.claim_due(0, 9).await.unwrap();
    assert_eq!(queue.recover(&["worked"], 5).await.unwrap(), 1);
    let state = async |id| queue.get(id).await.unwrap().unwrap().row.state;
    assert_eq!((state("lost").await, state("worked").await), (Waiting, Running));
}

#[tokio::test]
async fn a_job_that_can_not_be_read_is_dead_and_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    for id in ["broken", "well"] {
        queue.enqueue(&job(id, 0, None)).await.unwrap();
    }
    sqlx::query("DELETE FROM job_bodies WHERE job = 'broken'").execute(&store.inner.durable).await.unwrap();
    let due: Vec<String> = queue.claim_due(0, 9).await.unwrap().into_iter().map(|due| due.row.id).collect();
    assert_eq!(due, ["well"]);
    let row = queue.get("broken").await.unwrap().unwrap().row;
    assert_eq!(row.state, Dead);
    assert!(row.last_failure.unwrap().message.contains("has no request"));
}

#[tokio::test]
async fn of_many_at_once_no_more_are_kept_than_may_wait() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let narrow = |id: usize, key| NewJob { most_open: 3, ..job(&format!("{id}"), 0, key) };
    store.queue().enqueue(&narrow(0, Some("key"))).await.unwrap();
    let mut all = tokio::task::JoinSet::new();
    for id in 1..9 {
        let store = store.clone();
        all.spawn(async move { store.queue().enqueue(&narrow(id, None)).await });
    }
    let refused: Vec<StoreError> = all.join_all().await.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 6);
    assert!(refused.iter().all(|error| error.code() == "queue_full"), "{refused:?}");
    assert_eq!(store.queue().counts().await.unwrap().waiting, 3);
    assert!(store.queue().enqueue(&narrow(9, Some("key"))).await.unwrap().existing, "no new job");
    store.queue().claim_due(0, 1).await.unwrap();
    store.queue().enqueue(&narrow(10, None)).await.unwrap_err();
    store.queue().finish("0", &answer(), 1).await.unwrap();
    store.queue().enqueue(&narrow(11, None)).await.unwrap();
}

#[tokio::test]
async fn an_id_is_never_given_to_two_jobs() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    store.queue().enqueue(&job("a", 0, None)).await.unwrap();
    store.queue().enqueue(&job("a", 1, None)).await.unwrap_err();
    assert_eq!(states(&store, "a").await, [Waiting]);
}

#[tokio::test]
async fn two_workers_never_get_the_same_job() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    for id in 0..20 {
        queue.enqueue(&job(&format!("{id:02}"), id, None)).await.unwrap();
    }
    let (one, two, three) =
        tokio::join!(queue.claim_due(50, 8), queue.claim_due(50, 8), queue.claim_due(50, 8));
    let mut ids: Vec<String> =
        [one, two, three].into_iter().flat_map(|due| due.unwrap()).map(|due| due.row.id).collect();
    assert_eq!(ids.len(), 20);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn lists_are_by_arrival_and_by_state() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    for (id, at_ms) in [("b", 2), ("c", 3), ("a", 1)] {
        queue.enqueue(&job(id, at_ms, None)).await.unwrap();
    }
    queue.discard("b", 4).await.unwrap();
    let table: [(&[JobState], Order, u32, &[&str]); 5] = [
        (&[], Order::OldestFirst, 9, &["a", "b", "c"]),
        (&[], Order::NewestFirst, 2, &["c", "b"]),
        (&[Waiting, Running], Order::OldestFirst, 9, &["a", "c"]),
        (&[Discarded], Order::NewestFirst, 9, &["b"]),
        (&[Done], Order::NewestFirst, 9, &[]),
    ];
    for (states, order, limit, expected) in table {
        let rows = queue.list(states, order, limit).await.unwrap();
        assert_eq!(
            rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(),
            expected,
            "{states:?} {order:?}"
        );
    }
}

#[tokio::test]
async fn old_ended_jobs_go_and_dead_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    for id in ["dead", "done"] {
        queue.enqueue(&job(id, 0, None)).await.unwrap();
        queue.claim_due(0, 1).await.unwrap();
    }
    queue.bury("dead", 5, &overloaded(), 1).await.unwrap();
    queue.finish("done", &answer(), 1).await.unwrap();
    queue.enqueue(&job("expired", 2, None)).await.unwrap();
    queue.expire_due(5000).await.unwrap();
    queue.enqueue(&job("waiting", 3, None)).await.unwrap();
    let retention = Retention { days: 1, ..Retention::default() };
    let day_ms = 24 * 60 * 60 * 1000;
    store.prune(&retention, day_ms).await.unwrap();
    assert_eq!(queue.list(&[], Order::OldestFirst, 9).await.unwrap().len(), 4);
    store.prune(&retention, day_ms + 5001).await.unwrap();
    let left = queue.list(&[], Order::OldestFirst, 9).await.unwrap();
    assert_eq!(left.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["dead", "waiting"]);
    assert!(queue.transitions("done").await.unwrap().is_empty());
}

#[derive(Clone, Debug)]
enum Op {
    Enqueue(usize),
    Claim(u32),
    Retry(usize),
    Hold(usize),
    Finish(usize),
    Bury(usize),
    Discard(usize),
    Replay(usize),
    Expire,
    Recover,
    Wait(i64),
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    let job = 0..4_usize;
    prop_oneof![
        4 => job.clone().prop_map(Op::Enqueue),
        6 => (1..4_u32).prop_map(Op::Claim),
        2 => job.clone().prop_map(Op::Retry),
        1 => job.clone().prop_map(Op::Hold),
        2 => job.clone().prop_map(Op::Finish),
        2 => job.clone().prop_map(Op::Bury),
        1 => job.clone().prop_map(Op::Discard),
        2 => job.prop_map(Op::Replay),
        1 => Just(Op::Expire),
        1 => Just(Op::Recover),
        2 => (1..700_i64).prop_map(Op::Wait),
        1 => Just(Op::Reopen),
    ]
}

/// The queue as a person would describe it.
#[derive(Default)]
struct Model {
    now_ms: i64,
    jobs: BTreeMap<String, ModelJob>,
}

struct ModelJob {
    state: JobState,
    next_at_ms: i64,
    expires_at_ms: i64,
}

impl Model {
    fn go(&mut self, id: &str, from: &[JobState], to: JobState, next_at_ms: i64) -> bool {
        let Some(job) = self.jobs.get_mut(id).filter(|job| from.contains(&job.state)) else { return false };
        job.state = to;
        job.next_at_ms = next_at_ms;
        true
    }

    fn select(&self, pass: impl Fn(&ModelJob) -> bool) -> Vec<String> {
        self.jobs.iter().filter(|(_, job)| pass(job)).map(|(id, _)| id.clone()).collect()
    }
}

async fn apply(store: &Store, model: &mut Model, op: &Op) {
    let queue = store.queue();
    let now = model.now_ms;
    let name = |n: &usize| format!("job{n}");
    match op {
        Op::Enqueue(n) => {
            let id = name(n);
            if let Entry::Vacant(slot) = model.jobs.entry(id) {
                queue.enqueue(&job(slot.key(), now, None)).await.unwrap();
                slot.insert(ModelJob { state: Waiting, next_at_ms: now, expires_at_ms: now + 1000 });
            }
        }
        Op::Claim(limit) => {
            let due = model.select(|j| j.state == Waiting && j.next_at_ms <= now && j.expires_at_ms > now);
            let claimed = queue.claim_due(now, *limit).await.unwrap();
            assert_eq!(claimed.len(), due.len().min(*limit as usize));
            for claimed in claimed {
                assert!(due.contains(&claimed.row.id), "{} was not due", claimed.row.id);
                assert!(model.go(&claimed.row.id, &[Waiting], Running, 0));
            }
        }
        Op::Retry(n) => {
            let expected = model.go(&name(n), &[Running], Waiting, now + 50);
            assert_eq!(queue.retry_later(&name(n), now + 50, 1, &overloaded(), now).await.unwrap(), expected);
        }
        Op::Hold(n) => {
            let expected = model.go(&name(n), &[Running], Waiting, now + 20);
            assert_eq!(queue.hold(&name(n), now + 20, now).await.unwrap(), expected);
        }
        Op::Finish(n) => {
            let expected = model.go(&name(n), &[Running], Done, 0);
            assert_eq!(queue.finish(&name(n), &answer(), now).await.unwrap(), expected);
        }
        Op::Bury(n) => {
            let expected = model.go(&name(n), &[Running], Dead, 0);
            assert_eq!(queue.bury(&name(n), 5, &overloaded(), now).await.unwrap(), expected);
        }
        Op::Discard(n) => {
            let expected = model.go(&name(n), &[Waiting, Running, Dead, Expired], Discarded, 0);
            assert_eq!(queue.discard(&name(n), now).await.unwrap(), expected);
        }
        Op::Replay(n) => {
            let expected = model.go(&name(n), &[Dead, Expired], Waiting, now);
            assert_eq!(queue.replay(&name(n), now, now + 500).await.unwrap(), expected);
            if expected && let Some(job) = model.jobs.get_mut(&name(n)) {
                job.expires_at_ms = now + 500;
            }
        }
        Op::Expire => {
            let expected = model.select(|j| j.state == Waiting && j.expires_at_ms <= now);
            let mut expired: Vec<String> =
                queue.expire_due(now).await.unwrap().into_iter().map(|row| row.id).collect();
            expired.sort();
            assert_eq!(expired, expected);
            for id in expired {
                model.go(&id, &[Waiting], Expired, 0);
            }
        }
        Op::Recover => {
            let running = model.select(|j| j.state == Running);
            assert_eq!(queue.recover(&[], now).await.unwrap(), running.len() as u64);
            for id in running {
                model.go(&id, &[Running], Waiting, now);
            }
        }
        Op::Wait(ms) => model.now_ms += ms,
        Op::Reopen => {}
    }
}

/// The moves there are. Done and discarded have no way out, dead and expired only by hand.
fn is_legal(from: Option<JobState>, to: JobState) -> bool {
    match from {
        None => to == Waiting,
        Some(Waiting) => [Running, Expired, Discarded].contains(&to),
        Some(Running) => [Waiting, Done, Dead, Discarded].contains(&to),
        Some(Dead | Expired) => [Waiting, Discarded].contains(&to),
        Some(Done | Discarded) => false,
    }
}

async fn check(store: &Store, model: &Model) {
    for (id, expected) in &model.jobs {
        let stored = store.queue().get(id).await.unwrap().unwrap();
        assert_eq!(stored.row.state, expected.state, "{id}");
        assert_eq!(stored.answer.is_some(), expected.state == Done, "{id}");
        let mut last = None;
        for transition in store.queue().transitions(id).await.unwrap() {
            assert_eq!(transition.from, last, "{id}: a state was skipped");
            assert!(is_legal(transition.from, transition.to), "{id}: {transition:?}");
            last = Some(transition.to);
        }
        assert_eq!(last, Some(expected.state), "{id}: the last transition is not where it stands");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_moves_agrees_with_the_model(ops in prop::collection::vec(op(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let mut store = open(&dir).await;
            let mut model = Model::default();
            for op in &ops {
                if matches!(op, Op::Reopen) {
                    drop(store);
                    store = open(&dir).await;
                }
                apply(&store, &mut model, op).await;
            }
            check(&store, &model).await;
        });
    }
}

#[tokio::test]
async fn a_set_clock_makes_no_job_due_earlier_or_later() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let queue = store.queue();
    queue.enqueue(&job("a", 1_000, None)).await.unwrap();
    queue.enqueue(&job("b", 1_500, None)).await.unwrap();
    for by_ms in [-3_600_000, 7_200_000] {
        assert_eq!(queue.clock_was_set(by_ms).await.unwrap(), 2);
    }
    let now_ms = 3_600_000;
    assert!(queue.expire_due(now_ms + 1_999).await.unwrap().is_empty(), "neither has ended yet");
    assert!(queue.claim_due(now_ms + 999, 9).await.unwrap().is_empty(), "nor is one due");
    let due: Vec<String> =
        queue.claim_due(now_ms + 1_600, 9).await.unwrap().into_iter().map(|due| due.row.id).collect();
    assert_eq!(due, ["a", "b"], "in their order");
}
