//! The nouns every other room shares: the routing map (raw, then proven), money, billed usage, ids, secrets,
//! failures, events, clock readings and the views a person looks at.
//!
//! This room does no IO, reads no clock and owns no state. It depends on none of the other rooms.

pub mod api;
pub mod budget;
pub mod clock;
pub mod compat;
mod cost;
pub mod dialect;
pub mod event;
pub mod failure;
pub mod feature;
pub mod gateway;
mod ids;
pub mod incident;
pub mod limits;
pub mod map;
pub mod money;
pub mod nearest;
pub mod network;
pub mod operate;
pub mod operation;
pub mod overrides;
pub mod problem;
pub mod secret;
pub mod switch_cost;
pub mod text;
pub mod usage;
pub mod view;

pub use clock::Now;
pub use cost::CostBasis;
pub use dialect::Dialect;
pub use failure::{Failure, FailureKind};
pub use feature::{Feature, FeatureSet};
pub use ids::{RequestId, RouteId, Tier};
pub use money::Usd;
pub use nearest::did_you_mean;
pub use operation::Operation;
pub use problem::Problem;
pub use secret::Secret;
pub use usage::BilledUsage;
