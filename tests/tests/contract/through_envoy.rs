//! The requests of a real Envoy during syncs of every kind, recorded by the fakes and compared with what
//! Stripe and Clerk publish; and an event that Stripe's own library has signed.

use crate::callout::{ApiResponse, client, send_request};
use crate::clerk_requests::assert_clerks_library_sends_the_same;
use crate::stripe_signatures::{call, to_sign};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tollgate_tests::fakes::clerk::{Organization, User};
use tollgate_tests::fakes::server::{Recorded, Request, unix_now};
use tollgate_tests::fakes::stripe::events::Event;
use tollgate_tests::fakes::stripe::model::{Customer, Invoice, Price, Product, Session, Subscription};
use tollgate_tests::install::stripe_mock::StripeMock;
use tollgate_tests::processes::envoy::{Standalone, yaml};
use tollgate_tests::processes::gateway::{Gateway, SharedGateway, WEBHOOK_PATH, WEBHOOK_SECRET};

/// The price that buys `pro`.
const PRO: &str = "price_pro";
/// The price of a product whose metadata name `pro`.
const BY_PRODUCT: &str = "price_by_product";

/// Every kind of request of a sync to Stripe, in the form of [`kind`].
const KINDS: [&str; 9] = [
    "GET /v1/checkout/sessions ? limit subscription",
    "GET /v1/customers/_",
    "GET /v1/invoices ? limit status subscription",
    "GET /v1/products/_",
    "GET /v1/subscription_items ? limit subscription",
    "GET /v1/subscriptions ? customer expand[] expand[] limit status",
    "GET /v1/subscriptions ? customer expand[] expand[] limit starting_after status",
    "GET /v1/subscriptions/_ ? expand[] expand[] expand[]",
    "POST /v1/subscriptions/_ metadata[_]",
];

/// Returns method, path and parameter names, without what differs between objects.
fn kind(request: &Request) -> String {
    let is_id = |segment: &str| segment.contains('_') && segment != "subscription_items";
    let segments = request.path.split('/').map(|segment| if is_id(segment) { "_" } else { segment });
    let mut kind = format!("{} {}", request.method, segments.collect::<Vec<_>>().join("/"));
    let mut names: Vec<_> = request.query_pairs().into_iter().map(|(name, _)| name).collect();
    names.sort();
    if !names.is_empty() {
        kind += &format!(" ? {}", names.join(" "));
    }
    if request.form().iter().any(|(name, _)| name.starts_with("metadata[")) {
        kind += " metadata[_]";
    }
    kind
}

fn with_plans(standalone: Standalone) -> Standalone {
    standalone.document(|document| {
        let asks = |max: u32| json!({"asks": [{"max": max, "per": "day"}]});
        let pro = json!({"name": "pro", "prices": [PRO], "limits": asks(100)});
        let plans = json!([{"name": "free", "limits": asks(5)}, pro]);
        document["plans"] = yaml(plans);
        document["stripe_webhook"]["livemode"] = false.into();
    })
}

async fn gateway() -> Arc<Gateway> {
    static GATEWAY: SharedGateway = SharedGateway::new(with_plans);
    GATEWAY.gateway().await
}

/// Creates a customer with an active subscription to `price`. Their ids end with `name`.
fn subscribed(gateway: &Gateway, name: &str, price: &str) -> Subscription {
    let customer = format!("cus_{name}");
    gateway.stripe.put(Customer::new(&customer));
    let now = unix_now();
    Subscription::new(&format!("sub_{name}"), &customer).item(price).period(now - 86_400, now + 86_400)
}

/// Creates a checkout whose session names the buyer, which the sync notes on the subscription.
fn bought(gateway: &Gateway, name: &str, key: &str, buyer: &str) -> Event {
    gateway.stripe.put(subscribed(gateway, name, PRO));
    let session = format!("cs_test_{name}");
    let checkout = Session::new(&session, &format!("cus_{name}"), &format!("sub_{name}"));
    gateway.stripe.put(checkout.metadata(key, buyer));
    gateway.stripe.event("checkout.session.completed", &session)
}

/// Creates a failed payment, whose invoice the sync reads for the start of the grace period.
fn owing(gateway: &Gateway) -> Event {
    let mut subscription = subscribed(gateway, "owing", PRO).status("past_due");
    subscription = subscription.metadata("clerk_user_id", "user_owing");
    gateway.stripe.put(subscription);
    gateway
        .stripe
        .put(Invoice::new("in_owing", "cus_owing", "sub_owing").attempts(1, Some(unix_now() + 86_400)));
    gateway.stripe.change("sub_owing", |s: &mut Subscription| s.latest_invoice = Some("in_owing".to_owned()));
    gateway.stripe.event("customer.subscription.updated", "sub_owing")
}

/// Creates more subscriptions than fit on a page.
fn many(gateway: &Gateway) -> Event {
    gateway.stripe.put(subscribed(gateway, "many", PRO).metadata("clerk_user_id", "user_many"));
    for number in 0..100 {
        let ended =
            Subscription::new(&format!("sub_ended_{number}"), "cus_many").item(PRO).status("canceled");
        gateway.stripe.put(ended);
    }
    gateway.stripe.event("customer.subscription.updated", "sub_many")
}

