//! The interface between the rules and a host: a machine takes an input and returns a step, which the host
//! performs.

use crate::http::{Callout, Forward, HeaderMap, Outcome, Reply};
use crate::report::Report;
use crate::time::Micros;

/// The state of one request in a filter.
///
/// The host passes the inputs of the request, performs each returned action, and passes its result as the
/// next input. After [`Action::Reply`] there is no further input. After [`Action::Forward`] there is only
/// [`Input::Responded`], if the machine asked for it; the machine can then neither delay nor change the
/// response.
pub trait Machine {
    /// The state that the requests of one worker thread share: configuration and caches.
    type Worker;

    /// Handles one input, which arrived at the time `now`.
    fn handle(&mut self, worker: &mut Self::Worker, now: Micros, input: Input<'_>) -> Step;

    /// Handles the outcome of an inquiry, for all requests of the worker thread, even if no request still
    /// waits for it.
    fn end_inquiry(
        worker: &mut Self::Worker,
        now: Micros,
        inquiry: InquiryId,
        outcome: Outcome<'_>,
    ) -> Vec<Report> {
        let _ = (worker, now, inquiry, outcome);
        Vec::new()
    }

    /// Returns the data that the host keeps with a forwarded request that ends without a response, as happens
    /// when Envoy follows a redirect. The machine that handles the redirected request reads it from
    /// [`KEPT_PROPERTY`].
    fn keep(&self) -> Option<Vec<u8>> {
        None
    }
}

/// The attribute with the data that a machine [kept](Machine::keep) before Envoy redirected the request.
pub const KEPT_PROPERTY: &[&str] = &["tollgate_kept"];

/// An input of a [`Machine`].
#[derive(Debug)]
pub enum Input<'a> {
    /// The request's header fields: always the first input.
    Head {
        /// The fields.
        headers: HeaderMap,
        /// Whether neither body nor trailers follow.
        end_of_stream: bool,
    },
    /// More of a held body has arrived, and more may follow.
    BodyGrew {
        /// The number of bytes that are held now.
        bytes: usize,
    },
    /// The whole body.
    Body(&'a [u8]),
    /// The outcome of a callout.
    CalloutEnded {
        /// The number that the machine gave it.
        call: CallId,
        /// The outcome.
        outcome: Outcome<'a>,
    },
    /// The result of [`Action::StartInquiry`]: the inquiry is in progress, or has already ended.
    InquiryStarted,
    /// The result of [`Action::AwaitInquiry`]: the inquiry has ended, and [`Machine::end_inquiry`] has
    /// handled its outcome.
    InquiryEnded,
    /// The result of [`Action::Load`].
    Loaded {
        /// The value, if there is one.
        value: Option<&'a [u8]>,
        /// The version of the value, for [`Action::Swap`].
        version: Version,
    },
    /// The result of [`Action::Swap`].
    Swapped {
        /// Whether the value was written. False if another worker has changed it since it was loaded: load it
        /// again.
        stored: bool,
    },
    /// The result of [`Action::Verify`].
    Verified(Verification),
    /// The result of [`Action::ReadProperty`]: the value, if there is one.
    Property(Option<&'a [u8]>),
    /// The response to the forwarded request, from the upstream or from Envoy itself.
    Responded {
        /// The status code.
        status: u16,
    },
}

/// The action that the host performs next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Hold the request until the next input.
    Wait,
    /// Forward the request.
    Forward(Forward),
    /// Send this response to the client.
    Reply(Reply),
    /// Start these callouts concurrently and hold the request. Each outcome is a separate input.
    Call(Vec<(CallId, Callout)>),
    /// Start a callout for all requests of the worker thread. It continues if this request ends first, and
    /// delays this request only if the next action is [`Action::AwaitInquiry`].
    StartInquiry {
        /// The id to pass to [`Machine::end_inquiry`].
        inquiry: InquiryId,
        /// The callout.
        callout: Box<Callout>,
    },
    /// Hold the request until an inquiry of the worker thread has ended.
    AwaitInquiry(InquiryId),
    /// Read a value that all workers of the process share.
    Load {
        /// The key of the value.
        key: String,
    },
    /// Write a shared value, unless it has changed since it was loaded.
    Swap {
        /// The key of the value.
        key: String,
        /// The new value.
        value: Vec<u8>,
        /// The version that was loaded.
        version: Version,
    },
    /// Verify an RSASSA-PKCS1-v1_5 signature with SHA-256 (RS256, RFC 7518 §3.3).
    Verify {
        /// The DER of a SubjectPublicKeyInfo.
        public_key: Vec<u8>,
        /// The bytes of the signature.
        signature: Vec<u8>,
        /// The signed text.
        text: Vec<u8>,
    },
    /// Read one of Envoy's attributes.
    ReadProperty {
        /// Its path, as in `["source", "address"]`.
        path: &'static [&'static str],
    },
}

/// The result of [`Action::Verify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The signature is valid.
    Valid,
    /// The signature is invalid, or the key cannot be used.
    Invalid,
    /// This host cannot verify signatures.
    Unsupported,
}

/// A machine's id of one of its callouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u32);

/// A worker's id of one of its inquiries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InquiryId(pub u32);

/// The version of a shared value; [`Version::ABSENT`] if there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

impl Version {
    /// The version of a value that does not exist. A swap with it writes only if there still is none.
    pub const ABSENT: Version = Version(0);
}

/// An action, and the reports of the decision that led to it.
#[must_use]
#[derive(Debug)]
pub struct Step {
    /// The action that the host performs next.
    pub action: Action,
    /// The lines to log and the metrics to count, in this order.
    pub reports: Vec<Report>,
}

impl From<Action> for Step {
    fn from(action: Action) -> Self {
        Step { action, reports: Vec::new() }
    }
}
