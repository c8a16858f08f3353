//! What a simulated provider says: deterministic text that names who answered, tool calls, JSON.
//!
//! It decides content only; the dialects spell it and [`crate::script`] paces it.

use serde_json::{Map, Value, json};

use crate::ask::{Ask, JsonMode, Tool, ToolChoice};
use crate::latency::SplitMix;

/// Characters of one token, near enough for English.
const CHARS_PER_TOKEN: usize = 4;
/// Characters of the prompt's end that are repeated in the answer.
const ECHO_CHARS: usize = 48;

const OPENINGS: [&str; 4] =
    ["Here is a short answer to", "Thanks for asking about", "This is what I can say on", "Let me take up"];
const REMARKS: [&str; 4] = [
    "The main point is to start small, measure, and keep what works.",
    "Most people begin with the simplest version and refine it after a week of use.",
    "Two things matter most: who it is for, and what happens when it fails.",
    "Write down what you expect first, then compare it with what you see.",
];

/// One finished completion.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The request's number, of which ids are made.
    pub(crate) seq: u64,
    pub(crate) model: String,
    /// The text in the pieces a stream sends; empty for tool calls and filtered answers.
    pub(crate) pieces: Vec<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) finish: Finish,
    pub(crate) prompt_tokens: usize,
    pub(crate) completion_tokens: usize,
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
    Length,
    ToolCalls,
    Filtered,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }
}

/// Tokens of a text of this many characters.
pub(crate) fn tokens(chars: usize) -> usize {
    chars.div_ceil(CHARS_PER_TOKEN)
}

/// Answers the request as `provider`, in at most `chunks` pieces.
pub(crate) fn compose(provider: &str, ask: &Ask, seq: u64, chunks: usize, filtered: bool) -> Answer {
    let calls = if filtered { Vec::new() } else { tool_calls(ask) };
    let (mut text, mut finish) = if filtered {
        (String::new(), Finish::Filtered)
    } else if calls.is_empty() {
        (text_for(provider, ask), Finish::Stop)
    } else {
        (String::new(), Finish::ToolCalls)
    };
    if let Some(most) = ask.max_tokens
        && tokens(text.chars().count()) > most
    {
        text = text.chars().take(most * CHARS_PER_TOKEN).collect();
        finish = Finish::Length;
    }
    let called: usize = calls.iter().map(|call| call.name.len() + call.arguments.chars().count()).sum();
    Answer {
        seq,
        model: ask.model.clone(),
        completion_tokens: tokens(text.chars().count() + called),
        pieces: split(&text, chunks),
        calls,
        finish,
        prompt_tokens: tokens(ask.prompt_chars),
    }
}

fn text_for(provider: &str, ask: &Ask) -> String {
    let signature = format!("[{} @ {provider}]", ask.model);
    match &ask.json {
        JsonMode::Schema(schema) => return sample(schema, &signature).to_string(),
        JsonMode::Object => {
            return json!({ "answer": signature, "prompt": tail(&ask.last_user) }).to_string();
        }
        JsonMode::Off => {}
    }
    if !ask.tool_results.is_empty() {
        let results = ask.tool_results.join("; ");
        return format!("{signature} The tools answered: {}.", tail(&results));
    }
    let mut dice = SplitMix::new(fingerprint(&ask.last_user));
    let mut pick = |from: &[&'static str; 4]| from[(dice.next() % 4) as usize];
    let (opening, remark) = (pick(&OPENINGS), pick(&REMARKS));
    format!("{signature} {opening} \"{}\". {remark}", tail(&ask.last_user))
}

/// Calls a tool when the caller demands it or the user asks for the weather; two at once when the user
/// names two things.
fn tool_calls(ask: &Ask) -> Vec<Call> {
    let lower = ask.last_user.to_lowercase();
    let tool = match &ask.tool_choice {
        ToolChoice::None => None,
        ToolChoice::Named(name) => ask.tools.iter().find(|tool| tool.name == *name),
        ToolChoice::Required => ask.tools.first(),
        ToolChoice::Auto => ask.tools.first().filter(|_| lower.contains("weather")),
    };
    let Some(tool) = tool.filter(|_| ask.tool_results.is_empty()) else {
        return Vec::new();
    };
    let subject = ask.last_user.rsplit_once(" in ").map_or(ask.last_user.as_str(), |(_, places)| places);
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

/// A value the schema accepts, as far as `type`, `enum`, `required` and `items` go; strings are `text`.
fn sample(schema: &Value, text: &str) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    // `"type": ["string", "null"]` is satisfied by its first type.
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
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

/// Cuts a text at word ends into at most `chunks` pieces of about the same number of words.
fn split(text: &str, chunks: usize) -> Vec<String> {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    if words.is_empty() {
        return Vec::new();
    }
    let pieces = chunks.min(words.len());
    (0..pieces).map(|n| words[n * words.len() / pieces..(n + 1) * words.len() / pieces].concat()).collect()
}

fn tail(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let count = line.chars().count();
    if count <= ECHO_CHARS {
        return line;
    }
    let end: String = line.chars().skip(count - ECHO_CHARS).collect();
    format!("...{end}")
}

/// FNV-1a: the same prompt picks the same sentences on every machine.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}
