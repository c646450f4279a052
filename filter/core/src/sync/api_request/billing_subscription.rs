//! The request for the billing subscription of a subject.

use super::ApiRequest;
use crate::clerk::api::BackendApi;
use crate::clerk::billing::BillingRead;
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::Subject;
use crate::sync::error::SyncError;

/// A request for what Clerk Billing says of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadBilling(pub(crate) Subject);

impl ApiRequest for ReadBilling {
    type Response = BillingRead;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        BackendApi::new(&settings.clerk).read_billing_subscription(&self.0)
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<BillingRead, SyncError> {
        BillingRead::from_outcome(outcome).map_err(|error| SyncError::from_clerk(&error))
    }
}
