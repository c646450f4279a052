//! The trigger of a sync. It only tells which subjects may have changed; it grants nothing.

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
    pub(crate) object: TriggerObject,
    /// The customer that the event names.
    pub(crate) customer: Option<CustomerId>,
    /// The subjects that the event names, without duplicates.
    pub(crate) named: Vec<NamedSubject>,
    /// Whether the subscription's own metadata in the event identifies its current and previous owner. If so,
    /// no Checkout Session needs to be read.
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
pub(crate) enum TriggerObject {
    /// One subscription.
    Subscription(SubscriptionId),
    /// All subscriptions of a customer.
    Customer(CustomerId),
    /// All subscriptions of the named subjects: of these customers, and of the customers in Clerk's records.
    Subjects(SortedSet<CustomerId>),
}

impl Trigger {
    /// Creates a trigger that names no subject yet.
    pub(crate) fn new(reason: &str, object: TriggerObject) -> Self {
        Trigger {
            event: None,
            reason: reason.to_owned(),
            object,
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

    /// Creates a trigger for one subject, with its customers in Clerk's record and `customers`. The subject
    /// counts as named by a `client_reference_id` only, so that a plan of another origin stays.
    pub(crate) fn for_subject(reason: &str, subject: Subject, customers: SortedSet<CustomerId>) -> Self {
        let named = vec![NamedSubject { subject, via: Via::Reference }];
        Trigger { named, ..Trigger::new(reason, TriggerObject::Subjects(customers)) }
    }

    /// Adds a named subject. If it is named twice, the stronger `via` counts.
    pub(crate) fn add_subject(&mut self, subject: Subject, via: Via) {
        match self.named.iter_mut().find(|named| named.subject == subject) {
            Some(named) => named.via = named.via.min(via),
            None => self.named.push(NamedSubject { subject, via }),
        }
    }
}
