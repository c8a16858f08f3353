//! A provider for benchmarks: canned bytes over raw TCP, so that the router is what is measured.
//!
//! It parses no JSON and records nothing. It understands keep-alive, `content-length` and pipelined
//! requests; a chunked request body is refused with 411.

mod request;
pub mod stamp;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use request::{Kind, Parsed};

/// What the fast provider answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastConfig {
    /// Length of the answer's text in a plain completion, in bytes.
    pub body_bytes: usize,
    /// Content chunks of a stream.
    pub stream_chunks: usize,
    /// Time between two of them; zero sends the stream in one piece.
    pub chunk_interval: Duration,
    /// Whether each content chunk of a paced stream says when it was sent; see [`stamp`].
    pub stamped: bool,
    /// How it starts; see [`FastServer::set_mode`].
    pub mode: FastMode,
}

impl Default for FastConfig {
    fn default() -> Self {
        Self {
            body_bytes: 400,
            stream_chunks: 20,
            chunk_interval: Duration::ZERO,
            stamped: false,
            mode: FastMode::Ok,
        }
    }
}

/// How the fast provider behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FastMode {
    /// Answers.
    Ok = 0,
    /// Answers every completion with status 500.
    Status500 = 1,
    /// Reads and never answers.
    Hang = 2,
}

impl FastMode {
    fn from_u8(value: u8) -> Self {
        match value {
            1 => Self::Status500,
            2 => Self::Hang,
            _ => Self::Ok,
        }
    }
}

/// A running fast provider. Dropping it stops it.
#[derive(Debug)]
pub struct FastServer {
    addr: SocketAddr,
    mode: Arc<AtomicU8>,
    _stop_on_drop: DropGuard,
}

impl FastServer {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL, without `/v1`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Changes its behaviour from the next request on. `POST /sim/mode/{ok|500|hang}` on its port does the
    /// same from another process.
    pub fn set_mode(&self, mode: FastMode) {
        self.mode.store(mode as u8, Ordering::Relaxed);
    }
}

/// Serves on a thread and a single-threaded runtime of its own.
///
/// # Errors
/// If the listener cannot be used or the thread cannot be started.
pub fn serve(listener: std::net::TcpListener, config: FastConfig) -> io::Result<FastServer> {
    let addr = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let mode = Arc::new(AtomicU8::new(config.mode as u8));
    let stop = CancellationToken::new();
    let server = FastServer { addr, mode: Arc::clone(&mode), _stop_on_drop: stop.clone().drop_guard() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("sim-fast".to_owned()).spawn(move || {
        runtime.block_on(async move {
            let canned = Arc::new(Canned::new(&config));
            tokio::select! {
                () = stop.cancelled() => {}
                // Its error ends the thread; whoever calls meets a refused connection.
                _ = accept(listener, canned, mode) => {}
            }
        });
    })?;
    Ok(server)
}

async fn accept(listener: std::net::TcpListener, canned: Arc<Canned>, mode: Arc<AtomicU8>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, or the caller is gone already.
            tokio::task::yield_now().await;
            continue;
        };
        let (canned, mode) = (Arc::clone(&canned), Arc::clone(&mode));
        tokio::spawn(async move {
            // The client closing the connection is how each one ends.
            let _ = converse(stream, &canned, &mode).await;
        });
    }
}

/// Answers the requests of one connection in order until the client closes it.
async fn converse(mut stream: TcpStream, canned: &Canned, mode: &AtomicU8) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BytesMut::with_capacity(16 * 1024);
    let mut output = BytesMut::with_capacity(16 * 1024);
    loop {
        match request::parse(&input) {
            Parsed::Incomplete => {
                // All that was pipelined is answered: one write for all of it.
                if !output.is_empty() {
                    stream.write_all(&output).await?;
                    output.clear();
                }
                if stream.read_buf(&mut input).await? == 0 {
                    return Ok(());
                }
            }
            Parsed::Unsupported => {
                output.extend_from_slice(LENGTH_REQUIRED);
                return stream.write_all(&output).await;
            }
            Parsed::Request { kind, bytes, close } => {
                drop(input.split_to(bytes));
                answer(&mut stream, &mut output, kind, canned, mode).await?;
                if close {
                    return stream.write_all(&output).await;
                }
            }
        }
    }
}

