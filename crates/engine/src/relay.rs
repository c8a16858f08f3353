//! The rest of a stream, behind the commit point: relayed event by event, never retried. It ends well, or with one
//! clear error event; never with a silent cut.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use switchyard_domain::map::Route;
use switchyard_domain::view::Outcome as Ended;
use switchyard_domain::{Dialect, Failure, FailureKind, Now, RouteId, Tier};
use switchyard_policy::Outcome;
use switchyard_wire::{
    ErrorReply, Observed, SseDecoder, StreamEvent, StreamTap, StreamTranslator, error_event,
};
use tokio::time::Sleep;

use crate::clock;
use crate::record::{Ending, Record};
use crate::shared::{Lease, Running};
use crate::upstream::{Opened, Secrets, from_reqwest, in_band};

/// Reads the next event, notes it, and writes what the caller gets of it.
///
/// # Errors
/// The failure, when the event is an error, unreadable, or can't be translated.
pub(crate) fn next(
    decoder: &mut SseDecoder,
    tap: &mut StreamTap,
    translator: Option<&mut StreamTranslator>,
    withhold_usage: bool,
    out: &mut Vec<u8>,
    route: &Route,
) -> Result<Option<Observed>, Failure> {
    let malformed = |why: &dyn std::fmt::Display| {
        let message = format!("{} sent a stream that can't be read ({why}).", route.host());
        Failure { status: Some(200), ..Failure::new(FailureKind::Malformed, message) }
    };
    let event = match decoder.next_event() {
        Ok(Some(event)) => event,
        Ok(None) => return Ok(None),
        Err(error) => return Err(malformed(&error)),
    };
    let observed = tap.observe(&event);
    match observed {
        Observed::Malformed => return Err(malformed(&"an event is not of its dialect")),
        Observed::Error => {
            let otherwise =
                || Failure::new(FailureKind::InBandError, "The provider reported an error in its stream.");
            return Err(tap.error().map_or_else(otherwise, |error| in_band(error, route)));
        }
        Observed::UsageOnly if withhold_usage => {}
        Observed::UsageOnly | Observed::Quiet | Observed::Content | Observed::Finish | Observed::Done => {
            write(&event, translator, out).map_err(|why| malformed(&why))?;
        }
    }
    Ok(Some(observed))
}

fn write(
    event: &StreamEvent<'_>,
    translator: Option<&mut StreamTranslator>,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    match translator {
        Some(translator) => translator.push(event, out).map(drop).map_err(|fault| fault.to_string()),
        None => {
            // A last event without its blank line is half an event.
            if event.complete {
                out.extend_from_slice(event.raw);
            }
            Ok(())
        }
    }
}

/// Who is told how the stream ended.
#[derive(Debug)]
struct Settlement {
    lease: Lease,
    record: Record,
    begun: Now,
    first_token_ms: u32,
}

/// What the relay knows besides the stream.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) running: Arc<Running>,
    pub(crate) route: switchyard_domain::map::RouteIx,
    pub(crate) tier: Tier,
    pub(crate) dialect: Dialect,
    pub(crate) degraded: bool,
    pub(crate) request_id: switchyard_domain::RequestId,
    pub(crate) lease: Lease,
    pub(crate) record: Record,
    /// The answering try's start.
    pub(crate) begun: Now,
}

/// The body of a streamed response.
#[derive(Debug)]
pub(crate) struct Relay {
    body: reqwest::Body,
    decoder: SseDecoder,
    tap: StreamTap,
    translator: Option<StreamTranslator>,
    withhold_usage: bool,
    secrets: Secrets,
    out: Vec<u8>,
    broken: Option<Failure>,
    idle: Pin<Box<Sleep>>,
    /// The last frame's arrival, on the monotonic clock.
    last_mono_ms: u64,
    idle_ms: u64,
    /// When the try as a whole is over, on the monotonic clock.
    total_mono_ms: Option<u64>,
    running: Arc<Running>,
    route: switchyard_domain::map::RouteIx,
    id: RouteId,
    tier: Tier,
    dialect: Dialect,
    degraded: bool,
    request_id: switchyard_domain::RequestId,
    settlement: Option<Settlement>,
}

impl Relay {
    /// Takes over a stream that has shown its first meaningful byte.
    pub(crate) fn new(opened: Opened, course: Course) -> Self {
        let Course { running, route, tier, dialect, degraded, request_id, lease, record, begun } = course;
        let timeouts = running.map.route(route).timeouts;
        let id = running.map.route(route).id.clone();
        let (idle_ms, last_mono_ms) = (timeouts.idle_ms, clock::now().mono_ms);
        let total_mono_ms = timeouts.total_ms.map(|total_ms| begun.mono_ms.saturating_add(total_ms));
        let first_token_ms = record.age_ms(clock::now());
        Self {
            body: opened.body,
            decoder: opened.decoder,
            tap: opened.tap,
            translator: opened.translator,
            withhold_usage: opened.withhold_usage,
            secrets: opened.secrets,
            out: opened.first,
            broken: opened.broken,
            idle: timer(last_mono_ms, idle_ms, total_mono_ms, last_mono_ms),
            last_mono_ms,
            idle_ms,
            total_mono_ms,
            running,
            route,
            id,
            tier,
            dialect,
            degraded,
            request_id,
            settlement: Some(Settlement { lease, record, begun, first_token_ms }),
        }
    }

