//! What bodies cost that are made to cost time: wire's own benchmark of them, on one core.

use anyhow::{Context, Result};
use serde_json::Value;

use super::report::Section;
use crate::command::Cmd;
use crate::repo::Repo;

/// The benchmark as cargo runs it.
pub(super) const BENCH: [&str; 5] = ["bench", "--package", "switchyard-wire", "--bench", "hostile"];

/// A shape should cost no more per megabyte, milliseconds.
const AIM_MS: f64 = 20.0;
/// Twice as much of it should cost no more per megabyte than this many times as much: what is linear costs the same.
const AIM_GROWTH: f64 = 1.1;

pub(super) fn measure(repo: &Repo, quick: bool) -> Result<Section> {
    let effort: &[&str] = if quick { &["--", "--quick"] } else { &[] };
    let run = Cmd::cargo(&repo.root, BENCH).args(effort.iter().copied()).under(&["taskset", "-c", "0"]);
    let report: Value =
        serde_json::from_str(&run.output()?).context("the benchmark of hostile bodies printed no JSON")?;
    table(&report)
}

fn table(report: &Value) -> Result<Section> {
    let mut section = Section::new(
        "hostile",
        "Hostile bodies and streams",
        "Time on one core per megabyte, the most expensive first; nothing of the network. Each shape is made once and \
         twice as wide: growth is the time per megabyte of the wider one over that of the narrower, 1 where the work \
         is linear. The aim is under 20 ms and no growth.",
        &["shape", "ms/MB", "growth", "aim"],
    );
    let mut rows: Vec<&Value> =
        report["rows"].as_array().context("the benchmark gave no rows")?.iter().collect();
    let cost = |row: &Value| row["ms_per_mb"].as_f64().unwrap_or(f64::INFINITY);
    rows.sort_by(|a, b| cost(b).total_cmp(&cost(a)));
    for row in rows {
        let name = row["name"].as_str().context("a row without a name")?;
        let growth = row["growth"].as_f64();
        let met = cost(row) <= AIM_MS && growth.is_none_or(|growth| growth <= AIM_GROWTH);
        let cells = vec![
            format!("{:.2}", cost(row)),
            growth.map_or_else(|| "-".to_owned(), |growth| format!("{growth:.2}")),
            if met { "met" } else { "missed" }.to_owned(),
        ];
        section.row(name.to_owned(), cells, row.clone());
    }
    Ok(section)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_most_expensive_shape_comes_first_and_a_missed_aim_shows() {
        let row = |name: &str, ms: f64, growth: Option<f64>| json!({ "name": name, "ms_per_mb": ms, "growth": growth });
        let rows =
            json!({ "rows": [row("a", 5.0, None), row("b", 9.0, Some(2.0)), row("c", 21.0, Some(1.0))] });
        let text = table(&rows).unwrap().to_string();
        let told: Vec<String> = text
            .lines()
            .filter(|line| line.starts_with("| a") || line.starts_with("| b") || line.starts_with("| c"))
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            told,
            ["| c | 21.00 | 1.00 | missed |", "| b | 9.00 | 2.00 | missed |", "| a | 5.00 | - | met |"]
        );
    }
}
