//! Bodies held against the API's own document: a member it doesn't know, or a text longer than it says, is refused, so that
//! a slip of the pen never changes more than was meant.

use std::collections::HashMap;
use std::sync::LazyLock;

use http::Method;
use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::{Value, json};
use switchyard_domain::map::Fault;
use switchyard_domain::nearest::did_you_mean;

/// What one operation takes.
struct Shape {
    validator: Validator,
    /// The members of its body.
    members: Vec<String>,
}

/// By path, as the document writes it, and method.
static SHAPES: LazyLock<HashMap<(String, Method), Shape>> = LazyLock::new(shapes);

fn shapes() -> HashMap<(String, Method), Shape> {
    let document = serde_json::to_value(crate::openapi()).unwrap_or_default();
    let mut shapes = HashMap::new();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let Ok(method) = method.to_uppercase().parse() else { continue };
            if schema.is_null() {
                continue;
            }
            let whole = json!({ "allOf": [schema], "components": document["components"] });
            let at = schema["$ref"].as_str().and_then(|at| document.pointer(at.trim_start_matches('#')));
            let members = at.unwrap_or(schema)["properties"].as_object();
            let members = members.map(|members| members.keys().cloned().collect()).unwrap_or_default();
            if let Ok(validator) = jsonschema::validator_for(&whole) {
                shapes.insert((path.clone(), method), Shape { validator, members });
            }
        }
    }
    shapes
}

/// What is wrong with a body's shape that reading it alone would not find. Types and ranges are told better where they are
/// read.
pub(super) fn fault(path: &str, method: &Method, body: &Value) -> Option<Fault> {
    let shape = SHAPES.get(&(path.to_owned(), method.clone()))?;
    shape.validator.iter_errors(body).find_map(|error| {
        let at = error.instance_path().to_string();
        let at = at.trim_start_matches('/').replace('/', ".");
        #[expect(clippy::wildcard_enum_match_arm, reason = "the library's enum; the rest is told elsewhere")]
        match error.kind() {
            Kind::AdditionalProperties { unexpected } => {
                let name = unexpected.first()?;
                let known = shape.members.iter().map(String::as_str).filter(|_| at.is_empty());
                let field = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                let meant = did_you_mean(name, known);
                Some(Fault::new(field, format!("this operation takes no such member.{meant}")))
            }
            Kind::MaxLength { limit } => {
                Some(Fault::new(at, format!("is longer than {limit} characters. Shorten it")))
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_of_the_document_is_known_and_closed() {
        let document = serde_json::to_value(crate::openapi()).unwrap();
        let mut seen = 0;
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                if operation["requestBody"].is_null() {
                    continue;
                }
                seen += 1;
                let method: Method = method.to_uppercase().parse().unwrap();
                let fault = fault(path, &method, &json!({ "percnt": 5 }));
                // What a provider's alert says besides is its own business.
                let is_free = path == "/v1/overrides/jobs" || path.starts_with("/budget/webhook");
                assert_eq!(fault.is_none(), is_free, "{method} {path}: an unknown member");
                if let Some(fault) = fault {
                    assert_eq!(fault.path, "percnt", "{path}");
                }
            }
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn every_text_of_a_body_has_a_length() {
        let document = serde_json::to_value(crate::openapi()).unwrap();
        // A map has the body's own limit; of changes to one each is proven with the map.
        let free = ["document", "changes"];
        for ((path, method), _) in SHAPES.iter() {
            let method = method.as_str().to_lowercase();
            let schema =
                &document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"];
            let Some(at) = schema["$ref"].as_str() else { continue };
            let properties = &document.pointer(at.trim_start_matches('#')).unwrap()["properties"];
            for (name, property) in properties.as_object().unwrap() {
                let is_text = property["type"] == "string"
                    || property["type"].as_array().is_some_and(|types| types.contains(&json!("string")));
                let is_bounded = property["maxLength"].is_number()
                    || property["enum"].is_array()
                    || property["pattern"].is_string();
                assert!(!is_text || is_bounded || free.contains(&name.as_str()), "{path}: {name}");
            }
        }
    }

    #[test]
    fn the_member_that_was_meant_is_named() {
        let told = |path: &str, body: Value| fault(path, &Method::POST, &body).unwrap().to_string();
        let told_shift = told("/v1/shifts", json!({ "from": "alpha", "percnt": 5 }));
        assert!(
            told_shift.contains("percnt") && told_shift.contains("Did you mean `percent`?"),
            "{told_shift}"
        );
        let told_pause = told("/v1/pause", json!({ "reason": "x".repeat(2_000) }));
        assert!(told_pause.starts_with("reason: is longer than 1000 characters"), "{told_pause}");
    }
}
