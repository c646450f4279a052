//! The requests to Stripe's API by which a customer buys, changes, and cancels: their paths and parameters.

use super::api::{PAGE, StripeApi, object_path};
use super::write::{IdempotencyKey, Parameters};
use crate::http::Callout;
use crate::ids::{CheckoutSessionId, CustomerId, InvoiceId, ScheduleId, SubscriptionId};

impl StripeApi<'_> {
    /// Returns the request for a price.
    pub(crate) fn retrieve_price(self, id: &str) -> Callout {
        self.get(&object_path("prices", id), &[])
    }

    /// Returns the request for the active price with this lookup key, which only one price has at a time.
    pub(crate) fn list_prices(self, lookup_key: &str) -> Callout {
        self.get("/v1/prices", &[("lookup_keys[]", lookup_key), ("active", "true"), ("limit", "1")])
    }

    /// Returns the request that creates a customer with one key of metadata and nothing else, so that the
    /// idempotency key is valid for all of them.
    pub(crate) fn create_customer(self, key: &str, value: &str, idempotency_key: &IdempotencyKey) -> Callout {
        let form = Parameters::default().with(format!("metadata[{key}]"), value);
        self.post("/v1/customers", &form, Some(idempotency_key))
    }

    /// Returns the request for a customer's newest Checkout Sessions, of any status.
    pub(crate) fn list_customer_sessions(self, customer: &CustomerId) -> Callout {
        self.get("/v1/checkout/sessions", &[("customer", customer.as_str()), ("limit", PAGE)])
    }

    /// Returns the request that creates a Checkout Session.
    pub(crate) fn create_checkout_session(self, form: &Parameters, key: &IdempotencyKey) -> Callout {
        self.post("/v1/checkout/sessions", form, Some(key))
    }

    /// Returns the request that expires an open Checkout Session.
    pub(crate) fn expire_checkout_session(self, id: &CheckoutSessionId) -> Callout {
        let path = [&object_path("checkout/sessions", id.as_str()), "/expire"].concat();
        self.post(&path, &Parameters::default(), None)
    }

    /// Returns the request that creates a session of the customer portal. Each has its own URL, so none is
    /// keyed.
    pub(crate) fn create_portal_session(self, form: &Parameters) -> Callout {
        self.post("/v1/billing_portal/sessions", form, None)
    }

    /// Returns the request that changes a subscription.
    pub(crate) fn update_subscription(
        self,
        id: &SubscriptionId,
        form: &Parameters,
        key: Option<&IdempotencyKey>,
    ) -> Callout {
        self.post(&object_path("subscriptions", id.as_str()), form, key)
    }

    /// Returns the request that cancels a subscription immediately.
    pub(crate) fn cancel_subscription(self, id: &SubscriptionId, form: &Parameters) -> Callout {
        self.delete(&object_path("subscriptions", id.as_str()), form)
    }

    /// Returns the request that resumes a paused subscription.
    pub(crate) fn resume_subscription(self, id: &SubscriptionId) -> Callout {
        let path = [&object_path("subscriptions", id.as_str()), "/resume"].concat();
        self.post(&path, &Parameters::default(), None)
    }

    /// Returns the request for a schedule.
    pub(crate) fn retrieve_schedule(self, id: &ScheduleId) -> Callout {
        self.get(&object_path("subscription_schedules", id.as_str()), &[])
    }

    /// Returns the request that puts a subscription under a schedule with its present phase. Stripe accepts
    /// no other parameter in addition to `from_subscription`.
    pub(crate) fn create_schedule(self, subscription: &SubscriptionId, key: &IdempotencyKey) -> Callout {
        let form = Parameters::default().with("from_subscription", subscription.as_str());
        self.post("/v1/subscription_schedules", &form, Some(key))
    }

    /// Returns the request that changes a schedule.
    pub(crate) fn update_schedule(self, id: &ScheduleId, form: &Parameters) -> Callout {
        self.post(&object_path("subscription_schedules", id.as_str()), form, None)
    }

    /// Returns the request that ends a schedule and leaves its subscription as it is.
    pub(crate) fn release_schedule(self, id: &ScheduleId) -> Callout {
        let path = [&object_path("subscription_schedules", id.as_str()), "/release"].concat();
        self.post(&path, &Parameters::default(), None)
    }

    /// Returns the request that computes an invoice without creating it.
    pub(crate) fn preview_invoice(self, form: &Parameters) -> Callout {
        self.post("/v1/invoices/create_preview", form, None)
    }

    /// Returns the request for a page of a customer's invoices, newest first.
    pub(crate) fn list_invoices(
        self,
        customer: &CustomerId,
        limit: u64,
        after: Option<&InvoiceId>,
    ) -> Callout {
        let limit = limit.to_string();
        let mut query = vec![("customer", customer.as_str()), ("limit", limit.as_str())];
        query.extend(after.map(|id| ("starting_after", id.as_str())));
        self.get("/v1/invoices", &query)
    }

    /// Returns the request for an invoice with its payment attempts.
    pub(crate) fn retrieve_invoice(self, id: &InvoiceId) -> Callout {
        let expand = [("expand[]", "payments.data.payment.payment_intent")];
        self.get(&object_path("invoices", id.as_str()), &expand)
    }

    /// Returns the request that voids an open invoice.
    pub(crate) fn void_invoice(self, id: &InvoiceId) -> Callout {
        self.post(&[&object_path("invoices", id.as_str()), "/void"].concat(), &Parameters::default(), None)
    }
}
