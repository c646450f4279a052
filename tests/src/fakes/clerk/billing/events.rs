//! Events as Clerk sends them to a webhook endpoint (`webhooks/2025-04-15.yml` in clerk/openapi-specs), with
//! signatures as Svix makes them: <https://docs.svix.com/receiving/verifying-payloads/how-manual>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use super::model::{BillingItem, BillingPlan, BillingSubscription};
use super::objects::{money, payer_id};
use crate::fakes::server::unix_now;

/// The instance of all events.
pub const INSTANCE: &str = "ins_tollgate0001";

/// An event. `json` can be changed before it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct ClerkEvent {
    /// The id of the message, which is the same in each delivery.
    pub id: String,
    /// The body.
    pub json: Value,
}

impl ClerkEvent {
    /// Returns an event of that type about an object. `now` is in Unix seconds.
    pub fn new(id: &str, kind: &str, now: i64, object: Value) -> Self {
        let json = json!({
            "event_attributes": {"http_request": {"client_ip": "192.0.2.1", "user_agent": "Mozilla/5.0"}},
            "object": "event",
            "type": kind,
            "instance_id": INSTANCE,
            "timestamp": now * 1_000,
            "data": object,
        });
        ClerkEvent { id: id.to_owned(), json }
    }

    /// Returns the event about a user or an organization that was deleted.
    pub fn deleted(id: &str, subject: &str, now: i64) -> Self {
        let object = if subject.starts_with("org_") { "organization" } else { "user" };
        let data = json!({"object": object, "id": subject, "deleted": true});
        Self::new(id, &format!("{object}.deleted"), now, data)
    }

    /// Returns the type.
    pub fn kind(&self) -> &str {
        self.json["type"].as_str().unwrap_or_default()
    }

    /// Returns the body and the header fields of a delivery, signed with each of these secrets (`whsec_…`) at
    /// `now` (Unix seconds).
    pub fn signed(&self, secrets: &[&str], now: i64) -> (Vec<u8>, Vec<(&'static str, String)>) {
        let body = serde_json::to_vec(&self.json).expect("a JSON value can be written");
        let fields = signed_fields(&self.id, secrets, &now.to_string(), &body);
        (body, fields.into())
    }

    /// Returns the event about a billing subscription of a user or an organization. It names only the payer.
    pub fn of_payer(id: &str, kind: &str, payer: &str) -> Self {
        let (user, organization) = if payer.starts_with("org_") { ("", payer) } else { (payer, "") };
        let payer = json!({"object": "commerce_payer", "user_id": user, "organization_id": organization});
        Self::new(id, kind, unix_now(), json!({"payer": payer}))
    }

    /// Returns the event with another instance.
    #[must_use]
    pub fn of_instance(mut self, instance: &str) -> Self {
        self.json["instance_id"] = instance.into();
        self
    }
}

/// Returns the header fields of a delivery, with one signature for each of these secrets.
pub fn signed_fields(
    id: &str,
    secrets: &[&str],
    timestamp: &str,
    body: &[u8],
) -> [(&'static str, String); 3] {
    let signatures: Vec<String> =
        secrets.iter().map(|secret| format!("v1,{}", sign(secret, id, timestamp, body))).collect();
    [
        ("svix-id", id.to_owned()),
        ("svix-timestamp", timestamp.to_owned()),
        ("svix-signature", signatures.join(" ")),
    ]
}

/// Returns the signature of a message. Unlike Stripe's, the secret is decoded.
pub(super) fn sign(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).expect("a secret in base64");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Returns a subscription as its events show it.
pub(super) fn subscription(of: &BillingSubscription) -> Value {
    json!({
        "object": "commerce_subscription",
        "id": of.id,
        "status": of.status(),
        "active_at": of.created_at,
        "canceled_at": null,
        "created_at": of.created_at,
        "ended_at": null,
        "past_due_at": of.past_due_at,
        "updated_at": of.created_at,
        "latest_payment_id": "cpa_1",
        "payer_id": payer_id(&of.payer),
        "payer": payer(of),
        "payment_source_id": "cps_1",
        "items": of.items.iter().map(|each| item(each, Value::Null)).collect::<Vec<_>>(),
    })
}

/// Returns an item as the events of items show it.
pub(super) fn subscription_item(of: &BillingSubscription, each: &BillingItem) -> Value {
    let mut shown = item(each, json!(of.id));
    shown["object"] = json!("subscription_item");
    shown["payer"] = payer(of);
    shown
}

fn item(item: &BillingItem, subscription: Value) -> Value {
    json!({
        "object": "commerce_subscription_item",
        "id": item.id,
        "status": item.status,
        "is_free_trial": item.is_free_trial,
        "created_at": item.created_at,
        "updated_at": item.created_at,
        "period_start": item.period_start,
        "period_end": item.period_end,
        "interval": "month",
        "plan_id": item.plan.as_ref().map(BillingPlan::id),
        "plan": item.plan.as_ref().map(plan),
        "subscription_id": subscription,
    })
}

fn plan(plan: &BillingPlan) -> Value {
    json!({
        "id": plan.id(),
        "slug": plan.slug,
        "name": plan.slug,
        "is_recurring": !plan.is_default,
        "amount": plan.amount,
        "currency": "USD",
    })
}

/// Returns a payer. An absent id is the empty string.
fn payer(of: &BillingSubscription) -> Value {
    let (user, organization) = match of.is_of_organization() {
        true => ("", of.payer.as_str()),
        false => (of.payer.as_str(), ""),
    };
    json!({
        "object": "commerce_payer",
        "id": payer_id(&of.payer),
        "user_id": user,
        "first_name": "Ada",
        "last_name": "",
        "email": "ada@example.com",
        "organization_id": organization,
        "organization_name": "",
        "image_url": "https://img.clerk.com/none",
        "created_at": of.created_at,
        "updated_at": of.created_at,
    })
}

/// Returns an attempt to pay an item, as its events show it. That of an organization names only the user who
/// pays.
pub(super) fn payment_attempt(
    id: &str,
    of: &BillingSubscription,
    item: &BillingItem,
    paid: bool,
    now_ms: i64,
) -> Value {
    let user = if of.is_of_organization() { "user_admin" } else { of.payer.as_str() };
    let amount = item.plan.as_ref().map_or(0, |plan| plan.amount);
    let (paid_at, failed_at) = if paid { (Some(now_ms), None) } else { (None, Some(now_ms)) };
    let reason = (!paid).then(|| json!({"code": "card_declined", "decline_code": "insufficient_funds"}));
    json!({
        "id": id,
        "instance_id": INSTANCE,
        "payment_id": "cpa_1",
        "statement_id": "stmt_1",
        "gateway_external_id": "pi_1",
        "status": if paid { "paid" } else { "failed" },
        "created_at": now_ms,
        "updated_at": now_ms,
        "paid_at": paid_at,
        "failed_at": failed_at,
        "failed_reason": reason,
        "billing_date": now_ms,
        "charge_type": "recurring",
        "payee": {"id": "cpayee_1", "gateway_type": "stripe", "gateway_external_id": "acct_1",
                  "gateway_status": "active"},
        "payer": {"id": payer_id(&of.payer), "image_url": "", "user_id": user, "first_name": "Ada", "last_name": "",
                  "email": "ada@example.com"},
        "totals": {"subtotal": money(amount), "tax_total": money(0), "grand_total": money(amount)},
        "subscription_items": [{"id": item.id, "status": item.status, "plan_period": "month",
                                "plan": item.plan.as_ref().map(plan)}],
    })
}
