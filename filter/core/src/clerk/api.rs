//! Requests to Clerk's Backend API and the parsing of their responses. Retries are left to the caller.

use super::metadata::Record;
use crate::http::{Callout, CalloutError, HeaderMap, Outcome, Request};
use crate::ids::Subject;
use crate::json;
use crate::upstream::{USER_AGENT, Upstream};
use serde_json::Value;
use std::time::Duration;

/// The API version of all requests.
pub const API_VERSION: &str = "2026-05-12";

/// Clerk's error code for a user or an organization that does not exist or was deleted.
const NOT_FOUND: &str = "resource_not_found";

/// The maximum length of an error code to keep, in bytes.
const ERROR_CODE_BYTES_MAX: usize = 64;

/// Clerk's Backend API.
#[derive(Clone, Copy, Debug)]
pub struct BackendApi<'a> {
    pub(super) upstream: &'a Upstream,
}

impl<'a> BackendApi<'a> {
    /// Creates the API at this upstream.
    pub fn new(upstream: &'a Upstream) -> Self {
        BackendApi { upstream }
    }

    /// Returns the request for a user or an organization.
    pub fn read(&self, subject: &Subject) -> Callout {
        self.read_of(subject, "")
    }

    /// Returns the request for something of a user or an organization; `below` is its path below theirs.
    pub(super) fn read_of(&self, subject: &Subject, below: &str) -> Callout {
        let path = format!("{}/{}{below}", self.upstream.base_path, resource(subject));
        self.callout("GET", path, Vec::new())
    }

    /// Returns the request that merges `patch` into the metadata (see [`Record::patch`]). The response is the
    /// updated subject.
    pub fn write(&self, subject: &Subject, patch: &Value) -> Callout {
        // `PATCH /users/{id}`, without `/metadata`, would replace the metadata of other applications.
        let path = format!("{}/{}/metadata", self.upstream.base_path, resource(subject));
        self.callout("PATCH", path, patch.to_string().into_bytes())
    }

    pub(super) fn callout(&self, method: &'static str, path: String, body: Vec<u8>) -> Callout {
        let mut headers =
            vec![("clerk-api-version", API_VERSION.to_owned()), ("user-agent", USER_AGENT.to_owned())];
        if !body.is_empty() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let Upstream { cluster, authority, timeout, authorization, .. } = self.upstream;
        if let Some(key) = authorization {
            headers.push(("authorization", format!("Bearer {}", key.expose())));
        }
        let request = Request::Http { method, authority: authority.clone(), path, headers, body };
        Callout { cluster: cluster.clone(), timeout: *timeout, request }
    }
}

fn resource(subject: &Subject) -> String {
    match subject {
        Subject::User(id) => format!("users/{id}"),
        Subject::Organization(id) => format!("organizations/{id}"),
    }
}

/// An error of a request to Clerk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClerkApiError {
    /// Clerk has no such user or organization.
    #[error("Clerk has no such user or organization")]
    Gone,
    /// The secret key is missing, wrong, or lacks access.
    #[error("Clerk refused the credentials with {status}: check the secret key")]
    Credentials {
        /// 401 or 403.
        status: u16,
    },
    /// The rate limit is exceeded (429).
    #[error("Clerk's rate limit is exceeded")]
    RateLimited {
        /// The time to wait, from `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// A response with status 5xx.
    #[error("Clerk responded with status {status}")]
    Down {
        /// The status.
        status: u16,
    },
    /// There is no response.
    #[error("Clerk did not respond: {0}")]
    NoResponse(#[from] CalloutError),
    /// Another status: Clerk rejected the request.
    #[error("Clerk refused the request with {status} {code}")]
    Refused {
        /// The status.
        status: u16,
        /// The first error's code, empty if there is none.
        code: String,
    },
    /// A 200 response that is not the requested user or organization.
    #[error("Clerk's response is not the requested user or organization: check authority and base_path")]
    Unreadable,
}

/// Reads the subject's record from the response to a read or a write.
///
/// # Errors
/// [`ClerkApiError`], see its variants.
pub fn record(outcome: &Outcome<'_>, subject: &Subject, plan_key: &str) -> Result<Record, ClerkApiError> {
    let body = success(outcome)?;
    let response: Value = json::read(body).map_err(|_| ClerkApiError::Unreadable)?;
    if response.get("id").and_then(Value::as_str) != Some(subject.as_str()) {
        return Err(ClerkApiError::Unreadable);
    }
    let metadata = |name| response.get(name).unwrap_or(&Value::Null);
    Ok(Record::from_metadata(metadata("public_metadata"), metadata("private_metadata"), plan_key))
}

/// Returns the body of a successful response.
pub(super) fn success<'a>(outcome: &Outcome<'a>) -> Result<&'a [u8], ClerkApiError> {
    let response = outcome.http_response()?;
    match response.status {
        200 => Ok(response.body),
        status => Err(refusal(status, response.headers, response.body)),
    }
}

fn refusal(status: u16, headers: &HeaderMap, body: &[u8]) -> ClerkApiError {
    match status {
        401 | 403 => ClerkApiError::Credentials { status },
        429 => ClerkApiError::RateLimited { retry_after: headers.get("retry-after").and_then(seconds) },
        500.. => ClerkApiError::Down { status },
        _ => match error_code(body) {
            code if status == 404 && code == NOT_FOUND => ClerkApiError::Gone,
            code => ClerkApiError::Refused { status, code },
        },
    }
}

