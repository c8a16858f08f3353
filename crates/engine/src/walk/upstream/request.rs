//! The request as a route wants it: body and headers. Its key is [`super::sign`]'s business.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use switchyard_domain::map::{Midstream, Route};
use switchyard_domain::{Dialect, Failure, FailureKind, Feature, Operation};
use switchyard_wire::canonical::CallerTools;
use switchyard_wire::gemini::Variant;
use switchyard_wire::gemini::embed::asked::{AskedFacts, is_single, write_asked};
use switchyard_wire::gemini::embed::{EmbedFacts, write_embed};
use switchyard_wire::{
    Degradation, Envelope, Pipe, ReplyOptions, TranslateError, caller_tools, continue_request, count_request,
    openai_responses, rewrite, strip_all_seals, strip_foreign_seals, translate_request, without_members,
};

use super::additions::Additions;
use super::{Manner, Seals};
use crate::walk::header_names;
use crate::walk::request::{ProxyRequest, forwarded};

/// The version of the Messages API that is asked for where the caller named none.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// A body ready to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) body: Bytes,
    pub(super) translation: Translation,
}

/// What was done to the body, for the way back.
#[derive(Debug)]
pub(super) struct Translation {
    /// What the upstream is spoken to in.
    pub(super) dialect: Dialect,
    /// Whether the answer has to be translated back.
    pub(super) needed: bool,
    /// The stream's way to the caller.
    pub(super) pipe: Option<Pipe>,
    /// What the answer to a translated embeddings request has to know of it.
    pub(super) embed: Option<Embed>,
    /// The caller's tools that the upstream knows otherwise, for the answer.
    pub(super) tools: Option<Arc<CallerTools>>,
    /// What could not be carried over.
    pub(super) lost: Vec<String>,
}

/// What is known of an embeddings request whose answer is written anew.
#[derive(Debug)]
pub(super) enum Embed {
    /// Of an OpenAI caller.
    OpenAi(EmbedFacts),
    /// Of a Gemini caller.
    Gemini(AskedFacts),
}

/// Writes the body for a route.
pub(super) fn write(route: &Route, request: &ProxyRequest, manner: Manner) -> Result<Outgoing, Failure> {
    let dialect = route.dialect_for(request.dialect);
    match request.operation {
        Operation::Complete | Operation::Compact => completion(route, request, dialect, manner),
        Operation::Embed if request.dialect == Dialect::Gemini => {
            embeddings_of_gemini(route, request, dialect)
        }
        Operation::Embed if dialect == Dialect::Gemini => {
            let text = std::str::from_utf8(&request.body).unwrap_or_default();
            let (translated, facts) = write_embed(text, &route.upstream_model, variant(route))
                .map_err(|error| untranslatable(&error))?;
            let mut outgoing = outgoing(dialect, translated.body.into(), true, &translated.degraded);
            outgoing.translation.embed = Some(Embed::OpenAi(facts));
            Ok(outgoing)
        }
        Operation::CountTokens if dialect != request.dialect => {
            let vertex = variant(route) == Variant::Vertex;
            count_request(request.dialect, dialect, vertex, &request.body, &route.upstream_model)
                .map(|translated| outgoing(dialect, translated.body.into(), true, &translated.degraded))
                .map_err(|error| match error {
                    // Its caller's to know, as from a provider that counts in the caller's own dialect.
                    TranslateError::Invalid { .. } => {
                        Failure { kind: FailureKind::BadRequest, ..untranslatable(&error) }
                    }
                    TranslateError::Unsupported { .. } => untranslatable(&error),
                })
        }
        Operation::Embed | Operation::CountTokens => {
            let body = rewrite(&request.body, &request.envelope, &route.upstream_model, false);
            Ok(outgoing(dialect, body, false, &[]))
        }
    }
}

