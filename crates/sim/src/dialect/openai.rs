//! What OpenAI's endpoints have in common: errors, models, the words for a body that does not fit.

pub(crate) mod chat;
pub(crate) mod embeddings;
pub(crate) mod responses;

use serde_json::{Value, json};

use crate::ask::Refusal;
use crate::endpoint::{Endpoint, Operation};
use crate::profile::Dialect;
use crate::schema::{Misfit, Problem, Schema};

/// Any fixed moment will do; a clock would make two runs differ.
const CREATED: u64 = 1_767_225_600;

static CHAT: Schema = Schema::new(include_str!("../../schemas/openai-chat.json"));
static RESPONSES: Schema = Schema::new(include_str!("../../schemas/openai-responses.json"));
static EMBEDDINGS: Schema = Schema::new(include_str!("../../schemas/openai-embeddings.json"));

pub(super) fn schema(endpoint: &Endpoint) -> Option<&'static Schema> {
    match (endpoint.operation, endpoint.dialect) {
        (Operation::Embed, _) => Some(&EMBEDDINGS),
        (_, Dialect::OpenaiResponses) => Some(&RESPONSES),
        _ => Some(&CHAT),
    }
}

/// As the API writes them: <https://platform.openai.com/docs/guides/error-codes>.
pub(super) fn misfit(misfit: &Misfit) -> Refusal {
    let at = misfit.brackets();
    let (code, message) = match &misfit.problem {
        Problem::Unknown => ("unknown_parameter", format!("Unknown parameter: '{at}'.")),
        Problem::Missing => ("missing_required_parameter", format!("Missing required parameter: '{at}'.")),
        Problem::Type { expected, got } => {
            let named: Vec<&str> = expected.iter().map(|kind| with_article(kind)).collect();
            let message = format!(
                "Invalid type for '{at}': expected {}, but got {} instead.",
                one_of(&named),
                with_article(got)
            );
            ("invalid_type", message)
        }
        Problem::Value { expected, got } => {
            let quoted: Vec<String> = expected.iter().map(|value| format!("'{value}'")).collect();
            let supported = match quoted.as_slice() {
                [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
                few => few.concat(),
            };
            ("invalid_value", format!("Invalid value: '{got}'. Supported values are: {supported}."))
        }
        Problem::Other(reason) => ("invalid_value", format!("Invalid '{at}': {reason}.")),
    };
    Refusal::field(at, message).code(code)
}

fn with_article(kind: &str) -> &'static str {
    match kind {
        "string" => "a string",
        "number" => "a decimal",
        "integer" => "an integer",
        "boolean" => "a boolean",
        "array" => "an array",
        "object" => "an object",
        _ => "null",
    }
}

/// `a`, `one of a or b`, `one of a, b, or c`.
fn one_of(names: &[&str]) -> String {
    match names {
        [] => "another value".to_owned(),
        [only] => (*only).to_owned(),
        [first, second] => format!("one of {first} or {second}"),
        [rest @ .., last] => format!("one of {}, or {last}", rest.join(", ")),
    }
}

/// Whether the model thinks before it answers, and so takes no sampling parameters:
/// <https://platform.openai.com/docs/guides/reasoning>.
fn is_reasoning(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    ["o1", "o3", "o4", "gpt-5"].iter().any(|family| {
        name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
    }) && !name.contains("-chat")
}

/// Refuses what reasoning models do not take. With the effort `none` (newer ones have it), they sample like others.
fn check_sampling(model: &str, effort: &Value, body: &Value, refused: &[&str]) -> Result<(), Refusal> {
    if !is_reasoning(model) || effort == "none" {
        return Ok(());
    }
    for name in refused {
        let given = &body[*name];
        let default = given == 1 || given == 1.0 || given.is_null() || given == false;
        let always = *name == "max_tokens" && !given.is_null();
        if always {
            let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
                           'max_completion_tokens' instead.";
            return Err(Refusal::field(*name, message).code("unsupported_parameter"));
        }
        if !default {
            let message = format!(
                "Unsupported value: '{name}' does not support {given} with this model. Only the default (1) value \
                 is supported."
            );
            return Err(Refusal::field(*name, message).code("unsupported_value"));
        }
    }
    Ok(())
}

