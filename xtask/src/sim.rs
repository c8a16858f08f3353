//! `cargo xtask sim`: scripts of outages against the failover policy, in virtual time.
//!
//! `switchyard-outages` plays and judges them; here it is built and its tables are kept in
//! docs/failover-kpis.md when asked.

use anyhow::{Context, Result, bail};

use crate::command::Cmd;
use crate::repo::Repo;

/// How often each script is played by default; the tables in the docs are of this many or more.
pub(crate) const DEFAULT_SEEDS: u64 = 200;

const DOCS: &str = "docs/failover-kpis.md";
const BEGIN: &str = "<!-- played: written by `cargo xtask sim` -->";
const END: &str = "<!-- end of played -->";

/// What the user asked for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// How often each script is played, each time with a seed of its own.
    pub(crate) seeds: u64,
    /// One script only.
    pub(crate) script: Option<String>,
    /// Tells what was amiss.
    pub(crate) notes: bool,
}

impl Wanted {
    /// Whether the tables in the docs become what this run finds: a part of the scripts, or fewer runs, are a look only.
    const fn is_for_the_docs(&self) -> bool {
        self.script.is_none() && !self.notes && self.seeds >= DEFAULT_SEEDS
    }
}

pub(crate) fn run(repo: &Repo, wanted: &Wanted) -> Result<()> {
    build(repo).run()?;
    let program = repo.binary("debug", "switchyard-outages").display().to_string();
    let mut play = Cmd::new(&repo.root, program, ["--seeds".to_owned(), wanted.seeds.to_string()]);
    if let Some(script) = &wanted.script {
        play = play.args(["--script", script]);
    }
    if wanted.notes {
        play = play.args(["--notes"]);
    }
    if !wanted.is_for_the_docs() {
        return play.run();
    }
    // Missed goals belong into the docs as well; they fail the command afterwards.
    let (tables, met) = play.told()?;
    println!("{tables}");
    let path = repo.root.join(DOCS);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {DOCS}"))?;
    let intro = format!("Each script was played with seeds 1 to {}.", wanted.seeds);
    let fresh = in_place(&text, &format!("{intro}\n\n{}", tables.trim_end()))?;
    std::fs::write(&path, fresh).with_context(|| format!("cannot write {DOCS}"))?;
    println!("written: {DOCS}");
    if met { Ok(()) } else { bail!("a goal was missed; `cargo xtask sim --notes` tells where") }
}

/// The usual build, in which only what the simulator spends its time in is optimised: seconds instead of the minutes
/// a release of everything takes.
fn build(repo: &Repo) -> Cmd {
    let fast = |package: &str| format!("profile.dev.package.{package}.opt-level=3");
    let fast = ["switchyard-domain", "switchyard-policy", "switchyard-outages"].map(fast);
    let cargo = Cmd::cargo(&repo.root, ["build", "--package", "switchyard-outages"]);
    fast.into_iter().fold(cargo, |cargo, setting| cargo.args(["--config".to_owned(), setting]))
}

/// `text` with what stands between the marks replaced.
fn in_place(text: &str, tables: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{DOCS} lacks the line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{DOCS} lacks the line {END}"))?;
    Ok(format!("{before}{BEGIN}\n\n{tables}\n\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_replace_what_stands_between_the_marks_and_nothing_else() {
        let text = format!("# KPIs\n\n{BEGIN}\nold\n{END}\n\nMore.\n");
        let fresh = in_place(&text, "| a |").unwrap();
        assert_eq!(fresh, format!("# KPIs\n\n{BEGIN}\n\n| a |\n\n{END}\n\nMore.\n"));
        assert_eq!(in_place(&fresh, "| a |").unwrap(), fresh, "written twice is written once");
        assert!(in_place("no marks", "x").unwrap_err().to_string().contains("played"));
    }

    #[test]
    fn only_a_whole_run_is_written_down() {
        let whole = || Wanted { seeds: DEFAULT_SEEDS, script: None, notes: false };
        assert!(whole().is_for_the_docs());
        let parts = [
            Wanted { seeds: DEFAULT_SEEDS - 1, ..whole() },
            Wanted { script: Some("blip".to_owned()), ..whole() },
            Wanted { notes: true, ..whole() },
        ];
        assert!(parts.iter().all(|part| !part.is_for_the_docs()));
    }

    #[test]
    fn the_docs_have_their_marks() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert!(in_place(&std::fs::read_to_string(root.join(DOCS)).unwrap(), "x").is_ok());
    }
}
