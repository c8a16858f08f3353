use serde_json::json;
use switchyard_domain::FailureKind as K;

use super::world::{A, B, C, D, World, after, failure, four, one, with};
use crate::{Change, Input, Reason, Step};

fn only_hot_fails(kind: K) -> impl FnMut(&str, u32) -> Result<(), switchyard_domain::Failure> {
    move |id, _| if id == A || id == B { Err(failure(kind)) } else { Ok(()) }
}

#[test]
fn the_first_route_answers() {
    let run = World::new(&four()).request(|_, _| Ok(()));
    assert_eq!((run.tries, run.end.as_str()), (vec![A.to_owned()], "answered"));
}

#[test]
fn blocked_domains_cost_two_failed_tries_before_warm() {
    for kind in [K::Dns, K::Connect, K::Tls] {
        let run = World::new(&four()).request(only_hot_fails(kind));
        assert_eq!(run.tries, [A, B, C], "{}", kind.as_str());
        assert_eq!((run.waits_ms.len(), run.end.as_str()), (0, "answered"));
    }
}

#[test]
fn after_a_silence_no_time_is_spent_on_the_same_provider_before_the_others() {
    for kind in [K::ConnectTimeout, K::FirstByteTimeout, K::FirstTokenTimeout] {
        let run = World::new(&four()).request(only_hot_fails(kind));
        assert_eq!(
            (run.tries, run.end.as_str()),
            (vec![A.to_owned(), C.to_owned()], "answered"),
            "{}",
            kind.as_str()
        );
        let run = World::new(&four()).request(|id, _| if id == B { Ok(()) } else { Err(failure(kind)) });
        assert_eq!(run.tries, [A, C, D, B], "{}", kind.as_str());
    }
}

#[test]
fn server_errors_are_retried_with_jitter_but_leave_a_try_for_every_route() {
    let run = World::new(&four()).request(only_hot_fails(K::ServerError));
    assert_eq!(run.tries, [A, A, A, B, C]);
    assert!(run.waits_ms.iter().zip([200, 400]).all(|(wait, most)| *wait <= most), "{:?}", run.waits_ms);
    let run = World::new(&four()).request(|_, _| Err(failure(K::ServerError)));
    assert_eq!(
        (run.tries, run.end.as_str()),
        (vec![A, A, A, B, C, D].into_iter().map(str::to_owned).collect(), "park")
    );
}

#[test]
fn hot_500s_open_the_circuit_after_five_in_a_row_across_requests_and_then_cost_nothing() {
    let mut world = World::new(&one());
    let first = world.request(|_, _| Err(failure(K::ServerError)));
    assert_eq!((first.tries.len(), first.end.as_str()), (3, "park"));
    let second = world.request(|_, _| Err(failure(K::ServerError)));
    assert_eq!(second.tries.len(), 2, "the fifth failure opens the circuit: no third try");
    assert!(second.changes.iter().any(|change| matches!(change, Change::Opened { consecutive: 5, .. })));
    let third = world.request(|_, _| Ok(()));
    assert_eq!((third.tries.len(), third.end.as_str()), (0, "park"));
    world.pass(30_000);
    let fourth = world.request(|_, _| Ok(()));
    assert!(matches!(&fourth.changes[..], [Change::HalfOpen { .. }]));
    let fifth = world.request(|_, _| Ok(()));
    assert!(matches!(&fifth.changes[..], [Change::Closed { .. }]));
}

#[test]
fn retry_after_cools_the_target_and_fails_over_at_once() {
    for kind in [K::RateLimited, K::Overloaded] {
        let mut world = World::new(&four());
        let run = world.request(|id, _| if id == A { Err(after(kind, 20_000)) } else { Ok(()) });
        assert_eq!(
            (run.tries, run.waits_ms),
            (vec![A.to_owned(), B.to_owned()], vec![]),
            "{}",
            kind.as_str()
        );
        assert_eq!(world.fleet.view(world.ix(A), world.now).cooldown_ms, Some(20_000 - 10));
        assert_eq!(world.request(|_, _| Ok(())).tries, [B]);
        world.pass(20_000);
        assert_eq!(world.request(|_, _| Ok(())).tries, [A]);
    }
}

#[test]
fn a_short_retry_after_is_waited_out_only_where_nothing_else_can_serve() {
    let mut world = World::new(&one());
    let run =
        world.request(|_, attempt| if attempt == 1 { Err(after(K::RateLimited, 2_000)) } else { Ok(()) });
    assert_eq!((run.tries, run.waits_ms, run.end.as_str()), (vec![A.to_owned(); 2], vec![2_000], "answered"));
    let run = world.request(|_, _| Err(after(K::Overloaded, 6_000)));
    assert_eq!((run.tries.len(), run.waits_ms.len(), run.end.as_str()), (1, 0, "park"));
    // The next caller finds the route cooling from the start, and now near enough to its end.
    world.pass(3_000);
    let run = world.request(|_, _| Ok(()));
    assert_eq!((run.tries.len(), run.waits_ms), (1, vec![3_000]));
}

