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
use switchyard_domain::event::EventKind;
use switchyard_domain::map::{Midstream, Route, RouteIx};
use switchyard_domain::view::Outcome as Ended;
use switchyard_domain::{Failure, FailureKind, RouteId};
use switchyard_policy::{EndedBy, Silence};
use switchyard_wire::gemini::JsonList;
use switchyard_wire::{
    ErrorReply, FrameDecoder, Observed, Pipe, ReplyOptions, StreamEnd, Unfit, UpstreamError, Usage,
    verbatim_event,
};
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::blocking;
use crate::clock;
use crate::exchange::{Ending, Exchange};
use crate::pipeline::{self, STOPPING};
use crate::reply;
use crate::request::ProxyRequest;
use crate::shared::{Running, Shared};
use crate::stream_failover::{self, Resume};
use crate::upstream::{Opened, RESTART_MISMATCH, Secrets, Traits, from_reqwest, in_band, silent};

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

/// The rest of a broken stream being asked for elsewhere; gives the exchange back.
type Asking = Pin<Box<dyn Future<Output = (Exchange, Result<Box<Opened>, Failure>)> + Send>>;

/// Another route being asked to go on with a stream that broke off.
struct FailingOver {
    asking: Asking,
    /// What broke.
    broken: Failure,
    /// Whose stream it was.
    from: RouteId,
    /// What the caller has been told.
    resume: Arc<Resume>,
}

impl std::fmt::Debug for FailingOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FailingOver").field("broken", &self.broken).finish_non_exhaustive()
    }
}

/// A route's stream on its way to the caller.
#[derive(Debug)]
struct Relaying {
    exchange: Exchange,
    body: reqwest::Body,
    decoder: FrameDecoder,
    pipe: Pipe,
    secrets: Secrets,
    /// What went wrong, until what came before it has gone out.
    broken: Option<Failure>,
    route: RouteIx,
    traits: Traits,
    /// The last frame's arrival, on the monotonic clock.
    frame_mono_ms: u64,
    /// The same of the last frame that was more than a keep-alive.
    content_mono_ms: u64,
}

/// Where a stream is.
#[derive(Debug)]
enum State {
    Relaying(Box<Relaying>),
    FailingOver(Box<FailingOver>),
    Over,
}

/// What came of looking at a route's stream.
#[derive(Debug)]
enum Came {
    /// Something to be sent on, or nothing yet: look again.
    More,
    /// Its whole answer.
    Complete,
    /// A fault.
    Fault(Failure),
    /// The end of the grace that a shutdown leaves to what is under way.
    GraceOver,
}

/// The body of a streamed response.
#[derive(Debug)]
pub(crate) struct StreamBody {
    shared: Arc<Shared>,
    running: Arc<Running>,
    request: Arc<ProxyRequest>,
    state: State,
    out: Vec<u8>,
    timer: Pin<Box<Sleep>>,
    grace_over: Pin<Box<WaitForCancellationFutureOwned>>,
    degraded: bool,
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

impl Relaying {
    /// Takes over a stream that has shown its first meaningful byte; what the caller gets first is put into `out`.
    fn new(opened: Opened, exchange: Exchange, out: &mut Vec<u8>) -> Self {
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
        }
    }

