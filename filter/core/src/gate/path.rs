//! Whether a path means the same to the gateway and to whatever decodes it behind.
//!
//! A rule guards what the upstream will serve, but the gateway sees only the path's bytes. A path that some upstream
//! would read as another one (`//ask`, `/%61sk`, `/ask;x`) is therefore refused rather than guessed at. The shipped
//! Envoy configurations normalise before, so that honest clients hardly ever meet this.

use crate::escape;

/// The path without its query: what rules judge. `None` if it is not in normal form.
///
/// Normal form (RFC 3986 §6.2.2, and what upstreams are known to fold): starts with `/`; no empty, `.` or `..`
/// segment; no backslash, `;`, `#`, control character or byte outside of ASCII; every `%` starts an escape of two
/// hexadecimal digits, and no escape stands for an unreserved character, a slash, a backslash, a `;` or a control character.
pub(crate) fn normal_form(path_and_query: &[u8]) -> Option<&[u8]> {
    let path = path_and_query.split(|byte| *byte == b'?').next()?;
    let segments = path.strip_prefix(b"/")?;
    (plain_segments(segments) && plain_bytes(path)).then_some(path)
}

/// A final empty segment is the slash that a path may end with.
fn plain_segments(segments: &[u8]) -> bool {
    let mut rest = segments.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = rest.next() {
        let last = rest.peek().is_none();
        if matches!(segment, b"." | b"..") || (segment.is_empty() && !last) {
            return false;
        }
    }
    true
}

fn plain_bytes(path: &[u8]) -> bool {
    let mut bytes = path.iter().copied();
    while let Some(byte) = bytes.next() {
        let plain = match byte {
            b'%' => {
                matches!((bytes.next(), bytes.next()), (Some(high), Some(low)) if escape::is_needed(high, low))
            }
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_a_path_that_everyone_reads_alike_is_in_normal_form() {
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("plain", "/ask", Some("/ask")),
            ("the root", "/", Some("/")),
            ("the query is not judged", "/ask?x=//../%61", Some("/ask")),
            ("an empty query", "/ask?", Some("/ask")),
            ("a slash at the end", "/ask/", Some("/ask/")),
            ("dots inside a segment", "/a..b/.well-known/v1.0", Some("/a..b/.well-known/v1.0")),
            ("an escape that is needed", "/a%20b%C3%A4", Some("/a%20b%C3%A4")),
            ("the escape of a percent sign", "/100%25", Some("/100%25")),
            ("sub-delimiters", "/a:b@c!$&'()*+,=", Some("/a:b@c!$&'()*+,=")),
            ("two slashes", "//ask", None),
            ("two slashes inside", "/ask//x", None),
            ("two slashes at the end", "/ask//", None),
            ("an escaped letter", "/%61sk", None),
            ("an escaped dot", "/%2e%2e/ask", None),
            ("a dot segment", "/./ask", None),
            ("a dot segment at the end", "/ask/.", None),
            ("up", "/ask/../reports", None),
            ("up at the end", "/ask/..", None),
            ("an escaped slash", "/ask%2F..%2Freports", None),
            ("an escaped slash in lower case", "/ask%2freports", None),
            ("an escaped backslash", "/ask%5Cx", None),
            ("a backslash", "/ask\\x", None),
            ("a parameter", "/ask;x", None),
            ("an escaped parameter", "/ask%3Bx", None),
            ("an escaped parameter in front", "/%3b/ask", None),
            ("a fragment", "/ask#x", None),
            ("an escaped NUL", "/ask%00", None),
            ("an escaped line break", "/ask%0d%0a", None),
            ("half an escape", "/ask%2", None),
            ("no escape", "/ask%zz", None),
            ("a letter outside ASCII", "/äsk", None),
            ("a blank", "/a sk", None),
            ("no path", "ask", None),
            ("an absolute form", "http://x/ask", None),
            ("the asterisk form", "*", None),
            ("nothing", "", None),
        ];
        for (why, path, want) in cases {
            assert_eq!(normal_form(path.as_bytes()), want.map(str::as_bytes), "{why}: {path}");
        }
    }

    /// What an upstream does that decodes escapes, folds slashes and follows dot segments.
    fn as_decoded_behind(path: &[u8]) -> Vec<u8> {
        let mut decoded = Vec::new();
        let mut bytes = path.iter().copied();
        while let Some(byte) = bytes.next() {
            match byte {
                b'%' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                }
                _ => decoded.push(byte),
            }
        }
        let mut segments: Vec<&[u8]> = Vec::new();
        for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
            match segment {
                b"" | b"." => {}
                b".." => drop(segments.pop()),
                _ => segments.push(segment.split(|byte| *byte == b';').next().unwrap()),
            }
        }
        segments.join(&b'/')
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = normal_form(&bytes);
        }

        #[test]
        fn what_passes_is_served_as_the_segments_it_shows(path in "/[a-c%./;\\\\23BbFfeE561]{0,12}") {
            if let Some(path) = normal_form(path.as_bytes()) {
                let shown = path.split(|b| *b == b'/').filter(|s| !s.is_empty()).count();
                let decoded = as_decoded_behind(path);
                let served = decoded.split(|b| *b == b'/').filter(|s| !s.is_empty()).count();
                prop_assert_eq!(shown, served);
                if !path.contains(&b'%') {
                    prop_assert_eq!(path.trim_ascii_end().strip_prefix(b"/").unwrap().strip_suffix(b"/")
                        .unwrap_or(path.strip_prefix(b"/").unwrap()), &decoded[..]);
                }
            }
        }
    }
}
