//! Source of Clerk's events, which Svix delivers and signs
//! (<https://clerk.com/docs/guides/development/webhooks/overview>).

mod work;

use super::{EventRejection, EventSource, SourceLabels, VerifiedEvent};
use crate::clerk::event::{ClerkEvent, ClerkEventError};
use crate::clerk::signature::{SvixSignature, SvixSignatureError};
use crate::clerk::signing_key::SigningKey;
use crate::config::{ClerkWebhookSettings, DeletedSubjects, SyncSettings};
use crate::http::HeaderMap;
use crate::identity::HeaderOwner;
use crate::ids::InstanceId;
use crate::time::Micros;
use std::time::Duration;

/// The source of Clerk's events, as configured by the section `clerk_webhook`.
#[derive(Debug)]
pub struct ClerkSource {
    /// The maximum difference between the signature's timestamp and now.
    tolerance: Duration,
    /// The keys of the endpoint; during a rotation, any of them may have signed.
    signing_keys: Vec<SigningKey>,
    /// The instance whose events are accepted; `None` accepts every instance.
    instance: Option<InstanceId>,
    /// The handling of the Stripe subscriptions of a deleted user or organization.
    on_deleted: DeletedSubjects,
}

impl ClerkSource {
    /// Creates the source from the section.
    pub(in crate::webhook) fn new(section: &ClerkWebhookSettings) -> Self {
        ClerkSource {
            tolerance: section.endpoint.tolerance,
            signing_keys: section.signing_keys.clone(),
            instance: section.instance.clone(),
            on_deleted: section.on_deleted,
        }
    }
}

impl EventSource for ClerkSource {
    type Signature = SvixSignature;

    const LABELS: SourceLabels = SourceLabels {
        method: "Clerk sends events by POST",
        unsigned: "this request has no valid signature of Clerk",
        event_field: "x-tollgate-clerk-event",
        result_field: "x-tollgate-clerk-result",
        header_owner: HeaderOwner::ClerkWebhook,
        metrics: "tollgate.clerk_webhook",
        result_metrics: "tollgate.clerk_webhook",
        cancels_subscriptions: true,
    };

    fn read_signature(&self, headers: &HeaderMap, now: Micros) -> Result<SvixSignature, EventRejection> {
        Ok(SvixSignature::read(headers, now, self.tolerance)?)
    }

    fn verify(
        &self,
        signature: &SvixSignature,
        body: &[u8],
        now: Micros,
        settings: &SyncSettings,
    ) -> Result<VerifiedEvent, EventRejection> {
        let signed_at = signature.verify(body, &self.signing_keys, now, self.tolerance)?;
        let event = ClerkEvent::parse(body)?;
        let id = signature.id().clone();
        let work = self.work(&id, event, settings);
        Ok(VerifiedEvent { id, signed_at, work })
    }
}

impl From<SvixSignatureError> for EventRejection {
    fn from(error: SvixSignatureError) -> Self {
        EventRejection::Unsigned { code: error.code(), cause: error.to_string() }
    }
}

impl From<ClerkEventError> for EventRejection {
    fn from(error: ClerkEventError) -> Self {
        EventRejection::Unreadable { detail: error.to_string() }
    }
}

#[cfg(test)]
mod tests;
