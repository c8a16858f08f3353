//! The rest of a stream, behind the commit point: relayed event by event, never retried. It ends well, or with one
//! clear error event; never with a silent cut.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use switchyard_domain::event::What;
use switchyard_domain::map::{Midstream, Route, RouteIx};
use switchyard_domain::view::Outcome as Ended;
use switchyard_domain::{Failure, FailureKind, Now, RouteId, Tier};
use switchyard_policy::{EndedBy, Outcome, Patience, Silence, Waits};
use switchyard_wire::gemini::JsonList;
use switchyard_wire::{
    ErrorReply, FrameDecoder, Observed, Pipe, ReplyOptions, StreamEnd, Unfit, UpstreamError, Usage,
    verbatim_event,
};
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::blocking;
use crate::clock;
use crate::intake::Ask;
use crate::pipeline::{self, Answered, STOPPING};
use crate::record::{Ending, Record};
use crate::reply;
use crate::rescue::{self, Resume};
use crate::shared::{Lease, Running, Shared};
use crate::upstream::{Answer, Opened, RESTART_MISMATCH, Secrets, Traits, from_reqwest, in_band, silent};

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

fn reported(error: Option<&UpstreamError>, route: &Route) -> Failure {
    let otherwise =
        || Failure::new(FailureKind::InBandError, "The provider reported an error in its stream.");
    error.map_or_else(otherwise, |error| in_band(error, route))
}

/// Who is told how the stream ended.
#[derive(Debug)]
struct Settlement {
    lease: Lease,
    record: Record,
    begun: Now,
    /// From the try's start: what the route is judged by.
    routes_first_token_ms: u32,
    /// From the request's arrival: what the caller waited for.
    callers_first_token_ms: u32,
    waits: Waits,
}

/// What the relay knows besides the stream.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) shared: Arc<Shared>,
    pub(crate) running: Arc<Running>,
    pub(crate) ask: Arc<Ask>,
    pub(crate) route: RouteIx,
    pub(crate) tier: Tier,
    pub(crate) degraded: bool,
    pub(crate) lease: Lease,
    pub(crate) record: Record,
    /// The answering try's start.
    pub(crate) begun: Now,
    /// How long it may be silent.
    pub(crate) patience: Patience,
}

/// The rest of a broken stream being asked for elsewhere; gives the record back.
type Asking = Pin<Box<dyn Future<Output = (Record, Result<Box<Answered>, Failure>)> + Send>>;

/// A rescue under way.
struct Rescue {
    asking: Asking,
    /// What broke.
    broken: Failure,
    callers_first_token_ms: u32,
    /// What the caller has been told.
    resume: Arc<Resume>,
}

impl std::fmt::Debug for Rescue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rescue").field("broken", &self.broken).finish_non_exhaustive()
    }
}

/// The body of a streamed response.
#[derive(Debug)]
pub(crate) struct Relay {
    body: reqwest::Body,
    decoder: FrameDecoder,
    pipe: Pipe,
    secrets: Secrets,
    out: Vec<u8>,
    broken: Option<Failure>,
    timer: Pin<Box<Sleep>>,
    patience: Patience,
    traits: Traits,
    /// The end of the grace that a shutdown leaves to what is under way.
    grace_over: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The last frame's arrival, on the monotonic clock.
    frame_mono_ms: u64,
    /// The same of the last frame that was more than a keep-alive.
    content_mono_ms: u64,
    shared: Arc<Shared>,
    running: Arc<Running>,
    ask: Arc<Ask>,
    route: RouteIx,
    id: RouteId,
    tier: Tier,
    degraded: bool,
    settlement: Option<Settlement>,
    rescue: Option<Rescue>,
    /// The routes whose streams broke off.
    dead: Vec<RouteIx>,
    /// Whether one of them did for what it said, which can't be read: then no other one is asked after the next.
    has_unread: bool,
    /// The usage of the parts they gave.
    earlier: Option<Usage>,
    /// Whether the answer came to its end.
    completed: Arc<AtomicBool>,
    /// What makes a list of the stream, where the caller wants one.
    list: Option<JsonList>,
}

