//! An answer as a list of steps, and what each fault does to the list.
//!
//! All faults of an answer are decided here, without a socket; [`crate::playback`] only plays the steps.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};

use crate::ask::Refusal;
use crate::dialect::{self, Events};
use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::latency::Pace;
use crate::profile::Dialect;

/// One thing the provider does after its response head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Send(Bytes),
    Wait(Duration),
    /// Closes the connection, what was sent before it delivered.
    Cut,
    /// Sends nothing more and stays connected.
    Stall,
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Before the response head.
    pub(crate) head_delay: Duration,
    pub(crate) steps: Vec<Step>,
}

const CAPTIVE_PORTAL: &str = "<!DOCTYPE html>\n<html><head><title>Free Wi-Fi</title></head><body><h1>Welcome</h1>\
     <p>Please accept the terms of use to go online.</p><form action=\"/accept\" method=\"post\">\
     <button>Connect</button></form></body></html>\n";
const PORTAL_LOGIN: HeaderValue = HeaderValue::from_static("http://wifi.portal.example/login");

impl Script {
    /// A body of a known length, sent at once.
    fn body(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CONTENT_LENGTH, body.len().into());
        let steps = if body.is_empty() { Vec::new() } else { vec![Step::Send(body)] };
        Self { status, headers, head_delay: Duration::ZERO, steps }
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::body(status, "application/json", body.to_string())
    }

    /// The dialect's error.
    pub(crate) fn refusal(dialect: Dialect, refusal: &Refusal, seq: u64) -> Self {
        let mut script = Self::json(refusal.status, &dialect::error_body(dialect, refusal, seq));
        if let Some(seconds) = refusal.retry_after_s {
            script.headers.insert(RETRY_AFTER, seconds.into());
        }
        for (name, value) in dialect::error_headers(dialect, refusal) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                script.headers.insert(HeaderName::from_static(name), value);
            }
        }
        script
    }

    /// A `status` fault with the body the user wrote.
    pub(crate) fn status_with_body(code: u16, retry_after_s: Option<u64>, body: &str) -> Self {
        let json = serde_json::from_str::<serde_json::Value>(body).is_ok();
        let content_type = if json { "application/json" } else { "text/plain; charset=utf-8" };
        let mut script = Self::body(code, content_type, body.to_owned());
        if let Some(seconds) = retry_after_s {
            script.headers.insert(RETRY_AFTER, seconds.into());
        }
        script
    }

    pub(crate) fn captive_portal(redirect: bool) -> Self {
        let html = "text/html; charset=utf-8";
        if !redirect {
            return Self::body(200, html, CAPTIVE_PORTAL);
        }
        let mut script = Self::body(302, html, "");
        script.headers.insert(LOCATION, PORTAL_LOGIN);
        script
    }

    pub(crate) fn empty() -> Self {
        Self::body(200, "application/json", "")
    }

    /// A plain answer, spoilt by `fault`.
    pub(crate) fn whole(body: &Bytes, errors: &Errors<'_>, pace: &mut Pace, fault: Option<&Fault>) -> Self {
        let mut script = Self::body(200, "application/json", body.clone());
        script.head_delay = pace.first_byte() + (1..pace.chunks()).map(|_| pace.chunk()).sum::<Duration>();
        let half = body.slice(..body.len() / 2);
        match fault {
            Some(Fault::SlowFirstToken { ms }) => {
                script.head_delay = Duration::ZERO;
                script.steps.insert(0, Step::Wait(Duration::from_millis(*ms)));
            }
            Some(Fault::CutStream { after_chunks: 0 }) => script.steps = vec![Step::Cut],
            Some(Fault::CutStream { .. } | Fault::TruncatedBody) => {
                script.steps = vec![Step::Send(half), Step::Cut];
            }
            Some(Fault::StallStream { after_chunks: 0 } | Fault::RoleOnlyThenStall) => {
                script.steps = vec![Step::Stall];
            }
            Some(Fault::StallStream { .. }) => script.steps = vec![Step::Send(half), Step::Stall],
            Some(Fault::MalformedChunk { .. }) => {
                script.headers.insert(CONTENT_LENGTH, half.len().into());
                script.steps = vec![Step::Send(half)];
            }
            Some(Fault::ErrorEvent { .. } | Fault::InBandError) => {
                let head_delay = script.head_delay;
                script = Self::json(200, &errors.body());
                script.head_delay = head_delay;
            }
            Some(Fault::SlowHeaders { ms }) => script.head_delay = Duration::from_millis(*ms),
            Some(
                Fault::Status { .. }
                | Fault::Reset { .. }
                | Fault::Refuse
                | Fault::Silence
                | Fault::MissingDone
                | Fault::Html { .. }
                | Fault::EmptyBody
                | Fault::ContentFilter,
            )
            | None => {}
        }
        script
    }

    /// A streamed answer, spoilt by `fault`.
    pub(crate) fn stream(
        events: Events,
        errors: &Errors<'_>,
        pace: &mut Pace,
        fault: Option<&Fault>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(events.content_type));
        headers.insert(HeaderName::from_static("cache-control"), HeaderValue::from_static("no-cache"));
        let mut script = Self { status: 200, headers, head_delay: pace.first_byte(), steps: Vec::new() };
        match fault {
            Some(Fault::SlowHeaders { ms }) => script.head_delay = Duration::from_millis(*ms),
            Some(Fault::SlowFirstToken { ms }) => {
                script.head_delay = Duration::ZERO;
                script.steps.push(Step::Wait(Duration::from_millis(*ms)));
            }
            Some(Fault::InBandError) => {
                script.steps.push(Step::Send(errors.event(0)));
                return script;
            }
            Some(Fault::TruncatedBody) => {
                // A stream with a length it does not keep, as some proxies make of a chunked one.
                let length: usize =
                    events.content.iter().map(Bytes::len).sum::<usize>() + events.opening.len();
                script
                    .headers
                    .insert(CONTENT_LENGTH, (length + events.closing.len() + events.done.len()).into());
            }
            Some(_) | None => {}
        }
        let strike = fault.and_then(|fault| Strike::of(fault, errors));
        script.send(events.opening);
        let opened = script.steps.len();
        for (n, chunk) in events.content.into_iter().enumerate() {
            if n > 0 {
                script.wait(pace.chunk());
            }
            if let Some(strike) = strike.as_ref().filter(|strike| strike.after == n)
                && script.strike(strike, errors)
            {
                return script;
            }
            script.send(chunk);
        }
        // A stream shorter than `after_chunks` is struck at its end: the fault never goes unnoticed.
        let sent = script.steps.iter().skip(opened);
        let content_sent = sent.filter(|step| matches!(step, Step::Send(_))).count();
        if let Some(strike) = strike.as_ref().filter(|strike| strike.after >= content_sent)
            && script.strike(strike, errors)
        {
            return script;
        }
        script.send(events.closing);
        match fault {
            Some(Fault::MissingDone) => {}
            Some(Fault::TruncatedBody) => script.steps.push(Step::Cut),
            Some(_) | None => script.send(events.done),
        }
        script
    }

    /// An empty part is none: a dialect may have nothing to say there.
    fn send(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.steps.push(Step::Send(bytes));
        }
    }

    /// Server-sent events so far.
    fn events_sent(&self) -> u64 {
        let ends = |step: &Step| match step {
            Step::Send(bytes) => memchr::memmem::find_iter(bytes, b"\n\n").count() as u64,
            Step::Wait(_) | Step::Cut | Step::Stall => 0,
        };
        self.steps.iter().map(ends).sum()
    }

    fn wait(&mut self, time: Duration) {
        if !time.is_zero() {
            self.steps.push(Step::Wait(time));
        }
    }

    /// Whether the stream ends with it.
    fn strike(&mut self, strike: &Strike, errors: &Errors<'_>) -> bool {
        match &strike.blow {
            Blow::Cut => self.steps.push(Step::Cut),
            Blow::Stall => self.steps.push(Step::Stall),
            Blow::Error => {
                let event = errors.event(self.events_sent());
                self.steps.push(Step::Send(event));
            }
            Blow::Malformed(event) => {
                self.steps.push(Step::Send(event.clone()));
                return false;
            }
        }
        true
    }
}

