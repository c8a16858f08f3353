//! How hard a Claude is told to think, in the words its model takes.
//!
//! Rules of "Extended thinking": a budget is at least 1024 tokens and below `max_tokens`; thinking goes with neither a
//! forced tool nor a begun answer nor (by budget) a tool loop whose calls another model thought of, and leaves sampling
//! alone. Where two wishes exclude each other the one that shapes the answer wins, and the loss is noted.

use super::shapes::Thinking;
use crate::anthropic::claude::{Claude, ThinkingMode, ThinkingOff};
use crate::canonical::{Content, Effort, Origin, Prompt, Reasoning, Role, ToolChoice};
use crate::notes::Notes;
use crate::translate::DEFAULT_MAX_TOKENS;

/// The least budget Anthropic takes, tokens.
const LEAST_BUDGET: u64 = 1_024;
/// Below this `top_p` goes with no thinking.
const LEAST_TOP_P: f64 = 0.95;

/// What a request says of thinking, and what follows from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) thinking: Option<Thinking>,
    pub(super) effort: Option<&'static str>,
    pub(super) max_tokens: u64,
}

impl Plan {
    pub(super) fn of(prompt: &Prompt<'_>, claude: Claude, notes: &mut Notes) -> Self {
        let max_tokens = prompt.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS);
        let silent = Self { thinking: None, effort: None, max_tokens };
        let Some(asked) = prompt.reasoning else { return silent };
        if asked.is_off() {
            return silent.off(claude, notes);
        }
        if asked.effort().is_none() && !asked.adaptive {
            return silent;
        }
        let by_budget = match claude.thinking() {
            ThinkingMode::Never => {
                notes.add("reasoning_not_carried", "reasoning");
                return silent;
            }
            ThinkingMode::Budget => true,
            ThinkingMode::Either => asked.effort.is_none() && asked.budget_tokens.is_some(),
            ThinkingMode::Adaptive => false,
        };
        if claude.takes_forced_tools() && has_forced_tool(prompt)
            || by_budget && (is_prefilled(prompt) || is_in_foreign_loop(prompt))
        {
            notes.add("reasoning_not_carried", "reasoning");
            return silent;
        }
        if by_budget {
            silent.budget(asked, prompt.max_tokens.is_some(), notes)
        } else {
            silent.adaptive(asked, claude, notes)
        }
    }

    fn off(self, claude: Claude, notes: &mut Notes) -> Self {
        // Older ones think only when told to.
        if claude.thinking() != ThinkingMode::Adaptive {
            return self;
        }
        let of = |kind| Thinking { r#type: kind, budget_tokens: None, display: None };
        match claude.thinking_off() {
            ThinkingOff::Disabled => Self { thinking: Some(of("disabled")), ..self },
            ThinkingOff::BetweenTools => Self { thinking: Some(of("between_tools")), ..self },
            ThinkingOff::Never => {
                notes.add("reasoning_effort_changed", "reasoning");
                Self { effort: Some(claude.effort(Effort::Low)), ..self }
            }
        }
    }

    fn budget(self, asked: Reasoning, has_limit: bool, notes: &mut Notes) -> Self {
        let budget = asked.budget().unwrap_or_else(|| Effort::Medium.budget_tokens()).max(LEAST_BUDGET);
        let mut max_tokens = self.max_tokens;
        if !has_limit || max_tokens <= budget {
            max_tokens = max_tokens.saturating_add(budget);
            if has_limit {
                notes.add("max_tokens_raised", "max_tokens");
            }
        }
        let thinking = Thinking { r#type: "enabled", budget_tokens: Some(budget), display: None };
        Self { thinking: Some(thinking), max_tokens, ..self }
    }

    fn adaptive(self, asked: Reasoning, claude: Claude, notes: &mut Notes) -> Self {
        if asked.effort.is_none() && asked.budget_tokens.is_some() {
            notes.add("thinking_budget_as_effort", "reasoning");
        }
        let display = asked.visible.map(|visible| if visible { "summarized" } else { "omitted" });
        let thinking = Thinking { r#type: "adaptive", budget_tokens: None, display };
        Self { thinking: Some(thinking), effort: asked.effort().map(|effort| claude.effort(effort)), ..self }
    }

    /// Sampling as it may stay: temperature, `top_p`, `top_k`.
    pub(super) fn sampling(
        self,
        prompt: &Prompt<'_>,
        claude: Claude,
        notes: &mut Notes,
    ) -> (Option<f64>, Option<f64>, Option<u64>) {
        let thinks = self.thinking.is_some_and(|thinking| matches!(thinking.r#type, "enabled" | "adaptive"));
        let refused = thinks || !claude.takes_sampling();
        let is_one = |value: f64| (value - 1.0).abs() < f64::EPSILON;
        let mut temperature = prompt.temperature;
        if refused {
            if temperature.is_some_and(|value| !is_one(value)) {
                notes.add("sampling_dropped", "temperature");
            }
            temperature = None;
        }
        if temperature.is_some_and(|value| value > 1.0) {
            notes.add("temperature_clamped", "temperature");
            temperature = Some(1.0);
        }
        let mut top_p = prompt.top_p;
        // Since Claude Opus 4.1 a request may set only one of the two; chat's default means "no nucleus".
        let keeps_top_p = temperature.is_none()
            && claude.takes_sampling()
            && top_p.is_none_or(|value| !thinks || value >= LEAST_TOP_P);
        if !keeps_top_p {
            if top_p.is_some_and(|value| !is_one(value)) {
                notes.add("top_p_dropped", "top_p");
            }
            top_p = None;
        }
        if refused && prompt.top_k.is_some() {
            notes.add("sampling_dropped", "top_k");
        }
        (temperature, top_p, prompt.top_k.filter(|_| !refused))
    }
}

pub(super) fn has_forced_tool(prompt: &Prompt<'_>) -> bool {
    !prompt.tools.is_empty()
        && matches!(prompt.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)))
}

pub(super) fn is_prefilled(prompt: &Prompt<'_>) -> bool {
    prompt.turns.last().is_some_and(|turn| turn.role == Role::Assistant)
}

/// Whether the conversation ends in results of calls made without a thought of Claude's: with a budget, "a final
/// `assistant` message must start with a thinking block".
fn is_in_foreign_loop(prompt: &Prompt<'_>) -> bool {
    let mut is_answered = false;
    for turn in prompt.turns.iter().rev() {
        match turn.role {
            Role::User => {
                is_answered |=
                    turn.blocks.iter().any(|block| matches!(block.content, Content::ToolResult(_)));
            }
            Role::Assistant => {
                let is_own = turn.blocks.iter().any(|block| match &block.content {
                    Content::Thinking { signature: Some(seal), .. } | Content::RedactedThinking(seal) => {
                        seal.origin == Origin::Anthropic
                    }
                    Content::Thinking { signature: None, .. }
                    | Content::Text(_)
                    | Content::Image(_)
                    | Content::Document(_)
                    | Content::ToolUse(_)
                    | Content::ToolResult(_)
                    | Content::Refusal(_) => false,
                });
                return is_answered && !is_own;
            }
        }
    }
    false
}
