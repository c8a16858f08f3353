//! What is known of the providers people name in a map: addresses, keys, pages, limits. All of it as the vendors
//! document it; nothing here is measured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::{Dialect, Feature};

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

/// What a provider's base URL is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// The same for every account.
    Fixed,
    /// A host per region (Amazon Bedrock): `{region}` is filled in.
    Region,
    /// A host per region and a path per project (Google Vertex AI): `{host}`, `{project}` and `{region}` are.
    Project,
    /// A host per account (Azure OpenAI): the map writes it.
    Account,
}

/// A known provider.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name in maps.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// What its base URL is made of.
    pub layout: Layout,
    /// Its public base URL, with `{...}` where the layout has something to fill in; empty for
    /// [`Layout::Account`].
    pub base_url: &'static str,
    /// What that URL speaks.
    pub dialect: Dialect,
    /// Further dialects that URL speaks.
    pub speaks: &'static [Dialect],
    /// Dialects it speaks at another base URL, and that URL.
    pub elsewhere: &'static [(Dialect, &'static str)],
    /// Where it lists its models (`GET`), with the same `{...}`.
    pub models: &'static str,
    /// How it wants its key.
    pub auth: Auth,
    /// The usual environment variables of its key, in order.
    pub variables: &'static [&'static str],
    /// The usual environment variables of its region, in order.
    pub region_variables: &'static [&'static str],
    /// Where it says how it is doing.
    pub status_page: Option<&'static str>,
    /// Where it takes support cases.
    pub support: Option<&'static str>,
    /// What its API can't do, whatever the model.
    pub lacks: &'static [Feature],
    /// Runs models on the user's own machines, where no token is charged for.
    pub runs_models: bool,
}

/// The usual environment variables of a Google Cloud project, in order.
pub(super) const PROJECT_VARIABLES: &[&str] = &["GOOGLE_CLOUD_PROJECT"];
const AWS_REGION_VARIABLES: &[&str] = &["AWS_REGION", "AWS_DEFAULT_REGION"];
const GOOGLE_REGION_VARIABLES: &[&str] = &["GOOGLE_CLOUD_LOCATION"];

/// An OpenAI-compatible chat API with one address for everybody; the rest is said where it differs.
const CHAT: Preset = Preset {
    name: "",
    aliases: &[],
    layout: Layout::Fixed,
    base_url: "",
    dialect: Dialect::OpenAiChat,
    speaks: &[],
    elsewhere: &[],
    models: "",
    auth: Auth::Bearer,
    variables: &[],
    region_variables: &[],
    status_page: None,
    support: None,
    lacks: &[],
    runs_models: false,
};

