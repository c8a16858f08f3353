//! A change inside JSON text, which is known to be valid.

use serde_json::Value;

use super::Step;

/// A member or an entry: where it begins (behind the bracket or comma before it), and where its value stands.
#[derive(Debug)]
struct Part {
    begin: usize,
    first: usize,
    key: String,
    value: usize,
    end: usize,
}

/// The text with the change made; none where this can't be done in place.
pub(super) fn edit(text: &str, steps: &[Step], change: Option<&Value>) -> Option<String> {
    let mut at = blank(text, 0);
    for (depth, step) in steps.iter().enumerate() {
        let parts = parts(text, at)?;
        let found = match step {
            Step::Key(key) => parts.iter().rposition(|part| part.key == *key),
            Step::Index(index) => (*index < parts.len()).then_some(*index),
        };
        let is_last = depth + 1 == steps.len();
        match (found, change) {
            (Some(n), _) if !is_last => at = parts[n].value,
            (Some(n), Some(value)) => {
                return Some(splice(text, parts[n].value, parts[n].end, &value.to_string()));
            }
            (Some(n), None) => return Some(without(text, &parts, n)),
            (None, None) => return Some(text.to_owned()),
            (None, Some(value)) => return with(text, at, &parts, &steps[depth..], value),
        }
    }
    None
}

/// The members or entries of what begins at `open`.
fn parts(text: &str, open: usize) -> Option<Vec<Part>> {
    let is_object = match text.as_bytes().get(open)? {
        b'{' => true,
        b'[' => false,
        _ => return None,
    };
    let mut parts = Vec::new();
    let mut begin = open + 1;
    loop {
        let first = blank(text, begin);
        if matches!(text.as_bytes().get(first)?, b'}' | b']') {
            return Some(parts);
        }
        let (key, value) = if is_object {
            let end = skip(text, first)?;
            let colon = blank(text, end);
            (serde_json::from_str(&text[first..end]).ok()?, blank(text, colon + 1))
        } else {
            (String::new(), first)
        };
        let end = skip(text, value)?;
        parts.push(Part { begin, first, key, value, end });
        begin = blank(text, end);
        match text.as_bytes().get(begin)? {
            b',' => begin += 1,
            _ => return Some(parts),
        }
    }
}

/// Where the blanks from `at` on end.
fn blank(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    at + bytes[at.min(bytes.len())..].iter().take_while(|b| b.is_ascii_whitespace()).count()
}

/// Where the value that begins at `at` ends.
fn skip(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut end = at;
    loop {
        match bytes.get(end)? {
            b'"' => {
                end += 1;
                while *bytes.get(end)? != b'"' {
                    end += if bytes[end] == b'\\' { 2 } else { 1 };
                }
                end += 1;
            }
            b'{' | b'[' => {
                depth += 1;
                end += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                end += 1;
            }
            b',' | b':' => end += 1,
            b if b.is_ascii_whitespace() => end += 1,
            _ => {
                let word = |b: &&u8| !b.is_ascii_whitespace() && !b",:]}".contains(*b);
                end += bytes[end..].iter().take_while(word).count();
            }
        }
        if depth == 0 {
            return Some(end);
        }
    }
}

fn splice(text: &str, from: usize, to: usize, with: &str) -> String {
    [&text[..from], with, &text[to..]].concat()
}

/// Without a part and the comma that parts it from its neighbour.
fn without(text: &str, parts: &[Part], n: usize) -> String {
    match (n.checked_sub(1).map(|before| &parts[before]), parts.get(n + 1)) {
        (_, Some(next)) => splice(text, parts[n].first, next.first, ""),
        (Some(before), None) => splice(text, before.end, parts[n].end, ""),
        (None, None) => splice(text, parts[n].begin, parts[n].end, ""),
    }
}

/// With a member behind the last one, spaced as that is.
fn with(text: &str, open: usize, parts: &[Part], steps: &[Step], value: &Value) -> Option<String> {
    let (Step::Key(key), inner) = steps.split_first()? else { return None };
    let value = inner.iter().rev().try_fold(value.clone(), |value, step| match step {
        Step::Key(key) => Some(Value::Object(std::iter::once((key.clone(), value)).collect())),
        Step::Index(_) => None,
    })?;
    let member = format!("{}: {value}", Value::String(key.clone()));
    Some(match parts.last() {
        // What stands before the first member may be the bracket's own space.
        Some(last) if parts.len() > 1 || text[last.begin..last.first].contains('\n') => {
            splice(text, last.end, last.end, &format!(",{}{member}", &text[last.begin..last.first]))
        }
        Some(last) => splice(text, last.end, last.end, &format!(", {member}")),
        None => splice(text, open + 1, open + 1, &member),
    })
}
