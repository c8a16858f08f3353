//! Seals of other vendors, taken out of a conversation that goes to an upstream of the caller's own dialect.
//!
//! A conversation that was answered by several vendors carries the seals of them all, each marked with its origin (see
//! [`Signature`]). A provider refuses a seal it did not make, so what another one sealed is left out, and the mark is
//! taken off its own. Every other byte stays.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::Dialect;
use crate::canonical::{Origin, Signature};
use crate::gemini::model::Model;
use crate::gemini::seal::{FOREIGN_CALL, MARKED};
use crate::members::{Members, elements, text_of};
use crate::openai_chat::ChatModel;
use crate::splice::{Splices, escaped, member_spans, span_of};

/// How a marked seal begins.
pub(crate) const SEAL_MARK: &str = "\"sy1.";

/// The place Google's OpenAI-compatible endpoint has for a seal.
pub(crate) const CHAT_SEAL: &str = "\"thought_signature\"";

/// Where chat keeps thinking to read. Vendors that write it take it back; the others refuse it.
pub const UNSEALED_THOUGHT: &str = "reasoning_content";

/// How the ids of reasoning items begin that were written here for thinking without a seal, and that no provider knows.
pub(crate) const OUR_REASONING: &str = "rs_sy1";

/// Which seals are taken out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Those marked as another vendor's.
    Foreign,
    /// All, the marked and the unmarked.
    All,
}

/// The body for the upstream's `model`, without what another vendor sealed. A body that can't be read comes
/// back as it is, for its provider to judge.
#[must_use]
pub fn strip_foreign_seals<'b>(dialect: Dialect, body: &'b [u8], model: &str) -> Cow<'b, [u8]> {
    strip(dialect, body, Which::Foreign, model)
}

/// The body without any sealed thinking, for a provider that said that a seal is not its own: two accounts, or two
/// vendors of one dialect, don't take each other's.
#[must_use]
pub fn strip_all_seals<'b>(dialect: Dialect, body: &'b [u8], model: &str) -> Cow<'b, [u8]> {
    strip(dialect, body, Which::All, model)
}

fn strip<'b>(dialect: Dialect, body: &'b [u8], which: Which, model: &str) -> Cow<'b, [u8]> {
    let mut splices = Splices::default();
    let found = std::str::from_utf8(body).ok().and_then(|text| {
        let members = Members::read(text, "").ok()?;
        match dialect {
            Dialect::AnthropicMessages => {
                // A turn that begins without a thought is refused as long as thinking is asked for.
                if let (Which::All, Some(thinking)) = (which, members.peek("thinking")) {
                    for span in member_spans(text, vec![span_of(text, thinking)]) {
                        splices.replace(span, "");
                    }
                }
                messages(text, members.peek("messages")?, which, &mut splices)
            }
            Dialect::OpenAiResponses => list(text, members.peek("input")?, &mut splices, &|item, splices| {
                judge(text, item, "reasoning", "encrypted_content", Origin::OpenAi, which, splices)
            })
            .map(drop),
            Dialect::Gemini => contents(text, members.peek("contents")?, which, &mut splices, model),
            Dialect::OpenAiChat | Dialect::BedrockConverse => {
                let model = members.peek("model").and_then(text_of).unwrap_or_default();
                chat(text, members.peek("messages")?, ChatModel::of(&model), which, &mut splices)
            }
        }
    });
    if found.is_none() || splices.is_empty() { Cow::Borrowed(body) } else { Cow::Owned(splices.apply(body)) }
}

/// What becomes of an element of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
}

/// Judges the elements of a list and takes out those that have to go, each with one comma. None when it is no list; else
/// whether anything stays.
fn list<'a>(
    body: &str,
    raw: &'a RawValue,
    splices: &mut Splices<'_>,
    judge: &dyn Fn(&'a RawValue, &mut Splices<'_>) -> Fate,
) -> Option<bool> {
    let elements = elements(raw, "").ok()?;
    let fates: Vec<Fate> = elements.iter().map(|(_, element)| judge(element, splices)).collect();
    let stays = fates.iter().rposition(|fate| *fate == Fate::Stays);
    for (at, _) in fates.iter().enumerate().filter(|(_, fate)| **fate == Fate::Goes) {
        let span = span_of(body, elements[at].1);
        let range = match stays {
            // One that stays follows: the comma behind goes too.
            Some(last) if at < last => span.start..span_of(body, elements[at + 1].1).start,
            None if at == 0 => span,
            // The comma before goes too.
            Some(_) | None => span_of(body, elements[at - 1].1).end..span.end,
        };
        splices.replace(range, "");
    }
    Some(stays.is_some() || elements.is_empty())
}

