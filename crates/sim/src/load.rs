//! A load generator for benchmarks: one thread, request bytes rendered once, answers measured and not read.
//!
//! At a fixed rate each request is due at its own moment and its latency counts from there, not from when it
//! could be sent: a stall is paid for by every request that was due meanwhile (no coordinated omission). It never
//! judges an answer beyond its status, and it is no test of correctness.

mod findings;
mod response;
mod timer;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::LocalSet;

use crate::fast::stamp::unix_ns;
pub use findings::{Findings, Spread, Window, WindowFindings};
use response::Response;
use timer::Timer;

/// After the last request was sent, answers are waited for this long.
const LAST_ANSWERS: Duration = Duration::from_secs(20);
/// All connections have to stand within this.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// What to send, and how.
#[derive(Clone, Debug)]
pub struct Load {
    /// Who is asked.
    pub target: SocketAddr,
    /// One request, head and body, as it goes over the wire.
    pub request: Bytes,
    /// Keep-alive connections.
    pub connections: usize,
    /// When the next request is sent.
    pub pace: Pace,
    /// How long requests are sent.
    pub length: Duration,
    /// The spans that are reported, each for itself; what lies outside of all (a warm-up) is dropped.
    pub windows: Vec<Window>,
}

/// When the next request is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As soon as the connection's last one is answered (closed loop).
    Answered,
    /// This many a second, evenly, whatever is answered (open loop).
    PerSecond(f64),
}

/// Sends the load and reports what came of it. Runs on a current-thread runtime.
///
/// # Errors
/// If the target can't be reached or there is no timer to be had.
pub async fn run(load: &Load) -> io::Result<Findings> {
    LocalSet::new().run_until(send(load)).await
}

