//! The network of an anonymous caller, by which it is counted.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The prefix for translators within one network (RFC 8215), which choose themselves how an address contains
/// an IPv4 address.
const LOCAL_TRANSLATION: [u8; 6] = [0x00, 0x64, 0xff, 0x9b, 0x00, 0x01];

/// The network of an anonymous caller: an IPv4 address, or the first 64 bits of an IPv6 address. A host with
/// one address of an IPv6 network can use all of them, so they share one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ClientNetwork {
    /// An IPv4 address.
    V4([u8; 4]),
    /// The network of an IPv6 address.
    V6([u8; 8]),
    /// A whole IPv6 address, into which a translator has converted one IPv4 address.
    Translated([u8; 16]),
}

impl ClientNetwork {
    /// Returns the network of an address.
    ///
    /// IPv6 addresses that contain the caller's IPv4 address are counted as that address: mapped
    /// (`::ffff:192.0.2.1`, on a listener at `::`), NAT64 (`64:ff9b::/96`, RFC 6052), 6to4 (`2002::/16`, RFC
    /// 3056), and Teredo (`2001::/32`, RFC 4380). By the first 64 bits, all clients of a translator or a
    /// Teredo server would share one counter, and a client with a 6to4 address would have 65,536.
    pub(crate) fn from_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => ClientNetwork::V4(v4.octets()),
            IpAddr::V6(v6) => Self::of_v6(v6),
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let octets = address.octets();
        match octets {
            [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => ClientNetwork::V4([a, b, c, d]),
            [0x20, 0x02, a, b, c, d, ..] => ClientNetwork::V4([a, b, c, d]),
            // The address of a Teredo client is written with all bits inverted.
            [0x20, 0x01, 0, 0, .., a, b, c, d] => ClientNetwork::V4([!a, !b, !c, !d]),
            _ if octets.starts_with(&LOCAL_TRANSLATION) => ClientNetwork::Translated(octets),
            [a, b, c, d, e, f, g, h, ..] => ClientNetwork::V6([a, b, c, d, e, f, g, h]),
        }
    }

    /// Returns the bytes that identify the network. A text would add the standard library's formatting of
    /// addresses to the module.
    pub(crate) fn octets(&self) -> &[u8] {
        match self {
            ClientNetwork::V4(address) => address,
            ClientNetwork::V6(network) => network,
            ClientNetwork::Translated(address) => address,
        }
    }
}

/// The client's address, from Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress {
    /// The network by which the client is counted.
    pub(crate) network: ClientNetwork,
    /// Whether it is the address of the connection. An address that Envoy read from `x-forwarded-for` has
    /// port 0.
    pub(crate) is_peer: bool,
}

impl ClientAddress {
    /// Parses Envoy's attribute `source.address`: `192.0.2.1:567`, `[2001:db8::1]:567`, or without a port.
    /// Returns `None` if it is not an IP address, as on a Unix domain socket.
    pub(crate) fn parse(address: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(address).ok()?;
        let (ip, is_peer) = match text.parse::<SocketAddr>() {
            Ok(address) => (address.ip(), address.port() != 0),
            Err(_) => (text.parse().ok()?, false),
        };
        Some(ClientAddress { network: ClientNetwork::from_address(ip), is_peer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_an_ipv4_address_or_an_ipv6_network() {
        type Case = (&'static str, &'static [u8], Option<&'static [u8]>);
        let cases: [Case; 30] = [
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
            ("IPv4 in IPv6, in hexadecimal digits", b"[::ffff:c000:201]:567", Some(&[192, 0, 2, 1])),
            ("NAT64", b"[64:ff9b::192.0.2.1]:567", Some(&[192, 0, 2, 1])),
            ("its neighbour behind the same translator", b"[64:ff9b::c000:202]:0", Some(&[192, 0, 2, 2])),
            ("the first address of NAT64", b"[64:ff9b::]:1", Some(&[0, 0, 0, 0])),
            ("beside the prefix of NAT64", b"[64:ff9b::1:0:0]:1", Some(&[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0])),
            ("a network beside it", b"[64:ff9b:0:1::1]:1", Some(&[0, 0x64, 0xff, 0x9b, 0, 0, 0, 1])),
            (
                "a local translator's address is counted whole",
                b"[64:ff9b:1::192.0.2.1]:1",
                Some(&[0, 0x64, 0xff, 0x9b, 0, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1]),
            ),
            (
                "also with another length of its prefix",
                b"[64:ff9b:1:c000:2:100::]:1",
                Some(&[0, 0x64, 0xff, 0x9b, 0, 1, 0xc0, 0, 0, 2, 1, 0, 0, 0, 0, 0]),
            ),
            ("beside the local prefix", b"[64:ff9b:2::1]:1", Some(&[0, 0x64, 0xff, 0x9b, 0, 2, 0, 0])),
            ("6to4", b"[2002:c000:201:7::1]:1", Some(&[192, 0, 2, 1])),
            ("another network of the same 6to4 site", b"[2002:c000:201:ffff::1]:1", Some(&[192, 0, 2, 1])),
            ("Teredo", b"[2001:0:cb00:7101:0:efff:3fff:fdfe]:1", Some(&[192, 0, 2, 1])),
            ("beside Teredo", b"[2001:1:cb00:7101::]:1", Some(&[0x20, 0x01, 0, 1, 0xcb, 0, 0x71, 0x01])),
            ("a compatible address is none of these", b"[::192.0.2.1]:1", Some(&[0; 8])),
            ("a port without an address", b":80", None),
            ("a Unix domain socket", b"/run/envoy.sock", None),
            ("an internal listener", b"envoy://internal_client_address/", None),
            ("a name", b"localhost:80", None),
            ("not UTF-8", b"\xff\xfe", None),
            ("nothing", b"", None),
        ];
        for (why, address, want) in cases {
            let caller = ClientAddress::parse(address).map(|address| address.network);
            assert_eq!(caller.as_ref().map(ClientNetwork::octets), want, "{why}");
        }
    }

    #[test]
    fn an_address_with_a_port_is_that_of_the_peer() {
        let cases = [
            ("192.0.2.1:567", true),
            ("[2001:db8::1]:65535", true),
            ("192.0.2.1:0", false),
            ("[2001:db8::1]:0", false),
            ("192.0.2.1", false),
        ];
        for (address, is_peer) in cases {
            assert_eq!(ClientAddress::parse(address.as_bytes()).unwrap().is_peer, is_peer, "{address}");
        }
    }
}