/// Every preset.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "anthropic",
        aliases: &["claude"],
        base_url: "https://api.anthropic.com/v1",
        dialect: Dialect::AnthropicMessages,
        models: "https://api.anthropic.com/v1/models",
        auth: Auth::XApiKey,
        variables: &["ANTHROPIC_API_KEY", "ANTHROPIC_KEY"],
        status_page: Some("https://status.anthropic.com"),
        support: Some("https://support.anthropic.com"),
        lacks: &[Feature::Audio, Feature::Choices, Feature::Logprobs],
        ..CHAT
    },
    Preset {
        name: "openai",
        base_url: "https://api.openai.com/v1",
        speaks: &[Dialect::OpenAiResponses],
        models: "https://api.openai.com/v1/models",
        variables: &["OPENAI_API_KEY"],
        status_page: Some("https://status.openai.com"),
        support: Some("https://help.openai.com"),
        lacks: &[Feature::Prefill],
        ..CHAT
    },
    Preset {
        name: "google",
        aliases: &["gemini"],
        base_url: "https://generativelanguage.googleapis.com/v1beta",
        dialect: Dialect::Gemini,
        elsewhere: &[(Dialect::OpenAiChat, "https://generativelanguage.googleapis.com/v1beta/openai")],
        models: "https://generativelanguage.googleapis.com/v1beta/models",
        auth: Auth::GoogApiKey,
        variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        status_page: Some("https://aistudio.google.com/status"),
        support: Some("https://ai.google.dev/gemini-api/docs/troubleshooting"),
        lacks: &[Feature::State],
        ..CHAT
    },
    Preset {
        name: "vertex",
        aliases: &["vertex-ai"],
        layout: Layout::Project,
        base_url: "https://{host}/v1/projects/{project}/locations/{region}",
        dialect: Dialect::Gemini,
        elsewhere: &[(
            Dialect::OpenAiChat,
            "https://{host}/v1/projects/{project}/locations/{region}/endpoints/openapi",
        )],
        models: "https://{host}/v1beta1/publishers/google/models",
        auth: Auth::GoogleOauth,
        region_variables: GOOGLE_REGION_VARIABLES,
        status_page: Some("https://status.cloud.google.com"),
        support: Some("https://cloud.google.com/support-hub"),
        lacks: &[Feature::State],
        ..CHAT
    },
    Preset {
        name: "bedrock",
        aliases: &["aws-bedrock"],
        layout: Layout::Region,
        base_url: "https://bedrock-runtime.{region}.amazonaws.com",
        dialect: Dialect::BedrockConverse,
        elsewhere: &[(Dialect::OpenAiChat, "https://bedrock-runtime.{region}.amazonaws.com/openai/v1")],
        models: "https://bedrock.{region}.amazonaws.com/foundation-models",
        auth: Auth::AwsSigv4,
        variables: &["AWS_BEARER_TOKEN_BEDROCK"],
        region_variables: AWS_REGION_VARIABLES,
        status_page: Some("https://health.aws.amazon.com/health/status"),
        support: Some("https://console.aws.amazon.com/support/home"),
        lacks: &[Feature::Choices, Feature::Logprobs, Feature::State],
        ..CHAT
    },
    Preset {
        name: "azure-openai",
        aliases: &["azure"],
        layout: Layout::Account,
        speaks: &[Dialect::OpenAiResponses],
        auth: Auth::ApiKey,
        variables: &["AZURE_OPENAI_API_KEY"],
        status_page: Some("https://azure.status.microsoft/status"),
        support: Some("https://azure.microsoft.com/support/create-ticket"),
        lacks: &[Feature::Prefill],
        ..CHAT
    },
    Preset {
        name: "meta",
        aliases: &["llama"],
        base_url: "https://api.llama.com/compat/v1",
        models: "https://api.llama.com/compat/v1/models",
        variables: &["LLAMA_API_KEY"],
        support: Some("https://llama.developer.meta.com/docs"),
        lacks: &[
            Feature::JsonMode,
            Feature::Documents,
            Feature::Audio,
            Feature::Choices,
            Feature::Logprobs,
            Feature::State,
        ],
        ..CHAT
    },
    Preset {
        name: "deepseek",
        base_url: "https://api.deepseek.com/v1",
        elsewhere: &[(Dialect::AnthropicMessages, "https://api.deepseek.com/anthropic")],
        models: "https://api.deepseek.com/models",
        variables: &["DEEPSEEK_API_KEY"],
        status_page: Some("https://status.deepseek.com"),
        support: Some("https://api-docs.deepseek.com/faq"),
        lacks: &[Feature::JsonSchema, Feature::Documents, Feature::Audio, Feature::Choices, Feature::State],
        ..CHAT
    },
    Preset {
        name: "openrouter",
        base_url: "https://openrouter.ai/api/v1",
        speaks: &[Dialect::OpenAiResponses, Dialect::AnthropicMessages],
        models: "https://openrouter.ai/api/v1/models",
        variables: &["OPENROUTER_API_KEY"],
        status_page: Some("https://status.openrouter.ai"),
        support: Some("https://openrouter.ai/docs/faq"),
        lacks: &[Feature::Choices, Feature::State],
        ..CHAT
    },
    Preset {
        name: "groq",
        base_url: "https://api.groq.com/openai/v1",
        speaks: &[Dialect::OpenAiResponses],
        models: "https://api.groq.com/openai/v1/models",
        variables: &["GROQ_API_KEY"],
        status_page: Some("https://groqstatus.com"),
        support: Some("https://console.groq.com/docs/support"),
        lacks: &[Feature::Documents, Feature::Audio, Feature::Choices, Feature::Logprobs, Feature::State],
        ..CHAT
    },
    Preset {
        name: "mistral",
        base_url: "https://api.mistral.ai/v1",
        models: "https://api.mistral.ai/v1/models",
        variables: &["MISTRAL_API_KEY"],
        status_page: Some("https://status.mistral.ai"),
        support: Some("https://help.mistral.ai"),
        lacks: &[Feature::Documents, Feature::Logprobs, Feature::State],
        ..CHAT
    },
    Preset {
        name: "ollama",
        base_url: "http://127.0.0.1:11434/v1",
        speaks: &[Dialect::OpenAiResponses, Dialect::AnthropicMessages],
        models: "http://127.0.0.1:11434/v1/models",
        auth: Auth::None,
        support: Some("https://github.com/ollama/ollama/issues"),
        lacks: &[Feature::Documents, Feature::Choices, Feature::State],
        runs_models: true,
        ..CHAT
    },
    Preset {
        name: "lmstudio",
        aliases: &["lm-studio"],
        base_url: "http://127.0.0.1:1234/v1",
        speaks: &[Dialect::OpenAiResponses, Dialect::AnthropicMessages],
        models: "http://127.0.0.1:1234/v1/models",
        auth: Auth::None,
        support: Some("https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues"),
        lacks: &[Feature::Documents, Feature::Audio, Feature::Choices],
        runs_models: true,
        ..CHAT
    },
];

