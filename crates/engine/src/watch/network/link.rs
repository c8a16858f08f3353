//! Which network this machine is on: its interfaces' addresses, the way out, and the resolvers it was given.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// What of a network can be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// `name address`; of IPv6 the prefix alone, since privacy addresses come and go.
    addresses: BTreeSet<String>,
    /// `interface gateway` of the default routes, where they can be read.
    ways_out: BTreeSet<String>,
    /// Resolvers, where they can be read.
    resolvers: BTreeSet<String>,
}

/// Interfaces of containers and virtual machines: they come and go without any bearing on the way out.
const INNER: [&str; 7] = ["lo", "docker", "br-", "veth", "virbr", "vmnet", "cni"];

impl Link {
    /// Reads it.
    pub(super) fn read() -> Self {
        let addresses = if_addrs::get_if_addrs().unwrap_or_default();
        let addresses = addresses
            .into_iter()
            .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
            .filter(|interface| !INNER.iter().any(|inner| interface.name.starts_with(inner)))
            .map(|interface| format!("{} {}", interface.name, shown(interface.ip())))
            .collect();
        let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
        let routes6 = std::fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
        let resolvers = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let ways_out = ways_out(&routes).into_iter().chain(ways_out6(&routes6)).collect();
        Self { addresses, ways_out, resolvers: nameservers(&resolvers) }
    }

    /// What is different now, in words; nothing when it is the same network.
    pub(super) fn change_to(&self, now: &Self) -> Option<String> {
        let mut parts = Vec::new();
        for (word, before, after) in [
            ("address", &self.addresses, &now.addresses),
            ("way out", &self.ways_out, &now.ways_out),
            ("resolver", &self.resolvers, &now.resolvers),
        ] {
            parts.extend(before.difference(after).map(|gone| format!("{word} {gone} is gone")));
            parts.extend(after.difference(before).map(|new| format!("{word} {new} is new")));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn shown(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// The default routes in `/proc/net/route` (see proc(5)): interface, destination and gateway in hexadecimal.
fn ways_out(table: &str) -> BTreeSet<String> {
    let default = |line: &str| {
        let mut fields = line.split_whitespace();
        let (interface, destination, gateway) = (fields.next()?, fields.next()?, fields.next()?);
        let gateway = u32::from_str_radix(gateway, 16).ok()?;
        let gateway = std::net::Ipv4Addr::from(gateway.to_ne_bytes());
        (destination == "00000000").then(|| format!("{interface} {gateway}"))
    };
    table.lines().skip(1).filter_map(default).collect()
}

/// The default routes in `/proc/net/ipv6_route`: destination, prefix length, source, its length, next hop, metric, use
/// counts, flags and interface, all in hexadecimal but the last.
fn ways_out6(table: &str) -> BTreeSet<String> {
    let default = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [destination, "00", _, _, hop, _, _, _, _, interface] = fields[..] else { return None };
        // The kernel keeps a default route to nowhere on the loopback interface.
        let is_default = destination.bytes().all(|byte| byte == b'0') && interface != "lo";
        let hop = std::net::Ipv6Addr::from(u128::from_str_radix(hop, 16).ok()?);
        is_default.then(|| format!("{interface} {hop}"))
    };
    table.lines().filter_map(default).collect()
}

fn nameservers(resolv_conf: &str) -> BTreeSet<String> {
    let server = |line: &str| Some(line.trim().strip_prefix("nameserver")?.trim().to_owned());
    resolv_conf.lines().filter_map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n\
        wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\n\
        wlan0\t0001A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\n";

    #[test]
    fn the_way_out_of_an_ipv6_network_is_read() {
        let table = "\
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003    wlan0
20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001    wlan0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
";
        assert_eq!(ways_out6(table), ["wlan0 fe80::1".to_owned()].into());
    }

    #[test]
    fn a_vpn_and_another_resolver_are_another_network() {
        let home = Link {
            addresses: ["wlan0 192.168.1.7".to_owned()].into(),
            ways_out: ways_out(ROUTES),
            resolvers: nameservers("# by hand\nnameserver 192.168.1.1\nsearch lan\n"),
        };
        assert_eq!(home.change_to(&home.clone()), None);
        let mut vpn = home.clone();
        vpn.addresses.insert("tun0 10.8.0.2".to_owned());
        vpn.resolvers = nameservers("nameserver 10.8.0.1\n");
        assert_eq!(
            home.change_to(&vpn).as_deref(),
            Some("address tun0 10.8.0.2 is new, resolver 192.168.1.1 is gone, resolver 10.8.0.1 is new")
        );
        let unplugged = Link { addresses: BTreeSet::new(), ways_out: ways_out("Iface\n"), ..home.clone() };
        assert_eq!(
            home.change_to(&unplugged).as_deref(),
            Some("address wlan0 192.168.1.7 is gone, way out wlan0 192.168.1.1 is gone")
        );
    }
}
