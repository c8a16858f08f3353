//! A door of the world: what stands behind an address, and what answers instead of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

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
}

/// Where a portal sends people.
const PORTAL: &str = "http://portal.example/login";
const PAGE: &str = "<!DOCTYPE html><html><body>Welcome! Please sign in.</body></html>";

impl Gateway {
    pub(super) async fn open(address: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let gateway = Self { manner: Arc::new(Mutex::new(manner)) };
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

    async fn serve(self, mut stream: TcpStream) {
        let answer = match self.manner() {
            Manner::Through(inner) => {
                if let Ok(mut inner) = TcpStream::connect(inner).await {
                    let _ = copy_bidirectional(&mut stream, &mut inner).await;
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
        let _ = stream.read(&mut head).await;
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}
