//! One page per provider for the moment it is out: whom to write to, with which words, and what to do next.

use switchyard_domain::incident::{EmergencyAction, EmergencyPage, Incident, IncidentState};
use switchyard_domain::map::RoutingMap;

use super::report::customer_message;
use super::words::{count, moment};

/// The page of a provider of the map. `latest` is its last incident, open or not. Holds no key.
pub(crate) fn page(map: &RoutingMap, provider: &str, latest: Option<&Incident>) -> EmergencyPage {
    let known = map.providers.get(provider);
    let open = latest.filter(|incident| incident.brief.state != IncidentState::Closed);
    EmergencyPage {
        provider: provider.to_owned(),
        state: state(provider, latest),
        status_page: known.and_then(|known| known.status_page.clone()),
        support: known.and_then(|known| known.support.clone()),
        case_text: case_text(map, provider, latest),
        customer_message: latest.map_or_else(
            || format!("All is well with {provider} at the moment; there is nothing to tell customers."),
            customer_message,
        ),
        actions: actions(map, provider, open),
        incident: open.map(|incident| incident.brief.id),
    }
}

fn state(provider: &str, latest: Option<&Incident>) -> String {
    match latest {
        None => format!("No incident of {provider} is known."),
        Some(incident) => {
            let brief = &incident.brief;
            match (brief.state, brief.closed_at_ms) {
                (IncidentState::Open, _) | (IncidentState::Closed, None) => {
                    format!(
                        "Incident {} is open since {} UTC: {}.",
                        brief.id,
                        moment(brief.opened_at_ms),
                        brief.title
                    )
                }
                (IncidentState::Recovering, _) => {
                    format!("Incident {} is recovering: {}.", brief.id, brief.title)
                }
                (IncidentState::Closed, Some(closed)) => {
                    format!(
                        "No incident is open. The last one, {}, ended {} UTC: {}.",
                        brief.id,
                        moment(closed),
                        brief.title
                    )
                }
            }
        }
    }
}

/// A support case, filled in: what a vendor asks for first.
fn case_text(map: &RoutingMap, provider: &str, latest: Option<&Incident>) -> String {
    let routes = || map.routes.iter().filter(|route| route.provider == provider);
    let list = |values: Vec<String>| {
        let mut values = values;
        values.sort();
        values.dedup();
        values.join(", ")
    };
    let mut lines = Vec::new();
    match latest {
        None => lines.push(format!("We call {provider} and see no failures at the moment.")),
        Some(incident) => {
            let brief = &incident.brief;
            lines.push(format!("Subject: API failures since {} UTC", moment(brief.began_at_ms)));
            lines.push(String::new());
            lines.push(format!("We see failures of your API: {}.", brief.title));
            lines.push(format!("First failure: {} UTC", moment(brief.began_at_ms)));
            if let Some(last) = incident.failures.iter().map(|failure| failure.last_at_ms).max() {
                lines.push(format!("Last failure: {} UTC", moment(last)));
            }
            if let Some(closed) = brief.closed_at_ms {
                lines.push(format!("Over since: {} UTC", moment(closed)));
            }
        }
    }
    lines.push(format!("Endpoint: {}", list(routes().map(switchyard_domain::map::Route::host).collect())));
    lines.push(format!("Models: {}", list(routes().map(|route| route.upstream_model.clone()).collect())));
    let regions = list(routes().filter_map(|route| route.region.clone()).collect());
    if !regions.is_empty() {
        lines.push(format!("Region: {regions}"));
    }
    if let Some(incident) = latest {
        lines.push(format!("Requests affected: {}", affected(incident)));
        if !incident.failures.is_empty() {
            lines.push("Failures:".to_owned());
        }
        for failure in &incident.failures {
            let code = failure.code.as_ref().map(|code| format!(", code {code}")).unwrap_or_default();
            lines.push(format!(
                "- {}{code}: {}, {} to {} UTC",
                failure.what,
                count(failure.attempts, "attempt"),
                moment(failure.first_at_ms),
                moment(failure.last_at_ms)
            ));
        }
    }
    lines.push(String::new());
    lines.push("Please tell us the cause and when you expect it to be over.".to_owned());
    lines.join("\n")
}

fn affected(incident: &Incident) -> u64 {
    let kpis = &incident.kpis;
    kpis.kept + kpis.queued + kpis.failed
}

fn actions(map: &RoutingMap, provider: &str, open: Option<&Incident>) -> Vec<EmergencyAction> {
    let others = map.routes.iter().any(|route| route.provider != provider && route.enabled);
    let mut actions = Vec::new();
    let mut act = |text: &str, command: Option<String>| {
        actions.push(EmergencyAction { text: text.to_owned(), command });
    };
    act("See how requests are answered now.", Some("switchyard status".to_owned()));
    if map.providers.get(provider).is_some_and(|known| known.status_page.is_some()) {
        act("Look at the provider's status page: is it theirs, and in which region?", None);
    }
    act("Check that your key is accepted.", Some(format!("switchyard credential test {provider}")));
    if others {
        act(
            "Move all of its traffic away now, and keep it away until it is well.",
            Some(format!(
                "switchyard failover --from {provider} --mode immediate --reason 'provider outage'"
            )),
        );
    } else {
        act(
            "No other provider is in the map: add one to Warm, then apply the map.",
            Some("switchyard map apply routes.json --reason 'a second provider'".to_owned()),
        );
    }
    act("Send the support case above.", None);
    if let Some(incident) = open {
        let id = incident.brief.id;
        act(
            "Tell the apps that called meanwhile.",
            Some(format!(
                "switchyard notice --incident {id} --message 'We run on a backup; nothing is lost.'"
            )),
        );
        act("Write down what you find out.", Some(format!("switchyard incident note {id} 'what I saw'")));
    }
    act("When it is well again, bring traffic home in steps.", Some("switchyard failback".to_owned()));
    actions
}
