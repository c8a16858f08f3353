//! Triggers as a founder meets them: what fires, when, why, and what makes it go away.

use serde_json::{Value, json};
use switchyard_domain::event::EventKind;
use switchyard_domain::map::RoutingMap;
use switchyard_domain::operate::TriggerKind;
use switchyard_domain::{Failure, FailureKind, Now, RouteId};

use super::world::{A, B, C, four, map, with};
use crate::fleet::{Change, Outcome};
use crate::trigger_monitor::TriggerMonitor;

/// A watch over a map, with a beat each second.
pub(super) struct Post {
    pub(super) watch: TriggerMonitor,
    map: RoutingMap,
    pub(super) now: Now,
    start: Now,
    /// Second, `+` or `-` and kind, target.
    pub(super) told: Vec<(u64, String, String)>,
    pub(super) reasons: Vec<String>,
}

pub(super) fn good(ms: u32) -> Outcome {
    Outcome::Succeeded { duration_ms: ms, first_token_ms: None }
}

pub(super) fn bad(status: u16) -> Outcome {
    let kind = if status == 429 { FailureKind::RateLimited } else { FailureKind::ServerError };
    Outcome::Failed(Failure { status: Some(status), ..Failure::new(kind, "from the test") })
}

impl Post {
    pub(super) fn new(settings: &Value) -> Self {
        let map = map(&with(four(), settings.clone()));
        let mut watch = TriggerMonitor::default();
        watch.remap(&map);
        let start = Now { mono_ms: 1_000_000, wall_ms: 1_700_000_000_000 };
        Self { watch, map, now: start, start, told: Vec::new(), reasons: Vec::new() }
    }

    pub(super) fn call(&mut self, route: &str, outcome: &Outcome) {
        let id = RouteId::from(route);
        let provider = route.split('/').next().unwrap_or_default();
        self.watch.attempt(&id, provider, outcome, false, self.now);
    }

    pub(super) fn beat(&mut self) {
        self.beat_after(1_000);
    }

    pub(super) fn beat_after(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        self.judge();
    }

    fn judge(&mut self) {
        let second = (self.now.mono_ms - self.start.mono_ms) / 1_000;
        for change in self.watch.tick(self.now) {
            let Change::Told(what) = change else { panic!("{change:?}") };
            let (sign, kind, provider, route, reason) =
                if let EventKind::TriggerFired { kind, provider, route, reason, began_at_ms } = what {
                    assert!(began_at_ms <= self.now.wall_ms);
                    ('+', kind, provider, route, reason)
                } else if let EventKind::TriggerCleared { kind, provider, route, reason } = what {
                    ('-', kind, provider, route, reason)
                } else {
                    panic!("{what:?}")
                };
            let target = route.map_or(provider, |route| route.to_string());
            self.told.push((second, format!("{sign}{}", kind.as_str()), target));
            self.reasons.push(reason);
        }
    }

    /// `seconds` beats; in each that `every` divides, `calls` on a route, the n-th of all as `outcome` says.
    fn play(&mut self, seconds: u64, route: &str, every: u64, calls: u64, outcome: impl Fn(u64) -> Outcome) {
        let mut n = 0;
        for second in 0..seconds {
            if second % every == 0 {
                for _ in 0..calls {
                    self.call(route, &outcome(n));
                    n += 1;
                }
            }
            self.beat();
        }
    }

    fn told(&self) -> Vec<(u64, &str, &str)> {
        self.told.iter().map(|(at, what, target)| (*at, what.as_str(), target.as_str())).collect()
    }
}

/// Every `n`-th call is bad.
fn nth(n: u64, ill: Outcome) -> impl Fn(u64) -> Outcome {
    move |at| if at % n == n - 1 { ill.clone() } else { good(200) }
}

