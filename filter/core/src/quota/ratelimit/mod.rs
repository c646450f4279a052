//! Counters in envoyproxy/ratelimit, which all gateways share: requests, responses, and the observed use.
//!
//! The service only counts. Its configuration does not depend on the plans: every counter has the maximum
//! [`CAPACITY`], so that the use is the difference to it, and the plan's maximum is compared here.

pub(crate) mod descriptor;
pub(crate) mod observed_usage;
pub(crate) mod request;
pub mod response;

pub use descriptor::{Counter, CounterOf};
pub(crate) use observed_usage::{NextCall, ObservedUsage};
pub(crate) use response::RatelimitError;

/// The maximum of each counter in the service's configuration: the largest number that it accepts.
pub const CAPACITY: u64 = 4_294_967_295;
