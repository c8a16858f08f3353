use super::*;

fn told(what: EventKind) -> Option<(String, String, Urgency)> {
    let notice = notice_of(&Event { id: 1, at_ms: 0, what })?;
    Some((notice.title, notice.body, notice.urgency))
}

fn tier(from: Tier, to: Tier, route: Option<&str>, cause: Option<&str>) -> EventKind {
    EventKind::TierChanged { from, to, route: route.map(RouteId::from), cause: cause.map(str::to_owned) }
}

fn condemned(kind: FailureKind, status: u16) -> EventKind {
    let failure = Failure { status: Some(status), ..Failure::new(kind, "said the upstream") };
    EventKind::KeyCondemned { provider: "openai".into(), credential: "OPENAI_API_KEY".into(), failure }
}

#[test]
fn people_are_told_what_happened_and_what_was_done() {
    use Urgency::{Critical, Low, Normal};
    let cases = [
        (
            tier(Tier::Hot, Tier::Warm, Some("openai/gpt-4o-mini"), Some("sonnet-4.6: 529 overloaded")),
            ("Running on Warm", "Sonnet-4.6: 529 overloaded. gpt-4o-mini answers. Nothing was lost.", Normal),
        ),
        (
            tier(Tier::Warm, Tier::Cold, None, Some("no route is left.")),
            (
                "Running on Cold",
                "No route is left. Jobs wait in the queue and are tried again. Nothing was lost.",
                Critical,
            ),
        ),
        (
            tier(Tier::Warm, Tier::Hot, Some("anthropic/sonnet-4.6"), None),
            ("Back on Hot", "sonnet-4.6 answers. Nothing was lost.", Normal),
        ),
        (
            tier(Tier::Cold, Tier::Warm, Some("openai/gpt-4o-mini"), None),
            ("Back on Warm", "gpt-4o-mini answers. Nothing was lost.", Normal),
        ),
        (
            EventKind::ShiftStarted {
                shift: 3,
                provider: Some("gemini".into()),
                from: "gemini".into(),
                to: "the other routes".into(),
                mode: switchyard_domain::map::ShiftMode::Gradual,
                actor: "router".into(),
                reason: "41 % of 90 calls failed".into(),
            },
            (
                "Traffic leaves gemini",
                "41 % of 90 calls failed. It goes to the other routes (gradual).",
                Normal,
            ),
        ),
        (
            EventKind::ShiftEnded {
                shift: 3,
                provider: Some("gemini".into()),
                home: "gemini".into(),
                reason: "every step held".into(),
            },
            ("Traffic is back on gemini", "Every step held.", Normal),
        ),
        (
            EventKind::UsersHurt {
                incident: switchyard_domain::incident::IncidentId(12),
                provider: "gemini".into(),
                reason: "3 % of 100 requests ended in an error".into(),
            },
            ("Callers get errors", "3 % of 100 requests ended in an error. See incident 12.", Critical),
        ),
        (
            EventKind::Paused { reason: "by hand".into() },
            ("New work is paused", "By hand. Running requests finish.", Normal),
        ),
        (
            EventKind::Paused { reason: String::new() },
            ("New work is paused", "Running requests finish.", Normal),
        ),
        (
            EventKind::MoneyPaused {
                cause: "budget/client/crawler/dayUsd".parse().unwrap(),
                whose: "client/crawler".parse().unwrap(),
                reason: "$0.80 of $1.00 is spent (80 %)".into(),
            },
            (
                "New work of crawler is paused",
                "$0.80 of $1.00 is spent (80 %). Running requests finish. `switchyard budget` shows why and lets work go on.",
                Critical,
            ),
        ),
        (
            EventKind::MoneyResumed {
                cause: "webhook/google".parse().unwrap(),
                whose: "total".parse().unwrap(),
            },
            ("Work goes on", "webhook/google no longer holds new work.", Low),
        ),
        (EventKind::Resumed, ("New work is taken again", "Requests are answered as usual.", Low)),
        (
            EventKind::JobQueued { job_id: "job_1".into(), job: "summaries".into(), client: "crm".into() },
            (
                "Jobs wait in the queue",
                "No route could answer a summaries job from crm. It is stored, and tried again by itself.",
                Normal,
            ),
        ),
        (
            EventKind::JobDead {
                job_id: "job_1".into(),
                job: "summaries".into(),
                reason: "5 attempts failed".into(),
            },
            (
                "A queued job needs you",
                "A summaries job is not tried any more. 5 attempts failed. Replay or discard it under Queue.",
                Critical,
            ),
        ),
        (
            condemned(FailureKind::KeyRejected, 401),
            (
                "A key of openai needs you",
                "openai answers 401 key not accepted to the key OPENAI_API_KEY, so it is not used for now. Test or \
                 replace it under Providers.",
                Critical,
            ),
        ),
    ];
    for (what, (title, body, urgency)) in cases {
        assert_eq!(told(what), Some((title.to_owned(), body.to_owned(), urgency)));
    }
}

#[test]
fn nobody_is_interrupted_for_what_heals_by_itself() {
    let route = RouteId::from("openai/gpt-4o-mini");
    for what in [
        condemned(FailureKind::RateLimited, 429),
        EventKind::CircuitHalfOpen { route: route.clone() },
        EventKind::CircuitClosed { route: route.clone() },
        EventKind::CircuitOpened {
            route: route.clone(),
            failure: Failure::new(FailureKind::Reset, "reset"),
            consecutive: 5,
        },
        EventKind::JobDone { job_id: "job_1".into(), job: "default".into(), route },
        EventKind::MapApplied { version: 2, name: "production".into(), source: "window".into() },
        tier(Tier::Hot, Tier::Hot, None, None),
    ] {
        assert_eq!(told(what.clone()), None, "{what:?}");
    }
}

#[test]
fn a_failover_and_a_recovery_to_the_same_tier_are_not_the_same_notice() {
    let key = |what| notice_of(&Event { id: 1, at_ms: 0, what }).map(|notice| notice.key);
    let down = key(tier(Tier::Hot, Tier::Warm, None, None));
    let up = key(tier(Tier::Cold, Tier::Warm, None, None));
    assert!(down.is_some() && up.is_some());
    assert_ne!(down, up);
}
