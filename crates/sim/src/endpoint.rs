//! What a request line asks for: which dialect, which operation, which model where the path names one.
//!
//! Read from the path's end: what comes before (`/v1`, `/v1beta/openai`, a provider's name) is the base URL's.

use http::HeaderMap;

use crate::profile::Dialect;

/// One operation of one dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) dialect: Dialect,
    pub(crate) operation: Operation,
    /// The model (or the deployment) in the path, percent-decoded.
    pub(crate) model: Option<String>,
    /// Without the `?`.
    pub(crate) query: String,
    /// Gemini's dialect as Vertex AI speaks it.
    pub(crate) vertex: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A completion. Where the dialect says so in the body, it may be a stream.
    Complete,
    /// A completion whose path says that it is a stream.
    Stream,
    CountTokens,
    Embed,
    /// Gemini's `batchEmbedContents`.
    BatchEmbed,
    Models,
    Model,
    /// Google's OAuth token endpoint.
    Token,
    Unknown,
}

impl Operation {
    /// Whether it is paid work, as against looking something up.
    pub(crate) fn is_call(self) -> bool {
        match self {
            Self::Complete | Self::Stream | Self::Embed | Self::BatchEmbed => true,
            Self::CountTokens | Self::Models | Self::Model | Self::Token | Self::Unknown => false,
        }
    }

    /// Whether it only reads, and is asked for with GET.
    pub(crate) fn is_listing(self) -> bool {
        matches!(self, Self::Models | Self::Model)
    }
}

impl Endpoint {
    /// `bound` is the only dialect the provider answers, if it is bound to one: it settles what a models
    /// listing looks like.
    pub(crate) fn of(path: &str, query: &str, headers: &HeaderMap, bound: Option<Dialect>) -> Self {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (dialect, operation, model) = completion(&segments, bound)
            .or_else(|| listing(&segments, headers, bound))
            .unwrap_or_else(|| (undecided(headers, bound), Operation::Unknown, None));
        let vertex = path.contains("/publishers/google/models/");
        Self { dialect, operation, model, query: query.to_owned(), vertex }
    }

    /// Whether a provider bound to one dialect has it. OpenAI's embeddings belong to both of its dialects.
    pub(crate) fn served_by(&self, bound: Option<Dialect>) -> bool {
        bound.is_none_or(|only| only == self.dialect)
    }

    /// A query parameter, as it stands there.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
    }
}

type Found = (Dialect, Operation, Option<String>);

fn completion(segments: &[&str], bound: Option<Dialect>) -> Option<Found> {
    let (operation, before) = match segments {
        [before @ .., "chat", "completions"] => ((Dialect::OpenaiChat, Operation::Complete), before),
        [before @ .., "responses"] => ((Dialect::OpenaiResponses, Operation::Complete), before),
        [before @ .., "embeddings"] => {
            let dialect = if bound == Some(Dialect::OpenaiResponses) {
                Dialect::OpenaiResponses
            } else {
                Dialect::OpenaiChat
            };
            ((dialect, Operation::Embed), before)
        }
        [before @ .., "messages"] => ((Dialect::Anthropic, Operation::Complete), before),
        [before @ .., "messages", "count_tokens"] => ((Dialect::Anthropic, Operation::CountTokens), before),
        [.., "model", id, "converse"] => {
            return Some((Dialect::BedrockConverse, Operation::Complete, Some(decoded(id))));
        }
        [.., "model", id, "converse-stream"] => {
            return Some((Dialect::BedrockConverse, Operation::Stream, Some(decoded(id))));
        }
        [.., "models", named] => return gemini(named),
        [.., "token"] => return Some((Dialect::Gemini, Operation::Token, None)),
        _ => return None,
    };
    // Azure names the model in the path: `/openai/deployments/{deployment}/chat/completions`.
    let deployment = match before {
        [.., "deployments", deployment] => Some(decoded(deployment)),
        _ => None,
    };
    Some((operation.0, operation.1, deployment))
}

/// `{model}:{method}`.
fn gemini(named: &str) -> Option<Found> {
    let (model, method) = named.rsplit_once(':')?;
    let operation = match method {
        "generateContent" => Operation::Complete,
        "streamGenerateContent" => Operation::Stream,
        "countTokens" => Operation::CountTokens,
        "embedContent" => Operation::Embed,
        "batchEmbedContents" => Operation::BatchEmbed,
        _ => return None,
    };
    Some((Dialect::Gemini, operation, Some(decoded(model))))
}

fn listing(segments: &[&str], headers: &HeaderMap, bound: Option<Dialect>) -> Option<Found> {
    if let [.., "foundation-models"] = segments {
        return Some((Dialect::BedrockConverse, Operation::Models, None));
    }
    let at = segments.iter().rposition(|segment| *segment == "models")?;
    let dialect = match bound {
        Some(bound) => bound,
        None if at > 0 && segments[at - 1] == "v1beta" => Dialect::Gemini,
        None => undecided(headers, None),
    };
    // A model's name may hold a slash: `vendor/model`.
    match segments[at + 1..].join("/") {
        rest if rest.is_empty() => Some((dialect, Operation::Models, None)),
        rest => Some((dialect, Operation::Model, Some(decoded(&rest)))),
    }
}

fn undecided(headers: &HeaderMap, bound: Option<Dialect>) -> Dialect {
    bound.unwrap_or_else(|| {
        if headers.contains_key("anthropic-version") { Dialect::Anthropic } else { Dialect::OpenaiChat }
    })
}

/// Percent-decoding; what is not a valid escape stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(byte) = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
