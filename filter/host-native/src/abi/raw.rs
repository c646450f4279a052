//! The ABI's types and functions in their memory layout.

use std::ffi::c_void;
use std::ptr;

/// Envoy's configuration of a filter, valid in the hook that received it.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct FilterConfig(*mut c_void);

#[cfg(test)]
impl FilterConfig {
    /// Returns a configuration without Envoy, for unit tests.
    pub(crate) fn unconnected() -> Self {
        FilterConfig(ptr::null_mut())
    }
}

/// Envoy's filter of one stream, valid in the hook that received it.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct Stream(*mut c_void);

/// Envoy's scheduler of a stream.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct RawStreamScheduler(pub(super) *mut c_void);

/// Envoy's scheduler of a filter's configuration.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct RawConfigScheduler(pub(super) *mut c_void);

/// Bytes in Envoy's memory.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct EnvoyBuffer {
    pub(super) ptr: *const u8,
    pub(super) length: usize,
}

/// A header field in Envoy's memory.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct EnvoyHeader {
    pub(super) key_ptr: *const u8,
    pub(super) key_length: usize,
    pub(super) value_ptr: *const u8,
    pub(super) value_length: usize,
}

/// Bytes in this module's memory.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct ModuleBuffer {
    ptr: *const u8,
    length: usize,
}

/// A header field in this module's memory.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct ModuleHeader {
    key_ptr: *const u8,
    key_length: usize,
    value_ptr: *const u8,
    value_length: usize,
}

impl Default for EnvoyBuffer {
    fn default() -> Self {
        EnvoyBuffer { ptr: ptr::null(), length: 0 }
    }
}

impl Default for EnvoyHeader {
    fn default() -> Self {
        EnvoyHeader { key_ptr: ptr::null(), key_length: 0, value_ptr: ptr::null(), value_length: 0 }
    }
}

impl ModuleBuffer {
    /// No value, which differs from an empty one.
    pub(super) const NULL: ModuleBuffer = ModuleBuffer { ptr: ptr::null(), length: 0 };

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        ModuleBuffer { ptr: bytes.as_ptr(), length: bytes.len() }
    }
}

impl ModuleHeader {
    pub(super) fn from_field(name: &[u8], value: &[u8]) -> Self {
        ModuleHeader {
            key_ptr: name.as_ptr(),
            key_length: name.len(),
            value_ptr: value.as_ptr(),
            value_length: value.len(),
        }
    }
}

/// Declares functions of Envoy. Unit tests have no Envoy: there each returns the result of a call that did
/// nothing.
macro_rules! callbacks {
    ($(fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $returns:ty = $nothing:expr)?;)*) => {
        #[cfg(not(test))]
        unsafe extern "C" {
            $(pub(super) fn $name($($argument: $type),*) $(-> $returns)?;)*
        }
        $(
            #[cfg(test)]
            #[allow(clippy::too_many_arguments, reason = "as many as Envoy's")]
            pub(super) unsafe fn $name($(_: $type),*) $(-> $returns)? { $($nothing)? }
        )*
    };
}

