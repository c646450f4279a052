//! Performs what Tollgate's rules want, on any host.
//!
//! A [`Machine`](tollgate_core::Machine) returns one [`Action`](tollgate_core::Action) for each input. This crate is the
//! only loop that performs actions: it asks a [`Host`] for their effects and gives what comes of them back as the next
//! input. [`Dispatch`] keeps the filters and the requests of one worker thread, and decides which of them an event is for.
//!
//! A new kind of host implements [`Host`] and calls the methods of [`Dispatch`]; `filter/host-proxy-wasm` is the one for
//! Envoy's Wasm filters, `filter/host-native` for its dynamic modules, and [`memory`] for `tollgate token` and tests.
//! Neither this crate nor a host decides anything about a request. Only where the host itself fails, in a way that would
//! let a request pass unjudged, is it answered here: 500, code `internal_error`.

mod callout;
mod dispatch;
mod exchange;
mod filter;
mod host;
pub mod memory;
mod metrics;
mod pending;
mod perform;
mod unjudged;

pub use callout::{CalloutResult, RESPONSE_BYTES_MAX, http_fields, timeout_ms};
pub use dispatch::{Dispatch, Flow};
pub use filter::{Filter, Setup};
pub use host::{HeadersError, Host, HostError, SharedValue, is_field_value_safe};
pub use metrics::METRICS_MAX;
pub use perform::STEPS_MAX;
pub use unjudged::{raise_panic, refuse_after_panic};
