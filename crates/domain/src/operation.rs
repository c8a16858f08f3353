//! What a client asks an endpoint to do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The kinds of requests that are routed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// An answer from a model: chat completions, responses, messages.
    #[default]
    Complete,
    /// Vectors for texts (`POST /v1/embeddings`). Vectors of two models can't be compared, so only routes that
    /// serve the model asked for answer.
    Embed,
    /// How many tokens a prompt has (`POST /v1/messages/count_tokens`).
    CountTokens,
}

impl Operation {
    /// In a sentence: "has no ...".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Complete => "completions",
            Self::Embed => "embeddings",
            Self::CountTokens => "token counting",
        }
    }

    /// The name used in logs and headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Embed => "embed",
            Self::CountTokens => "count-tokens",
        }
    }
}
