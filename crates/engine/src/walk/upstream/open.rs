//! A stream up to its first meaningful byte, and over the time it is held back. Until then nothing has reached the
//! caller and another route may answer.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use switchyard_domain::map::Route;
use switchyard_domain::{Dialect, Failure, FailureKind, Operation};
use switchyard_policy::{Patience, Waits};
use switchyard_wire::{Form, FrameDecoder, Observed, StreamEnd, caller_tools, inspect_ok_body};

use super::event::next;
use super::failure::{Secrets, from_body, from_reqwest, in_band};
use super::request::Translation;
use super::whole::{self, tellable, translated_headers};
use super::{Opened, Traits, chunk, silent};
use crate::core::blocking;
use crate::core::clock;
use crate::walk::request::ProxyRequest;

/// What comes before a stream's first meaningful byte, or is held back behind it, is kept up to so many bytes. Openings are
/// a few hundred, but some tell the request again: twice its length comes on top.
const QUIET_BYTES: usize = 1024 * 1024;

pub(super) async fn open(
    mut response: Response<reqwest::Body>,
    route: &Route,
    request: &ProxyRequest,
    patience: &Patience,
    traits: Traits,
    mut translation: Translation,
) -> Result<Opened, Failure> {
    let mut headers = std::mem::take(response.headers_mut());
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_ascii_lowercase();
    if content_type.contains("html") {
        let message = format!(
            "{} sent a web page instead of a stream. On a café network, sign in first.",
            route.host()
        );
        return Err(Failure { status: Some(200), ..Failure::new(FailureKind::Html, message) });
    }
    let Some(pipe) = translation.pipe.take() else {
        let message = format!("{}: only completions are streamed.", route.host());
        return Err(Failure::new(FailureKind::NotTranslatable, message));
    };
    let label = headers.get(header::CONTENT_TYPE).cloned();
    if translation.needed {
        headers = translated_headers(&headers);
    } else {
        headers = tellable(headers);
    }
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-cache"));
    let mut opened = Opened {
        headers,
        body: response.into_body(),
        decoder: FrameDecoder::of(translation.dialect),
        pipe,
        first: Vec::new(),
        lost: translation.lost,
        secrets: Secrets::default(),
        broken: None,
        first_token: clock::now(),
        waits: Waits::default(),
        traits,
    };
    let quiet_bytes = QUIET_BYTES.saturating_add(request.body.len().saturating_mul(2));
    if let Began::Whole(start) = until_meaningful(&mut opened, route, patience, quiet_bytes).await? {
        return take_whole(opened, start, (translation.dialect, label.as_ref()), route, request, patience)
            .await;
    }
    // The rest of a broken answer is awaited by its reader already.
    if request.job.hold_back_ms > 0 && request.resume.is_none() {
        hold_back(&mut opened, route, patience, request.job.hold_back_ms).await?;
    }
    Ok(opened)
}

/// How a body began.
enum Began {
    /// As a stream that has said something.
    Stream,
    /// As an answer in one piece; its first bytes.
    Whole(Bytes),
}

/// An answer that comes in one piece, though a stream was asked for: read to its end and told as the stream it stands for.
async fn take_whole(
    mut opened: Opened,
    start: Bytes,
    (dialect, label): (Dialect, Option<&HeaderValue>),
    route: &Route,
    request: &ProxyRequest,
    patience: &Patience,
) -> Result<Opened, Failure> {
    let body = std::mem::take(&mut opened.body);
    let heard = clock::now().mono_ms;
    let body = whole::collect(body, start, route, patience, heard, &mut opened.waits).await?;
    let content_type = label.and_then(|value| value.to_str().ok());
    let failed = |kind: FailureKind, why: String| {
        let message = format!("{}: {why}.", route.host());
        Failure { status: Some(200), ..Failure::new(kind, message) }
    };
    let Opened { pipe, first, .. } = &mut opened;
    blocking::run(body.len(), || {
        inspect_ok_body(dialect, Operation::Complete, content_type, &body)
            .map_err(|fault| from_body(&fault, StatusCode::OK, route))?;
        pipe.take_whole(&body, || caller_tools(request.dialect, &request.body), first).map_err(|error| {
            failed(FailureKind::Unreadable, format!("its answer can't be read ({error})"))
        })?;
        pipe.error().map_or(Ok(()), |error| Err(in_band(error, route)))
    })?;
    opened.first_token = clock::now();
    Ok(opened)
}

