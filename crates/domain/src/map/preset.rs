//! What is known of the providers people name in a map. URLs are the vendors' documented ones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Dialect;

/// How a key is presented to an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// `x-api-key: KEY` (Anthropic).
    XApiKey,
    /// `api-key: KEY` (Azure OpenAI).
    ApiKey,
    /// `x-goog-api-key: KEY` (Gemini API).
    GoogApiKey,
    /// A signature made with an AWS access key (Signature Version 4).
    AwsSigv4,
    /// `Authorization: Bearer TOKEN` with a token fetched for a Google service account or user.
    GoogleOauth,
    /// No key at all (a local model server).
    None,
    /// The caller's own `Authorization` or `x-api-key` goes upstream; the local key comes in `x-switchyard-key`.
    Passthrough,
}

/// A known provider.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name in maps.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// Its public base URL.
    pub base_url: &'static str,
    /// What that URL speaks.
    pub dialect: Dialect,
    /// How it wants its key.
    pub auth: Auth,
    /// The usual environment variables of its key, in order.
    pub variables: &'static [&'static str],
    /// Where it says how it is doing.
    pub status_page: Option<&'static str>,
    /// Where it takes support cases.
    pub support: Option<&'static str>,
    /// Further dialects its URL speaks.
    pub speaks: &'static [Dialect],
}

const fn chat(
    name: &'static str,
    aliases: &'static [&'static str],
    base_url: &'static str,
    variables: &'static [&'static str],
    status_page: Option<&'static str>,
) -> Preset {
    Preset {
        name,
        aliases,
        base_url,
        dialect: Dialect::OpenAiChat,
        auth: Auth::Bearer,
        variables,
        status_page,
        support: None,
        speaks: &[],
    }
}

/// Every preset.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "anthropic",
        aliases: &["claude"],
        base_url: "https://api.anthropic.com/v1",
        dialect: Dialect::AnthropicMessages,
        auth: Auth::XApiKey,
        variables: &["ANTHROPIC_API_KEY", "ANTHROPIC_KEY"],
        status_page: Some("https://status.anthropic.com"),
        support: Some("https://support.anthropic.com"),
        speaks: &[],
    },
    chat("openai", &[], "https://api.openai.com/v1", &["OPENAI_API_KEY"], Some("https://status.openai.com")),
    chat(
        "google",
        &["gemini"],
        "https://generativelanguage.googleapis.com/v1beta/openai",
        &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        Some("https://aistudio.google.com/status"),
    ),
    chat(
        "deepseek",
        &[],
        "https://api.deepseek.com/v1",
        &["DEEPSEEK_API_KEY"],
        Some("https://status.deepseek.com"),
    ),
    chat(
        "openrouter",
        &[],
        "https://openrouter.ai/api/v1",
        &["OPENROUTER_API_KEY"],
        Some("https://status.openrouter.ai"),
    ),
    chat("groq", &[], "https://api.groq.com/openai/v1", &["GROQ_API_KEY"], Some("https://groqstatus.com")),
    chat(
        "mistral",
        &[],
        "https://api.mistral.ai/v1",
        &["MISTRAL_API_KEY"],
        Some("https://status.mistral.ai"),
    ),
    chat("meta", &["llama"], "https://api.llama.com/compat/v1", &["LLAMA_API_KEY"], None),
    Preset { auth: Auth::None, ..chat("ollama", &[], "http://127.0.0.1:11434/v1", &[], None) },
    Preset { auth: Auth::None, ..chat("lmstudio", &["lm-studio"], "http://127.0.0.1:1234/v1", &[], None) },
];

/// The preset of a provider's name or alias, whatever its case.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS
        .iter()
        .find(|p| p.name.eq_ignore_ascii_case(name) || p.aliases.iter().any(|a| a.eq_ignore_ascii_case(name)))
}
