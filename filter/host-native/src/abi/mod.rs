//! Envoy's dynamic-module ABI, version 0.2.0, as far as the filters use it: the only unsafe code of this
//! crate.
//!
//! The contract is in `source/extensions/dynamic_modules/abi/abi.h` of Envoy 1.40. Memory of Envoy (header
//! fields, buffers) is copied before a function here returns, so no pointer of Envoy leaves this module
//! except two handles: that of a configuration is valid in the hook that received it, that of a stream until
//! the hook that ends the stream returns.

#![allow(unsafe_code, reason = "this is the foreign interface; everything above it is safe")]

mod body;
mod callout;
mod raw;
mod scheduler;

pub(crate) use body::{BodyType, append_body, body_size, has_received_buffered_body};
pub(crate) use callout::{
    BorrowedChunks, BorrowedFields, CalloutMessage, CalloutStartError, continue_decoding,
    reset_config_http_stream, reset_http_stream, start_config_http, start_config_http_stream, start_http,
    start_http_stream,
};
pub(crate) use raw::{EnvoyBuffer, FilterConfig, Stream};
use raw::{EnvoyHeader, ModuleBuffer, ModuleHeader};
pub(crate) use scheduler::{ConfigScheduler, StreamScheduler};
use std::ffi::{CStr, c_char};
use std::ptr;
use tollgate_core::http::{Field, HeaderMap};

/// The version of the ABI that this module was written for.
const VERSION: &CStr = c"v0.2.0";

/// Returns the version of the ABI for Envoy.
pub(crate) fn version() -> *const c_char {
    VERSION.as_ptr()
}

/// A header map of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum MapType {
    RequestHeaders = 0,
    RequestTrailers = 1,
    ResponseHeaders = 2,
}

/// The source of metadata: the route.
const ROUTE_METADATA: u32 = 1;
/// The attribute `source.address`.
const SOURCE_ADDRESS: u32 = 24;

/// Envoy's status for a successful definition or change of a metric.
const METRIC_SUCCESS: u32 = 0;

/// Writes a line to Envoy's log: 1 is debug, 4 is error.
pub(crate) fn log(level: u32, line: &[u8]) {
    // SAFETY: Envoy copies the line before it returns.
    unsafe { raw::envoy_dynamic_module_callback_log(level, ModuleBuffer::from_bytes(line)) }
}

/// Defines a counter.
pub(crate) fn define_counter(config: FilterConfig, name: &str) -> Result<usize, u32> {
    let mut id = 0;
    // SAFETY: `config` is the one of the running hook, there are no labels, and `id` outlives the call.
    let result = unsafe {
        raw::envoy_dynamic_module_callback_http_filter_config_define_counter(
            config,
            ModuleBuffer::from_bytes(name.as_bytes()),
            ptr::null_mut(),
            0,
            &raw mut id,
        )
    };
    if result == METRIC_SUCCESS { Ok(id) } else { Err(result) }
}

/// Defines a histogram.
pub(crate) fn define_histogram(config: FilterConfig, name: &str) -> Result<usize, u32> {
    let mut id = 0;
    // SAFETY: as for a counter.
    let result = unsafe {
        raw::envoy_dynamic_module_callback_http_filter_config_define_histogram(
            config,
            ModuleBuffer::from_bytes(name.as_bytes()),
            ptr::null_mut(),
            0,
            &raw mut id,
        )
    };
    if result == METRIC_SUCCESS { Ok(id) } else { Err(result) }
}

/// Adds `by` to a counter of the stream's filter.
pub(crate) fn increment_counter(stream: Stream, id: usize, by: u64) {
    // SAFETY: `stream` is the one of the running hook; Envoy rejects an unknown ID.
    let _ = unsafe {
        raw::envoy_dynamic_module_callback_http_filter_increment_counter(stream, id, ptr::null_mut(), 0, by)
    };
}

/// Adds a value to a histogram of the stream's filter.
pub(crate) fn record_histogram(stream: Stream, id: usize, value: u64) {
    // SAFETY: as for a counter.
    let _ = unsafe {
        raw::envoy_dynamic_module_callback_http_filter_record_histogram_value(
            stream,
            id,
            ptr::null_mut(),
            0,
            value,
        )
    };
}

/// Reads all fields of a map. Returns `None` if Envoy does not return them.
pub(crate) fn header_map(stream: Stream, map: MapType) -> Option<HeaderMap> {
    borrowed_fields(stream, map).map(|borrowed| copied(&borrowed))
}

/// Returns whether a map has a field whose name `is_one` accepts; true if Envoy does not return the fields.
///
/// For a lookup by name, Envoy indexes the map, and every later change must update the index. This reads the
/// fields without one.
pub(crate) fn may_have_header(stream: Stream, map: MapType, is_one: impl Fn(&[u8]) -> bool) -> bool {
    let Some(borrowed) = borrowed_fields(stream, map) else { return true };
    // SAFETY: Envoy keeps these bytes until the map is changed or the hook ends.
    borrowed.iter().any(|field| is_one(unsafe { borrowed_bytes(field.key_ptr, field.key_length) }))
}

/// Returns the fields of a map in Envoy's memory, valid until the map is changed or the hook ends.
fn borrowed_fields(stream: Stream, map: MapType) -> Option<Vec<EnvoyHeader>> {
    // SAFETY: `stream` is the one of the running hook.
    let count = unsafe { raw::envoy_dynamic_module_callback_http_get_headers_size(stream, map as u32) };
    if count == 0 {
        return Some(Vec::new());
    }
    let mut borrowed = vec![EnvoyHeader::default(); count];
    // SAFETY: as above, and there is room for all fields: nothing changes the map in between.
    if !unsafe {
        raw::envoy_dynamic_module_callback_http_get_headers(stream, map as u32, borrowed.as_mut_ptr())
    } {
        return None;
    }
    Some(borrowed)
}

