use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use switchyard_domain::event::{Event, EventKind};
use switchyard_domain::view::{AttemptView, Outcome, RequestView};
use switchyard_domain::{CostBasis, Dialect, Failure, FailureKind, RequestId, RouteId, Tier, Usd};

use super::{CHANNEL_ROWS, CLEAN_BUDGET, Retention, Writer};
use crate::{Options, RequestFilter, Store};

fn clean(id: usize, at_ms: i64) -> RequestView {
    RequestView {
        id: RequestId::from(format!("req_{id}")),
        at_ms,
        client: "editor".to_owned(),
        job: "default".to_owned(),
        dialect: Dialect::OpenAiChat,
        model: "gpt-5".to_owned(),
        stream: true,
        outcome: Outcome::Answered,
        status: 200,
        route: Some(RouteId::from("openai/gpt-5")),
        tier: Some(Tier::Hot),
        degraded: false,
        duration_ms: 800,
        first_token_ms: Some(90),
        input_tokens: Some(12),
        cached_tokens: Some(8),
        output_tokens: Some(34),
        degradations: Vec::new(),
        cost_nano_usd: Some(Usd::from_nanos(1_250)),
        rescues: 0,
        attempts: vec![attempt("openai/gpt-5", Tier::Hot, None)],
    }
}

fn failed(id: usize, at_ms: i64) -> RequestView {
    let silent = Failure::new(FailureKind::FirstByteTimeout, "no answer \"in time\" \\ é\u{1F682}\0 end");
    let limited = Failure {
        kind: FailureKind::RateLimited,
        status: Some(429),
        code: Some("rate_limit_error".to_owned()),
        message: String::new(),
        param: None,
        retry_after_ms: Some(20_000),
        verbatim: None,
    };
    RequestView {
        degradations: vec!["field_dropped messages[0].name".to_owned(), "quote \" é".to_owned()],
        cost_nano_usd: None,
        rescues: 2,
        outcome: Outcome::Failed,
        status: 503,
        route: None,
        tier: None,
        first_token_ms: None,
        input_tokens: None,
        cached_tokens: None,
        output_tokens: None,
        attempts: vec![
            attempt("openai/gpt-5", Tier::Hot, Some(silent)),
            attempt("anthropic/sonnet-4.6#2", Tier::Warm, Some(limited)),
        ],
        ..clean(id, at_ms)
    }
}

fn attempt(route: &str, tier: Tier, failure: Option<Failure>) -> AttemptView {
    AttemptView {
        route: RouteId::from(route),
        tier,
        start_ms: 3,
        duration_ms: 700,
        failure,
        cost_nano_usd: Some(Usd::from_nanos(7)),
        cost_basis: Some(CostBasis::Usage),
    }
}

fn event(id: i64, at_ms: i64) -> Event {
    // A job's own id must not be taken for the event's.
    let what = EventKind::JobQueued {
        job_id: format!("job_{id}"),
        job: "summary".to_owned(),
        client: "editor".to_owned(),
    };
    Event { id, at_ms, what }
}

async fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(dir.path(), &Options { busy_timeout: Duration::from_millis(20), ..Options::default() })
        .await
        .unwrap()
}

async fn logged(store: &Store) -> usize {
    store.requests().recent(&RequestFilter::default(), 100_000).await.unwrap().len()
}

