//! The cold queue, as a person handles it.

use std::process::ExitCode;

use clap::Subcommand;
use switchyard_control::QueueQuery;
use switchyard_domain::api::JobView;
use switchyard_domain::view::JobState;
use switchyard_domain::{Failure, Problem};

use crate::command::{Place, Shown};
use crate::output::{json, line, moment, or_dash, table};
use crate::typed::whole;

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Jobs, newest first.
    #[command(after_help = "Example: switchyard queue list --state dead")]
    List {
        /// Only jobs in this state: waiting, running, done, dead, expired, discarded.
        #[arg(long, value_parser = state)]
        state: Option<JobState>,
        /// At most so many.
        #[arg(long, value_parser = whole(1..=500_u32), default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        shown: Shown,
    },
    /// One job.
    #[command(after_help = "Example: switchyard queue show job_3f8a9c2d1e0b")]
    Show {
        /// Its id.
        id: String,
        #[command(flatten)]
        shown: Shown,
    },
    /// Put a job that ended without an answer back in line, with fresh attempts.
    #[command(after_help = "Example: switchyard queue replay job_3f8a9c2d1e0b")]
    Replay {
        /// Its id.
        id: String,
    },
    /// Give a job up for good.
    #[command(after_help = "Example: switchyard queue discard job_3f8a9c2d1e0b")]
    Discard {
        /// Its id.
        id: String,
    },
}

fn state(text: &str) -> Result<JobState, String> {
    JobState::parse(text)
        .ok_or_else(|| "one of waiting, running, done, dead, expired, discarded is expected".to_owned())
}

pub(crate) async fn run(place: &Place, command: QueueCommand) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    match command {
        QueueCommand::List { state, limit, shown } => {
            let jobs = router.jobs(QueueQuery { state, limit: Some(limit) }).await?;
            if shown.json {
                json(&jobs);
                return Ok(ExitCode::SUCCESS);
            }
            let rows: Vec<_> = jobs.into_iter().map(row).collect();
            table(["id", "state", "job", "app", "arrived", "attempts", "last failure"], &rows, "No jobs.");
        }
        QueueCommand::Show { id, shown } => {
            let job = router.job(&id).await?;
            if shown.json { json(&job) } else { describe(&job) }
        }
        QueueCommand::Replay { id } => {
            router.replay_job(&id).await?;
            line(format!("{id} is back in line."));
        }
        QueueCommand::Discard { id } => {
            router.discard_job(&id).await?;
            line(format!("{id} is given up."));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(job: JobView) -> [String; 7] {
    [
        job.id,
        job.state.as_str().to_owned(),
        job.job,
        job.client,
        moment(job.created_at_ms),
        job.attempts.to_string(),
        or_dash(job.last_failure.as_ref().map(Failure::short)),
    ]
}

fn describe(job: &JobView) {
    let rows = [
        ("Id", job.id.clone()),
        ("State", job.state.as_str().to_owned()),
        ("Job", job.job.clone()),
        ("App", job.client.clone()),
        ("Model", job.model.clone()),
        ("Arrived", moment(job.created_at_ms)),
        ("Next try", or_dash(job.next_attempt_at_ms.map(moment))),
        ("Given up", moment(job.expires_at_ms)),
        ("Ended", or_dash(job.finished_at_ms.map(moment))),
        ("Attempts", job.attempts.to_string()),
        ("Route", or_dash(job.route.as_ref())),
        ("Failure", or_dash(job.last_failure.as_ref().map(|failure| failure.message.as_str()))),
        ("Note", or_dash(job.note.as_ref())),
    ];
    for (name, value) in rows {
        line(format!("{name:<10}{value}"));
    }
}
