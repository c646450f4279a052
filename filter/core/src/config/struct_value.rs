//! Reads the protobuf bytes of a `google.protobuf.Struct`, which Envoy passes to the filter, as a JSON value.
//!
//! Bounded in depth and size, and stricter than protobuf: encodings that Envoy never writes are refused.
//! Format: <https://protobuf.dev/programming-guides/encoding/>, `google/protobuf/struct.proto`.

use crate::protobuf::{Payload, Reader, WireError};
use serde_json::{Map, Number, Value};

/// The deepest nesting of mappings and lists. The deepest field of the document is nine levels below its
/// root.
const DEPTH_MAX: usize = 32;

/// The maximum number of values, at all levels together.
const VALUES_MAX: usize = 100_000;

/// The reason why bytes are not a valid `Struct`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum StructError {
    /// A length or a number goes beyond the end.
    #[error("it ends too early")]
    Truncated,
    /// A field that `struct.proto` does not have, of another wire type, or a duplicate.
    #[error("it has a field that google.protobuf.Struct does not have")]
    Field,
    /// A key or a text is not UTF-8.
    #[error("it holds a text that is not UTF-8")]
    Text,
    /// A number that is NaN or infinite.
    #[error("it holds a number that is not finite")]
    Number,
    /// A key without a value, or a value without a kind.
    #[error("it holds a key without a value")]
    NoValue,
    /// A duplicate key in a mapping.
    #[error("it has a duplicate key")]
    Duplicate,
    /// Deeper than [`DEPTH_MAX`].
    #[error("it is nested more than {DEPTH_MAX} deep")]
    Depth,
    /// More than [`VALUES_MAX`].
    #[error("it holds more than {VALUES_MAX} values")]
    Size,
}

impl From<WireError> for StructError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Truncated => StructError::Truncated,
            WireError::Form => StructError::Field,
        }
    }
}

/// Reads the bytes of a `google.protobuf.Struct`.
///
/// # Errors
/// [`StructError`] if they are not one that Envoy writes.
pub(super) fn decode(bytes: &[u8]) -> Result<Value, StructError> {
    Decoder { values_left: VALUES_MAX }.mapping(bytes, DEPTH_MAX)
}

/// Returns a double as a JSON number, or `None` if it is not finite. An exact whole number becomes an
/// integer, so that `5` means the same in both encodings.
pub(super) fn number(double: f64) -> Option<Value> {
    /// 2^53: beyond it a double no longer holds every integer.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if double.trunc() == double && double.abs() <= EXACT_MAX {
        #[allow(clippy::cast_possible_truncation, reason = "whole and within ±2^53: exact in an i64")]
        return Some(Value::from(double as i64));
    }
    Number::from_f64(double).map(Value::Number)
}

struct Decoder {
    values_left: usize,
}

impl Decoder {
    /// Reads a `Struct`: entries in field 1, each a key in field 1 and a value in field 2.
    fn mapping(&mut self, bytes: &[u8], depth_left: usize) -> Result<Value, StructError> {
        let mut map = Map::new();
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.field()? {
            let (1, Payload::Bytes(entry)) = field else { return Err(StructError::Field) };
            let (key, value) = self.entry(entry, depth_left)?;
            if map.insert(key, value).is_some() {
                return Err(StructError::Duplicate);
            }
        }
        Ok(Value::Object(map))
    }

    fn entry(&mut self, bytes: &[u8], depth_left: usize) -> Result<(String, Value), StructError> {
        let (mut key, mut value) = (None, None);
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.field()? {
            match field {
                (1, Payload::Bytes(bytes)) if key.is_none() => key = Some(text(bytes)?),
                (2, Payload::Bytes(bytes)) if value.is_none() => value = Some(self.value(bytes, depth_left)?),
                _ => return Err(StructError::Field),
            }
        }
        // In a map entry, an absent key means the empty key.
        Ok((key.unwrap_or_default(), value.ok_or(StructError::NoValue)?))
    }

