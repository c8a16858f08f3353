//! Chat answers and stream chunks, both ways.

use serde::{Deserialize, Deserializer, Serialize};

use crate::Usage;

/// Usage as chat providers report it. DeepSeek's own name for cached tokens is understood too.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct ChatUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl From<ChatUsage> for Usage {
    fn from(chat: ChatUsage) -> Self {
        let cached = chat.prompt_tokens_details.and_then(|details| details.cached_tokens);
        let reasoning = chat.completion_tokens_details.and_then(|details| details.reasoning_tokens);
        Self {
            input_tokens: chat.prompt_tokens.unwrap_or(0),
            output_tokens: chat.completion_tokens.unwrap_or(0),
            cached_input_tokens: cached.or(chat.prompt_cache_hit_tokens).unwrap_or(0),
            cache_write_tokens: 0,
            reasoning_tokens: reasoning.unwrap_or(0),
        }
    }
}

/// Usage as written to a chat caller.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct WrittenUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: WrittenPromptDetails,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct WrittenPromptDetails {
    cached_tokens: u64,
}

impl From<Usage> for WrittenUsage {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.input_tokens.saturating_add(usage.output_tokens),
            prompt_tokens_details: WrittenPromptDetails { cached_tokens: usage.cached_input_tokens },
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Answer<'a> {
    pub(crate) id: &'a str,
    pub(crate) object: &'static str,
    pub(crate) created: u64,
    pub(crate) model: &'a str,
    pub(crate) choices: [Choice; 1],
    pub(crate) usage: WrittenUsage,
}

#[derive(Debug, Serialize)]
pub(crate) struct Choice {
    pub(crate) index: u32,
    pub(crate) message: Message,
    pub(crate) logprobs: Option<()>,
    pub(crate) finish_reason: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Message {
    pub(crate) role: &'static str,
    pub(crate) content: Option<String>,
    pub(crate) refusal: Option<()>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_calls: Vec<super::ToolCall>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Chunk<'a> {
    pub(crate) id: &'a str,
    pub(crate) object: &'static str,
    pub(crate) created: u64,
    pub(crate) model: &'a str,
    pub(crate) choices: &'a [ChunkChoice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<WrittenUsage>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ChunkChoice<'a> {
    pub(crate) index: u32,
    pub(crate) delta: Delta<'a>,
    pub(crate) finish_reason: Option<&'static str>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tool_calls: Option<[DeltaToolCall<'a>; 1]>,
}

#[derive(Debug, Serialize)]
pub(crate) struct DeltaToolCall<'a> {
    pub(crate) index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) r#type: Option<&'static str>,
    pub(crate) function: DeltaFunction<'a>,
}

#[derive(Debug, Serialize)]
pub(crate) struct DeltaFunction<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    pub(crate) arguments: &'a str,
}

/// An answer as any compatible provider sends it.
#[derive(Debug, Deserialize)]
pub(crate) struct ReadAnswer {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) choices: Vec<ReadChoice>,
    pub(crate) usage: Option<ChatUsage>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ReadChoice {
    pub(crate) message: ReadMessage,
    pub(crate) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct ReadMessage {
    #[serde(default, deserialize_with = "text_or_parts")]
    pub(crate) content: Option<String>,
    pub(crate) refusal: Option<String>,
    pub(crate) reasoning_content: Option<serde::de::IgnoredAny>,
    pub(crate) tool_calls: Option<Vec<ReadToolCall>>,
}

/// A chunk as any compatible provider sends it.
#[derive(Debug, Deserialize)]
pub(crate) struct ReadChunk {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) choices: Option<Vec<ReadChunkChoice>>,
    pub(crate) usage: Option<ChatUsage>,
    pub(crate) error: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ReadChunkChoice {
    #[serde(default)]
    pub(crate) index: u32,
    pub(crate) delta: Option<ReadMessage>,
    pub(crate) finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ReadToolCall {
    pub(crate) index: Option<usize>,
    pub(crate) id: Option<String>,
    pub(crate) function: Option<ReadFunction>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct ReadFunction {
    pub(crate) name: Option<String>,
    pub(crate) arguments: Option<String>,
}

/// Some providers answer with a list of parts where chat has a string.
fn text_or_parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Said {
        Text(String),
        Parts(Vec<Part>),
    }
    #[derive(Deserialize)]
    struct Part {
        text: Option<String>,
    }
    Ok(Option::<Said>::deserialize(deserializer)?.map(|said| match said {
        Said::Text(text) => text,
        Said::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
    }))
}
