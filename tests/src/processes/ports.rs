//! Free ports for programs that cannot report the port that the system assigned.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Returns addresses of the loopback at which nothing listens.
///
/// # Panics
/// If there is none.
pub fn free<const N: usize>() -> [SocketAddr; N] {
    let listeners = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("its address"))
}
