//! Subscriptions as Stripe returns them, parsed into narrow, typed, bounded structs.
//!
//! A part that cannot be parsed is listed in [`Subscription::unreadable`], and the rest is used. Only the id,
//! the owner (customer and metadata), and the status are required.

use super::customer::Customer;
use super::invoice::Invoice;
use super::object::{Metadata, UnreadableError};
use super::price::Price;
use super::wire::{self, Object};
use crate::ids::{CustomerId, ScheduleId, SubscriptionId, SubscriptionItemId};
use crate::sorted::SortedSet;
use std::fmt;

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The id.
    pub id: SubscriptionId,
    /// The customer's id.
    pub customer: CustomerId,
    /// The customer, if it was expanded.
    pub customer_object: Option<Customer>,
    /// The status.
    pub(crate) status: SubscriptionStatus,
    /// The subscription's own metadata.
    pub(crate) metadata: Metadata,
    /// The creation time, in seconds since the Unix epoch.
    pub(crate) created_s: u64,
    /// Whether the subscription ends with its period.
    pub cancel_at_period_end: bool,
    /// The time at which it is set to end, in seconds since the Unix epoch.
    pub cancel_at_s: Option<u64>,
    /// The items.
    pub items: Vec<Item>,
    /// Whether Stripe returned only some of the items, or the list cannot be parsed.
    pub items_truncated: bool,
    /// The latest invoice, if it was expanded.
    pub latest_invoice: Option<Invoice>,
    /// The members that only changes of the subscription depend on.
    pub(crate) changes: ChangeState,
    /// The parts that do not match Stripe's API reference.
    pub unreadable: SortedSet<UnreadablePart>,
}

/// The scheduled and pending changes of a subscription, and its trial. A member that cannot be parsed is read
/// as absent, because no plan depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChangeState {
    /// The schedule that manages the subscription.
    pub(crate) schedule: Option<ScheduleId>,
    /// Whether a change waits for its payment (`pending_update`).
    pub(crate) has_pending_update: bool,
    /// The id of the latest invoice.
    pub(crate) latest_invoice: Option<String>,
    /// The start of the trial, in seconds since the Unix epoch, also after it has ended.
    pub(crate) trial_start_s: Option<u64>,
    /// The end of the trial, in seconds since the Unix epoch.
    pub(crate) trial_end_s: Option<u64>,
}

impl ChangeState {
    fn read(object: Object<'_>) -> Self {
        let id = |name| object.id_of(name).ok().flatten();
        ChangeState {
            schedule: id("schedule").and_then(|id| ScheduleId::parse(id).ok()),
            has_pending_update: object.member("pending_update").is_some(),
            latest_invoice: id("latest_invoice").map(str::to_owned),
            trial_start_s: object.optional_number("trial_start"),
            trial_end_s: object.optional_number("trial_end"),
        }
    }
}

/// A part of a subscription that cannot be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnreadablePart {
    /// An item, or its price.
    Item,
    /// The product of an item, which Stripe no longer has.
    Product,
    /// The latest invoice.
    LatestInvoice,
    /// An open invoice.
    OpenInvoice,
    /// The time at which it ends.
    End,
}

impl fmt::Display for UnreadablePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UnreadablePart::Item => "an item",
            UnreadablePart::Product => "the product of an item",
            UnreadablePart::LatestInvoice => "the latest invoice",
            UnreadablePart::OpenInvoice => "an open invoice",
            UnreadablePart::End => "the time of its end",
        })
    }
}

/// The status of a subscription:
/// <https://docs.stripe.com/api/subscriptions/object#subscription_object-status>.
///
/// Paused collection (`pause_collection`) leaves it `active`; Stripe uses it for free service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SubscriptionStatus {
    /// Paid, or nothing is due.
    Active,
    /// Before the first payment.
    Trialing,
    /// A payment failed, and Stripe retries it.
    PastDue,
    /// All retries failed, and the subscription was kept.
    Unpaid,
    /// The trial ended without a payment method.
    Paused,
    /// The first payment has not succeeded yet.
    Incomplete,
    /// The first payment did not succeed within a day.
    IncompleteExpired,
    /// Ended.
    Canceled,
    /// A status that this release does not support.
    Unknown(String),
}

impl From<&str> for SubscriptionStatus {
    fn from(text: &str) -> Self {
        match text {
            "active" => SubscriptionStatus::Active,
            "trialing" => SubscriptionStatus::Trialing,
            "past_due" => SubscriptionStatus::PastDue,
            "unpaid" => SubscriptionStatus::Unpaid,
            "paused" => SubscriptionStatus::Paused,
            "incomplete" => SubscriptionStatus::Incomplete,
            "incomplete_expired" => SubscriptionStatus::IncompleteExpired,
            "canceled" => SubscriptionStatus::Canceled,
            _ => SubscriptionStatus::Unknown(text.to_owned()),
        }
    }
}

