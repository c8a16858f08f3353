//! The map that runs.

use std::sync::Arc;

use switchyard_domain::Tier;
use switchyard_domain::map::{RouteIx, RoutingMap};

use super::purse::Priced;

/// The applied map, and where it comes from.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) map: RoutingMap,
    pub(crate) version: i64,
    pub(crate) source: String,
    pub(crate) applied_at_ms: i64,
    /// Whether it uses the simulated providers.
    pub(crate) demo: bool,
    /// What its routes charge.
    pub(crate) priced: Arc<Priced>,
}

impl Running {
    /// The tier of a route in the map's own order; Hot for one that only a job's order has.
    pub(crate) fn tier_of(&self, route: RouteIx) -> Tier {
        let line = &self.map.line;
        let is_warm = line.warm.contains(&route) && !line.hot.contains(&route);
        if is_warm { Tier::Warm } else { Tier::Hot }
    }
}
