//! What a request may ask of a route besides plain text, and which of it a route can't do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something not every model or endpoint can do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, ToSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Feature {
    /// Streams.
    Stream,
    /// Tools offered to the model.
    Tools,
    /// Several tool calls in one answer.
    ParallelTools,
    /// "Answer with JSON" without a schema.
    JsonMode,
    /// Answers that follow a JSON Schema.
    JsonSchema,
    /// Images in the prompt.
    Vision,
    /// Documents (PDF) in the prompt.
    Documents,
    /// Sound in the prompt or the answer.
    Audio,
    /// A conversation that ends with the beginning of the answer.
    Prefill,
    /// Reasoning that can be asked for.
    Reasoning,
    /// Several answers to one prompt (`n`).
    Choices,
    /// Token probabilities.
    Logprobs,
    /// State the provider keeps (`previous_response_id`, stored files): only where it lies can it be used.
    State,
    /// Tools the provider runs itself (web search, code execution).
    ServerTools,
}

impl Feature {
    /// Every feature.
    pub const ALL: [Self; 14] = [
        Self::Stream,
        Self::Tools,
        Self::ParallelTools,
        Self::JsonMode,
        Self::JsonSchema,
        Self::Vision,
        Self::Documents,
        Self::Audio,
        Self::Prefill,
        Self::Reasoning,
        Self::Choices,
        Self::Logprobs,
        Self::State,
        Self::ServerTools,
    ];

    /// The name used in maps, headers and the compatibility matrix.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Tools => "tools",
            Self::ParallelTools => "parallelTools",
            Self::JsonMode => "jsonMode",
            Self::JsonSchema => "jsonSchema",
            Self::Vision => "vision",
            Self::Documents => "documents",
            Self::Audio => "audio",
            Self::Prefill => "prefill",
            Self::Reasoning => "reasoning",
            Self::Choices => "choices",
            Self::Logprobs => "logprobs",
            Self::State => "state",
            Self::ServerTools => "serverTools",
        }
    }

    /// In a sentence: "has no ...".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Stream => "streams",
            Self::Tools => "tools",
            Self::ParallelTools => "parallel tool calls",
            Self::JsonMode => "JSON mode",
            Self::JsonSchema => "JSON Schema answers",
            Self::Vision => "images",
            Self::Documents => "documents",
            Self::Audio => "audio",
            Self::Prefill => "prefilled answers",
            Self::Reasoning => "reasoning",
            Self::Choices => "several answers at once",
            Self::Logprobs => "token probabilities",
            Self::State => "the provider's stored state",
            Self::ServerTools => "the provider's own tools",
        }
    }
}

/// A set of features.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FeatureSet(u16);

impl FeatureSet {
    /// No feature.
    pub const NONE: Self = Self(0);

    /// The set of these features.
    #[must_use]
    pub const fn of(features: &[Feature]) -> Self {
        let mut set = Self(0);
        let mut at = 0;
        while at < features.len() {
            set.0 |= 1 << features[at] as u16;
            at += 1;
        }
        set
    }

    /// Adds a feature.
    pub const fn insert(&mut self, feature: Feature) {
        self.0 |= 1 << feature as u16;
    }

    /// Takes a feature out.
    pub const fn remove(&mut self, feature: Feature) {
        self.0 &= !(1 << feature as u16);
    }

    /// Whether it holds the feature.
    #[must_use]
    pub const fn has(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u16) != 0
    }

    /// Features in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Features in this one and not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Features in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its features, in the order of [`Feature::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.into_iter().filter(move |feature| self.has(*feature))
    }
}

impl FromIterator<Feature> for FeatureSet {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        let mut set = Self::NONE;
        for feature in features {
            set.insert(feature);
        }
        set
    }
}

impl std::fmt::Debug for FeatureSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter().map(Feature::as_str)).finish()
    }
}
