//! The paths of Stripe's API that the fake has.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::endpoints::Call;
use super::error::StripeError;
use super::model::{Customer, Invoice, Price, Product, Session, Subscription, SubscriptionSchedule};

/// Carries out a request.
pub fn dispatch(call: &mut Call<'_>, method: &str, path: &str) -> Result<Value, StripeError> {
    let segments = path.trim_start_matches('/').split('/');
    let segments: Vec<_> =
        segments.map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (method, segments.as_slice()) {
        ("GET", ["v1", "customers", "search"]) => {
            call.search("/v1/customers/search", |customer: &Customer| &customer.metadata)
        }
        ("GET", ["v1", "subscriptions", "search"]) => {
            call.search("/v1/subscriptions/search", |subscription: &Subscription| &subscription.metadata)
        }
        ("GET", ["v1", "customers", id]) => call.retrieve::<Customer>(id),
        ("GET", ["v1", "products", id]) => call.retrieve::<Product>(id),
        ("GET", ["v1", "prices", id]) => call.retrieve::<Price>(id),
        ("GET", ["v1", "subscriptions", id]) => call.retrieve::<Subscription>(id),
        ("GET", ["v1", "invoices", id]) => call.retrieve::<Invoice>(id),
        ("GET", ["v1", "checkout", "sessions", id]) => call.retrieve::<Session>(id),
        ("GET", ["v1", "subscriptions"]) => call.subscriptions(),
        ("GET", ["v1", "subscription_items"]) => call.subscription_items(),
        ("GET", ["v1", "invoices"]) => call.invoices(),
        ("GET", ["v1", "checkout", "sessions"]) => call.sessions(),
        ("GET", ["v1", "prices"]) => call.prices(),
        ("GET", ["v1", "webhook_endpoints"]) => call.webhook_endpoints(),
        ("GET", ["v1", "billing_portal", "configurations"]) => call.portal_configurations_list(),
        ("GET", ["v1", "billing_portal", "configurations", id]) => call.portal_configuration_object(id),
        ("POST", ["v1", "customers"]) => call.create_customer(),
        ("POST", ["v1", "customers", id]) => call.update_customer(id),
        ("POST", ["v1", "checkout", "sessions"]) => call.create_session(),
        ("POST", ["v1", "checkout", "sessions", id, "expire"]) => call.expire_session(id),
        ("POST", ["v1", "subscriptions", id]) => call.update_subscription(id),
        ("DELETE", ["v1", "subscriptions", id]) => call.cancel_subscription(id),
        ("POST", ["v1", "subscriptions", id, "resume"]) => call.resume_subscription(id),
        ("POST", ["v1", "billing_portal", "sessions"]) => call.create_portal_session(),
        ("POST", ["v1", "invoices", "create_preview"]) => call.preview_invoice(),
        ("POST", ["v1", "subscription_schedules"]) => call.create_schedule(),
        ("GET", ["v1", "subscription_schedules", id]) => call.retrieve::<SubscriptionSchedule>(id),
        ("POST", ["v1", "subscription_schedules", id]) => call.update_schedule(id),
        ("POST", ["v1", "subscription_schedules", id, "release"]) => call.release_schedule(id),
        ("POST", ["v1", "invoices", id, "void"]) => call.void_invoice(id),
        _ => Err(StripeError::unrecognized_url(method, path)),
    }
}
