use super::*;
use crate::Options;

fn row(bucket: i64, client: &str, kind: SpendKind, nanos: i64) -> LedgerRow {
    let key = LedgerKey {
        bucket_ms: bucket * BUCKET_MS,
        provider: "anthropic".to_owned(),
        model: "sonnet-4.6".to_owned(),
        route: "anthropic/sonnet-4.6".to_owned(),
        job: "default".to_owned(),
        client: client.to_owned(),
        kind,
    };
    let sum = LedgerSum {
        attempts: 1,
        input_tokens: 100,
        cached_tokens: 40,
        cache_write_tokens: 10,
        output_tokens: 20,
        reasoning_tokens: 5,
        cost: Usd::from_nanos(nanos),
        estimated: Usd::from_nanos(nanos / 2),
        assumed: Usd::ZERO,
    };
    LedgerRow { key, sum }
}

#[tokio::test]
async fn what_is_spent_in_a_quarter_hour_adds_up_and_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &Options::default()).await.unwrap();
    let (traffic, cold) = (row(1, "app", SpendKind::Traffic, 1_000), row(1, "app", SpendKind::Cold, 7));
    store.ledger().commit(&[traffic.clone(), row(2, "", SpendKind::Check, 3)], &[]).await.unwrap();
    store.ledger().commit(&[traffic.clone(), cold.clone()], &[]).await.unwrap();
    drop(store);
    let store = Store::open(dir.path(), &Options::default()).await.unwrap();
    let twice = LedgerRow { sum: traffic.sum.plus(traffic.sum), ..traffic };
    assert_eq!(twice.sum.cost, Usd::from_nanos(2_000));
    let kept = store.ledger().between(0, 2 * BUCKET_MS).await.unwrap();
    assert_eq!(kept, [cold, twice], "a bucket ends before the next one begins");
    assert_eq!(store.ledger().between(0, i64::MAX).await.unwrap().len(), 3);
}

#[tokio::test]
async fn thirteen_months_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &Options::default()).await.unwrap();
    let day = 24 * 4;
    store
        .ledger()
        .commit(&[row(0, "old", SpendKind::Traffic, 1), row(20 * day, "young", SpendKind::Traffic, 1)], &[])
        .await
        .unwrap();
    store.ledger().prune(13 * 31 * day * BUCKET_MS + 1).await.unwrap();
    let kept = store.ledger().between(0, i64::MAX).await.unwrap();
    assert_eq!(kept.iter().map(|row| row.key.client.as_str()).collect::<Vec<_>>(), ["young"]);
}

#[tokio::test]
async fn the_last_lease_of_a_window_is_kept_until_the_window_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &Options::default()).await.unwrap();
    let of = |id: &str, from_ms, leased| BudgetState {
        id: id.parse().unwrap(),
        window: Window { from_ms, until_ms: from_ms + 100 },
        leased,
        settled: leased / 2,
        allowance: 0,
        mark_passed: false,
    };
    let (month, day) = (of("total/monthUsd", 0, 50), of("client/a/b/dayTokens", 100, 7));
    store.ledger().commit(&[], &[of("total/monthUsd", 0, 40), day.clone()]).await.unwrap();
    store
        .ledger()
        .commit(&[row(1, "app", SpendKind::Traffic, 1)], std::slice::from_ref(&month))
        .await
        .unwrap();
    drop(store);
    let store = Store::open(dir.path(), &Options::default()).await.unwrap();
    assert_eq!(store.ledger().budgets(99).await.unwrap(), [day.clone(), month]);
    assert_eq!(store.ledger().budgets(100).await.unwrap(), [day]);
}
