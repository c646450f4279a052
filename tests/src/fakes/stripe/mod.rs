//! A fake of Stripe's API that keeps state and checks requests as Stripe does, and Stripe's events.

mod account;
mod actions;
mod billing;
mod calendar;
mod checkout;
mod customers;
mod delivery;
mod delivery_attempt;
mod emitted;
mod endpoints;
mod error;
pub mod events;
mod expand;
mod form;
mod idempotency;
mod invoice_objects;
mod invoices;
mod lists;
pub mod model;
mod objects;
mod pages;
mod parameters;
mod payment_objects;
mod permissions;
mod portal;
mod previews;
mod prices;
mod routes;
mod schedules;
mod search;
mod service;
mod session_objects;
mod signature;
mod subscription_objects;
mod subscriptions;
#[cfg(test)]
mod tests;
mod time;
mod webhook_endpoints;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::sync::watch;

pub use account::{Account, StripeObject};
pub use checkout::PaymentPageError;
pub use delivery::{DeliveryOrder, DeliverySettings, EventDelivery};
pub use delivery_attempt::{DeliveryAttempt, DeliveryReason};
use events::Event;
pub use idempotency::ExecutionFailure;
use model::{Customer, Subscription};
use objects::Objects;
use service::Stripe;
pub use signature::{Signature, sign};

use crate::fakes::faults::{Faults, Matcher};
use crate::fakes::server::{FakeResponse, FakeServer, Request, RequestLog, Service};

/// The API version that the fake serves unless a test sets another one.
pub const API_VERSION: &str = "2026-10-28.endive";

/// The settings of the fake.
#[derive(Clone, Debug)]
pub struct StripeSettings {
    /// The mode of its keys and objects.
    pub livemode: bool,
    /// The keys that it accepts.
    pub keys: Vec<String>,
    /// The keys of the same account's other mode: they are valid, but do not see this mode.
    pub other_mode_keys: Vec<String>,
    /// The only version that it serves.
    pub version: String,
    /// Whether lists filtered by a deleted customer return its ended objects, or an error as if there were no
    /// such customer. Stripe's documentation does not say which, so nothing should depend on it.
    pub deleted_customers_list: bool,
    /// The age from which a search finds an object, in seconds: a minute at Stripe, and up to an hour in an
    /// outage.
    pub search_delay_s: i64,
    /// The base URL of the pages on which customers pay, without a slash at its end; `None` for the fake's
    /// own address.
    pub pages_url: Option<String>,
    /// The ids of the customer portal's configurations; the first is the default.
    pub portal_configurations: Vec<String>,
    /// Those that are not active.
    pub inactive_portal_configurations: Vec<String>,
    /// The ids of objects that exist only in the other mode of the account.
    pub other_mode_ids: Vec<String>,
    /// The permissions that the restricted keys (`rk_…`) lack, as Stripe names them.
    pub missing_permissions: Vec<String>,
    /// How far the clock that `Date` shows is ahead of this machine's, in seconds.
    pub clock_ahead_s: i64,
    /// Whether a cancellation in the customer portal sets `cancel_at`, as for subscriptions with flexible
    /// billing, or `cancel_at_period_end`.
    pub portal_sets_cancel_at: bool,
}

impl Default for StripeSettings {
    fn default() -> Self {
        StripeSettings {
            livemode: false,
            keys: vec!["sk_test_tollgate0001".to_owned(), "rk_test_tollgate0001".to_owned()],
            other_mode_keys: vec!["sk_live_tollgate0001".to_owned()],
            version: API_VERSION.to_owned(),
            deleted_customers_list: false,
            search_delay_s: 0,
            pages_url: None,
            portal_configurations: vec!["bpc_123".to_owned()],
            inactive_portal_configurations: Vec::new(),
            other_mode_ids: Vec::new(),
            missing_permissions: Vec::new(),
            clock_ahead_s: 0,
            portal_sets_cancel_at: true,
        }
    }
}

impl StripeSettings {
    /// Returns the settings for live mode, with keys of live mode.
    pub fn live() -> Self {
        StripeSettings {
            livemode: true,
            keys: vec!["sk_live_tollgate0001".to_owned(), "rk_live_tollgate0001".to_owned()],
            other_mode_keys: vec!["sk_test_tollgate0001".to_owned()],
            ..StripeSettings::default()
        }
    }
}

/// A running fake; it stops when this is dropped.
pub struct FakeStripe {
    server: FakeServer,
    stripe: Arc<Stripe>,
}

impl FakeStripe {
    /// Starts an empty account in test mode on a free port.
    pub async fn start() -> Self {
        Self::start_with(StripeSettings::default()).await
    }

    /// Starts an empty account with these settings on a free port.
    pub async fn start_with(settings: StripeSettings) -> Self {
        let stripe = Arc::new(Stripe { settings, state: Mutex::default(), events: watch::Sender::default() });
        let server = FakeServer::start(Arc::clone(&stripe) as Arc<dyn Service>).await;
        let own_url = || format!("http://{}", server.addr());
        let mut state = stripe.state();
        state.account.livemode = stripe.settings.livemode;
        state.account.pages_url = stripe.settings.pages_url.clone().unwrap_or_else(own_url);
        state.account.portal_configurations.clone_from(&stripe.settings.portal_configurations);
        state
            .account
            .inactive_portal_configurations
            .clone_from(&stripe.settings.inactive_portal_configurations);
        state.account.other_mode_ids.clone_from(&stripe.settings.other_mode_ids);
        state.account.search_delay_s = stripe.settings.search_delay_s;
        state.account.portal_sets_cancel_at = stripe.settings.portal_sets_cancel_at;
        drop(state);
        FakeStripe { server, stripe }
    }

