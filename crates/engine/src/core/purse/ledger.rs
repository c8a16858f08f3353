//! What was spent, between the requests and the disk.

use std::sync::Arc;

use switchyard_domain::RouteId;
use switchyard_store::{BUCKET_MS, LedgerKey, SpendKind};

/// What a sum in memory is of; cheap to make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Spent {
    pub(super) bucket_ms: i64,
    pub(super) route: RouteId,
    pub(super) provider: Arc<str>,
    pub(super) model: Arc<str>,
    pub(super) job: Arc<str>,
    pub(super) client: Arc<str>,
    pub(super) kind: SpendKind,
}

impl Spent {
    pub(super) fn key(&self) -> LedgerKey {
        LedgerKey {
            bucket_ms: self.bucket_ms,
            provider: self.provider.as_ref().to_owned(),
            model: self.model.as_ref().to_owned(),
            route: self.route.to_string(),
            job: self.job.as_ref().to_owned(),
            client: self.client.as_ref().to_owned(),
            kind: self.kind,
        }
    }
}

impl From<LedgerKey> for Spent {
    fn from(key: LedgerKey) -> Self {
        Self {
            bucket_ms: key.bucket_ms,
            route: RouteId::from(key.route),
            provider: key.provider.into(),
            model: key.model.into(),
            job: key.job.into(),
            client: key.client.into(),
            kind: key.kind,
        }
    }
}

/// The bucket of a moment.
pub(super) const fn bucket(wall_ms: i64) -> i64 {
    wall_ms - wall_ms.rem_euclid(BUCKET_MS)
}
