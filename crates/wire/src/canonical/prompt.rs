//! A prompt in no dialect.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::caller_tools::CallerTools;
use super::reasoning::Reasoning;
use super::signature::Signature;

/// A conversation with all that is asked of the answer.
#[derive(Clone, Debug, Default)]
pub struct Prompt<'a> {
    /// System and developer texts, in their order; [`Content::Text`] alone.
    pub system: Vec<Block<'a>>,
    /// The conversation. Neighbours may have the same role; a writer joins them where its dialect demands it.
    pub turns: Vec<Turn<'a>>,
    /// Tools the caller runs.
    pub tools: Vec<Tool<'a>>,
    /// Those of them that are something else to the caller than functions of these names.
    pub caller_tools: CallerTools,
    /// Which of them the model is to call; none = not said.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether it may call several at once; none = not said.
    pub parallel_tools: Option<bool>,
    /// Most output tokens.
    pub max_tokens: Option<u64>,
    /// Sampling temperature, 0 to 2 as OpenAI counts.
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1.
    pub top_p: Option<f64>,
    /// Sampling among the best k.
    pub top_k: Option<u64>,
    /// OpenAI's presence penalty, -2 to 2.
    pub presence_penalty: Option<f64>,
    /// OpenAI's frequency penalty, -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// For answers that can be repeated.
    pub seed: Option<i64>,
    /// Texts that end the answer.
    pub stop: Vec<Cow<'a, str>>,
    /// What the answer is written in.
    pub format: Format<'a>,
    /// How long the model thinks; none = not said.
    pub reasoning: Option<Reasoning>,
    /// Whether a stream is wanted.
    pub stream: bool,
    /// The end user.
    pub user: Option<Cow<'a, str>>,
    /// Groups requests for the provider's prompt cache (OpenAI's `prompt_cache_key`).
    pub cache_key: Option<Cow<'a, str>>,
    /// How soon and at what price it is answered (OpenAI's `service_tier`); none = as the provider's account says.
    pub service_tier: Option<Cow<'a, str>>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The user, tool results included.
    User,
    /// The model.
    Assistant,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Turn<'a> {
    /// Where it was read, such as `messages[2]`.
    pub at: String,
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub blocks: Vec<Block<'a>>,
}

/// A piece of a message.
#[derive(Clone, Debug)]
pub struct Block<'a> {
    /// Where it was read, such as `messages[2].content[0]`.
    pub at: String,
    /// Whether the caller asked for the prompt up to here to be cached.
    pub cache: bool,
    /// The piece.
    pub content: Content<'a>,
}

/// What a piece is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// An image.
    Image(Media<'a>),
    /// A document, a PDF mostly.
    Document(Media<'a>),
    /// The model's thinking. A text without a signature is only for reading.
    Thinking {
        /// What may be read of it.
        text: Cow<'a, str>,
        /// The provider's seal on it.
        signature: Option<Signature<'a>>,
    },
    /// Thinking only its provider can read.
    RedactedThinking(Signature<'a>),
    /// The model calls a tool.
    ToolUse(ToolUse<'a>),
    /// What a tool answered; in a user's turn.
    ToolResult(ToolResult<'a>),
    /// The model's refusal.
    Refusal(Cow<'a, str>),
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolUse<'a> {
    /// The call's id, as it was read; a writer brings it into the form its dialect takes.
    pub id: Cow<'a, str>,
    /// The tool.
    pub name: Cow<'a, str>,
    /// The input: the text of a JSON object, unless the model wrote something else.
    pub arguments: Cow<'a, str>,
    /// The provider's seal on the thought behind it (Gemini).
    pub signature: Option<Signature<'a>>,
}

/// A tool's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolResult<'a> {
    /// The call's id, as it was read.
    pub id: Cow<'a, str>,
    /// The tool, where the dialect tells; else a writer that needs it looks for the call.
    pub name: Option<Cow<'a, str>>,
    /// Whether the tool failed.
    pub is_error: bool,
    /// Texts, images and documents.
    pub content: Vec<Content<'a>>,
}

/// An image or a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media<'a> {
    /// Where its bytes are.
    pub source: Source<'a>,
    /// Its media type, such as `image/png`; none = not said (a URL).
    pub media_type: Option<Cow<'a, str>>,
    /// A file name or title.
    pub name: Option<Cow<'a, str>>,
    /// OpenAI's `detail` of an image.
    pub detail: Option<Cow<'a, str>>,
}

/// Where an image's or document's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// Here, in base64.
    Base64(Cow<'a, str>),
    /// Behind a URL the provider fetches.
    Url(Cow<'a, str>),
    /// Here, as plain text (documents).
    Text(Cow<'a, str>),
}

/// A tool the caller runs.
#[derive(Clone, Debug)]
pub struct Tool<'a> {
    /// Where it was read, such as `tools[0]`.
    pub at: String,
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it does.
    pub description: Option<Cow<'a, str>>,
    /// The JSON Schema of its input; none = no input.
    pub schema: Option<&'a RawValue>,
    /// Whether calls must follow the schema exactly; none = not said.
    pub strict: Option<bool>,
    /// Whether the caller asked for the prompt up to here to be cached.
    pub cache: bool,
}

/// Which tool the model is to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    /// Its own choice, or none.
    Auto,
    /// One at least.
    Required,
    /// None.
    None,
    /// This one.
    Named(Cow<'a, str>),
}

/// What the answer is written in.
#[derive(Clone, Debug, Default)]
pub enum Format<'a> {
    /// Prose.
    #[default]
    Text,
    /// Any JSON object.
    Json,
    /// JSON that follows a schema.
    Schema {
        /// Where it was read, such as `response_format.json_schema`.
        at: String,
        /// Its name.
        name: Option<Cow<'a, str>>,
        /// What it is for.
        description: Option<Cow<'a, str>>,
        /// The JSON Schema.
        schema: &'a RawValue,
        /// Whether the caller wants it enforced exactly (OpenAI's `strict`; Anthropic always does).
        strict: bool,
    },
}

impl Format<'_> {
    /// Asks for it in words, for a model that can't be held to it; none for prose.
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        match self {
            Self::Text => None,
            Self::Json => {
                Some("Answer with one JSON object and nothing else: no prose, no code fence.".to_owned())
            }
            Self::Schema { schema, .. } => Some(format!(
                "Answer with one JSON value that matches this JSON Schema and nothing else: no prose, no code \
                 fence.\n{}",
                schema.get()
            )),
        }
    }
}

impl<'a> Prompt<'a> {
    /// The tools the calls were for, by the calls' ids, anywhere in the conversation; the first call of an id counts.
    #[must_use]
    pub fn tools_by_call(&self) -> HashMap<&str, &str> {
        let mut tools = HashMap::new();
        for block in self.turns.iter().flat_map(|turn| &turn.blocks) {
            if let Content::ToolUse(call) = &block.content {
                tools.entry(&*call.id).or_insert(&*call.name);
            }
        }
        tools
    }
}
