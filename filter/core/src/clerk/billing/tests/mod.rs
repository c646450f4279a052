//! Tests of billing subscriptions: what their items grant, and what responses are read.

mod grant;
mod laws;
mod response;

use super::subscription::ClerkSubscription;
use super::{ClerkPlanRules, ClerkResolution};
use crate::config::PastDue;
use crate::plan_table::{Plan, PlanTable};
use crate::time::Micros;
use serde_json::{Value, json};
use std::time::Duration;

/// The time of all tests, in Unix seconds.
const NOW_S: u64 = 1_800_000_000;
const DAY_S: u64 = 86_400;

/// Returns four plans; users and organizations have separate slugs of the first two.
fn plans() -> PlanTable {
    let plan = |name: &str, slugs: &[&str]| Plan {
        name: name.to_owned(),
        clerk_slugs: slugs.iter().map(|slug| (*slug).to_owned()).collect(),
        ..Plan::default()
    };
    PlanTable::new(
        plan("free", &["free_user", "free_org"]),
        vec![plan("basic", &[]), plan("pro", &["pro_user", "pro_org"]), plan("enterprise", &[])],
    )
}

/// Returns an item, with these members changed.
fn item(id: &str, slug: &str, changes: Value) -> Value {
    let mut item = json!({
        "object": "commerce_subscription_item",
        "id": format!("csub_item_{id}"),
        "instance_id": "ins_1",
        "status": "active",
        "plan_id": "cplan_1",
        "plan": {"object": "commerce_plan", "id": "cplan_1", "slug": slug, "is_default": false, "name": "A plan"},
        "plan_period": "month",
        "payer_id": "cpayer_1",
        "is_free_trial": false,
        "period_start": (NOW_S - DAY_S) * 1_000,
        "period_end": (NOW_S + 29 * DAY_S) * 1_000,
        "canceled_at": null,
        "past_due_at": null,
        "ended_at": null,
    });
    let members = item.as_object_mut().unwrap();
    members.extend(changes.as_object().cloned().unwrap_or_default());
    item
}

/// Returns the item of the default plan.
fn default_item() -> Value {
    let plan = json!({"object": "commerce_plan", "slug": "anything", "is_default": true});
    item("default", "", json!({"plan": plan, "period_end": null}))
}

/// Returns the subscription with these items.
fn subscription(items: &[Value]) -> Value {
    json!({
        "object": "commerce_subscription", "id": "csub_1", "instance_id": "ins_1", "status": "active",
        "payer_id": "cpayer_1", "created_at": 1, "updated_at": 1, "active_at": 1, "past_due_at": null,
        "subscription_items": items, "next_payment": null, "eligible_for_free_trial": false,
    })
}

fn parsed(subscription: &Value) -> ClerkSubscription {
    ClerkSubscription::parse(subscription.to_string().as_bytes()).unwrap()
}

fn resolve(subscription: &Value, past_due: PastDue) -> ClerkResolution {
    let plans = plans();
    ClerkPlanRules { plans: &plans, past_due }.resolve(Micros::from_secs(NOW_S), &parsed(subscription))
}

/// Returns what these items grant, with 14 days of grace.
fn granted(items: &[Value]) -> ClerkResolution {
    resolve(&subscription(items), PastDue::Grace(Duration::from_secs(14 * DAY_S)))
}
