//! Starting, stopping, and everything that can stand in the way.

use std::net::TcpListener;

use futures_util::StreamExt;
use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use switchyard_sim::{Dialect, Latency, Profile};
use switchyard_tests::{Ask, Exit, Start, Yard, events_of, fast_map, route, within};
use tempfile::TempDir;

const CHAT: Dialect = Dialect::OpenaiChat;

fn refused(exit: &Exit, naming: &[&str]) {
    assert!(!exit.status.success(), "{exit:?}");
    assert!(exit.status.code().is_some(), "it ends by itself, not by a signal: {exit:?}");
    for word in naming {
        assert!(exit.stderr.contains(word), "`{word}` is not in: {}", exit.stderr);
    }
    assert!(!exit.stderr.contains("panicked"), "{}", exit.stderr);
}

#[tokio::test]
async fn a_busy_port_names_the_process_that_holds_it() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let dir = TempDir::new().unwrap();
    let exit = Start { port, ..Start::default() }.refused(&dir.path().join("data")).await;
    let me = format!("process {}", std::process::id());
    refused(&exit, &[&port.to_string(), &me, "--port"]);
}

#[tokio::test]
async fn a_second_router_on_the_same_data_is_refused_and_the_first_goes_on() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let pid = format!("process {}", yard.process().pid);
    let data_dir = yard.data_dir().display().to_string();
    refused(&yard.second(Start::default()).await, &[&pid, &data_dir, yard.proxy_url(), "another --data-dir"]);
    assert_eq!(yard.chat("hello").await.status, 200);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let mut yard = Yard::over(&[CHAT], &[], json!({})).await;
    let stopping = yard.take_process();
    stopping.terminate();
    assert!(stopping.ended().await.0.success());
    let path = yard.data_dir().join("switchyard.db");
    let mut database = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .execute(&mut database)
    .await
    .unwrap();
    sqlx::Connection::close(database).await.unwrap();
    let before = std::fs::read(&path).unwrap();
    refused(&yard.second(Start::default()).await, &["newer Switchyard", "9999"]);
    assert!(std::fs::read(&path).unwrap() == before, "the database was touched");
}

#[tokio::test]
async fn a_damaged_database_says_what_to_do() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(
        data.join("switchyard.db"),
        b"this is not a database, whatever its name says. ".repeat(100),
    )
    .unwrap();
    refused(&Start::default().refused(&data).await, &["switchyard.db", "damaged", "--start-fresh"]);
}

#[tokio::test]
async fn a_data_directory_that_is_a_file_is_named() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    std::fs::write(&data, "a file").unwrap();
    refused(&Start::default().refused(&data).await, &["data directory", &data.display().to_string()]);
}

#[tokio::test]
async fn a_map_file_with_faults_is_refused_with_each_of_them() {
    let dir = TempDir::new().unwrap();
    let map = dir.path().join("routes.json");
    std::fs::write(
        &map,
        r#"{ "hot": [{ "provider": "nobody", "model": "m" }, { "model": "m" }], "colt": {} }"#,
    )
    .unwrap();
    let start = Start { args: vec!["--map".into(), map.into()], ..Start::default() };
    refused(
        &start.refused(&dir.path().join("data")).await,
        &["hot[0].baseUrl", "hot[1].provider", "colt", "cold"],
    );
    let missing = dir.path().join("missing.json");
    let start = Start { args: vec!["--map".into(), missing.clone().into()], ..Start::default() };
    refused(&start.refused(&dir.path().join("data")).await, &[&missing.display().to_string()]);
}

#[tokio::test]
async fn a_map_file_runs_from_the_first_request_and_is_not_applied_twice() {
    let fleet = switchyard_sim::SimFleet::new();
    let hot = fleet.add(Profile::new("hot").dialect(CHAT)).await.unwrap();
    let root = TempDir::new().unwrap();
    let map = root.path().join("routes.json");
    std::fs::write(&map, fast_map(&[route(&hot)], &[]).to_string()).unwrap();
    let start = Start { args: vec!["--map".into(), map.into()], ..Start::default() };
    let mut yard = Yard::start_in(root, start).await;
    assert_eq!(yard.chat("hello").await.route(), "hot");
    yard.restart().await;
    assert_eq!(yard.snapshot().await.map.version, 1);
    assert_eq!(yard.chat("hello").await.route(), "hot");
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_lets_a_running_stream_finish_and_exits_0() {
    for caller in [CHAT, Dialect::Anthropic] {
        let mut yard = Yard::over(&[caller], &[], json!({})).await;
        yard.provider("hot").set_latency(Latency { per_chunk_ms: 60, chunks: 12, ..Latency::default() });
        let response = yard.request(&Ask::new(caller, "hello").streaming(true)).send().await.unwrap();
        let mut body = response.bytes_stream();
        let mut read = within("the first words", body.next()).await.unwrap().unwrap().to_vec();
        let url = yard.proxy_url().to_owned();
        let stopping = yard.take_process();
        stopping.terminate();
        let ended = tokio::spawn(stopping.ended());
        while let Some(part) = within("the rest of the stream", body.next()).await {
            read.extend_from_slice(&part.unwrap());
        }
        let last = events_of(&read).pop().unwrap();
        let whole =
            if caller == CHAT { last.data == "[DONE]" } else { last.name.as_deref() == Some("message_stop") };
        assert!(whole, "{last:?}");
        let (status, _) = within("the end", ended).await.unwrap();
        assert_eq!(status.code(), Some(0));
        assert!(yard.http().get(format!("{url}/health")).send().await.is_err(), "nobody listens any more");
        assert!(!yard.data_dir().join("router.json").exists(), "nothing points at a router that is gone");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_stop_writes_down_what_was_answered() {
    let mut yard = Yard::over(&[CHAT], &[], json!({})).await;
    let mut ids: Vec<String> = Vec::new();
    for n in 0..5 {
        ids.push(yard.chat(&format!("request {n}")).await.header("x-switchyard-request-id").to_owned());
    }
    let stopping = yard.take_process();
    stopping.terminate();
    assert!(stopping.ended().await.0.success());
    yard.restart().await;
    let logged = yard.get("/v1/requests?limit=10").await;
    let logged: Vec<&str> =
        logged.as_array().unwrap().iter().rev().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!(logged, ids);
}

#[tokio::test]
async fn files_in_the_data_directory_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    yard.chat("hello").await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&yard.data_dir()), 0o700);
    for entry in std::fs::read_dir(yard.data_dir()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}
