//! Tests of the fake of Clerk Billing.

use serde_json::{Value, json};

use super::{BillingPlan, BillingSwitch, ClerkEvent};
use crate::fakes::clerk::{FakeClerk, Organization, User};
use crate::fakes::server::{FakeResponse, Request};

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

async fn instance() -> FakeClerk {
    let clerk = FakeClerk::start().await;
    clerk.put_user(User::new("user_1"));
    clerk.put_organization(Organization::new("org_1"));
    clerk.put_billing_plan(BillingPlan::new("free_user").default_plan());
    for slug in ["pro", "max"] {
        clerk.put_billing_plan(BillingPlan::new(slug));
    }
    clerk.put_billing_plan(BillingPlan::new("team").for_organizations());
    clerk.advance_billing_to(NOW);
    clerk
}

fn get(clerk: &FakeClerk, path: &str) -> (u16, Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let request = Request {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: vec![
            ("authorization".to_owned(), format!("Bearer {}", clerk.secret_key())),
            ("clerk-api-version".to_owned(), "2026-05-12".to_owned()),
        ],
        body: Vec::new(),
    };
    let FakeResponse { status, body, .. } = clerk.carry_out(&request);
    (status, serde_json::from_slice(&body).unwrap())
}

fn statuses(clerk: &FakeClerk, payer: &str) -> Vec<(String, String)> {
    let slug = |plan: Option<BillingPlan>| plan.map_or_else(String::new, |plan| plan.slug);
    clerk.billing_items(payer).into_iter().map(|item| (slug(item.plan), item.status)).collect()
}

