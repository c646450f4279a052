//! Counters in envoyproxy/ratelimit, for all gateways together: what is sent, what comes back, what is remembered.
//!
//! The service only counts. Its configuration is the same whatever the plans are: every counter may go up to
//! [`CAPACITY`], so that what was used is what is missing from it, and the plan's own maximum is compared here.

pub(crate) mod descriptor;
pub(crate) mod observed_usage;
pub(crate) mod request;
pub mod response;

pub use descriptor::{Counter, CounterOf};
pub(crate) use observed_usage::{NextCall, ObservedUsage};
pub(crate) use response::AnswerError;

/// How far each counter can go by the service's configuration: the largest number that it takes.
pub const CAPACITY: u64 = 4_294_967_295;
