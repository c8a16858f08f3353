//! What people read in each situation.

use switchyard_domain::event::StatusLevel;
use switchyard_domain::map::RouteIx;
use switchyard_domain::{Failure, FailureKind};
use switchyard_policy::status::{Setup, judge};
use switchyard_policy::{CurrentTier, Unfit};

use super::*;

const ROUTES: [(&str, &str); 4] =
    [("alpha/sonnet", "alpha"), ("alpha/haiku", "alpha"), ("beta/mini", "beta"), ("gamma/flash", "gamma")];

fn overloaded() -> Failure {
    Failure { status: Some(529), ..Failure::new(FailureKind::Overloaded, "from the test") }
}

fn broken() -> Failure {
    Failure { status: Some(500), ..Failure::new(FailureKind::ServerError, "from the test") }
}

fn silent() -> Failure {
    Failure::new(FailureKind::FirstByteTimeout, "from the test")
}

fn refused() -> Failure {
    Failure::new(FailureKind::Connect, "from the test")
}

fn id(at: usize) -> RouteId {
    RouteId::from(ROUTES[at].0)
}

fn by(provider: &str, count: u32) -> (String, u32) {
    (provider.to_owned(), count)
}

/// Hot stands, nothing was asked.
fn calm() -> Facts {
    Facts {
        setup: Setup::Runs,
        current_tier: CurrentTier { tier: Tier::Hot, route: Some(RouteIx(0)), cause: None },
        ..Facts::without_map(Setup::Runs)
    }
}

/// So many requests on Hot through alpha.
fn hot(count: u32) -> Figures {
    Figures { asked: count, hot: count, by: vec![by("alpha", count)], ..Figures::default() }
}

/// So many on Warm through beta, each after a failed try on Hot.
fn warm(count: u32) -> Figures {
    let by = vec![by("beta", count)];
    Figures { asked: count, warm: count, retried: count, troubled: count, by, ..Figures::default() }
}

fn asked(lately: Figures) -> Facts {
    Facts { lately, ..calm() }
}

fn stands(tier: Tier, route: Option<usize>, cause: Cause) -> CurrentTier {
    CurrentTier { tier, route: route.map(RouteIx), cause: Some(cause) }
}

fn out(at: usize, unfit: Unfit) -> Cause {
    Cause::Route(id(at), unfit)
}

fn on_warm(unfit: Unfit, lately: Figures) -> Facts {
    Facts { current_tier: stands(Tier::Warm, Some(2), out(0, unfit)), lately, ..calm() }
}

fn cold(route: Option<usize>, unfit: Unfit, lately: Figures) -> Facts {
    Facts { current_tier: stands(Tier::Cold, route, out(0, unfit)), lately, ..calm() }
}

fn wrong(at: usize, what: Wrong, failure: Failure) -> Trouble {
    Trouble { route: id(at), what, failure: Some(failure) }
}

const fn recent(calls: u32, failed: u32) -> Recent {
    Recent { calls, failed }
}

fn due(at: usize, in_ms: u64) -> Option<NextTest> {
    Some(NextTest { route: id(at), in_ms })
}

fn moved(phase: ShiftPhase) -> Option<Shared> {
    Some(Shared::Moved { phase, percent: 50, from: "alpha".to_owned(), to: "the other routes".to_owned() })
}

fn split() -> Option<Shared> {
    Some(Shared::Split(vec![("alpha".to_owned(), 60.0), ("beta".to_owned(), 40.0)]))
}

fn job_off(tier: Tier) -> JobOff {
    JobOff { name: "summary".to_owned(), tier, cause: Some(out(1, Unfit::CircuitOpen(Some(overloaded())))) }
}