impl SubscriptionStatus {
    /// Returns Stripe's name of the status.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            SubscriptionStatus::Active => "active",
            SubscriptionStatus::Trialing => "trialing",
            SubscriptionStatus::PastDue => "past_due",
            SubscriptionStatus::Unpaid => "unpaid",
            SubscriptionStatus::Paused => "paused",
            SubscriptionStatus::Incomplete => "incomplete",
            SubscriptionStatus::IncompleteExpired => "incomplete_expired",
            SubscriptionStatus::Canceled => "canceled",
            SubscriptionStatus::Unknown(text) => text,
        }
    }

    /// Returns whether the subscription has not ended, so that it may still grant a plan.
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self, SubscriptionStatus::Canceled | SubscriptionStatus::IncompleteExpired)
    }
}

/// One item of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The id; `None` if it is malformed.
    pub(crate) id: Option<SubscriptionItemId>,
    /// The price.
    pub price: Price,
    /// The quantity; `None` for a metered price.
    pub(crate) quantity: Option<u64>,
    /// The end of the paid period, in seconds since the Unix epoch. API versions before 2025-03-31 have it on
    /// the subscription, with the same value for all items.
    pub(crate) current_period_end_s: Option<u64>,
}

/// One page of a customer's subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionPage {
    /// The subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// Ids that do not have the form of Stripe's ids. Their subscriptions are skipped, and an alarm reports
    /// them.
    pub skipped: Vec<String>,
    /// Subscriptions whose owner or status cannot be parsed.
    pub(crate) unreadable: Vec<SubscriptionId>,
    /// The id after which the next page starts (`starting_after`), if there is one.
    pub(crate) next: Option<SubscriptionId>,
}

impl Subscription {
    /// Parses the response to [`retrieve_subscription`](super::api::StripeApi::retrieve_subscription).
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a subscription.
    pub fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        Self::read(Object::from_value(&wire::value(body)?)?)?.map_err(|left_out| match left_out {
            LeftOut::InvalidId(_) => UnreadableError("id"),
            LeftOut::Unreadable(_) => UnreadableError::SUBSCRIPTION,
        })
    }

    /// Reads the subscription. The inner error says why it is skipped.
    fn read(object: Object<'_>) -> Result<Result<Self, LeftOut>, UnreadableError> {
        let id = object.needed_text("id")?;
        let Ok(id) = SubscriptionId::parse(id) else { return Ok(Err(LeftOut::InvalidId(id.to_owned()))) };
        match Self::read_known(id.clone(), object) {
            Ok(Ok(subscription)) => Ok(Ok(subscription)),
            Ok(Err(customer)) => Ok(Err(LeftOut::InvalidId(customer))),
            Err(_) => Ok(Err(LeftOut::Unreadable(id))),
        }
    }

    /// Reads the subscription with this id. The inner error is a malformed customer id.
    fn read_known(id: SubscriptionId, object: Object<'_>) -> Result<Result<Self, String>, UnreadableError> {
        let customer = object.id_of("customer")?.ok_or(UnreadableError("customer"))?;
        let Ok(customer) = CustomerId::parse(customer) else { return Ok(Err(customer.to_owned())) };
        let mut unreadable = SortedSet::default();
        let period_end_s = object.number("current_period_end").unwrap_or_default();
        let list = object.needed_object("items");
        let items = list.and_then(|list| read_items(list, period_end_s, &mut unreadable));
        // A list that cannot be parsed here may be parseable when it is requested separately, like an
        // incomplete one.
        let items_truncated = items.is_err() || list.and_then(|list| list.is_set("has_more")).unwrap_or(true);
        let latest =
            object.expanded("latest_invoice").and_then(|invoice| invoice.map(Invoice::read).transpose());
        Ok(Ok(Subscription {
            id,
            customer,
            customer_object: object.expanded("customer")?.map(Customer::read).transpose()?,
            status: object.needed_text("status")?.into(),
            metadata: object.metadata()?,
            created_s: object.needed_number("created")?,
            cancel_at_period_end: taken(
                object.is_set("cancel_at_period_end"),
                UnreadablePart::End,
                &mut unreadable,
            ),
            cancel_at_s: taken(object.number("cancel_at"), UnreadablePart::End, &mut unreadable),
            items_truncated,
            items: items.unwrap_or_default(),
            latest_invoice: taken(latest, UnreadablePart::LatestInvoice, &mut unreadable),
            changes: ChangeState::read(object),
            unreadable,
        }))
    }

    /// Returns the end of the paid period, in seconds since the Unix epoch: the latest of its items.
    pub fn current_period_end_s(&self) -> Option<u64> {
        self.items.iter().filter_map(|item| item.current_period_end_s).max()
    }
}