#[test]
fn a_share_above_its_limit_lowers_a_route_until_it_is_well_below() {
    for (status, kind, above) in [(500, "server_errors", 10), (429, "rate_limited", 5)] {
        let mut post = Post::new(&json!({}));
        post.play(120, A, 1, 1, nth(above, bad(status)));
        assert_eq!(post.told(), [(20, format!("+{kind}").as_str(), A)], "as soon as 20 calls were seen");
        assert!(post.reasons[0].contains("of 20 calls answered "), "{:?}", post.reasons);
        let id = RouteId::from(A);
        assert_eq!(post.watch.lowering(&id).map(|it| it.percent), Some(50));
        assert_eq!(post.watch.lowering(&RouteId::from(B)).map(|it| it.percent), None);
        let shown = post.watch.fired();
        assert_eq!((shown.len(), shown[0].route.as_ref()), (1, Some(&id)));
        assert!(shown[0].recovers.ends_with("of at least 20 calls for 2 min"), "{shown:?}");
        assert!(post.watch.to_leave().is_empty(), "a lowered weight is all that follows");
        post.play(600, A, 1, 1, |_| good(200));
        assert_eq!(post.told()[1].1, format!("-{kind}"));
        assert!((120..=300).contains(&(post.told()[1].0 - 120)), "{:?}", post.told());
        assert_eq!(post.told().len(), 2, "and it does not come back");
        assert_eq!((post.watch.lowering(&id).map(|it| it.percent), post.watch.fired().len()), (None, 0));
    }
}

#[test]
fn nothing_fires_below_the_minimum_volume_or_at_the_limit() {
    let cases: [(u64, u64, Value); 3] = [
        // Every call fails, but there are too few in any window.
        (17, 1, json!({})),
        // Exactly 5 % is not above 5 %.
        (1, 20, json!({})),
        (1, 1, json!({ "triggers": { "minCalls": 100_000 } })),
    ];
    for (every, bad_of, settings) in cases {
        let mut post = Post::new(&settings);
        post.play(590, A, every, 1, nth(bad_of, bad(500)));
        assert_eq!(post.told(), [], "every {every} s, 1 of {bad_of} bad, {settings}");
    }
}

#[test]
fn what_is_not_the_targets_fault_is_no_call() {
    let mut post = Post::new(&json!({ "triggers": { "minCalls": 1, "errorSustainedMs": 0 } }));
    let silent =
        [FailureKind::BadRequest, FailureKind::ClientAborted, FailureKind::Offline, FailureKind::Paused];
    for kind in silent {
        post.play(60, A, 1, 1, |_| Outcome::Failed(Failure::new(kind, "from the test")));
    }
    post.play(60, A, 1, 1, |_| Outcome::Nothing);
    assert_eq!(post.told(), []);
    assert_eq!(post.watch.seen(&[&RouteId::from(A)], 300_000, post.now).calls, 0);
}

#[test]
fn an_outage_of_ten_minutes_makes_traffic_leave_the_provider_though_only_test_calls_go() {
    let mut post = Post::new(&json!({}));
    post.play(600, C, 1, 5, |_| good(300));
    // The fifth failure opens the circuit; from then on one test call each 30 s.
    post.play(1, C, 1, 5, |_| bad(500));
    post.play(599, C, 30, 1, |_| bad(500));
    assert!(!post.told().iter().any(|told| told.1 == "+errors"), "not before its time: {:?}", post.told());
    post.play(60, C, 30, 1, |_| bad(500));
    let fired: Vec<_> = post.told().into_iter().filter(|told| told.1 == "+errors").collect();
    assert_eq!(fired.len(), 1, "once, for the provider: {:?}", post.told());
    assert_eq!(fired[0].2, "openai");
    assert!((1_200..=1_235).contains(&fired[0].0), "{fired:?}");
    let (provider, reason) = post.watch.to_leave().remove(0);
    assert_eq!(provider, "openai");
    assert!(reason.ends_with("failed, for 10 min (limit 30 %)"), "{reason}");
    let began = post.watch.fired().into_iter().find(|view| view.kind == TriggerKind::Errors).unwrap();
    assert_eq!(began.began_at_ms, 1_700_000_600_000, "since its first failed call");

    // Trials: one each 30 s. A bad one among them starts the half hour anew.
    post.play(1_200, C, 30, 1, |_| good(300));
    post.play(30, C, 30, 1, |_| bad(500));
    post.play(1_790, C, 30, 1, |_| good(300));
    assert_eq!(post.watch.to_leave().len(), 1, "not well for 30 min in one piece yet");
    post.play(90, C, 30, 1, |_| good(300));
    assert!(post.watch.to_leave().is_empty(), "{:?}", post.watch.fired());
}

