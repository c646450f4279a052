//! How often: calendar windows, the counters of the local store, and those of envoyproxy/ratelimit.
//!
//! A request of the local store goes [`BucketTable::place`] → load → [`spend()`] → swap, the last three again if the
//! swap was lost. What it says to the client ([`fields`], [`usage`]) it takes from [`WindowState`]s, which another
//! store can make as well.

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
