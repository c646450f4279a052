//! Anonymous callers by their address: who counts as one.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// An anonymous caller: an IPv4 address, or the first 64 bits of an IPv6 address. Those are what a network is given:
/// whoever has one address of it can take them all, so they share one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// The caller behind Envoy's attribute `source.address`: `192.0.2.1:567`, `[2001:db8::1]:567`, or without a port.
    /// None where there is no IP address, as on a Unix domain socket.
    pub fn parse(address: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(address).ok()?;
        let ip = match text.parse::<SocketAddr>() {
            Ok(address) => address.ip(),
            Err(_) => text.parse().ok()?,
        };
        // A listener on `::` sees IPv4 clients as `::ffff:192.0.2.1`.
        Some(ClientNetwork(match ip.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        }))
    }
}

impl fmt::Display for ClientNetwork {
    /// As it is counted: `192.0.2.1`, `2001:db8::/64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_an_ipv4_address_or_an_ipv6_network() {
        let cases: [(&str, &[u8], Option<&str>); 15] = [
            ("IPv4 and port", b"192.0.2.1:567", Some("192.0.2.1")),
            ("another port, the same caller", b"192.0.2.1:65535", Some("192.0.2.1")),
            ("IPv4 alone", b"192.0.2.1", Some("192.0.2.1")),
            ("IPv6 and port", b"[2001:db8:1:2:3:4:5:6]:567", Some("2001:db8:1:2::/64")),
            (
                "the last address of that network",
                b"[2001:db8:1:2:ffff:ffff:ffff:ffff]:1",
                Some("2001:db8:1:2::/64"),
            ),
            ("the first of the next one", b"[2001:db8:1:3::]:1", Some("2001:db8:1:3::/64")),
            ("IPv6 alone", b"2001:db8::1", Some("2001:db8::/64")),
            ("loopback", b"[::1]:1", Some("::/64")),
            ("link-local with a scope", b"[fe80::1%2]:1", Some("fe80::/64")),
            ("IPv4 in IPv6", b"[::ffff:192.0.2.1]:567", Some("192.0.2.1")),
            ("a Unix domain socket", b"/run/envoy.sock", None),
            ("an internal listener", b"envoy://internal_client_address/", None),
            ("a name", b"localhost:80", None),
            ("not UTF-8", b"\xff\xfe", None),
            ("nothing", b"", None),
        ];
        for (why, address, want) in cases {
            let caller = ClientNetwork::parse(address).map(|network| network.to_string());
            assert_eq!(caller.as_deref(), want, "{why}");
        }
    }
}
