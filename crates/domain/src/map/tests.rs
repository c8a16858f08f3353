//! What a user would notice: which maps load, and what a bad one is told.

mod budget;
mod hostile;
mod network;
mod operate;
mod prices;
mod providers;

use super::*;
use crate::{Dialect, Tier};

const SMALLEST: &str = r#"{
  "hot": [
    { "provider": "anthropic", "model": "sonnet-4.6", "baseUrl": "${ANTHROPIC_BASE_URL}" },
    { "provider": "anthropic", "model": "haiku-4.5",  "baseUrl": "${ANTHROPIC_BASE_URL_2}" }
  ],
  "warm": [
    { "provider": "openai",  "model": "gpt-4o-mini",     "baseUrl": "https://api.openai.com/v1" },
    { "provider": "google",  "model": "gemini-3-flash",  "baseUrl": "${GEMINI_OPENAI_COMPAT}" }
  ],
  "cold": { "mode": "graceful_degrade", "queue": "ai-tasks", "notify": ["ops@yourco.com"] }
}"#;

fn set(name: &str) -> Option<String> {
    match name {
        "ANTHROPIC_BASE_URL" => Some("https://api.anthropic.com".to_owned()),
        "PROXY_PASSWORD" => Some("hush-hush".to_owned()),
        "ANTHROPIC_BASE_URL_2" => Some("http://127.0.0.1:9001".to_owned()),
        "GEMINI_OPENAI_COMPAT" => Some("https://generativelanguage.googleapis.com/v1beta/openai/".to_owned()),
        _ => None,
    }
}

fn faults(document: &str) -> Vec<String> {
    read(document, Format::detect(document), &set).unwrap_err().iter().map(ToString::to_string).collect()
}

fn good(document: &str) -> RoutingMap {
    read(document, Format::detect(document), &set).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

#[test]
fn the_smallest_map_loads_unchanged() {
    let map = good(SMALLEST);
    let ids: Vec<&str> = map.routes.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(
        ids,
        ["anthropic/sonnet-4.6", "anthropic/haiku-4.5", "openai/gpt-4o-mini", "google/gemini-3-flash"]
    );
    assert_eq!((map.line.tier(Tier::Hot).len(), map.line.tier(Tier::Warm).len()), (2, 2));
    assert_eq!(map.cold.queue, "ai-tasks");
    let endpoints: Vec<&str> = map.routes.iter().map(|r| r.endpoint.as_str()).collect();
    assert_eq!(
        endpoints,
        [
            "https://api.anthropic.com/v1/messages",
            "http://127.0.0.1:9001/v1/chat/completions",
            "https://api.openai.com/v1/chat/completions",
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        ]
    );
    assert_eq!(
        map.routes[0].dialect,
        Dialect::AnthropicMessages,
        "the preset's own URL speaks the preset's dialect"
    );
    assert_eq!(
        map.routes[1].dialect,
        Dialect::OpenAiChat,
        "a custom URL is OpenAI-compatible unless written"
    );
    assert!(map.routes[1].is_local && !map.routes[0].is_local);
}

#[test]
fn the_same_map_in_yaml_is_the_same_map() {
    let yaml = "
hot:
  - { provider: anthropic, model: sonnet-4.6, baseUrl: '${ANTHROPIC_BASE_URL}' }
warm:
  - provider: openai
    model: gpt-4o-mini
cold: { mode: graceful_degrade, queue: ai-tasks }
";
    let map = good(yaml);
    assert_eq!(map.routes.len(), 2);
    assert_eq!(map.routes[1].endpoint.as_str(), "https://api.openai.com/v1/chat/completions");
}

#[test]
fn every_fault_is_told_at_once_with_its_path() {
    let told = faults(
        r#"{
          "hot": [ { "provider": "anthropic", "weight": "heavy", "baseURL": "https://x.example" },
                   { "model": "m", "provider": "unheard-of" } ],
          "warm": [ { "provider": "openai", "model": "gpt-4o-mini" },
                    { "provider": "openai", "model": "x", "baseUrl": "ftp://files" },
                    { "provider": "openai", "model": "y", "baseUrl": "${NOT_SET}/v1", "timeouts": {"connectMs": 1} } ],
          "retry": { "attempts": 99 },
          "cold": { "notify": ["nobody"], "mode": "nope" },
          "jobs": { "mail": { "hot": ["no-such-route"], "match": [{}] } },
          "colour": "red"
        }"#,
    );
    let expected = [
        "hot[0].weight: ",
        "hot[0].baseURL: Unknown key. Did you mean `baseUrl`?",
        "hot[0].model: Missing.",
        "hot[1].baseUrl: Missing. `unheard-of` is not a known provider",
        "warm[1].baseUrl: `ftp://files` must start with http:// or https://.",
        "warm[2].baseUrl: ${NOT_SET} is not set.",
        "warm[2].timeouts.connectMs: 1 is too small. The least is 10.",
        "retry.attempts: 99 is too large. The most is 3.",
        "cold.mode: \"nope\" is not one of \"graceful_degrade\", \"queued\", ",
        "cold.notify[0]: `nobody` is neither an e-mail address nor a URL.",
        "jobs.mail.hot[0]: No route is called `no-such-route`.",
        "jobs.mail.match[0]: A rule needs `client` or `model`",
        "colour: Unknown key.",
    ];
    for part in expected {
        assert!(told.iter().any(|fault| fault.starts_with(part)), "missing {part:?} in {told:#?}");
    }
    assert_eq!(told.len(), expected.len(), "nothing is said twice: {told:#?}");
}

