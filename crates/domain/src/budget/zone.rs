//! Days and calendar months of a time zone.
//!
//! The zones come with the program (jiff's bundled IANA database), never from the system, so that the same map means the
//! same days on every machine. Windows follow one another without gap or overlap, whatever the clocks of a zone do: a day
//! whose midnight is skipped begins with its first moment; an hour that comes twice around midnight stays in the day it
//! began in.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use super::Period;
use crate::did_you_mean;

const DAY_MS: i64 = 86_400_000;
/// The span zones are computed in, UTC epoch milliseconds: years 1800 to 9000. A clock beyond it is taken for its edge.
const SPAN_MS: (i64, i64) = (-5_364_662_400_000, 221_845_392_000_000);

/// A span of time: from a moment, until before another. UTC epoch milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Its first moment.
    pub from_ms: i64,
    /// The first moment behind it.
    pub until_ms: i64,
}

impl Window {
    /// Whether a moment lies in it.
    #[must_use]
    pub const fn holds(&self, at_ms: i64) -> bool {
        self.from_ms <= at_ms && at_ms < self.until_ms
    }
}

/// A time zone of the IANA database.
#[derive(Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// UTC.
    #[must_use]
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone of a name (`Europe/Lisbon`), small and capital letters alike.
    ///
    /// # Errors
    /// What is wrong with the name and what to write, to be read behind the name.
    pub fn of(name: &str) -> Result<Self, String> {
        let zones = TimeZoneDatabase::bundled();
        if let Ok(zone) = zones.get(name)
            && !zone.is_unknown()
        {
            return Ok(Self(zone));
        }
        let known: Vec<String> = zones.available().map(|known| known.as_str().to_owned()).collect();
        let meant = did_you_mean(name, known.iter().map(String::as_str));
        Err(format!(
            "is not a time zone of the IANA database.{meant} Write one as `Europe/Lisbon`, or leave the key out for UTC."
        ))
    }

    /// Its name in the database.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The day a moment lies in, as `2026-11-30`.
    #[must_use]
    pub fn date(&self, at_ms: i64) -> String {
        let at = Timestamp::from_millisecond(at_ms.clamp(SPAN_MS.0, SPAN_MS.1));
        at.map_or_else(|_| String::new(), |at| self.0.to_datetime(at).date().to_string())
    }

    /// The day or calendar month a moment lies in.
    #[must_use]
    pub fn window(&self, period: Period, at_ms: i64) -> Window {
        self.compute(period, at_ms).unwrap_or_else(|_| {
            // Nothing in the span above fails; days of UTC are what is left if the library ever does.
            let from_ms = at_ms.div_euclid(DAY_MS).saturating_mul(DAY_MS);
            Window { from_ms, until_ms: from_ms.saturating_add(DAY_MS) }
        })
    }

    fn compute(&self, period: Period, at_ms: i64) -> Result<Window, jiff::Error> {
        let at = Timestamp::from_millisecond(at_ms.clamp(SPAN_MS.0, SPAN_MS.1))?;
        let date = self.0.to_datetime(at).date();
        let first = match period {
            Period::Day => date,
            Period::Month => date.first_of_month(),
        };
        let next = |date: Date| match period {
            Period::Day => date.tomorrow(),
            Period::Month => date.last_of_month().tomorrow(),
        };
        let before = |date: Date| {
            date.yesterday().map(|end| if period == Period::Day { end } else { end.first_of_month() })
        };
        let (from, until) = (self.start(first)?, self.start(next(first)?)?);
        // Where clocks go back across midnight, the last minutes of the old date come again after the new one has begun.
        let (from, until) = if at >= until {
            (until, self.start(next(next(first)?)?)?)
        } else if at < from {
            (self.start(before(first)?)?, from)
        } else {
            (from, until)
        };
        Ok(Window { from_ms: from.as_millisecond(), until_ms: until.as_millisecond() })
    }

    /// The first moment of a date: the earlier of two midnights, the end of the gap where midnight is skipped.
    fn start(&self, date: Date) -> Result<Timestamp, jiff::Error> {
        Ok(self.0.to_zoned(date.at(0, 0, 0, 0))?.timestamp())
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}
