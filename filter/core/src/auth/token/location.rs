//! Finds the session token in a request. Does not read it.

use super::TokenError;
use super::cookies::{self, SessionCookies};
use crate::http::HeaderMap;

/// The location of a request's session token.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenLocation<'a> {
    /// No token.
    Nothing,
    /// The token of the Authorization field.
    Bearer(&'a [u8]),
    /// The values of the session cookies, at least one, each once, those of suffixed names first. Several
    /// Clerk instances can share a domain, so their claims decide which one is used.
    Cookies(Vec<&'a [u8]>),
    /// More cookies than the maximum. None of them is used, because the newest may be one that was not read.
    TooManyCookies,
}

impl std::fmt::Debug for TokenLocation<'_> {
    /// Writes only the location: the token itself is a credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TokenLocation::Nothing => f.write_str("nothing"),
            TokenLocation::Bearer(_) => f.write_str("a bearer token"),
            TokenLocation::Cookies(candidates) => write!(f, "{} session cookies", candidates.len()),
            TokenLocation::TooManyCookies => f.write_str("too many cookies"),
        }
    }
}

/// Finds the token in the Authorization field or, if `cookies`, in the cookies `__session_<suffix>` and
/// `__session`.
///
/// An Authorization field that is empty or has another scheme (such as `Basic`) is ignored.
///
/// # Errors
/// [`TokenError::Malformed`] if there are several Authorization fields, or one without a scheme, or one
/// without a token after `Bearer`.
pub fn find(headers: &HeaderMap, cookies: bool) -> Result<TokenLocation<'_>, TokenError> {
    if let Some(token) = bearer(headers)? {
        return Ok(TokenLocation::Bearer(token));
    }
    if !cookies {
        return Ok(TokenLocation::Nothing);
    }
    Ok(match cookies::session_cookies(headers) {
        SessionCookies::Values(values) if values.is_empty() => TokenLocation::Nothing,
        SessionCookies::Values(values) => TokenLocation::Cookies(values),
        SessionCookies::TooMany => TokenLocation::TooManyCookies,
    })
}

fn bearer(headers: &HeaderMap) -> Result<Option<&[u8]>, TokenError> {
    let mut fields = headers.get_all("authorization");
    let Some(value) = fields.next() else { return Ok(None) };
    // The upstream might use the other one.
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
        (true, None) => Err(TokenError::Malformed("no token follows `Bearer`")),
        (false, Some(_)) => Ok(None),
        (false, None) => Err(TokenError::Malformed("the Authorization field lacks the scheme `Bearer`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::TokenCode;
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
            ("two in one field: returned as one malformed token", "Bearer a.b.c, Bearer d.e.f", Ok(Some(19))),
            ("another scheme", "Basic dXNlcjpwYXNz", Ok(None)),
            ("a scheme that only starts like it", "BearerX a.b.c", Ok(None)),
            ("empty", "", Ok(None)),
            ("blank", "  ", Ok(None)),
        ];
        for (why, value, want) in cases {
            let headers = headers(&[("authorization", value)]);
            let found = find(&headers, true).map(|location| match location {
                TokenLocation::Bearer(token) => Some(token.len()),
                _ => None,
            });
            assert_eq!(found.map_err(|error| assert_eq!(error.code(), TokenCode::Malformed)), want, "{why}");
        }
    }

    #[test]
    fn two_authorization_fields_are_refused() {
        for second in ["Bearer a.b.c", "Basic eA==", ""] {
            let headers = headers(&[("authorization", "Bearer a.b.c"), ("authorization", second)]);
            assert_eq!(find(&headers, true).map_err(TokenError::code), Err(TokenCode::Malformed), "{second}");
        }
    }

    #[test]
    fn authorization_precedes_cookies_unless_it_has_another_scheme() {
        let cases =
            [("Bearer a", TokenLocation::Bearer(b"a")), ("Basic eA==", TokenLocation::Cookies(vec![b"b"]))];
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
            if let Ok(TokenLocation::Cookies(candidates)) = find(&headers, true) {
                prop_assert!((1..=cookies::SESSION_COOKIES_MAX).contains(&candidates.len()));
                prop_assert!(candidates.iter().all(|value| !value.is_empty()));
            }
        }
    }
}