#[test]
fn a_number_that_is_none_is_told_what_its_key_takes_in_plain_words() {
    for (value, part) in [
        ("\"two\"", "\"two\" is not a whole number from 1 to 3."),
        ("1.5", "1.5 is not a whole number from 1 to 3."),
        ("-1", "-1 is too small. The least is 1. The most is 3."),
        ("99999999999", "99999999999 is too large. The most is 3. The least is 1."),
        ("1e300", "is too large."),
        ("true", "true is not a whole number from 1 to 3."),
    ] {
        let told = faults(&format!(
            r#"{{"hot":[{{"provider":"openai","model":"m"}}],"retry":{{"attempts":{value}}}}}"#
        ));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("retry.attempts: ") && told[0].contains(part), "{value}: {told:?}");
    }
    // Every number a map takes, far out of bounds: the key is named, and no word of Rust's.
    let keys = [
        "sloMs",
        "hot[0].weight",
        "hot[0].timeouts.idleMs",
        "breaker.consecutiveFailures",
        "limits.maxInFlight",
        "cold.maxJobs",
        "cold.expiresMs",
        "probe.everyMs",
    ];
    for key in keys {
        for value in ["1e300", "-1e300", "99999999999999999999999", "\"x\"", "0.5", "null"] {
            let mut document = serde_json::json!({ "hot": [{ "provider": "openai", "model": "m" }] });
            let mut at = &mut document;
            for part in key.split('.') {
                at = match part.strip_suffix("[0]") {
                    Some(list) => &mut at[list][0],
                    None => &mut at[part],
                };
            }
            *at = "PLACE".into();
            let told = faults(&document.to_string().replace("\"PLACE\"", value));
            assert!(
                told.iter().any(|fault| fault.starts_with(&format!("{key}: "))),
                "{key} {value}: {told:?}"
            );
            for word in ["u32", "u64", "i64", "usize", "f64", "not of type"] {
                assert!(!told.concat().contains(word), "{key} {value}: {told:?}");
            }
        }
    }
    good(r#"{"hot":[{"provider":"openai","model":"m","weight":5.0}],"retry":{"attempts":2.0}}"#);
}

