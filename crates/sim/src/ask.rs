//! A completion request as a simulated provider understands it, whatever dialect it came in.
//!
//! The readers beside the dialects fill it in and refuse what the real provider would refuse; nothing here
//! knows how any dialect spells it.

use serde_json::Value;

/// What the caller wants.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// OpenAI's `stream_options.include_usage`.
    pub(crate) include_usage: bool,
    /// A stream that is one JSON array instead of events: Gemini's without `alt=sse`.
    pub(crate) json_array: bool,
    pub(crate) max_tokens: Option<usize>,
    /// The text of everything the model reads, in order.
    pub(crate) prompt: String,
    /// The conversation without its system prompt.
    pub(crate) turns: Vec<Turn>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) tool_choice: ToolChoice,
    pub(crate) parallel_tools: bool,
    /// What the tools answered, if the conversation ends in tool results.
    pub(crate) tool_results: Vec<ToolResult>,
    pub(crate) json: JsonMode,
    /// Stop sequences.
    pub(crate) stop: Vec<String>,
    /// Answers wanted. At least one.
    pub(crate) count: usize,
    /// Present if the model is to think first.
    pub(crate) reasoning: Option<Reasoning>,
    /// In the last user turn; those in tool results are counted there.
    pub(crate) images: usize,
    pub(crate) documents: usize,
    /// Of the images, those the request brings itself, in base64.
    pub(crate) pictures: Vec<String>,
    /// Alternatives wanted for each token, if log probabilities are.
    pub(crate) logprobs: Option<usize>,
    pub(crate) cache: PromptCache,
    /// Whether a last turn of the assistant's is continued; false where the dialect has no such thing.
    pub(crate) continues_own_words: bool,
    /// Members of the request the answer repeats.
    pub(crate) echo: Value,
    /// The conversation in the dialect's own items, where it is stored with the answer.
    pub(crate) transcript: Vec<Value>,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            model: String::new(),
            stream: false,
            include_usage: true,
            json_array: false,
            max_tokens: None,
            prompt: String::new(),
            turns: Vec::new(),
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            parallel_tools: true,
            tool_results: Vec::new(),
            json: JsonMode::Off,
            stop: Vec::new(),
            count: 1,
            reasoning: None,
            images: 0,
            documents: 0,
            pictures: Vec::new(),
            logprobs: None,
            cache: PromptCache::Automatic,
            continues_own_words: false,
            echo: Value::Null,
            transcript: Vec::new(),
        }
    }
}

impl Ask {
    /// Characters of everything the model reads.
    pub(crate) fn prompt_chars(&self) -> usize {
        self.prompt.chars().count()
    }

    /// The last thing the user wrote; empty if nothing.
    pub(crate) fn last_user(&self) -> &str {
        let mut said = self.turns.iter().rev().filter(|turn| turn.role == Role::User);
        said.find(|turn| !turn.text.is_empty()).map_or("", |turn| turn.text.as_str())
    }

    /// The assistant's words the conversation ends with.
    pub(crate) fn own_words(&self) -> Option<&str> {
        let last = self.turns.last().filter(|turn| turn.role == Role::Assistant)?;
        Some(last.text.as_str())
    }
}

/// One message of the conversation.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) role: Role,
    /// Its text; empty where it holds none (tool calls, images).
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    User,
    Assistant,
    /// Tool results and nothing else.
    Tool,
}

#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) schema: Value,
}

#[derive(Debug)]
pub(crate) struct ToolResult {
    pub(crate) text: String,
    pub(crate) failed: bool,
    pub(crate) images: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToolChoice {
    Auto,
    None,
    Required,
    Named(String),
}

#[derive(Debug)]
pub(crate) enum JsonMode {
    Off,
    Object,
    Schema(Value),
}

/// How the model is to think.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reasoning {
    /// The thoughts are in the answer, and not only counted.
    pub(crate) shown: bool,
    /// OpenAI's `include: ["reasoning.encrypted_content"]`.
    pub(crate) encrypted: bool,
}

/// What of the prompt the provider may remember.
#[derive(Debug)]
pub(crate) enum PromptCache {
    /// Any prefix.
    Automatic,
    /// The prefixes of so many characters that the caller marked.
    Marked(Vec<usize>),
}

/// Why a request is not answered, before a dialect has put it in its words.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// The machine-readable reason where it is more than the status says.
    pub(crate) code: Option<&'static str>,
    pub(crate) message: String,
    /// The field at fault.
    pub(crate) param: Option<String>,
    pub(crate) retry_after_s: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, code: None, message: message.into(), param: None, retry_after_s: None }
    }

    /// A 400 that names the field.
    pub(crate) fn field(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::new(400, message) }
    }

    pub(crate) fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }
}

/// The text of a `content` that is a string or a list of parts; parts that are not text count for nothing.
pub(crate) fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            texts.join("\n")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

/// The base64 of a `data:` URL.
pub(crate) fn inline(url: &Value) -> Option<&str> {
    url.as_str()?.strip_prefix("data:")?.split_once(";base64,").map(|(_, data)| data)
}

/// The members of an array; none if it is no array.
pub(crate) fn members(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
