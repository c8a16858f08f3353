//! What holding and settling money costs a try: `cargo bench -p switchyard-policy --bench spend`.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it found")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that goes wrong stops instead of printing figures"
)]

use std::hint::black_box;
use std::time::Instant;

use switchyard_domain::Now;
use switchyard_domain::budget::Cost;
use switchyard_domain::map::{BudgetSettings, Format, NoVariables, read};
use switchyard_policy::spend::{Budgets, Claim, Verdict};

const CALLS: u32 = 1_000_000;
const NOON: Now = Now { mono_ms: 1_000_000, wall_ms: 1_796_040_000_000 };

/// Sixteen budgets: four scopes, each with dollars and tokens of month and day.
const ALL: &str = r#"{ "monthUsd": 1e6, "dayUsd": 1e6, "monthTokens": 1e12, "dayTokens": 1e12,
    "providers": { "openai": { "monthUsd": 1e6, "dayUsd": 1e6, "monthTokens": 1e12, "dayTokens": 1e12 } },
    "clients": { "crawler": { "monthUsd": 1e6, "dayUsd": 1e6, "monthTokens": 1e12, "dayTokens": 1e12 } },
    "jobs": { "mail": { "monthUsd": 1e6, "dayUsd": 1e6, "monthTokens": 1e12, "dayTokens": 1e12 } } }"#;
/// One budget for each of four scopes.
const FOUR: &str = r#"{ "monthUsd": 1e6, "providers": { "openai": { "monthUsd": 1e6 } },
    "clients": { "crawler": { "monthUsd": 1e6 } }, "jobs": { "mail": { "monthUsd": 1e6 } } }"#;

fn settings(budget: &str) -> BudgetSettings {
    let map = format!(
        r#"{{ "hot": [{{ "provider": "openai", "model": "m" }}], "warm": [],
             "clients": {{ "crawler": {{}} }}, "jobs": {{ "mail": {{}} }}, "budget": {budget} }}"#
    );
    read(&map, Format::Json, &NoVariables).expect("the map is sound").budget
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn main() {
    for (name, plan) in [("none", "{}"), ("four", FOUR), ("sixteen", ALL)] {
        let mut budgets = Budgets::new(&settings(plan), 80, &[], NOON);
        if let Some(batch) = budgets.lease_wanted(NOON) {
            budgets.lease_granted(batch, NOON);
        }
        let mut best = f64::MAX;
        for _ in 0..5 {
            let begun = Instant::now();
            for _ in 0..CALLS {
                let scopes = black_box(budgets.scopes("openai", "crawler", "mail"));
                let claim = Claim::whole(scopes, Cost { nano_usd: 500_000, tokens: 1_000 });
                let Verdict::Granted(held) = black_box(budgets.reserve(claim, u64::MAX, NOON)) else {
                    panic!("there is money for all of them");
                };
                budgets.settle(held, Cost { nano_usd: 50, tokens: 1 }, NOON);
            }
            best = best.min(begun.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
        }
        println!("{name} capped: scopes, reserve and settle in {best:.0} ns");
    }
}
