//! Against the signatures AWS publishes, and against what people paste.

use super::*;
use http::Method;
use switchyard_domain::map::{self, Format, NoVariables};
use url::Url;

fn route(model: &str) -> Route {
    let text = format!(
        r#"{{"providers":{{"bedrock":{{"region":"us-east-1"}}}},"hot":[{{"provider":"bedrock","model":"{model}"}}]}}"#
    );
    map::read(&text, Format::Json, &NoVariables).unwrap().routes.remove(0)
}

fn example_keys(token: Option<&str>) -> AwsKeys {
    AwsKeys::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token, None)
}

type Pairs = &'static [(&'static str, &'static str)];

fn headers(pairs: Pairs) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn header_of(added: &[(String, String)], name: &str) -> String {
    added.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone()).unwrap()
}

/// 2015-08-30T12:36:00Z, the moment of AWS's test suite.
const SUITE_S: u64 = 1_440_938_160;

#[test]
fn signatures_are_those_of_the_published_test_suite() {
    // From the "aws-sig-v4-test-suite": get-vanilla, post-vanilla, get-vanilla-query-order-key-case, post-header-key-sort.
    let cases: [(&str, &str, Pairs, &str); 4] = [
        (
            "GET",
            "https://example.amazonaws.com/",
            &[],
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            "https://example.amazonaws.com/",
            &[],
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "GET",
            "https://example.amazonaws.com/?Param2=value2&Param1=value1",
            &[],
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "POST",
            "https://example.amazonaws.com/",
            &[("my-header1", "value1")],
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
    ];
    let route = route("m");
    for (method, url, given, signature) in cases {
        let (method, url): (Method, Url) = (method.parse().unwrap(), url.parse().unwrap());
        let call = Call { route: &route, method: &method, url: &url, body: b"" };
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(SUITE_S);
        let added = signed_for(call, "service", &example_keys(None), &headers(given), time).unwrap();
        let authorization = header_of(&added, "authorization");
        assert!(authorization.ends_with(&format!("Signature={signature}")), "{url}: {authorization}");
        assert_eq!(header_of(&added, "x-amz-date"), "20150830T123600Z");
    }
}

#[test]
fn a_signature_covers_the_body_the_region_and_the_path_as_they_are_sent() {
    let signed = |model: &str, body: &[u8], region: &str| {
        let mut route = route(model);
        route.region = Some(region.to_owned());
        let mut map =
            headers(&[("content-type", "application/json"), ("user-agent", "x"), ("accept", "*/*")]);
        let call = Call { route: &route, method: &Method::POST, url: &route.endpoint, body };
        let now = Now { mono_ms: 0, wall_ms: 1_440_938_160_000 };
        sign(call, &example_keys(Some("session/token==")), &mut map, now).unwrap();
        map
    };
    let map = signed("claude-v1:0", b"{}", "us-east-1");
    let text = map["authorization"].to_str().unwrap();
    assert!(text.contains("Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request"), "{text}");
    assert!(text.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,"), "{text}");
    assert_eq!(map["x-amz-security-token"], "session/token==");
    assert!(map["authorization"].is_sensitive() && map["x-amz-security-token"].is_sensitive());
    assert_eq!(map["user-agent"], "x", "what is not signed is sent all the same");
    let others = [
        signed("claude-v1:0", b"{ }", "us-east-1"),
        signed("claude-v1:0", b"{}", "us-west-2"),
        signed("claude-v2:0", b"{}", "us-east-1"),
    ];
    for other in others {
        assert_ne!(other["authorization"], map["authorization"]);
    }
}

#[test]
fn what_people_store_for_bedrock_is_told_apart() {
    let route = route("m");
    let exported = r#"{"Version":1,"AccessKeyId":"ASIA1","SecretAccessKey":"hunter2","SessionToken":"t","Expiration":"2999-01-01T00:00:00+00:00"}"#;
    let wrapped = r#"{"Credentials":{"AccessKeyId":"ASIA1","SecretAccessKey":"hunter2","SessionToken":"t","Expiration":"2999-01-01T00:00:00Z"}}"#;
    let old = r#"{"AccessKeyId":"ASIA1","SecretAccessKey":"hunter2","Expiration":"2001-01-01T00:00:00Z"}"#;
    let cases = [
        ("AKIAIOSFODNN7EXAMPLE:hunter2/s+x", "keys"),
        ("ASIAIOSFODNN7EXAMPLE:hunter2:IQoJb3==", "keys"),
        (exported, "keys"),
        (wrapped, "keys"),
        ("ABSKQmVkcm9ja0FQSUtleS0xMjM0NTY3ODkwaHVudGVyMg==", "api key"),
        ("bedrock-api-key-YmVkcm9jaw", "api key"),
        (old, "have expired"),
        ("AKIAIOSFODNN7EXAMPLE", "is not one of AWS's"),
        ("AKIAIOSFODNN7EXAMPLE:", "is not one of AWS's"),
        ("user:hunter2", "is not one of AWS's"),
        (r#"{"AccessKeyId":"ASIA1"}"#, "is not one of AWS's"),
    ];
    for (value, expected) in cases {
        match read(&Secret::new(value), &route) {
            Ok(Some(keys)) => {
                assert_eq!(expected, "keys", "{value}");
                assert!(!format!("{keys:?}").contains("hunter2"));
            }
            Ok(None) => assert_eq!(expected, "api key", "{value}"),
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::CredentialMissing);
                assert!(failure.message.contains(expected), "{value}: {}", failure.message);
                assert!(!failure.message.contains("hunter2"), "{}", failure.message);
            }
        }
    }
}
