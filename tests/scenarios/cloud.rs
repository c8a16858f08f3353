//! Keys that are more than a word: tokens fetched for a Google account, requests signed for AWS, Azure's header.

use std::path::Path;

use serde_json::{Value, json};
use switchyard_domain::view::CircuitState;
use switchyard_sim::{Dialect, Provider};
use switchyard_tests::{Ask, Kind, Start, Yard, fast_map, merge};
use tempfile::TempDir;

const CHAT: Dialect = Dialect::OpenaiChat;

async fn answered(yard: &Yard, n: usize) {
    for at in 0..n {
        let reply = yard.send(&Ask::chat("hello").streaming(at % 2 == 1)).await;
        assert_eq!(reply.way(), ("hot", 1, false), "{reply:?}");
        let _ = reply.completion(CHAT);
    }
}

/// A provider and its route, without anything stored for it.
async fn bare(yard: &Yard, kind: Kind) -> (Provider, Value) {
    let provider = yard.add(kind.profile("hot")).await;
    let route = kind.route(&provider);
    (provider, route)
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn a_google_token_is_fetched_once_and_used_until_it_ends() {
    let yard = Yard::over(&[Kind::Vertex], &[], json!({})).await;
    let hot = yard.provider("hot");
    answered(&yard, 6).await;
    assert_eq!(hot.token_requests(), 1, "one token for all of them");
    hot.expire_tokens();
    answered(&yard, 4).await;
    assert_eq!(hot.token_requests(), 2, "a token that was refused is fetched anew, once");
    assert_eq!(yard.route("hot").await.last_failure, None, "nobody is condemned for a token's end");
}

#[tokio::test]
async fn requests_at_once_share_one_token() {
    let yard = Yard::over(&[Kind::Vertex], &[], json!({})).await;
    let asks: Vec<_> = (0..12).map(|_| yard.request(&Ask::chat("hello")).send()).collect();
    for reply in futures_util::future::join_all(asks).await {
        assert_eq!(reply.unwrap().status(), 200);
    }
    assert_eq!(yard.provider("hot").token_requests(), 1);
}

#[tokio::test]
async fn a_token_about_to_end_is_fetched_before_it_does() {
    let yard = Yard::with_credentials(&json!({})).await;
    // Shorter than the five minutes a token is renewed ahead of its end.
    let route = yard.added_as(Kind::Vertex, Kind::Vertex.profile("hot").token_lifetime_s(60)).await;
    yard.apply(&fast_map(&[route], &[])).await;
    answered(&yard, 3).await;
    let fetched = yard.provider("hot").token_requests();
    assert!((1..=3).contains(&fetched), "{fetched}");
    let refused = yard.provider("hot").requests().iter().filter(|sent| sent.status == Some(401)).count();
    assert_eq!(refused, 0, "no request went out with a token that had ended");
}

#[tokio::test]
async fn a_person_s_google_login_works_too() {
    let yard = Yard::with_credentials(&json!({})).await;
    let (hot, route) = bare(&yard, Kind::Vertex).await;
    let login = hot.google_user_credentials().to_string();
    assert_eq!(yard.put("/v1/credentials/hot", &json!({ "value": login })).await.0, 204);
    yard.apply(&fast_map(&[route], &[])).await;
    answered(&yard, 2).await;
    assert_eq!(hot.token_requests(), 1);
}

#[tokio::test]
async fn google_s_files_on_this_machine_are_found() {
    for well_known in [false, true] {
        let root = TempDir::new().unwrap();
        let file = if well_known {
            root.path().join("data/.config/gcloud/application_default_credentials.json")
        } else {
            root.path().join("service-account.json")
        };
        let env = if well_known {
            Vec::new()
        } else {
            vec![("GOOGLE_APPLICATION_CREDENTIALS".to_owned(), file.to_str().unwrap().to_owned())]
        };
        let yard = Yard::start_in(root, Start { env, ..Start::default() }).await;
        let (hot, route) = bare(&yard, Kind::Vertex).await;
        let text = if well_known { hot.google_user_credentials() } else { hot.google_service_account() };
        write(&file, &text.to_string());
        yard.apply(&merge(fast_map(&[route], &[]), json!({ "providers": { "hot": { "kind": "vertex" } } })))
            .await;
        answered(&yard, 2).await;
    }
}

#[tokio::test]
async fn an_account_google_does_not_know_is_told_with_google_s_reason() {
    let yard = Yard::with_credentials(&json!({})).await;
    let (hot, route) = bare(&yard, Kind::Vertex).await;
    let mut account = hot.google_service_account();
    account["client_email"] = json!("stranger@nowhere.iam.gserviceaccount.com");
    assert_eq!(yard.put("/v1/credentials/hot", &json!({ "value": account.to_string() })).await.0, 204);
    yard.apply(&merge(fast_map(&[route], &[]), json!({ "flags": { "enable_cold_queue": false } }))).await;
    let reply = yard.chat("hello").await;
    assert_eq!(reply.status, 503, "{reply:?}");
    let (_, message) = reply.error(CHAT);
    assert!(message.contains("account not found"), "{message}");
    assert!(!message.contains("PRIVATE KEY") && !yard.log().contains("PRIVATE KEY"));
    assert_eq!((hot.calls(), yard.route("hot").await.circuit), (0, CircuitState::Closed));
}

#[tokio::test]
async fn what_is_no_google_credential_is_refused_with_what_to_store() {
    let yard = Yard::with_credentials(&json!({})).await;
    let (hot, route) = bare(&yard, Kind::Vertex).await;
    yard.apply(&merge(fast_map(&[route], &[]), json!({ "flags": { "enable_cold_queue": false } }))).await;
    for odd in [
        "{}",
        "{\"type\":\"service_account\"}",
        "{\"type\":\"service_account\",\"private_key\":\"x\",\"client_email\":\"a@b\",\"token_uri\":\"http://127.0.0.1:1/token\"}",
    ] {
        let (status, problem) = yard.put("/v1/credentials/hot", &json!({ "value": odd })).await;
        if status == 204 {
            let reply = yard.chat("hello").await;
            assert_eq!(reply.status, 503, "{odd}: {reply:?}");
            let (_, message) = reply.error(CHAT);
            assert!(
                ["service account", "JSON key"].iter().any(|it| message.contains(it)),
                "{odd}: {message}"
            );
        } else {
            assert!(problem["message"].as_str().unwrap().contains("service account"), "{odd}: {problem}");
        }
    }
    assert_eq!(hot.calls(), 0);
}

#[tokio::test]
async fn requests_to_bedrock_are_signed_with_a_stored_access_key() {
    let yard = Yard::over(&[Kind::Bedrock], &[], json!({})).await;
    answered(&yard, 4).await;
    let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let mut map: Value =
        serde_json::from_str(yard.get("/v1/map").await["document"].as_str().unwrap()).unwrap();
    map["hot"][0]["upstreamModel"] = json!(arn);
    yard.apply(&map).await;
    answered(&yard, 2).await;
    assert_eq!(
        yard.provider("hot").requests().pop().unwrap().model.as_deref(),
        Some(arn),
        "the ARN arrived whole"
    );
}

fn aws_env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn of_aws(route: Value, more: Value) -> Value {
    let provider = merge(json!({ "kind": "bedrock", "region": "us-east-1" }), more);
    merge(fast_map(&[route], &[]), json!({ "providers": { "hot": provider } }))
}

#[tokio::test]
async fn requests_to_bedrock_are_signed_with_what_the_environment_holds() {
    let env = aws_env(&[("AWS_ACCESS_KEY_ID", "AKIDSIM"), ("AWS_SECRET_ACCESS_KEY", "simsecret")]);
    let yard = Yard::start_with(Start { env, ..Start::default() }).await;
    let (_, route) = bare(&yard, Kind::Bedrock).await;
    yard.apply(&of_aws(route, json!({}))).await;
    answered(&yard, 2).await;
}

#[tokio::test]
async fn requests_to_bedrock_are_signed_with_an_aws_profile() {
    let file = "[default]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = othersecret\n\n[founder]\n\
                aws_access_key_id = AKIDSIM\naws_secret_access_key = simsecret\n";
    for by_map in [true, false] {
        let root = TempDir::new().unwrap();
        // The home of the process is its data directory.
        write(&root.path().join("data/.aws/credentials"), file);
        let env = if by_map { Vec::new() } else { aws_env(&[("AWS_PROFILE", "founder")]) };
        let yard = Yard::start_in(root, Start { env, ..Start::default() }).await;
        let (_, route) = bare(&yard, Kind::Bedrock).await;
        let more = if by_map { json!({ "profile": "founder" }) } else { json!({}) };
        yard.apply(&of_aws(route, more)).await;
        answered(&yard, 2).await;
    }
}

#[tokio::test]
async fn an_api_key_of_bedrock_is_presented_as_it_is() {
    const KEY: &str = "bedrock-api-key-sim-0123456789";
    for by_env in [true, false] {
        let root = TempDir::new().unwrap();
        let start = Start::with_credentials(root.path(), &json!({}));
        let env = if by_env { aws_env(&[("AWS_BEARER_TOKEN_BEDROCK", KEY)]) } else { Vec::new() };
        let yard = Yard::start_in(root, Start { env, ..start }).await;
        let provider = yard.add(Kind::Bedrock.profile("hot").keys([KEY])).await;
        let mut route = Kind::Bedrock.route(&provider);
        if by_env {
            // The usual variable belongs to the preset.
            route.as_object_mut().unwrap().remove("auth");
        }
        yard.apply(&of_aws(route, if by_env { json!({ "auth": "aws-sigv4" }) } else { json!({}) })).await;
        if !by_env {
            assert_eq!(yard.put("/v1/credentials/hot", &json!({ "value": KEY })).await.0, 204);
        }
        answered(&yard, 2).await;
        let sent = provider.requests().pop().unwrap();
        assert!(sent.header("authorization").unwrap().ends_with("6789"), "{:?}", sent.headers);
    }
}

#[tokio::test]
async fn a_wrong_secret_condemns_the_key_and_says_what_to_do() {
    for (value, naming) in [("AKIDSIM:wrongsecret", "signature"), ("AKIDNOBODY:simsecret", "token")] {
        let yard = Yard::with_credentials(&json!({})).await;
        let (hot, route) = bare(&yard, Kind::Bedrock).await;
        let map = merge(of_aws(route, json!({})), json!({ "flags": { "enable_cold_queue": false } }));
        yard.apply(&map).await;
        assert_eq!(yard.put("/v1/credentials/hot", &json!({ "value": value })).await.0, 204);
        let reply = yard.chat("hello").await;
        assert_eq!(reply.status, 503, "{reply:?}");
        let (_, message) = reply.error(CHAT);
        assert!(message.contains(naming), "{message}");
        assert!(!message.contains("wrongsecret") && !yard.log().contains("wrongsecret"));
        let provider = yard.get("/v1/snapshot").await["providers"][0].clone();
        assert_eq!(provider["credentials"][0]["condemned"]["kind"], "key_rejected", "{provider}");
        let calls = hot.calls();
        let reply = yard.chat("hello").await;
        assert!(reply.error(CHAT).1.contains("switchyard credential set hot"), "{reply:?}");
        assert_eq!((hot.calls(), yard.route("hot").await.circuit), (calls, CircuitState::Closed));

        assert_eq!(yard.put("/v1/credentials/hot", &json!({ "value": "AKIDSIM:simsecret" })).await.0, 204);
        answered(&yard, 1).await;
    }
}

#[tokio::test]
async fn azure_s_key_goes_into_azure_s_header() {
    let yard = Yard::over(&[Kind::Azure], &[], json!({})).await;
    answered(&yard, 2).await;
    let sent = yard.provider("hot").requests().pop().unwrap();
    assert_eq!(sent.header("authorization"), None, "{:?}", sent.headers);
    assert!(sent.path.starts_with("/openai/v1/"), "{}", sent.path);
}

#[tokio::test]
async fn azure_s_dated_addresses_name_the_deployment() {
    let yard = Yard::with_credentials(&json!({})).await;
    let route = yard.added(Kind::Azure, "hot").await;
    let root = yard.provider("hot").url().to_owned();
    let route = merge(route, json!({ "baseUrl": root, "upstreamModel": "my-deployment" }));
    let azure = json!({ "providers": { "hot": { "kind": "azure-openai", "apiVersion": "2024-10-21" } } });
    yard.apply(&merge(fast_map(&[route], &[]), azure)).await;
    answered(&yard, 2).await;
    let sent = yard.provider("hot").requests().pop().unwrap();
    assert_eq!(sent.path, "/openai/deployments/my-deployment/chat/completions");
}
