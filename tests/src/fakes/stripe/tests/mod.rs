//! The promises of the Stripe fake, over real HTTP.

mod cancellations;
mod changes;
mod checkout;
mod checkout_refusals;
mod delivery;
mod idempotency;
mod inspection;
mod invoices;
mod portal;
mod previews;
mod refusals;
mod sales;
mod schedules;
mod time;

use std::collections::BTreeSet;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::events::Event;
use super::model::{Customer, Invoice, Price, Product, Session, Subscription};
use super::{API_VERSION, FakeStripe, StripeSettings};
use crate::fakes::faults::on;

/// Starts an account with one customer, who has one subscription.
async fn shop() -> FakeStripe {
    let stripe = FakeStripe::start().await;
    stripe.put(Customer::new("cus_1").metadata("clerk_user_id", "user_1"));
    stripe.put(Product::new("prod_pro").metadata("plan", "pro"));
    stripe.put(Price::new("price_pro").lookup_key("pro_monthly").metadata("plan", "pro"));
    stripe.put(Subscription::new("sub_1", "cus_1").item("price_pro").metadata("a", "1"));
    stripe.put(Session::new("cs_test_1", "cus_1", "sub_1").client_reference_id("user_1"));
    stripe.put(Invoice::new("in_1", "cus_1", "sub_1"));
    stripe
}

fn request(stripe: &FakeStripe, method: Method, path: &str) -> RequestBuilder {
    reqwest::Client::new()
        .request(method, format!("http://{}{path}", stripe.addr()))
        .bearer_auth(stripe.key())
        .header("stripe-version", API_VERSION)
}

async fn response(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    assert!(response.headers()["request-id"].to_str().unwrap().starts_with("req_"));
    assert_eq!(response.headers()["content-type"], "application/json");
    (response.status(), response.json().await.unwrap())
}

async fn get(stripe: &FakeStripe, path: &str) -> (StatusCode, Value) {
    response(request(stripe, Method::GET, path)).await
}

