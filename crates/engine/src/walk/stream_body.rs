//! The rest of a stream, behind the commit point: relayed event by event, never retried. It ends well, or with one
//! clear error event; never with a silent cut.

mod relaying;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use switchyard_domain::event::EventKind;
use switchyard_domain::map::{Midstream, RouteIx};
use switchyard_domain::view::Outcome as Ended;
use switchyard_domain::{Failure, FailureKind, RouteId};
use switchyard_wire::gemini::JsonList;
use switchyard_wire::{ErrorReply, Pipe, ReplyOptions, Unfit, Usage, verbatim_event};
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::core::clock;
use crate::walk::LiveMap;
use crate::walk::Walk;
use crate::walk::exchange::{Ending, Exchange};
use crate::walk::request::{ProxyRequest, Resume};
use crate::walk::sentence::sentence;
use crate::walk::serve::STOPPING;
use crate::walk::stream_failover;
use crate::walk::upstream::{Opened, RESTART_MISMATCH};

use relaying::{Came, Relaying, timer};

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

/// Where a stream is.
#[derive(Debug)]
enum State {
    Relaying(Box<Relaying>),
    FailingOver(Box<FailingOver>),
    Over,
}

/// The body of a streamed response.
#[derive(Debug)]
pub(crate) struct StreamBody {
    walk: Arc<Walk>,
    running: Arc<LiveMap>,
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

impl StreamBody {
    /// Takes over a stream that has shown its first meaningful byte.
    pub(crate) fn new(
        walk: &Arc<Walk>,
        running: &Arc<LiveMap>,
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
            grace_over: Box::pin(walk.core.grace_over.clone().cancelled_owned()),
            timer: timer(0),
            walk: Arc::clone(walk),
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
        exchange.succeed(pipe.billed());
        let lost: Vec<String> =
            pipe.lost().iter().map(|lost| format!("{} {}", lost.code, lost.field)).collect();
        exchange.tell_losses(&lost);
        exchange.end(self.ending(Ended::Answered, pipe.usage()));
    }

    /// Settles a stream that broke off, and asks another route for the rest where that is safe.
    fn fail(&mut self, mut relaying: Relaying, failure: Failure) {
        let failure = relaying.secrets.taken_out(failure, self.running.map.route(relaying.route));
        relaying.tell_exchange();
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
                        Arc::clone(&self.walk),
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
    fn stop(&mut self, mut relaying: Relaying) {
        relaying.tell_exchange();
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
            || self.walk.core.is_paused()
            || self.walk.core.all_off(&self.running).is_some()
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
            self.walk.core.bus.emit(what, clock::now());
        }
        self.timer = timer(0);
        self.degraded = true;
        let relaying = Relaying::new(opened, exchange, &mut self.out);
        self.state = State::Relaying(Box::new(relaying));
    }

    /// No route was found for the rest.
    fn give_up(&mut self, failing_over: FailingOver, exchange: Exchange, failure: &Failure) {
        let FailingOver { broken, resume, .. } = failing_over;
        let message = format!("{} The rest: {}", sentence(&broken.message), failure.message);
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
