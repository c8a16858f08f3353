//! Which work which cause holds, and who lifts it.

use switchyard_domain::budget::{BudgetId, PauseCause, Standing};
use switchyard_domain::map::WebhookScope;

use super::super::{Lift, Pauses, Work};
use super::NOON;

fn cause(text: &str) -> PauseCause {
    text.parse().unwrap()
}

fn work<'a>(provider: Option<&'a str>, client: &'a str, job: &'a str) -> Work<'a> {
    Work { provider, client, job }
}

#[test]
fn each_cause_holds_the_work_it_is_about() {
    use WebhookScope::{All, Provider};
    // The cause, the webhook scope, and whether it holds: on admission, to openai, to google; crawler's, mail's.
    let cases = [
        ("manual", All, [true, true, true, true, true]),
        ("budget/total/monthUsd", All, [true, true, true, true, true]),
        ("budget/provider/google/dayUsd", All, [false, false, true, false, false]),
        ("budget/client/crawler/dayTokens", All, [false, false, false, true, false]),
        ("budget/job/mail/dayUsd", All, [false, false, false, false, true]),
        ("webhook/google", All, [true, true, true, true, true]),
        ("webhook/google", Provider, [false, false, true, false, false]),
        ("runaway/crawler", All, [false, false, false, true, false]),
    ];
    for (text, scope, expected) in cases {
        let mut pauses = Pauses::default();
        assert!(pauses.add(cause(text), "switchyard", "a test", NOON));
        let held = [
            work(None, "editor", "default"),
            work(Some("openai"), "editor", "default"),
            work(Some("google"), "editor", "default"),
            work(None, "crawler", "default"),
            work(None, "editor", "mail"),
        ]
        .map(|work| pauses.blocks(work, scope).is_some());
        assert_eq!(held, expected, "{text}");
    }
}

#[test]
fn one_cause_that_ends_never_lifts_another() {
    let mut pauses = Pauses::default();
    let all = ["manual", "budget/total/dayUsd", "budget/total/monthUsd", "webhook/google", "runaway/crawler"];
    for text in all {
        assert!(pauses.add(cause(text), "ops", "why", NOON));
        assert!(!pauses.add(cause(text), "else", "other", NOON.plus_ms(1)), "{text} is there");
    }
    assert!(pauses.all().iter().all(|pause| pause.by == "ops" && pause.since_ms == NOON.wall_ms));
    let standing = |id: &BudgetId| {
        if id.to_string() == "total/monthUsd" { Standing::Reached } else { Standing::Open }
    };
    let mut by_money = pauses.clone();
    let lifted: Vec<String> =
        by_money.lift(Lift::Money, standing).iter().map(|p| p.cause.to_string()).collect();
    assert_eq!(lifted, ["budget/total/dayUsd", "webhook/google", "runaway/crawler"]);
    let left: Vec<String> = by_money.all().iter().map(|p| p.cause.to_string()).collect();
    assert_eq!(left, ["manual", "budget/total/monthUsd"], "never a manual one, and none that is at its cap");
    let mut by_hand = pauses.clone();
    assert_eq!(by_hand.lift(Lift::Manual, standing).len(), 1);
    assert!(!by_hand.holds(&PauseCause::Manual) && by_hand.all().len() == 4);
    let mut by_time = pauses.clone();
    let ended = by_time.reconcile(standing);
    assert_eq!((ended.len(), ended[0].cause.to_string()), (1, "budget/total/dayUsd".to_owned()));
    assert!(pauses.lift_one(&cause("webhook/google")).is_some());
    assert!(pauses.lift_one(&cause("webhook/google")).is_none());
    assert_eq!(Pauses::of([pauses.all(), pauses.all()].concat()), pauses, "kept twice is there once");
}
