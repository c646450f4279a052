//! Envoy's side of the ABI: the imported functions, each behind a safe one, and the exports that every module
//! has.
#![allow(unsafe_code, reason = "calling an imported function that takes pointers is unsafe by definition")]

use super::memory::{adopt, allocate};
use super::{BufferType, GrpcCall, LocalResponse, MapType, Status};
use std::ptr::null_mut;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        cas: u32,
    ) -> u32;
    safe fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout_ms: u32,
        token: *mut u32,
    ) -> u32;
    fn proxy_grpc_call(
        cluster: *const u8,
        cluster_size: usize,
        service: *const u8,
        service_size: usize,
        method: *const u8,
        method_size: usize,
        metadata: *const u8,
        metadata_size: usize,
        message: *const u8,
        message_size: usize,
        timeout_ms: u32,
        token: *mut u32,
    ) -> u32;
    fn proxy_get_status(code: *mut u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
    safe fn proxy_set_effective_context(context_id: u32) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        arguments: *const u8,
        arguments_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    safe fn proxy_record_metric(id: u32, value: u64) -> u32;
    safe fn proxy_set_tick_period_milliseconds(period_ms: u32) -> u32;
    safe fn proxy_increment_metric(id: u32, offset: i64) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn random_get(data: *mut u8, size: usize) -> u32;
}

unsafe extern "C" {
    /// Runs the constructors once, before anything else. The linker defines it.
    safe fn __wasm_call_ctors();
}

/// Declares the version of the ABI to Envoy.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Runs the constructors. Envoy calls this once, before anything else. Without it, the linker would run them
/// at each call of an exported function.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    __wasm_call_ctors();
}

/// Allocates memory for the result of a host call.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    allocate(size)
}

/// Makes a call that returns bytes through two out-pointers.
fn returned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, Status> {
    let mut data = null_mut();
    let mut size = 0;
    let status = Status(call(&raw mut data, &raw mut size));
    // SAFETY: both are null and zero, or the host has set them to memory that it got from
    // `proxy_on_memory_allocate` for this call. It is taken over with any status, so that a failed call leaks
    // nothing.
    let bytes = unsafe { adopt(data, size) };
    status.with(bytes)
}

pub(crate) fn log(level: u32, message: &[u8]) -> Status {
    // SAFETY: pointer and length are those of a slice that outlives the call.
    Status(unsafe { proxy_log(level, message.as_ptr(), message.len()) })
}

pub(crate) fn current_time_nanoseconds() -> Result<u64, Status> {
    let mut time = 0;
    // SAFETY: the pointer is to a local that outlives the call.
    let status = Status(unsafe { proxy_get_current_time_nanoseconds(&raw mut time) });
    status.with(time)
}

pub(crate) fn buffer_bytes(buffer: BufferType, start: usize, max: usize) -> Result<Vec<u8>, Status> {
    // SAFETY: the out-pointers are to locals of `returned`.
    returned(|data, size| unsafe { proxy_get_buffer_bytes(buffer.0, start, max, data, size) })
}

pub(crate) fn header_map_pairs(map: MapType) -> Result<Vec<u8>, Status> {
    // SAFETY: the out-pointers are to locals of `returned`.
    returned(|data, size| unsafe { proxy_get_header_map_pairs(map.0, data, size) })
}

