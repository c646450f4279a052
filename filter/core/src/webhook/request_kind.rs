//! Classifies a request by its header alone: a delivery, a request for another path, or one to refuse.

use super::source::SourceLabels;
use super::worker::Endpoint;
use crate::config::Mode;
use crate::http::HeaderMap;
use crate::identity::{HeaderOwner, fields_owned_by};
use crate::override_fields::OverrideFields;
use crate::path::{self, PathPattern};
use crate::problem::{Problem, ProblemCode};

/// The kind of a request, as far as its header shows.
#[derive(Debug)]
pub(super) enum RequestKind {
    /// A delivery; its signature and body are not checked yet.
    Delivery,
    /// A request for another path.
    OtherPath,
    /// A delivery whose `content-length` exceeds the configured maximum.
    TooLarge,
    /// A request to refuse with this problem.
    Refused(Problem),
}

impl RequestKind {
    /// Classifies a request by its path, method, and `content-length`.
    pub(super) fn new(endpoint: &Endpoint, labels: &SourceLabels, headers: &HeaderMap) -> Self {
        let path = path::without_query(headers.get(":path").unwrap_or_default());
        if path != endpoint.path.as_bytes() {
            // In mode `forward` an upstream accepts events. It must not get unverified ones under another
            // spelling of the path.
            if endpoint.mode == Mode::Forward && may_be_read_as(headers, &endpoint.path) {
                let detail =
                    "an upstream could read this path as the webhook's path; send the path in normal form";
                return RequestKind::Refused(Problem::new(400, ProblemCode::AmbiguousPath, detail));
            }
            return RequestKind::OtherPath;
        }
        if headers.get(":method") != Some(b"POST") {
            let problem = Problem::new(405, ProblemCode::MethodNotAllowed, labels.method);
            return RequestKind::Refused(problem.header("allow", "POST"));
        }
        let content_length =
            headers.get("content-length").and_then(|length| std::str::from_utf8(length).ok());
        let content_length: Option<usize> = content_length.and_then(|length| length.parse().ok());
        match content_length.is_some_and(|bytes| bytes > endpoint.body_bytes_max) {
            true => RequestKind::TooLarge,
            false => RequestKind::Delivery,
        }
    }
}

/// Returns whether an upstream could treat the request as one to this path: because of how it reads the
/// request's own path, or a path in a header field that overrides it.
fn may_be_read_as(headers: &HeaderMap, webhook: &str) -> bool {
    let webhook = PathPattern::new(webhook);
    let overrides = OverrideFields::read(headers);
    let Some(replaced) = overrides.paths.get() else { return true };
    let own = headers.get(":path").unwrap_or_default();
    let mut paths = std::iter::once(own).chain(replaced.iter().map(Vec::as_slice));
    paths.any(|path| path::may_be_read_as(path, &webhook))
}

/// Returns the header fields that only this filter may set but that the client has sent.
pub(super) fn client_sent_fields(owner: HeaderOwner, headers: &HeaderMap) -> Vec<Vec<u8>> {
    fields_owned_by(headers, |field_owner| field_owner == owner)
}
