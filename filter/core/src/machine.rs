//! The one shape of everything that happens: an input comes in, a step comes out, and the host performs it.

use crate::http::{Callout, Forward, HeaderMap, Outcome, Reply};
use crate::report::Report;
use crate::time::Micros;

/// A request on its way through a filter.
///
/// Its host gives it the inputs of that one request, performs each action that it returns, and feeds what
/// comes of it back as the next input. After [`Action::Reply`] it is given nothing more, and after
/// [`Action::Forward`] only the [`Input::Responded`] that it asked for, which it can neither hold up nor
/// answer.
pub trait Machine {
    /// What the requests of one worker thread share: configuration, caches.
    type Worker;

    /// Takes one input at the time `now`.
    fn handle(&mut self, worker: &mut Self::Worker, now: Micros, input: Input<'_>) -> Step;

    /// Takes the outcome of an inquiry, for all requests of the worker thread and whether or not one still
    /// waits.
    fn settle(
        worker: &mut Self::Worker,
        now: Micros,
        inquiry: InquiryId,
        outcome: Outcome<'_>,
    ) -> Vec<Report> {
        let _ = (worker, now, inquiry, outcome);
        Vec::new()
    }

    /// Returns what the host keeps with a request that was forwarded and ends without a response, as it does
    /// when Envoy follows a redirect itself. The machine of the request's next pass reads it at [`KEPT`].
    fn keep(&self) -> Option<Vec<u8>> {
        None
    }
}

/// The attribute at which a machine reads what one of an earlier pass of the same request
/// [kept](Machine::keep).
pub const KEPT: &[&str] = &["tollgate_kept"];

/// What a [`Machine`] is told.
#[derive(Debug)]
pub enum Input<'a> {
    /// The request's header fields: always the first input.
    Head {
        /// The fields.
        headers: HeaderMap,
        /// Neither body nor trailers follow.
        end_of_stream: bool,
    },
    /// More of a held body has come, and more may follow.
    BodyGrew {
        /// How many bytes are held by now.
        bytes: usize,
    },
    /// The whole body, once it has come.
    Body(&'a [u8]),
    /// The outcome of a callout.
    Answered {
        /// The number that the machine gave it.
        call: CallId,
        /// How it ended.
        outcome: Outcome<'a>,
    },
    /// The answer to [`Action::Inquire`]: it is under way, or has ended before it began.
    Inquired,
    /// The answer to [`Action::Await`]: the inquiry has ended, and [`Machine::settle`] has taken what came of
    /// it.
    Settled,
    /// The answer to [`Action::Load`].
    Loaded {
        /// The value, if there is one.
        value: Option<&'a [u8]>,
        /// The version of the value, for [`Action::Swap`].
        version: Version,
    },
    /// The answer to [`Action::Swap`].
    Swapped {
        /// False if the value was changed by another worker since it was loaded: load it again.
        stored: bool,
    },
    /// The answer to [`Action::Verify`].
    Verified(Verification),
    /// The answer to [`Action::ReadProperty`]: the value, if there is one.
    Property(Option<&'a [u8]>),
    /// The request that was forwarded has been answered: by the upstream, or by Envoy in its place.
    Responded {
        /// The status code.
        status: u16,
    },
}

/// What a [`Machine`] wants to happen next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Hold the request; the next input comes by itself.
    Wait,
    /// Let the request go on.
    Forward(Forward),
    /// Answer the request here.
    Reply(Reply),
    /// Start these callouts side by side and hold the request. Each outcome is an input of its own.
    Call(Vec<(CallId, Callout)>),
    /// Start a callout for all requests of the worker thread. It is not this request's: it goes on when the
    /// request is over, and holds it up only if the request then awaits it.
    Inquire {
        /// The number that [`Machine::settle`] is told.
        inquiry: InquiryId,
        /// What is asked.
        callout: Box<Callout>,
    },
    /// Hold the request until an inquiry of the worker thread has ended.
    Await(InquiryId),
    /// Read a value that all workers of the process share.
    Load {
        /// Under which key.
        key: String,
    },
    /// Write a shared value unless it was changed since it was loaded.
    Swap {
        /// Under which key.
        key: String,
        /// The new value.
        value: Vec<u8>,
        /// The version that was loaded.
        version: Version,
    },
    /// Check an RSASSA-PKCS1-v1_5 signature with SHA-256 (RS256, RFC 7518 §3.3).
    Verify {
        /// DER of a SubjectPublicKeyInfo.
        public_key: Vec<u8>,
        /// The signature's bytes.
        signature: Vec<u8>,
        /// What was signed.
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
    /// The signature is right.
    Valid,
    /// It is not, or the key cannot be used.
    Invalid,
    /// This Envoy cannot check signatures.
    Unsupported,
}

/// A machine's own number for one of its callouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u32);

/// A worker's own number for one of its inquiries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InquiryId(pub u32);

/// The version of a shared value; [`Version::ABSENT`] where there is none yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

impl Version {
    /// No value was there. A swap with it writes only if there still is none.
    pub const ABSENT: Version = Version(0);
}

/// One action, and what there is to report of how it came about.
#[must_use]
#[derive(Debug)]
pub struct Step {
    /// What the host does next.
    pub action: Action,
    /// What the host logs and counts, in this order.
    pub reports: Vec<Report>,
}

impl From<Action> for Step {
    fn from(action: Action) -> Self {
        Step { action, reports: Vec::new() }
    }
}
