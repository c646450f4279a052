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

    /// Returns the string of both codes.
    pub fn as_str(self) -> &'static str {
        self.problem().as_str()
    }
}
