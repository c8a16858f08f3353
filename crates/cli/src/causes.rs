//! What failed, why, and the fix.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;
use switchyard_domain::Problem;
use switchyard_domain::api::ErrorReport;
use switchyard_domain::operate::{CauseView, FixView};

use crate::command::{Place, Shown};
use crate::output::{json, line, moment, note, table};
use crate::typed::{span_ms, whole};

#[derive(Debug, Args)]
pub(crate) struct ErrorsAsk {
    /// How far to look back: `90s`, `30m`, `1h`, `7d`.
    #[arg(long, default_value = "1h", value_name = "SPAN", value_parser = span_ms)]
    since: u64,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Args)]
pub(crate) struct CausesAsk {
    /// Do what is proposed for the cause with this number.
    #[arg(long, value_name = "N", value_parser = whole(1..=u16::MAX))]
    fix: Option<u16>,
    #[command(flatten)]
    shown: Shown,
}

pub(crate) async fn errors(place: &Place, ask: ErrorsAsk) -> Result<ExitCode, Problem> {
    let since = jiff::Timestamp::now().as_millisecond().saturating_sub_unsigned(ask.since);
    let report = place.router()?.errors(Some(since)).await?;
    if ask.shown.json {
        json(&report);
    } else {
        describe(&report);
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(report: &ErrorReport) {
    let rows: Vec<_> = report
        .errors
        .iter()
        .map(|row| {
            [
                row.provider.clone(),
                row.kind.as_str().to_owned(),
                row.status.map_or_else(|| "-".to_owned(), |status| status.to_string()),
                row.count.to_string(),
                share(row.count, report.tries.get(&row.provider).copied().unwrap_or(0)),
                moment(row.last_at_ms),
                row.message.lines().next().unwrap_or_default().to_owned(),
            ]
        })
        .collect();
    let heading = ["provider", "kind", "status", "count", "of its tries", "last", "message"];
    table(heading, &rows, "No try failed in that time.");
}

#[expect(clippy::cast_precision_loss, reason = "counts of a log are far below 2^52")]
fn share(count: u64, all: u64) -> String {
    if all == 0 { "-".to_owned() } else { format!("{:.0} %", count as f64 * 100.0 / all as f64) }
}

pub(crate) async fn causes(place: &Place, ask: CausesAsk) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    let causes = router.causes().await?;
    let Some(number) = ask.fix else {
        if ask.shown.json {
            json(&causes);
        } else if causes.is_empty() {
            note("Nothing is wrong that has a known cause.");
        } else {
            causes.iter().enumerate().for_each(|(at, cause)| tell(at + 1, cause));
        }
        return Ok(ExitCode::SUCCESS);
    };
    let fix = fix_of(&causes, number)?;
    let body = fix.body.as_deref().map(serde_json::from_str::<Value>).transpose();
    let body = body.map_err(|error| Problem::new("internal", format!("The fix is malformed: {error}.")))?;
    let (status, answer) = router.handle(&fix.method, &fix.path, body).await?;
    if status >= 400 {
        let unclear = Problem::new("fix_failed", format!("{} answered {status}.", fix.path));
        return Err(serde_json::from_value(answer).unwrap_or(unclear));
    }
    if ask.shown.json {
        json(&answer);
    } else {
        line(format!("Done: {}.", fix.label));
        if let Some(message) = answer.get("message").and_then(Value::as_str) {
            line(message);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn fix_of(causes: &[CauseView], number: u16) -> Result<&FixView, Problem> {
    let Some(cause) = causes.get(usize::from(number) - 1) else {
        let message =
            format!("There is no cause {number}; `switchyard causes` lists {} of them.", causes.len());
        return Err(Problem::new("not_found_cause", message));
    };
    cause.fix.as_ref().ok_or_else(|| {
        let message = format!("Nothing can be done here about cause {number}: {}", cause.sentence);
        Problem::new("no_fix", message)
    })
}

pub(crate) fn tell(number: usize, cause: &CauseView) {
    line(format!("{number}. {} (severity {})", cause.title, cause.severity));
    line(format!("   {}", cause.sentence));
    for evidence in &cause.evidence {
        line(format!("   - {evidence}"));
    }
    if let Some(fix) = &cause.fix {
        line(format!("   Fix: {}: {}", fix.label, fix.command));
    }
}
