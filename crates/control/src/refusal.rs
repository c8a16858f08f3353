//! A [`Problem`] as an HTTP answer: the one table from codes to statuses.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, Uri, header};
use switchyard_domain::Problem;

/// What a handler answers when it does not do what was asked.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Problem);

/// What a handler answers.
pub(crate) type Answer<T> = Result<T, Refusal>;

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

/// The HTTP status of a problem's code.
#[must_use]
pub fn status_of(code: &str) -> u16 {
    match code {
        "unauthorized" => 401,
        "host_refused" | "origin_refused" => 403,
        "method_not_allowed" => 405,
        "stale_base_version" | "stale_overrides" | "no_map" => 409,
        "body_timeout" => 408,
        "too_large" => 413,
        "map_invalid" => 422,
        "database_locked" | "credentials_file" => 503,
        code if code.starts_with("not_found") || code.starts_with("unknown") => 404,
        code if code.starts_with("conflict") => 409,
        code if code.starts_with("invalid") => 422,
        code if code.starts_with("keychain") => 503,
        _ => 500,
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(status_of(&self.0.code)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::warn!(code = self.0.code, message = self.0.message, "a control request failed");
        }
        let mut response = (status, Json(self.0)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

pub(crate) async fn no_such_path(uri: Uri) -> Refusal {
    let message = format!("There is nothing at {}. GET /openapi.json lists what there is.", uri.path());
    Refusal(Problem::new("not_found", message))
}

pub(crate) async fn no_such_method(method: Method, uri: Uri) -> Refusal {
    let message = format!("{} does not take {method}. GET /openapi.json says what it takes.", uri.path());
    Refusal(Problem::new("method_not_allowed", message))
}

#[cfg(test)]
mod tests {
    use super::status_of;

    #[test]
    fn every_code_has_its_status() {
        let cases = [
            ("not_found", 404),
            ("not_found_route", 404),
            ("stale_base_version", 409),
            ("conflict_client_exists", 409),
            ("map_invalid", 422),
            ("invalid_credential_name", 422),
            ("keychain_unavailable", 503),
            ("unauthorized", 401),
            ("host_refused", 403),
            ("body_timeout", 408),
            ("too_large", 413),
            ("unknown_provider", 404),
            ("no_map", 409),
            ("database_locked", 503),
            ("credentials_file", 503),
            ("database_damaged", 500),
        ];
        for (code, status) in cases {
            assert_eq!(status_of(code), status, "{code}");
        }
    }
}
