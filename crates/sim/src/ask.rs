//! A completion request as a simulated provider understands it, whatever dialect it came in.
//!
//! The readers beside the dialects fill it in and refuse what the real provider would refuse; nothing here
//! knows how either dialect spells it.

use serde_json::Value;

/// What the caller wants.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// OpenAI's `stream_options.include_usage`.
    pub(crate) include_usage: bool,
    pub(crate) max_tokens: Option<usize>,
    /// Characters of everything the model reads.
    pub(crate) prompt_chars: usize,
    pub(crate) last_user: String,
    pub(crate) tools: Vec<Tool>,
    pub(crate) tool_choice: ToolChoice,
    pub(crate) parallel_tools: bool,
    /// What the tools answered, if the conversation ends in tool results.
    pub(crate) tool_results: Vec<String>,
    pub(crate) json: JsonMode,
}

#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) schema: Value,
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
