//! What stands behind the gateway in tests: a service that is not written in Rust, in plain text or with TLS.

mod backend;
mod certificate;

pub use backend::{Backend, Seen};
pub use certificate::Certificate;
