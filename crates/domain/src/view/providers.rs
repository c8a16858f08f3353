//! Providers and their credentials as people see them: names and places, never values.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Failure, RouteId};

/// A provider of the running map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderView {
    /// Its name in the map.
    pub name: String,
    /// The preset it builds on, if any.
    pub preset: Option<String>,
    /// Hosts of its routes.
    pub hosts: Vec<String>,
    /// Routes of the running map on it.
    pub routes: Vec<RouteId>,
    /// Where the vendor says how it is doing.
    pub status_page: Option<String>,
    /// Where the vendor takes support cases.
    pub support: Option<String>,
    /// Whether its routes need a key at all.
    pub needs_credential: bool,
    /// Its credentials; no values, ever.
    pub credentials: Vec<CredentialView>,
}

/// One credential, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialView {
    /// The name it is stored under, or the variable it comes from.
    pub name: String,
    /// Where it was found.
    pub found_in: CredentialPlace,
    /// Its last four characters.
    pub hint: Option<String>,
    /// Why it is not used for now (revoked, unpaid, rate limited).
    pub condemned: Option<Failure>,
}

/// Where a credential was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CredentialPlace {
    /// The OS keychain.
    Keychain,
    /// An environment variable of the router's process.
    Environment,
    /// The 0600 credentials file, when it was asked for.
    File,
    /// Nowhere.
    Missing,
}

/// Whether the OS keychain can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeychainView {
    /// Whether reading and writing work.
    pub available: bool,
    /// Why not, and what to do.
    pub problem: Option<String>,
}
