//! The gateway that most of these tests share, and paying users.

use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_tests::client::wire::request;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::faults::on;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::events::Event;
use tollgate_tests::fakes::stripe::model::{Customer, PERIOD_S, Price, Session, Subscription};
use tollgate_tests::processes::envoy::{Standalone, yaml};
use tollgate_tests::processes::gateway::{Gateway, SharedGateway, WEBHOOK_PATH, WEBHOOK_SECRET};

/// The maximum time of a response: the 8 seconds of a whole sync, and some for a busy machine.
pub const RESPONSE_TIME_MAX: Duration = Duration::from_secs(13);

/// The price that buys `pro`.
pub const PRO: &str = "price_pro";
/// The price that buys `enterprise`.
pub const ENTERPRISE: &str = "price_enterprise";

/// Returns the shared gateway: Envoy as shipped, with plans for all tests.
pub async fn shipped() -> Arc<Gateway> {
    static GATEWAY: SharedGateway = SharedGateway::new(with_plans);
    GATEWAY.gateway().await
}

/// Sets the plans of these tests, and accepts only events of test mode. Everything else in the document is as
/// shipped.
pub fn with_plans(standalone: Standalone) -> Standalone {
    standalone.document(|document| {
        let asks = |max: u32| json!({"asks": [{"max": max, "per": "day"}]});
        let plans = json!([
            {"name": "free", "limits": asks(5)},
            {"name": "pro", "prices": [PRO], "lookup_keys": ["pro_monthly"], "limits": asks(100)},
            {"name": "enterprise", "prices": [ENTERPRISE], "limits": asks(1000)},
        ]);
        document["plans"] = yaml(plans);
        document["stripe_webhook"]["livemode"] = false.into();
    })
}

/// A paying user, with a customer and a subscription that no other test uses.
pub struct Payer {
    pub user: String,
    pub customer: String,
    pub subscription: String,
    pub session: String,
    /// The end of the paid period (Unix seconds).
    pub period_end: i64,
}

impl Payer {
    /// Creates a user without metadata, who is not named at Stripe, with an active subscription of that
    /// price.
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

    /// Creates a user who is named in the subscription's metadata.
    pub fn named(gateway: &Gateway, name: &str, price: &str) -> Payer {
        let payer = Payer::new(gateway, name, price);
        gateway.stripe.change(&payer.subscription, |subscription: &mut Subscription| {
            subscription.metadata.insert("clerk_user_id".to_owned(), payer.user.clone());
        });
        payer
    }

    /// Creates such a user, whose plan is already in Clerk's metadata.
    pub async fn settled(gateway: &Gateway, name: &str, price: &str) -> Payer {
        let payer = Payer::named(gateway, name, price);
        let response = receipt(gateway, &payer.event(gateway, "customer.subscription.created")).await;
        assert_eq!(response["changed"], true, "{response}");
        payer
    }

    /// Creates a user on `pro` whose subscription now buys `enterprise`, and is only named by its Checkout
    /// Session.
    pub async fn about_to_change(gateway: &Gateway, name: &str) -> Payer {
        let payer = Payer::settled(gateway, name, PRO).await;
        gateway.stripe.put(payer.checkout().metadata("clerk_user_id", &payer.user));
        gateway.stripe.change(&payer.subscription, |subscription: &mut Subscription| {
            subscription.metadata.clear();
            ENTERPRISE.clone_into(&mut subscription.items[0].price);
        });
        payer
    }

    /// Returns the Checkout Session that created the subscription.
    pub fn checkout(&self) -> Session {
        Session::new(&self.session, &self.customer, &self.subscription)
    }

    /// Returns an event about the subscription in its current state.
    pub fn event(&self, gateway: &Gateway, kind: &str) -> Event {
        gateway.stripe.event(kind, &self.subscription)
    }

    /// Changes the subscription, and returns the event that Stripe sends about it.
    pub fn change(&self, gateway: &Gateway, change: impl FnOnce(&mut Subscription)) -> Event {
        gateway.stripe.update(&self.subscription, change)
    }

    /// Returns the plan in Clerk's metadata.
    pub fn plan(&self, gateway: &Gateway) -> Option<String> {
        gateway.clerk.plan(&self.user)
    }

    /// Returns how often the user was written at Clerk.
    pub fn writes(&self, gateway: &Gateway) -> usize {
        gateway.clerk.log().count(&on("PATCH", &format!("/v1/users/{}/", self.user)))
    }

    /// Returns the response to an event that was processed.
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

/// A response of the webhook.
#[derive(Debug)]
pub struct WebhookResponse {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: Value,
}

/// Delivers an event, signed at `signed_at`, and checks the time of the response.
pub async fn deliver_signed(gateway: &Gateway, event: &Event, signed_at: i64) -> WebhookResponse {
    let began = Instant::now();
    let response = gateway.deliver_signed(event, signed_at).await;
    assert!(began.elapsed() <= RESPONSE_TIME_MAX, "answered after {:?}", began.elapsed());
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).map(|v| v.to_str().expect("text").to_owned());
    let (retry_after, kind) = (header("retry-after"), header("content-type"));
    let want = if status == 200 { "application/json" } else { "application/problem+json" };
    assert_eq!(kind.as_deref(), Some(want), "{status}");
    WebhookResponse { status, retry_after, body: response.json().await.expect("JSON") }
}

/// Delivers an event, signed now.
pub async fn deliver(gateway: &Gateway, event: &Event) -> WebhookResponse {
    deliver_signed(gateway, event, unix_now()).await
}

/// Delivers an event that is accepted, and returns the body of the response.
pub async fn receipt(gateway: &Gateway, event: &Event) -> Value {
    let answered = deliver(gateway, event).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    answered.body
}

/// Returns the request of an event, signed now.
pub fn signed_request(event: &Event) -> Vec<u8> {
    let (body, signature) = event.signed(&[WEBHOOK_SECRET], unix_now());
    request("POST", WEBHOOK_PATH, format!("stripe-signature: {signature}\r\n"), &body)
}
