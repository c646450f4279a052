//! The functions that Envoy calls when callouts end or a scheduler wakes a thread.

#![allow(unsafe_code, reason = "the name of an exported function must be the only one of its kind")]

use crate::abi::{self, BorrowedChunks, BorrowedFields, FilterConfig, Stream};
use crate::callout::{self, CalloutEnd, StartedCallout, Token};
use crate::guard::{self, Decided};
use crate::handles::{FilterHandle, RequestHandle};
use crate::{grpc, registry, worker};

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_http_callout_done(
    stream: Stream,
    request: RequestHandle,
    callout_id: u64,
    end: CalloutEnd,
    fields: BorrowedFields,
    field_count: usize,
    chunks: BorrowedChunks,
    chunk_count: usize,
) {
    guard::run_request(stream, request, Decided::UnlessHeld, (), || {
        let token = Token::Http { request_id: request.request_id(), callout_id };
        worker::end_callout(request, token, callout::read(end, fields, field_count, chunks, chunk_count));
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_headers(
    stream: Stream,
    request: RequestHandle,
    http_stream_id: u64,
    fields: BorrowedFields,
    field_count: usize,
    _end_of_stream: bool,
) {
    guard::run_request(stream, request, Decided::UnlessHeld, (), || {
        grpc::fields(request.request_id(), http_stream_id, &fields.to_header_map(field_count));
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_data(
    stream: Stream,
    request: RequestHandle,
    http_stream_id: u64,
    chunks: BorrowedChunks,
    chunk_count: usize,
    _end_of_stream: bool,
) {
    guard::run_request(stream, request, Decided::UnlessHeld, (), || {
        if !grpc::body(request.request_id(), http_stream_id, chunks, chunk_count) {
            abi::reset_http_stream(stream, http_stream_id);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_trailers(
    stream: Stream,
    request: RequestHandle,
    http_stream_id: u64,
    fields: BorrowedFields,
    field_count: usize,
) {
    guard::run_request(stream, request, Decided::UnlessHeld, (), || {
        grpc::fields(request.request_id(), http_stream_id, &fields.to_header_map(field_count));
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_complete(
    stream: Stream,
    request: RequestHandle,
    http_stream_id: u64,
) {
    guard::run_request(stream, request, Decided::UnlessHeld, (), || {
        let token = Token::Grpc { request_id: request.request_id(), http_stream_id };
        worker::end_callout(request, token, grpc::complete(request.request_id(), http_stream_id));
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_reset(
    stream: Stream,
    request: RequestHandle,
    http_stream_id: u64,
    _reason: u32,
) {
    guard::run_request(stream, request, Decided::UnlessHeld, (), || {
        let token = Token::Grpc { request_id: request.request_id(), http_stream_id };
        worker::end_callout(request, token, grpc::reset(request.request_id(), http_stream_id));
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_scheduled(
    stream: Stream,
    request: RequestHandle,
    _event: u64,
) {
    guard::run_request(stream, request, Decided::UnlessHeld, (), || {
        worker::settle_inquiries(stream, request)
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_scheduled(
    config: FilterConfig,
    filter: FilterHandle,
    _event: u64,
) {
    guard::run((), || {
        if let Some(filter) = registry::get(filter.filter_id()) {
            filter.inquiries.start_queued(config);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_http_callout_done(
    _config: FilterConfig,
    filter: FilterHandle,
    callout_id: u64,
    end: CalloutEnd,
    fields: BorrowedFields,
    field_count: usize,
    chunks: BorrowedChunks,
    chunk_count: usize,
) {
    guard::run((), || {
        if let Some(filter) = registry::get(filter.filter_id()) {
            let result = callout::read(end, fields, field_count, chunks, chunk_count);
            filter.inquiries.ended(StartedCallout::Http(callout_id), result);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_headers(
    _config: FilterConfig,
    filter: FilterHandle,
    http_stream_id: u64,
    fields: BorrowedFields,
    field_count: usize,
    _end_of_stream: bool,
) {
    guard::run((), || grpc::fields(filter.filter_id(), http_stream_id, &fields.to_header_map(field_count)));
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_data(
    config: FilterConfig,
    filter: FilterHandle,
    http_stream_id: u64,
    chunks: BorrowedChunks,
    chunk_count: usize,
    _end_of_stream: bool,
) {
    guard::run((), || {
        if !grpc::body(filter.filter_id(), http_stream_id, chunks, chunk_count) {
            abi::reset_config_http_stream(config, http_stream_id);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_trailers(
    _config: FilterConfig,
    filter: FilterHandle,
    http_stream_id: u64,
    fields: BorrowedFields,
    field_count: usize,
) {
    guard::run((), || grpc::fields(filter.filter_id(), http_stream_id, &fields.to_header_map(field_count)));
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_complete(
    _config: FilterConfig,
    filter: FilterHandle,
    http_stream_id: u64,
) {
    guard::run((), || {
        if let Some(registered) = registry::get(filter.filter_id()) {
            let result = grpc::complete(filter.filter_id(), http_stream_id);
            registered.inquiries.ended(StartedCallout::Grpc(http_stream_id), result);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_reset(
    _config: FilterConfig,
    filter: FilterHandle,
    http_stream_id: u64,
    _reason: u32,
) {
    guard::run((), || {
        if let Some(registered) = registry::get(filter.filter_id()) {
            let result = grpc::reset(filter.filter_id(), http_stream_id);
            registered.inquiries.ended(StartedCallout::Grpc(http_stream_id), result);
        }
    });
}
