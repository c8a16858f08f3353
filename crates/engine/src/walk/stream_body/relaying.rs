//! One route's stream on its way to the caller: what it says, how long it is silent, and how it ends.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::Body;
use switchyard_domain::map::{Route, RouteIx};
use switchyard_domain::{Failure, FailureKind};
use switchyard_policy::{EndedBy, Silence};
use switchyard_wire::{FrameDecoder, Observed, Pipe, StreamEnd};
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::core::Running;
use crate::core::clock;
use crate::walk::exchange::Exchange;
use crate::walk::upstream::{Opened, Secrets, Traits, from_reqwest, next, reported, silent};

/// A route's stream on its way to the caller.
#[derive(Debug)]
pub(super) struct Relaying {
    pub(super) exchange: Exchange,
    body: reqwest::Body,
    decoder: FrameDecoder,
    pub(super) pipe: Pipe,
    pub(super) secrets: Secrets,
    /// What went wrong, until what came before it has gone out.
    broken: Option<Failure>,
    pub(super) route: RouteIx,
    traits: Traits,
    /// The last frame's arrival, on the monotonic clock.
    frame_mono_ms: u64,
    /// The same of the last frame that was more than a keep-alive.
    content_mono_ms: u64,
    /// Bytes of the body so far.
    heard_bytes: u64,
    /// How many of the upstream's reports of its usage the exchange has been told.
    usage_reports: u32,
}

/// Events have so many bytes at least for one of text.
const BYTES_PER_BYTE_OF_TEXT: u64 = 4;

/// What came of looking at a route's stream.
#[derive(Debug)]
pub(super) enum Came {
    /// Something to be sent on, or nothing yet: look again.
    More,
    /// Its whole answer.
    Complete,
    /// A fault.
    Fault(Failure),
    /// The end of the grace that a shutdown leaves to what is under way.
    GraceOver,
}

impl Relaying {
    /// Takes over a stream that has shown its first meaningful byte; what the caller gets first is put into `out`.
    pub(super) fn new(opened: Opened, exchange: Exchange, out: &mut Vec<u8>) -> Self {
        let now = clock::now().mono_ms;
        out.extend_from_slice(&opened.first);
        Self {
            route: exchange.attempt().map_or(RouteIx(0), |attempt| attempt.route),
            exchange,
            body: opened.body,
            decoder: opened.decoder,
            pipe: opened.pipe,
            secrets: opened.secrets,
            broken: opened.broken,
            traits: opened.traits,
            frame_mono_ms: now,
            content_mono_ms: now,
            heard_bytes: opened.first.len() as u64,
            usage_reports: 0,
        }
    }

