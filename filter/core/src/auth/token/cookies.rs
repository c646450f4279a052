//! Finds the session cookies of a request, in one bounded pass over its `cookie` fields. Does not read their
//! values.
//!
//! On HTTP/2, a repeated cookie costs a client one byte once it is in the gateway's HPACK table. Therefore
//! both the number and the size of cookies are bounded. Beyond the bounds, no cookie is used: if the gateway
//! read only some of them, anyone who can add cookies could choose which.

use super::jws::TOKEN_BYTES_MAX;
use crate::http::HeaderMap;

/// The maximum number of cookies of one request. Browsers keep about 180 for a site.
pub(crate) const COOKIES_MAX: usize = 1024;

/// The maximum number of bytes of `cookie` fields. The shipped configurations accept 96 KB of header fields.
pub(crate) const COOKIE_BYTES_MAX: usize = 128 * 1024;

/// The maximum number of different session cookies of one request. Each Clerk instance of a domain has one.
pub const SESSION_COOKIES_MAX: usize = 32;

/// The name of Clerk's session cookie, which `_` and a suffix may follow.
const NAME: &[u8] = b"__session";

/// The length of the suffix, in base64url characters: a part of the SHA-1 of the publishable key.
const SUFFIX_BYTES: usize = 8;

/// The session cookies of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SessionCookies<'a> {
    /// Their values, each once: those of suffixed names first, otherwise in the order of the request.
    Values(Vec<&'a [u8]>),
    /// The request has more cookies, or more bytes of cookies, than the maximum.
    TooMany,
}

/// Returns the values of the cookies `__session_<suffix>` and `__session`, except those that are empty or too
/// long for a token.
pub(crate) fn session_cookies(headers: &HeaderMap) -> SessionCookies<'_> {
    let (mut suffixed, mut plain) = (Vec::new(), Vec::new());
    let (mut cookies, mut bytes) = (0_usize, 0_usize);
    for field in headers.get_all("cookie") {
        bytes = bytes.saturating_add(field.len());
        if bytes > COOKIE_BYTES_MAX {
            return SessionCookies::TooMany;
        }
        for pair in field.split(|byte| *byte == b';') {
            cookies = cookies.saturating_add(1);
            if cookies > COOKIES_MAX {
                return SessionCookies::TooMany;
            }
            let Some(cookie) = SessionCookie::parse(pair) else { continue };
            let known = if cookie.is_suffixed { &mut suffixed } else { &mut plain };
            if !known.contains(&cookie.value) {
                known.push(cookie.value);
            }
            if suffixed.len().saturating_add(plain.len()) > SESSION_COOKIES_MAX {
                return SessionCookies::TooMany;
            }
        }
    }
    plain.retain(|value| !suffixed.contains(value));
    suffixed.append(&mut plain);
    SessionCookies::Values(suffixed)
}

/// A session cookie that could hold a token.
struct SessionCookie<'a> {
    is_suffixed: bool,
    value: &'a [u8],
}

impl<'a> SessionCookie<'a> {
    /// Reads `name=value` or `name="value"` (RFC 6265 §4.1.1). Returns `None` for other cookies.
    fn parse(pair: &'a [u8]) -> Option<Self> {
        let rest = pair.trim_ascii_start().strip_prefix(NAME)?;
        let (suffix, value) = match rest.strip_prefix(b"_") {
            Some(rest) => rest.split_at_checked(SUFFIX_BYTES)?,
            None => (&b""[..], rest),
        };
        let value = value.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
        let quoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        let value = quoted.unwrap_or(value);
        let could_be_a_token = !value.is_empty() && value.len() <= TOKEN_BYTES_MAX;
        (could_be_a_token && suffix.iter().all(is_base64url))
            .then_some(SessionCookie { is_suffixed: !suffix.is_empty(), value })
    }
}

