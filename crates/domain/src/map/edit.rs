//! Single values of a map's document, read and changed in place.
//!
//! What is not named stays as it was written: order, spacing, comments, `${NAME}`s. A change made in the text is read
//! again and compared with what was meant; only where that can't be done in place is the whole document written anew.

mod json;
mod yaml;

use serde_json::Value;

use super::fault::{Fault, Path};
use super::text::{self, Format};

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// The value at a path of a document (`breaker.consecutiveFailures`, `hot[0].weight`), as it is written there; none
/// where nothing is.
#[must_use]
pub fn value_at(document: &str, format: Format, path: &str) -> Option<Value> {
    let mut at = &text::parse(document, format).ok()?;
    for step in &steps(path).ok()? {
        at = match step {
            Step::Key(key) => at.get(key)?,
            Step::Index(index) => at.get(index)?,
        };
    }
    Some(at.clone())
}

/// The document with these values set, in order; `null` takes a key out, so that its default holds again.
///
/// # Errors
/// Every change that can't be made, with its path. What the values mean is for the proof to say.
pub fn edit(document: &str, format: Format, changes: &[(String, Value)]) -> Result<String, Vec<Fault>> {
    let mut meant = text::parse(document, format).map_err(|fault| vec![fault])?;
    let mut out = document.trim_start_matches('\u{feff}').to_owned();
    let mut faults = Vec::new();
    for (path, value) in changes {
        let change = (!value.is_null()).then_some(value);
        let made = steps(path).and_then(|steps| apply(&mut meant, &steps, change, path).map(|()| steps));
        let steps = match made {
            Ok(steps) => steps,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        let in_place = match format {
            Format::Json => json::edit(&out, &steps, change),
            Format::Yaml => yaml::edit(&out, &steps, change),
        };
        out = match in_place.filter(|text| text::parse(text, format).is_ok_and(|read| read == meant)) {
            Some(text) => text,
            None if format == Format::Yaml && has_comments(&out) => {
                let message = "This can't be changed in place, and writing the document anew would lose its comments. \
                    Change the file and run `switchyard map apply FILE`.";
                faults.push(Fault::new(path.as_str(), message));
                continue;
            }
            None => whole(&meant, format).map_err(|fault| vec![fault])?,
        };
    }
    if faults.is_empty() { Ok(out) } else { Err(faults) }
}

/// Whether a YAML document may hold a comment.
fn has_comments(document: &str) -> bool {
    document.lines().any(|line| line.trim_start().starts_with('#') || line.contains(" #"))
}

fn whole(value: &Value, format: Format) -> Result<String, Fault> {
    let unwritable = |error: String| Fault::new("", format!("The map can't be written anew: {error}."));
    match format {
        Format::Json => serde_json::to_string_pretty(value)
            .map(|text| text + "\n")
            .map_err(|error| unwritable(error.to_string())),
        Format::Yaml => serde_saphyr::to_string(value).map_err(|error| unwritable(error.to_string())),
    }
}

/// Reads `a.b`, `a[0].b`, `a."b.c"`.
fn steps(path: &str) -> Result<Vec<Step>, Fault> {
    let bad = |why: &str| {
        Fault::new(path, format!("{why} Write a path like `breaker.consecutiveFailures` or `hot[0].weight`."))
    };
    let mut steps = Vec::new();
    let mut rest = path;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (key, after) = quoted.split_once('"').ok_or_else(|| bad("The quote is never closed."))?;
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let key = rest[..end].trim();
            if key.is_empty() {
                return Err(bad("A name is missing."));
            }
            steps.push(Step::Key(key.to_owned()));
            rest = &rest[end..];
        }
        while let Some(inside) = rest.strip_prefix('[') {
            let (index, after) = inside.split_once(']').ok_or_else(|| bad("`[` is never closed."))?;
            let index =
                index.trim().parse().map_err(|_| bad("Between `[` and `]` stands a number from 0."))?;
            steps.push(Step::Index(index));
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Ok(steps),
            None => return Err(bad("Something stands behind a name.")),
        }
    }
}

