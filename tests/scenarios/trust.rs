//! Who is believed on a machine with other users and other programs: what a crash left, what others planted, who listens
//! at a well-known port. Keys and tokens go to the router itself or nowhere.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use switchyard_sim::{Dialect, Fault};
use switchyard_tests::{Ask, Start, Told, Yard, binary, fast_map, route, within};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

const CHAT: Dialect = Dialect::OpenaiChat;
const KEY: &str = "sk-real-key-of-the-owner-0123456789";

/// Every way in which a command could talk to a router, with a key on its standard input.
const COMMANDS: [&[&str]; 6] = [
    &["status"],
    &["health"],
    &["credential", "set", "openai"],
    &["credential", "list"],
    &["link"],
    &["map", "show"],
];

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Listens where a router is thought to be; fails the test when anybody so much as connects.
struct Impostor {
    listener: TcpListener,
}

impl Impostor {
    async fn at(address: &str) -> Self {
        Self { listener: TcpListener::bind(address).await.unwrap() }
    }

    fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// Runs commands against the data directory; nobody comes.
    async fn meets_nobody(&self, yard: &Yard) -> Vec<Told> {
        let asked = async {
            let mut told = Vec::new();
            for command in COMMANDS {
                told.push(yard.cli(command, KEY).await);
            }
            told
        };
        tokio::select! {
            accepted = self.listener.accept() => panic!("a command came to an impostor: {accepted:?}"),
            told = asked => told,
        }
    }
}