    /// Reads a `Value`: exactly one of null (1), number (2), string (3), bool (4), struct (5), list (6).
    fn value(&mut self, bytes: &[u8], depth_left: usize) -> Result<Value, StructError> {
        self.values_left = self.values_left.checked_sub(1).ok_or(StructError::Size)?;
        let depth_left = depth_left.checked_sub(1).ok_or(StructError::Depth)?;
        let mut reader = Reader::new(bytes);
        let value = match reader.field()?.ok_or(StructError::NoValue)? {
            (1, Payload::Varint(0)) => Value::Null,
            (2, Payload::Fixed64(bytes)) => number(f64::from_le_bytes(bytes)).ok_or(StructError::Number)?,
            (3, Payload::Bytes(bytes)) => Value::String(text(bytes)?),
            (4, Payload::Varint(bool @ (0 | 1))) => Value::Bool(bool == 1),
            (5, Payload::Bytes(bytes)) => self.mapping(bytes, depth_left)?,
            (6, Payload::Bytes(bytes)) => self.list(bytes, depth_left)?,
            _ => return Err(StructError::Field),
        };
        match reader.field()? {
            None => Ok(value),
            Some(_) => Err(StructError::Field),
        }
    }

    /// Reads a `ListValue`: values in field 1.
    fn list(&mut self, bytes: &[u8], depth_left: usize) -> Result<Value, StructError> {
        let mut list = Vec::new();
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.field()? {
            let (1, Payload::Bytes(item)) = field else { return Err(StructError::Field) };
            list.push(self.value(item, depth_left)?);
        }
        Ok(Value::Array(list))
    }
}

