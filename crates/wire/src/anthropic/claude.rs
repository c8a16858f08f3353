//! What each Claude model takes, told by its name, wherever it runs.
//!
//! Sources: Anthropic "Adaptive thinking", "Extended thinking", "Effort", "Structured outputs" and the models'
//! migration guides (4.6: no prefill; Opus 4.7: no sampling, no thinking budget; Opus 5.5, Fable and Mythos: thinking
//! can't be switched off and tools can't be forced; Sonnet 5.5: `between_tools` in place of `disabled`). A name nobody
//! knows, such as another vendor's model behind a Messages endpoint, is taken for a Claude that takes everything.

use crate::canonical::Effort;

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThinkingMode {
    /// Not at all.
    Never,
    /// By a budget of tokens.
    Budget,
    /// By itself, guided by an effort; a budget is still taken.
    Either,
    /// By itself, guided by an effort.
    Adaptive,
}

/// How thinking is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThinkingOff {
    /// `{"type": "disabled"}`.
    Disabled,
    /// `{"type": "between_tools"}`, the least there is.
    BetweenTools,
    /// It can't be.
    Never,
}

/// A Claude model's manners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claude {
    family: Family,
    /// Major and minor; none = not told by the name.
    version: Option<(u32, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Haiku,
    Sonnet,
    Opus,
    /// Fable and Mythos.
    Always,
    Unknown,
}

impl Claude {
    /// Reads names such as `claude-sonnet-4-5-20250929`, `claude-3-7-sonnet-latest`, `anthropic/claude-4.6-opus`,
    /// `us.anthropic.claude-opus-4-6-v1:0`, `claude-opus-4@20250514`, `sonnet-4.6`.
    pub(crate) fn of(model: &str) -> Self {
        let name = model.to_ascii_lowercase();
        let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let found = words.iter().enumerate().find_map(|(at, word)| {
            let family = match *word {
                "haiku" => Family::Haiku,
                "sonnet" => Family::Sonnet,
                "opus" => Family::Opus,
                "fable" | "mythos" => Family::Always,
                _ => return None,
            };
            Some((at, family))
        });
        let Some((at, family)) = found else {
            return Self { family: Family::Unknown, version: early_version(&words) };
        };
        // Versions have one or two digits, dates eight.
        let number =
            |word: &&&str| matches!(word.len(), 1 | 2) && word.bytes().all(|byte| byte.is_ascii_digit());
        let after: Vec<&&str> = words[at + 1..].iter().take_while(number).collect();
        let mut before: Vec<&&str> = words[..at].iter().rev().take_while(number).collect();
        before.reverse();
        let digits = if after.is_empty() { before } else { after };
        let mut digits = digits.into_iter().map(|word| word.parse::<u32>().unwrap_or(0));
        let version = digits.next().map(|major| (major, digits.next().unwrap_or(0)));
        Self { family, version }
    }

    /// How it is told to think.
    pub(crate) fn thinking(self) -> ThinkingMode {
        match self.family {
            Family::Always => ThinkingMode::Adaptive,
            Family::Unknown => ThinkingMode::Budget,
            Family::Haiku | Family::Sonnet | Family::Opus => match self.version {
                Some((0..=2, _) | (3, 0..=6)) => ThinkingMode::Never,
                Some((3, _) | (4, 0..=5)) | None => ThinkingMode::Budget,
                Some((4, 6)) => ThinkingMode::Either,
                Some(_) => ThinkingMode::Adaptive,
            },
        }
    }

    /// How its thinking is switched off.
    pub(crate) fn thinking_off(self) -> ThinkingOff {
        match self.family {
            Family::Always => ThinkingOff::Never,
            Family::Sonnet if self.since((5, 5)) => ThinkingOff::BetweenTools,
            Family::Opus | Family::Haiku if self.since((5, 5)) => ThinkingOff::Never,
            Family::Haiku | Family::Sonnet | Family::Opus | Family::Unknown => ThinkingOff::Disabled,
        }
    }

