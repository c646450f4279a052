//! Cross-origin requests (<https://fetch.spec.whatwg.org/#http-cors-protocol>): recognizes preflights, and
//! returns the header fields with which a page of an allowed origin may read the gateway's own responses.

use crate::http::{HeaderMap, Reply};

/// The time for which a browser may remember a preflight response, in seconds.
const PREFLIGHT_AGE_S: &str = "600";

/// The gateway's header fields that a page of another origin may read.
const EXPOSED: &str = "ratelimit, ratelimit-policy, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, \
                       retry-after, www-authenticate";

/// Returns whether a request is a CORS preflight of a browser, which has no credentials. The upstream
/// responds to it.
pub(crate) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.get(":method") == Some(b"OPTIONS")
        && headers.get("origin").is_some()
        && headers.get("access-control-request-method").is_some()
        && headers.get("authorization").is_none()
        && headers.get("cookie").is_none()
}

/// Returns the index in `origins` of the request's origin, if its pages may read responses.
pub(crate) fn allowed_origin(origins: &[String], headers: &HeaderMap) -> Option<usize> {
    let origin = headers.get("origin")?;
    origins.iter().position(|allowed| allowed.as_bytes() == origin)
}

/// Returns the header fields that let pages of the origin at the index `origin` in `origins` read a response.
pub(crate) fn response_fields(origins: &[String], origin: Option<usize>) -> Vec<(&'static str, String)> {
    let Some(origin) = origin.and_then(|index| origins.get(index)) else { return Vec::new() };
    vec![
        ("access-control-allow-origin", origin.clone()),
        ("access-control-allow-credentials", "true".to_owned()),
        ("access-control-expose-headers", EXPOSED.to_owned()),
        ("vary", "origin".to_owned()),
    ]
}

/// Returns the response to a preflight for a path to which the gateway itself responds. `readable` are the
/// header fields of [`response_fields`]; `methods` and `fields` are those that a page may send.
pub(crate) fn preflight(mut readable: Vec<(&'static str, String)>, methods: &str, fields: &str) -> Reply {
    readable.extend([
        ("access-control-allow-methods", methods.to_owned()),
        ("access-control-allow-headers", fields.to_owned()),
        ("access-control-max-age", PREFLIGHT_AGE_S.to_owned()),
    ]);
    Reply { status: 204, headers: readable, body: Vec::new(), details: "preflight", grpc_status: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&str, &str)]) -> HeaderMap {
        HeaderMap::from_fields(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }

    #[test]
    fn only_a_request_with_all_fields_and_no_credentials_is_a_preflight() {
        let preflight =
            [(":method", "OPTIONS"), ("origin", "https://x"), ("access-control-request-method", "POST")];
        assert!(is_preflight(&head(&preflight)));
        for missing in 0..preflight.len() {
            let mut fields = preflight.to_vec();
            fields.remove(missing);
            assert!(!is_preflight(&head(&fields)), "without {:?}", preflight[missing]);
        }
        for credential in ["authorization", "cookie"] {
            let mut fields = preflight.to_vec();
            fields.push((credential, "x"));
            assert!(!is_preflight(&head(&fields)), "with {credential}");
        }
        let mut post = preflight.to_vec();
        post[0] = (":method", "POST");
        assert!(!is_preflight(&head(&post)));
    }

    #[test]
    fn only_the_configured_origins_may_read() {
        let origins = ["https://app.example.com".to_owned()];
        let readable =
            |origin| response_fields(&origins, allowed_origin(&origins, &head(&[("origin", origin)])));
        let allowed = ("access-control-allow-origin", "https://app.example.com".to_owned());
        assert!(readable("https://app.example.com").contains(&allowed));
        assert!(readable("https://evil.example.com").is_empty());
        assert!(readable("null").is_empty());
        assert!(response_fields(&origins, allowed_origin(&origins, &head(&[]))).is_empty());
    }
}
