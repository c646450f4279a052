//! The canonical form of a request's path: every escape decoded, once. A path that servers are known to read
//! in several ways has no canonical form.

use super::decoding::{DECODINGS_MAX, decoded, without_query};
use super::reading;
use std::borrow::Cow;

/// The longest path with escapes, in bytes. Common servers refuse longer paths; it bounds the cost of
/// decoding.
const ESCAPED_BYTES_MAX: usize = 8192;

/// The path of a request in its canonical form, and in the forms for routers that decode less or more.
#[derive(Debug)]
pub(crate) struct RequestPath<'a> {
    canonical: Cow<'a, [u8]>,
    undecoded: Option<Vec<u8>>,
    deeper: Vec<Vec<u8>>,
}

impl<'a> RequestPath<'a> {
    /// Parses the path of a request's target. Returns `None` if it has no canonical form.
    ///
    /// It has one if all of this is true: it starts with `/`; it contains no empty or dot segment, and no
    /// backslash, `;`, `#`, control character, or byte outside of ASCII; every `%` starts an escape, and none
    /// is that of an unreserved character (RFC 3986 §2.3), a slash, a backslash, a `;`, or a control
    /// character; the decoded path is UTF-8; and further decoding shows no dot segment.
    pub(crate) fn parse(path_and_query: &'a [u8]) -> Option<Self> {
        let path = without_query(path_and_query);
        let segments = path.strip_prefix(b"/")?;
        if !has_plain_segments(segments) || !has_plain_bytes(path) {
            return None;
        }
        if !path.contains(&b'%') {
            return Some(RequestPath { canonical: Cow::Borrowed(path), undecoded: None, deeper: Vec::new() });
        }
        if path.len() > ESCAPED_BYTES_MAX {
            return None;
        }
        let canonical = decoded(path);
        if std::str::from_utf8(&canonical).is_err() || reading::has_dot_segment(&canonical) {
            return None;
        }
        let deeper = decoded_again(&canonical)?;
        let undecoded = Some(undecoded(path)).filter(|undecoded| *undecoded != canonical);
        Some(RequestPath { canonical: Cow::Owned(canonical), undecoded, deeper })
    }

    /// Returns the path with every escape decoded.
    pub(crate) fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// Returns the path for a router that decodes only characters that must be escaped, or `None` if that is
    /// the canonical form. For such a router, `%3A` is not `:`.
    pub(crate) fn undecoded(&self) -> Option<&[u8]> {
        self.undecoded.as_deref()
    }

    /// Returns all readings of the path by routers, folded for the comparison with
    /// [`PathPattern`](super::PathPattern)s.
    pub(crate) fn readings(&self) -> Vec<Vec<u8>> {
        let forms = std::iter::once(self.canonical()).chain(self.deeper.iter().map(Vec::as_slice));
        forms.flat_map(reading::readings).collect()
    }

    /// Returns whether further decoding would show a character that needed no escape. Honest clients send
    /// this only if a text looks like an escape.
    pub(crate) fn hides_plain_characters(&self) -> bool {
        let forms = std::iter::once(self.canonical()).chain(self.deeper.iter().map(Vec::as_slice));
        forms.into_iter().any(|form| {
            form.windows(3).any(|three| match three {
                [b'%', high, low] => hexadecimal(*high, *low).is_some() && !is_needed(*high, *low),
                _ => false,
            })
        })
    }
}

/// Returns whether two paths of the configuration have the same canonical form.
pub(crate) fn are_equal(path: &str, other: &str) -> bool {
    decoded(path.as_bytes()) == decoded(other.as_bytes())
}

/// Returns whether a path of the configuration is UTF-8 after it is decoded, and does not change if it is
/// decoded again.
pub(crate) fn is_stable(path: &str) -> bool {
    let once = decoded(path.as_bytes());
    std::str::from_utf8(&once).is_ok() && decoded(&once) == once && !reading::has_dot_segment(&once)
}

/// Returns whether `%` with these two digits is the escape of a byte that must be escaped (RFC 3986 §2.3),
/// and that does not change the structure of the decoded path for any upstream, as a slash, a backslash, or
/// `;` would.
pub(crate) fn is_needed(high: u8, low: u8) -> bool {
    let Some(byte) = hexadecimal(high, low) else { return false };
    let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    !unreserved && !byte.is_ascii_control() && !matches!(byte, b'/' | b'\\' | b';')
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(high)? << 4) | digit(low)?)
}

/// Returns the results of further decodings. Returns `None` if there are more than [`DECODINGS_MAX`], or one
/// shows a dot segment.
fn decoded_again(canonical: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut deeper: Vec<Vec<u8>> = Vec::new();
    for _ in 1..=DECODINGS_MAX {
        let last = deeper.last().map_or(canonical, Vec::as_slice);
        let next = decoded(last);
        if next == last {
            return Some(deeper);
        }
        if reading::has_dot_segment(&next) {
            return None;
        }
        deeper.push(next);
    }
    None
}

/// Decodes characters that a path must escape (the path percent-encode set of <https://url.spec.whatwg.org>).
/// Writes all other escapes in one spelling.
fn undecoded(path: &[u8]) -> Vec<u8> {
    let is_always_escaped = |byte: u8| {
        matches!(byte, b' ' | b'"' | b'#' | b'<' | b'>' | b'?' | b'`' | b'{' | b'}' | b'%')
            || !byte.is_ascii()
    };
    let mut undecoded = Vec::with_capacity(path.len());
    let mut bytes = path.iter().copied();
    while let Some(byte) = bytes.next() {
        let (escaped, byte) = match byte {
            b'%' => match (bytes.next(), bytes.next()) {
                (Some(high), Some(low)) => (true, hexadecimal(high, low).unwrap_or(b'%')),
                _ => (false, byte),
            },
            byte => (false, byte),
        };
        if escaped == is_always_escaped(byte) {
            undecoded.push(byte);
        } else {
            undecoded.extend_from_slice(percent_encoding::percent_encode_byte(byte).as_bytes());
        }
    }
    undecoded
}

/// Returns whether no segment is empty or has only dots. An empty last segment is the slash at the end of a
/// path. A segment of only dots is a dot segment, or becomes one for servers that drop dots at the end.
fn has_plain_segments(segments: &[u8]) -> bool {
    let mut rest = segments.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = rest.next() {
        let last = rest.peek().is_none();
        if (segment.is_empty() && !last) || (!segment.is_empty() && segment.iter().all(|byte| *byte == b'.'))
        {
            return false;
        }
    }
    true
}

fn has_plain_bytes(path: &[u8]) -> bool {
    let mut bytes = path.iter().copied();
    while let Some(byte) = bytes.next() {
        let plain = match byte {
            b'%' => matches!((bytes.next(), bytes.next()), (Some(high), Some(low)) if is_needed(high, low)),
            b'\\' | b';' | b'#' => false,
            _ => byte.is_ascii_graphic(),
        };
        if !plain {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests;
