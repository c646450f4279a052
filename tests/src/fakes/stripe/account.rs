//! All objects of one Stripe account, and the changes that Stripe itself makes when one of them changes.

use super::model::{Customer, Invoice, PERIOD_S, Price, Product, Session, Subscription};

/// How many items a subscription can have: <https://docs.stripe.com/billing/subscriptions/multiple-products>.
const ITEMS_MAX: usize = 20;

/// A kind of object that an [`Account`] keeps.
pub trait Kept: Clone + Sized {
    /// Where the account keeps those of this kind, in the order in which they came.
    fn shelf(account: &Account) -> &Vec<Self>;
    /// The same, to be changed.
    fn shelf_mut(account: &mut Account) -> &mut Vec<Self>;
    /// The object's id.
    fn id(&self) -> &str;
    /// When it was created (Unix seconds).
    fn created_at(&self) -> i64;
    /// Fills in what Stripe would, and checks that what it names exists.
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
    /// What is "now" for new objects (Unix seconds).
    pub(super) now: i64,
}

impl Account {
    /// The object of that kind and id.
    pub fn find<T: Kept>(&self, id: &str) -> Option<&T> {
        T::shelf(self).iter().find(|object| object.id() == id)
    }

    /// The same, to be changed.
    pub fn find_mut<T: Kept>(&mut self, id: &str) -> Option<&mut T> {
        T::shelf_mut(self).iter_mut().find(|object| object.id() == id)
    }

    /// Adds an object, or replaces the one of the same id.
    pub fn put<T: Kept>(&mut self, mut object: T) {
        object.complete(self);
        match self.find_mut::<T>(object.id()) {
            Some(present) => *present = object,
            None => T::shelf_mut(self).push(object),
        }
    }

    /// Those that satisfy the condition, newest first as Stripe lists them.
    pub fn newest_first<T: Kept>(&self, wanted: impl Fn(&T) -> bool) -> Vec<&T> {
        let mut found: Vec<&T> = T::shelf(self).iter().rev().filter(|object| wanted(object)).collect();
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

    fn assert_customer(&self, id: &str, of: &str) {
        assert!(self.find::<Customer>(id).is_some(), "put the customer {id} before {of}");
    }
}

macro_rules! kept {
    ($kind:ident, $shelf:ident, |$object:ident, $account:ident| $complete:block) => {
        impl Kept for $kind {
            fn shelf(account: &Account) -> &Vec<Self> {
                &account.$shelf
            }
            fn shelf_mut(account: &mut Account) -> &mut Vec<Self> {
                &mut account.$shelf
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

kept!(Customer, customers, |_object, account| {});
kept!(Product, products, |_object, account| {});
kept!(Price, prices, |price, account| {
    if account.find::<Product>(&price.product).is_none() {
        account.put(Product::new(&price.product));
    }
});
kept!(Subscription, subscriptions, |subscription, account| {
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
kept!(Session, sessions, |session, account| {
    if let Some(customer) = &session.customer {
        account.assert_customer(customer, &session.id);
    }
});
kept!(Invoice, invoices, |invoice, account| {
    account.assert_customer(&invoice.customer, &invoice.id);
});