async fn post(stripe: &FakeStripe, path: &str, form: &'static str) -> (StatusCode, Value) {
    let request = request(stripe, Method::POST, path);
    response(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
}

/// Posts form fields.
async fn post_form(stripe: &FakeStripe, path: &str, form: &[(&str, &str)]) -> (StatusCode, Value) {
    response(with_form(request(stripe, Method::POST, path), form)).await
}

async fn delete(stripe: &FakeStripe, path: &str, form: &[(&str, &str)]) -> (StatusCode, Value) {
    response(with_form(request(stripe, Method::DELETE, path), form)).await
}

/// Adds a form to a request.
fn with_form(request: RequestBuilder, form: &[(&str, &str)]) -> RequestBuilder {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// Returns the types of the events since the last call, and the ids of their objects.
fn taken(stripe: &FakeStripe) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let named = |event: &Event| (text(&event.json["type"]), text(&event.json["data"]["object"]["id"]));
    stripe.take_events().iter().map(named).collect()
}

/// Returns the types of the events since the last call.
fn types(stripe: &FakeStripe) -> Vec<String> {
    taken(stripe).into_iter().map(|(kind, _)| kind).collect()
}

/// The types of the events of a subscription that changes or is renewed with an invoice that is paid at once.
const PAID_CHANGE: [&str; 6] = [
    "invoice.created",
    "invoice.finalized",
    "payment_intent.succeeded",
    "invoice.paid",
    "invoice.payment_succeeded",
    "customer.subscription.updated",
];

/// Asserts that a form is refused with 400, this code, and this parameter.
async fn assert_refused(
    stripe: &FakeStripe,
    path: &str,
    why: &str,
    form: &[(&str, &str)],
    (code, param): (&str, &str),
) {
    let (status, body) = post_form(stripe, path, form).await;
    let error = &body["error"];
    let got = (status.as_u16(), error["code"].as_str().unwrap_or_default());
    assert_eq!(got, (400, code), "{why}: {body}");
    assert_eq!(error["param"].as_str().unwrap_or_default(), param, "{why}: {body}");
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn custom_ids_are_served() {
    let stripe = shop().await;
    stripe.put(Customer::new("10482").metadata("clerk_user_id", "user_2"));
    stripe.put(Product::new("Gold tier & 2").metadata("plan", "pro"));
    stripe.put(Price::new("monthly8usd").product("Gold tier & 2"));
    stripe.put(Subscription::new("sub_2", "10482").item("monthly8usd"));
    assert_eq!(get(&stripe, "/v1/customers/10482").await.1["id"], "10482");
    let product = get(&stripe, "/v1/products/Gold%20tier%20%26%202").await.1;
    assert_eq!(product["metadata"]["plan"], "pro");
    let expanded = "/v1/subscriptions/sub_2?expand[]=items.data.price.product&expand[]=customer";
    let expanded = get(&stripe, expanded).await.1;
    assert_eq!(expanded["customer"]["metadata"]["clerk_user_id"], "user_2");
    assert_eq!(expanded["items"]["data"][0]["price"]["product"], product);
    assert_eq!(ids(&get(&stripe, "/v1/subscriptions?customer=10482").await.1), ["sub_2"]);
}

#[tokio::test]
async fn every_object_can_be_retrieved_whole() {
    let stripe = shop().await;
    for (path, object) in [
        ("/v1/customers/cus_1", "customer"),
        ("/v1/products/prod_pro", "product"),
        ("/v1/prices/price_pro", "price"),
        ("/v1/subscriptions/sub_1", "subscription"),
        ("/v1/checkout/sessions/cs_test_1", "checkout.session"),
        ("/v1/invoices/in_1", "invoice"),
    ] {
        let (status, body) = get(&stripe, path).await;
        assert_eq!((status, &body["object"]), (StatusCode::OK, &json!(object)), "{path}");
        assert_eq!(body, stripe.object(path.rsplit('/').next().unwrap()), "{path}");
    }
}

#[tokio::test]
async fn a_subscription_shows_ten_items_and_a_list_of_their_own_shows_all() {
    let stripe = shop().await;
    let twenty = (0..20).fold(Subscription::new("sub_2", "cus_1"), |s, _| s.item("price_pro"));
    stripe.put(twenty);
    let items = &stripe.object("sub_2")["items"];
    assert_eq!((ids(items).len(), &items["has_more"], &items["total_count"]), (10, &json!(true), &json!(20)));
    assert_eq!(stripe.object("sub_1")["items"]["has_more"], false);
    let path = "/v1/subscription_items?subscription=sub_2";
    for (query, first, count, has_more) in [
        ("&limit=100", "si_2_1", 20, false),
        ("", "si_2_1", 10, true),
        ("&limit=5&starting_after=si_2_10", "si_2_11", 5, true),
        ("&starting_after=si_2_15", "si_2_16", 5, false),
        ("&limit=2&ending_before=si_2_5", "si_2_3", 2, true),
    ] {
        let (status, list) = get(&stripe, &format!("{path}{query}")).await;
        let shown = ids(&list);
        assert_eq!((status, shown.first(), shown.len()), (StatusCode::OK, Some(&first), count), "{query}");
        assert_eq!(list["has_more"], has_more, "{query}");
    }
    let (_, list) = get(&stripe, &format!("{path}&expand[]=data.price.product")).await;
    assert_eq!(list["data"][0]["price"]["product"]["metadata"]["plan"], "pro");
}

#[tokio::test]
async fn periods_are_on_items_and_an_invoice_has_its_subscription_in_parent() {
    let stripe = shop().await;
    let subscription = stripe.object("sub_1");
    assert!(subscription.get("current_period_end").is_none());
    assert!(subscription["items"]["data"][0]["current_period_end"].is_i64());
    let invoice = stripe.object("in_1");
    assert!(invoice.get("subscription").is_none());
    assert_eq!(invoice["parent"]["subscription_details"]["subscription"], "sub_1");
}

#[tokio::test]
async fn lists_are_newest_first_and_paged_in_both_directions() {
    let stripe = shop().await;
    stripe.put(Customer::new("cus_2"));
    for n in 10..24 {
        stripe.put(Subscription::new(&format!("sub_{n}"), "cus_2").item("price_pro").created(1000 + n));
    }
    let (_, first) = get(&stripe, "/v1/subscriptions?customer=cus_2").await;
    assert_eq!((ids(&first).len(), &first["has_more"]), (10, &json!(true)), "10 by default");
    assert_eq!(first["url"], "/v1/subscriptions");
    assert_eq!(&ids(&first)[..2], ["sub_23", "sub_22"]);
    let (_, rest) = get(&stripe, "/v1/subscriptions?customer=cus_2&limit=100&starting_after=sub_14").await;
    assert_eq!(
        (ids(&rest), &rest["has_more"]),
        (vec!["sub_13", "sub_12", "sub_11", "sub_10"], &json!(false))
    );
    let (_, back) = get(&stripe, "/v1/subscriptions?customer=cus_2&limit=2&ending_before=sub_20").await;
    assert_eq!((ids(&back), &back["has_more"]), (vec!["sub_22", "sub_21"], &json!(true)));
    let (_, exact) = get(&stripe, "/v1/subscriptions?customer=cus_2&limit=14").await;
    assert_eq!((ids(&exact).len(), &exact["has_more"]), (14, &json!(false)), "exactly a page");
}

#[tokio::test]
async fn canceled_subscriptions_are_listed_only_on_demand() {
    let stripe = shop().await;
    stripe.put(Subscription::new("sub_2", "cus_1").item("price_pro").status("past_due"));
    stripe.cancel("sub_1");
    for (query, want) in [
        ("", vec!["sub_2"]),
        ("&status=all", vec!["sub_1", "sub_2"]),
        ("&status=canceled", vec!["sub_1"]),
        ("&status=ended", vec!["sub_1"]),
        ("&status=past_due", vec!["sub_2"]),
        ("&status=active", vec![]),
        ("&price=price_pro", vec!["sub_2"]),
    ] {
        let (_, list) = get(&stripe, &format!("/v1/subscriptions?customer=cus_1{query}")).await;
        let got: BTreeSet<&str> = ids(&list).into_iter().collect();
        assert_eq!(got, BTreeSet::from_iter(want), "{query}");
    }
    assert!(stripe.object("sub_1")["ended_at"].is_i64());
}

#[tokio::test]
async fn sessions_and_invoices_are_found_by_their_subscription() {
    let stripe = shop().await;
    stripe.put(Invoice::new("in_2", "cus_1", "sub_1").status("paid"));
    let (_, sessions) = get(&stripe, "/v1/checkout/sessions?subscription=sub_1&limit=1").await;
    assert_eq!(ids(&sessions), ["cs_test_1"]);
    assert_eq!(sessions["data"][0]["client_reference_id"], "user_1");
    let (_, invoices) = get(&stripe, "/v1/invoices?subscription=sub_1&status=open&limit=10").await;
    assert_eq!(ids(&invoices), ["in_1"]);
    assert_eq!(get(&stripe, "/v1/invoices?subscription=sub_0").await.0, 400);
}

#[tokio::test]
async fn ids_are_expanded_where_asked() {
    let stripe = shop().await;
    stripe.change::<Subscription>("sub_1", |s| s.latest_invoice = Some("in_1".to_owned()));
    let plain = get(&stripe, "/v1/subscriptions/sub_1").await.1;
    assert_eq!((&plain["customer"], &plain["latest_invoice"]), (&json!("cus_1"), &json!("in_1")));
    assert_eq!(plain["items"]["data"][0]["price"]["product"], "prod_pro");
    assert_eq!(plain["items"]["data"][0]["price"]["lookup_key"], "pro_monthly");
    let path = "/v1/subscriptions/sub_1?expand[]=customer&expand%5B%5D=items.data.price.product&expand[2]=latest_invoice";
    let whole = get(&stripe, path).await.1;
    assert_eq!(whole["customer"]["metadata"]["clerk_user_id"], "user_1");
    assert_eq!(whole["items"]["data"][0]["price"]["product"]["metadata"]["plan"], "pro");
    assert_eq!(whole["latest_invoice"]["status"], "open");
    let list = get(&stripe, "/v1/subscriptions?expand[]=data.customer&expand[]=data.schedule").await.1;
    assert_eq!(list["data"][0]["customer"]["id"], "cus_1");
    assert_eq!(list["data"][0]["schedule"], Value::Null);
}

#[tokio::test]
async fn metadata_is_merged_by_key_and_an_empty_value_deletes() {
    let stripe = shop().await;
    let (status, body) =
        post(&stripe, "/v1/subscriptions/sub_1", "metadata[b]=2&metadata%5Bc%5D=%C3%A4+%26").await;
    assert_eq!((status, &body["metadata"]), (StatusCode::OK, &json!({"a": "1", "b": "2", "c": "ä &"})));
    post(&stripe, "/v1/subscriptions/sub_1", "metadata[a]=&metadata[gone]=").await;
    assert_eq!(json!(stripe.metadata("sub_1")), json!({"b": "2", "c": "ä &"}));
    post(&stripe, "/v1/customers/cus_1", "metadata=").await;
    assert!(stripe.metadata("cus_1").is_empty());
    assert_eq!(stripe.log().writes(), 3);
    let long = format!("metadata[{}]=1", "k".repeat(41)).leak();
    assert_eq!(post(&stripe, "/v1/customers/cus_1", long).await.0, 400, "a key of 41 characters");
    let longest = format!("metadata[{}]={}", "k".repeat(40), "v".repeat(500)).leak();
    assert_eq!(post(&stripe, "/v1/customers/cus_1", longest).await.0, 200, "the longest key and value");
    let long = format!("metadata[k]={}", "v".repeat(501)).leak();
    assert_eq!(post(&stripe, "/v1/customers/cus_1", long).await.0, 400, "a value of 501 characters");
    assert_eq!(post(&stripe, "/v1/customers/cus_1", "plan=pro").await.0, 400, "an unknown parameter");
    let json = request(&stripe, Method::POST, "/v1/customers/cus_1").json(&json!({"metadata": {"a": "1"}}));
    assert_eq!(response(json).await.0, 400, "JSON");
}

#[tokio::test]
async fn an_idempotency_key_replays_and_must_not_be_used_for_anything_else() {
    let stripe = shop().await;
    let send = |path: &str, form: &'static str, key: &str| {
        let request = request(&stripe, Method::POST, path).header("idempotency-key", key);
        request.header("content-type", "application/x-www-form-urlencoded").body(form).send()
    };
    let first = send("/v1/customers/cus_1", "metadata[a]=1", "k").await.unwrap();
    assert!(first.headers().get("idempotent-replayed").is_none());
    stripe.change::<Customer>("cus_1", |c| c.metadata.clear());
    let again = send("/v1/customers/cus_1", "metadata[a]=1", "k").await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.json::<Value>().await.unwrap()["metadata"]["a"], "1", "the first answer");
    assert!(stripe.metadata("cus_1").is_empty(), "and nothing was done");
    let other_form = send("/v1/customers/cus_1", "metadata[a]=2", "k").await.unwrap();
    assert_eq!(other_form.status(), 400);
    assert_eq!(other_form.json::<Value>().await.unwrap()["error"]["type"], "idempotency_error");
    assert_eq!(send("/v1/subscriptions/sub_1", "metadata[a]=1", "k").await.unwrap().status(), 400);
    assert_eq!(send("/v1/customers/cus_1", "metadata[a]=2", "l").await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_deleted_customer_is_a_stub_and_its_subscriptions_are_cancelled() {
    let stripe = shop().await;
    stripe.delete_customer("cus_1");
    let (status, body) = get(&stripe, "/v1/customers/cus_1").await;
    assert_eq!(
        (status, body),
        (StatusCode::OK, json!({"id": "cus_1", "object": "customer", "deleted": true}))
    );
    assert_eq!(get(&stripe, "/v1/subscriptions/sub_1").await.1["status"], "canceled");
    assert_eq!(post(&stripe, "/v1/customers/cus_1", "metadata[a]=1").await.0, 404);
    assert_eq!(get(&stripe, "/v1/subscriptions?customer=cus_1&status=all").await.0, 400);
    let settings = StripeSettings { deleted_customers_list: true, ..StripeSettings::default() };
    let lists = FakeStripe::start_with(settings).await;
    lists.put(Customer::new("cus_1"));
    lists.delete_customer("cus_1");
    assert_eq!(get(&lists, "/v1/subscriptions?customer=cus_1&status=all").await.0, 200);
}

#[tokio::test]
async fn events_carry_the_object_as_it_is_or_as_it_was() {
    let stripe = shop().await;
    stripe.set_now(1_793_000_000);
    let stale = stripe.object("sub_1");
    stripe.cancel("sub_1");
    let event = stripe.event("customer.subscription.deleted", "sub_1");
    assert_eq!(event.json["data"]["object"], stripe.object("sub_1"));
    assert_eq!((&event.json["created"], &event.json["livemode"]), (&json!(1_793_000_000), &json!(false)));
    assert_eq!(event.json["api_version"], API_VERSION);
    let late = stripe.event_about("customer.subscription.updated", stale);
    assert_eq!(late.json["data"]["object"]["status"], "active");
    assert_ne!(event.event_id(), late.event_id());
    let moved = stripe.update::<Customer>("cus_1", |c| {
        c.metadata.insert("clerk_user_id".to_owned(), "user_2".to_owned());
    });
    assert_eq!(moved.json["type"], "customer.updated");
    assert_eq!(moved.json["data"]["previous_attributes"], json!({"metadata": {"clerk_user_id": "user_1"}}));
    let thin = stripe.thin_event("v1.customer.subscription.deleted", "sub_1");
    assert!(thin.json.get("data").is_none());
    let changed = event.account("acct_1").previous_attributes(json!({"status": "active"}));
    assert_eq!(changed.json["data"]["previous_attributes"]["status"], "active");
    assert_eq!(changed.json["account"], "acct_1");
}

#[tokio::test]
async fn an_event_can_take_the_form_of_an_older_version() {
    let stripe = shop().await;
    let end = stripe.object("sub_1")["items"]["data"][0]["current_period_end"].clone();
    let old = stripe.event("customer.subscription.updated", "sub_1").before_basil();
    let subscription = &old.json["data"]["object"];
    assert_eq!((&old.json["api_version"], &subscription["current_period_end"]), (&json!("2024-06-20"), &end));
    assert!(subscription["items"]["data"][0].get("current_period_end").is_none());
    let old = stripe.event("invoice.paid", "in_1").before_basil();
    assert_eq!(old.json["data"]["object"]["subscription"], "sub_1");
    assert!(old.json["data"]["object"].get("parent").is_none());
}

#[tokio::test]
async fn the_log_tells_every_request_in_order() {
    let stripe = shop().await;
    get(&stripe, "/v1/customers/cus_1").await;
    post(&stripe, "/v1/customers/cus_1", "metadata[a]=1").await;
    let log = stripe.log().entries();
    assert_eq!(log.iter().map(|e| e.request.method.as_str()).collect::<Vec<_>>(), ["GET", "POST"]);
    assert_eq!(log[1].request.form(), [("metadata[a]".to_owned(), "1".to_owned())]);
    assert_eq!((log[1].carried_out, log[1].answered.map(|(status, _)| status)), (Some(200), Some(200)));
    assert!(log[0].arrived_at <= log[1].arrived_at);
    assert_eq!(stripe.log().count(&on("GET", "/v1/customers")), 1);
    stripe.log().clear();
    assert!(stripe.log().entries().is_empty());
}

#[tokio::test]
async fn metadata_are_searched_page_by_page() {
    let stripe = shop().await;
    for n in 0..3 {
        stripe.put(Customer::new(&format!("cus_s{n}")).metadata("it's", "user_2").created(n + 1));
    }
    let search = async |path: &str| {
        let (status, found) = get(&stripe, path).await;
        assert_eq!((status, &found["object"]), (StatusCode::OK, &json!("search_result")), "{path}");
        found
    };
    let one = search("/v1/customers/search?query=metadata['clerk_user_id']:'user_1'").await;
    assert_eq!((ids(&one), &one["has_more"]), (vec!["cus_1"], &json!(false)));
    let either =
        search("/v1/customers/search?query=metadata['a']:'b' OR metadata[\"clerk_user_id\"]:\"user_1\"")
            .await;
    assert_eq!(ids(&either), ["cus_1"]);
    let query = "/v1/customers/search?limit=2&query=metadata['it\\'s']:'user_2'";
    let first = search(query).await;
    assert_eq!((ids(&first), &first["has_more"]), (vec!["cus_s2", "cus_s1"], &json!(true)));
    let token = first["next_page"].as_str().unwrap();
    let second = search(&format!("{query}&page={token}")).await;
    assert_eq!((ids(&second), &second["has_more"]), (vec!["cus_s0"], &json!(false)));
    let held = search("/v1/subscriptions/search?query=metadata['a']:'1'").await;
    assert_eq!(ids(&held), ["sub_1"]);
    for wrong in
        ["", "?query=", "?query=plan:'pro'", "?query=metadata['a']:'1", "?query=metadata['a']:'1'&page=x"]
    {
        let (status, _) = get(&stripe, &format!("/v1/customers/search{wrong}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}