/// Creates a second subscription whose plan is only in its product's metadata.
fn by_product(gateway: &Gateway) -> Event {
    gateway.stripe.put(Product::new("prod_named").metadata("plan", "pro"));
    gateway.stripe.put(Price::new(BY_PRODUCT).product("prod_named"));
    gateway.stripe.put(subscribed(gateway, "first", PRO).metadata("clerk_user_id", "user_by_product"));
    let second = Subscription::new("sub_second", "cus_first").item(BY_PRODUCT);
    gateway.stripe.put(second.metadata("clerk_user_id", "user_by_product"));
    gateway.stripe.event("customer.subscription.updated", "sub_first")
}

/// Creates more items than a subscription shows. The last one is of the plan's price.
fn many_items(gateway: &Gateway) -> Event {
    gateway.stripe.put(Price::new("price_seat"));
    let seats = subscribed(gateway, "seats", "price_seat").metadata("clerk_user_id", "user_seats");
    gateway.stripe.put((0..18).fold(seats, |subscription, _| subscription.item("price_seat")).item(PRO));
    gateway.stripe.event("customer.subscription.updated", "sub_seats")
}

/// Makes Envoy send every kind of request.
async fn sync_everything(gateway: &Gateway) {
    for user in ["user_bought", "user_owing", "user_many", "user_by_product", "user_seats"] {
        gateway.clerk.put_user(User::new(user));
    }
    gateway.clerk.put_organization(Organization::new("org_bought"));
    gateway.stripe.put(Price::new(PRO));
    let events = [
        bought(gateway, "bought", "clerk_user_id", "user_bought"),
        bought(gateway, "for_org", "clerk_org_id", "org_bought"),
        owing(gateway),
        many(gateway),
        by_product(gateway),
        many_items(gateway),
    ];
    for event in events {
        processed(gateway, &event).await;
    }
    processed(gateway, &gateway.stripe.event("customer.updated", "cus_bought")).await;
    // The grace period is removed: a null is written.
    let paid = gateway.stripe.update("sub_owing", |s: &mut Subscription| "active".clone_into(&mut s.status));
    processed(gateway, &paid).await;
}

async fn processed(gateway: &Gateway, event: &Event) {
    let response: Value = gateway.deliver(event).await.json().await.expect("JSON");
    assert_eq!((&response["status"], &response["plan"]), (&json!("processed"), &json!("pro")), "{response}");
}

/// Sends a recorded request again, unchanged.
async fn replay(mock: &StripeMock, request: &Request) -> ApiResponse {
    let method = request.method.parse().expect("a method");
    let to_mock = client().request(method, mock.url(&request.path_and_query())).body(request.body.clone());
    // Header fields of the connection belong to the new one.
    let own = |name: &str| matches!(name, "host" | "content-length" | "transfer-encoding" | "connection");
    let fields = request.headers.iter().filter(|(name, _)| !own(name));
    send_request(fields.fold(to_mock, |to_mock, (name, value)| to_mock.header(name, value))).await
}

#[tokio::test]
async fn envoys_requests_conform_to_stripes_and_clerks_descriptions() {
    let gateway = gateway().await;
    sync_everything(&gateway).await;
    let requests =
        |entries: Vec<Recorded>| entries.into_iter().map(|entry| entry.request).collect::<Vec<_>>();

    let to_stripe = requests(gateway.stripe.log().entries());
    let kinds: BTreeSet<_> = to_stripe.iter().map(kind).collect();
    assert_eq!(kinds, BTreeSet::from(KINDS.map(str::to_owned)));
    let mock = StripeMock::start().await;
    for request in &to_stripe {
        let answered = replay(&mock, request).await;
        assert_eq!(answered.status, 200, "{} {}: {}", request.method, request.path, answered.text());
    }

    let to_clerk = requests(gateway.clerk.log().entries());
    let removes = |request: &Request| {
        request.json()["public_metadata"]["subscription"].get("grace_until") == Some(&Value::Null)
    };
    assert!(to_clerk.iter().any(removes), "nothing was removed");
    for kind in ["GET /v1/users/", "PATCH /v1/users/", "GET /v1/organizations/", "PATCH /v1/organizations/"] {
        let of_kind = |request: &&Request| format!("{} {}", request.method, request.path).starts_with(kind);
        assert!(to_clerk.iter().filter(of_kind).count() > 0, "no {kind}");
    }
    assert_clerks_library_sends_the_same(&gateway.clerk, &to_clerk).await;
}

#[tokio::test]
async fn an_event_signed_by_stripes_library_is_accepted_by_envoy() {
    let gateway = gateway().await;
    // An event without a callout: the other test reads what the fakes have recorded.
    let object = json!({"object": "tax_id", "id": "txi_1", "owner": {"name": "Zoë 東京"}});
    let event = gateway.stripe.event_about("customer.tax_id.created", object);
    let body = String::from_utf8(event.body()).expect("JSON is text");
    let calls = [WEBHOOK_SECRET, "whsec_another"].map(|secret| to_sign(&body, secret, unix_now()));
    for (header, want) in call(&calls).await.iter().zip([200, 400]) {
        let request = gateway.request(Method::POST, WEBHOOK_PATH).header("stripe-signature", header);
        assert_eq!(send_request(request.body(body.clone())).await.status, want, "{header}");
    }
}
