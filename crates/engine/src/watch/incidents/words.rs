//! Times, spans and shares as people read them in reports.

use switchyard_domain::incident::{PercentKpi, SpanKpi, verdict};

/// `2026-11-21 14:02:31`, UTC.
pub(super) fn moment(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| ms.to_string(), |moment| moment.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// `14:02`, UTC.
pub(super) fn clock_time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| ms.to_string(), |moment| moment.strftime("%H:%M").to_string())
}

/// `850 ms`, `12 s`, `4 min 10 s`, `2 h 5 min`.
pub(super) fn span(ms: u64) -> String {
    let both = |whole: u64, unit: &str, rest: u64, rest_unit: &str| match rest {
        0 => format!("{whole} {unit}"),
        rest => format!("{whole} {unit} {rest} {rest_unit}"),
    };
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => match (ms / 1_000, ms % 1_000 / 100) {
            (seconds @ 0..10, tenths @ 1..) => format!("{seconds}.{tenths} s"),
            (seconds, _) => format!("{seconds} s"),
        },
        60_000..3_600_000 => both(ms / 60_000, "min", ms % 60_000 / 1_000, "s"),
        3_600_000.. => both(ms / 3_600_000, "h", ms % 3_600_000 / 60_000, "min"),
    }
}

/// A time, its goal and whether it was met, as cells of a table.
pub(super) fn span_cells(kpi: SpanKpi) -> [String; 3] {
    let value = kpi.value.map_or_else(|| "-".to_owned(), span);
    [value, format!("below {}", span(kpi.goal)), verdict(kpi.met).to_owned()]
}

/// The same of a share that should stay below its goal.
pub(super) fn percent_cells(kpi: PercentKpi) -> [String; 3] {
    let value = kpi.value.map_or_else(|| "-".to_owned(), |value| format!("{value} %"));
    [value, format!("below {} %", kpi.goal), verdict(kpi.met).to_owned()]
}

/// Text as one cell of a Markdown table.
pub(super) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// `1 request`, `3 requests`.
pub(super) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1 s"),
            (1_250, "1.2 s"),
            (12_900, "12 s"),
            (60_000, "1 min"),
            (250_000, "4 min 10 s"),
            (7_500_000, "2 h 5 min"),
        ] {
            assert_eq!(span(ms), text, "{ms}");
        }
        assert_eq!(moment(1_795_269_751_000), "2026-11-21 14:02:31");
        assert_eq!(moment(i64::MAX), i64::MAX.to_string(), "a broken time is no panic");
    }
}
