//! A try ends in many ways; fleet, log, metrics and ledger hear of each once.

use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use serde_json::json;
use switchyard_domain::api::{ApplyMap, SpendBy};
use switchyard_domain::map::RouteIx;
use switchyard_domain::view::{Outcome, RequestView};
use switchyard_domain::{Dialect, Failure, FailureKind, RequestId, RouteId};
use switchyard_policy::{Attempt, FailoverMachine, Input, Needs, Step, Waits, plan};
use switchyard_store::{RequestFilter, SpendKind};

use super::Router;
use super::state::RouterState;
use crate::RouterConfig;
use crate::core::clock;
use crate::core::purse::{Payer, Payment};
use crate::walk::exchange::{Ending, Exchange};
use crate::watch::metrics;

struct World {
    router: Router,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = RouterConfig {
            proxy_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            keychain: false,
            ..RouterConfig::new(dir.path())
        };
        let router = Router::start(config).await.unwrap();
        let route = |name: &str| {
            json!({ "provider": name, "model": "m", "auth": "none", "baseUrl": "http://127.0.0.1:9/v1",
                    "dialect": "openai-chat" })
        };
        let document = json!({
            "hot": [route("one"), route("two")], "warm": [], "probe": { "everyMs": 0 },
            "network": { "enabled": false, "checkUrls": [], "fallbackDns": [] },
            "budget": { "monthUsd": 1_000_000 },
            "cold": { "mode": "graceful_degrade", "queue": "q", "notify": [] },
        });
        let apply = ApplyMap {
            document: document.to_string(),
            base_version: None,
            reason: None,
            source: "test".to_owned(),
        };
        router.apply_map(apply).await.unwrap();
        Self { router, _dir: dir }
    }

    fn state(&self) -> &Arc<RouterState> {
        &self.router.state
    }

    fn open(&self) -> Exchange {
        let now = clock::now();
        let view = RequestView::unread(RequestId::from("req_1"), now, &Arc::from("app"), Dialect::OpenAiChat);
        Exchange::open(&self.state().walk, view, now)
    }

    /// A try as the failover machine gives it.
    fn attempt(&self, avoid: &[RouteIx]) -> Box<Attempt> {
        let running = self.state().core.running.load_full().unwrap();
        let now = clock::now();
        let needs = Needs { avoid: avoid.to_vec(), ..Needs::plain("auto", Dialect::OpenAiChat) };
        let job = &running.map.default_job;
        let step = self.state().core.with_fleet(|fleet| {
            let plan = plan(&running.map, job, fleet, &needs, 1, now);
            FailoverMachine::new(&running.map, job, plan, 1, now)
                .step(fleet, &running.map, Input::Begin, now)
                .0
        });
        let Some(Step::Try(attempt)) = step else { panic!("a try, not {step:?}") };
        attempt
    }

    /// The money of a try, of which there is enough.
    fn payment(&self, attempt: &Attempt) -> Option<Payment> {
        let running = self.state().core.running.load_full().unwrap();
        let payer = Payer {
            client: Arc::from("app"),
            job: Arc::from("default"),
            kind: SpendKind::Traffic,
            text_bytes: 10,
            media: 0,
            max_output_tokens: Some(10),
            has_output: true,
        };
        let route = (attempt.route, running.map.route(attempt.route));
        let held = pin!(Payment::hold(&self.state().core.purse, &running.priced, route, payer, u64::MAX));
        match held.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(held) => Some(held.unwrap()),
            Poll::Pending => panic!("nothing has to be waited for"),
        }
    }

    fn id(&self, route: RouteIx) -> RouteId {
        self.state().core.running.load_full().unwrap().map.route(route).id.clone()
    }

    /// The exchange at an answer's commit point.
    fn committed(&self, stream: bool) -> Exchange {
        let mut exchange = self.open();
        let attempt = self.attempt(&[]);
        let id = self.id(attempt.route);
        let payment = self.payment(&attempt);
        exchange.begin(attempt, payment);
        exchange.commit(&id, stream.then(clock::now), Waits::default());
        exchange
    }

    /// The exchange behind a try that failed before its answer.
    fn failed(&self) -> Exchange {
        let mut exchange = self.open();
        let attempt = self.attempt(&[]);
        let id = self.id(attempt.route);
        let payment = self.payment(&attempt);
        exchange.begin(attempt, payment);
        let (attempt, now) = (exchange.failed(&id, &failure()).unwrap(), clock::now());
        self.state().walk.change(now, |fleet| ((), attempt.fail(fleet, failure(), now)));
        exchange
    }

    /// Ended calls of both routes as the fleet has them, rows of the log, tries counted as answered and as failed, tries in
    /// the ledger, and requests by how they ended.
    async fn told(&self) -> (Vec<bool>, usize, u64, u64, u64, Vec<String>) {
        let state = self.state();
        let now = clock::now();
        let calls = |ix| state.core.with_fleet(|fleet| fleet.view(RouteIx(ix), now).last).unwrap();
        let calls = [calls(0), calls(1)].concat();
        state.core.writer.flush().await;
        let rows = state.core.store.requests().recent(&RequestFilter::default(), 100).await.unwrap().len();
        let text = metrics::text(&state.watch);
        let sum = |start: &str, labels: &str| -> u64 {
            let lines = text.lines().filter(|line| line.starts_with(start) && line.contains(labels));
            lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
        };
        let tries = |outcome: &str| sum("switchyard_attempts_total", &format!("outcome=\"{outcome}\""));
        let outcomes = ["answered", "queued", "refused", "failed", "broken", "aborted"];
        let ended = outcomes.into_iter().flat_map(|outcome| {
            let count = sum("switchyard_requests_total", &format!("outcome=\"{outcome}\""));
            (0..count).map(move |_| outcome.to_owned())
        });
        assert_eq!(state.walk.in_flight.load(Ordering::Relaxed), 0, "nothing is under way any more");
        let billed = self.router.spend(SpendBy::Kind, None, None).await.unwrap().rows;
        let held = self.router.money().budgets[0].reserved;
        assert_eq!(held, 0, "no money is held any more");
        let billed = billed.iter().map(|row| row.attempts).sum();
        (calls, rows, tries("answered"), tries("failed"), billed, ended.collect())
    }
}

