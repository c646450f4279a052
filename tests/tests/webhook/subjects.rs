//! A completed checkout becomes the plan of whom Stripe names, wherever it does; and a duplicate changes
//! nothing.

use crate::shared::{PRO, Payer, deliver_signed, receipt, shipped};
use serde_json::json;
use tollgate_tests::fakes::clerk::Organization;
use tollgate_tests::fakes::faults::{any, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::model::{Customer, StripeMetadata, Subscription};
use tollgate_tests::processes::gateway::Gateway;

const KEY: &str = "clerk_user_id";

/// Where Stripe names the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    SessionMetadata,
    ClientReferenceId,
    SubscriptionMetadata,
    CustomerMetadata,
}

impl Place {
    fn name(self, gateway: &Gateway, payer: &Payer) {
        let insert = |metadata: &mut StripeMetadata| metadata.insert(KEY.to_owned(), payer.user.clone());
        let session = payer.checkout();
        let session = match self {
            Place::SessionMetadata => session.metadata(KEY, &payer.user),
            Place::ClientReferenceId => session.client_reference_id(&payer.user),
            Place::SubscriptionMetadata => {
                gateway
                    .stripe
                    .change(&payer.subscription, |s: &mut Subscription| _ = insert(&mut s.metadata));
                session
            }
            Place::CustomerMetadata => {
                gateway.stripe.change(&payer.customer, |c: &mut Customer| _ = insert(&mut c.metadata));
                session
            }
        };
        gateway.stripe.put(session);
    }

    /// What the metadata of the subscription and of the customer are afterwards.
    fn linked(self, user: &str) -> (StripeMetadata, StripeMetadata) {
        let names = || StripeMetadata::from([(KEY.to_owned(), user.to_owned())]);
        let note = |from: &str| {
            let pairs = [("tollgate_owner", user), ("tollgate_owner_from", from)];
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
        };
        match self {
            Place::SessionMetadata => (note("session_metadata"), StripeMetadata::new()),
            // The payer may have chosen it: it is noted as what it is.
            Place::ClientReferenceId => (note("client_reference_id"), StripeMetadata::new()),
            Place::SubscriptionMetadata => (names(), StripeMetadata::new()),
            Place::CustomerMetadata => (StripeMetadata::new(), names()),
        }
    }
}

#[tokio::test]
async fn a_checkout_becomes_the_plan_of_whom_stripe_names_wherever_it_does() {
    let gateway = shipped().await;
    let cases = [
        ("in_session", Place::SessionMetadata),
        ("in_reference", Place::ClientReferenceId),
        ("in_subscription", Place::SubscriptionMetadata),
        ("in_customer", Place::CustomerMetadata),
    ];
    for (name, place) in cases {
        let payer = Payer::new(&gateway, name, PRO);
        place.name(&gateway, &payer);
        let event = gateway.stripe.event("checkout.session.completed", &payer.session);
        assert_eq!(receipt(&gateway, &event).await, payer.processed(&event, "pro", true), "{place:?}");

        let note = json!({
            "status": "active", "current_period_end": payer.period_end, "cancel_at_period_end": false,
        });
        let public = json!({"plan": "pro", "subscription": note});
        assert_eq!(gateway.clerk.public_metadata(&payer.user), public, "{place:?}");
        let private = json!({
            "stripe_customers": {&payer.customer: true},
            "stripe_subscription": payer.subscription,
            "paid_plan": {"subscription": payer.subscription, "plan": "pro"},
        });
        assert_eq!(gateway.clerk.private_metadata(&payer.user), private, "{place:?}");
        let metadata = [&payer.subscription, &payer.customer].map(|id| gateway.stripe.metadata(id));
        assert_eq!(<(_, _)>::from(metadata), place.linked(&payer.user), "{place:?}");
        assert_eq!(payer.writes(&gateway), 1, "{place:?}");

        // What is recorded now is enough: nothing is written anywhere when the same truth comes again.
        let again = payer.event(&gateway, "customer.subscription.updated");
        let links = || gateway.stripe.log().count(&on("POST", "/v1/").containing(&format!("_{name}")));
        let before = links();
        assert_eq!(receipt(&gateway, &again).await, payer.processed(&again, "pro", false), "{place:?}");
        assert_eq!((links(), payer.writes(&gateway)), (before, 1), "{place:?}");
    }
}

#[tokio::test]
async fn a_duplicate_costs_no_callout_and_a_resend_costs_no_write() {
    let gateway = shipped().await;
    let payer = Payer::named(&gateway, "twice", PRO);
    let event = payer.event(&gateway, "customer.subscription.created");
    assert_eq!(receipt(&gateway, &event).await, payer.processed(&event, "pro", true));

    let asked = || {
        let of = |log: &tollgate_tests::fakes::server::RequestLog| log.count(&any().containing("_twice"));
        (of(gateway.stripe.log()), of(gateway.clerk.log()))
    };
    let before = asked();
    let received = json!({"received": true, "status": "already_received", "event": event.event_id()});
    // More than once, so that both workers are asked: they share the memory.
    for _ in 0..8 {
        assert_eq!(receipt(&gateway, &event).await, received);
    }
    assert_eq!(asked(), before, "callouts of a duplicate");

    let resent = deliver_signed(&gateway, &event, unix_now() + 120).await;
    assert_eq!(resent.body, payer.processed(&event, "pro", false));
    assert!(asked().0 > before.0 && asked().1 > before.1, "it was not synced again");
    assert_eq!(payer.writes(&gateway), 1);

    // And it repairs what somebody has broken.
    gateway.clerk.set_public_metadata(&payer.user, json!({"plan": "free"}));
    let resent = deliver_signed(&gateway, &event, unix_now() + 240).await;
    assert_eq!(resent.body, payer.processed(&event, "pro", true));
    assert_eq!(payer.plan(&gateway).as_deref(), Some("pro"));
}

#[tokio::test]
async fn an_organization_gets_what_is_paid_for_it() {
    let gateway = shipped().await;
    let payer = Payer::new(&gateway, "for_org", PRO);
    gateway.clerk.put_organization(Organization::new("org_paid"));
    gateway.stripe.put(payer.checkout().metadata(KEY, &payer.user).metadata("clerk_org_id", "org_paid"));
    let event = gateway.stripe.event("checkout.session.completed", &payer.session);
    let response = receipt(&gateway, &event).await;
    assert_eq!((&response["subject"], &response["plan"]), (&json!("org_paid"), &json!("pro")));
    assert_eq!(gateway.clerk.plan("org_paid").as_deref(), Some("pro"));
    assert_eq!(payer.plan(&gateway), None, "the user who ordered it pays for the organization");
    assert_eq!(gateway.stripe.metadata(&payer.subscription)["tollgate_owner"], "org_paid");
}
