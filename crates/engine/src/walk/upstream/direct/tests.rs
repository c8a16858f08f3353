use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

#[test]
fn only_plain_http_on_this_machine_is_asked_directly() {
    let cases = [
        ("http://127.0.0.1:11434/v1/chat/completions", Some("127.0.0.1:11434")),
        ("http://localhost:1234/v1/chat/completions?a=b", Some("localhost:1234")),
        ("http://localhost:80/v1/chat/completions", Some("localhost")),
        ("http://[::1]:8000/v1/messages", Some("[::1]:8000")),
        ("https://localhost:1234/v1/chat/completions", None),
        ("http://192.168.1.20:11434/v1/chat/completions", None),
        ("http://localhost.example/v1/chat/completions", None),
        ("http://me:secret@localhost:1234/v1/chat/completions", None),
    ];
    for (url, expected) in cases {
        let target = Target::of(&url.parse().unwrap());
        assert_eq!(target.as_ref().map(|target| target.host.to_str().unwrap()), expected, "{url}");
        if let Some(target) = target {
            assert!(url.ends_with(&target.path.to_string()) && target.path.host().is_none(), "{target:?}");
        }
    }
}

/// How a server behaves behind an answer.
#[derive(Clone, Copy, PartialEq)]
enum Behind {
    StaysOpen,
    ClosesAtOnce,
    /// It says one thing more that nobody asked for.
    Rambles,
}

/// A server that answers each request with its number among those of its connection; counts its connections.
async fn server(behind: Behind) -> (Target, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::of(&format!("http://{}/v1/x", listener.local_addr().unwrap()).parse().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut requests = 0;
                let mut bytes = vec![0; 64 * 1024];
                let mut heard = Vec::new();
                while let Ok(n @ 1..) = stream.read(&mut bytes).await {
                    heard.extend_from_slice(&bytes[..n]);
                    // Each ends with its body, `{}`.
                    if !heard.ends_with(b"{}") {
                        continue;
                    }
                    assert!(
                        heard.starts_with(b"POST /v1/x HTTP/1.1\r\n"),
                        "{}",
                        String::from_utf8_lossy(&heard)
                    );
                    heard.clear();
                    requests += 1;
                    let body = format!("{requests}{}", " ".repeat(100_000));
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                    let _ = stream.write_all((head + &body).as_bytes()).await;
                    match behind {
                        Behind::StaysOpen => {}
                        Behind::ClosesAtOnce => return,
                        Behind::Rambles => drop(stream.write_all(b"HTTP/1.1 408 Timeout\r\n\r\n").await),
                    }
                }
            });
        }
    });
    (target.unwrap(), connections)
}

async fn asked(direct: &Direct, target: &Target) -> Response<reqwest::Body> {
    direct.post(target, HeaderMap::new(), Bytes::from_static(b"{}")).await.unwrap()
}

async fn said(response: Response<reqwest::Body>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8_lossy(&body).trim().to_owned()
}

/// Waits until what the server did behind its answer has reached this end.
async fn until_unusable(direct: &Direct) {
    while direct.idle.waiting().connections.iter_mut().any(|kept| kept.http1.is_idle()) {
        tokio::task::yield_now().await;
    }
}

fn direct() -> Direct {
    Direct::new(Duration::from_secs(5))
}

#[tokio::test]
async fn one_connection_serves_one_request_after_the_other_and_several_at_once_have_their_own() {
    let (target, connections) = server(Behind::StaysOpen).await;
    let direct = direct();
    for n in 1..=5 {
        assert_eq!(said(asked(&direct, &target).await).await, n.to_string());
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    let (one, two) = (asked(&direct, &target).await, asked(&direct, &target).await);
    assert_eq!((said(one).await.as_str(), said(two).await.as_str()), ("6", "1"));
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_its_server_closed_or_wrote_unasked_costs_no_request() {
    for behind in [Behind::ClosesAtOnce, Behind::Rambles] {
        let (target, connections) = server(behind).await;
        let direct = direct();
        for n in 1..=5 {
            assert_eq!(said(asked(&direct, &target).await).await, "1");
            assert_eq!(connections.load(Ordering::SeqCst), n);
            until_unusable(&direct).await;
        }
    }
}

#[tokio::test]
async fn a_connection_whose_answer_was_not_read_to_its_end_is_closed() {
    let (target, connections) = server(Behind::StaysOpen).await;
    let direct = direct();
    let mut unread = asked(&direct, &target).await;
    assert!(unread.body_mut().frame().await.is_some());
    drop(unread);
    assert_eq!(said(asked(&direct, &target).await).await, "1");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn connections_are_not_kept_longer_than_their_time_nor_lent_to_another_server() {
    let (target, connections) = server(Behind::StaysOpen).await;
    let (other, _) = server(Behind::StaysOpen).await;
    let direct = direct();
    said(asked(&direct, &target).await).await;
    let now = clock::now().mono_ms;
    let most = u64::try_from(POOL_IDLE.as_millis()).unwrap();
    assert!(direct.idle.take(&other.host, now).is_none());
    assert!(!direct.idle.sweep(now), "one is waiting");
    assert!(direct.idle.take(&target.host, now + 2 * most).is_none(), "it has waited too long");
    said(asked(&direct, &target).await).await;
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    assert!(direct.idle.sweep(clock::now().mono_ms + most));
    assert!(direct.idle.waiting().connections.is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_from_one_that_breaks_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::of(&format!("http://{}/v1/x", listener.local_addr().unwrap()).parse().unwrap());
    let target = target.unwrap();
    let breaks_off = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 1_000];
        assert_ne!(stream.read(&mut bytes).await.unwrap(), 0);
    });
    let direct = direct();
    let post = || direct.post(&target, HeaderMap::new(), Bytes::from_static(b"{}"));
    assert!(matches!(post().await, Err(Error::Exchange(_))));
    breaks_off.await.unwrap();
    assert!(matches!(post().await, Err(Error::Connect(_))));
}
