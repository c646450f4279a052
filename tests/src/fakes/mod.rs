//! Fakes of the services that Tollgate calls or protects: Stripe, Clerk, and the upstream; the HTTP server that the API
//! fakes share, the faults that it injects, and TLS in front of it.

pub mod clerk;
pub mod faults;
pub mod server;
pub mod stripe;
pub mod tls_front;
pub mod upstream;
