use switchyard_domain::network::NetworkState;
use switchyard_domain::operate::LoopView;
use switchyard_domain::{FailureKind, RouteId};

use super::world::failure;
use crate::causes::{Facts, PageFacts, ProviderFacts, RouteFacts, find};

fn route(id: &str, down: bool) -> RouteFacts {
    RouteFacts {
        id: RouteId::from(id),
        region: None,
        is_down: down,
        last_failure: down.then(|| failure(FailureKind::Overloaded)),
        probe_ok: Some(true),
        opened: 0,
        closed: 0,
        error_percent: None,
        threshold: 5,
        threshold_key: "breaker.consecutiveFailures".to_owned(),
    }
}

fn provider(name: &str, down_since_ms: Option<i64>) -> ProviderFacts {
    ProviderFacts {
        name: name.to_owned(),
        routes: vec![route(&format!("{name}/m"), down_since_ms.is_some())],
        down_since_ms,
        ..ProviderFacts::default()
    }
}

fn facts(providers: Vec<ProviderFacts>) -> Facts {
    Facts { now_ms: 10_000_000, providers, tries_per_route: 3, ..Facts::default() }
}

/// Code and severity of each cause.
fn named(facts: &Facts) -> Vec<(String, u8)> {
    find(facts).into_iter().map(|cause| (cause.code, cause.severity)).collect()
}

#[test]
fn all_is_well_without_a_cause() {
    assert_eq!(find(&facts(vec![provider("a", None), provider("b", None)])), []);
    assert_eq!(find(&Facts::default()), []);
}

#[test]
fn one_provider_down_is_its_outage_with_its_page_s_word_and_a_way_around_it() {
    let mut down = provider("openai", Some(9_700_000));
    down.page = Some(PageFacts {
        trouble: true,
        says: "Partial System Outage".to_owned(),
        url: "https://status.openai.com".to_owned(),
    });
    let causes = find(&facts(vec![down.clone(), provider("google", None)]));
    let [cause] = causes.as_slice() else { panic!("{causes:?}") };
    assert_eq!((cause.code.as_str(), cause.severity), ("provider_outage", 2));
    assert!(cause.sentence.contains("5 min") && cause.sentence.contains("says so too"), "{cause:?}");
    let fresh = find(&facts(vec![provider("openai", Some(9_990_000)), provider("google", None)]));
    assert_eq!(fresh[0].sentence, "openai does not answer; the other providers do.", "no word of 0 min");
    assert!(cause.evidence.iter().any(|line| line.contains("Partial System Outage")), "{cause:?}");
    assert_eq!(
        cause.fix.as_ref().unwrap().command,
        "switchyard failover --except openai --reason 'cause finder'"
    );
    let causes = find(&facts(vec![down]));
    assert_eq!((causes[0].severity, &causes[0].fix), (1, &None), "nothing is left to go to");
}

#[test]
fn several_down_for_more_than_a_quarter_of_an_hour_is_severity_one() {
    let since = |ms: i64| vec![provider("a", Some(1)), provider("b", Some(ms)), provider("c", None)];
    let quarter = 15 * 60_000;
    assert_eq!(named(&facts(since(10_000_000 - quarter))), [("several_providers_down".to_owned(), 2)]);
    assert_eq!(named(&facts(since(9_999_999 - quarter))), [("several_providers_down".to_owned(), 1)]);
    let all = facts(vec![provider("a", Some(9_999_000)), provider("b", Some(9_999_000))]);
    assert_eq!(named(&all), [("several_providers_down".to_owned(), 1)], "everything is affected");
}

#[test]
fn while_the_network_is_down_no_provider_is_blamed() {
    for (network, code) in [
        (NetworkState::Offline, "network_down"),
        (NetworkState::DnsBroken, "dns_failure"),
        (NetworkState::CaptivePortal, "captive_portal"),
        (NetworkState::Intercepted, "network_down"),
        (NetworkState::ProxyDown, "proxy_down"),
    ] {
        let facts = Facts { network, ..facts(vec![provider("a", Some(1)), provider("b", Some(1))]) };
        assert_eq!(named(&facts), [(code.to_owned(), 1)]);
        assert_eq!(find(&facts)[0].fix.as_ref().unwrap().path, "/v1/network/check");
    }
}

