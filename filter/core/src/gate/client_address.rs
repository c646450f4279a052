//! The address of an anonymous caller, as Envoy determines it.
//!
//! If proxies in front are trusted, Envoy reads the client's address from `x-forwarded-for`. It only reads
//! addresses without a port: for an entry with one, it silently uses the address of the proxy, so that all
//! clients of the proxy would share one counter. The gate cannot use the entry itself: without trusted
//! proxies the client wrote it, and could create any number of counters.

use crate::alarm::{Alarm, AlarmCode};
use crate::http::HeaderMap;
use crate::quota::{ClientAddress, ClientNetwork};
use std::net::SocketAddr;

/// The maximum number of entries of `x-forwarded-for` to check, starting with the last. No deployment has
/// more proxies in front.
const ENTRIES_MAX: usize = 16;

/// The reason why an anonymous caller cannot be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressError {
    /// There is no address, as on a Unix domain socket.
    Unknown,
    /// The address is that of the peer, but `x-forwarded-for` has one that Envoy cannot read.
    Unreadable,
}

impl AddressError {
    /// Returns the cause and the cure.
    pub(super) const fn cause_and_cure(self) -> (&'static str, &'static str) {
        match self {
            AddressError::Unknown => {
                ("Envoy has no address of the client", "let clients, or the proxy in front, connect over TCP")
            }
            AddressError::Unreadable => (
                "x-forwarded-for has an address with a port, which Envoy does not read",
                "let the proxy in front write addresses without ports; see \"Client addresses\" in docs/platforms.md",
            ),
        }
    }

    /// Returns the alarm.
    pub(super) fn alarm(self) -> Alarm {
        let (cause, cure) = self.cause_and_cure();
        Alarm::warning(AlarmCode::AddressUnknown, cause, cure).with("cause", cause)
    }
}

/// Returns whether `x-forwarded-for` has an address that Envoy does not read: with a port, or in brackets.
pub(super) fn is_forwarded_with_port(headers: &HeaderMap) -> bool {
    let fields = headers.get_all("x-forwarded-for");
    fields.into_iter().any(|field| field.rsplit(|byte| *byte == b',').take(ENTRIES_MAX).any(has_port))
}

fn has_port(entry: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(entry.trim_ascii()) else { return false };
    text.starts_with('[') || text.parse::<SocketAddr>().is_ok()
}

/// Returns the network by which an anonymous caller is counted. `address` is Envoy's attribute
/// `source.address`; `forwarded_with_port` is the result of [`is_forwarded_with_port`].
pub(super) fn network(
    address: Option<&[u8]>,
    forwarded_with_port: bool,
) -> Result<ClientNetwork, AddressError> {
    let address = address.and_then(ClientAddress::parse).ok_or(AddressError::Unknown)?;
    if address.is_peer && forwarded_with_port {
        return Err(AddressError::Unreadable);
    }
    Ok(address.network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_port_is_found_at_any_position() {
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
    fn the_peers_address_counts_only_if_no_other_is_forwarded() {
        let peer = Some(&b"192.0.2.1:567"[..]);
        let forwarded = Some(&b"192.0.2.1:0"[..]);
        let own = Ok(ClientNetwork::V4([192, 0, 2, 1]));
        let cases = [
            ("connected", peer, false, own),
            ("Envoy has read it", forwarded, false, own),
            ("Envoy has read it, and another one has a port", forwarded, true, own),
            ("Envoy has not read it", peer, true, Err(AddressError::Unreadable)),
            ("none", None, false, Err(AddressError::Unknown)),
            ("no IP address", Some(&b"/run/envoy.sock"[..]), true, Err(AddressError::Unknown)),
        ];
        for (why, address, forwarded_with_port, want) in cases {
            assert_eq!(network(address, forwarded_with_port), want, "{why}");
        }
    }
}
