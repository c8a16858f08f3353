//! One event of a route's stream: read, noted, and written for the caller.

use switchyard_domain::map::Route;
use switchyard_domain::{Failure, FailureKind};
use switchyard_wire::{FrameDecoder, Observed, Pipe, UpstreamError};

use super::failure::in_band;
use crate::core::blocking;

/// Reads the next event, notes it, and writes what the caller gets of it.
///
/// # Errors
/// The failure, when the event is an error, noise, or can't be read or translated.
pub(crate) fn next(
    decoder: &mut FrameDecoder,
    pipe: &mut Pipe,
    out: &mut Vec<u8>,
    route: &Route,
) -> Result<Option<Observed>, Failure> {
    let unread = |kind: FailureKind, why: &dyn std::fmt::Display| {
        let message = format!("{} sent a stream that can't be read ({why}).", route.host());
        Failure { status: Some(200), ..Failure::new(kind, message) }
    };
    let event = match decoder.next_event() {
        Ok(Some(event)) => event,
        Ok(None) => return Ok(None),
        Err(error) if error.is_noise() => return Err(unread(FailureKind::Malformed, &error)),
        Err(error) => return Err(unread(FailureKind::Unreadable, &error)),
    };
    match blocking::run(event.data.len(), || pipe.push(&event, out)) {
        Observed::Malformed => {
            let why = pipe.error().map_or("an event is not of its dialect", |error| error.message.as_str());
            let kind = if event.is_json() { FailureKind::Unreadable } else { FailureKind::Malformed };
            Err(unread(kind, &why))
        }
        Observed::Error => Err(reported(pipe.error(), route)),
        observed @ (Observed::UsageOnly
        | Observed::Quiet
        | Observed::Content
        | Observed::Finish
        | Observed::Done) => Ok(Some(observed)),
    }
}

/// An error that a provider reported in its stream.
pub(crate) fn reported(error: Option<&UpstreamError>, route: &Route) -> Failure {
    let otherwise =
        || Failure::new(FailureKind::InBandError, "The provider reported an error in its stream.");
    error.map_or_else(otherwise, |error| in_band(error, route))
}
