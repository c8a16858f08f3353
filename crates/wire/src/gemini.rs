//! generateContent, as the Gemini API and Vertex AI speak it, read and written: callers' requests ([`asked`], with what
//! their [`url`] says) and upstreams', answers and streams of both sides.
//!
//! Both APIs take the same requests and give the same answers; where they don't ([`Variant`]), the functions here
//! ask which one it is. Sources: the API reference of `ai.google.dev` ("Generating content", "Function calling",
//! "Thought signatures", "Thinking", "Structured output", "File input methods") and of Vertex AI ("Generate content
//! with the Gemini API").

pub(crate) mod answer;
pub(crate) mod asked;
pub mod count;
pub mod embed;
mod finish;
mod list;
pub(crate) mod model;
mod reading;
pub(crate) mod request;
mod schema;
pub(crate) mod seal;
mod shapes;
pub(crate) mod stream;
pub mod url;
mod usage;
mod written;

use crate::FinishReason;

pub use list::JsonList;
pub(crate) use usage::UsageMetadata as GeminiUsage;

/// Which of Google's two APIs is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// `generativelanguage.googleapis.com`, with an API key.
    GeminiApi,
    /// Vertex AI (`aiplatform.googleapis.com`), with a Google Cloud credential.
    Vertex,
}

/// Why an answer ended, from its `finishReason`; none where it goes on. Calls end with `STOP` too.
pub(crate) fn finish_reason(reason: &str) -> Option<FinishReason> {
    match finish::ending(reason) {
        finish::Ending::Answer(reason) => Some(reason),
        finish::Ending::Failure | finish::Ending::Unclear => Some(FinishReason::Other),
        finish::Ending::NotYet => None,
    }
}

/// `models/{model}`, as the Gemini API names a model inside a body; a name that says its collection stays.
pub(crate) fn resource_name(model: &str) -> String {
    if model.contains('/') { model.to_owned() } else { format!("models/{model}") }
}
