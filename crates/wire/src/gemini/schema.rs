//! JSON Schemas in the form Gemini takes.
//!
//! `parametersJsonSchema` and `responseJsonSchema` take JSON Schema, of which a part is enforced and the rest is let
//! pass; "if `$ref` is set on a sub-schema, no other properties, except those starting with `$`, may be set"
//! (`GenerationConfig.responseJsonSchema`). A schema that needs no change stays the text it came as.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::notes::{Notes, TranslateError};

/// What the API says it enforces; members starting with `$` besides.
const ENFORCED: [&str; 16] = [
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "oneOf",
    "properties",
    "additionalProperties",
    "required",
];

/// Says nothing about which values are right.
const ANNOTATIONS: [&str; 6] =
    ["default", "example", "examples", "deprecated", "propertyOrdering", "nullable"];

/// The schema as Gemini takes it. `at` names it; `strict`: the caller relies on every word of it, so one that is not
/// enforced is noted.
pub(super) fn fit<'a>(
    schema: &'a RawValue,
    at: &str,
    strict: bool,
    notes: &mut Notes,
) -> Result<Cow<'a, RawValue>, TranslateError> {
    let mut value: Value = serde_json::from_str(schema.get())
        .map_err(|error| TranslateError::invalid(at, format!("is not a JSON Schema: {error}")))?;
    if !value.is_object() {
        return Err(TranslateError::invalid(at, "must be a JSON Schema object"));
    }
    let mut fitting = Fitting { changed: false, loose: None, simplified: false };
    fitting.definitions(&mut value);
    fitting.schema(&mut value, At { before: None, step: Step::Name(at) });
    if strict && let Some(keyword) = fitting.loose {
        notes.add("schema_not_enforced", keyword);
    }
    if fitting.simplified {
        notes.add("schema_simplified", at);
    }
    if !fitting.changed {
        return Ok(Cow::Borrowed(schema));
    }
    serde_json::value::to_raw_value(&value)
        .map(Cow::Owned)
        .map_err(|error| TranslateError::invalid(at, error.to_string()))
}

/// Where a schema lies. It is written out only where something is said of it: names may be long, and every member below
/// one would copy it.
#[derive(Clone, Copy)]
struct At<'a> {
    before: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> At<'a> {
    fn then(&'a self, step: Step<'a>) -> Self {
        At { before: Some(self), step }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(before) = self.before {
            before.fmt(f)?;
        }
        match self.step {
            Step::Index(at) => write!(f, "[{at}]"),
            Step::Name(name) if self.before.is_some() => write!(f, ".{name}"),
            Step::Name(name) => f.write_str(name),
        }
    }
}

struct Fitting {
    changed: bool,
    /// Where the first keyword is that Gemini lets pass without enforcing it.
    loose: Option<String>,
    /// Whether something a `$ref` had beside it was left out.
    simplified: bool,
}

impl Fitting {
    /// Older drafts keep shared schemas in `definitions`; Gemini looks in `$defs` alone.
    fn definitions(&mut self, root: &mut Value) {
        let Some(object) = root.as_object_mut() else { return };
        if !object.contains_key("$defs")
            && let Some(definitions) = object.shift_remove("definitions")
        {
            object.insert("$defs".to_owned(), definitions);
            self.changed = true;
        }
    }

    /// The depth is bounded by what the JSON reader lets through (128).
    fn schema(&mut self, schema: &mut Value, at: At<'_>) {
        let Some(object) = schema.as_object_mut() else { return };
        self.inline_only_choice(object);
        if let Some(constant) = object.get("const")
            && (constant.is_string() || constant.is_number())
            && !object.contains_key("enum")
        {
            let constant = object.shift_remove("const").unwrap_or_default();
            object.insert("enum".to_owned(), Value::Array(vec![constant]));
            self.changed = true;
        }
        if let Some(Value::String(target)) = object.get_mut("$ref") {
            if let Some(name) = target.strip_prefix("#/definitions/") {
                *target = format!("#/$defs/{name}");
                self.changed = true;
            }
            let before = object.len();
            object.retain(|name, _| name.starts_with('$'));
            if object.len() < before {
                self.changed = true;
                self.simplified = true;
            }
        }
        for (name, value) in object {
            let path = at.then(Step::Name(name));
            match name.as_str() {
                "properties" | "$defs" => {
                    for (name, value) in value.as_object_mut().into_iter().flatten() {
                        self.schema(value, path.then(Step::Name(name)));
                    }
                }
                "items" | "additionalProperties" => self.schema(value, path),
                "prefixItems" | "anyOf" | "oneOf" => {
                    for (at, value) in value.as_array_mut().into_iter().flatten().enumerate() {
                        self.schema(value, path.then(Step::Index(at)));
                    }
                }
                name if name.starts_with('$') || ENFORCED.contains(&name) || ANNOTATIONS.contains(&name) => {}
                _ => {
                    self.loose.get_or_insert_with(|| path.to_string());
                }
            }
        }
    }

    /// `allOf` is not understood, but generators write it around a single schema to put a description beside it.
    fn inline_only_choice(&mut self, object: &mut serde_json::Map<String, Value>) {
        let is_single = matches!(object.get("allOf"), Some(Value::Array(list)) if list.len() == 1);
        if !is_single {
            return;
        }
        if let Some(Value::Array(list)) = object.shift_remove("allOf")
            && let Some(Value::Object(inner)) = list.into_iter().next()
        {
            for (name, value) in inner {
                object.entry(name).or_insert(value);
            }
            self.changed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(schema: &str) -> (String, Vec<String>) {
        let raw: &RawValue = serde_json::from_str(schema).unwrap();
        let mut notes = Notes::default();
        let fitted = fit(raw, "s", true, &mut notes).unwrap().get().to_owned();
        (fitted, notes.noted().iter().map(|note| format!("{} {}", note.code, note.field)).collect())
    }

    #[test]
    fn a_schema_gemini_takes_stays_the_text_it_was() {
        let schema = r#"{ "type": "object", "properties": {"n": {"type": "number", "minimum": 1.0}}, "required": ["n"] }"#;
        assert_eq!(fitted(schema), (schema.to_owned(), Vec::new()));
    }

    #[test]
    fn what_gemini_would_refuse_is_written_as_it_takes_it() {
        let cases = [
            (
                r##"{"properties":{"a":{"$ref":"#/definitions/A","description":"an a"}},"definitions":{"A":{"type":"string"}}}"##,
                r##"{"properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"type":"string"}}}"##,
                &["schema_simplified s"][..],
            ),
            (
                r##"{"properties":{"a":{"allOf":[{"$ref":"#/$defs/A"}]}},"$defs":{"A":{"const":"x"}}}"##,
                r##"{"properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"enum":["x"]}}}"##,
                &[],
            ),
            (
                r#"{"properties":{"a":{"type":"string","pattern":"^x","minLength":2}}}"#,
                r#"{"properties":{"a":{"type":"string","pattern":"^x","minLength":2}}}"#,
                &["schema_not_enforced s.properties.a.pattern"],
            ),
        ];
        for (schema, expected, notes) in cases {
            let (written, noted) = fitted(schema);
            assert_eq!(written, expected);
            assert_eq!(noted, notes, "{schema}");
        }
    }

    #[test]
    fn a_schema_nested_beyond_reason_is_refused_and_not_walked() {
        let deep = format!("{}1{}", r#"{"items":"#.repeat(5000), "}".repeat(5000));
        let raw: &RawValue = serde_json::from_str(&deep).unwrap();
        assert!(fit(raw, "s", true, &mut Notes::default()).is_err());
    }
}