#[test]
fn quiet_and_sleep_prove_nothing() {
    let ill = |post: &mut Post, calls| (0..calls).for_each(|_| post.call(C, &bad(500)));
    // Twenty failures, then silence, then one more: not ten minutes of failing.
    let mut quiet = Post::new(&json!({}));
    ill(&mut quiet, 20);
    quiet.play(660, C, 700, 0, |_| good(1));
    ill(&mut quiet, 1);
    quiet.beat();
    assert!(quiet.watch.to_leave().is_empty());
    // But the silence did not make it well: with calls that go on failing it fires.
    quiet.play(540, C, 30, 1, |_| bad(500));
    assert_eq!(quiet.watch.to_leave().len(), 1);

    // The machine sleeps in the middle: no beat, no call.
    let mut asleep = Post::new(&json!({}));
    asleep.play(60, C, 10, 5, |_| bad(500));
    for _ in 0..20 {
        asleep.now = asleep.now.plus_ms(3_600_000);
        ill(&mut asleep, 1);
        asleep.beat();
    }
    assert!(
        asleep.watch.to_leave().is_empty(),
        "a call now and then between naps is no outage of ten minutes"
    );
}

#[test]
fn a_slow_route_is_lowered_after_five_minutes_and_a_slow_minute_is_not() {
    let mut post = Post::new(&json!({}));
    post.play(300, A, 1, 2, |_| good(1_000));
    post.play(60, A, 1, 2, |_| good(9_000));
    post.play(600, A, 1, 2, |_| good(1_000));
    assert_eq!(post.told(), [], "a slow minute");
    let tenth_slow = |n| good(if n % 10 == 0 { 4_200 } else { 1_000 });
    post.play(320, A, 1, 2, tenth_slow);
    assert_eq!(post.told().len(), 1, "{:?}", post.told());
    assert_eq!((post.told()[0].1, post.told()[0].2), ("+slow", A));
    assert!(post.reasons[0].starts_with("p95 4."), "{:?}", post.reasons);
    assert!(post.reasons[0].ends_with("for 5 min (limit 3 s)"), "{:?}", post.reasons);
    // A little below the limit is not well; half of it is.
    post.play(600, A, 1, 2, |_| good(2_900));
    assert_eq!(post.told().len(), 1);
    post.play(130, A, 1, 2, |_| good(1_400));
    assert_eq!(post.told()[1].1, "-slow");
}

#[test]
fn a_streams_time_is_its_time_to_the_first_word() {
    let mut post = Post::new(&json!({ "triggers": { "p95SustainedMs": 0, "minCalls": 1 } }));
    post.play(60, A, 1, 1, |_| Outcome::Succeeded { duration_ms: 60_000, first_token_ms: Some(400) });
    assert_eq!(post.told(), []);
    let p95 = post.watch.seen(&[&RouteId::from(A)], 300_000, post.now).p95_ms.unwrap();
    assert!((350..=450).contains(&p95), "{p95}");
}

#[test]
fn three_failed_probes_lower_a_route_and_three_good_ones_raise_it() {
    let mut post = Post::new(&json!({}));
    let id = RouteId::from(A);
    for (ok, told) in [
        (false, 0),
        (false, 0),
        (true, 0),
        (false, 0),
        (false, 0),
        (false, 1),
        (true, 1),
        (true, 1),
        (false, 1),
        (true, 1),
        (true, 1),
        (true, 2),
    ] {
        post.watch.probe(&id, ok, false, post.now);
        post.beat();
        assert_eq!(post.told().len(), told, "{:?}", post.told());
    }
    assert_eq!(post.told(), [(6, "+probes", A), (12, "-probes", A)]);
}

#[test]
fn a_drop_of_quality_lowers_a_route_until_a_score_is_back_near_its_baseline() {
    let mut post = Post::new(&json!({}));
    let id = RouteId::from(A);
    for (score, told) in [(0.9, 0), (0.82, 0), (0.80, 1), (0.83, 1), (0.86, 2), (1.0, 2)] {
        post.watch.quality(&id, score, 0.9);
        post.beat();
        post.beat();
        assert_eq!(post.told().len(), told, "{score}: {:?}", post.told());
    }
    assert_eq!(post.reasons[0], "quality 0.8 is 11 % below its baseline 0.9 (limit 10 %)");
    post.watch.quality(&id, 0.0, 0.0);
    post.beat();
    assert_eq!(post.told().len(), 2, "without a baseline there is nothing to fall below");
}

