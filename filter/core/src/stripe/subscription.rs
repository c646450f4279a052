//! Subscriptions as Stripe answers them: narrow, typed, bounded. Judges none of them.
//!
//! A part that cannot be read is named in [`Subscription::unreadable`], and the rest is taken. Only what says
//! which subscription it is, whose, and where it stands must be readable.

use super::customer::Customer;
use super::invoice::Invoice;
use super::object::{Expandable, Metadata, Unreadable};
use super::product::Product;
use super::wire::{self, Object};
use crate::ids::{CustomerId, SubscriptionId, SubscriptionItemId};
use crate::sorted::SortedSet;
use std::fmt;

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose it is in Stripe.
    pub customer: CustomerId,
    /// That customer, if it was expanded.
    pub customer_object: Option<Customer>,
    /// Where it stands.
    pub(crate) status: SubscriptionStatus,
    /// Its own metadata.
    pub(crate) metadata: Metadata,
    /// When it was made, in seconds since the Unix epoch.
    pub(crate) created_s: u64,
    /// It will not be renewed.
    pub cancel_at_period_end: bool,
    /// When it will end by itself, in seconds since the Unix epoch.
    pub cancel_at_s: Option<u64>,
    /// What is paid for.
    pub items: Vec<Item>,
    /// There are items that Stripe did not show, or not so that they can be read.
    pub items_cut: bool,
    /// The last invoice, if it was expanded.
    pub latest_invoice: Option<Invoice>,
    /// What is not as Stripe's API describes it.
    pub unreadable: SortedSet<UnreadablePart>,
}

/// A part of what Stripe says of a subscription that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnreadablePart {
    /// An item, or what its price sells.
    Item,
    /// The product that an item sells: Stripe does not have it any more.
    Product,
    /// The last invoice.
    LatestInvoice,
    /// An open invoice.
    OpenInvoice,
    /// When it ends.
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
/// Paused collection (`pause_collection`) leaves it `active`, and is Stripe's word for service free of
/// charge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SubscriptionStatus {
    /// Paid, or nothing to pay.
    Active,
    /// Before the first payment.
    Trialing,
    /// A payment failed, and is tried again.
    PastDue,
    /// Payments failed for good, and the subscription was kept.
    Unpaid,
    /// The trial ended without a way to pay.
    Paused,
    /// The first payment has not come yet.
    Incomplete,
    /// The first payment did not come within a day.
    IncompleteExpired,
    /// Ended.
    Canceled,
    /// What this version does not know.
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
    /// As Stripe writes it.
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

    /// The subscription has not ended, so it may come to grant something without being made anew.
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self, SubscriptionStatus::Canceled | SubscriptionStatus::IncompleteExpired)
    }
}

/// One item of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it costs.
    pub price: Price,
    /// Until when it is paid, in seconds since the Unix epoch. API versions before 2025-03-31 have it on the
    /// subscription; there it is the same for all items.
    pub(crate) current_period_end_s: Option<u64>,
}

/// A price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Its id. Usually `price_…`; of old, `plan_…` or whatever whoever sells chose.
    pub(crate) id: String,
    /// A name for it that may move from price to price.
    pub(crate) lookup_key: Option<String>,
    /// Its metadata.
    pub(crate) metadata: Metadata,
    /// What is sold for it; `None` if that cannot be read.
    pub product: Option<Expandable<Product>>,
    /// Its lookup key, its metadata, or what is sold for it cannot be read.
    pub(crate) unreadable: bool,
}

impl Price {
    fn read(object: Object<'_>) -> Result<Self, Unreadable> {
        let id = object.needed_text("id")?.to_owned();
        let (lookup_key, metadata) = (object.owned_text("lookup_key"), object.metadata());
        let product = Self::read_product(object);
        let unreadable = lookup_key.is_err() || metadata.is_err() || product.is_err();
        Ok(Price {
            id,
            lookup_key: lookup_key.unwrap_or_default(),
            metadata: metadata.unwrap_or_default(),
            product: product.ok(),
            unreadable,
        })
    }

