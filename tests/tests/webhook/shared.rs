//! The gateway that most of these tests share, and those who pay.

use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_tests::client::wire::request;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::faults::on;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::events::Event;
use tollgate_tests::fakes::stripe::model::{Customer, PERIOD_S, Price, Session, Subscription};
use tollgate_tests::processes::envoy::Standalone;
use tollgate_tests::processes::gateway::{Gateway, Shared, WEBHOOK_PATH, WEBHOOK_SECRET};

/// What the slowest answer may take: the 8 seconds of a whole sync, and a second for a busy machine.
pub const ANSWER_MAX: Duration = Duration::from_secs(9);

/// The price that buys `pro`.
pub const PRO: &str = "price_pro";
/// The price that buys `enterprise`.
pub const ENTERPRISE: &str = "price_enterprise";

/// Envoy as shipped, with plans for all tests.
pub async fn shipped() -> Arc<Gateway> {
    static GATEWAY: Shared = Shared::new(with_plans);
    GATEWAY.gateway().await
}

/// The plans of these tests, and only events of test mode. All else in the document is as shipped.
pub fn with_plans(standalone: Standalone) -> Standalone {
    standalone.document(|document| {
        let asks = |max: u32| json!({"asks": [{"max": max, "per": "day"}]});
        let plans = json!([
            {"name": "free", "limits": asks(5)},
            {"name": "pro", "prices": [PRO], "lookup_keys": ["pro_monthly"], "limits": asks(100)},
            {"name": "enterprise", "prices": [ENTERPRISE], "limits": asks(1000)},
        ]);
        document["plans"] = serde_norway::to_value(plans).expect("JSON is YAML");
        document["stripe_webhook"]["livemode"] = false.into();
    })
}

/// Somebody who pays: a user, with a customer and a subscription that no other test has.
pub struct Payer {
    pub user: String,
    pub customer: String,
    pub subscription: String,
    pub session: String,
    /// When the paid period ends (Unix seconds).
    pub period_end: i64,
}

impl Payer {
    /// A user without metadata, whom nothing at Stripe names, with an active subscription of that price.
    pub fn new(gateway: &Gateway, name: &str, price: &str) -> Payer {
        let payer = Payer {
            user: format!("user_{name}"),
            customer: format!("cus_{name}"),
            subscription: format!("sub_{name}"),
            session: format!("cs_test_{name}"),
            period_end: unix_now() + PERIOD_S,
        };
        gateway.clerk.put_user(User::new(&payer.user));
        gateway.stripe.account(|account| {
            for price in [PRO, ENTERPRISE] {
                account.put(Price::new(price));
            }
            account.put(Customer::new(&payer.customer));
            let subscription = Subscription::new(&payer.subscription, &payer.customer).item(price);
            account.put(subscription.period(payer.period_end - PERIOD_S, payer.period_end));
        });
        payer
    }

    /// The same, named by the subscription's metadata.
    pub fn named(gateway: &Gateway, name: &str, price: &str) -> Payer {
        let payer = Payer::new(gateway, name, price);
        gateway.stripe.change(&payer.subscription, |subscription: &mut Subscription| {
            subscription.metadata.insert("clerk_user_id".to_owned(), payer.user.clone());
        });
        payer
    }

    /// The same, whose plan Clerk shows already.
    pub async fn settled(gateway: &Gateway, name: &str, price: &str) -> Payer {
        let payer = Payer::named(gateway, name, price);
        let response = receipt(gateway, &payer.event(gateway, "customer.subscription.created")).await;
        assert_eq!(response["changed"], true, "{response}");
        payer
    }

    /// A user on `pro` whose subscription now buys `enterprise`, and is nobody's but by its Checkout Session.
    pub async fn about_to_change(gateway: &Gateway, name: &str) -> Payer {
        let payer = Payer::settled(gateway, name, PRO).await;
        gateway.stripe.put(payer.checkout().metadata("clerk_user_id", &payer.user));
        gateway.stripe.change(&payer.subscription, |subscription: &mut Subscription| {
            subscription.metadata.clear();
            ENTERPRISE.clone_into(&mut subscription.items[0].price);
        });
        payer
    }

    /// The Checkout Session that led to the subscription.
    pub fn checkout(&self) -> Session {
        Session::new(&self.session, &self.customer, &self.subscription)
    }

    /// An event about the subscription as it is now.
    pub fn event(&self, gateway: &Gateway, kind: &str) -> Event {
        gateway.stripe.event(kind, &self.subscription)
    }

    /// Changes the subscription; the event that Stripe would send.
    pub fn change(&self, gateway: &Gateway, change: impl FnOnce(&mut Subscription)) -> Event {
        gateway.stripe.update(&self.subscription, change)
    }

    /// The plan that Clerk shows.
    pub fn plan(&self, gateway: &Gateway) -> Option<String> {
        gateway.clerk.plan(&self.user)
    }

    /// How often the user was written to at Clerk.
    pub fn writes(&self, gateway: &Gateway) -> usize {
        gateway.clerk.log().count(&on("PATCH", &format!("/v1/users/{}/", self.user)))
    }

    /// The response to an event that was processed.
    pub fn processed(&self, event: &Event, plan: &str, changed: bool) -> Value {
        json!({
            "received": true,
            "status": "processed",
            "event": event.event_id(),
            "subject": self.user,
            "plan": plan,
            "changed": changed,
        })
    }
}

/// A response of the webhook's.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: Value,
}

/// Delivers an event, signed at that time, and holds the response to its time.
pub async fn deliver_signed(gateway: &Gateway, event: &Event, signed_at: i64) -> Answered {
    let began = Instant::now();
    let response = gateway.deliver_signed(event, signed_at).await;
    assert!(began.elapsed() <= ANSWER_MAX, "answered after {:?}", began.elapsed());
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).map(|v| v.to_str().expect("text").to_owned());
    let (retry_after, kind) = (header("retry-after"), header("content-type"));
    let want = if status == 200 { "application/json" } else { "application/problem+json" };
    assert_eq!(kind.as_deref(), Some(want), "{status}");
    Answered { status, retry_after, body: response.json().await.expect("JSON") }
}

/// The same, signed now.
pub async fn deliver(gateway: &Gateway, event: &Event) -> Answered {
    deliver_signed(gateway, event, unix_now()).await
}

/// What an event is answered that is taken.
pub async fn receipt(gateway: &Gateway, event: &Event) -> Value {
    let answered = deliver(gateway, event).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    answered.body
}

/// An event as it comes over the wire, signed now.
pub fn signed_request(event: &Event) -> Vec<u8> {
    let (body, signature) = event.signed(&[WEBHOOK_SECRET], unix_now());
    request("POST", WEBHOOK_PATH, format!("stripe-signature: {signature}\r\n"), &body)
}
