//! Which spending raises an alarm, who is named, and what is not held against anybody.

use std::sync::Arc;

use switchyard_domain::budget::{BudgetView, Measure, Scope, Standing};
use switchyard_domain::{Now, Usd};

use crate::runaway::{Alarm, Runaway, Spent, Why};

/// 30 November 2026, 12:00 UTC.
const NOON: Now = Now { mono_ms: 0, wall_ms: 1_796_040_000_000 };
const MINUTE_MS: i64 = 60_000;

fn cents(cents: f64) -> Usd {
    Usd::from_dollars(cents / 100.0).unwrap()
}

fn budget(id: &str, cap: f64, spent: f64, resets_in_hours: i64) -> BudgetView {
    let id: switchyard_domain::budget::BudgetId = id.parse().unwrap();
    let nanos = |usd: f64| Usd::from_dollars(usd).unwrap().nanos().unsigned_abs();
    BudgetView {
        measure: id.measure,
        id,
        cap: nanos(cap),
        allowance: 0,
        spent: nanos(spent),
        reserved: 0,
        unsettled: 0,
        percent: 0,
        mark_percent: 80,
        since_ms: 0,
        resets_at_ms: NOON.wall_ms + resets_in_hours * 3_600_000,
        standing: Standing::Open,
    }
}

/// A week in which `client` spent so much in every ten minutes of eight hours a day.
fn week(runaway: &mut Runaway, client: &str, per_span: Usd) {
    for day in 1..7_i64 {
        for span in 0..48_i64 {
            runaway.learn(client, per_span, NOON.wall_ms - day * 86_400_000 + span * 10 * MINUTE_MS);
        }
    }
}

/// So many calls of a client within the last nine minutes.
fn calls(runaway: &mut Runaway, client: &str, count: u32, each: Usd) {
    let (job, model) = (Arc::from("mail"), Arc::from("gpt-6.1-sol"));
    for n in 0..count {
        let ago = i64::from(n) * 9 * MINUTE_MS / i64::from(count);
        let now = Now { wall_ms: NOON.wall_ms - 9 * MINUTE_MS + ago, ..NOON };
        let prompt = u64::from(n % 5 == 0);
        runaway.spent(&Spent { client, job: &job, model: &model, prompt, cost: each }, now);
    }
}

