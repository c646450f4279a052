//! Ports for programs that cannot say which one the system gave them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Addresses of the loopback at which nothing listens.
///
/// # Panics
/// When there is none.
pub fn free<const N: usize>() -> [SocketAddr; N] {
    let listeners = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("its address"))
}
