//! Changes of a plan while its subscription lives, and events that need no work.

use crate::shared::{ENTERPRISE, PRO, Payer, deliver, receipt, shipped};
use serde_json::{Value, json};
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::faults::any;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::model::{Customer, Invoice, Subscription};
use tollgate_tests::processes::gateway::Gateway;

const DAY_S: i64 = 86_400;

/// Returns the JSON lines about an event in Envoy's log.
async fn lines_about(gateway: &Gateway, event: &str) -> Vec<Value> {
    gateway.envoy.log_line_with(event).await;
    let log = gateway.envoy.log();
    let lines = log.lines().filter(|line| line.contains(event));
    lines.filter_map(|line| serde_json::from_str(&line[line.find('{')?..]).ok()).collect()
}

fn at_price(price: &str) -> impl FnOnce(&mut Subscription) {
    move |subscription| price.clone_into(&mut subscription.items[0].price)
}

#[tokio::test]
async fn the_plan_follows_the_price_and_ends_with_the_subscription() {
    let gateway = shipped().await;
    let payer = Payer::settled(&gateway, "moves", PRO).await;
    type Change = Box<dyn FnOnce(&mut Subscription)>;
    let ends = |at_period_end| move |s: &mut Subscription| s.cancel_at_period_end = at_period_end;
    let steps: [(&str, Change, &str, &str); 6] = [
        ("a higher price", Box::new(at_price(ENTERPRISE)), "enterprise", "upgraded"),
        ("a lower price", Box::new(at_price(PRO)), "pro", "downgraded"),
        ("it will end", Box::new(ends(true)), "pro", "status_updated"),
        ("it continues", Box::new(ends(false)), "pro", "status_updated"),
        ("it is unpaid", Box::new(|s| "unpaid".clone_into(&mut s.status)), "free", "deactivated"),
        ("it is paid", Box::new(|s| "active".clone_into(&mut s.status)), "pro", "created"),
    ];
    let mut old_plan = "pro";
    for (why, change, plan, audit) in steps {
        let event = payer.change(&gateway, change);
        assert_eq!(receipt(&gateway, &event).await, payer.processed(&event, plan, true), "{why}");
        assert_eq!(payer.plan(&gateway).as_deref(), Some(plan), "{why}");
        let status = gateway.stripe.get::<Subscription>(&payer.subscription).status;
        assert_eq!(gateway.clerk.public_metadata(&payer.user)["subscription"]["status"], status, "{why}");
        let line = json!({
            "audit": audit,
            "event": event.event_id(),
            "customer": payer.customer,
            "subject": payer.user,
            "old_plan": old_plan,
            "new_plan": plan,
            "status": status,
            "reason": "customer.subscription.updated",
        });
        assert_eq!(lines_about(&gateway, event.event_id()).await, [line], "{why}");
        old_plan = plan;
    }
    gateway.stripe.cancel(&payer.subscription);
    let event = payer.event(&gateway, "customer.subscription.deleted");
    assert_eq!(receipt(&gateway, &event).await, payer.processed(&event, "free", true));
    assert_eq!(payer.plan(&gateway).as_deref(), Some("free"));
    assert_eq!(gateway.clerk.public_metadata(&payer.user)["subscription"]["status"], "canceled");
    assert_eq!(gateway.clerk.private_metadata(&payer.user)["stripe_subscription"], Value::Null);
    assert_eq!(lines_about(&gateway, event.event_id()).await[0]["audit"], "deactivated");
}

#[tokio::test]
async fn a_stale_event_causes_the_current_plan_and_not_its_own() {
    let gateway = shipped().await;
    let payer = Payer::settled(&gateway, "stale", PRO).await;
    let upgraded = payer.change(&gateway, at_price(ENTERPRISE));
    let downgraded = payer.change(&gateway, at_price(PRO));
    for event in [&downgraded, &upgraded] {
        assert_eq!(receipt(&gateway, event).await, payer.processed(event, "pro", false));
    }
}

