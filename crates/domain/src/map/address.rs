//! Where each request of a route goes: the paths of each dialect below a base URL.
//!
//! Base URLs are taken with and without their version segment, and a whole endpoint is taken for its base URL. One that
//! stands for a whole service (Vertex, Azure OpenAI) was completed when the map was proven; here only the last part is added.

use std::fmt::Write as _;

use url::Url;

use super::preset::{is_version, without_version};
use super::proven::Route;
use crate::{Dialect, Operation};

impl Route {
    /// Where a request is posted: in a dialect, to do something, streaming or not. `None` where the dialect has no
    /// such endpoint, or the model's name can't stand in an address.
    #[must_use]
    pub fn address(&self, dialect: Dialect, operation: Operation, stream: bool) -> Option<Url> {
        let place = Place {
            base: &self.base_url,
            model: &self.upstream_model,
            api_version: self.api_version.as_deref(),
        };
        place.address(dialect, operation, stream)
    }
}

/// What an address is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) base: &'a Url,
    pub(super) model: &'a str,
    pub(super) api_version: Option<&'a str>,
}

impl Place<'_> {
    pub(super) fn address(self, dialect: Dialect, operation: Operation, stream: bool) -> Option<Url> {
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => self.openai(dialect, operation),
            Dialect::AnthropicMessages => self.anthropic(operation),
            Dialect::Gemini => self.gemini(operation, stream),
            Dialect::BedrockConverse => self.bedrock(operation, stream),
        }
    }

    /// Where the models are listed, by a dialect's own rule.
    pub(super) fn models(self, dialect: Dialect) -> Url {
        let path = self.path();
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                let path = if self.is_dated() {
                    format!("{path}/models")
                } else {
                    format!("{}/models", openai_base(path))
                };
                self.with_api_version(self.at(&path))
            }
            Dialect::AnthropicMessages => self.at(&format!("{}/models", versioned(path, "v1"))),
            Dialect::Gemini => {
                match path.split_once("/projects/").or_else(|| path.split_once("/publishers/")) {
                    // Only the beta API lists the models of a publisher.
                    Some((service, _)) => {
                        self.at(&format!("{}/v1beta1/publishers/google/models", without_version(service)))
                    }
                    None => self.at(&format!("{}/models", gemini_base(path))),
                }
            }
            Dialect::BedrockConverse => {
                let mut url = self.at(&format!("{path}/foundation-models"));
                let control = url.host_str().and_then(|host| {
                    host.strip_prefix("bedrock-runtime").map(|rest| format!("bedrock{rest}"))
                });
                if let Some(control) = control {
                    // A host made of a valid one's parts is valid; the address stays as it is otherwise.
                    let _ = url.set_host(Some(&control));
                }
                url
            }
        }
    }

    fn openai(self, dialect: Dialect, operation: Operation) -> Option<Url> {
        let what = match (operation, dialect) {
            (Operation::Complete, Dialect::OpenAiResponses) => "responses",
            (Operation::Complete, _) => "chat/completions",
            (Operation::Embed, _) => "embeddings",
            (Operation::Compact, Dialect::OpenAiResponses) => "responses/compact",
            (Operation::CountTokens | Operation::Compact, _) => return None,
        };
        let path = self.path();
        let path = match (self.is_dated(), what) {
            (true, "responses" | "responses/compact") => format!("{path}/{what}"),
            (true, _) => format!("{path}/deployments/{}/{what}", segment(self.model)?),
            (false, _) => format!("{}/{what}", openai_base(path)),
        };
        Some(self.with_api_version(self.at(&path)))
    }

    fn anthropic(self, operation: Operation) -> Option<Url> {
        let what = match operation {
            Operation::Complete => "messages",
            Operation::CountTokens => "messages/count_tokens",
            Operation::Embed | Operation::Compact => return None,
        };
        Some(self.at(&format!("{}/{what}", versioned(self.path(), "v1"))))
    }

    fn gemini(self, operation: Operation, stream: bool) -> Option<Url> {
        let path = self.path();
        let is_vertex = path.contains("/projects/") || path.contains("/publishers/");
        let method = match operation {
            Operation::Complete if stream => "streamGenerateContent",
            Operation::Complete => "generateContent",
            Operation::CountTokens => "countTokens",
            Operation::Embed if is_vertex => "predict",
            Operation::Embed => "batchEmbedContents",
            Operation::Compact => return None,
        };
        let model = self.model.split('/').map(segment).collect::<Option<Vec<_>>>()?.join("/");
        let resource = if is_vertex {
            let service = path.split("/publishers/").next().unwrap_or(path);
            if model.starts_with("publishers/") || model.starts_with("endpoints/") {
                format!("{service}/{model}")
            } else {
                format!("{service}/publishers/google/models/{}", model.trim_start_matches("models/"))
            }
        } else {
            let named = model.starts_with("models/") || model.starts_with("tunedModels/");
            format!("{}/{}{model}", gemini_base(path), if named { "" } else { "models/" })
        };
        let mut url = self.at(&format!("{resource}:{method}"));
        if stream && operation == Operation::Complete {
            url.set_query(Some("alt=sse"));
        }
        Some(url)
    }

    /// Model ids hold `:` and, where they are ARNs, `/`: one segment, encoded.
    fn bedrock(self, operation: Operation, stream: bool) -> Option<Url> {
        let what = match operation {
            Operation::Complete if stream => "converse-stream",
            Operation::Complete => "converse",
            Operation::CountTokens => "count-tokens",
            Operation::Embed | Operation::Compact => return None,
        };
        let path = self.path();
        let path = path.strip_suffix("/model").unwrap_or(path);
        Some(self.at(&format!("{path}/model/{}/{what}", segment(self.model)?)))
    }

    fn path(&self) -> &str {
        self.base.path().trim_end_matches('/')
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// Whether the API version is a date: those have an address per deployment. `preview` and `v1` have not.
    fn is_dated(self) -> bool {
        is_dated(self.api_version)
    }

    fn with_api_version(self, mut url: Url) -> Url {
        if let Some(version) = self.api_version {
            url.query_pairs_mut().append_pair("api-version", version);
        }
        url
    }
}

