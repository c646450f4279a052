//! Harness of the end-to-end tests and the demo: a real Envoy on the shipped configuration, faithful fakes of
//! Stripe and Clerk with their faults, and an upstream that is not written in Rust.
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic on a closed pipe.

pub mod client;
pub mod compatibility;
pub mod fakes;
pub mod hostile;
pub mod install;
pub mod playground;
pub mod processes;
pub mod queries;
pub mod waiting;
pub mod windows;