#[test]
fn no_wait_goes_past_the_deadline() {
    // The try takes 10 ms: the cooldown ends at, then just before, the deadline; then at, and just past, five seconds.
    for (slo_ms, retry_after_ms, waits) in
        [(2_010, 2_000, 0), (2_011, 2_000, 1), (9_000, 5_000, 1), (9_000, 5_001, 0)]
    {
        let mut world = World::new(&with(one(), json!({ "sloMs": slo_ms })));
        let run = world.request(|_, _| Err(after(K::RateLimited, retry_after_ms)));
        assert_eq!((run.waits_ms.len(), run.end.as_str()), (waits, "park"), "{slo_ms} {retry_after_ms}");
    }
    let mut world = World::new(&four());
    let mut machine = world.machine();
    let attempt = world.tried(&mut machine);
    assert_eq!(attempt.patience.deadline_mono_ms(), world.now.mono_ms + 600_000);
    world.pass(600_000);
    let late = Input::Failed { attempt, failure: failure(K::FirstByteTimeout) };
    assert!(matches!(world.step(&mut machine, late).0, Step::Park));
}

#[test]
fn a_silent_route_is_not_tried_twice_even_if_nothing_else_can_serve() {
    let run = World::new(&one()).request(|_, _| Err(failure(K::FirstByteTimeout)));
    assert_eq!((run.tries, run.end.as_str()), (vec![A.to_owned()], "park"));
}

#[test]
fn a_prompt_too_long_goes_to_a_larger_model_and_else_comes_back_as_the_callers_fault() {
    let mut world = World::new(&four());
    let run = world.request(|id, _| if id == D { Ok(()) } else { Err(failure(K::ContextLength)) });
    assert_eq!(run.tries, [A, B, C, D]);
    let run = world.request(|_, _| Err(failure(K::ContextLength)));
    assert_eq!(run.end, "answer context_length");
    let run = world.request(|id, _| Err(failure(if id == C { K::ConnectTimeout } else { K::ContextLength })));
    assert_eq!(run.end, "park", "a route that was down might have taken it");
    assert!(world.fleet.view(world.ix(A), world.now).last.is_empty());
}

#[test]
fn a_callers_fault_is_answered_at_once_and_condemns_nobody() {
    for kind in [K::BadRequest, K::ContentFilter] {
        let mut world = World::new(&four());
        for _ in 0..9 {
            let run = world.request(|_, _| Err(failure(kind)));
            assert_eq!((run.tries.len(), run.end), (1, format!("answer {}", kind.as_str())));
            assert!(run.changes.is_empty());
        }
        assert_eq!(world.request(|_, _| Ok(())).tries, [A]);
    }
}

#[test]
fn a_rejected_key_gives_way_to_the_second_and_leaves_the_breaker_alone() {
    let mut world = World::new(&four());
    world.keys(A, &["old", "new"]);
    let run = world.request(|_, attempt| if attempt == 1 { Err(failure(K::KeyRejected)) } else { Ok(()) });
    assert_eq!((run.tries, run.waits_ms), (vec![format!("{A} old"), format!("{A} new")], vec![]));
    assert!(matches!(&run.changes[..], [Change::KeyCondemned { key, .. }] if key.as_str() == "old"));
    for _ in 0..9 {
        assert_eq!(world.request(|_, _| Ok(())).tries, [format!("{A} new")]);
    }
    let old = crate::KeyId::from("old");
    assert_eq!(world.fleet.key_trouble(&old, world.now).map(|f| f.kind), Some(K::KeyRejected));
    world.fleet.enable_key(&old);
    assert_eq!(world.request(|_, _| Ok(())).tries, [format!("{A} old")]);
}

#[test]
fn a_caller_that_hangs_up_condemns_nobody() {
    let mut world = World::new(&four());
    let mut machine = world.machine();
    drop(world.tried(&mut machine));
    assert!(world.fleet.view(world.ix(A), world.now).last.is_empty());
    assert!(matches!(world.step(&mut machine, Input::Begin).0, Step::Park));
}

#[test]
fn a_stream_that_dies_after_its_beginning_counts_for_its_route() {
    let mut world = World::new(&four());
    world.request(|_, _| Ok(()));
    let mut machine = world.machine();
    let attempt = world.tried(&mut machine);
    attempt.fail(&mut world.fleet, failure(K::IdleTimeout), world.now);
    assert_eq!(world.fleet.view(world.ix(A), world.now).last, [true, false]);
}

