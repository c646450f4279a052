//! Tests that a completed checkout sets the plan of the subject that Stripe names, in any of the supported
//! locations, and that a duplicate changes nothing.

use crate::shared::{PRO, Payer, deliver_signed, receipt, shipped};
use serde_json::json;
use tollgate_tests::fakes::clerk::Organization;
use tollgate_tests::fakes::faults::{any, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::model::{Customer, StripeMetadata, Subscription};
use tollgate_tests::processes::gateway::Gateway;

const USER_KEY: &str = "clerk_user_id";

/// The field at Stripe that names the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OwnerLocation {
    SessionMetadata,
    ClientReferenceId,
    SubscriptionMetadata,
    CustomerMetadata,
}

impl OwnerLocation {
    /// Puts a session at Stripe whose owner is named in this location.
    fn put_named_session(self, gateway: &Gateway, payer: &Payer) {
        let insert = |metadata: &mut StripeMetadata| metadata.insert(USER_KEY.to_owned(), payer.user.clone());
        let session = payer.checkout();
        let session = match self {
            OwnerLocation::SessionMetadata => session.metadata(USER_KEY, &payer.user),
            OwnerLocation::ClientReferenceId => session.client_reference_id(&payer.user),
            OwnerLocation::SubscriptionMetadata => {
                gateway
                    .stripe
                    .change(&payer.subscription, |s: &mut Subscription| _ = insert(&mut s.metadata));
                session
            }
            OwnerLocation::CustomerMetadata => {
                gateway.stripe.change(&payer.customer, |c: &mut Customer| _ = insert(&mut c.metadata));
                session
            }
        };
        gateway.stripe.put(session);
    }

    /// Returns the metadata that the subscription and the customer must have after the delivery.
    fn expected_metadata(self, user: &str) -> (StripeMetadata, StripeMetadata) {
        let named = || StripeMetadata::from([(USER_KEY.to_owned(), user.to_owned())]);
        let note = |from: &str| {
            let pairs = [("tollgate_owner", user), ("tollgate_owner_from", from)];
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
        };
        match self {
            OwnerLocation::SessionMetadata => (note("session_metadata"), StripeMetadata::new()),
            // The payer may have chosen it, so the note says where the owner was named.
            OwnerLocation::ClientReferenceId => (note("client_reference_id"), StripeMetadata::new()),
            OwnerLocation::SubscriptionMetadata => (named(), StripeMetadata::new()),
            OwnerLocation::CustomerMetadata => (StripeMetadata::new(), named()),
        }
    }
}

#[tokio::test]
async fn a_checkout_sets_the_plan_of_the_subject_that_stripe_names() {
    let gateway = shipped().await;
    let cases = [
        ("in_session", OwnerLocation::SessionMetadata),
        ("in_reference", OwnerLocation::ClientReferenceId),
        ("in_subscription", OwnerLocation::SubscriptionMetadata),
        ("in_customer", OwnerLocation::CustomerMetadata),
    ];
    for (name, location) in cases {
        let payer = Payer::new(&gateway, name, PRO);
        location.put_named_session(&gateway, &payer);
        let event = gateway.stripe.event("checkout.session.completed", &payer.session);
        assert_eq!(receipt(&gateway, &event).await, payer.processed(&event, "pro", true), "{location:?}");

        let subscription = json!({
            "status": "active", "current_period_end": payer.period_end, "cancel_at_period_end": false,
        });
        let public = json!({"plan": "pro", "subscription": subscription});
        assert_eq!(gateway.clerk.public_metadata(&payer.user), public, "{location:?}");
        let private = json!({
            "stripe_customers": {&payer.customer: true},
            "stripe_subscription": payer.subscription,
            "paid_plan": {"subscription": payer.subscription, "plan": "pro"},
        });
        assert_eq!(gateway.clerk.private_metadata(&payer.user), private, "{location:?}");
        let metadata = [&payer.subscription, &payer.customer].map(|id| gateway.stripe.metadata(id));
        assert_eq!(<(_, _)>::from(metadata), location.expected_metadata(&payer.user), "{location:?}");
        assert_eq!(payer.writes(&gateway), 1, "{location:?}");

        // Nothing is written if the same state is synced again.
        let again = payer.event(&gateway, "customer.subscription.updated");
        let stripe_writes =
            || gateway.stripe.log().count(&on("POST", "/v1/").containing(&format!("_{name}")));
        let before = stripe_writes();
        assert_eq!(receipt(&gateway, &again).await, payer.processed(&again, "pro", false), "{location:?}");
        assert_eq!((stripe_writes(), payer.writes(&gateway)), (before, 1), "{location:?}");
    }
}

#[tokio::test]
async fn a_duplicate_costs_no_callout_and_a_resend_costs_no_write() {
    let gateway = shipped().await;
    let payer = Payer::named(&gateway, "twice", PRO);
    let event = payer.event(&gateway, "customer.subscription.created");
    assert_eq!(receipt(&gateway, &event).await, payer.processed(&event, "pro", true));

    let callouts = || {
        let count = |log: &tollgate_tests::fakes::server::RequestLog| log.count(&any().containing("_twice"));
        (count(gateway.stripe.log()), count(gateway.clerk.log()))
    };
    let before = callouts();
    let received = json!({"received": true, "status": "already_received", "event": event.event_id()});
    // Repeated, so that both workers get one. They share the memory of processed events.
    for _ in 0..8 {
        assert_eq!(receipt(&gateway, &event).await, received);
    }
    assert_eq!(callouts(), before, "callouts of a duplicate");

    let resent = deliver_signed(&gateway, &event, unix_now() + 120).await;
    assert_eq!(resent.body, payer.processed(&event, "pro", false));
    assert!(callouts().0 > before.0 && callouts().1 > before.1, "it was not synced again");
    assert_eq!(payer.writes(&gateway), 1);

    // A resend also repairs metadata that was changed manually.
    gateway.clerk.set_public_metadata(&payer.user, json!({"plan": "free"}));
    let resent = deliver_signed(&gateway, &event, unix_now() + 240).await;
    assert_eq!(resent.body, payer.processed(&event, "pro", true));
    assert_eq!(payer.plan(&gateway).as_deref(), Some("pro"));
}

#[tokio::test]
async fn an_organization_gets_the_plan_that_is_paid_for_it() {
    let gateway = shipped().await;
    let payer = Payer::new(&gateway, "for_org", PRO);
    gateway.clerk.put_organization(Organization::new("org_paid"));
    gateway.stripe.put(payer.checkout().metadata(USER_KEY, &payer.user).metadata("clerk_org_id", "org_paid"));
    let event = gateway.stripe.event("checkout.session.completed", &payer.session);
    let response = receipt(&gateway, &event).await;
    assert_eq!((&response["subject"], &response["plan"]), (&json!("org_paid"), &json!("pro")));
    assert_eq!(gateway.clerk.plan("org_paid").as_deref(), Some("pro"));
    assert_eq!(payer.plan(&gateway), None, "the user who ordered it pays for the organization");
    assert_eq!(gateway.stripe.metadata(&payer.subscription)["tollgate_owner"], "org_paid");
}
