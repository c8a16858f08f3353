//! A stream up to its first meaningful byte, and over the time it is held back. Until then nothing has reached the
//! caller and another route may answer.

use http::{Response, header};
use switchyard_domain::map::Route;
use switchyard_domain::{Failure, FailureKind};
use switchyard_wire::{FrameDecoder, Observed, StreamEnd};

use super::failure::{Secrets, deadline, from_reqwest};
use super::request::Translation;
use super::whole::{keep_tellable, translated_headers};
use super::{Limits, Opened, chunk};
use crate::clock;
use crate::intake::Ask;
use crate::relay::next;

pub(super) async fn open(
    mut response: Response<reqwest::Body>,
    route: &Route,
    ask: &Ask,
    limits: Limits,
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
    let otherwise =
        || Failure::new(FailureKind::Malformed, format!("{} answered without a stream.", route.host()));
    let Some(pipe) = translation.pipe.take().filter(|_| !content_type.contains("application/json")) else {
        // An error inside a 200, or an endpoint that can't stream.
        let failure = super::whole::read(response, route, ask, limits, translation).await.err();
        return Err(failure.unwrap_or_else(otherwise));
    };
    if translation.needed {
        headers = translated_headers(&headers);
    } else {
        keep_tellable(&mut headers);
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
    };
    until_meaningful(&mut opened, route, limits).await?;
    // The rest of a broken answer is awaited by its reader already.
    if ask.job.hold_back_ms > 0 && ask.resume.is_none() {
        hold_back(&mut opened, route, limits, ask.job.hold_back_ms).await?;
    }
    Ok(opened)
}

async fn until_meaningful(opened: &mut Opened, route: &Route, limits: Limits) -> Result<(), Failure> {
    let (by, is_deadline) = limits.by(route.timeouts.first_token_ms, route.timeouts.total_ms);
    let mut any = false;
    loop {
        let bytes = match clock::until(by, chunk(&mut opened.body)).await {
            Some(Some(Ok(bytes))) => bytes,
            Some(Some(Err(error))) => return Err(from_reqwest(&error, route)),
            Some(None) => return ended(opened, route, any),
            None if is_deadline => return Err(deadline(route)),
            None => {
                let message = format!(
                    "{} began to answer but sent no token within {} ms.",
                    route.host(),
                    route.timeouts.first_token_ms
                );
                return Err(Failure {
                    status: Some(200),
                    ..Failure::new(FailureKind::FirstTokenTimeout, message)
                });
            }
        };
        any |= !bytes.is_empty();
        opened.decoder.push(&bytes);
        if drain(opened, route)? {
            return Ok(());
        }
    }
}

/// Gathers what comes for a while: a stream that dies in it was never seen.
async fn hold_back(
    opened: &mut Opened,
    route: &Route,
    limits: Limits,
    hold_back_ms: u64,
) -> Result<(), Failure> {
    let by = clock::now().mono_ms.saturating_add(hold_back_ms).min(limits.deadline_mono_ms);
    loop {
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
}

/// Takes the events there are. True once one of them is worth answering with.
fn drain(opened: &mut Opened, route: &Route) -> Result<bool, Failure> {
    let Opened { decoder, pipe, first, broken, .. } = opened;
    let mut meaningful = false;
    loop {
        match next(decoder, pipe, first, route) {
            Ok(None) => return Ok(meaningful),
            Ok(Some(Observed::Content | Observed::Finish | Observed::Done)) => meaningful = true,
            Ok(Some(Observed::Quiet | Observed::UsageOnly | Observed::Error | Observed::Malformed)) => {}
            // Behind a meaningful byte in the same piece it is the relay's: part of an answer that has begun.
            Err(failure) if meaningful => {
                *broken = Some(failure);
                return Ok(true);
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn ended(opened: &mut Opened, route: &Route, any: bool) -> Result<(), Failure> {
    opened.decoder.finish();
    if drain(opened, route)? {
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
