//! Google's own schemas, written as JSON Schemas.
//!
//! `parameters` and `responseSchema` are "a select subset of an OpenAPI 3.0 schema object": types in capitals, `nullable`,
//! and whole numbers that may be written as texts. What has a JSON Schema beside it (`parametersJsonSchema`) needs none of
//! this.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{listed, message};
use crate::notes::TranslateError;
use crate::splice::{Splices, span_of};

/// The body with its schemas as JSON Schemas; every other byte stays. A body that can't be read comes back as it is, for
/// the reader to name its fault.
pub(crate) fn with_json_schemas(body: &str) -> Cow<'_, str> {
    let mut splices = Splices::default();
    if collect(body, &mut splices).is_err() || splices.is_empty() {
        return Cow::Borrowed(body);
    }
    String::from_utf8(splices.apply(body.as_bytes())).map_or(Cow::Borrowed(body), Cow::Owned)
}

fn collect(body: &str, splices: &mut Splices<'_>) -> Result<(), TranslateError> {
    let mut source = message(body, "")?;
    let mut put = |raw: &RawValue, closes: bool| {
        if let Ok(mut schema) = serde_json::from_str::<Value>(raw.get())
            && rewrite(&mut schema, closes)
        {
            splices.replace(span_of(body, raw), schema.to_string());
        }
    };
    for (at, raw) in listed(&mut source, "tools")? {
        let mut tool = message(raw.get(), at)?;
        for (at, raw) in listed(&mut tool, "functionDeclarations")? {
            if let Some(raw) = message(raw.get(), at)?.raw("parameters") {
                put(raw, false);
            }
        }
    }
    if let Some(raw) = source.raw("generationConfig") {
        let mut config = message(raw.get(), "")?;
        if let Some(raw) = config.raw("responseSchema") {
            // What is not named there is never answered: others are held to a schema only where it says so.
            put(raw, true);
        }
    }
    Ok(())
}

/// Rewrites a schema in place, and closes its objects where asked to; tells whether anything changed. The depth is bounded
/// by what the JSON reader lets through.
fn rewrite(schema: &mut Value, closes: bool) -> bool {
    let Some(object) = schema.as_object_mut() else { return false };
    let mut has_changed = rename(object);
    if let Some(Value::String(kind)) = object.get_mut("type")
        && kind.bytes().any(|byte| byte.is_ascii_uppercase())
    {
        kind.make_ascii_lowercase();
        has_changed = true;
    }
    if object.get("type").is_some_and(|kind| kind == "type_unspecified") {
        object.shift_remove("type");
    }
    if object.get("format").is_some_and(|format| format == "enum") {
        object.shift_remove("format");
        has_changed = true;
    }
    if object.shift_remove("propertyOrdering").is_some() {
        has_changed = true;
    }
    for name in ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"] {
        let number = object.get(name).and_then(Value::as_str).and_then(|text| text.parse::<u64>().ok());
        if let Some(number) = number {
            object.insert(name.to_owned(), number.into());
            has_changed = true;
        }
    }
    if let Some(example) = object.shift_remove("example") {
        object.entry("examples").or_insert(Value::Array(vec![example]));
        has_changed = true;
    }
    if let Some(nullable) = object.shift_remove("nullable") {
        has_changed = true;
        if nullable == true {
            nullify(object);
        }
    }
    for name in ["properties", "$defs", "defs"] {
        for (_, inner) in object.get_mut(name).and_then(Value::as_object_mut).into_iter().flatten() {
            has_changed |= rewrite(inner, closes);
        }
    }
    for name in ["items", "additionalProperties"] {
        has_changed |= object.get_mut(name).is_some_and(|inner| rewrite(inner, closes));
    }
    for name in ["anyOf", "oneOf", "allOf", "prefixItems"] {
        for inner in object.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten() {
            has_changed |= rewrite(inner, closes);
        }
    }
    if closes && object.contains_key("properties") && !object.contains_key("additionalProperties") {
        object.insert("additionalProperties".to_owned(), Value::Bool(false));
        has_changed = true;
    }
    has_changed
}

/// Keywords in protobuf's other spelling.
fn rename(object: &mut Map<String, Value>) -> bool {
    const NAMES: [(&str, &str); 11] = [
        ("any_of", "anyOf"),
        ("min_items", "minItems"),
        ("max_items", "maxItems"),
        ("min_length", "minLength"),
        ("max_length", "maxLength"),
        ("min_properties", "minProperties"),
        ("max_properties", "maxProperties"),
        ("property_ordering", "propertyOrdering"),
        ("additional_properties", "additionalProperties"),
        ("one_of", "oneOf"),
        ("prefix_items", "prefixItems"),
    ];
    let mut has_changed = false;
    for (snake, camel) in NAMES {
        if let Some(value) = object.shift_remove(snake) {
            object.entry(camel).or_insert(value);
            has_changed = true;
        }
    }
    has_changed
}

/// Lets a schema be null as well.
fn nullify(object: &mut Map<String, Value>) {
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.push(serde_json::json!({ "type": "null" }));
        return;
    }
    if let Some(Value::Array(values)) = object.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    if let Some(kind) = object.get_mut("type")
        && kind.is_string()
    {
        *kind = serde_json::json!([kind.take(), "null"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_of_googles_becomes_a_json_schema() {
        let cases = [
            (
                r#"{"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true,"format":"enum","enum":["A"]},"n":{"type":"ARRAY","minItems":"1","items":{"type":"INTEGER","example":3}}},"propertyOrdering":["type","n"]}}]}]}"#,
                r#"{"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"object","properties":{"type":{"type":["string","null"],"enum":["A",null]},"n":{"type":"array","minItems":1,"items":{"type":"integer","examples":[3]}}}}}]}]}"#,
            ),
            (
                r#"{"generation_config":{"response_schema":{"any_of":[{"type":"NUMBER"},{"properties":{"a":{}}}],"nullable":true}},"tools":{"function_declarations":{"parameters":{"type":"OBJECT"}}}}"#,
                r#"{"generation_config":{"response_schema":{"anyOf":[{"type":"number"},{"properties":{"a":{}},"additionalProperties":false},{"type":"null"}]}},"tools":{"function_declarations":{"parameters":{"type":"object"}}}}"#,
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(with_json_schemas(body), expected);
        }
        for same in [
            r#"{"tools":[{"functionDeclarations":[{"parameters":{ "type":"object","properties":{"a":{"type":"number","minimum":1.50}}}}]}]}"#,
            r#"{"tools":7}"#,
            "[",
        ] {
            assert!(matches!(with_json_schemas(same), Cow::Borrowed(_)), "{same}");
        }
    }
}
