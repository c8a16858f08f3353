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

/// What it does with an answer, in order.
#[derive(Clone, Debug)]
pub enum Act {
    /// Writes this.
    Say(Vec<u8>),
    /// Writes nothing for so many milliseconds.
    Wait(u64),
    /// Writes nothing more, and keeps the connection open.
    Hang,
}

impl Act {
    /// Writes this text.
    #[must_use]
    pub fn say(text: &str) -> Self {
        Self::Say(text.as_bytes().to_vec())
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
        let head = format!("{}\ncontent-length: {}", head.trim_end(), body.len());
        let answer = [head_of(&head).as_bytes(), body].concat();
        Self::playing(answer.chunks(piece).map(|piece| Act::Say(piece.to_vec())).collect()).await
    }

    /// Answers every request with this head and these acts. The body ends with the connection.
    pub async fn acting(head: &str, acts: impl IntoIterator<Item = Act>) -> Self {
        let head = Act::say(&head_of(head));
        Self::playing(std::iter::once(head).chain(acts).collect()).await
    }

    async fn playing(acts: Vec<Act>) -> Self {
        Self::answering(move |_| acts.clone()).await
    }

    /// Answers each request with the acts it calls for, which write the head, too.
    pub async fn answering(answer: impl Fn(&Taken) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let (log, answer) = (Arc::clone(&taken), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move { serve(stream, &log, &*answer).await });
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

/// A head as it is sent.
fn head_of(head: &str) -> String {
    let head = format!("{}\nconnection: close\n\n", head.trim_end());
    head.replace("\r\n", "\n").replace('\n', "\r\n")
}

async fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Taken>>,
    answer: &(impl Fn(&Taken) -> Vec<Act> + Sync),
) {
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
            let acts = answer(&taken);
            log.lock().unwrap().push(taken);
            for act in acts {
                match act {
                    // A caller that went away is not this end's matter.
                    Act::Say(bytes) => drop(stream.write_all(&bytes).await),
                    Act::Wait(ms) => tokio::time::sleep(std::time::Duration::from_millis(ms)).await,
                    Act::Hang => std::future::pending().await,
                }
                tokio::task::yield_now().await;
            }
        }
        return;
    }
}
