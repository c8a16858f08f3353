//! What a map says of moves of traffic and of goals.

use super::{faults, good};
use crate::map::{Goals, MoveSteps};

fn map_with(more: &str) -> String {
    format!(r#"{{ "hot": [ {{ "provider": "openai", "model": "m" }} ], {more} }}"#)
}

#[test]
fn moves_take_the_procedures_steps_unless_the_map_has_its_own() {
    assert_eq!(good(&map_with(r#""warm": []"#)).steps, MoveSteps::default());
    let steps = good(&map_with(
        r#""shift": { "gradualSteps": [20, 100], "canarySteps": [1, 100] }, "failback": { "steps": [100] }"#,
    ))
    .steps;
    let shares = [steps.gradual, steps.canary, steps.home].map(|steps| steps.shares().to_vec());
    assert_eq!(shares, [vec![20, 100], vec![1, 100], vec![100]]);
}

#[test]
fn steps_that_do_not_rise_to_all_of_it_are_refused() {
    let many: Vec<u64> = (1..=20).chain([100]).collect();
    let many = format!("{many:?}");
    for bad in ["[]", "[50]", "[0, 100]", "[50, 25, 100]", "[50, 50, 100]", "[50, 101]", "[100, 101]", &many]
    {
        for (section, key) in [("shift", "gradualSteps"), ("shift", "canarySteps"), ("failback", "steps")] {
            let found = faults(&map_with(&format!(r#""{section}": {{ "{key}": {bad} }}"#)));
            assert_eq!(found.len(), 1, "{bad}: {found:?}");
            assert!(found[0].starts_with(&format!("{section}.{key}: ")), "{bad}: {found:?}");
        }
    }
}

#[test]
fn goals_can_be_ones_own() {
    let goals = good(&map_with(r#""goals": { "detectionMs": 5000, "validationCalls": 20 }"#)).goals;
    assert_eq!(goals, Goals { detection_ms: 5_000, validation_calls: 20, ..Goals::default() });
    let found = faults(&map_with(r#""goals": { "lostPercent": 101 }"#));
    assert!(found.len() == 1 && found[0].starts_with("goals.lostPercent"), "{found:?}");
}

#[test]
fn a_misshapen_entry_of_a_list_is_named_and_hides_no_other_fault() {
    for (list, at) in [
        (r#""shift": { "gradualSteps": ["half", 100] }"#, "shift.gradualSteps[0]"),
        (r#""shift": { "canarySteps": [5, -5, 1.5, 100] }"#, "shift.canarySteps[1]"),
        (r#""failback": { "steps": [50, null] }"#, "failback.steps[1]"),
        (r#""clients": { "app": { "providers": [5] } }"#, "clients.app.providers[0]"),
        (r#""network": { "fallbackDns": [9] }"#, "network.fallbackDns[0]"),
        (r#""network": { "checkUrls": [9] }"#, "network.checkUrls[0]"),
        (r#""providers": { "openai": { "speaks": ["latin"] } }"#, "providers.openai.speaks[0]"),
    ] {
        let found = faults(&map_with(&format!(r#"{list}, "cold": {{ "queue": " " }}"#)));
        assert!(found[0].starts_with(&format!("{at}: ")), "{list}: {found:?}");
        assert!(found.iter().any(|fault| fault.starts_with("cold.queue: ")), "{list}: {found:?}");
        assert!(!found.iter().any(|fault| fault.contains("can't be read")), "{list}: {found:?}");
    }
}

#[test]
fn one_rule_of_a_job_needs_no_list() {
    let with = |rule: &str| {
        format!(
            r#"{{ "hot": [{{ "provider": "openai", "model": "m" }}], "jobs": {{ "mail": {{ "match": {rule} }} }} }}"#
        )
    };
    for rule in [r#"{ "client": "n8n*", "model": "gpt-*" }"#, r#"[{ "client": "n8n*", "model": "gpt-*" }]"#] {
        let map = good(&with(rule));
        assert_eq!(map.job_for(None, "n8n-1", "gpt-5").unwrap().name, "mail", "{rule}");
        assert_eq!(map.job_for(None, "other", "gpt-5").unwrap().name, "default", "{rule}");
    }
    let cases = [
        (r#"{ "modell": "gpt-*" }"#, "jobs.mail.match[0].modell: Unknown key. Did you mean `model`?"),
        ("{}", "jobs.mail.match[0]: A rule needs `client` or `model`"),
        (r#""gpt-*""#, "jobs.mail.match: \"gpt-*\" is not a list in `[` and `]`."),
    ];
    for (rule, said) in cases {
        let told = faults(&with(rule));
        assert!(told.iter().any(|told| told.starts_with(said)), "{rule}: {told:?}");
    }
    let schema = super::super::schema();
    let options = &schema["$defs"]["RawJob"]["properties"]["match"]["anyOf"];
    assert_eq!(options.as_array().map(Vec::len), Some(2), "{options}");
}

#[test]
fn names_of_this_machine_are_hosts_and_nothing_else() {
    let with = |host: &str| {
        format!(
            r#"{{ "hot": [{{ "provider": "openai", "model": "m" }}], "listen": {{ "hosts": ["a", "{host}"] }} }}"#
        )
    };
    for (written, host) in [
        ("host.docker.internal", "host.docker.internal"),
        ("My-Mac.LOCAL", "my-mac.local"),
        ("192.168.1.5", "192.168.1.5"),
        ("[fd00::1]", "[fd00::1]"),
    ] {
        assert_eq!(good(&with(written)).hosts, ["a", host]);
    }
    for wrong in ["", "*", "*.internal", "http://x", "x:4310", "x/y", "x y", "x@y"] {
        let told = faults(&with(wrong));
        assert!(
            told[0].starts_with("listen.hosts[1]: ") && told[0].contains("without scheme, port"),
            "{wrong}: {told:?}"
        );
    }
}

#[test]
fn a_model_is_known_by_route_job_rule_or_auto() {
    let map = good(
        r#"{ "hot": [{ "provider": "openai", "model": "gpt-5", "upstreamModel": "gpt-5-2026", "aliases": ["big"], "id": "first" }],
             "jobs": { "mail": { "match": { "client": "n8n", "model": "claude-*" } }, "any": { "match": { "client": "*" } } } }"#,
    );
    for model in
        ["gpt-5", "gpt-5-2026", "big", "first", "auto", "switchyard/mail", "switchyard/default", "claude-9"]
    {
        assert!(map.knows_model("n8n", model), "{model}");
    }
    for model in ["gpt-4", "switchyard/none", "mail", ""] {
        assert!(!map.knows_model("n8n", model), "{model}");
    }
    assert!(!map.knows_model("other", "claude-9"), "the rule is another app's");
}
