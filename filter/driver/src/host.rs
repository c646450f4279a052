//! The interface of a host: one method for each effect, and no decision.

use std::fmt;
use tollgate_core::alarm::Alarm;
use tollgate_core::http::{Callout, HeaderMap, Outcome, Reply};
use tollgate_core::machine::{Verification, Version};
use tollgate_core::report::{Level, MetricKind};
use tollgate_core::time::Micros;

/// The status code with which a host rejected a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError(pub u32);

/// The reason why a header map could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadersError {
    /// The host has none, or did not return it.
    Refused(HostError),
    /// The host's bytes are not a header map.
    Malformed,
}

/// A value in shared data with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedValue {
    /// The value, if there is one.
    pub value: Option<Vec<u8>>,
    /// The version that [`Host::swap`] compares with.
    pub version: Version,
}

/// A proxy, or a replacement for one.
///
/// Methods about a request refer to the current one: the request of the running callback, or the one of the
/// last [`enter_request`](Host::enter_request). Values of header fields are bytes.
pub trait Host {
    /// The host's ID of a callout in flight.
    type CalloutId: Copy + Ord + fmt::Debug;

    /// Returns the current time.
    ///
    /// # Errors
    /// [`HostError`] if the host has no clock.
    fn now(&mut self) -> Result<Micros, HostError>;

    /// Returns random bytes that an attacker cannot guess.
    ///
    /// # Errors
    /// [`HostError`] if the host has no randomness.
    fn random_seed(&mut self) -> Result<[u8; 16], HostError>;

    /// Returns the value of an environment variable, if it is set and is UTF-8.
    fn environment(&self, name: &str) -> Option<String>;

    /// Writes a line to the log. If the host rejects it, the failure cannot be reported.
    fn log(&mut self, level: Level, line: &str);

    /// Defines a metric and returns the host's ID for it.
    ///
    /// # Errors
    /// [`HostError`] if the host rejects it.
    fn define_metric(&mut self, kind: MetricKind, name: &str) -> Result<u32, HostError>;

    /// Adds `by` to a counter.
    fn increment_metric(&mut self, metric: u32, by: u64);

    /// Requests that [`Dispatch::tick`](crate::Dispatch::tick) is called every second for the filter that is
    /// being configured, so that frequent counters are written then. Returns false if this host writes each
    /// count at once.
    fn start_ticks(&mut self) -> bool;

    /// Adds a value to a histogram.
    fn record_metric(&mut self, metric: u32, value: u64);

    /// Reads a value from shared data. If the host returns none, the value is absent. An empty value is also
    /// absent, but keeps its version.
    fn load(&mut self, key: &str) -> SharedValue;

    /// Writes a value to shared data unless its version has changed. Returns whether it was written. With
    /// [`Version::ABSENT`] it is written only if there is no value: at most one of several workers succeeds.
    fn swap(&mut self, key: &str, value: &[u8], version: Version) -> bool;

    /// Verifies an RSASSA-PKCS1-v1_5 signature with SHA-256. If the host fails, the result is that it cannot
    /// verify.
    fn verify(&mut self, public_key: &[u8], signature: &[u8], text: &[u8]) -> Verification;

    /// Returns the value of an attribute of Envoy, if there is one.
    fn property(&mut self, path: &[&str]) -> Option<Vec<u8>>;

    /// Stores bytes with the current request, readable as the attribute
    /// [`KEPT_PROPERTY`](tollgate_core::machine::KEPT_PROPERTY) if the host follows a redirect for it.
    ///
    /// # Errors
    /// [`HostError`] if they are not stored.
    fn keep(&mut self, bytes: &[u8]) -> Result<(), HostError>;

    /// Starts a callout of the current request, which the host may cancel when the request ends. Returns an
    /// outcome if it could not be started.
    ///
    /// # Errors
    /// The outcome of a callout that was not started.
    fn start_callout(&mut self, callout: &Callout) -> Result<Self::CalloutId, Outcome<'static>>;

    /// Starts a callout of a filter, which continues when a request ends. `request` is the current request,
    /// and remains it.
    ///
    /// # Errors
    /// The outcome of a callout that was not started.
    fn start_inquiry(
        &mut self,
        filter: u32,
        request: u32,
        callout: &Callout,
    ) -> Result<Self::CalloutId, Outcome<'static>>;

    /// Makes a held request the current one.
    ///
    /// # Errors
    /// [`HostError`] if the host no longer has it.
    fn enter_request(&mut self, request: u32) -> Result<(), HostError>;

    /// Reads the request's header fields.
    ///
    /// # Errors
    /// See [`HeadersError`].
    fn request_headers(&mut self) -> Result<HeaderMap, HeadersError>;

    /// Reads the request's trailer fields.
    ///
    /// # Errors
    /// See [`HeadersError`].
    fn request_trailers(&mut self) -> Result<HeaderMap, HeadersError>;

    /// Reads the first `bytes` bytes of the held body. Returns `None` if there are fewer: a partial body must
    /// not be used.
    fn request_body(&mut self, bytes: usize) -> Option<Vec<u8>>;

    /// Returns the response's status code, if it can be read.
    fn response_status(&mut self) -> Option<u16>;

    /// Removes all header fields named `name` from the request.
    ///
    /// # Errors
    /// [`HostError`] if they are not removed.
    fn remove_request_header(&mut self, name: &[u8]) -> Result<(), HostError>;

    /// Adds a header field to the request, which has none of this name.
    ///
    /// # Errors
    /// [`HostError`] if it is not added.
    fn add_request_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// Removes all trailer fields named `name` from the request.
    ///
    /// # Errors
    /// [`HostError`] if they are not removed.
    fn remove_request_trailer(&mut self, name: &[u8]) -> Result<(), HostError>;

    /// Returns whether the response may have a header field of one of these names, which are in lower case.
    /// Only if it has none, [`add_response_header`](Host::add_response_header) replaces nothing.
    fn response_may_have(&mut self, fields: &[(&'static str, String)]) -> bool;

    /// Adds a header field to the response, which has none of this name.
    ///
    /// # Errors
    /// [`HostError`] if it is not added.
    fn add_response_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// Replaces all response header fields named `name` with one field.
    ///
    /// # Errors
    /// [`HostError`] if they are not replaced.
    fn set_response_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// Replies to the request. A header field that would break the message framing is left out.
    ///
    /// # Errors
    /// [`HostError`] if the host does not send it.
    fn reply(&mut self, reply: Reply) -> Result<(), HostError>;

    /// Resumes a held request that was forwarded outside of its own callbacks.
    ///
    /// # Errors
    /// [`HostError`] if it remains held.
    fn resume_request(&mut self) -> Result<(), HostError>;
}

/// Returns whether a value of a header field stays one value on the wire. Envoy's release build does not
/// check the values that a filter sets.
pub fn is_field_value_safe(value: &[u8]) -> bool {
    !value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
}

/// Logs an alarm.
pub(crate) fn raise<H: Host>(host: &mut H, alarm: &Alarm) {
    host.log(alarm.level(), &alarm.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_would_end_the_line_is_not_safe() {
        for (value, safe) in
            [("a b", true), ("\u{e4}", true), ("a\r\nx: y", false), ("a\n", false), ("\0", false)]
        {
            assert_eq!(is_field_value_safe(value.as_bytes()), safe, "{value:?}");
        }
    }
}
