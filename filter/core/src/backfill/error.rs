//! Why a census or a reconciliation was not completed.

use crate::alarm::AlarmCode;
use crate::sync::SyncError;

/// The reason why a census or a reconciliation was not completed. It has neither granted nor removed a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfillError {
    /// The kind of error.
    pub code: BackfillErrorCode,
    /// A sentence that describes the error.
    pub detail: String,
    /// Whether the same request may succeed later.
    pub is_transient: bool,
}

/// A kind of [`BackfillError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackfillErrorCode {
    /// An error of the sync, with the code of its alarm.
    Sync(AlarmCode),
    /// Stripe or Clerk has more than one run reads.
    TooMany,
}

impl BackfillErrorCode {
    /// Returns the code as the output shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            BackfillErrorCode::Sync(code) => code.as_str(),
            BackfillErrorCode::TooMany => "too_many",
        }
    }
}

impl BackfillError {
    /// Creates the error about an API key that may belong to another account or mode.
    pub(super) fn of_other_account(detail: String) -> Self {
        let code = BackfillErrorCode::Sync(AlarmCode::BadCredentials);
        BackfillError { code, detail, is_transient: false }
    }
}

impl From<&SyncError> for BackfillError {
    fn from(error: &SyncError) -> Self {
        BackfillError {
            code: BackfillErrorCode::Sync(error.alarm_code()),
            detail: error.to_string(),
            is_transient: !error.needs_operator(),
        }
    }
}
