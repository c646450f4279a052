//! Subscriptions as Stripe answers them: narrow, typed, bounded. Judges none of them.

use super::customer::{Customer, WireCustomer};
use super::invoice::Invoice;
use super::object::{Expandable, Metadata, Unreadable, WirePage};
use super::product::Product;
use crate::ids::{CustomerId, SubscriptionId};
use serde::Deserialize;

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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
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

impl From<String> for Status {
    fn from(text: String) -> Self {
        match text.as_str() {
            "active" => Status::Active,
            "trialing" => Status::Trialing,
            "past_due" => Status::PastDue,
            "unpaid" => Status::Unpaid,
            "paused" => Status::Paused,
            "incomplete" => Status::Incomplete,
            "incomplete_expired" => Status::IncompleteExpired,
            "canceled" => Status::Canceled,
            _ => Status::Unknown(text),
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Price {
    /// Its id. Usually `price_…`; of old, `plan_…` or whatever whoever sells chose.
    pub id: String,
    /// A name for it that may move from price to price.
    pub lookup_key: Option<String>,
    /// Its metadata.
    #[serde(default)]
    pub metadata: Metadata,
    /// What is sold for it.
    pub product: Expandable<Product>,
}

impl Price {
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
        let wire: WireSubscription = serde_json::from_slice(body)?;
        wire.check()?.map_err(|id| Unreadable(format!("subscription id of {} bytes", id.len())))
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
        let wire = WirePage::<WireSubscription>::parse(body)?;
        let mut page = Page::default();
        if wire.has_more {
            let last = wire.data.last().and_then(|last| SubscriptionId::parse(&last.id).ok());
            page.next = Some(last.ok_or_else(|| Unreadable("has_more without a last id".to_owned()))?);
        }
        for subscription in wire.data {
            match subscription.check()? {
                Ok(subscription) => page.subscriptions.push(subscription),
                Err(id) => page.skipped.push(id),
            }
        }
        Ok(page)
    }
}

#[derive(Deserialize)]
struct WireSubscription {
    id: String,
    customer: Expandable<WireCustomer>,
    status: Status,
    #[serde(default)]
    metadata: Metadata,
    created: u64,
    #[serde(default)]
    cancel_at_period_end: bool,
    cancel_at: Option<u64>,
    items: WirePage<WireItem>,
    current_period_end: Option<u64>,
    latest_invoice: Option<Expandable<Invoice>>,
}

#[derive(Deserialize)]
struct WireItem {
    price: Price,
    current_period_end: Option<u64>,
}

impl WireSubscription {
    /// The subscription; inside, an id that does not look like Stripe's.
    fn check(self) -> Result<Result<Subscription, String>, Unreadable> {
        if self.items.data.len() > ITEMS_MAX {
            return Err(Unreadable(format!("more than {ITEMS_MAX} items")));
        }
        let Ok(id) = SubscriptionId::parse(&self.id) else { return Ok(Err(self.id)) };
        let (customer_id, customer_object) = match self.customer {
            Expandable::Id(id) => (id, None),
            Expandable::Object(customer) => (customer.id.clone(), customer.check().ok()),
        };
        let Ok(customer) = CustomerId::parse(&customer_id) else { return Ok(Err(customer_id)) };
        let period_end = self.current_period_end;
        let item = |item: WireItem| Item {
            price: item.price,
            current_period_end_s: item.current_period_end.or(period_end),
        };
        Ok(Ok(Subscription {
            id,
            customer,
            customer_object,
            status: self.status,
            metadata: self.metadata,
            created_s: self.created,
            cancel_at_period_end: self.cancel_at_period_end,
            cancel_at_s: self.cancel_at,
            items_cut: self.items.has_more,
            items: self.items.data.into_iter().map(item).collect(),
            latest_invoice: match self.latest_invoice {
                Some(Expandable::Object(invoice)) => Some(invoice),
                Some(Expandable::Id(_)) | None => None,
            },
        }))
    }
}

#[cfg(test)]
#[path = "subscription_tests.rs"]
mod tests;
