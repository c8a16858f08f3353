//! What was asked, what happened, and one request to try it.

use std::process::ExitCode;

use clap::Args;
use switchyard_control::RequestsQuery;
use switchyard_domain::api::TestRequest;
use switchyard_domain::view::{RequestView, Snapshot};
use switchyard_domain::{Problem, RouteId, Tier};

use crate::command::{Place, Shown};
use crate::output::{block, json, json_line, line, moment, or_dash, table};
use crate::typed::{epoch_ms, whole};

#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// At most so many.
    #[arg(long, value_parser = whole(1..=500_u32), default_value_t = 20)]
    limit: u32,
    /// Only those that arrived before, UTC epoch milliseconds.
    #[arg(long, value_name = "MS", value_parser = epoch_ms)]
    before: Option<i64>,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Args)]
pub(crate) struct TestAsk {
    /// The model to ask for; `auto` when absent.
    #[arg(long)]
    model: Option<String>,
    /// Ask this route alone, whatever its circuit says.
    #[arg(long)]
    route: Option<String>,
    /// The prompt; a short greeting when absent.
    #[arg(long)]
    prompt: Option<String>,
    /// Ask for a stream.
    #[arg(long)]
    stream: bool,
    #[command(flatten)]
    shown: Shown,
}

pub(crate) async fn list(place: &Place, asked: Asked) -> Result<ExitCode, Problem> {
    let query = RequestsQuery { limit: Some(asked.limit), before: asked.before };
    let requests = place.router()?.requests(query).await?;
    if asked.shown.json {
        json(&requests);
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = requests.iter().map(row).collect();
    table(["when", "app", "model", "outcome", "status", "route", "tries", "took"], &rows, "No requests yet.");
    Ok(ExitCode::SUCCESS)
}

fn row(request: &RequestView) -> [String; 8] {
    [
        moment(request.at_ms),
        request.client.clone(),
        request.model.clone(),
        request.outcome.as_str().to_owned(),
        request.status.to_string(),
        or_dash(request.route.as_ref()),
        request.attempts.len().to_string(),
        format!("{} ms", request.duration_ms),
    ]
}

/// Prints the events that are known, oldest first, then each new one as it comes.
pub(crate) async fn events(place: &Place, shown: Shown) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    let mut snapshots = router.snapshots().await?;
    let mut last = i64::MIN;
    while let Some(Snapshot { events, .. }) = snapshots.next().await {
        for event in events.iter().rev().filter(|event| event.event.id > last) {
            if shown.json {
                json_line(event);
            } else {
                line(format!("{}  {}", moment(event.event.at_ms), event.sentence));
            }
        }
        last = events.iter().map(|event| event.event.id).fold(last, i64::max);
    }
    Err(Problem::new("router_silent", "The router has stopped. Start it with `switchyard serve`."))
}

pub(crate) async fn test(place: &Place, ask: TestAsk) -> Result<ExitCode, Problem> {
    let route = ask.route.map(RouteId::from);
    let command = TestRequest { model: ask.model, prompt: ask.prompt, stream: ask.stream, route };
    let answer = place.router()?.test_request(&command).await?;
    let answered = answer.status == 200;
    if ask.shown.json {
        json(&answer);
    } else {
        block(&answer.text);
        line(format!(
            "status {}, route {}, tier {}, tries {}, {} ms, {}",
            answer.status,
            or_dash(answer.route),
            or_dash(answer.tier.map(Tier::title)),
            answer.attempts,
            answer.duration_ms,
            answer.request_id,
        ));
    }
    Ok(if answered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
