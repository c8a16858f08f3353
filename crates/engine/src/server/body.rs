//! A request's body, counted while it comes.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use switchyard_domain::Dialect;
use switchyard_domain::limits::{NAME_BYTES, quoted};

use super::Refusal;
use crate::admission::{Full, Place};
use crate::clock;
use crate::shared::Running;

/// A body that does not come is given up after this, milliseconds.
const BODY_TIMEOUT_MS: u64 = 120_000;

/// Why a body is not taken.
#[derive(Debug)]
pub(super) enum Refused {
    /// The bodies under way hold as much as they may.
    Full(Full),
    /// It is not what this router takes.
    Unfit(Refusal),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Unfit(refusal)
    }
}

/// Reads a body of JSON.
pub(super) async fn read(
    headers: &HeaderMap,
    body: &mut Incoming,
    running: &Running,
    place: &Place,
    dialect: Dialect,
) -> Result<Bytes, Refused> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        let media = quoted(media, NAME_BYTES);
        let message = format!("The body must be JSON: send `Content-Type: application/json`, not `{media}`.");
        return Err(Refusal::new(dialect, 415, "unsupported_media_type", message).into());
    }
    let limits = running.map.limits;
    let most = limits.max_body_bytes;
    let too_large = || {
        let message = format!(
            "The body is larger than {most} bytes. Send less, or raise `limits.maxBodyBytes` in the map."
        );
        Refused::from(Refusal::new(dialect, 413, "body_too_large", message))
    };
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let collected = clock::until(clock::now().mono_ms + BODY_TIMEOUT_MS, async {
        let mut first: Option<Bytes> = None;
        let mut whole = BytesMut::new();
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            let cut = |_| Refusal::new(dialect, 400, "body_cut", "The body ended before it was complete.");
            let Ok(piece) = frame.map_err(cut)?.into_data() else { continue };
            size += piece.len();
            if size as u64 > most {
                return Err(too_large());
            }
            // Only what has come counts: a length that is claimed takes no room from others.
            place.hold(piece.len() as u64, limits.max_bytes_in_flight).map_err(Refused::Full)?;
            // Most bodies come in one piece, which then needs no copy. Many small ones would keep many buffers alive.
            match first.take() {
                None if whole.is_empty() => first = Some(piece),
                earlier => {
                    whole.extend_from_slice(earlier.as_deref().unwrap_or_default());
                    whole.extend_from_slice(&piece);
                }
            }
        }
        Ok(first.unwrap_or_else(|| whole.freeze()))
    });
    match collected.await {
        Some(body) => body,
        None => Err(Refusal::new(dialect, 408, "body_timeout", "The body did not come in time.").into()),
    }
}
