//! Escapes in paths: one rule for the paths of requests and for those of the configuration.

/// Whether `%` and these two digits stand for a byte that could not have been written as it is (RFC 3986 §2.3), and that
/// no upstream takes for a part of the path's form once it has decoded it: a slash, a backslash, the `;` of a parameter.
pub(crate) fn is_needed(high: u8, low: u8) -> bool {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (Some(high), Some(low)) = (digit(high), digit(low)) else { return false };
    let byte = (high << 4) | low;
    let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    !unreserved && !byte.is_ascii_control() && !matches!(byte, b'/' | b'\\' | b';')
}