    /// Returns the address at which it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Carries out a request without HTTP, faults, and log, as one atomic step.
    pub fn carry_out(&self, request: &Request) -> FakeResponse {
        self.stripe.carry_out(request)
    }

    /// Returns a secret key that it accepts.
    pub fn key(&self) -> &str {
        &self.stripe.settings.keys[0]
    }

    /// Returns the log of all requests.
    pub fn log(&self) -> &Arc<RequestLog> {
        self.server.log()
    }

    /// Returns the rules by which requests fail.
    pub fn faults(&self) -> &Arc<Faults> {
        self.server.faults()
    }

    /// Makes the next `times` matching requests that are executed fail with Stripe's 500. Their idempotency
    /// keys keep it, as Stripe's do.
    pub fn fail_execution(&self, times: usize, matcher: Matcher, failure: ExecutionFailure) {
        self.stripe.state().idempotency.fail(times, matcher, failure);
    }

    /// Fixes the creation time of new objects and events (Unix seconds). Requests do not depend on it.
    pub fn set_now(&self, now: i64) {
        self.stripe.state().fixed_now = Some(now);
    }

    /// Makes several changes in one atomic step.
    pub fn account<R>(&self, change: impl FnOnce(&mut Account) -> R) -> R {
        let mut state = self.stripe.state();
        state.account.now = state.now();
        let result = change(&mut state.account);
        self.stripe.announce(&state);
        result
    }

    /// Adds an object, or replaces the one with the same id. The objects it refers to must exist, except that
    /// a price's product is created if it is missing.
    pub fn put<T: StripeObject>(&self, object: T) {
        self.account(|account| account.put(object));
    }

    /// Returns the current object of that kind and id.
    ///
    /// # Panics
    /// If there is none.
    pub fn get<T: StripeObject>(&self, id: &str) -> T {
        self.account(|account| account.find::<T>(id).cloned()).unwrap_or_else(|| panic!("Stripe has no {id}"))
    }

    /// Changes an object.
    ///
    /// # Panics
    /// If there is no object with this id.
    pub fn change<T: StripeObject>(&self, id: &str, change: impl FnOnce(&mut T)) {
        let mut object = self.get::<T>(id);
        change(&mut object);
        self.put(object);
    }

    /// Deletes a customer, which cancels its subscriptions at once.
    pub fn delete_customer(&self, id: &str) {
        self.account(|account| account.delete_customer(id));
    }

    /// Ends a subscription at once.
    pub fn cancel(&self, id: &str) {
        self.account(|account| account.cancel(id));
    }

    /// Returns the metadata of a customer or a subscription.
    ///
    /// # Panics
    /// If there is no object with this id.
    pub fn metadata(&self, id: &str) -> model::StripeMetadata {
        if id.starts_with("sub_") {
            self.get::<Subscription>(id).metadata
        } else {
            self.get::<Customer>(id).metadata
        }
    }

    /// Returns an object as Stripe shows it now. An event can carry it later, when it is stale.
    ///
    /// # Panics
    /// If there is none.
    pub fn object(&self, id: &str) -> Value {
        let livemode = self.stripe.settings.livemode;
        self.account(|account| Objects { account, livemode }.by_id(id))
            .unwrap_or_else(|| panic!("Stripe has no {id}"))
    }

    /// Returns an event of that type about an object in its current state.
    ///
    /// # Panics
    /// If there is no object with this id.
    pub fn event(&self, kind: &str, id: &str) -> Event {
        self.event_about(kind, self.object(id))
    }

    /// Returns an event of that type about any object, for example a stale one.
    pub fn event_about(&self, kind: &str, object: Value) -> Event {
        let (id, now) = (emitted::next_event_id(), self.stripe.state().now());
        Event::snapshot(&id, kind, now, self.stripe.settings.livemode, object)
    }

    /// Changes an object and returns the event that Stripe sends then: `customer.updated`,
    /// `customer.subscription.updated` …, with the old values in `previous_attributes`.
    ///
    /// # Panics
    /// If there is no object with this id.
    pub fn update<T: StripeObject>(&self, id: &str, change: impl FnOnce(&mut T)) -> Event {
        let before = self.object(id);
        self.change(id, change);
        let after = self.object(id);
        let kind = match after["object"].as_str() {
            Some("subscription") => "customer.subscription.updated".to_owned(),
            Some(kind) => format!("{kind}.updated"),
            None => panic!("{id} has no `object`"),
        };
        let previous = events::previous_attributes(&before, &after);
        self.event_about(&kind, after).previous_attributes(previous)
    }

    /// Returns a thin event of the type `kind` (for example `v1.customer.subscription.updated`) about the
    /// object `id`.
    pub fn thin_event(&self, kind: &str, id: &str) -> Event {
        let (event, now) = (emitted::next_event_id(), self.stripe.state().now());
        Event::thin(&event, kind, now, self.stripe.settings.livemode, id)
    }
}
