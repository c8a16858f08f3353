//! What Google refuses though the JSON is well formed.

use serde_json::Value;

use super::signature::{self, Bad};
use super::{config, is_third_generation, schemas};
use crate::ask::{Refusal, members};

/// A part must be one of these: <https://ai.google.dev/api/caching#Part>.
const DATA: [&str; 7] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
];

const CALL_OUT_OF_TURN: &str = "Please ensure that function call turn comes immediately after a user turn or \
     after a function response turn.";
const RESPONSE_OUT_OF_TURN: &str =
    "Please ensure that function response turn comes immediately after a function call turn.";
const RESPONSES_MISSING: &str = "Please ensure that the number of function response parts is equal to the number \
     of function call parts of the function call turn.";

pub(super) fn check(model: &str, vertex: bool, body: &Value) -> Result<(), Refusal> {
    let contents = members(&body["contents"]);
    if contents.is_empty() {
        return Err(rule("contents", "contents is not specified"));
    }
    for (n, content) in contents.iter().enumerate() {
        check_content(n, content, vertex)?;
    }
    check_order(contents)?;
    check_signatures(model, vertex, contents)?;
    schemas::check_tools(body)?;
    config::check(model, &body["generationConfig"])
}

/// In the words of Google's validators.
pub(super) fn rule(field: &str, reason: &str) -> Refusal {
    Refusal::new(400, format!("* GenerateContentRequest.{field}: {reason}\n"))
}

fn check_content(n: usize, content: &Value, vertex: bool) -> Result<(), Refusal> {
    if !["user", "model", "function", ""].contains(&content["role"].as_str().unwrap_or_default()) {
        return Err(Refusal::new(400, "Please use a valid role: user, model."));
    }
    let parts = members(&content["parts"]);
    if parts.is_empty() {
        return Err(rule(&format!("contents[{n}].parts"), "contents.parts must not be empty."));
    }
    for (at, part) in parts.iter().enumerate() {
        let place = format!("contents[{n}].parts[{at}]");
        let given: Vec<&str> = DATA.iter().copied().filter(|name| !part[*name].is_null()).collect();
        match given.as_slice() {
            [_] => {}
            // A signature may come on a part of its own.
            [] if !part["thoughtSignature"].is_null() => {}
            [] => {
                let reason = "required oneof field 'data' must have one initialized field";
                return Err(rule(&format!("{place}.data"), reason));
            }
            [_, second, ..] => {
                let message = format!(
                    "Invalid value at '{place}' (oneof), oneof field 'data' is already set. Cannot set '{second}'"
                );
                return Err(Refusal::field(place, message));
            }
        }
        if vertex && part["text"] == "" && part["thoughtSignature"].is_null() {
            let message = "Unable to submit request because it must have a text parameter. Add a text parameter \
                           and try again.";
            return Err(Refusal::new(400, message));
        }
        check_file(&place, part)?;
        for kind in ["functionCall", "functionResponse"] {
            let name = part[kind]["name"].as_str().unwrap_or_default();
            if !part[kind].is_null() && name.is_empty() {
                let field = if kind == "functionCall" { "function_call" } else { "function_response" };
                return Err(rule(&format!("{place}.{field}.name"), "Name cannot be empty."));
            }
        }
    }
    Ok(())
}

fn check_file(place: &str, part: &Value) -> Result<(), Refusal> {
    let blob = &part["inlineData"];
    if !blob.is_null() {
        if blob["mimeType"].as_str().is_none_or(str::is_empty) {
            return Err(rule(&format!("{place}.inline_data.mime_type"), "mime_type must be specified"));
        }
        let data = blob["data"].as_str().unwrap_or_default();
        if signature::decoded(data).is_none_or(|bytes| bytes.is_empty()) {
            let at = format!("{place}.inline_data.data");
            let message = format!("Invalid value at '{at}' (TYPE_BYTES), Base64 decoding failed");
            return Err(Refusal::field(at, message));
        }
    }
    if !part["fileData"].is_null() && part["fileData"]["fileUri"].as_str().is_none_or(str::is_empty) {
        return Err(rule(&format!("{place}.file_data.file_uri"), "file_uri must be specified"));
    }
    Ok(())
}

