//! The dates and times of day the price list speaks of, as milliseconds.

use serde::Deserialize;

pub(crate) const DAY_MS: i64 = 86_400_000;

/// When a price holds: from a date on, or between two times of each day (UTC).
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Constraint {
    start_date: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
}

impl Constraint {
    /// The date it holds from, UTC epoch milliseconds.
    pub(crate) fn since_ms(&self) -> Option<i64> {
        epoch_ms(self.start_date.as_deref()?)
    }

    /// The times of day it holds from and until, milliseconds since midnight UTC. It wraps where the second is smaller.
    pub(crate) fn hours(&self) -> Option<(i64, i64)> {
        Some((time_ms(self.start_time.as_deref()?)?, time_ms(self.end_time.as_deref()?)?))
    }

    /// True at a point in time: midnight of its date and a time of that day, both in milliseconds.
    pub(crate) fn holds(&self, date_ms: i64, time_ms: i64) -> bool {
        let since = self.since_ms().is_none_or(|from| date_ms >= from);
        let within = self.hours().is_none_or(|(start, end)| {
            if end < start { time_ms >= start || time_ms < end } else { time_ms >= start && time_ms < end }
        });
        since && within
    }
}

/// Midnight UTC of a date as `YYYY-MM-DD`.
pub(crate) fn epoch_ms(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1..=9_999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Howard Hinnant, "chrono-compatible low-level date algorithms": days_from_civil.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some((era * 146_097 + day_of_era - 719_468) * DAY_MS)
}

/// A time of day as `HH:MM:SSZ`, the one form the list has.
fn time_ms(time: &str) -> Option<i64> {
    let mut parts = time.strip_suffix('Z')?.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_midnights_and_times_are_since_midnight() {
        assert_eq!(epoch_ms("1970-01-01"), Some(0));
        assert_eq!(epoch_ms("2000-03-01"), Some(951_868_800_000));
        assert_eq!(epoch_ms("2026-12-01"), Some(1_796_083_200_000));
        for nonsense in ["", "2026", "2026-13-01", "2026-00-01", "soon-01-01"] {
            assert_eq!(epoch_ms(nonsense), None, "{nonsense}");
        }
        assert_eq!(time_ms("16:30:00Z"), Some(59_400_000));
        assert_eq!(time_ms("16:30:00"), None);
    }

    #[test]
    fn hours_wrap_past_midnight() {
        let at_night = Constraint {
            start_date: None,
            start_time: Some("22:00:00Z".to_owned()),
            end_time: Some("06:00:00Z".to_owned()),
        };
        let hour = 3_600_000;
        for (at, holds) in [(23, true), (0, true), (5, true), (6, false), (12, false), (22, true)] {
            assert_eq!(at_night.holds(0, at * hour), holds, "{at}");
        }
    }
}
