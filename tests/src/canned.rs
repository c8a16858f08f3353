//! An upstream that says exactly what it is given, byte for byte, and keeps exactly what it was sent.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Request line and headers, as sent.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Taken {
    /// A header by its lower-case name; every value, joined by commas.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

/// The upstream.
#[derive(Debug)]
pub struct Canned {
    url: String,
    taken: Arc<Mutex<Vec<Taken>>>,
    task: JoinHandle<()>,
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Canned {
    /// Answers every request with this head (status line and headers, without the framing ones) and body.
    pub async fn start(head: &str, body: &[u8]) -> Self {
        Self::in_pieces(head, body, usize::MAX).await
    }

    /// The same, written in pieces of so many bytes.
    pub async fn in_pieces(head: &str, body: &[u8], piece: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let head =
            format!("{}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", head.trim_end(), body.len());
        let answer: Arc<[u8]> =
            [head.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes(), body].concat().into();
        let log = Arc::clone(&taken);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move { serve(stream, &log, &answer, piece).await });
            }
        });
        Self { url, taken, task }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it was sent so far.
    #[must_use]
    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// A route to it.
    #[must_use]
    pub fn route(&self, dialect: &str) -> Value {
        json!({ "id": "canned", "provider": "canned", "model": "m-canned", "upstreamModel": "up/m:1",
            "baseUrl": self.url, "dialect": dialect, "auth": "none" })
    }
}

async fn serve(mut stream: TcpStream, log: &Mutex<Vec<Taken>>, answer: &[u8], piece: usize) {
    let mut read = Vec::new();
    // Pieces are to arrive as pieces.
    stream.set_nodelay(true).unwrap();
    loop {
        if stream.read_buf(&mut read).await.is_ok_and(|n| n > 0) {
            let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = String::from_utf8(read[..end].to_vec()).unwrap();
            let taken = Taken { head, body: read[end + 4..].to_vec() };
            let length = taken.header("content-length").map_or(0, |length| length.parse::<usize>().unwrap());
            if taken.body.len() < length {
                continue;
            }
            log.lock().unwrap().push(taken);
            for piece in answer.chunks(piece) {
                // A caller that went away is not this end's matter.
                let _ = stream.write_all(piece).await;
                tokio::task::yield_now().await;
            }
        }
        return;
    }
}
