//! The languages clients and providers speak.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Operation;

/// A wire dialect: which requests, answers, streams and errors an endpoint speaks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, ToSchema,
)]
pub enum Dialect {
    /// OpenAI Chat Completions (`POST /v1/chat/completions`).
    #[serde(rename = "openai-chat")]
    OpenAiChat,
    /// OpenAI Responses (`POST /v1/responses`).
    #[serde(rename = "openai-responses")]
    OpenAiResponses,
    /// Anthropic Messages (`POST /v1/messages`).
    #[serde(rename = "anthropic")]
    AnthropicMessages,
    /// Google's `generateContent` (Gemini API and Vertex AI).
    #[serde(rename = "gemini")]
    Gemini,
    /// Amazon Bedrock's Converse and ConverseStream.
    #[serde(rename = "bedrock-converse")]
    BedrockConverse,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 5] = [
        Self::OpenAiChat,
        Self::OpenAiResponses,
        Self::AnthropicMessages,
        Self::Gemini,
        Self::BedrockConverse,
    ];

    /// The name used in maps, logs and headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiResponses => "openai-responses",
            Self::AnthropicMessages => "anthropic",
            Self::Gemini => "gemini",
            Self::BedrockConverse => "bedrock-converse",
        }
    }

    /// Whether an endpoint of this dialect can be asked for an operation.
    #[must_use]
    pub const fn offers(self, operation: Operation) -> bool {
        match (operation, self) {
            (Operation::Complete, _)
            | (Operation::Embed, Self::OpenAiChat | Self::OpenAiResponses | Self::Gemini)
            | (Operation::CountTokens, Self::AnthropicMessages | Self::Gemini | Self::BedrockConverse)
            | (Operation::Compact, Self::OpenAiResponses) => true,
            (Operation::Embed, Self::AnthropicMessages | Self::BedrockConverse)
            | (Operation::CountTokens, Self::OpenAiChat | Self::OpenAiResponses)
            | (
                Operation::Compact,
                Self::OpenAiChat | Self::AnthropicMessages | Self::Gemini | Self::BedrockConverse,
            ) => false,
        }
    }

    /// Whether clients may speak it to the router. The others are spoken to upstreams only.
    #[must_use]
    pub const fn is_spoken_by_clients(self) -> bool {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses | Self::AnthropicMessages | Self::Gemini => true,
            Self::BedrockConverse => false,
        }
    }
}

impl std::fmt::Display for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