    /// Whether a tool can be forced on it.
    pub(crate) fn takes_forced_tools(self) -> bool {
        match self.family {
            Family::Always => false,
            Family::Opus => !self.since((5, 5)),
            Family::Haiku | Family::Sonnet | Family::Unknown => true,
        }
    }

    /// Whether it goes on with an answer the caller began.
    pub(crate) fn takes_prefill(self) -> bool {
        self.family != Family::Always && !self.since((4, 6))
    }

    /// Whether it is known, by its name, to go on with an answer the caller began.
    pub(crate) fn is_known_to_take_prefill(self) -> bool {
        self.version.is_some() && self.takes_prefill()
    }

    /// Whether it takes `temperature`, `top_p` and `top_k`.
    pub(crate) fn takes_sampling(self) -> bool {
        self.family != Family::Always && !self.since((4, 7))
    }

    /// Whether it takes `output_config.format`.
    pub(crate) fn takes_schema(self) -> bool {
        match self.family {
            Family::Opus => self.version.is_none() || self.since((4, 1)),
            Family::Haiku | Family::Sonnet => self.version.is_none() || self.since((4, 5)),
            Family::Always | Family::Unknown => true,
        }
    }

    /// The word of `output_config.effort` nearest to an effort.
    pub(crate) fn effort(self, effort: Effort) -> &'static str {
        match effort {
            Effort::None | Effort::Minimal | Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::Max => "max",
        }
    }

    fn since(self, version: (u32, u32)) -> bool {
        self.version.is_some_and(|own| own >= version)
    }
}

/// The version of a Claude from before the families had names (`claude-instant-1.2`, `claude-2.1`, `claude-v2`), or whose
/// name leaves its family out (`claude-3`).
fn early_version(words: &[&str]) -> Option<(u32, u32)> {
    let at = words.iter().position(|word| *word == "claude")?;
    match *words.get(at + 1)? {
        "instant" => Some((1, 0)),
        "2" | "v2" => Some((2, 0)),
        "3" => Some((3, 0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_a_model_takes() {
        use ThinkingMode::{Adaptive, Budget, Either, Never};
        let cases = [
            // name, thinking, prefill, sampling, forced tools
            ("claude-3-5-sonnet-20241022", Never, true, true, true),
            ("claude-3-7-sonnet-latest", Budget, true, true, true),
            ("claude-sonnet-4-20250514", Budget, true, true, true),
            ("claude-opus-4@20250514", Budget, true, true, true),
            ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", Budget, true, true, true),
            ("claude-haiku-4-5", Budget, true, true, true),
            ("sonnet-4.6", Either, false, true, true),
            ("anthropic/claude-4.6-opus", Either, false, true, true),
            ("us.anthropic.claude-opus-4-6-v1", Either, false, true, true),
            ("claude-opus-4-7", Adaptive, false, false, true),
            ("claude-opus-5", Adaptive, false, false, true),
            ("claude-opus-5-5", Adaptive, false, false, false),
            ("claude-mythos-preview", Adaptive, false, false, false),
            ("deepseek-chat", Budget, true, true, true),
        ];
        for (name, thinking, prefill, sampling, forced) in cases {
            let claude = Claude::of(name);
            assert_eq!(claude.thinking(), thinking, "{name}");
            assert_eq!(claude.takes_prefill(), prefill, "{name}");
            assert_eq!(claude.takes_sampling(), sampling, "{name}");
            assert_eq!(claude.takes_forced_tools(), forced, "{name}");
        }
        assert_eq!(Claude::of("claude-sonnet-5-5").thinking_off(), ThinkingOff::BetweenTools);
        assert!(
            !Claude::of("claude-sonnet-4-0").takes_schema() && Claude::of("claude-opus-4-1").takes_schema()
        );
    }
}