#[test]
fn a_provider_is_judged_by_its_routes_together() {
    // Neither route is above 5 % of enough calls alone.
    let mut post = Post::new(&json!({ "triggers": { "minCalls": 30 } }));
    for at in 0..60 {
        let ill = at % 8 == 0;
        post.call(if at % 2 == 0 { A } else { B }, &if ill { bad(502) } else { good(100) });
        if at % 8 == 1 {
            post.call(B, &bad(502));
        }
        if at % 2 == 0 {
            post.beat();
        }
    }
    assert_eq!(post.told()[0].1, "+server_errors");
    assert_eq!(post.told()[0].2, "anthropic");
    assert_eq!(post.watch.lowering(&RouteId::from(B)).map(|it| it.percent), Some(50), "all its routes alike");

    // One of two routes is out, the other carries the traffic: nobody leaves the provider.
    let mut half = Post::new(&json!({}));
    for second in 0..1_200 {
        half.call(B, &good(100));
        if second % 30 == 0 {
            half.call(A, &bad(500));
        }
        half.beat();
    }
    let errors: Vec<_> = half.told().into_iter().filter(|told| told.1 == "+errors").collect();
    assert_eq!(errors.iter().map(|told| told.2).collect::<Vec<_>>(), [A], "{:?}", half.told());
    assert!(half.watch.to_leave().is_empty());
    assert_eq!(half.watch.lowering(&RouteId::from(A)).map(|it| it.percent), Some(50));
}

#[test]
fn a_lowered_route_nobody_calls_any_more_is_let_go() {
    let mut post = Post::new(&json!({ "triggers": { "loweredWeightPercent": 0 } }));
    post.play(60, A, 1, 1, |_| bad(500));
    assert_eq!(post.watch.lowering(&RouteId::from(A)).map(|it| it.percent), Some(0));
    post.play(1_850, A, 2_000, 0, |_| good(1));
    assert_eq!(post.watch.lowering(&RouteId::from(A)).map(|it| it.percent), None);
    assert!(post.reasons.last().unwrap().contains("nothing was called for 30 min"), "{:?}", post.reasons);
}

#[test]
fn a_new_map_keeps_what_is_known_of_the_same_target_and_forgets_another() {
    let mut post = Post::new(&json!({}));
    post.play(60, A, 1, 1, nth(5, bad(500)));
    assert_eq!(post.watch.fired().len(), 1);
    let id = RouteId::from(A);
    let before = post.watch.seen(&[&id], 300_000, post.now);
    post.watch.remap(&post.map);
    assert_eq!(post.watch.seen(&[&id], 300_000, post.now), before);
    assert_eq!(post.watch.fired().len(), 1);
    let elsewhere = json!({ "hot": [
        { "provider": "anthropic", "model": "sonnet-4.6", "baseUrl": "https://other.example/v1" },
    ] });
    post.watch.remap(&map(&with(four(), elsewhere)));
    assert_eq!(post.watch.seen(&[&id], 300_000, post.now).calls, 0, "another endpoint is another target");
    post.beat();
    let last = post.told().pop().unwrap();
    assert_eq!((last.1, last.2), ("-server_errors", A), "who followed it hears that it is over");
    assert!(post.reasons.last().unwrap().contains("no longer"), "{:?}", post.reasons);
}

#[test]
fn small_windows_work_as_large_ones_do() {
    let fast = json!({ "windowMs": 1_000, "minCalls": 4, "errorSustainedMs": 600, "recoverMs": 200 });
    let failback = json!({ "errorMs": 400, "minCalls": 2 });
    let mut post = Post::new(&json!({ "triggers": fast, "failback": failback }));
    let step = |post: &mut Post, outcome: &Outcome| {
        post.call(C, outcome);
        post.now = post.now.plus_ms(50);
        post.judge();
    };
    (0..14).for_each(|_| step(&mut post, &bad(500)));
    let kinds: Vec<&str> = post.told.iter().map(|told| told.1.as_str()).collect();
    assert_eq!(kinds, ["+server_errors", "+errors"]);
    (0..30).for_each(|_| step(&mut post, &good(5)));
    let kinds: Vec<&str> = post.told.iter().skip(2).map(|told| told.1.as_str()).collect();
    assert_eq!(kinds, ["-errors", "-server_errors"]);
}
