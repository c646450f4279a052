//! What an event says of whose state may have changed. Nobody gets anything by it.

use super::owner::{Named, Via, named_in, via_of};
use crate::config::Webhook;
use crate::ids::{CustomerId, EventId, Subject, SubscriptionId};
use crate::sorted::SortedSet;
use crate::stripe::event::{Event, EventKind, PaymentFailure};

/// What makes a sync begin: an event, or somebody who asks for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trigger {
    /// The event; `None` if somebody asks.
    pub(super) event: Option<EventId>,
    /// Why, in the audit: the event's type.
    pub(super) reason: String,
    /// What it is about.
    pub(super) about: About,
    /// The customer that it names.
    pub(super) customer: Option<CustomerId>,
    /// Those that it names, each once.
    pub(super) named: Vec<Named>,
    /// Whether the subscription's own metadata, as it shows them, name somebody: then no Checkout Session has a say.
    pub(super) names_owner: bool,
    /// Keys of ours in it that hold no id.
    pub(super) unfit: Vec<String>,
    /// Ids in it that do not look like Stripe's.
    pub(super) skipped: Vec<String>,
    /// The payment that failed, if it is about that.
    pub(super) payment_failure: Option<PaymentFailure>,
}

/// What an event is about, or what somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// One subscription.
    Subscription(SubscriptionId),
    /// All subscriptions of a customer.
    Customer(CustomerId),
    /// All subscriptions of those who are named, with these customers and whichever Clerk lists.
    Named(SortedSet<CustomerId>),
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
            event: Some(event.id.clone()),
            reason: event.event_type.clone(),
            about,
            customer: names.customer.clone(),
            named: Vec::new(),
            names_owner: false,
            unfit: Vec::new(),
            skipped: names.skipped.clone(),
            payment_failure: names.payment_failure.clone(),
        };
        let own = match event.kind {
            EventKind::Subscription => Some(&names.metadata),
            EventKind::Invoice => Some(&names.subscription_metadata),
            EventKind::CheckoutSession | EventKind::Customer | EventKind::NoWork => None,
        };
        trigger.names_owner = own.is_some_and(|own| named_in(own, &config.subject_keys).subject.is_some());
        // The mark of a name that a payer chose stands beside the name, or is a part of what changed.
        let via = via_of(&names.metadata);
        let previous_via = via.max(via_of(&names.previous_metadata));
        for (metadata, via) in [
            (&names.metadata, via),
            (&names.subscription_metadata, via_of(&names.subscription_metadata)),
            (&names.previous_metadata, previous_via),
        ] {
            let finding = named_in(metadata, &config.subject_keys);
            trigger.unfit.extend(finding.unfit);
            finding.subject.into_iter().for_each(|subject| trigger.name(subject, via));
        }
        let reference = names.client_reference_id.as_deref().filter(|_| config.client_reference_id);
        if let Some(Ok(subject)) = reference.map(Subject::parse) {
            trigger.name(subject, Via::Reference);
        }
        Some(trigger)
    }

    fn name(&mut self, subject: Subject, via: Via) {
        match self.named.iter_mut().find(|named| named.subject == subject) {
            Some(named) => named.via = named.via.min(via),
            None => self.named.push(Named { subject, via }),
        }
    }
}
