//! Ports for programs that cannot report the port that the system assigned, and one at which nothing listens.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

/// An address at which nothing listens: port 1 of the loopback.
pub const CLOSED: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// The ports that are given out. The system assigns none of them to other programs and connections (on Linux, it
/// begins at 32768), so that none is taken before its program listens.
const GIVEN_OUT: Range<u16> = 20_000..32_000;

/// Returns addresses of the loopback at which nothing listens, each once in this process.
///
/// # Panics
/// If there is none.
pub fn free<const N: usize>() -> [SocketAddr; N] {
    [(); N].map(|()| next())
}

fn next() -> SocketAddr {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Each process begins elsewhere.
    let first = u16::try_from(std::process::id() * 16 % u32::from(GIVEN_OUT.end - GIVEN_OUT.start));
    let first = first.expect("less than the number of ports");
    for _ in GIVEN_OUT {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        let offset = first.wrapping_add(given) % (GIVEN_OUT.end - GIVEN_OUT.start);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, GIVEN_OUT.start + offset));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port of {GIVEN_OUT:?} is free");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_is_given_out_once_and_none_that_is_taken() {
        let [first] = free();
        let next = SocketAddr::from((Ipv4Addr::LOCALHOST, first.port() + 1));
        let taken = TcpListener::bind(next);
        let [second, third] = free();
        assert!(first != second && second != third && first != third, "{first} {second} {third}");
        assert!(taken.is_err() || second != next, "{second} is taken");
    }
}
