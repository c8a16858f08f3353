//! An incident as a Markdown document, to be read, pasted and mailed. It holds no key and no prompt.

use switchyard_domain::event::StatusLevel;
use switchyard_domain::incident::{Incident, IncidentState, Kpis};

use super::words::{cell, clock_time, count, moment, percent_cells, span, span_cells};

/// The report. Times are UTC.
pub(crate) fn markdown(incident: &Incident) -> String {
    let mut out = String::new();
    heading(&mut out, incident);
    numbers(&mut out, &incident.kpis);
    validation(&mut out, incident);
    timeline(&mut out, incident);
    failures(&mut out, incident);
    clients(&mut out, incident);
    cost(&mut out, incident);
    if !incident.notes.is_empty() {
        section(&mut out, "Notes");
        for note in &incident.notes {
            out.push_str(&format!("- {} ({}): {}\n", moment(note.at_ms), note.actor, cell(&note.text)));
        }
    }
    section(&mut out, "What to change");
    for advice in advice(incident) {
        out.push_str(&format!("- {advice}\n"));
    }
    section(&mut out, "For customers");
    out.push_str(&format!("> {}\n", customer_message(incident)));
    section(&mut out, "Configuration");
    out.push_str(&format!("Routing map v{} ran when it was opened", incident.map_version));
    out.push_str(&format!(" (`switchyard map show --version {}`).\n", incident.map_version));
    out
}

fn section(out: &mut String, title: &str) {
    out.push_str(&format!("\n## {title}\n\n"));
}

fn heading(out: &mut String, incident: &Incident) {
    let brief = &incident.brief;
    out.push_str(&format!("# Incident {}, {}\n\n", brief.id, cell(&brief.title)));
    let until = match (brief.state, brief.closed_at_ms) {
        (IncidentState::Closed, Some(closed)) => {
            let by = incident.closed_by.as_deref().unwrap_or("router");
            let by = if by == "router" { "by itself".to_owned() } else { format!("by hand ({by})") };
            let lasted = span(super::tally::span(brief.began_at_ms, closed));
            format!("It lasted {lasted}, until {}, and was closed {by}.", moment(closed))
        }
        (IncidentState::Recovering, _) => "It is recovering.".to_owned(),
        (IncidentState::Open | IncidentState::Closed, _) => "It is open.".to_owned(),
    };
    out.push_str(&format!(
        "Severity {}. First bad attempt {}, opened {} (UTC). {until} {}\n",
        brief.severity.number(),
        moment(brief.began_at_ms),
        moment(brief.opened_at_ms),
        brief.summary,
    ));
    if !incident.triggers.is_empty() {
        out.push_str("\nOpened because of:\n\n");
        for trigger in &incident.triggers {
            out.push_str(&format!("- {}\n", cell(trigger)));
        }
    }
}

/// Every KPI with its name: value, goal, verdict.
pub(super) fn rows(kpis: &Kpis) -> [(&'static str, [String; 3]); 7] {
    [
        ("Detection", span_cells(kpis.detection_ms)),
        ("Failover", span_cells(kpis.failover_ms)),
        ("Restoration", span_cells(kpis.restoration_ms)),
        ("Recovery", span_cells(kpis.recovery_ms)),
        ("User errors", percent_cells(kpis.user_error_percent)),
        ("Lost requests", percent_cells(kpis.lost_percent)),
        ("Slowdown (p95)", percent_cells(kpis.slowdown_percent)),
    ]
}

fn numbers(out: &mut String, kpis: &Kpis) {
    section(out, "Numbers");
    out.push_str("| KPI | value | goal | |\n| --- | --- | --- | --- |\n");
    for (name, [value, goal, verdict]) in rows(kpis) {
        out.push_str(&format!("| {name} | {value} | {goal} | {verdict} |\n"));
    }
    let home = kpis.home_ms.map_or_else(|| "-".to_owned(), span);
    let moved = if kpis.automatic { "by itself" } else { "by hand" };
    out.push_str(&format!("| Traffic home after | {home} | | |\n| Traffic moved | {moved} | | |\n"));
    out.push_str(&format!(
        "\n{} in the window: {} kept, {} queued, {} ended in an error, {} lost.\n",
        count(kpis.requests, "request"),
        kpis.kept,
        kpis.queued,
        kpis.failed,
        kpis.lost
    ));
    if let (Some(now), Some(usual)) = (kpis.p95_ms, kpis.baseline_p95_ms) {
        out.push_str(&format!(
            "The touched requests were answered within {now} ms (95th percentile); in the hour before it was \
             {usual} ms.\n"
        ));
    }
}

fn validation(out: &mut String, incident: &Incident) {
    section(out, "After the failover");
    match &incident.validation {
        None => out.push_str(
            "The first calls after it are looked at once there are enough of them, or when it is closed.\n",
        ),
        Some(found) => {
            let usual = found.baseline_p95_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
            let now = found.p95_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
            out.push_str(&format!(
                "Of the {} calls after it, {} % succeeded (goal: at least {} %): {}. p95 {now}, before {usual}.\n",
                found.calls,
                found.success_percent.value.unwrap_or_default(),
                found.success_percent.goal,
                if found.passed { "passed" } else { "not passed" },
            ));
        }
    }
}

const fn sign(lamp: StatusLevel) -> &'static str {
    match lamp {
        StatusLevel::Clear => "clear",
        StatusLevel::Caution => "caution",
        StatusLevel::Degraded => "degraded",
        StatusLevel::Stop => "stop",
        StatusLevel::Paused => "paused",
        StatusLevel::Info => "info",
        StatusLevel::Out => "out of use",
        StatusLevel::Unknown => "unknown",
    }
}