impl Relay {
    /// Takes over a stream that has shown its first meaningful byte.
    pub(crate) fn new(opened: Opened, course: Course) -> Self {
        let Course { shared, running, ask, route, tier, degraded, lease, record, begun, patience } = course;
        let id = running.map.route(route).id.clone();
        let now = clock::now();
        let settlement = Settlement {
            begun,
            routes_first_token_ms: clock::span_ms(begun, opened.first_token),
            callers_first_token_ms: record.age_ms(now),
            waits: opened.waits,
            lease,
            record,
        };
        Self {
            body: opened.body,
            decoder: opened.decoder,
            pipe: opened.pipe,
            secrets: opened.secrets,
            out: opened.first,
            broken: opened.broken,
            grace_over: Box::pin(shared.grace_over.clone().cancelled_owned()),
            timer: timer(0),
            patience,
            traits: opened.traits,
            frame_mono_ms: now.mono_ms,
            content_mono_ms: now.mono_ms,
            shared,
            running,
            ask,
            route,
            id,
            tier,
            degraded,
            settlement: Some(settlement),
            rescue: None,
            dead: Vec::new(),
            has_unread: false,
            earlier: None,
            completed: Arc::default(),
            list: None,
        }
    }

    /// Turns true once the answer came to its end.
    pub(crate) fn completed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.completed)
    }

    /// Tells the stream as one JSON list.
    pub(crate) fn as_list(&mut self) {
        self.list = Some(JsonList::default());
    }

    /// What has been written, on its way out; none where a list has nothing for it.
    fn emit(&mut self) -> Option<Frame<Bytes>> {
        let written = std::mem::take(&mut self.out);
        let written = match &mut self.list {
            Some(list) => list.push(&written),
            None => written,
        };
        (!written.is_empty()).then(|| Frame::data(Bytes::from(written)))
    }

    /// Takes a piece of the upstream's body, and notes how long it was awaited.
    fn hear(&mut self, bytes: &[u8]) {
        let before = self.pipe.under_way();
        self.decoder.push(bytes);
        let is_content = self.drain() || self.pipe.under_way() != before;
        let now = clock::now().mono_ms;
        if let Some(settlement) = &mut self.settlement {
            let length_ms = |from: u64| u32::try_from(now.saturating_sub(from)).unwrap_or(u32::MAX);
            settlement.waits.note(self.traits.going_on(before), length_ms(self.frame_mono_ms));
            if is_content && self.frame_mono_ms > self.content_mono_ms {
                settlement.waits.note(Silence::KeepAlive, length_ms(self.content_mono_ms));
            }
        }
        self.frame_mono_ms = now;
        if is_content {
            self.content_mono_ms = now;
        }
    }

    /// Ends a stream that has been silent for too long.
    fn look_at_the_clock(&mut self) {
        let now = clock::now().mono_ms;
        let silence = self.traits.going_on(self.pipe.under_way());
        let (by, ended_by) = self.patience.until_stalled(silence, self.content_mono_ms, self.frame_mono_ms);
        if now < by {
            self.timer = timer(by - now);
        } else if self.pipe.is_finished() {
            self.conclude();
        } else {
            let (since, what) = match ended_by {
                EndedBy::KeepAlives => (self.content_mono_ms, "sent nothing but keep-alives"),
                EndedBy::Silence | EndedBy::Share | EndedBy::Deadline => {
                    (self.frame_mono_ms, "sent nothing more")
                }
                EndedBy::Total => (self.patience.begun_mono_ms(), "did not finish its answer"),
            };
            let route = self.running.map.route(self.route);
            let failure = silent(FailureKind::IdleTimeout, what, now.saturating_sub(since), ended_by, route);
            self.broken = Some(Failure { status: Some(200), ..failure });
        }
    }

    /// Takes every event there is; a fault is kept until what came before it has gone out. True where one of them was
    /// more than a keep-alive.
    fn drain(&mut self) -> bool {
        let mut is_content = false;
        let running = Arc::clone(&self.running);
        let route = running.map.route(self.route);
        loop {
            match next(&mut self.decoder, &mut self.pipe, &mut self.out, route) {
                Ok(Some(observed)) => is_content |= observed != Observed::Quiet,
                Ok(None) => return is_content,
                // What comes behind a whole answer changes nothing of it.
                Err(_) if self.pipe.is_finished() => {
                    self.conclude();
                    return true;
                }
                Err(failure) => {
                    self.broken = Some(failure);
                    return true;
                }
            }
        }
    }

    /// The upstream closed: a whole answer, or a cut one.
    fn closed(&mut self) {
        self.decoder.finish();
        self.drain();
        if self.broken.is_none() {
            self.conclude();
        }
    }

    /// The upstream will say no more.
    fn conclude(&mut self) {
        match self.pipe.finish(&mut self.out) {
            StreamEnd::Complete => self.finish(),
            StreamEnd::Failed => {
                self.broken = Some(reported(self.pipe.error(), self.running.map.route(self.route)));
            }
            StreamEnd::Cut => {
                let host = self.running.map.route(self.route).host();
                let message = format!("{host} closed the stream before the answer was complete.");
                self.broken = Some(Failure { status: Some(200), ..Failure::new(FailureKind::Cut, message) });
            }
        }
    }

    fn finish(&mut self) {
        let Some(mut settlement) = self.settlement.take() else { return };
        self.completed.store(true, Ordering::Release);
        let duration_ms = clock::span_ms(settlement.begun, clock::now());
        settlement.lease.answered(duration_ms, Some(settlement.routes_first_token_ms), &settlement.waits);
        let lost: Vec<String> =
            self.pipe.lost().iter().map(|lost| format!("{} {}", lost.code, lost.field)).collect();
        pipeline::tell_losses(&self.shared, &self.ask, &self.id, &lost, &mut settlement.record);
        settlement.record.end(self.ending(Ended::Answered, settlement.callers_first_token_ms));
    }

    /// Settles a stream that broke off, and asks another route for the rest where that is safe.
    fn fail(&mut self, failure: Failure) {
        let failure = self.secrets.taken_out(failure, self.running.map.route(self.route));
        let Some(mut settlement) = self.settlement.take() else { return };
        settlement.record.last_attempt_failed(failure.clone());
        settlement.lease.report(Outcome::Failed(failure.clone()));
        // What was told differently once would be told differently again.
        let resumable = if failure.code.as_deref() == Some(RESTART_MISMATCH) {
            Err(None)
        } else {
            self.resumable(&failure)
        };
        match resumable {
            Ok(resume) => {
                let resume = Arc::new(resume);
                self.dead.push(self.route);
                self.rescue = Some(Rescue {
                    broken: failure,
                    callers_first_token_ms: settlement.callers_first_token_ms,
                    resume: Arc::clone(&resume),
                    asking: Box::pin(rescue::again(
                        Arc::clone(&self.shared),
                        Arc::clone(&self.running),
                        Arc::clone(&self.ask),
                        resume,
                        self.dead.clone(),
                        settlement.record,
                    )),
                });
            }
            Err(why) => {
                let otherwise = || self.pipe.error_event(&self.broke_off(&failure, why));
                let event = self.verbatim(&failure).unwrap_or_else(otherwise);
                self.out.extend_from_slice(&event);
                settlement.record.end(self.ending(Ended::Broken, settlement.callers_first_token_ms));
            }
        }
    }

    /// Ends a stream that outlives the shutdown's grace. That is no route's fault, so the lease is dropped without a verdict.
    fn stop(&mut self) {
        let Some(settlement) = self.settlement.take() else { return };
        let reply = ErrorReply {
            status: 503,
            kind: "api_error".to_owned(),
            code: Some(STOPPING.to_owned()),
            message: "The stream was ended: Switchyard is shutting down. Send the request again.".to_owned(),
            param: None,
            request_id: Some(self.ask.id.as_str().to_owned()),
        };
        self.out.extend_from_slice(&self.pipe.error_event(&reply));
        settlement.record.end(self.ending(Ended::Broken, settlement.callers_first_token_ms));
    }

    /// What another route needs to go on with the stream that broke off by `failure`.
    fn resumable(&mut self, failure: &Failure) -> Result<Resume, Option<Unfit>> {
        let mode = self.ask.job.midstream;
        let spent = self.has_unread || self.dead.len() >= rescue::most(mode);
        let unread = (failure.kind == FailureKind::Unreadable).then(|| failure.clone());
        self.has_unread |= unread.is_some();
        if mode == Midstream::Error
            || spent
            || self.shared.is_paused()
            || self.shared.all_off(&self.running).is_some()
        {
            return Err(None);
        }
        let (text, usage) = match self.pipe.said() {
            Ok(said) => (said.text.clone(), Some(said.usage)),
            Err(Unfit::Nothing) => (String::new(), self.pipe.usage()),
            Err(why) => return Err(Some(why)),
        };
        self.earlier = self.with_earlier(usage);
        // Nothing more goes through the old one: its successor is made when a route has been found.
        let none = Pipe::passthrough(self.ask.dialect, false, ReplyOptions::default(), false, false);
        Ok(Resume { pipe: std::mem::replace(&mut self.pipe, none), text, mode, unread })
    }

    /// What the provider has against the caller's own request, as it said so: clients act on its members (Groq's
    /// `failed_generation`).
    fn verbatim(&self, failure: &Failure) -> Option<Vec<u8>> {
        let error = failure.verbatim.as_deref().filter(|_| failure.kind == FailureKind::BadRequest)?;
        verbatim_event(self.ask.dialect, error, &failure.message, self.ask.id.as_str())
    }

    /// What the caller hears where nothing continues its stream.
    fn broke_off(&self, failure: &Failure, why: Option<Unfit>) -> ErrorReply {
        let why = why.map_or_else(String::new, |why| format!(" ({why})"));
        ErrorReply {
            status: 502,
            kind: "api_error".to_owned(),
            code: Some(format!("stream_{}", failure.kind.as_str())),
            message: format!("The stream broke off and can't be continued{why}: {}", failure.message),
            param: None,
            request_id: Some(self.ask.id.as_str().to_owned()),
        }
    }

    /// Goes on with the stream of the route that was found for the rest.
    fn go_on(&mut self, rescue: Rescue, mut record: Record, answered: Answered) {
        let Answered { answer, route, tier, lease, begun, patience, .. } = answered;
        let Answer::Stream(opened) = answer else { return };
        let opened = *opened;
        record.rescued();
        let from = std::mem::replace(&mut self.id, self.running.map.route(route).id.clone());
        let what = What::StreamRescued {
            request_id: self.ask.id.clone(),
            from,
            to: self.id.clone(),
            chars: rescue.resume.text.chars().count(),
            failure: rescue.broken,
        };
        self.shared.bus.emit(what, clock::now());
        self.body = opened.body;
        self.decoder = opened.decoder;
        self.pipe = opened.pipe;
        self.secrets = opened.secrets;
        self.out.extend_from_slice(&opened.first);
        self.broken = opened.broken;
        self.patience = patience;
        self.traits = opened.traits;
        self.frame_mono_ms = clock::now().mono_ms;
        self.content_mono_ms = self.frame_mono_ms;
        self.timer = timer(0);
        self.route = route;
        self.tier = tier;
        self.degraded = true;
        self.settlement = Some(Settlement {
            lease,
            record,
            begun,
            routes_first_token_ms: clock::span_ms(begun, opened.first_token),
            callers_first_token_ms: rescue.callers_first_token_ms,
            waits: opened.waits,
        });
    }

    /// The usage of the parts before this one, and of this one.
    fn with_earlier(&self, own: Option<Usage>) -> Option<Usage> {
        match (self.earlier, own) {
            (Some(earlier), Some(own)) => Some(earlier.plus(own)),
            (earlier, own) => earlier.or(own),
        }
    }

    fn ending(&self, outcome: Ended, first_token_ms: u32) -> Ending {
        Ending {
            outcome,
            status: 200,
            route: Some((self.id.clone(), self.tier)),
            degraded: self.degraded,
            first_token_ms: Some(first_token_ms),
            usage: self.with_earlier(self.pipe.usage()),
        }
    }
}

