//! What a conversation is told by, so that its turns meet the same provider's prompt cache wherever traffic is split.

use switchyard_domain::map::Sticky;
use switchyard_wire::Envelope;
use xxhash_rust::xxh3::Xxh3;

/// The shortest prompt providers cache, tokens (OpenAI, "Prompt caching"; Anthropic, "Prompt caching": 1,024 for most
/// models).
const CACHED_FROM_TOKENS: u64 = 1_024;

/// The key of a request's conversation; none where each request is dealt anew.
pub(super) fn key(sticky: Sticky, client: &str, named: Option<&str>, envelope: &Envelope) -> Option<u64> {
    let named = named.or(envelope.conversation.as_deref());
    let sticks = match sticky {
        Sticky::Never => false,
        Sticky::Always => true,
        Sticky::Auto => {
            named.is_some()
                || envelope.marks_cache
                || envelope.estimated_prompt_tokens() >= CACHED_FROM_TOKENS
        }
    };
    let mut hash = Xxh3::new();
    hash.update(client.as_bytes());
    match named {
        Some(name) => {
            hash.update(&[1]);
            hash.update(name.as_bytes());
        }
        None => {
            hash.update(&[0]);
            hash.update(&envelope.opening.to_le_bytes());
        }
    }
    sticks.then(|| hash.digest())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use switchyard_domain::{Dialect, Operation};

    use super::*;

    fn of(sticky: Sticky, dialect: Dialect, named: Option<&str>, body: &Value) -> Option<u64> {
        let body = body.to_string();
        let envelope = Envelope::read(dialect, Operation::Complete, body.as_bytes()).unwrap();
        key(sticky, "app", named, &envelope)
    }

    fn chat(messages: &[(&str, &str)]) -> Value {
        let messages: Vec<Value> =
            messages.iter().map(|(role, text)| json!({ "content": text, "role": role })).collect();
        json!({ "model": "auto", "messages": messages })
    }

    #[test]
    fn every_turn_of_a_conversation_has_its_key_and_no_other_has_it() {
        let always = |body: &Value| of(Sticky::Always, Dialect::OpenAiChat, None, body).unwrap();
        let first = chat(&[("system", "be brief"), ("user", "hello")]);
        let later =
            chat(&[("system", "be brief"), ("user", "hello"), ("assistant", "hi"), ("user", "and now?")]);
        assert_eq!(always(&first), always(&later));
        for other in [
            chat(&[("system", "be long"), ("user", "hello")]),
            chat(&[("system", "be brief"), ("user", "good evening")]),
            chat(&[("user", "hello")]),
        ] {
            assert_ne!(always(&first), always(&other), "{other}");
        }
        let messages = |marked: bool, turns: usize| {
            let mut first = json!({ "type": "text", "text": "hello" });
            if marked {
                first["cache_control"] = json!({ "type": "ephemeral" });
            }
            let mut all = vec![json!({ "role": "user", "content": [first] })];
            for _ in 1..turns {
                all.push(json!({ "role": "assistant", "content": "hi" }));
                all.push(json!({ "role": "user", "content": [{ "type": "text", "text": "more",
                    "cache_control": { "type": "ephemeral" } }] }));
            }
            json!({ "model": "auto", "max_tokens": 9, "system": "be brief", "messages": all })
        };
        let key = |body: &Value| of(Sticky::Auto, Dialect::AnthropicMessages, None, body);
        assert_eq!(key(&messages(true, 1)), key(&messages(false, 3)), "the mark moves on with the turns");
        assert!(key(&messages(true, 1)).is_some());
        assert_eq!(key(&messages(false, 1)), None, "a short prompt without a mark is not cached");
    }

    #[test]
    fn what_sticks_is_the_jobs_to_say() {
        let short = chat(&[("user", "hello")]);
        let long = chat(&[("user", &"word ".repeat(1_000))]);
        let mut named = short.clone();
        named["prompt_cache_key"] = json!("tenant-7");
        let chat = Dialect::OpenAiChat;
        for (sticky, body, header, sticks) in [
            (Sticky::Auto, &short, None, false),
            (Sticky::Auto, &short, Some("talk-1"), true),
            (Sticky::Auto, &long, None, true),
            (Sticky::Auto, &named, None, true),
            (Sticky::Always, &short, None, true),
            (Sticky::Never, &named, Some("talk-1"), false),
        ] {
            assert_eq!(of(sticky, chat, header, body).is_some(), sticks, "{sticky:?} {header:?} {body}");
        }
        let mut other_words = long.clone();
        other_words["prompt_cache_key"] = json!("tenant-7");
        let auto = |body| of(Sticky::Auto, chat, None, body);
        assert_eq!(auto(&named), auto(&other_words), "a name says more than the words");
    }
}
