//! Windows that end while money is held, clocks that jump, zones that change.

use switchyard_domain::budget::Standing;

use super::super::{Budgets, Claim, TopUp, Verdict};
use super::{MARK, NEVER_MS, NOON, Now, World, settings, usd};

const DAY_MS: u64 = 86_400_000;

#[test]
fn a_day_begins_with_nothing_spent_and_the_month_goes_on() {
    let mut world = World::new(r#"{ "dayUsd": 1, "monthUsd": 100 }"#);
    world.spend("crawler", 1.0);
    assert!(matches!(world.ask("crawler", 0.5), Verdict::Never(_)));
    world.budgets.resume(None, usd(3.0));
    // 30 November to 1 December: both begin anew.
    world.now = world.now.plus_ms(DAY_MS / 2);
    world.budgets.tick(world.now);
    world.lease();
    let day = world.view("total/dayUsd");
    assert_eq!((day.spent, day.allowance, day.standing), (0, 0, Standing::Open));
    assert_eq!(world.view("total/monthUsd").spent, 0);
    world.spend("crawler", 0.9);
    world.now = world.now.plus_ms(DAY_MS);
    world.lease();
    assert_eq!((world.view("total/dayUsd").spent, world.view("total/monthUsd").spent), (0, 900_000_000));
}

#[test]
fn a_call_counts_in_the_window_it_was_reserved_in_and_a_top_up_in_its_own() {
    let mut world = World::new(r#"{ "dayUsd": 1 }"#);
    let mut first = world.hold("crawler", 0.6);
    let second = world.hold("crawler", 0.3);
    world.now = world.now.plus_ms(DAY_MS);
    world.lease();
    assert_eq!(world.view("total/dayUsd").reserved, 0, "the new day is whole");
    world.budgets.settle(second, usd(0.3), world.now);
    assert_eq!(world.view("total/dayUsd").spent, 0);
    let before = world.hold("crawler", 0.05);
    world.budgets.release(before, world.now);
    world.lease();
    let topped = world.budgets.top_up(&mut first, usd(0.005), world.now);
    assert_eq!(topped, TopUp::Held);
    assert_eq!(first.held(), usd(0.605));
    assert_eq!(world.view("total/dayUsd").reserved, 5_000_000);
    world.budgets.settle(first, usd(0.602), world.now);
    let view = world.view("total/dayUsd");
    assert_eq!((view.spent, view.reserved), (2_000_000, 0), "yesterday paid for what it held");
}

#[test]
fn a_lease_of_yesterday_is_none_today() {
    let plan = r#"{ "dayUsd": 1 }"#;
    let mut budgets = Budgets::new(&settings(plan), MARK, &[], NOON);
    let batch = budgets.lease_wanted(NOON).unwrap();
    let tomorrow = NOON.plus_ms(DAY_MS);
    budgets.lease_granted(batch, tomorrow);
    let scopes = budgets.scopes("openai", "crawler", "mail");
    let claim = Claim::whole(scopes, usd(0.001));
    assert!(matches!(budgets.reserve(claim, NEVER_MS, tomorrow), Verdict::Wait { for_lease: true, .. }));
}

#[test]
fn a_clock_set_back_begins_nothing_anew() {
    let mut world = World::new(r#"{ "dayUsd": 1 }"#);
    world.spend("crawler", 0.7);
    world.now.wall_ms -= 3 * 86_400_000;
    world.budgets.tick(world.now);
    assert_eq!(world.view("total/dayUsd").spent, 700_000_000);
}

#[test]
fn another_time_zone_ends_the_day_at_its_own_midnight_and_begins_none_anew() {
    let mut world = World::new(r#"{ "dayUsd": 1, "timeZone": "UTC" }"#);
    world.spend("crawler", 0.7);
    // 12:00 UTC is tomorrow already in Kiribati.
    let plan = settings(r#"{ "dayUsd": 1, "timeZone": "Pacific/Kiritimati" }"#);
    world.budgets.set_plan(&plan, MARK, world.now);
    let view = world.view("total/dayUsd");
    assert_eq!((view.spent, (view.resets_at_ms - NOON.wall_ms) / 3_600_000), (700_000_000, 22));
    world.now = Now { wall_ms: view.resets_at_ms, ..world.now };
    world.budgets.tick(world.now);
    assert_eq!(world.view("total/dayUsd").spent, 0);
}

/// Drives budgets through three years in each zone: as many days and months as its calendar has, each once and on time.
#[test]
fn no_period_comes_twice_and_none_is_early_in_twelve_zones() {
    let zones = [
        "UTC",
        "Europe/Lisbon",
        "Europe/Berlin",
        "America/Los_Angeles",
        "America/Sao_Paulo",
        "America/Santiago",
        "America/Havana",
        "Africa/Cairo",
        "Asia/Beirut",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Kiritimati",
    ];
    for name in zones {
        let plan = settings(&format!(r#"{{ "dayUsd": 1, "monthUsd": 9, "timeZone": "{name}" }}"#));
        // 1 January 2024 of UTC, in the middle of some day.
        let mut now = Now { mono_ms: 0, wall_ms: 1_704_067_200_000 + 1_234_567 };
        let end_ms = now.wall_ms + 1_096 * 86_400_000;
        let mut budgets = Budgets::new(&plan, MARK, &[], now);
        let mut counts = [0, 0];
        let mut windows = budgets.snapshot();
        while now.wall_ms < end_ms {
            now = now.plus_ms(1_800_000);
            budgets.tick(now);
            for (n, at) in budgets.snapshot().into_iter().enumerate() {
                assert!(at.since_ms <= now.wall_ms && now.wall_ms < at.resets_at_ms, "{name}: {at:?}");
                if at.since_ms != windows[n].since_ms {
                    assert_eq!(at.since_ms, windows[n].resets_at_ms, "{name}: {at:?}");
                    windows[n] = at;
                    counts[n] += 1;
                }
            }
        }
        assert_eq!(counts, [36, 1_096], "{name}: months and days");
    }
}
