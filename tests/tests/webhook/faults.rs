//! Whatever goes wrong at Stripe or Clerk, at whichever step: Stripe is told to come again, no plan is lost, and its
//! next delivery completes the work.

use crate::shared::{ENTERPRISE, PRO, Payer, deliver, receipt, shipped, with_plans};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tollgate_tests::fake::{Answer, unix_now};
use tollgate_tests::faults::{Fault, Faults, Gate, Matcher, on};
use tollgate_tests::gateway::{Gateway, WEBHOOK_PATH, WEBHOOK_SECRET};
use tollgate_tests::stripe::model::Subscription;
use tollgate_tests::wire;

/// How many connections were closed by the other side while a request was under way.
const CLIENTS_GONE: &str = "http.public.downstream_cx_destroy_remote_active_rq";

/// A callout of a sync that writes: which request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Subscription,
    Subscriptions,
    Link,
    Record,
    Write,
}

impl Step {
    const ALL: [Step; 5] = [Step::Subscription, Step::Subscriptions, Step::Link, Step::Record, Step::Write];

    fn is_at_stripe(self) -> bool {
        !matches!(self, Step::Record | Step::Write)
    }

    fn matcher(self, payer: &Payer) -> Matcher {
        match self {
            Step::Subscription => on("GET", &format!("/v1/subscriptions/{}", payer.subscription)),
            Step::Subscriptions => {
                on("GET", "/v1/subscriptions").containing(&format!("customer={}&", payer.customer))
            }
            Step::Link => on("POST", &format!("/v1/subscriptions/{}", payer.subscription)),
            Step::Record => on("GET", &format!("/v1/users/{}", payer.user)),
            Step::Write => on("PATCH", &format!("/v1/users/{}/", payer.user)),
        }
    }

    fn faults(self, gateway: &Gateway) -> &Faults {
        if self.is_at_stripe() { gateway.stripe.faults() } else { gateway.clerk.faults() }
    }
}

/// What goes wrong, with what is answered then.
fn troubles(at_stripe: bool) -> Vec<(&'static str, Fault, u16, &'static str)> {
    let away = "upstream_unavailable";
    let error = |status, kind: &str| {
        let stripes = json!({"error": {"type": kind, "message": "x"}});
        let clerks = json!({"errors": [{"code": kind, "message": "x"}]});
        Fault::status(status, if at_stripe { &stripes } else { &clerks })
    };
    let too_often = if at_stripe { Fault::stripe_rate_limit() } else { Fault::clerk_rate_limit(7) };
    let unauthorized =
        error(401, if at_stripe { "invalid_request_error" } else { "authorization_header_format_invalid" });
    let not_json = Fault::Answer(Answer { status: 200, headers: Vec::new(), body: Vec::new() });
    vec![
        ("no answer in time", Fault::Delay(Duration::from_millis(2_600)), 503, away),
        ("reset", Fault::Reset, 503, away),
        ("done, but no answer", Fault::LoseAnswer, 503, away),
        ("half an answer", Fault::ResetMidBody, 503, away),
        ("too often", too_often, 503, away),
        ("its own 500", error(500, "api_error"), 503, away),
        ("somebody else's 503", Fault::unavailable(), 503, away),
        ("garbage", Fault::garbage(), 503, away),
        ("an empty answer", not_json, 503, away),
        ("an answer of 5 MB", Fault::huge(5 << 20), 503, away),
        ("a wrong key", unauthorized, 500, "bad_credentials"),
    ]
}

/// A user on `pro` whose subscription now buys `enterprise`, and is nobody's but by its Checkout Session.
async fn about_to_change(gateway: &Gateway, name: &str) -> Payer {
    let payer = Payer::settled(gateway, name, PRO).await;
    gateway.stripe.put(payer.checkout().metadata("clerk_user_id", &payer.user));
    gateway.stripe.change(&payer.subscription, |subscription: &mut Subscription| {
        subscription.metadata.clear();
        ENTERPRISE.clone_into(&mut subscription.items[0].price);
    });
    payer
}