fn text(bytes: &[u8]) -> Result<String, StructError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| StructError::Text)
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::arithmetic_side_effects)]
    use super::*;
    use proptest::prelude::*;

    fn varint(mut value: usize, out: &mut Vec<u8>) {
        while value > 0x7f {
            out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    fn bytes_field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
        out.push(number << 3 | 2);
        varint(bytes.len(), out);
        out.extend_from_slice(bytes);
    }

    /// Encodes a JSON object as a `Struct`, with the entries in the given order or in reverse.
    pub(in crate::config) fn encode(object: &Map<String, Value>, reverse: bool) -> Vec<u8> {
        let mut entries: Vec<_> = object.iter().collect();
        if reverse {
            entries.reverse();
        }
        let mut out = Vec::new();
        for (key, value) in entries {
            let mut entry = Vec::new();
            bytes_field(1, key.as_bytes(), &mut entry);
            bytes_field(2, &encode_value(value, reverse), &mut entry);
            bytes_field(1, &entry, &mut out);
        }
        out
    }

    fn encode_value(value: &Value, reverse: bool) -> Vec<u8> {
        let mut out = Vec::new();
        match value {
            Value::Null => out.extend([1 << 3, 0]),
            Value::Number(number) => {
                out.push(2 << 3 | 1);
                out.extend(number.as_f64().unwrap().to_le_bytes());
            }
            Value::String(text) => bytes_field(3, text.as_bytes(), &mut out),
            Value::Bool(bool) => out.extend([4 << 3, u8::from(*bool)]),
            Value::Object(map) => bytes_field(5, &encode(map, reverse), &mut out),
            Value::Array(list) => {
                let mut items = Vec::new();
                for item in list {
                    bytes_field(1, &encode_value(item, reverse), &mut items);
                }
                bytes_field(6, &items, &mut out);
            }
        }
        out
    }

    fn nested(depth: usize) -> Vec<u8> {
        let mut value = Value::Bool(true);
        for _ in 0..depth {
            value = Value::Array(vec![value]);
        }
        encode(&Map::from_iter([("a".to_owned(), value)]), false)
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<f64>().prop_filter_map("finite", number),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_encoded_object_reads_back_in_any_order(
            object in prop::collection::btree_map(".{0,6}", any_json(), 0..6),
            reverse: bool,
        ) {
            let object: Map<String, Value> = object.into_iter().collect();
            prop_assert_eq!(decode(&encode(&object, reverse)), Ok(Value::Object(object)));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn damaged_bytes_are_read_or_refused(
            value in any_json(), index: prop::sample::Index, byte: u8, cut: prop::sample::Index,
        ) {
            let mut bytes = encode(&Map::from_iter([("key".to_owned(), value)]), false);
            let index = index.index(bytes.len());
            bytes[index] = byte;
            bytes.truncate(cut.index(bytes.len()) + 1);
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn encodings_that_envoy_never_writes_are_refused() {
        let cases: [(&str, &[u8], StructError); 13] = [
            ("a length beyond the end", b"\x0a\x05\x0a", StructError::Truncated),
            ("a length of 2^63", b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", StructError::Truncated),
            ("a varint without an end", &[0xff; 11], StructError::Field),
            (
                "a number of seven bytes",
                b"\x0a\x0d\x0a\x01a\x12\x08\x11\0\0\0\0\0\0\0",
                StructError::Truncated,
            ),
            ("an unknown field", b"\x12\x00", StructError::Field),
            ("a group", b"\x0b\x0c", StructError::Field),
            ("an entry without a value", b"\x0a\x03\x0a\x01a", StructError::NoValue),
            ("a value of no kind", b"\x0a\x05\x0a\x01a\x12\x00", StructError::NoValue),
            ("a value of two kinds", b"\x0a\x09\x0a\x01a\x12\x04\x20\x01\x20\x00", StructError::Field),
            ("two keys in an entry", b"\x0a\x0a\x0a\x01a\x0a\x01b\x12\x02\x20\x01", StructError::Field),
            ("a key that is not UTF-8", b"\x0a\x07\x0a\x01\xff\x12\x02\x20\x01", StructError::Text),
            ("a text that is not UTF-8", b"\x0a\x08\x0a\x01a\x12\x03\x1a\x01\xff", StructError::Text),
            (
                "a key twice",
                b"\x0a\x07\x0a\x01a\x12\x02\x20\x01\x0a\x07\x0a\x01a\x12\x02\x20\x00",
                StructError::Duplicate,
            ),
        ];
        for (why, bytes, error) in cases {
            assert_eq!(decode(bytes), Err(error), "{why}");
        }
        let mut nan = b"\x0a\x0e\x0a\x01a\x12\x09\x11".to_vec();
        nan.extend(f64::NAN.to_le_bytes());
        assert_eq!(decode(&nan), Err(StructError::Number));
    }

    #[test]
    fn depth_and_size_end_at_their_maxima() {
        assert!(decode(&nested(DEPTH_MAX - 1)).is_ok());
        assert_eq!(decode(&nested(DEPTH_MAX)), Err(StructError::Depth));
        let list = |length| {
            let list = Value::Array(vec![Value::Bool(true); length]);
            encode(&Map::from_iter([("a".to_owned(), list)]), false)
        };
        // The list itself is a value too.
        assert!(decode(&list(VALUES_MAX - 1)).is_ok());
        assert_eq!(decode(&list(VALUES_MAX)), Err(StructError::Size));
    }

    #[test]
    fn whole_doubles_are_integers() {
        let cases = [
            ("small", 5.0, "5"),
            ("zero with a sign", -0.0, "0"),
            ("negative", -7.0, "-7"),
            ("the last exact one", 9_007_199_254_740_992.0, "9007199254740992"),
            ("a fraction", 0.5, "0.5"),
        ];
        for (why, double, json) in cases {
            assert_eq!(number(double).unwrap().to_string(), json, "{why}");
        }
        assert!(number(1e300).unwrap().is_f64());
        assert_eq!(number(f64::INFINITY), None);
    }
}
