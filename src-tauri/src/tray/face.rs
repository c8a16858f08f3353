//! What the tray says, in words. Pure.

use switchyard_domain::Tier;
use switchyard_domain::event::{StatusLevel, route_label};
use switchyard_domain::view::{ColdView, RouteView, Snapshot, TierView};

use crate::host::Standing;

/// Which icon stands in the tray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The first choice answers.
    Clear,
    /// Another tier answers.
    Degraded,
    /// Nothing answers.
    Stop,
    /// New work is paused.
    Paused,
}

/// Everything the tray shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Face {
    pub(crate) sign: Sign,
    /// The bold state: `Running on Warm`.
    pub(crate) state: String,
    /// `212 requests kept, 0 lost`.
    pub(crate) detail: String,
    /// Hot, Warm, Cold.
    pub(crate) tiers: [String; 3],
    /// Whether the menu offers to resume rather than to pause.
    pub(crate) paused: bool,
    /// What clients point at, with its `/v1`; absent while there is no router.
    pub(crate) endpoint: Option<String>,
}

impl Face {
    /// How things stand now.
    pub(crate) fn of(standing: &Standing) -> Self {
        match standing {
            Standing::Opening => Self::without_router("Starting", "The router opens."),
            Standing::Closed(problem) => Self::without_router("Not running", &problem.message),
            Standing::Open { snapshot, .. } => Self::of_snapshot(snapshot),
        }
    }

    fn without_router(state: &str, detail: &str) -> Self {
        Self {
            sign: Sign::Stop,
            state: state.to_owned(),
            detail: detail.to_owned(),
            tiers: [Tier::Hot, Tier::Warm, Tier::Cold].map(|tier| format!("{}: unknown", tier.title())),
            paused: false,
            endpoint: None,
        }
    }

    fn of_snapshot(snapshot: &Snapshot) -> Self {
        let status = &snapshot.status;
        let tier = |wanted| {
            let found = snapshot.tiers.iter().find(|view| view.tier == wanted);
            found.map_or_else(|| format!("{}: no routes", wanted.title()), tier_line)
        };
        let detail = if status.tier == Tier::Hot {
            format!("{} requests a minute", figure(snapshot.traffic.per_minute))
        } else {
            format!("{} requests kept, {} lost", status.kept, status.lost)
        };
        Self {
            sign: sign(snapshot),
            state: status.state.trim_end_matches('.').to_owned(),
            detail,
            tiers: [tier(Tier::Hot), tier(Tier::Warm), cold_line(&snapshot.cold)],
            paused: snapshot.pause.paused,
            endpoint: Some(format!("{}/v1", snapshot.router.proxy_url)),
        }
    }
}

fn sign(snapshot: &Snapshot) -> Sign {
    if snapshot.pause.paused {
        return Sign::Paused;
    }
    match snapshot.status.lamp {
        StatusLevel::Clear | StatusLevel::Info | StatusLevel::Unknown => Sign::Clear,
        StatusLevel::Degraded | StatusLevel::Caution => Sign::Degraded,
        StatusLevel::Stop | StatusLevel::Out => Sign::Stop,
        StatusLevel::Paused => Sign::Paused,
    }
}

fn tier_line(view: &TierView) -> String {
    let name = view.tier.title();
    let answering = view.routes.iter().find(|route| route.next).filter(|_| view.in_use);
    let words = match answering.or(view.routes.first()) {
        None => "no routes".to_owned(),
        Some(route) if answering.is_some() => {
            let does = if route.last.last() == Some(&true) { "answers" } else { "comes next" };
            format!("{} {does}", route_label(&route.id))
        }
        Some(_) if view.routes.iter().any(serves) => "standing by".to_owned(),
        Some(route) => match &route.detail {
            Some(detail) => format!("{}, {detail}", route.signal),
            None => route.signal.clone(),
        },
    };
    match view.share_percent {
        Some(share) => format!("{name}: {words}, {share:.0} %"),
        None => format!("{name}: {words}"),
    }
}

fn serves(route: &RouteView) -> bool {
    match route.lamp {
        StatusLevel::Clear
        | StatusLevel::Unknown
        | StatusLevel::Degraded
        | StatusLevel::Caution
        | StatusLevel::Info => true,
        StatusLevel::Stop | StatusLevel::Out | StatusLevel::Paused => false,
    }
}

fn cold_line(view: &ColdView) -> String {
    let jobs = match (view.waiting, view.in_use) {
        (0, false) => "standing by".to_owned(),
        (0, true) => "new jobs wait here".to_owned(),
        (1, _) => "1 job".to_owned(),
        (waiting, _) => format!("{waiting} jobs"),
    };
    match view.dead {
        0 => format!("Cold: {jobs}"),
        dead => format!("Cold: {jobs}, {dead} for you"),
    }
}

/// One decimal where there is something behind it.
fn figure(value: f64) -> String {
    if value < 10.0 && value.fract() >= 0.05 { format!("{value:.1}") } else { format!("{value:.0}") }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
