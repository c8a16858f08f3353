//! A whole answer: read to its end, looked into, translated back.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use switchyard_domain::limits::HEADER_BYTES;
use switchyard_domain::map::Route;
use switchyard_domain::{Failure, FailureKind, Operation};
use switchyard_policy::{EndedBy, Patience, Silence, Waits};
use switchyard_wire::gemini::embed::asked::read_asked;
use switchyard_wire::gemini::embed::read_embed;
use switchyard_wire::{
    GatherFault, Translated, caller_tools, count_answer, gather_response, inspect_ok_body, is_stream,
    translate_response,
};

use super::failure::{from_body, from_reqwest, in_band, too_slow};
use super::request::{Embed, Translation, named, reply_options};
use super::{Answer, Whole, chunk, silent};
use crate::core::blocking;
use crate::core::clock;
use crate::walk::request::ProxyRequest;
use crate::walk::request::forwarded::filtered;

/// No answer is larger; what is would be a download, not a completion.
const LARGEST_ANSWER_BYTES: usize = 64 * 1024 * 1024;

pub(super) async fn read(
    response: Response<reqwest::Body>,
    route: &Route,
    request: &ProxyRequest,
    patience: &Patience,
    translation: Translation,
) -> Result<Answer, Failure> {
    let (head, body) = response.into_parts();
    let (status, mut headers) = (head.status, head.headers);
    let mut waits = Waits::default();
    let head_mono_ms = clock::now().mono_ms;
    waits.note(Silence::Answer, length_ms(patience.begun_mono_ms(), head_mono_ms));
    let body = collect(body, Bytes::new(), route, patience, head_mono_ms, &mut waits).await?;
    if request.operation == Operation::Complete && is_stream(translation.dialect, &body) {
        return gathered((status, headers), &body, route, request, waits, translation);
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let look = || inspect_ok_body(translation.dialect, request.operation, content_type, &body);
    let facts = blocking::run(body.len(), look).map_err(|fault| from_body(&fault, status, route))?;
    let mut lost = translation.lost;
    let body = if translation.needed {
        headers = translated_headers(&headers);
        let translated = blocking::run(body.len(), || match request.operation {
            // A compaction is never translated: only routes of the caller's dialect are asked for one.
            Operation::Complete | Operation::Compact => {
                let options = reply_options(request, route, true, translation.tools);
                translate_response(translation.dialect, request.dialect, &body, &options)
            }
            Operation::Embed => match &translation.embed {
                Some(Embed::OpenAi(facts)) => read_embed(&body, facts),
                Some(Embed::Gemini(facts)) => read_asked(&body, facts),
                None => Ok(Translated::whole(body.to_vec())),
            },
            Operation::CountTokens => count_answer(translation.dialect, request.dialect, &body),
        });
        let translated = translated.map_err(|error| {
            let message = format!("{} sent an answer that can't be read ({error}).", route.host());
            Failure { status: Some(status.as_u16()), ..Failure::new(FailureKind::Unreadable, message) }
        })?;
        lost.extend(named(&translated.degraded));
        translated.body.into()
    } else {
        headers = tellable(headers);
        body
    };
    Ok(Answer::Whole(Box::new(Whole { status, headers, body, facts, waits, lost })))
}

/// An answer that came as a stream, though it was asked for in one piece.
fn gathered(
    (status, mut headers): (StatusCode, HeaderMap),
    body: &Bytes,
    route: &Route,
    request: &ProxyRequest,
    waits: Waits,
    translation: Translation,
) -> Result<Answer, Failure> {
    let Translation { dialect, needed, tools, mut lost, .. } = translation;
    let tools = if needed { tools } else { caller_tools(request.dialect, &request.body) };
    let mut options = reply_options(request, route, true, tools);
    options.hide_thoughts &= needed;
    let gathered = blocking::run(body.len(), || gather_response(dialect, request.dialect, body, &options));
    let (translated, facts) = gathered.map_err(|fault| {
        let kind = match &fault {
            GatherFault::Error(error) => return in_band(error, route),
            GatherFault::Cut => FailureKind::Cut,
            GatherFault::Noise(_) => FailureKind::Malformed,
            GatherFault::Unreadable(_) => FailureKind::Unreadable,
        };
        let message = format!("{}: {fault}.", route.host());
        Failure { status: Some(status.as_u16()), ..Failure::new(kind, message) }
    })?;
    lost.extend(named(&translated.degraded));
    if needed {
        headers = translated_headers(&headers);
    } else {
        headers = tellable(headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(Answer::Whole(Box::new(Whole { status, headers, body: translated.body.into(), facts, waits, lost })))
}

/// The rest of a body, behind its `start`.
pub(super) async fn collect(
    mut body: reqwest::Body,
    start: Bytes,
    route: &Route,
    patience: &Patience,
    head_mono_ms: u64,
    waits: &mut Waits,
) -> Result<Bytes, Failure> {
    let mut whole: Option<Bytes> = Some(start).filter(|start| !start.is_empty());
    let mut parts = BytesMut::new();
    let mut heard = head_mono_ms;
    loop {
        let (by, ended_by) = patience.until(Silence::Body, heard);
        let chunk = match clock::until(by, chunk(&mut body)).await {
            Some(Some(Ok(chunk))) => chunk,
            Some(None) => break,
            Some(Some(Err(error))) => return Err(from_reqwest(&error, route)),
            None => return Err(stopped(patience, heard, by, ended_by, route)),
        };
        let now = clock::now().mono_ms;
        waits.note(Silence::Body, length_ms(heard, now));
        heard = now;
        if parts.len() + chunk.len() > LARGEST_ANSWER_BYTES {
            let message = format!("{} sent more than {LARGEST_ANSWER_BYTES} bytes.", route.host());
            return Err(Failure { status: Some(200), ..Failure::new(FailureKind::Unreadable, message) });
        }
        // Most answers come in one piece, which then needs no copy.
        match whole.take() {
            None if parts.is_empty() => whole = Some(chunk),
            first => {
                parts.extend_from_slice(first.as_deref().unwrap_or_default());
                parts.extend_from_slice(&chunk);
            }
        }
    }
    Ok(whole.unwrap_or_else(|| parts.freeze()))
}

/// The failure of a body whose time was over at `by`, and which was last heard of at `heard`.
fn stopped(patience: &Patience, heard: u64, by: u64, ended_by: EndedBy, route: &Route) -> Failure {
    let (silent_ms, lasted_ms) = (by.saturating_sub(heard), by.saturating_sub(patience.begun_mono_ms()));
    let is_cut_short = matches!(ended_by, EndedBy::Share | EndedBy::Deadline);
    // One that was heard of in the latter half of its time was slow, and not silent.
    if is_cut_short && silent_ms < lasted_ms / 2 {
        return too_slow(route);
    }
    let what = "stopped in the middle of its answer and was silent";
    silent(FailureKind::IdleTimeout, what, silent_ms, ended_by, route)
}

fn length_ms(from_mono_ms: u64, to_mono_ms: u64) -> u32 {
    u32::try_from(to_mono_ms.saturating_sub(from_mono_ms)).unwrap_or(u32::MAX)
}

/// The headers of a translated answer: only what still is true of it.
pub(super) fn translated_headers(upstream: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for name in ["request-id", "x-request-id", "x-amzn-requestid"] {
        if let Some(value) = upstream.get(name).filter(|value| value.len() <= HEADER_BYTES) {
            headers.insert(HeaderName::from_static("x-switchyard-upstream-request-id"), value.clone());
        }
    }
    headers
}

/// Headers of an answer that its caller gets: what the answer is, and what the provider tells of the call.
const TOLD: [&str; 11] = [
    "apim-request-id",
    "cache-control",
    "content-language",
    "content-type",
    "date",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "x-amzn-requestid",
    "x-request-id",
    "x-should-retry",
];
/// The same by their beginnings: limits that are left, the organisation, how long it took.
const TOLD_BEGINNINGS: [&str; 4] = ["anthropic-", "openai-", "ratelimit-", "x-ratelimit-"];

/// A provider's headers without what is not known to be for the caller: what belongs to the provider's connection, its
/// cookies, what tells a browser where to go or what to let in, and our own names.
pub(super) fn tellable(headers: HeaderMap) -> HeaderMap {
    filtered(headers, |name, value| {
        let name = name.as_str();
        (TOLD.contains(&name) || TOLD_BEGINNINGS.iter().any(|begin| name.starts_with(begin)))
            && value.len() <= HEADER_BYTES
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_tells_its_caller_of_the_call_and_nothing_else() {
        let mut headers: HeaderMap = [
            "access-control-allow-origin",
            "access-control-allow-private-network",
            "location",
            "refresh",
            "clear-site-data",
            "www-authenticate",
            "set-cookie",
            "x-switchyard-cache",
            "x-switchyard-job-id",
            "x-switchyard-degradations",
            "content-length",
            "transfer-encoding",
            "alt-svc",
            "server",
        ]
        .into_iter()
        .map(|name| (name.parse().unwrap(), HeaderValue::from_static("v")))
        .collect();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close, openai-hop"));
        headers.insert("openai-hop", HeaderValue::from_static("v"));
        headers.insert("openai-long", HeaderValue::from_str(&"x".repeat(2_000)).unwrap());
        let told = [
            "anthropic-organization-id",
            "content-type",
            "openai-processing-ms",
            "x-ratelimit-limit-tokens",
            "x-request-id",
        ];
        headers.extend(told.iter().map(|name| (name.parse().ok(), HeaderValue::from_static("v"))));
        let headers = tellable(headers);
        let mut kept: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        kept.sort_unstable();
        assert_eq!(kept, told);
    }
}
