//! Any fault at Stripe or Clerk, at any step: no plan is lost, and Stripe's retry completes the work. Only a
//! note that cannot be written does not fail the delivery.

use crate::shared::{
    ENTERPRISE, PRO, Payer, RESPONSE_TIME_MAX, deliver, receipt, shipped, signed_request, with_plans,
};
use crate::step::Step;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tollgate_tests::fakes::faults::{Fault, HoldPoint, any};
use tollgate_tests::fakes::server::{FakeResponse, unix_now};
use tollgate_tests::fakes::stripe::events::Event;
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::processes::ports;

/// The number of cases that run at a time. With more, a busy machine is mistaken for a service that does not respond.
const PARALLEL: usize = 8;
/// The metric of the number of connections that were closed by the client while a request was in progress.
const CLIENTS_GONE: &str = "http.public.downstream_cx_destroy_remote_active_rq";

/// Returns the faults, each with the status and the code of the response.
fn fault_cases(at_stripe: bool) -> Vec<(&'static str, Fault, u16, &'static str)> {
    let unavailable = "upstream_unavailable";
    let error = |status, kind: &str| {
        let stripes = json!({"error": {"type": kind, "message": "x"}});
        let clerks = json!({"errors": [{"code": kind, "message": "x"}]});
        Fault::status(status, if at_stripe { &stripes } else { &clerks })
    };
    let too_often = if at_stripe { Fault::stripe_rate_limit() } else { Fault::clerk_rate_limit(7) };
    let unauthorized =
        error(401, if at_stripe { "invalid_request_error" } else { "authorization_header_format_invalid" });
    let not_json = Fault::Response(FakeResponse { status: 200, headers: Vec::new(), body: Vec::new() });
    vec![
        ("no response in time", Fault::Delay(Duration::from_millis(2_600)), 503, unavailable),
        ("reset", Fault::Reset, 503, unavailable),
        ("done, but no response", Fault::LoseResponse, 503, unavailable),
        ("half a response", Fault::ResetMidBody, 503, unavailable),
        ("too many requests", too_often, 503, unavailable),
        ("its own 500", error(500, "api_error"), 503, unavailable),
        ("a load balancer's 503", Fault::unavailable(), 503, unavailable),
        ("garbage", Fault::garbage(), 503, unavailable),
        ("an empty response", not_json, 503, unavailable),
        ("a response of 5 MB", Fault::huge(5 << 20), 503, unavailable),
        ("a wrong key", unauthorized, 500, "bad_credentials"),
    ]
}

#[tokio::test]
async fn if_any_callout_fails_the_retry_completes_and_no_plan_is_lost() {
    let gateway = shipped().await;
    let mut cases = JoinSet::new();
    for step in Step::ALL {
        for (index, fault) in fault_cases(step.is_at_stripe()).into_iter().enumerate() {
            let gateway = gateway.clone();
            // Matchers compare the start of a path: no name may be the start of another.
            let name = format!("{step:?}_{index:02}").to_lowercase();
            cases.spawn(async move { fails_once(&gateway, step, &name, fault).await });
            if cases.len() >= PARALLEL {
                cases.join_next().await.expect("one").expect("a passed case");
            }
        }
    }
    cases.join_all().await;
}

async fn fails_once(
    gateway: &Gateway,
    step: Step,
    name: &str,
    (what, fault, status, code): (&str, Fault, u16, &str),
) {
    let why = format!("{step:?}: {what}");
    let payer = Payer::about_to_change(gateway, name).await;
    step.faults(gateway).next(1, step.matcher(&payer), fault);
    let event = gateway.stripe.event("checkout.session.completed", &payer.session);

    if step == Step::Link {
        return fails_only_the_note(gateway, &payer, &event, &why).await;
    }
    let answered = deliver(gateway, &event).await;
    assert_eq!((answered.status, &answered.body["code"]), (status, &json!(code)), "{why}: {answered:?}");
    assert_eq!(answered.body["event"], event.event_id(), "{why}");
    assert_eq!(answered.retry_after.as_deref(), Some("30"), "{why}");
    let kept = payer.plan(gateway);
    assert!(["pro", "enterprise"].contains(&kept.as_deref().unwrap_or_default()), "{why}: {kept:?}");

    let response = receipt(gateway, &event).await;
    assert_eq!(
        (&response["status"], &response["plan"]),
        (&json!("processed"), &json!("enterprise")),
        "{why}"
    );
    assert_eq!(payer.plan(gateway).as_deref(), Some("enterprise"), "{why}");
    assert_eq!(noted_owner(gateway, &payer), Some(payer.user.clone()), "{why}");
}

