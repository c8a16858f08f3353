//! The words of an answer, and how they go on where an earlier answer stopped.
//!
//! A text is a signature (who answered) and a body that depends on the prompt alone: another provider asked to
//! continue the text recognises the body whoever has signed it.

use serde_json::json;

use super::{sample, senses};
use crate::ask::{Ask, JsonMode, Role};
use crate::latency::SplitMix;
use crate::profile::Profile;

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

/// What the model says to this conversation.
pub(super) fn compose(profile: &Profile, ask: &Ask) -> String {
    let signature = format!("[{} @ {}]", ask.model, profile.name);
    if ask.continues_own_words
        && let Some(said) = ask.own_words()
    {
        let full = full(&signature, ask, ask.last_user());
        return rest(&signature, &full, said).unwrap_or(full);
    }
    if let Some((asked, said)) = interrupted(ask) {
        let full = full(&signature, ask, asked);
        if let Some(rest) = rest(&signature, &full, said) {
            let skipped = said.chars().count().saturating_sub(profile.repeats_chars);
            return said.chars().skip(skipped).chain(rest.chars()).collect();
        }
    }
    full(&signature, ask, ask.last_user())
}

/// What the model thinks before it answers.
pub(super) fn thought(ask: &Ask) -> String {
    format!("The user says \"{}\". A short answer will do.", tail(ask.last_user()))
}

/// The answer to `asked`, from its beginning.
fn full(signature: &str, ask: &Ask, asked: &str) -> String {
    match &ask.json {
        JsonMode::Schema(schema) => return sample(schema, signature).to_string(),
        JsonMode::Object => return json!({ "answer": signature, "prompt": tail(asked) }).to_string(),
        JsonMode::Off => {}
    }
    if !ask.tool_results.is_empty() {
        return format!("{signature} {}", tools_answered(ask));
    }
    let said = senses::answer(ask, asked).unwrap_or_else(|| small_talk(asked));
    let mut text = format!("{signature} {said}");
    if let Some(came) = counted(&[(ask.images, "image"), (ask.documents, "document")]) {
        text = format!("{text} It came with {came}.");
    }
    text
}

/// What there is to say on anything.
fn small_talk(asked: &str) -> String {
    let mut dice = SplitMix::new(fingerprint(asked));
    let mut pick = |from: &[&'static str; 4]| from[(dice.next() % 4) as usize];
    let (opening, remark) = (pick(&OPENINGS), pick(&REMARKS));
    format!("{opening} \"{}\". {remark}", tail(asked))
}

fn tools_answered(ask: &Ask) -> String {
    let texts: Vec<&str> = ask.tool_results.iter().map(|result| result.text.as_str()).collect();
    let mut text = format!("The tools answered: {}.", tail(&texts.join("; ")));
    if let Some(failed) = counted(&[(ask.tool_results.iter().filter(|r| r.failed).count(), "failure")]) {
        text = format!("{text} There was {failed}.");
    }
    if let Some(came) = counted(&[(ask.tool_results.iter().map(|r| r.images).sum(), "image")]) {
        text = format!("{text} They sent {came}.");
    }
    text
}

/// `1 image and 2 documents`; absent if there is nothing to count.
fn counted(things: &[(usize, &str)]) -> Option<String> {
    let named = things.iter().filter(|(count, _)| *count > 0);
    let named: Vec<String> =
        named.map(|(count, name)| format!("{count} {name}{}", if *count == 1 { "" } else { "s" })).collect();
    (!named.is_empty()).then(|| named.join(" and "))
}

/// What was asked and how far the answer came, if the user now wants the rest of it.
fn interrupted(ask: &Ask) -> Option<(&str, &str)> {
    let [.., asked, said, wish] = ask.turns.as_slice() else { return None };
    let roles = [asked.role, said.role, wish.role];
    if roles != [Role::User, Role::Assistant, Role::User] || said.text.is_empty() {
        return None;
    }
    let wish = wish.text.to_lowercase();
    let wanted = ["continue", "carry on", "pick up where"].iter().any(|words| wish.contains(words));
    wanted.then_some((asked.text.as_str(), said.text.as_str()))
}

/// What is missing of `full` after `said`, whoever signed `said`; absent if it is no beginning of it.
fn rest(signature: &str, full: &str, said: &str) -> Option<String> {
    if let Some(rest) = full.strip_prefix(said) {
        return Some(rest.to_owned());
    }
    let body = full.strip_prefix(signature)?;
    if !said.starts_with('[') {
        return None;
    }
    match said.find(']') {
        Some(end) if said[..end].contains(" @ ") => body.strip_prefix(&said[end + 1..]).map(str::to_owned),
        // Cut within another's signature.
        None => Some(format!("]{body}")),
        Some(_) => None,
    }
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
