//! Circles of imports: modules that all need each other can only be read, tested and changed as one.
//!
//! Two or three files may be one story in parts. A child may use what its parents are: it lies inside of them.

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;
use super::modules::{ModulePath, Modules};

/// The most files that may need each other in a circle.
const MOST: usize = 3;

/// Crates that have larger circles, and why they still may.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("switchyard", "every operation's file knows `command`, which lists them all"),
    ("switchyard-policy", "`Fleet` holds plan, shift and triggers, which are handed the fleet"),
    ("switchyard-sim", "a dialect is handed the exchange it answers, which knows the dialects"),
    ("switchyard-wire", "the envelope's readers and the counts of usage know each other's dialects"),
    ("xtask", "what a machine lacks is installed by node, packages and python, which ask the machine"),
];

/// Each circle of a package that is too large.
pub(super) fn check(package: &str, modules: &Modules) -> Vec<Fault> {
    let circles = circles(&arrows(modules)).into_iter().filter(|circle| circle.len() > MOST);
    let fault = |circle: Vec<String>| {
        let (count, members) = (circle.len(), circle.join(", "));
        let text = format!("{count} modules need each other in a circle ({MOST} is the most): {members}");
        Fault::error(package, text)
    };
    let faults: Vec<Fault> = circles.map(fault).collect();
    if EXCEPTIONS.iter().all(|(name, _)| *name != package) {
        faults
    } else if faults.is_empty() {
        vec![Fault::warning(package, "has no large circle of modules any more; take it out of EXCEPTIONS")]
    } else {
        Vec::new()
    }
}

type Arrows<'a> = BTreeMap<&'a ModulePath, BTreeSet<&'a ModulePath>>;

/// Which module needs which others, its own parents left out.
fn arrows(modules: &Modules) -> Arrows<'_> {
    let needs = |path: &ModulePath, imports: &[super::modules::Import]| {
        let targets = imports.iter().filter_map(|import| modules.target(path, import));
        targets.filter(|target| !path.starts_with(target)).collect()
    };
    modules.iter().map(|(path, module)| (path, needs(path, &module.imports))).collect()
}

/// The sets of two modules or more in which each needs all others, by Tarjan's algorithm.
fn circles(arrows: &Arrows<'_>) -> Vec<Vec<String>> {
    let mut search = Search { arrows, seen: BTreeMap::new(), open: Vec::new(), circles: Vec::new() };
    for module in arrows.keys() {
        if !search.seen.contains_key(module) {
            search.visit(module);
        }
    }
    search.circles
}

struct Search<'a> {
    arrows: &'a Arrows<'a>,
    /// When each module was first seen.
    seen: BTreeMap<&'a ModulePath, usize>,
    /// Those that may still turn out to be of a circle.
    open: Vec<&'a ModulePath>,
    circles: Vec<Vec<String>>,
}

impl<'a> Search<'a> {
    /// The earliest module that is seen from here.
    fn visit(&mut self, module: &'a ModulePath) -> usize {
        let number = self.seen.len();
        self.seen.insert(module, number);
        let place = self.open.len();
        self.open.push(module);
        let mut earliest = number;
        for next in self.arrows.get(module).into_iter().flatten() {
            match self.seen.get(next) {
                None => earliest = earliest.min(self.visit(next)),
                Some(other) if self.open.contains(next) => earliest = earliest.min(*other),
                Some(_) => {}
            }
        }
        if earliest == number {
            let mut circle: Vec<String> = self.open.split_off(place).iter().map(|path| shown(path)).collect();
            if circle.len() > 1 {
                circle.sort();
                self.circles.push(circle);
            }
        }
        earliest
    }
}

fn shown(path: &[String]) -> String {
    if path.is_empty() { "the crate's root".to_owned() } else { path.join("::") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn faults(package: &str, files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(file, text)| (Path::new(*file), *text));
        check(package, &Modules::read(Path::new("src"), files)).iter().map(Fault::to_string).collect()
    }

    /// Four modules, each of which needs the next one.
    const FOUR: [(&str, &str); 4] = [
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "fn b() { super::c::run(); }"),
        ("c.rs", "use crate::d::{self, D};"),
        ("d.rs", "use crate::a::A;"),
    ];

    #[test]
    fn a_circle_is_told_with_its_members() {
        assert_eq!(
            faults("switchyard-new", &FOUR),
            ["error: switchyard-new: 4 modules need each other in a circle (3 is the most): a, b, c, d"]
        );
    }

    #[test]
    fn an_exception_stands_as_long_as_it_is_needed() {
        let (package, _) = EXCEPTIONS[0];
        assert_eq!(faults(package, &FOUR), Vec::<String>::new());
        assert!(faults(package, &FOUR[..3])[0].starts_with("warning: "));
    }

    #[test]
    fn three_may_be_one_story_and_a_line_is_no_circle() {
        let three = [FOUR[0], FOUR[1], ("c.rs", "use crate::a::A;")];
        assert_eq!(faults("switchyard-new", &three), Vec::<String>::new());
        let line = [FOUR[0], FOUR[1], FOUR[2], ("d.rs", "use crate::e::E;"), ("e.rs", "")];
        assert_eq!(faults("switchyard-new", &line), Vec::<String>::new());
    }

    #[test]
    fn two_circles_are_told_apart() {
        let other: Vec<(String, String)> = FOUR
            .iter()
            .map(|(file, text)| (format!("x/{file}"), text.replace("crate::", "crate::x::")))
            .collect();
        let mut files = FOUR.to_vec();
        files.push(("x.rs", "mod a; mod b; mod c; mod d;"));
        files.extend(other.iter().map(|(file, text)| (file.as_str(), text.as_str())));
        let found = faults("switchyard-new", &files);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[1].ends_with("x::a, x::b, x::c, x::d"), "{found:?}");
    }

    #[test]
    fn a_child_may_use_what_its_parents_are() {
        let family = [
            ("a.rs", "mod b; mod c; mod d; use b::B; use c::C; use d::D;"),
            ("a/b.rs", "use super::A;"),
            ("a/c.rs", "use super::A;"),
            ("a/d.rs", "use crate::a::A;"),
        ];
        assert_eq!(faults("switchyard-new", &family), Vec::<String>::new());
    }

    #[test]
    fn a_circle_over_what_a_parent_exports_is_one() {
        let hidden = [
            ("lib.rs", "mod a; mod b; mod c; mod d; pub use d::D;"),
            FOUR[0],
            FOUR[1],
            ("c.rs", "use crate::D;"),
            FOUR[3],
        ];
        assert_eq!(faults("switchyard-new", &hidden).len(), 1);
    }
}
