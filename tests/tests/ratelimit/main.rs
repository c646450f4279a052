//! The gate counting in a real envoyproxy/ratelimit on a real Redis, with two Envoys of two workers each.

mod exact;
mod failures;
mod fleet;
mod refusals;
mod unavailable;
mod usage;
