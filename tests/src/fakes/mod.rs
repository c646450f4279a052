//! Fakes of the services that Tollgate calls or protects: Stripe, Clerk, and the upstream; and the HTTP
//! server that the API fakes share, its faults, and a TLS proxy in front of it.

mod bounded_log;
pub mod clerk;
pub mod faults;
pub mod server;
pub mod stripe;
pub mod tls_proxy;
pub mod upstream;
