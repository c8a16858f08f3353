//! A resolver of the world (RFC 1035): it knows the names it is told, and can fall silent.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;

/// The resolver. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    names: HashMap<String, Vec<IpAddr>>,
    silent: bool,
    asked: usize,
}

const A: u16 = 1;
const AAAA: u16 = 28;
const NO_SUCH_NAME: u8 = 3;

impl Names {
    pub(super) async fn serve(address: SocketAddr) -> Self {
        let names = Self::default();
        names.also_at(address).await;
        names
    }

    /// Answers at this address too.
    pub(super) async fn also_at(&self, address: SocketAddr) {
        let socket = UdpSocket::bind(address).await.unwrap();
        let own = self.clone();
        tokio::spawn(async move {
            let mut packet = [0; 1_500];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                if let Some(answer) = own.answer(&packet[..length]) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
    }

    /// Tells it a name.
    pub fn tell(&self, name: &str, address: impl Into<IpAddr>) {
        self.0.lock().unwrap().names.entry(name.to_owned()).or_default().push(address.into());
    }

    /// The address a name was told with.
    pub(super) fn find(&self, name: &str) -> Option<IpAddr> {
        self.0.lock().unwrap().names.get(name)?.first().copied()
    }

    /// From now on it answers nothing, or does again.
    pub fn be_silent(&self, silent: bool) {
        self.0.lock().unwrap().silent = silent;
    }

    /// Questions that reached it.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }

    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        if state.silent {
            return None;
        }
        let (name, end) = name_of(question)?;
        let kind = u16::from_be_bytes([*question.get(end)?, *question.get(end + 1)?]);
        let known = state.names.get(&name);
        let is_asked = |address: &&IpAddr| kind == if address.is_ipv4() { A } else { AAAA };
        let address = known.and_then(|known| known.iter().find(is_asked));
        // A response, recursion available; the question again; at most one answer.
        let mut out = question.get(..2)?.to_vec();
        out.extend([0x81, 0x80 | if known.is_none() { NO_SUCH_NAME } else { 0 }]);
        out.extend([0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
        out.extend(question.get(12..end + 4)?);
        if let Some(address) = address {
            // The name at offset 12, its type, class IN, no time to live: nobody keeps it.
            out.extend([0xc0, 12]);
            out.extend(kind.to_be_bytes());
            out.extend([0, 1, 0, 0, 0, 0]);
            match address {
                IpAddr::V4(address) => out.extend([&[0, 4], &address.octets()[..]].concat()),
                IpAddr::V6(address) => out.extend([&[0, 16], &address.octets()[..]].concat()),
            }
        }
        Some(out)
    }
}

/// The name a question asks for, and where it ends.
fn name_of(question: &[u8]) -> Option<(String, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
}
