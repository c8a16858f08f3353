//! What people type, read or refused: spans of time (`90s`, `30m`, `2h30m`, `7d`), moments, reasons, shares, numbers.
//! A refusal says what is wrong and how it is written.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::{SpanRelativeTo, Unit};
use switchyard_domain::Problem;

/// The longest time something may be ordered for, milliseconds: a year.
const LONGEST_MS: u64 = 31_536_000_000;

/// Milliseconds of a span that is not empty.
pub(crate) fn span_ms(text: &str) -> Result<u64, String> {
    over_ms(text).and_then(|ms| if ms == 0 { Err(no_span(text)) } else { Ok(ms) })
}

/// Milliseconds of a span; `0s` is at once.
pub(crate) fn over_ms(text: &str) -> Result<u64, String> {
    let wrong = || no_span(text);
    let span: jiff::Span = text.trim().parse().map_err(|_| wrong())?;
    let ms =
        span.total((Unit::Millisecond, SpanRelativeTo::days_are_24_hours())).map_err(|_| wrong())?.round();
    if !(0.0..=1e15).contains(&ms) {
        return Err(wrong());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the range just checked"
    )]
    Ok(ms as u64)
}

fn no_span(text: &str) -> String {
    format!("`{text}` is no span of time. Write it like 90s, 30m, 2h30m or 7d")
}

/// Milliseconds something is ordered for.
pub(crate) fn for_ms(text: &str) -> Result<u64, String> {
    let ms = span_ms(text)?;
    if (1_000..=LONGEST_MS).contains(&ms) {
        return Ok(ms);
    }
    Err("write a time between 1s and 365d, or leave it out for no end".to_owned())
}

/// Words that say something.
pub(crate) fn words(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty. Write it in a few words".to_owned()),
        words => Ok(words.to_owned()),
    }
}

/// A share that is moved.
pub(crate) fn percent(text: &str) -> Result<u32, String> {
    let number = text.trim().trim_end_matches('%').trim_end().parse().ok();
    number.filter(|percent| (1..=100).contains(percent)).ok_or_else(|| {
        format!("`{text}` is no share. Write a whole number from 1 to 100; `switchyard failback` moves nothing at all")
    })
}

/// The number of an entry, an incident, a shift.
pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    let digits = text.trim().trim_start_matches('#');
    digits.parse().map_err(|_| format!("`{text}` is no number. Write it as the list shows it, like 12"))
}

/// A whole number within bounds.
pub(crate) fn whole<T>(bounds: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text| {
        let number = text.trim().parse().ok().filter(|number| bounds.contains(number));
        let (least, most) = bounds.clone().into_inner();
        number.ok_or_else(|| format!("`{text}` is none. Write a whole number from {least} to {most}"))
    }
}

/// A port; 0 takes any free one.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    whole(0..=u16::MAX)(text).map_err(|why| format!("{why}; 0 takes any free port"))
}

/// A version of the map or of the standing overrides.
pub(crate) fn version<T: FromStr>(text: &str) -> Result<T, String> {
    let digits = text.trim().trim_start_matches(['#', 'v']);
    digits.parse().map_err(|_| format!("`{text}` is no version. Write its number, like 12"))
}

/// A moment in milliseconds.
pub(crate) fn epoch_ms(text: &str) -> Result<i64, String> {
    let wrong =
        || format!("`{text}` is no moment. Write it in milliseconds since 1970, as `atMs` in --json has it");
    text.trim().parse().ok().filter(|ms| *ms >= 0).ok_or_else(wrong)
}

/// A score.
pub(crate) fn score(text: &str) -> Result<f64, String> {
    let number = text.trim().parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| format!("`{text}` is no score. Write a number from 0 (nothing was right) to 1"))
}

/// A moment in the past, as it was typed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// UTC epoch milliseconds.
    At(i64),
    /// So many milliseconds before now.
    Ago(i64),
}

