//! A listening port that can really be closed and opened again, and the connections behind it.
//!
//! While closed, the port stays bound (not listening), so that callers are refused by the operating system
//! and nobody else can be given the port in the meantime.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::exchange;
use crate::playback::{ResetSwitch, Wire};
use crate::provider::Provider;

/// Connections the operating system keeps waiting for us.
const BACKLOG: u32 = 1024;
/// How long answers under way may take once the server is shut down.
const GRACE: Duration = Duration::from_millis(200);

/// Opens and closes one port.
#[derive(Clone, Debug)]
pub(crate) struct Gate(mpsc::Sender<Command>);

#[derive(Debug)]
enum Command {
    Close(oneshot::Sender<io::Result<()>>),
    Open(oneshot::Sender<io::Result<()>>),
}

impl Gate {
    pub(crate) fn new() -> (Self, Orders) {
        let (sender, receiver) = mpsc::channel(8);
        (Self(sender), Orders(receiver))
    }

    /// Stops listening; returns once callers are refused. Closing a closed port changes nothing.
    pub(crate) async fn close(&self) -> io::Result<()> {
        self.order(Command::Close).await
    }

    /// Listens again on the same port. Opening an open port changes nothing.
    pub(crate) async fn open(&self) -> io::Result<()> {
        self.order(Command::Open).await
    }

    async fn order(&self, command: fn(oneshot::Sender<io::Result<()>>) -> Command) -> io::Result<()> {
        let gone =
            || io::Error::new(io::ErrorKind::NotConnected, "the simulated provider has been shut down");
        let (done, answer) = oneshot::channel();
        self.0.send(command(done)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// The receiving end of a [`Gate`].
#[derive(Debug)]
pub(crate) struct Orders(mpsc::Receiver<Command>);

/// Binds 127.0.0.1 on this port (0: any free one).
pub(crate) fn bind(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = socket(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?.listen(BACKLOG)?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

fn socket(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // On Windows the option means that several sockets may share the port, which is not what is wanted.
    if cfg!(not(windows)) {
        socket.set_reuseaddr(true)?;
    }
    socket.bind(addr)?;
    Ok(socket)
}

/// Whose requests arrive on a port.
pub(crate) trait Tenants: Send + Sync + 'static {
    /// The provider a path belongs to.
    fn of(&self, path: &str) -> Provider;
    /// The provider that has the port to itself, which counts its connections.
    fn sole(&self) -> Option<&Provider>;
}

impl Tenants for Provider {
    fn of(&self, _path: &str) -> Provider {
        self.clone()
    }

    fn sole(&self) -> Option<&Provider> {
        Some(self)
    }
}

#[derive(Debug)]
enum Door {
    Open(TcpListener),
    /// Bound, not listening.
    Closed(TcpSocket),
    /// Between the two, if the port was lost to someone else.
    Lost,
}

impl Door {
    async fn accept(&self) -> io::Result<TcpStream> {
        match self {
            Self::Open(listener) => listener.accept().await.map(|(stream, _)| stream),
            Self::Closed(_) | Self::Lost => std::future::pending().await,
        }
    }

    fn close(&mut self, addr: SocketAddr) -> io::Result<()> {
        if matches!(self, Self::Closed(_)) {
            return Ok(());
        }
        // The listener goes first: a port someone listens on cannot be bound again.
        *self = Self::Lost;
        *self = Self::Closed(socket(addr)?);
        Ok(())
    }

    fn open(&mut self, addr: SocketAddr) -> io::Result<()> {
        let socket = match std::mem::replace(self, Self::Lost) {
            Self::Open(listener) => {
                *self = Self::Open(listener);
                return Ok(());
            }
            Self::Closed(socket) => socket,
            Self::Lost => socket(addr)?,
        };
        *self = Self::Open(socket.listen(BACKLOG)?);
        Ok(())
    }
}

/// One port with its connections, run as a task until `stop`.
pub(crate) struct Port<T> {
    pub(crate) listener: TcpListener,
    pub(crate) addr: SocketAddr,
    pub(crate) orders: Orders,
    pub(crate) tenants: Arc<T>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl<T: Tenants> Port<T> {
    pub(crate) fn spawn(self) {
        let tasks = self.tasks.clone();
        tasks.spawn(self.run());
    }

    async fn run(self) {
        let Self { listener, addr, mut orders, tenants, stop, tasks } = self;
        let mut door = Door::Open(listener);
        // Ends with the period the port is open: a provider that is down keeps no connection either.
        let mut period = stop.child_token();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Some(command) = orders.0.recv() => match command {
                    Command::Close(done) => {
                        let closed = door.close(addr);
                        period.cancel();
                        // Nobody waiting for the answer is nobody to tell.
                        let _ = done.send(closed);
                    }
                    Command::Open(done) => {
                        if period.is_cancelled() {
                            period = stop.child_token();
                        }
                        let _ = done.send(door.open(addr));
                    }
                },
                accepted = door.accept() => match accepted {
                    Ok(stream) => {
                        let connection = Connection::new(stream, Arc::clone(&tenants));
                        tasks.spawn(connection.serve(period.clone(), stop.clone()));
                    }
                    // Out of descriptors, or the caller is gone already: the next one may do better.
                    Err(_) => tokio::task::yield_now().await,
                },
            }
        }
    }
}

/// One accepted connection, counted while it lives.
struct Connection<T: Tenants> {
    stream: Option<TcpStream>,
    tenants: Arc<T>,
}

impl<T: Tenants> Connection<T> {
    fn new(stream: TcpStream, tenants: Arc<T>) -> Self {
        if let Some(provider) = tenants.sole() {
            provider.count(|traffic| {
                traffic.connections += 1;
                traffic.open_connections += 1;
            });
        }
        Self { stream: Some(stream), tenants }
    }

    async fn serve(mut self, period: CancellationToken, stop: CancellationToken) {
        let Some(stream) = self.stream.take() else { return };
        let reset = ResetSwitch::default();
        // A connection that cannot be set up is closed, which its caller notices.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let wire = Wire::new(stream, reset.clone());
        if self.tenants.sole().is_some_and(Provider::strike_accept) {
            reset.arm();
            return;
        }
        let tenants = Arc::clone(&self.tenants);
        let service = service_fn(move |request: Request<Incoming>| {
            let provider = tenants.of(request.uri().path());
            exchange::answer(provider, request, reset.clone())
        });
        let connection =
            http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(wire), service);
        tokio::pin!(connection);
        // Errors end the connection; that they happened is in the provider's record.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = period.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            _ = connection.as_mut() => {}
            () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => {}
        }
    }
}

impl<T: Tenants> Drop for Connection<T> {
    fn drop(&mut self) {
        if let Some(provider) = self.tenants.sole() {
            provider.count(|traffic| traffic.open_connections -= 1);
        }
    }
}
