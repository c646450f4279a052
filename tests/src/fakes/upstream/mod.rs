//! The upstream behind the gateway in tests: a service that is not written in Rust, without or with TLS.

mod backend;
mod certificate;
mod python_server;

pub use backend::{Backend, ReceivedRequest};
pub use certificate::Certificate;
pub use python_server::PythonServer;