/// Reads a span of time ago, a date (its midnight in this machine's time zone) or a moment in UTC.
pub(crate) fn moment_at(written: &str) -> Result<Moment, Problem> {
    if let Ok(at) = written.parse::<jiff::Timestamp>() {
        return Ok(Moment::At(at.as_millisecond()));
    }
    if let Ok(day) = written.parse::<jiff::civil::Date>() {
        let at = day.to_zoned(jiff::tz::TimeZone::system()).map(|day| day.timestamp().as_millisecond());
        return at.map(Moment::At).map_err(|_| not_a_moment(written));
    }
    let ago = span_ms(written).map_err(|_| not_a_moment(written))?;
    Ok(Moment::Ago(i64::try_from(ago).unwrap_or(i64::MAX)))
}

fn not_a_moment(written: &str) -> Problem {
    let message =
        format!("`{written}` is no time. Write 30m, 24h, 7d, a date (2026-11-21) or 2026-11-21T14:00:00Z.");
    Problem::new("invalid_time", message)
}

#[cfg(test)]
mod tests {
    use super::{
        Moment, epoch_ms, for_ms, moment_at, number, over_ms, percent, port, score, span_ms, version, whole,
        words,
    };

    #[test]
    fn spans_are_read_as_people_type_them() {
        let good =
            [("90s", 90_000), ("30m", 1_800_000), ("2h30m", 9_000_000), ("7d", 604_800_000), ("250ms", 250)];
        for (text, ms) in good {
            assert_eq!(span_ms(text), Ok(ms), "{text}");
        }
        for text in ["", "2", "soon", "-1h", "0s", "99999999999999h", "NaN"] {
            assert!(span_ms(text).is_err_and(|why| why.contains("2h30m")), "{text}");
        }
        assert_eq!((over_ms("0s"), for_ms("365d")), (Ok(0), Ok(31_536_000_000)));
        for text in ["999ms", "366d"] {
            assert!(for_ms(text).is_err_and(|why| why.contains("between 1s and 365d")), "{text}");
        }
        assert!(for_ms("-2h").is_err_and(|why| why.contains("no span of time")));
    }

    #[test]
    fn shares_numbers_scores_and_words_are_read_or_refused_with_the_way_to_write_them() {
        assert_eq!(
            (percent("25"), percent("25 %"), number("#12"), score("0.5"), words(" late ")),
            (Ok(25), Ok(25), Ok(12_i64), Ok(0.5), Ok("late".to_owned()))
        );
        for text in ["0", "101", "-1", "NaN", "1.5", "", "%", "half"] {
            assert!(percent(text).is_err_and(|why| why.contains("1 to 100")), "{text}");
        }
        for text in ["", "abc", "#", "1.5", "99999999999999999999"] {
            assert!(number::<i64>(text).is_err_and(|why| why.contains("like 12")), "{text}");
        }
        for text in ["", "abc", "0", "501", "-1", "1.5", "99999999999"] {
            assert!(whole(1..=500_u32)(text).is_err_and(|why| why.contains("from 1 to 500")), "{text}");
        }
        assert_eq!((whole(1..=500_u32)("50"), port("0"), version("v3")), (Ok(50), Ok(0), Ok(3_i64)));
        for text in ["", "http", "65536", "-1"] {
            assert!(port(text).is_err_and(|why| why.contains("from 0 to 65535")), "{text}");
        }
        for text in ["", "newest", "1.5"] {
            assert!(version::<i64>(text).is_err_and(|why| why.contains("like 12")), "{text}");
            assert!(epoch_ms(text).is_err_and(|why| why.contains("milliseconds")), "{text}");
        }
        for text in ["", "high", "NaN", "inf", "-0.1", "1.01"] {
            assert!(score(text).is_err_and(|why| why.contains("from 0")), "{text}");
        }
        assert!(words(" \n").is_err());
    }

    #[test]
    fn moments_are_read_as_people_write_them() {
        for (written, ago) in
            [("30m", 1_800_000), ("24h", 86_400_000), ("7d", 604_800_000), ("1h30m", 5_400_000)]
        {
            assert_eq!(moment_at(written).unwrap(), Moment::Ago(ago), "{written}");
        }
        assert_eq!(moment_at("2026-11-21T14:00:00Z").unwrap(), Moment::At(1_795_269_600_000));
        assert!(matches!(moment_at("2026-11-21").unwrap(), Moment::At(_)));
        for written in ["", "yesterday", "-1h", "0s", "1y", "99999999999999d"] {
            let refused = moment_at(written).unwrap_err();
            assert!(refused.message.contains("24h"), "{written}: {refused:?}");
        }
    }
}
