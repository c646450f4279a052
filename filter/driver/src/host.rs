//! What a host does for the rules: one method for each effect, and no decision.

use std::fmt;
use tollgate_core::alarm::Alarm;
use tollgate_core::http::{Callout, HeaderMap, Outcome, Reply};
use tollgate_core::machine::{Verification, Version};
use tollgate_core::report::{Level, MetricKind};
use tollgate_core::time::Micros;

/// The status code with which a host refused a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError(pub u32);

/// Why a header map could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadersError {
    /// The host has none, or did not return it.
    Refused(HostError),
    /// What it returned is not a header map.
    Malformed,
}

/// A value of shared data at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedValue {
    /// The value, if there is one.
    pub value: Option<Vec<u8>>,
    /// What [`Host::swap`] compares with.
    pub version: Version,
}

/// A proxy, or what stands in for one.
///
/// Methods about a request mean the current one: that of the callback that is running, or the one that
/// [`enter_request`](Host::enter_request) named. Values of header fields are bytes.
pub trait Host {
    /// The host's number for a callout in flight.
    type CalloutId: Copy + Ord + fmt::Debug;

    /// Returns the time.
    ///
    /// # Errors
    /// [`HostError`] if the host has no clock.
    fn now(&mut self) -> Result<Micros, HostError>;

    /// Returns bytes that an outsider cannot guess.
    ///
    /// # Errors
    /// [`HostError`] if the host has no randomness.
    fn random_seed(&mut self) -> Result<[u8; 16], HostError>;

    /// Returns the value of an environment variable, if it is set and is UTF-8.
    fn environment(&self, name: &str) -> Option<String>;

    /// Writes a line to the log. If the host does not take it, there is nobody left to report it to.
    fn log(&mut self, level: Level, line: &str);

    /// Defines a metric and returns the host's number for it.
    ///
    /// # Errors
    /// [`HostError`] if the host refuses it.
    fn define_metric(&mut self, kind: MetricKind, name: &str) -> Result<u32, HostError>;

    /// Adds one to a metric of the kind counter.
    fn increment_metric(&mut self, metric: u32);

    /// Adds a value to a histogram.
    fn record_metric(&mut self, metric: u32, value: u64);

    /// Reads a value of shared data. What the host does not return reads as absent, and so does an empty value, which
    /// keeps its version.
    fn load(&mut self, key: &str) -> SharedValue;

    /// Writes a value of shared data unless its version has changed. Returns whether it was written. With
    /// [`Version::ABSENT`] it is written only if there is no value: of two workers at most one succeeds.
    fn swap(&mut self, key: &str, value: &[u8], version: Version) -> bool;

    /// Checks an RSASSA-PKCS1-v1_5 signature with SHA-256. A host that fails in any way is one that cannot check.
    fn verify(&mut self, public_key: &[u8], signature: &[u8], text: &[u8]) -> Verification;

    /// Returns the value of an attribute of Envoy's, if there is one.
    fn property(&mut self, path: &[&str]) -> Option<Vec<u8>>;

    /// Keeps bytes with the current request, to be read as the attribute [`KEPT`](tollgate_core::machine::KEPT) if the
    /// host follows a redirect for it.
    ///
    /// # Errors
    /// [`HostError`] if they are not kept.
    fn keep(&mut self, bytes: &[u8]) -> Result<(), HostError>;

    /// Starts a callout of the current request, which the host may cancel with it. Returns how it ended if it could not
    /// be started.
    ///
    /// # Errors
    /// The outcome of a callout that never began.
    fn start_callout(&mut self, callout: &Callout) -> Result<Self::CalloutId, Outcome<'static>>;

    /// Starts a callout of a filter, which no request's end cancels. `request` is the current request, and stays it.
    ///
    /// # Errors
    /// The outcome of a callout that never began.
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

    /// Reads the first `bytes` bytes of the held body; none if there are fewer: half a body must never pass for the whole.
    fn request_body(&mut self, bytes: usize) -> Option<Vec<u8>>;

    /// Returns the response's status code, if it can be read.
    fn response_status(&mut self) -> Option<u16>;

    /// Removes all header fields of that name from the request.
    ///
    /// # Errors
    /// [`HostError`] if they stay.
    fn remove_request_header(&mut self, name: &[u8]) -> Result<(), HostError>;

    /// Replaces all header fields of that name of the request by one.
    ///
    /// # Errors
    /// [`HostError`] if they stay.
    fn set_request_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// Removes all trailer fields of that name from the request.
    ///
    /// # Errors
    /// [`HostError`] if they stay.
    fn remove_request_trailer(&mut self, name: &[u8]) -> Result<(), HostError>;

    /// Replaces all header fields of that name of the response by one.
    ///
    /// # Errors
    /// [`HostError`] if they stay.
    fn set_response_header(&mut self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// Answers the request. A header field that would break the message apart is left out.
    ///
    /// # Errors
    /// [`HostError`] if the host does not send it.
    fn reply(&mut self, reply: Reply) -> Result<(), HostError>;

    /// Lets a held request continue that was judged outside of its own callbacks.
    ///
    /// # Errors
    /// [`HostError`] if it stays held.
    fn resume_request(&mut self) -> Result<(), HostError>;
}

/// Returns whether a value of a header field stays one value on the wire. Envoy's release build does not check what a
/// filter sets.
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