async fn answer(
    stream: &mut TcpStream,
    output: &mut BytesMut,
    kind: Kind,
    canned: &Canned,
    mode: &AtomicU8,
) -> io::Result<()> {
    let (anthropic, streamed) = match kind {
        Kind::Completion { anthropic, stream } => (anthropic, stream),
        Kind::Mode(new) => {
            mode.store(new as u8, Ordering::Relaxed);
            output.extend_from_slice(NO_CONTENT);
            return Ok(());
        }
        Kind::Listing { head } => {
            output.extend_from_slice(if head { &canned.models_head } else { &canned.models });
            return Ok(());
        }
    };
    let voice = if anthropic { &canned.anthropic } else { &canned.openai };
    match FastMode::from_u8(mode.load(Ordering::Relaxed)) {
        FastMode::Status500 => output.extend_from_slice(&voice.error),
        FastMode::Hang => {
            stream.write_all(output).await?;
            output.clear();
            // Whatever else the client sends is read and dropped; its close ends the wait.
            let mut ignored = [0_u8; 1024];
            while stream.read(&mut ignored).await? > 0 {}
        }
        FastMode::Ok if !streamed => output.extend_from_slice(&voice.whole),
        FastMode::Ok if canned.chunk_interval.is_zero() => {
            for part in &voice.stream {
                output.extend_from_slice(part);
            }
        }
        FastMode::Ok => {
            for (n, part) in voice.stream.iter().enumerate() {
                output.extend_from_slice(part);
                if canned.stamped {
                    stamp::write(output);
                }
                stream.write_all(output).await?;
                output.clear();
                if n + 1 < voice.stream.len() {
                    tokio::time::sleep(canned.chunk_interval).await;
                }
            }
        }
    }
    Ok(())
}

const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const LENGTH_REQUIRED: &[u8] =
    b"HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";

/// Every response, rendered once.
#[derive(Debug)]
struct Canned {
    openai: Voice,
    anthropic: Voice,
    models: Bytes,
    models_head: Bytes,
    chunk_interval: Duration,
    stamped: bool,
}

#[derive(Debug)]
struct Voice {
    whole: Bytes,
    error: Bytes,
    /// The first part opens the response, the last one ends it.
    stream: Vec<Bytes>,
}

impl Canned {
    fn new(config: &FastConfig) -> Self {
        use crate::answer::{Answer, Choice, Finish, Usage, tokens};
        use crate::ask::{Ask, Refusal};
        use crate::dialect;
        use crate::profile::Dialect;

        let answer = |pieces: Vec<String>| Answer {
            seq: 1,
            model: "sim-fast".to_owned(),
            thoughts: Vec::new(),
            usage: Usage {
                prompt: 25,
                completion: tokens(pieces.iter().map(String::len).sum()),
                ..Usage::default()
            },
            choice: Choice { pieces, calls: Vec::new(), finish: Finish::Stop },
            more: Vec::new(),
        };
        let ask = Ask::default();
        let refusal = Refusal::new(500, "The server had an error while processing your request.");
        let piece = if config.stamped { format!("{} ", stamp::BLANK) } else { "word ".to_owned() };
        let voice = |name| {
            let text = "lorem ipsum ".chars().cycle().take(config.body_bytes.max(1)).collect();
            let events =
                dialect::events("sim", name, &ask, &answer(vec![piece.clone(); config.stream_chunks.max(1)]));
            let mut stream = vec![Bytes::from([STREAM_HEAD.as_bytes(), &chunk(&events.opening)].concat())];
            stream.extend(events.content.iter().map(|event| Bytes::from(chunk(event))));
            stream.push([chunk(&events.closing), chunk(&events.done), b"0\r\n\r\n".to_vec()].concat().into());
            Voice {
                whole: response("200 OK", &dialect::whole("sim", name, &ask, &answer(vec![text])), true),
                error: response("500 Internal Server Error", &dialect::error_body(name, &refusal, 1), true),
                stream,
            }
        };
        let models = json!({ "object": "list", "data": [{ "id": "sim-fast", "object": "model" }] });
        Self {
            openai: voice(Dialect::OpenaiChat),
            anthropic: voice(Dialect::Anthropic),
            models: response("200 OK", &models, true),
            models_head: response("200 OK", &models, false),
            chunk_interval: config.chunk_interval,
            stamped: config.stamped,
        }
    }
}

fn response(status: &str, body: &serde_json::Value, with_body: bool) -> Bytes {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    if with_body { (head + &body).into() } else { head.into() }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}
