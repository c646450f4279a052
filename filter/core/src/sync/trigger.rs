//! What makes a sync begin. It only says whose state may have changed; nobody gets anything by it.

use super::ownership::{NamedSubject, Via};
use crate::ids::{CustomerId, EventId, Subject, SubscriptionId};
use crate::sorted::SortedSet;
use crate::stripe::event::PaymentFailure;

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
    /// Whether the subscription's own metadata, as it shows them, say whose it is and whose it was: then its
    /// Checkout Session has nothing to add.
    pub(crate) names_owner: bool,
    /// Whether it is about a Checkout Session, which may be the only one to say whose the subscription is.
    pub(crate) is_checkout: bool,
    /// Keys of ours in it that hold no id.
    pub(crate) invalid_keys: Vec<String>,
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
    /// Creates one that names nobody yet.
    pub(crate) fn new(reason: &str, about: About) -> Self {
        Trigger {
            event: None,
            reason: reason.to_owned(),
            about,
            customer: None,
            named: Vec::new(),
            names_owner: false,
            is_checkout: false,
            invalid_keys: Vec::new(),
            skipped: Vec::new(),
            payment_failure: None,
        }
    }

    /// Adds a subject that is named in this way. The way that counts most counts.
    pub(crate) fn name(&mut self, subject: Subject, via: Via) {
        match self.named.iter_mut().find(|named| named.subject == subject) {
            Some(named) => named.via = named.via.min(via),
            None => self.named.push(NamedSubject { subject, via }),
        }
    }
}