    /// Looks for the next piece of the upstream's body.
    fn poll(
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
        let (is_content, came) = self.drain(route, out);
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

impl StreamBody {
    /// Takes over a stream that has shown its first meaningful byte.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        running: &Arc<Running>,
        request: &Arc<ProxyRequest>,
        exchange: Exchange,
        opened: Opened,
        degraded: bool,
    ) -> Self {
        let mut out = Vec::new();
        let relaying = Relaying::new(opened, exchange, &mut out);
        Self {
            state: State::Relaying(Box::new(relaying)),
            out,
            grace_over: Box::pin(shared.grace_over.clone().cancelled_owned()),
            timer: timer(0),
            shared: Arc::clone(shared),
            running: Arc::clone(running),
            request: Arc::clone(request),
            degraded,
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

    /// Settles what came to its end.
    fn finish(&mut self, relaying: Relaying) {
        let Relaying { mut exchange, pipe, .. } = relaying;
        self.completed.store(true, Ordering::Release);
        exchange.succeed();
        let lost: Vec<String> =
            pipe.lost().iter().map(|lost| format!("{} {}", lost.code, lost.field)).collect();
        pipeline::tell_losses(&self.shared, &self.request, &lost, &mut exchange);
        exchange.end(self.ending(Ended::Answered, pipe.usage()));
    }

    /// Settles a stream that broke off, and asks another route for the rest where that is safe.
    fn fail(&mut self, mut relaying: Relaying, failure: Failure) {
        let failure = relaying.secrets.taken_out(failure, self.running.map.route(relaying.route));
        relaying.exchange.broke_off(&failure);
        // What was told differently once would be told differently again.
        let resumable = if failure.code.as_deref() == Some(RESTART_MISMATCH) {
            Err(None)
        } else {
            self.resumable(&mut relaying.pipe, &failure)
        };
        let Relaying { exchange, pipe, route, .. } = relaying;
        match resumable {
            Ok(resume) => {
                let resume = Arc::new(resume);
                self.dead.push(route);
                self.state = State::FailingOver(Box::new(FailingOver {
                    broken: failure,
                    from: self.running.map.route(route).id.clone(),
                    resume: Arc::clone(&resume),
                    asking: Box::pin(stream_failover::again(
                        Arc::clone(&self.shared),
                        Arc::clone(&self.running),
                        Arc::clone(&self.request),
                        resume,
                        self.dead.clone(),
                        exchange,
                    )),
                }));
            }
            Err(why) => {
                let otherwise = || pipe.error_event(&self.broke_off(&failure, why));
                let event = self.verbatim(&failure).unwrap_or_else(otherwise);
                self.out.extend_from_slice(&event);
                exchange.end(self.ending(Ended::Broken, pipe.usage()));
            }
        }
    }

    /// Ends a stream that outlives the shutdown's grace. That is no route's fault, so its try ends without a verdict.
    fn stop(&mut self, relaying: Relaying) {
        let Relaying { exchange, pipe, .. } = relaying;
        let reply = ErrorReply {
            status: 503,
            kind: "api_error".to_owned(),
            code: Some(STOPPING.to_owned()),
            message: "The stream was ended: Switchyard is shutting down. Send the request again.".to_owned(),
            param: None,
            request_id: Some(self.request.id.as_str().to_owned()),
        };
        self.out.extend_from_slice(&pipe.error_event(&reply));
        exchange.end(self.ending(Ended::Broken, pipe.usage()));
    }

    /// What another route needs to go on with the stream that broke off by `failure`.
    fn resumable(&mut self, pipe: &mut Pipe, failure: &Failure) -> Result<Resume, Option<Unfit>> {
        let mode = self.request.job.midstream;
        let spent = self.has_unread || self.dead.len() >= stream_failover::most(mode);
        let unread = (failure.kind == FailureKind::Unreadable).then(|| failure.clone());
        self.has_unread |= unread.is_some();
        if mode == Midstream::Error
            || spent
            || self.shared.is_paused()
            || self.shared.all_off(&self.running).is_some()
        {
            return Err(None);
        }
        let (text, usage) = match pipe.said() {
            Ok(said) => (said.text.clone(), Some(said.usage)),
            Err(Unfit::Nothing) => (String::new(), pipe.usage()),
            Err(why) => return Err(Some(why)),
        };
        self.earlier = self.with_earlier(usage);
        // Nothing more goes through the old one: its successor is made when a route has been found.
        let none = Pipe::passthrough(self.request.dialect, false, ReplyOptions::default(), false, false);
        Ok(Resume { pipe: std::mem::replace(pipe, none), text, mode, unread })
    }

    /// What the provider has against the caller's own request, as it said so: clients act on its members (Groq's
    /// `failed_generation`).
    fn verbatim(&self, failure: &Failure) -> Option<Vec<u8>> {
        let error = failure.verbatim.as_deref().filter(|_| failure.kind == FailureKind::BadRequest)?;
        verbatim_event(self.request.dialect, error, &failure.message, self.request.id.as_str())
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
            request_id: Some(self.request.id.as_str().to_owned()),
        }
    }

    /// Goes on with the stream of the route that was found for the rest.
    fn go_on(&mut self, failing_over: FailingOver, mut exchange: Exchange, opened: Opened) {
        let FailingOver { broken, from, resume, .. } = failing_over;
        exchange.rescued();
        if let Some((to, _)) = exchange.served_by() {
            let (request_id, to) = (self.request.id.clone(), to.clone());
            let chars = resume.text.chars().count();
            let what = EventKind::StreamRescued { request_id, from, to, chars, failure: broken };
            self.shared.bus.emit(what, clock::now());
        }
        self.timer = timer(0);
        self.degraded = true;
        let relaying = Relaying::new(opened, exchange, &mut self.out);
        self.state = State::Relaying(Box::new(relaying));
    }

    /// No route was found for the rest.
    fn give_up(&mut self, failing_over: FailingOver, exchange: Exchange, failure: &Failure) {
        let FailingOver { broken, resume, .. } = failing_over;
        let message = format!("{} The rest: {}", reply::sentence(&broken.message), failure.message);
        let reply = self.broke_off(&Failure { message, ..broken }, None);
        self.out.extend_from_slice(&resume.pipe.error_event(&reply));
        exchange.end(self.ending(Ended::Broken, None));
    }

    /// The usage of the parts before this one, and of this one.
    fn with_earlier(&self, own: Option<Usage>) -> Option<Usage> {
        match (self.earlier, own) {
            (Some(earlier), Some(own)) => Some(earlier.plus(own)),
            (earlier, own) => earlier.or(own),
        }
    }

    fn ending(&self, outcome: Ended, usage: Option<Usage>) -> Ending {
        let usage = self.with_earlier(usage);
        Ending::Served { outcome, status: 200, degraded: self.degraded, usage }
    }
}

/// How often the clock is looked at while nothing comes, milliseconds: a sleep of this machine's passes unnoticed by
/// timers.
const LOOK_EVERY_MS: u64 = 1_000;

/// Fires after so long, milliseconds, or when the clock is to be looked at again.
fn timer(ms: u64) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep(Duration::from_millis(ms.min(LOOK_EVERY_MS))))
}

