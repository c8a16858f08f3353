//! Words to those who are to be told: the founder's own notices, and failovers and returns by themselves (product.md
//! 3.5 F2).

use std::sync::Arc;

use switchyard_domain::Tier;
use switchyard_domain::incident::{Delivery, Incident, NoticeReport};
use switchyard_domain::map::RoutingMap;
use switchyard_notify::{Address, Letter, Notice, Urgency, desktop, webhook};
use tokio_util::sync::CancellationToken;

use super::IncidentBoard;
use super::case::{Announced, summary};
use super::look::condition;
use super::words::span;
use crate::core::clock;
use crate::core::{Running, lock};

/// Closed incidents an expected duration is taken from.
const LOOKED_AT: u32 = 200;
/// How far back they lie at most, milliseconds: 90 days.
const LOOKED_BACK_MS: i64 = 90 * 24 * 3_600_000;

/// Who is told what, and why.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) title: String,
    pub(crate) text: String,
    /// The apps concerned had a request from here, UTC epoch milliseconds,
    pub(crate) since_ms: i64,
    /// to here.
    pub(crate) until_ms: i64,
    /// Whether the desktop is told too.
    pub(crate) desktop: bool,
}

/// One target, and whose it is.
type Target = (Option<String>, String);

/// Tells the map's own targets and those of the apps that called in a time; each target once.
///
/// # Errors
/// When the log can't be read; then nobody was told.
pub(crate) async fn send_notice(
    incidents: &IncidentBoard,
    map: &RoutingMap,
    told: &Told,
) -> Result<NoticeReport, switchyard_store::StoreError> {
    incidents.core.writer.flush().await;
    let clients = incidents.core.store.requests().callers(told.since_ms, told.until_ms).await?;
    let mut deliveries = Vec::new();
    if told.desktop {
        deliveries.push(on_desktop(incidents, told).await);
    }
    for (client, target) in targets(map, &clients) {
        let address = Address::read(&target);
        let (sent, detail) = match &address {
            Address::Webhook(url) => match webhook::post(url, &told.text).await {
                Ok(()) => (true, "sent".to_owned()),
                Err(error) => (false, format!("not sent: {error}")),
            },
            Address::Mail(_) => (false, "not sent: no mail server is configured".to_owned()),
            Address::Unknown(_) => {
                (false, "not sent: neither an e-mail address nor an http(s) URL".to_owned())
            }
        };
        deliveries.push(Delivery { target: address.shown(), client, sent, detail });
    }
    Ok(NoticeReport { since_ms: told.since_ms, until_ms: told.until_ms, clients, deliveries })
}

/// The map's own targets first, then those of the apps; a target that several name is told once.
pub(super) fn targets(map: &RoutingMap, clients: &[String]) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    let own = map.cold.notify.iter().map(|target| (None, target));
    let theirs = clients.iter().filter_map(|name| Some((name, map.clients.get(name)?)));
    let theirs =
        theirs.flat_map(|(name, rule)| rule.notify.iter().map(move |target| (Some(name.clone()), target)));
    for (client, target) in own.chain(theirs) {
        if !targets.iter().any(|(_, known)| known == target) {
            targets.push((client, target.clone()));
        }
    }
    targets
}

async fn on_desktop(incidents: &IncidentBoard, told: &Told) -> Delivery {
    let delivery = |sent, detail| Delivery { target: "desktop".to_owned(), client: None, sent, detail };
    if !incidents.desktop {
        return delivery(false, "not sent: this router shows no desktop notices".to_owned());
    }
    let notice = Notice {
        title: told.title.clone(),
        body: told.text.clone(),
        urgency: Urgency::Normal,
        key: "notice".to_owned(),
    };
    match tokio::task::spawn_blocking(move || desktop::send(&notice)).await {
        Ok(Ok(())) => delivery(true, "sent".to_owned()),
        Ok(Err(error)) => delivery(false, format!("not sent: {error}")),
        Err(error) => delivery(false, format!("not sent: {error}")),
    }
}