#[test]
fn an_answer_that_can_not_be_read_is_bought_once_more_at_most_and_condemns_nobody() {
    let unread = || failure(K::Unreadable);
    let mut world = World::new(&four());
    for _ in 0..6 {
        let run = world.request(|_, _| Err(unread()));
        assert_eq!((run.tries, run.end.as_str()), (vec![A.to_owned(), B.to_owned()], "answer unreadable"));
        assert_eq!(run.changes, [], "no circuit opens");
    }
    for id in [A, B] {
        assert!(world.fleet.view(world.ix(id), world.now).last.is_empty(), "{id} did its part");
    }
    let run = world.request(|id, _| if id == A { Err(unread()) } else { Ok(()) });
    assert_eq!((run.tries, run.end.as_str()), (vec![A.to_owned(), B.to_owned()], "answered"));
    let run = world.request(|id, _| Err(if id == A { unread() } else { failure(K::ServerError) }));
    assert_eq!(
        (run.tries, run.end.as_str()),
        (vec![A, B, B, B].into_iter().map(str::to_owned).collect(), "answer unreadable")
    );
    let run = world.request(|id, _| Err(if id == B { unread() } else { failure(K::Connect) }));
    assert_eq!(
        (run.tries, run.end.as_str()),
        (vec![A, B, C].into_iter().map(str::to_owned).collect(), "answer unreadable")
    );
}

#[test]
fn an_answer_that_can_not_be_read_is_never_parked() {
    let run = World::new(&one()).request(|_, _| Err(failure(K::Unreadable)));
    assert_eq!((run.tries.len(), run.end.as_str()), (1, "answer unreadable"));
    // The rest of a stream that could not be read is asked of one route.
    let mut world = World::new(&four());
    let mut machine = world.machine();
    machine.came_unreadable(failure(K::Unreadable));
    let attempt = world.tried(&mut machine);
    let (step, _) = world.step(&mut machine, Input::Failed { attempt, failure: failure(K::Connect) });
    assert!(matches!(step, Step::Answer(told) if told.kind == K::Unreadable));
}

#[test]
fn a_route_that_comes_back_while_others_fail_is_tried_before_giving_up() {
    let mut world = World::new(&with(four(), json!({ "breaker": { "consecutiveFailures": 1 } })));
    world.request(|id, _| if id == A { Err(failure(K::Connect)) } else { Ok(()) });
    world.pass(25_000);
    let mut slow = world.machine();
    let mut input = Input::Begin;
    let mut tried = Vec::new();
    while let (Step::Try(attempt), _) = world.step(&mut slow, std::mem::replace(&mut input, Input::Woke)) {
        tried.push(world.map.route(attempt.route).id.to_string());
        world.pass(3_000);
        input = Input::Failed { attempt, failure: failure(K::ConnectTimeout) };
    }
    assert_eq!(tried, [B, C, D, A]);
}

#[test]
fn a_route_switched_off_or_dropped_from_the_map_under_way_is_passed_over() {
    let mut world = World::new(&four());
    let mut machine = world.machine();
    let attempt = world.tried(&mut machine);
    let smaller = super::world::map(&with(
        four(),
        json!({ "hot": [{ "provider": "anthropic", "model": "sonnet-4.6" }],
                "warm": [{ "provider": "google", "model": "gemini-3-flash" }, { "provider": "openai", "model": "gpt-4o-mini" }] }),
    ));
    world.fleet.remap(&smaller);
    let openai = smaller.find(C).expect("still there");
    world.fleet.set_in_service(openai, false);
    assert_eq!(world.fleet.gate(openai, world.now).expect_err("off").reason, Reason::SwitchedOff);
    let (step, _) = world.step(&mut machine, Input::Failed { attempt, failure: failure(K::Connect) });
    let Step::Try(attempt) = step else { panic!("a try, not {step:?}") };
    assert_eq!(
        world.map.route(attempt.route).id.as_str(),
        D,
        "the old map's place, found by name in the new one"
    );
    assert_eq!(attempt.permit().expect("permitted").route_id().as_str(), D);
}

#[test]
fn a_route_whose_budget_is_spent_is_passed_over_without_a_try_or_a_verdict() {
    let mut world = World::new(&with(four(), json!({ "breaker": { "consecutiveFailures": 1 } })));
    let mut machine = world.machine();
    let attempt = world.tried(&mut machine);
    assert_eq!(world.map.route(attempt.route).id.as_str(), A);
    let over = || failure(K::BudgetExhausted);
    let (step, changes) = world.step(&mut machine, Input::PassedOver { attempt, failure: over() });
    let Step::Try(attempt) = step else { panic!("a try, not {step:?}") };
    assert_eq!((world.map.route(attempt.route).id.as_str(), attempt.number), (B, 1), "it was no try");
    assert!(changes.is_empty(), "{changes:?}");
    let (step, _) = world.step(&mut machine, Input::PassedOver { attempt, failure: over() });
    let Step::Try(attempt) = step else { panic!("a try, not {step:?}") };
    // The caller hears of the budget where the routes that were asked only failed.
    let (step, _) = world.step(&mut machine, Input::Failed { attempt, failure: failure(K::ContextLength) });
    let Step::Try(attempt) = step else { panic!("a try, not {step:?}") };
    let (step, _) = world.step(&mut machine, Input::PassedOver { attempt, failure: over() });
    assert!(matches!(step, Step::Park), "not every route said that the request is the problem: {step:?}");
    assert_eq!(machine.last_failure().map(|failure| failure.kind), Some(K::BudgetExhausted));
    assert_eq!(machine.attempts(), 1);
    for id in [A, B, D] {
        let ix = world.ix(id);
        assert!(world.fleet.gate(ix, world.now).is_ok(), "{id} is blamed");
    }
}
