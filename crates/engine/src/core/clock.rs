//! The one clock. Everybody else takes a reading as a parameter.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use switchyard_domain::Now;

/// Reads both clocks.
#[must_use]
pub fn now() -> Now {
    Now { mono_ms: mono_ms(), wall_ms: wall_ms() }
}

/// Sleeps until a reading of the monotonic clock. A laptop's sleep counts: the clock is read again each second.
pub async fn sleep_until(mono: u64) {
    loop {
        let left = mono.saturating_sub(mono_ms());
        if left == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(left.min(1_000))).await;
    }
}

/// Runs a future until a reading of the monotonic clock; `None` when the time ran out first.
pub fn until<F: Future>(mono: u64, future: F) -> Until<F, impl Future<Output = ()>> {
    Until { future, over: sleep_until(mono) }
}

pin_project! {
    /// What [`until`] returns. No `async fn`, which would hold the future twice.
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Until<F, O> {
        #[pin]
        future: F,
        #[pin]
        over: O,
    }
}

impl<F: Future, O: Future<Output = ()>> Future for Until<F, O> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.future.poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => this.over.poll(cx).map(|()| None),
        }
    }
}

/// Milliseconds on a clock that stands still while the machine sleeps, from an arbitrary origin.
#[must_use]
pub fn awake_ms() -> u64 {
    #[cfg(target_os = "linux")]
    return read(rustix::time::ClockId::Monotonic);
    #[cfg(not(target_os = "linux"))]
    since_origin_ms()
}

/// Milliseconds from one reading to another, as a length.
#[must_use]
pub fn span_ms(from: Now, to: Now) -> u32 {
    u32::try_from(to.mono_ms.saturating_sub(from.mono_ms)).unwrap_or(u32::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
fn wall_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// CLOCK_BOOTTIME counts the time a laptop sleeps; CLOCK_MONOTONIC does not.
#[cfg(target_os = "linux")]
fn mono_ms() -> u64 {
    read(rustix::time::ClockId::Boottime)
}

/// On macOS CLOCK_MONOTONIC counts the time asleep (see clock_gettime(3)); the standard clock is CLOCK_UPTIME_RAW there
/// and does not.
#[cfg(target_os = "macos")]
fn mono_ms() -> u64 {
    read(rustix::time::ClockId::Monotonic)
}

/// The standard clock counts sleep on Windows.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn mono_ms() -> u64 {
    since_origin_ms()
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn read(clock: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
fn since_origin_ms() -> u64 {
    static ORIGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let origin = *ORIGIN.get_or_init(std::time::Instant::now);
    u64::try_from(origin.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_that_is_over_does_not_wait() {
        assert_eq!(until(now().mono_ms, std::future::pending::<()>()).await, None);
        assert_eq!(until(now().mono_ms + 60_000, async { 7 }).await, Some(7));
    }
}
