//! The routing map: read raw, proven once, then trusted by everyone.
//!
//! [`read`] turns text (JSON or YAML) into a [`RoutingMap`] or into every fault at once, each with its path.
//! Nothing else constructs a [`RoutingMap`].

mod address;
mod budget;
mod defaults;
mod diff;
mod edit;
mod fault;
mod keys;
mod midstream;
mod network;
mod operate;
mod preset;
mod price;
mod proof;
mod proven;
mod raw;
mod shape;
mod shared_infrastructure;
mod steps;
mod text;
mod variables;

#[cfg(test)]
mod tests;

pub use budget::{BudgetSettings, Caps, WebhookScope};
pub use defaults::{Defaults, rows as default_rows};
pub use diff::unified as diff;
pub use edit::{edit, value_at};
pub use fault::{Fault, Path};
pub use midstream::Midstream;
pub use network::{CheckUrl, NetworkSettings, Outbound, ProxyUrl};
pub use operate::{
    CacheMode, CacheSettings, FailbackSettings, Goals, IncidentSettings, Priority, ShedSettings, ShiftMode,
    ShiftSettings, Sticky, StormSettings, TriggerSettings,
};
pub use preset::{Auth, Layout, PRESETS, Preset, ambient_variables, preset};
pub use price::{PriceRule, PriceSetting, TokenRates};
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

/// What is worth a word about a map that is sound: none of it refuses the map.
#[must_use]
pub fn warnings(map: &RoutingMap) -> Vec<Fault> {
    let mut found = map.notes.clone();
    found.extend(shared_infrastructure::warnings(map));
    found.extend(keys::warnings(map));
    found
}

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
    let mut faults = fault::Faults::default();
    let raw = match text::parse(document, format) {
        Ok(value) => shape::from_value(value, &mut faults),
        Err(fault) => return Err(vec![fault]),
    };
    match raw {
        Some(raw) => proof::prove(&raw, variables, faults),
        None => Err(faults.into_told()),
    }
}

/// The stack a document of unknown origin is read on, bytes: many times what any needs, and only touched where needed.
const READER_STACK: usize = 32 * 1024 * 1024;

/// As [`read`], on a thread of its own: a document may come from anywhere, and whatever is in it, whoever reads it lives
/// on.
///
/// # Errors
/// As [`read`]; a document that ends the reader is one fault.
pub fn read_apart(document: &str, format: Format, variables: &(dyn Variables + Sync)) -> Read {
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().name("map".to_owned()).stack_size(READER_STACK);
        let read = reader.spawn_scoped(scope, || read(document, format, &|name: &str| variables.get(name)));
        let outcome = read.map_err(|error| error.to_string()).and_then(|reader| {
            reader
                .join()
                .map_err(|_| "the reader met a fault of its own. Please report the document".to_owned())
        });
        outcome.unwrap_or_else(|why| Err(vec![Fault::new("", format!("The map can't be checked: {why}."))]))
    })
}

/// The `version` a document says it was written against, where it says so.
#[must_use]
pub fn base_version(document: &str, format: Format) -> Option<i64> {
    text::parse(document, format).ok()?.get("version")?.as_i64()
}
