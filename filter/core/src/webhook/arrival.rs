//! What a request is by its header alone: a delivery, a request for something else, or one that is refused.

use super::source::SourceWords;
use super::worker::Endpoint;
use crate::config::Mode;
use crate::http::HeaderMap;
use crate::identity::{Voucher, foreign_fields};
use crate::override_fields::OverrideFields;
use crate::path::{self, PathPattern};
use crate::problem::Problem;

/// What a request is by its header.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A delivery, as far as that shows.
    Delivery,
    /// A request for something else.
    Elsewhere,
    /// A delivery whose announced body is too large.
    TooLarge,
    /// Neither one nor the other.
    Refused(Problem),
}

impl Arrival {
    /// Judges a request.
    pub(super) fn new(endpoint: &Endpoint, words: &SourceWords, headers: &HeaderMap) -> Self {
        let path = path::without_query(headers.get(":path").unwrap_or_default());
        if path != endpoint.path.as_bytes() {
            // What forwards events has an upstream that takes them, and it must not take them by another door.
            if endpoint.mode == Mode::Forward && may_be_read_as(headers, &endpoint.path) {
                let detail = "this could be read as the webhook's path: send it in normal form";
                return Arrival::Refused(Problem::new(400, "ambiguous_path", detail));
            }
            return Arrival::Elsewhere;
        }
        if headers.get(":method") != Some(b"POST") {
            let problem = Problem::new(405, "method_not_allowed", words.method);
            return Arrival::Refused(problem.header("allow", "POST"));
        }
        let announced = headers.get("content-length").and_then(|length| std::str::from_utf8(length).ok());
        let announced: Option<usize> = announced.and_then(|length| length.parse().ok());
        match announced.is_some_and(|bytes| bytes > endpoint.body_bytes_max) {
            true => Arrival::TooLarge,
            false => Arrival::Delivery,
        }
    }
}

/// Returns whether an upstream could take the request for one to this path: by what it makes of the request's
/// own path, or of one that a header field puts in its place.
fn may_be_read_as(headers: &HeaderMap, webhook: &str) -> bool {
    let webhook = PathPattern::new(webhook);
    let overrides = OverrideFields::read(headers);
    let Some(replaced) = overrides.paths.get() else { return true };
    let own = headers.get(":path").unwrap_or_default();
    let mut paths = std::iter::once(own).chain(replaced.iter().map(Vec::as_slice));
    paths.any(|path| path::may_be_read_as(path, &webhook))
}

/// Returns the header fields that this filter alone vouches for, as somebody outside has sent them.
pub(super) fn foreign_to(voucher: Voucher, headers: &HeaderMap) -> Vec<Vec<u8>> {
    foreign_fields(headers, |by| by == voucher)
}
