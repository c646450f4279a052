//! Two Envoys with the same Stripe and Clerk, one of which is killed during its work.

use crate::shared::{ENTERPRISE, PRO, Payer, signed_request, with_plans};
use crate::step::Step;
use serde_json::{Value, json};
use tollgate_tests::client::wire::exchange;
use tollgate_tests::fakes::faults::{Fault, HoldPoint};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::events::Event;
use tollgate_tests::processes::envoy::Envoy;
use tollgate_tests::processes::gateway::Gateway;

/// Delivers an event again, as Stripe does later.
async fn retried(gateway: &Gateway, envoy: &Envoy, event: &Event) -> Value {
    let response = gateway.deliver_to(envoy, event, unix_now() + 120).await.expect("a response");
    assert_eq!(response.status(), 200);
    response.json().await.expect("JSON")
}

#[tokio::test]
async fn a_retry_elsewhere_completes_at_whatever_step_a_gateway_is_killed() {
    let mut gateway = Gateway::start(with_plans).await;
    let other = gateway.replica(with_plans).await;
    let mut prepared = Vec::new();
    for step in Step::ALL {
        // Before and after the request is carried out.
        for hold in [Fault::HoldRequest, Fault::HoldResponse] {
            let hold_point = HoldPoint::new();
            let fault = hold(hold_point.clone());
            let name = format!("{step:?}_{}", fault.name().replace(' ', "_")).to_lowercase();
            let payer = Payer::about_to_change(&gateway, &name).await;
            step.faults(&gateway).next(1, step.matcher(&payer), fault);
            let event = gateway.stripe.event("checkout.session.completed", &payer.session);
            prepared.push((name, payer, event, hold_point));
        }
    }
    // All deliveries start together, because each has its response after two seconds.
    let mut in_progress = Vec::new();
    for (name, payer, event, hold_point) in prepared {
        let (address, bytes) = (gateway.envoy.address(), signed_request(&event));
        let delivery = tokio::spawn(async move { exchange(address, &bytes).await });
        in_progress.push((name, payer, event, hold_point, delivery));
    }
    for (_, _, _, hold_point, _) in &in_progress {
        hold_point.wait_for(1).await;
    }
    gateway.envoy.crash();
    for (name, payer, event, hold_point, delivery) in in_progress {
        assert_eq!(delivery.await.expect("no panic"), None, "{name}: answered before its work was done");
        assert!(payer.plan(&gateway).is_some_and(|plan| plan != "free"), "{name}: a plan is lost");
        let response = retried(&gateway, &other, &event).await;
        assert_eq!(
            (&response["status"], &response["plan"]),
            (&json!("processed"), &json!("enterprise")),
            "{name}"
        );
        // The held request or response arrives only now; no caller waits for it.
        hold_point.open();
        let again = retried(&gateway, &other, &event).await;
        assert_eq!((&again["plan"], &again["changed"]), (&json!("enterprise"), &json!(false)), "{name}");
        assert_eq!(payer.plan(&gateway).as_deref(), Some("enterprise"), "{name}");
    }
    gateway.envoy.restart().await;
}

#[tokio::test]
async fn a_write_that_outlives_its_gateway_is_corrected_by_stripes_retry() {
    let mut gateway = Gateway::start(with_plans).await;
    let other = gateway.replica(with_plans).await;
    let payer = Payer::settled(&gateway, "outlived", PRO).await;
    let upgraded = payer.change(&gateway, |s| ENTERPRISE.clone_into(&mut s.items[0].price));
    let write = HoldPoint::new();
    Step::Write.faults(&gateway).next(1, Step::Write.matcher(&payer), Fault::HoldRequest(write.clone()));
    let (address, bytes) = (gateway.envoy.address(), signed_request(&upgraded));
    let delivery = tokio::spawn(async move { exchange(address, &bytes).await });
    write.wait_for(1).await;
    gateway.envoy.crash();
    assert_eq!(delivery.await.expect("no panic"), None);

    let ended = payer.change(&gateway, |s| "canceled".clone_into(&mut s.status));
    assert_eq!(retried(&gateway, &other, &ended).await["plan"], "free");
    let (carried_out, writes) = (gateway.clerk.log(), Step::Write.matcher(&payer));
    let before = carried_out.matching(&writes).iter().filter(|write| write.carried_out.is_some()).count();
    write.open();
    carried_out.wait_for_carried_out(before + 1, &writes).await;
    assert_eq!(payer.plan(&gateway).as_deref(), Some("enterprise"), "this has to be corrected");

    assert_eq!(retried(&gateway, &other, &upgraded).await, payer.processed(&upgraded, "free", true));
    assert_eq!(payer.plan(&gateway).as_deref(), Some("free"));
    gateway.envoy.restart().await;
}

#[tokio::test]
async fn two_customers_of_one_user_at_two_gateways_at_once_are_both_kept() {
    let gateway = Gateway::start(with_plans).await;
    let other = gateway.replica(with_plans).await;
    let payers = [Payer::new(&gateway, "first", PRO), Payer::new(&gateway, "second", ENTERPRISE)];
    let user = &payers[0].user;
    let mut events = Vec::new();
    for payer in &payers {
        events.push(payer.change(&gateway, |subscription| {
            subscription.metadata.insert("clerk_user_id".to_owned(), user.clone());
        }));
    }
    // Neither writes before both have read.
    let read = HoldPoint::new();
    Step::Record.faults(&gateway).next(
        2,
        Step::Record.matcher(&payers[0]),
        Fault::HoldResponse(read.clone()),
    );
    let open = async {
        read.wait_for(2).await;
        read.open();
    };
    let now = unix_now();
    let (first, second, ()) = tokio::join!(
        gateway.deliver_to(&gateway.envoy, &events[0], now),
        gateway.deliver_to(&other, &events[1], now),
        open
    );
    for response in [first, second] {
        assert_eq!(response.expect("a response").status(), 200);
    }
    assert_eq!(gateway.clerk.plan(user).as_deref(), Some("enterprise"));
    let private = json!({
        "stripe_customers": {&payers[0].customer: true, &payers[1].customer: true},
        "stripe_subscription": payers[1].subscription,
        "paid_plan": {"subscription": payers[1].subscription, "plan": "enterprise"},
    });
    assert_eq!(gateway.clerk.private_metadata(user), private);
}
