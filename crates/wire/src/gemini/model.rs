//! What a Gemini model can do, told from its name: the API refuses what a model's generation does not know.

use serde::Serialize;

use crate::canonical::{Effort, Reasoning};
use crate::notes::Notes;

/// A model's generation. A name that tells none (`gemini-flash-latest`, a tuned endpoint) counts as the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    version: (u32, u32),
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Pro,
    Flash,
    FlashLite,
    Unknown,
}

const NEWEST: (u32, u32) = (u32::MAX, 0);

/// How long a model is to think, as `generationConfig` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_thoughts: Option<bool>,
}

impl Model {
    pub(crate) fn of(name: &str) -> Self {
        let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
        let size = if name.contains("flash-lite") {
            Size::FlashLite
        } else if name.contains("flash") {
            Size::Flash
        } else if name.contains("pro") {
            Size::Pro
        } else {
            Size::Unknown
        };
        Self { version: version(&name), size }
    }

    /// Whether calls of tools must come back with their seal ("Thought signatures": validated since Gemini 3).
    pub(crate) fn demands_seals(self) -> bool {
        self.version >= (3, 0)
    }

    /// Whether a tool's answer may hold images and documents ("Function calling", multimodal responses: Gemini 3).
    pub(super) fn takes_media_in_results(self) -> bool {
        self.version >= (3, 0)
    }

    /// Whether an answer can be JSON while tools are offered ("Structured output": Gemini 3; earlier models answer
    /// "Function calling with a response mime type: 'application/json' is unsupported").
    pub(super) fn takes_json_with_tools(self) -> bool {
        self.version >= (3, 0)
    }

    /// Whether public URLs are fetched ("File input methods": not for the 2.0 family and older).
    pub(super) fn fetches_urls(self) -> bool {
        self.version >= (2, 5)
    }

    /// Whether calls can be held to their schema (mode `VALIDATED`).
    pub(super) fn validates_calls(self) -> bool {
        self.version >= (2, 5)
    }

    /// What is asked of the model's thinking, in the words of its generation.
    pub(super) fn thinking(self, asked: Reasoning, notes: &mut Notes) -> Option<ThinkingConfig> {
        if self.version < (2, 5) {
            // Models that do not think refuse the field; those asked not to think already comply.
            if !asked.is_off() && asked != Reasoning::default() {
                notes.add("thinking_not_carried", "reasoning");
            }
            return None;
        }
        let mut config = ThinkingConfig { include_thoughts: asked.visible, ..ThinkingConfig::default() };
        if self.version >= (3, 0) {
            config.thinking_level = asked.effort().map(|effort| self.level(effort, notes));
        } else if asked.adaptive && asked.budget_tokens.is_none() && asked.effort.is_none() {
            config.thinking_budget = Some(-1);
        } else {
            config.thinking_budget = asked.budget().map(|tokens| self.budget(tokens, notes));
        }
        if asked.is_off() {
            config.include_thoughts = None;
        }
        (config != ThinkingConfig::default()).then_some(config)
    }

    /// "Thinking", levels per model: no model can be told not to think; Pro and Flash since 3.7 start at `LOW`; the
    /// first Gemini 3 Pro has no `MEDIUM` (Google's own mapping of efforts makes it `HIGH`).
    fn level(self, effort: Effort, notes: &mut Notes) -> &'static str {
        let has_minimal = match self.size {
            Size::FlashLite => true,
            Size::Flash => self.version < (3, 7),
            Size::Pro | Size::Unknown => false,
        };
        if effort == Effort::None {
            notes.add("thinking_not_off", "reasoning");
        }
        match effort {
            Effort::None | Effort::Minimal if has_minimal => "MINIMAL",
            Effort::None | Effort::Minimal | Effort::Low => "LOW",
            Effort::Medium if self.size == Size::Pro && self.version == (3, 0) => "HIGH",
            Effort::Medium => "MEDIUM",
            Effort::High | Effort::Max => "HIGH",
        }
    }

    /// "Thinking", budgets per model: 2.5 Pro 128 to 32768 and never off, Flash up to 24576, Flash-Lite from 512.
    fn budget(self, tokens: u64, notes: &mut Notes) -> i64 {
        let (least, most, can_be_off) = match self.size {
            Size::Pro => (128, 32_768, false),
            Size::Flash | Size::Unknown => (1, 24_576, true),
            Size::FlashLite => (512, 24_576, true),
        };
        if tokens == 0 {
            if can_be_off {
                return 0;
            }
            notes.add("thinking_not_off", "reasoning");
        }
        i64::try_from(tokens.clamp(least, most)).unwrap_or(i64::MAX)
    }
}

