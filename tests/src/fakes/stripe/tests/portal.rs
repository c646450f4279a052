//! Sessions of the customer portal, and the page that they lead to.

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use super::super::model::{Card, Customer, Price, Subscription};
use super::super::{FakeStripe, StripeSettings};
use super::{assert_refused, post_form, shop, taken, with_form};

const NOW: i64 = 1_800_000_000;
const END: i64 = NOW + 20 * 24 * 3600;
const PATH: &str = "/v1/billing_portal/sessions";

async fn subscribed() -> FakeStripe {
    let stripe = shop().await;
    stripe.set_now(NOW);
    stripe.put(Customer::new("cus_2"));
    stripe.put(Subscription::new("sub_2", "cus_2").item("price_pro"));
    stripe.change::<Subscription>("sub_1", |s| s.items[0].set_period((NOW, END)));
    stripe
}

async fn opened(stripe: &FakeStripe, form: &[(&str, &str)]) -> Value {
    let form =
        [&[("customer", "cus_1"), ("return_url", "https://app.example.com/billing?a=1&b=2")], form].concat();
    let (status, session) = post_form(stripe, PATH, &form).await;
    assert_eq!(status, 200, "{session}");
    session
}

fn browser() -> Client {
    Client::builder().redirect(Policy::none()).build().unwrap()
}

async fn page(session: &Value) -> String {
    browser().get(session["url"].as_str().unwrap()).send().await.unwrap().text().await.unwrap()
}

async fn press(session: &Value, form: &[(&str, &str)]) -> Response {
    with_form(browser().post(session["url"].as_str().unwrap()), form).send().await.unwrap()
}

#[tokio::test]
async fn the_portal_cancels_and_resumes_a_plan() {
    for (sets_cancel_at, at_period_end) in [(true, false), (false, true)] {
        let settings = StripeSettings { portal_sets_cancel_at: sets_cancel_at, ..StripeSettings::default() };
        let stripe = FakeStripe::start_with(settings).await;
        stripe.set_now(NOW);
        stripe.put(Customer::new("cus_1"));
        stripe.put(Price::new("price_pro"));
        stripe.put(Subscription::new("sub_1", "cus_1").item("price_pro").period(NOW, END));
        let session = opened(&stripe, &[]).await;
        assert_eq!((&session["flow"], &session["configuration"]), (&Value::Null, &json!("bpc_123")));
        let text = page(&session).await;
        assert!(text.contains("Cancel plan") && !text.contains("Resume plan"), "{text}");
        assert!(
            text.contains("<a href=\"https://app.example.com/billing?a=1&amp;b=2\">Return</a>"),
            "{text}"
        );
        let pressed = press(&session, &[("action", "cancel"), ("subscription", "sub_1")]).await;
        assert_eq!(pressed.status(), 303);
        let subscription = stripe.get::<Subscription>("sub_1");
        assert_eq!((subscription.cancel_at, subscription.cancel_at_period_end), (Some(END), at_period_end));
        let text = page(&session).await;
        assert!(!text.contains("Cancel plan") && text.contains("Resume plan"), "{text}");
        assert!(text.contains("active, ends on 2027-02-04"), "{text}");
        press(&session, &[("action", "resume"), ("subscription", "sub_1")]).await;
        let subscription = stripe.get::<Subscription>("sub_1");
        assert_eq!((subscription.cancel_at, subscription.canceled_at), (None, None));
        let updated = ("customer.subscription.updated".to_owned(), "sub_1".to_owned());
        assert_eq!(taken(&stripe), [updated.clone(), updated]);
    }
}

