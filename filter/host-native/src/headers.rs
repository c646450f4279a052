//! Header fields of a stream: read whole, changed one by one. Names and values are bytes.

use crate::abi::{self, MapType, Stream};
use tollgate_core::http::HeaderMap;
use tollgate_driver::{HeadersError, HostError, is_field_value_safe};

/// The status for Envoy's calls that only return false.
pub(crate) const REFUSED: HostError = HostError(1);

/// Reads all fields of a map.
pub(crate) fn read(stream: Stream, map: MapType) -> Result<HeaderMap, HeadersError> {
    abi::header_map(stream, map).ok_or(HeadersError::Refused(REFUSED))
}

/// Replaces all fields named `name` with one field. A value that would break the message framing is not set.
pub(crate) fn set(stream: Stream, map: MapType, name: &str, value: &[u8]) -> Result<(), HostError> {
    let set = is_field_value_safe(value) && abi::set_header(stream, map, name.as_bytes(), value);
    set.then_some(()).ok_or(REFUSED)
}

/// Adds a field. A value that would break the message framing is not added.
pub(crate) fn add(stream: Stream, map: MapType, name: &str, value: &[u8]) -> Result<(), HostError> {
    let added = is_field_value_safe(value) && abi::add_header(stream, map, name.as_bytes(), value);
    added.then_some(()).ok_or(REFUSED)
}

/// Removes all fields named `name`. It is not an error if there are none.
pub(crate) fn remove(stream: Stream, map: MapType, name: &[u8]) -> Result<(), HostError> {
    abi::remove_header(stream, map, name).then_some(()).ok_or(REFUSED)
}