/// The version in `gemini-2.5-flash-preview-09-2025` is the first thing after the family's name.
fn version(name: &str) -> (u32, u32) {
    let Some(rest) = name.strip_prefix("gemini-") else {
        return if name.starts_with("gemma-3") || name.starts_with("gemma-2") { (0, 0) } else { NEWEST };
    };
    let word = rest.split('-').next().unwrap_or(rest);
    let (major, minor) = word.split_once('.').unwrap_or((word, "0"));
    match (major.parse(), minor.parse()) {
        (Ok(major), Ok(minor)) => (major, minor),
        _ => NEWEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(effort: Option<Effort>, budget_tokens: Option<u64>) -> Reasoning {
        Reasoning { effort, budget_tokens, ..Reasoning::default() }
    }

    #[test]
    fn thinking_is_asked_for_in_the_words_of_the_models_generation() {
        let cases = [
            ("gemini-3-flash-preview", asked(Some(Effort::None), None), r#"{"thinkingLevel":"MINIMAL"}"#),
            ("gemini-3.7-flash", asked(Some(Effort::Minimal), None), r#"{"thinkingLevel":"LOW"}"#),
            ("gemini-flash-latest", asked(Some(Effort::None), None), r#"{"thinkingLevel":"LOW"}"#),
            ("gemini-3-pro-preview", asked(Some(Effort::Medium), None), r#"{"thinkingLevel":"HIGH"}"#),
            ("models/gemini-3.1-pro", asked(Some(Effort::Medium), None), r#"{"thinkingLevel":"MEDIUM"}"#),
            ("gemini-3.5-flash", asked(None, Some(20_000)), r#"{"thinkingLevel":"HIGH"}"#),
            ("gemini-2.5-pro", asked(Some(Effort::None), None), r#"{"thinkingBudget":128}"#),
            ("gemini-2.5-flash", asked(Some(Effort::None), None), r#"{"thinkingBudget":0}"#),
            ("gemini-2.5-flash-lite", asked(None, Some(100)), r#"{"thinkingBudget":512}"#),
            ("gemini-2.5-flash", asked(Some(Effort::Max), None), r#"{"thinkingBudget":24576}"#),
            (
                "gemini-2.5-pro",
                Reasoning { adaptive: true, visible: Some(true), ..Reasoning::default() },
                r#"{"thinkingBudget":-1,"includeThoughts":true}"#,
            ),
            ("gemini-2.0-flash", asked(Some(Effort::High), None), "null"),
            ("gemini-3-flash", Reasoning::default(), "null"),
        ];
        for (name, asked, expected) in cases {
            let config = Model::of(name).thinking(asked, &mut Notes::default());
            assert_eq!(serde_json::to_string(&config).unwrap(), expected, "{name} {asked:?}");
        }
    }

    #[test]
    fn what_the_model_cannot_be_told_about_its_thinking_is_noted() {
        let noted = |name: &str, effort| {
            let mut notes = Notes::default();
            Model::of(name).thinking(asked(Some(effort), None), &mut notes);
            notes.noted().iter().map(|note| note.code).collect::<Vec<_>>()
        };
        assert_eq!(noted("gemini-3-pro", Effort::None), ["thinking_not_off"]);
        assert_eq!(noted("gemini-2.5-pro", Effort::None), ["thinking_not_off"]);
        assert_eq!(noted("gemini-2.0-flash", Effort::High), ["thinking_not_carried"]);
        assert!(noted("gemini-2.0-flash", Effort::None).is_empty());
        assert!(noted("gemini-2.5-flash", Effort::None).is_empty());
    }
}
