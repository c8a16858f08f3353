//! The languages clients and providers speak.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A wire dialect: which requests, answers, streams and errors an endpoint speaks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, ToSchema,
)]
pub enum Dialect {
    /// OpenAI Chat Completions (`POST /v1/chat/completions`).
    #[serde(rename = "openai-chat")]
    OpenAiChat,
    /// Anthropic Messages (`POST /v1/messages`).
    #[serde(rename = "anthropic")]
    AnthropicMessages,
}

impl Dialect {
    /// The name used in maps, logs and headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai-chat",
            Self::AnthropicMessages => "anthropic",
        }
    }

    /// The endpoint's path below a base URL that ends in `/v1`.
    #[must_use]
    pub const fn endpoint(self) -> &'static str {
        match self {
            Self::OpenAiChat => "chat/completions",
            Self::AnthropicMessages => "messages",
        }
    }
}

impl std::fmt::Display for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
