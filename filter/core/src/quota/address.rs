//! Anonymous callers by their address: who counts as one.

use std::net::{IpAddr, SocketAddr};

/// An anonymous caller: an IPv4 address, or the first 64 bits of an IPv6 address. Those are what a network is given:
/// whoever has one address of it can take them all, so they share one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientNetwork {
    /// An IPv4 address.
    V4([u8; 4]),
    /// The network of an IPv6 address.
    V6([u8; 8]),
}

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
        Some(match ip.to_canonical() {
            IpAddr::V4(v4) => ClientNetwork::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                ClientNetwork::V6([a, b, c, d, e, f, g, h])
            }
        })
    }

    /// As it is counted. The text would bring the standard library's printer of addresses into the module.
    pub fn octets(&self) -> &[u8] {
        match self {
            ClientNetwork::V4(address) => address,
            ClientNetwork::V6(network) => network,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_an_ipv4_address_or_an_ipv6_network() {
        let cases: [(&str, &[u8], Option<&[u8]>); 15] = [
            ("IPv4 and port", b"192.0.2.1:567", Some(&[192, 0, 2, 1])),
            ("another port, the same caller", b"192.0.2.1:65535", Some(&[192, 0, 2, 1])),
            ("IPv4 alone", b"192.0.2.1", Some(&[192, 0, 2, 1])),
            ("IPv6 and port", b"[2001:db8:1:2:3:4:5:6]:567", Some(&[0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2])),
            (
                "the last address of that network",
                b"[2001:db8:1:2:ffff:ffff:ffff:ffff]:1",
                Some(&[0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2]),
            ),
            ("the first of the next one", b"[2001:db8:1:3::]:1", Some(&[0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 3])),
            ("IPv6 alone", b"2001:db8::1", Some(&[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0])),
            ("loopback", b"[::1]:1", Some(&[0; 8])),
            ("link-local with a scope", b"[fe80::1%2]:1", Some(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0])),
            ("IPv4 in IPv6", b"[::ffff:192.0.2.1]:567", Some(&[192, 0, 2, 1])),
            ("a Unix domain socket", b"/run/envoy.sock", None),
            ("an internal listener", b"envoy://internal_client_address/", None),
            ("a name", b"localhost:80", None),
            ("not UTF-8", b"\xff\xfe", None),
            ("nothing", b"", None),
        ];
        for (why, address, want) in cases {
            let caller = ClientNetwork::parse(address);
            assert_eq!(caller.as_ref().map(ClientNetwork::octets), want, "{why}");
        }
    }
}
