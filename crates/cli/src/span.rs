//! Lengths of time as people type them: `90s`, `30m`, `1h`, `7d`.

use std::str::FromStr;

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    ms: i64,
}

impl Span {
    /// Milliseconds.
    pub(crate) const fn ms(self) -> i64 {
        self.ms
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is no length of time. Write `90s`, `30m`, `1h` or `7d`.");
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let number: i64 = text[..text.len() - unit.len()].parse().map_err(|_| unknown())?;
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(unknown()),
        };
        number.checked_mul(unit_ms).map(|ms| Self { ms }).ok_or_else(unknown)
    }
}

/// UTC epoch milliseconds.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn lengths_are_read_with_their_unit_or_refused() {
        let ms = |text: &str| text.parse::<Span>().map(Span::ms).ok();
        for (text, expected) in [("90s", 90_000), ("30m", 1_800_000), ("1h", 3_600_000), ("7d", 604_800_000)]
        {
            assert_eq!(ms(text), Some(expected), "{text}");
        }
        for text in ["", "h", "1", "-1h", "1.5h", "1 h", "99999999999999d"] {
            assert_eq!(ms(text), None, "{text}");
        }
    }
}
