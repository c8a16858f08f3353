//! Who waits, in which order, and for how long.

use switchyard_domain::budget::Cost;

use super::super::{Claim, Collected, MOST_WAITING, Ticket, Verdict};
use super::{NEVER_MS, World, usd};

fn ticket(verdict: Verdict) -> Ticket {
    let Verdict::Wait { ticket, .. } = verdict else { panic!("{verdict:?}") };
    ticket
}

#[test]
fn claims_on_one_budget_are_granted_in_order_and_a_small_one_passes_no_large_one() {
    let mut world = World::new(r#"{ "dayUsd": 10, "clients": { "editor": { "dayUsd": 5 } } }"#);
    let open = world.hold("crawler", 6.0);
    let large = ticket(world.ask("crawler", 5.0));
    let small = ticket(world.ask("crawler", 0.5));
    let ids = [large.id(), small.id()];
    // Four dollars are free, but promised to who came first.
    let late = ticket(world.ask("editor", 0.1));
    assert!(matches!(world.budgets.collect(small, world.now), Collected::Waiting(_)));
    world.budgets.settle(open, usd(0.0), world.now);
    world.lease();
    let woken: Vec<_> = world.budgets.woken().collect();
    assert_eq!(woken, [ids[0], ids[1], late.id()], "in the order they came");
    assert!(matches!(world.budgets.collect(large, world.now), Collected::Granted(_)));
}

#[test]
fn who_shares_no_scarce_budget_with_those_before_it_passes() {
    let mut world = World::new(r#"{ "dayUsd": 100, "clients": { "crawler": { "dayUsd": 1 } } }"#);
    let _open = world.hold("crawler", 0.9);
    let waits = ticket(world.ask("crawler", 0.5));
    let _held = world.hold("editor", 2.0);
    assert!(matches!(world.budgets.collect(waits, world.now), Collected::Waiting(_)));
}

#[test]
fn waiting_ends_with_its_time_and_lets_those_behind_go() {
    let mut world = World::new(r#"{ "dayUsd": 10, "waitMs": 2000 }"#);
    let open = world.hold("crawler", 6.0);
    let (scopes, now) = (world.scopes("crawler"), world.now);
    let verdict = world.budgets.reserve(Claim::whole(scopes, usd(5.0)), now.mono_ms + 700, now);
    let Verdict::Wait { ticket: large, until_mono_ms, for_lease: false, .. } = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(until_mono_ms, now.mono_ms + 700, "the deadline comes before waitMs");
    let small = ticket(world.ask("crawler", 1.0));
    world.lease();
    let Collected::Waiting(large) = world.budgets.collect(large, world.now) else { panic!("not yet") };
    world.now = now.plus_ms(700);
    assert!(matches!(world.budgets.collect(large, world.now), Collected::Over));
    assert_eq!(world.budgets.woken().collect::<Vec<_>>(), [small.id()]);
    assert!(matches!(world.budgets.collect(small, world.now), Collected::Granted(_)));
    world.budgets.release(open, world.now);
}

#[test]
fn who_waited_hears_when_others_have_spent_what_was_left() {
    let mut world = World::new(r#"{ "dayUsd": 10 }"#);
    let open = world.hold("crawler", 6.0);
    let waits = ticket(world.ask("crawler", 5.0));
    world.budgets.settle(open, usd(6.0), world.now);
    let Collected::Never(never) = world.budgets.collect(waits, world.now) else { panic!("four are left") };
    assert_eq!(never.left.nano_usd, 4_000_000_000);
}

#[test]
fn an_owner_that_is_gone_holds_nobody_up() {
    let mut world = World::new(r#"{ "dayUsd": 10 }"#);
    let open = world.hold("crawler", 9.0);
    let lost = ticket(world.ask("crawler", 5.0));
    let waits = ticket(world.ask("crawler", 6.0));
    world.budgets.settle(open, Cost::ZERO, world.now);
    world.lease();
    drop(lost);
    assert_eq!(world.budgets.waiting(), 1, "the lost one holds five");
    world.now = world.now.plus_ms(1_200);
    let Collected::Waiting(waits) = world.budgets.collect(waits, world.now) else { panic!("five are held") };
    world.now = world.now.plus_ms(300);
    world.budgets.give_up(waits, world.now);
    world.now = world.now.plus_ms(2_000);
    world.budgets.tick(world.now);
    assert_eq!(world.view("total/dayUsd").reserved, 0);
}

#[test]
fn only_so_many_wait() {
    let mut world = World::new(r#"{ "dayUsd": 10 }"#);
    let _open = world.hold("crawler", 9.0);
    let tickets: Vec<Ticket> = (0..MOST_WAITING).map(|_| ticket(world.ask("crawler", 5.0))).collect();
    assert!(matches!(world.ask("crawler", 5.0), Verdict::Full { .. }));
    for waits in tickets {
        world.budgets.give_up(waits, world.now);
    }
    let scopes = world.scopes("crawler");
    assert!(matches!(
        world.budgets.reserve(Claim::whole(scopes, usd(0.05)), NEVER_MS, world.now),
        Verdict::Granted(_)
    ));
}
