//! Subscriptions as Stripe answers them: narrow, typed, bounded. Judges none of them.

use super::customer::Customer;
use super::invoice::Invoice;
use super::object::{Expandable, Metadata, Unreadable};
use super::product::Product;
use super::wire::{self, Object};
use crate::ids::{CustomerId, SubscriptionId};

/// The most items of one subscription that are taken. Stripe's own limit is 20.
pub const ITEMS_MAX: usize = 100;

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
    pub status: Status,
    /// Its own metadata.
    pub metadata: Metadata,
    /// When it was made, in seconds since the Unix epoch.
    pub created_s: u64,
    /// It will not be renewed.
    pub cancel_at_period_end: bool,
    /// When it will end by itself, in seconds since the Unix epoch.
    pub cancel_at_s: Option<u64>,
    /// What is paid for.
    pub items: Vec<Item>,
    /// There are items that Stripe did not show.
    pub items_cut: bool,
    /// The last invoice, if it was expanded.
    pub latest_invoice: Option<Invoice>,
}

/// The status of a subscription: <https://docs.stripe.com/api/subscriptions/object#subscription_object-status>.
///
/// Paused collection (`pause_collection`) leaves it `active`, and is Stripe's word for service free of charge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
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

impl From<&str> for Status {
    fn from(text: &str) -> Self {
        match text {
            "active" => Status::Active,
            "trialing" => Status::Trialing,
            "past_due" => Status::PastDue,
            "unpaid" => Status::Unpaid,
            "paused" => Status::Paused,
            "incomplete" => Status::Incomplete,
            "incomplete_expired" => Status::IncompleteExpired,
            "canceled" => Status::Canceled,
            _ => Status::Unknown(text.to_owned()),
        }
    }
}

impl Status {
    /// As Stripe writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Status::Active => "active",
            Status::Trialing => "trialing",
            Status::PastDue => "past_due",
            Status::Unpaid => "unpaid",
            Status::Paused => "paused",
            Status::Incomplete => "incomplete",
            Status::IncompleteExpired => "incomplete_expired",
            Status::Canceled => "canceled",
            Status::Unknown(text) => text,
        }
    }

    /// The subscription has not ended, so it may come to grant something without being made anew.
    pub fn is_live(&self) -> bool {
        !matches!(self, Status::Canceled | Status::IncompleteExpired)
    }
}

/// One item of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it costs.
    pub price: Price,
    /// Until when it is paid, in seconds since the Unix epoch. API versions before 2025-03-31 have it on the
    /// subscription; there it is the same for all items.
    pub current_period_end_s: Option<u64>,
}

/// A price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Its id. Usually `price_…`; of old, `plan_…` or whatever whoever sells chose.
    pub id: String,
    /// A name for it that may move from price to price.
    pub lookup_key: Option<String>,
    /// Its metadata.
    pub metadata: Metadata,
    /// What is sold for it.
    pub product: Expandable<Product>,
}

impl Price {
    fn read(object: Object<'_>) -> Result<Self, Unreadable> {
        Ok(Price {
            id: object.needed_text("id")?.to_owned(),
            lookup_key: object.owned_text("lookup_key")?,
            metadata: object.metadata()?,
            product: match object.expanded("product")? {
                Some(product) => Expandable::Object(Product::read(product)?),
                None => Expandable::Id(object.needed_text("product")?.to_owned()),
            },
        })
    }

    /// The id of what is sold for it.
    pub fn product_id(&self) -> &str {
        match &self.product {
            Expandable::Id(id) | Expandable::Object(Product { id, .. }) => id,
        }
    }
}

/// One page of a customer's subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// Ids that do not look like Stripe's. Those subscriptions are left out, which somebody should look at.
    pub skipped: Vec<String>,
    /// Where the next page starts (`starting_after`), if there is one.
    pub next: Option<SubscriptionId>,
}

impl Subscription {
    /// Reads the answer to [`retrieve_subscription`](super::api::StripeApi::retrieve_subscription).
    ///
    /// # Errors
    /// [`Unreadable`] if it is no subscription.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        Self::read(Object::of(&wire::value(body)?)?)?.map_err(|_| Unreadable("id"))
    }

    /// The subscription; inside, an id that does not look like Stripe's.
    fn read(object: Object<'_>) -> Result<Result<Self, String>, Unreadable> {
        let id = object.needed_text("id")?;
        let customer = object.id_of("customer")?.ok_or(Unreadable("customer"))?;
        let list = object.needed_object("items")?;
        let period_end_s = object.number("current_period_end")?;
        let mut items = Vec::new();
        for item in list.page()? {
            items.push(Item::read(Object::of(item)?, period_end_s)?);
        }
        let subscription = |id, customer| {
            Ok(Subscription {
                id,
                customer,
                customer_object: object.expanded("customer")?.map(Customer::read).transpose()?,
                status: object.needed_text("status")?.into(),
                metadata: object.metadata()?,
                created_s: object.needed_number("created")?,
                cancel_at_period_end: object.is_set("cancel_at_period_end")?,
                cancel_at_s: object.number("cancel_at")?,
                items_cut: list.is_set("has_more")?,
                items,
                latest_invoice: object.expanded("latest_invoice")?.map(Invoice::read).transpose()?,
            })
        };
        match (SubscriptionId::parse(id), CustomerId::parse(customer)) {
            (Err(_), _) => Ok(Err(id.to_owned())),
            (_, Err(_)) => Ok(Err(customer.to_owned())),
            (Ok(id), Ok(customer)) => subscription(id, customer).map(Ok),
        }
    }

    /// Until when it is paid, in seconds since the Unix epoch: the last of its items' periods.
    pub fn current_period_end_s(&self) -> Option<u64> {
        self.items.iter().filter_map(|item| item.current_period_end_s).max()
    }
}

impl Page {
    /// Reads the answer to [`list_subscriptions`](super::api::StripeApi::list_subscriptions).
    ///
    /// # Errors
    /// [`Unreadable`] if it is no list of subscriptions, or promises more but not where it goes on.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let body = wire::value(body)?;
        let list = Object::of(&body)?;
        let mut page = Page::default();
        let mut last = "";
        for object in list.page()? {
            let object = Object::of(object)?;
            last = object.needed_text("id")?;
            match Subscription::read(object)? {
                Ok(subscription) => page.subscriptions.push(subscription),
                Err(id) => page.skipped.push(id),
            }
        }
        if list.is_set("has_more")? {
            // Without a place to go on from, the same page would be asked for for ever.
            page.next = Some(SubscriptionId::parse(last).map_err(|_| Unreadable("has_more"))?);
        }
        Ok(page)
    }
}

impl Item {
    fn read(object: Object<'_>, period_end_s: Option<u64>) -> Result<Self, Unreadable> {
        Ok(Item {
            price: Price::read(object.needed_object("price")?)?,
            current_period_end_s: object.number("current_period_end")?.or(period_end_s),
        })
    }
}

#[cfg(test)]
#[path = "subscription_tests.rs"]
mod tests;