/// Total of the week's spans, per client; calls and price of the last minutes; the cap, what is spent, hours to the reset;
/// what comes of it.
#[test]
fn a_loop_is_told_from_work() {
    type Case =
        (&'static str, Option<f64>, &'static [(&'static str, u32, f64)], (f64, f64, i64), &'static str);
    let cases: &[Case] = &[
        ("nothing", Some(5.0), &[], (100.0, 10.0, 300), ""),
        ("usual work", Some(5.0), &[("crawler", 10, 0.5)], (100.0, 10.0, 300), ""),
        ("nine times usual", Some(30.0), &[("crawler", 90, 3.0)], (100.0, 10.0, 300), ""),
        (
            "ten times usual and 2 %",
            Some(30.0),
            &[("crawler", 100, 3.0)],
            (100.0, 10.0, 300),
            "far crawler 100",
        ),
        ("ten times usual, but under 2 %", Some(5.0), &[("crawler", 50, 1.0)], (100.0, 10.0, 300), ""),
        ("a new install, far from the cap", None, &[("crawler", 100, 3.0)], (100.0, 10.0, 300), ""),
        (
            "a new install at a pace that ends the cap",
            None,
            &[("crawler", 100, 10.0)],
            (100.0, 10.0, 300),
            "soon 90 crawler 100",
        ),
        ("a pace just too slow", None, &[("crawler", 100, 7.0)], (100.0, 10.0, 300), ""),
        ("the budget begins anew before", None, &[("crawler", 100, 10.0)], (100.0, 10.0, 1), ""),
        ("the last dollars at the usual pace", Some(30.0), &[("crawler", 10, 3.0)], (100.0, 99.0, 300), ""),
        (
            "the last dollars at twice the usual pace",
            Some(30.0),
            &[("crawler", 20, 3.0)],
            (100.0, 99.0, 300),
            "soon 16 crawler 100",
        ),
        (
            "one of two, four fifths",
            None,
            &[("crawler", 80, 10.0), ("editor", 20, 10.0)],
            (100.0, 10.0, 300),
            "soon 90 crawler 80",
        ),
        (
            "one of two, less than that",
            None,
            &[("crawler", 79, 10.0), ("editor", 21, 10.0)],
            (100.0, 10.0, 300),
            "soon 90 nobody 100",
        ),
        ("nothing is left anyway", None, &[("crawler", 100, 10.0)], (100.0, 100.0, 300), ""),
    ];
    for (name, usual, made, (cap, spent, hours), expected) in cases {
        let mut runaway = Runaway::default();
        if let Some(usual) = usual {
            week(&mut runaway, "crawler", cents(*usual));
        }
        for (client, count, each) in *made {
            calls(&mut runaway, client, *count, cents(*each));
        }
        let alarms = runaway.judge(&[budget("total/monthUsd", *cap, *spent, *hours)], NOON);
        let told: Vec<String> = alarms.iter().map(shown).collect();
        assert_eq!(told.join(", "), *expected, "{name}");
    }
}

fn shown(alarm: &Alarm) -> String {
    let why = match alarm.why {
        Why::FarAboveUsual { .. } => "far".to_owned(),
        Why::CapSoon { in_minutes } => format!("soon {in_minutes}"),
    };
    format!("{why} {} {}", alarm.client.as_deref().unwrap_or("nobody"), alarm.percent)
}

#[test]
fn an_alarm_says_who_how_much_and_what_repeats() {
    let mut runaway = Runaway::default();
    calls(&mut runaway, "crawler", 100, cents(10.0));
    let alarm = runaway.judge(&[budget("client/crawler/dayUsd", 12.0, 1.0, 12)], NOON).remove(0);
    assert_eq!((alarm.client.as_deref(), alarm.spent), (Some("crawler"), cents(1_000.0)));
    let repeats = alarm.repeats.unwrap();
    assert_eq!((&*repeats.job, &*repeats.model), ("mail", "gpt-6.1-sol"));
    assert_eq!((repeats.calls, repeats.same_prompt), (100, 80));
}

#[test]
fn an_alarm_is_told_once_and_again_only_after_it_was_over() {
    let mut runaway = Runaway::default();
    calls(&mut runaway, "crawler", 100, cents(10.0));
    let budgets = [budget("total/monthUsd", 100.0, 10.0, 300)];
    assert_eq!(runaway.judge(&budgets, NOON).len(), 1);
    assert_eq!(runaway.judge(&budgets, NOON.plus_ms(5_000)), []);
    assert_eq!(runaway.judge(&budgets, NOON.plus_ms(1_200_000)), [], "it is over");
    let later = NOON.plus_ms(1_200_000);
    let (job, model) = (Arc::from("mail"), Arc::from("m"));
    let again = Spent { client: "crawler", job: &job, model: &model, prompt: 0, cost: cents(1_000.0) };
    runaway.spent(&again, later);
    assert_eq!(runaway.judge(&budgets, later).len(), 1);
}

#[test]
fn what_was_spent_before_a_persons_word_is_not_held_against_an_app_again() {
    let mut runaway = Runaway::default();
    calls(&mut runaway, "crawler", 100, cents(10.0));
    calls(&mut runaway, "editor", 2, cents(1.0));
    let budgets = [budget("total/monthUsd", 100.0, 10.0, 300)];
    assert_eq!(runaway.judge(&budgets, NOON).len(), 1);
    runaway.forgive("crawler");
    assert_eq!(runaway.judge(&budgets, NOON), []);
    calls(&mut runaway, "crawler", 100, cents(10.0));
    assert_eq!(runaway.judge(&budgets, NOON).len(), 1, "it goes on");
}

#[test]
fn tokens_and_other_scopes_are_not_judged_and_apps_without_end_are_bounded() {
    let mut runaway = Runaway::default();
    for n in 0..1_000 {
        runaway.learn(&format!("app-{n}"), cents(1.0), NOON.wall_ms);
    }
    let mut tokens = budget("total/monthTokens", 1.0, 0.0, 300);
    tokens.cap = 1_000;
    let provider = budget("provider/openai/dayUsd", 11.0, 0.0, 300);
    assert!(matches!(provider.id.scope, Scope::Provider(_)) && tokens.measure == Measure::MonthTokens);
    assert_eq!(runaway.judge(&[tokens, provider], NOON), []);
    let all = runaway.judge(&[budget("total/dayUsd", 60.0, 10.0, 12)], NOON);
    assert_eq!(
        (all.len(), all[0].spent),
        (1, cents(1_000.0)),
        "those that are not watched apart count in the total"
    );
}
