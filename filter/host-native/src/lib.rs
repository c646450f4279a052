//! Tollgate's filters behind Envoy's dynamic-module ABI: the same rules as in the Wasm modules, as native code.
//!
//! Envoy loads one file, `libtollgate.so`, and names the filter by `filter_name`; `filter_config` is the same document
//! that the Wasm modules get. `plan_gate` is served so far.
//!
//! A fault here ends the gateway, not a VM. So the ABI and all unsafe code stand in [`abi`], which hands out bytes and
//! plain numbers; every hook catches panics ([`guard`]): the request gets 500, the log an alarm, and `tollgate.panics`
//! is counted.
//!
//! The way of an event: Envoy calls a function of [`hooks`] or [`callout_hooks`]; it enters the [`worker`] of its thread,
//! which has a [`Dispatch`](tollgate_driver::Dispatch); that asks [`host::Native`] for effects. What Envoy may answer by calling
//! another hook (a reply, a request that continues) is done after the worker is left.

mod abi;
mod callout;
mod callout_hooks;
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
