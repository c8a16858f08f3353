//! Running a check: each case goes the way of a client's request, for one route alone.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use serde_json::Value;
use switchyard_domain::compat::{CompatCase, CompatOutcome, CompatResult};
use switchyard_domain::map::{ColdReply, Job, Line, Midstream, Route, RouteIx};
use switchyard_domain::{Failure, FailureKind};
use switchyard_policy::Known;

use super::judge::{self, Heard, Used, Verdict, failed, passed, skipped};
use super::{asks, window};
use crate::core::clock;
use crate::walk::LiveMap;
use crate::walk::Walk;
use crate::walk::reply::Reply;
use crate::walk::request::{ProxyRequest, RequestParts};
use crate::watch::network::NetworkMonitor;
use crate::watch::one_route::{self, NotAsked};

/// The workload in the log of requests that are made here.
const JOB: &str = "compat";
/// The longest a case may take, milliseconds; the route's own timeouts usually end it sooner.
const PATIENCE_MS: u64 = 60_000;

/// One route on the bench.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    pub(crate) walk: &'a Arc<Walk>,
    pub(crate) network: &'a NetworkMonitor,
    pub(crate) running: &'a Arc<LiveMap>,
    pub(crate) ix: RouteIx,
}

/// A verdict and the tokens it took; none where the route could not be asked.
type Tried = Result<(Verdict, Used), NotAsked>;

/// Why a case need not be tried on a route.
pub(super) fn impossible(route: &Route, known: &Known, case: CompatCase) -> Option<String> {
    if let Some(feature) = case.feature().filter(|feature| route.cannot.has(*feature)) {
        return Some(format!(
            "Not tried: the map or the provider's preset says that it has no {}.",
            feature.words()
        ));
    }
    if case == CompatCase::LongContext {
        return match window(route, known) {
            None => {
                Some("Not tried: its context window is not known. Write \"contextWindow\" in the map.".into())
            }
            Some(window) if asks::long_tokens(window).is_none() => {
                Some(format!("Not tried: a window of {window} tokens is too small to hide a word in."))
            }
            Some(_) => None,
        };
    }
    None
}

/// Runs the cases in order. When the route has no plain answer, the others are not tried and not listed.
///
/// # Errors
/// When the route could not be asked: then nothing is known of it, not even by the cases before.
pub(crate) async fn check(
    bench: &Bench<'_>,
    known: &Known,
    cases: &[CompatCase],
) -> Result<Vec<CompatResult>, NotAsked> {
    let mut results = Vec::with_capacity(cases.len());
    for case in CompatCase::ALL.into_iter().filter(|case| cases.contains(case)) {
        let begun = clock::now();
        let (verdict, used) = match impossible(bench.route(), known, case) {
            Some(why) => (skipped(why), (0, 0)),
            None => Box::pin(bench.within_patience(case, known)).await?,
        };
        let ended = clock::now();
        let Verdict { outcome, sentence } = verdict;
        results.push(CompatResult {
            case,
            outcome,
            sentence,
            at_ms: ended.wall_ms,
            duration_ms: clock::span_ms(begun, ended),
            input_tokens: used.0,
            output_tokens: used.1,
        });
        if case == CompatCase::Plain && outcome != CompatOutcome::Passed {
            break;
        }
    }
    Ok(results)
}

