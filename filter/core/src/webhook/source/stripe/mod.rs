//! Source of Stripe's events, which are signed with the endpoint's secrets
//! (<https://docs.stripe.com/webhooks/signature>).

mod trigger;

use super::{EventRejection, EventSource, EventWork, SourceLabels, VerifiedEvent};
use crate::alarm::{Alarm, AlarmCode, UNKNOWN_IDS_CURE};
use crate::config::{StripeWebhookSettings, SyncSettings};
use crate::http::HeaderMap;
use crate::identity::HeaderOwner;
use crate::report::Report;
use crate::secret::Secret;
use crate::stripe::event::{Event, EventError};
use crate::stripe::signature::{self, SignatureError, Signed};
use crate::time::Micros;
use std::time::Duration;
use trigger::trigger;

/// The source of Stripe's events, as configured by the section `stripe_webhook`.
#[derive(Debug)]
pub struct StripeSource {
    /// The maximum difference between the signature's timestamp and now.
    tolerance: Duration,
    /// The mode whose events are accepted; `None` accepts both.
    livemode: Option<bool>,
    /// The endpoint's secrets; during a rotation, any of them may have signed.
    signing_secrets: Vec<Secret>,
}

impl StripeSource {
    /// Creates the source from the section.
    pub(in crate::webhook) fn new(section: &StripeWebhookSettings) -> Self {
        StripeSource {
            tolerance: section.endpoint.tolerance,
            livemode: section.livemode,
            signing_secrets: section.signing_secrets.clone(),
        }
    }

    /// Returns the work that an event needs.
    pub(in crate::webhook) fn work(&self, event: &Event, settings: &SyncSettings) -> EventWork {
        if let (Some(wanted), Some(livemode)) = (self.livemode, event.livemode)
            && wanted != livemode
        {
            let (mode, other) = if livemode { ("live", "test") } else { ("test", "live") };
            let cause = format!("the event is from {mode} mode, but `livemode` accepts only {other} mode");
            let cure = format!("remove the endpoint from {mode} mode, or correct `livemode`");
            return EventWork::NotOurs(alarm(AlarmCode::WrongMode, event, &cause, &cure));
        }
        if event.account.is_some() {
            let cause = "an event of a connected account, which sells no plans of this configuration";
            let cure = "let the endpoint listen to events of your own account only";
            return EventWork::None(vec![alarm(AlarmCode::ConnectedAccount, event, cause, cure)]);
        }
        match trigger(event, settings) {
            Some(trigger) => EventWork::Sync(Box::new(trigger)),
            None => EventWork::None(event.names.skipped.iter().map(|id| unknown_id(event, id)).collect()),
        }
    }
}

impl EventSource for StripeSource {
    type Signature = Signed;

    const LABELS: SourceLabels = SourceLabels {
        method: "Stripe sends events by POST",
        unsigned: "this request has no valid Stripe signature",
        event_field: "x-tollgate-stripe-event",
        result_field: "x-tollgate-stripe-result",
        header_owner: HeaderOwner::StripeWebhook,
        metrics: "tollgate.webhook",
        result_metrics: "tollgate.webhook.result",
        cancels_subscriptions: false,
    };

    fn read_signature(&self, headers: &HeaderMap, now: Micros) -> Result<Signed, EventRejection> {
        Ok(signature::read(signature::signature_field(headers)?, now, self.tolerance)?)
    }

    fn verify(
        &self,
        signed: &Signed,
        body: &[u8],
        now: Micros,
        settings: &SyncSettings,
    ) -> Result<VerifiedEvent, EventRejection> {
        let secrets = self.signing_secrets.iter().map(|secret| Secret::expose(secret).as_bytes());
        let signed_at = signed.verify(body, secrets, now, self.tolerance)?;
        let event = Event::parse(body)?;
        let work = self.work(&event, settings);
        Ok(VerifiedEvent { id: event.id.into(), signed_at, work })
    }
}

fn unknown_id(event: &Event, id: &str) -> Report {
    let cause = format!(
        "the event contains an id of {} bytes with characters that could change the path of a request, so it was \
         ignored",
        id.len()
    );
    alarm(AlarmCode::UnknownIds, event, &cause, UNKNOWN_IDS_CURE)
}

/// Returns an alarm about an event, with the subscription or the customer that the event is about.
fn alarm(code: AlarmCode, event: &Event, cause: &str, cure: &str) -> Report {
    let alarm = Alarm::warning(code, cause, cure).event(Some(event.id.as_str()));
    match (&event.names.subscription, &event.names.customer) {
        (Some(subscription), _) => alarm.object(subscription).into(),
        (None, Some(customer)) => alarm.object(customer).into(),
        (None, None) => alarm.into(),
    }
}

impl From<SignatureError> for EventRejection {
    fn from(error: SignatureError) -> Self {
        EventRejection::Unsigned { code: error.code(), cause: error.to_string() }
    }
}

impl From<EventError> for EventRejection {
    fn from(error: EventError) -> Self {
        EventRejection::Unreadable { detail: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::header_owner;

    #[test]
    fn only_its_own_filter_may_set_its_header_fields() {
        for field in [StripeSource::LABELS.event_field, StripeSource::LABELS.result_field] {
            assert_eq!(header_owner(field.as_bytes()), Some(StripeSource::LABELS.header_owner), "{field}");
        }
    }
}
