//! How things stand, and the switches a person has: pause, resume, routes.

use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use switchyard_domain::Problem;
use switchyard_domain::incident::IncidentState;
use switchyard_domain::operate::Overrides;
use switchyard_domain::view::{CircuitState, RouteView, Snapshot};

use crate::command::{Place, Shown};
use crate::output::{json, lasting, line, or_dash, table};
use crate::shifts::stands;

#[derive(Debug, Subcommand)]
pub(crate) enum RouteCommand {
    /// Put a route back in service.
    #[command(after_help = "Example: switchyard route on anthropic/sonnet-4.6")]
    On {
        /// The route, as `switchyard status` names it.
        id: String,
    },
    /// Take a route out of service from the next request on.
    #[command(after_help = "Example: switchyard route off anthropic/sonnet-4.6")]
    Off {
        /// The route, as `switchyard status` names it.
        id: String,
    },
}

pub(crate) async fn status(place: &Place, shown: Shown) -> Result<ExitCode, Problem> {
    let snapshot = place.router()?.snapshot().await?;
    if shown.json {
        json(&snapshot);
    } else {
        describe(&snapshot);
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(snapshot: &Snapshot) {
    let Snapshot { status, router, map, cold, traffic, .. } = snapshot;
    line(format!("{} {}", status.state, status.sentence));
    line(format!("Proxy    {}", router.proxy_url));
    if let Some(url) = &router.control_url {
        line(format!("Control  {url}"));
    }
    let map = if map.version == 0 {
        "none applied yet".to_owned()
    } else {
        format!("{} v{}", map.name, map.version)
    };
    line(format!("Map      {map}"));
    line(format!(
        "Traffic  {:.1} a minute, {} under way, {} lost",
        traffic.per_minute, traffic.in_flight, status.lost
    ));
    line(format!(
        "Queue    {}: {} waiting, {} dead, {} done",
        cold.queue, cold.waiting, cold.dead, cold.done
    ));
    let loops = &snapshot.loops;
    if loops.storm_since_ms.is_some() {
        line(format!("Retries  cut: {}", or_dash(loops.reason.as_ref())));
    } else if loops.retries_per_minute > 0 {
        line(format!(
            "Retries  {} a minute, {:.2} per request, {:.0} % by another than the first choice",
            loops.retries_per_minute, loops.average_retries, loops.fallback_percent
        ));
    }
    if let Some(shed) = &snapshot.shed {
        line(format!(
            "Shed     work up to {} priority gives way ({} so far): {}",
            shed.up_to.as_str(),
            shed.shed,
            shed.reason
        ));
    }
    tested(snapshot);
    steered(snapshot);
    for (at, cause) in snapshot.causes.iter().enumerate() {
        line(format!("Cause {}  {} `switchyard causes --fix {}`", at + 1, cause.sentence, at + 1));
    }
    if !snapshot.keychain.available {
        line(format!("Keys     {}", or_dash(snapshot.keychain.problem.as_ref())));
    }
    line("");
    let flows = snapshot.overrides.all_off.is_none() && !snapshot.map.off && !snapshot.pause.paused;
    let rows: Vec<_> = snapshot
        .tiers
        .iter()
        .flat_map(|tier| tier.routes.iter().map(move |route| row(tier.tier.title(), route, flows)))
        .collect();
    table(["tier", "route", "signal", "p50", "errors", "last failure"], &rows, "No routes yet: apply a map.");
}

/// The stopped routes that wait for a test call, and from when on a request makes it.
fn tested(snapshot: &Snapshot) {
    for route in snapshot.tiers.iter().flat_map(|tier| &tier.routes).filter(|route| route.in_service) {
        match route.next_probe_in_ms {
            Some(0) => line(format!("Test     the next request tests {}", route.id)),
            Some(ms) => {
                let wait = lasting(ms.div_ceil(1_000) * 1_000);
                line(format!("Test     {}: next test call in {wait}, by the first request then", route.id));
            }
            None => {}
        }
    }
}

/// What is not as the map says, and what is being told of.
fn steered(snapshot: &Snapshot) {
    for shift in &snapshot.shifts {
        line(format!(
            "Shift {}  {} % of {}'s traffic goes to {} ({}): {}",
            shift.id,
            shift.share_percent,
            shift.from_words,
            shift.to_words,
            stands(shift),
            shift.reason
        ));
    }
    if let Some(split) = &snapshot.distribution {
        let weights: Vec<String> =
            split.weights.iter().map(|weight| format!("{} {:.0} %", weight.target, weight.percent)).collect();
        line(format!("Weights  {}: {}", weights.join(", "), split.reason));
    }
    let overrides = count(&snapshot.overrides);
    if overrides > 0 {
        line(format!("Overrides {overrides} in force: `switchyard override list`"));
    }
    for incident in snapshot.incidents.iter().filter(|incident| incident.state != IncidentState::Closed) {
        line(format!(
            "Incident {}  severity {}, {}: {}",
            incident.id,
            incident.severity.number(),
            incident.state.as_str(),
            incident.title
        ));
    }
}

fn count(overrides: &Overrides) -> usize {
    overrides.kills.len()
        + overrides.forced.len()
        + overrides.jobs.len()
        + overrides.except.len()
        + overrides.clients.len()
        + usize::from(overrides.all_off.is_some())
}

/// `flows`: whether a request would be sent at all.
fn row(tier: &str, route: &RouteView, flows: bool) -> [String; 6] {
    let signal = match &route.detail {
        Some(detail) => format!("{} ({detail})", route.signal),
        None => route.signal.clone(),
    };
    [
        tier.to_owned(),
        format!("{}{}", route.id, if route.next && flows { " (next)" } else { "" }),
        signal,
        or_dash(route.p50_ms.map(|ms| format!("{ms} ms"))),
        or_dash(route.error_percent.map(|percent| format!("{percent:.0} %"))),
        or_dash(route.last_failure.as_ref().map(switchyard_domain::Failure::short)),
    ]
}

pub(crate) async fn link(place: &Place) -> Result<ExitCode, Problem> {
    line(place.router()?.window_link().await?.url);
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn health(place: &Place, shown: Shown) -> Result<ExitCode, Problem> {
    let router = place.router()?;
    let version = router.health().await?.version;
    let snapshot = router.snapshot().await?;
    let url = format!("{}/health", snapshot.router.proxy_url);
    let silent = |detail: String| {
        Problem::new("proxy_silent", format!("The proxy does not answer at {url}: {detail}."))
    };
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build();
    let http = http.map_err(|error| silent(error.to_string()))?;
    let answer = http.get(&url).send().await.map_err(|error| silent(error.without_url().to_string()))?;
    if !answer.status().is_success() {
        return Err(silent(format!("status {}", answer.status().as_u16())));
    }
    let providers = router.providers_health().await?;
    let status = &snapshot.status;
    let code = if status.health.answers() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if shown.json {
        json(&providers);
        return Ok(code);
    }
    line(format!(
        "{}: Switchyard {version} at {}. {} {}",
        status.health.as_str(),
        snapshot.router.proxy_url,
        status.state,
        status.sentence
    ));
    let rows: Vec<_> = providers
        .providers
        .into_iter()
        .map(|(name, health)| {
            [
                name,
                health.status.as_str().to_owned(),
                circuit(health.circuit).to_owned(),
                or_dash(health.success_rate.map(|rate| format!("{:.1} %", rate * 100.0))),
                or_dash(health.p95_ms.map(|ms| format!("{ms} ms"))),
                or_dash(health.last_failure),
            ]
        })
        .collect();
    table(["provider", "status", "circuit", "success", "p95", "last failure"], &rows, "No providers yet.");
    Ok(code)
}

const fn circuit(state: CircuitState) -> &'static str {
    match state {
        CircuitState::Closed => "closed",
        CircuitState::HalfOpen => "half open",
        CircuitState::Open => "open",
    }
}

pub(crate) async fn pause(place: &Place, reason: Option<String>) -> Result<ExitCode, Problem> {
    place.router()?.pause(reason).await?;
    line("Paused. New work is not taken; running requests finish. `switchyard resume` ends it.");
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn resume(place: &Place) -> Result<ExitCode, Problem> {
    place.router()?.resume().await?;
    line("New work is taken again.");
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn route(place: &Place, command: RouteCommand) -> Result<ExitCode, Problem> {
    let (id, in_service) = match command {
        RouteCommand::On { id } => (id, true),
        RouteCommand::Off { id } => (id, false),
    };
    place.router()?.switch_route(&id, in_service).await?;
    line(format!("{id} is {}.", if in_service { "back in service" } else { "out of service" }));
    Ok(ExitCode::SUCCESS)
}
