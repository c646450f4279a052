//! The functions that Envoy calls for filters and requests. Envoy rejects a module that lacks a function of
//! HTTP filters.

#![allow(unsafe_code, reason = "the name of an exported function must be the only one of its kind")]

use crate::abi::{self, EnvoyBuffer, FilterConfig, Stream};
use crate::filters::{FilterKind, with_dispatch};
use crate::guard::{self, Decided, PANICS};
use crate::handles::{FilterHandle, RequestHandle};
use crate::host::Native;
use crate::inquiry::Inquiries;
use crate::registry::{self, RegisteredFilter};
use crate::{body, grpc, held, worker};
use std::ffi::c_char;
use tollgate_core::config::listed_api_keys;
use tollgate_core::report::{Level, MetricKind};
use tollgate_driver::{Flow, Host};

/// The result of a hook that lets the stream continue.
const CONTINUE: u32 = 0;
/// The result of the hooks for header fields and for trailers that holds them. The hook for the body is
/// called nevertheless.
const STOP: u32 = 1;
/// The result of the hook for the body that holds it: Envoy adds it to its buffer. A body over the buffer's
/// limit gets Envoy's 413.
const STOP_AND_BUFFER: u32 = 1;
/// The result of the hook for header fields that holds the whole request: a body cannot carry it past the
/// filter.
const STOP_ALL_AND_WATERMARK: u32 = 4;

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    abi::version()
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    config: FilterConfig,
    name: EnvoyBuffer,
    document: EnvoyBuffer,
) -> FilterHandle {
    guard::run(FilterHandle::REFUSED, || configure(config, &name.to_vec(), document.to_vec()))
}

fn configure(config: FilterConfig, name: &[u8], document: Vec<u8>) -> FilterHandle {
    let api_keys = listed_api_keys(&document);
    let mut host = Native::configuring(config, api_keys.clone());
    let Some(kind) = FilterKind::of_name(name) else {
        let known: Vec<&str> = FilterKind::ALL.iter().map(|kind| kind.name()).collect();
        let (name, known) = (name.escape_ascii(), known.join(", "));
        host.log(Level::Error, &format!("filter_name: no filter \"{name}\" in this build; it has {known}"));
        return FilterHandle::REFUSED;
    };
    if !kind.check(&mut host, &document) {
        return FilterHandle::REFUSED;
    }
    let panics = host.define_metric(MetricKind::Counter, PANICS).ok();
    let metrics = host.into_metrics();
    let filter = RegisteredFilter { document, api_keys, metrics, panics, inquiries: Inquiries::new(config) };
    FilterHandle::new(registry::add(kind, filter))
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(filter: FilterHandle) {
    guard::run((), || {
        registry::remove(filter.filter_id());
        grpc::remove(filter.filter_id());
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_new(filter: FilterHandle, stream: Stream) -> RequestHandle {
    let filter_id = filter.filter_id();
    // A request that was not started is refused at its header fields.
    let unknown = RequestHandle::new(filter_id, 0);
    guard::run_request(stream, unknown, Decided::Possibly, unknown, || {
        worker::enter(unknown, |worker| RequestHandle::new(filter_id, worker.begin_request(filter_id)))
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    stream: Stream,
    request: RequestHandle,
    end_of_stream: bool,
) -> u32 {
    let held = if request.kind().reads_body() { STOP } else { STOP_ALL_AND_WATERMARK };
    guard::run_request(stream, request, Decided::No, held, || {
        let flow = worker::decide(stream, request, |worker, host| {
            #[cfg(feature = "test_panic")]
            crate::test_panic::panic_on_demand(stream, "headers");
            let request_id = request.request_id();
            with_dispatch!(worker.dispatches, request.kind(), dispatch => {
                dispatch.request_headers(host, request_id, end_of_stream)
            })
        });
        held_by(flow, held)
    })
}

/// Handles a part of a body. A filter that does not read bodies has decided before the first part.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_request_body(
    stream: Stream,
    request: RequestHandle,
    end_of_stream: bool,
) -> u32 {
    if !request.kind().reads_body() {
        return CONTINUE;
    }
    // Envoy may have replied with 413 and destroyed the filter before it calls this.
    if request.request_id() == 0 {
        return STOP_AND_BUFFER;
    }
    // A request that is not held was forwarded.
    let otherwise = if held::get(request.request_id()).is_some() { STOP_AND_BUFFER } else { CONTINUE };
    guard::run_request(stream, request, Decided::UnlessHeld, otherwise, || {
        let size = body::size(stream);
        let flow = worker::decide(stream, request, |worker, host| {
            #[cfg(feature = "test_panic")]
            crate::test_panic::panic_on_demand(stream, "body");
            let request_id = request.request_id();
            with_dispatch!(worker.dispatches, request.kind(), dispatch => {
                dispatch.request_body(host, request_id, size, end_of_stream)
            })
        });
        held_by(flow, STOP_AND_BUFFER)
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_request_trailers(
    stream: Stream,
    request: RequestHandle,
) -> u32 {
    guard::run_request(stream, request, Decided::No, STOP, || {
        let flow = worker::decide(stream, request, |worker, host| {
            let request_id = request.request_id();
            with_dispatch!(worker.dispatches, request.kind(), dispatch => {
                dispatch.request_trailers(host, request_id)
            })
        });
        held_by(flow, STOP)
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(
    stream: Stream,
    request: RequestHandle,
    _end_of_stream: bool,
) -> u32 {
    guard::run_request(stream, request, Decided::Possibly, CONTINUE, || {
        worker::respond(stream, request);
        CONTINUE
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_destroy(request: RequestHandle) {
    guard::run((), || worker::remove_request(request));
}

/// Ends a request while its stream can still be changed. Envoy calls this before it destroys the filter, also
/// for a request that it sends again because of a redirect.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_stream_complete(stream: Stream, request: RequestHandle) {
    guard::run_request(stream, request, Decided::Possibly, (), || worker::end_request(stream, request));
}

fn held_by(flow: Flow, held: u32) -> u32 {
    match flow {
        Flow::Continue => CONTINUE,
        Flow::Pause => held,
    }
}

/// Exports hooks that the filters here do not use. Their arguments are not read; in C the caller removes
/// them.
macro_rules! unused_hooks {
    ($($name:ident $(-> $returns:ty = $value:expr)?;)*) => {
        $(#[unsafe(no_mangle)]
        extern "C" fn $name() $(-> $returns)? { $($value)? })*
    };
}

unused_hooks! {
    // Null: a route cannot have its own configuration.
    envoy_dynamic_module_on_http_filter_per_route_config_new -> usize = 0;
    envoy_dynamic_module_on_http_filter_per_route_config_destroy;
    envoy_dynamic_module_on_http_filter_response_body -> u32 = CONTINUE;
    envoy_dynamic_module_on_http_filter_response_trailers -> u32 = CONTINUE;
    envoy_dynamic_module_on_http_filter_local_reply -> u32 = CONTINUE;
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark;
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark;
}
