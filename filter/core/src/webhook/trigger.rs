//! What an event says of whose state may have changed. Nobody gets anything by it.

use super::owner::{Named, Via, named_in};
use crate::config::Webhook;
use crate::ids::{CustomerId, EventId, Subject, SubscriptionId};
use crate::stripe::event::{Event, EventKind, PaymentFailure};

/// What makes a sync begin: an event, or somebody who asks for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trigger {
    /// The event.
    pub(super) event: EventId,
    /// Why, in the audit: the event's type.
    pub(super) reason: String,
    /// What it is about.
    pub(super) about: About,
    /// The customer that it names.
    pub(super) customer: Option<CustomerId>,
    /// Those that it names, each once.
    pub(super) named: Vec<Named>,
    /// Keys of ours in it that hold no id.
    pub(super) unfit: Vec<String>,
    /// The payment that failed, if it is about that.
    pub(super) payment_failure: Option<PaymentFailure>,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// One subscription.
    Subscription(SubscriptionId),
    /// All subscriptions of a customer.
    Customer(CustomerId),
}

impl Trigger {
    /// What an event triggers; `None` if it needs no work.
    pub(super) fn of(event: &Event, config: &Webhook) -> Option<Self> {
        let names = &event.names;
        let about = match event.kind {
            EventKind::NoWork => return None,
            EventKind::Customer => About::Customer(names.customer.clone()?),
            EventKind::CheckoutSession | EventKind::Subscription | EventKind::Invoice => {
                About::Subscription(names.subscription.clone()?)
            }
        };
        let mut trigger = Trigger {
            event: event.id.clone(),
            reason: event.event_type.clone(),
            about,
            customer: names.customer.clone(),
            named: Vec::new(),
            unfit: Vec::new(),
            payment_failure: names.payment_failure.clone(),
        };
        for metadata in [&names.metadata, &names.subscription_metadata, &names.previous_metadata] {
            let finding = named_in(metadata, &config.subject_keys);
            trigger.unfit.extend(finding.unfit);
            finding.subject.into_iter().for_each(|subject| trigger.name(subject, Via::Metadata));
        }
        let reference = names.client_reference_id.as_deref().filter(|_| config.client_reference_id);
        if let Some(Ok(subject)) = reference.map(Subject::parse) {
            trigger.name(subject, Via::Reference);
        }
        Some(trigger)
    }

    fn name(&mut self, subject: Subject, via: Via) {
        if !self.named.iter().any(|named| named.subject == subject) {
            self.named.push(Named { subject, via });
        }
    }
}
