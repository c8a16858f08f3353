//! One fetched credential: kept while it is good, fetched again shortly before it ends, by one request at a time.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use switchyard_domain::{Failure, Now};
use tokio::sync::Mutex;

use super::Presented;
use crate::core::clock;

/// A new one is fetched this long before the old one ends, milliseconds. Google's metadata server hands out tokens that
/// have five minutes left; AWS's own tools renew at the same mark.
pub(super) const RENEW_BEFORE_MS: u64 = 300_000;

/// A place for one fetched credential.
#[derive(Debug)]
pub(super) struct Fresh<T> {
    held: ArcSwapOption<Held<T>>,
    /// Held by the request that fetches; inside, how the last fetch that failed did.
    turn: Mutex<Option<(u64, Failure)>>,
}

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self { held: ArcSwapOption::empty(), turn: Mutex::default() }
    }
}

#[derive(Debug)]
struct Held<T> {
    value: Arc<T>,
    /// Readings of the monotonic clock.
    renew_at: u64,
    ends_at: u64,
}

/// What was fetched, and for how long it is good.
#[derive(Debug)]
pub(super) struct Leased<T> {
    pub(super) value: T,
    /// Milliseconds from now; `None` = until it is refused.
    pub(super) ttl_ms: Option<u64>,
}

impl<T> Fresh<T> {
    /// The credential, fetched if there is none that will be good for a while.
    ///
    /// # Errors
    /// The fetch's, unless the old one is still good.
    pub(super) async fn get<F>(&self, fetch: impl FnOnce() -> F) -> Result<(Arc<T>, Presented), Failure>
    where
        F: Future<Output = Result<Leased<T>, Failure>>,
    {
        let asked_at = clock::now();
        let good = match self.current(asked_at) {
            Some((value, false)) => return Ok((value, Presented::Kept)),
            Some((value, true)) => Some(value),
            None => None,
        };
        let mut last = match (&good, self.turn.try_lock()) {
            (_, Ok(turn)) => turn,
            // Somebody is at it, and the old one does for now.
            (Some(value), Err(_)) => return Ok((Arc::clone(value), Presented::Kept)),
            (None, Err(_)) => self.turn.lock().await,
        };
        if let Some((value, false)) = self.current(clock::now()) {
            return Ok((value, Presented::Fetched));
        }
        // Who waited while a fetch failed does not try the same again.
        if let Some((failed_at, failure)) = &*last
            && *failed_at > asked_at.mono_ms
        {
            return Err(failure.clone());
        }
        match fetch().await {
            Ok(leased) => {
                *last = None;
                Ok((self.hold(leased, clock::now()), Presented::Fetched))
            }
            Err(failure) => {
                *last = Some((clock::now().mono_ms, failure.clone()));
                match good {
                    Some(value) => {
                        tracing::warn!(reason = %failure.message, "a credential could not be renewed yet");
                        Ok((value, Presented::Kept))
                    }
                    None => Err(failure),
                }
            }
        }
    }

    /// What is held and good, and whether it is time for a new one.
    fn current(&self, now: Now) -> Option<(Arc<T>, bool)> {
        let held = self.held.load();
        let held = held.as_ref().filter(|held| now.mono_ms < held.ends_at)?;
        Some((Arc::clone(&held.value), now.mono_ms >= held.renew_at))
    }

    fn hold(&self, leased: Leased<T>, now: Now) -> Arc<T> {
        let value = Arc::new(leased.value);
        let (renew_at, ends_at) = leased.ttl_ms.map_or((u64::MAX, u64::MAX), |ttl| {
            // A credential shorter than the margin is used for half its life.
            let renew = ttl.saturating_sub(RENEW_BEFORE_MS).max(ttl / 2);
            (now.mono_ms.saturating_add(renew), now.mono_ms.saturating_add(ttl))
        });
        self.held.store(Some(Arc::new(Held { value: Arc::clone(&value), renew_at, ends_at })));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use switchyard_domain::FailureKind;
    use tokio::sync::Notify;

    fn leased(value: u32, ttl_ms: u64) -> Result<Leased<u32>, Failure> {
        Ok(Leased { value, ttl_ms: Some(ttl_ms) })
    }

    fn refused() -> Result<Leased<u32>, Failure> {
        Err(Failure::new(FailureKind::KeyRejected, "no"))
    }

    #[tokio::test]
    async fn a_credential_is_fetched_once_and_kept_while_it_is_good() {
        let fresh = Fresh::default();
        let first = fresh.get(|| async { leased(1, 3_600_000) }).await.unwrap();
        assert_eq!((*first.0, first.1), (1, Presented::Fetched));
        let second = fresh.get(|| async { leased(2, 3_600_000) }).await.unwrap();
        assert_eq!((*second.0, second.1), (1, Presented::Kept));
    }

    #[test]
    fn it_is_renewed_five_minutes_before_its_end_and_never_used_after_it() {
        let fresh = Fresh::default();
        let now = Now { mono_ms: 1_000, wall_ms: 0 };
        fresh.hold(Leased { value: 1, ttl_ms: Some(3_600_000) }, now);
        let at = |ms| fresh.current(now.plus_ms(ms)).map(|(_, renew)| renew);
        assert_eq!(at(3_299_999), Some(false));
        assert_eq!(at(3_300_000), Some(true));
        assert_eq!(at(3_600_000), None);
        fresh.hold(Leased { value: 1, ttl_ms: None }, now);
        assert_eq!(fresh.current(now.plus_ms(u64::MAX / 2)).map(|(_, renew)| renew), Some(false));
    }

    #[tokio::test]
    async fn many_requests_at_once_fetch_once() {
        let fresh = Arc::new(Fresh::default());
        let (fetches, go) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let asking: Vec<_> = (0..20)
            .map(|_| {
                let (fresh, fetches, go) = (Arc::clone(&fresh), Arc::clone(&fetches), Arc::clone(&go));
                tokio::spawn(async move {
                    let fetch = || async {
                        fetches.fetch_add(1, Ordering::SeqCst);
                        go.notified().await;
                        leased(7, 3_600_000)
                    };
                    *fresh.get(fetch).await.unwrap().0
                })
            })
            .collect();
        while fetches.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        go.notify_one();
        for asked in asking {
            assert_eq!(asked.await.unwrap(), 7);
        }
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_renewal_that_fails_leaves_the_old_one_in_use() {
        let fresh = Fresh::default();
        // Half of a short life is over at once.
        fresh.hold(Leased { value: 1, ttl_ms: Some(600_000) }, clock::now());
        let held = fresh.held.load_full().unwrap();
        fresh.held.store(Some(Arc::new(Held {
            renew_at: 0,
            value: Arc::clone(&held.value),
            ends_at: held.ends_at,
        })));
        let kept = fresh.get(|| async { refused() }).await.unwrap();
        assert_eq!((*kept.0, kept.1), (1, Presented::Kept));
        fresh.held.store(None);
        assert_eq!(fresh.get(|| async { refused() }).await.unwrap_err().kind, FailureKind::KeyRejected);
        assert_eq!(
            *fresh.get(|| async { leased(2, 1_000) }).await.unwrap().0,
            2,
            "a failure is not for ever"
        );
    }
}