fn kinds(clerk: &FakeClerk) -> Vec<String> {
    clerk.take_billing_events().iter().map(|event| event.kind().to_owned()).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[tokio::test]
async fn a_subscription_is_shown_as_its_description_says() {
    let clerk = instance().await;
    assert_eq!(get(&clerk, "/v1/users/user_1/billing/subscription").0, 404, "none yet");
    assert_eq!(get(&clerk, "/v1/users/user_2/billing/subscription").0, 404, "no such user");
    clerk.subscribe("user_1", "pro");
    let (status, shown) = get(&clerk, "/v1/users/user_1/billing/subscription");
    assert_eq!(
        (status, &shown["status"], &shown["object"]),
        (200, &json!("active"), &json!("commerce_subscription"))
    );
    let items = shown["subscription_items"].as_array().unwrap();
    assert_eq!(
        (items.len(), &items[1]["plan"]["slug"], &items[1]["status"]),
        (2, &json!("pro"), &json!("active"))
    );
    assert_eq!((&items[0]["plan"]["is_default"], &items[0]["period_end"]), (&json!(true), &Value::Null));
    clerk.subscribe("org_1", "team");
    assert_eq!(get(&clerk, "/v1/organizations/org_1/billing/subscription").0, 200);
    clerk.set_billing(BillingSwitch::Forbidden);
    assert_eq!(get(&clerk, "/v1/users/user_1/billing/subscription").0, 403);
    clerk.set_billing(BillingSwitch::Unprocessable);
    assert_eq!(get(&clerk, "/v1/users/user_1/billing/subscription").0, 422);
}

#[tokio::test]
async fn a_higher_plan_begins_at_once_and_a_lower_one_at_the_periods_end() {
    let clerk = instance().await;
    clerk.open_billing("user_1");
    assert_eq!(kinds(&clerk), ["subscription.created"]);
    clerk.subscribe("user_1", "pro");
    assert_eq!(kinds(&clerk), ["subscriptionItem.active", "subscription.updated"]);
    clerk.subscribe("user_1", "max");
    assert_eq!(kinds(&clerk), ["subscriptionItem.ended", "subscriptionItem.active", "subscription.updated"]);
    clerk.subscribe_at_period_end("user_1", "pro");
    let want = pairs(&[("free_user", "ended"), ("pro", "ended"), ("max", "canceled"), ("pro", "upcoming")]);
    assert_eq!(statuses(&clerk, "user_1"), want);
    clerk.advance_billing_to(NOW + 30 * DAY);
    let want = pairs(&[("free_user", "ended"), ("pro", "ended"), ("max", "ended"), ("pro", "active")]);
    assert_eq!(statuses(&clerk, "user_1"), want);
}

#[tokio::test]
async fn a_canceled_plan_ends_with_its_period_and_the_default_plan_follows() {
    let clerk = instance().await;
    clerk.start_free_trial("user_1", "pro", 3);
    assert!(kinds(&clerk).contains(&"subscriptionItem.freeTrialEnding".to_owned()));
    clerk.cancel_billing("user_1");
    let want = ["subscriptionItem.canceled", "subscriptionItem.upcoming", "subscription.updated"];
    assert_eq!(kinds(&clerk), want);
    clerk.advance_billing_to(NOW + 3 * DAY - 1);
    assert_eq!(statuses(&clerk, "user_1"), pairs(&[("free_user", "upcoming"), ("pro", "canceled")]));
    clerk.advance_billing_to(NOW + 3 * DAY);
    assert_eq!(statuses(&clerk, "user_1"), pairs(&[("free_user", "active"), ("pro", "ended")]));
    assert_eq!(kinds(&clerk), ["subscriptionItem.ended", "subscriptionItem.active", "subscription.updated"]);
}

#[tokio::test]
async fn a_failed_payment_makes_the_item_and_the_subscription_past_due() {
    let clerk = instance().await;
    clerk.subscribe("org_1", "team");
    kinds(&clerk);
    clerk.fail_billing_payment("org_1");
    let events = clerk.take_billing_events();
    let kinds_of: Vec<&str> = events.iter().map(ClerkEvent::kind).collect();
    assert_eq!(kinds_of, ["subscriptionItem.pastDue", "subscription.pastDue", "paymentAttempt.updated"]);
    assert_eq!(events[1].json["data"]["payer"]["organization_id"], "org_1");
    assert_eq!(events[2].json["data"]["payer"]["user_id"], "user_admin", "it names only who pays");
    assert_eq!(events[2].json["data"]["status"], "failed");
    let (_, shown) = get(&clerk, "/v1/organizations/org_1/billing/subscription");
    assert_eq!((&shown["status"], &shown["past_due_at"]), (&json!("past_due"), &json!(NOW * 1_000)));
    clerk.pay_billing("org_1");
    assert_eq!(statuses(&clerk, "org_1"), pairs(&[("team", "active")]));
    assert_eq!(kinds(&clerk), ["paymentAttempt.updated", "subscriptionItem.active", "subscription.active"]);
}

#[tokio::test]
async fn items_are_listed_page_by_page() {
    let clerk = instance().await;
    for n in 0..12 {
        clerk.put_user(User::new(&format!("user_{n:02}")));
        clerk.advance_billing_to(NOW + n);
        clerk.subscribe(&format!("user_{n:02}"), "pro");
    }
    let list = |query: &str| get(&clerk, &format!("/v1/billing/subscription_items?{query}"));
    let (_, page) = list("limit=500");
    assert_eq!((page["data"].as_array().unwrap().len(), &page["total_count"]), (12, &json!(12)));
    assert_eq!(page["data"][0]["payer"]["user_id"], "user_11", "newest first");
    assert_eq!(list("").1["data"].as_array().unwrap().len(), 10, "the default");
    assert_eq!(list("include_free=true&limit=500").1["total_count"], 24);
    assert_eq!(list("offset=11").1["data"].as_array().unwrap().len(), 1);
    for wrong in ["limit=0", "limit=501", "status=new", "include_free=7", "page=2"] {
        assert_eq!(list(wrong).0, 422, "{wrong}");
    }
}

/// The example of standard-webhooks (libraries/rust/src/lib.rs).
#[test]
fn an_event_is_signed_as_svix_signs() {
    let json: Value = json!({"test": 2_432_232_314_u64});
    let event = ClerkEvent { id: "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned(), json };
    let (body, fields) = event.signed(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], 1_614_265_330);
    let example = br#"{"test": 2432232314}"#;
    let signature =
        super::events::sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &event.id, "1614265330", example);
    assert_eq!(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_eq!(fields[1], ("svix-timestamp", "1614265330".to_owned()));
    assert!(fields[2].1.starts_with("v1,") && body == br#"{"test":2432232314}"#);
}
