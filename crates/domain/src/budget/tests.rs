//! What a user would notice: when days and months begin, and that names are read back as they were written.

use super::{BudgetId, Measure, PauseCause, Period, Scope, Zone};

const HOUR_MS: i64 = 3_600_000;

/// Zones of every kind: far east and west, halves and quarters of an hour, clocks that change at midnight, at 01:00 back to
/// 00:00, by half an hour, across the date line, or never.
const ZONES: [&str; 15] = [
    "UTC",
    "Europe/Lisbon",
    "Europe/Berlin",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Havana",
    "America/St_Johns",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
];

fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn zone(name: &str) -> Zone {
    Zone::of(name).unwrap()
}

/// In 2006 Newfoundland's clocks go back across midnight, in 2011 Samoa has no 30 December, in 2018 Brazil's midnights are
/// skipped.
const SPANS: [(&str, &str); 4] = [
    ("2006-10-20T00:00:00Z", "2006-11-10T00:00:00Z"),
    ("2011-12-20T00:00:00Z", "2012-02-05T00:00:00Z"),
    ("2018-02-01T00:00:00Z", "2018-11-20T00:00:00Z"),
    ("2024-01-25T00:00:00Z", "2025-01-05T00:00:00Z"),
];

#[test]
fn days_and_months_follow_one_another_without_gap_or_overlap_in_every_zone() {
    for name in ZONES {
        let zone = zone(name);
        for (from, to) in SPANS {
            for period in [Period::Day, Period::Month] {
                let mut window = zone.window(period, ms(from));
                let (mut at, mut count) = (ms(from), 0);
                while at < ms(to) {
                    let found = zone.window(period, at);
                    if found != window {
                        assert_eq!(found.from_ms, window.until_ms, "{name} {period:?} at {at}");
                        window = found;
                        count += 1;
                    }
                    assert!(window.holds(at), "{name} {period:?} at {at}: {window:?}");
                    at += 47 * 60_000;
                }
                for edge in [window.from_ms, window.until_ms - 1] {
                    assert_eq!(zone.window(period, edge), window, "{name} {period:?} at {edge}");
                }
                // Samoa went without one day.
                let days = (ms(to) - ms(from)) / (24 * HOUR_MS);
                if period == Period::Day {
                    assert!((days - 1..=days + 1).contains(&count), "{name} {from}: {count} of {days} days");
                }
            }
        }
    }
}

#[test]
fn no_day_is_shorter_than_the_clocks_of_its_zone_make_it() {
    for name in ZONES {
        let zone = zone(name);
        let mut at = ms("2023-12-01T00:00:00Z");
        while at < ms("2027-01-01T00:00:00Z") {
            let day = zone.window(Period::Day, at);
            let hours = (day.until_ms - day.from_ms) as f64 / HOUR_MS as f64;
            assert!((23.0..=25.0).contains(&hours), "{name}: {hours} h at {at}");
            let month = zone.window(Period::Month, at);
            let days = (month.until_ms - month.from_ms) as f64 / (24.0 * HOUR_MS as f64);
            assert!((27.9..=31.1).contains(&days), "{name}: {days} days at {at}");
            at = day.until_ms;
        }
    }
}