/// Copies header fields from Envoy's memory.
fn copied(borrowed: &[EnvoyHeader]) -> HeaderMap {
    let bytes = borrowed.iter().map(|field| field.key_length.saturating_add(field.value_length));
    let mut buffer = Vec::with_capacity(bytes.fold(0, usize::saturating_add));
    let mut append = |pointer, length| {
        let start = buffer.len();
        // SAFETY: Envoy keeps these bytes until the map is changed or the hook ends.
        buffer.extend_from_slice(unsafe { borrowed_bytes(pointer, length) });
        start..buffer.len()
    };
    let fields = borrowed.iter().map(|field| Field {
        name: append(field.key_ptr, field.key_length),
        value: append(field.value_ptr, field.value_length),
    });
    let fields = fields.collect();
    HeaderMap::from_parts(buffer, fields)
}

/// Reads the first field named `name`. Returns `None` if there is none.
pub(crate) fn header(stream: Stream, map: MapType, name: &str) -> Option<Vec<u8>> {
    let mut value = EnvoyBuffer::default();
    // SAFETY: `stream` is the one of the running hook, and `value` outlives the call.
    let found = unsafe {
        raw::envoy_dynamic_module_callback_http_get_header(
            stream,
            map as u32,
            ModuleBuffer::from_bytes(name.as_bytes()),
            &raw mut value,
            0,
            ptr::null_mut(),
        )
    };
    found.then(|| value.to_vec())
}

/// Adds a field. Returns false if Envoy rejects it.
pub(crate) fn add_header(stream: Stream, map: MapType, name: &[u8], value: &[u8]) -> bool {
    // SAFETY: `stream` is the one of the running hook; Envoy copies both.
    unsafe {
        raw::envoy_dynamic_module_callback_http_add_header(
            stream,
            map as u32,
            ModuleBuffer::from_bytes(name),
            ModuleBuffer::from_bytes(value),
        )
    }
}

/// Replaces all fields named `name` with one field. Returns false if Envoy rejects it.
pub(crate) fn set_header(stream: Stream, map: MapType, name: &[u8], value: &[u8]) -> bool {
    // SAFETY: `stream` is the one of the running hook; Envoy copies both.
    unsafe {
        raw::envoy_dynamic_module_callback_http_set_header(
            stream,
            map as u32,
            ModuleBuffer::from_bytes(name),
            ModuleBuffer::from_bytes(value),
        )
    }
}

/// Removes all fields named `name`. Returns false if Envoy rejects it.
pub(crate) fn remove_header(stream: Stream, map: MapType, name: &[u8]) -> bool {
    // SAFETY: as above; a null value removes.
    unsafe {
        raw::envoy_dynamic_module_callback_http_set_header(
            stream,
            map as u32,
            ModuleBuffer::from_bytes(name),
            ModuleBuffer::NULL,
        )
    }
}

/// Sends a local reply. Envoy may call other hooks of the stream before this returns, even the one that ends
/// it.
pub(crate) fn send_response(
    stream: Stream,
    status: u16,
    fields: &[(&str, &str)],
    body: &[u8],
    details: &str,
) {
    let mut fields: Vec<ModuleHeader> = fields
        .iter()
        .map(|(name, value)| ModuleHeader::from_field(name.as_bytes(), value.as_bytes()))
        .collect();
    // SAFETY: `stream` is the one of the running hook; Envoy copies everything else.
    unsafe {
        raw::envoy_dynamic_module_callback_http_send_response(
            stream,
            u32::from(status),
            fields.as_mut_ptr(),
            fields.len(),
            ModuleBuffer::from_bytes(body),
            ModuleBuffer::from_bytes(details.as_bytes()),
        );
    }
}

/// Reads a string from the route's metadata.
pub(crate) fn route_metadata(stream: Stream, namespace: &str, key: &str) -> Option<Vec<u8>> {
    let mut value = EnvoyBuffer::default();
    // SAFETY: `stream` is the one of the running hook, and `value` outlives the call.
    let found = unsafe {
        raw::envoy_dynamic_module_callback_http_get_metadata_string(
            stream,
            ROUTE_METADATA,
            ModuleBuffer::from_bytes(namespace.as_bytes()),
            ModuleBuffer::from_bytes(key.as_bytes()),
            &raw mut value,
        )
    };
    found.then(|| value.to_vec())
}

/// Reads the attribute `source.address`.
pub(crate) fn source_address(stream: Stream) -> Option<Vec<u8>> {
    let mut value = EnvoyBuffer::default();
    // SAFETY: as above.
    let found = unsafe {
        raw::envoy_dynamic_module_callback_http_filter_get_attribute_string(
            stream,
            SOURCE_ADDRESS,
            &raw mut value,
        )
    };
    found.then(|| value.to_vec())
}

impl EnvoyBuffer {
    /// Copies Envoy's bytes. Only Envoy creates a buffer that is not empty.
    pub(crate) fn to_vec(self) -> Vec<u8> {
        // SAFETY: Envoy keeps these bytes until the hook ends, and a buffer is copied where it was received.
        unsafe { borrowed_bytes(self.ptr, self.length) }.to_vec()
    }
}

/// Returns bytes in Envoy's memory. A null pointer is empty.
///
/// # Safety
/// Unless the pointer is null, that many bytes must be valid for as long as the result is used.
unsafe fn borrowed_bytes<'a>(pointer: *const u8, length: usize) -> &'a [u8] {
    if pointer.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: by the contract of this function.
    unsafe { std::slice::from_raw_parts(pointer, length) }
}
