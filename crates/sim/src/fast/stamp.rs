//! The moment a chunk was sent, written into the chunk: whoever reads it on the same machine knows how long it
//! was on its way, whatever it passed through.

/// A stamp not yet written: `@` and twenty digits, the largest `u64`.
pub(super) const BLANK: &str = "@00000000000000000000";

/// Nanoseconds since the Unix epoch: the one clock that two processes share without `unsafe` on every system.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a benchmark measures; nothing is decided by this reading")]
pub fn unix_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Writes the time into the last blank stamp of `bytes`, where there is one.
pub(super) fn write(bytes: &mut [u8]) {
    let Some(at) = memchr::memmem::rfind(bytes, BLANK.as_bytes()) else { return };
    let mut left = unix_ns();
    for digit in bytes[at + 1..at + BLANK.len()].iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
    }
}

/// Reads the next stamp at or behind `from` and moves `from` past it. A stamp of which only a part has come is
/// left for later.
pub fn next(bytes: &[u8], from: &mut usize) -> Option<u64> {
    loop {
        let rest = bytes.get(*from..)?;
        let Some(at) = memchr::memchr(b'@', rest) else {
            *from = bytes.len();
            return None;
        };
        *from += at;
        let digits = rest.get(at + 1..at + BLANK.len())?;
        *from += 1;
        if let Some(ns) = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()) {
            *from += digits.len();
            return Some(ns);
        }
    }
}
