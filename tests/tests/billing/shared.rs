//! The fixtures of the tests of the billing endpoints: a gateway, and requests as a frontend sends them.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::stripe::model::Price;
use tollgate_tests::processes::envoy::{Envoy, Standalone, yaml};
use tollgate_tests::processes::gateway::{APPLICATION, Gateway, SharedGateway};

/// A gateway with the shipped document, for tests that do not affect each other.
pub static SHIPPED: SharedGateway = SharedGateway::with_billing(|standalone| standalone);

/// A gateway that sells three plans with a trial and a purchase, for tests that do not affect each other.
pub static SHOP: SharedGateway = SharedGateway::with_billing(selling);

/// A gateway of its own that sells the same.
pub struct Shop {
    pub gateway: Gateway,
}

impl Shop {
    /// Starts the gateway, with the prices at Stripe.
    pub async fn start() -> Self {
        let gateway = Gateway::start_with_billing(selling).await;
        shop(&gateway);
        Shop { gateway }
    }

    /// Starts a second replica of the gateway.
    pub async fn replica(gateway: &Gateway) -> Envoy {
        gateway.replica_with_billing(selling).await
    }
}

/// Sells three plans, with a trial of one, and a purchase.
pub fn selling(standalone: Standalone) -> Standalone {
    standalone.document(|document| {
        document["plans"] = yaml(json!([
            {"name": "free", "limits": {"asks": [{"max": 5, "per": "day"}]}},
            {"name": "pro", "prices": ["price_123"], "limits": {"asks": [{"max": 100, "per": "month"}]}},
            {"name": "enterprise", "prices": ["price_ent"], "lookup_keys": ["ent_yearly"], "features": ["sso"],
             "limits": {"asks": "unlimited"}},
        ]));
        let billing = &mut document["billing"];
        billing["checkout"] = yaml(json!({"trial": {"days": 14, "plans": ["pro"], "payment_method": "if_required"}}));
        billing["purchases"] = yaml(json!([{"name": "credits_100", "price": "price_credits"}]));
    })
}

/// Puts the prices of the shop into Stripe.
pub fn shop(gateway: &Gateway) {
    gateway.stripe.put(Price::new("price_123"));
    gateway.stripe.put(Price::new("price_ent").amount(9_000));
    gateway.stripe.put(Price::new("price_ent_year").amount(90_000).every(1, "year").lookup_key("ent_yearly"));
    gateway.stripe.put(Price::new("price_credits").amount(500).one_time());
}

/// Delivers Stripe's new events to the webhook.
pub async fn synced_events(gateway: &Gateway) {
    for event in gateway.stripe.take_events() {
        let response = gateway.deliver(&event).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap_or_default());
    }
}

/// The status and the JSON body of a response.
pub type StatusAndBody = (u16, Value);

/// A user with a valid token.
pub struct Client<'a> {
    gateway: &'a Gateway,
    token: String,
}

impl<'a> Client<'a> {
    /// Creates a user in Clerk, and returns a client with the user's token.
    pub fn user(gateway: &'a Gateway, id: &str) -> Self {
        gateway.clerk.put_user(User::new(id));
        Client { gateway, token: gateway.token(id, "free") }
    }

    /// Returns a client with `token`.
    pub fn with_token(gateway: &'a Gateway, token: String) -> Self {
        Client { gateway, token }
    }

    /// Returns a request below the billing path, with the token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.gateway.request(method, &format!("/billing/{path}")).bearer_auth(&self.token)
    }

    /// Returns a POST with the token in Clerk's session cookie, as a browser sends it from `origin`.
    pub fn post_with_cookie(&self, path: &str, origin: Option<&str>) -> RequestBuilder {
        let request = self.gateway.request(Method::POST, &format!("/billing/{path}"));
        let request = request.header("cookie", format!("__session={}", self.token));
        let request = request.header("content-type", "application/json").body("{}");
        origin.into_iter().fold(request, |request, origin| request.header("origin", origin))
    }

    /// Returns a request below the billing path of a replica, with the token.
    pub fn request_to(&self, replica: &Envoy, method: Method, path: &str) -> RequestBuilder {
        reqwest::Client::new()
            .request(method, replica.url(&format!("/billing/{path}")))
            .bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> StatusAndBody {
        send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> StatusAndBody {
        send(self.request(Method::POST, path).json(&body)).await
    }
}

/// Sends a request, and returns the status and the JSON body of the response.
pub async fn send(request: RequestBuilder) -> StatusAndBody {
    let response = request.send().await.expect("a response");
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}

/// Returns the status and the code of a refusal.
pub fn refusal((status, body): &StatusAndBody) -> (u16, &str) {
    (*status, body["code"].as_str().unwrap_or_default())
}

/// Sets whether users or organizations buy plans.
pub fn acts_for(standalone: Standalone, subject: &str) -> Standalone {
    standalone.document(|document| document["billing"]["acts_for"] = subject.into())
}

/// The application's origin.
pub const ORIGIN: &str = APPLICATION;
