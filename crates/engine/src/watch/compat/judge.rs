//! What an answer proves. Pure: from a status and a body to an outcome with its sentence.
//!
//! A feature that is refused, or that the provider takes and ignores (prose instead of JSON, an image nobody looked at,
//! one tool call where two were wanted) is unsupported: requests that need it go elsewhere, and the route is fine
//! otherwise. What is attempted and wrong has failed.

use serde_json::Value;
use switchyard_domain::compat::CompatOutcome;

use super::asks::HIDDEN;

/// What came back.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// What a change of dialect could not carry over.
    pub(super) lost: Vec<String>,
}

/// What it proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) outcome: CompatOutcome,
    pub(super) sentence: String,
}

/// A tool call of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) id: String,
}

/// Tokens an answer says it used: prompt, answer.
pub(super) type Used = (u64, u64);

pub(super) fn passed(sentence: impl Into<String>) -> Verdict {
    Verdict { outcome: CompatOutcome::Passed, sentence: sentence.into() }
}

pub(super) fn failed(sentence: impl Into<String>) -> Verdict {
    Verdict { outcome: CompatOutcome::Failed, sentence: sentence.into() }
}

pub(super) fn unsupported(sentence: impl Into<String>) -> Verdict {
    Verdict { outcome: CompatOutcome::Unsupported, sentence: sentence.into() }
}

pub(super) fn skipped(sentence: impl Into<String>) -> Verdict {
    Verdict { outcome: CompatOutcome::Skipped, sentence: sentence.into() }
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The error's message, whatever wraps it.
    fn reason(&self) -> String {
        let body = self.json();
        match body.pointer("/error/message").and_then(Value::as_str) {
            Some(message) => message.trim_end_matches('.').to_owned(),
            None => format!("no reason ({} bytes)", self.body.len()),
        }
    }

    /// Tokens, as a whole answer or the last chunk of a stream says.
    pub(super) fn used(&self) -> Option<Used> {
        let count = |usage: &Value| {
            Some((usage.get("prompt_tokens")?.as_u64()?, usage.get("completion_tokens")?.as_u64()?))
        };
        let whole = self.json();
        match whole.get("usage") {
            Some(usage) => count(usage),
            None => self.chunks().iter().rev().find_map(|chunk| count(chunk.get("usage")?)),
        }
    }

    fn chunks(&self) -> Vec<Value> {
        chunks(&self.body)
    }

    /// An answer that is none.
    fn no_answer(&self) -> Option<Verdict> {
        (self.status != 200).then(|| failed(format!("It answered {}: {}.", self.status, self.reason())))
    }

    /// The same where a feature was asked for: a request that is refused as such means that there is none.
    fn no_feature(&self) -> Option<Verdict> {
        // 404 is what gateways say that have no endpoint with the feature.
        if matches!(self.status, 400 | 404 | 405 | 413 | 415 | 422 | 501) {
            return Some(unsupported(format!("It is refused ({}): {}.", self.status, self.reason())));
        }
        self.no_answer()
    }

    /// A feature that was taken and not used.
    fn ignored(&self, what: &str) -> Verdict {
        match self.lost.as_slice() {
            [] => unsupported(what.to_owned()),
            lost => unsupported(format!("{what} Lost in translation: {}.", lost.join(", "))),
        }
    }
}

/// The chunks of a stream that are JSON.
fn chunks(stream: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(stream);
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
}

fn says(chunk: &Value) -> bool {
    let delta = chunk.pointer("/choices/0/delta/content").and_then(Value::as_str);
    delta.is_some_and(|text| !text.is_empty())
}

/// Whether the beginning of a stream holds text already.
pub(super) fn has_text(stream: &[u8]) -> bool {
    chunks(stream).iter().any(says)
}

fn text_of(answer: &Value) -> &str {
    answer.pointer("/choices/0/message/content").and_then(Value::as_str).unwrap_or_default().trim()
}