fn is_base64url(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[&str]) -> HeaderMap {
        HeaderMap::from_fields(fields.iter().map(|value| (&b"cookie"[..], value.as_bytes())))
    }

    /// Returns `count` cookies of another name.
    fn others(count: usize) -> String {
        vec!["a=b"; count].join("; ")
    }

    #[test]
    fn session_cookies_are_read_suffixed_first_and_each_value_once() {
        let cases: [(&str, &[&str], &[&str]); 14] = [
            ("a name without a suffix", &["__session=a"], &["a"]),
            ("a suffixed name comes first", &["__session=a; x=1; __session_AbC-_123=b"], &["b", "a"]),
            ("several fields", &["__session=a", "__session_AAAAAAAA=b"], &["b", "a"]),
            ("several instances", &["__session_AAAAAAAA=a; __session_BBBBBBBB=b"], &["a", "b"]),
            ("the same name twice", &["__session=a; __session=b"], &["a", "b"]),
            ("the same value twice", &["__session=a; __session_AAAAAAAA=a"], &["a"]),
            ("quoted", &["__session=\"a\""], &["a"]),
            ("half quoted", &["__session=\"a"], &["\"a"]),
            ("spaces around the name and the value", &["  __session = a ;"], &["a"]),
            ("signed out", &["__session=; __session_AAAAAAAA=; __session_BBBBBBBB=\"\""], &[]),
            ("a suffix too short or too long", &["__session_AAAAAAA=a; __session_AAAAAAAAA=b"], &[]),
            ("a suffix with another character", &["__session_AAAA+AAA=a; __session_AAAAAAA =b"], &[]),
            ("another cookie", &["__session2=a; x__session=b; session=c; __Session=d; __session"], &[]),
            ("no cookie", &["", ";;;", "="], &[]),
        ];
        for (why, fields, want) in cases {
            let want = want.iter().map(|value| value.as_bytes()).collect();
            assert_eq!(session_cookies(&headers(fields)), SessionCookies::Values(want), "{why}");
        }
    }

    #[test]
    fn a_value_that_is_too_long_for_a_token_is_ignored() {
        let long = format!("__session_AAAAAAAA={}; __session=a", "x".repeat(TOKEN_BYTES_MAX + 1));
        assert_eq!(session_cookies(&headers(&[&long])), SessionCookies::Values(vec![b"a"]));
    }

    #[test]
    fn as_many_cookies_as_browsers_send_are_read() {
        let fields = [others(700), others(COOKIES_MAX - 701), "__session=a".to_owned()];
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        assert_eq!(
            session_cookies(&headers(&fields)),
            SessionCookies::Values(vec![b"a"]),
            "the last of the maximum number of cookies"
        );
        let long: Vec<String> = (0..23).map(|n| format!("c{n}={}", "x".repeat(4096))).collect();
        let full = format!("{}; __session=a", long.join("; "));
        assert_eq!(
            session_cookies(&headers(&[&full])),
            SessionCookies::Values(vec![b"a"]),
            "after 94 KB of other cookies"
        );
    }

    #[test]
    fn beyond_the_bounds_no_cookie_is_used() {
        let session = "__session=a";
        let many = others(COOKIES_MAX);
        let large = format!("x={}", "y".repeat(COOKIE_BYTES_MAX));
        let half = format!("x={}", "y".repeat(COOKIE_BYTES_MAX / 2));
        let different: Vec<String> = (0..=SESSION_COOKIES_MAX).map(|n| format!("__session={n}")).collect();
        let cases = [
            ("too many cookies", vec![session, many.as_str()]),
            ("too many, in many fields", [session].into_iter().chain(vec!["a=b"; COOKIES_MAX]).collect()),
            ("too many empty cookies", vec![session, ";".repeat(COOKIES_MAX).leak()]),
            ("too many bytes in one field", vec![session, large.as_str()]),
            ("too many bytes in several fields", vec![session, half.as_str(), half.as_str()]),
            ("too many different session cookies", vec![different.join("; ").leak()]),
        ];
        for (why, fields) in cases {
            assert_eq!(session_cookies(&headers(&fields)), SessionCookies::TooMany, "{why}");
        }
        let same = vec![session; SESSION_COOKIES_MAX * 2].join("; ");
        assert_eq!(
            session_cookies(&headers(&[&same])),
            SessionCookies::Values(vec![b"a"]),
            "many cookies with the same value count as one"
        );
    }
}
