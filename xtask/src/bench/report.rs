//! What was found: tables for people (terminal and docs/performance.md), JSON for programs.

use std::fmt;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::command::Cmd;
use crate::repo::Repo;

/// Where the measured tables are kept, between two marks.
pub(super) const DOCS: &str = "docs/performance.md";
const BEGIN: &str = "<!-- measured: written by `cargo xtask bench --write-docs` -->";
const END: &str = "<!-- end of measured -->";

/// One table with its explanation.
#[derive(Debug)]
pub(super) struct Section {
    key: &'static str,
    title: &'static str,
    note: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
    data: Vec<Value>,
}

impl Section {
    pub(super) fn new(
        key: &'static str,
        title: &'static str,
        note: &'static str,
        columns: &'static [&'static str],
    ) -> Self {
        Self { key, title, note, columns, rows: Vec::new(), data: Vec::new() }
    }

    /// The rows for programs.
    pub(super) fn data(&self) -> &[Value] {
        &self.data
    }

    /// One row: its name, its other cells, and the same for programs.
    pub(super) fn row(&mut self, name: impl Into<String>, cells: Vec<String>, data: Value) {
        self.rows.push(std::iter::once(name.into()).chain(cells).collect());
        self.data.push(data);
    }
}

/// A Markdown section whose table also reads well in a terminal.
impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}\n\n{}\n", self.title, self.note)?;
        let header: Vec<String> = self.columns.iter().map(|&name| name.to_owned()).collect();
        let width = |at: usize| {
            let cells = self.rows.iter().chain([&header]).filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..header.len()).map(width).collect();
        let line = |f: &mut fmt::Formatter<'_>, row: &[String]| {
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if at == 0 { write!(f, "| {cell:<width$} ")? } else { write!(f, "| {cell:>width$} ")? }
            }
            writeln!(f, "|")
        };
        line(f, &header)?;
        for (at, width) in widths.iter().enumerate() {
            write!(f, "| {}{} ", "-".repeat((*width).max(2) - 1), if at == 0 { "-" } else { ":" })?;
        }
        writeln!(f, "|")?;
        self.rows.iter().try_for_each(|row| line(f, row))
    }
}

/// A whole run.
#[derive(Debug)]
pub(super) struct Report {
    quick: bool,
    /// Processor, cores, kernel, versions.
    machine: Vec<String>,
    /// Processes that wanted to run, before and after.
    busy: Vec<String>,
    pub(super) sections: Vec<Section>,
}

impl Report {
    pub(super) fn new(repo: &Repo, quick: bool) -> Self {
        Self { quick, machine: machine(repo), busy: vec![load_average()], sections: Vec::new() }
    }

    /// Notes how busy the machine was at the end.
    pub(super) fn finish(&mut self) {
        self.busy.push(load_average());
    }

    /// Where and how it was measured, as one sentence.
    pub(super) fn circumstances(&self) -> String {
        let effort = if self.quick { "A quick run" } else { "A full run" };
        format!("{effort} on {}; load average {}.", self.machine.join(", "), self.busy.join(" before, then "))
    }

    pub(super) fn write_json(&self, repo: &Repo) -> Result<PathBuf> {
        let sections: Map<String, Value> =
            self.sections.iter().map(|section| (section.key.to_owned(), json!(section.data))).collect();
        let report = json!({
            "quick": self.quick,
            "machine": self.machine,
            "load_average": self.busy,
            "sections": sections,
        });
        let folder = repo.target.join("bench");
        std::fs::create_dir_all(&folder).context("cannot make target/bench")?;
        let file = folder.join("latest.json");
        let text = serde_json::to_string_pretty(&report)? + "\n";
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }

    /// Replaces what stands between the marks.
    pub(super) fn write_docs(&self, repo: &Repo) -> Result<()> {
        let path = repo.root.join(DOCS);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {DOCS}"))?;
        std::fs::write(&path, self.in_place(&text)?).with_context(|| format!("cannot write {DOCS}"))
    }

    fn in_place(&self, text: &str) -> Result<String> {
        let (before, rest) =
            text.split_once(BEGIN).with_context(|| format!("{DOCS} has no line `{BEGIN}`"))?;
        let (_, after) = rest.split_once(END).with_context(|| format!("{DOCS} has no line `{END}`"))?;
        let mut measured = format!("{}\n", self.circumstances());
        for section in &self.sections {
            // Writing to a String can't fail.
            let _ = write!(measured, "\n{section}");
        }
        Ok(format!("{before}{BEGIN}\n\n{measured}\n{END}{after}"))
    }
}

fn machine(repo: &Repo) -> Vec<String> {
    let cpu_info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu_info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let cores = cpu_info.lines().filter(|line| line.starts_with("processor")).count();
    let said = |program: &str, args: &[&str]| {
        let answer = Cmd::new(&repo.root, program, args.iter().copied()).answer().unwrap_or_default();
        answer.lines().next().unwrap_or_default().trim().to_owned()
    };
    vec![
        model.map_or_else(|| "an unnamed processor".to_owned(), |(_, name)| name.trim().to_owned()),
        format!("{cores} cores"),
        said("uname", &["-sr"]),
        said("rustc", &["--version"]),
        format!("nginx {}", said("dpkg-query", &["-W", "-f=${Version}", "nginx-light"])),
    ]
}

fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// The middle one; of an even number, the mean of the two in the middle.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    f64::midpoint(values[last / 2], values[last.div_ceil(2)])
}

/// Microseconds as milliseconds, to be read by people.
pub(super) fn ms(us: f64) -> String {
    if us.abs() >= 100_000.0 { format!("{:.0}", us / 1_000.0) } else { format!("{:.3}", us / 1_000.0) }
}

/// `a` as a multiple of `b`; nothing where `b` is lost in the noise.
pub(super) fn ratio(a: f64, b: f64) -> String {
    if b > 1.0 { format!("{:.2}", a / b) } else { "–".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut section = Section::new("start", "Start", "How long.", &["what", "ms"]);
        section.row("health", vec!["12.5".to_owned()], json!({ "ms": 12.5 }));
        Report {
            quick: true,
            machine: vec!["a machine".to_owned()],
            busy: vec!["0.10".to_owned(), "1.00".to_owned()],
            sections: vec![section],
        }
    }

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let old = format!("# Title\n\n{BEGIN}\nold figures\n{END}\n\nHand-written.\n");
        let new = report().in_place(&old).unwrap();
        assert!(new.starts_with("# Title\n\n") && new.ends_with("\n\nHand-written.\n"), "{new}");
        assert!(new.contains("| health | 12.5 |") && !new.contains("old figures"), "{new}");
        assert_eq!(report().in_place(&new).unwrap(), new, "writing twice changes nothing");
        assert!(report().in_place("no marks").is_err());
    }

    #[test]
    fn a_table_is_markdown_with_figures_to_the_right() {
        let text = report().sections[0].to_string();
        let table: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(table, ["| what   |   ms |", "| ------ | ---: |", "| health | 12.5 |"]);
    }

    #[test]
    fn the_median_of_rounds() {
        for (values, expected) in [(vec![3.0, 1.0, 9.0], 3.0), (vec![4.0, 1.0], 2.5), (vec![7.0], 7.0)] {
            assert!((median(values.into_iter()) - expected).abs() < f64::EPSILON);
        }
        assert!(median(std::iter::empty()).is_nan());
        assert_eq!((ratio(30.0, 20.0), ratio(30.0, 0.5)), ("1.50".to_owned(), "–".to_owned()));
        assert_eq!((ms(1_234.5), ms(1_000_400.0)), ("1.234".to_owned(), "1000".to_owned()));
    }
}
