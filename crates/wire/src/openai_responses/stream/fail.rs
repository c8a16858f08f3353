//! The error a stream reports of itself.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error_body::{UpstreamError, read_error};

/// The error a `response.failed` or `error` event reports.
pub(crate) fn stream_error(data: &[u8]) -> UpstreamError {
    #[derive(Deserialize)]
    struct Failed<'a> {
        #[serde(borrow)]
        response: Option<Response<'a>>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Response<'a> {
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    let (error, has_response) = match serde_json::from_slice::<Failed<'_>>(data) {
        Ok(Failed { response, error }) => {
            let has_response = response.is_some();
            (error.or(response.and_then(|response| response.error)), has_response)
        }
        Err(_) => (None, false),
    };
    let mut read = match error {
        Some(error) => read_error(None, format!(r#"{{"error":{}}}"#, error.get()).as_bytes()),
        None if has_response => read_error(
            None,
            br#"{"error":{"message":"the response failed and the upstream did not say why"}}"#,
        ),
        None => read_error(None, data),
    };
    // The event's own type, not the error's.
    read.kind = read.kind.filter(|kind| kind != "error");
    read
}