/// Returns the first error's code if it has the form of one, because it is logged.
fn error_code(body: &[u8]) -> String {
    let plain = |code: &&str| {
        code.len() <= ERROR_CODE_BYTES_MAX
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let response: Value = json::read(body).unwrap_or_default();
    let code = response.pointer("/errors/0/code").and_then(Value::as_str);
    code.filter(plain).unwrap_or_default().to_owned()
}

/// Parses a `Retry-After` in seconds; Clerk sends no dates.
fn seconds(value: &[u8]) -> Option<Duration> {
    let digits =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use serde_json::json;

    fn upstream(key: Option<&str>) -> Upstream {
        Upstream {
            cluster: "clerk_api".to_owned(),
            authority: "api.clerk.com".to_owned(),
            base_path: "/v1".to_owned(),
            timeout: Duration::from_millis(2000),
            authorization: key.map(|key| Secret::new(key).unwrap()),
        }
    }

    fn subject(id: &str) -> Subject {
        Subject::parse(id).unwrap()
    }

    fn answer(status: u16, headers: &HeaderMap, body: &str) -> Result<Record, ClerkApiError> {
        record(&Outcome::Response { status, headers, body: body.as_bytes() }, &subject("user_1"), "plan")
    }

    #[test]
    fn metadata_is_merged_never_replaced() {
        let callout = BackendApi::new(&upstream(Some("sk_test_x")))
            .write(&subject("org_1"), &json!({"public_metadata": {"plan": "pro"}}));
        assert_eq!((callout.cluster.as_str(), callout.timeout), ("clerk_api", Duration::from_secs(2)));
        let Request::Http { method, authority, path, headers, body } = callout.request else {
            panic!("HTTP")
        };
        assert_eq!(
            (method, authority.as_str(), path.as_str()),
            ("PATCH", "api.clerk.com", "/v1/organizations/org_1/metadata")
        );
        assert_eq!(body, br#"{"public_metadata":{"plan":"pro"}}"#);
        let want = [
            ("clerk-api-version", "2026-05-12"),
            ("user-agent", USER_AGENT),
            ("content-type", "application/json"),
            ("authorization", "Bearer sk_test_x"),
        ];
        assert_eq!(headers, want.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn without_a_key_no_authorization_is_sent() {
        let callout = BackendApi::new(&upstream(None)).read(&subject("user_1"));
        let Request::Http { method, path, headers, body, .. } = callout.request else { panic!("HTTP") };
        assert_eq!((method, path.as_str(), body.len()), ("GET", "/v1/users/user_1", 0));
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["clerk-api-version", "user-agent"]);
    }

    #[test]
    fn a_response_is_the_record_of_the_requested_subject() {
        let none = HeaderMap::default();
        let body = r#"{"id":"user_1","public_metadata":{"plan":"pro"},"private_metadata":null,"x":[]}"#;
        assert_eq!(answer(200, &none, body).unwrap().plan.as_deref(), Some("pro"));
        assert_eq!(answer(200, &none, r#"{"id":"user_1"}"#), Ok(Record::default()), "no metadata yet");
        for (why, body) in [
            ("another user", r#"{"id":"user_2","public_metadata":{"plan":"pro"}}"#),
            ("no id", r#"{"public_metadata":{"plan":"pro"}}"#),
            ("a page", "<html>"),
            ("empty", ""),
        ] {
            assert_eq!(answer(200, &none, body), Err(ClerkApiError::Unreadable), "{why}");
        }
    }

    #[test]
    fn errors_are_classified_by_status_and_code() {
        let none = HeaderMap::default();
        let wait = HeaderMap::from_fields([(&b"retry-after"[..], &b"7"[..])]);
        let date = HeaderMap::from_fields([(&b"retry-after"[..], &b"Mon, 01 Jan"[..])]);
        let gone = r#"{"errors":[{"code":"resource_not_found","message":"x"}],"clerk_trace_id":"x"}"#;
        let wrong = r#"{"errors":[{"code":"form_param_unknown","message":"x"},{"code":"b"}]}"#;
        let odd = r#"{"errors":[{"code":"a\nb"}]}"#;
        let refused = |status, code: &str| ClerkApiError::Refused { status, code: code.to_owned() };
        let seven = ClerkApiError::RateLimited { retry_after: Some(Duration::from_secs(7)) };
        let cases = [
            ("a deleted user", 404, &none, gone, ClerkApiError::Gone),
            ("a wrong path", 404, &none, "<html>", refused(404, "")),
            ("not found, but not with 404", 400, &none, gone, refused(400, "resource_not_found")),
            ("no key", 401, &none, "", ClerkApiError::Credentials { status: 401 }),
            ("not allowed", 403, &none, "", ClerkApiError::Credentials { status: 403 }),
            ("too often", 429, &wait, "", seven),
            ("too often, until a date", 429, &date, "", ClerkApiError::RateLimited { retry_after: None }),
            ("down", 500, &none, "", ClerkApiError::Down { status: 500 }),
            ("behind a proxy", 599, &none, "", ClerkApiError::Down { status: 599 }),
            ("a wrong body", 422, &none, wrong, refused(422, "form_param_unknown")),
            ("a malformed code", 422, &none, odd, refused(422, "")),
            ("a redirect", 302, &none, "", refused(302, "")),
            ("success without content", 204, &none, "", refused(204, "")),
        ];
        for (why, status, headers, body, want) in cases {
            assert_eq!(answer(status, headers, body), Err(want), "{why}");
        }
    }

    #[test]
    fn a_call_without_a_response_is_an_error_of_its_kind() {
        let cases = [
            (Outcome::TimedOut, CalloutError::TimedOut),
            (Outcome::Reset, CalloutError::Reset),
            (Outcome::ClusterUnknown, CalloutError::ClusterUnknown),
            (Outcome::TooLarge, CalloutError::TooLarge),
        ];
        for (outcome, want) in cases {
            let want = Err(ClerkApiError::NoResponse(want));
            assert_eq!(record(&outcome, &subject("user_1"), "plan"), want, "{outcome:?}");
        }
    }
}