    fn read_product(object: Object<'_>) -> Result<Expandable<Product>, Unreadable> {
        match object.expanded("product")? {
            Some(product) => Ok(Expandable::Object(Product::read(product)?)),
            None => Ok(Expandable::Id(object.needed_text("product")?.to_owned())),
        }
    }

    /// The id of what is sold for it, if that can be read.
    pub(crate) fn product_id(&self) -> Option<&str> {
        match &self.product {
            Some(Expandable::Id(id) | Expandable::Object(Product { id, .. })) => Some(id),
            None => None,
        }
    }
}

/// One page of a customer's subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionPage {
    /// The subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// Ids that do not look like Stripe's. Those subscriptions are left out, which somebody should look at.
    pub skipped: Vec<String>,
    /// Subscriptions of which it cannot be read whose they are or where they stand.
    pub(crate) unreadable: Vec<SubscriptionId>,
    /// Where the next page starts (`starting_after`), if there is one.
    pub(crate) next: Option<SubscriptionId>,
}

impl Subscription {
    /// Reads the answer to [`retrieve_subscription`](super::api::StripeApi::retrieve_subscription).
    ///
    /// # Errors
    /// [`Unreadable`] if it is no subscription.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        Self::read(Object::of(&wire::value(body)?)?)?.map_err(|left_out| match left_out {
            LeftOut::InvalidId(_) => Unreadable("id"),
            LeftOut::Unreadable(_) => Unreadable::SUBSCRIPTION,
        })
    }

    /// The subscription; inside, why it is left out.
    fn read(object: Object<'_>) -> Result<Result<Self, LeftOut>, Unreadable> {
        let id = object.needed_text("id")?;
        let Ok(id) = SubscriptionId::parse(id) else { return Ok(Err(LeftOut::InvalidId(id.to_owned()))) };
        match Self::read_known(id.clone(), object) {
            Ok(Ok(subscription)) => Ok(Ok(subscription)),
            Ok(Err(customer)) => Ok(Err(LeftOut::InvalidId(customer))),
            Err(_) => Ok(Err(LeftOut::Unreadable(id))),
        }
    }

    /// The subscription of that id; inside, an id of a customer that does not look like Stripe's.
    fn read_known(id: SubscriptionId, object: Object<'_>) -> Result<Result<Self, String>, Unreadable> {
        let customer = object.id_of("customer")?.ok_or(Unreadable("customer"))?;
        let Ok(customer) = CustomerId::parse(customer) else { return Ok(Err(customer.to_owned())) };
        let mut unreadable = SortedSet::default();
        let period_end_s = object.number("current_period_end").unwrap_or_default();
        let list = object.needed_object("items");
        let items = list.and_then(|list| read_items(list, period_end_s, &mut unreadable));
        // A list that cannot be read here may be readable by itself, as one that was cut is.
        let items_cut = items.is_err() || list.and_then(|list| list.is_set("has_more")).unwrap_or(true);
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
            items_cut,
            items: items.unwrap_or_default(),
            latest_invoice: taken(latest, UnreadablePart::LatestInvoice, &mut unreadable),
            unreadable,
        }))
    }

    /// Until when it is paid, in seconds since the Unix epoch: the last of its items' periods.
    pub fn current_period_end_s(&self) -> Option<u64> {
        self.items.iter().filter_map(|item| item.current_period_end_s).max()
    }
}

impl Subscription {
    /// Takes the items as they were read by themselves, all of them if the list `is_whole`.
    pub(crate) fn take_items(&mut self, items: Vec<Item>, unreadable: bool, is_whole: bool) {
        self.items = items;
        self.items_cut = !is_whole;
        let others =
            std::mem::take(&mut self.unreadable).into_iter().filter(|part| *part != UnreadablePart::Item);
        self.unreadable = others.chain(unreadable.then_some(UnreadablePart::Item)).collect();
    }
}