#[tokio::test]
async fn what_was_sent_is_read_back_after_a_flush() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let writer = Writer::spawn(&store, Retention::default());
    let (first, second) = (clean(1, 100), failed(2, 200));
    writer.request(first.clone());
    writer.request(second.clone());
    let paused = Event { id: 7, at_ms: 300, what: EventKind::Paused { reason: "\"lunch\"".to_owned() } };
    writer.event(paused.clone());
    writer.event(event(8, 301));
    writer.flush().await;
    let recent = store.requests().recent(&RequestFilter::default(), 10).await.unwrap();
    assert_eq!(recent, [second.clone(), first.clone()]);
    assert_eq!(store.requests().get(&second.id).await.unwrap(), Some(second.clone()));
    assert_eq!(store.requests().get(&RequestId::from("req_9")).await.unwrap(), None);
    assert_eq!(store.events().recent(None, 10).await.unwrap(), [event(8, 301), paused.clone()]);
    assert_eq!(store.events().recent(Some(8), 10).await.unwrap(), [paused]);
    assert_eq!((store.last_event_id().await.unwrap(), writer.dropped()), (8, 0));

    let table = [
        (RequestFilter { outcome: Some(Outcome::Failed), ..RequestFilter::default() }, vec![second.clone()]),
        (RequestFilter { route: first.route.clone(), ..RequestFilter::default() }, vec![first.clone()]),
        (RequestFilter { since_ms: Some(200), ..RequestFilter::default() }, vec![second]),
        (RequestFilter { before_ms: Some(200), ..RequestFilter::default() }, vec![first]),
        (RequestFilter { client: Some("shell".to_owned()), ..RequestFilter::default() }, vec![]),
    ];
    for (filter, expected) in table {
        assert_eq!(store.requests().recent(&filter, 10).await.unwrap(), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn every_row_is_on_a_page_however_late_it_settled() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let writer = Writer::spawn(&store, Retention::default());
    // Six at a time, each sixth taking so long that dozens which came later are logged before it.
    let mut late = Vec::new();
    for id in 0..300_usize {
        let row = failed(id, i64::try_from(id / 2).unwrap());
        if id % 6 == 0 {
            late.push(row);
        } else {
            writer.request(row);
        }
        if late.len() == 20 {
            late.drain(..).for_each(|row| writer.request(row));
        }
    }
    late.into_iter().for_each(|row| writer.request(row));
    writer.flush().await;
    let mut seen = std::collections::BTreeSet::new();
    let mut before_ms = None;
    loop {
        let filter = RequestFilter { before_ms, ..RequestFilter::default() };
        let page = store.requests().recent(&filter, 20).await.unwrap();
        assert!(page.is_sorted_by_key(|row| std::cmp::Reverse(row.at_ms)), "newest first");
        let more = page.iter().filter(|row| seen.insert(row.id.as_str().to_owned())).count();
        if more == 0 {
            break;
        }
        before_ms = page.last().map(|row| row.at_ms + 1);
    }
    assert_eq!(seen.len(), 300);
}

#[tokio::test]
async fn a_number_beyond_sqlite_is_capped_and_the_row_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let writer = Writer::spawn(&store, Retention::default());
    writer.request(RequestView { input_tokens: Some(u64::MAX), ..clean(1, 1) });
    writer.flush().await;
    let row = store.requests().get(&RequestId::from("req_1")).await.unwrap().unwrap();
    assert_eq!(row.input_tokens, Some(i64::MAX as u64));
}

// The tests below send without yielding, so on their single thread the writer can't run in between.

#[tokio::test]
async fn under_overload_clean_rows_go_and_failures_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let writer = Writer::spawn(&store, Retention::default());
    let budget = CLEAN_BUDGET as usize;
    for id in 0..3 * budget {
        writer.request(clean(id, 1));
        if id % 10 == 0 {
            writer.request(failed(id, 1));
        }
    }
    assert_eq!(writer.dropped(), 2 * u64::from(CLEAN_BUDGET));
    writer.flush().await;
    let failures = RequestFilter { outcome: Some(Outcome::Failed), ..RequestFilter::default() };
    assert_eq!(store.requests().recent(&failures, 10_000).await.unwrap().len(), 3 * budget / 10);
    assert_eq!(logged(&store).await, budget + 3 * budget / 10);
}

#[tokio::test]
async fn a_full_channel_drops_and_counts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let writer = Writer::spawn(&store, Retention::default());
    for id in 0..CHANNEL_ROWS + 500 {
        writer.request(failed(id, 1));
    }
    assert_eq!(writer.dropped(), 500);
    writer.flush().await;
    assert_eq!(logged(&store).await, CHANNEL_ROWS);
    writer.request(failed(0, 2));
    writer.flush().await;
    assert_eq!((logged(&store).await, writer.dropped()), (CHANNEL_ROWS + 1, 500));
}

#[tokio::test]
async fn a_batch_that_cannot_be_committed_is_counted_and_the_next_one_works() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let writer = Writer::spawn(&store, Retention::default());
    let mut stranger =
        SqliteConnectOptions::new().filename(dir.path().join("switchyard.db")).connect().await.unwrap();
    let held = stranger.begin_with("BEGIN IMMEDIATE").await.unwrap();
    writer.request(failed(1, 1));
    writer.event(event(1, 1));
    writer.flush().await;
    assert_eq!(writer.dropped(), 2);
    held.rollback().await.unwrap();
    writer.request(failed(2, 1));
    writer.flush().await;
    assert_eq!((logged(&store).await, writer.dropped()), (1, 2));
}

