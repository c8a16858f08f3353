//! The paths there are, and the forms in which clients write them.
//!
//! A client puts what it wants behind the base URL it was given, and people give it this router's address with a version,
//! with a slash at its end, with a vendor's prefix, or a whole endpoint. So empty segments say nothing, and what stands
//! before a known path is taken off as long as it is itself such a base.

use percent_encoding::percent_decode_str;
use switchyard_domain::{Dialect, Operation};
use switchyard_wire::gemini::url::Url;

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A request that a route answers.
    Routed(Operation),
    /// The models a client may ask for.
    Models,
    /// One of them.
    Model(String),
    /// A queued request.
    Job(String),
    /// How the router is doing. A bare base URL says it too: tools ask it first to see whether anybody is there.
    Health,
}

impl Endpoint {
    /// The methods it takes, as the `Allow` header lists them (RFC 9110, 10.2.1).
    pub(super) const fn allowed(&self) -> &'static str {
        match self {
            Self::Routed(_) => "POST, OPTIONS",
            Self::Models | Self::Model(_) | Self::Job(_) | Self::Health => "GET, HEAD, OPTIONS",
        }
    }

    /// The method that is meant to be used.
    pub(super) const fn method(&self) -> &'static str {
        match self {
            Self::Routed(_) => "POST",
            Self::Models | Self::Model(_) | Self::Job(_) | Self::Health => "GET",
        }
    }
}

/// A path that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The dialect the path belongs to; where it belongs to several, headers tell.
    pub(super) dialect: Option<Dialect>,
    pub(super) endpoint: Endpoint,
    /// What Gemini's paths say besides: the model, and whether a stream is wanted.
    pub(super) url: Option<Url>,
}

/// What a route answers, and in which dialect.
const ROUTED: [(&[&str], Dialect, Operation); 6] = [
    (&["chat", "completions"], Dialect::OpenAiChat, Operation::Complete),
    (&["embeddings"], Dialect::OpenAiChat, Operation::Embed),
    (&["responses"], Dialect::OpenAiResponses, Operation::Complete),
    (&["responses", "compact"], Dialect::OpenAiResponses, Operation::Compact),
    (&["messages"], Dialect::AnthropicMessages, Operation::Complete),
    (&["messages", "count_tokens"], Dialect::AnthropicMessages, Operation::CountTokens),
];

/// What a base URL may end in: the version, and the prefixes of vendors' own and gateways' addresses.
const BASES: [&str; 4] = ["v1", "api", "openai", "anthropic"];

/// Versions only Google's clients write.
const GOOGLES: [&str; 3] = ["v1beta", "v1beta1", "v1alpha"];

/// Names what there is, for whoever asked for something else.
pub(super) const THERE_IS: &str = "POST /v1/chat/completions, /v1/responses, /v1/responses/compact, /v1/embeddings, \
                                   /v1/messages, /v1/messages/count_tokens, \
                                   /v1beta/models/{model}:generateContent, or GET /v1/models";

/// Reads a request's path, and of its query what Gemini's paths need; `None` where there is nothing.
pub(super) fn read(path: &str, query: Option<&str>) -> Option<Target> {
    if let Some(url) = Url::read(&decoded(path), query) {
        let endpoint = Endpoint::Routed(url.operation());
        return Some(Target { dialect: Some(Dialect::Gemini), endpoint, url: Some(url) });
    }
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut rest = segments.as_slice();
    let is_googles = segments.iter().any(|segment| GOOGLES.contains(segment));
    loop {
        if let Some(target) = exactly(rest) {
            let dialect = target.dialect.or(is_googles.then_some(Dialect::Gemini));
            return Some(Target { dialect, ..target });
        }
        rest = behind_a_base(rest)?;
    }
}

fn exactly(segments: &[&str]) -> Option<Target> {
    let endpoint = match segments {
        // `OPTIONS *` asks about the server as a whole (RFC 9110, 9.3.7).
        [] | ["health" | "*"] => Endpoint::Health,
        ["models"] => Endpoint::Models,
        // Names of models hold slashes, which clients write as they are or as `%2F`.
        ["models", id @ ..] => Endpoint::Model(decoded(&id.join("/"))),
        ["switchyard", "jobs", id] => Endpoint::Job(decoded(id)),
        _ => {
            let (_, dialect, operation) = ROUTED.iter().find(|(path, ..)| *path == segments)?;
            let endpoint = Endpoint::Routed(*operation);
            return Some(Target { dialect: Some(*dialect), endpoint, url: None });
        }
    };
    Some(Target { dialect: None, endpoint, url: None })
}

