//! An event, read once its signature holds: what kind it is, and whom and what it names.
//!
//! An event is not applied, it triggers a reading of Stripe's present; so only names are taken from it. One
//! that needs no work is read no further than its envelope: Stripe must not be refused for what nobody asked
//! about.

use super::object::{Metadata, Unreadable};
use super::wire::{self, Object};
use crate::ids::{CustomerId, IdError, StripeEventId, SubscriptionId};
use serde_json::Value;

/// A payment that failed as often as this is not expected to succeed any more.
pub(crate) const PAYMENT_ATTEMPTS_FINAL: u64 = 3;

/// An event that Stripe signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id, the same in each delivery of it.
    pub id: StripeEventId,
    /// Its type, as in `customer.subscription.updated`.
    pub event_type: String,
    /// What there is to do about it.
    pub kind: EventKind,
    /// When it came about, in seconds since the Unix epoch. A thin event says it in words, which nothing here
    /// needs.
    pub(crate) created_s: Option<u64>,
    /// Live or test mode; None if it does not say.
    pub livemode: Option<bool>,
    /// The connected account that it is about (<https://docs.stripe.com/connect/webhooks>), if it is about
    /// one.
    pub account: Option<String>,
    /// Whom and what it names; nothing if there is no work.
    pub names: Names,
}

/// What an event is to Tollgate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It says nothing about a plan.
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

/// Whom and what an event's object names. Nobody gets anything by it: it only says where to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The id of the object itself.
    pub(crate) object: Option<String>,
    /// Its customer, or itself if it is one.
    pub customer: Option<CustomerId>,
    /// Its subscription, or itself if it is one.
    pub subscription: Option<SubscriptionId>,
    /// Its metadata.
    pub(crate) metadata: Metadata,
    /// The metadata of the subscription, as an invoice repeats it.
    pub(crate) subscription_metadata: Metadata,
    /// The values that keys of the metadata had before this event.
    pub(crate) previous_metadata: Metadata,
    /// Whether any key of the metadata changed; one that was not there before shows no previous value.
    pub(crate) metadata_changed: bool,
    /// A checkout session's `client_reference_id`.
    pub(crate) client_reference_id: Option<String>,
    /// A checkout session's `mode`.
    pub(crate) mode: Option<String>,
    /// The payment that failed, if the event is about that.
    pub(crate) payment_failure: Option<PaymentFailure>,
    /// Ids that do not look like Stripe's and are left out.
    pub(crate) skipped: Vec<String>,
}

/// A payment of an invoice that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaymentFailure {
    /// How often it was tried.
    pub(crate) attempt_count: u64,
    /// When it is tried next, in seconds since the Unix epoch.
    pub(crate) next_attempt_s: Option<u64>,
    /// Why there is an invoice: `subscription_cycle`, `subscription_update` …
    pub(crate) billing_reason: Option<String>,
}

impl PaymentFailure {
    /// Nothing further can be expected: there is no next attempt, or this was the third.
    pub(crate) fn is_final(&self) -> bool {
        self.next_attempt_s.is_none() || self.attempt_count >= PAYMENT_ATTEMPTS_FINAL
    }
}

/// Why a signed body is no event that can be worked on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Not JSON, or not the fields of an event.
    #[error("the body is no event: {0}")]
    Unreadable(#[from] Unreadable),
    /// An `object` that is neither `event` nor `v2.core.event`.
    #[error("the body is no event: its `object` is something else")]
    NoEvent,
    /// The event's own id.
    #[error("the event's id: {0}")]
    Id(IdError),
    /// It says that a subscription or a customer changed, but not which.
    #[error("an event of this type must name its subscription or customer")]
    NamesNothing,
}

impl Event {
    /// Reads a snapshot event or a thin event.
    ///
    /// # Errors
    /// [`EventError`], see its variants.
    pub fn parse(body: &[u8]) -> Result<Self, EventError> {
        let body = wire::value(body)?;
        let envelope = Object::of(&body)?;
        let thin = match envelope.text("object")? {
            Some("event") | None => false,
            Some("v2.core.event") => true,
            Some(_) => return Err(EventError::NoEvent),
        };
        let id = envelope.needed_text("id")?;
        let event_type = envelope.needed_text("type")?;
        let kind = EventKind::of(event_type, thin);
        let names = match kind {
            EventKind::NoWork => Names::default(),
            _ if thin => Names::of_thin(envelope)?,
            _ => Names::of_snapshot(envelope, kind, event_type)?,
        };
        // A thin event has a context in place of an account.
        let account = envelope.member(if thin { "context" } else { "account" });
        Ok(Event {
            id: StripeEventId::parse(id).map_err(EventError::Id)?,
            kind: kind.given(&names)?,
            created_s: envelope.member("created").and_then(Value::as_u64),
            livemode: envelope.member("livemode").and_then(Value::as_bool),
            account: account.map(|account| account.as_str().unwrap_or_default().to_owned()),
            event_type: event_type.to_owned(),
            names,
        })
    }
}

impl EventKind {
    fn of(event_type: &str, thin: bool) -> Self {
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

    /// The kind, once it is known what the event names: a checkout or an invoice without a subscription (a
    /// single payment) has no bearing on a plan, and where its id had to be left out there is nothing to ask
    /// for.
    fn given(self, names: &Names) -> Result<Self, EventError> {
        let (subscription, customer) = (names.subscription.is_some(), names.customer.is_some());
        match self {
            EventKind::CheckoutSession | EventKind::Invoice if !subscription => Ok(EventKind::NoWork),
            EventKind::Subscription if !subscription => names.nothing(),
            EventKind::Customer if !customer => names.nothing(),
            kind => Ok(kind),
        }
    }
}

const PAYMENT_FAILED: &str = "invoice.payment_failed";

impl Names {
    /// The object's `url` is not read: what is asked for, and where, is not the event's to say.
    fn of_thin(event: Object<'_>) -> Result<Self, Unreadable> {
        let mut names = Names::default();
        let Some(related) = event.object("related_object")? else { return Ok(names) };
        let id = related.needed_text("id")?;
        if related.needed_text("type")? == "subscription" {
            names.subscription = names.take(SubscriptionId::parse, id);
        }
        names.object = Some(id.to_owned());
        Ok(names)
    }

    /// Reads what a checkout session, a subscription, a customer and an invoice have, each its part.
    fn of_snapshot(event: Object<'_>, kind: EventKind, event_type: &str) -> Result<Self, Unreadable> {
        let data = event.needed_object("data")?;
        let object = data.needed_object("object")?;
        // Where an invoice speaks of its subscription since API version 2025-03-31, and before.
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

    /// What an event comes to that must name something and does not: an id that was left out is somebody's to
    /// look at, and no retry would change it.
    fn nothing(&self) -> Result<EventKind, EventError> {
        if self.skipped.is_empty() { Err(EventError::NamesNothing) } else { Ok(EventKind::NoWork) }
    }

    /// The id if it looks like Stripe's; else it is put down as skipped.
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
