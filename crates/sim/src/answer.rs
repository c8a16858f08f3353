//! What a simulated provider says: deterministic text that names who answered, tool calls, JSON, thoughts.
//!
//! It decides content only; the dialects spell it and [`crate::script`] paces it.

mod senses;
mod text;

use serde_json::{Map, Value, json};

use crate::ask::{Ask, Refusal, Tool, ToolChoice};
use crate::memory::Recalled;
use crate::profile::Profile;

/// Characters of one token, near enough for English.
const CHARS_PER_TOKEN: usize = 4;
/// A low-detail image in <https://platform.openai.com/docs/guides/images-vision>.
const IMAGE_TOKENS: usize = 85;
/// A page in <https://ai.google.dev/gemini-api/docs/document-processing>.
const DOCUMENT_TOKENS: usize = 258;
/// What the user writes to be refused an answer.
const REFUSED_PHRASE: &str = "refuse to answer";
const REFUSAL_TEXT: &str = "I'm sorry, but I can't help with that.";

/// One finished completion.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The request's number, of which ids are made.
    pub(crate) seq: u64,
    pub(crate) model: String,
    /// The thoughts before the answer, in the pieces a stream sends; empty if none are shown. They are counted
    /// in the usage even so.
    pub(crate) thoughts: Vec<String>,
    pub(crate) choice: Choice,
    /// The second answer and those after it, where several were asked for.
    pub(crate) more: Vec<Choice>,
    pub(crate) usage: Usage,
}

#[derive(Debug)]
pub(crate) struct Choice {
    /// The text in the pieces a stream sends; empty for tool calls and filtered answers. Of a refused answer, the
    /// refusal.
    pub(crate) pieces: Vec<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) finish: Finish,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// A JSON object as text.
    pub(crate) arguments: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Stop,
    /// At the stop sequence of this number.
    Sequence(usize),
    Length,
    ToolCalls,
    /// A filter objected and nothing was said.
    Filtered,
    /// The model itself declined, and said so.
    Refused,
}

/// In tokens.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Everything read, what came from the cache included.
    pub(crate) prompt: usize,
    /// Everything written, thoughts included.
    pub(crate) completion: usize,
    pub(crate) reasoning: usize,
    /// Of the prompt, read from the cache.
    pub(crate) cached: usize,
    /// Of the prompt, written to the cache.
    pub(crate) cache_written: usize,
}

impl Answer {
    /// The answer of a request that failed.
    pub(crate) fn none(seq: u64) -> Self {
        Self {
            seq,
            model: String::new(),
            thoughts: Vec::new(),
            choice: Choice { pieces: Vec::new(), calls: Vec::new(), finish: Finish::Stop },
            more: Vec::new(),
            usage: Usage::default(),
        }
    }

    /// Every choice, the first one first.
    pub(crate) fn choices(&self) -> impl Iterator<Item = &Choice> {
        std::iter::once(&self.choice).chain(&self.more)
    }

    pub(crate) fn thought(&self) -> String {
        self.thoughts.concat()
    }
}

impl Choice {
    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }
}

/// Tokens of a text of this many characters.
pub(crate) fn tokens(chars: usize) -> usize {
    chars.div_ceil(CHARS_PER_TOKEN)
}

/// Tokens of everything the model reads.
pub(crate) fn prompt_tokens(ask: &Ask) -> usize {
    let images = ask.images + ask.tool_results.iter().map(|result| result.images).sum::<usize>();
    tokens(ask.prompt_chars()) + images * IMAGE_TOKENS + ask.documents * DOCUMENT_TOKENS
}

/// Answers the request, in at most `chunks` pieces.
pub(crate) fn compose(
    profile: &Profile,
    ask: &Ask,
    seq: u64,
    chunks: usize,
    filtered: bool,
    recalled: Recalled,
) -> Answer {
    let thought = if ask.reasoning.is_some() && !filtered { text::thought(ask) } else { String::new() };
    let reasoning = tokens(thought.chars().count());
    let room = ask.max_tokens.map(|most| most.saturating_sub(reasoning));
    let mut choices = (0..ask.count.max(1)).map(|n| choose(profile, ask, chunks, filtered, room, n));
    // There is at least one.
    let choice =
        choices.next().unwrap_or(Choice { pieces: Vec::new(), calls: Vec::new(), finish: Finish::Stop });
    let more: Vec<Choice> = choices.collect();
    let written = |choice: &Choice| {
        let called: usize = choice.calls.iter().map(|c| c.name.len() + c.arguments.chars().count()).sum();
        tokens(choice.pieces.iter().map(|piece| piece.chars().count()).sum::<usize>() + called)
    };
    let completion = reasoning + written(&choice) + more.iter().map(written).sum::<usize>();
    let shown = ask.reasoning.is_some_and(|reasoning| reasoning.shown);
    Answer {
        seq,
        model: ask.model.clone(),
        thoughts: if shown { split(&thought, 2) } else { Vec::new() },
        choice,
        more,
        usage: Usage {
            prompt: prompt_tokens(ask),
            completion,
            reasoning,
            cached: recalled.read,
            cache_written: recalled.written,
        },
    }
}

