//! A caller's URL, which names the model and says what is asked of it.
//!
//! Every other dialect says both in the body, and everything behind the listener (routing, the queue, translation) reads
//! them there. So a Gemini caller's body is given a member of ours, [`MEMBER`], and loses it again on its way to a
//! provider: what is left are the very bytes that came.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use switchyard_domain::Operation;

/// The member of a body that holds what its URL said. No API has it.
pub const MEMBER: &str = "_url";

/// What a URL asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// The model's name, without the collection it is in.
    pub model: String,
    /// The method behind the last colon.
    pub method: Method,
}

/// The methods of a model a caller can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `:generateContent`.
    Generate,
    /// `:streamGenerateContent`.
    Stream {
        /// As server-sent events (`alt=sse`); else as a JSON list.
        sse: bool,
    },
    /// `:countTokens`.
    Count,
    /// `:embedContent`, one text.
    Embed,
    /// `:batchEmbedContents`.
    BatchEmbed,
}

/// [`MEMBER`], as it stands in a body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Told {
    /// The model.
    pub(crate) model: String,
    /// Whether a stream is asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) stream: bool,
    /// Whether one embedding is asked for, and not a batch.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) single: bool,
}

impl Url {
    /// Reads a decoded path with its query: `/v1beta/models/gemini-3-flash:streamGenerateContent` and `alt=sse`. The
    /// Gemini API's paths, Vertex AI's (`/v1/projects/../publishers/google/models/..`), and both below a base URL with a
    /// version of its own.
    #[must_use]
    pub fn read(path: &str, query: Option<&str>) -> Option<Self> {
        let (resource, method) = path.rsplit_once(':')?;
        let method = match method {
            "generateContent" => Method::Generate,
            "streamGenerateContent" => {
                let is_sse = |pair: &str| pair.trim_start_matches("%24").trim_start_matches('$') == "alt=sse";
                Method::Stream { sse: query.unwrap_or_default().split('&').any(is_sse) }
            }
            "countTokens" => Method::Count,
            "embedContent" => Method::Embed,
            "batchEmbedContents" => Method::BatchEmbed,
            _ => return None,
        };
        let model = model_of(resource)?.to_owned();
        Some(Self { model, method })
    }

    /// Whether a stream is asked for that comes as a JSON list.
    #[must_use]
    pub fn wants_list(&self) -> bool {
        self.method == Method::Stream { sse: false }
    }

    /// What kind of request it is.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self.method {
            Method::Generate | Method::Stream { .. } => Operation::Complete,
            Method::Count => Operation::CountTokens,
            Method::Embed | Method::BatchEmbed => Operation::Embed,
        }
    }

    /// The body with what the URL said in [`MEMBER`]; one text to embed becomes a batch of one. What is no JSON object stays
    /// as it is, for the reader to name its fault.
    #[must_use]
    pub fn put_into(&self, body: &Bytes) -> Bytes {
        let Some(brace) = body.iter().position(|byte| !byte.is_ascii_whitespace()) else {
            return body.clone();
        };
        if body[brace] != b'{' {
            return body.clone();
        }
        let told = Told {
            model: self.model.clone(),
            stream: matches!(self.method, Method::Stream { .. }),
            single: self.method == Method::Embed,
        };
        // A text and two flags always serialize.
        let told = serde_json::to_string(&told).unwrap_or_default();
        let mut written = Vec::with_capacity(body.len() + told.len() + 32);
        written.extend_from_slice(&body[..brace]);
        written.extend_from_slice(format!("{{\"{MEMBER}\":{told}").as_bytes());
        if self.method == Method::Embed {
            written.extend_from_slice(b",\"requests\":[");
            written.extend_from_slice(&body[brace..]);
            written.extend_from_slice(b"]}");
            return written.into();
        }
        let rest = &body[brace + 1..];
        if !rest.trim_ascii_start().starts_with(b"}") {
            written.push(b',');
        }
        written.extend_from_slice(rest);
        written.into()
    }
}

/// The model in a resource's path; a tuned model keeps its collection, by which it is told from another.
fn model_of(resource: &str) -> Option<&str> {
    let model = match resource.find("/publishers/") {
        Some(at) => resource[at..].split_once("/models/")?.1,
        None => match resource.find("/models/") {
            Some(at) => &resource[at + "/models/".len()..],
            None => &resource[resource.find("/tunedModels/")? + 1..],
        },
    };
    (!model.is_empty()).then_some(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_model_and_its_method() {
        let stream = |sse| Method::Stream { sse };
        let cases = [
            ("/v1beta/models/gemini-3-flash:generateContent", None, "gemini-3-flash", Method::Generate),
            ("/v1beta/models/auto:streamGenerateContent", Some("alt=sse"), "auto", stream(true)),
            ("/v1beta/models/auto:streamGenerateContent", Some("key=k&$alt=sse"), "auto", stream(true)),
            ("/v1/models/auto:streamGenerateContent", Some("alt=json"), "auto", stream(false)),
            ("/v1/v1beta/models/llama3.2:latest:countTokens", None, "llama3.2:latest", Method::Count),
            (
                "/v1beta/models/switchyard/vectors:batchEmbedContents",
                None,
                "switchyard/vectors",
                Method::BatchEmbed,
            ),
            ("/models/text-embedding-004:embedContent", None, "text-embedding-004", Method::Embed),
            ("/v1beta/tunedModels/mine:generateContent", None, "tunedModels/mine", Method::Generate),
            (
                "/v1beta1/projects/p/locations/l/publishers/google/models/gemini-3-pro:generateContent",
                None,
                "gemini-3-pro",
                Method::Generate,
            ),
            ("/v1beta1/publishers/google/models/auto:generateContent", None, "auto", Method::Generate),
        ];
        for (path, query, model, method) in cases {
            let expected = Url { model: model.to_owned(), method };
            assert_eq!(Url::read(path, query), Some(expected), "{path}");
        }
        for path in [
            "/v1beta/models/x",
            "/v1beta/models/:generateContent",
            "/v1beta/models/x:predict",
            "/v1/messages",
            "/v1beta/x:generateContent",
        ] {
            assert_eq!(Url::read(path, None), None, "{path}");
        }
    }

    #[test]
    fn the_urls_words_are_put_into_the_body() {
        let url = |method| Url { model: "a\"b".to_owned(), method };
        let cases = [
            (Method::Generate, r#" { "contents" : [] }"#, r#" {"_url":{"model":"a\"b"}, "contents" : [] }"#),
            (Method::Stream { sse: true }, "{}", r#"{"_url":{"model":"a\"b","stream":true}}"#),
            (
                Method::Embed,
                r#"{"content":{}}"#,
                r#"{"_url":{"model":"a\"b","single":true},"requests":[{"content":{}}]}"#,
            ),
            (Method::BatchEmbed, r#"{"requests":[]}"#, r#"{"_url":{"model":"a\"b"},"requests":[]}"#),
            (Method::Generate, "[1]", "[1]"),
            (Method::Generate, "", ""),
        ];
        for (method, body, expected) in cases {
            let written = url(method).put_into(&Bytes::from_static(body.as_bytes()));
            assert_eq!(std::str::from_utf8(&written).unwrap(), expected);
        }
    }
}
