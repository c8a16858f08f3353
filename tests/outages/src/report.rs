//! The tables, in Markdown that also reads well in a terminal.

use std::fmt::Write as _;

use crate::kpi::Kpis;
use crate::totals::{Goal, Totals, percentile, share};

/// The columns of the table, and what each means.
pub const COLUMNS: [(&str, &str); 16] = [
    ("script", "the kind of outage; a seed draws its lengths, depth, victims, map and callers"),
    ("requests", "requests accepted, over all runs"),
    (
        "noticed",
        "failed calls on the first route until the next request would go elsewhere: median / 95th percentile / most",
    ),
    ("noticed after", "the same in seconds from the outage's beginning: median / 95th percentile"),
    (
        "failover",
        "seconds from the outage's beginning to the first answer of another route: median / 95th percentile",
    ),
    ("trigger", "minutes from a provider's falling ill to its first trigger: median"),
    ("user errors", "requests not answered in time while some route and this machine were well, percent"),
    ("queued", "requests no route could answer in time, and which went to the queue"),
    ("to a person", "of these, those whose five attempts were used up before a route was back"),
    ("lost", "accepted requests that ended in no way at all"),
    (
        "shifts",
        "shifts of traffic the router began by itself; after the slash the needless ones: the provider was ill for less than the ten minutes the error trigger asks for, and failed less over them",
    ),
    (
        "failbacks",
        "failbacks begun; after the slash those that brought half the traffic or more into a provider that had been ill for 30 s",
    ),
    (
        "on ill home",
        "share of the time the home provider was out (beyond 30 s) in which requests still went there first, percent",
    ),
    (
        "late home",
        "share of the time the home provider was well in which requests went elsewhere, 10 min beyond all a failback asks for, percent",
    ),
    ("tier changes", "changes of the tier that answers, per run"),
    (
        "opened cut off",
        "circuits of well routes opened because this machine was cut off or had just woken up",
    ),
];

/// The table.
#[must_use]
pub fn table(rows: &[(&str, Totals)]) -> String {
    let mut cells: Vec<Vec<String>> = vec![COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect()];
    cells.extend(rows.iter().map(|(name, totals)| row(name, &totals.0)));
    let width = |at: usize| cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let mut text = String::new();
    for (line, row) in cells.iter().enumerate() {
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Writing to a string can't fail.
            let _ =
                if at == 0 { write!(text, "| {cell:<width$} ") } else { write!(text, "| {cell:>width$} ") };
        }
        text.push_str("|\n");
        if line == 0 {
            for (at, width) in widths.iter().enumerate() {
                let _ = write!(text, "| {}{} ", "-".repeat(width - 1), if at == 0 { "-" } else { ":" });
            }
            text.push_str("|\n");
        }
    }
    text
}

fn row(name: &str, kpis: &Kpis) -> Vec<String> {
    let calls: Vec<f64> = kpis.detections.iter().map(|detected| detected.calls as f64).collect();
    let after: Vec<f64> = kpis.detections.iter().map(|detected| detected.from_begin_s).collect();
    let most = calls.iter().copied().reduce(f64::max);
    let slashed = |values: &[Option<f64>], digits: usize| {
        let words: Vec<String> = values.iter().flatten().map(|value| format!("{value:.digits$}")).collect();
        if words.is_empty() { "-".to_owned() } else { words.join(" / ") }
    };
    let two = |values: &[f64]| slashed(&[percentile(values, 50.0), percentile(values, 95.0)], 0);
    let of = |part: u64, whole: u64| if whole == 0 { "-".to_owned() } else { format!("{whole} / {part}") };
    let percent = |part: u64, whole: u64| {
        if whole == 0 { "-".to_owned() } else { format!("{:.2}", share(part, whole)) }
    };
    vec![
        name.to_owned(),
        kpis.requests.to_string(),
        slashed(&[percentile(&calls, 50.0), percentile(&calls, 95.0), most], 0),
        two(&after),
        two(&kpis.failovers_s),
        slashed(&[percentile(&kpis.triggers_s, 50.0).map(|seconds| seconds / 60.0)], 1),
        format!("{:.3}", kpis.user_error_percent()),
        kpis.queued.to_string(),
        kpis.dead.to_string(),
        kpis.lost.to_string(),
        of(kpis.needless_shifts, kpis.shifts),
        of(kpis.early_failbacks, kpis.failbacks),
        percent(kpis.on_ill_home_ms, kpis.home_out_ms),
        percent(kpis.late_home_ms, kpis.home_well_ms),
        format!("{:.1}", kpis.tier_changes as f64 / kpis.runs.max(1) as f64),
        kpis.openings_cut_off.to_string(),
    ]
}

/// The goals, as a table.
#[must_use]
pub fn goals(goals: &[Goal]) -> String {
    let asks = goals.iter().map(|goal| goal.asks.chars().count()).max().unwrap_or(0);
    let found = goals.iter().map(|goal| goal.found.chars().count()).max().unwrap_or(0);
    let mut text = format!("| {:<asks$} | {:<found$} | met? |\n", "goal", "found");
    let _ = writeln!(text, "| {} | {} | ---- |", "-".repeat(asks), "-".repeat(found));
    for goal in goals {
        let met = if goal.met { "yes" } else { "NO" };
        let _ = writeln!(text, "| {:<asks$} | {:<found$} | {met:<4} |", goal.asks, goal.found);
    }
    text
}