fn finish_of(answer: &Value) -> Option<&str> {
    answer.pointer("/choices/0/finish_reason").and_then(Value::as_str)
}

/// The beginning of a text, for a sentence.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("\"{}…\"", &line[..end]),
        None => format!("\"{line}\""),
    }
}

pub(super) fn plain(heard: &Heard) -> Verdict {
    if let Some(verdict) = heard.no_answer() {
        return verdict;
    }
    let answer = heard.json();
    if text_of(&answer).is_empty() {
        return failed("The answer holds no text.");
    }
    if finish_of(&answer).is_none() {
        return failed("The answer does not say why it ended (no finish_reason).");
    }
    match heard.used() {
        Some((input, output)) if input > 0 && output > 0 => {
            passed(format!("Text, finish reason and usage ({input} + {output} tokens) came."))
        }
        Some(_) | None => {
            failed("The answer does not say how many tokens it used, so its cost can't be counted.")
        }
    }
}

/// `usage` is false where the map says that the upstream reports none in streams.
pub(super) fn stream(heard: &Heard, usage: bool) -> Verdict {
    if let Some(verdict) = heard.no_feature() {
        return verdict;
    }
    let chunks = heard.chunks();
    if let Some(error) = chunks.iter().find_map(|chunk| chunk.pointer("/error/message")?.as_str()) {
        return failed(format!("The stream broke off: {}.", error.trim_end_matches('.')));
    }
    let deltas = chunks.iter().filter(|chunk| says(chunk)).count();
    if deltas == 0 {
        return failed("The stream held no text.");
    }
    if !chunks.iter().any(|chunk| finish_of(chunk).is_some()) {
        return failed("The stream does not say why it ended (no finish_reason).");
    }
    let ended = String::from_utf8_lossy(&heard.body).lines().any(|line| line.trim() == "data: [DONE]");
    if !ended {
        return failed("The stream has no end marker: a cut would look like an answer.");
    }
    if usage && heard.used().is_none() {
        return failed(
            "The stream does not say how many tokens it used. Write \"usageInStream\": false in the map if the \
             provider never does.",
        );
    }
    passed(format!("{deltas} pieces of text, the finish reason, the usage and the end marker came."))
}

/// The calls of an answer, each sound, or what is wrong.
fn calls(heard: &Heard) -> Result<(Value, Vec<Call>), Verdict> {
    if let Some(verdict) = heard.no_feature() {
        return Err(verdict);
    }
    let answer = heard.json();
    let message = answer.pointer("/choices/0/message").cloned().unwrap_or_default();
    let listed = message.get("tool_calls").and_then(Value::as_array).cloned().unwrap_or_default();
    if listed.is_empty() {
        let said = short(text_of(&answer));
        return Err(heard.ignored(&format!("It answered {said} and called no tool.")));
    }
    if finish_of(&answer) != Some("tool_calls") {
        let finish = finish_of(&answer).unwrap_or("none");
        return Err(failed(format!("It called a tool, but its finish reason is {finish}, not tool_calls.")));
    }
    let mut calls: Vec<Call> = Vec::new();
    for call in &listed {
        let text = |at: &str| call.pointer(at).and_then(Value::as_str).unwrap_or_default();
        let name = text("/function/name");
        if name != "get_weather" {
            return Err(failed(format!("It called {}, a tool nobody offered.", short(name))));
        }
        let arguments: Value = serde_json::from_str(text("/function/arguments")).unwrap_or_default();
        if !arguments.get("city").is_some_and(Value::is_string) {
            let said = short(text("/function/arguments"));
            return Err(failed(format!("The call's arguments do not fit the tool's schema: {said}.")));
        }
        let id = text("/id").to_owned();
        if id.is_empty() || calls.iter().any(|known| known.id == id) {
            return Err(failed("A call has no id of its own, so its result can't be told from another's."));
        }
        calls.push(Call { id });
    }
    Ok((message, calls))
}

