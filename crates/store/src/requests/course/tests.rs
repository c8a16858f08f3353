use switchyard_domain::view::{AttemptView, Outcome, RequestView};
use switchyard_domain::{Dialect, Failure, FailureKind, RequestId, RouteId, Tier};

use crate::{Options, Retention, Store, Writer};

fn request(n: i64, at_ms: i64, duration_ms: u32) -> RequestView {
    RequestView {
        id: RequestId::from(format!("req_{n}")),
        at_ms,
        client: "editor".to_owned(),
        job: "summary".to_owned(),
        dialect: Dialect::OpenAiChat,
        model: "auto".to_owned(),
        stream: false,
        outcome: Outcome::Answered,
        status: 200,
        route: Some(RouteId::from("b/y")),
        tier: Some(Tier::Warm),
        // Not clean: every one of them is kept.
        degraded: true,
        duration_ms,
        first_token_ms: None,
        input_tokens: None,
        cached_tokens: None,
        output_tokens: None,
        degradations: Vec::new(),
        cost_nano_usd: None,
        rescues: 0,
        attempts: Vec::new(),
    }
}

fn attempt(route: &str, start_ms: u32, failure: Option<FailureKind>) -> AttemptView {
    let failure =
        failure.map(|kind| Failure { status: Some(529), ..Failure::new(kind, "no words of theirs") });
    AttemptView {
        route: RouteId::from(route),
        tier: Tier::Hot,
        start_ms,
        duration_ms: 5,
        failure,
        cost_nano_usd: None,
        cost_basis: None,
    }
}

async fn logged(requests: Vec<RequestView>) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &Options::default()).await.unwrap();
    let writer = Writer::spawn(&store, Retention::default());
    for request in requests {
        writer.request(request);
    }
    writer.flush().await;
    assert_eq!(writer.dropped(), 0);
    (dir, store)
}

#[tokio::test]
async fn the_place_of_a_moment_is_before_all_that_ended_later() {
    for count in [0_i64, 1, 2, 3, 100] {
        let (_dir, store) = logged((0..count).map(|n| request(n, n * 10, 5)).collect()).await;
        for moment in [-1, 0, 5, 6, 15, 500, 995, 996, 10_000] {
            let place = store.requests().place_at(moment).await.unwrap();
            let expected = (0..count).take_while(|n| n * 10 + 5 < moment).count();
            assert_eq!(place, i64::try_from(expected).unwrap(), "{moment} of {count}");
        }
    }
}

#[tokio::test]
async fn a_row_says_whether_the_provider_hurt_it_and_where_it_went_then() {
    let a = RouteId::from("a/x");
    let moved = RequestView {
        attempts: vec![attempt("a/x", 0, Some(FailureKind::Overloaded)), attempt("b/y", 40, None)],
        first_token_ms: Some(60),
        input_tokens: Some(10),
        output_tokens: Some(2),
        ..request(1, 1_000, 100)
    };
    let well = RequestView {
        attempts: vec![attempt("a/x", 3, None)],
        route: Some(a.clone()),
        degraded: false,
        ..request(2, 2_000, 50)
    };
    let others = RequestView {
        attempts: vec![attempt("b/y", 7, Some(FailureKind::Reset))],
        outcome: Outcome::Queued,
        status: 202,
        route: None,
        ..request(3, 3_000, 50)
    };
    let (_dir, store) = logged(vec![moved, well, others]).await;
    let rows = store.requests().course(0, std::slice::from_ref(&a)).await.unwrap();
    let told: Vec<_> =
        rows.iter().map(|r| (r.asked, r.hurt, r.elsewhere_at_ms, r.answer_ms, r.tokens)).collect();
    assert_eq!(
        told,
        [
            (true, true, Some(1_040), 60, Some([10, 0, 2])),
            (true, false, None, 50, None),
            (false, false, Some(3_007), 50, None),
        ]
    );
    assert_eq!(rows[0].end_ms, 1_100);
    let rest = store.requests().course(rows[1].seq, std::slice::from_ref(&a)).await.unwrap();
    assert_eq!(rest.iter().map(|row| row.outcome).collect::<Vec<_>>(), [Outcome::Queued]);

    let tries = store.requests().tries(&[a], 2_003, 1_003).await.unwrap();
    let told: Vec<_> =
        tries.iter().map(|t| (t.at_ms, t.failure.as_ref().map(|f| (f.kind, f.status)))).collect();
    assert_eq!(told, [(2_003, None), (1_000, Some((FailureKind::Overloaded, Some(529))))]);
}

#[tokio::test]
async fn callers_of_a_time_are_those_who_had_a_request_in_it() {
    let by = |n, at_ms, client: &str| RequestView { client: client.to_owned(), ..request(n, at_ms, 10) };
    let (_dir, store) =
        logged(vec![by(1, 0, "old"), by(2, 100, "n8n"), by(3, 150, "editor"), by(4, 200, "new")]).await;
    assert_eq!(store.requests().callers(50, 200).await.unwrap(), ["editor", "n8n"]);
    assert_eq!(store.requests().callers(10, 300).await.unwrap(), ["editor", "n8n", "new", "old"]);
}

#[tokio::test]
async fn what_the_queue_asks_by_itself_is_told_apart_from_what_callers_ask() {
    let again = RequestView { id: RequestId::from("req_1").asked_again(2), ..request(1, 2_000, 50) };
    let (_dir, store) = logged(vec![request(1, 1_000, 100), again]).await;
    let rows = store.requests().course(0, &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.from_queue).collect::<Vec<_>>(), [false, true]);
}
