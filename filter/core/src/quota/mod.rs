//! How often: calendar windows, the counters of the local store, and those of envoyproxy/ratelimit.
//!
//! A request of the local store goes [`BucketTable::place`] → load → [`spend()`] → swap, the last three again if the
//! swap was lost. What it says to the client ([`fields`], [`usage`]) it takes from [`WindowState`]s, which another
//! store can make as well.

pub mod address;
pub mod bucket;
pub mod calendar;
pub mod fields;
mod fingerprint;
pub mod ratelimit;
pub mod spend;
pub mod table;
pub mod usage;
pub mod window_state;

#[cfg(test)]
mod tests;

pub use address::{ClientAddress, ClientNetwork};
pub use calendar::Interval;
pub use fingerprint::Fingerprint;
pub use spend::{Decision, SWAP_TRIES_MAX, Spent, decide, peek, spend};
pub use table::{BucketTable, Callers, CounterKey, Seed};
pub use usage::LimitUsage;
pub use window_state::{WindowState, tightest};