callbacks! {
    fn envoy_dynamic_module_callback_log(level: u32, message: ModuleBuffer);
    fn envoy_dynamic_module_callback_http_filter_config_define_counter(
        config: FilterConfig,
        name: ModuleBuffer,
        labels: *mut ModuleBuffer,
        label_count: usize,
        id: *mut usize,
    ) -> u32 = 1;
    fn envoy_dynamic_module_callback_http_filter_config_define_histogram(
        config: FilterConfig,
        name: ModuleBuffer,
        labels: *mut ModuleBuffer,
        label_count: usize,
        id: *mut usize,
    ) -> u32 = 1;
    fn envoy_dynamic_module_callback_http_filter_increment_counter(
        stream: Stream,
        id: usize,
        labels: *mut ModuleBuffer,
        label_count: usize,
        value: u64,
    ) -> u32 = 1;
    fn envoy_dynamic_module_callback_http_filter_record_histogram_value(
        stream: Stream,
        id: usize,
        labels: *mut ModuleBuffer,
        label_count: usize,
        value: u64,
    ) -> u32 = 1;
    fn envoy_dynamic_module_callback_http_get_headers_size(stream: Stream, map: u32) -> usize = 0;
    fn envoy_dynamic_module_callback_http_get_headers(
        stream: Stream,
        map: u32,
        fields: *mut EnvoyHeader,
    ) -> bool = false;
    fn envoy_dynamic_module_callback_http_get_header(
        stream: Stream,
        map: u32,
        key: ModuleBuffer,
        value: *mut EnvoyBuffer,
        index: usize,
        count: *mut usize,
    ) -> bool = false;
    fn envoy_dynamic_module_callback_http_add_header(
        stream: Stream,
        map: u32,
        key: ModuleBuffer,
        value: ModuleBuffer,
    ) -> bool = false;
    fn envoy_dynamic_module_callback_http_set_header(
        stream: Stream,
        map: u32,
        key: ModuleBuffer,
        value: ModuleBuffer,
    ) -> bool = false;
    fn envoy_dynamic_module_callback_http_send_response(
        stream: Stream,
        status: u32,
        fields: *mut ModuleHeader,
        field_count: usize,
        body: ModuleBuffer,
        details: ModuleBuffer,
    );
    fn envoy_dynamic_module_callback_http_get_body_size(stream: Stream, body: u32) -> usize = 0;
    fn envoy_dynamic_module_callback_http_get_body_chunks_size(stream: Stream, body: u32) -> usize = 0;
    fn envoy_dynamic_module_callback_http_get_body_chunks(
        stream: Stream,
        body: u32,
        chunks: *mut EnvoyBuffer,
    ) -> bool = false;
    fn envoy_dynamic_module_callback_http_received_buffered_request_body(stream: Stream) -> bool = false;
    fn envoy_dynamic_module_callback_http_get_metadata_string(
        stream: Stream,
        source: u32,
        namespace: ModuleBuffer,
        key: ModuleBuffer,
        value: *mut EnvoyBuffer,
    ) -> bool = false;
    fn envoy_dynamic_module_callback_http_filter_get_attribute_string(
        stream: Stream,
        attribute: u32,
        value: *mut EnvoyBuffer,
    ) -> bool = false;
    fn envoy_dynamic_module_callback_http_filter_continue_decoding(stream: Stream);
    fn envoy_dynamic_module_callback_http_filter_http_callout(
        stream: Stream,
        callout_id: *mut u64,
        cluster: ModuleBuffer,
        fields: *mut ModuleHeader,
        field_count: usize,
        body: ModuleBuffer,
        timeout_ms: u64,
    ) -> u32 = 4;
    fn envoy_dynamic_module_callback_http_filter_config_http_callout(
        config: FilterConfig,
        callout_id: *mut u64,
        cluster: ModuleBuffer,
        fields: *mut ModuleHeader,
        field_count: usize,
        body: ModuleBuffer,
        timeout_ms: u64,
    ) -> u32 = 4;
    fn envoy_dynamic_module_callback_http_filter_start_http_stream(
        stream: Stream,
        http_stream_id: *mut u64,
        cluster: ModuleBuffer,
        fields: *mut ModuleHeader,
        field_count: usize,
        body: ModuleBuffer,
        end_stream: bool,
        timeout_ms: u64,
    ) -> u32 = 4;
    fn envoy_dynamic_module_callback_http_filter_config_start_http_stream(
        config: FilterConfig,
        http_stream_id: *mut u64,
        cluster: ModuleBuffer,
        fields: *mut ModuleHeader,
        field_count: usize,
        body: ModuleBuffer,
        end_stream: bool,
        timeout_ms: u64,
    ) -> u32 = 4;
    fn envoy_dynamic_module_callback_http_filter_reset_http_stream(stream: Stream, http_stream_id: u64);
    fn envoy_dynamic_module_callback_http_filter_config_reset_http_stream(
        config: FilterConfig,
        http_stream_id: u64,
    );
    fn envoy_dynamic_module_callback_http_filter_scheduler_new(stream: Stream) -> RawStreamScheduler =
        RawStreamScheduler(ptr::null_mut());
    fn envoy_dynamic_module_callback_http_filter_scheduler_commit(scheduler: RawStreamScheduler, event: u64);
    fn envoy_dynamic_module_callback_http_filter_scheduler_delete(scheduler: RawStreamScheduler);
    fn envoy_dynamic_module_callback_http_filter_config_scheduler_new(
        config: FilterConfig,
    ) -> RawConfigScheduler = RawConfigScheduler(ptr::null_mut());
    fn envoy_dynamic_module_callback_http_filter_config_scheduler_commit(
        scheduler: RawConfigScheduler,
        event: u64,
    );
    fn envoy_dynamic_module_callback_http_filter_config_scheduler_delete(scheduler: RawConfigScheduler);
}
