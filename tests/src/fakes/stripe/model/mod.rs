//! The objects in Stripe, as far as a test changes them: customers, products, prices, subscriptions,
//! sessions, invoices.

use std::collections::BTreeMap;

/// Metadata of any object.
pub type StripeMetadata = BTreeMap<String, String>;

/// The length of a period by default: 30 days, in seconds.
pub const PERIOD_S: i64 = 30 * 24 * 3600;

macro_rules! has_metadata {
    ($($kind:ident),*) => {$(
        impl $kind {
            /// Adds metadata.
            #[must_use]
            pub fn metadata(mut self, key: &str, value: &str) -> Self {
                self.metadata.insert(key.to_owned(), value.to_owned());
                self
            }

            /// Sets the creation time (Unix seconds).
            #[must_use]
            pub fn created(mut self, at: i64) -> Self {
                self.created = at;
                self
            }
        }
    )*};
}
mod invoice;
mod session;

pub use invoice::Invoice;
pub use session::Session;

has_metadata!(Customer, Product, Price, Subscription, Session, Invoice);

/// A customer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Customer {
    /// `cus_…`
    pub id: String,
    /// The creation time in Unix seconds; 0 stands for the time at which it is put.
    pub created: i64,
    /// An address for receipts.
    pub email: Option<String>,
    /// Its metadata.
    pub metadata: StripeMetadata,
    /// Whether it was deleted: it can still be retrieved, but shows only that.
    pub deleted: bool,
}

impl Customer {
    /// Returns a customer without metadata.
    pub fn new(id: &str) -> Self {
        Customer { id: id.to_owned(), ..Customer::default() }
    }
}

/// A product.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Product {
    /// `prod_…`
    pub id: String,
    /// The creation time in Unix seconds; 0 stands for the time at which it is put.
    pub created: i64,
    /// The name that customers see.
    pub name: String,
    /// Whether it can still be bought.
    pub active: bool,
    /// Its metadata.
    pub metadata: StripeMetadata,
}

impl Product {
    /// Returns a product without metadata.
    pub fn new(id: &str) -> Self {
        Product { id: id.to_owned(), name: format!("Product {id}"), active: true, ..Product::default() }
    }
}

/// A price of a product.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Price {
    /// `price_…`
    pub id: String,
    /// The creation time in Unix seconds; 0 stands for the time at which it is put.
    pub created: i64,
    /// The product's id.
    pub product: String,
    /// The name under which it can be looked up.
    pub lookup_key: Option<String>,
    /// Its metadata.
    pub metadata: StripeMetadata,
    /// In cents of US dollars.
    pub unit_amount: i64,
}

impl Price {
    /// Returns a monthly price of the product with the same name (`prod_…`), unless [`Price::product`] sets
    /// another.
    pub fn new(id: &str) -> Self {
        let product = format!("prod_{}", id.trim_start_matches("price_"));
        Price { id: id.to_owned(), product, unit_amount: 2000, ..Price::default() }
    }

    /// Sets the product.
    #[must_use]
    pub fn product(mut self, id: &str) -> Self {
        id.clone_into(&mut self.product);
        self
    }

    /// Sets the lookup key.
    #[must_use]
    pub fn lookup_key(mut self, key: &str) -> Self {
        self.lookup_key = Some(key.to_owned());
        self
    }
}

/// An item of a subscription.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// `si_…`
    pub id: String,
    /// The price's id.
    pub price: String,
    /// The quantity.
    pub quantity: u32,
    /// The start of the period in Unix seconds. Since API version 2025-03-31 periods belong to items.
    pub current_period_start: i64,
    /// The end of the period in Unix seconds.
    pub current_period_end: i64,
    /// Its metadata.
    pub metadata: StripeMetadata,
}

/// A subscription.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subscription {
    /// `sub_…`
    pub id: String,
    /// The creation time in Unix seconds; 0 stands for the time at which it is put.
    pub created: i64,
    /// The customer's id.
    pub customer: String,
    /// `active`, `past_due` …; any text, since Stripe may add a status.
    pub status: String,
    /// Its metadata.
    pub metadata: StripeMetadata,
    /// Its items.
    pub items: Vec<Item>,
    /// Whether it ends with the current period.
    pub cancel_at_period_end: bool,
    /// When it will end, if that is set (Unix seconds).
    pub cancel_at: Option<i64>,
    /// When it was canceled (Unix seconds).
    pub canceled_at: Option<i64>,
    /// When it ended (Unix seconds).
    pub ended_at: Option<i64>,
    /// When its trial started (Unix seconds).
    pub trial_start: Option<i64>,
    /// When its trial ends (Unix seconds).
    pub trial_end: Option<i64>,
    /// The latest invoice's id.
    pub latest_invoice: Option<String>,
    /// `keep_as_draft`, `mark_uncollectible` or `void` while collection is paused.
    pub pause_collection: Option<String>,
}

impl Subscription {
    /// Returns an active subscription of that customer, without items.
    pub fn new(id: &str, customer: &str) -> Self {
        Subscription {
            id: id.to_owned(),
            customer: customer.to_owned(),
            status: "active".to_owned(),
            ..Subscription::default()
        }
    }

    /// Adds an item with that price, for a period of 30 days from the subscription's creation.
    #[must_use]
    pub fn item(mut self, price: &str) -> Self {
        let id = format!("si_{}_{}", self.id.trim_start_matches("sub_"), self.items.len() + 1);
        self.items.push(Item { id, price: price.to_owned(), quantity: 1, ..Item::default() });
        self
    }

    /// Sets the status.
    #[must_use]
    pub fn status(mut self, status: &str) -> Self {
        status.clone_into(&mut self.status);
        self
    }

    /// Sets the period of all items so far (Unix seconds).
    #[must_use]
    pub fn period(mut self, start: i64, end: i64) -> Self {
        for item in &mut self.items {
            (item.current_period_start, item.current_period_end) = (start, end);
        }
        self
    }

    /// Sets a trial (Unix seconds).
    #[must_use]
    pub fn trial(mut self, start: i64, end: i64) -> Self {
        (self.trial_start, self.trial_end) = (Some(start), Some(end));
        self.status("trialing")
    }
}