/// How often the clock is looked at while nothing comes, milliseconds: a sleep of this machine's passes unnoticed by
/// timers.
const LOOK_EVERY_MS: u64 = 1_000;

/// Fires after so long, milliseconds, or when the clock is to be looked at again.
fn timer(ms: u64) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep(Duration::from_millis(ms.min(LOOK_EVERY_MS))))
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
                match self.emit() {
                    Some(frame) => return Poll::Ready(Some(Ok(frame))),
                    None => continue,
                }
            }
            if let Some(failure) = self.broken.take() {
                self.fail(failure);
                continue;
            }
            if let Some(rescue) = &mut self.rescue {
                let Poll::Ready((record, outcome)) = rescue.asking.as_mut().poll(cx) else {
                    return Poll::Pending;
                };
                let Some(rescue) = self.rescue.take() else { continue };
                match outcome {
                    Ok(answered) => self.go_on(rescue, record, *answered),
                    Err(failure) => {
                        let broken = Failure {
                            message: format!(
                                "{} The rest: {}",
                                reply::sentence(&rescue.broken.message),
                                failure.message
                            ),
                            ..rescue.broken
                        };
                        let reply = self.broke_off(&broken, None);
                        self.out.extend_from_slice(&rescue.resume.pipe.error_event(&reply));
                        record.end(self.ending(Ended::Broken, rescue.callers_first_token_ms));
                    }
                }
                continue;
            }
            if self.settlement.is_none() {
                let end = self.list.as_mut().and_then(JsonList::close);
                return Poll::Ready(end.map(|end| Ok(Frame::data(Bytes::from_static(end)))));
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.hear(&bytes);
                    }
                    continue;
                }
                Poll::Ready(Some(Err(error)))
                    if !self.pipe.is_finished() && self.pipe.finish_reason().is_none() =>
                {
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
            if self.grace_over.as_mut().poll(cx).is_ready() {
                if self.pipe.is_finished() {
                    self.conclude();
                } else {
                    self.stop();
                }
                continue;
            }
            // It is moved on only when it is due: a busy stream costs no timer.
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.look_at_the_clock();
        }
    }
}
