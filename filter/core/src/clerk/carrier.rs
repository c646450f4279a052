//! Where in a request the session token is. Does not look into it.

use super::TokenError;
use crate::http::HeaderMap;

/// The longest token that is taken apart. Clerk's stay below 4 KB, for they travel in a cookie.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// How many session cookies of one request are tried, suffixed ones first.
pub const COOKIE_CANDIDATES_MAX: usize = 8;

/// The name of Clerk's session cookie; behind it there may be `_` and a suffix.
const COOKIE: &[u8] = b"__session";

/// How many base64url characters the suffix of a cookie's name has: it is cut from the SHA-1 of the publishable key.
const COOKIE_SUFFIX_BYTES: usize = 8;

/// What a request carries.
#[derive(Clone, PartialEq, Eq)]
pub enum Carried<'a> {
    /// No token.
    Nothing,
    /// The token of the Authorization field.
    Bearer(&'a [u8]),
    /// The values of the session cookies, at least one, in the order in which to try them. Several instances of
    /// Clerk can share a domain, so the first need not be ours.
    Cookies(Vec<&'a [u8]>),
}

impl std::fmt::Debug for Carried<'_> {
    /// Where only: whoever has the bytes is signed in.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Carried::Nothing => f.write_str("nothing"),
            Carried::Bearer(_) => f.write_str("a bearer token"),
            Carried::Cookies(candidates) => write!(f, "{} session cookies", candidates.len()),
        }
    }
}

/// Finds the token: in the Authorization field, else, if `cookies`, in the cookies `__session_<suffix>` and
/// `__session`.
///
/// An Authorization field of another scheme (as `Basic`) is none of Clerk's and is passed over; so is an empty one.
///
/// # Errors
/// Only ever about Authorization: [`TokenError::Malformed`] if there are several, if it lacks a scheme, or if what
/// stands behind `Bearer` cannot be a token.
pub fn find(headers: &HeaderMap, cookies: bool) -> Result<Carried<'_>, TokenError> {
    if let Some(token) = bearer(headers)? {
        return Ok(Carried::Bearer(token));
    }
    let candidates = if cookies { session_cookies(headers) } else { Vec::new() };
    Ok(if candidates.is_empty() { Carried::Nothing } else { Carried::Cookies(candidates) })
}

fn bearer(headers: &HeaderMap) -> Result<Option<&[u8]>, TokenError> {
    let mut fields = headers.get_all("authorization");
    let Some(value) = fields.next() else { return Ok(None) };
    // The upstream might go by the other one.
    if fields.next().is_some() {
        return Err(TokenError::Malformed("there is more than one Authorization field"));
    }
    let value = value.trim_ascii();
    if value.is_empty() {
        return Ok(None);
    }
    let mut words = value.splitn(2, |byte| *byte == b' ');
    let scheme = words.next().unwrap_or_default();
    let credentials = words.next().map(<[u8]>::trim_ascii);
    match (scheme.eq_ignore_ascii_case(b"bearer"), credentials) {
        (true, Some(token)) => Ok(Some(token)),
        (true, None) => Err(TokenError::Malformed("nothing stands behind `Bearer`")),
        (false, Some(_)) => Ok(None),
        (false, None) => Err(TokenError::Malformed("the Authorization field lacks the scheme `Bearer`")),
    }
}

fn session_cookies(headers: &HeaderMap) -> Vec<&[u8]> {
    let mut candidates = Vec::new();
    for suffixed in [true, false] {
        let pairs = headers.get_all("cookie").flat_map(|field| field.split(|byte| *byte == b';'));
        for (name, value) in pairs.filter_map(cookie_pair) {
            let fits = if suffixed { has_suffix(name) } else { name == COOKIE };
            let tokenlike = !value.is_empty() && value.len() <= TOKEN_BYTES_MAX;
            let room = candidates.len() < COOKIE_CANDIDATES_MAX;
            if fits && tokenlike && room && !candidates.contains(&value) {
                candidates.push(value);
            }
        }
    }
    candidates
}

/// Name and value of a `name=value` or `name="value"` (RFC 6265 §4.1.1).
fn cookie_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut sides = pair.splitn(2, |byte| *byte == b'=');
    let (name, value) = (sides.next()?.trim_ascii(), sides.next()?.trim_ascii());
    let quoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    Some((name, quoted.unwrap_or(value)))
}

