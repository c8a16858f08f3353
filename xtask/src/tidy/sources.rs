//! What a source file may be: its size, its name, its first words, and what it may not contain.

use std::path::Path;

use super::Fault;

/// Lines of code over which a file tells more than one story, and over which it is refused.
const SMELL: usize = 400;
const LIMIT: usize = 600;

/// What no source may contain, and why. Spelled in two halves, so that this file isn't found by itself.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("todo", "!("), "is unfinished work"),
    (concat!("unimplemented", "!("), "is unfinished work"),
    (concat!("dbg", "!("), "is left from debugging"),
    (concat!("#[", "ignore"), "switches a test off"),
    (concat!(".on", "ly("), "switches all other tests off"),
    (concat!(".sk", "ip("), "switches a test off"),
];

/// Folders of somebody's machine; they mean nothing on another.
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Rust, TypeScript and Svelte.
pub(super) fn is_source(path: &Path) -> bool {
    matches!(extension(path), "rs" | "ts" | "svelte")
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// All faults of one file, `path` being from the repository's root.
pub(super) fn check(path: &Path, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    faults.extend(check_name(path));
    faults.extend(check_module_docs(path, text));
    faults.extend(check_size(path, text));
    faults.extend(check_text(path, text));
    faults
}

fn check_name(path: &Path) -> Option<Fault> {
    let is_mod = path.file_name().is_some_and(|name| name == concat!("mod", ".rs"));
    is_mod.then(|| Fault::error(place(path), "a module lies beside its folder: `name.rs` and `name/`"))
}

/// Each room says why it exists and what it never does.
fn check_module_docs(path: &Path, text: &str) -> Option<Fault> {
    let mut folders = path.iter().filter_map(|part| part.to_str());
    let in_crate = folders.next() == Some("crates") && folders.nth(1) == Some("src");
    if !in_crate || extension(path) != "rs" || is_test(path) {
        return None;
    }
    // A crate's own attributes may stand before its docs.
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!["));
    let documented = first.is_some_and(|line| line.starts_with("//!"));
    (!documented).then(|| Fault::error(place(path), "has no module docs (`//!`) on top"))
}

fn check_size(path: &Path, text: &str) -> Option<Fault> {
    if is_test(path) || is_generated(path) {
        return None;
    }
    let lines = lines_of_code(text);
    if lines > LIMIT {
        Some(Fault::error(place(path), format!("{lines} lines of code; {LIMIT} is the most")))
    } else if lines > SMELL {
        Some(Fault::warning(place(path), format!("{lines} lines of code; about 250 tell one story")))
    } else {
        None
    }
}

fn check_text(path: &Path, text: &str) -> Vec<Fault> {
    if is_generated(path) {
        return Vec::new();
    }
    let is_rust = extension(path) == "rs";
    let mut faults = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = || format!("{}:{}", place(path), index + 1);
        for (what, why) in FORBIDDEN {
            // `.skip(` and `.only(` are a test runner's words; in Rust they are an iterator's.
            let of_a_script = what.starts_with('.');
            if line.contains(what) && !(of_a_script && is_rust) {
                faults.push(Fault::error(place(), format!("`{what}` {why}")));
            }
        }
        if let Some(found) = MACHINE_PATHS.iter().find(|found| has_path(line, found)) {
            faults.push(Fault::error(place(), format!("`{found}` is a path of one machine")));
        }
    }
    faults
}

/// Whether the line names a file under `folder`, not merely a longer path or address that contains it.
fn has_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || "_-.}/$*".contains(c)))
    })
}

/// Lines that are neither blank nor comment, up to the tests at the end of a Rust file.
fn lines_of_code(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let tests =
        lines.windows(2).position(|two| two[0] == "#[cfg(test)]" && two[1].starts_with("mod tests {"));
    let comment = |line: &str| ["//", "/*", "* ", "*/", "<!--"].iter().any(|start| line.starts_with(start));
    lines[..tests.unwrap_or(lines.len())].iter().filter(|line| !line.is_empty() && !comment(line)).count()
}

/// Tests and what they read: they may be as long as their cases are many.
fn is_test(path: &Path) -> bool {
    let in_tests = path.iter().any(|part| part == "tests" || part == "fixtures");
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    in_tests || name == "tests.rs" || name.contains(".test.") || name.contains(".spec.")
}

/// Written by a program, which keeps its own rules.
fn is_generated(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "generated")
}

fn place(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;
