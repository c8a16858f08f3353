//! The kinds of upstream a map can name: how a scenario reaches each, and with which key.

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Profile, Provider};

/// A kind of upstream: what it speaks, where, and how it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// OpenAI-compatible Chat Completions, without a key.
    Chat,
    /// OpenAI Responses, without a key.
    Responses,
    /// Anthropic Messages, without a key.
    Anthropic,
    /// Google's Gemini API, with an API key.
    Gemini,
    /// Google Vertex AI, with a service account.
    Vertex,
    /// Amazon Bedrock, with an AWS access key.
    Bedrock,
    /// Azure OpenAI, with an API key.
    Azure,
}

const API_KEY: &str = "sim-api-key-0123456789abcdef";

impl From<Dialect> for Kind {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenaiChat => Self::Chat,
            Dialect::OpenaiResponses => Self::Responses,
            Dialect::Anthropic => Self::Anthropic,
            Dialect::Gemini => Self::Gemini,
            Dialect::BedrockConverse => Self::Bedrock,
        }
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Chat,
        Self::Responses,
        Self::Anthropic,
        Self::Gemini,
        Self::Vertex,
        Self::Bedrock,
        Self::Azure,
    ];

    /// Its name: of its provider, and so of its route, in a world of every kind.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Vertex => "vertex",
            Self::Bedrock => "bedrock",
            Self::Azure => "azure",
        }
    }

    /// The job of a world of every kind that has this one as its Hot and that one as its Warm.
    #[must_use]
    pub fn then(self, warm: Self) -> String {
        format!("{}-{}", self.name(), warm.name())
    }

    /// A simulated provider of this kind.
    #[must_use]
    pub fn profile(self, name: impl Into<String>) -> Profile {
        let profile = Profile::new(name);
        match self {
            Self::Chat => profile.dialect(Dialect::OpenaiChat),
            Self::Responses => profile.dialect(Dialect::OpenaiResponses),
            Self::Anthropic => profile.dialect(Dialect::Anthropic),
            Self::Gemini => profile.dialect(Dialect::Gemini).keys([API_KEY]),
            Self::Vertex => profile.dialect(Dialect::Gemini),
            Self::Bedrock => profile.dialect(Dialect::BedrockConverse),
            // It has Chat Completions and Responses at the same address.
            Self::Azure => profile.keys([API_KEY]),
        }
    }

    /// A route to such a provider. Its id is the provider's name.
    #[must_use]
    pub fn route(self, provider: &Provider) -> Value {
        let (url, at) = (provider.url(), |path: &str| format!("{}{path}", provider.url()));
        let (base_url, dialect, auth) = match self {
            Self::Chat => (url.to_owned(), "openai-chat", "none"),
            Self::Responses => (url.to_owned(), "openai-responses", "none"),
            Self::Anthropic => (url.to_owned(), "anthropic", "none"),
            Self::Gemini => (url.to_owned(), "gemini", "goog-api-key"),
            Self::Vertex => (at("/v1/projects/sim/locations/us-central1"), "gemini", "google-oauth"),
            Self::Bedrock => (url.to_owned(), "bedrock-converse", "aws-sigv4"),
            Self::Azure => (at("/openai/v1"), "openai-chat", "api-key"),
        };
        let mut route = json!({
            "id": provider.name(),
            "provider": provider.name(),
            "model": format!("{}-1", provider.name()),
            "baseUrl": base_url,
            "dialect": dialect,
            "auth": auth,
        });
        if self == Self::Azure {
            route["speaks"] = json!(["openai-responses"]);
        }
        route
    }

    /// What is stored as the credential of such a provider.
    #[must_use]
    pub fn credential(self, provider: &Provider) -> Option<String> {
        match self {
            Self::Chat | Self::Responses | Self::Anthropic => None,
            Self::Gemini | Self::Azure => Some(API_KEY.to_owned()),
            Self::Vertex => Some(provider.google_service_account().to_string()),
            Self::Bedrock => Some("AKIDSIM:simsecret".to_owned()),
        }
    }

    /// A model's name upstream that thinks when it is asked to, by the vendor's own naming.
    #[must_use]
    pub const fn thinker(self) -> &'static str {
        match self {
            Self::Chat | Self::Responses | Self::Azure => "gpt-5-mini",
            Self::Anthropic => "claude-sonnet-4-5",
            Self::Gemini | Self::Vertex => "gemini-2.5-flash",
            Self::Bedrock => "anthropic.claude-sonnet-4-5-20250929-v1:0",
        }
    }

    /// Whether it shows what it thinks. OpenAI's chat only counts it.
    #[must_use]
    pub const fn shows_thinking(self) -> bool {
        match self {
            Self::Chat | Self::Azure => false,
            Self::Responses | Self::Anthropic | Self::Gemini | Self::Vertex | Self::Bedrock => true,
        }
    }

    /// Whether it is told that a tool failed, and not only what it said.
    #[must_use]
    pub const fn knows_failed_tools(self) -> bool {
        match self {
            Self::Anthropic | Self::Bedrock | Self::Gemini | Self::Vertex => true,
            Self::Chat | Self::Responses | Self::Azure => false,
        }
    }
}
