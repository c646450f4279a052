//! Where a caller without a token comes from, as far as Envoy can tell.
//!
//! Envoy takes the client's address from `x-forwarded-for` where proxies in front are trusted. It reads addresses
//! without a port only; for an entry with one it silently uses the address of the proxy, and everybody behind the proxy
//! would share one counter. What the entry says cannot be used instead: without trusted proxies the client wrote it, and
//! could have as many counters as it likes.

use crate::http::HeaderMap;
use crate::quota::{ClientAddress, ClientNetwork};
use std::net::SocketAddr;

/// How many entries of `x-forwarded-for` are looked at, from the last one on. More proxies are not in front of anybody.
const ENTRIES_MAX: usize = 16;

/// Why an anonymous caller cannot be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressError {
    /// There is no address, as on a Unix domain socket.
    Unknown,
    /// There is that of the peer, and a proxy may have told another one in a form that Envoy does not read.
    Unread,
}

impl AddressError {
    /// Returns what the operator is told: what is wrong, and what to do.
    pub(super) const fn cause_and_cure(self) -> (&'static str, &'static str) {
        match self {
            AddressError::Unknown => (
                "Envoy knows no address of the client",
                "let clients, or the proxy in front, connect over TCP",
            ),
            AddressError::Unread => (
                "x-forwarded-for has an address with a port, which Envoy does not read",
                "let the proxy in front write addresses without ports; see \"Client addresses\" in docs/platforms.md",
            ),
        }
    }
}

/// Returns whether `x-forwarded-for` names an address in a form that Envoy does not read: with a port, or in brackets.
pub(super) fn is_forwarded_with_port(headers: &HeaderMap) -> bool {
    let fields = headers.get_all("x-forwarded-for");
    fields.into_iter().any(|field| field.rsplit(|byte| *byte == b',').take(ENTRIES_MAX).any(has_port))
}

fn has_port(entry: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(entry.trim_ascii()) else { return false };
    text.starts_with('[') || text.parse::<SocketAddr>().is_ok()
}

/// Returns who counts as the caller. `address` is Envoy's attribute `source.address`; `forwarded_with_port` as
/// [`is_forwarded_with_port`] says.
pub(super) fn network(
    address: Option<&[u8]>,
    forwarded_with_port: bool,
) -> Result<ClientNetwork, AddressError> {
    let address = address.and_then(ClientAddress::parse).ok_or(AddressError::Unknown)?;
    if address.is_peer && forwarded_with_port { Err(AddressError::Unread) } else { Ok(address.network) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_port_is_seen_wherever_it_stands() {
        let many = format!("192.0.2.1:80{}", ", 192.0.2.2".repeat(ENTRIES_MAX));
        let cases: [(&[&str], bool); 16] = [
            (&[], false),
            (&[""], false),
            (&["192.0.2.1"], false),
            (&["192.0.2.1, 2001:db8::1,198.51.100.7"], false),
            (&["unknown"], false),
            (&["localhost:80"], false),
            (&["192.0.2.1:"], false),
            (&["\"192.0.2.1\""], false),
            (&["192.0.2.1:4711"], true),
            (&["192.0.2.1:4711,10.0.0.1"], true),
            (&["10.0.0.1 , 192.0.2.1:4711 "], true),
            (&["10.0.0.1", "192.0.2.1:4711"], true),
            (&["[2001:db8::1]:4711"], true),
            (&["[2001:db8::1]"], true),
            (&["::ffff:192.0.2.1"], false),
            (&[&many], false),
        ];
        for (fields, want) in cases {
            let fields = fields.iter().map(|value| (&b"x-forwarded-for"[..], value.as_bytes()));
            let headers = HeaderMap::from_fields(fields);
            assert_eq!(is_forwarded_with_port(&headers), want, "{headers:?}");
        }
    }

    #[test]
    fn the_peers_address_counts_only_where_no_proxy_tells_another_one() {
        let peer = Some(&b"192.0.2.1:567"[..]);
        let told = Some(&b"192.0.2.1:0"[..]);
        let own = Ok(ClientNetwork::V4([192, 0, 2, 1]));
        let cases = [
            ("connected", peer, false, own),
            ("Envoy has read it", told, false, own),
            ("Envoy has read it, and another one has a port", told, true, own),
            ("Envoy has not read it", peer, true, Err(AddressError::Unread)),
            ("none", None, false, Err(AddressError::Unknown)),
            ("no IP address", Some(&b"/run/envoy.sock"[..]), true, Err(AddressError::Unknown)),
        ];
        for (why, address, forwarded_with_port, want) in cases {
            assert_eq!(network(address, forwarded_with_port), want, "{why}");
        }
    }
}
