//! What an event says of whose state may have changed. Nobody gets anything by it.

use super::ownership::Note;
use super::ownership::{NamedSubject, Via, named_before, named_in, named_in_event};
use crate::config::SyncSettings;
use crate::ids::{CustomerId, EventId, Subject, SubscriptionId};
use crate::sorted::SortedSet;
use crate::stripe::event::{Event, EventKind, PaymentFailure};

/// What makes a sync begin: an event, or somebody who asks for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trigger {
    /// The event; `None` if somebody asks.
    pub(crate) event: Option<EventId>,
    /// Why, in the audit: the event's type.
    pub(crate) reason: String,
    /// What it is about.
    pub(crate) about: About,
    /// The customer that it names.
    pub(crate) customer: Option<CustomerId>,
    /// Those that it names, each once.
    pub(crate) named: Vec<NamedSubject>,
    /// Whether the subscription's own metadata, as it shows them, say whose it is and whose it was: then its Checkout
    /// Session has nothing to add.
    pub(crate) says_whose: bool,
    /// Whether it is about a Checkout Session, which may be the only one to say whose the subscription is.
    pub(crate) is_checkout: bool,
    /// Keys of ours in it that hold no id.
    pub(crate) unfit: Vec<String>,
    /// Ids in it that do not look like Stripe's.
    pub(crate) skipped: Vec<String>,
    /// The payment that failed, if it is about that.
    pub(crate) payment_failure: Option<PaymentFailure>,
}

/// What an event is about, or what somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// One subscription.
    Subscription(SubscriptionId),
    /// All subscriptions of a customer.
    Customer(CustomerId),
    /// All subscriptions of those who are named, with these customers and whichever Clerk lists.
    Subjects(SortedSet<CustomerId>),
}

impl Trigger {
    /// What an event triggers; `None` if it needs no work.
    pub(crate) fn of(event: &Event, settings: &SyncSettings) -> Option<Self> {
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
            says_whose: false,
            is_checkout: event.kind == EventKind::CheckoutSession,
            unfit: Vec::new(),
            skipped: names.skipped.clone(),
            payment_failure: names.payment_failure.clone(),
        };
        trigger.read_subscription(event, settings);
        let keys = &settings.subject_keys;
        // Only a subscription's metadata carry notes: whatever stands elsewhere is the seller's.
        if event.kind != EventKind::Subscription {
            for metadata in [&names.metadata, &names.previous_metadata] {
                let finding = named_in(metadata, keys);
                trigger.unfit.extend(finding.unfit);
                finding.subject.into_iter().for_each(|subject| trigger.name(subject, Via::Metadata));
            }
        }
        let reference = names.client_reference_id.as_deref().filter(|_| settings.client_reference_id);
        if let Some(Ok(subject)) = reference.map(Subject::parse) {
            trigger.name(subject, Via::Reference);
        }
        Some(trigger)
    }

    /// Whom the subscription's metadata name, as a subscription or an invoice shows them, and whom they named before.
    fn read_subscription(&mut self, event: &Event, settings: &SyncSettings) {
        let (names, keys) = (&event.names, &settings.subject_keys);
        let own = match event.kind {
            EventKind::Subscription => &names.metadata,
            EventKind::Invoice => &names.subscription_metadata,
            EventKind::CheckoutSession | EventKind::Customer | EventKind::NoWork => return,
        };
        let (named, unfit) = named_in_event(own, keys);
        let has_note = Note::read(own).is_ok_and(|note| note.is_some());
        let changed = event.kind == EventKind::Subscription && names.metadata_changed;
        let names_itself = named.iter().any(|named| named.via == Via::Metadata);
        // Keys that were set just now may hide whom the session names: the owner until then.
        self.says_whose = has_note || (names_itself && !changed);
        self.unfit.extend(unfit);
        named.into_iter().for_each(|named| self.name(named.subject, named.via));
        if event.kind == EventKind::Subscription {
            let (before, unfit) = named_before(&names.previous_metadata, own, keys);
            self.unfit.extend(unfit);
            before.into_iter().for_each(|named| self.name(named.subject, named.via));
        }
    }

    fn name(&mut self, subject: Subject, via: Via) {
        match self.named.iter_mut().find(|named| named.subject == subject) {
            Some(named) => named.via = named.via.min(via),
            None => self.named.push(NamedSubject { subject, via }),
        }
    }
}