#[tokio::test]
async fn a_failed_payment_has_two_weeks_of_grace_and_upgrades_nothing() {
    let gateway = shipped().await;
    let cases = [
        ("late", 1, "subscription_cycle", "enterprise", Some("past_due")),
        ("too_late", 15, "subscription_cycle", "free", None),
        ("unpaid_upgrade", 1, "subscription_update", "pro", Some("past_due")),
    ];
    for (name, days, reason, plan, in_grace) in cases {
        let payer = Payer::settled(&gateway, name, PRO).await;
        let (invoice, owed_since) = (format!("in_{name}"), unix_now() - days * DAY_S);
        if reason == "subscription_cycle" {
            receipt(&gateway, &payer.change(&gateway, at_price(ENTERPRISE))).await;
        }
        let owed = Invoice::new(&invoice, &payer.customer, &payer.subscription);
        let next_attempt = unix_now() + 3 * DAY_S;
        let owed = owed.created(owed_since).billing_reason(reason).attempts(1, Some(next_attempt));
        gateway.stripe.put(owed);
        let event = payer.change(&gateway, |subscription| {
            "past_due".clone_into(&mut subscription.status);
            ENTERPRISE.clone_into(&mut subscription.items[0].price);
            subscription.latest_invoice = Some(invoice.clone());
        });
        assert_eq!(receipt(&gateway, &event).await, payer.processed(&event, plan, true), "{name}");
        let note = &gateway.clerk.public_metadata(&payer.user)["subscription"];
        assert_eq!(note["status"], "past_due", "{name}");
        let grace_until = in_grace.map(|_| owed_since + 14 * DAY_S);
        assert_eq!(note["grace_until"].as_i64(), grace_until, "{name}");

        let failed = gateway.stripe.event("invoice.payment_failed", &invoice);
        assert_eq!(receipt(&gateway, &failed).await, payer.processed(&failed, plan, false), "{name}");
        let line = json!({
            "audit": "payment_failed",
            "event": failed.event_id(),
            "customer": payer.customer,
            "subject": payer.user,
            "attempt_count": 1,
            "next_attempt": next_attempt,
            "final": false,
        });
        assert_eq!(lines_about(&gateway, failed.event_id()).await, [line], "{name}");
    }
}

