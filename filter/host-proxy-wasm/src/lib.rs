//! The one way from Tollgate's rules to Envoy: the proxy-wasm ABI 0.2.1, bytes only, without a panic.
//!
//! A panic kills the VM that a worker thread shares among all its requests. So nothing here panics, whatever Envoy
//! answers: an unknown status is a value, a buffer may be short, a header field need not be UTF-8. That is why the
//! proxy-wasm SDK is not used.
//!
//! This crate decides nothing about a request. It gives a [`Machine`](tollgate_core::Machine) its inputs and
//! performs the actions that come back. Only where Envoy itself fails in a way that would let a request pass
//! unjudged does it answer by itself: 500, code `internal_error`.
//!
//! A filter is a crate of type `cdylib` that implements [`Filter`] and names its callbacks with [`export_filter`].

mod abi;
mod body;
pub mod callout;
mod clock;
#[doc(hidden)]
pub mod dispatch;
mod environment;
mod exchange;
#[doc(hidden)]
pub mod export;
mod fault;
mod filter;
mod headers;
mod log;
mod metrics;
mod pending;
mod perform;
mod property;
mod random;
mod reply;
mod shared_data;
mod signature;

pub use dispatch::Dispatch;
pub use filter::{Filter, Setup};
