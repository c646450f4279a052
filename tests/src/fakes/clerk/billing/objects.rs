//! How the Backend API shows subscriptions and items (`bapi/2026-05-12.yml` in clerk/openapi-specs).

use serde_json::{Value, json};

use super::events::INSTANCE;
use super::model::{BillingItem, BillingPlan, BillingSubscription};

/// Returns a subscription with its items.
pub(super) fn subscription(of: &BillingSubscription) -> Value {
    json!({
        "object": "commerce_subscription",
        "id": of.id,
        "instance_id": INSTANCE,
        "status": of.status(),
        "payer_id": payer_id(&of.payer),
        "created_at": of.created_at,
        "updated_at": of.created_at,
        "active_at": of.created_at,
        "past_due_at": of.past_due_at,
        "subscription_items": of.items.iter().map(|each| item(of, each)).collect::<Vec<_>>(),
        "eligible_for_free_trial": false,
    })
}

/// Returns an item.
pub(super) fn item(of: &BillingSubscription, item: &BillingItem) -> Value {
    json!({
        "object": "commerce_subscription_item",
        "id": item.id,
        "instance_id": INSTANCE,
        "status": item.status,
        "plan_id": item.plan.as_ref().map(BillingPlan::id),
        "price_id": "cprice_1",
        "plan": item.plan.as_ref().map(plan),
        "plan_period": "month",
        "payer_id": payer_id(&of.payer),
        "payer": payer(of),
        "is_free_trial": item.is_free_trial,
        "period_start": item.period_start,
        "period_end": item.period_end,
        "canceled_at": item.canceled_at,
        "past_due_at": item.past_due_at,
        "ended_at": item.ended_at,
        "created_at": item.created_at,
        "updated_at": item.created_at,
    })
}

fn plan(plan: &BillingPlan) -> Value {
    json!({
        "object": "commerce_plan",
        "id": plan.id(),
        "name": plan.slug,
        "fee": money(plan.amount),
        "annual_monthly_fee": null,
        "annual_fee": null,
        "description": null,
        "product_id": "cprod_1",
        "is_default": plan.is_default,
        "is_recurring": !plan.is_default,
        "publicly_visible": true,
        "has_base_fee": plan.amount > 0,
        "for_payer_type": if plan.for_organizations { "org" } else { "user" },
        "slug": plan.slug,
        "avatar_url": null,
        "features": [],
        "free_trial_enabled": false,
        "free_trial_days": null,
    })
}

fn payer(of: &BillingSubscription) -> Value {
    let (user, organization) = match of.is_of_organization() {
        true => (Value::Null, json!(of.payer)),
        false => (json!(of.payer), Value::Null),
    };
    json!({
        "object": "commerce_payer",
        "id": payer_id(&of.payer),
        "instance_id": INSTANCE,
        "user_id": user,
        "organization_id": organization,
    })
}

pub(super) fn payer_id(payer: &str) -> String {
    format!("cpayer_{payer}")
}

pub(super) fn money(amount: i64) -> Value {
    json!({
        "amount": amount,
        "amount_formatted": format!("{}.{:02}", amount / 100, amount % 100),
        "currency": "USD",
        "currency_symbol": "$",
    })
}
