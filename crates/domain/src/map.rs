//! The routing map: read raw, proven once, then trusted by everyone.
//!
//! [`read`] turns text (JSON or YAML) into a [`RoutingMap`] or into every fault at once, each with its path.
//! Nothing else constructs a [`RoutingMap`].

mod address;
mod defaults;
mod diff;
mod fault;
mod midstream;
mod preset;
mod proof;
mod proven;
mod raw;
mod shape;
mod text;
mod variables;

#[cfg(test)]
mod tests;

pub use defaults::{Defaults, rows as default_rows};
pub use diff::unified as diff;
pub use fault::{Fault, Path};
pub use midstream::Midstream;
pub use preset::{Auth, Layout, PRESETS, Preset, ambient_variables, preset};
pub use proven::{
    BreakerSettings, Cold, ColdReply, CredentialSource, Flags, Job, Limits, Line, MatchRule, Provider,
    RetrySettings, Route, RouteIx, RoutingMap, Timeouts,
};
pub use raw::RawMap;
pub use shape::schema;
pub use text::Format;
pub use variables::{NoVariables, Variables};

/// The name a provider's credential is stored under: the preset's own where the given name is one of its other names, with
/// a key's label (`gemini:backup`) kept.
#[must_use]
pub fn credential_name(name: &str) -> String {
    let (provider, label) =
        name.split_once(':').map_or((name, None), |(provider, label)| (provider, Some(label)));
    let canonical = proof::canonical(provider);
    label.map_or_else(|| canonical.clone(), |label| format!("{canonical}:{label}"))
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
