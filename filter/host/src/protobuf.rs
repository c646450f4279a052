//! The little of protobuf's encoding that host calls need: fields of bytes, texts and messages.

/// A tag of one byte, and the longest length that there is.
const OVERHEAD_BYTES_MAX: usize = 11;

/// How many bytes [`push_field`] adds at most.
pub(crate) fn field_bytes_max(bytes: &[u8]) -> usize {
    bytes.len().saturating_add(OVERHEAD_BYTES_MAX)
}

/// Appends a field of bytes, of text or of a message. Its number is below 16, so that its tag is one byte.
pub(crate) fn push_field(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    const LENGTH_DELIMITED: u8 = 2;
    message.push(number << 3 | LENGTH_DELIMITED);
    push_varint(message, bytes.len());
    message.extend_from_slice(bytes);
}

/// Seven bits a byte, the lowest first, the top bit set on all but the last.
fn push_varint(bytes: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_tag_a_length_and_the_bytes() {
        let mut message = Vec::new();
        push_field(&mut message, 1, b"ab");
        push_field(&mut message, 4, b"");
        assert_eq!(message, b"\x0a\x02ab\x22\x00");
    }

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        let cases = [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[0x80, 1]),
            (16_383, &[0xff, 0x7f]),
            (16_384, &[0x80, 0x80, 1]),
        ];
        for (number, want) in cases {
            let mut bytes = Vec::new();
            push_varint(&mut bytes, number);
            assert_eq!(bytes, want, "{number}");
        }
    }
}