#[tokio::test]
async fn whichever_callout_fails_in_whatever_way_the_retry_completes_and_no_plan_is_lost() {
    let gateway = shipped().await;
    let mut cases = JoinSet::new();
    for step in Step::ALL {
        for (place, trouble) in troubles(step.is_at_stripe()).into_iter().enumerate() {
            let gateway = gateway.clone();
            // Matchers go by how a path begins: no name may be how another begins.
            let name = format!("{step:?}_{place:02}").to_lowercase();
            cases.spawn(async move { fails_once(&gateway, step, &name, trouble).await });
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
    let payer = about_to_change(gateway, name).await;
    step.faults(gateway).next(1, step.matcher(&payer), fault);
    let event = gateway.stripe.event("checkout.session.completed", &payer.session);

    let answered = deliver(gateway, &event).await;
    assert_eq!((answered.status, &answered.body["code"]), (status, &json!(code)), "{why}: {answered:?}");
    assert_eq!(answered.body["event"], event.event_id(), "{why}");
    assert_eq!(answered.retry_after.as_deref(), Some("30"), "{why}");
    let kept = payer.plan(gateway);
    assert!(["pro", "enterprise"].contains(&kept.as_deref().unwrap_or_default()), "{why}: {kept:?}");

    let answer = receipt(gateway, &event).await;
    assert_eq!((&answer["status"], &answer["plan"]), (&json!("processed"), &json!("enterprise")), "{why}");
    assert_eq!(payer.plan(gateway).as_deref(), Some("enterprise"), "{why}");
    // Two links are made side by side, and either is enough.
    let links = [&payer.subscription, &payer.customer].map(|id| gateway.stripe.metadata(id));
    assert!(links.iter().any(|link| link.get("clerk_user_id") == Some(&payer.user)), "{why}: {links:?}");
}

/// An address at which nothing listens.
async fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address")
}

#[tokio::test]
async fn a_service_that_refuses_connections_is_come_back_to() {
    for cluster in ["stripe_api", "clerk_api"] {
        let address = refusing().await;
        let gateway = shipped().await;
        let cut_off =
            gateway.replica(|standalone| with_plans(standalone).upstream_at(cluster, address)).await;
        let payer = Payer::settled(&gateway, &format!("refused_{cluster}"), PRO).await;
        let event = payer.change(&gateway, |s| ENTERPRISE.clone_into(&mut s.items[0].price));
        let answer = gateway.deliver_to(&cut_off, &event, unix_now()).await.expect("an answer");
        assert_eq!(answer.status(), 503, "{cluster}");
        assert_eq!(answer.headers()["retry-after"], "30", "{cluster}");
        assert_eq!(payer.plan(&gateway).as_deref(), Some("pro"), "{cluster}");
        assert_eq!(receipt(&gateway, &event).await["plan"], "enterprise", "{cluster}");
    }
}

#[tokio::test]
async fn slow_services_are_not_waited_for_beyond_the_time_of_the_whole() {
    let gateway = shipped().await;
    let payer = about_to_change(&gateway, "slow").await;
    // Each within its own timeout, all of them together not.
    let slow = || Fault::Delay(Duration::from_millis(1_800));
    let at_stripe = || Matcher::default().containing("_slow");
    gateway.stripe.faults().next(100, at_stripe(), slow());
    gateway.clerk.faults().next(100, at_stripe(), slow());
    let event = gateway.stripe.event("checkout.session.completed", &payer.session);
    // `deliver` holds it to its time.
    let answered = deliver(&gateway, &event).await;
    assert_eq!(answered.status, 503, "{}", answered.body);
    assert!(payer.plan(&gateway).is_some_and(|plan| plan != "free"));
}

#[tokio::test]
async fn a_sync_whose_client_leaves_in_the_middle_is_completed_by_the_retry() {
    let gateway = Gateway::start(with_plans).await;
    for step in Step::ALL {
        let payer = about_to_change(&gateway, &format!("left_{step:?}").to_lowercase()).await;
        let event = gateway.stripe.event("checkout.session.completed", &payer.session);
        let gate = Gate::new();
        step.faults(&gateway).next(1, step.matcher(&payer), Fault::HoldAnswer(gate.clone()));
        let before = gateway.envoy.stats().await.value(CLIENTS_GONE);

        let (body, signature) = event.signed(&[WEBHOOK_SECRET], unix_now());
        let fields = format!("stripe-signature: {signature}\r\n");
        let mut client = TcpStream::connect(gateway.envoy.address()).await.expect("a listener");
        client.write_all(&wire::request("POST", WEBHOOK_PATH, fields, &body)).await.expect("it is read");
        gate.wait_for(1).await;
        drop(client);
        gateway.envoy.stats_until("the client is gone", |stats| stats.value(CLIENTS_GONE) > before).await;
        gate.open();

        let answer = receipt(&gateway, &event).await;
        assert_eq!(
            (&answer["status"], &answer["plan"]),
            (&json!("processed"), &json!("enterprise")),
            "{step:?}"
        );
        assert_eq!(payer.plan(&gateway).as_deref(), Some("enterprise"), "{step:?}");
    }
}
