//! The one control API. The desktop calls it in-process ([`Control`]); the CLI, scripts and the browser call it
//! over loopback HTTP ([`serve`]), through [`ControlClient`] where they are ours.
//!
//! It translates between HTTP and `switchyard_engine::Router` and keeps no state of its own but who may come in. It never decides
//! anything about routing, never talks upstream, never shows a stored secret, and does not know the simulated
//! providers: a shell that has them hands their routes in ([`Options::extra`]).

mod access;
mod alerts;
mod api;
mod body;
mod client;
mod discovery;
mod guard;
mod refusal;
mod serve;
mod ui;

#[cfg(test)]
mod tests;

pub use api::causes::ErrorsQuery;
pub use api::clients::{LocalKey, NameClient};
pub use api::credentials::GiveCredential;
pub use api::incidents::{CloseIncident, IncidentReport, IncidentsQuery, WriteNote};
pub use api::map::{AppliedMap, CheckMap, MapCheck, MapDiff, RestoreMap};
pub use api::overrides::JobTerms;
pub use api::pause::PauseWork;
pub use api::queue::QueueQuery;
pub use api::requests::RequestsQuery;
pub use api::routes::SwitchRoute;
pub use api::shifts::{BringHome, HoldShift, ShiftList, StartedShift};
pub use api::snapshot::Health;
pub use api::switch_cost::SwitchCostQuery;
pub use api::window::{Session, WindowLink};
pub use api::{Control, Demo, Options, api, openapi};
pub use client::{ControlClient, Snapshots};
pub use discovery::{Announced, Announcement, ControlToken, default_data_dir};
pub use refusal::status_of;
pub use serve::{ControlServer, serve};
pub use ui::is_built as window_is_built;
