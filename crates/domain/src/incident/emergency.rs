//! What helps while a provider is out: one page to work from, and a word to those whose apps are affected.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::IncidentId;

/// What to do while a provider is out: everything on one page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyPage {
    /// The provider's name in the map.
    pub provider: String,
    /// One sentence on how it is doing, as seen from here.
    pub state: String,
    /// Where the vendor says how it is doing.
    pub status_page: Option<String>,
    /// Where the vendor takes support cases.
    pub support: Option<String>,
    /// A support case, filled in. Never a key.
    pub case_text: String,
    /// What to tell one's own customers.
    pub customer_message: String,
    /// What to do next, in order.
    pub actions: Vec<EmergencyAction>,
    /// The open incident, if there is one.
    pub incident: Option<IncidentId>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyAction {
    /// In words.
    pub text: String,
    /// The command that does it, where there is one.
    pub command: Option<String>,
}

/// A word from the founder to those whose apps called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendNotice {
    /// The words.
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub message: String,
    /// Apps with a request since then are told, UTC epoch milliseconds.
    #[serde(default)]
    pub since_ms: Option<i64>,
    /// Apps with a request during this incident are told.
    #[serde(default)]
    pub incident: Option<IncidentId>,
    /// Why, for the audit log.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// What became of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoticeReport {
    /// From, UTC epoch milliseconds.
    pub since_ms: i64,
    /// To, UTC epoch milliseconds.
    pub until_ms: i64,
    /// The apps that had a request in that time.
    pub clients: Vec<String>,
    /// Every target, and what happened there.
    pub deliveries: Vec<Delivery>,
}

/// What happened to a notice at one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// `desktop`, an e-mail address, or a URL without its path: a webhook's path is a secret.
    pub target: String,
    /// Whose target: an app's name, or absent for the map's own (`cold.notify`).
    pub client: Option<String>,
    /// Whether it arrived.
    pub sent: bool,
    /// `sent`, or why not.
    pub detail: String,
}
