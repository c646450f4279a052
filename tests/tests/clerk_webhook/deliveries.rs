//! Verified events of Clerk: what each does, and that a duplicate does it once.

use crate::shared::{mirrored, receipt, shipped, user, without_sync};
use serde_json::json;
use tollgate_tests::fakes::clerk::Organization;
use tollgate_tests::fakes::clerk::billing::{BillingPlan, ClerkEvent, INSTANCE};
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::processes::gateway::Gateway;

/// Returns how many requests about that subject Clerk has received.
fn requests_about(gateway: &Gateway, subject: &str) -> usize {
    let kind = if subject.starts_with("org_") { "organizations" } else { "users" };
    gateway.clerk.log().count(&on("GET", &format!("/v1/{kind}/{subject}")))
}

#[tokio::test]
async fn the_plan_follows_the_billing_subscription() {
    let gateway = Gateway::start_with_clerk_webhook(mirrored).await;
    let (user, organization) = (user(&gateway, "subscriber"), "org_subscriber");
    gateway.clerk.put_organization(Organization::new(organization));
    gateway.clerk.put_billing_plan(BillingPlan::new("free_user").default_plan());
    gateway.clerk.put_billing_plan(BillingPlan::new("pro"));
    let deliver_all = async |why: &str| {
        for event in gateway.clerk.take_billing_events() {
            let response = gateway.deliver_from_clerk(&event).await;
            assert_eq!(response.status(), 200, "{why}: {}", event.kind());
        }
    };
    for subject in [user.as_str(), organization] {
        gateway.clerk.open_billing(subject);
        gateway.clerk.subscribe(subject, "pro");
        deliver_all("subscribed").await;
        assert_eq!(gateway.clerk.plan(subject).as_deref(), Some("pro"), "{subject}");
        assert_eq!(gateway.clerk.private_metadata(subject)["plan_source"], "clerk_billing", "{subject}");
        gateway.clerk.cancel_billing(subject);
        deliver_all("canceled").await;
        assert_eq!(gateway.clerk.plan(subject).as_deref(), Some("pro"), "{subject} until the period ends");
        gateway.clerk.end_billing(subject);
        deliver_all("ended").await;
        assert_eq!(gateway.clerk.plan(subject).as_deref(), Some("free"), "{subject}");
    }
    let log = gateway.envoy.log();
    for action in ["created", "deactivated"] {
        assert_eq!(log.matches(&format!(r#""audit":"{action}""#)).count(), 2, "{action}");
    }
}

#[tokio::test]
async fn an_event_syncs_its_payer_and_a_duplicate_does_nothing() {
    let gateway = shipped().await;
    let user = user(&gateway, "synced");
    let event = ClerkEvent::of_payer("msg_synced", "subscription.updated", &user);
    let first = receipt(gateway.deliver_from_clerk(&event).await).await;
    assert_eq!((&first["status"], &first["subject"]), (&json!("processed"), &json!(user)), "{first}");
    let before = requests_about(&gateway, &user);
    assert!(before > 0, "the payer is read at Clerk");
    // Each delivery has another signature, and the id of the event.
    let signed_earlier = gateway.deliver_from_clerk_at(&event, unix_now() - 5).await;
    assert_eq!(receipt(signed_earlier).await, without_sync("msg_synced", "already_received"));
    assert_eq!(requests_about(&gateway, &user), before);
    let other = ClerkEvent { id: "msg_synced_2".to_owned(), ..event };
    let other = receipt(gateway.deliver_from_clerk(&other).await).await;
    assert_eq!((&other["status"], &other["changed"]), (&json!("processed"), &json!(false)), "{other}");
}

#[tokio::test]
async fn an_event_is_synced_again_if_it_is_signed_later() {
    let gateway = shipped().await;
    let user = user(&gateway, "resent");
    let event = ClerkEvent::of_payer("msg_resent", "subscription.updated", &user);
    for (signed_at, status) in [(0, "processed"), (-60, "already_received"), (120, "processed")] {
        let response = gateway.deliver_from_clerk_at(&event, unix_now() + signed_at).await;
        assert_eq!(receipt(response).await["status"], status, "signed at {signed_at}");
    }
}

#[tokio::test]
async fn a_failed_sync_is_answered_503_and_a_retry_completes_it() {
    let gateway = shipped().await;
    let user = user(&gateway, "retried");
    let event = ClerkEvent::of_payer("msg_retried", "subscription.active", &user);
    let paths = [format!("/v1/users/{user}"), format!("/v1/users/{user}/billing/subscription")];
    for path in paths {
        gateway.clerk.faults().next(1, on("GET", &path), Fault::unavailable());
        let failed = gateway.deliver_from_clerk(&event).await;
        assert_eq!(failed.status(), 503, "{path}");
        assert!(failed.headers().contains_key("retry-after"), "{path}");
    }
    let retried = receipt(gateway.deliver_from_clerk(&event).await).await;
    assert_eq!(retried["status"], "processed", "{retried}");
}

#[tokio::test]
async fn every_other_event_is_ignored_without_a_call() {
    let gateway = Gateway::start_with_clerk_webhook(mirrored).await;
    let payer = json!({"payer": {"user_id": "user_1", "organization_id": ""}});
    let kinds = ["user.created", "subscriptionItem.upcoming", "session.created", "paymentAttempt.created"];
    let mut events: Vec<ClerkEvent> = kinds
        .iter()
        .enumerate()
        .map(|(number, kind)| ClerkEvent::new(&format!("msg_{number}"), kind, unix_now(), payer.clone()))
        .collect();
    // As shipped, nothing is canceled.
    events.push(ClerkEvent::deleted("msg_deleted", "user_1", unix_now()));
    for event in &events {
        let response = gateway.deliver_from_clerk(event).await;
        assert_eq!(receipt(response).await, without_sync(&event.id, "ignored"), "{}", event.kind());
    }
    assert_eq!((gateway.stripe.log().entries().len(), gateway.clerk.log().entries().len()), (0, 0));
    let stats = gateway.envoy.stats().await;
    assert_eq!(stats.plugin("tollgate.clerk_webhook.ignored"), 5);
}

#[tokio::test]
async fn an_event_without_a_payer_has_no_subject() {
    let gateway = shipped().await;
    let event = ClerkEvent::new("msg_no_payer", "subscriptionItem.ended", unix_now(), json!({}));
    let response = gateway.deliver_from_clerk(&event).await;
    assert_eq!(receipt(response).await, without_sync("msg_no_payer", "no_subject"));
    assert!(gateway.envoy.log().contains(r#"{"alarm":"no_subject","event":"msg_no_payer""#));
}

#[tokio::test]
async fn an_event_of_another_instance_is_ignored_with_an_alarm() {
    let gateway = Gateway::start_with_clerk_webhook(|standalone| {
        mirrored(standalone).document(|document| document["clerk_webhook"]["instance"] = INSTANCE.into())
    })
    .await;
    let user = user(&gateway, "of_instance");
    let event = ClerkEvent::of_payer("msg_instance", "subscription.updated", &user);
    let other = gateway.deliver_from_clerk(&event.clone().of_instance("ins_2")).await;
    assert_eq!(receipt(other).await, without_sync("msg_instance", "ignored"));
    assert!(gateway.envoy.log().contains(r#"{"alarm":"wrong_instance","event":"msg_instance""#));
    assert_eq!(requests_about(&gateway, &user), 0);
    let own = receipt(gateway.deliver_from_clerk(&event).await).await;
    assert_eq!(own["status"], "processed", "{own}");
}

#[tokio::test]
async fn a_failed_renewal_is_one_line_of_the_audit() {
    let gateway = Gateway::start_with_clerk_webhook(mirrored).await;
    let user = user(&gateway, "unpaid");
    gateway.clerk.put_billing_plan(BillingPlan::new("pro"));
    gateway.clerk.subscribe(&user, "pro");
    gateway.clerk.fail_billing_payment(&user);
    let events = gateway.clerk.take_billing_events();
    let failed = events.iter().find(|event| event.kind() == "paymentAttempt.updated").expect("an attempt");
    for status in ["ignored", "already_received"] {
        let response = gateway.deliver_from_clerk(failed).await;
        assert_eq!(receipt(response).await, without_sync(&failed.id, status));
    }
    let attempt = &failed.json["data"]["id"];
    let line = format!(
        r#"{{"audit":"payment_failed","event":"{}","subject":"{user}","source":"clerk_billing","payment_attempt":{attempt},"code":"card_declined","decline_code":"insufficient_funds"}}"#,
        failed.id
    );
    assert_eq!(gateway.envoy.log().matches(&line).count(), 1);
    assert_eq!(gateway.clerk.log().entries().len(), 0, "a failed payment alone changes nothing");
}