impl SubscriptionPage {
    /// Reads the answer to [`retrieve_subscription`](super::api::StripeApi::retrieve_subscription), which is
    /// nothing but skipped if its customer's id cannot be asked for.
    ///
    /// # Errors
    /// [`Unreadable`] if it is no subscription.
    pub(crate) fn of_one(body: &[u8]) -> Result<Self, Unreadable> {
        let body = wire::value(body)?;
        let mut page = SubscriptionPage::default();
        match Subscription::read(Object::of(&body)?)? {
            Ok(subscription) => page.subscriptions.push(subscription),
            Err(LeftOut::InvalidId(id)) => page.skipped.push(id),
            Err(LeftOut::Unreadable(id)) => page.unreadable.push(id),
        }
        Ok(page)
    }

    /// Reads the answer to [`list_subscriptions`](super::api::StripeApi::list_subscriptions).
    ///
    /// # Errors
    /// [`Unreadable`] if it is no list of subscriptions, or promises more but not where it goes on.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let body = wire::value(body)?;
        let list = Object::of(&body)?;
        let mut page = SubscriptionPage::default();
        let mut last = "";
        for object in list.page()? {
            let object = Object::of(object)?;
            last = object.needed_text("id")?;
            match Subscription::read(object)? {
                Ok(subscription) => page.subscriptions.push(subscription),
                Err(LeftOut::InvalidId(id)) => page.skipped.push(id),
                Err(LeftOut::Unreadable(id)) => page.unreadable.push(id),
            }
        }
        if list.is_set("has_more")? {
            // Without a place to go on from, the same page would be asked for for ever.
            page.next = Some(SubscriptionId::parse(last).map_err(|_| Unreadable("has_more"))?);
        }
        Ok(page)
    }
}

/// Why a subscription is left out.
enum LeftOut {
    /// It has an id that does not look like Stripe's.
    InvalidId(String),
    /// It cannot be read whose it is, or where it stands.
    Unreadable(SubscriptionId),
}

/// One page of a subscription's items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemsPage {
    /// The items.
    pub items: Vec<Item>,
    /// An item cannot be read.
    pub unreadable: bool,
    /// There are more.
    pub(crate) has_more: bool,
    /// The last item, after which the next page starts; `None` if its id does not look like Stripe's.
    pub last: Option<SubscriptionItemId>,
}

impl ItemsPage {
    /// Reads the answer to [`list_subscription_items`](super::api::StripeApi::list_subscription_items).
    ///
    /// # Errors
    /// [`Unreadable`] if it is no list.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let body = wire::value(body)?;
        let list = Object::of(&body)?;
        let mut unreadable = SortedSet::default();
        let items = read_items(list, None, &mut unreadable)?;
        let last = list.page()?.last().and_then(|item| Object::of(item).ok()?.text("id").ok()?);
        Ok(ItemsPage {
            items,
            unreadable: !unreadable.is_empty(),
            has_more: list.is_set("has_more")?,
            last: last.and_then(|id| SubscriptionItemId::parse(id).ok()),
        })
    }
}

impl Item {
    fn read(object: Object<'_>, period_end_s: Option<u64>) -> Result<Self, Unreadable> {
        Ok(Item {
            price: Price::read(object.needed_object("price")?)?,
            current_period_end_s: object.number("current_period_end").unwrap_or_default().or(period_end_s),
        })
    }
}

/// The items of a list that can be read.
fn read_items(
    list: Object<'_>,
    period_end_s: Option<u64>,
    unreadable: &mut SortedSet<UnreadablePart>,
) -> Result<Vec<Item>, Unreadable> {
    let mut items = Vec::new();
    for item in list.page()? {
        match Object::of(item).and_then(|item| Item::read(item, period_end_s)) {
            Ok(item) => items.push(item),
            Err(_) => {
                unreadable.insert(UnreadablePart::Item);
            }
        }
    }
    Ok(items)
}

/// What was read, or nothing: then the part is noted.
fn taken<T: Default>(
    read: Result<T, Unreadable>,
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
