//! Users and organizations that are deleted at Clerk: with `on_deleted`, their Stripe subscriptions end.

use crate::shared::{receipt, user, without_sync};
use serde_json::{Value, json};
use tollgate_tests::fakes::clerk::Organization;
use tollgate_tests::fakes::clerk::billing::{ClerkEvent, INSTANCE};
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::model::{Customer, Price, Session, Subscription};
use tollgate_tests::processes::gateway::Gateway;

/// Starts a gateway that cancels in this way.
async fn canceling(on_deleted: &str) -> Gateway {
    let gateway = Gateway::start_with_clerk_webhook(|standalone| {
        standalone.document(|document| {
            document["clerk_webhook"]["instance"] = INSTANCE.into();
            document["clerk_webhook"]["on_deleted"] = on_deleted.into();
            document["clerk_webhook"]["stripe"]["cluster"] = "stripe_api".into();
        })
    })
    .await;
    gateway.stripe.put(Price::new("price_123"));
    // Search knows what is older than its delay.
    gateway
        .stripe
        .put(Customer::new("cus_own").metadata("clerk_user_id", "user_gone").created(unix_now() - 900));
    gateway
}

/// Adds a subscription of that customer, with this key of its metadata.
fn subscribe(gateway: &Gateway, name: &str, customer: &str, metadata: Option<(&str, &str)>) -> String {
    let id = format!("sub_{name}");
    let subscription = Subscription::new(&id, customer).item("price_123").created(unix_now() - 900);
    gateway.stripe.put(match metadata {
        Some((key, value)) => subscription.metadata(key, value),
        None => subscription,
    });
    id
}

fn canceled(event: &str, subject: &str, number: usize) -> Value {
    json!({"received": true, "status": "processed", "event": event, "subject": subject, "canceled": number})
}

