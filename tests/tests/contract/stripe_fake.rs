//! The requests with which a plan is sold: what the fake of Stripe takes, Stripe's OpenAPI description has,
//! and the fake's objects have its fields. Where the pinned version differs from that of `stripe-mock`, a
//! list says why.

use crate::callout::client;
use serde_json::Value;
use std::collections::BTreeSet;
use tollgate_tests::fakes::stripe::model::{Customer, Price, Subscription};
use tollgate_tests::fakes::stripe::{API_VERSION, FakeStripe};
use tollgate_tests::install::stripe_mock::{KEY, StripeMock};

/// A form, encoded except for its brackets.
type Form = &'static str;

/// Every kind of write, with every parameter that the billing filter uses. `{schedule}` and the like stand
/// for ids of the fake.
const WRITES: [(&str, &str, Form); 18] = [
    (
        "POST",
        "/v1/customers",
        "email=a%40example.com&name=A&metadata[clerk_user_id]=user_1&expand[]=test_clock",
    ),
    ("POST", "/v1/customers/cus_1", "name=B&metadata[a]="),
    (
        "POST",
        "/v1/checkout/sessions",
        "mode=subscription&customer=cus_1&client_reference_id=user_1&line_items[0][price]=price_pro\
         &line_items[0][quantity]=1&success_url=https%3A%2F%2Fa.example%2F&cancel_url=https%3A%2F%2Fa.example%2F\
         &allow_promotion_codes=true&billing_address_collection=auto&customer_update[address]=auto\
         &customer_update[name]=auto&automatic_tax[enabled]=true&tax_id_collection[enabled]=true\
         &payment_method_collection=if_required&subscription_data[metadata][a]=1\
         &subscription_data[trial_period_days]=14\
         &subscription_data[trial_settings][end_behavior][missing_payment_method]=cancel&metadata[a]=1&locale=de",
    ),
    (
        "POST",
        "/v1/checkout/sessions",
        "mode=payment&customer=cus_1&line_items[0][price]=price_once&line_items[0][quantity]=2\
         &success_url=https%3A%2F%2Fa.example%2F&payment_intent_data[metadata][a]=1&invoice_creation[enabled]=true",
    ),
    ("POST", "/v1/checkout/sessions/{session}/expire", ""),
    (
        "POST",
        "/v1/billing_portal/sessions",
        "customer=cus_1&return_url=https%3A%2F%2Fa.example%2F&configuration=bpc_123&locale=de\
         &flow_data[type]=payment_method_update&flow_data[after_completion][type]=redirect\
         &flow_data[after_completion][redirect][return_url]=https%3A%2F%2Fa.example%2F",
    ),
    (
        "POST",
        "/v1/billing_portal/sessions",
        "customer=cus_1&flow_data[type]=subscription_cancel&flow_data[subscription_cancel][subscription]=sub_1",
    ),
    (
        "POST",
        "/v1/billing_portal/sessions",
        "customer=cus_1&flow_data[type]=subscription_update&flow_data[subscription_update][subscription]=sub_1",
    ),
    (
        "POST",
        "/v1/invoices/create_preview",
        "subscription=sub_1&subscription_details[items][0][id]=si_1_1&subscription_details[items][0][price]=price_team\
         &subscription_details[items][0][quantity]=1&subscription_details[proration_behavior]=always_invoice\
         &subscription_details[proration_date]={now}",
    ),
    (
        "POST",
        "/v1/subscriptions/sub_1",
        "items[0][id]=si_1_1&items[0][price]=price_team&items[0][quantity]=1&proration_behavior=always_invoice\
         &payment_behavior=pending_if_incomplete&proration_date={now}&metadata[a]=1",
    ),
    (
        "POST",
        "/v1/subscriptions/sub_1",
        "cancel_at_period_end=true&cancellation_details[comment]=c&cancellation_details[feedback]=unused",
    ),
    ("POST", "/v1/subscriptions/sub_1", "cancel_at=&trial_end={later}&payment_behavior=error_if_incomplete"),
    ("POST", "/v1/subscription_schedules", "from_subscription=sub_1"),
    (
        "POST",
        "/v1/subscription_schedules/{schedule}",
        "phases[0][items][0][price]=price_team&phases[0][items][0][quantity]=1&phases[0][start_date]={start}\
         &phases[0][end_date]={end}&phases[1][items][0][price]=price_pro&phases[1][duration][interval]=month\
         &phases[1][duration][interval_count]=1&phases[1][proration_behavior]=none&phases[1][metadata][a]=1\
         &end_behavior=release&metadata[source]=tollgate&proration_behavior=none",
    ),
    ("POST", "/v1/subscription_schedules/{schedule}/release", ""),
    (
        "DELETE",
        "/v1/subscriptions/sub_1",
        "invoice_now=true&prorate=true&cancellation_details[feedback]=unused",
    ),
    ("POST", "/v1/subscriptions/sub_2/resume", "proration_behavior=none"),
    ("DELETE", "/v1/subscriptions/sub_2", "invoice_now=false&prorate=false"),
];