/// The preset of a provider's name or alias, whatever its case.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS
        .iter()
        .find(|p| p.name.eq_ignore_ascii_case(name) || p.aliases.iter().any(|a| a.eq_ignore_ascii_case(name)))
}

/// Whether `${NAME}` of an environment variable is read for maps that don't write it: regions and projects.
#[must_use]
pub fn ambient_variables() -> Vec<&'static str> {
    let regions = PRESETS.iter().flat_map(|preset| preset.region_variables);
    let mut names: Vec<&str> = regions.chain(PROJECT_VARIABLES).copied().collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl Preset {
    /// What a written base URL speaks, if it is one of this provider's own: with or without the version segment and
    /// the slash at the end, in any region or project.
    #[must_use]
    pub fn dialect_at(&self, url: &Url) -> Option<Dialect> {
        let elsewhere = self.elsewhere.iter().find(|(_, template)| fits(template, url));
        if let Some((dialect, _)) = elsewhere {
            return Some(*dialect);
        }
        let own = match self.layout {
            Layout::Fixed | Layout::Region => fits(self.base_url, url),
            // A bare host is completed with the project.
            Layout::Project => fits(self.base_url, url) || fits("https://{host}", url),
            Layout::Account => !url.path().contains("/anthropic"),
        };
        own.then_some(self.dialect)
    }

    /// Whether a written base URL is the one its [`Preset::dialect`] lives at.
    #[must_use]
    pub fn is_own(&self, url: &Url) -> bool {
        self.dialect_at(url) == Some(self.dialect)
    }
}

/// Whether an address is of a template's making, the version segment aside.
fn fits(template: &str, url: &Url) -> bool {
    let trim = |text: &str| without_version(text.trim_end_matches('/')).trim_end_matches('/').to_owned();
    let (template, text) = (trim(template), trim(url.as_str()));
    let parts: Vec<&str> = template.split('/').collect();
    let given: Vec<&str> = text.split('/').collect();
    parts.len() == given.len() && parts.iter().zip(given).all(|(part, given)| part_fits(part, given))
}

fn part_fits(part: &str, given: &str) -> bool {
    match part {
        // `us-east5-aiplatform.googleapis.com`, `aiplatform.googleapis.com`, `aiplatform.eu.rep.googleapis.com`.
        "{host}" => given.contains("aiplatform.") && given.ends_with(".googleapis.com"),
        // Also `bedrock-runtime-fips.` and a private endpoint's `vpce-1-2.bedrock-runtime.REGION.vpce.`.
        "bedrock-runtime.{region}.amazonaws.com" => {
            given.contains("bedrock-runtime")
                && (given.ends_with(".amazonaws.com") || given.ends_with(".amazonaws.com.cn"))
        }
        "{project}" | "{region}" => !given.is_empty(),
        plain => plain == given,
    }
}

/// A path or URL without the version at its end: `/v1`, `/v1beta`, `/v1beta1`, `/v1alpha`.
pub(super) fn without_version(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((before, last)) if is_version(last) => before,
        _ => path,
    }
}

/// `v1`, `v2`, `v1beta`, `v1beta1`, `v1alpha`.
pub(super) fn is_version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix('v') else { return false };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, stage) = rest.split_at(digits);
    let stage = stage.trim_end_matches(|c: char| c.is_ascii_digit());
    !number.is_empty() && matches!(stage, "" | "alpha" | "beta")
}
