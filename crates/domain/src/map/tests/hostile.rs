//! Documents made to cost time, or the process.

use std::fmt::Write as _;

use serde_json::json;

use super::*;

fn with(more: &serde_json::Value) -> String {
    let mut document: serde_json::Value = serde_json::from_str(SMALLEST).unwrap();
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    document.to_string()
}

#[test]
fn a_glob_of_many_braces_is_a_fault_and_ends_nothing() {
    for glob in
        ["{".repeat(9), "{".repeat(250), "{".repeat(20_000), format!("{}a{}", "{a,".repeat(9), "}".repeat(9))]
    {
        let document = with(&json!({ "jobs": { "j": { "match": [{ "model": glob }] } } }));
        let told = read_apart(&document, Format::Json, &set).unwrap_err();
        assert_eq!((told.len(), told[0].path.as_str()), (1, "jobs.j.match[0].model"), "{told:?}");
        assert!(told[0].message.len() < 300, "{told:?}");
    }
    let fits =
        with(&json!({ "jobs": { "j": { "match": [{ "model": "{gpt-*,claude-{opus,sonnet}-*}" }] } } }));
    assert!(read_apart(&fits, Format::Json, &set).is_ok());
}

#[test]
fn a_reader_that_fails_is_a_fault() {
    let broken = |_: &str| -> Option<String> { panic!("a test's own") };
    let told = read_apart(SMALLEST, Format::Json, &broken).unwrap_err();
    assert!(told[0].message.contains("fault of its own"), "{told:?}");
}

#[test]
fn a_hundred_faults_are_told_and_counted_of_many_more() {
    let keys: serde_json::Map<String, serde_json::Value> =
        (0..100_000).map(|at| (format!("k{at}"), json!(1))).collect();
    let told = faults(&with(&serde_json::Value::Object(keys)));
    assert_eq!(told.len(), 101);
    assert!(told[0].contains("Unknown key") && told[100].contains("not listed"), "{}", told[100]);
    let routes: Vec<_> = (0..5_000).map(|_| json!({ "provider": "openai" })).collect();
    let told = faults(&with(&json!({ "warm": routes })));
    assert_eq!((told.len(), told[100].as_str()), (101, "4900 more faults are not listed. Mend these first."));
}

#[test]
fn a_variable_that_is_not_set_is_a_fault_each_time_it_is_named_and_costs_no_more() {
    let mut long = String::new();
    for at in 0..60_000 {
        let _ = write!(long, "${{V{at}}}");
    }
    let told = faults(&with(&json!({ "providers": { "openai": { "headers": { "x-a": long } } } })));
    assert!(told.len() == 101 && told[0].contains("V0"), "{told:?}");
}

#[test]
fn thousands_of_routes_are_read_and_named_as_a_few_are() {
    let routes = |count: usize| -> Vec<_> {
        (0..count)
            .map(|at| {
                json!({ "provider": "p", "model": "m", "baseUrl": format!("http://127.0.0.1:{}/v{}", 1 + at % 60_000, at / 60_000) })
            })
            .collect()
    };
    let named: Vec<_> = (0..2_000)
        .map(|at| json!(if at == 0 { "p/m".to_owned() } else { format!("p/m#{}", at + 1) }))
        .collect();
    let map =
        good(&with(&json!({ "warm": routes(6_000), "jobs": { "j": { "hot": named, "warm": routes(3) } } })));
    assert_eq!(map.routes.len(), 6_002, "a route written out again is the same route");
    assert_eq!(map.routes[6_001].id.as_str(), "p/m#6000");
    assert_eq!(map.jobs["j"].line.hot.len(), 2_000);
}

#[test]
fn a_header_that_holds_a_key_is_never_passed_on() {
    for name in ["Authorization", "x-api-key", "api-key", "Cookie", "x-switchyard-key", "not a name"] {
        let told = faults(&with(&json!({ "providers": { "openai": { "forwardHeaders": [name] } } })));
        assert!(told[0].contains("forwardHeaders[0]"), "{name}: {told:?}");
    }
    let map = good(&with(&json!({ "providers": { "openai": { "forwardHeaders": ["X-Title"] } } })));
    let openai = map.routes.iter().find(|route| route.provider == "openai").unwrap();
    assert_eq!(openai.forward_headers, ["x-title"]);
}
