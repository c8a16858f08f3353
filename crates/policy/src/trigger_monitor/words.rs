//! Numbers as people read them in a reason.

/// `300 ms`, `4.2 s`, `90 s`, `10 min`, `2 h`.
pub(super) fn duration(ms: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let seconds = ms as f64 / 1_000.0;
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{} s", number(seconds)),
        60_000..120_000 => format!("{seconds:.0} s"),
        120_000..7_200_000 => format!("{:.0} min", (seconds / 60.0).floor()),
        _ => format!("{} h", number(seconds / 3_600.0)),
    }
}

/// `12 %`, `2.5 %`.
pub(super) fn percent(value: f64) -> String {
    if value >= 10.0 { format!("{value:.0} %") } else { format!("{} %", number_with(value, 1)) }
}

/// A share of calls.
pub(super) fn percent_of(part: u64, all: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "counts of calls are far below 2^52")]
    percent(part as f64 * 100.0 / all.max(1) as f64)
}

/// At most two digits behind the point, and no zeros at the end.
pub(super) fn number(value: f64) -> String {
    number_with(value, if value < 1.0 { 2 } else { 1 })
}

fn number_with(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
