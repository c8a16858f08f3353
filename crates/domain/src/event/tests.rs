//! The document of the API says of events what is sent.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use super::EventKind;

/// A value of a schema: every member, the first of each choice.
fn sample(schema: &Value, named: &BTreeMap<String, Value>) -> Value {
    if let Some(at) = schema["$ref"].as_str() {
        return sample(&named[at.rsplit('/').next().unwrap_or_default()], named);
    }
    if let Some(choices) = schema["enum"].as_array() {
        return choices[0].clone();
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[several].as_array() {
            let filled = choices.iter().find(|choice| choice["type"] != "null");
            return sample(filled.unwrap_or(&Value::Null), named);
        }
    }
    let kind = schema["type"].as_str().or_else(|| {
        schema["type"].as_array()?.iter().find_map(|kind| kind.as_str().filter(|kind| *kind != "null"))
    });
    match kind {
        Some("object") => {
            let members = schema["properties"].as_object().into_iter().flatten();
            Value::Object(
                members.map(|(name, value)| (name.clone(), sample(value, named))).collect::<Map<_, _>>(),
            )
        }
        Some("array") => json!([]),
        // Some texts have a form of their own.
        Some("string") => schema.get("example").cloned().unwrap_or_else(|| json!("x")),
        Some("boolean") => json!(true),
        Some("integer" | "number") => json!(1),
        _ => panic!("a schema of no kind: {schema}"),
    }
}

#[test]
fn every_event_is_sent_as_the_document_says() {
    let mut named = Vec::new();
    EventKind::schemas(&mut named);
    let named: BTreeMap<String, Value> =
        named.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap())).collect();
    let schema = serde_json::to_value(EventKind::schema()).unwrap();
    let variants = schema["oneOf"].as_array().unwrap();
    assert!(variants.len() > 45, "{}", variants.len());
    for variant in variants {
        let written = sample(variant, &named);
        let read: EventKind =
            serde_json::from_value(written.clone()).unwrap_or_else(|error| panic!("{error}: {written}"));
        let sent = serde_json::to_value(&read).unwrap();
        let members = |value: &Value| {
            value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(members(&sent), members(&written), "{}", written["type"]);
    }
}
