//! Incidents, emergency pages and notices on the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use switchyard_control::{ControlClient, IncidentsQuery};
use switchyard_domain::Problem;
use switchyard_domain::incident::{
    EmergencyPage, Incident, IncidentBrief, IncidentId, NewExternalIncident, PercentKpi, Review, SendNotice,
    SpanKpi, verdict,
};
use switchyard_engine::private::write_private;

use crate::command::{Place, Shown};
use crate::output::{block, json, lasting, line, moment, note, or_dash, table};
use crate::typed::{Moment, moment_at, number, whole, words};

#[derive(Debug, Subcommand)]
pub(crate) enum IncidentCommand {
    /// Incidents, newest first.
    #[command(after_help = "Example: switchyard incident list --since 7d")]
    List {
        /// Only those opened since: 30m, 24h, 7d, or a date.
        #[arg(long)]
        since: Option<String>,
        /// At most so many.
        #[arg(long, value_parser = whole(1..=500_u32), default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        shown: Shown,
    },
    /// One incident: its numbers against their goals, its timeline, its notes.
    #[command(after_help = "Example: switchyard incident show 12 --json")]
    Show {
        /// Its number.
        #[arg(value_parser = number::<i64>)]
        id: i64,
        #[command(flatten)]
        shown: Shown,
    },
    /// Write down what you found out.
    #[command(after_help = "Example: switchyard incident note 12 'their eu-west-1 is down'")]
    Note {
        /// Its number.
        #[arg(value_parser = number::<i64>)]
        id: i64,
        /// The words.
        text: String,
    },
    /// Close an incident by hand; by itself it closes once all has been calm for a minute.
    #[command(after_help = "Example: switchyard incident close 12 --reason 'a test of ours'")]
    Close {
        /// Its number.
        #[arg(value_parser = number::<i64>)]
        id: i64,
        /// Why.
        #[arg(long, value_parser = words)]
        reason: Option<String>,
    },
    /// Print an incident's report, Markdown.
    #[command(after_help = "Example: switchyard incident report 12 --output incident-12.md")]
    Report {
        /// Its number.
        #[arg(value_parser = number::<i64>)]
        id: i64,
        /// Write it to this file.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// How incidents were handled, taken together.
    #[command(after_help = "Example: switchyard incident analyze --since 30d")]
    Analyze {
        /// From when on: 24h, 30d, or a date.
        #[arg(long, default_value = "30d")]
        since: String,
        #[command(flatten)]
        shown: Shown,
    },
    /// What providers said of themselves: a dated log.
    #[command(subcommand, after_help = "Example: switchyard incident external list")]
    External(ExternalCommand),
    /// What to do while a provider is out: whom to write to, with which words, and what next.
    #[command(after_help = "Example: switchyard incident emergency anthropic")]
    Emergency {
        /// Its name in the map.
        provider: String,
        #[command(flatten)]
        shown: Shown,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExternalCommand {
    /// Note one.
    #[command(
        after_help = "Example: switchyard incident external add openai 'elevated errors' --url https://status.openai.com"
    )]
    Add {
        /// The provider.
        provider: String,
        /// What happened.
        text: String,
        /// Where it can be read up.
        #[arg(long)]
        url: Option<String>,
        /// When it was: 2h, 3d, or a date; now by default.
        #[arg(long)]
        at: Option<String>,
    },
    /// Those that were noted, newest first.
    #[command(after_help = "Example: switchyard incident external list --since 30d")]
    List {
        /// From when on: 24h, 30d, or a date.
        #[arg(long)]
        since: Option<String>,
        #[command(flatten)]
        shown: Shown,
    },
}

/// A word to those whose apps called.
#[derive(Debug, Args)]
pub(crate) struct NoticeAsk {
    /// The words.
    #[arg(long, value_parser = words)]
    message: String,
    /// Apps with a request since then are told: 1h, 2d, or a date.
    #[arg(long, required_unless_present = "incident", conflicts_with = "incident")]
    since: Option<String>,
    /// Apps with a request during this incident are told.
    #[arg(long, value_name = "ID", value_parser = number::<i64>)]
    incident: Option<i64>,
    /// Why, for the audit log.
    #[arg(long, value_parser = words)]
    reason: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

pub(crate) async fn run(place: &Place, command: IncidentCommand) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    match command {
        IncidentCommand::List { since, limit, shown } => {
            let since_ms = moment_of(&router, since.as_deref()).await?;
            let found = router.incidents(IncidentsQuery { since_ms, limit: Some(limit) }).await?;
            if shown.json { json(&found) } else { list(found) }
        }
        IncidentCommand::Show { id, shown } => {
            let incident = router.incident(IncidentId(id)).await?;
            if shown.json { json(&incident) } else { describe(&incident) }
        }
        IncidentCommand::Note { id, text } => {
            router.note_incident(IncidentId(id), &text).await?;
            line(format!("Noted on incident {id}."));
        }
        IncidentCommand::Close { id, reason } => {
            router.close_incident(IncidentId(id), reason).await?;
            line(format!("Incident {id} is closed."));
        }
        IncidentCommand::Report { id, output } => {
            let report = router.incident_report(IncidentId(id)).await?.markdown;
            match output {
                None => block(report.trim_end()),
                Some(path) => {
                    write_private(&path, report.as_bytes()).map_err(|error| {
                        let message = format!("{} can't be written: {error}.", path.display());
                        Problem::new("file_unwritable", message)
                    })?;
                    line(format!("The report is in {}.", path.display()));
                }
            }
        }
        IncidentCommand::Analyze { since, shown } => {
            let since_ms = moment_of(&router, Some(&since)).await?;
            let review = router.review_incidents(since_ms).await?;
            if shown.json { json(&review) } else { reviewed(&review) }
        }
        IncidentCommand::External(command) => external(&router, command).await?,
        IncidentCommand::Emergency { provider, shown } => {
            let page = router.emergency_page(&provider).await?;
            if shown.json { json(&page) } else { emergency(&page) }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn external(router: &ControlClient, command: ExternalCommand) -> Result<(), Problem> {
    match command {
        ExternalCommand::Add { provider, text, url, at } => {
            let at_ms = moment_of(router, at.as_deref()).await?;
            let kept =
                router.add_external_incident(&NewExternalIncident { at_ms, provider, text, url }).await?;
            line(format!("Noted for {} at {}.", kept.provider, moment(kept.at_ms)));
        }
        ExternalCommand::List { since, shown } => {
            let since_ms = moment_of(router, since.as_deref()).await?;
            let found = router.external_incidents(since_ms).await?;
            if shown.json {
                json(&found);
                return Ok(());
            }
            let rows: Vec<_> =
                found.into_iter().map(|e| [moment(e.at_ms), e.provider, e.text, or_dash(e.url)]).collect();
            table(["when", "provider", "what", "where"], &rows, "No external incident is noted.");
        }
    }
    Ok(())
}

/// Tells those whose apps called; exit code 1 when it arrived nowhere although somebody was to be told.
pub(crate) async fn notice(place: &Place, ask: NoticeAsk) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    let notice = SendNotice {
        since_ms: moment_of(&router, ask.since.as_deref()).await?,
        message: ask.message,
        incident: ask.incident.map(IncidentId),
        reason: ask.reason,
    };
    let report = router.send_notice(&notice).await?;
    let arrived = report.deliveries.iter().any(|delivery| delivery.sent);
    if ask.shown.json {
        json(&report);
    } else {
        let clients = match report.clients.as_slice() {
            [] => "no app had a request in that time".to_owned(),
            names => names.join(", "),
        };
        line(format!("Apps concerned: {clients}."));
        for delivery in &report.deliveries {
            let whose = delivery.client.as_ref().map(|client| format!(" ({client})")).unwrap_or_default();
            line(format!("{}{whose}: {}", delivery.target, delivery.detail));
        }
        if report.deliveries.is_empty() {
            note("Nobody is to be told: write targets into cold.notify or clients.NAME.notify of the map.");
        }
    }
    Ok(if arrived { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A moment as people write it: a time ago by the router's clock, or a date.
async fn moment_of(router: &ControlClient, written: Option<&str>) -> Result<Option<i64>, Problem> {
    let Some(written) = written else { return Ok(None) };
    match moment_at(written)? {
        Moment::At(ms) => Ok(Some(ms)),
        Moment::Ago(ms) => Ok(Some(router.snapshot().await?.at_ms.saturating_sub(ms))),
    }
}

fn list(found: Vec<IncidentBrief>) {
    let row = |brief: IncidentBrief| {
        [
            brief.id.to_string(),
            brief.severity.number().to_string(),
            brief.state.as_str().to_owned(),
            moment(brief.opened_at_ms),
            or_dash(brief.closed_at_ms.map(moment)),
            brief.title,
            format!("{} kept, {} queued, {} lost", brief.kept, brief.queued, brief.lost),
        ]
    };
    let rows: Vec<_> = found.into_iter().map(row).collect();
    table(["id", "severity", "state", "opened", "closed", "what", "requests"], &rows, "No incidents.");
}

fn describe(incident: &Incident) {
    let brief = &incident.brief;
    line(format!("Incident {}, severity {}, {}", brief.id, brief.severity.number(), brief.state.as_str()));
    line(&brief.title);
    line(&brief.summary);
    line("");
    let kpis = &incident.kpis;
    let rows = [
        span_row("detection", kpis.detection_ms),
        span_row("failover", kpis.failover_ms),
        span_row("restoration", kpis.restoration_ms),
        span_row("recovery", kpis.recovery_ms),
        percent_row("user errors", kpis.user_error_percent),
        percent_row("lost", kpis.lost_percent),
        percent_row("slowdown", kpis.slowdown_percent),
    ];
    table(["kpi", "value", "goal", ""], &rows, "");
    line("");
    let rows: Vec<_> =
        incident.timeline.iter().map(|entry| [moment(entry.at_ms), entry.title.clone()]).collect();
    table(["when", "what"], &rows, "Nothing happened yet.");
    for note in &incident.notes {
        line(format!("{}  {} noted: {}", moment(note.at_ms), note.actor, note.text));
    }
}

fn span_row(name: &str, kpi: SpanKpi) -> [String; 4] {
    let ms = lasting;
    [name.to_owned(), or_dash(kpi.value.map(ms)), format!("< {}", ms(kpi.goal)), verdict(kpi.met).to_owned()]
}

fn percent_row(name: &str, kpi: PercentKpi) -> [String; 4] {
    let percent = |value: f64| format!("{value} %");
    [
        name.to_owned(),
        or_dash(kpi.value.map(percent)),
        format!("< {}", percent(kpi.goal)),
        verdict(kpi.met).to_owned(),
    ]
}

fn reviewed(review: &Review) {
    line(format!(
        "{} {} since {}, {} of them open; severity 1/2/3: {}/{}/{}.",
        review.incidents,
        if review.incidents == 1 { "incident" } else { "incidents" },
        moment(review.since_ms),
        review.open,
        review.by_severity[0],
        review.by_severity[1],
        review.by_severity[2]
    ));
    line("");
    let share = |name: &str, kpi: PercentKpi| {
        let value = or_dash(kpi.value.map(|value| format!("{value} %")));
        [name.to_owned(), value, String::new(), format!("> {} %", kpi.goal), verdict(kpi.met).to_owned()]
    };
    let mut rows = vec![
        share("automatic failovers", review.automatic_percent),
        share("failovers by hand that worked", review.manual_percent),
        share("returns that held", review.failback_percent),
    ];
    for kpi in &review.kpis {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast from f64 saturates"
        )]
        let written = |value: f64| match kpi.unit.as_str() {
            "ms" => lasting(value.round() as u64),
            "percent" => format!("{value} %"),
            unit => format!("{value} {unit}"),
        };
        let value = |value: Option<f64>| or_dash(value.map(written));
        let met = match kpi.measured {
            0 => "not measured".to_owned(),
            measured => format!("met in {} of {measured}", kpi.met),
        };
        rows.push([
            kpi.name.clone(),
            value(kpi.mean),
            value(kpi.worst),
            format!("< {}", written(kpi.goal)),
            met,
        ]);
    }
    table(["kpi", "mean", "worst", "goal", ""], &rows, "");
    for cause in &review.repeated {
        line(format!("{} times: {}: {}", cause.times, cause.provider, cause.cause));
    }
    line("");
    for suggestion in &review.suggestions {
        line(suggestion);
    }
}

fn emergency(page: &EmergencyPage) {
    line(&page.state);
    line(format!("Status page: {}", or_dash(page.status_page.as_ref())));
    line(format!("Support:     {}", or_dash(page.support.as_ref())));
    block("\nSupport case:\n");
    block(&page.case_text);
    block("\nFor customers:\n");
    block(&page.customer_message);
    block("\nNext:\n");
    for (n, action) in page.actions.iter().enumerate() {
        line(format!("{}. {}", n + 1, action.text));
        if let Some(command) = &action.command {
            line(format!("   {command}"));
        }
    }
}