pub(crate) fn add_header_map_value(map: MapType, name: &[u8], value: &[u8]) -> Status {
    // SAFETY: pointers and lengths are those of slices that outlive the call.
    Status(unsafe {
        proxy_add_header_map_value(map.0, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

pub(crate) fn replace_header_map_value(map: MapType, name: &[u8], value: &[u8]) -> Status {
    // SAFETY: pointers and lengths are those of slices that outlive the call.
    Status(unsafe {
        proxy_replace_header_map_value(map.0, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

pub(crate) fn remove_header_map_value(map: MapType, name: &[u8]) -> Status {
    // SAFETY: pointer and length are those of a slice that outlives the call.
    Status(unsafe { proxy_remove_header_map_value(map.0, name.as_ptr(), name.len()) })
}

pub(crate) fn property(path: &[u8]) -> Result<Vec<u8>, Status> {
    // SAFETY: pointer and length are those of a slice that outlives the call; the rest are locals of
    // `returned`.
    returned(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

pub(crate) fn shared_data(key: &[u8]) -> Result<(Vec<u8>, u32), Status> {
    let mut cas = 0;
    // SAFETY: pointer and length are those of a slice that outlives the call; the rest are locals.
    let value = returned(|data, size| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut cas)
    })?;
    Ok((value, cas))
}

pub(crate) fn set_shared_data(key: &[u8], value: &[u8], cas: u32) -> Status {
    // SAFETY: pointers and lengths are those of slices that outlive the call.
    Status(unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) })
}

pub(crate) fn continue_request() -> Status {
    const HTTP_REQUEST: u32 = 0;
    Status(proxy_continue_stream(HTTP_REQUEST))
}

pub(crate) fn send_local_response(response: &LocalResponse<'_>) -> Status {
    let LocalResponse { status, details, body, headers, grpc_status } = response;
    // SAFETY: pointers and lengths are those of slices that outlive the call.
    Status(unsafe {
        proxy_send_local_response(
            u32::from(*status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            *grpc_status,
        )
    })
}

pub(crate) fn http_call(cluster: &[u8], headers: &[u8], body: &[u8], timeout_ms: u32) -> Result<u32, Status> {
    const NO_TRAILERS: [u8; 4] = [0; 4];
    let mut token = 0;
    // SAFETY: pointers and lengths are those of slices that outlive the call; the last is to a local.
    let status = Status(unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            NO_TRAILERS.as_ptr(),
            NO_TRAILERS.len(),
            timeout_ms,
            &raw mut token,
        )
    });
    status.with(token)
}

pub(crate) fn grpc_call(call: &GrpcCall<'_>) -> Result<u32, Status> {
    const NO_METADATA: [u8; 4] = [0; 4];
    let mut token = 0;
    // SAFETY: pointers and lengths are those of slices that outlive the call; the last is to a local.
    let status = Status(unsafe {
        proxy_grpc_call(
            call.target.as_ptr(),
            call.target.len(),
            call.service.as_ptr(),
            call.service.len(),
            call.method.as_ptr(),
            call.method.len(),
            NO_METADATA.as_ptr(),
            NO_METADATA.len(),
            call.message.as_ptr(),
            call.message.len(),
            call.timeout_ms,
            &raw mut token,
        )
    });
    status.with(token)
}

/// Returns the status message of the gRPC callout that has just ended.
pub(crate) fn grpc_status_message() -> Result<Vec<u8>, Status> {
    let mut code = 0;
    // SAFETY: the pointers are to locals.
    returned(|data, size| unsafe { proxy_get_status(&raw mut code, data, size) })
}

pub(crate) fn set_effective_context(context_id: u32) -> Status {
    Status(proxy_set_effective_context(context_id))
}

pub(crate) fn set_property(path: &[u8], value: &[u8]) -> Status {
    // SAFETY: pointers and lengths are those of slices that outlive the call.
    Status(unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) })
}

pub(crate) fn call_foreign_function(name: &[u8], arguments: &[u8]) -> Result<Vec<u8>, Status> {
    // SAFETY: pointers and lengths are those of slices that outlive the call; the rest are locals of
    // `returned`.
    returned(|data, size| unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            arguments.as_ptr(),
            arguments.len(),
            data,
            size,
        )
    })
}

pub(crate) fn define_metric(kind: u32, name: &[u8]) -> Result<u32, Status> {
    let mut id = 0;
    // SAFETY: pointer and length are those of a slice that outlives the call; the last is to a local.
    let status = Status(unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) });
    status.with(id)
}

pub(crate) fn record_metric(id: u32, value: u64) -> Status {
    Status(proxy_record_metric(id, value))
}

pub(crate) fn increment_metric(id: u32, offset: i64) -> Status {
    Status(proxy_increment_metric(id, offset))
}

/// Makes the host call `proxy_on_tick` for the filter that is being configured.
pub(crate) fn set_tick_period(period_ms: u32) -> Status {
    Status(proxy_set_tick_period_milliseconds(period_ms))
}

/// Returns sixteen random bytes of the host.
pub(crate) fn random_bytes() -> Result<[u8; 16], Status> {
    let mut bytes = [0; 16];
    // SAFETY: pointer and length are those of a local that outlives the call.
    let errno = Status(unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) });
    errno.with(bytes)
}