/// Every kind of read.
const READS: [&str; 7] = [
    "/v1/prices?lookup_keys[]=a&lookup_keys[]=b&active=true&limit=100&expand[]=data.product",
    "/v1/prices/price_pro?expand[]=product",
    "/v1/checkout/sessions?customer=cus_1&status=open&limit=3",
    "/v1/checkout/sessions/{session}",
    "/v1/invoices?customer=cus_1&status=paid&limit=3",
    "/v1/invoices/{invoice}?expand[]=payments.data.payment.payment_intent",
    "/v1/subscription_schedules/{schedule}",
];

/// Fields that Stripe's description has, but not its examples, which leave out what is optional.
const NOT_IN_EXAMPLES: [&str; 2] = ["customer_account", "tax_id_collection"];

/// The parameters that the API description 2026-08-26.dahlia still has and the pinned version refuses: the
/// reason, the path, and the parameter.
const REMOVED: [(&str, &str, Form); 3] = [
    (
        "docs.stripe.com/changelog/endive/2026-09-30/remove-payment-method-types-checkout-sessions",
        "/v1/checkout/sessions",
        "payment_method_types[0]=card",
    ),
    (
        "docs.stripe.com/changelog/endive/2026-09-30/polymorphic-billing-cycle-anchor",
        "/v1/subscriptions/sub_1",
        "billing_cycle_anchor=now",
    ),
    (
        "docs.stripe.com/changelog/endive/2026-09-30/polymorphic-billing-cycle-anchor",
        "/v1/subscriptions/sub_2/resume",
        "billing_cycle_anchor=now",
    ),
];

async fn send(method: &str, url: String, key: &str, form: &str) -> (u16, Value) {
    let request = client().request(method.parse().expect("a method"), url).bearer_auth(key);
    let request = request.header("stripe-version", API_VERSION);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
    let response = request.send().await.expect("a response");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

async fn store() -> FakeStripe {
    let stripe = FakeStripe::start().await;
    stripe.put(Customer::new("cus_1"));
    stripe.put(Price::new("price_pro").lookup_key("a"));
    stripe.put(Price::new("price_team").amount(5000));
    stripe.put(Price::new("price_once").one_time());
    stripe.put(Subscription::new("sub_1", "cus_1").item("price_pro"));
    stripe.put(Subscription::new("sub_2", "cus_1").item("price_pro").status("paused"));
    stripe
}

/// Fills in ids and times of the fake.
fn filled(stripe: &FakeStripe, session: &str, text: &str) -> String {
    let subscription = stripe.get::<Subscription>("sub_1");
    let (start, end) = subscription.items[0].period();
    text.replace("{now}", &start.to_string())
        .replace("{later}", &(end + 86_400).to_string())
        .replace("{start}", &start.to_string())
        .replace("{end}", &end.to_string())
        .replace("{schedule}", &subscription.schedule.unwrap_or_default())
        .replace("{invoice}", &subscription.latest_invoice.unwrap_or_default())
        .replace("{session}", session)
}

/// Returns the names of the fields of an object, and of the objects in a list.
fn fields(object: &Value) -> BTreeSet<String> {
    let shown = if object["object"] == "list" { &object["data"][0] } else { object };
    shown.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

#[tokio::test]
async fn the_fake_takes_what_stripes_description_has() {
    let (mock, stripe) = (StripeMock::start().await, store().await);
    let (mut session, mut differences) = (String::new(), Vec::new());
    let reads = READS.map(|path| ("GET", path, ""));
    // The reads come after the change of a price and before the release.
    let (first, last) = WRITES.split_at(14);
    for (method, path, form) in first.iter().chain(&reads).chain(last) {
        let (path, form) = (filled(&stripe, &session, path), filled(&stripe, &session, form));
        let at_stripe = send(method, mock.url(&path), KEY, &form).await;
        let at_fake = send(method, format!("http://{}{path}", stripe.addr()), stripe.key(), &form).await;
        if (at_stripe.0, at_fake.0) != (200, 200) {
            differences.push(format!("{method} {path} {form}\n  {at_stripe:?}\n  {at_fake:?}"));
        }
        if at_fake.1["object"] == "checkout.session" {
            at_fake.1["id"].as_str().unwrap_or_default().clone_into(&mut session);
        }
        let (theirs, ours) = (fields(&at_stripe.1), fields(&at_fake.1));
        let is_known = |name: &&String| NOT_IN_EXAMPLES.contains(&name.as_str());
        let unequal: Vec<_> = ours.symmetric_difference(&theirs).filter(|name| !is_known(name)).collect();
        if !unequal.is_empty() {
            differences.push(format!("{method} {path} has other fields: {unequal:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn the_fake_refuses_what_the_pinned_version_removed() {
    let (mock, stripe) = (StripeMock::start().await, store().await);
    for (why, path, form) in REMOVED {
        assert_eq!(send("POST", mock.url(path), KEY, form).await.0, 200, "the older version has it: {form}");
        let (status, body) =
            send("POST", format!("http://{}{path}", stripe.addr()), stripe.key(), form).await;
        assert_eq!((status, &body["error"]["code"]), (400, &"parameter_unknown".into()), "{why}: {body}");
    }
}