    /// Looks for the next piece of the upstream's body.
    pub(super) fn poll(
        &mut self,
        running: &Running,
        out: &mut Vec<u8>,
        waits: (&mut Pin<Box<Sleep>>, &mut Pin<Box<WaitForCancellationFutureOwned>>),
        cx: &mut Context<'_>,
    ) -> Poll<Came> {
        let (timer, grace_over) = waits;
        if let Some(failure) = self.broken.take() {
            return Poll::Ready(Came::Fault(failure));
        }
        let route = running.map.route(self.route);
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let came = frame.into_data().map_or(Came::More, |bytes| self.hear(&bytes, route, out));
                return Poll::Ready(came);
            }
            Poll::Ready(Some(Err(error)))
                if !self.pipe.is_finished() && self.pipe.finish_reason().is_none() =>
            {
                let failure = from_reqwest(&error, route);
                let cut = Failure { kind: FailureKind::Cut, status: Some(200), ..failure };
                return Poll::Ready(Came::Fault(cut));
            }
            // Some providers reset the connection behind a complete answer.
            Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(self.closed(route, out)),
            Poll::Pending => {}
        }
        if grace_over.as_mut().poll(cx).is_ready() {
            let is_whole = self.pipe.is_finished();
            return Poll::Ready(if is_whole { self.conclude(route, out) } else { Came::GraceOver });
        }
        // It is moved on only when it is due: a busy stream costs no timer.
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(self.look_at_the_clock(route, timer, out))
    }

    /// Takes a piece of the upstream's body, and notes how long it was awaited.
    fn hear(&mut self, bytes: &[u8], route: &Route, out: &mut Vec<u8>) -> Came {
        let before = self.pipe.under_way();
        self.decoder.push(bytes);
        self.heard_bytes = self.heard_bytes.saturating_add(bytes.len() as u64);
        let (is_content, came) = self.drain(route, out);
        self.tell_exchange();
        let is_content = is_content || self.pipe.under_way() != before;
        let now = clock::now().mono_ms;
        let (silence, frame_mono_ms, content_mono_ms) =
            (self.traits.going_on(before), self.frame_mono_ms, self.content_mono_ms);
        if let Some(waits) = self.exchange.waits() {
            let length_ms = |from: u64| u32::try_from(now.saturating_sub(from)).unwrap_or(u32::MAX);
            waits.note(silence, length_ms(frame_mono_ms));
            if is_content && frame_mono_ms > content_mono_ms {
                waits.note(Silence::KeepAlive, length_ms(content_mono_ms));
            }
        }
        self.frame_mono_ms = now;
        if is_content {
            self.content_mono_ms = now;
        }
        came
    }

    /// Tells what the answer has said so far: so much is paid for if nobody listens to its end.
    pub(super) fn tell_exchange(&mut self) {
        // Where the text is not kept, its events say about how long it is.
        let said =
            self.pipe.said().map_or(self.heard_bytes / BYTES_PER_BYTE_OF_TEXT, |said| said.text.len() as u64);
        let reports = self.pipe.usage_reports();
        let is_new = std::mem::replace(&mut self.usage_reports, reports) != reports;
        let billed = if is_new { self.pipe.billed() } else { None };
        self.exchange.heard(billed, said);
    }

    /// Ends a stream that has been silent for too long.
    fn look_at_the_clock(&mut self, route: &Route, due: &mut Pin<Box<Sleep>>, out: &mut Vec<u8>) -> Came {
        let Some(attempt) = self.exchange.attempt() else { return self.conclude(route, out) };
        let (now, patience) = (clock::now().mono_ms, attempt.patience);
        let silence = self.traits.going_on(self.pipe.under_way());
        let (by, ended_by) = patience.until_stalled(silence, self.content_mono_ms, self.frame_mono_ms);
        if now < by {
            *due = timer(by - now);
            return Came::More;
        }
        if self.pipe.is_finished() {
            return self.conclude(route, out);
        }
        let (since, what) = match ended_by {
            EndedBy::KeepAlives => (self.content_mono_ms, "sent nothing but keep-alives"),
            EndedBy::Silence | EndedBy::Share | EndedBy::Deadline => {
                (self.frame_mono_ms, "sent nothing more")
            }
            EndedBy::Total => (patience.begun_mono_ms(), "did not finish its answer"),
        };
        let failure = silent(FailureKind::IdleTimeout, what, now.saturating_sub(since), ended_by, route);
        Came::Fault(Failure { status: Some(200), ..failure })
    }

    /// Takes every event there is; a fault is kept until what came before it has gone out. Says whether one of them was
    /// more than a keep-alive.
    fn drain(&mut self, route: &Route, out: &mut Vec<u8>) -> (bool, Came) {
        let mut is_content = false;
        loop {
            match next(&mut self.decoder, &mut self.pipe, out, route) {
                Ok(Some(observed)) => is_content |= observed != Observed::Quiet,
                Ok(None) => return (is_content, Came::More),
                // What comes behind a whole answer changes nothing of it.
                Err(_) if self.pipe.is_finished() => return (true, self.conclude(route, out)),
                Err(failure) => {
                    self.broken = Some(failure);
                    return (true, Came::More);
                }
            }
        }
    }

    /// The upstream closed: a whole answer, or a cut one.
    fn closed(&mut self, route: &Route, out: &mut Vec<u8>) -> Came {
        self.decoder.finish();
        match self.drain(route, out) {
            (_, Came::More) if self.broken.is_none() => self.conclude(route, out),
            (_, came) => came,
        }
    }

    /// The upstream will say no more.
    fn conclude(&mut self, route: &Route, out: &mut Vec<u8>) -> Came {
        match self.pipe.finish(out) {
            StreamEnd::Complete => return Came::Complete,
            StreamEnd::Failed => self.broken = Some(reported(self.pipe.error(), route)),
            StreamEnd::Cut => {
                let message = format!("{} closed the stream before the answer was complete.", route.host());
                self.broken = Some(Failure { status: Some(200), ..Failure::new(FailureKind::Cut, message) });
            }
        }
        Came::More
    }
}

/// How often the clock is looked at while nothing comes, milliseconds: a sleep of this machine's passes unnoticed by
/// timers.
const LOOK_EVERY_MS: u64 = 1_000;

/// Fires after so long, milliseconds, or when the clock is to be looked at again.
pub(super) fn timer(ms: u64) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep(Duration::from_millis(ms.min(LOOK_EVERY_MS))))
}