/// Judges an object of type `kind` by the seal in its member `name`, and takes the mark off a seal of `own`.
fn judge(
    body: &str,
    object: &RawValue,
    kind: &str,
    name: &str,
    own: Origin,
    which: Which,
    splices: &mut Splices<'_>,
) -> Fate {
    let is_marked = object.get().contains(SEAL_MARK) || object.get().contains(OUR_REASONING);
    if which == Which::Foreign && !is_marked {
        return Fate::Stays;
    }
    let Ok(members) = Members::read(object.get(), "") else { return Fate::Stays };
    let is_kind = members.peek("type").is_some_and(|raw| raw.get().trim_matches('"') == kind);
    if is_kind && which == Which::All {
        return Fate::Goes;
    }
    let is_ours = members.peek("id").is_some_and(|id| id.get().trim_matches('"').starts_with(OUR_REASONING));
    if is_kind && is_ours && members.peek(name).is_none_or(|seal| seal.get() == "null") {
        return Fate::Goes;
    }
    let seal = members.peek(name).filter(|raw| is_kind && raw.get().starts_with(SEAL_MARK));
    let Some(raw) = seal else { return Fate::Stays };
    let Ok(text) = serde_json::from_str::<String>(raw.get()) else { return Fate::Stays };
    match Signature::read(own, Cow::Owned(text)).for_provider(own) {
        Some(value) => {
            splices.replace(span_of(body, raw), format!("\"{}\"", escaped(value)));
            Fate::Stays
        }
        None => Fate::Goes,
    }
}

fn messages(body: &str, raw: &RawValue, which: Which, splices: &mut Splices<'_>) -> Option<()> {
    list(body, raw, splices, &|message, splices| {
        let content = || Members::read(message.get(), "").ok()?.peek("content");
        let sealed = |raw: &&RawValue| which == Which::All || raw.get().contains(SEAL_MARK);
        let Some(content) = content().filter(sealed) else { return Fate::Stays };
        let mut own = Splices::default();
        let stays = list(body, content, &mut own, &|block, splices| {
            let thinking = judge(body, block, "thinking", "signature", Origin::Anthropic, which, splices);
            let redacted = judge(body, block, "redacted_thinking", "data", Origin::Anthropic, which, splices);
            if thinking == Fate::Goes || redacted == Fate::Goes { Fate::Goes } else { Fate::Stays }
        });
        // A message without content is refused.
        if stays == Some(false) {
            return Fate::Goes;
        }
        splices.extend(own);
        Fate::Stays
    })
    .map(drop)
}

/// In Gemini's contents, seals stand on their parts. A thought another vendor sealed goes with its part; a call of another
/// vendor's gets what Google has for those, where its model demands one.
fn contents(body: &str, raw: &RawValue, which: Which, splices: &mut Splices<'_>, model: &str) -> Option<()> {
    let demands_seals = Model::of(model).demands_seals();
    list(body, raw, splices, &|content, splices| {
        let is_sealed = which == Which::All || content.get().contains(MARKED);
        let parts = || Members::read(content.get(), "").ok()?.peek("parts");
        let Some(parts) = parts().filter(|_| is_sealed) else { return Fate::Stays };
        let mut own = Splices::default();
        let stays = list(body, parts, &mut own, &|part, splices| {
            let Ok(part) = Members::read(part.get(), "").map(Members::in_camel_case) else {
                return Fate::Stays;
            };
            let seal = part.peek("thoughtSignature");
            let is_foreign = seal.is_some_and(|raw| raw.get().starts_with(MARKED));
            if !is_foreign && (which == Which::Foreign || seal.is_none()) {
                return Fate::Stays;
            }
            if part.peek("thought").is_some_and(|raw| raw.get() == "true") {
                return Fate::Goes;
            }
            let Some(seal) = seal.map(|raw| span_of(body, raw)) else { return Fate::Stays };
            if part.peek("functionCall").is_some() && demands_seals {
                splices.replace(seal, format!("\"{FOREIGN_CALL}\""));
            } else {
                for span in member_spans(body, vec![seal]) {
                    splices.replace(span, "");
                }
            }
            Fate::Stays
        });
        // A content without a part is refused.
        if stays == Some(false) {
            return Fate::Goes;
        }
        splices.extend(own);
        Fate::Stays
    })
    .map(drop)
}