/// Hands what each target is to hear to the outbox, which carries it. The desktop hears of it through the event stream.
pub(super) async fn announce(
    incidents: &IncidentBoard,
    running: &Running,
    incident: &Incident,
    due: Vec<(String, Announced)>,
) {
    let mut failover = None;
    for (target, news) in due {
        let text = match (news, &failover) {
            (Announced::Nothing, _) => continue,
            (Announced::Failback, _) => failback_text(incidents, incident),
            (Announced::Failover, Some(text)) => String::clone(text),
            (Announced::Failover, None) => {
                failover.insert(failover_text(incidents, running, incident).await).clone()
            }
        };
        let address = Address::read(&target);
        match address {
            Address::Webhook(to) => {
                let thread = format!("incident {}", incident.brief.id);
                let begins = news == Announced::Failover;
                incidents.outbox.push(Letter { to, thread, begins, text }, clock::now());
            }
            Address::Mail(_) => {
                tracing::warn!(to = address.shown(), "not sent: no mail server is configured");
            }
            Address::Unknown(_) => {
                tracing::warn!(
                    to = address.shown(),
                    "not sent: neither an e-mail address nor an http(s) URL"
                );
            }
        }
    }
}

/// Carries what is in the outbox until stopped.
pub(crate) async fn deliver(incidents: Arc<IncidentBoard>, stop: CancellationToken) {
    let outbox = &incidents.outbox;
    let is_online = || incidents.core.with_fleet(|fleet| fleet.network().is_down()) != Some(true);
    tokio::select! {
        () = stop.cancelled() => {}
        () = outbox.run(clock::now, is_online) => {}
    }
    let waiting = outbox.waiting();
    if waiting > 0 {
        tracing::warn!(
            waiting,
            "texts to webhooks have not arrived and are lost with the end of this router"
        );
    }
}

async fn failover_text(incidents: &IncidentBoard, running: &Running, incident: &Incident) -> String {
    let brief = &incident.brief;
    let current_tier = lock(&incidents.walk.tier_since).current_tier.clone();
    // In Cold no route answers, though one may be called.
    let answers = match current_tier.route.filter(|_| current_tier.tier != Tier::Cold) {
        Some(ix) => format!("{} answers now.", running.map.route(ix).id),
        None if running.map.flags.enable_cold_queue => {
            "No route answers now; requests are queued.".to_owned()
        }
        None => "No route answers now; requests are refused.".to_owned(),
    };
    let expected = expected(incidents, running, &brief.provider).await;
    format!("Failover: {}. {answers} {expected}{}", brief.title, link(incidents, incident))
}

/// How long it is likely to take: as earlier incidents did, else what the way home takes at least.
async fn expected(incidents: &IncidentBoard, running: &Running, provider: &str) -> String {
    let now_ms = clock::now().wall_ms;
    let since_ms = now_ms.saturating_sub(LOOKED_BACK_MS);
    let known =
        incidents.core.store.incidents().opened(since_ms, now_ms, LOOKED_AT).await.unwrap_or_default();
    let took: Vec<u64> = known
        .iter()
        .filter(|incident| incident.brief.provider == provider)
        .filter_map(|incident| incident.kpis.recovery_ms.value)
        .collect();
    match took.len() as u64 {
        0 => format!("How long it will take is not known; {}.", home_by(incidents, running, provider)),
        count => {
            let mean = took.iter().sum::<u64>() / count;
            format!("Expected duration: {}, as its last {count} incidents on average.", span(mean))
        }
    }
}

/// What brings traffic home: a shift back where one moved it away, else the circuits' own test calls.
fn home_by(incidents: &IncidentBoard, running: &Running, provider: &str) -> String {
    let now = clock::now();
    let is_shifted =
        incidents.core.with_fleet(|fleet| condition(fleet, &running.map, provider, 0, now).shifted);
    if is_shifted == Some(true) {
        return format!("traffic comes back {} after it is well", span(running.map.failback.healthy_ms));
    }
    let route = running.map.routes.iter().find(|route| route.provider == provider);
    let every_ms = route.map_or(0, |route| route.breaker.half_open_every_ms);
    format!("it gets a test call about every {}, and traffic comes back once those succeed", span(every_ms))
}

fn failback_text(incidents: &IncidentBoard, incident: &Incident) -> String {
    let brief = &incident.brief;
    let lasted = incident.kpis.home_ms.map(|ms| format!(" after {}", span(ms))).unwrap_or_default();
    format!(
        "Failback: traffic is back on {}{lasted}. {}{}",
        brief.provider,
        summary(incident),
        link(incidents, incident)
    )
}

/// Where the incident is drawn, for those who can open this router's window.
fn link(incidents: &IncidentBoard, incident: &Incident) -> String {
    let url = lock(&incidents.core.control_url).clone();
    url.map(|url| format!(" {}/#/incidents/{}", url.trim_end_matches('/'), incident.brief.id))
        .unwrap_or_default()
}
