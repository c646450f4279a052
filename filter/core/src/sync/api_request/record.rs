//! Requests that read and write Clerk's record of a subject.

use super::ApiRequest;
use crate::clerk::api::{self, BackendApi, ClerkApiError};
use crate::clerk::metadata::Record;
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::Subject;
use crate::sync::error::SyncError;
use serde_json::Value;

/// A request for the record of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadRecord(pub(crate) Subject);

impl ApiRequest for ReadRecord {
    /// `None` if Clerk does not have the subject.
    type Response = Option<Record>;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        BackendApi::new(&settings.clerk).read(&self.0)
    }

    fn read(&self, settings: &SyncSettings, outcome: &Outcome<'_>) -> Result<Option<Record>, SyncError> {
        record(settings, &self.0, outcome)
    }
}

/// A request to patch the record of a subject.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WriteRecord {
    pub(crate) subject: Subject,
    pub(crate) patch: Value,
}

impl ApiRequest for WriteRecord {
    /// The record after the write; `None` if Clerk does not have the subject.
    type Response = Option<Record>;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        BackendApi::new(&settings.clerk).write(&self.subject, &self.patch)
    }

    fn read(&self, settings: &SyncSettings, outcome: &Outcome<'_>) -> Result<Option<Record>, SyncError> {
        record(settings, &self.subject, outcome)
    }
}

fn record(
    settings: &SyncSettings,
    subject: &Subject,
    outcome: &Outcome<'_>,
) -> Result<Option<Record>, SyncError> {
    match api::record(outcome, subject, &settings.plan_key) {
        Ok(record) => Ok(Some(record)),
        Err(ClerkApiError::Gone) => Ok(None),
        Err(error) => Err(SyncError::from_clerk(&error)),
    }
}
