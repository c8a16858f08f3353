//! A request's body, decoded and counted while it comes.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use switchyard_domain::Dialect;
use switchyard_domain::limits::{NAME_BYTES, quoted};
use switchyard_domain::map::Limits;

use super::Refusal;
use crate::core::Running;
use crate::core::clock;
use crate::walk::admission::{Full, Place};
use crate::walk::encoding::{self, Coding};

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
    let codings = encoding::codings(headers).map_err(|name| unknown_coding(dialect, &name))?;
    let limits = running.map.limits;
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limits.max_body_bytes) {
        return Err(too_large(dialect, limits).into());
    }
    let gathered = Gathered { dialect, limits, place, first: None, whole: BytesMut::new(), size: 0 };
    let collected = clock::until(clock::now().mono_ms + BODY_TIMEOUT_MS, async {
        if codings.is_empty() { plain(body, gathered).await } else { encoded(body, &codings, gathered).await }
    });
    match collected.await {
        Some(body) => body,
        None => Err(Refusal::new(dialect, 408, "body_timeout", "The body did not come in time.").into()),
    }
}

async fn plain(body: &mut Incoming, mut gathered: Gathered<'_>) -> Result<Bytes, Refused> {
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame.map_err(|_| cut(gathered.dialect))?.into_data() {
            gathered.add(piece)?;
        }
    }
    Ok(gathered.into_body())
}

/// What was sent counts as well as what comes of it: not every byte of an encoding says something.
async fn encoded(
    body: &mut Incoming,
    codings: &[Coding],
    mut gathered: Gathered<'_>,
) -> Result<Bytes, Refused> {
    let (dialect, limits) = (gathered.dialect, gathered.limits);
    let mut came = 0_u64;
    let bounded = body.into_data_stream().map(move |piece| -> Result<Bytes, Box<dyn Error + Send + Sync>> {
        let piece = piece?;
        came += piece.len() as u64;
        if came > limits.max_body_bytes { Err(TooLarge.into()) } else { Ok(piece) }
    });
    let mut decoded = encoding::decoded(bounded, codings);
    while let Some(piece) = decoded.next().await {
        let piece = piece.map_err(|error| {
            if encoding::among::<TooLarge>(&error).is_some() {
                return too_large(dialect, limits);
            }
            match encoding::among::<encoding::Broken>(&error) {
                Some(broken) => {
                    let message = format!("The body can't be read: {broken}.");
                    Refusal::new(dialect, 400, "invalid_encoding", message)
                }
                None => cut(dialect),
            }
        })?;
        gathered.add(piece)?;
    }
    Ok(gathered.into_body())
}

/// More came than a body may have.
#[derive(Debug, thiserror::Error)]
#[error("the body is too large")]
struct TooLarge;

/// What has come of a body.
struct Gathered<'a> {
    dialect: Dialect,
    limits: Limits,
    place: &'a Place,
    /// Most bodies come in one piece, which then needs no copy. Many small ones would keep many buffers alive.
    first: Option<Bytes>,
    whole: BytesMut,
    size: u64,
}

impl Gathered<'_> {
    fn add(&mut self, piece: Bytes) -> Result<(), Refused> {
        self.size += piece.len() as u64;
        if self.size > self.limits.max_body_bytes {
            return Err(too_large(self.dialect, self.limits).into());
        }
        // Only what has come counts: a length that is claimed takes no room from others.
        self.place.hold(piece.len() as u64, self.limits.max_bytes_in_flight).map_err(Refused::Full)?;
        match self.first.take() {
            None if self.whole.is_empty() => self.first = Some(piece),
            earlier => {
                self.whole.extend_from_slice(earlier.as_deref().unwrap_or_default());
                self.whole.extend_from_slice(&piece);
            }
        }
        Ok(())
    }

    fn into_body(self) -> Bytes {
        self.first.unwrap_or_else(|| self.whole.freeze())
    }
}

fn too_large(dialect: Dialect, limits: Limits) -> Refusal {
    let most = limits.max_body_bytes;
    let message = format!(
        "The body is larger than {most} bytes. Send less, or raise `limits.maxBodyBytes` in the map."
    );
    Refusal::new(dialect, 413, "body_too_large", message)
}

fn cut(dialect: Dialect) -> Refusal {
    Refusal::new(dialect, 400, "body_cut", "The body ended before it was complete.")
}

/// Says what would be understood (RFC 9110, 15.5.16 and 12.5.3).
fn unknown_coding(dialect: Dialect, name: &str) -> Refusal {
    let name = quoted(name, NAME_BYTES);
    let message = format!(
        "The Content-Encoding `{name}` is not taken. Send the body as it is, or by {}.",
        encoding::ACCEPTED
    );
    Refusal::new(dialect, 415, "unsupported_encoding", message)
        .with(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding::ACCEPTED))
}
