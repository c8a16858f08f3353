//! Which models reason before they answer without being asked to, told by their names.

use crate::anthropic::claude::{Claude, ThinkingOff};
use crate::openai_models::{Reasons, reasons};

/// Whether a model is known, by its name, to reason whatever the request says: it may be silent for a minute before its
/// first word. Of a name nobody knows it is not.
///
/// Sources, besides those of OpenAI's and Claude's names: Google "Thinking" (on by default since 2.5, but for Flash-Lite),
/// xAI "Reasoning" (Grok 4, Grok 3 mini), DeepSeek "Reasoning model", Qwen3 and GLM-4.5 model cards (thinking by default),
/// Mistral "Reasoning" (Magistral).
#[must_use]
pub fn is_reasoning_model(model: &str) -> bool {
    const FAMILIES: [&str; 13] = [
        "gpt-oss",
        "gemini-2.5-pro",
        "gemini-2.5-flash",
        "gemini-3",
        "gemini-pro-latest",
        "gemini-flash-latest",
        "grok-4",
        "grok-3-mini",
        "qwen3",
        "glm-4.5",
        "glm-4.6",
        "glm-4.7",
        "glm-5",
    ];
    const WORDS: [&str; 7] = ["reasoner", "reasoning", "thinking", "think", "r1", "qwq", "magistral"];
    const PLAIN: [&str; 6] = ["non", "nonreasoning", "lite", "instruct", "coder", "embedding"];
    if matches!(reasons(model), Reasons::Always(_)) || Claude::of(model).thinking_off() == ThinkingOff::Never
    {
        return true;
    }
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let has =
        |words: &[&str]| name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| words.contains(&word));
    !has(&PLAIN) && (has(&WORDS) || FAMILIES.iter().any(|family| name.starts_with(family)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_who_reasons_unasked() {
        let reason = [
            "o3-mini",
            "openai/gpt-5-mini",
            "gpt-oss:20b",
            "gemini-3-flash",
            "models/gemini-2.5-pro",
            "deepseek-reasoner",
            "deepseek-r1:32b",
            "us.deepseek.r1-v1:0",
            "grok-4",
            "grok-4-fast-reasoning",
            "qwen3:8b",
            "qwen/qwen3-235b-a22b-thinking-2507",
            "moonshotai/kimi-k2-thinking",
            "claude-mythos-preview",
            "zai-org/GLM-4.6",
        ];
        let plain = [
            "gpt-4o-mini",
            "gpt-5-chat-latest",
            "sonnet-4.6",
            "claude-haiku-4-5",
            "gemini-2.5-flash-lite",
            "gemini-2.0-flash",
            "grok-4-fast-non-reasoning",
            "qwen3-coder:30b",
            "qwen3-embedding",
            "deepseek-chat",
            "llama3.2:latest",
            "my-deployment",
        ];
        for (names, expected) in [(&reason[..], true), (&plain[..], false)] {
            for name in names {
                assert_eq!(is_reasoning_model(name), expected, "{name}");
            }
        }
    }
}
