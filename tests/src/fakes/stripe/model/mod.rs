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
mod payment;
mod portal;
mod price;
mod schedule;
mod session;
mod subscription;
mod webhook_endpoint;

pub use invoice::{Invoice, InvoiceLine};
pub use payment::{Card, ChargeFailure, PaymentIntent};
pub use portal::{PortalFlow, PortalSession};
pub use price::{Price, Recurrence};
pub use schedule::{PhaseItem, SchedulePhase, SubscriptionSchedule};
pub use session::{LineItem, Session, SessionSettings};
pub use subscription::{CancellationDetails, Item, PendingUpdate, Subscription};
pub use webhook_endpoint::WebhookEndpoint;

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
    /// The name.
    pub name: Option<String>,
    /// The result of charging its card.
    pub card: Card,
    /// The amount that it owes (positive) or has as credit (negative), which its next invoice includes.
    pub balance: i64,
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

    /// Sets what happens when it is charged.
    #[must_use]
    pub fn card(mut self, card: Card) -> Self {
        self.card = card;
        self
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