#[tokio::test]
async fn whoever_takes_the_port_of_a_dead_router_gets_neither_token_nor_key() {
    let mut yard = Yard::over(&[CHAT], &[], json!({})).await;
    let control = yard.control_url().trim_start_matches("http://").to_owned();
    let announced = std::fs::read_to_string(yard.data_dir().join("router.json")).unwrap();
    yard.kill9().await;
    let impostor = Impostor::at(&control).await;
    for told in impostor.meets_nobody(&yard).await {
        assert!(!told.out.contains("is stored"), "{told:?}");
    }
    let status = yard.cli(&["status"], "").await;
    assert!(status.err.contains("No router runs"), "{status:?}");
    drop(impostor);

    // What lay about opens nothing any more.
    yard.restart().await;
    let old: Value = serde_json::from_str(&announced).unwrap();
    let snapshot = || yard.http().get(format!("{}/v1/snapshot", yard.control_url()));
    let answer = snapshot().bearer_auth(old["token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), 401, "each start has a token of its own");
    let new: Value =
        serde_json::from_slice(&std::fs::read(yard.data_dir().join("router.json")).unwrap()).unwrap();
    assert!(new["startedAtMs"].as_i64() > old["startedAtMs"].as_i64(), "{old} {new}");
    let answer = snapshot().bearer_auth(new["token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(yard.cli(&["status"], "").await.code, Some(0));
}

#[tokio::test]
async fn what_others_may_have_planted_in_a_data_directory_is_not_believed() {
    let mut yard = Yard::over(&[CHAT], &[], json!({})).await;
    yard.kill9().await;
    let impostor = Impostor::at("127.0.0.1:0").await;
    let data = yard.data_dir();
    let planted = json!({
        "pid": std::process::id(), "startedAtMs": 1, "proxyUrl": impostor.url(), "controlUrl": impostor.url(),
        "token": "0".repeat(64),
    });
    let file = data.join("router.json");
    // Whoever can write there holds the lock as well.
    let lock = std::fs::File::open(data.join("switchyard.lock")).unwrap();
    lock.lock().unwrap();
    let write = |planted: &Value, mode_of_file: u32, mode_of_folder: u32| {
        let _ = std::fs::remove_file(&file);
        std::fs::write(&file, planted.to_string()).unwrap();
        mode(&file, mode_of_file);
        mode(&data, mode_of_folder);
    };
    let all_say = |told: &[Told], naming: &str| {
        for told in told {
            assert!(told.code == Some(1) && told.err.contains(naming), "{told:?}");
        }
    };
    for folder in [0o777, 0o770, 0o1777] {
        write(&planted, 0o600, folder);
        all_say(&impostor.meets_nobody(&yard).await, &format!("chmod go-w {}", data.display()));
    }
    write(&planted, 0o666, 0o700);
    all_say(&impostor.meets_nobody(&yard).await, "router.json can't be trusted");
    for elsewhere in ["http://192.0.2.1:4311", "https://evil.example", "http://127.0.0.1:1@evil.example"] {
        let mut planted = planted.clone();
        planted["controlUrl"] = elsewhere.into();
        write(&planted, 0o600, 0o700);
        all_say(&impostor.meets_nobody(&yard).await, "loopback");
    }
    drop(lock);
    mode(&data, 0o777);
    let exit = yard.second(Start::default()).await;
    assert!(!exit.status.success() && exit.stderr.contains("chmod go-w"), "{exit:?}");
    mode(&data, 0o700);
    yard.restart().await;
    assert_eq!(yard.chat("hello").await.status, 200);
}

/// Needs a second user: runs where this test is root, as it is in a container.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_socket_of_another_user_is_not_the_router() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut yard = Yard::over(&[CHAT], &[], json!({})).await;
    yard.kill9().await;
    let script = "import os,socket,sys\n\
        os.setuid(65534)\n\
        s=socket.socket(); s.bind(('127.0.0.1',0)); s.listen(); s.settimeout(60)\n\
        print(s.getsockname()[1],flush=True)\n\
        c,_=s.accept(); print('SOMEBODY CAME',flush=True)";
    let mut nobody = tokio::process::Command::new("python3")
        .args(["-c", script])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut out = nobody.stdout.take().unwrap();
    let mut port = [0; 8];
    let read = within("its port", out.read(&mut port)).await.unwrap();
    let url = format!("http://127.0.0.1:{}", String::from_utf8_lossy(&port[..read]).trim());
    let file = yard.data_dir().join("router.json");
    let mut left: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    left["controlUrl"] = url.into();
    std::fs::write(&file, left.to_string()).unwrap();
    let lock = std::fs::File::open(yard.data_dir().join("switchyard.lock")).unwrap();
    lock.lock().unwrap();
    for command in COMMANDS {
        let told = yard.cli(command, KEY).await;
        assert!(told.code == Some(1) && told.err.contains("user 65534"), "{command:?}: {told:?}");
    }
    nobody.kill().await.unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest.trim(), "", "nobody came");
}

#[tokio::test]
async fn a_key_is_not_written_through_a_planted_link() {
    let root = TempDir::new().unwrap();
    let data = root.path().join("data");
    std::fs::create_dir(&data).unwrap();
    mode(&data, 0o700);
    let victim = root.path().join("victim");
    std::fs::write(&victim, "theirs").unwrap();
    symlink(&victim, data.join("client.key")).unwrap();
    let exit = Start::default().refused(&data).await;
    assert!(!exit.status.success() && exit.stderr.contains("client.key"), "{exit:?}");
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "theirs");
}

#[tokio::test]
async fn a_link_opens_the_window_once_and_is_printed_to_terminals_only() {
    let yard = Yard::over(&[CHAT], &[], json!({})).await;
    let told = yard.cli(&["link"], "").await;
    let link = told.out.trim();
    let code = link.strip_prefix(&format!("{}/#code=", yard.control_url())).unwrap();
    let exchange = async || {
        let asked = yard.http().post(format!("{}/v1/window/session", yard.control_url()));
        let answer = asked.bearer_auth(code).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, session) = exchange().await;
    assert_eq!(status, 200, "{session}");
    let snapshot = yard.http().get(format!("{}/v1/snapshot", yard.control_url()));
    let answer = snapshot.bearer_auth(session["token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(exchange().await.0, 401, "a second use");

    let root = TempDir::new().unwrap();
    let mut router = tokio::process::Command::new(binary().await);
    router.args(["serve", "--port", "0", "--control-port", "0", "--no-keychain", "--data-dir"]);
    router.arg(root.path().join("data")).env_clear().env("HOME", root.path());
    router.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = router.spawn().unwrap();
    let mut said = String::new();
    let mut out = child.stdout.take().unwrap();
    within("what it says", async {
        let mut piece = [0; 4096];
        while !said.contains("Data") {
            let read = out.read(&mut piece).await.unwrap();
            said.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        }
    })
    .await;
    assert!(said.contains("switchyard link") && !said.contains('#'), "{said}");
    let token = std::fs::read_to_string(root.path().join("data/control.token")).unwrap();
    assert!(!said.contains(token.trim()), "{said}");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn keys_that_come_at_the_same_time_are_all_kept() {
    let mut yard = Yard::with_credentials(&json!({})).await;
    let puts = (0..32).map(|n| {
        let yard = &yard;
        async move { yard.put(&format!("/v1/credentials/key{n}"), &json!({ "value": KEY })).await }
    });
    for (status, body) in futures_util::future::join_all(puts).await {
        assert_eq!(status, 204, "{body}");
    }
    let file = yard.root().join("credentials.json");
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept.as_object().unwrap().len(), 32, "{kept}");
    yard.restart().await;
    let listed = yard.get("/v1/credentials").await;
    assert_eq!(listed["credentials"].as_array().unwrap().len(), 32, "{listed}");
}

#[tokio::test]
async fn a_credentials_file_that_cannot_be_used_is_told_at_the_start_and_later() {
    let cases = [
        (0o644, r#"{"hot": "sk-secret"}"#, "chmod 600"),
        (0o600, "hot=sk-secret", "not a JSON object"),
        (0o600, r#"{"hot": 7}"#, "the value of `hot` is not a string"),
        (0o600, r#"["sk-secret"]"#, "not a JSON object"),
    ];
    let yard = Yard::with_credentials(&json!({ "hot": KEY })).await;
    let file = yard.root().join("credentials.json");
    let provider = yard.add(switchyard_sim::Profile::new("hot").dialect(CHAT).keys([KEY])).await;
    let mut hot = route(&provider);
    hot["auth"] = "bearer".into();
    yard.apply(&fast_map(&[hot], &[])).await;
    assert_eq!(yard.chat("hello").await.status, 200);
    for (mode_of_file, text, why) in cases {
        let root = TempDir::new().unwrap();
        let start = Start::with_credentials(root.path(), &json!({}));
        for file in [root.path().join("credentials.json"), file.clone()] {
            std::fs::write(&file, text).unwrap();
            mode(&file, mode_of_file);
        }
        let exit = start.refused(&root.path().join("data")).await;
        assert!(!exit.status.success() && exit.stderr.contains(why), "{exit:?}");
        assert!(!exit.stderr.contains("sk-secret"), "{exit:?}");

        // One that runs goes on with what it has read, and says so wherever one looks.
        let (status, problem) = yard.put("/v1/credentials/other", &json!({ "value": KEY })).await;
        assert_eq!((status, problem["code"].as_str()), (503, Some("credentials_file")), "{problem}");
        yard.post("/v1/keychain/retry", &json!({})).await;
        let told = yard.cli(&["credential", "list"], "").await;
        assert!(told.err.contains(why), "{told:?}");
        let told = yard.cli(&["status"], "").await;
        assert!(told.out.contains(why), "{told:?}");
        assert_eq!(yard.chat("hello").await.status, 200, "the key that was read stays in use");
    }
}

#[tokio::test]
async fn nothing_a_caller_names_moves_a_terminal_or_forges_a_line() {
    let root = TempDir::new().unwrap();
    let env = vec![("RUST_LOG".to_owned(), "trace".to_owned())];
    let yard = Yard::start_in(root, Start { env, ..Start::default() }).await;
    let hot = yard.add(switchyard_sim::Profile::new("hot").dialect(CHAT)).await;
    yard.apply(&fast_map(&[route(&hot)], &[])).await;
    let evil = "gpt\u{1b}[2J\u{9b}31m\r\n2026-01-01 FORGED LINE\u{202e}";
    let ask = Ask::chat("hi").model(evil);
    yard.send(&ask).await;
    let body = json!({ "error": { "message": format!("no {evil} here") } }).to_string();
    hot.set_fault(Fault::Status { code: 500, retry_after_s: None, body: Some(body) }).await.unwrap();
    yard.send(&Ask::chat("hi")).await;
    yard.put("/v1/credentials/hot", &json!({ "value": evil })).await;
    yard.post("/v1/pause", &json!({ "reason": evil })).await;
    let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    for command in [
        &["requests"][..],
        &["requests", "--json"],
        &["errors"],
        &["status"],
        &["why"],
        &["causes"],
        &["audit"],
        &["status", "--json"],
    ] {
        let told = yard.cli(command, "").await;
        for text in [&told.out, &told.err] {
            assert!(!text.contains(obeyed), "{command:?}: {text:?}");
            assert!(!text.lines().any(|line| line.starts_with("2026-01-01 FORGED")), "{command:?}: {text}");
        }
    }
    let log = yard.log();
    assert!(log.contains("TRACE"), "the log is as loud as it gets");
    assert!(!log.contains(|c| obeyed(c) && c != '\t'), "a control character is in the log");
    assert!(!log.lines().any(|line| line.starts_with("2026-01-01 FORGED")), "a line was forged");
}

#[tokio::test]
async fn idle_connections_starve_neither_listener_when_descriptors_are_few() {
    let root = TempDir::new().unwrap();
    let yard = Yard::start_in(root, Start { ulimit: Some("-n 128".to_owned()), ..Start::default() }).await;
    let hot = yard.add(switchyard_sim::Profile::new("hot").dialect(CHAT)).await;
    yard.apply(&fast_map(&[route(&hot)], &[])).await;
    let mut held = Vec::new();
    for url in [yard.control_url(), yard.proxy_url()] {
        for n in 0..200 {
            let stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
            if n % 2 == 0 {
                let head = b"GET /health HTTP/1.1\r\nHo";
                // It may have been let go already.
                let _ = stream.try_write(head);
            }
            held.push(stream);
        }
        assert_eq!(yard.chat("hello").await.status, 200, "the proxy answers");
        assert_eq!(yard.cli(&["status"], "").await.code, Some(0), "the control API answers");
    }
    hot.set_fault(Fault::status(500)).await.unwrap();
    assert!(yard.chat("hello").await.status >= 202, "a request that needs the queue is told so");
    drop(held);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_router_takes_the_descriptors_it_is_allowed_and_survives_a_limit_on_files() {
    let root = TempDir::new().unwrap();
    let ulimit = Some("-Sn 256 && ulimit -Hn 4096 && ulimit -f 8000".to_owned());
    let yard = Yard::start_in(root, Start { ulimit, ..Start::default() }).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", yard.process().pid)).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let figures: Vec<&str> = files.split_ascii_whitespace().rev().skip(1).take(2).collect();
    assert_eq!(figures, ["4096", "4096"], "{files}");

    let hot = yard.add(switchyard_sim::Profile::new("hot").dialect(CHAT)).await;
    yard.apply(&fast_map(&[route(&hot)], &[])).await;
    hot.set_fault(Fault::status(500)).await.unwrap();
    let long = "word ".repeat(20_000);
    // 4 MB at most fit into a file, 100 KB each: the queue comes to the limit, the process goes on.
    for _ in 0..60 {
        yard.chat(&long).await;
    }
    assert_eq!(yard.fetch("/health", &[]).await.status, 200, "a file at its limit ends nothing");
}

#[tokio::test]
async fn a_closed_terminal_stops_the_router_as_a_stop_does() {
    // Under `nohup` the router is meant not to hear of it, and whoever ignores a signal hands that on.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::trim);
    if ignored.is_some_and(|mask| u64::from_str_radix(mask, 16).is_ok_and(|mask| mask & 1 == 1)) {
        return;
    }
    let mut yard = Yard::over(&[CHAT], &[], json!({})).await;
    let data = yard.data_dir();
    assert!(data.join("router.json").exists() && data.join("control.token").exists());
    let stopping = yard.take_process();
    stopping.hang_up();
    let (status, _) = stopping.ended().await;
    assert_eq!(status.code(), Some(0), "it ends by itself");
    assert!(!data.join("router.json").exists() && !data.join("control.token").exists());
}

#[tokio::test]
async fn two_opinions_about_the_host_and_requests_of_pages_are_refused() {
    let flags = json!({ "flags": { "require_client_key": false } });
    let yard = Yard::over(&[CHAT], &[], flags).await;
    let address = yard.proxy_url().trim_start_matches("http://").to_owned();
    let own = format!("Host: {address}");
    let cases: &[(&str, &[&str], u16)] = &[
        ("/v1/models", &[&own], 200),
        ("/v1/models", &[&own, "Sec-Fetch-Site: none"], 200),
        ("/v1/models", &[&own, "Sec-Fetch-Site: cross-site"], 403),
        ("/v1/models", &[&own, "Sec-Fetch-Site: same-site"], 403),
        ("/v1/models", &[&own, "Sec-Fetch-Site: same-origin"], 403),
        ("/v1/models", &[&own, "Host: evil.example"], 421),
        ("/v1/models", &["Host: evil.example", &own], 421),
        ("/v1/models", &[&own, &own], 421),
        ("http://evil.example/v1/models", &[&own], 421),
        ("http://evil.example/health", &[&own], 421),
    ];
    for (target, headers, status) in cases {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!("GET {target} HTTP/1.1\r\n{}\r\nConnection: close\r\n\r\n", headers.join("\r\n"));
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        within("the answer", stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{target} {headers:?}: {answer}");
        let answer = answer.to_ascii_lowercase();
        for safe in [
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
            "cache-control: no-store",
        ] {
            assert!(answer.contains(safe), "{target} {headers:?}: {answer}");
        }
    }
    // A refusal is no dead end for one who asks as a program does.
    assert_eq!(yard.chat("hello").await.header("cache-control"), "no-store");
}
