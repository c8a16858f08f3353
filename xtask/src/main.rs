//! The repository's own commands, `cargo xtask <command>`: the only scripts there are.
//!
//! Each command first looks at the machine, then writes a plan (a list of plain commands), then does
//! it; `--plan` stops after the second. xtask is the first thing a bare machine compiles, so its
//! dependencies stay few. It never knows what the product does: it calls cargo, npm, apt and the built
//! binaries, and nothing in the product depends on it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program talks on its terminal"
)]

mod bench;
mod clients;
mod command;
mod freshness;
mod fuzz;
mod generated;
mod machine;
mod node;
mod package;
mod packages;
mod plan;
mod python;
mod repo;
mod run;
mod sim;
mod suite;
mod supply;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::machine::Machine;
use crate::plan::Plan;
use crate::repo::Repo;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install what is missing, build, and start Switchyard
    Run {
        /// The router alone, without a window; its pages are served to a browser
        #[arg(long)]
        headless: bool,
        /// Print the steps without doing them
        #[arg(long)]
        plan: bool,
        /// Arguments for the program itself
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Install what is missing and run every test
    Test {
        /// One part only
        #[arg(long, value_enum)]
        only: Option<suite::Part>,
        /// Print the steps without doing them
        #[arg(long)]
        plan: bool,
    },
    /// Measure what the router adds to a call, beside nginx and beside no router at all (Linux)
    Bench {
        /// Under a minute, with fewer and shorter rounds
        #[arg(long)]
        quick: bool,
        /// Rewrite the tables in docs/performance.md
        #[arg(long)]
        write_docs: bool,
        /// An already built `switchyard` to measure, instead of building one
        #[arg(long, value_name = "PATH")]
        bin: Option<PathBuf>,
        /// One part only
        #[arg(long, value_enum)]
        only: Option<bench::Part>,
        /// Count instructions per request by callgrind, and fail where they exceed those kept in docs/performance.md
        #[arg(long, conflicts_with_all = ["quick", "only"])]
        gate: bool,
    },
    /// Feed wire's parsers and translators bytes nobody would send (Linux)
    Fuzz {
        /// One target only
        #[arg(long)]
        target: Option<String>,
        /// How long each target runs
        #[arg(long, default_value_t = fuzz::DEFAULT_SECONDS, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
        /// Run this one input, which the target failed on
        #[arg(long, value_name = "PATH")]
        input: Option<PathBuf>,
    },
    /// Play scripts of outages against the failover policy in virtual time and print what users would have met; a run of
    /// every script with the default number of seeds or more is kept in docs/failover-kpis.md
    Sim {
        /// How often each script is played, each time with a seed of its own
        #[arg(long, default_value_t = sim::DEFAULT_SEEDS, value_parser = clap::value_parser!(u64).range(1..))]
        seeds: u64,
        /// One script only
        #[arg(long)]
        script: Option<String>,
        /// Tell what was amiss, with its seed and time
        #[arg(long)]
        notes: bool,
    },
    /// Ask coding agents (Claude Code, Codex CLI, OpenCode, Gemini CLI) a question over every kind of simulated provider;
    /// a run of all is kept in docs/clients.md. Fetches a gigabyte of packages, so it is no part of the suite
    Clients {
        /// These only: claude, codex, opencode, gemini
        only: Vec<String>,
        /// Print the steps without doing them
        #[arg(long)]
        plan: bool,
    },
    /// Write the generated documents (API, map schema, table of defaults, TypeScript types)
    Gen {
        /// Change nothing; fail if a committed document is stale
        #[arg(long)]
        check: bool,
        /// An already built `switchyard` to ask, instead of building one
        #[arg(long, value_name = "PATH")]
        bin: Option<PathBuf>,
    },
    /// Check crate arrows, file sizes and what sources may not contain
    Tidy {
        /// Also check that the generated documents are current (builds the router)
        #[arg(long)]
        generated: bool,
    },
    /// Check licences, sources and signatures of what the tree depends on
    Supply,
    /// Build an installable package of the desktop app
    Package {
        /// Print the steps without doing them
        #[arg(long)]
        plan: bool,
    },
}

fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<()> {
    let repo = Repo::find()?;
    match command {
        Command::Run { headless, plan, args } => {
            let wanted = run::Wanted { headless, args };
            carry_out(&run::plan(&repo, &Machine::probe(&repo), &wanted)?, plan)
        }
        Command::Test { only, plan } => carry_out(&suite::plan(&repo, &Machine::probe(&repo), only)?, plan),
        Command::Bench { quick, write_docs, bin, only, gate } => {
            bench::run(&repo, &bench::Wanted { quick, write_docs, bin, only, gate })
        }
        Command::Fuzz { target, seconds, input } => {
            fuzz::run(&repo, &fuzz::Wanted { target, seconds, input })
        }
        Command::Sim { seeds, script, notes } => sim::run(&repo, &sim::Wanted { seeds, script, notes }),
        Command::Clients { only, plan } => {
            carry_out(&clients::plan(&repo, &Machine::probe(&repo), only)?, plan)
        }
        Command::Gen { check, bin } => generated::run(&repo, check, bin),
        Command::Tidy { generated } => {
            tidy::run(&repo)?;
            if generated { generated::run(&repo, true, None) } else { Ok(()) }
        }
        Command::Supply => supply::check(&repo, &Machine::probe(&repo)),
        Command::Package { plan } => {
            carry_out(&package::plan(&repo, &Machine::probe(&repo))?, plan)?;
            if plan { Ok(()) } else { package::print_artifacts(&repo) }
        }
    }
}

fn carry_out(plan: &Plan, only_print: bool) -> Result<()> {
    if only_print {
        print!("{plan}");
        Ok(())
    } else {
        plan.carry_out()
    }
}
