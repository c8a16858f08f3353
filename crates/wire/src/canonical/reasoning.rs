//! How long a model thinks before it answers.

/// What a caller asks of a model's thinking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// How hard, in OpenAI's words.
    pub effort: Option<Effort>,
    /// At most so many tokens (Anthropic's `budget_tokens`, Gemini's `thinkingBudget`).
    pub budget_tokens: Option<u64>,
    /// Whether the model may choose by itself how long (Anthropic's `adaptive`, Gemini's budget -1).
    pub adaptive: bool,
    /// Whether the thinking, or a summary of it, is to be shown; none = not said.
    pub visible: Option<bool>,
}

/// How hard a model thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    None,
    /// Next to nothing.
    Minimal,
    /// A little.
    Low,
    /// OpenAI's default.
    Medium,
    /// Long.
    High,
    /// As long as it takes (OpenAI's `xhigh`, Anthropic's `max`).
    Max,
}

impl Effort {
    /// Reads OpenAI's `reasoning_effort` and Anthropic's `output_config.effort`.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::None),
            "minimal" => Some(Self::Minimal),
            "low" => Some(Self::Low),
            "medium" => Some(Self::Medium),
            "high" => Some(Self::High),
            "xhigh" | "max" => Some(Self::Max),
            _ => None,
        }
    }

    /// The word OpenAI has for it.
    #[must_use]
    pub const fn as_openai(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Max => "xhigh",
        }
    }

    /// Thinking tokens that stand for it where a budget is asked for: Google's own table for its OpenAI-compatible
    /// endpoint ("OpenAI compatibility", thinking), continued upwards.
    #[must_use]
    pub const fn budget_tokens(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Minimal | Self::Low => 1_024,
            Self::Medium => 8_192,
            Self::High => 24_576,
            Self::Max => 32_000,
        }
    }

    /// The effort a budget comes nearest to.
    #[must_use]
    pub const fn of_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::None,
            1..=1_024 => Self::Low,
            1_025..=8_192 => Self::Medium,
            8_193..=24_576 => Self::High,
            24_577.. => Self::Max,
        }
    }
}

impl Reasoning {
    /// The effort asked for, from the budget where only that was given.
    #[must_use]
    pub fn effort(self) -> Option<Effort> {
        self.effort.or_else(|| self.budget_tokens.map(Effort::of_budget))
    }

    /// The budget asked for, from the effort where only that was given, tokens.
    #[must_use]
    pub fn budget(self) -> Option<u64> {
        self.budget_tokens.or_else(|| self.effort.map(Effort::budget_tokens))
    }

    /// Whether thinking was switched off.
    #[must_use]
    pub fn is_off(self) -> bool {
        !self.adaptive && self.effort() == Some(Effort::None)
    }
}