/// Returns the subscriptions that the audit names, in order of their ids.
fn audited(gateway: &Gateway) -> Vec<String> {
    let log = gateway.envoy.log();
    let lines = log.lines().filter_map(|line| {
        let json = line.get(line.find(r#"{"audit":"subscription_canceled""#)?..)?;
        serde_json::Deserializer::from_str(json).into_iter::<Value>().next()?.ok()
    });
    let mut ids: Vec<String> =
        lines.map(|line| line["subscription"].as_str().unwrap_or_default().to_owned()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_deleted_users_own_subscriptions_end_with_their_period() {
    let gateway = canceling("cancel_at_period_end").await;
    user(&gateway, "gone");
    gateway.stripe.put(Customer::new("cus_other").created(unix_now() - 900));
    let own = [
        subscribe(&gateway, "of_customer", "cus_own", None),
        subscribe(&gateway, "own_metadata", "cus_other", Some(("clerk_user_id", "user_gone"))),
    ];
    let of_others = [
        subscribe(&gateway, "of_organization", "cus_own", Some(("clerk_org_id", "org_1"))),
        subscribe(&gateway, "unnamed", "cus_other", None),
        subscribe(&gateway, "referred", "cus_other", None),
    ];
    let session = Session::new("cs_referred", "cus_other", "sub_referred");
    gateway.stripe.put(session.client_reference_id("user_gone"));
    let event = ClerkEvent::deleted("msg_gone", "user_gone", unix_now());

    let early = receipt(gateway.deliver_from_clerk(&event).await).await;
    assert_eq!((&early["status"], &early["canceled"]), (&json!("subject_exists"), &json!(0)), "{early}");
    assert!(
        gateway
            .envoy
            .log()
            .contains(r#"{"alarm":"deleted_subject_exists","event":"msg_gone","subject":"user_gone""#)
    );
    assert_eq!(gateway.stripe.log().entries().len(), 0, "nothing is asked at Stripe");

    gateway.clerk.delete("user_gone");
    let response = receipt(gateway.deliver_from_clerk(&event).await).await;
    assert_eq!(response, canceled("msg_gone", "user_gone", 2));
    for id in &own {
        let subscription: Subscription = gateway.stripe.get(id);
        assert_eq!(
            (subscription.cancel_at_period_end, subscription.status.as_str()),
            (true, "active"),
            "{id}"
        );
    }
    for id in &of_others {
        assert!(!gateway.stripe.get::<Subscription>(id).cancel_at_period_end, "{id}");
    }
    assert_eq!(audited(&gateway), own);
    let again = receipt(gateway.deliver_from_clerk(&event).await).await;
    assert_eq!(again, without_sync("msg_gone", "already_received"));
    let resent = receipt(gateway.deliver_from_clerk_at(&event, unix_now() + 120).await).await;
    assert_eq!(resent, canceled("msg_gone", "user_gone", 0));
    let stats = gateway.envoy.stats().await;
    assert_eq!(stats.plugin("tollgate.clerk_webhook.subscriptions_canceled"), 2);
    assert_eq!(stats.plugin("tollgate.clerk_webhook.subject_exists"), 1);
}

#[tokio::test]
async fn a_deleted_organizations_subscriptions_end_and_a_retry_completes() {
    let gateway = canceling("cancel").await;
    gateway.clerk.put_organization(Organization::new("org_gone"));
    gateway.clerk.delete("org_gone");
    let names = ["first", "second", "third"];
    let own = names.map(|name| subscribe(&gateway, name, "cus_own", Some(("clerk_org_id", "org_gone"))));
    let event = ClerkEvent::deleted("msg_org", "org_gone", unix_now());
    let faults = gateway.stripe.faults();
    faults.next(1, on("DELETE", "/v1/subscriptions/sub_second"), Fault::unavailable());
    // The response to this one is lost, but Stripe performs it.
    faults.next(1, on("DELETE", "/v1/subscriptions/sub_third"), Fault::LoseResponse);
    let failed = gateway.deliver_from_clerk(&event).await;
    assert_eq!(failed.status(), 503);
    let sorted = ["sub_first".to_owned(), "sub_third".to_owned()];
    assert_eq!(audited(&gateway), sorted);
    let deletes = on("DELETE", "/v1/subscriptions/");
    let before = gateway.stripe.log().count(&deletes);
    let retried = receipt(gateway.deliver_from_clerk_at(&event, unix_now() + 5).await).await;
    assert_eq!(retried, canceled("msg_org", "org_gone", 1));
    assert_eq!(gateway.stripe.log().count(&deletes) - before, 1, "only what was left");
    for id in &own {
        assert_eq!(gateway.stripe.get::<Subscription>(id).status, "canceled", "{id}");
    }
    assert_eq!(audited(&gateway).len(), 3);
}

#[tokio::test]
async fn a_search_that_stripe_refuses_is_answered_200_with_an_alarm() {
    let gateway = canceling("cancel").await;
    subscribe(&gateway, "unfound", "cus_own", None);
    let error = json!({"error": {
        "type": "invalid_request_error", "message": "Search is not available for your account.",
    }});
    for kind in ["customers", "subscriptions"] {
        let search = on("GET", &format!("/v1/{kind}/search"));
        gateway.stripe.faults().next(1, search, Fault::status(400, &error));
    }
    let event = ClerkEvent::deleted("msg_unsearched", "user_gone", unix_now());
    let response = receipt(gateway.deliver_from_clerk(&event).await).await;
    assert_eq!(
        (&response["status"], &response["canceled"]),
        (&json!("not_canceled"), &json!(0)),
        "{response}"
    );
    let log = gateway.envoy.log();
    assert_eq!(log.matches(r#"{"alarm":"deleted_subject_unsearched","event":"msg_unsearched""#).count(), 1);
    // The event is not remembered: once Stripe searches, a resend completes it.
    let resent = receipt(gateway.deliver_from_clerk(&event).await).await;
    assert_eq!(resent, canceled("msg_unsearched", "user_gone", 1));
}
