//! generateContent, as the Gemini API and Vertex AI speak it, read and written.
//!
//! Both APIs take the same requests and give the same answers; where they don't ([`Variant`]), the functions here
//! ask which one it is. Sources: the API reference of `ai.google.dev` ("Generating content", "Function calling",
//! "Thought signatures", "Thinking", "Structured output", "File input methods") and of Vertex AI ("Generate content
//! with the Gemini API").

pub(crate) mod answer;
pub mod count;
pub mod embed;
mod finish;
mod model;
mod reading;
pub(crate) mod request;
mod schema;
mod shapes;
pub(crate) mod stream;

use crate::Usage;

/// Which of Google's two APIs is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// `generativelanguage.googleapis.com`, with an API key.
    GeminiApi,
    /// Vertex AI (`aiplatform.googleapis.com`), with a Google Cloud credential.
    Vertex,
}

/// The usage a whole answer reports, if it does; of a streamed chunk, what it reports so far.
#[must_use]
pub fn usage_of_answer(body: &[u8]) -> Option<Usage> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Reported {
        usage_metadata: Option<shapes::UsageMetadata>,
    }
    serde_json::from_slice::<Reported>(body).ok()?.usage_metadata.map(Usage::from)
}

/// `models/{model}`, as the Gemini API names a model inside a body; a name that says its collection stays.
fn resource_name(model: &str) -> String {
    if model.contains('/') { model.to_owned() } else { format!("models/{model}") }
}
