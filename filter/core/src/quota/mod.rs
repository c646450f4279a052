//! Quotas: calendar windows, the counters of the local store, and those of envoyproxy/ratelimit.
//!
//! A request in the local store takes these steps: [`BucketTable::key`] → load → [`spend()`] → swap; the last
//! three are repeated if the swap is lost. The values for the client ([`fields`], [`usage`]) come from
//! [`WindowState`]s, which both stores return.

pub mod bucket;
pub(crate) mod calendar;
pub(crate) mod client_network;
pub(crate) mod fields;
mod fingerprint;
pub mod ratelimit;
pub mod spend;
pub mod table;
pub(crate) mod usage;
pub(crate) mod window_state;

#[cfg(test)]
mod tests;

pub(crate) use client_network::{ClientAddress, ClientNetwork};
pub(crate) use fingerprint::Fingerprint;
pub use spend::{Decision, SWAP_TRIES_MAX, Spent, decide, peek, spend};
pub use table::{BucketTable, Callers, CounterKey, Seed};
pub(crate) use usage::LimitUsage;
pub(crate) use window_state::{WindowState, tightest};
