//! The proxy-wasm ABI 0.2.1 as safe functions: Envoy's on wasm32, a scripted host on other targets.

mod status;

#[cfg(any(target_arch = "wasm32", test))]
mod memory;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod scripted;
#[cfg(target_arch = "wasm32")]
mod wasm;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use scripted::*;
pub(crate) use status::Status;
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::*;

/// A header map of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MapType(pub(crate) u32);

impl MapType {
    pub(crate) const REQUEST_HEADERS: MapType = MapType(0);
    pub(crate) const REQUEST_TRAILERS: MapType = MapType(1);
    pub(crate) const RESPONSE_HEADERS: MapType = MapType(2);
    pub(crate) const CALL_RESPONSE_HEADERS: MapType = MapType(6);
}

/// A buffer of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BufferType(pub(crate) u32);

impl BufferType {
    pub(crate) const REQUEST_BODY: BufferType = BufferType(0);
    pub(crate) const CALL_RESPONSE_BODY: BufferType = BufferType(4);
    pub(crate) const GRPC_MESSAGE: BufferType = BufferType(5);
    pub(crate) const PLUGIN_CONFIGURATION: BufferType = BufferType(7);
}

/// A local reply in the form of the ABI.
pub(crate) struct LocalResponse<'a> {
    pub(crate) status: u16,
    pub(crate) details: &'a [u8],
    pub(crate) body: &'a [u8],
    /// A serialized map: see `headers::serialize`.
    pub(crate) headers: &'a [u8],
    /// −1 if there is none.
    pub(crate) grpc_status: i32,
}

/// A gRPC callout in the form of the ABI.
pub(crate) struct GrpcCall<'a> {
    /// A `GrpcService` message.
    pub(crate) target: &'a [u8],
    pub(crate) service: &'a [u8],
    pub(crate) method: &'a [u8],
    pub(crate) message: &'a [u8],
    /// 0 would mean no timeout.
    pub(crate) timeout_ms: u32,
}
