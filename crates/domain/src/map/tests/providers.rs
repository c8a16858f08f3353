//! Where each known provider is reached, with what, and what a map is told that says too little.

use super::*;
use crate::{Feature, Operation};

fn route(entry: &str, route: &str) -> Result<Route, Vec<String>> {
    let document = format!(r#"{{"providers":{{{entry}}},"hot":[{{{route}}}]}}"#);
    match read(&document, Format::Json, &set) {
        Ok(map) => Ok(map.routes.into_iter().next().unwrap()),
        Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
    }
}

fn text(url: Option<url::Url>) -> String {
    url.map_or_else(|| "-".to_owned(), |url| url.to_string())
}

/// The address of an answer, of a stream, of vectors, of a token count, and of the models.
fn addresses(route: &Route) -> [String; 5] {
    let at = |operation, stream| text(route.address(route.dialect, operation, stream));
    [
        at(Operation::Complete, false),
        at(Operation::Complete, true),
        at(Operation::Embed, false),
        at(Operation::CountTokens, false),
        route.models_url.to_string(),
    ]
}

#[test]
fn every_preset_resolves_under_each_of_its_names() {
    let filled = r#""region":"us-east-1","project":"acme","baseUrl":"https://acme.openai.azure.com""#;
    for preset in PRESETS {
        for name in std::iter::once(&preset.name).chain(preset.aliases) {
            let fill = match preset.layout {
                Layout::Fixed => "",
                Layout::Region => r#""region":"us-east-1""#,
                Layout::Project => r#""region":"us-east-1","project":"acme""#,
                Layout::Account => filled,
            };
            let found =
                route(&format!(r#""{name}":{{{fill}}}"#), &format!(r#""provider":"{name}","model":"m""#));
            let found = found.unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
            assert_eq!(found.provider, preset.name, "{name}");
            assert_eq!((found.dialect, found.auth), (preset.dialect, preset.auth), "{name}");
            assert_eq!(found.speaks, preset.speaks, "{name}");
            let models = preset.models.replace("{region}", "us-east-1");
            let models = models.replace("{host}", "us-east-1-aiplatform.googleapis.com");
            if preset.layout != Layout::Account {
                assert_eq!(found.models_url.as_str(), models, "{name}");
            }
            for lacking in preset.lacks {
                assert!(found.cannot.has(*lacking), "{name}: {}", lacking.as_str());
            }
            let by_kind = route(
                &format!(r#""mine":{{"kind":"{name}"{}{fill}}}"#, if fill.is_empty() { "" } else { "," }),
                r#""provider":"mine","model":"m""#,
            );
            assert_eq!(by_kind.unwrap().endpoint, found.endpoint, "{name} as a kind");
        }
    }
}

#[test]
fn each_kind_has_its_addresses() {
    let cases: &[(&str, &str, [&str; 5])] = &[
        (
            "",
            r#""provider":"openai","model":"gpt-4o""#,
            [
                "https://api.openai.com/v1/chat/completions",
                "https://api.openai.com/v1/chat/completions",
                "https://api.openai.com/v1/embeddings",
                "-",
                "https://api.openai.com/v1/models",
            ],
        ),
        (
            "",
            r#""provider":"anthropic","model":"haiku""#,
            [
                "https://api.anthropic.com/v1/messages",
                "https://api.anthropic.com/v1/messages",
                "-",
                "https://api.anthropic.com/v1/messages/count_tokens",
                "https://api.anthropic.com/v1/models",
            ],
        ),
        (
            "",
            r#""provider":"gemini","model":"gemini-3-flash""#,
            [
                "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-flash:generateContent",
                "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse",
                "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-flash:batchEmbedContents",
                "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-flash:countTokens",
                "https://generativelanguage.googleapis.com/v1beta/models",
            ],
        ),
        (
            r#""vertex":{"project":"acme-1","region":"europe-west4"}"#,
            r#""provider":"vertex","model":"gemini-3-flash""#,
            [
                "https://europe-west4-aiplatform.googleapis.com/v1/projects/acme-1/locations/europe-west4/publishers/google/models/gemini-3-flash:generateContent",
                "https://europe-west4-aiplatform.googleapis.com/v1/projects/acme-1/locations/europe-west4/publishers/google/models/gemini-3-flash:streamGenerateContent?alt=sse",
                "https://europe-west4-aiplatform.googleapis.com/v1/projects/acme-1/locations/europe-west4/publishers/google/models/gemini-3-flash:predict",
                "https://europe-west4-aiplatform.googleapis.com/v1/projects/acme-1/locations/europe-west4/publishers/google/models/gemini-3-flash:countTokens",
                "https://europe-west4-aiplatform.googleapis.com/v1beta1/publishers/google/models",
            ],
        ),
        (
            r#""bedrock":{"region":"us-east-1"}"#,
            r#""provider":"bedrock","model":"anthropic.claude-haiku-4-5-v1:0""#,
            [
                "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-haiku-4-5-v1%3A0/converse",
                "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-haiku-4-5-v1%3A0/converse-stream",
                "-",
                "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-haiku-4-5-v1%3A0/count-tokens",
                "https://bedrock.us-east-1.amazonaws.com/foundation-models",
            ],
        ),
        (
            r#""azure":{"baseUrl":"https://acme.openai.azure.com/"}"#,
            r#""provider":"azure","model":"my-gpt""#,
            [
                "https://acme.openai.azure.com/openai/v1/chat/completions",
                "https://acme.openai.azure.com/openai/v1/chat/completions",
                "https://acme.openai.azure.com/openai/v1/embeddings",
                "-",
                "https://acme.openai.azure.com/openai/v1/models",
            ],
        ),
        (
            r#""azure":{"baseUrl":"https://acme.openai.azure.com","apiVersion":"2024-10-21"}"#,
            r#""provider":"azure","model":"my gpt""#,
            [
                "https://acme.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
                "https://acme.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
                "https://acme.openai.azure.com/openai/deployments/my%20gpt/embeddings?api-version=2024-10-21",
                "-",
                "https://acme.openai.azure.com/openai/models?api-version=2024-10-21",
            ],
        ),
    ];
    for (entry, written, expected) in cases {
        let found = route(entry, written).unwrap_or_else(|faults| panic!("{written}: {faults:?}"));
        assert_eq!(addresses(&found), *expected, "{written}");
    }
}

#[test]
fn a_base_url_is_taken_with_and_without_its_version_segment() {
    let host = "https://acme.openai.azure.com";
    let v1 = "https://acme.openai.azure.com/openai/v1/chat/completions";
    let flash = "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent";
    let cases = [
        ("gemini", "", "https://generativelanguage.googleapis.com", flash),
        ("gemini", "", "https://generativelanguage.googleapis.com/v1beta/", flash),
        (
            "gemini",
            "",
            "https://generativelanguage.googleapis.com/v1",
            "https://generativelanguage.googleapis.com/v1/models/m:generateContent",
        ),
        (
            "gemini",
            "",
            "https://generativelanguage.googleapis.com/v1beta/openai/",
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        ),
        ("gemini", "gemini", "https://generativelanguage.googleapis.com/v1beta/openai", flash),
        ("gemini", "gemini", "http://127.0.0.1:9/g", "http://127.0.0.1:9/g/v1beta/models/m:generateContent"),
        ("gemini", "", "http://127.0.0.1:9", "http://127.0.0.1:9/v1/chat/completions"),
        ("azure", "", host, v1),
        ("azure", "", "https://acme.openai.azure.com/openai", v1),
        ("azure", "", "https://acme.openai.azure.com/openai/v1/", v1),
        ("azure", "", "https://acme.openai.azure.com/openai/deployments/old", v1),
        ("azure", "", "https://gate.example/ai/openai", "https://gate.example/ai/openai/v1/chat/completions"),
        ("openai", "", host, v1),
        ("deepseek", "", "https://api.deepseek.com", "https://api.deepseek.com/v1/chat/completions"),
        (
            "deepseek",
            "",
            "https://api.deepseek.com/anthropic",
            "https://api.deepseek.com/anthropic/v1/messages",
        ),
        ("openrouter", "anthropic", "https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1/messages"),
        (
            "bedrock",
            "bedrock-converse",
            "https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com/",
            "https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com/model/m/converse",
        ),
        (
            "bedrock",
            "",
            "https://bedrock-runtime.eu-west-1.amazonaws.com",
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/converse",
        ),
        (
            "bedrock",
            "",
            "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1",
            "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1/chat/completions",
        ),
    ];
    for (provider, dialect, base, expected) in cases {
        let dialect = if dialect.is_empty() { String::new() } else { format!(r#","dialect":"{dialect}""#) };
        let written = format!(r#""provider":"{provider}","model":"m","baseUrl":"{base}"{dialect}"#);
        let found = route("", &written).unwrap_or_else(|faults| panic!("{written}: {faults:?}"));
        assert_eq!(found.endpoint.as_str(), expected, "{written}");
    }
}

#[test]
fn vertex_hosts_follow_the_region_and_a_bare_host_is_completed() {
    let cases = [
        (r#""region":"global""#, "https://aiplatform.googleapis.com/v1/projects/acme/locations/global/"),
        (r#""region":"eu""#, "https://aiplatform.eu.rep.googleapis.com/v1/projects/acme/locations/eu/"),
        (
            r#""baseUrl":"https://us-east5-aiplatform.googleapis.com""#,
            "https://us-east5-aiplatform.googleapis.com/v1/projects/acme/locations/us-east5/",
        ),
        (
            r#""baseUrl":"http://127.0.0.1:9","dialect":"gemini","region":"x""#,
            "http://127.0.0.1:9/v1/projects/acme/locations/x/",
        ),
    ];
    for (entry, expected) in cases {
        let entry = format!(r#""v":{{"kind":"vertex","project":"acme",{entry}}}"#);
        let found = route(&entry, r#""provider":"v","model":"g""#).unwrap();
        assert_eq!(found.endpoint.as_str(), format!("{expected}publishers/google/models/g:generateContent"));
        assert_eq!(found.auth, Auth::GoogleOauth);
    }
    let tuned = route(
        r#""vertex":{"project":"acme","region":"us-east1"}"#,
        r#""provider":"vertex","model":"mine","upstreamModel":"endpoints/42""#,
    );
    let base = "https://us-east1-aiplatform.googleapis.com/v1/projects/acme/locations/us-east1";
    assert_eq!(tuned.unwrap().endpoint.as_str(), format!("{base}/endpoints/42:generateContent"));
    let chat = route(
        r#""vertex":{"project":"acme","region":"us-east1"}"#,
        r#""provider":"vertex","model":"google/gemini","dialect":"openai-chat""#,
    )
    .unwrap();
    assert_eq!(chat.endpoint.as_str(), format!("{base}/endpoints/openapi/chat/completions"));
    assert_eq!(chat.auth, Auth::GoogleOauth);
}

#[test]
fn an_inference_profile_is_one_segment_of_the_path() {
    let arn = "arn:aws:bedrock:us-east-1:1234:inference-profile/us.claude-v1:0";
    let found = route(
        r#""bedrock":{"region":"us-east-1"}"#,
        &format!(r#""provider":"bedrock","model":"claude","upstreamModel":"{arn}""#),
    );
    assert_eq!(
        found.unwrap().endpoint.path(),
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1234%3Ainference-profile%2Fus.claude-v1%3A0/converse"
    );
}

#[test]
fn a_whole_endpoint_and_odd_slashes_are_taken_for_the_base_url() {
    let cases = [
        ("openai-chat", "/v1/chat/completions", "/v1/chat/completions"),
        ("openai-chat", "/v1/chat/completions/", "/v1/chat/completions"),
        ("openai-chat", "/chat/completions", "/v1/chat/completions"),
        ("openai-chat", "//v1//", "/v1/chat/completions"),
        ("openai-chat", "/v1/v1", "/v1/chat/completions"),
        ("openai-chat", "//", "/v1/chat/completions"),
        ("openai-chat", "/v1/responses", "/v1/chat/completions"),
        ("openai-chat", "/v1/models", "/v1/chat/completions"),
        ("openai-chat", "/api//v3/chat/completions", "/api/v3/chat/completions"),
        ("openai-responses", "/v1/responses", "/v1/responses"),
        ("openai-responses", "/v1/responses/compact", "/v1/responses"),
        ("anthropic", "/v1/messages", "/v1/messages"),
        ("anthropic", "/anthropic/v1/messages/", "/anthropic/v1/messages"),
        ("anthropic", "/v1/messages/count_tokens", "/v1/messages"),
        ("anthropic", "/anthropic//", "/anthropic/v1/messages"),
        ("gemini", "/v1beta/models", "/v1beta/models/m:generateContent"),
        ("gemini", "/v1beta/models/x:streamGenerateContent", "/v1beta/models/m:generateContent"),
        ("bedrock-converse", "/model/x%3A1/converse", "/model/m/converse"),
        // Not an endpoint: a path that only begins like one, and a version that follows another one.
        ("openai-chat", "/responses/v1", "/responses/v1/chat/completions"),
        ("openai-chat", "/v1/v2", "/v1/v2/chat/completions"),
    ];
    for (dialect, written, path) in cases {
        let base = format!(
            r#""x":{{"baseUrl":"http://h:1{written}","dialect":"{dialect}","region":"r","auth":"none"}}"#
        );
        let found = route(&base, r#""provider":"x","model":"m""#).unwrap();
        assert_eq!(found.endpoint.path(), path, "{written} in {dialect}");
    }
    let compact = route("", r#""provider":"openai","model":"m""#).unwrap();
    let compact = |dialect| compact.address(dialect, Operation::Compact, false);
    assert_eq!(text(compact(Dialect::OpenAiResponses)), "https://api.openai.com/v1/responses/compact");
    assert_eq!(compact(Dialect::OpenAiChat), None);
}

#[test]
fn the_other_dialects_of_a_base_url_have_their_addresses_too() {
    let openai = route("", r#""provider":"openai","model":"gpt-4o""#).unwrap();
    let responses = openai.address(Dialect::OpenAiResponses, Operation::Complete, true);
    assert_eq!(text(responses), "https://api.openai.com/v1/responses");
    assert_eq!(openai.dialect_for(Dialect::OpenAiResponses), Dialect::OpenAiResponses);
    let ollama = route("", r#""provider":"ollama","model":"qwen3""#).unwrap();
    let messages = ollama.address(Dialect::AnthropicMessages, Operation::Complete, false);
    assert_eq!(text(messages), "http://127.0.0.1:11434/v1/messages");
    let dated = r#""azure":{"baseUrl":"https://a.openai.azure.com","apiVersion":"2025-04-01-preview"}"#;
    let azure = route(dated, r#""provider":"azure","model":"gpt""#).unwrap();
    assert_eq!(
        text(azure.address(Dialect::OpenAiResponses, Operation::Complete, false)),
        "https://a.openai.azure.com/openai/responses?api-version=2025-04-01-preview"
    );
    let preview = r#""azure":{"baseUrl":"https://a.openai.azure.com","apiVersion":"preview"}"#;
    let azure = route(preview, r#""provider":"azure","model":"gpt""#).unwrap();
    assert_eq!(
        azure.endpoint.as_str(),
        "https://a.openai.azure.com/openai/v1/chat/completions?api-version=preview"
    );
}

#[test]
fn a_custom_base_url_promises_nothing_of_the_preset() {
    let found = route("", r#""provider":"openai","model":"m","baseUrl":"https://proxy.example""#).unwrap();
    assert_eq!((found.speaks.len(), found.cannot.iter().count()), (0, 0));
    let claude =
        route("", r#""provider":"anthropic","model":"m","baseUrl":"https://proxy.example""#).unwrap();
    assert_eq!((claude.dialect, claude.auth), (Dialect::OpenAiChat, Auth::Bearer));
}

#[test]
fn keys_are_presented_as_each_address_wants_them() {
    let cases = [
        (r#""provider":"gemini","model":"m""#, Auth::GoogApiKey),
        (r#""provider":"gemini","model":"m","dialect":"openai-chat""#, Auth::Bearer),
        (r#""provider":"deepseek","model":"m","dialect":"anthropic""#, Auth::XApiKey),
        (r#""provider":"openrouter","model":"m","dialect":"anthropic""#, Auth::Bearer),
        (r#""provider":"azure","model":"m","baseUrl":"https://a.services.ai.azure.com""#, Auth::ApiKey),
        (
            r#""provider":"azure","model":"m","baseUrl":"https://a.services.ai.azure.com/anthropic","dialect":"anthropic""#,
            Auth::XApiKey,
        ),
        (r#""provider":"ollama","model":"m","baseUrl":"http://nas.local:11434""#, Auth::None),
    ];
    for (written, auth) in cases {
        assert_eq!(route("", written).unwrap().auth, auth, "{written}");
    }
}

#[test]
fn the_map_knows_better_than_the_preset_what_is_there() {
    let found =
        route("", r#""provider":"deepseek","model":"m","features":{"jsonSchema":true,"vision":false}"#)
            .unwrap();
    assert!(found.can.has(Feature::JsonSchema) && !found.cannot.has(Feature::JsonSchema));
    assert!(found.cannot.has(Feature::Vision) && found.cannot.has(Feature::Documents));
}

#[test]
fn what_an_account_needs_is_asked_for_by_its_field_and_once() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "",
            r#""provider":"bedrock","model":"m"},{"provider":"bedrock","model":"n""#,
            &[
                "providers.bedrock.region: Missing. Write the account's region, for example \"us-east-1\", or set AWS_REGION.",
            ],
        ),
        (
            "",
            r#""provider":"vertex","model":"m""#,
            &["providers.vertex.region: Missing.", "providers.vertex.project: Missing."],
        ),
        (
            r#""g":{"kind":"vertex","region":"EU West","project":"acme"}"#,
            r#""provider":"g","model":"m""#,
            &["providers.g.region: `EU West` is not a region."],
        ),
        (
            r#""g":{"kind":"vertex","region":"eu","project":"../../x"}"#,
            r#""provider":"g","model":"m""#,
            &["providers.g.project: `../../x` is not a project's id."],
        ),
        (
            r#""g":{"kind":"vertex","region":"eu","project":"${NO_PROJECT}"}"#,
            r#""provider":"g","model":"m""#,
            &["providers.g.project: ${NO_PROJECT} is not set."],
        ),
        (
            "",
            r#""provider":"azure","model":"m""#,
            &[
                "hot[0].baseUrl: Missing. Write your resource's address, for example https://NAME.openai.azure.com.",
            ],
        ),
        (
            r#""b":{"kind":"bedrock","baseUrl":"http://127.0.0.1:1","dialect":"bedrock-converse"}"#,
            r#""provider":"b","model":"m""#,
            &["providers.b.region: Missing."],
        ),
        (
            r#""bedrock":{"region":"us-east-1"}"#,
            r#""provider":"bedrock","model":"..""#,
            &["hot[0].model: `..` can't stand in an address."],
        ),
    ];
    for (entry, written, expected) in cases {
        let told = route(entry, written).unwrap_err();
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (fault, start) in told.iter().zip(*expected) {
            assert!(fault.starts_with(start), "{fault:?} instead of {start:?}");
        }
    }
}

#[test]
fn regions_and_projects_are_taken_from_the_usual_variables() {
    let usual = |name: &str| match name {
        "AWS_DEFAULT_REGION" => Some("eu-central-1".to_owned()),
        "GOOGLE_CLOUD_PROJECT" => Some("acme".to_owned()),
        "GOOGLE_CLOUD_LOCATION" => Some("global".to_owned()),
        _ => None,
    };
    let document = r#"{"hot":[{"provider":"bedrock","model":"m"},{"provider":"vertex","model":"n"}]}"#;
    let map = read(document, Format::Json, &usual).unwrap();
    let regions: Vec<_> = map.routes.iter().map(|route| route.region.as_deref()).collect();
    assert_eq!(regions, [Some("eu-central-1"), Some("global")]);
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"] {
        assert!(ambient_variables().contains(&name), "{name} is not read for maps that need it");
    }
}
