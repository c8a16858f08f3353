//! Who changed what by hand, and the way back.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use switchyard_domain::Problem;

use crate::command::{Place, Shown};
use crate::output::{json, line, moment, note, or_dash, table};
use crate::typed::{number, whole, words};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditAsk {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    /// How many changes, newest first.
    #[arg(long, default_value_t = 50, value_parser = whole(1..=500_u32))]
    limit: u32,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Set back what a change touched, and nothing else.
    #[command(after_help = "Example: switchyard audit rollback 12 --reason 'the provider is well again'")]
    Rollback {
        /// The entry's number.
        #[arg(value_parser = number::<i64>)]
        id: i64,
        /// Why.
        #[arg(long, value_parser = words)]
        reason: Option<String>,
        #[command(flatten)]
        shown: Shown,
    },
}

pub(crate) async fn run(place: &Place, ask: AuditAsk) -> Result<ExitCode, Problem> {
    match ask.command {
        Some(AuditCommand::Rollback { id, reason, shown }) => roll_back(place, id, reason, shown).await,
        None => list(place, ask.limit, ask.shown).await,
    }
}

async fn list(place: &Place, limit: u32, shown: Shown) -> Result<ExitCode, Problem> {
    let entries = place.router()?.audit(limit).await?;
    if shown.json {
        json(&entries);
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = entries
        .into_iter()
        .map(|entry| {
            [
                entry.id.to_string(),
                moment(entry.at_ms),
                entry.actor,
                entry.action,
                entry.target,
                or_dash(entry.reason),
                if entry.reversible { "yes" } else { "no" }.to_owned(),
            ]
        })
        .collect();
    table(
        ["id", "when", "who", "what", "on", "reason", "rollback"],
        &rows,
        "Nothing has been changed by hand yet.",
    );
    Ok(ExitCode::SUCCESS)
}

async fn roll_back(
    place: &Place,
    id: i64,
    reason: Option<String>,
    shown: Shown,
) -> Result<ExitCode, Problem> {
    let back = place.router()?.roll_back(id, reason).await?;
    for warning in &back.warnings {
        note(format!("warning: {warning}"));
    }
    if shown.json {
        json(&back);
    } else {
        line(format!("Rolled back #{id}: {} of {}.", back.action, back.target));
    }
    Ok(ExitCode::SUCCESS)
}