/// A strict schema closes every object and requires each of its members:
/// <https://platform.openai.com/docs/guides/structured-outputs>.
fn check_strict_schema(param: &str, name: &str, schema: &Value) -> Result<(), Refusal> {
    check_closed(schema, &mut Vec::new()).map_err(|(path, reason)| {
        let context: Vec<String> = path.iter().map(|step| format!("'{step}'")).collect();
        let comma = if context.len() == 1 { "," } else { "" };
        Refusal::field(
            param,
            format!("Invalid schema for {name}: In context=({}{comma}), {reason}.", context.join(", ")),
        )
        .code("invalid_json_schema")
    })
}

fn check_closed(schema: &Value, path: &mut Vec<String>) -> Result<(), (Vec<String>, String)> {
    let Some(members) = schema.as_object() else { return Ok(()) };
    let is_object = schema["type"] == "object" || schema["type"][0] == "object";
    if is_object && schema["additionalProperties"] != false {
        let reason = "'additionalProperties' is required to be supplied and to be false";
        return Err((path.clone(), reason.to_owned()));
    }
    for (keyword, inner) in members {
        match (keyword.as_str(), inner) {
            ("properties" | "$defs" | "definitions", Value::Object(named)) => {
                for (name, schema) in named {
                    let required = schema_requires(members.get("required"), name);
                    if keyword == "properties" && !required {
                        let reason = format!(
                            "'required' is required to be supplied and to be an array including every key in \
                             properties. Missing '{name}'"
                        );
                        return Err((path.clone(), reason));
                    }
                    let before = path.len();
                    path.extend([keyword.clone(), name.clone()]);
                    check_closed(schema, path)?;
                    path.truncate(before);
                }
            }
            ("items", inner) => {
                path.push("items".to_owned());
                check_closed(inner, path)?;
                path.pop();
            }
            ("anyOf", Value::Array(branches)) => {
                for (n, branch) in branches.iter().enumerate() {
                    let before = path.len();
                    path.extend(["anyOf".to_owned(), n.to_string()]);
                    check_closed(branch, path)?;
                    path.truncate(before);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn schema_requires(required: Option<&Value>, name: &str) -> bool {
    required.and_then(Value::as_array).is_some_and(|required| required.iter().any(|entry| entry == name))
}

/// Error types and codes as in <https://platform.openai.com/docs/guides/error-codes>.
pub(super) fn error_body(refusal: &Refusal) -> Value {
    let (kind, code) = match refusal.status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        402 => ("insufficient_quota", Some("insufficient_quota")),
        403 => ("invalid_request_error", Some("unsupported_country_region_territory")),
        404 => ("invalid_request_error", Some("model_not_found")),
        408 => ("timeout", Some("request_timeout")),
        413 => ("invalid_request_error", Some("request_too_large")),
        429 if refusal.code == Some("insufficient_quota") => ("insufficient_quota", None),
        429 => ("requests", Some("rate_limit_exceeded")),
        400..=499 => ("invalid_request_error", None),
        503 | 529 => ("server_error", Some("server_overloaded")),
        504 => ("server_error", Some("gateway_timeout")),
        _ => ("server_error", None),
    };
    json!({ "error": {
        "message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code.or(code),
    }})
}

pub(super) fn models(models: &[String]) -> Value {
    let data = models.iter().map(|name| model(name));
    json!({ "object": "list", "data": data.collect::<Vec<_>>() })
}

pub(super) fn model(model: &str) -> Value {
    json!({ "id": model, "object": "model", "created": CREATED, "owned_by": "switchyard-sim" })
}
