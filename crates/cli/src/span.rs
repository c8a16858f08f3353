//! Spans of time as people type them: `90s`, `30m`, `2h30m`, `7d`.

use jiff::{SpanRelativeTo, Unit};

/// Milliseconds of a span.
pub(crate) fn span_ms(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no span of time. Write it like 90s, 30m, 2h30m or 7d");
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let ms =
        span.total((Unit::Millisecond, SpanRelativeTo::days_are_24_hours())).map_err(|_| wrong())?.round();
    if !(1.0..=1e15).contains(&ms) {
        return Err(wrong());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the range just checked"
    )]
    Ok(ms as u64)
}

#[cfg(test)]
mod tests {
    use super::span_ms;

    #[test]
    fn spans_are_read_as_people_type_them() {
        let good =
            [("90s", 90_000), ("30m", 1_800_000), ("2h30m", 9_000_000), ("7d", 604_800_000), ("250ms", 250)];
        for (text, ms) in good {
            assert_eq!(span_ms(text), Ok(ms), "{text}");
        }
        for text in ["", "2", "soon", "-1h", "0s", "99999999999999h"] {
            assert!(span_ms(text).is_err_and(|why| why.contains("2h30m")), "{text}");
        }
    }
}