#[test]
fn a_region_that_fails_alone_is_named() {
    let mut bedrock = provider("bedrock", None);
    let region = |id: &str, region: &str, down: bool| RouteFacts {
        region: Some(region.to_owned()),
        ..route(id, down)
    };
    bedrock.routes =
        vec![region("bedrock/east", "us-east-1", true), region("bedrock/west", "us-west-2", false)];
    let causes = find(&facts(vec![bedrock.clone()]));
    let [cause] = causes.as_slice() else { panic!("{causes:?}") };
    assert_eq!((cause.code.as_str(), cause.title.as_str()), ("region_outage", "bedrock fails in us-east-1"));
    assert_eq!(
        cause.fix.as_ref().unwrap().body.as_deref(),
        Some(r#"{"route":"bedrock/east","inService":false}"#)
    );
    bedrock.routes[1].is_down = true;
    assert_eq!(
        named(&facts(vec![bedrock])),
        [("provider_outage".to_owned(), 1)],
        "both regions: the provider"
    );
}

#[test]
fn a_flapping_circuit_whose_probes_succeed_has_too_low_a_threshold() {
    let flapping = |opened, closed, probe_ok, threshold| {
        let mut provider = provider("a", None);
        provider.routes[0] = RouteFacts { opened, closed, probe_ok, threshold, ..route("a/m", false) };
        find(&facts(vec![provider]))
    };
    let causes = flapping(3, 2, Some(true), 5);
    let [cause] = causes.as_slice() else { panic!("{causes:?}") };
    assert_eq!(cause.code, "thresholds_too_sensitive");
    let fix = cause.fix.as_ref().unwrap();
    assert_eq!((fix.path.as_str(), fix.label.as_str()), ("/v1/map/set", "Raise the threshold to 10"));
    assert_eq!(
        fix.body.as_deref(),
        Some(r#"{"changes":{"breaker.consecutiveFailures":10},"reason":"cause finder"}"#)
    );
    assert_eq!(flapping(3, 2, Some(true), 20)[0].fix, None, "no threshold is raised without end");
    for (opened, closed, probe) in [(2, 2, Some(true)), (3, 1, Some(true)), (3, 3, Some(false)), (3, 3, None)]
    {
        assert_eq!(flapping(opened, closed, probe, 5), [], "{opened} {closed} {probe:?}");
    }
}

#[test]
fn a_route_that_answers_nothing_but_failures_is_given_no_higher_threshold() {
    for (what, opened, closed, error_percent, flaps) in [
        ("calls fail now and then", 3, 2, Some(30.0), true),
        ("five failures open it, two test calls close it", 3, 3, Some(71.0), true),
        ("an outage in which each test call fails", 7, 2, Some(80.0), false),
        ("nothing but failures, an outage before it forgotten", 3, 2, Some(100.0), false),
        ("test calls fail, other calls fill the strip", 6, 2, Some(10.0), false),
    ] {
        let mut provider = provider("a", None);
        provider.routes[0] = RouteFacts { opened, closed, error_percent, ..route("a/m", false) };
        assert_eq!(!find(&facts(vec![provider])).is_empty(), flaps, "{what}");
    }
}

#[test]
fn keys_storms_and_retrying_apps_are_named_with_their_fix() {
    let mut sick = provider("openai", None);
    sick.keys = vec![
        ("openai".to_owned(), failure(FailureKind::Unpaid)),
        ("openai:second".to_owned(), failure(FailureKind::KeyRejected)),
        ("openai:third".to_owned(), failure(FailureKind::RateLimited)),
    ];
    let retry_budget = LoopView {
        storm_since_ms: Some(1),
        reason: Some("120 retries a minute".to_owned()),
        ..LoopView::default()
    };
    let retries = vec![("cron".to_owned(), 12), ("app".to_owned(), 9)];
    let facts = Facts { retry_budget, client_retries: retries, ..facts(vec![sick]) };
    let names: Vec<String> = find(&facts).into_iter().map(|cause| cause.code).collect();
    assert_eq!(names, ["account_unpaid", "key_rejected", "retry_storm", "client_retries"]);
    let causes = find(&facts);
    assert_eq!(causes[1].fix.as_ref().unwrap().path, "/v1/credentials/openai%3Asecond/test");
    assert_eq!(
        causes[2].fix.as_ref().unwrap().command,
        "switchyard map set retry.attempts=1 --reason 'cause finder'"
    );
    assert!(causes[3].evidence == ["cron asked again 12 times in 5 min"], "{causes:?}");
    let one_try = Facts { tries_per_route: 1, ..facts };
    assert_eq!(find(&one_try)[2].fix, None, "there is nothing left to cut");
}
