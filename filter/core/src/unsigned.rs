//! The ways in which a webhook request can fail to be signed by its sender.

use crate::alarm::AlarmCode;
use crate::problem::ProblemCode;

/// The way in which a request is not signed by the expected sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsignedCode {
    /// There is no signature.
    Missing,
    /// The signature does not have the sender's format.
    Malformed,
    /// The signature is too old, or from the future.
    OutsideTolerance,
    /// No signing secret matches.
    Mismatch,
}

impl UnsignedCode {
    /// Returns the code of the response.
    pub(crate) fn problem(self) -> ProblemCode {
        match self {
            UnsignedCode::Missing => ProblemCode::MissingSignature,
            UnsignedCode::Malformed => ProblemCode::MalformedSignature,
            UnsignedCode::OutsideTolerance => ProblemCode::TimestampOutsideTolerance,
            UnsignedCode::Mismatch => ProblemCode::SignatureMismatch,
        }
    }

    /// Returns the code of the alarm.
    pub(crate) fn alarm(self) -> AlarmCode {
        match self {
            UnsignedCode::Missing => AlarmCode::MissingSignature,
            UnsignedCode::Malformed => AlarmCode::MalformedSignature,
            UnsignedCode::OutsideTolerance => AlarmCode::TimestampOutsideTolerance,
            UnsignedCode::Mismatch => AlarmCode::SignatureMismatch,
        }
    }

    /// Returns what to do about such requests, which anyone can send.
    pub(crate) fn cure(self) -> &'static str {
        match self {
            UnsignedCode::Missing | UnsignedCode::Malformed => {
                "nothing to do if the sender's deliveries succeed; if they fail, check which proxy in front changes the \
                 signature's header field"
            }
            UnsignedCode::OutsideTolerance => {
                "check the gateway's clock; if it is right, nothing to do: the request was not sent just now"
            }
            UnsignedCode::Mismatch => {
                "compare the signing secret of the sender's endpoint with the gateway's (`signing_secrets`); if they \
                 agree, nothing to do"
            }
        }
    }

    /// Returns the string of both codes.
    pub fn as_str(self) -> &'static str {
        self.problem().as_str()
    }
}