impl Body for StreamBody {
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
            let this = &mut *self;
            match &mut this.state {
                State::Relaying(relaying) => {
                    let waits = (&mut this.timer, &mut this.grace_over);
                    let came = match relaying.poll(&this.running, &mut this.out, waits, cx) {
                        Poll::Ready(Came::More) => continue,
                        Poll::Ready(came) => came,
                        Poll::Pending => return Poll::Pending,
                    };
                    let State::Relaying(relaying) = std::mem::replace(&mut this.state, State::Over) else {
                        continue;
                    };
                    match came {
                        Came::More => {}
                        Came::Complete => this.finish(*relaying),
                        Came::Fault(failure) => this.fail(*relaying, failure),
                        Came::GraceOver => this.stop(*relaying),
                    }
                }
                State::FailingOver(failing_over) => {
                    let Poll::Ready((exchange, outcome)) = failing_over.asking.as_mut().poll(cx) else {
                        return Poll::Pending;
                    };
                    let State::FailingOver(failing_over) = std::mem::replace(&mut this.state, State::Over)
                    else {
                        continue;
                    };
                    match outcome {
                        Ok(opened) => this.go_on(*failing_over, exchange, *opened),
                        Err(failure) => this.give_up(*failing_over, exchange, &failure),
                    }
                }
                State::Over => {
                    let end = this.list.as_mut().and_then(JsonList::close);
                    return Poll::Ready(end.map(|end| Ok(Frame::data(Bytes::from_static(end)))));
                }
            }
        }
    }
}