/// The answer that calls the tool: its message and calls, to be given back.
pub(super) fn tool_call(heard: &Heard) -> Result<(Value, Vec<Call>), Verdict> {
    calls(heard)
}

/// The answer to the tool's result.
pub(super) fn tool_answer(heard: &Heard) -> Verdict {
    if let Some(verdict) = heard.no_answer() {
        return failed(format!("The tool was called, but its result was not taken. {}", verdict.sentence));
    }
    let answer = heard.json();
    if text_of(&answer).is_empty() {
        return failed("The tool was called, but no text came after its result.");
    }
    passed("The tool was called with sound arguments, and an answer came after its result.")
}

pub(super) fn parallel_tools(heard: &Heard) -> Verdict {
    match calls(heard) {
        Err(verdict) => verdict,
        Ok((_, calls)) if calls.len() < 2 => heard.ignored("It called one tool where two calls were wanted."),
        Ok((_, calls)) => passed(format!("{} calls with ids of their own came in one answer.", calls.len())),
    }
}

pub(super) fn json_schema(heard: &Heard) -> Verdict {
    if let Some(verdict) = heard.no_feature() {
        return verdict;
    }
    let answer = heard.json();
    let text = text_of(&answer);
    let Ok(Value::Object(object)) = serde_json::from_str(text) else {
        return heard.ignored(&format!("It answered {} where JSON was wanted.", short(text)));
    };
    let fits = object.get("city").is_some_and(Value::is_string)
        && object.get("letters").is_some_and(|letters| letters.is_i64() || letters.is_u64())
        && object.len() == 2;
    if fits {
        passed("The answer follows the schema.")
    } else if heard.lost.is_empty() {
        failed(format!("The answer is JSON but does not follow the schema: {}.", short(text)))
    } else {
        heard.ignored("The answer is JSON but does not follow the schema.")
    }
}

pub(super) fn vision(heard: &Heard) -> Verdict {
    if let Some(verdict) = heard.no_feature() {
        return verdict;
    }
    let answer = heard.json();
    let text = text_of(&answer);
    if text.split(|c: char| !c.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case("red")) {
        return passed("It named the image's colour.");
    }
    // Gateways before a model without eyes drop images without a word.
    heard.ignored(&format!(
        "It took the image but did not see it: asked for its colour (red), it said {}.",
        short(text)
    ))
}

pub(super) fn long_context(heard: &Heard, tokens: u64) -> Verdict {
    if matches!(heard.status, 400 | 413 | 422) {
        return failed(format!(
            "A prompt of about {tokens} tokens is refused: {}. Write the route's real \"contextWindow\" in the map.",
            heard.reason()
        ));
    }
    if let Some(verdict) = heard.no_answer() {
        return verdict;
    }
    let answer = heard.json();
    let text = text_of(&answer);
    if text.to_lowercase().contains(HIDDEN) {
        return passed(format!("A word in the middle of about {tokens} tokens came back."));
    }
    failed(format!(
        "Of a prompt of about {tokens} tokens the middle was not read (it said {}): the prompt may have been cut. \
         Write the route's real \"contextWindow\" in the map.",
        short(text)
    ))
}

/// `None` where the provider took the faulty request.
pub(super) fn error(heard: &Heard) -> Option<Verdict> {
    if heard.status == 200 {
        return None;
    }
    let body = heard.json();
    let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
    Some(if !matches!(heard.status, 400 | 422) {
        failed(format!(
            "A faulty request came back as {}, not as the caller's fault: {}.",
            heard.status,
            heard.reason()
        ))
    } else if message.is_empty() {
        failed(format!("A faulty request came back as {} without a reason.", heard.status))
    } else {
        passed(format!("A faulty request came back as {} with the provider's reason.", heard.status))
    })
}

#[cfg(test)]
mod tests;
