//! Tests of deliveries against Stripe and Clerk in memory.
//!
//! The fakes answer as the real ones do and keep the events that changes cause. [`harness::Model`] is the
//! entry of the deterministic tests, [`harness::Schedule`] that of the random ones; the state at their end is
//! compared with [`harness::expected`].

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test"
)]

mod command;
mod deliveries;
mod harness;
mod owners;
mod plans;
mod schedules;
