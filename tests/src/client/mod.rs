//! HTTP requests as the tests send them: over each transport, or written byte by byte.

pub mod transport;
pub mod wire;

/// Returns the builder of a client that uses no proxy of the machine and reuses no connection. A connection
/// belongs to the runtime that opened it, and a client may outlive it. With a new connection for each request,
/// requests also spread over Envoy's workers.
pub fn unpooled() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0)
}
