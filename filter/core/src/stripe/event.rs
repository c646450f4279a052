//! Events, parsed after their signature was verified: their kind and the objects that they name.
//!
//! The content of an event is not applied: the event triggers reads of the current state at Stripe, so only
//! names are read from it. Of an event that needs no work, only the envelope is parsed, so that its content
//! cannot cause an error.

use super::object::{Metadata, UnreadableError};
use super::wire::{self, Object};
use crate::ids::{CustomerId, IdError, StripeEventId, SubscriptionId};
use serde_json::Value;

/// The number of failed attempts after which a payment counts as finally failed.
pub(crate) const PAYMENT_ATTEMPTS_FINAL: u64 = 3;

/// An event that Stripe signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event's id, which is the same in every delivery.
    pub id: StripeEventId,
    /// The event's type, such as `customer.subscription.updated`.
    pub event_type: String,
    /// The kind of event, which determines the work.
    pub kind: EventKind,
    /// The creation time, in seconds since the Unix epoch. `None` for a thin event, which has it as text.
    pub(crate) created_s: Option<u64>,
    /// Whether the event is from live mode; `None` if it does not say.
    pub livemode: Option<bool>,
    /// The connected account of the event (<https://docs.stripe.com/connect/webhooks>), if any.
    pub account: Option<String>,
    /// The objects that the event names; empty if it needs no work.
    pub names: Names,
}

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// An event that cannot affect a plan.
    NoWork,
    /// A checkout of a subscription was completed or paid.
    CheckoutSession,
    /// A subscription changed.
    Subscription,
    /// A customer changed or was deleted.
    Customer,
    /// An invoice of a subscription was paid, or could not be.
    Invoice,
}

/// The objects and subjects that an event's object names. They only determine what to read, and grant
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The object's id.
    pub(crate) object: Option<String>,
    /// The object's customer, or the object itself if it is one.
    pub customer: Option<CustomerId>,
    /// The object's subscription, or the object itself if it is one.
    pub subscription: Option<SubscriptionId>,
    /// The object's metadata.
    pub(crate) metadata: Metadata,
    /// The subscription's metadata in an invoice.
    pub(crate) subscription_metadata: Metadata,
    /// The values that keys of the metadata had before this event.
    pub(crate) previous_metadata: Metadata,
    /// Whether the metadata changed. A key that was not set before has no previous value.
    pub(crate) metadata_changed: bool,
    /// The `client_reference_id` of a Checkout Session.
    pub(crate) client_reference_id: Option<String>,
    /// The `mode` of a Checkout Session.
    pub(crate) mode: Option<String>,
    /// The failed payment, if the event is about one.
    pub(crate) payment_failure: Option<PaymentFailure>,
    /// Skipped ids that do not have the form of Stripe's ids.
    pub(crate) skipped: Vec<String>,
}

/// A payment of an invoice that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaymentFailure {
    /// The number of attempts.
    pub(crate) attempt_count: u64,
    /// The time of the next attempt, in seconds since the Unix epoch.
    pub(crate) next_attempt_s: Option<u64>,
    /// The reason of the invoice: `subscription_cycle`, `subscription_update` …
    pub(crate) billing_reason: Option<String>,
}

impl PaymentFailure {
    /// Returns whether the payment has finally failed: there is no next attempt, or this was the third.
    pub(crate) fn is_final(&self) -> bool {
        self.next_attempt_s.is_none() || self.attempt_count >= PAYMENT_ATTEMPTS_FINAL
    }
}

/// An error of parsing a signed body as an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The body is not JSON, or does not have the members of an event.
    #[error("the body is not an event: {0}")]
    Unreadable(#[from] UnreadableError),
    /// The member `object` is neither `event` nor `v2.core.event`.
    #[error("the body is not an event: its `object` has another value")]
    NoEvent,
    /// The event's id is invalid.
    #[error("the event's id: {0}")]
    Id(IdError),
    /// The event does not name its subscription or customer.
    #[error("an event of this type must name its subscription or customer")]
    NamesNothing,
}

impl Event {
    /// Parses a snapshot event or a thin event.
    ///
    /// # Errors
    /// [`EventError`], see its variants.
    pub fn parse(body: &[u8]) -> Result<Self, EventError> {
        let body = wire::value(body)?;
        let envelope = Object::from_value(&body)?;
        let thin = match envelope.text("object")? {
            Some("event") | None => false,
            Some("v2.core.event") => true,
            Some(_) => return Err(EventError::NoEvent),
        };
        let id = envelope.needed_text("id")?;
        let event_type = envelope.needed_text("type")?;
        let kind = EventKind::new(event_type, thin);
        let names = match kind {
            EventKind::NoWork => Names::default(),
            _ if thin => Names::from_thin(envelope)?,
            _ => Names::from_snapshot(envelope, kind, event_type)?,
        };
        // A thin event has `context` instead of `account`.
        let account = envelope.member(if thin { "context" } else { "account" });
        Ok(Event {
            id: StripeEventId::parse(id).map_err(EventError::Id)?,
            kind: kind.with_names(&names)?,
            created_s: envelope.member("created").and_then(Value::as_u64),
            livemode: envelope.member("livemode").and_then(Value::as_bool),
            account: account.map(|account| account.as_str().unwrap_or_default().to_owned()),
            event_type: event_type.to_owned(),
            names,
        })
    }
}

