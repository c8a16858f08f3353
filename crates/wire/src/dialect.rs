//! Which language a body is written in.

use serde::{Deserialize, Serialize};

/// A provider API this router speaks, on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// OpenAI Chat Completions (`POST /v1/chat/completions`) and everything compatible with it.
    #[serde(rename = "openai-chat")]
    OpenAiChat,
    /// Anthropic Messages (`POST /v1/messages`).
    #[serde(rename = "anthropic")]
    AnthropicMessages,
}