/// `lamp tier health: state sentence`
fn says(facts: &Facts, waiting: u64, queues: bool) -> String {
    let status = judge(facts);
    let next = facts.current_tier.route.map(|ix| (id(ix.0), ROUTES[ix.0].1));
    let (state, sentence) = super::status(&Scene {
        facts,
        status,
        next: next.as_ref().map(|(id, provider)| (id, *provider)),
        off: Some("the switch is thrown"),
        paused: Some("bill too high"),
        problem: Some("hot[0].baseUrl: ${URL} is not set."),
        network: (NetworkState::DnsBroken, "No name can be looked up. 2 requests wait."),
        waiting,
        queues,
    });
    format!(
        "{} {} {}: {state} {sentence}",
        format!("{:?}", status.lamp).to_lowercase(),
        status.tier,
        status.health.as_str()
    )
}

#[test]
fn the_status_says_what_happened_in_every_situation() {
    let mixed = Figures {
        asked: 20,
        hot: 12,
        warm: 5,
        queued: 2,
        unanswered: 1,
        given_up: 0,
        retried: 6,
        troubled: 6,
        by: vec![by("alpha", 12), by("beta", 5)],
        any_before: true,
    };
    let queued = |count: u32| Figures { asked: count, queued: count, ..Figures::default() };
    let unanswered = |count: u32| Figures { asked: count, unanswered: count, ..Figures::default() };
    let faded = || Figures { any_before: true, ..Figures::default() };
    let open = || Unfit::CircuitOpen(Some(overloaded()));
    let errs = |recent| Facts {
        troubles: vec![wrong(0, Wrong::Errs(recent), broken())],
        ..asked(Figures { retried: 14, troubled: 14, ..hot(20) })
    };
    #[rustfmt::skip]
    let table: Vec<(&str, Facts, u64, bool, &str)> = vec![
        // The six of the field reports.
        ("one request, both routes 500, queued", cold(Some(0), Unfit::Failing(broken()), queued(1)), 1, true,
            "stop cold cold: No route answers. The next request tries sonnet and is queued if it fails (sonnet: 500 server error); the last request was queued; 1 job waits in the queue. Nothing is lost."),
        ("Hot's domain blocked, four requests by Warm", on_warm(Unfit::Failing(refused()), warm(4)), 0, true,
            "degraded warm degraded: Running on Warm. Requests go to beta mini (sonnet: connection refused); the last 4 requests ran on Warm through beta, each after a failed try."),
        ("a silent Hot, first request answered by Warm", on_warm(Unfit::Failing(silent()), warm(1)), 0, true,
            "degraded warm degraded: Running on Warm. Requests go to beta mini (sonnet: silent); the last request ran on Warm through beta, after a failed try."),
        ("a storm, all by Warm, every circuit closed", asked(warm(20)), 0, true,
            "caution hot degraded: Running on Hot. The last 20 requests ran on Warm through beta, each after a failed try."),
        ("a Warm that fails everything", cold(Some(2), Unfit::Failing(broken()), unanswered(20)), 0, true,
            "stop cold cold: No route answers. The next request tries mini and is queued if it fails (sonnet: 500 server error); the last 20 requests got no answer. Nothing is lost."),
        ("69 % errors on Hot, saved by retries", errs(recent(20, 14)), 0, true,
            "caution hot degraded: Running on Hot. The last 20 requests ran on Hot through alpha, 14 of them after a failed try; sonnet failed 14 of its last 20 calls (500 server error)."),
        ("a job whose only Hot is open", Facts { jobs: vec![job_off(Tier::Cold)], ..asked(hot(9)) }, 0, true,
            "caution hot degraded: Running on Hot. The last 9 requests ran on Hot through alpha; no route answers job summary (haiku: 529 overloaded)."),
        // Nothing asked.
        ("no map", Facts::without_map(Setup::Missing), 0, true,
            "unknown hot unconfigured: Not set up. Try the simulated providers, or apply a routing map."),
        ("a map that can't run", Facts::without_map(Setup::Broken), 0, true,
            "stop hot unconfigured: The map can't run. hot[0].baseUrl: ${URL} is not set."),
        ("nothing asked yet", calm(), 0, true,
            "unknown hot ok: Ready. Nothing was asked yet; the next request goes to sonnet."),
        ("nothing asked lately", asked(faded()), 0, true,
            "unknown hot ok: Ready. Nothing was asked in the last 5 min; the next request goes to sonnet."),
        ("nothing asked, jobs wait", calm(), 3, true,
            "unknown hot ok: Ready. Nothing was asked yet; the next request goes to sonnet; 3 jobs wait in the queue."),
        ("nothing asked, split", Facts { shared: split(), ..calm() }, 0, true,
            "unknown hot ok: Ready. Nothing was asked yet; traffic is split: alpha 60 %, beta 40 %."),
        ("nothing asked, Hot without a key", on_warm(Unfit::NoKey(None), Figures::default()), 0, true,
            "degraded warm degraded: Running on Warm. Requests go to beta mini (sonnet: no key); nothing was asked yet."),
        ("nothing asked, no key at all", cold(None, Unfit::NoKey(None), Figures::default()), 0, true,
            "stop cold cold: No route answers. New requests are queued (sonnet: no key). Nothing is lost. Store a key under Providers."),
        ("failed hours ago, nothing since", cold(Some(0), Unfit::Failing(broken()), faded()), 0, true,
            "stop cold cold: No route answers. The next request tries sonnet and is queued if it fails (sonnet: 500 server error). Nothing is lost."),
        // All well.
        ("one request", asked(hot(1)), 0, true,
            "clear hot ok: All clear. The last request ran on Hot through alpha."),
        ("twenty", asked(hot(20)), 0, true,
            "clear hot ok: All clear. The last 20 requests ran on Hot through alpha."),
        ("weights 9:1", asked(Figures { by: vec![by("alpha", 18), by("beta", 2)], ..hot(20) }), 0, true,
            "clear hot ok: All clear. The last 20 requests ran on Hot: alpha 18, beta 2."),
        ("an app that may only use Warm", asked(Figures { asked: 3, hot: 2, warm: 1, by: vec![by("alpha", 2), by("beta", 1)], ..Figures::default() }), 0, true,
            "clear hot ok: All clear. Of the last 3 requests 2 ran on Hot, 1 ran on Warm."),
        ("all well, a job waits", asked(hot(2)), 1, true,
            "clear hot ok: All clear. The last 2 requests ran on Hot through alpha; 1 job waits in the queue."),
        ("all well, split", Facts { shared: split(), ..asked(Figures { asked: 5, hot: 3, warm: 2, by: vec![by("alpha", 3), by("beta", 2)], ..Figures::default() }) }, 0, true,
            "clear hot ok: All clear. Traffic is split: alpha 60 %, beta 40 %; of the last 5 requests 3 ran on Hot, 2 ran on Warm."),
        ("split, most of it to Warm", Facts { shared: split(), current_tier: CurrentTier { tier: Tier::Warm, route: Some(RouteIx(2)), cause: None }, ..asked(hot(2)) }, 0, true,
            "clear warm ok: All clear. Traffic is split: alpha 60 %, beta 40 %; the last 2 requests ran on Hot through alpha."),
        // Hot answers, and something is wrong.
        ("one of many failed over", asked(Figures { asked: 20, hot: 19, warm: 1, retried: 1, troubled: 1, by: vec![by("alpha", 19), by("beta", 1)], ..Figures::default() }), 0, true,
            "caution hot degraded: Running on Hot. Of the last 20 requests 19 ran on Hot, 1 ran on Warm, 1 of them after a failed try."),
        ("everything at once", asked(mixed), 2, true,
            "caution hot degraded: Running on Hot. Of the last 20 requests 12 ran on Hot, 5 ran on Warm, 2 were queued, 1 got no answer, 6 of them after a failed try; 2 jobs wait in the queue."),
        ("back on Hot, after an outage", asked(Figures { asked: 4, hot: 2, warm: 2, troubled: 2, by: vec![by("alpha", 2), by("beta", 2)], ..Figures::default() }), 0, true,
            "caution hot degraded: Running on Hot. Of the last 4 requests 2 ran on Hot, 2 ran on Warm."),
        ("the second Hot answers", Facts { current_tier: stands(Tier::Hot, Some(1), out(0, open())), troubles: vec![wrong(0, Wrong::Open, overloaded())], test: due(0, 12_000), ..asked(hot(3)) }, 0, true,
            "caution hot degraded: Running on Hot. Requests go to alpha haiku (sonnet: 529 overloaded); the last 3 requests ran on Hot through alpha; next test call of sonnet in 12 s."),
        ("the second Hot is out", Facts { troubles: vec![wrong(1, Wrong::Open, overloaded())], test: due(1, 0), ..asked(hot(3)) }, 0, true,
            "caution hot degraded: Running on Hot. The last 3 requests ran on Hot through alpha; the circuit of haiku is open (529 overloaded); the next request tests haiku."),
        ("Warm is out", Facts { troubles: vec![wrong(2, Wrong::Failing(recent(3, 3)), broken())], ..asked(hot(8)) }, 0, true,
            "caution hot degraded: Running on Hot. The last 8 requests ran on Hot through alpha; mini failed all of its last 3 calls (500 server error)."),
        ("Warm failed long ago", Facts { troubles: vec![wrong(2, Wrong::Failing(recent(0, 0)), broken())], ..calm() }, 0, true,
            "caution hot degraded: Running on Hot. Nothing was asked yet; mini failed when it was last called (500 server error)."),
        ("three routes are out", Facts { troubles: vec![wrong(1, Wrong::Tested, broken()), wrong(2, Wrong::Failing(recent(1, 1)), broken()), wrong(3, Wrong::Open, overloaded())], ..asked(hot(8)) }, 0, true,
            "caution hot degraded: Running on Hot. The last 8 requests ran on Hot through alpha; haiku is being tested (500 server error); mini failed its last call (500 server error); 1 more like it."),
        ("a job runs on Warm", Facts { jobs: vec![job_off(Tier::Warm)], ..asked(hot(9)) }, 0, true,
            "caution hot degraded: Running on Hot. The last 9 requests ran on Hot through alpha; job summary runs on Warm (haiku: 529 overloaded)."),
        ("the last request got no answer", asked(unanswered(1)), 0, true,
            "caution hot degraded: Running on Hot. The last request got no answer."),
        ("callers left", asked(Figures { given_up: 3, ..Figures::default() }), 0, true,
            "caution hot degraded: Running on Hot. The callers of the last 3 requests left before an answer came."),
        ("one caller left, others were answered", asked(Figures { given_up: 1, ..hot(2) }), 0, true,
            "clear hot ok: All clear. The last 2 requests ran on Hot through alpha."),
        ("the last requests were queued", asked(queued(3)), 3, true,
            "caution hot degraded: Running on Hot. The last 3 requests were queued; 3 jobs wait in the queue."),
        // Warm.
        ("Hot is open", Facts { test: due(0, 29_400), ..on_warm(open(), Figures { asked: 12, hot: 1, warm: 11, troubled: 11, by: vec![by("beta", 11), by("alpha", 1)], ..Figures::default() }) }, 2, true,
            "degraded warm degraded: Running on Warm. Requests go to beta mini (sonnet: 529 overloaded); of the last 12 requests 1 ran on Hot, 11 ran on Warm; next test call of sonnet in 30 s; 2 jobs wait in the queue."),
        ("Hot is open, its test is due", Facts { test: due(0, 0), ..on_warm(open(), faded()) }, 0, true,
            "degraded warm degraded: Running on Warm. Requests go to beta mini (sonnet: 529 overloaded); nothing was asked in the last 5 min; the next request tests sonnet."),
        ("the test waits for minutes", Facts { test: due(0, 240_000), ..on_warm(open(), warm(2)) }, 0, true,
            "degraded warm degraded: Running on Warm. Requests go to beta mini (sonnet: 529 overloaded); the last 2 requests ran on Warm through beta, each after a failed try; next test call of sonnet in 4 min."),
        ("Hot switched off", on_warm(Unfit::SwitchedOff, Figures { troubled: 4, retried: 0, ..warm(4) }), 0, true,
            "degraded warm degraded: Running on Warm. Requests go to beta mini (sonnet: switched off); the last 4 requests ran on Warm through beta."),
        ("all traffic moved", Facts { current_tier: stands(Tier::Warm, Some(2), Cause::Moved("slow since two".to_owned())), ..asked(Figures { troubled: 2, retried: 0, ..warm(2) }) }, 0, true,
            "degraded warm degraded: Running on Warm. Requests go to beta mini (traffic was moved: slow since two); the last 2 requests ran on Warm through beta."),
        // No route.
        ("all open, a test is due", Facts { test: due(0, 0), ..cold(None, open(), queued(3)) }, 3, true,
            "stop cold cold: No route answers. The next request tests sonnet and is queued if it fails (sonnet: 529 overloaded); the last 3 requests were queued; 3 jobs wait in the queue. Nothing is lost."),
        ("all open, a test comes", Facts { test: due(0, 11_001), ..cold(None, open(), unanswered(2)) }, 2, true,
            "stop cold cold: No route answers. New requests are queued (sonnet: 529 overloaded); next test call of sonnet in 12 s; the last 2 requests got no answer; 2 jobs wait in the queue. Nothing is lost."),
        ("all open, no queue", Facts { test: due(0, 5_000), ..cold(None, open(), unanswered(2)) }, 0, false,
            "stop cold cold: No route answers. New requests are refused (sonnet: 529 overloaded); next test call of sonnet in 5 s; the last 2 requests got no answer."),
        ("a rejected key", cold(None, Unfit::NoKey(Some(Failure::new(FailureKind::KeyRejected, "x"))), unanswered(1)), 0, false,
            "stop cold cold: No route answers. New requests are refused (sonnet: key not accepted); the last request got no answer. Store a key under Providers."),
        // Moves.
        ("traffic leaves", Facts { shared: moved(ShiftPhase::Leaving), ..asked(hot(4)) }, 0, true,
            "caution hot degraded: Moving traffic. 50 % of alpha's traffic goes to the other routes."),
        ("partly away", Facts { shared: moved(ShiftPhase::Away), ..asked(warm(4)) }, 0, true,
            "caution hot degraded: Partly moved. 50 % of alpha's traffic goes to the other routes."),
        ("on its way home", Facts { shared: moved(ShiftPhase::Returning), ..calm() }, 1, true,
            "caution hot degraded: Coming back. 50 % of alpha's traffic goes to the other routes; 1 job waits in the queue."),
        ("moving, and callers get no answer", Facts { shared: moved(ShiftPhase::Leaving), ..asked(unanswered(4)) }, 0, true,
            "caution hot degraded: Running on Hot. The last 4 requests got no answer."),
        // By hand, and the network.
        ("switched off", Facts { off: true, ..asked(hot(4)) }, 0, true,
            "out hot off: Switched off. Every request is refused at once (the switch is thrown). Nothing is sent or queued."),
        ("paused", Facts { paused: true, ..cold(None, open(), queued(3)) }, 3, true,
            "paused cold paused: Paused. New work waits (bill too high); running requests finish. Nothing is lost."),
        ("no network", Facts { network_down: true, ..asked(hot(4)) }, 2, true,
            "caution hot offline: No DNS. No name can be looked up. 2 requests wait."),
    ];
    assert!(table.len() >= 40, "{}", table.len());
    let mut faults = Vec::new();
    for (name, facts, waiting, queues, expected) in &table {
        let said = says(facts, *waiting, *queues);
        if said != *expected {
            faults.push(format!("{name}\n  said     {said}\n  expected {expected}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn green_means_that_the_last_requests_went_well() {
    let status = |facts: &Facts| judge(facts).lamp;
    assert_eq!(status(&calm()), StatusLevel::Unknown, "nothing was asked: nothing is claimed");
    assert_eq!(status(&asked(hot(1))), StatusLevel::Clear);
    for spoil in [
        Figures { queued: 1, ..hot(19) },
        Figures { unanswered: 1, ..hot(19) },
        Figures { retried: 1, troubled: 1, ..hot(19) },
        Figures { warm: 1, troubled: 1, ..hot(19) },
    ] {
        assert_eq!(status(&asked(spoil.clone())), StatusLevel::Caution, "{spoil:?}");
    }
}