#[tokio::test]
async fn the_last_failed_payment_is_marked_final() {
    let gateway = shipped().await;
    let payer = Payer::settled(&gateway, "last_attempt", PRO).await;
    let next_attempt = unix_now() + DAY_S;
    let cases = [
        ("no_next", 2, None, true),
        ("third", 3, Some(next_attempt), true),
        ("second", 2, Some(next_attempt), false),
    ];
    for (name, count, next, is_final) in cases {
        let invoice = Invoice::new(&format!("in_{name}"), &payer.customer, &payer.subscription);
        gateway.stripe.put(invoice.attempts(count, next));
        let event = gateway.stripe.event("invoice.payment_failed", &format!("in_{name}"));
        receipt(&gateway, &event).await;
        let lines = lines_about(&gateway, event.event_id()).await;
        assert_eq!(
            (&lines[0]["final"], &lines[0]["next_attempt"]),
            (&json!(is_final), &json!(next)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_thin_event_has_the_same_effect_as_a_snapshot() {
    let gateway = shipped().await;
    let payer = Payer::named(&gateway, "thin", PRO);
    let created = gateway.stripe.thin_event("v1.customer.subscription.created", &payer.subscription);
    assert_eq!(receipt(&gateway, &created).await, payer.processed(&created, "pro", true));
    gateway.stripe.cancel(&payer.subscription);
    let deleted = gateway.stripe.thin_event("v1.customer.subscription.deleted", &payer.subscription);
    assert_eq!(receipt(&gateway, &deleted).await, payer.processed(&deleted, "free", true));
}

#[tokio::test]
async fn a_deleted_customer_ends_its_plans() {
    let gateway = shipped().await;
    let payer = Payer::settled(&gateway, "deleted", PRO).await;
    gateway.stripe.change(&payer.customer, |customer: &mut Customer| {
        customer.metadata.insert("clerk_user_id".to_owned(), payer.user.clone());
    });
    let customer = gateway.stripe.object(&payer.customer);
    gateway.stripe.delete_customer(&payer.customer);
    let event = gateway.stripe.event_about("customer.deleted", customer);
    assert_eq!(receipt(&gateway, &event).await, payer.processed(&event, "free", true));
}

#[tokio::test]
async fn a_subscription_that_moves_to_another_user_moves_its_plan() {
    let gateway = shipped().await;
    let payer = Payer::settled(&gateway, "given", PRO).await;
    gateway.clerk.put_user(User::new("user_receiver"));
    let event = payer.change(&gateway, |subscription| {
        subscription.metadata.insert("clerk_user_id".to_owned(), "user_receiver".to_owned());
    });
    let response = receipt(&gateway, &event).await;
    assert_eq!((&response["status"], &response["changed"]), (&json!("processed"), &json!(true)));
    assert_eq!(gateway.clerk.plan("user_receiver").as_deref(), Some("pro"));
    assert_eq!(payer.plan(&gateway).as_deref(), Some("free"), "its previous owner");
}

#[tokio::test]
async fn events_that_need_no_work_are_accepted_and_cost_nothing() {
    let gateway = shipped().await;
    let payer = Payer::named(&gateway, "foreign", PRO);
    let event = |kind: &str| payer.event(&gateway, kind);
    let cases = [
        ("no work", event("customer.tax_id.created"), None),
        ("an invoice that Stripe waits for", event("invoice.created"), None),
        (
            "of a connected account",
            event("customer.subscription.created").account("acct_1"),
            Some("connected_account"),
        ),
        ("of the other mode", event("customer.subscription.created").livemode(true), Some("wrong_mode")),
    ];
    for (why, event, alarm) in cases {
        let ignored = json!({"received": true, "status": "ignored", "event": event.event_id()});
        assert_eq!(receipt(&gateway, &event).await, ignored, "{why}");
        if let Some(alarm) = alarm {
            assert_eq!(lines_about(&gateway, event.event_id()).await[0]["alarm"], alarm, "{why}");
        }
    }
    let ours = any().containing("_foreign");
    assert_eq!((gateway.stripe.log().count(&ours), gateway.clerk.log().count(&ours)), (0, 0));
}

#[tokio::test]
async fn unowned_subscriptions_are_accepted_and_missing_users_retried() {
    let gateway = shipped().await;
    let unowned = Payer::new(&gateway, "unowned", PRO);
    let event = unowned.event(&gateway, "customer.subscription.created");
    let response = receipt(&gateway, &event).await;
    assert_eq!(
        (&response["status"], &response["subscription"]),
        (&json!("no_subject"), &json!(unowned.subscription))
    );
    let alarm = &lines_about(&gateway, event.event_id()).await[0];
    assert_eq!((&alarm["alarm"], &alarm["object"]), (&json!("no_subject"), &json!(unowned.subscription)));
    assert!(response["cure"].as_str().is_some() && alarm["cure"] == response["cure"], "{response} {alarm}");

    let unknown = Payer::named(&gateway, "unknown", PRO);
    gateway.clerk.delete(&unknown.user);
    let event = unknown.event(&gateway, "customer.subscription.created");
    let answered = deliver(&gateway, &event).await;
    assert_eq!((answered.status, &answered.body["code"]), (503, &json!("subject_missing")));
    assert_eq!(lines_about(&gateway, event.event_id()).await[0]["alarm"], "subject_missing");

    gateway.stripe.change(&unknown.subscription, |s: &mut Subscription| s.created -= 2 * DAY_S);
    let event = unknown.event(&gateway, "customer.subscription.updated");
    let response = receipt(&gateway, &event).await;
    assert_eq!((&response["status"], &response["subject"]), (&json!("subject_gone"), &json!(unknown.user)));
    assert_eq!(lines_about(&gateway, event.event_id()).await[0]["alarm"], "subject_gone");
}