    fn emit(&mut self) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(std::mem::take(&mut self.out))))))
    }

    /// Takes every event there is; a fault is kept until what came before it has gone out.
    fn drain(&mut self) {
        let running = Arc::clone(&self.running);
        let route = running.map.route(self.route);
        loop {
            let taken = next(
                &mut self.decoder,
                &mut self.tap,
                self.translator.as_mut(),
                self.withhold_usage,
                &mut self.out,
                route,
            );
            match taken {
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(failure) => {
                    self.broken = Some(failure);
                    return;
                }
            }
        }
    }

    /// The upstream closed: a whole answer, or a cut one.
    fn closed(&mut self) {
        self.decoder.finish();
        self.drain();
        if self.broken.is_some() {
            return;
        }
        if self.tap.is_finished() {
            self.finish();
        } else {
            let host = self.running.map.route(self.route).host();
            let message = format!("{host} closed the stream before the answer was complete.");
            self.broken = Some(Failure { status: Some(200), ..Failure::new(FailureKind::Cut, message) });
        }
    }

    fn finish(&mut self) {
        if let Some(translator) = self.translator.as_mut() {
            translator.finish(&mut self.out);
        }
        let Some(settlement) = self.settlement.take() else { return };
        let duration_ms = clock::span_ms(settlement.begun, clock::now());
        let first_token_ms = Some(settlement.first_token_ms);
        settlement.lease.report(Outcome::Succeeded { duration_ms, first_token_ms });
        settlement.record.end(self.ending(Ended::Answered, settlement.first_token_ms));
    }

    fn fail(&mut self, failure: Failure) {
        let failure = self.secrets.taken_out(failure, self.running.map.route(self.route));
        let reply = ErrorReply {
            status: 502,
            kind: "api_error".to_owned(),
            code: Some(format!("stream_{}", failure.kind.as_str())),
            message: format!("The stream broke off and can't be continued: {}", failure.message),
            param: None,
            request_id: Some(self.request_id.as_str().to_owned()),
        };
        self.out.extend_from_slice(&error_event(self.dialect, &reply));
        let Some(mut settlement) = self.settlement.take() else { return };
        settlement.record.last_attempt_failed(failure.clone());
        settlement.lease.report(Outcome::Failed(failure));
        settlement.record.end(self.ending(Ended::Broken, settlement.first_token_ms));
    }

    fn ending(&self, outcome: Ended, first_token_ms: u32) -> Ending {
        Ending {
            outcome,
            status: 200,
            route: Some((self.id.clone(), self.tier)),
            degraded: self.degraded,
            first_token_ms: Some(first_token_ms),
            usage: self.tap.usage(),
        }
    }
}

/// Fires when the stream may have been silent for too long, or the try may be over.
fn timer(last_mono_ms: u64, idle_ms: u64, total_mono_ms: Option<u64>, now_mono_ms: u64) -> Pin<Box<Sleep>> {
    let idle_by = last_mono_ms.saturating_add(idle_ms);
    let by = total_mono_ms.map_or(idle_by, |total| total.min(idle_by));
    Box::pin(tokio::time::sleep(Duration::from_millis(by.saturating_sub(now_mono_ms))))
}

impl Body for Relay {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        loop {
            if !self.out.is_empty() {
                return self.emit();
            }
            if let Some(failure) = self.broken.take() {
                self.fail(failure);
                continue;
            }
            if self.settlement.is_none() {
                return Poll::Ready(None);
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.decoder.push(&bytes);
                        self.drain();
                    }
                    // The timer itself is moved on only when it is due: a busy stream costs no timer.
                    self.last_mono_ms = clock::now().mono_ms;
                    continue;
                }
                Poll::Ready(Some(Err(error))) if !self.tap.is_finished() => {
                    let failure = from_reqwest(&error, self.running.map.route(self.route));
                    self.broken = Some(Failure { kind: FailureKind::Cut, status: Some(200), ..failure });
                    continue;
                }
                // Some providers reset the connection behind a complete answer.
                Poll::Ready(Some(Err(_)) | None) => {
                    self.closed();
                    continue;
                }
                Poll::Pending => {}
            }
            if self.idle.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = clock::now().mono_ms;
            let is_silent = now.saturating_sub(self.last_mono_ms) >= self.idle_ms;
            let is_over = self.total_mono_ms.is_some_and(|total| now >= total);
            if !is_silent && !is_over {
                self.idle = timer(self.last_mono_ms, self.idle_ms, self.total_mono_ms, now);
            } else if self.tap.is_finished() {
                self.finish();
            } else {
                let route = self.running.map.route(self.route);
                let (host, idle_ms) = (route.host(), self.idle_ms);
                let message = if is_over {
                    format!("{host} did not finish its answer within the route's timeouts.totalMs.")
                } else {
                    format!("{host} sent nothing more for {idle_ms} ms.")
                };
                self.broken =
                    Some(Failure { status: Some(200), ..Failure::new(FailureKind::IdleTimeout, message) });
            }
        }
    }
}