#[tokio::test]
async fn an_event_id_used_twice_costs_only_that_event() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let writer = Writer::spawn(&store, Retention::default());
    for (id, at_ms) in [(1, 10), (1, 20), (2, 30)] {
        writer.event(event(id, at_ms));
    }
    writer.flush().await;
    assert_eq!(store.events().recent(None, 10).await.unwrap(), [event(2, 30), event(1, 10)]);
    assert_eq!(writer.dropped(), 1);
}

#[tokio::test]
async fn the_log_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let store = open(&dir).await;
        let writer = Writer::spawn(&store, Retention::default());
        let last = store.last_event_id().await.unwrap();
        assert_eq!(last, i64::from(round));
        writer.event(event(last + 1, 1));
        writer.request(failed(usize::try_from(round).unwrap(), 1));
        writer.flush().await;
        store.close().await;
        drop((writer, store));
        // The writer's task holds the last clone until it has seen that its handle is gone.
        while open_locked(&dir) {
            tokio::task::yield_now().await;
        }
    }
    let store = open(&dir).await;
    assert_eq!(logged(&store).await, 3);
    assert_eq!(store.requests().recent(&RequestFilter::default(), 1).await.unwrap()[0].id.as_str(), "req_2");
}

fn open_locked(dir: &tempfile::TempDir) -> bool {
    std::fs::File::open(dir.path().join("switchyard.lock")).unwrap().try_lock().is_err()
}

#[tokio::test]
async fn retention_keeps_the_newest_and_never_reuses_an_event_id() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let writer = Writer::spawn(&store, Retention::default());
    for id in 0..1800 {
        let at_ms = if id < 1200 { 0 } else { 2 * DAY_MS };
        writer.request(failed(id, at_ms));
        writer.event(event(i64::try_from(id).unwrap() + 1, at_ms));
    }
    writer.flush().await;
    store.prune(&Retention { days: 1, max_requests: 10_000 }, DAY_MS).await.unwrap();
    assert_eq!(logged(&store).await, 1800, "nothing is older than a day yet");
    store.prune(&Retention { days: 1, max_requests: 10_000 }, DAY_MS + 1).await.unwrap();
    assert_eq!(logged(&store).await, 600);
    store.prune(&Retention { days: 1, max_requests: 50 }, DAY_MS + 1).await.unwrap();
    let left = store.requests().recent(&RequestFilter::default(), 9999).await.unwrap();
    assert_eq!((left.len(), left[0].id.as_str(), left[49].id.as_str()), (50, "req_1799", "req_1750"));
    let attempts: i64 =
        sqlx::query_scalar("SELECT count(*) FROM attempts").fetch_one(store.read()).await.unwrap();
    assert_eq!(attempts, 100);
    store.prune(&Retention { days: 1, max_requests: 50 }, 9 * DAY_MS).await.unwrap();
    assert!(store.events().recent(None, 9).await.unwrap().is_empty());
    assert_eq!(store.last_event_id().await.unwrap(), 1800);
    writer.request(failed(1, 9 * DAY_MS));
    writer.flush().await;
    assert_eq!(logged(&store).await, 1);
}

#[tokio::test]
async fn a_jobs_habits_are_of_its_own_answered_requests() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).await;
    let writer = Writer::spawn(&store, Retention::default());
    let of = |id, at_ms| RequestView { job: "summary".to_owned(), ..clean(id, at_ms) };
    let rows = [
        of(1, 99),
        of(2, 100),
        RequestView { dialect: Dialect::AnthropicMessages, cached_tokens: None, ..of(3, 110) },
        RequestView { input_tokens: None, cached_tokens: None, output_tokens: None, ..of(4, 120) },
        RequestView { outcome: Outcome::Failed, ..of(5, 130) },
        RequestView { client: "switchyard".to_owned(), ..of(6, 140) },
        clean(7, 150),
    ];
    for row in rows {
        writer.request(row);
    }
    writer.flush().await;
    let typical_usage = store.requests().typical_usage("summary", 100, "switchyard").await.unwrap();
    assert_eq!((typical_usage.answered, typical_usage.first_ms), (3, Some(100)));
    assert_eq!(typical_usage.tokens, [[12, 0, 34], [12, 8, 34]], "newest first, and only those that said so");
    assert_eq!(typical_usage.dialects, [Dialect::AnthropicMessages, Dialect::OpenAiChat]);
    assert_eq!(store.requests().typical_usage("none", 0, "").await.unwrap(), crate::TypicalUsage::default());
}