/// A fault at a place in the stream.
#[derive(Debug)]
struct Strike {
    /// Content chunks before it.
    after: usize,
    blow: Blow,
}

#[derive(Debug)]
enum Blow {
    Cut,
    Stall,
    Error,
    Malformed(Bytes),
}

impl Strike {
    fn of(fault: &Fault, errors: &Errors<'_>) -> Option<Self> {
        let (after, blow) = match fault {
            Fault::CutStream { after_chunks } => (*after_chunks, Blow::Cut),
            Fault::StallStream { after_chunks } => (*after_chunks, Blow::Stall),
            Fault::RoleOnlyThenStall => (0, Blow::Stall),
            Fault::MalformedChunk { after_chunks } => {
                (*after_chunks, Blow::Malformed(dialect::malformed_event(errors.endpoint)))
            }
            Fault::ErrorEvent { after_chunks } => (*after_chunks, Blow::Error),
            Fault::Status { .. }
            | Fault::Reset { .. }
            | Fault::Refuse
            | Fault::Silence
            | Fault::SlowFirstToken { .. }
            | Fault::SlowHeaders { .. }
            | Fault::MissingDone
            | Fault::Html { .. }
            | Fault::EmptyBody
            | Fault::InBandError
            | Fault::TruncatedBody
            | Fault::ContentFilter => return None,
        };
        Some(Self { after: after as usize, blow })
    }
}

/// The error a healthy-looking answer turns into: overloaded, the one seen most often in the wild.
#[derive(Debug)]
pub(crate) struct Errors<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) provider: &'a str,
    pub(crate) seq: u64,
}

impl Errors<'_> {
    fn refusal() -> Refusal {
        Refusal::new(529, "Overloaded")
    }

    fn body(&self) -> serde_json::Value {
        dialect::error_body(self.endpoint.dialect, &Self::refusal(), self.seq)
    }

    /// After `sent` events of the stream.
    fn event(&self, sent: u64) -> Bytes {
        dialect::error_event(self.endpoint, self.provider, &Self::refusal(), self.seq, sent)
    }
}
