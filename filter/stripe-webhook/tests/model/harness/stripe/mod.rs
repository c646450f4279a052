//! Stripe in memory: its objects, and the event that each change causes.

pub(crate) mod api;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

/// The key of a subscription's metadata under which Tollgate notes its owner.
pub(crate) const OWNER_KEY: &str = "tollgate_owner";
/// The metadata key of the location in the session at which the owner was named.
pub(crate) const OWNER_FROM_KEY: &str = "tollgate_owner_from";
/// The metadata key by which the previous release marked an id that came from a `client_reference_id`.
pub(crate) const FORMER_MARK_KEY: &str = "tollgate_named_by";

pub(crate) type FakeMetadata = BTreeMap<String, String>;

/// Stripe's state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stripe {
    pub(crate) customers: BTreeMap<String, FakeCustomer>,
    pub(crate) subscriptions: BTreeMap<String, FakeSubscription>,
    pub(crate) sessions: Vec<FakeSession>,
    pub(crate) invoices: Vec<FakeInvoice>,
    pub(crate) prices: BTreeMap<String, FakePrice>,
    pub(crate) products: BTreeMap<String, FakeMetadata>,
    /// The responses to requests with an idempotency key.
    pub(crate) stored_responses: BTreeMap<String, (u16, String)>,
    /// All events, oldest first.
    pub(crate) events: Vec<FakeEvent>,
    /// The time of the latest change, in seconds.
    pub(crate) clock_s: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FakeCustomer {
    pub(crate) metadata: FakeMetadata,
    pub(crate) presence: Presence,
}

/// The state in which Stripe shows a customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Presence {
    #[default]
    Present,
    /// Deleted, but its subscriptions are still listed.
    DeletedAndListed,
    /// Deleted; listing its subscriptions is an error: 400 `resource_missing`.
    DeletedAndMissing,
    /// Of the other mode: only API keys of that mode can read it.
    OtherMode,
}

