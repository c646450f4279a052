//! Cross-origin requests (<https://fetch.spec.whatwg.org/#http-cors-protocol>): which is a preflight, and who
//! may read the gateway's own answers.

use crate::http::HeaderMap;

/// The header fields of ours that a page of another origin may read.
const EXPOSED: &str = "ratelimit, ratelimit-policy, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, \
                       retry-after, www-authenticate";

/// Whether a request is a true preflight: a browser's question without credentials, answered by the upstream.
pub(crate) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.get(":method") == Some(b"OPTIONS")
        && headers.get("origin").is_some()
        && headers.get("access-control-request-method").is_some()
        && headers.get("authorization").is_none()
        && headers.get("cookie").is_none()
}

/// The place among `origins` of the page's origin that has sent this request, if it may read an answer.
pub(crate) fn reader(origins: &[String], headers: &HeaderMap) -> Option<usize> {
    let origin = headers.get("origin")?;
    origins.iter().position(|allowed| allowed.as_bytes() == origin)
}

/// The header fields by which a page of the origin at that place of `origins` may read an answer.
pub(crate) fn readable_by(origins: &[String], reader: Option<usize>) -> Vec<(&'static str, String)> {
    let Some(origin) = reader.and_then(|place| origins.get(place)) else { return Vec::new() };
    vec![
        ("access-control-allow-origin", origin.clone()),
        ("access-control-allow-credentials", "true".to_owned()),
        ("access-control-expose-headers", EXPOSED.to_owned()),
        ("vary", "origin".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&str, &str)]) -> HeaderMap {
        HeaderMap::from_fields(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }

    #[test]
    fn only_a_browsers_question_is_a_preflight() {
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
        let readable = |origin| readable_by(&origins, reader(&origins, &head(&[("origin", origin)])));
        let allowed = ("access-control-allow-origin", "https://app.example.com".to_owned());
        assert!(readable("https://app.example.com").contains(&allowed));
        assert!(readable("https://evil.example.com").is_empty());
        assert!(readable("null").is_empty());
        assert!(readable_by(&origins, reader(&origins, &head(&[]))).is_empty());
    }
}
