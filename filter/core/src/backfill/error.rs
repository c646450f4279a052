//! Why a census or a reconciliation did not come to its end.

use crate::sync::SyncError;

/// Why something did not come to its end. Nothing was taken away or granted by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfillError {
    /// As in the filter's alarms: `bad_credentials` …
    pub code: &'static str,
    /// In a sentence.
    pub detail: String,
    /// Whether it may pass by itself.
    pub is_transient: bool,
}

impl From<&SyncError> for BackfillError {
    fn from(error: &SyncError) -> Self {
        BackfillError { code: error.code(), detail: error.to_string(), is_transient: !error.is_alarm() }
    }
}
