//! Stripe's events: signed with the endpoint's secrets (<https://docs.stripe.com/webhooks/signature>).

mod trigger;

use super::{EventRejection, EventSource, EventWork, SourceWords, VerifiedEvent};
use crate::alarm::{Alarm, AlarmCode};
use crate::config::{SyncSettings, Webhook};
use crate::http::HeaderMap;
use crate::identity::Voucher;
use crate::report::Report;
use crate::secret::Secret;
use crate::stripe::event::{Event, EventError};
use crate::stripe::signature::{self, SignatureError, Signed};
use crate::time::Micros;
use std::time::Duration;
use trigger::trigger;

/// Stripe, as the section `stripe_webhook` describes it.
#[derive(Debug)]
pub struct StripeSource {
    /// How far the time of signing may be from now.
    tolerance: Duration,
    /// Take only events of this mode.
    livemode: Option<bool>,
    /// Any of them may have signed.
    signing_secrets: Vec<Secret>,
}

impl StripeSource {
    /// Creates the source that the section describes.
    pub(in crate::webhook) fn new(section: &Webhook) -> Self {
        StripeSource {
            tolerance: section.tolerance,
            livemode: section.livemode,
            signing_secrets: section.signing_secrets.clone(),
        }
    }

    fn work(&self, event: &Event, settings: &SyncSettings) -> EventWork {
        if let (Some(wanted), Some(livemode)) = (self.livemode, event.livemode)
            && wanted != livemode
        {
            let detail = if livemode { "an event of live mode" } else { "an event of test mode" };
            return EventWork::NotOurs(alarm(AlarmCode::WrongMode, event, detail));
        }
        if event.account.is_some() {
            let detail = "an event of a connected account: no plan is sold there";
            return EventWork::None(vec![alarm(AlarmCode::ConnectedAccount, event, detail)]);
        }
        match trigger(event, settings) {
            Some(trigger) => EventWork::Sync(Box::new(trigger)),
            None => EventWork::None(event.names.skipped.iter().map(|id| unknown_id(event, id)).collect()),
        }
    }
}

impl EventSource for StripeSource {
    type Signature = Signed;

    const WORDS: SourceWords = SourceWords {
        method: "Stripe's events are sent by POST",
        unsigned: "this is not signed as Stripe signs",
        event_field: "x-tollgate-stripe-event",
        result_field: "x-tollgate-stripe-result",
        voucher: Voucher::Webhook,
        metrics: "tollgate.webhook",
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
    let detail = format!("an id of {} bytes in the event could change the path of a request", id.len());
    alarm(AlarmCode::UnknownIds, event, &detail)
}

fn alarm(code: AlarmCode, event: &Event, detail: &str) -> Report {
    Alarm::warning(code, detail).event(Some(event.id.as_str())).into()
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
