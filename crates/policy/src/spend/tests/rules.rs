//! Caps, marks, crashes and changes of the map, one at a time.

use switchyard_domain::budget::{BudgetState, Cost, Scope, Standing};

use super::super::{Budgets, Claim, InputRatio, TopUp, Verdict, fitting_output_tokens, next_top_up};
use super::{MARK, NEVER_MS, NOON, World, settings, usd};

#[test]
fn a_try_is_held_in_every_budget_or_in_none() {
    let mut world = World::new(r#"{ "monthUsd": 10, "clients": { "crawler": { "dayUsd": 1 } } }"#);
    let held = world.hold("crawler", 0.8);
    for id in ["total/monthUsd", "client/crawler/dayUsd"] {
        assert_eq!(world.view(id).reserved, 800_000_000, "{id}");
    }
    let Verdict::Never(never) = world.ask("crawler", 1.5) else { panic!("more than the app's day") };
    assert_eq!(world.budgets.id(never.on).to_string(), "client/crawler/dayUsd");
    assert_eq!(never.left, Cost { nano_usd: 1_000_000_000, tokens: u64::MAX });
    assert_eq!(never.resets_at_ms, world.view("client/crawler/dayUsd").resets_at_ms);
    let Verdict::Wait { ticket, .. } = world.ask("crawler", 0.5) else { panic!("others may end") };
    assert_eq!(world.view("total/monthUsd").reserved, 800_000_000, "what waits holds nothing");
    world.budgets.give_up(ticket, world.now);
    world.budgets.settle(held, usd(0.1), world.now);
    let total = world.view("total/monthUsd");
    assert_eq!((total.spent, total.reserved), (100_000_000, 0));
    let held = world.hold("editor", 1.0);
    world.budgets.release(held, world.now);
    assert_eq!(world.view("total/monthUsd").spent, 100_000_000, "what was never sent costs nothing");
}

#[test]
fn tokens_are_capped_as_dollars_are() {
    let mut world = World::new(r#"{ "dayTokens": 1000 }"#);
    let scopes = world.scopes("crawler");
    let claim = |tokens| Claim::whole(scopes, Cost { nano_usd: 5, tokens });
    assert!(matches!(world.budgets.reserve(claim(1001), NEVER_MS, world.now), Verdict::Never(never)
        if never.left == Cost { nano_usd: u64::MAX, tokens: 1000 }));
    assert!(matches!(
        world.budgets.reserve(claim(1000), NEVER_MS, world.now),
        Verdict::Wait { for_lease: true, .. }
    ));
}

#[test]
fn what_costs_nothing_is_held_up_by_no_budget() {
    let mut world = World::new(r#"{ "dayUsd": 1 }"#);
    world.spend("crawler", 1.0);
    let scopes = world.scopes("crawler");
    let free = Claim::whole(scopes, Cost { nano_usd: 0, tokens: 1_000 });
    assert!(matches!(world.budgets.reserve(free, NEVER_MS, world.now), Verdict::Granted(_)));
}

#[test]
fn nothing_is_refused_or_leased_without_a_cap() {
    let mut world = World::new("{}");
    assert!(world.budgets.snapshot().is_empty());
    let scopes = world.scopes("crawler");
    let claim = Claim::whole(scopes, Cost { nano_usd: u64::MAX / 100, tokens: u64::MAX / 100 });
    for _ in 0..5 {
        let Verdict::Granted(held) = world.budgets.reserve(claim, NEVER_MS, world.now) else {
            panic!("no cap")
        };
        world.budgets.settle(held, claim.hold, world.now);
    }
    assert_eq!(world.budgets.lease_due_at(), None);
    assert!(world.budgets.crossings().is_empty());
}

#[test]
fn a_cap_of_nothing_allows_nothing() {
    let mut world = World::new(r#"{ "clients": { "crawler": { "dayUsd": 0 } } }"#);
    let view = world.view("client/crawler/dayUsd");
    assert_eq!((view.standing, view.percent), (Standing::Reached, 100));
    assert!(matches!(world.ask("crawler", 0.01), Verdict::Never(_)));
    assert!(matches!(world.ask("editor", 0.01), Verdict::Granted(_)), "an app of its own");
}

#[test]
fn mark_and_cap_are_told_once_and_what_is_only_reserved_is_not_at_the_mark() {
    let mut world = World::new(r#"{ "monthUsd": 10 }"#);
    let held = world.hold("crawler", 9.0);
    assert!(!world.budgets.has_crossings(), "worst cases come and go");
    world.budgets.settle(held, usd(7.99), world.now);
    assert!(!world.budgets.has_crossings());
    world.spend("crawler", 0.01);
    let told = world.budgets.crossings();
    assert_eq!((told.len(), told[0].standing, told[0].percent), (1, Standing::Marked, 80));
    assert!(world.budgets.crossings().is_empty());
    world.spend("crawler", 2.0);
    assert_eq!(world.budgets.crossings()[0].standing, Standing::Reached);
    assert!(matches!(world.ask("crawler", 0.000_001), Verdict::Never(never) if never.left.nano_usd == 0));
}

#[test]
fn a_person_lets_work_go_on_to_the_cap_and_past_it_by_an_amount() {
    let mut world = World::new(r#"{ "monthUsd": 10, "clients": { "crawler": { "dayUsd": 5 } } }"#);
    world.spend("crawler", 4.5);
    let resumed = world.budgets.resume(None, Cost::ZERO);
    assert_eq!(resumed.opened.iter().map(ToString::to_string).collect::<Vec<_>>(), ["client/crawler/dayUsd"]);
    assert_eq!(world.view("client/crawler/dayUsd").standing, Standing::Open);
    world.spend("crawler", 0.5);
    let resumed = world.budgets.resume(Some(&Scope::Client("crawler".to_owned())), Cost::ZERO);
    assert_eq!((resumed.opened.len(), resumed.still_reached.len()), (0, 1), "nothing is left of it");
    world.budgets.resume(None, usd(2.0));
    let view = world.view("client/crawler/dayUsd");
    assert_eq!((view.standing, view.cap, view.allowance), (Standing::Open, 7_000_000_000, 2_000_000_000));
    assert_eq!(world.view("total/monthUsd").allowance, 0, "what was not reached is not raised");
    world.spend("crawler", 2.0);
    assert_eq!(world.view("client/crawler/dayUsd").standing, Standing::Reached);
}

#[test]
fn a_persons_word_is_on_the_disk_with_the_next_lease() {
    let mut world = World::new(r#"{ "monthUsd": 10 }"#);
    world.spend("crawler", 9.0);
    world.budgets.resume(None, Cost::ZERO);
    let batch = world.budgets.lease_wanted(world.now).expect("at once");
    let state = batch.states().iter().find(|state| state.id.to_string() == "total/monthUsd").unwrap().clone();
    assert!(state.mark_passed);
    let budgets = Budgets::new(&settings(r#"{ "monthUsd": 10 }"#), MARK, &[state], world.now);
    assert_eq!(budgets.snapshot()[0].standing, Standing::Open);
}

#[test]
fn a_cap_below_what_is_spent_is_taken_and_says_reached() {
    let mut world = World::new(r#"{ "monthUsd": 10 }"#);
    let open = world.hold("crawler", 2.0);
    world.spend("crawler", 3.0);
    world.budgets.set_plan(&settings(r#"{ "monthUsd": 2 }"#), MARK, world.now);
    assert_eq!(world.view("total/monthUsd").standing, Standing::Reached);
    assert_eq!(world.budgets.crossings().len(), 1);
    assert!(matches!(world.ask("crawler", 0.01), Verdict::Never(_)));
    world.budgets.settle(open, usd(2.0), world.now);
    assert_eq!(world.view("total/monthUsd").spent, 5_000_000_000, "what was under way is counted");
    world.budgets.set_plan(&settings(r#"{ "monthUsd": 100 }"#), MARK, world.now);
    assert_eq!(world.view("total/monthUsd").standing, Standing::Open);
    world.spend("crawler", 90.0);
    assert_eq!(world.budgets.crossings().len(), 1, "the raised cap has a mark of its own");
}

#[test]
fn a_budget_written_in_the_middle_of_a_month_knows_what_was_spent() {
    let mut world = World::new("{}");
    world.spend("crawler", 5.0);
    let open = world.hold("crawler", 1.0);
    world.budgets.set_plan(&settings(r#"{ "clients": { "crawler": { "monthUsd": 7 } } }"#), MARK, world.now);
    let view = world.view("client/crawler/monthUsd");
    assert_eq!((view.spent, view.reserved), (5_000_000_000, 1_000_000_000));
    world.lease();
    assert!(matches!(world.ask("crawler", 1.5), Verdict::Wait { for_lease: false, .. }));
    world.budgets.release(open, world.now);
}

#[test]
fn a_crash_counts_what_the_lease_had_left_and_a_clean_stop_nothing() {
    let plan = r#"{ "monthUsd": 10 }"#;
    let mut world = World::new(plan);
    let batch = world.budgets.close(world.now);
    assert!(batch.states().iter().all(|state| state.leased == 0));
    let state = BudgetState { leased: 3_000, settled: 1_000, ..batch.states()[0].clone() };
    let crashed = Budgets::new(&settings(plan), MARK, std::slice::from_ref(&state), NOON);
    let view = &crashed.snapshot()[0];
    assert_eq!((view.spent, view.unsettled), (1_000, 2_000));
    let clean = BudgetState { leased: 1_000, ..state.clone() };
    assert_eq!(Budgets::new(&settings(plan), MARK, &[clean], NOON).snapshot()[0].unsettled, 0);
    // The rows of a clock that was set back, and one whose window is over.
    let mut later = state.clone();
    (later.window.from_ms, later.window.until_ms, later.leased) =
        (later.window.until_ms, later.window.until_ms * 2, 9_000);
    let mut over = state.clone();
    (over.window.until_ms, over.leased) = (NOON.wall_ms, 1_000_000);
    let view = &Budgets::new(&settings(plan), MARK, &[later, over, state], NOON).snapshot()[0];
    assert_eq!((view.spent, view.unsettled), (1_000, 8_000));
}

#[test]
fn a_stream_is_topped_up_from_what_was_kept_before_what_is_free() {
    let mut world = World::new(r#"{ "monthUsd": 1 }"#);
    let scopes = world.scopes("crawler");
    let claim = Claim::stream(scopes, usd(0.1), usd(0.6), usd(5.0));
    assert_eq!((claim.hold, claim.keep), (usd(0.1), usd(0.5)));
    let wait = world.budgets.reserve(claim, NEVER_MS, world.now);
    let Verdict::Wait { ticket, .. } = wait else { panic!("{wait:?}") };
    world.lease();
    let super::super::Collected::Granted(mut stream) = world.budgets.collect(ticket, world.now) else {
        panic!()
    };
    // New work is refused what is kept; the stream is not.
    assert!(matches!(world.ask("crawler", 0.5), Verdict::Wait { for_lease: false, .. }));
    assert_eq!(world.budgets.top_up(&mut stream, usd(0.5), world.now), TopUp::Held);
    world.lease();
    assert_eq!(world.budgets.top_up(&mut stream, usd(0.3), world.now), TopUp::Held, "then from what is free");
    let short = world.budgets.top_up(&mut stream, usd(0.3), world.now);
    assert!(matches!(short, TopUp::Short { for_lease: false, .. }));
    assert_eq!(stream.held(), usd(0.9));
    // It goes on all the same, and the truth is told.
    world.budgets.settle(stream, usd(1.1), world.now);
    let view = world.view("total/monthUsd");
    assert_eq!((view.spent, view.reserved, view.standing), (1_100_000_000, 0, Standing::Reached));
}

#[test]
fn a_stream_begins_only_while_others_could_finish_and_alone_it_always_does() {
    let mut world = World::new(r#"{ "dayUsd": 10 }"#);
    let scopes = world.scopes("crawler");
    let claim = Claim::stream(scopes, usd(0.5), usd(1.0), usd(4.5));
    assert_eq!(claim.spare, usd(8.0));
    let first = world.hold("crawler", 2.0);
    let Verdict::Wait { ticket, for_lease: false, .. } = world.budgets.reserve(claim, NEVER_MS, world.now)
    else {
        panic!("seven are left beside its own, and eight may be needed")
    };
    assert!(matches!(world.ask("crawler", 0.01), Verdict::Wait { .. }), "who comes later doesn't pass");
    world.budgets.settle(first, usd(2.0), world.now);
    world.lease();
    assert!(matches!(world.budgets.collect(ticket, world.now), super::super::Collected::Granted(_)));
}

#[test]
fn a_prompt_has_no_more_tokens_than_bytes_until_answers_teach_better() {
    let mut ratio = InputRatio::default();
    assert_eq!(ratio.most_tokens(10_000), 10_000);
    (0..19).for_each(|_| ratio.learn(4_000, 1_000));
    assert_eq!(ratio.most_tokens(10_000), 10_000, "too few answers");
    ratio.learn(4_000, 1_000);
    assert_eq!(ratio.most_tokens(10_000), 2_500);
    assert_eq!((ratio.most_tokens(1), ratio.most_tokens(0)), (1, 0));
    // One answer of fifty is denser: the first percentile sees it.
    (0..29).for_each(|_| ratio.learn(4_000, 1_000));
    ratio.learn(2_000, 1_000);
    assert_eq!(ratio.most_tokens(10_000), 5_000);
    // What bills more tokens than bytes never makes the bound larger than bytes.
    (0..600).for_each(|_| ratio.learn(100, 1_000));
    assert_eq!(ratio.most_tokens(10_000), 10_000);
    let mut small = InputRatio::default();
    (0..100).for_each(|_| small.learn(10, 1));
    assert_eq!(small.most_tokens(100), 100, "small prompts teach nothing");
}

#[test]
fn a_caller_is_told_how_much_output_would_fit() {
    let left = Cost { nano_usd: 1_000_000, tokens: u64::MAX };
    assert_eq!(fitting_output_tokens(left, Cost { nano_usd: 400_000, tokens: 100 }, 15_000), 40);
    assert_eq!(fitting_output_tokens(left, Cost { nano_usd: 2_000_000, tokens: 100 }, 15_000), 0);
    let few = Cost { nano_usd: u64::MAX, tokens: 150 };
    assert_eq!(fitting_output_tokens(few, Cost { nano_usd: 0, tokens: 100 }, 0), 50);
}

#[test]
fn a_stream_asks_for_more_before_it_runs_out_and_never_beyond_its_worst() {
    let cost = |n| Cost { nano_usd: n, tokens: 0 };
    assert_eq!(next_top_up(cost(100), cost(74), cost(1_000)), None);
    assert_eq!(next_top_up(cost(100), cost(75), cost(1_000)), Some(cost(100)));
    assert_eq!(
        next_top_up(cost(100), cost(300), cost(1_000)),
        Some(cost(500)),
        "what flowed meanwhile is made up for"
    );
    assert_eq!(next_top_up(cost(800), cost(700), cost(1_000)), Some(cost(200)));
    assert_eq!(next_top_up(cost(1_000), cost(990), cost(1_000)), None);
}
