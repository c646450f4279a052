//! Reads and writes the subset of the protobuf encoding that Tollgate needs: fields with integers, doubles,
//! bytes, strings, and messages.
//!
//! Format: <https://protobuf.dev/programming-guides/encoding/>. The callers know the meaning of the fields.
//!
//! The crate `prost` would add 15.7 KB to a module for reading a `google.protobuf.Struct` alone
//! (`prost-types` 0.14, opt-level 3). It also skips unknown fields, and the last of several equal keys wins;
//! a configuration with either is refused here.

/// The size of a one-byte tag and the longest length.
const OVERHEAD_BYTES_MAX: usize = 11;

/// Returns how many bytes [`push_field`] adds at most.
pub fn field_bytes_max(bytes: &[u8]) -> usize {
    bytes.len().saturating_add(OVERHEAD_BYTES_MAX)
}

/// Appends a field with bytes, a string, or a message. Its number must be below 16, so that its tag is one
/// byte.
pub fn push_field(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    const LENGTH_DELIMITED: u8 = 2;
    message.push(number << 3 | LENGTH_DELIMITED);
    push_varint(message, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    message.extend_from_slice(bytes);
}

/// Appends a field with an integer. Its field number must be below 16.
pub(crate) fn push_number(message: &mut Vec<u8>, number: u8, value: u64) {
    message.push(number << 3);
    push_varint(message, value);
}

/// Appends a varint: seven bits a byte, the lowest first, with the top bit set on all but the last.
fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or_default());
}

/// An error of bytes that are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A length or a number exceeds the end.
    #[error("it ends too early")]
    Truncated,
    /// An unsupported wire type, or a varint of more than ten bytes.
    #[error("it is not protobuf")]
    Form,
}

/// The payload of a field, by wire type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload<'a> {
    /// An integer, a bool, or an enum.
    Varint(u64),
    /// Eight bytes: a double.
    Fixed64([u8; 8]),
    /// Bytes, a string, or a message.
    Bytes(&'a [u8]),
}

/// A reader of the fields of one message.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Creates a reader at the start of a message.
    pub(crate) const fn new(message: &'a [u8]) -> Self {
        Reader(message)
    }

    /// Returns the next field's number and payload, or `None` at the end.
    ///
    /// # Errors
    /// [`WireError`]; the rest of the message cannot be read either.
    pub(crate) fn field(&mut self) -> Result<Option<(u64, Payload<'a>)>, WireError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let payload = match tag & 7 {
            0 => Payload::Varint(self.varint()?),
            1 => {
                let (bytes, rest) = self.0.split_first_chunk::<8>().ok_or(WireError::Truncated)?;
                self.0 = rest;
                Payload::Fixed64(*bytes)
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(WireError::Truncated)?;
                self.0 = rest;
                Payload::Bytes(bytes)
            }
            _ => return Err(WireError::Form),
        };
        Ok(Some((tag >> 3, payload)))
    }

    /// Reads a varint of at most ten bytes. Bits beyond 64 are dropped, as protobuf does.
    fn varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0;
        for index in 0_u32..10 {
            let (byte, rest) = self.0.split_first().ok_or(WireError::Truncated)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << index.saturating_mul(7);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError::Form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_encoded_as_tag_length_and_bytes() {
        let mut message = Vec::new();
        push_field(&mut message, 1, b"ab");
        push_field(&mut message, 4, b"");
        push_number(&mut message, 3, 300);
        assert_eq!(message, b"\x0a\x02ab\x22\x00\x18\xac\x02");
    }

    #[test]
    fn numbers_take_as_many_bytes_as_they_need() {
        let cases = [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[0x80, 1]),
            (16_383, &[0xff, 0x7f]),
            (16_384, &[0x80, 0x80, 1]),
            (u64::MAX, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ];
        for (number, want) in cases {
            let mut bytes = Vec::new();
            push_varint(&mut bytes, number);
            assert_eq!(bytes, want, "{number}");
            assert_eq!(Reader::new(&bytes).varint(), Ok(number));
        }
    }

    #[test]
    fn fields_read_back_and_truncated_messages_are_errors() {
        let message = b"\x0a\x02ab\x18\xac\x02\x09\x01\x02\x03\x04\x05\x06\x07\x08";
        let mut reader = Reader::new(message);
        assert_eq!(reader.field(), Ok(Some((1, Payload::Bytes(b"ab")))));
        assert_eq!(reader.field(), Ok(Some((3, Payload::Varint(300)))));
        assert_eq!(reader.field(), Ok(Some((1, Payload::Fixed64([1, 2, 3, 4, 5, 6, 7, 8])))));
        assert_eq!(reader.field(), Ok(None));
        let cases: [(&str, &[u8], WireError); 6] = [
            ("half a tag", b"\x80", WireError::Truncated),
            ("no number", b"\x18", WireError::Truncated),
            ("fewer bytes than announced", b"\x0a\x03ab", WireError::Truncated),
            ("half a double", b"\x09\x01", WireError::Truncated),
            ("a group", b"\x0b", WireError::Form),
            ("a number without an end", &[0xff; 11], WireError::Form),
        ];
        for (why, bytes, want) in cases {
            assert_eq!(Reader::new(bytes).field(), Err(want), "{why}");
        }
    }
}
