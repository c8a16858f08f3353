//! Errors as providers write them, and as this router writes them to its callers.
//!
//! Whatever a provider (or a gateway before it, or a captive portal) answers is read into one shape, bounded
//! and stripped of anything that looks like a key, because its message is shown to callers and kept in logs.

mod google;
mod meaning;
mod read;
mod redact;
mod reply;

pub use meaning::{Meaning, meaning};
pub(crate) use read::is_html;
pub use read::read_error;
pub use reply::{
    ErrorReply, error_event, error_response, error_response_after, verbatim_error, verbatim_event,
};

/// The longest upstream message kept, in characters.
pub const MESSAGE_LIMIT: usize = 500;

/// The longest error kept with all its members, bytes.
pub const VERBATIM_LIMIT: usize = 8 * 1024;

/// Whose way of writing errors a body follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorShape {
    /// `{"error":{"message","type","code","param"}}`.
    OpenAi,
    /// `{"type":"error","error":{"type","message"}}`.
    Anthropic,
    /// `{"error":{"code","message","status"}}`, or a list of it.
    Google,
    /// `{"detail":..}`, as FastAPI servers answer.
    FastApi,
    /// Some other JSON.
    Json,
    /// Plain text.
    Text,
    /// A web page: a gateway's, or a captive portal's.
    Html,
    /// Nothing at all.
    Empty,
}

/// An upstream's error, read from its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    /// How it was written.
    pub shape: ErrorShape,
    /// The machine-readable code (`insufficient_quota`, `API_KEY_INVALID`).
    pub code: Option<String>,
    /// The error's type or status (`invalid_request_error`, `RESOURCE_EXHAUSTED`).
    pub kind: Option<String>,
    /// What it says, redacted and at most [`MESSAGE_LIMIT`] characters; a page's title when it is HTML.
    pub message: String,
    /// The request field it blames.
    pub param: Option<String>,
    /// How long to leave it alone, ms, where the body says so (Google's `RetryInfo`).
    pub retry_after_ms: Option<u64>,
    /// The body with every member of its error, for callers of the dialect it is written in: JSON, without keys, the
    /// message as above. None beyond [`VERBATIM_LIMIT`], and in a shape no caller knows.
    pub verbatim: Option<String>,
}

impl UpstreamError {
    /// An error of which there is only a message.
    #[must_use]
    pub fn plain(shape: ErrorShape, message: &str) -> Self {
        Self {
            shape,
            code: None,
            kind: None,
            message: redact::redact(message, MESSAGE_LIMIT),
            param: None,
            retry_after_ms: None,
            verbatim: None,
        }
    }

    /// The same error, its type told beside the body: AWS names it in the `x-amzn-errortype` header, and in the
    /// `:exception-type` of an event stream.
    #[must_use]
    pub fn with_type(mut self, error_type: Option<&str>) -> Self {
        if let Some(name) = error_type.map(read::aws_name).filter(|name| !name.is_empty()) {
            self.kind = Some(redact::redact(name, MESSAGE_LIMIT));
        }
        self
    }

    /// Whether a web page came instead of an API's answer.
    #[must_use]
    pub fn is_html(&self) -> bool {
        self.shape == ErrorShape::Html
    }
}

#[cfg(test)]
mod tests;
