//! What the endpoints and the observers share, and the failures that a person can cause.

use super::history::{EventKind, History};
use crate::fakes::clerk::FakeClerk;
use crate::fakes::faults::{Fault, any};
use crate::fakes::server::unix_now_ms;
use crate::fakes::stripe::events::Event;
use crate::fakes::stripe::model::Subscription;
use crate::fakes::stripe::{API_VERSION, DeliveryAttempt, DeliveryReason, EventDelivery, FakeStripe};
use crate::processes::crash_switch;
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
    pub(super) client: reqwest::Client,
    /// Until when Clerk is down, in Unix milliseconds.
    pub(super) clerk_down_until: Mutex<Option<i64>>,
}

impl PlaygroundState {
    /// Returns whether Clerk is down.
    pub(super) fn is_clerk_down(&self) -> bool {
        self.clerk_down_until.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Makes Clerk reset every connection for [`CLERK_DOWN`] from now on.
    pub(super) fn take_clerk_down(self: &Arc<Self>) {
        let until = unix_now_ms() + i64::try_from(CLERK_DOWN.as_millis()).unwrap_or_default();
        self.clerk.faults().always(any(), Fault::Reset);
        self.set_clerk_down(Some(until));
        let state = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(CLERK_DOWN).await;
            // Otherwise it was taken down again meanwhile.
            if *state.clerk_down_until.lock().unwrap_or_else(PoisonError::into_inner) == Some(until) {
                state.clerk.faults().clear();
                state.set_clerk_down(None);
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

    fn set_clerk_down(&self, until: Option<i64>) {
        *self.clerk_down_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        self.publish_faults();
    }

    /// Shows which faults are active.
    pub(super) fn publish_faults(&self) {
        let until = *self.clerk_down_until.lock().unwrap_or_else(PoisonError::into_inner);
        self.history.publish(EventKind::Faults, "", &json!({ "clerk_down_until": until }));
    }

    /// Delivers an event with a plan for Bob that Stripe has not signed.
    pub(super) async fn forge_event(&self) -> DeliveryAttempt {
        let event = self.forged_event();
        self.delivery.deliver(&event, DeliveryReason::Forged).await
    }

    fn forged_event(&self) -> Event {
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

    /// Crashes the VM of the gate on the worker thread that gets the request. Returns the status of the response.
    pub(super) async fn crash_worker(&self) -> Option<u16> {
        let request = self.client.get(format!("{}/ask", self.origin));
        let fields = 0..=crash_switch::FIELDS_MAX;
        let request = fields.fold(request, |request, n| request.header(format!("x-crash-{n}"), "1"));
        request.send().await.ok().map(|response| response.status().as_u16())
    }
}
