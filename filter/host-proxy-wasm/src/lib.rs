//! The only connection from Tollgate's rules to Envoy: the proxy-wasm ABI 0.2.1, bytes only, without panics.
//!
//! A panic kills the VM that a worker thread shares among all its requests. So nothing here panics for any
//! value that Envoy returns: an unknown status is a value, a buffer may be short, a header field need not be
//! UTF-8. This is the reason why the proxy-wasm SDK is not used.
//!
//! This crate decides nothing about a request: [`tollgate_driver`] passes inputs to a
//! [`Machine`](tollgate_core::Machine) and calls [`ProxyWasm`] for the effects of its actions.
//!
//! A filter is a crate of type `cdylib` that implements [`Filter`] and names its callbacks with
//! [`export_filter`].

mod abi;
mod body;
#[doc(hidden)]
pub mod callbacks;
mod callout;
mod clock;
mod environment;
#[doc(hidden)]
pub mod export;
mod headers;
mod host;
mod log;
mod property;
mod random;
mod reply;
mod shared_data;
mod signature;

pub use callbacks::Callbacks;
pub use callout::CalloutToken;
pub use host::ProxyWasm;
pub use tollgate_driver::{Filter, Flow, Setup};