/// Whether an API version of Azure OpenAI is a date (`2024-10-21`, `2025-04-01-preview`).
pub(super) fn is_dated(api_version: Option<&str>) -> bool {
    api_version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

/// The endpoints that documentation shows as a provider's address, and people paste as its base URL.
const ENDPOINTS: [&[&str]; 7] = [
    &["chat", "completions"],
    &["responses"],
    &["responses", "compact"],
    &["embeddings"],
    &["messages"],
    &["messages", "count_tokens"],
    &["models"],
];

/// A base URL as written, without what is no part of one: empty segments, an endpoint, a version that stands there twice.
pub(super) fn normalized(mut url: Url) -> Url {
    let mut segments: Vec<&str> = url.path().split('/').filter(|segment| !segment.is_empty()).collect();
    while let Some(length) = endpoint_length(&segments) {
        segments.truncate(segments.len() - length);
    }
    segments.dedup_by(|second, first| first == second && is_version(first));
    let path = format!("/{}", segments.join("/"));
    if path.trim_end_matches('/') != url.path().strip_suffix('/').unwrap_or(url.path()) {
        url.set_path(&path);
    }
    url
}

/// How many segments at a path's end are an endpoint.
fn endpoint_length(segments: &[&str]) -> Option<usize> {
    if let Some(endpoint) = ENDPOINTS.iter().find(|endpoint| segments.ends_with(endpoint)) {
        return Some(endpoint.len());
    }
    match segments {
        [.., "models", last]
            if last.ends_with(":generateContent") || last.ends_with(":streamGenerateContent") =>
        {
            Some(2)
        }
        [.., "model", _, "converse" | "converse-stream"] => Some(3),
        _ => None,
    }
}

/// A bare host gets `/v1`, a path is taken as written.
fn openai_base(path: &str) -> String {
    if path.is_empty() { "/v1".to_owned() } else { path.to_owned() }
}

/// The path with a version at its end: its own, else this one.
fn versioned(path: &str, version: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    if is_version(last) { path.to_owned() } else { format!("{path}/{version}") }
}

/// The Gemini API's base, also where that of its OpenAI-compatible neighbour or the models list was written.
fn gemini_base(path: &str) -> String {
    let path = path.strip_suffix("/openai").or_else(|| path.strip_suffix("/models")).unwrap_or(path);
    versioned(path, "v1beta")
}

/// A name as one path segment; `None` for those that would change the path.
fn segment(name: &str) -> Option<String> {
    if matches!(name, "" | "." | "..") {
        return None;
    }
    let mut out = String::with_capacity(name.len() + 8);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Some(out)
}
