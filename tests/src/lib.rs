//! What the end-to-end tests and the demo are made of: a real Envoy on the shipped configuration, faithful fakes of
//! Stripe and Clerk with their faults, and an upstream that is not Rust.

pub mod browser;
pub mod clerk;
pub mod command;
pub mod crash_switch;
pub mod debian;
pub mod envoy;
pub mod fake;
pub mod faults;
pub mod gateway;
pub mod go;
pub mod hostile;
pub mod modules;
pub mod platform;
pub mod ports;
pub mod process;
pub mod python;
pub mod ratelimit;
pub mod stripe;
pub mod stripe_mock;
pub mod tls_front;
pub mod transport;
pub mod upstream;
pub mod windows;
pub mod wire;
pub mod workspace;