impl Bench<'_> {
    fn route(&self) -> &Route {
        self.running.map.route(self.ix)
    }

    async fn within_patience(&self, case: CompatCase, known: &Known) -> Tried {
        let by = clock::now().mono_ms + PATIENCE_MS;
        let late = || (failed(format!("It did not end within {} s.", PATIENCE_MS / 1_000)), (0, 0));
        let (verdict, used) = clock::until(by, self.run(case, known)).await.unwrap_or_else(|| Ok(late()))?;
        // A stream that broke off may have done so on the way.
        let may_be_cut = matches!(case, CompatCase::Stream | CompatCase::Cancel)
            && verdict.outcome == CompatOutcome::Failed;
        if may_be_cut
            && let Some(offline) = one_route::offline(self.network, self.walk, self.running, self.ix).await
        {
            return Err(NotAsked(offline));
        }
        Ok((verdict, used))
    }

    async fn run(&self, case: CompatCase, known: &Known) -> Tried {
        match case {
            CompatCase::Plain => self.one(&asks::plain(), judge::plain).await,
            CompatCase::Stream => {
                let usage = self.route().usage_in_stream;
                self.one(&asks::stream(), |heard| judge::stream(heard, usage)).await
            }
            CompatCase::Tools => self.tools().await,
            CompatCase::ParallelTools => self.one(&asks::parallel_tools(), judge::parallel_tools).await,
            CompatCase::JsonSchema => self.one(&asks::json_schema(), judge::json_schema).await,
            CompatCase::Vision => self.one(&asks::vision(), judge::vision).await,
            CompatCase::LongContext => {
                let tokens = window(self.route(), known).and_then(asks::long_tokens).unwrap_or_default();
                self.one(&asks::long_context(tokens), |heard| judge::long_context(heard, tokens)).await
            }
            CompatCase::Error => self.error().await,
            CompatCase::Cancel => self.cancel().await,
        }
    }

    async fn one(&self, body: &Value, judge: impl FnOnce(&Heard) -> Verdict) -> Tried {
        let heard = self.heard(body).await?;
        Ok((judge(&heard), heard.used().unwrap_or_default()))
    }

    async fn tools(&self) -> Tried {
        let first = self.heard(&asks::tools()).await?;
        let used = first.used().unwrap_or_default();
        let (message, calls) = match judge::tool_call(&first) {
            Ok(called) => called,
            Err(verdict) => return Ok((verdict, used)),
        };
        let (verdict, more) = self.one(&asks::tool_result(&message, &calls), judge::tool_answer).await?;
        Ok((verdict, (used.0 + more.0, used.1 + more.1)))
    }

    async fn error(&self) -> Tried {
        let mut used = (0, 0);
        for body in asks::faulty() {
            let heard = self.heard(&body).await?;
            if let Some(verdict) = judge::error(&heard) {
                return Ok((verdict, used));
            }
            let more = heard.used().unwrap_or_default();
            used = (used.0 + more.0, used.1 + more.1);
        }
        let why = "It took a temperature that is no number: what is wrong with a request is never said.";
        Ok((failed(why), used))
    }

    async fn cancel(&self) -> Tried {
        let (parts, mut body) = self.send(&asks::long_answer()).await?.into_parts();
        if !parts.status.is_success() {
            let heard = Heard { status: parts.status.as_u16(), body: gather(body).await, lost: Vec::new() };
            return Ok((judge::stream(&heard, false), (0, 0)));
        }
        let mut seen = Vec::new();
        while !judge::has_text(&seen) {
            match body.frame().await.map(|frame| frame.map(http_body::Frame::into_data)) {
                Some(Ok(Ok(data))) => seen.extend_from_slice(&data),
                Some(Ok(Err(_))) => {}
                None => return Ok((failed("The stream ended before its first text."), (0, 0))),
            }
        }
        // The reader leaves here; that closes the connection upstream, or resets its stream.
        drop(body);
        let (next, used) = self.one(&asks::plain(), judge::plain).await?;
        if next.outcome != CompatOutcome::Passed {
            let why = next.sentence;
            return Ok((failed(format!("After a stream was left, the next request failed. {why}")), used));
        }
        Ok((passed("A stream was left after its first text; the next request was answered."), used))
    }

    async fn heard(&self, body: &Value) -> Result<Heard, NotAsked> {
        let (parts, body) = self.send(body).await?.into_parts();
        let lost = parts.headers.get("x-switchyard-degradations").and_then(|lost| lost.to_str().ok());
        let lost = lost.map(|lost| lost.split(", ").map(str::to_owned).collect()).unwrap_or_default();
        Ok(Heard { status: parts.status.as_u16(), body: gather(body).await, lost })
    }

    async fn send(&self, body: &Value) -> Result<Reply, NotAsked> {
        let arrival = RequestParts::own(HeaderMap::new());
        let id = arrival.id.clone();
        let mut request = ProxyRequest::read(arrival, Bytes::from(body.to_string()), &self.running.map)
            .map_err(|reply| NotAsked(Failure::new(FailureKind::BadRequest, reply.message)))?;
        request.interactive = Some(true);
        request.job = Arc::new(self.job());
        // The same question is asked in every check: no provider may take it for a repetition.
        if let Ok(key) = HeaderValue::from_str(id.as_str()) {
            request.upstream_idempotency_key = key;
        }
        Box::pin(one_route::ask_route(self.network, self.walk, self.running, &Arc::new(request), self.ix))
            .await
    }

    /// A workload of this one route, which may be of another job's tiers, or gated.
    fn job(&self) -> Job {
        Job {
            name: JOB.to_owned(),
            slo_ms: PATIENCE_MS,
            slo_is_written: true,
            midstream: Midstream::Error,
            hold_back_ms: 0,
            line: Line { hot: vec![self.ix], warm: Vec::new() },
            own_line: true,
            reply: ColdReply::Error,
            own_reply: true,
            interactive: true,
            queue: false,
            priority: None,
            sticky: switchyard_domain::map::Sticky::Never,
            matches: Vec::new(),
        }
    }
}

async fn gather(body: impl http_body::Body<Data = Bytes, Error = Infallible>) -> Vec<u8> {
    body.collect().await.map(|collected| collected.to_bytes().to_vec()).unwrap_or_default()
}
