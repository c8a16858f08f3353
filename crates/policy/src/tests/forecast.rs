//! When a budget is said to end, and how sure that is.

use switchyard_domain::budget::{BudgetView, Measure, Scope, Standing};

use crate::forecast::{Expected, forecast};

const NOW_MS: i64 = 1_796_040_000_000;
const DAY_MS: i64 = 86_400_000;

fn budget(cap: u64, spent: u64, days_left: i64) -> BudgetView {
    BudgetView {
        id: switchyard_domain::budget::BudgetId { scope: Scope::Total, measure: Measure::MonthUsd },
        measure: Measure::MonthUsd,
        cap,
        allowance: 0,
        spent,
        reserved: 5_000,
        unsettled: 0,
        percent: 0,
        mark_percent: 80,
        since_ms: 0,
        resets_at_ms: NOW_MS + days_left * DAY_MS,
        standing: Standing::Open,
    }
}

/// Days that cost so much each, spread over their hours.
fn days(costs: &[u64]) -> Vec<u64> {
    costs.iter().flat_map(|cost| (0..24).map(move |hour| if hour < 8 { cost / 8 } else { 0 })).collect()
}

fn in_days(at: Expected) -> [Option<f64>; 3] {
    [Some(at.soonest_ms), at.likely_ms, at.latest_ms].map(|at| {
        let tenths = (at? - NOW_MS) * 10 / DAY_MS;
        Some(f64::from(i32::try_from(tenths).unwrap()) / 10.0)
    })
}

#[test]
fn under_a_days_data_nothing_is_said() {
    let some = days(&[800]);
    assert_eq!(forecast(&budget(10_000, 100, 20), &some[..23], NOW_MS), None);
    assert_eq!(forecast(&budget(10_000, 100, 20), &[], NOW_MS), None);
    assert_eq!(forecast(&budget(10_000, 100, 20), &some, NOW_MS).unwrap().days, 1);
}

#[test]
fn dates_have_a_band_that_narrows_with_what_is_known() {
    // Seven dollars are left to the mark, nine to the cap, at a dollar a day.
    let one = forecast(&budget(10_000, 1_000, 30), &days(&[1_000]), NOW_MS).unwrap();
    let many = forecast(&budget(10_000, 1_000, 30), &days(&[1_000; 14]), NOW_MS).unwrap();
    let (rough, fine) = (in_days(one.mark.unwrap()), in_days(many.mark.unwrap()));
    assert_eq!((rough[1], fine[1]), (Some(7.0), Some(7.0)));
    let width = |band: [Option<f64>; 3]| band[2].unwrap_or(30.0) - band[0].unwrap();
    assert!(width(rough) > 3.0 * width(fine), "{rough:?} {fine:?}");
    assert!(fine[0].unwrap() < 7.0 && fine[2].unwrap() > 7.0 && width(fine) < 2.0, "{fine:?}");
    assert_eq!(in_days(many.cap.unwrap())[1], Some(9.0));
    let [low, likely, high] = many.at_reset;
    assert!(low < likely && likely < high && likely == 31_000, "{:?}", many.at_reset);
}

#[test]
fn days_that_differ_make_the_band_wide() {
    let even = forecast(&budget(10_000, 0, 30), &days(&[1_000; 6]), NOW_MS).unwrap().cap.unwrap();
    let uneven = days(&[0, 2_000, 0, 2_000, 0, 2_000]);
    let uneven = forecast(&budget(10_000, 0, 30), &uneven, NOW_MS).unwrap().cap.unwrap();
    assert_eq!(in_days(even)[1], in_days(uneven)[1]);
    assert!(
        uneven.soonest_ms < even.soonest_ms && uneven.latest_ms.is_none_or(|at| Some(at) > even.latest_ms)
    );
}

#[test]
fn what_is_not_reached_before_the_budget_begins_anew_has_no_date() {
    let slow = forecast(&budget(1_000_000, 0, 10), &days(&[1_000; 14]), NOW_MS).unwrap();
    assert_eq!((slow.mark, slow.cap), (None, None));
    // Likely not, but a fast pace would bring it there.
    let near = forecast(&budget(10_500, 0, 10), &days(&[1_000; 14]), NOW_MS).unwrap();
    let cap = near.cap.unwrap();
    assert!(cap.soonest_ms < NOW_MS + 10 * DAY_MS && cap.likely_ms.is_none() && cap.latest_ms.is_none());
    let idle = forecast(&budget(10_000, 500, 10), &days(&[0, 0]), NOW_MS).unwrap();
    assert_eq!((idle.mark, idle.cap, idle.at_reset), (None, None, [500; 3]));
}

#[test]
fn what_is_reached_already_is_reached_now() {
    let over = forecast(&budget(1_000, 900, 10), &days(&[0]), NOW_MS).unwrap();
    assert_eq!(in_days(over.mark.unwrap()), [Some(0.0); 3]);
    assert_eq!(over.cap, None, "nothing is spent");
}