/// In chat, seals stand in `extra_content`, of a message or of a tool call. Gemini takes its own; OpenAI refuses even one
/// without a mark, as Google's endpoint gives them; of any other model nobody knows, so only what is marked goes.
fn chat(body: &str, raw: &RawValue, model: ChatModel, which: Which, splices: &mut Splices<'_>) -> Option<()> {
    let is_foreign = |text: &str| {
        which == Which::All || text.contains(SEAL_MARK) || (model.is_openai && text.contains(CHAT_SEAL))
    };
    let strip = |object: &Members<'_>, splices: &mut Splices<'_>| {
        let thought = object.peek(UNSEALED_THOUGHT).filter(|_| which == Which::All);
        let mut gone: Vec<_> = thought.into_iter().map(|raw| span_of(body, raw)).collect();
        if let Some(extra) = object.peek("extra_content").filter(|raw| is_foreign(raw.get())) {
            match geminis(extra).filter(|_| model.is_gemini && which == Which::Foreign) {
                Some((raw, seal)) => {
                    splices.replace(span_of(body, raw), format!("\"{}\"", escaped(&seal.value)));
                }
                None => gone.push(span_of(body, extra)),
            }
        }
        for span in member_spans(body, gone) {
            splices.replace(span, "");
        }
    };
    for (_, message) in elements(raw, "").ok()? {
        if !is_foreign(message.get()) {
            continue;
        }
        let Ok(members) = Members::read(message.get(), "") else { continue };
        strip(&members, splices);
        let calls = members.peek("tool_calls").and_then(|raw| elements(raw, "").ok());
        for (_, call) in calls.unwrap_or_default() {
            if let Ok(call) = Members::read(call.get(), "") {
                strip(&call, splices);
            }
        }
    }
    Some(())
}

