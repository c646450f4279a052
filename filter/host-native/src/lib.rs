//! Tollgate's filters behind Envoy's dynamic-module ABI: the same rules as in the Wasm modules, as native
//! code.
//!
//! Envoy loads one file, `libtollgate.so`, and selects the filter by `filter_name` ([`filters`] lists them);
//! `filter_config` is the same document as for the Wasm modules.
//!
//! A fault here ends the gateway, not a VM. So the ABI and all unsafe code are in [`abi`], whose interface is
//! bytes and plain numbers; every hook catches panics ([`guard`]): the request gets 500, the log gets an
//! alarm, and `tollgate.panics` is counted.
//!
//! The path of an event: Envoy calls a function of [`hooks`] or [`callout_hooks`]; it enters the [`worker`]
//! of its thread, which has a [`Dispatch`](tollgate_driver::Dispatch) for each filter; that calls
//! [`host::Native`] for effects. Effects during which Envoy may call another hook (a reply, a resumed request) are performed after
//! the worker is left.

mod abi;
mod body;
mod callout;
mod callout_hooks;
mod filters;
mod grpc;
mod guard;
mod handles;
mod headers;
mod held;
mod hooks;
mod host;
mod inquiry;
mod kept;
mod process;
mod registry;
mod reply;
mod shared_data;
mod signature;
#[cfg(feature = "test_panic")]
mod test_panic;
mod thread_state;
mod worker;