#[tokio::test]
async fn a_flow_shows_one_thing_and_can_redirect() {
    let stripe = subscribed().await;
    stripe.put(Price::new("price_team").amount(5000));
    let done = "https://app.example.com/done";
    let completion = [
        ("flow_data[after_completion][type]", "redirect"),
        ("flow_data[after_completion][redirect][return_url]", done),
    ];
    let flow = |kind: &'static str, name: &'static str| {
        let subscription = [("flow_data[type]", kind), (name, "sub_1")];
        [&subscription[..if name.is_empty() { 1 } else { 2 }], &completion].concat()
    };
    let card = opened(&stripe, &flow("payment_method_update", "")).await;
    assert_eq!(card["flow"]["after_completion"]["type"], "redirect");
    let text = page(&card).await;
    assert!(text.contains("Save card") && !text.contains("Cancel plan"), "{text}");
    let pressed = press(&card, &[("action", "card"), ("card", "declines")]).await;
    assert_eq!(pressed.headers()["location"], done);
    assert_eq!(stripe.get::<Customer>("cus_1").card, Card::Declines);

    let update =
        opened(&stripe, &flow("subscription_update", "flow_data[subscription_update][subscription]")).await;
    assert_eq!(update["flow"]["subscription_update"]["subscription"], "sub_1");
    let text = page(&update).await;
    assert!(text.contains("Change plan") && !text.contains("Cancel plan"), "{text}");
    let prices: Vec<_> =
        text.split("<option ").skip(1).filter_map(|option| option.split('>').next()).collect();
    assert_eq!(prices, ["value=\"price_team\"", "value=\"price_pro\" selected"], "the current one is chosen");
    let change = [("action", "change"), ("subscription", "sub_1"), ("price", "price_team")];
    assert_eq!(press(&update, &change).await.status(), 400, "the card declines");
    assert_eq!(stripe.get::<Subscription>("sub_1").items[0].price, "price_pro");
    stripe.set_card("cus_1", Card::Works);
    assert_eq!(press(&update, &change).await.status(), 303);
    assert_eq!(stripe.get::<Subscription>("sub_1").items[0].price, "price_team");

    let name = "flow_data[subscription_cancel][subscription]";
    let cancel = opened(&stripe, &flow("subscription_cancel", name)).await;
    let text = page(&cancel).await;
    assert!(text.contains("Cancel plan") && !text.contains("Change plan"), "{text}");
    assert_eq!(
        press(&cancel, &[("action", "cancel"), ("subscription", "sub_1")]).await.headers()["location"],
        done
    );
    let form = flow("subscription_cancel", name);
    let form = [&[("customer", "cus_1")], &form[..]].concat();
    assert_refused(&stripe, PATH, "it is canceled already", &form, ("", name)).await;
}

#[tokio::test]
async fn a_portal_is_for_one_customer_and_a_short_time() {
    let stripe = subscribed().await;
    let session = opened(&stripe, &[]).await;
    let pressed = press(&session, &[("action", "cancel"), ("subscription", "sub_2")]).await;
    assert_eq!((pressed.status().as_u16(), stripe.get::<Subscription>("sub_2").cancel_at), (400, None));
    stripe.set_now(NOW + 3599);
    assert!(page(&session).await.contains("Cancel plan"), "it was opened in time");
    stripe.set_now(NOW + 3600);
    assert!(page(&session).await.contains("expired"));
    let late = opened(&stripe, &[]).await;
    stripe.set_now(NOW + 3600 + 300);
    assert!(page(&late).await.contains("expired"));
    let pressed = press(&late, &[("action", "cancel"), ("subscription", "sub_1")]).await;
    assert_eq!((pressed.status().as_u16(), stripe.get::<Subscription>("sub_1").cancel_at), (404, None));
}

#[tokio::test]
async fn portal_sessions_that_stripe_refuses_are_refused() {
    let stripe = subscribed().await;
    let cancel = "flow_data[subscription_cancel][subscription]";
    let update = "flow_data[subscription_update][subscription]";
    let (kind, after) = ("flow_data[type]", "flow_data[after_completion][type]");
    for (why, form, code, param) in [
        (
            "an unknown parameter",
            vec![("success_url", "https://a.example")],
            "parameter_unknown",
            "success_url",
        ),
        ("an unknown configuration", vec![("configuration", "bpc_0")], "resource_missing", "configuration"),
        ("no URL", vec![("return_url", "billing")], "url_invalid", "return_url"),
        ("an unknown language", vec![("locale", "xx")], "", "locale"),
        ("an unknown flow", vec![(kind, "refund")], "", kind),
        ("no type", vec![(cancel, "sub_1")], "parameter_missing", kind),
        ("no subscription", vec![(kind, "subscription_cancel")], "parameter_missing", cancel),
        (
            "no such subscription",
            vec![(kind, "subscription_cancel"), (cancel, "sub_0")],
            "resource_missing",
            cancel,
        ),
        ("another's", vec![(kind, "subscription_cancel"), (cancel, "sub_2")], "resource_missing", cancel),
        (
            "of another flow",
            vec![(kind, "subscription_cancel"), (update, "sub_1")],
            "",
            "flow_data[subscription_update]",
        ),
        (
            "no URL to redirect to",
            vec![(kind, "payment_method_update"), (after, "redirect")],
            "parameter_missing",
            "flow_data[after_completion][redirect][return_url]",
        ),
    ] {
        let form = [&[("customer", "cus_1")], &form[..]].concat();
        assert_refused(&stripe, PATH, why, &form, (code, param)).await;
    }
    assert_refused(&stripe, PATH, "no customer", &[], ("parameter_missing", "customer")).await;
    let unknown = [("customer", "cus_0")];
    assert_refused(&stripe, PATH, "no such customer", &unknown, ("resource_missing", "customer")).await;
    let unset = StripeSettings { portal_configurations: Vec::new(), ..StripeSettings::default() };
    let unset = FakeStripe::start_with(unset).await;
    unset.put(Customer::new("cus_1"));
    let (status, body) = post_form(&unset, PATH, &[("customer", "cus_1")]).await;
    let message = body["error"]["message"].as_str().unwrap();
    assert!(status == 400 && message.starts_with("No configuration provided"), "{message}");
}