/// A Gemini caller's batch of texts: the Gemini API takes it as it came, others have it written anew.
fn embeddings_of_gemini(
    route: &Route,
    request: &ProxyRequest,
    dialect: Dialect,
) -> Result<Outgoing, Failure> {
    let is_gemini_api = dialect == Dialect::Gemini && variant(route) == Variant::GeminiApi;
    if is_gemini_api {
        let body = rewrite(&request.body, &request.envelope, &route.upstream_model, false);
        let single = is_single(&request.body);
        let mut outgoing = outgoing(dialect, body, single, &[]);
        let facts = AskedFacts { upstream: dialect, inputs: request.envelope.message_count, single };
        outgoing.translation.embed = single.then_some(Embed::Gemini(facts));
        return Ok(outgoing);
    }
    let text = std::str::from_utf8(&request.body).unwrap_or_default();
    let (translated, facts) =
        write_asked(text, dialect, &route.upstream_model).map_err(|error| untranslatable(&error))?;
    let mut outgoing = outgoing(dialect, translated.body.into(), true, &translated.degraded);
    outgoing.translation.embed = Some(Embed::Gemini(facts));
    Ok(outgoing)
}

fn outgoing(dialect: Dialect, body: Bytes, needed: bool, degraded: &[Degradation]) -> Outgoing {
    let lost = named(degraded);
    Outgoing {
        body,
        translation: Translation { dialect, needed, pipe: None, embed: None, tools: None, lost },
    }
}

/// Which of Google's two APIs a route is.
fn variant(route: &Route) -> Variant {
    let path = route.base_url.path();
    let is_vertex = path.contains("/projects/") || path.contains("/publishers/");
    if is_vertex { Variant::Vertex } else { Variant::GeminiApi }
}

fn completion(
    route: &Route,
    request: &ProxyRequest,
    dialect: Dialect,
    manner: Manner,
) -> Result<Outgoing, Failure> {
    let Manner { seals, refuses_prefill, added, left_out } = manner;
    let how = request.resume.as_ref().and_then(|resume| resume.how(route, dialect, refuses_prefill));
    let (body, continued) = match (&request.resume, how) {
        (Some(resume), Some(how)) => {
            let body: Bytes = continue_request(request.dialect, &request.body, &resume.text, how)
                .map_err(|error| untranslatable(&error))?
                .into();
            let envelope = Envelope::read(request.dialect, request.operation, &body)
                .map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
            (body, Some(envelope))
        }
        _ => (request.body.clone(), None),
    };
    let envelope = continued.as_ref().unwrap_or(&request.envelope);
    let stream = envelope.stream;
    if dialect == request.dialect {
        let asked_usage = added.has(Additions::USAGE);
        let mut body = rewrite(&body, envelope, &route.upstream_model, asked_usage);
        let mut lost = Vec::new();
        if seals == Seals::TakenOut {
            body = strip_all_seals(dialect, &body, &route.upstream_model).into_owned().into();
            lost.push("thinking_dropped messages".to_owned());
        } else if envelope.has_seals {
            body = strip_foreign_seals(dialect, &body, &route.upstream_model).into_owned().into();
        }
        let pipe = stream.then(|| match &request.resume {
            Some(resume) => resume.pipe(dialect, how, caller_tools(request.dialect, &request.body)),
            None => {
                let options = reply_options(request, route, false, None);
                Pipe::passthrough(dialect, asked_usage, options, keeps(request), wants_json(request))
            }
        });
        return Ok(Outgoing {
            body,
            translation: Translation { dialect, needed: false, pipe, embed: None, tools: None, lost },
        });
    }
    if let Some(odd) = &envelope.odd {
        let failure = Failure::new(FailureKind::NotTranslatable, odd.to_string());
        return Err(Failure { param: odd.field.clone(), ..failure });
    }
    let mut lost = Vec::new();
    let body = if seals == Seals::TakenOut {
        lost.push("thinking_dropped messages".to_owned());
        strip_all_seals(request.dialect, &body, &route.upstream_model).into_owned().into()
    } else {
        body
    };
    let translated = translate_request(request.dialect, dialect, &body, &route.upstream_model)
        .map_err(|error| untranslatable(&error))?;
    lost.extend(named(&translated.degraded));
    let tools = translated.tools;
    let pipe = stream.then(|| match &request.resume {
        Some(resume) => resume.pipe(dialect, how, tools.clone()),
        None => {
            let options = reply_options(request, route, true, tools.clone());
            Pipe::translating(dialect, request.dialect, options, keeps(request), wants_json(request))
        }
    });
    let left_out = left_out.members();
    let body = if left_out.is_empty() {
        translated.body.into()
    } else {
        without_members(translated.body, &left_out).into()
    };
    Ok(Outgoing { body, translation: Translation { dialect, needed: true, pipe, embed: None, tools, lost } })
}