/// The path behind what may be a base URL's end. A whole endpoint is one too: it was pasted as the base URL.
fn behind_a_base<'p, 's>(segments: &'p [&'s str]) -> Option<&'p [&'s str]> {
    if let [base, rest @ ..] = segments
        && (BASES.contains(base) || GOOGLES.contains(base))
    {
        return Some(rest);
    }
    // Vertex AI's resources: a project's and its place's, or a publisher's.
    if let ["projects", _, "locations", _, rest @ ..] | ["publishers", _, rest @ ..] = segments {
        return Some(rest);
    }
    let behind = |path: &[&str]| segments.get(path.len()..).filter(|_| segments.starts_with(path));
    ROUTED.iter().filter_map(|(path, ..)| behind(path)).min_by_key(|rest| rest.len())
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_path_is_understood() {
        let completions = [
            (Dialect::OpenAiChat, "/v1/chat/completions"),
            (Dialect::OpenAiResponses, "/v1/responses"),
            (Dialect::AnthropicMessages, "/v1/messages"),
        ];
        for (dialect, plain) in completions {
            let bare = plain.trim_start_matches("/v1");
            for path in [
                plain.to_owned(),
                bare.to_owned(),
                format!("/{plain}"),
                format!("{plain}/"),
                format!("{plain}//"),
                format!("/v1/{bare}"),
                format!("/v1{plain}"),
                format!("//v1/{plain}"),
                format!("/openai{plain}"),
                format!("/anthropic{plain}"),
                format!("/api{plain}"),
                format!("/v1/openai{bare}"),
                // The endpoint as base URL.
                format!("{plain}{bare}"),
                format!("{plain}{plain}"),
                format!("{plain}/{plain}"),
            ] {
                let endpoint = Endpoint::Routed(Operation::Complete);
                let expected = Some(Target { dialect: Some(dialect), endpoint, url: None });
                assert_eq!(read(&path, None), expected, "{path}");
            }
        }
    }

    #[test]
    fn a_familys_further_endpoints_are_told_from_a_base_url() {
        let routed = |dialect, operation| {
            Some(Target { dialect: Some(dialect), endpoint: Endpoint::Routed(operation), url: None })
        };
        let shared = |endpoint| Some(Target { dialect: None, endpoint, url: None });
        let googles = |endpoint| Some(Target { dialect: Some(Dialect::Gemini), endpoint, url: None });
        let auto = Endpoint::Model("auto".to_owned());
        let cases = [
            ("/v1/messages/count_tokens", routed(Dialect::AnthropicMessages, Operation::CountTokens)),
            (
                "/v1/messages/v1/messages/count_tokens",
                routed(Dialect::AnthropicMessages, Operation::CountTokens),
            ),
            (
                "/v1/messages/count_tokens/v1/messages",
                routed(Dialect::AnthropicMessages, Operation::Complete),
            ),
            ("/v1/responses/compact", routed(Dialect::OpenAiResponses, Operation::Compact)),
            ("/v1/responses//compact/", routed(Dialect::OpenAiResponses, Operation::Compact)),
            ("/v1/responses/responses/compact", routed(Dialect::OpenAiResponses, Operation::Compact)),
            ("/v1/v1/embeddings", routed(Dialect::OpenAiChat, Operation::Embed)),
            ("/v1/models", shared(Endpoint::Models)),
            ("/v1/chat/completions/models", shared(Endpoint::Models)),
            ("//v1//models/", shared(Endpoint::Models)),
            ("/v1/models/a", shared(Endpoint::Model("a".to_owned()))),
            ("/v1/models/anthropic/sonnet-4.6", shared(Endpoint::Model("anthropic/sonnet-4.6".to_owned()))),
            ("/v1/models/anthropic%2Fsonnet%3A4", shared(Endpoint::Model("anthropic/sonnet:4".to_owned()))),
            ("/v1/switchyard/jobs/job_1", shared(Endpoint::Job("job_1".to_owned()))),
            ("/", shared(Endpoint::Health)),
            ("/v1/", shared(Endpoint::Health)),
            ("/anthropic/v1", shared(Endpoint::Health)),
            ("/health", shared(Endpoint::Health)),
            ("*", shared(Endpoint::Health)),
            ("/v1beta/models", googles(Endpoint::Models)),
            ("/v1/v1beta/models/auto", googles(auto.clone())),
            ("/v1beta1/publishers/google/models/auto", googles(auto)),
            ("/v1/chat", None),
            ("/v1/responses/resp_1", None),
            ("/v1/images/generations", None),
            ("/v1/messagesx", None),
            ("/v2/messages", None),
        ];
        for (path, expected) in cases {
            assert_eq!(read(path, None), expected, "{path}");
        }
    }

    #[test]
    fn geminis_paths_name_the_model_and_the_method() {
        let read = |path, query| {
            let target = read(path, query).unwrap();
            (target.dialect, target.endpoint, target.url.unwrap().model)
        };
        let of =
            |operation, model: &str| (Some(Dialect::Gemini), Endpoint::Routed(operation), model.to_owned());
        let cases = [
            ("/v1beta/models/auto:generateContent", of(Operation::Complete, "auto")),
            ("//v1beta//models/switchyard%2Ffast:countTokens", of(Operation::CountTokens, "switchyard/fast")),
            ("/v1/v1beta/models/x:1:streamGenerateContent", of(Operation::Complete, "x:1")),
            ("/v1/models/x:batchEmbedContents", of(Operation::Embed, "x")),
        ];
        for (path, expected) in cases {
            assert_eq!(read(path, Some("alt=sse")), expected, "{path}");
        }
    }
}
