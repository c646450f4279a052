//! Callouts of the ABI: of a stream, which end with it, and of a filter's configuration, in the main thread.

use super::raw::{self, EnvoyBuffer, EnvoyHeader, FilterConfig, ModuleBuffer, ModuleHeader, Stream};
use tollgate_core::http::HeaderMap;

/// The reason why a callout was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CalloutStartError {
    /// There is no such cluster.
    ClusterUnknown,
    /// It ended before it started, for example because no host is healthy.
    NotCreated,
}

/// The request of a callout, apart from the cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CalloutMessage<'a> {
    /// The header fields, with `:method`, `:path`, and `:authority`.
    pub(crate) fields: &'a [(&'a str, &'a str)],
    /// The body; empty if there is none.
    pub(crate) body: &'a [u8],
    /// The timeout in milliseconds.
    pub(crate) timeout_ms: u32,
}

/// A request in the form of the ABI. Envoy copies the memory that it points to.
#[derive(Clone, Copy, Debug)]
struct RawRequest {
    /// The memory to which Envoy writes the ID of the callout.
    id: *mut u64,
    cluster: ModuleBuffer,
    fields: *mut ModuleHeader,
    field_count: usize,
    body: ModuleBuffer,
    timeout_ms: u64,
}

/// Starts an HTTP callout of a stream and returns its ID, which is unique in the stream.
pub(crate) fn start_http(
    stream: Stream,
    cluster: &str,
    message: &CalloutMessage<'_>,
) -> Result<u64, CalloutStartError> {
    // SAFETY: `stream` lives, and the memory of the request outlives the call.
    start_callout(cluster, message, |r| unsafe {
        raw::envoy_dynamic_module_callback_http_filter_http_callout(
            stream,
            r.id,
            r.cluster,
            r.fields,
            r.field_count,
            r.body,
            r.timeout_ms,
        )
    })
}

/// Starts an HTTP callout of a filter's configuration, in the main thread, and returns its ID.
pub(crate) fn start_config_http(
    config: FilterConfig,
    cluster: &str,
    message: &CalloutMessage<'_>,
) -> Result<u64, CalloutStartError> {
    // SAFETY: `config` is the one of the running hook, and the memory of the request outlives the call.
    start_callout(cluster, message, |r| unsafe {
        raw::envoy_dynamic_module_callback_http_filter_config_http_callout(
            config,
            r.id,
            r.cluster,
            r.fields,
            r.field_count,
            r.body,
            r.timeout_ms,
        )
    })
}

/// Starts an HTTP stream: a callout whose response arrives in parts, with its trailers. Returns its ID, which
/// is unique in the request.
pub(crate) fn start_http_stream(
    stream: Stream,
    cluster: &str,
    message: &CalloutMessage<'_>,
) -> Result<u64, CalloutStartError> {
    // SAFETY: as for an HTTP callout.
    start_callout(cluster, message, |r| unsafe {
        raw::envoy_dynamic_module_callback_http_filter_start_http_stream(
            stream,
            r.id,
            r.cluster,
            r.fields,
            r.field_count,
            r.body,
            true,
            r.timeout_ms,
        )
    })
}

/// Starts an HTTP stream of a filter's configuration, in the main thread, and returns its ID, which is unique
/// in the configuration.
pub(crate) fn start_config_http_stream(
    config: FilterConfig,
    cluster: &str,
    message: &CalloutMessage<'_>,
) -> Result<u64, CalloutStartError> {
    // SAFETY: as for an HTTP callout.
    start_callout(cluster, message, |r| unsafe {
        raw::envoy_dynamic_module_callback_http_filter_config_start_http_stream(
            config,
            r.id,
            r.cluster,
            r.fields,
            r.field_count,
            r.body,
            true,
            r.timeout_ms,
        )
    })
}

/// Resets an HTTP stream of a filter's configuration. Envoy calls its reset hook before this returns.
pub(crate) fn reset_config_http_stream(config: FilterConfig, http_stream_id: u64) {
    // SAFETY: `config` is the one of the running hook; Envoy ignores an unknown ID.
    unsafe { raw::envoy_dynamic_module_callback_http_filter_config_reset_http_stream(config, http_stream_id) }
}

/// Resets an HTTP stream of a request. Envoy calls its reset hook before this returns.
pub(crate) fn reset_http_stream(stream: Stream, http_stream_id: u64) {
    // SAFETY: `stream` is the one of the running hook; Envoy ignores an unknown ID.
    unsafe { raw::envoy_dynamic_module_callback_http_filter_reset_http_stream(stream, http_stream_id) }
}

/// Resumes a held stream. Envoy may call other hooks of the stream before this returns, even the one that
/// ends it.
pub(crate) fn continue_decoding(stream: Stream) {
    // SAFETY: `stream` lives.
    unsafe { raw::envoy_dynamic_module_callback_http_filter_continue_decoding(stream) }
}

/// Starts a callout with a function of Envoy, and returns its ID.
fn start_callout(
    cluster: &str,
    message: &CalloutMessage<'_>,
    call_envoy: impl FnOnce(RawRequest) -> u32,
) -> Result<u64, CalloutStartError> {
    let field = |(name, value): &(&str, &str)| ModuleHeader::from_field(name.as_bytes(), value.as_bytes());
    let mut fields: Vec<ModuleHeader> = message.fields.iter().map(field).collect();
    let mut id = 0;
    let status = call_envoy(RawRequest {
        id: &raw mut id,
        cluster: ModuleBuffer::from_bytes(cluster.as_bytes()),
        fields: fields.as_mut_ptr(),
        field_count: fields.len(),
        body: ModuleBuffer::from_bytes(message.body),
        timeout_ms: message.timeout_ms.into(),
    });
    match status {
        0 => Ok(id),
        2 => Err(CalloutStartError::ClusterUnknown),
        _ => Err(CalloutStartError::NotCreated),
    }
}

/// Header fields that Envoy passed to a hook.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct BorrowedFields(*const EnvoyHeader);

impl BorrowedFields {
    /// Copies the fields.
    pub(crate) fn to_header_map(self, count: usize) -> HeaderMap {
        if self.0.is_null() || count == 0 {
            return HeaderMap::default();
        }
        // SAFETY: Envoy keeps that many fields until the hook ends.
        super::copied(unsafe { std::slice::from_raw_parts(self.0, count) })
    }
}

/// Parts of a body that Envoy passed to a hook.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct BorrowedChunks(*const EnvoyBuffer);

impl BorrowedChunks {
    /// Appends the bytes unless there would be more than `bytes_max`. Returns whether they were appended.
    pub(crate) fn append_to(self, body: &mut Vec<u8>, count: usize, bytes_max: usize) -> bool {
        if self.0.is_null() || count == 0 {
            return true;
        }
        // SAFETY: Envoy keeps that many buffers until the hook ends.
        let chunks = unsafe { std::slice::from_raw_parts(self.0, count) };
        for chunk in chunks {
            if body.len().saturating_add(chunk.length) > bytes_max {
                return false;
            }
            // SAFETY: Envoy keeps the bytes of each, too.
            body.extend_from_slice(unsafe { super::borrowed_bytes(chunk.ptr, chunk.length) });
        }
        true
    }
}
