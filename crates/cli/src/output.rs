//! What people and scripts see: plain aligned text, or JSON. Answers go to standard output, everything else to
//! standard error.

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use switchyard_domain::Problem;

/// One line on standard output. A reader that left (`| head`) ends the program quietly.
pub(crate) fn line(text: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Text as it is, without a further line end.
pub(crate) fn text(text: &str) {
    let mut out = io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// A value as indented JSON.
pub(crate) fn json(value: &impl Serialize) {
    line(serde_json::to_string_pretty(value).unwrap_or_default());
}

/// A value as one line of JSON.
pub(crate) fn json_line(value: &impl Serialize) {
    line(serde_json::to_string(value).unwrap_or_default());
}

/// One line on standard error. There is nobody to tell when that is closed.
pub(crate) fn note(text: impl AsRef<str>) {
    drop(writeln!(io::stderr().lock(), "{}", text.as_ref()));
}

/// Why it was not done: the message, then each fault on a line of its own.
pub(crate) fn refused(problem: &Problem) {
    note(format!("error: {}", problem.message));
    // A single fault is the message itself, as a rule.
    for fault in problem.faults.iter().filter(|fault| !problem.message.contains(&fault.to_string())) {
        note(fault.to_string());
    }
}

/// Columns, aligned, under a heading; a note in place of no rows.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]], nothing: &str) {
    if rows.is_empty() {
        return note(nothing);
    }
    text(&columns(heading, rows));
}

fn columns<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] =
        std::array::from_fn(|column| widest(column).max(heading[column].chars().count()));
    let mut out = String::new();
    for row in std::iter::once(&heading.map(str::to_uppercase)).chain(rows) {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// A moment in the local time zone, to the second.
pub(crate) fn moment(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(
        |_| ms.to_string(),
        |moment| moment.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// A time as people say it: `740 ms`, `12.5 s`, `7 min 48 s`, `2 h 5 min`.
pub(crate) fn lasting(ms: u64) -> String {
    match (ms, ms / 1_000) {
        (0..1_000, _) => format!("{ms} ms"),
        (_, 0..60) if ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
        (_, 0..60) => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        (_, s @ 60..3_600) if s.is_multiple_of(60) => format!("{} min", s / 60),
        (_, s @ 60..3_600) => format!("{} min {} s", s / 60, s % 60),
        (_, s) => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
    }
}

/// A value, or a dash.
pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::{columns, lasting};

    #[test]
    fn times_are_written_as_people_say_them() {
        let cases = [
            (0, "0 ms"),
            (740, "740 ms"),
            (12_560, "12.5 s"),
            (30_000, "30 s"),
            (60_000, "1 min"),
            (468_943, "7 min 48 s"),
            (7_500_000, "2 h 5 min"),
        ];
        for (ms, words) in cases {
            assert_eq!(lasting(ms), words);
        }
    }

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = [["…cdef".to_owned(), "x".to_owned()], ["a".to_owned(), String::new()]];
        assert_eq!(columns(["key", "n"], &rows), "KEY    N\n…cdef  x\na\n");
    }
}
