//! Header maps: read whole in one call, changed field by field. Names and values are bytes.

use crate::abi::{self, MapType, Status};
use tollgate_core::http::{Field, HeaderMap};
use tollgate_driver::{HeadersError, is_field_value_safe};

/// The size of the number of fields, which comes before the lengths.
const COUNT_BYTES: usize = 4;
/// The size of the lengths of a field: its name's and its value's.
const LENGTHS_BYTES: usize = 8;

/// Reads all fields of a map of the host.
pub(crate) fn read(map: MapType) -> Result<HeaderMap, HeadersError> {
    let serialized = abi::header_map_pairs(map).map_err(|status| HeadersError::Refused(status.into()))?;
    deserialize(serialized).ok_or(HeadersError::Malformed)
}

/// Replaces all fields named `name` with one field. A value that would break the message framing is not set.
pub(crate) fn set(map: MapType, name: &str, value: &[u8]) -> Result<(), Status> {
    if !is_field_value_safe(value) {
        return Err(Status::BAD_ARGUMENT);
    }
    abi::replace_header_map_value(map, name.as_bytes(), value).ok()
}

/// Adds a field. A value that would break the message framing is not added.
pub(crate) fn add(map: MapType, name: &str, value: &[u8]) -> Result<(), Status> {
    if !is_field_value_safe(value) {
        return Err(Status::BAD_ARGUMENT);
    }
    abi::add_header_map_value(map, name.as_bytes(), value).ok()
}

/// Removes all fields named `name`. It is not an error if there are none.
pub(crate) fn remove(map: MapType, name: &[u8]) -> Result<(), Status> {
    abi::remove_header_map_value(map, name).ok()
}

/// Returns a map in the form of the ABI: the number of fields, all lengths, then each name and value, each
/// followed by a zero. Numbers are 32 bits, little-endian.
pub(crate) fn serialize(fields: &[(&str, &str)]) -> Vec<u8> {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let text: usize = fields.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum();
    let overhead = fields.len().saturating_mul(LENGTHS_BYTES.saturating_add(2)).saturating_add(COUNT_BYTES);
    let mut bytes = Vec::with_capacity(text.saturating_add(overhead));
    bytes.extend(number(fields.len()));
    for (name, value) in fields {
        bytes.extend(number(name.len()));
        bytes.extend(number(value.len()));
    }
    for part in fields.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// Returns the fields of a serialized map without copying them, or `None` if a length exceeds the buffer.
fn deserialize(buffer: Vec<u8>) -> Option<HeaderMap> {
    if buffer.is_empty() {
        return Some(HeaderMap::default());
    }
    let count = number_at(&buffer, 0)?;
    let mut lengths = COUNT_BYTES;
    let mut start = count.checked_mul(LENGTHS_BYTES)?.checked_add(COUNT_BYTES)?;
    if start > buffer.len() {
        return None;
    }
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let name_ends = start.checked_add(number_at(&buffer, lengths)?)?;
        let value_starts = name_ends.checked_add(1)?;
        let value_length = number_at(&buffer, lengths.checked_add(COUNT_BYTES)?)?;
        let value_ends = value_starts.checked_add(value_length)?;
        fields.push(Field { name: start..name_ends, value: value_starts..value_ends });
        lengths = lengths.checked_add(LENGTHS_BYTES)?;
        start = value_ends.checked_add(1)?;
        if start > buffer.len() {
            return None;
        }
    }
    Some(HeaderMap::from_parts(buffer, fields))
}

fn number_at(buffer: &[u8], index: usize) -> Option<usize> {
    let bytes = buffer.get(index..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `:path: /` and `x: ` as the host serializes them.
    const TWO: &[u8] = &[
        2, 0, 0, 0, // fields
        5, 0, 0, 0, 1, 0, 0, 0, // lengths of `:path` and `/`
        1, 0, 0, 0, 0, 0, 0, 0, // lengths of `x` and nothing
        b':', b'p', b'a', b't', b'h', 0, b'/', 0, b'x', 0, 0,
    ];

    #[test]
    fn a_map_reads_as_it_is_serialized() {
        assert_eq!(serialize(&[(":path", "/"), ("x", "")]), TWO);
        let map = deserialize(TWO.to_vec()).unwrap();
        assert_eq!(map.iter().collect::<Vec<_>>(), [(&b":path"[..], &b"/"[..]), (b"x", b"")]);
    }

    #[test]
    fn values_need_not_be_text() {
        let odd = [1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, b'x', 0, 0xff, 0xfe, 0];
        assert_eq!(deserialize(odd.to_vec()).unwrap().get("x"), Some(&b"\xff\xfe"[..]));
    }

    #[test]
    fn a_truncated_map_is_malformed_and_no_bytes_are_an_empty_map() {
        for (why, buffer) in [("no bytes at all", Vec::new()), ("no fields", vec![0; 4])] {
            assert_eq!(deserialize(buffer).unwrap().iter().count(), 0, "{why}");
        }
        for length in 1..TWO.len() {
            assert_eq!(deserialize(TWO[..length].to_vec()), None, "cut to {length} bytes");
        }
        let count_too_large = [255, 255, 255, 255, 0, 0, 0, 0];
        assert_eq!(deserialize(count_too_large.to_vec()), None, "a count that would exhaust the memory");
        let length_too_large = [1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0];
        assert_eq!(deserialize(length_too_large.to_vec()), None, "lengths beyond the buffer");
    }

    #[test]
    fn a_value_that_would_end_the_line_is_not_set() {
        assert_eq!(set(MapType::REQUEST_HEADERS, "x", b"a\r\nb"), Err(Status::BAD_ARGUMENT));
    }

    proptest! {
        #[test]
        fn a_serialized_map_reads_the_same(
            fields in proptest::collection::vec(("[a-z:-]{0,9}", "\\PC{0,9}"), 0..9),
        ) {
            let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let map = deserialize(serialize(&fields)).unwrap();
            let want: Vec<_> = fields.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
            prop_assert_eq!(map.iter().collect::<Vec<_>>(), want);
        }

        #[test]
        fn no_bytes_cause_a_panic(buffer in proptest::collection::vec(0u8..6, 0..64)) {
            let length = buffer.len();
            if let Some(map) = deserialize(buffer) {
                prop_assert!(map.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>() <= length);
            }
        }
    }
}