const WHOLE: Ending =
    Ending::Served { outcome: Outcome::Answered, status: 200, degraded: false, usage: None };
const CUT: Ending = Ending::Served { outcome: Outcome::Broken, status: 200, degraded: false, usage: None };

fn failure() -> Failure {
    Failure { status: Some(500), ..Failure::new(FailureKind::ServerError, "from the test") }
}

fn cut() -> Failure {
    Failure { status: Some(200), ..Failure::new(FailureKind::Cut, "from the test") }
}

/// A name, what happens, and what is told of it, as [`World::told`] has it.
type Way<'w> = (&'w str, fn(&World), &'w [bool], usize, u64, u64, u64, &'w [&'w str]);

#[tokio::test]
async fn however_a_try_ends_it_is_told_of_once() {
    let ways: [Way<'_>; 9] = [
        (
            "answered",
            |world| {
                let mut exchange = world.committed(false);
                exchange.succeed(None);
                exchange.end(WHOLE);
            },
            &[true],
            1,
            1,
            0,
            1,
            &["answered"],
        ),
        (
            "failed, and nothing else was tried",
            |world| world.failed().end(Ending::unserved(Outcome::Failed, 503)),
            &[false],
            1,
            0,
            1,
            0,
            &["failed"],
        ),
        (
            "hung up on before its answer",
            |world| {
                let mut exchange = world.open();
                let attempt = world.attempt(&[]);
                let payment = world.payment(&attempt);
                exchange.begin(attempt, payment);
            },
            &[],
            1,
            0,
            0,
            1,
            &["aborted"],
        ),
        ("hung up on in its stream", |world| drop(world.committed(true)), &[], 1, 1, 0, 1, &["aborted"]),
        (
            "broken off, and continued by another route",
            |world| {
                let mut exchange = world.committed(true);
                exchange.broke_off(&cut());
                let (broken, _) = exchange.served_by().cloned().unwrap();
                let attempt = world.attempt(&[RouteIx(usize::from(broken != world.id(RouteIx(0))))]);
                let id = world.id(attempt.route);
                assert_ne!(id, broken);
                let payment = world.payment(&attempt);
                exchange.begin(attempt, payment);
                exchange.commit(&id, Some(clock::now()), Waits::default());
                exchange.rescued();
                exchange.succeed(None);
                exchange.end(WHOLE);
            },
            &[false, true],
            1,
            1,
            1,
            2,
            &["answered"],
        ),
        (
            "broken off for good",
            |world| {
                let mut exchange = world.committed(true);
                exchange.broke_off(&cut());
                exchange.end(CUT);
            },
            &[false],
            1,
            0,
            1,
            1,
            &["broken"],
        ),
        ("ended by a shutdown", |world| world.committed(true).end(CUT), &[], 1, 1, 0, 1, &["broken"]),
        (
            "ended by a fault of ours",
            |world| {
                let exchange = world.committed(true);
                let fault = catch_unwind(AssertUnwindSafe(move || {
                    let _exchange = exchange;
                    panic!("a fault of ours, from the test");
                }));
                assert!(fault.is_err());
                assert_eq!(world.state().walk.lost.load(Ordering::Relaxed), 1);
            },
            &[],
            1,
            1,
            0,
            1,
            &["failed"],
        ),
        (
            "an attempt of a queued job that changes nothing",
            |world| world.failed().end_unlogged(),
            &[false],
            0,
            0,
            1,
            0,
            &[],
        ),
    ];
    for (name, routing, calls, rows, answered, failed, billed, ended) in ways {
        let world = World::new().await;
        routing(&world);
        let ended = ended.iter().map(|outcome| (*outcome).to_owned()).collect();
        assert_eq!(world.told().await, (calls.to_vec(), rows, answered, failed, billed, ended), "{name}");
        world.router.shutdown().await;
    }
}
