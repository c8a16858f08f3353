//! Fresh ids and random bits, without a system call per request; and the one name that is always the router's own.

use std::cell::Cell;
use std::fmt::Write;

use switchyard_domain::RequestId;
use switchyard_policy::backoff::SplitMix64;

/// The name in the log of requests that are made here.
pub(crate) const OWN_CLIENT: &str = "switchyard";

thread_local! {
    static BITS: Cell<Option<u64>> = const { Cell::new(None) };
}

/// 64 random bits, seeded once per thread from the system's generator.
pub(crate) fn roll() -> u64 {
    BITS.with(|bits| {
        let seed = bits.get().unwrap_or_else(|| {
            let mut seed = [0; 8];
            // Without randomness ids are still unique within a run: the address differs per thread.
            let _ = getrandom::fill(&mut seed);
            u64::from_le_bytes(seed) ^ (std::ptr::from_ref(bits).addr() as u64)
        });
        let mut rng = SplitMix64::new(seed);
        let drawn = rng.next_u64();
        bits.set(Some(rng.next_u64()));
        drawn
    })
}

/// A fresh request id.
pub(crate) fn request() -> RequestId {
    RequestId::from(named("req_"))
}

/// A fresh id of a queued job.
pub(crate) fn job() -> String {
    named("job_")
}

fn named(prefix: &str) -> String {
    let mut text = String::with_capacity(24);
    text.push_str(prefix);
    // Writing to a String can't fail.
    let _ = write!(text, "{:016x}{:04x}", roll(), roll() & 0xffff);
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_differ() {
        let ids: std::collections::HashSet<_> = (0..10_000).map(|_| super::job()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 24 && id.starts_with("job_")));
    }
}
