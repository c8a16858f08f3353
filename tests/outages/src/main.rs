//! `switchyard-outages`: plays the scripts, prints the table, and fails where a goal was missed.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program talks on its terminal"
)]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use clap::Parser;
use switchyard_outages::scripts::{self, Named};
use switchyard_outages::{Kpis, Totals, play, report, run};

/// Play scripts of outages against the failover policy, in virtual time.
#[derive(Debug, Parser)]
#[command(after_help = "Example: switchyard-outages --seeds 100 --script half-healed")]
struct Cli {
    /// How often each script is played, each time with a seed of its own
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// One script only
    #[arg(long)]
    script: Option<String>,
    /// Tell what was amiss, with its seed and time
    #[arg(long)]
    notes: bool,
    /// Tell what the script's first seed draws and all that the router says of it
    #[arg(long, requires = "script")]
    tell: bool,
    /// List the scripts
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    match answer(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn answer(cli: &Cli) -> Result<bool> {
    let chosen: Vec<&Named> = match &cli.script {
        None => scripts::ALL.iter().collect(),
        Some(name) => {
            let names: Vec<&str> = scripts::ALL.iter().map(|named| named.name).collect();
            vec![
                scripts::find(name)
                    .with_context(|| format!("no script is called {name}; there are {}", names.join(", ")))?,
            ]
        }
    };
    if cli.list {
        chosen.iter().for_each(|named| println!("{:<12} {}", named.name, named.about));
        return Ok(true);
    }
    if let (true, [named]) = (cli.tell, chosen.as_slice()) {
        let script = scripts::script(named, cli.first);
        println!("{script:#?}");
        run::tell(&script, cli.first).iter().for_each(|line| println!("{line}"));
        return Ok(true);
    }
    let mut rows = Vec::new();
    let mut all = Totals::default();
    for named in chosen {
        let mut totals = Totals::default();
        for (seed, kpis) in play_all(named, cli.first, cli.seeds) {
            if cli.notes {
                tell_notes(named.name, seed, &kpis);
            }
            totals.add(&kpis);
        }
        all.add(&totals.0);
        rows.push((named.name, totals));
    }
    let goals = all.goals();
    if rows.len() > 1 {
        rows.push(("all", all));
    }
    println!("{}\n{}", report::table(&rows), report::goals(&goals));
    Ok(goals.iter().all(|goal| goal.met))
}

/// Plays a script with each seed, as many at a time as there are cores; in the order of the seeds.
fn play_all(named: &Named, first: u64, seeds: u64) -> Vec<(u64, Kpis)> {
    let next = AtomicU64::new(first);
    let played = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    let kpis = play(&scripts::script(named, seed), seed);
                    played.lock().unwrap_or_else(PoisonError::into_inner).push((seed, kpis));
                }
            });
        }
    });
    let mut played = played.into_inner().unwrap_or_else(PoisonError::into_inner);
    played.sort_by_key(|(seed, _)| *seed);
    played
}

fn tell_notes(script: &str, seed: u64, kpis: &Kpis) {
    for note in &kpis.notes {
        println!("{script} seed {seed} at {note}");
    }
}
