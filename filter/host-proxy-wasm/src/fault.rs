//! What may go wrong between the rules and Envoy, and would let a request pass unjudged if it were ignored.

use crate::abi::Status;
use crate::headers::Unreadable;
use crate::{log, reply};
use std::fmt;
use tollgate_core::http::Reply;
use tollgate_core::problem::Problem;
use tollgate_core::report::Level;

/// Why a request is refused without the rules having said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Envoy did not tell the time.
    Clock(Status),
    /// Header fields could not be read.
    Headers(Unreadable),
    /// The body could not be read whole.
    Body,
    /// A header field could not be removed or set.
    HeaderKept(Status),
    /// The rules went on without end.
    StepsExceeded,
    /// The request belongs to no configured filter.
    Unconfigured,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Clock(status) => write!(f, "no time, status {}", status.0),
            Fault::Headers(Unreadable::Refused(status)) => write!(f, "no header fields, status {}", status.0),
            Fault::Headers(Unreadable::Malformed) => f.write_str("malformed header map"),
            Fault::Body => f.write_str("body not readable as a whole"),
            Fault::HeaderKept(status) => write!(f, "a header field was not changed, status {}", status.0),
            Fault::StepsExceeded => f.write_str("too many steps for one input"),
            Fault::Unconfigured => f.write_str("no configured filter"),
        }
    }
}

/// Says so in the log and answers the request of the current context with 500: it must not pass unjudged.
pub(crate) fn refuse(fault: Fault) {
    log::write(Level::Error, &format!(r#"{{"alarm":"internal_error","cause":"{fault}"}}"#));
    let problem = Problem::new(500, "internal_error", "the gateway could not judge this request");
    // If even this fails the request stays held, which is safe too.
    let _ = reply::send(&Reply::from(problem));
}
