//! The permissions of restricted keys: <https://docs.stripe.com/keys/restricted-api-keys>.

use super::error::StripeError;
use crate::fakes::server::Request;

/// The permissions to read, by the start of the path. The first that fits counts.
const READS: [(&str, &str); 12] = [
    ("/v1/billing_portal/", "rak_customer_portal_read"),
    ("/v1/checkout/sessions", "rak_checkout_session_read"),
    ("/v1/customers", "rak_customer_read"),
    ("/v1/invoices", "rak_invoice_read"),
    ("/v1/payment_intents", "rak_payment_intent_read"),
    ("/v1/prices", "rak_plan_read"),
    ("/v1/products", "rak_product_read"),
    ("/v1/subscription_items", "rak_subscription_read"),
    ("/v1/subscription_schedules", "rak_subscription_read"),
    ("/v1/subscriptions", "rak_subscription_read"),
    ("/v1/webhook_endpoints", "rak_webhook_read"),
    ("/v1/", "rak_read"),
];

/// The permission to read PaymentIntents, which a request also needs that expands one.
const EXPANDED: (&str, &str) = ("payment_intent", "rak_payment_intent_read");

/// Checks that a restricted key has the permission to read what a request reads. `missing` are the
/// permissions that it lacks. Stripe checks it before it looks for the object.
pub(super) fn check(request: &Request, missing: &[String]) -> Result<(), StripeError> {
    let key = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let Some(key) = key.filter(|key| key.starts_with("rk_") && request.method == "GET") else {
        return Ok(());
    };
    let of_path = READS.iter().find(|(prefix, _)| request.path.starts_with(prefix));
    let (name, _) = EXPANDED;
    let of_expansion =
        (request.query.contains("expand") && request.query.contains(name)).then_some(&EXPANDED);
    let mut needed = of_path.into_iter().chain(of_expansion);
    match needed.find(|(_, permission)| missing.iter().any(|lacking| lacking == permission)) {
        Some((_, permission)) => Err(StripeError::missing_permission(key, permission)),
        None => Ok(()),
    }
}
