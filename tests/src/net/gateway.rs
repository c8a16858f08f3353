//! A door of the world: what stands behind an address, and what answers instead of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// What a door does with who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Lets them through to this address.
    Through(SocketAddr),
    /// Answers `204 No Content`, as check pages do.
    NoContent,
    /// Sends them to a sign-in page, as a captive portal does with everything.
    SignIn,
    /// Shows the sign-in page itself.
    Page,
    /// Says nothing.
    Silent,
}

/// The door.
#[derive(Clone, Debug)]
pub struct Gateway {
    manner: Arc<Mutex<Manner>>,
    tls: Arc<Mutex<Option<Arc<ServerConfig>>>>,
    /// The first lines of what it answered itself.
    asked: Arc<Mutex<Vec<String>>>,
    /// Connections so far.
    came: Arc<Mutex<usize>>,
    forgets: watch::Sender<()>,
}

/// Where a portal sends people.
const PORTAL: &str = "http://portal.example/login";
const PAGE: &str = "<!DOCTYPE html><html><body>Welcome! Please sign in.</body></html>";

impl Gateway {
    pub(super) async fn open(address: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let gateway = Self {
            manner: Arc::new(Mutex::new(manner)),
            tls: Arc::default(),
            asked: Arc::default(),
            came: Arc::default(),
            forgets: watch::Sender::new(()),
        };
        let own = gateway.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().serve(stream));
            }
        });
        gateway
    }

    /// Behaves like this from the next connection on.
    pub fn be(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// How it behaves.
    #[must_use]
    pub fn manner(&self) -> Manner {
        *self.manner.lock().unwrap()
    }

    /// Speaks TLS with this certificate from the next connection on.
    pub fn certify(&self, tls: Arc<ServerConfig>) {
        *self.tls.lock().unwrap() = Some(tls);
    }

    /// Connections so far.
    #[must_use]
    pub fn came(&self) -> usize {
        *self.came.lock().unwrap()
    }

    /// The first lines of the requests it answered itself.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Forgets every connection there is, as a router that was restarted does: they look alive and carry nothing.
    pub fn forget(&self) {
        self.forgets.send_replace(());
    }

    async fn serve(self, stream: TcpStream) {
        *self.came.lock().unwrap() += 1;
        let tls = self.tls.lock().unwrap().clone();
        match tls {
            None => self.answer(stream).await,
            Some(tls) => {
                if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                    self.answer(stream).await;
                }
            }
        }
    }

    async fn answer<S: AsyncRead + AsyncWrite + Unpin>(self, mut stream: S) {
        let mut forgotten = self.forgets.subscribe();
        let answer = match self.manner() {
            Manner::Through(inner) => {
                if let Ok(mut inner) = TcpStream::connect(inner).await {
                    tokio::select! {
                        _ = copy_bidirectional(&mut stream, &mut inner) => {}
                        _ = forgotten.changed() => std::future::pending::<()>().await,
                    }
                }
                return;
            }
            Manner::Silent => {
                std::future::pending::<()>().await;
                return;
            }
            Manner::NoContent => "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned(),
            Manner::SignIn => format!(
                "HTTP/1.1 302 Found\r\nlocation: {PORTAL}?session=12345\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            ),
            Manner::Page => format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{PAGE}",
                PAGE.len()
            ),
        };
        let mut head = [0; 4_096];
        let length = stream.read(&mut head).await.unwrap_or_default();
        let line = String::from_utf8_lossy(&head[..length]).lines().next().unwrap_or_default().to_owned();
        self.asked.lock().unwrap().push(line);
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}
