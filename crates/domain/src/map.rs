//! The routing map: read raw, proven once, then trusted by everyone.
//!
//! [`read`] turns text (JSON or YAML) into a [`RoutingMap`] or into every fault at once, each with its path.
//! Nothing else constructs a [`RoutingMap`].

mod address;
mod defaults;
mod diff;
mod edit;
mod fault;
mod ground;
mod midstream;
mod network;
mod operate;
mod preset;
mod proof;
mod proven;
mod raw;
mod shape;
mod steps;
mod text;
mod variables;

#[cfg(test)]
mod tests;

pub use defaults::{Defaults, rows as default_rows};
pub use diff::unified as diff;
pub use edit::{edit, value_at};
pub use fault::{Fault, Path};
pub use ground::warnings;
pub use midstream::Midstream;
pub use network::{CheckUrl, NetworkSettings, Outbound, ProxyUrl};
pub use operate::{
    CacheMode, CacheSettings, FailbackSettings, Goals, IncidentSettings, Priority, ShedSettings, ShiftMode,
    ShiftSettings, Sticky, StormSettings, TriggerSettings,
};
pub use preset::{Auth, Layout, PRESETS, Preset, ambient_variables, preset};
pub use proof::canonical;
pub use proven::{
    BreakerSettings, ClientRule, Cold, ColdReply, CredentialSource, Flags, Job, Limits, Line, MatchRule,
    Provider, RetrySettings, Route, RouteIx, RoutingMap, Timeouts,
};
pub use raw::RawMap;
pub use shape::schema;
pub use steps::{MoveSteps, Steps};
pub use text::Format;
pub use variables::{NoVariables, Variables};

/// Every name a provider's keys may be stored under: its own and, of a known provider, its other names.
#[must_use]
pub fn names_of(provider: &str) -> Vec<&str> {
    let others = preset(provider).map_or(&[][..], |preset| preset.aliases);
    std::iter::once(provider).chain(others.iter().copied().filter(|alias| *alias != provider)).collect()
}

/// The outcome of reading a map: the proven map, or every fault at once.
pub type Read = Result<RoutingMap, Vec<Fault>>;

/// Reads and proves a document in JSON or YAML.
///
/// # Errors
/// Every fault of the document at once, each with its path; an unreadable document is one fault at its line.
pub fn read(document: &str, format: Format, variables: &dyn Variables) -> Read {
    let mut faults = Vec::new();
    let raw = match text::parse(document, format) {
        Ok(value) => shape::from_value(value, &mut faults),
        Err(fault) => return Err(vec![fault]),
    };
    proof::prove(&raw, variables, faults)
}

/// The `version` a document says it was written against, where it says so.
#[must_use]
pub fn base_version(document: &str, format: Format) -> Option<i64> {
    text::parse(document, format).ok()?.get("version")?.as_i64()
}