/// Whether what a stream says is kept in mind, to be continued if it breaks off.
fn keeps(request: &ProxyRequest) -> bool {
    request.job.midstream != Midstream::Error
}

/// Whether the answer is to be JSON, which is never continued.
fn wants_json(request: &ProxyRequest) -> bool {
    let features = request.envelope.features;
    features.has(Feature::JsonMode) || features.has(Feature::JsonSchema)
}

/// What a translated answer needs of its request.
pub(super) fn reply_options(
    request: &ProxyRequest,
    route: &Route,
    translating: bool,
    tools: Option<Arc<CallerTools>>,
) -> ReplyOptions {
    let echoes = translating && request.dialect == Dialect::OpenAiResponses;
    ReplyOptions {
        include_usage: request.envelope.include_usage == Some(true),
        created_unix_s: u64::try_from(request.arrived.wall_ms / 1_000).unwrap_or(0),
        hide_thoughts: !request.envelope.features.has(Feature::Reasoning),
        echo: echoes.then(|| openai_responses::echo(&request.body)).flatten(),
        fallback_id: Some(request.id.as_str().into()),
        fallback_model: Some(route.upstream_model.as_str().into()),
        tools,
        estimated_prompt_tokens: request.envelope.estimated_prompt_tokens(),
    }
}

fn untranslatable(error: &TranslateError) -> Failure {
    let param = error.field().map(str::to_owned);
    Failure { param, ..Failure::new(FailureKind::NotTranslatable, error.to_string()) }
}

/// What could not be carried over, as it stands in the response header: `field_dropped messages[0].name`.
pub(super) fn named(degraded: &[Degradation]) -> Vec<String> {
    degraded.iter().map(|lost| format!("{} {}", lost.code, lost.field)).collect()
}

/// The headers that are the same for every request of a route.
pub(super) fn fixed_headers(route: &Route) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("switchyard/", env!("CARGO_PKG_VERSION"))),
    );
    if route.dialect == Dialect::AnthropicMessages || route.speaks.contains(&Dialect::AnthropicMessages) {
        headers.insert(&header_names::ANTHROPIC_VERSION, HeaderValue::from_static(ANTHROPIC_VERSION));
    }
    for (name, value) in &route.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is not a header name"))?;
        let mut value =
            HeaderValue::from_str(value).map_err(|_| format!("the value of `{name}` can't be sent"))?;
        // Written values may come from credentials.
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Adds the caller's headers that mean something upstream. The map's own headers win.
pub(super) fn forward(headers: &mut HeaderMap, route: &Route, request: &ProxyRequest) {
    let same = route.dialect_for(request.dialect) == request.dialect;
    for name in request.headers.keys() {
        let vendor = name.as_str().starts_with("anthropic-") || name.as_str().starts_with("openai-");
        if forwarded::is_for(route, name)
            && (same || !vendor)
            && !route.headers.iter().any(|(own, _)| own == name.as_str())
        {
            // Lines of one name are one list (RFC 9110, 5.3): all of them take the place of what we would send.
            headers.remove(name);
            headers.extend(request.headers.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        }
    }
    // The rest of a broken answer is another request than the whole of it.
    if request.resume.is_none() {
        headers.insert(&header_names::IDEMPOTENCY_KEY, request.upstream_idempotency_key.clone());
    }
}
