//! What a simulated provider is when healthy: its dialect, models, keys and pace.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::google_token;
use crate::latency::Latency;

/// The wire dialect a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SimDialect)]
#[serde(rename_all = "camelCase")]
pub enum Dialect {
    /// `POST /v1/chat/completions`.
    OpenaiChat,
    /// `POST /v1/responses`.
    OpenaiResponses,
    /// `POST /v1/messages`.
    Anthropic,
    /// `POST /v1beta/models/{model}:generateContent`, of Gemini and of Vertex AI.
    Gemini,
    /// `POST /model/{modelId}/converse`.
    BedrockConverse,
}

/// The settings of one simulated provider.
#[derive(Clone)]
pub struct Profile {
    /// Its name; also the path prefix it is found under on a shared port.
    pub name: String,
    /// The only dialect it answers; absent: all.
    pub dialect: Option<Dialect>,
    /// The models it knows; empty: any.
    pub models: Vec<String>,
    /// The keys it accepts; empty: any key, or none.
    pub keys: Vec<String>,
    /// The AWS access keys it knows, each with its secret; requests in the Bedrock dialect are signed with one.
    pub aws_keys: Vec<(String, String)>,
    /// The PEM public key of the service account it issues access tokens to.
    pub token_public_key: String,
    /// How long its access tokens are good for, in seconds.
    pub token_lifetime_s: u64,
    /// The longest prompt it reads, in characters; absent: no limit.
    pub context_chars: Option<usize>,
    /// Refuses what the vendor's published schema does not know.
    pub strict: bool,
    /// Continues a conversation that ends with the assistant's own words. Where the dialect has no such thing
    /// (OpenAI's), it makes no difference.
    pub prefill: bool,
    /// Asked to continue, repeats this many characters of the end first, as models do.
    pub repeats_chars: usize,
    /// Its pace.
    pub latency: Latency,
    /// Of jitter and of faults with a probability.
    pub seed: u64,
    /// The port to listen on, where it has its own; 0: any free one.
    pub port: u16,
}

impl Profile {
    /// A healthy provider that accepts every model and key, answers every dialect and takes no time.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            dialect: None,
            models: Vec::new(),
            keys: Vec::new(),
            aws_keys: vec![("AKIDSIM".to_owned(), "simsecret".to_owned())],
            token_public_key: google_token::PUBLIC_KEY.to_owned(),
            token_lifetime_s: 3600,
            context_chars: None,
            strict: true,
            prefill: true,
            repeats_chars: 0,
            latency: Latency::default(),
            seed: 1,
            port: 0,
        }
    }

    /// Answers only this dialect.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// Knows only these models.
    #[must_use]
    pub fn models<S: Into<String>>(mut self, models: impl IntoIterator<Item = S>) -> Self {
        self.models = models.into_iter().map(Into::into).collect();
        self
    }

    /// Accepts only these keys.
    #[must_use]
    pub fn keys<S: Into<String>>(mut self, keys: impl IntoIterator<Item = S>) -> Self {
        self.keys = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Knows this AWS access key and no other.
    #[must_use]
    pub fn aws_key(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.aws_keys = vec![(id.into(), secret.into())];
        self
    }

    /// Issues access tokens that are good for this many seconds.
    #[must_use]
    pub fn token_lifetime_s(mut self, seconds: u64) -> Self {
        self.token_lifetime_s = seconds;
        self
    }

    /// Issues access tokens to whoever signs with the private half of this PEM public key.
    #[must_use]
    pub fn token_public_key(mut self, pem: impl Into<String>) -> Self {
        self.token_public_key = pem.into();
        self
    }

    /// Reads prompts of at most this many characters.
    #[must_use]
    pub fn context_chars(mut self, chars: usize) -> Self {
        self.context_chars = Some(chars);
        self
    }

    /// Refuses what the vendor's published schema does not know, or, with `false`, lets it pass.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Continues a conversation that ends with the assistant's own words, or, with `false`, refuses it as the
    /// newest models do.
    #[must_use]
    pub fn prefill(mut self, prefill: bool) -> Self {
        self.prefill = prefill;
        self
    }

    /// Asked to continue, repeats this many characters of the end first.
    #[must_use]
    pub fn repeats_chars(mut self, chars: usize) -> Self {
        self.repeats_chars = chars;
        self
    }

    /// Answers at this pace.
    #[must_use]
    pub fn latency(mut self, latency: Latency) -> Self {
        self.latency = latency;
        self
    }

    /// Listens on this port of 127.0.0.1, where it has its own.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Draws jitter and chance from this seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile")
            .field("name", &self.name)
            .field("dialect", &self.dialect)
            .field("models", &self.models)
            .field("keys", &self.keys.len())
            .field("aws_keys", &self.aws_keys.len())
            .field("token_lifetime_s", &self.token_lifetime_s)
            .field("context_chars", &self.context_chars)
            .field("strict", &self.strict)
            .field("prefill", &self.prefill)
            .field("repeats_chars", &self.repeats_chars)
            .field("latency", &self.latency)
            .field("seed", &self.seed)
            .field("port", &self.port)
            .finish()
    }
}

/// What a provider thinks of one of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Accepted.
    Good,
    /// 401, as for a key that never existed.
    Revoked,
    /// The account owes money: 402 in the Anthropic dialect, 429 `insufficient_quota` in OpenAI's and the others.
    Unpaid,
    /// 429 with `Retry-After`.
    RateLimited {
        /// Seconds.
        retry_after_s: u64,
    },
}