/// Makes the change in the value: what the text has to say in the end.
fn apply(root: &mut Value, steps: &[Step], change: Option<&Value>, path: &str) -> Result<(), Fault> {
    let Some((last, way)) = steps.split_last() else { return Err(Fault::new(path, "A name is missing.")) };
    let mut at = root;
    let mut here = Path::root();
    for step in way {
        let is_object = at.is_object();
        match step {
            Step::Key(key) => {
                let Value::Object(map) = at else { return Err(no_inside(&here, at)) };
                if !map.contains_key(key) && change.is_none() {
                    return Ok(());
                }
                here = here.field(key);
                at = map.entry(key.clone()).or_insert_with(|| Value::Object(serde_json::Map::new()));
            }
            Step::Index(index) => {
                let Some(next) = at.get_mut(index).filter(|_| !is_object) else {
                    return Err(no_entry(&here, *index));
                };
                here = here.index(*index);
                at = next;
            }
        }
    }
    match (last, at, change) {
        (Step::Key(key), Value::Object(map), Some(value)) => {
            map.insert(key.clone(), value.clone());
        }
        (Step::Key(key), Value::Object(map), None) => {
            map.shift_remove(key);
        }
        (Step::Index(index), Value::Array(list), Some(value)) if *index < list.len() => {
            list[*index] = value.clone();
        }
        (Step::Index(index), Value::Array(list), None) if *index < list.len() => {
            list.remove(*index);
        }
        (Step::Index(index), _, _) => return Err(no_entry(&here, *index)),
        (Step::Key(_), at, _) => return Err(no_inside(&here, at)),
    }
    Ok(())
}

fn no_entry(at: &Path, index: usize) -> Fault {
    Fault::new(at.index(index), "There is no such entry in the running map. Entries count from 0.")
}