/// One of the answers; all but the first say which they are.
fn choose(
    profile: &Profile,
    ask: &Ask,
    chunks: usize,
    filtered: bool,
    room: Option<usize>,
    n: usize,
) -> Choice {
    if filtered {
        return Choice { pieces: Vec::new(), calls: Vec::new(), finish: Finish::Filtered };
    }
    if ask.last_user().to_lowercase().contains(REFUSED_PHRASE) {
        return Choice { pieces: split(REFUSAL_TEXT, chunks), calls: Vec::new(), finish: Finish::Refused };
    }
    let calls = tool_calls(ask);
    if !calls.is_empty() {
        return Choice { pieces: Vec::new(), calls, finish: Finish::ToolCalls };
    }
    let mut text = text::compose(profile, ask);
    if n > 0 {
        text = format!("{text} (choice {})", n + 1);
    }
    let mut finish = Finish::Stop;
    let stops = ask.stop.iter().enumerate().filter(|(_, stop)| !stop.is_empty());
    if let Some((at, number)) = stops.filter_map(|(number, stop)| Some((text.find(stop)?, number))).min() {
        text.truncate(at);
        finish = Finish::Sequence(number);
    }
    if let Some(most) = room
        && tokens(text.chars().count()) > most
    {
        text = text.chars().take(most * CHARS_PER_TOKEN).collect();
        finish = Finish::Length;
    }
    Choice { pieces: split(&text, chunks), calls: Vec::new(), finish }
}

/// Calls a tool when the caller demands it or the user asks for the weather; two at once when the user
/// names two things.
fn tool_calls(ask: &Ask) -> Vec<Call> {
    let said = ask.last_user();
    let lower = said.to_lowercase();
    let tool = match &ask.tool_choice {
        ToolChoice::None => None,
        ToolChoice::Named(name) => ask.tools.iter().find(|tool| tool.name == *name),
        ToolChoice::Required => ask.tools.first(),
        ToolChoice::Auto => ask.tools.first().filter(|_| lower.contains("weather")),
    };
    let Some(tool) = tool.filter(|_| ask.tool_results.is_empty()) else {
        return Vec::new();
    };
    let subject = said.rsplit_once(" in ").map_or(said, |(_, places)| places);
    let mut subjects: Vec<&str> = subject.split(" and ").map(trim_subject).collect();
    if !ask.parallel_tools {
        subjects.truncate(1);
    }
    subjects.iter().take(2).map(|subject| call(tool, subject)).collect()
}

fn trim_subject(subject: &str) -> &str {
    subject.trim_matches(|c: char| c.is_whitespace() || c.is_ascii_punctuation())
}

fn call(tool: &Tool, subject: &str) -> Call {
    let arguments = match sample(&tool.schema, subject) {
        Value::Object(arguments) => Value::Object(arguments),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => json!({}),
    };
    Call { name: tool.name.clone(), arguments: arguments.to_string() }
}

/// A value the schema accepts, as far as `type`, `enum`, `const`, `anyOf`, `required` and `items` go; strings are
/// `text`. Google's spelling of the types (`STRING`) is understood.
fn sample(schema: &Value, text: &str) -> Value {
    if let Some(first) = schema["enum"].get(0).or_else(|| schema.get("const")) {
        return first.clone();
    }
    if let Some(first) = schema["anyOf"].get(0) {
        return sample(first, text);
    }
    // `"type": ["string", "null"]` is satisfied by its first type.
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).map(str::to_lowercase);
    match kind.as_deref() {
        Some("object") => {
            let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
            let pairs = required
                .iter()
                .filter_map(Value::as_str)
                .map(|name| (name.to_owned(), sample(&schema["properties"][name], text)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        Some("array") => json!([sample(&schema["items"], text)]),
        Some("integer") => json!(7),
        Some("number") => json!(7.5),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        Some(_) | None => json!(text),
    }
}

/// Refuses a prefill where the provider continues none, as the newest Claude models do.
pub(crate) fn check_prefill(profile: &Profile, ask: &Ask) -> Result<(), Refusal> {
    if profile.prefill || !ask.continues_own_words || ask.own_words().is_none() {
        return Ok(());
    }
    Err(Refusal::field(
        "messages",
        "This model does not support assistant message prefill. The conversation must end with a user message.",
    ))
}

/// Cuts a text at word ends into at most `chunks` pieces of about the same number of words.
fn split(text: &str, chunks: usize) -> Vec<String> {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    if words.is_empty() {
        return Vec::new();
    }
    let pieces = chunks.min(words.len());
    (0..pieces).map(|n| words[n * words.len() / pieces..(n + 1) * words.len() / pieces].concat()).collect()
}
