//! HTTP requests as the tests send them: over each transport, or written byte by byte.

pub mod transport;
pub mod wire;
