//! What the endpoints and the observers share, and the outage of Clerk that a person can cause.

use super::history::History;
use super::people;
use crate::fakes::clerk::FakeClerk;
use crate::fakes::faults::{Fault, any};
use crate::fakes::server::unix_now_ms;
use crate::fakes::stripe::events::Event;
use crate::fakes::stripe::model::Subscription;
use crate::fakes::stripe::{API_VERSION, EventDelivery, FakeStripe};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// For how long Clerk is down.
const CLERK_DOWN: Duration = Duration::from_secs(10);

/// The fakes, and what has happened.
pub(super) struct PlaygroundState {
    /// The origin of the pages and of the gateway.
    pub(super) origin: String,
    pub(super) stripe: FakeStripe,
    pub(super) clerk: FakeClerk,
    pub(super) delivery: EventDelivery,
    pub(super) history: History,
    /// A client that reuses no connection: each request can get to another worker of Envoy.
    pub(super) client: reqwest::Client,
    /// Until when Clerk is down, in Unix milliseconds.
    pub(super) clerk_down_until: watch::Sender<Option<i64>>,
    /// How many VMs of the gate Envoy has replaced.
    pub(super) replaced_vms: watch::Sender<u64>,
}

impl PlaygroundState {
    /// Returns whether Clerk is down.
    pub(super) fn is_clerk_down(&self) -> bool {
        self.clerk_down_until.borrow().is_some()
    }

    /// Makes Clerk reset every connection for [`CLERK_DOWN`] from now on.
    pub(super) fn take_clerk_down(self: &Arc<Self>) {
        let until = unix_now_ms() + i64::try_from(CLERK_DOWN.as_millis()).unwrap_or_default();
        self.clerk.faults().always(any(), Fault::Reset);
        self.clerk_down_until.send_replace(Some(until));
        let state = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(CLERK_DOWN).await;
            // Otherwise it was taken down again meanwhile.
            if *state.clerk_down_until.borrow() == Some(until) {
                state.clerk.faults().clear();
                state.clerk_down_until.send_replace(None);
            }
        });
    }

    /// Changes the metadata of the newest subscription, if there is one, as an operator does in Stripe's Dashboard: Stripe
    /// sends an event, which changes no plan.
    ///
    /// # Panics
    /// If Stripe refuses it.
    pub(super) async fn change_newest_subscription(&self) {
        let newest = self.stripe.account(|account| {
            let live = account.newest_first(|subscription: &Subscription| subscription.ended_at.is_none());
            live.first().map(|subscription| subscription.id.clone())
        });
        let Some(id) = newest else { return };
        let request = self.client.post(format!("http://{}/v1/subscriptions/{id}", self.stripe.addr()));
        let request = request.bearer_auth(self.stripe.key()).header("stripe-version", API_VERSION);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(format!("metadata[changed_at]={}", unix_now_ms())).send().await;
        let changed = response.and_then(reqwest::Response::error_for_status);
        changed.unwrap_or_else(|e| panic!("Stripe did not change {id}: {e}"));
    }

    /// Returns the public metadata of each user and organization, which contain the plan.
    pub(super) fn public_metadata(&self) -> Vec<(&'static str, Value)> {
        people::subjects().map(|subject| (subject, self.clerk.public_metadata(subject))).collect()
    }

    /// Returns an event that would give Bob a plan, and that Stripe has not sent.
    pub(super) fn forged_event(&self) -> Event {
        let subscription = json!({
            "id": "sub_forged",
            "object": "subscription",
            "customer": "cus_forged",
            "status": "active",
            "metadata": {"clerk_user_id": "user_bob"},
            "items": {"object": "list", "data": [{"price": {"id": super::configuration::PRO_PRICE}}]},
        });
        self.stripe.event_about("customer.subscription.created", subscription)
    }
}
