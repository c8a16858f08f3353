//! A change inside YAML text in block style, line by line, so that comments stay. What this does not understand it
//! leaves alone; what it misunderstands is found by whoever reads the text again.

use std::ops::Range;

use serde_json::Value;

use super::Step;

/// The text with the change made; none where this can't be done in place.
pub(super) fn edit(text: &str, steps: &[Step], change: Option<&Value>) -> Option<String> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    if let Some(last) = lines.last_mut().filter(|line| !line.ends_with('\n')) {
        last.push('\n');
    }
    let mut block = 0..lines.len();
    let mut parent = None;
    // The hyphens of the list entries on the way, each taken out while the entry is changed as the object it holds.
    let mut hyphens: Vec<(usize, usize)> = Vec::new();
    for (depth, step) in steps.iter().enumerate() {
        let key = match step {
            Step::Key(key) => key,
            Step::Index(index) => {
                let (at, indent, end) = entry(&lines, block.clone(), *index)?;
                lines[at].replace_range(indent..=indent, " ");
                hyphens.push((at, indent));
                (block, parent) = (at..end, None);
                continue;
            }
        };
        let indent = lines[block.clone()].iter().find_map(|line| indent(line))?;
        let Some(at) = block.clone().find(|at| names(&lines[*at], indent, key)) else {
            if let Some(value) = change {
                let at = block.clone().rev().find(|at| !lines[*at].trim().is_empty())? + 1;
                lines.splice(at..at, new_lines(indent, &steps[depth..], value)?);
            }
            return written(lines, &hyphens);
        };
        let below = below(&lines, at, block.end, indent);
        if depth + 1 < steps.len() {
            let (name, value, comment) = cut(&lines[at])?;
            if value == "{}" && below.is_empty() {
                if let Some(value) = change {
                    let fresh = new_lines(indent + 2, &steps[depth + 1..], value)?;
                    lines[at] = format!("{name}{comment}\n");
                    lines.splice(at + 1..at + 1, fresh);
                }
                return written(lines, &hyphens);
            }
            if !value.is_empty() || below.is_empty() {
                return None;
            }
            (block, parent) = (below, Some(at));
            continue;
        }
        let Some(value) = change else {
            let gone = at..below.end;
            let is_empty = !block.clone().any(|n| !gone.contains(&n) && indent_of(&lines[n]).is_some());
            lines.drain(gone);
            // A key with nothing below it would be null.
            if let Some(parent) = parent.filter(|_| is_empty) {
                let (name, _, comment) = cut(&lines[parent])?;
                lines[parent] = format!("{name} {{}}{comment}\n");
            }
            return written(lines, &hyphens);
        };
        if below.clone().any(|at| indent_of(&lines[at]).is_some()) {
            return None;
        }
        let (name, _, comment) = cut(&lines[at])?;
        lines[at] = format!("{name} {value}{comment}\n");
        return written(lines, &hyphens);
    }
    None
}

/// An entry of the list in a block of lines: its first line, how far its hyphen is indented, and the end of its content.
fn entry(lines: &[String], block: Range<usize>, index: usize) -> Option<(usize, usize, usize)> {
    let indent = lines[block.clone()].iter().find_map(|line| indent_of(line))?;
    let begins =
        |at: &usize| indent_of(&lines[*at]) == Some(indent) && lines[*at][indent..].starts_with("- ");
    let mut entries = block.clone().filter(begins);
    let at = entries.nth(index)?;
    let end = entries.next().unwrap_or(block.end);
    let end = (at..end).rev().find(|at| indent_of(&lines[*at]).is_some())? + 1;
    Some((at, indent, end))
}

/// The lines with the hyphens of their entries back.
fn written(mut lines: Vec<String>, hyphens: &[(usize, usize)]) -> Option<String> {
    for (at, indent) in hyphens {
        let line = lines.get_mut(*at)?;
        // What was the first key may be gone; another one stands in its place then, or the entry is empty.
        let fits = indent_of(line)? >= *indent + 2;
        fits.then(|| line.replace_range(*indent..=*indent, "-"))?;
    }
    Some(lines.concat())
}

/// How far a line with content is indented.
fn indent(line: &str) -> Option<usize> {
    indent_of(line).filter(|_| !line.starts_with("---"))
}

fn indent_of(line: &str) -> Option<usize> {
    let content = line.trim_start_matches(' ');
    let is_content = !content.trim().is_empty() && !content.starts_with('#');
    is_content.then_some(line.len() - content.len())
}

fn names(line: &str, at: usize, key: &str) -> bool {
    let Some(rest) = line.get(at..).filter(|_| indent_of(line) == Some(at)) else { return false };
    let quoted = Value::String(key.to_owned()).to_string();
    [key, &quoted, &format!("'{key}'")].into_iter().any(|name| {
        rest.strip_prefix(name)
            .and_then(|rest| rest.trim_start().strip_prefix(':'))
            .is_some_and(|rest| rest.starts_with([' ', '\n', '\r']) || rest.is_empty())
    })
}

/// The lines that belong to the key at `at`: deeper ones, and a list's at its own depth.
fn below(lines: &[String], at: usize, end: usize, own: usize) -> Range<usize> {
    let mut last = at;
    for (n, line) in lines.iter().enumerate().take(end).skip(at + 1) {
        match indent_of(line) {
            Some(indent) if indent > own || (indent == own && line[own..].starts_with("- ")) => last = n,
            Some(_) => break,
            None => {}
        }
    }
    at + 1..last + 1
}

/// A line as `name:`, its value, and what of a comment stands behind it.
fn cut(line: &str) -> Option<(&str, &str, &str)> {
    let line = line.trim_end();
    let colon = line.find(": ").or_else(|| line.ends_with(':').then(|| line.len() - 1))?;
    let (name, rest) = line.split_at(colon + 1);
    let comment = rest.find(" #").unwrap_or(rest.len());
    Some((name, rest[..comment].trim(), &rest[comment..]))
}

fn new_lines(indent: usize, steps: &[Step], value: &Value) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let Step::Key(key) = step else { return None };
        let is_plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
            && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let name = if is_plain { key.clone() } else { Value::String(key.clone()).to_string() };
        let value = if n + 1 == steps.len() { format!(" {value}") } else { String::new() };
        lines.push(format!("{:width$}{name}:{value}\n", "", width = indent + 2 * n));
    }
    Some(lines)
}