/// The events that a webhook endpoint should get, as `docs/webhook.md` lists them.
pub const ENDPOINT_EVENTS: [&str; 13] = [
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.updated",
    "customer.updated",
    "invoice.paid",
    "invoice.payment_action_required",
    PAYMENT_FAILED,
    "invoice.payment_succeeded",
];

impl EventKind {
    /// Returns the kind of a snapshot event of that type.
    pub(crate) fn of_snapshot(event_type: &str) -> Self {
        Self::new(event_type, false)
    }

    fn new(event_type: &str, thin: bool) -> Self {
        if thin {
            return match event_type.strip_prefix("v1.customer.subscription.") {
                Some(_) => EventKind::Subscription,
                None => EventKind::NoWork,
            };
        }
        match event_type {
            "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
                EventKind::CheckoutSession
            }
            "customer.updated" | "customer.deleted" => EventKind::Customer,
            "invoice.paid"
            | "invoice.payment_succeeded"
            | PAYMENT_FAILED
            | "invoice.payment_action_required" => EventKind::Invoice,
            _ if event_type.starts_with("customer.subscription.") => EventKind::Subscription,
            _ => EventKind::NoWork,
        }
    }

    /// Returns the kind, given the names. A Checkout Session or an invoice without a subscription (a one-time
    /// payment) cannot affect a plan, and if the id was skipped there is nothing to read.
    fn with_names(self, names: &Names) -> Result<Self, EventError> {
        let (subscription, customer) = (names.subscription.is_some(), names.customer.is_some());
        match self {
            EventKind::CheckoutSession | EventKind::Invoice if !subscription => Ok(EventKind::NoWork),
            EventKind::Subscription if !subscription => names.without_required(),
            EventKind::Customer if !customer => names.without_required(),
            kind => Ok(kind),
        }
    }
}

const PAYMENT_FAILED: &str = "invoice.payment_failed";

impl Names {
    /// Reads the related object of a thin event. Its `url` is ignored, because an event must not choose where
    /// requests go.
    fn from_thin(event: Object<'_>) -> Result<Self, UnreadableError> {
        let mut names = Names::default();
        let Some(related) = event.object("related_object")? else { return Ok(names) };
        let id = related.needed_text("id")?;
        if related.needed_text("type")? == "subscription" {
            names.subscription = names.take(SubscriptionId::parse, id);
        }
        names.object = Some(id.to_owned());
        Ok(names)
    }

    /// Reads the members of a Checkout Session, a subscription, a customer, or an invoice.
    fn from_snapshot(event: Object<'_>, kind: EventKind, event_type: &str) -> Result<Self, UnreadableError> {
        let data = event.needed_object("data")?;
        let object = data.needed_object("object")?;
        // The invoice's subscription details: in `parent` since API version 2025-03-31, on the invoice
        // before.
        let parent = object.object("parent")?;
        let details = parent.map_or(Ok(None), |parent| parent.object("subscription_details"))?;
        let details = details.or(object.object("subscription_details")?);
        let id = object.text("id")?;
        let own = |wanted: EventKind| id.filter(|_| kind == wanted);
        let customer = own(EventKind::Customer).or(object.id_of("customer")?);
        let in_details = details.map_or(Ok(None), |details| details.id_of("subscription"))?;
        let listed = object.id_of("subscription")?.or(in_details);
        let subscription = own(EventKind::Subscription).or(listed);
        let metadata_of = |holder: Option<Object<'_>>| match holder {
            Some(holder) => holder.metadata(),
            None => Ok(Metadata::default()),
        };
        let payment_failure = PaymentFailure {
            attempt_count: object.optional_number("attempt_count").unwrap_or_default(),
            next_attempt_s: object.optional_number("next_payment_attempt"),
            billing_reason: object.optional_text("billing_reason").map(str::to_owned),
        };
        let previous = data.object("previous_attributes")?;
        let mut names = Names {
            object: id.map(str::to_owned),
            metadata: object.metadata()?,
            subscription_metadata: metadata_of(details)?,
            previous_metadata: metadata_of(previous)?,
            metadata_changed: previous.is_some_and(|previous| previous.member("metadata").is_some()),
            client_reference_id: object.optional_text("client_reference_id").map(str::to_owned),
            mode: object.optional_text("mode").map(str::to_owned),
            payment_failure: (event_type == PAYMENT_FAILED).then_some(payment_failure),
            ..Names::default()
        };
        names.customer = customer.and_then(|id| names.take(CustomerId::parse, id));
        names.subscription = subscription.and_then(|id| names.take(SubscriptionId::parse, id));
        Ok(names)
    }

    /// Returns the kind of an event that lacks a required name. If its id was skipped, there is no work,
    /// because a retry would not change the id; an alarm reports it.
    fn without_required(&self) -> Result<EventKind, EventError> {
        if self.skipped.is_empty() { Err(EventError::NamesNothing) } else { Ok(EventKind::NoWork) }
    }

    /// Parses an id, or records it as skipped.
    fn take<T>(&mut self, parse: fn(&str) -> Result<T, IdError>, id: &str) -> Option<T> {
        let parsed = parse(id).ok();
        if parsed.is_none() {
            self.skipped.push(id.to_owned());
        }
        parsed
    }
}

#[cfg(test)]
mod tests;