#[test]
fn a_mistyped_key_is_compared_with_the_keys_of_its_place() {
    let told = faults(
        r#"{"hot":[{"provider":"openai","model":"a","modle":"b","timeouts":{"idelMs":9}}],
            "providers":{"openai":{"credentails":["x"]}},
            "jobs":{"mail":{"hot":[{"provider":"groq","model":"c","baseurl":"http://x"}],"slo":5}},
            "cold":{"mod":"queued"}}"#,
    );
    for part in [
        "hot[0].modle: Unknown key. Did you mean `model`?",
        "hot[0].timeouts.idelMs: Unknown key. Did you mean `idleMs`?",
        "providers.openai.credentails: Unknown key. Did you mean `credentials`?",
        "jobs.mail.hot[0].baseurl: Unknown key. Did you mean `baseUrl`?",
        "jobs.mail.slo: Unknown key. Did you mean `sloMs`?",
        "cold.mod: Unknown key. Did you mean `mode`?",
    ] {
        assert!(told.iter().any(|fault| fault == part), "missing {part:?} in {told:#?}");
    }
    assert_eq!(told.len(), 6, "{told:#?}");
}

#[test]
fn unreadable_documents_are_told_where() {
    let cases = [
        ("", "The document is empty."),
        ("{ \"hot\": [ ", "This is not valid JSON: line 1"),
        ("[]", "A map is an object"),
        ("hot: [\n", "This is not valid YAML"),
        ("{\"hot\": [],\n\"hot\": []}", "hot: This key is written twice, in line 1 and in line 2."),
        ("hot: []\nhot: []\n", "This is not valid YAML"),
        ("{}", "hot: At least one route is needed."),
        (r#"{"hot": {"provider": "openai"}}"#, "hot: "),
    ];
    for (document, part) in cases {
        let told = faults(document);
        assert!(told[0].starts_with(part), "{document:?}: {told:?}");
        assert_eq!(told.len(), 1, "one mistake, one fault: {told:?}");
    }
}

#[test]
fn a_base_url_never_holds_a_password_and_never_shows_one() {
    let told = faults(r#"{"hot":[{"provider":"x","model":"m","baseUrl":"https://me:hunter2@host/v1"}]}"#);
    assert!(told[0].starts_with("hot[0].baseUrl: A base URL must not hold"), "{told:?}");
    assert!(!told.concat().contains("hunter2"));
}

#[test]
fn a_page_that_is_opened_is_a_web_page() {
    let of = |field: &str, page: &str| {
        format!(
            r#"{{ "hot": [{{ "provider": "openai", "model": "m" }}], "providers": {{ "openai": {{ "{field}": "{page}" }} }} }}"#
        )
    };
    for field in ["statusPage", "support"] {
        for page in
            ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "vscode://x", "help desk", ""]
        {
            let told = faults(&of(field, page));
            assert_eq!(told.len(), 1, "{page}: {told:?}");
            assert!(
                told[0].contains(&format!("providers.openai.{field}")) && told[0].contains("https://"),
                "{told:?}"
            );
        }
        good(&of(field, "https://status.example/"));
    }
}

#[test]
fn base_urls_work_with_and_without_v1() {
    let cases = [
        ("openai-chat", "https://h.example", "https://h.example/v1/chat/completions"),
        ("openai-chat", "https://h.example/", "https://h.example/v1/chat/completions"),
        ("openai-chat", "https://h.example/v1", "https://h.example/v1/chat/completions"),
        ("openai-chat", "https://h.example/v1/", "https://h.example/v1/chat/completions"),
        ("openai-chat", "https://h.example/api/v1beta", "https://h.example/api/v1beta/chat/completions"),
        ("anthropic", "https://h.example", "https://h.example/v1/messages"),
        ("anthropic", "https://h.example/v1", "https://h.example/v1/messages"),
        ("anthropic", "https://h.example/claude", "https://h.example/claude/v1/messages"),
    ];
    for (dialect, base, endpoint) in cases {
        let document =
            format!(r#"{{"hot":[{{"provider":"p","model":"m","baseUrl":"{base}","dialect":"{dialect}"}}]}}"#);
        assert_eq!(good(&document).routes[0].endpoint.as_str(), endpoint, "{dialect} {base}");
    }
}

#[test]
fn a_job_overrides_only_what_it_writes() {
    let map = good(
        r#"{
          "hot": [{ "provider": "openai", "model": "a" }],
          "warm": [{ "provider": "groq", "model": "b" }],
          "sloMs": 9000,
          "jobs": {
            "mail": { "hot": ["b", { "provider": "mistral", "model": "c" }], "sloMs": 500, "reply": "error",
                      "match": [{ "client": "n8n*", "model": "gpt-*" }] },
            "chat": { "interactive": true }
          }
        }"#,
    );
    let ids = |line: &[RouteIx]| line.iter().map(|ix| map.route(*ix).id.to_string()).collect::<Vec<_>>();
    let mail = map.job_for(Some("mail"), "any", "auto").unwrap();
    assert_eq!(ids(&mail.line.hot), ["groq/b", "mistral/c"]);
    assert_eq!(ids(&mail.line.warm), Vec::<String>::new(), "a route is not in two tiers of one job");
    assert_eq!((mail.slo_ms, &mail.reply), (500, &ColdReply::Error));
    let chat = map.job_for(None, "any", "switchyard/chat").unwrap();
    assert_eq!(
        (ids(&chat.line.hot), chat.slo_ms, chat.interactive),
        (vec!["openai/a".to_owned()], 9000, true)
    );
    assert_eq!(map.job_for(None, "n8n-prod", "gpt-4o").unwrap().name, "mail");
    assert_eq!(map.job_for(None, "other", "gpt-4o").unwrap().name, "default");
    assert_eq!(map.job_for(Some("nope"), "other", "gpt-4o").unwrap_err(), "nope");
}

#[test]
fn keys_are_looked_up_in_the_documented_order() {
    let map = good(
        r#"{
          "providers": { "openai": { "credentials": ["first", "second"] } },
          "hot": [
            { "provider": "openai", "model": "a" },
            { "provider": "openai", "model": "b", "credential": "mine" },
            { "provider": "anthropic", "model": "c" },
            { "provider": "gemini", "model": "d" },
            { "provider": "ollama", "model": "e" },
            { "provider": "anthropic", "model": "f", "auth": "passthrough" }
          ]
        }"#,
    );
    let sources: Vec<&CredentialSource> = map.routes.iter().map(|r| &r.credentials).collect();
    assert_eq!(sources[0], &CredentialSource::Named(vec!["first".into(), "second".into()]));
    assert_eq!(sources[1], &CredentialSource::Named(vec!["mine".into()]));
    let usual = |provider: &str, variables| CredentialSource::Usual { provider: provider.into(), variables };
    assert_eq!(sources[2], &usual("anthropic", &["ANTHROPIC_API_KEY", "ANTHROPIC_KEY"]));
    assert_eq!(sources[3], &usual("google", &["GEMINI_API_KEY", "GOOGLE_API_KEY"]), "gemini is google");
    assert_eq!((sources[4], sources[5]), (&CredentialSource::Nothing, &CredentialSource::Nothing));
}