fn has_suffix(name: &[u8]) -> bool {
    name.strip_prefix(COOKIE).and_then(|rest| rest.strip_prefix(b"_")).is_some_and(|suffix| {
        suffix.len() == COOKIE_SUFFIX_BYTES
            && suffix.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        HeaderMap::from_fields(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }

    #[test]
    fn the_authorization_field_is_read_strictly() {
        let cases = [
            ("as documented", "Bearer a.b.c", Ok(Some(5))),
            ("the scheme's case does not count", "bEARER a.b.c", Ok(Some(5))),
            ("more than one blank", "Bearer   a.b.c", Ok(Some(5))),
            ("no token", "Bearer", Err(())),
            ("no token, blanks", "Bearer  ", Err(())),
            ("no scheme", "a.b.c", Err(())),
            (
                "two in one field: not a token, and not ours to choose",
                "Bearer a.b.c, Bearer d.e.f",
                Ok(Some(19)),
            ),
            ("another scheme", "Basic dXNlcjpwYXNz", Ok(None)),
            ("a scheme that only begins like it", "BearerX a.b.c", Ok(None)),
            ("empty", "", Ok(None)),
            ("blank", "  ", Ok(None)),
        ];
        for (why, value, want) in cases {
            let headers = headers(&[("authorization", value)]);
            let found = find(&headers, true).map(|carried| match carried {
                Carried::Bearer(token) => Some(token.len()),
                _ => None,
            });
            assert_eq!(found.map_err(|error| assert_eq!(error.code(), "malformed_token")), want, "{why}");
        }
    }

    #[test]
    fn two_authorization_fields_are_refused_whatever_they_say() {
        for second in ["Bearer a.b.c", "Basic eA==", ""] {
            let headers = headers(&[("authorization", "Bearer a.b.c"), ("authorization", second)]);
            assert_eq!(find(&headers, true).map_err(TokenError::code), Err("malformed_token"), "{second}");
        }
    }

    #[test]
    fn cookies_are_tried_suffixed_first_and_each_value_once() {
        let cases: [(&str, &[&str], &[&str]); 12] = [
            ("the plain one", &["__session=a"], &["a"]),
            ("the suffixed one first", &["__session=a; x=1; __session_AbC-_123=b"], &["b", "a"]),
            ("several fields", &["__session=a", "__session_AAAAAAAA=b"], &["b", "a"]),
            ("several instances", &["__session_AAAAAAAA=a; __session_BBBBBBBB=b"], &["a", "b"]),
            ("the same value twice", &["__session=a; __session_AAAAAAAA=a"], &["a"]),
            ("quoted", &["__session=\"a\""], &["a"]),
            ("blanks round it", &["  __session = a ;"], &["a"]),
            ("signed out", &["__session=; __session_AAAAAAAA="], &[]),
            ("a suffix too short or too long", &["__session_AAAAAAA=a; __session_AAAAAAAAA=b"], &[]),
            ("a suffix with another character", &["__session_AAAA+AAA=a"], &[]),
            ("another cookie", &["__session2=a; x__session=b; session=c; __Session=d; __session"], &[]),
            (
                "more than are tried",
                &["__session_00000001=1;__session_00000002=2;__session_00000003=3;\
              __session_00000004=4;__session_00000005=5;__session_00000006=6;__session_00000007=7;\
              __session_00000008=8;__session_00000009=9;__session=0"],
                &["1", "2", "3", "4", "5", "6", "7", "8"],
            ),
        ];
        for (why, fields, want) in cases {
            let headers = headers(&fields.iter().map(|field| ("cookie", *field)).collect::<Vec<_>>());
            let want: Vec<&[u8]> = want.iter().map(|value| value.as_bytes()).collect();
            let want = if want.is_empty() { Carried::Nothing } else { Carried::Cookies(want) };
            assert_eq!(find(&headers, true), Ok(want), "{why}");
            assert_eq!(find(&headers, false), Ok(Carried::Nothing), "{why}, but cookies are off");
        }
    }

    #[test]
    fn a_cookie_that_is_too_long_is_passed_over() {
        let long = format!("__session_AAAAAAAA={}; __session=a", "x".repeat(TOKEN_BYTES_MAX + 1));
        assert_eq!(find(&headers(&[("cookie", &long)]), true), Ok(Carried::Cookies(vec![b"a"])));
    }

    #[test]
    fn the_authorization_field_wins_over_cookies_unless_it_is_of_another_scheme() {
        let cases = [("Bearer a", Carried::Bearer(b"a")), ("Basic eA==", Carried::Cookies(vec![b"b"]))];
        for (authorization, want) in cases {
            let headers = headers(&[("cookie", "__session=b"), ("authorization", authorization)]);
            assert_eq!(find(&headers, true), Ok(want));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_fields_are_read_within_bounds(
            fields in proptest::collection::vec((
                prop_oneof![Just("cookie"), Just("authorization")],
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..64),
                    "(__session(_[a-z]{7,9})?[=; ]{0,2}[\"a-c]{0,3};?){0,12}".prop_map(String::into_bytes),
                ],
            ), 0..4),
        ) {
            let headers = HeaderMap::from_fields(fields.iter().map(|(name, value)| (name.as_bytes(), &value[..])));
            if let Ok(Carried::Cookies(candidates)) = find(&headers, true) {
                prop_assert!((1..=COOKIE_CANDIDATES_MAX).contains(&candidates.len()));
                prop_assert!(candidates.iter().all(|value| !value.is_empty()));
            }
        }
    }
}