async fn send(load: &Load) -> io::Result<Findings> {
    let yard = Rc::new(Yard {
        load: load.clone(),
        idle: RefCell::default(),
        overdue: RefCell::default(),
        findings: RefCell::new(Findings::new(&load.windows)?),
        begun_ns: Cell::new(0),
        ends_ns: Cell::new(0),
    });
    for _ in 0..load.connections {
        tokio::task::spawn_local(connection(Rc::clone(&yard)));
    }
    let all_stand = async {
        while yard.idle.borrow().len() < load.connections {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(CONNECT_PATIENCE, all_stand).await.map_err(|_| {
        io::Error::new(io::ErrorKind::TimedOut, format!("{} takes no connections", load.target))
    })?;
    let begun_ns = unix_ns();
    yard.begun_ns.set(begun_ns);
    yard.ends_ns.set(begun_ns + ns(load.length));
    match load.pace {
        Pace::Answered => {
            for line in std::mem::take(&mut *yard.idle.borrow_mut()) {
                yard.dispatch(&line, unix_ns());
            }
            tokio::time::sleep(load.length).await;
        }
        Pace::PerSecond(rate) => yard.keep_pace(rate).await?,
    }
    let by_ns = unix_ns() + ns(LAST_ANSWERS);
    while yard.findings.borrow().outstanding() > 0 && unix_ns() < by_ns {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut findings = yard.findings.take();
    findings.seconds = load.length.as_secs_f64();
    Ok(findings)
}

/// What all connections share.
struct Yard {
    load: Load,
    idle: RefCell<Vec<Rc<Line>>>,
    /// Due moments of requests for which no connection was free.
    overdue: RefCell<VecDeque<u64>>,
    findings: RefCell<Findings>,
    begun_ns: Cell<u64>,
    ends_ns: Cell<u64>,
}

/// The sending side of one connection.
struct Line {
    sender: OwnedWriteHalf,
    /// When the request under way was due; 0 while idle.
    due_ns: Cell<u64>,
    is_gone: Cell<bool>,
}

impl Yard {
    /// Hands out requests as they come due. Numbered, so that a late one does not shift those behind it.
    async fn keep_pace(&self, rate: f64) -> io::Result<()> {
        let timer = Timer::new()?;
        let (begun_ns, ends_ns) = (self.begun_ns.get(), self.ends_ns.get());
        let gap_ns = 1e9 / rate;
        let mut number = 0.0_f64;
        loop {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "minutes, in nanoseconds"
            )]
            let due_ns = begun_ns + (number * gap_ns) as u64;
            if due_ns >= ends_ns {
                return Ok(());
            }
            let now_ns = unix_ns();
            if due_ns > now_ns {
                timer.sleep(Duration::from_nanos(due_ns - now_ns)).await?;
            }
            self.assign(due_ns);
            number += 1.0;
        }
    }

    fn assign(&self, due_ns: u64) {
        loop {
            let Some(line) = self.idle.borrow_mut().pop() else {
                self.findings.borrow_mut().sent();
                return self.overdue.borrow_mut().push_back(due_ns);
            };
            if !line.is_gone.get() {
                return self.dispatch(&line, due_ns);
            }
        }
    }

    fn dispatch(&self, line: &Rc<Line>, due_ns: u64) {
        self.findings.borrow_mut().sent();
        self.write(line, due_ns);
    }

    /// An idle connection's send buffer takes a whole request, so there is nothing to wait for.
    fn write(&self, line: &Rc<Line>, due_ns: u64) {
        line.due_ns.set(due_ns);
        let written = line.sender.try_write(&self.load.request);
        if !matches!(written, Ok(bytes) if bytes == self.load.request.len()) {
            line.due_ns.set(0);
            line.is_gone.set(true);
            self.findings.borrow_mut().failed();
        }
    }

    /// A connection is free again.
    fn free(&self, line: &Rc<Line>) {
        if let Some(due_ns) = self.overdue.borrow_mut().pop_front() {
            return self.write(line, due_ns);
        }
        let now_ns = unix_ns();
        if self.load.pace == Pace::Answered && self.begun_ns.get() > 0 && now_ns < self.ends_ns.get() {
            return self.dispatch(line, now_ns);
        }
        self.idle.borrow_mut().push(Rc::clone(line));
    }
}

/// Keeps one connection up.
async fn connection(yard: Rc<Yard>) {
    loop {
        let Ok(stream) = TcpStream::connect(yard.load.target).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        // Without it a request would still go out in one piece; it only costs time.
        let _ = stream.set_nodelay(true);
        let (receiver, sender) = stream.into_split();
        let line = Rc::new(Line { sender, due_ns: Cell::new(0), is_gone: Cell::new(false) });
        yard.free(&line);
        // Whatever ended it, the next one takes over.
        let _ = receive(&yard, &line, receiver).await;
        line.is_gone.set(true);
        if line.due_ns.replace(0) > 0 {
            yard.findings.borrow_mut().failed();
        }
    }
}

async fn receive(yard: &Yard, line: &Rc<Line>, mut receiver: OwnedReadHalf) -> io::Result<()> {
    let mut response = Response::default();
    let mut first = true;
    loop {
        if receiver.read_buf(response.buffer()).await? == 0 {
            return Ok(());
        }
        let (now_ns, due_ns) = (unix_ns(), line.due_ns.get());
        let after_ns = due_ns.saturating_sub(yard.begun_ns.get());
        while let Some(sent_ns) = response.next_stamp() {
            let mut findings = yard.findings.borrow_mut();
            if std::mem::take(&mut first) {
                findings.first_chunk(after_ns, now_ns.saturating_sub(due_ns));
            }
            findings.chunk(after_ns, now_ns.saturating_sub(sent_ns));
        }
        if let Some(status) = response.finish()? {
            yard.findings.borrow_mut().answered(after_ns, now_ns.saturating_sub(due_ns), status);
            line.due_ns.set(0);
            first = true;
            yard.free(line);
        }
    }
}

fn ns(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}