#[test]
fn the_same_model_twice_gets_two_ids_and_the_same_route_twice_is_refused() {
    let map = good(
        r#"{"hot":[{"provider":"openai","model":"a","baseUrl":"https://one.example"},
                   {"provider":"openai","model":"a","baseUrl":"https://two.example"}]}"#,
    );
    assert_eq!(map.routes[1].id.as_str(), "openai/a#2");
    let told = faults(r#"{"hot":[{"provider":"openai","model":"a"},{"provider":"openai","model":"a"}]}"#);
    assert_eq!(told, ["hot[1]: The same route twice in one tier. Remove one."]);
}

#[test]
fn the_schema_and_the_defaults_table_name_the_same_keys() {
    let schema = schema().to_string();
    for (key, _, meaning) in default_rows() {
        let leaf = key.rsplit('.').next().unwrap();
        assert!(schema.contains(&format!("\"{leaf}\"")), "{key} is not in the schema");
        assert!(!meaning.is_empty());
    }
}

#[test]
fn a_diff_shows_what_changed_and_nothing_when_nothing_did() {
    assert_eq!(diff("a\nb\n", "v1", "a\nb\n", "v2"), "");
    let text = diff("a\nb\n", "v1", "a\nc\n", "v2");
    assert!(text.contains("--- v1") && text.contains("+c") && text.contains("-b"), "{text}");
}