fn within<'a>(content: &'a Value, kind: &'a str) -> Vec<&'a Value> {
    members(&content["parts"]).iter().map(|part| &part[kind]).filter(|found| found.is_object()).collect()
}

/// The user begins, and a function's response follows its call.
fn check_order(contents: &[Value]) -> Result<(), Refusal> {
    let refused = |message: &str| Err(Refusal::new(400, message));
    if contents.first().is_some_and(|first| first["role"] == "model") {
        return refused("Please ensure that multiturn requests start with a user turn.");
    }
    let mut previous: Option<&Value> = None;
    for content in contents {
        let is_model = content["role"] == "model";
        let (calls, responses) = (within(content, "functionCall"), within(content, "functionResponse"));
        if !calls.is_empty() && !is_model {
            return refused("Please ensure that function calls are in a turn with the role model.");
        }
        if !calls.is_empty() && previous.is_some_and(|before| before["role"] == "model") {
            return refused(CALL_OUT_OF_TURN);
        }
        let open = previous.map(|before| within(before, "functionCall")).unwrap_or_default();
        if !responses.is_empty() && (open.is_empty() || is_model) {
            return refused(RESPONSE_OUT_OF_TURN);
        }
        if open.len() != responses.len() {
            return refused(RESPONSES_MISSING);
        }
        if let Some(response) = responses.iter().find(|response| !answers_one(response, &open)) {
            let name = response["name"].as_str().unwrap_or_default();
            let message = format!(
                "Please ensure that function response `{name}` has the name (and, where given, the id) of a \
                 function call of the function call turn."
            );
            return refused(&message);
        }
        previous = Some(content);
    }
    Ok(())
}

fn answers_one(response: &Value, calls: &[&Value]) -> bool {
    let id = &response["id"];
    calls.iter().any(|call| call["name"] == response["name"] && (id.is_null() || call["id"] == *id))
}

/// Gemini 3 wants the first call of each step of the current turn signed; a signature that is there must be good.
fn check_signatures(model: &str, vertex: bool, contents: &[Value]) -> Result<(), Refusal> {
    let asks = |content: &Value| content["role"] != "model" && within(content, "functionResponse").is_empty();
    let current = contents.iter().rposition(asks).unwrap_or(0);
    for (n, content) in contents.iter().enumerate() {
        let mut first_call = true;
        for (at, part) in members(&content["parts"]).iter().enumerate() {
            let call = part["functionCall"]["name"].as_str();
            match part["thoughtSignature"].as_str() {
                Some(given) => signature::check(given, call, vertex).map_err(|bad| {
                    bad_signature(bad, vertex, &format!("contents[{n}].parts[{at}]"), given)
                })?,
                None => {
                    if let Some(name) =
                        call.filter(|_| first_call && n > current && is_third_generation(model))
                    {
                        return Err(unsigned(name, n, vertex));
                    }
                }
            }
            first_call &= call.is_none();
        }
    }
    Ok(())
}

fn bad_signature(bad: Bad, vertex: bool, place: &str, given: &str) -> Refusal {
    match (bad, vertex) {
        (Bad::NotBase64, _) => {
            let at = format!("{place}.thought_signature");
            let message =
                format!("Invalid value at '{at}' (TYPE_BYTES), Base64 decoding failed for \"{given}\"");
            Refusal::field(at, message)
        }
        (Bad::Foreign, false) => Refusal::new(400, "Corrupted thought signature."),
        (Bad::Foreign, true) => Refusal::new(
            400,
            "Unable to submit request because Thought signature is not valid.. Learn more: \
             https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini",
        ),
    }
}

fn unsigned(name: &str, n: usize, vertex: bool) -> Refusal {
    let position = n + 1;
    let message = if vertex {
        format!(
            "Unable to submit request because function call `default_api:{name}` in the {position}. content block is \
             missing a `thought_signature`. Learn more: \
             https://docs.cloud.google.com/vertex-ai/generative-ai/docs/thought-signatures"
        )
    } else {
        format!(
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to work \
             correctly, and missing thought_signature may lead to degraded model performance. Additional data, \
             function call `default_api:{name}` , position {position}. Please refer to \
             https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
        )
    };
    Refusal::new(400, message)
}