#[derive(Clone, Debug)]
pub(crate) struct FakeSubscription {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) status: &'static str,
    pub(crate) metadata: FakeMetadata,
    pub(crate) created_s: u64,
    pub(crate) cancel_at_period_end: bool,
    pub(crate) period_end_s: u64,
    pub(crate) prices: Vec<String>,
    pub(crate) latest_invoice: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct FakeSession {
    pub(crate) id: String,
    pub(crate) subscription: String,
    pub(crate) customer: String,
    pub(crate) metadata: FakeMetadata,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) created_s: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct FakeInvoice {
    pub(crate) id: String,
    pub(crate) subscription: String,
    pub(crate) status: &'static str,
    pub(crate) billing_reason: &'static str,
    pub(crate) created_s: u64,
    /// The amount for a whole period.
    pub(crate) prices: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FakePrice {
    pub(crate) product: String,
    pub(crate) lookup_key: Option<String>,
    pub(crate) metadata: FakeMetadata,
}

/// An event as Stripe delivers it, however often.
#[derive(Clone, Debug)]
pub(crate) struct FakeEvent {
    pub(crate) body: String,
    /// Values of metadata in it, and references: all the subjects that it names.
    pub(crate) names: BTreeSet<String>,
}

pub(crate) fn metadata(pairs: &[(&str, &str)]) -> FakeMetadata {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

impl Stripe {
    /// Sells `price_pro` and `price_ent`, and what else the tests need.
    pub(crate) fn new(clock_s: u64) -> Self {
        let mut stripe = Stripe { clock_s, ..Stripe::default() };
        for (price, product) in [
            ("price_free", "prod_free"),
            ("price_pro", "prod_pro"),
            ("price_ent", "prod_ent"),
            ("price_addon", "prod_addon"),
            ("price_by_product", "prod_described"),
            ("price_new", "prod_new"),
        ] {
            stripe.prices.insert(price.into(), FakePrice { product: product.into(), ..FakePrice::default() });
            stripe.products.insert(product.into(), FakeMetadata::new());
        }
        stripe.products.insert("prod_described".into(), metadata(&[("plan", "pro")]));
        stripe
    }

    fn tick(&mut self) -> u64 {
        self.clock_s += 1;
        self.clock_s
    }

    pub(crate) fn add_customer(&mut self, id: &str, pairs: &[(&str, &str)]) {
        self.tick();
        let customer = FakeCustomer { metadata: metadata(pairs), presence: Presence::Present };
        self.customers.insert(id.to_owned(), customer);
    }

    /// Adds a subscription. Returns the event of it.
    pub(crate) fn add_subscription(
        &mut self,
        id: &str,
        customer: &str,
        price: &str,
        pairs: &[(&str, &str)],
    ) -> usize {
        let created_s = self.tick();
        let subscription = FakeSubscription {
            id: id.to_owned(),
            customer: customer.to_owned(),
            status: "active",
            metadata: metadata(pairs),
            created_s,
            cancel_at_period_end: false,
            period_end_s: created_s + 2_592_000,
            prices: vec![price.to_owned()],
            latest_invoice: None,
        };
        let object = wire::subscription(self, &subscription, &[]);
        let names = subscription.metadata.values().cloned().collect();
        self.subscriptions.insert(id.to_owned(), subscription);
        self.emit("customer.subscription.created", &object, "{}", names)
    }

    /// Completes a checkout of a subscription that exists already. Returns the event of it.
    pub(crate) fn add_session(
        &mut self,
        subscription: &str,
        pairs: &[(&str, &str)],
        reference: Option<&str>,
    ) -> usize {
        let created_s = self.tick();
        let session = FakeSession {
            id: format!("cs_{}", self.sessions.len()),
            subscription: subscription.to_owned(),
            customer: self.subscriptions[subscription].customer.clone(),
            metadata: metadata(pairs),
            client_reference_id: reference.map(str::to_owned),
            created_s,
        };
        let names = session.metadata.values().cloned().chain(session.client_reference_id.clone()).collect();
        let object = wire::session(&session);
        self.sessions.push(session);
        self.emit("checkout.session.completed", &object, "{}", names)
    }

    /// Changes a subscription. Returns the event of it if anything changed.
    pub(crate) fn change_subscription(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut FakeSubscription),
    ) -> Option<usize> {
        let before = self.subscriptions[id].clone();
        let mut after = before.clone();
        change(&mut after);
        let previous = wire::previous_of_subscription(&before, &after);
        if previous == "{}" {
            return None;
        }
        self.tick();
        let kind = match after.status {
            "canceled" if before.status != "canceled" => "customer.subscription.deleted",
            _ => "customer.subscription.updated",
        };
        let names = before.metadata.values().chain(after.metadata.values()).cloned().collect();
        let object = wire::subscription(self, &after, &[]);
        self.subscriptions.insert(id.to_owned(), after);
        Some(self.emit(kind, &object, &previous, names))
    }

    pub(crate) fn set_status(&mut self, id: &str, status: &'static str) -> Option<usize> {
        if matches!(status, "active" | "trialing") {
            let open = self.invoices.iter_mut().filter(|invoice| invoice.subscription == id);
            open.for_each(|invoice| invoice.status = "paid");
        }
        self.change_subscription(id, |subscription| subscription.status = status)
    }

    pub(crate) fn set_price(&mut self, id: &str, price: &str) -> Option<usize> {
        self.change_subscription(id, |subscription| subscription.prices = vec![price.to_owned()])
    }

    /// Fails a payment: there is an open invoice. Returns the event of the invoice, after that of the
    /// subscription.
    pub(crate) fn fail_payment(&mut self, id: &str, billing_reason: &'static str) -> usize {
        let created_s = self.tick();
        let invoice = FakeInvoice {
            id: format!("in_{}", self.invoices.len()),
            subscription: id.to_owned(),
            status: "open",
            billing_reason,
            created_s,
            prices: self.subscriptions[id].prices.clone(),
        };
        let latest = Some(invoice.id.clone());
        self.invoices.push(invoice);
        self.change_subscription(id, |subscription| {
            subscription.status = "past_due";
            subscription.latest_invoice = latest;
        });
        let object = wire::failed_invoice(self.invoices.last().unwrap(), &self.subscriptions[id]);
        let names = self.subscriptions[id].metadata.values().cloned().collect();
        self.emit("invoice.payment_failed", &object, "{}", names)
    }

    /// Changes a customer's metadata. Returns the event of it if anything changed.
    pub(crate) fn change_customer(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut FakeMetadata),
    ) -> Option<usize> {
        let before = self.customers[id].metadata.clone();
        let mut after = before.clone();
        change(&mut after);
        if before == after {
            return None;
        }
        self.tick();
        let names = before.values().chain(after.values()).cloned().collect();
        let previous = format!(r#"{{"metadata":{}}}"#, wire::previous_metadata(&before, &after));
        let object = wire::customer_with(id, &after);
        self.customers.get_mut(id).unwrap().metadata = after;
        Some(self.emit("customer.updated", &object, &previous, names))
    }

    /// Deletes a customer, which ends its subscriptions. Returns the events of it.
    pub(crate) fn delete_customer(&mut self, id: &str, presence: Presence) -> Vec<usize> {
        let object = wire::customer_with(id, &self.customers[id].metadata);
        let names = self.customers[id].metadata.values().cloned().collect();
        self.customers.insert(id.to_owned(), FakeCustomer { metadata: FakeMetadata::new(), presence });
        let owned: Vec<String> =
            self.subscriptions.values().filter(|s| s.customer == id).map(|s| s.id.clone()).collect();
        let mut events: Vec<usize> =
            owned.iter().filter_map(|subscription| self.set_status(subscription, "canceled")).collect();
        self.tick();
        events.push(self.emit("customer.deleted", &object, "{}", names));
        events
    }

    /// Adds an event of any type about any object. Returns its index.
    pub(crate) fn emit(
        &mut self,
        kind: &str,
        object: &str,
        previous: &str,
        names: BTreeSet<String>,
    ) -> usize {
        let index = self.events.len();
        let body = format!(
            r#"{{"id":"evt_{index}","object":"event","type":"{kind}","created":{},"livemode":true,"data":{{"object":{object},"previous_attributes":{previous}}}}}"#,
            self.clock_s
        );
        self.events.push(FakeEvent { body, names });
        index
    }
}
