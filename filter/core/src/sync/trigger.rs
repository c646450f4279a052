//! The trigger of a sync. It only says whose state may have changed; it grants nothing.

use super::ownership::{NamedSubject, Via};
use crate::ids::{CustomerId, EventId, Subject, SubscriptionId};
use crate::sorted::SortedSet;
use crate::stripe::event::PaymentFailure;

/// The trigger of a sync: an event, or a request by the `tollgate` command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trigger {
    /// The event; `None` for a request by the command.
    pub(crate) event: Option<EventId>,
    /// The reason that the audit logs: the event's type, or `sync` for the command.
    pub(crate) reason: String,
    /// The object that the trigger is about.
    pub(crate) about: About,
    /// The customer that the event names.
    pub(crate) customer: Option<CustomerId>,
    /// The subjects that the event names, without duplicates.
    pub(crate) named: Vec<NamedSubject>,
    /// Whether the subscription's own metadata in the event identifies its present and previous owner. If so,
    /// the Checkout Session has nothing to add.
    pub(crate) names_owner: bool,
    /// Whether the event is about a Checkout Session, which may be the only object that identifies the owner.
    pub(crate) is_checkout: bool,
    /// Metadata keys whose value is not a valid Clerk id.
    pub(crate) invalid_keys: Vec<String>,
    /// Ids in the event that do not have the form of Stripe's ids.
    pub(crate) skipped: Vec<String>,
    /// The failed payment, if the event is about one.
    pub(crate) payment_failure: Option<PaymentFailure>,
    /// Whether the subjects are only read: neither Clerk's records nor notes are written.
    pub(crate) reads_only: bool,
}

/// The object that an event or a request by the command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// One subscription.
    Subscription(SubscriptionId),
    /// All subscriptions of a customer.
    Customer(CustomerId),
    /// All subscriptions of the named subjects: those of these customers, and of the customers that Clerk
    /// lists.
    Subjects(SortedSet<CustomerId>),
}

impl Trigger {
    /// Creates a trigger that names no subject yet.
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
            reads_only: false,
        }
    }

    /// Creates a trigger for one subject: its customers in Clerk's record, and these. Nothing names the
    /// subject yet, so that a plan of another origin stays.
    pub(crate) fn for_subject(reason: &str, subject: Subject, customers: SortedSet<CustomerId>) -> Self {
        let named = vec![NamedSubject { subject, via: Via::Reference }];
        Trigger { named, ..Trigger::new(reason, About::Subjects(customers)) }
    }

    /// Adds a named subject. If it is named twice, the stronger `via` counts.
    pub(crate) fn name(&mut self, subject: Subject, via: Via) {
        match self.named.iter_mut().find(|named| named.subject == subject) {
            Some(named) => named.via = named.via.min(via),
            None => self.named.push(NamedSubject { subject, via }),
        }
    }
}
