//! Proxies of the world, HTTP and SOCKS, that count who comes through.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Names;

/// An HTTP proxy (RFC 9112, absolute form and `CONNECT`).
#[derive(Clone, Debug)]
pub struct HttpProxy {
    seen: Arc<Mutex<Vec<String>>>,
    refuses: watch::Sender<bool>,
    names: Names,
}

impl HttpProxy {
    /// One that looks names up here.
    pub(super) async fn open(address: SocketAddr, names: Names) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let proxy = Self { seen: Arc::default(), refuses: watch::Sender::new(false), names };
        let own = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().serve(stream));
            }
        });
        proxy
    }

    /// The heads of the requests that came, those it refused among them.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// From now on it knows nobody's password, or does again. Connections end.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.send_replace(refuses);
    }

    async fn serve(self, mut stream: TcpStream) -> Option<()> {
        let mut refuses = self.refuses.subscribe();
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            if stream.read_buf(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let is_tunnel = text.starts_with("CONNECT ");
        let target = text.split(' ').nth(1)?;
        let target = target.strip_prefix("http://").unwrap_or(target).split('/').next()?.to_owned();
        self.seen.lock().unwrap().push(text);
        if *self.refuses.borrow() {
            let answer = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"office\"\r\n\
                content-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.ok()?;
            return None;
        }
        let (host, port) = target.split_once(':').unwrap_or((&target, "80"));
        let host = self.names.find(host).map_or_else(|| host.to_owned(), |ip| ip.to_string());
        let target = format!("{host}:{port}");
        let mut upstream = TcpStream::connect(target).await.ok()?;
        if is_tunnel {
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
        } else {
            upstream.write_all(&head).await.ok()?;
        }
        tokio::select! {
            _ = copy_bidirectional(&mut stream, &mut upstream) => {}
            _ = refuses.changed() => {}
        }
        Some(())
    }
}

/// A SOCKS 5 proxy (RFC 1928) that wants a name and a password (RFC 1929).
#[derive(Clone, Debug)]
pub struct SocksProxy {
    name: &'static str,
    password: &'static str,
    through: Arc<Mutex<Vec<String>>>,
}

impl SocksProxy {
    pub(super) async fn open(address: SocketAddr, name: &'static str, password: &'static str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let proxy = Self { name, password, through: Arc::default() };
        let own = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().serve(stream));
            }
        });
        proxy
    }

    /// Where those who came through wanted to go.
    #[must_use]
    pub fn through(&self) -> Vec<String> {
        self.through.lock().unwrap().clone()
    }

    async fn serve(self, mut stream: TcpStream) -> Option<()> {
        let [_, count] = bytes(&mut stream).await?;
        some(&mut stream, count).await?;
        stream.write_all(&[5, 2]).await.ok()?;
        let [_, length] = bytes(&mut stream).await?;
        let name = some(&mut stream, length).await?;
        let [length] = bytes(&mut stream).await?;
        let password = some(&mut stream, length).await?;
        let known =
            (name.as_slice(), password.as_slice()) == (self.name.as_bytes(), self.password.as_bytes());
        stream.write_all(&[1, u8::from(!known)]).await.ok()?;
        if !known {
            return None;
        }
        let [_, _, _, kind] = bytes(&mut stream).await?;
        let host = if kind == 1 {
            Ipv4Addr::from(bytes::<4>(&mut stream).await?).to_string()
        } else {
            let [length] = bytes(&mut stream).await?;
            String::from_utf8(some(&mut stream, length).await?).ok()?
        };
        let target = format!("{host}:{}", u16::from_be_bytes(bytes(&mut stream).await?));
        self.through.lock().unwrap().push(target.clone());
        let mut upstream = TcpStream::connect(target).await.ok()?;
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
        copy_bidirectional(&mut stream, &mut upstream).await.ok()?;
        Some(())
    }
}

async fn bytes<const N: usize>(stream: &mut TcpStream) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

async fn some(stream: &mut TcpStream, count: u8) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::from(count)];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}
