//! Keys go in and never come out: not into files, logs, answers or errors.

use std::path::{Path, PathBuf};

use serde_json::json;
use switchyard_sim::{Dialect, Fault, KeyState, Profile};
use switchyard_tests::{Ask, Canned, Start, Yard, fast_map, merge, route};
use tempfile::TempDir;

const IN_FILE: &str = "sk-secretfromfile-AAAAAAAA";
// Nothing about it looks like a key.
const SET_LATER: &str = "my.old.gateway.password";
const IN_ENV: &str = "sk-secretfromenv-CCCCCCCC";
const CALLERS: &str = "sk-secretofcaller-DDDDDDDD";
const IN_HEADER: &str = "secretheadervalue-EEEEEEEE";
const MISTAKEN: &str = "sk-secretmistaken-FFFFFFFF";

fn files(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path) } else { vec![path] }
        })
        .collect()
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

#[tokio::test]
async fn no_key_is_ever_written_logged_or_told() {
    let root = TempDir::new().unwrap();
    let start = Start::with_credentials(root.path(), &json!({ "filed": IN_FILE }));
    let env = vec![
        ("RUST_LOG".to_owned(), "trace".to_owned()),
        ("OPENAI_API_KEY".to_owned(), IN_ENV.to_owned()),
        ("TENANT_TOKEN".to_owned(), IN_HEADER.to_owned()),
    ];
    let mut yard = Yard::start_in(root, Start { env, ..start }).await;
    let add = async |name: &str| yard.add(Profile::new(name).dialect(Dialect::OpenaiChat)).await;
    let (filed, openai, own, warm) =
        (add("filed").await, add("openai").await, add("own").await, add("warm").await);
    let with = |provider, more| merge(route(provider), more);
    let map = fast_map(
        &[
            with(&filed, json!({ "auth": "bearer", "headers": { "x-tenant": "${TENANT_TOKEN}" } })),
            with(&openai, json!({ "auth": "bearer" })),
            with(&own, json!({ "auth": "passthrough" })),
        ],
        &[route(&warm)],
    );
    yard.apply(&merge(map, json!({ "breaker": { "consecutiveFailures": 1_000 } }))).await;

    let mut told: Vec<(String, Vec<u8>)> = Vec::new();
    let ask = async |what: &str, ask: &Ask, told: &mut Vec<(String, Vec<u8>)>| {
        let reply = yard.send(ask).await;
        told.push((
            what.to_owned(),
            [format!("{:?}", reply.headers).into_bytes(), reply.body.to_vec()].concat(),
        ));
        reply
    };
    let with_own_key = Ask::chat("hi")
        .header("x-switchyard-key", yard.key())
        .header("authorization", &format!("Bearer {CALLERS}"));
    for model in ["filed-1", "openai-1", "own-1"] {
        let reply = ask(model, &with_own_key.clone().model(model), &mut told).await;
        assert_eq!(reply.route(), model.trim_end_matches("-1"));
    }
    assert_eq!(filed.requests()[0].header("x-tenant"), Some(IN_HEADER), "it does go where it belongs");

    // Providers quote the key they refuse, and so do gateways between.
    for (provider, key) in [(&filed, IN_FILE), (&openai, IN_ENV), (&own, CALLERS)] {
        let body = json!({ "error": { "message": format!("Incorrect API key provided: {key}."), "code": "invalid_api_key" } });
        let fault = Fault::Status { code: 400, retry_after_s: None, body: Some(body.to_string()) };
        provider.set_fault(fault).await.unwrap();
    }
    ask("refused keys", &with_own_key, &mut told).await;
    let body = json!({ "error": { "message": format!("bad request by Bearer {CALLERS}") } });
    own.set_fault(Fault::Status { code: 422, retry_after_s: None, body: Some(body.to_string()) })
        .await
        .unwrap();
    ask("a refused request", &with_own_key.clone().model("own-1"), &mut told).await;
    warm.set_fault(Fault::status(500)).await.unwrap();
    filed.set_key(SET_LATER, KeyState::Good);
    assert_eq!(yard.put("/v1/credentials/filed", &json!({ "value": SET_LATER })).await.0, 204);
    let body =
        json!({ "error": { "message": format!("who is {SET_LATER} of {IN_HEADER}?"), "code": SET_LATER } });
    filed
        .set_fault(Fault::Status { code: 500, retry_after_s: None, body: Some(body.to_string()) })
        .await
        .unwrap();
    ask("a quoted password", &with_own_key.clone().model("filed-1"), &mut told).await;
    let body = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"x\"}}}}]}}\n\ndata: {body}\n\n");
    let canned = Canned::start("HTTP/1.1 200 OK\ncontent-type: text/event-stream", body.as_bytes()).await;
    let mut quoting = merge(canned.route("openai-chat"), json!({ "auth": "bearer", "credential": "filed" }));
    quoting["headers"] = json!({ "x-tenant": "${TENANT_TOKEN}" });
    let running = yard.get("/v1/map").await["document"].as_str().unwrap().to_owned();
    yard.apply(&fast_map(&[quoting], &[])).await;
    let broken = ask("a password quoted inside a stream", &Ask::chat("hi").streaming(true), &mut told).await;
    assert!(broken.events().last().unwrap().data.contains("who is [redacted]"), "{broken:?}");
    yard.apply_text(&running).await;
    ask("a queued request", &with_own_key.clone().streaming(true), &mut told).await;
    ask(
        "a wrong local key",
        &Ask::chat("hi").header("authorization", &format!("Bearer {MISTAKEN}")),
        &mut told,
    )
    .await;
    for (path, body) in [
        ("/v1/credentials/filed", json!({ "value": 7, "key": MISTAKEN })),
        ("/v1/credentials/filed", json!({ "value": format!("{MISTAKEN} with spaces") })),
        ("/v1/credentials/a b", json!({ "value": MISTAKEN })),
    ] {
        let (status, problem) = yard.put(path, &body).await;
        assert!(status >= 400, "{path}: {problem}");
        told.push((format!("PUT {path}"), problem.to_string().into_bytes()));
    }
    for path in
        ["/v1/credentials/filed/test", "/v1/credentials/openai/test", "/v1/credentials/OPENAI_API_KEY/test"]
    {
        told.push((path.to_owned(), yard.post(path, &json!({})).await.1.to_string().into_bytes()));
    }
    let document =
        json!({ "hot": [{ "provider": "x", "model": "m", "baseUrl": "${TENANT_TOKEN}" }] }).to_string();
    told.push((
        "map check".into(),
        yard.post("/v1/map/check", &json!({ "document": document })).await.1.to_string().into_bytes(),
    ));
    for path in [
        "/v1/snapshot",
        "/v1/requests?limit=50",
        "/v1/map",
        "/v1/map/versions",
        "/v1/credentials",
        "/v1/clients",
        "/v1/queue",
        "/v1/audit",
    ] {
        told.push((path.to_owned(), yard.get(path).await.to_string().into_bytes()));
    }
    let local = yard.key().to_owned();
    let token = std::fs::read_to_string(yard.data_dir().join("control.token")).unwrap().trim().to_owned();
    #[cfg(unix)]
    yard.process().terminate();
    let (_, output) = yard.take_process().ended().await;

    told.push(("standard output".into(), output.into_bytes()));
    let log = yard.log();
    assert!(log.contains("TRACE"), "the log is as loud as it gets");
    told.push(("the log".into(), log.into_bytes()));
    let secrets = [IN_FILE, SET_LATER, IN_ENV, CALLERS, IN_HEADER, MISTAKEN, &local, &token];
    for path in files(&yard.data_dir()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let own = match name {
            "client.key" => Some(&local),
            "control.token" => Some(&token),
            _ => None,
        };
        let bytes = std::fs::read(&path).unwrap();
        for secret in secrets.iter().filter(|secret| Some(**secret) != own.map(String::as_str)) {
            assert!(!holds(&bytes, secret), "{secret} is in {}", path.display());
        }
    }
    for (place, bytes) in &told {
        for secret in secrets {
            let shown = || {
                let at = bytes
                    .windows(secret.len())
                    .position(|window| window == secret.as_bytes())
                    .unwrap_or_default();
                String::from_utf8_lossy(&bytes[at.saturating_sub(300)..(at + 100).min(bytes.len())])
                    .into_owned()
            };
            assert!(!holds(bytes, secret), "{secret} is in {place}: {}", shown());
        }
    }
}