impl Subscription {
    /// Replaces the items by those that were requested separately; `is_whole` is true if these are all items.
    pub(crate) fn set_items(&mut self, items: Vec<Item>, unreadable: bool, is_whole: bool) {
        self.items = items;
        self.items_truncated = !is_whole;
        let others =
            std::mem::take(&mut self.unreadable).into_iter().filter(|part| *part != UnreadablePart::Item);
        self.unreadable = others.chain(unreadable.then_some(UnreadablePart::Item)).collect();
    }
}

impl SubscriptionPage {
    /// Parses the response to [`retrieve_subscription`](super::api::StripeApi::retrieve_subscription), which
    /// is skipped if its customer's id is malformed.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a subscription.
    pub(crate) fn of_one(body: &[u8]) -> Result<Self, UnreadableError> {
        let body = wire::value(body)?;
        let mut page = SubscriptionPage::default();
        match Subscription::read(Object::from_value(&body)?)? {
            Ok(subscription) => page.subscriptions.push(subscription),
            Err(LeftOut::InvalidId(id)) => page.skipped.push(id),
            Err(LeftOut::Unreadable(id)) => page.unreadable.push(id),
        }
        Ok(page)
    }

    /// Parses the response to [`list_subscriptions`](super::api::StripeApi::list_subscriptions).
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a list of subscriptions, or has a next page but no id to
    /// continue from.
    pub fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        let body = wire::value(body)?;
        let list = Object::from_value(&body)?;
        let mut page = SubscriptionPage::default();
        let mut last = "";
        for object in list.page()? {
            let object = Object::from_value(object)?;
            last = object.needed_text("id")?;
            match Subscription::read(object)? {
                Ok(subscription) => page.subscriptions.push(subscription),
                Err(LeftOut::InvalidId(id)) => page.skipped.push(id),
                Err(LeftOut::Unreadable(id)) => page.unreadable.push(id),
            }
        }
        if list.is_set("has_more")? {
            // Without an id to continue from, the same page would be requested forever.
            page.next = Some(SubscriptionId::parse(last).map_err(|_| UnreadableError("has_more"))?);
        }
        Ok(page)
    }
}

/// The reason why a subscription is skipped.
enum LeftOut {
    /// It has a malformed id.
    InvalidId(String),
    /// Its owner or status cannot be parsed.
    Unreadable(SubscriptionId),
}

/// One page of a subscription's items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemsPage {
    /// The items.
    pub items: Vec<Item>,
    /// Whether an item cannot be parsed.
    pub unreadable: bool,
    /// Whether there are more items.
    pub(crate) has_more: bool,
    /// The last item, after which the next page starts; `None` if its id is malformed.
    pub last: Option<SubscriptionItemId>,
}

impl ItemsPage {
    /// Parses the response to [`list_subscription_items`](super::api::StripeApi::list_subscription_items).
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a list.
    pub fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        let body = wire::value(body)?;
        let list = Object::from_value(&body)?;
        let mut unreadable = SortedSet::default();
        let items = read_items(list, None, &mut unreadable)?;
        let last = list.page()?.last().and_then(|item| Object::from_value(item).ok()?.text("id").ok()?);
        Ok(ItemsPage {
            items,
            unreadable: !unreadable.is_empty(),
            has_more: list.is_set("has_more")?,
            last: last.and_then(|id| SubscriptionItemId::parse(id).ok()),
        })
    }
}

impl Item {
    fn read(object: Object<'_>, period_end_s: Option<u64>) -> Result<Self, UnreadableError> {
        let id = object.optional_text("id").and_then(|id| SubscriptionItemId::parse(id).ok());
        Ok(Item {
            id,
            quantity: object.optional_number("quantity"),
            price: Price::read(object.needed_object("price")?)?,
            current_period_end_s: object.number("current_period_end").unwrap_or_default().or(period_end_s),
        })
    }
}

/// Returns the items of a list that can be parsed.
fn read_items(
    list: Object<'_>,
    period_end_s: Option<u64>,
    unreadable: &mut SortedSet<UnreadablePart>,
) -> Result<Vec<Item>, UnreadableError> {
    let mut items = Vec::new();
    for item in list.page()? {
        match Object::from_value(item).and_then(|item| Item::read(item, period_end_s)) {
            Ok(item) => items.push(item),
            Err(_) => {
                unreadable.insert(UnreadablePart::Item);
            }
        }
    }
    Ok(items)
}

/// Returns the value, or the default after adding the part to the unreadable ones.
fn taken<T: Default>(
    read: Result<T, UnreadableError>,
    part: UnreadablePart,
    unreadable: &mut SortedSet<UnreadablePart>,
) -> T {
    read.unwrap_or_else(|_| {
        unreadable.insert(part);
        T::default()
    })
}

#[cfg(test)]
mod tests;
