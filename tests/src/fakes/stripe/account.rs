//! All objects of one Stripe account, and the changes that Stripe makes to other objects when one changes.

use super::events::Event;
use super::model::{
    Customer, Invoice, PERIOD_S, PaymentIntent, PortalSession, Price, Product, Session, Subscription,
    SubscriptionSchedule, WebhookEndpoint,
};
use crate::fakes::bounded_log::BoundedLog;

/// The maximum number of items of a subscription:
/// <https://docs.stripe.com/billing/subscriptions/multiple-products>.
const ITEMS_MAX: usize = 20;
/// The maximum number of events that are kept.
const EVENTS_MAX: usize = 10_000;
/// The default lifetime of a Checkout Session, in seconds.
pub(super) const SESSION_S: i64 = 24 * 3600;

/// A kind of object that an [`Account`] stores.
pub trait StripeObject: Clone + Sized {
    /// Returns the account's objects of this kind, in the order in which they were added.
    fn objects(account: &Account) -> &Vec<Self>;
    /// Returns the same, to be changed.
    fn objects_mut(account: &mut Account) -> &mut Vec<Self>;
    /// Returns the object's id.
    fn id(&self) -> &str;
    /// Returns when it was created (Unix seconds).
    fn created_at(&self) -> i64;
    /// Sets the fields that Stripe would set, and checks that the objects it refers to exist.
    fn complete(&mut self, account: &mut Account);
}

/// All objects of one account.
#[derive(Clone, Debug, Default)]
pub struct Account {
    customers: Vec<Customer>,
    products: Vec<Product>,
    prices: Vec<Price>,
    subscriptions: Vec<Subscription>,
    sessions: Vec<Session>,
    invoices: Vec<Invoice>,
    payment_intents: Vec<PaymentIntent>,
    schedules: Vec<SubscriptionSchedule>,
    portal_sessions: Vec<PortalSession>,
    webhook_endpoints: Vec<WebhookEndpoint>,
    /// The ids of objects that exist only in the other mode.
    pub(super) other_mode_ids: Vec<String>,
    /// The ids of the portal's configurations that are not active.
    pub(super) inactive_portal_configurations: Vec<String>,
    /// The age from which a search finds an object, in seconds.
    pub(super) search_delay_s: i64,
    /// The ids of the portal's configurations; the first is the default.
    pub(super) portal_configurations: Vec<String>,
    /// Whether the portal cancels with a date.
    pub(super) portal_sets_cancel_at: bool,
    /// The newest events, in order.
    pub(super) events: BoundedLog<Event, EVENTS_MAX>,
    /// The mode of its objects.
    pub(super) livemode: bool,
    /// The base URL of the pages on which customers pay.
    pub(super) pages_url: String,
    ids: u64,
    /// The creation time of new objects (Unix seconds).
    pub(super) now: i64,
}

impl Account {
    /// Returns the object of that kind and id.
    pub fn find<T: StripeObject>(&self, id: &str) -> Option<&T> {
        T::objects(self).iter().find(|object| object.id() == id)
    }

    /// Returns the same, to be changed.
    pub fn find_mut<T: StripeObject>(&mut self, id: &str) -> Option<&mut T> {
        T::objects_mut(self).iter_mut().find(|object| object.id() == id)
    }

    /// Returns whether the object exists only in the other mode.
    pub(super) fn is_in_other_mode(&self, id: &str) -> bool {
        self.other_mode_ids.iter().any(|other| other == id)
    }

    /// Adds an object, or replaces the one with the same id.
    pub fn put<T: StripeObject>(&mut self, mut object: T) {
        object.complete(self);
        match self.find_mut::<T>(object.id()) {
            Some(present) => *present = object,
            None => T::objects_mut(self).push(object),
        }
    }

    /// Returns those that meet the condition, newest first as Stripe lists them.
    pub fn newest_first<T: StripeObject>(&self, wanted: impl Fn(&T) -> bool) -> Vec<&T> {
        let mut found: Vec<&T> = T::objects(self).iter().rev().filter(|object| wanted(object)).collect();
        found.sort_by_key(|object| std::cmp::Reverse(object.created_at()));
        found
    }

