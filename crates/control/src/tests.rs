//! The API over a real router in a directory of its own: in-process, and through its socket.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use switchyard_domain::Usd;
use switchyard_domain::api::ApplyMap;
use switchyard_domain::compat::CompatCase;
use switchyard_engine::{Router, RouterConfig};
use tempfile::TempDir;

use crate::{
    Announcement, Control, ControlClient, ControlServer, ControlToken, Options, SwitchCostQuery, openapi,
    serve,
};

const MAP: &str = r#"{
  "hot": [{ "provider": "local", "model": "small", "baseUrl": "http://127.0.0.1:9/v1", "auth": "none" }],
  "warm": [],
  "cold": { "mode": "graceful_degrade", "queue": "ai-tasks", "notify": [] }
}"#;

/// Method, path, body; then the status, the code, and what the message names.
type Case = (&'static str, &'static str, Option<Value>, u16, &'static str, &'static str);

struct Room {
    dir: TempDir,
    router: Router,
}

impl Room {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let router = Router::start(RouterConfig {
            proxy_addr: ([127, 0, 0, 1], 0).into(),
            keychain: false,
            credentials_file: Some(dir.path().join("credentials.json")),
            ..RouterConfig::new(dir.path())
        })
        .await
        .unwrap();
        Self { dir, router }
    }

    fn control(&self) -> Control {
        let demo: crate::Demo = Arc::new(|| MAP.to_owned());
        Control::new(self.router.clone(), Options { demo: Some(demo), ..Options::default() })
    }

    async fn serve(&self) -> (ControlServer, ControlClient) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let token = ControlToken::fresh().unwrap();
        let server = serve(listener, self.router.clone(), Options::default(), token.clone()).unwrap();
        let client = ControlClient::at(&server.url(), token, "cli").unwrap();
        (server, client)
    }
}

