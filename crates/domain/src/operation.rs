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
    /// A conversation made shorter, for its client to go on with (`POST /v1/responses/compact`). What comes back only its
    /// own provider can read, so only routes that speak the caller's dialect answer.
    Compact,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 4] = [Self::Complete, Self::Embed, Self::CountTokens, Self::Compact];

    /// In a sentence: "has no ...".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Complete => "completions",
            Self::Embed => "embeddings",
            Self::CountTokens => "token counting",
            Self::Compact => "compaction of conversations",
        }
    }

    /// The name used in logs and headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Embed => "embed",
            Self::CountTokens => "count-tokens",
            Self::Compact => "compact",
        }
    }
}
