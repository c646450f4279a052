//! What may go wrong between the rules and a host, and would let a request pass unjudged if it were ignored.

use crate::host::{HeadersError, Host, HostError, raise};
use std::fmt;
use tollgate_core::alarm::{Alarm, AlarmCode};
use tollgate_core::http::Reply;
use tollgate_core::problem::Problem;

/// Why a request is refused without a decision of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnjudgedError {
    /// The host did not return the time.
    Clock(HostError),
    /// Header fields could not be read.
    Headers(HeadersError),
    /// The body could not be read whole.
    Body,
    /// A header field could not be removed or set.
    HeaderKept(HostError),
    /// The rules did not come to an end.
    StepsExceeded,
    /// The request belongs to no configured filter.
    Unconfigured,
    /// The rules or the host panicked.
    Panicked,
}

impl fmt::Display for UnjudgedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnjudgedError::Clock(error) => write!(f, "no time, status {}", error.0),
            UnjudgedError::Headers(HeadersError::Refused(error)) => {
                write!(f, "no header fields, status {}", error.0)
            }
            UnjudgedError::Headers(HeadersError::Malformed) => f.write_str("malformed header map"),
            UnjudgedError::Body => f.write_str("body not readable as a whole"),
            UnjudgedError::HeaderKept(error) => {
                write!(f, "a header field was not changed, status {}", error.0)
            }
            UnjudgedError::StepsExceeded => f.write_str("too many steps for one input"),
            UnjudgedError::Unconfigured => f.write_str("no configured filter"),
            UnjudgedError::Panicked => f.write_str("a panic"),
        }
    }
}

/// Logs the error and answers the current request with 500: it must not pass unjudged.
pub(crate) fn refuse<H: Host>(host: &mut H, error: UnjudgedError) {
    raise_internal_error(host, error);
    let problem =
        Problem::new(500, AlarmCode::InternalError.as_str(), "the gateway could not judge this request");
    // If even this fails the request stays held, which is safe too.
    let _ = host.reply(Reply::from(problem));
}

/// Logs that a callback panicked, on a host where that ends neither thread nor VM.
pub fn raise_panic<H: Host>(host: &mut H) {
    raise_internal_error(host, UnjudgedError::Panicked);
}

/// Logs that the callback of a request that was not judged panicked, and answers it with 500.
pub fn refuse_after_panic<H: Host>(host: &mut H) {
    refuse(host, UnjudgedError::Panicked);
}

fn raise_internal_error<H: Host>(host: &mut H, error: UnjudgedError) {
    let cause = error.to_string();
    raise(host, &Alarm::error(AlarmCode::InternalError, cause.as_str()).with("cause", cause));
}
