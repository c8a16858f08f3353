//! Who holds a listening socket.
//!
//! On Linux the kernel's table of sockets names each one's user, other users' included. On macOS a program sees its own
//! user's processes alone: the announced process must be the one that listens. Windows has no such check here; there
//! the data directory's lock and access list are all the proof.

use std::net::SocketAddr;

/// Who listens at an address.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(not(any(target_os = "linux", target_os = "macos")), expect(dead_code, reason = "no check there"))]
pub(super) enum Holder {
    /// This user's process.
    Ours,
    /// No one.
    Nobody,
    /// Somebody else, as far as known.
    Another(String),
    /// The system doesn't say.
    Unknown(String),
}

#[cfg(target_os = "linux")]
pub(super) fn holder(address: SocketAddr, _pid: u32) -> Holder {
    let table = if address.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    match std::fs::read_to_string(table) {
        Ok(text) => judged(&text, address, rustix::process::geteuid().as_raw()),
        Err(error) => Holder::Unknown(format!("{table} can't be read ({error})")),
    }
}

/// Looks for those who listen at exactly this address: that is how the router listens, and the kernel prefers them to
/// anyone who listens at all addresses.
#[cfg(target_os = "linux")]
fn judged(table: &str, address: SocketAddr, me: u32) -> Holder {
    let wanted = hexadecimal(address);
    let mut holder = Holder::Nobody;
    for line in table.lines().skip(1) {
        // sl, local_address, rem_address, st, queues, timer, retrnsmt, uid (proc_pid_net(5)).
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, local, _, "0A", _, _, _, uid, ..] = fields.as_slice() else { continue };
        if !local.eq_ignore_ascii_case(&wanted) {
            continue;
        }
        if uid.parse() != Ok(me) {
            return Holder::Another(format!("a process of user {uid}"));
        }
        holder = Holder::Ours;
    }
    holder
}

/// An address as the kernel prints it: each 32-bit word of it as the machine reads it, then the port.
#[cfg(target_os = "linux")]
fn hexadecimal(address: SocketAddr) -> String {
    use std::fmt::Write;
    let bytes = match address {
        SocketAddr::V4(address) => address.ip().octets().to_vec(),
        SocketAddr::V6(address) => address.ip().octets().to_vec(),
    };
    let mut text = String::new();
    for word in bytes.chunks_exact(4) {
        let mut four = [0; 4];
        four.copy_from_slice(word);
        // Writing to a String can't fail.
        let _ = write!(text, "{:08X}", u32::from_ne_bytes(four));
    }
    let _ = write!(text, ":{:04X}", address.port());
    text
}

#[cfg(target_os = "macos")]
pub(super) fn holder(address: SocketAddr, pid: u32) -> Holder {
    match switchyard_engine::port_holder(address.port()) {
        Some((_, found)) if found == pid => Holder::Ours,
        Some((name, found)) => Holder::Another(format!("{name} (process {found})")),
        // Nobody's, or another user's, whose processes are hidden: either way not the router's.
        None => Holder::Nobody,
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(super) fn holder(_address: SocketAddr, _pid: u32) -> Holder {
    Holder::Ours
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// As printed on a little-endian machine.
    #[cfg(target_endian = "little")]
    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:10D7 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 21 1 0 100 0 0 10 0
   1: 0100007F:10D8 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65534        0 22 1 0 100 0 0 10 0
   2: 0100007F:10D9 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 23 1 0 20 4 30 10 -1
   3: 00000000:10DA 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65534        0 24 1 0 100 0 0 10 0
   4: 0100007F:10DB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 25 1 0 100 0 0 10 0
   5: 0100007F:10DB 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65534        0 26 1 0 100 0 0 10 0
";

    #[cfg(target_endian = "little")]
    #[test]
    fn the_listener_of_another_user_is_told_from_ours() {
        let another = Holder::Another("a process of user 65534".to_owned());
        let cases = [
            (4311, Holder::Ours),
            (4312, Holder::Another("a process of user 65534".to_owned())),
            // A connection is no listener, and whoever listens at every address is not at ours.
            (4313, Holder::Nobody),
            (4314, Holder::Nobody),
            (4315, another),
            (4316, Holder::Nobody),
        ];
        for (port, holder) in cases {
            assert_eq!(judged(TABLE, ([127, 0, 0, 1], port).into(), 1000), holder, "{port}");
        }
    }

    #[test]
    fn a_real_socket_is_found_by_both_families() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // A machine without IPv6 has nothing to find.
            let Ok(listener) = std::net::TcpListener::bind(address) else { continue };
            let address = listener.local_addr().unwrap();
            assert_eq!(holder(address, 0), Holder::Ours, "{address}");
            drop(listener);
            assert_eq!(holder(address, 0), Holder::Nobody, "{address}");
        }
    }
}
