//! The tries of the logged requests.

use switchyard_domain::view::AttemptView;
use switchyard_domain::{Failure, RouteId, Usd};

use crate::from_row::from_row;
use crate::named;

pub(super) struct AttemptSql {
    pub(super) request: i64,
    route: String,
    tier: String,
    start_ms: u32,
    duration_ms: u32,
    failure_kind: Option<String>,
    failure_status: Option<u16>,
    failure_code: Option<String>,
    failure_text: Option<String>,
    retry_after_ms: Option<i64>,
    nano_usd: Option<i64>,
    cost_basis: Option<String>,
}

from_row!(AttemptSql {
    request,
    route,
    tier,
    start_ms,
    duration_ms,
    failure_kind,
    failure_status,
    failure_code,
    failure_text,
    retry_after_ms,
    nano_usd,
    cost_basis
});

impl AttemptSql {
    pub(super) fn view(self) -> Result<AttemptView, String> {
        let failure = match self.failure_kind {
            None => None,
            Some(kind) => Some(Failure {
                kind: named(&kind)?,
                status: self.failure_status,
                code: self.failure_code,
                message: self.failure_text.unwrap_or_default(),
                param: None,
                retry_after_ms: self.retry_after_ms.map(i64::unsigned_abs),
                verbatim: None,
            }),
        };
        Ok(AttemptView {
            route: RouteId::from(self.route),
            tier: named(&self.tier)?,
            start_ms: self.start_ms,
            duration_ms: self.duration_ms,
            failure,
            cost_nano_usd: self.nano_usd.map(Usd::from_nanos),
            cost_basis: self.cost_basis.as_deref().map(named).transpose()?,
        })
    }
}
