//! What a reservation costs the hot path, measured by hand:
//! `cargo test --release -p switchyard-policy reserve_and_settle_cost -- --ignored --nocapture`.

use std::hint::black_box;

use switchyard_domain::budget::Cost;

use super::super::{Budgets, Claim, Verdict};
use super::{MARK, NEVER_MS, NOON, settings};

const CALLS: u32 = 1_000_000;

/// Sixteen budgets: four scopes, each with dollars and tokens of month and day.
const ALL: &str = r#"{ "monthUsd": 1e6, "dayUsd": 1e6, "monthTokens": 1e12, "dayTokens": 1e12,
    "providers": { "openai": { "monthUsd": 1e6, "dayUsd": 1e6, "monthTokens": 1e12, "dayTokens": 1e12 } },
    "clients": { "crawler": { "monthUsd": 1e6, "dayUsd": 1e6, "monthTokens": 1e12, "dayTokens": 1e12 } },
    "jobs": { "mail": { "monthUsd": 1e6, "dayUsd": 1e6, "monthTokens": 1e12, "dayTokens": 1e12 } } }"#;
/// One budget for each of four scopes.
const FOUR: &str = r#"{ "monthUsd": 1e6, "providers": { "openai": { "monthUsd": 1e6 } },
    "clients": { "crawler": { "monthUsd": 1e6 } }, "jobs": { "mail": { "monthUsd": 1e6 } } }"#;

#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn reserve_and_settle_cost() {
    for (name, plan) in [("none", "{}"), ("four", FOUR), ("sixteen", ALL)] {
        let mut budgets = Budgets::new(&settings(plan), MARK, &[], NOON);
        if let Some(batch) = budgets.lease_wanted(NOON) {
            budgets.lease_granted(batch, NOON);
        }
        let mut best = f64::MAX;
        for _ in 0..5 {
            let begun = std::time::Instant::now();
            for _ in 0..CALLS {
                let scopes = black_box(budgets.scopes("openai", "crawler", "mail"));
                let claim = Claim::whole(scopes, Cost { nano_usd: 500_000, tokens: 1_000 });
                let Verdict::Granted(held) = black_box(budgets.reserve(claim, NEVER_MS, NOON)) else {
                    panic!("there is money for all of them");
                };
                budgets.settle(held, Cost { nano_usd: 50, tokens: 1 }, NOON);
            }
            best = best.min(begun.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
        }
        println!("{name} capped: scopes + reserve + settle {best:.0} ns");
    }
}
