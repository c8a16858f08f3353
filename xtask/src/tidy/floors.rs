//! The floors of engine: each knows itself and those below it.

use std::path::Path;

use super::Fault;
use super::modules::{Import, Module, Modules};

/// The crate that has floors.
pub(super) const CRATE: &str = "switchyard-engine";

/// From the ground up.
const FLOORS: &[&str] = &["core", "walk", "watch", "router"];

/// Every module that lies on no floor, and every path that leads up.
pub(super) fn check(modules: &Modules) -> Vec<Fault> {
    modules
        .iter()
        .filter(|(path, _)| !path.is_empty())
        .flat_map(|(path, module)| {
            let Some(floor) = floor_of(path) else {
                let text = format!("lies on no floor of engine; those are {}", FLOORS.join(" < "));
                return vec![Fault::error(place(&module.file), text)];
            };
            check_module(modules, path, module, floor)
        })
        .collect()
}

fn check_module(modules: &Modules, path: &[String], module: &Module, floor: usize) -> Vec<Fault> {
    let mut faults = Vec::new();
    for import in &module.imports {
        let Some(named) = modules.absolute(path, import) else { continue };
        let Some(first) = named.first() else { continue };
        let place = format!("{}:{}", place(&module.file), import.line);
        match floor_of(&named) {
            Some(other) if other > floor => {
                faults.push(Fault::error(place, leads_up(floor, other, import)));
            }
            Some(_) => {}
            None => {
                let text = format!("`crate::{first}` is a name for other crates; name the floor it lies on");
                faults.push(Fault::error(place, text));
            }
        }
    }
    faults
}

fn leads_up(floor: usize, other: usize, import: &Import) -> String {
    let (path, floors) = (import.path.join("::"), FLOORS.join(" < "));
    let (floor, other) = (FLOORS[floor], FLOORS[other]);
    format!("`{path}` lies on {other}, and {floor} may know itself and the floors below alone ({floors})")
}

fn floor_of(path: &[String]) -> Option<usize> {
    FLOORS.iter().position(|floor| path.first().is_some_and(|first| first == floor))
}

fn place(file: &Path) -> String {
    file.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(file: &str, text: &str) -> Vec<String> {
        let files = [
            ("lib.rs", "mod core; mod walk; mod watch; mod router; pub use router::Router;"),
            ("core.rs", "pub(crate) mod bus;"),
            ("core/bus.rs", ""),
            ("walk.rs", "pub(crate) mod cold; pub(crate) mod exchange;"),
            ("walk/cold.rs", "mod receipt;"),
            ("walk/cold/receipt.rs", ""),
            ("walk/exchange.rs", ""),
            ("watch.rs", "pub(crate) mod metrics;"),
            ("watch/metrics.rs", ""),
            ("router.rs", ""),
        ];
        let files = files.into_iter().filter(|(other, _)| *other != file).chain([(file, text)]);
        let files: Vec<(&Path, &str)> = files.map(|(file, text)| (Path::new(file), text)).collect();
        let modules = Modules::read(Path::new("crates/engine/src"), files);
        check(&modules).iter().map(Fault::to_string).collect()
    }

    #[test]
    fn a_floor_knows_itself_and_those_below() {
        for (file, text, allowed) in [
            ("walk/exchange.rs", "use crate::core::bus::Bus;", true),
            ("walk/exchange.rs", "use crate::walk::cold;", true),
            ("walk/exchange.rs", "use crate::watch::metrics::Metrics;", false),
            ("walk/exchange.rs", "fn end(m: &crate::watch::metrics::Metrics) {}", false),
            ("walk/exchange.rs", "use crate::{core::bus, watch::metrics};", false),
            ("walk/cold/receipt.rs", "use super::super::super::watch::metrics;", false),
            ("walk/cold/receipt.rs", "use super::super::exchange;", true),
            ("core/bus.rs", "use crate::walk::exchange;", false),
            ("watch/metrics.rs", "use crate::walk::exchange;", true),
            ("watch/metrics.rs", "use crate::router::Router;", false),
            ("router.rs", "use crate::watch::metrics; use crate::core::bus;", true),
            ("walk/exchange.rs", "#[cfg(test)]\nmod tests { use crate::router::Router; }", true),
            ("walk/exchange.rs", "// use crate::watch::metrics;\n/// See [`crate::watch`].\nfn f() {}", true),
        ] {
            let found = faults(file, text);
            assert_eq!(found.is_empty(), allowed, "{file}: {text}: {found:?}");
        }
    }

    #[test]
    fn a_fault_names_file_line_and_rule() {
        assert_eq!(
            faults("walk/exchange.rs", "//! Docs.\n\nuse crate::watch::metrics::Metrics;\n"),
            [
                "error: crates/engine/src/walk/exchange.rs:3: `crate::watch::metrics::Metrics` lies on watch, and walk \
                 may know itself and the floors below alone (core < walk < watch < router)"
            ]
        );
    }

    #[test]
    fn a_name_for_other_crates_hides_no_floor() {
        let found = faults("walk/exchange.rs", "use crate::Router;");
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("name the floor it lies on"), "{found:?}");
    }

    #[test]
    fn every_module_lies_on_a_floor() {
        let found = faults("helpers.rs", "");
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("helpers.rs: lies on no floor"), "{found:?}");
    }
}
