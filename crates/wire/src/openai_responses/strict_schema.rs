//! Whether OpenAI enforces a schema: its strict mode takes only closed objects that demand every property.

use std::collections::HashSet;

use serde_json::Value;
use serde_json::value::RawValue;

/// Keywords strict mode refuses ("Structured Outputs", supported schemas).
const REFUSED: [&str; 9] = [
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
];

/// Whether strict mode takes the schema.
pub(crate) fn fits(schema: &RawValue) -> bool {
    let Ok(schema) = serde_json::from_str::<Value>(schema.get()) else { return false };
    schema.get("type").is_some_and(|kind| kind == "object") && is_closed(&schema)
}

fn is_closed(schema: &Value) -> bool {
    let Value::Object(members) = schema else { return matches!(schema, Value::Bool(true)) };
    if REFUSED.iter().any(|keyword| members.contains_key(*keyword)) {
        return false;
    }
    let is_object = members.get("type").is_some_and(|kind| match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "object"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            kind == "object"
        }
    });
    if is_object && members.get("additionalProperties") != Some(&Value::Bool(false)) {
        return false;
    }
    let properties = members.get("properties").and_then(Value::as_object);
    if let Some(properties) = properties {
        let required = members.get("required").and_then(Value::as_array).into_iter().flatten();
        let required: HashSet<&str> = required.filter_map(Value::as_str).collect();
        if !properties.keys().all(|name| required.contains(name.as_str()))
            || !properties.values().all(is_closed)
        {
            return false;
        }
    }
    let named = ["$defs", "definitions"].iter().filter_map(|name| members.get(*name)?.as_object());
    let listed = members.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    named.flat_map(serde_json::Map::values).chain(listed).chain(members.get("items")).all(is_closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_closed_objects_that_demand_everything_are_enforced() {
        let cases = [
            (
                r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#,
                true,
            ),
            (r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}"#, false),
            (r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#, false),
            (
                r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"object"}}},"required":["a"],"additionalProperties":false}"#,
                false,
            ),
            (r#"{"type":"array","items":{"type":"string"}}"#, false),
            (r#"{"type":"object","properties":{},"additionalProperties":false,"allOf":[]}"#, false),
        ];
        for (schema, taken) in cases {
            let raw = RawValue::from_string(schema.to_owned()).unwrap();
            assert_eq!(fits(&raw), taken, "{schema}");
        }
    }
}
