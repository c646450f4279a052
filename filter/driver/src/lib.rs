//! Performs the actions of Tollgate's rules on any host.
//!
//! A [`Machine`](tollgate_core::Machine) returns one [`Action`](tollgate_core::Action) for each input. This
//! crate is the only loop that performs actions: it calls a [`Host`] for their effects and passes the results
//! back as the next input. [`Dispatch`] keeps the filters and the requests of one worker thread, and selects
//! the one that an event belongs to.
//!
//! A new kind of host implements [`Host`] and calls the methods of [`Dispatch`]: `filter/host-proxy-wasm` is
//! the one for Envoy's Wasm filters, `filter/host-native` for its dynamic modules, and [`memory`] for
//! `tollgate token` and tests. Neither this crate nor a host decides anything about a request. The exception
//! is a failure of the host itself that would let a request pass without a decision: the request is refused
//! here, with status 500 and code `internal_error`.

mod callout;
mod dispatch;
#[cfg(test)]
mod examples;
mod exchange;
mod filter;
mod host;
pub mod memory;
mod metrics;
mod pending;
mod perform;
mod undecided;

pub use callout::{CalloutResult, RESPONSE_BYTES_MAX, http_fields, timeout_ms};
pub use dispatch::{Dispatch, Flow};
pub use filter::{Filter, Setup};
pub use host::{HeadersError, Host, HostError, SharedValue, is_field_value_safe};
pub use metrics::METRICS_MAX;
pub use perform::STEPS_MAX;
pub use undecided::{raise_panic, refuse_after_panic};
