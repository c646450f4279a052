//! A panic ends a hook, not the gateway.

use crate::abi::{self, Stream};
use crate::handles::RequestHandle;
use crate::host::Native;
use crate::{held, registry};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tollgate_driver::{raise_panic, refuse_after_panic};

/// The counter of panics that were caught.
pub(crate) const PANICS: &str = "tollgate.panics";

/// Whether the request was judged before a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It may be: it is left as it is.
    Perhaps,
    /// No: it must not pass.
    No,
    /// Not if it is still held.
    UnlessHeld,
}

/// Runs a hook. One that panics is logged and returns `otherwise`.
pub(crate) fn run<T>(otherwise: T, hook: impl FnOnce() -> T) -> T {
    // What the hook leaves behind is a request that was not judged, and whose number no other hook will get.
    catch_unwind(AssertUnwindSafe(hook)).unwrap_or_else(|_| {
        raise_panic(&mut Native::ended());
        otherwise
    })
}

/// Runs a hook of a request. One that panics is counted too, and a request that was not judged gets 500.
pub(crate) fn run_request<T>(
    stream: Stream,
    request: RequestHandle,
    judged: Judged,
    otherwise: T,
    hook: impl FnOnce() -> T,
) -> T {
    catch_unwind(AssertUnwindSafe(hook)).unwrap_or_else(|_| {
        let panics = registry::get(request.filter_id()).and_then(|filter| filter.panics);
        if let Some(id) = panics.and_then(|id| usize::try_from(id).ok()) {
            abi::increment_counter(stream, id);
        }
        let request_id = request.request_id();
        let mut host = Native::request(stream, request_id);
        match judged {
            Judged::No => refuse_after_panic(&mut host),
            Judged::UnlessHeld if held::get(request_id).is_some() => refuse_after_panic(&mut host),
            Judged::UnlessHeld | Judged::Perhaps => raise_panic(&mut host),
        }
        host.finish(Some((request_id, stream)));
        otherwise
    })
}
