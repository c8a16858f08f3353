//! What is read from a request: a JSON body, a query, a path, and who asks. Every mistake becomes a
//! [`Problem`] that names the field.

mod shape;

use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Path, Query, Request};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;
use switchyard_domain::Problem;
use switchyard_domain::map::Fault;

use crate::refusal::Refusal;

/// Names who asks, for the audit log: `window` or `cli`.
pub(crate) const ACTOR: &str = "x-switchyard-actor";

/// A JSON body. An empty one reads as `{}`, so that operations without required fields need none.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let method = request.method().clone();
        let path = request.extensions().get::<MatchedPath>().cloned();
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Refusal(Problem::new(
                    "too_large",
                    "The body is larger than 2 MB, the most a control request may be.",
                ))
            } else {
                Refusal(Problem::new("invalid_body", "The body broke off before its end. Send it again."))
            }
        })?;
        if let (Some(path), Ok(body)) = (path, serde_json::from_slice(&bytes))
            && let Some(fault) = shape::fault(path.as_str(), &method, &body)
        {
            return Err(Refusal(faulty(fault)));
        }
        read(&bytes).map(Self).map_err(Refusal)
    }
}

/// Reads JSON. Values are never quoted in the problem: a body may hold a key.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = match serde_path_to_error::deserialize(&mut json) {
        Ok(value) => value,
        Err(error) => return Err(mistake(&error)),
    };
    json.end().map_err(|error| {
        let message = format!(
            "there is more after the JSON value, at line {}, column {}",
            error.line(),
            error.column()
        );
        invalid("", message)
    })?;
    Ok(value)
}

fn mistake(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let path = error.path().to_string();
    let inner = error.inner();
    let at = format!("line {}, column {}", inner.line(), inner.column());
    if inner.is_data() {
        return invalid(if path == "." { "" } else { &path }, without_values(&inner.to_string()));
    }
    invalid("", format!("this is not valid JSON ({at}); send an object"))
}

/// serde quotes the offending value: ``invalid type: string "sk-...", expected i64``. Keeps what was expected,
/// and what is missing or unknown.
fn without_values(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or_default();
    let named =
        ["missing field", "unknown field", "duplicate field"].iter().any(|start| message.starts_with(start));
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if !named => format!("write {}", plainly(expected)),
        Some(_) | None if named => message.to_owned(),
        Some(_) | None => "this value is not understood".to_owned(),
    }
}

/// What serde expects, without Rust's words.
fn plainly(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" | "string" | "a borrowed string" => "a text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        _ if expected.starts_with("struct ") => "an object",
        other => other,
    }
}

/// The same of what a number in an address was not.
fn in_address(detail: &str) -> String {
    let mistakes = [
        ("invalid digit found in string", "write a whole number"),
        ("cannot parse integer from empty string", "write a whole number"),
        ("number too large to fit in target type", "this number is too large"),
        ("number too small to fit in target type", "this number is too small"),
        ("invalid float literal", "write a number"),
        ("cannot parse float from empty string", "write a number"),
        ("provided string was not `true` or `false`", "write true or false"),
    ];
    let mut detail = detail.to_owned();
    for (mistake, fix) in mistakes {
        detail = detail.replace(mistake, fix);
    }
    // axum: "Cannot parse `id` with value `x` to a `i64`", or without the name where there is one alone.
    match detail.rsplit_once(" to a `") {
        Some((what, kind)) => {
            let what = what.trim_start_matches("Invalid URL: ").replace("Cannot parse ", "");
            format!("{what}: write {}", plainly(kind.trim_end_matches('`')))
        }
        None => detail,
    }
}

fn invalid(path: &str, message: impl Into<String>) -> Problem {
    faulty(Fault::new(path, message))
}

fn faulty(fault: Fault) -> Problem {
    let mut problem = Problem::new("invalid_body", format!("The body is not understood: {fault}."));
    problem.faults.push(fault);
    problem
}

/// The query.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let detail = text.rsplit_once("query string: ").map_or(text.as_str(), |(_, detail)| detail);
                Err(Refusal(Problem::new(
                    "invalid_query",
                    format!("The query is not understood: {}.", in_address(detail)),
                )))
            }
        }
    }
}

/// The part of the path that names something.
pub(crate) struct At<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => {
                let message = format!("The path is not understood: {}.", in_address(&rejection.body_text()));
                Err(Refusal(Problem::new("invalid_path", message)))
            }
        }
    }
}

/// Who asks, for the audit log. A claim, not a proof: everyone here holds the same token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    Window,
    Cli,
    Api,
}

impl Actor {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Cli => "cli",
            Self::Api => "api",
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Actor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let says = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        Ok(match says(ACTOR) {
            Some("window") => Self::Window,
            Some("cli") => Self::Cli,
            // The window in a browser is a page of ours: the browser says so itself.
            Some(_) | None if says("sec-fetch-site") == Some("same-origin") => Self::Window,
            Some(_) | None => Self::Api,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_domain::api::ApplyMap;

    #[test]
    fn a_mistake_names_its_field_and_never_quotes_a_value() {
        let cases: &[(&str, &str, &str)] = &[
            ("", "", "missing field `document`"),
            ("{}", "", "missing field `document`"),
            (r#"{"document": 7}"#, "document", "write a text in quotes"),
            (
                r#"{"document": "", "baseVersion": "sk-secret, expected"}"#,
                "baseVersion",
                "write a whole number",
            ),
            (r#"{"document""#, "", "not valid JSON (line 1, column 11)"),
            (r#"{"document": ""} sk-secret"#, "", "more after the JSON value"),
            ("sk-secret", "", "not valid JSON"),
        ];
        for (body, path, message) in cases {
            let problem = read::<ApplyMap>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.code, "invalid_body", "{body}");
            assert_eq!(problem.faults[0].path, *path, "{body}: {problem:?}");
            assert!(problem.faults[0].message.contains(message), "{body}: {problem:?}");
            assert!(!format!("{problem:?}").contains("sk-secret"), "{body}: {problem:?}");
        }
    }
}