    /// Deletes a customer, which cancels its subscriptions at once.
    pub fn delete_customer(&mut self, id: &str) {
        let live = |s: &Subscription| s.customer == id && s.ended_at.is_none();
        let live: Vec<String> = self.subscriptions.iter().filter(|s| live(s)).map(|s| s.id.clone()).collect();
        for subscription in live {
            self.cancel(&subscription);
        }
        self.find_mut::<Customer>(id).unwrap_or_else(|| panic!("no customer {id}")).deleted = true;
    }

    /// Ends a subscription at once.
    pub fn cancel(&mut self, id: &str) {
        let now = self.now;
        let subscription =
            self.find_mut::<Subscription>(id).unwrap_or_else(|| panic!("no subscription {id}"));
        "canceled".clone_into(&mut subscription.status);
        subscription.canceled_at.get_or_insert(now);
        subscription.ended_at = Some(now);
    }

    /// Returns a new id with that prefix, such as `cus`.
    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        format!("{prefix}_Fake{:010}", self.ids)
    }

    fn assert_customer(&self, id: &str, referrer: &str) {
        assert!(self.find::<Customer>(id).is_some(), "put the customer {id} before {referrer}");
    }
}

macro_rules! stripe_object {
    ($kind:ident, $objects:ident, |$object:ident, $account:ident| $complete:block) => {
        impl StripeObject for $kind {
            fn objects(account: &Account) -> &Vec<Self> {
                &account.$objects
            }
            fn objects_mut(account: &mut Account) -> &mut Vec<Self> {
                &mut account.$objects
            }
            fn id(&self) -> &str {
                &self.id
            }
            fn created_at(&self) -> i64 {
                self.created
            }
            fn complete(&mut self, $account: &mut Account) {
                if self.created == 0 {
                    self.created = $account.now;
                }
                let $object = self;
                $complete
            }
        }
    };
}

stripe_object!(Customer, customers, |_object, account| {});
stripe_object!(Product, products, |_object, account| {});
stripe_object!(Price, prices, |price, account| {
    if account.find::<Product>(&price.product).is_none() {
        account.put(Product::new(&price.product));
    }
});
stripe_object!(Subscription, subscriptions, |subscription, account| {
    account.assert_customer(&subscription.customer, &subscription.id);
    assert!(subscription.items.len() <= ITEMS_MAX, "Stripe takes no more than {ITEMS_MAX} items");
    for item in &mut subscription.items {
        assert!(account.find::<Price>(&item.price).is_some(), "put the price {} first", item.price);
        if item.current_period_end == 0 {
            item.current_period_start = subscription.created;
            item.current_period_end = subscription.created + PERIOD_S;
        }
    }
    if subscription.status == "canceled" && subscription.ended_at.is_none() {
        subscription.ended_at = Some(account.now);
    }
});
stripe_object!(Session, sessions, |session, account| {
    if session.expires_at == 0 {
        session.expires_at = session.created + SESSION_S;
    }
    if session.currency.is_empty() {
        "usd".clone_into(&mut session.currency);
    }
    if let Some(customer) = &session.customer {
        account.assert_customer(customer, &session.id);
    }
});
stripe_object!(WebhookEndpoint, webhook_endpoints, |_object, account| {});
stripe_object!(PaymentIntent, payment_intents, |_object, account| {});
stripe_object!(SubscriptionSchedule, schedules, |_object, account| {});
stripe_object!(PortalSession, portal_sessions, |_object, account| {});
stripe_object!(Invoice, invoices, |invoice, account| {
    if invoice.currency.is_empty() {
        "usd".clone_into(&mut invoice.currency);
    }
    if invoice.total == 0 {
        invoice.total = invoice.amount_due;
    }
    if invoice.status == "paid" && invoice.paid_at.is_none() {
        invoice.paid_at = Some(invoice.created);
    }
    account.assert_customer(&invoice.customer, &invoice.id);
});
