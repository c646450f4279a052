//! Failures between the rules and a host that would let a request pass without a decision if they were
//! ignored.

use crate::host::{HeadersError, Host, HostError, raise};
use std::fmt;
use tollgate_core::alarm::{Alarm, AlarmCode, FAULT_CURE};
use tollgate_core::http::Reply;
use tollgate_core::problem::{Problem, ProblemCode};

/// The reason why a request is refused without a decision of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UndecidedError {
    /// The host did not return the time.
    Clock(HostError),
    /// Header fields could not be read.
    Headers(HeadersError),
    /// The body could not be read completely.
    Body,
    /// A header field could not be removed or set.
    HeaderKept(HostError),
    /// The rules took more than [`STEPS_MAX`](crate::STEPS_MAX) steps.
    StepsExceeded,
    /// The filter of the request is not configured.
    Unconfigured,
    /// The rules or the host panicked.
    Panicked,
}

impl fmt::Display for UndecidedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UndecidedError::Clock(error) => write!(f, "no time, status {}", error.0),
            UndecidedError::Headers(HeadersError::Refused(error)) => {
                write!(f, "no header fields, status {}", error.0)
            }
            UndecidedError::Headers(HeadersError::Malformed) => f.write_str("malformed header map"),
            UndecidedError::Body => f.write_str("body not readable as a whole"),
            UndecidedError::HeaderKept(error) => {
                write!(f, "a header field was not changed, status {}", error.0)
            }
            UndecidedError::StepsExceeded => f.write_str("too many steps for one input"),
            UndecidedError::Unconfigured => f.write_str("no configured filter"),
            UndecidedError::Panicked => f.write_str("a panic"),
        }
    }
}

/// Logs the error and replies to the current request with 500: it must not pass without a decision.
pub(crate) fn refuse<H: Host>(host: &mut H, error: UndecidedError) {
    raise_internal_error(host, error);
    let problem =
        Problem::new(500, ProblemCode::InternalError, "the gateway could not decide on this request");
    // If even this fails, the request remains held, which is safe too.
    let _ = host.reply(Reply::from(problem));
}

/// Logs that a callback panicked, on a host where a panic ends neither the thread nor the VM.
pub fn raise_panic<H: Host>(host: &mut H) {
    raise_internal_error(host, UndecidedError::Panicked);
}

/// Logs that a callback panicked before the decision on its request, and replies to the request with 500.
pub fn refuse_after_panic<H: Host>(host: &mut H) {
    refuse(host, UndecidedError::Panicked);
}

fn raise_internal_error<H: Host>(host: &mut H, error: UndecidedError) {
    let why = error.to_string();
    let cause = format!("the filter could not decide about a request: {why}");
    let alarm = Alarm::error(AlarmCode::InternalError, cause, FAULT_CURE);
    raise(host, &alarm.with("cause", why));
}
