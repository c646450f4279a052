//! Catches panics: one ends a hook, not the gateway.

use crate::abi::{self, Stream};
use crate::handles::RequestHandle;
use crate::host::Native;
use crate::{held, registry};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tollgate_driver::{raise_panic, refuse_after_panic};

/// The name of the counter of caught panics.
pub(crate) const PANICS: &str = "tollgate.panics";

/// Whether there was a decision on the request before a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    /// Possibly: the request is left unchanged.
    Possibly,
    /// No: the request must not pass.
    No,
    /// Not if the request is still held.
    UnlessHeld,
}

/// Runs a hook. If it panics, logs that and returns `otherwise`.
pub(crate) fn run<T>(otherwise: T, hook: impl FnOnce() -> T) -> T {
    // A panic leaves a request without a decision, and no other hook gets its ID.
    catch_unwind(AssertUnwindSafe(hook)).unwrap_or_else(|_| {
        raise_panic(&mut Native::ended());
        otherwise
    })
}

/// Runs a hook of a request. If it panics, counts that too, and refuses a request without a decision with
/// 500.
pub(crate) fn run_request<T>(
    stream: Stream,
    request: RequestHandle,
    decided: Decided,
    otherwise: T,
    hook: impl FnOnce() -> T,
) -> T {
    catch_unwind(AssertUnwindSafe(hook)).unwrap_or_else(|_| {
        let panics = registry::get(request.filter_id()).and_then(|filter| filter.panics);
        if let Some(id) = panics.and_then(|id| usize::try_from(id).ok()) {
            abi::increment_counter(stream, id, 1);
        }
        let request_id = request.request_id();
        let mut host = Native::request(stream, request_id);
        match decided {
            Decided::No => refuse_after_panic(&mut host),
            Decided::UnlessHeld if held::get(request_id).is_some() => refuse_after_panic(&mut host),
            Decided::UnlessHeld | Decided::Possibly => raise_panic(&mut host),
        }
        host.finish(Some((request_id, stream)));
        otherwise
    })
}