fn no_inside(at: &Path, found: &Value) -> Fault {
    let kind = match found {
        Value::Array(_) => "a list: name an entry, as in `[0]`",
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            "a single value: it has no keys inside"
        }
    };
    Fault::new(at.as_str(), format!("This is {kind}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(document: &str, changes: &[(&str, Value)]) -> Result<String, Vec<Fault>> {
        let changes: Vec<_> =
            changes.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
        edit(document, Format::detect(document), &changes)
    }

    #[test]
    fn what_is_not_named_stays_as_it_was_written() {
        let json = "{\n  \"hot\": [ { \"provider\": \"a\",  \"model\": \"m\", \"baseUrl\": \"${URL}\" } ],\n  \"retry\": { \"attempts\": 3, \"maxMs\": 2000 }\n}\n";
        let yaml = "# my map\nhot:\n  - provider: a   # the first\n    model: m\n    baseUrl: ${URL}\nretry:\n  attempts: 3 # tries\n  maxMs: 2000\n\nname: x\n";
        let flow = "hot: [{provider: a, model: m}]\nretry: {attempts: 3}\n";
        type Case = (&'static str, &'static [(&'static str, fn() -> Value)], &'static str);
        let cases: &[Case] = &[
            (
                json,
                &[("retry.attempts", || json!(2))],
                "{\n  \"hot\": [ { \"provider\": \"a\",  \"model\": \"m\", \"baseUrl\": \"${URL}\" } ],\n  \"retry\": { \"attempts\": 2, \"maxMs\": 2000 }\n}\n",
            ),
            (
                json,
                &[("retry.attempts", || Value::Null)],
                "{\n  \"hot\": [ { \"provider\": \"a\",  \"model\": \"m\", \"baseUrl\": \"${URL}\" } ],\n  \"retry\": { \"maxMs\": 2000 }\n}\n",
            ),
            (
                json,
                &[("retry.maxMs", || Value::Null)],
                "{\n  \"hot\": [ { \"provider\": \"a\",  \"model\": \"m\", \"baseUrl\": \"${URL}\" } ],\n  \"retry\": { \"attempts\": 3 }\n}\n",
            ),
            (
                json,
                &[("breaker.consecutiveFailures", || json!(8))],
                "{\n  \"hot\": [ { \"provider\": \"a\",  \"model\": \"m\", \"baseUrl\": \"${URL}\" } ],\n  \"retry\": { \"attempts\": 3, \"maxMs\": 2000 },\n  \"breaker\": {\"consecutiveFailures\":8}\n}\n",
            ),
            (
                json,
                &[("hot[0].weight", || json!(5))],
                "{\n  \"hot\": [ { \"provider\": \"a\",  \"model\": \"m\", \"baseUrl\": \"${URL}\", \"weight\": 5 } ],\n  \"retry\": { \"attempts\": 3, \"maxMs\": 2000 }\n}\n",
            ),
            (
                yaml,
                &[("retry.attempts", || json!(2))],
                "# my map\nhot:\n  - provider: a   # the first\n    model: m\n    baseUrl: ${URL}\nretry:\n  attempts: 2 # tries\n  maxMs: 2000\n\nname: x\n",
            ),
            (
                yaml,
                &[("retry.initialMs", || json!(5)), ("retry.maxMs", || Value::Null)],
                "# my map\nhot:\n  - provider: a   # the first\n    model: m\n    baseUrl: ${URL}\nretry:\n  attempts: 3 # tries\n  initialMs: 5\n\nname: x\n",
            ),
            (
                yaml,
                &[("breaker.consecutiveFailures", || json!(8))],
                "# my map\nhot:\n  - provider: a   # the first\n    model: m\n    baseUrl: ${URL}\nretry:\n  attempts: 3 # tries\n  maxMs: 2000\n\nname: x\nbreaker:\n  consecutiveFailures: 8\n",
            ),
            (
                "retry: # tries\n  attempts: 3 # three\nname: x # mine\n",
                &[("retry.attempts", || Value::Null)],
                "retry: {} # tries\nname: x # mine\n",
            ),
            (
                "retry: {} # tries\nname: x # mine\n",
                &[("retry.attempts", || json!(2))],
                "retry: # tries\n  attempts: 2\nname: x # mine\n",
            ),
            ("{}", &[("a.b", || json!("x"))], "{\"a\": {\"b\":\"x\"}}"),
            ("{\"a\": 1}", &[("a", || Value::Null), ("b", || Value::Null)], "{}"),
        ];
        for (document, changes, expected) in cases {
            let changes: Vec<(&str, Value)> = changes.iter().map(|(path, value)| (*path, value())).collect();
            assert_eq!(change(document, &changes).unwrap(), *expected, "{changes:?}");
        }
        // Where it can't be done in place the rest keeps its meaning at least.
        let written = change(flow, &[("retry.attempts", json!(1))]).unwrap();
        assert_eq!(
            text::parse(&written, Format::Yaml).unwrap(),
            json!({ "hot": [{ "provider": "a", "model": "m" }], "retry": { "attempts": 1 } })
        );
    }

    #[test]
    fn entries_of_lists_change_in_place_and_what_would_lose_comments_is_refused() {
        let yaml = "# my map\nhot:\n  # the cheap one\n  - provider: a   # first\n    model: m\n    timeouts:\n      idleMs: 5 # short\n\n  # the dear one\n  - provider: b\n    model: n # second\nwarm:\n- model: o # flat\n  provider: c\nname: x\n";
        type Case = (&'static str, fn() -> Value, &'static str, &'static str);
        let cases: &[Case] = &[
            (
                "hot[0].weight",
                || json!(5),
                "      idleMs: 5 # short\n",
                "      idleMs: 5 # short\n    weight: 5\n",
            ),
            (
                "hot[1].weight",
                || json!(5),
                "    model: n # second\n",
                "    model: n # second\n    weight: 5\n",
            ),
            ("hot[1].model", || json!("p"), "    model: n # second\n", "    model: \"p\" # second\n"),
            (
                "hot[0].provider",
                || json!("d"),
                "  - provider: a   # first\n",
                "  - provider: \"d\" # first\n",
            ),
            ("hot[0].timeouts.idleMs", || json!(9), "idleMs: 5 # short", "idleMs: 9 # short"),
            (
                "hot[0].timeouts.totalMs",
                || json!(9),
                "idleMs: 5 # short\n",
                "idleMs: 5 # short\n      totalMs: 9\n",
            ),
            (
                "hot[0].breaker.successesToClose",
                || json!(1),
                "short\n",
                "short\n    breaker:\n      successesToClose: 1\n",
            ),
            (
                "hot[1].provider",
                || Value::Null,
                "  - provider: b\n    model: n # second\n",
                "  - model: n # second\n",
            ),
            ("warm[0].weight", || json!(1), "  provider: c\n", "  provider: c\n  weight: 1\n"),
        ];
        for (path, value, before, after) in cases {
            assert!(yaml.contains(before), "{before}");
            let made = change(yaml, &[(path, value())]).unwrap();
            let spaced = |text: &str| text.replace("   #", " #");
            assert_eq!(spaced(&made), spaced(&yaml.replacen(before, after, 1)), "{path}");
        }
        for (path, value) in [
            ("hot[0]", json!({ "provider": "z" })),
            ("hot", json!([])),
            ("hot[1].timeouts", json!({ "idleMs": 1 })),
        ] {
            match change(yaml, &[(path, value)]) {
                Ok(made) => assert!(made.contains("# my map") && made.contains("# the cheap one"), "{made}"),
                Err(faults) => assert!(faults[0].message.contains("lose its comments"), "{faults:?}"),
            }
        }
    }

    #[test]
    fn a_change_that_names_nothing_is_said_with_its_path() {
        let cases = [
            ("hot[3].weight", "hot[3]", "no such entry"),
            ("name.x", "name", "no keys inside"),
            ("hot.x", "hot", "name an entry"),
            ("", "", "name is missing"),
            ("retry..attempts", "retry..attempts", "name is missing"),
            ("hot[x]", "hot[x]", "number from 0"),
            ("hot[0", "hot[0", "never closed"),
        ];
        for (path, at, message) in cases {
            let faults = change(r#"{"hot": [{}], "name": "x"}"#, &[(path, json!(1))]).unwrap_err();
            assert_eq!(faults[0].path, at, "{path}: {faults:?}");
            assert!(faults[0].message.contains(message), "{path}: {faults:?}");
        }
    }

    #[test]
    fn a_value_is_found_where_it_is_written() {
        let document = "jobs:\n  a.b:\n    sloMs: 7\nhot:\n  - weight: 3\n";
        let at = |path: &str| value_at(document, Format::Yaml, path);
        assert_eq!(at("jobs.\"a.b\".sloMs"), Some(json!(7)));
        assert_eq!(at("hot[0].weight"), Some(json!(3)));
        assert_eq!((at("hot[1].weight"), at("retry.attempts"), at("[")), (None, None, None));
    }

    proptest::proptest! {
        #[test]
        fn any_change_of_any_document_says_what_was_meant(
            pairs in proptest::collection::vec(("[a-c]{1,2}(\\.[a-c]{1,2}){0,2}", 0_i64..9), 1..8),
            yaml in proptest::bool::ANY,
            gone in 0_usize..8,
        ) {
            let format = if yaml { Format::Yaml } else { Format::Json };
            let mut document = if yaml { "z: 1\n".to_owned() } else { "{ \"z\": 1 }".to_owned() };
            let mut meant = json!({ "z": 1 });
            for (n, (path, value)) in pairs.iter().enumerate() {
                let value = if n == gone { Value::Null } else { json!(value) };
                let mut next = meant.clone();
                let change = (!value.is_null()).then_some(&value);
                let may = apply(&mut next, &steps(path).unwrap(), change, path);
                let made = edit(&document, format, &[(path.clone(), value.clone())]);
                proptest::prop_assert_eq!(may.is_ok(), made.is_ok());
                if let Ok(made) = made {
                    proptest::prop_assert_eq!(&text::parse(&made, format).unwrap(), &next, "{}", made);
                    (document, meant) = (made, next);
                }
            }
        }
    }
}