async fn until_meaningful(
    opened: &mut Opened,
    route: &Route,
    patience: &Patience,
    quiet_bytes: usize,
) -> Result<Began, Failure> {
    let begun = patience.begun_mono_ms();
    let (mut came, mut quiet) = (0, 0);
    // What came before the body's form could be told.
    let mut start = Some(Bytes::new());
    loop {
        let silence = opened.traits.first(opened.pipe.under_way());
        let (by, ended_by) = patience.until(silence, begun);
        let bytes = match clock::until(by, chunk(&mut opened.body)).await {
            Some(Some(Ok(bytes))) => bytes,
            Some(Some(Err(error))) => return Err(from_reqwest(&error, route)),
            Some(None) => return ended(opened, route, start.is_none()).map(|()| Began::Stream),
            None => {
                let (kind, waited_ms) = (FailureKind::FirstTokenTimeout, by.saturating_sub(begun));
                return Err(silent(kind, "began to answer but sent no token", waited_ms, ended_by, route));
            }
        };
        came += bytes.len();
        let bytes = match start.take() {
            None => bytes,
            Some(before) => {
                let begun = if before.is_empty() { bytes } else { [before, bytes].concat().into() };
                match Form::of(&begun) {
                    Some(Form::Events) => begun,
                    Some(Form::Whole) => return Ok(Began::Whole(begun)),
                    None => {
                        start = Some(begun);
                        Bytes::new()
                    }
                }
            }
        };
        opened.decoder.push(&bytes);
        let drained = drain(opened, route)?;
        if drained == Drained::Meaningful {
            opened.first_token = clock::now();
            let waited_ms = opened.first_token.mono_ms.saturating_sub(begun);
            opened.waits.note(silence, u32::try_from(waited_ms).unwrap_or(u32::MAX));
            return Ok(Began::Stream);
        }
        // A large event in many pieces is one event, and its decoder has a bound of its own.
        if drained == Drained::Quiet || start.is_some() {
            quiet = came;
        }
        if quiet > quiet_bytes {
            let message = format!("{} sent {quiet} bytes without a token.", route.host());
            return Err(Failure { status: Some(200), ..Failure::new(FailureKind::Malformed, message) });
        }
    }
}

/// Gathers what comes for a while: a stream that dies in it was never seen.
async fn hold_back(
    opened: &mut Opened,
    route: &Route,
    patience: &Patience,
    hold_back_ms: u64,
) -> Result<(), Failure> {
    let by = clock::now().mono_ms.saturating_add(hold_back_ms).min(patience.deadline_mono_ms());
    // What would not fit is not held back any longer.
    while opened.first.len() < QUIET_BYTES {
        if let Some(failure) = opened.broken.take() {
            return Err(failure);
        }
        if opened.pipe.is_finished() {
            return Ok(());
        }
        match clock::until(by, chunk(&mut opened.body)).await {
            Some(Some(Ok(bytes))) => {
                opened.decoder.push(&bytes);
                drain(opened, route)?;
            }
            Some(Some(Err(error))) => return Err(from_reqwest(&error, route)),
            Some(None) => {
                opened.decoder.finish();
                drain(opened, route)?;
                if opened.broken.is_none() && !opened.pipe.is_finished() {
                    let message = format!("{} closed the stream right after its beginning.", route.host());
                    return Err(Failure { status: Some(200), ..Failure::new(FailureKind::Cut, message) });
                }
            }
            None => return Ok(()),
        }
    }
    Ok(())
}

/// What a piece of a stream held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drained {
    /// No whole event.
    Nothing,
    /// Events without a word.
    Quiet,
    /// Something worth answering with.
    Meaningful,
}

/// Takes the events there are.
fn drain(opened: &mut Opened, route: &Route) -> Result<Drained, Failure> {
    let Opened { decoder, pipe, first, broken, .. } = opened;
    let mut drained = Drained::Nothing;
    loop {
        match next(decoder, pipe, first, route) {
            Ok(None) => return Ok(drained),
            Ok(Some(Observed::Content | Observed::Finish | Observed::Done)) => drained = Drained::Meaningful,
            Ok(Some(Observed::Quiet | Observed::UsageOnly | Observed::Error | Observed::Malformed)) => {
                if drained == Drained::Nothing {
                    drained = Drained::Quiet;
                }
            }
            // Behind a meaningful byte in the same piece it is the relay's: part of an answer that has begun.
            Err(failure) if drained == Drained::Meaningful => {
                *broken = Some(failure);
                return Ok(drained);
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn ended(opened: &mut Opened, route: &Route, any: bool) -> Result<(), Failure> {
    opened.decoder.finish();
    if drain(opened, route)? == Drained::Meaningful {
        opened.first_token = clock::now();
        return Ok(());
    }
    // Some dialects have no end marker: an answer withheld whole says so with its last event.
    if opened.pipe.finish(&mut opened.first) == StreamEnd::Complete {
        return Ok(());
    }
    let (kind, message) = if any {
        (FailureKind::Cut, format!("{} closed the stream before its first token.", route.host()))
    } else {
        (FailureKind::EmptyBody, format!("{} answered 200 with an empty stream.", route.host()))
    };
    Err(Failure { status: Some(200), ..Failure::new(kind, message) })
}