fn code(body: &Value) -> &str {
    body["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_map_is_checked_applied_compared_and_restored() {
    let room = Room::open().await;
    let control = room.control();
    let put = |document: &str, base: Option<i64>| {
        let body = json!({ "document": document, "baseVersion": base, "reason": "test" });
        let control = control.clone();
        async move { control.handle("PUT", "/v1/map", Some(body)).await }
    };

    let (status, body) =
        control.handle("POST", "/v1/map/check", Some(json!({ "document": r#"{"hot": 7}"# }))).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["faults"][0]["path"], "hot", "{body}");
    let (status, body) = put(r#"{"hot": 7}"#, None).await;
    assert_eq!((status, code(&body)), (422, "map_invalid"), "{body}");
    assert_eq!(body["faults"][0]["path"], "hot", "{body}");

    assert_eq!(put(MAP, None).await, (200, json!({ "version": 1 })));
    let second = MAP.replace("small", "large");
    assert_eq!(put(&second, Some(1)).await, (200, json!({ "version": 2 })));
    let (status, body) = put(MAP, Some(1)).await;
    assert_eq!((status, code(&body)), (409, "stale_base_version"), "{body}");

    let (_, running) = control.handle("GET", "/v1/map", None).await;
    assert_eq!(running["document"], second, "byte for byte");
    assert_eq!(running["source"], "window", "in-process calls are the window's");
    let (_, diff) = control.handle("GET", "/v1/map/diff?from=1&to=2", None).await;
    assert!(diff["diff"].as_str().unwrap().contains("large"), "{diff}");
    let restored = control.handle("POST", "/v1/map/restore", Some(json!({ "version": 1 }))).await;
    assert_eq!(restored, (200, json!({ "version": 3 })));
    assert_eq!(control.handle("POST", "/v1/map/demo", None).await.0, 200);
    let (status, body) = control.handle("GET", "/v1/map/versions/99", None).await;
    assert_eq!(status, 404, "{body}");
    room.router.shutdown().await;
}

#[tokio::test]
async fn what_is_not_understood_is_named() {
    let room = Room::open().await;
    let control = room.control();
    let cases: &[Case] = &[
        ("PUT", "/v1/map", Some(json!({})), 422, "invalid_body", "`document`"),
        ("PUT", "/v1/routes/switch", Some(json!({ "route": "a" })), 422, "invalid_body", "`inService`"),
        (
            "POST",
            "/v1/map/restore",
            Some(json!({ "version": "x" })),
            422,
            "invalid_body",
            "version: write a whole number",
        ),
        ("GET", "/v1/requests?limit=many", None, 422, "invalid_query", "limit: write a whole number"),
        (
            "GET",
            "/v1/requests?limit=99999999999",
            None,
            422,
            "invalid_query",
            "limit: this number is too large",
        ),
        ("GET", "/v1/requests?limit=0", None, 422, "invalid_query", "limit"),
        ("GET", "/v1/queue?state=lost", None, 422, "invalid_query", "state"),
        ("GET", "/v1/map/diff?from=1", None, 422, "invalid_query", "to"),
        ("GET", "/v1/map/versions/newest", None, 422, "invalid_path", "`newest`: write a whole number"),
        ("PUT", "/v1/credentials/openai", Some(json!({ "value": " " })), 422, "invalid_credential", "value"),
        ("GET", "/v1/compat", None, 409, "no_map", "No routing map"),
        ("GET", "/v1/routes/a%2Fb/compat/preview?cases=telepathy", None, 422, "invalid_query", "telepathy"),
        (
            "POST",
            "/v1/routes/a%2Fb/compat",
            Some(json!({ "cases": ["telepathy"] })),
            422,
            "invalid_body",
            "cases[0]",
        ),
        ("GET", "/v1/switch-cost?job=x", None, 422, "invalid_query", "to"),
        ("GET", "/v1/nothing", None, 404, "not_found", "/v1/nothing"),
        ("PATCH", "/v1/map", None, 405, "method_not_allowed", "PATCH"),
        ("GET", "not a path", None, 422, "invalid_request", "not a path"),
    ];
    for (method, path, body, status, problem, names) in cases {
        let (got, body) = control.handle(method, path, body.clone()).await;
        assert_eq!((got, code(&body)), (*status, *problem), "{method} {path}: {body}");
        assert!(body["message"].as_str().unwrap().contains(names), "{method} {path}: {body}");
    }
    room.router.shutdown().await;
}

#[tokio::test]
async fn the_client_does_what_a_person_asks_through_the_socket() {
    let room = Room::open().await;
    let (server, client) = room.serve().await;
    assert_eq!(client.health().await.unwrap().status, "unconfigured");
    let apply = ApplyMap { document: MAP.into(), base_version: None, reason: None, source: "api".into() };
    assert_eq!(client.apply_map(&apply).await.unwrap().version, 1);
    assert_eq!(client.map(None).await.unwrap().source, "cli", "the header says who asks");

    client.pause(Some("lunch".into())).await.unwrap();
    let pause = client.snapshot().await.unwrap().pause;
    assert_eq!((pause.paused, pause.reason.as_deref()), (true, Some("lunch")));
    client.resume().await.unwrap();
    client.switch_route("local/small", false).await.unwrap();
    assert_eq!(
        client.switch_route("local/none", false).await.unwrap_err().code.split('_').next(),
        Some("not")
    );

    let made = client.add_client("blog").await.unwrap();
    assert!(!made.key.is_empty());
    assert!(client.clients().await.unwrap().iter().any(|app| app.name == "blog"));
    client.remove_client("blog").await.unwrap();
    assert!(!client.default_key().await.unwrap().key.is_empty());

    let secret = switchyard_domain::Secret::new("sk-test-0123456789abcdef");
    client.set_credential("openai:second", &secret).await.unwrap();
    let list = serde_json::to_string(&client.credentials().await.unwrap()).unwrap();
    assert!(list.contains("openai:second") && !list.contains("0123456789"), "{list}");
    client.remove_credential("openai:second").await.unwrap();
    assert!(client.audit(50).await.unwrap().iter().any(|entry| entry.actor == "cli"));
    // The shell brought no simulated providers.
    let (status, body) = client.handle("POST", "/v1/map/demo", None).await.unwrap();
    assert_eq!((status, code(&body)), (404, "not_found_demo"));
    server.shutdown().await;
    room.router.shutdown().await;
}

#[tokio::test]
async fn a_check_that_nobody_answered_is_told_and_leaves_no_verdict() {
    let room = Room::open().await;
    let (server, client) = room.serve().await;
    let apply = ApplyMap { document: MAP.into(), base_version: None, reason: None, source: "api".into() };
    client.apply_map(&apply).await.unwrap();
    assert!(client.compat_matrix().await.unwrap()[0].latest.is_none(), "never checked");
    let preview = client.preview_compat("local/small", &[CompatCase::Plain]).await.unwrap();
    assert_eq!((preview.requests, preview.cost_nano_usd), (1, Some(Usd::ZERO)));

    // Nobody listens at the route's address: that says nothing of the route, and is no verdict.
    let unasked = client.run_compat("local/small", Vec::new()).await.unwrap_err();
    assert_eq!(unasked.code, "conflict_not_asked");
    assert!(unasked.message.contains("local/small"), "{unasked}");
    let report = client.compat("local/small").await.unwrap();
    assert!(report.latest.is_none() && report.history.is_empty(), "{report:?}");
    assert!(client.compat_matrix().await.unwrap()[0].latest.is_none());

    let stranger = client.run_compat("local/large", Vec::new()).await.unwrap_err();
    assert_eq!(stranger.code, "not_found_route");
    assert!(stranger.message.contains("local/small"), "the routes there are: {stranger}");
    client.pause(None).await.unwrap();
    assert_eq!(client.run_compat("local/small", Vec::new()).await.unwrap_err().code, "conflict_paused");

    let ask = |to: &str| SwitchCostQuery { to: to.into(), ..SwitchCostQuery::default() };
    assert_eq!(client.switch_cost(&ask("local/large")).await.unwrap_err().code, "not_found_route");
    assert_eq!(client.switch_cost(&ask("local/small")).await.unwrap_err().code, "invalid_query");
    let job = SwitchCostQuery { job: Some("summary".into()), ..ask("local/small") };
    assert_eq!(client.switch_cost(&job).await.unwrap_err().code, "not_found_job");
    server.shutdown().await;
    room.router.shutdown().await;
}

#[tokio::test]
async fn events_come_at_once_and_on_change_and_end_with_the_server() {
    let room = Room::open().await;
    let (server, client) = room.serve().await;
    let mut snapshots = client.snapshots().await.unwrap();
    let first = snapshots.next().await.unwrap();
    assert!(!first.pause.paused);
    client.pause(None).await.unwrap();
    loop {
        let next = snapshots.next().await.expect("the pause is told");
        assert!(next.seq >= first.seq);
        if next.pause.paused {
            break;
        }
    }
    server.shutdown().await;
    while snapshots.next().await.is_some() {}
    room.router.shutdown().await;
}

#[tokio::test]
async fn the_socket_is_shut_to_strangers_and_web_pages() {
    let room = Room::open().await;
    let (server, _) = room.serve().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = |path: &str| http.get(format!("{}{path}", server.url()));

    let response = get("/v1/snapshot").send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert_eq!(code(&response.json().await.unwrap()), "unauthorized");
    assert_eq!(get("/health").header("host", "rebound.example").send().await.unwrap().status(), 403);
    assert_eq!(get("/health").header("origin", "https://evil.example").send().await.unwrap().status(), 403);

    let page = get("/").send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers()["cache-control"], "no-cache");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
    assert!(!page.headers().contains_key("access-control-allow-origin"));
    let tag = page.headers()["etag"].clone();
    assert_eq!(get("/").header("if-none-match", tag).send().await.unwrap().status(), 304);
    server.shutdown().await;
    room.router.shutdown().await;
}

#[tokio::test]
async fn a_router_is_found_by_its_data_directory_or_its_absence_is_said() {
    let room = Room::open().await;
    let nobody = |client: Result<ControlClient, _>| client.map(|_| ()).unwrap_err();
    let problem: switchyard_domain::Problem = nobody(ControlClient::of(room.dir.path(), "cli"));
    assert_eq!(problem.code, "router_not_running");
    assert!(problem.message.contains("switchyard serve"), "{problem}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let token = ControlToken::fresh().unwrap();
    let server = serve(listener, room.router.clone(), Options::default(), token.clone()).unwrap();
    let announcement = Announcement {
        pid: std::process::id(),
        started_at_ms: 1,
        proxy_url: String::new(),
        control_url: server.url(),
    };
    let announced = announcement.clone().leave(room.dir.path(), &token).unwrap();
    let client = ControlClient::of(room.dir.path(), "cli").unwrap();
    assert_eq!(client.health().await.unwrap().status, "unconfigured");
    for path in ["@127.0.0.1:9/", ".example/", "v1/snapshot", ""] {
        let problem = client.handle("GET", path, None).await.unwrap_err();
        assert_eq!(problem.code, "invalid_request", "the token leaves for no other host: {path}");
    }
    // Another start has another token; a client of the last one doesn't offer it the old.
    let again = announcement.leave(room.dir.path(), &ControlToken::fresh().unwrap()).unwrap();
    assert_eq!(client.health().await.unwrap_err().code, "router_not_running");
    drop(again);
    server.shutdown().await;
    drop(announced);
    assert_eq!(client.health().await.unwrap_err().code, "router_not_running");
    room.router.shutdown().await;
}

#[tokio::test]
async fn a_link_opens_the_window_once() {
    let room = Room::open().await;
    let (server, client) = room.serve().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let exchange = async |code: &str| {
        let asked = http.post(format!("{}/v1/window/session", server.url())).bearer_auth(code);
        let response = asked.send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let printed = server.link().unwrap();
    let asked_for = client.window_link().await.unwrap();
    assert_eq!(asked_for.expires_in_ms, 600_000);
    for link in [printed, asked_for.url] {
        let code = link.strip_prefix(&format!("{}/#code=", server.url())).unwrap();
        let (status, session) = exchange(code).await;
        assert_eq!(status, 200, "{session}");
        let snapshot = http.get(format!("{}/v1/snapshot", server.url()));
        let token = session["token"].as_str().unwrap();
        assert_eq!(snapshot.bearer_auth(token).send().await.unwrap().status(), 200);
        let (status, problem) = exchange(code).await;
        assert_eq!((status, self::code(&problem)), (401, "unauthorized"), "a second use: {problem}");
        assert!(problem["message"].as_str().unwrap().contains("switchyard link"), "{problem}");
    }
    assert_eq!(exchange("").await.0, 401);
    // In-process there is no port to link to.
    let (status, problem) = room.control().handle("POST", "/v1/window/link", None).await;
    assert_eq!((status, code(&problem)), (404, "not_found_window"), "{problem}");
    server.shutdown().await;
    room.router.shutdown().await;
}

#[tokio::test]
async fn what_is_described_is_served() {
    let room = Room::open().await;
    let control = room.control();
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(control.handle("GET", "/openapi.json", None).await, (200, document.clone()));
    for (path, item) in document["paths"].as_object().unwrap() {
        let here = path.replace("{id}", "1").replace("{name}", "nobody").replace("{version}", "1");
        // No operation takes this method, so only a path that is there knows what to say of it.
        let (status, problem) = control.handle("TRACE", &here, None).await;
        assert_eq!(status, 405, "{path} of {:?}: {problem}", item.as_object().unwrap().keys());
    }
    room.router.shutdown().await;
}

#[test]
fn every_operation_is_described() {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut names = BTreeSet::new();
    let mut lines = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is used twice");
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{path}");
            if path != "/health" {
                assert!(
                    operation["responses"]["default"].is_object(),
                    "{method} {path} describes no Problem"
                );
            }
            lines.push(format!("{} {path} {name}", method.to_uppercase()));
        }
    }
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is not described");
    }
    insta::assert_snapshot!(lines.join("\n"));
}