/// Checks that a failed note fails nothing else: it only saves a request, and the next delivery writes it.
async fn fails_only_the_note(gateway: &Gateway, payer: &Payer, event: &Event, why: &str) {
    let response = receipt(gateway, event).await;
    assert_eq!(
        (&response["status"], &response["plan"]),
        (&json!("processed"), &json!("enterprise")),
        "{why}"
    );
    assert_eq!(payer.plan(gateway).as_deref(), Some("enterprise"), "{why}");
    receipt(gateway, &payer.event(gateway, "customer.subscription.updated")).await;
    assert_eq!(noted_owner(gateway, payer), Some(payer.user.clone()), "{why}");
}

fn noted_owner(gateway: &Gateway, payer: &Payer) -> Option<String> {
    gateway.stripe.metadata(&payer.subscription).get("tollgate_owner").cloned()
}

#[tokio::test]
async fn a_delivery_is_retried_after_a_service_refused_connections() {
    for cluster in ["stripe_api", "clerk_api"] {
        let gateway = shipped().await;
        let cut_off =
            gateway.replica(|standalone| with_plans(standalone).upstream_at(cluster, ports::CLOSED)).await;
        let payer = Payer::settled(&gateway, &format!("refused_{cluster}"), PRO).await;
        let event = payer.change(&gateway, |s| ENTERPRISE.clone_into(&mut s.items[0].price));
        let response = gateway.deliver_to(&cut_off, &event, unix_now()).await.expect("a response");
        assert_eq!(response.status(), 503, "{cluster}");
        assert_eq!(response.headers()["retry-after"], "30", "{cluster}");
        assert_eq!(payer.plan(&gateway).as_deref(), Some("pro"), "{cluster}");
        assert_eq!(receipt(&gateway, &event).await["plan"], "enterprise", "{cluster}");
    }
}

#[tokio::test]
async fn slow_services_do_not_exceed_the_time_of_the_whole_sync() {
    let gateway = shipped().await;
    // Each callout may take longer than the whole sync.
    let patient = |standalone| {
        with_plans(standalone).document(|document| {
            for service in ["stripe", "clerk"] {
                document["stripe_webhook"][service]["timeout_ms"] = 5_000.into();
            }
        })
    };
    let patient = gateway.replica(patient).await;
    let payer = Payer::about_to_change(&gateway, "slow").await;
    for faults in [gateway.stripe.faults(), gateway.clerk.faults()] {
        faults.next(100, any().containing("_slow"), Fault::Delay(Duration::from_secs(3)));
    }
    let event = gateway.stripe.event("checkout.session.completed", &payer.session);
    let began = Instant::now();
    let response = gateway.deliver_to(&patient, &event, unix_now()).await.expect("a response");
    let took = began.elapsed();
    assert_eq!(response.status(), 503);
    assert!((Duration::from_secs(6)..=RESPONSE_TIME_MAX).contains(&took), "answered after {took:?}");
    assert_eq!(payer.plan(&gateway).as_deref(), Some("pro"));
}

#[tokio::test]
async fn a_sync_whose_client_disconnects_is_completed_by_the_retry() {
    let gateway = Gateway::start(with_plans).await;
    for step in Step::ALL {
        let payer = Payer::about_to_change(&gateway, &format!("left_{step:?}").to_lowercase()).await;
        let event = gateway.stripe.event("checkout.session.completed", &payer.session);
        let hold_point = HoldPoint::new();
        step.faults(&gateway).next(1, step.matcher(&payer), Fault::HoldResponse(hold_point.clone()));
        let before = gateway.envoy.stats().await.value(CLIENTS_GONE);

        let mut client = TcpStream::connect(gateway.envoy.address()).await.expect("a listener");
        client.write_all(&signed_request(&event)).await.expect("it is read");
        hold_point.wait_for(1).await;
        drop(client);
        gateway.envoy.stats_until("the client is gone", |stats| stats.value(CLIENTS_GONE) > before).await;
        hold_point.open();

        let response = receipt(&gateway, &event).await;
        assert_eq!(
            (&response["status"], &response["plan"]),
            (&json!("processed"), &json!("enterprise")),
            "{step:?}"
        );
        assert_eq!(payer.plan(&gateway).as_deref(), Some("enterprise"), "{step:?}");
    }
}
