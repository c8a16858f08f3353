//! What people and scripts see: plain aligned text, or JSON. Answers go to standard output, everything else to
//! standard error.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use switchyard_domain::{Problem, text};

/// One line on standard output. A reader that left (`| head`) ends the program quietly.
pub(crate) fn line(text: impl AsRef<str>) {
    write(format!("{}\n", text::one_line(text.as_ref())));
}

/// Several lines, and a line end.
pub(crate) fn block(text: impl AsRef<str>) {
    write(format!("{}\n", text::lines(text.as_ref())));
}

/// A document, to the byte where it goes into a file or another program; fit to be shown on a terminal.
pub(crate) fn document(text: &str) {
    if io::stdout().is_terminal() { write(text::lines(&text.replace("\r\n", "\n"))) } else { write(text) }
}

fn write(text: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    if out.write_all(text.as_ref().as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// A value as indented JSON.
pub(crate) fn json(value: &impl Serialize) {
    write(format!("{}\n", inert(serde_json::to_string_pretty(value).unwrap_or_default())));
}

/// A value as one line of JSON.
pub(crate) fn json_line(value: &impl Serialize) {
    write(format!("{}\n", inert(serde_json::to_string(value).unwrap_or_default())));
}

/// JSON in which what a terminal would obey is written as JSON has it (`\u009b`). The line breaks between the values
/// are the writer's own.
fn inert(json: String) -> String {
    let obeyed = |c: char| text::is_obeyed(c) && c != '\n';
    if !json.contains(obeyed) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if obeyed(c) {
            // All of them have four digits. Writing to a String can't fail.
            let _ = fmt::Write::write_fmt(&mut out, format_args!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// One line on standard error. There is nobody to tell when that is closed.
pub(crate) fn note(text: impl AsRef<str>) {
    drop(writeln!(io::stderr().lock(), "{}", text::one_line(text.as_ref())));
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
    write(columns(heading, rows));
}

fn columns<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let shown: Vec<[Cow<'_, str>; N]> =
        rows.iter().map(|row| std::array::from_fn(|column| text::one_line(&row[column]))).collect();
    let widest = |column: usize| shown.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] =
        std::array::from_fn(|column| widest(column).max(heading[column].chars().count()));
    let mut out = String::new();
    let heading = heading.map(|name| Cow::from(name.to_uppercase()));
    for row in std::iter::once(&heading).chain(&shown) {
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
    use super::{columns, inert, lasting};

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
    fn a_name_begins_no_line_and_colours_no_cell() {
        let rows = [["gpt\u{1b}[31m\n2026 ok".to_owned()], ["b".to_owned()]];
        assert_eq!(columns(["model"], &rows), "MODEL\ngpt\\u{1b}[31m\\n2026 ok\nb\n");
        let json = serde_json::to_string("\u{9b}2J\u{202e}\u{1b}\n").unwrap();
        let shown = inert(json);
        assert_eq!(shown, r#""\u009b2J\u202e\u001b\n""#);
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), "\u{9b}2J\u{202e}\u{1b}\n");
    }

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = [["…cdef".to_owned(), "x".to_owned()], ["a".to_owned(), String::new()]];
        assert_eq!(columns(["key", "n"], &rows), "KEY    N\n…cdef  x\na\n");
    }
}