#[test]
fn windows_begin_when_the_zones_calendar_says() {
    let cases: &[(&str, Period, &str, &str, &str)] = &[
        // 31 January is followed by February, in a leap year too.
        ("UTC", Period::Month, "2028-01-31T23:59:59Z", "2028-01-01T00:00:00Z", "2028-02-01T00:00:00Z"),
        ("UTC", Period::Month, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
        ("UTC", Period::Month, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        // The month's length has summer time in it.
        (
            "Europe/Berlin",
            Period::Month,
            "2026-03-15T00:00:00Z",
            "2026-02-28T23:00:00Z",
            "2026-03-31T22:00:00Z",
        ),
        (
            "Europe/Lisbon",
            Period::Day,
            "2026-10-25T12:00:00Z",
            "2026-10-24T23:00:00Z",
            "2026-10-26T00:00:00Z",
        ),
        (
            "Asia/Kathmandu",
            Period::Day,
            "2026-05-05T00:00:00Z",
            "2026-05-04T18:15:00Z",
            "2026-05-05T18:15:00Z",
        ),
        // Midnight is skipped: the day begins at 01:00.
        (
            "America/Santiago",
            Period::Day,
            "2026-09-06T12:00:00Z",
            "2026-09-06T04:00:00Z",
            "2026-09-07T03:00:00Z",
        ),
        ("Africa/Cairo", Period::Day, "2026-04-24T12:00:00Z", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"),
        // The hour before midnight comes twice, and belongs to its day both times.
        (
            "America/Santiago",
            Period::Day,
            "2026-04-05T03:30:00Z",
            "2026-04-04T03:00:00Z",
            "2026-04-05T04:00:00Z",
        ),
        ("Africa/Cairo", Period::Day, "2026-10-29T21:30:00Z", "2026-10-28T21:00:00Z", "2026-10-29T22:00:00Z"),
        // The first hour comes twice.
        (
            "America/Havana",
            Period::Day,
            "2026-11-01T05:30:00Z",
            "2026-11-01T04:00:00Z",
            "2026-11-02T05:00:00Z",
        ),
        // Clocks went back from 00:01 to 23:01: the new day had begun, and does not begin again.
        (
            "America/St_Johns",
            Period::Day,
            "2006-10-29T03:00:00Z",
            "2006-10-29T02:30:00Z",
            "2006-10-30T03:30:00Z",
        ),
        // 30 December 2011 did not happen.
        ("Pacific/Apia", Period::Day, "2011-12-30T09:59:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"),
    ];
    for (name, period, at, from, until) in cases {
        let window = zone(name).window(*period, ms(at));
        let shown = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap().to_string();
        assert_eq!([shown(window.from_ms), shown(window.until_ms)], [*from, *until], "{name} {at}");
    }
}

#[test]
fn a_clock_that_is_far_off_still_has_a_day() {
    for at in [i64::MIN, -1, 0, i64::MAX] {
        for period in [Period::Day, Period::Month] {
            let window = zone("Africa/Cairo").window(period, at);
            assert!(window.from_ms < window.until_ms, "{at}");
        }
    }
}

#[test]
fn a_zone_is_known_by_its_name_and_a_slip_is_told() {
    assert_eq!(zone("europe/lisbon").name(), "Europe/Lisbon");
    assert_eq!(Zone::utc(), zone("UTC"));
    assert_ne!(zone("Europe/Lisbon"), zone("Europe/Berlin"));
    assert!(Zone::of("Europe/Lisbonn").unwrap_err().contains("Did you mean `Europe/Lisbon`?"));
    for name in ["", "Lisbon time", "+01:00", "../etc/passwd", "Etc/Unknown"] {
        assert!(Zone::of(name).is_err(), "{name}");
    }
}

#[test]
fn names_of_budgets_and_causes_are_read_back_as_they_were_written() {
    let scopes = [
        Scope::Total,
        Scope::Provider("anthropic".to_owned()),
        Scope::Client("team/crawler".to_owned()),
        Scope::Job("total".to_owned()),
    ];
    for scope in scopes {
        assert_eq!(scope.to_string().parse(), Ok(scope.clone()));
        for measure in Measure::ALL {
            let id = BudgetId { scope: scope.clone(), measure };
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<BudgetId>(&json).unwrap(), id);
            let cause = PauseCause::Budget(id);
            assert_eq!(cause.to_string().parse(), Ok(cause));
        }
    }
    let causes =
        [PauseCause::Manual, PauseCause::Webhook("google".to_owned()), PauseCause::Runaway("a/b".to_owned())];
    for cause in causes {
        assert_eq!(cause.to_string().parse(), Ok(cause.clone()));
    }
    for text in ["", "budget", "total/yearUsd", "client/crawler", "monthUsd"] {
        assert!(text.parse::<BudgetId>().is_err(), "{text}");
    }
}