fn timeline(out: &mut String, incident: &Incident) {
    section(out, "Timeline");
    out.push_str("| time (UTC) | signal | what happened |\n| --- | --- | --- |\n");
    let began = incident.brief.began_at_ms;
    out.push_str(&format!("| {} | caution | First bad attempt. |\n", moment(began)));
    for entry in &incident.timeline {
        let detail = entry.detail.as_ref().map(|detail| format!(" ({})", cell(detail))).unwrap_or_default();
        let (at, sign) = (moment(entry.at_ms), sign(entry.lamp));
        out.push_str(&format!("| {at} | {sign} | {}{detail} |\n", cell(&entry.title)));
    }
}

fn failures(out: &mut String, incident: &Incident) {
    if incident.failures.is_empty() {
        return;
    }
    section(out, "How it failed");
    out.push_str("| failure | code | attempts | first | last |\n| --- | --- | --- | --- | --- |\n");
    for failure in &incident.failures {
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            cell(&failure.what),
            cell(failure.code.as_deref().unwrap_or("-")),
            failure.attempts,
            moment(failure.first_at_ms),
            moment(failure.last_at_ms)
        ));
    }
}

fn clients(out: &mut String, incident: &Incident) {
    section(out, "Clients");
    if incident.kpis.clients.is_empty() {
        out.push_str("No app was touched.\n");
        return;
    }
    out.push_str("| app | touched | kept | queued | errors | slowest | later than its SLO |\n");
    out.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for client in &incident.kpis.clients {
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            cell(&client.client),
            client.requests,
            client.kept,
            client.queued,
            client.failed,
            span(u64::from(client.slowest_ms)),
            client.late
        ));
    }
}

fn cost(out: &mut String, incident: &Incident) {
    section(out, "Cost");
    match incident.kpis.cost_difference_usd {
        None => out.push_str("Not known: a price or the usage is missing.\n"),
        Some(usd) if usd.nanos() < 0 => out.push_str(&format!(
            "The other routes cost {} less than {} would have.\n",
            usd.abs(),
            incident.brief.provider
        )),
        Some(usd) => out.push_str(&format!(
            "The other routes cost {usd} more than {} would have.\n",
            incident.brief.provider
        )),
    }
}

/// What would make the next one better, from what was missed.
pub(super) fn advice(incident: &Incident) -> Vec<String> {
    let kpis = &incident.kpis;
    let missed = |met: Option<bool>| met == Some(false);
    let mut advice = Vec::new();
    if kpis.lost > 0 {
        advice.push(
            "Requests were lost: that is a fault of the router. Please report it with the log.".to_owned(),
        );
    }
    if missed(kpis.detection_ms.met) {
        advice.push("Detection was slow: lower `breaker.consecutiveFailures` or the timeouts.".to_owned());
    }
    if missed(kpis.failover_ms.met) {
        advice.push("The failover was slow: use `--mode immediate`, or shorter steps in `shift`.".to_owned());
    }
    if missed(kpis.restoration_ms.met) || kpis.queued > 0 {
        advice.push(
            "Callers went without answers: add a Warm route of another provider, or fund the one there is."
                .to_owned(),
        );
    }
    if missed(kpis.user_error_percent.met) {
        advice.push(
            "Too many callers got errors: let the job queue, or give it another Warm route.".to_owned(),
        );
    }
    if missed(kpis.slowdown_percent.met) {
        advice.push("Answers were much slower: put a faster model first in Warm.".to_owned());
    }
    if incident.reversed > 0 {
        advice.push(
            "Traffic came home too early: raise `failback.healthyMs` or `breaker.successesToClose`."
                .to_owned(),
        );
    }
    if incident.validation.as_ref().is_some_and(|found| !found.passed) {
        advice.push("The other side did not hold: check it with `switchyard compat ROUTE`.".to_owned());
    }
    if advice.is_empty() {
        advice.push("Nothing: every goal that could be measured was met.".to_owned());
    }
    advice
}

/// What to tell one's own customers, in plain words: no provider's blame, no jargon.
pub(super) fn customer_message(incident: &Incident) -> String {
    let brief = &incident.brief;
    let kpis = &incident.kpis;
    let (from, provider) = (clock_time(brief.began_at_ms), &brief.provider);
    let felt = match (kpis.failed > 0, kpis.queued > 0) {
        (true, _) => "Some requests failed",
        (false, true) => "Some answers were delayed",
        (false, false) => "Some answers may have been slower than usual",
    };
    let kept = if kpis.queued > 0 {
        " Delayed requests are kept and will be answered; there is no need to send them again."
    } else if kpis.failed > 0 {
        " Please try again what failed."
    } else {
        " Nothing was lost, and you need not do anything."
    };
    match brief.closed_at_ms {
        Some(closed) => format!(
            "Between {from} and {} UTC one of our AI providers ({provider}) had trouble. {felt} while we used another \
             one.{kept} All is back to normal now.",
            clock_time(closed)
        ),
        None => format!(
            "Since {from} UTC one of our AI providers ({provider}) has trouble. {felt} while we use another one.{kept} \
             We will tell you when all is back to normal."
        ),
    }
}

#[cfg(test)]
pub(super) mod tests;