/// Gemini's seal in an `extra_content`, and where it stands.
fn geminis(extra: &RawValue) -> Option<(&RawValue, Signature<'_>)> {
    let google = Members::read(extra.get(), "").ok()?.peek("google")?;
    let raw = Members::read(google.get(), "").ok()?.peek("thought_signature")?;
    let seal = Signature::read(Origin::Gemini, Cow::Owned(text_of(raw)?));
    (seal.origin == Origin::Gemini).then_some((raw, seal))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    fn base64(text: &str) -> String {
        base64::engine::general_purpose::STANDARD.encode(text)
    }

    #[test]
    fn only_what_another_vendor_sealed_is_taken_out() {
        let messages = Dialect::AnthropicMessages;
        let responses = Dialect::OpenAiResponses;
        let chat = Dialect::OpenAiChat;
        let cases = [
            // First, in the middle, last; the own seal loses its mark; a text that looks like a seal stays.
            (
                messages,
                r#"{"messages":[{"role":"assistant","content":[ {"type":"thinking","thinking":"a","signature":"sy1.openai.A"} , {"type":"text","text":"sy1.openai.B"},{"type":"redacted_thinking","data":"sy1.gemini.C"},{"type":"thinking","thinking":"d","signature":"sy1.anthropic.D=="},{"type":"redacted_thinking","data":"sy1.gemini.E"} ]}],"x":1e3}"#,
                r#"{"messages":[{"role":"assistant","content":[ {"type":"text","text":"sy1.openai.B"},{"type":"thinking","thinking":"d","signature":"D=="} ]}],"x":1e3}"#,
            ),
            // A message of which nothing is left.
            (
                messages,
                r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"sy1.openai.A"},{"type":"thinking","thinking":"a","signature":"sy1.openai.B"}]},{"role":"user","content":"b"}]}"#,
                r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}"#,
            ),
            (
                responses,
                r#"{"input":[{"type":"reasoning","summary":[],"encrypted_content":"sy1.anthropic.A"},{"type":"reasoning","summary":[],"encrypted_content":"B"},{"type":"message","role":"user","content":"hi"},{"type":"reasoning","encrypted_content":"sy1.gemini.C"},{"type":"reasoning","encrypted_content":"sy1.gemini.D"}]}"#,
                r#"{"input":[{"type":"reasoning","summary":[],"encrypted_content":"B"},{"type":"message","role":"user","content":"hi"}]}"#,
            ),
            (
                chat,
                r#"{"messages":[{"role":"assistant","extra_content":{"a":"sy1.anthropic.A"},"tool_calls":[{"id":"1","extra_content":{"google":{"thought_signature":"sy1.openai.A"}}},{"id":"2","extra_content":{"google":{"thought_signature":"native"}}}]}]}"#,
                r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"1"},{"id":"2","extra_content":{"google":{"thought_signature":"native"}}}]}]}"#,
            ),
            // Gemini's own, home again; and at OpenAI, which takes none of it.
            (
                chat,
                r#"{"model":"google/gemini-3-flash","messages":[{"role":"assistant","content":"a","extra_content":{"google":{"thought_signature":"sy1.gemini.A=="}}}]}"#,
                r#"{"model":"google/gemini-3-flash","messages":[{"role":"assistant","content":"a","extra_content":{"google":{"thought_signature":"A=="}}}]}"#,
            ),
            (
                chat,
                r#"{"model":"gpt-5.2","messages":[{"role":"assistant","content":"a","extra_content":{"google":{"thought_signature":"A=="}}},{"role":"assistant","tool_calls":[{"extra_content":{"google":{"thought_signature":"sy1.gemini.B"}},"id":"1"}]}]}"#,
                r#"{"model":"gpt-5.2","messages":[{"role":"assistant","content":"a"},{"role":"assistant","tool_calls":[{"id":"1"}]}]}"#,
            ),
            (
                chat,
                r#"{"model":"mistral-large","messages":[{"role":"assistant","content":"a","extra_content":{"google":{"thought_signature":"sy1.gemini.A=="}}}]}"#,
                r#"{"model":"mistral-large","messages":[{"role":"assistant","content":"a"}]}"#,
            ),
        ];
        for (dialect, body, expected) in cases {
            let out = strip_foreign_seals(dialect, body.as_bytes(), "gemini-3-flash");
            assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
            let again = strip_foreign_seals(dialect, expected.as_bytes(), "gemini-3-flash");
            assert!(matches!(again, Cow::Borrowed(_)), "nothing is left to be taken out");
        }
        let marked = base64("sy1.anthropic.A");
        let none = base64("sy1.openai.");
        let sealed = format!(
            r#"{{"contents":[{{"role":"model","parts":[{{"text":"a","thought":true,"thoughtSignature":"{marked}"}},{{"text":"b","thoughtSignature":"{marked}"}},{{"thoughtSignature":"{none}","functionCall":{{"name":"f"}}}},{{"text":"c","thoughtSignature":"native"}}]}},{{"role":"model","parts":[{{"text":"","thought":true,"thoughtSignature":"{marked}"}}]}}]}}"#
        );
        let native = r#"{"contents":[{"role":"model","parts":[{"text":"b"},{"thoughtSignature":"skip_thought_signature_validator","functionCall":{"name":"f"}},{"text":"c","thoughtSignature":"native"}]}]}"#;
        let early = r#"{"contents":[{"role":"model","parts":[{"text":"b"},{"functionCall":{"name":"f"}},{"text":"c","thoughtSignature":"native"}]}]}"#;
        for (model, expected) in [("gemini-3-flash", native), ("gemini-2.5-flash", early)] {
            let out = strip_foreign_seals(Dialect::Gemini, sealed.as_bytes(), model);
            assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
        }
        for odd in [
            r#"{"messages":"sy1.openai.A"}"#,
            "sy1.",
            "\"sy1.a.b",
            r#"{"messages":[7,{"content":["\"sy1."]}]}"#,
        ] {
            for dialect in Dialect::ALL {
                assert_eq!(&*strip_foreign_seals(dialect, odd.as_bytes(), "m"), odd.as_bytes());
            }
        }
    }

    #[test]
    fn for_a_provider_that_takes_no_seal_all_go() {
        let cases = [
            (
                Dialect::AnthropicMessages,
                r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"A"},{"type":"text","text":"b"}]}]}"#,
                r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"text","text":"b"}]}]}"#,
            ),
            (
                Dialect::OpenAiResponses,
                r#"{"input":[{"type":"reasoning","summary":[],"encrypted_content":"A"},{"type":"message","role":"user","content":"hi"}]}"#,
                r#"{"input":[{"type":"message","role":"user","content":"hi"}]}"#,
            ),
            (
                Dialect::OpenAiChat,
                r#"{"messages":[{"role":"assistant","reasoning_content":"a","content":"b"},{"role":"user","content":"c"}]}"#,
                r#"{"messages":[{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}"#,
            ),
            (
                Dialect::OpenAiChat,
                r#"{"messages":[{"role":"assistant","content":"b","reasoning_content":"a","extra_content":{"google":{"thought_signature":"x"}}}]}"#,
                r#"{"messages":[{"role":"assistant","content":"b"}]}"#,
            ),
            (
                Dialect::OpenAiChat,
                r#"{"messages":[{"reasoning_content":"a","extra_content":{},"role":"assistant","content":"b"}]}"#,
                r#"{"messages":[{"role":"assistant","content":"b"}]}"#,
            ),
        ];
        for (dialect, body, expected) in cases {
            assert_eq!(
                std::str::from_utf8(&strip_all_seals(dialect, body.as_bytes(), "m")).unwrap(),
                expected
            );
        }
    }
}
