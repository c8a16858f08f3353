//! Keys that stand twice in one object of a JSON document.

use std::collections::HashMap;

use crate::map::fault::{Fault, Path};

/// An object or a list whose end has not come yet.
enum Open<'d> {
    /// Its keys with the line each stands in, and the one whose value is being read.
    Object { keys: HashMap<String, usize>, key: Option<&'d str> },
    /// The element that is being read.
    List { index: usize },
}

/// The first key that stands twice in its object, with both places. The document is valid JSON.
pub(super) fn written_twice(document: &str) -> Option<Fault> {
    let bytes = document.as_bytes();
    let mut open: Vec<Open<'_>> = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\n' => line += 1,
            b'{' => open.push(Open::Object { keys: HashMap::new(), key: None }),
            b'[' => open.push(Open::List { index: 0 }),
            b'}' | b']' => drop(open.pop()),
            b',' => match open.last_mut() {
                Some(Open::Object { key, .. }) => *key = None,
                Some(Open::List { index }) => *index += 1,
                None => {}
            },
            b'"' => {
                let end = end_of_string(bytes, at);
                let written = &document[at..end];
                at = end - 1;
                if let Some(Open::Object { keys, key: key @ None }) = open.last_mut() {
                    *key = Some(written);
                    if let Some(first) = keys.insert(unquoted(written), line) {
                        return Some(fault(&open, first, line));
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn fault(open: &[Open<'_>], first: usize, second: usize) -> Fault {
    let path = open.iter().fold(Path::root(), |path, part| match part {
        Open::Object { key: Some(key), .. } => path.field(&unquoted(key)),
        Open::Object { key: None, .. } => path,
        Open::List { index } => path.index(*index),
    });
    let places = if first == second {
        format!("both in line {first}")
    } else {
        format!("in line {first} and in line {second}")
    };
    Fault::new(path, format!("This key is written twice, {places}. Keep one of them."))
}

/// Where the string that begins at a quote ends: behind its other quote.
fn end_of_string(bytes: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The key a string stands for: `"a"` and `"\u0061"` are one.
fn unquoted(written: &str) -> String {
    serde_json::from_str(written).unwrap_or_else(|_| written.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_is_named_with_both_places() {
        let cases = [
            ("{\"hot\": [],\n \"warm\": [],\n \"hot\": []}", "hot", "in line 1 and in line 3"),
            ("{\"a\": {\"b c\": 1, \"b c\": 2}}", "a[\"b c\"]", "both in line 1"),
            (
                "{\"hot\": [{\"id\": \"x\"},\n{\"id\": \"}\\\"{\",\n\"id\": 1}]}",
                "hot[1].id",
                "in line 2 and in line 3",
            ),
            ("{\"a\": 1, \"\\u0061\": 2}", "a", "both in line 1"),
        ];
        for (document, path, places) in cases {
            assert!(serde_json::from_str::<serde_json::Value>(document).is_ok(), "{document}");
            let fault = written_twice(document).unwrap();
            assert_eq!(fault.path, path, "{document}");
            assert!(fault.message.contains(places), "{fault}");
        }
    }

    #[test]
    fn the_same_key_in_two_objects_is_none() {
        for document in [
            "{}",
            "[{\"a\": 1}, {\"a\": 2}]",
            "{\"a\": {\"a\": \"a\"}, \"b\": [\"a\", \"a\", \"a\"]}",
            "{\"x\": \"\\\"x\\\": 1, \", \"y\": \"x\"}",
        ] {
            assert!(serde_json::from_str::<serde_json::Value>(document).is_ok(), "{document}");
            assert_eq!(written_twice(document), None, "{document}");
        }
    }
}
