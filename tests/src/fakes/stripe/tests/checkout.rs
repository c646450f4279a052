//! Checkout Sessions: creating, paying, and expiring them.

use reqwest::redirect::Policy;
use serde_json::{Value, json};

use super::super::model::{Card, ChargeFailure, Customer, PaymentIntent, Price, Session, Subscription};
use super::super::{FakeStripe, PaymentPageError};
use super::{get, ids, post, post_form, shop, taken, types, with_form};

pub(super) const NOW: i64 = 1_800_000_000;
pub(super) const DAY_S: i64 = 24 * 3600;

pub(super) type Form = Vec<(&'static str, &'static str)>;

/// The parameters that a session for a subscription requires.
pub(super) const SUBSCRIPTION: [(&str, &str); 5] = [
    ("mode", "subscription"),
    ("customer", "cus_1"),
    ("line_items[0][price]", "price_pro"),
    ("line_items[0][quantity]", "1"),
    ("success_url", "https://app.example.com/billing?session={CHECKOUT_SESSION_ID}"),
];

/// The same for a one-time payment.
pub(super) const PAYMENT: [(&str, &str); 5] = [
    ("mode", "payment"),
    ("customer", "cus_1"),
    ("line_items[0][price]", "price_credits"),
    ("line_items[0][quantity]", "3"),
    ("success_url", "https://app.example.com/done"),
];

pub(super) fn with(form: &[(&'static str, &'static str)], changes: &[(&'static str, &'static str)]) -> Form {
    let is_changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
    let kept = form.iter().filter(|(name, _)| !is_changed(name));
    // An empty value leaves a parameter out.
    kept.chain(changes).filter(|(_, value)| !value.is_empty()).copied().collect()
}

pub(super) async fn store() -> FakeStripe {
    let stripe = shop().await;
    stripe.set_now(NOW);
    stripe.put(Price::new("price_credits").amount(500).one_time());
    stripe.put(Price::new("price_year").amount(20_000).every(1, "year"));
    stripe.put(Price::new("price_old").archived());
    stripe.put(Price::new("price_eur").currency("eur"));
    stripe
}

pub(super) async fn created(stripe: &FakeStripe, form: &[(&str, &str)]) -> Value {
    let (status, session) = post_form(stripe, "/v1/checkout/sessions", form).await;
    assert_eq!(status, 200, "{session}");
    session
}

#[tokio::test]
async fn a_paid_session_makes_a_subscription_with_its_metadata() {
    let stripe = store().await;
    let form = with(
        &SUBSCRIPTION,
        &[
            ("client_reference_id", "user_1"),
            ("metadata[clerk_user_id]", "user_1"),
            ("subscription_data[metadata][clerk_user_id]", "user_1"),
            ("line_items[0][quantity]", "2"),
            ("allow_promotion_codes", "true"),
            ("billing_address_collection", "required"),
            ("payment_method_collection", "always"),
            ("locale", "de"),
            ("cancel_url", "https://app.example.com/pricing"),
        ],
    );
    let session = created(&stripe, &form).await;
    let id = session["id"].as_str().unwrap();
    assert!(id.starts_with("cs_test_"));
    assert_eq!((&session["status"], &session["payment_status"]), (&json!("open"), &json!("unpaid")));
    assert_eq!((&session["amount_total"], &session["locale"]), (&json!(4000), &json!("de")));
    assert_eq!(session["expires_at"], NOW + DAY_S);
    assert_eq!(session["subscription"], Value::Null, "it is made when the session is paid");
    assert_eq!(types(&stripe), [""; 0], "creating a session emits nothing");

    assert_eq!(stripe.pay_session(id), format!("https://app.example.com/billing?session={id}"));
    let paid = get(&stripe, &format!("/v1/checkout/sessions/{id}")).await.1;
    assert_eq!((&paid["status"], &paid["payment_status"]), (&json!("complete"), &json!("paid")));
    assert_eq!((&paid["url"], &paid["client_reference_id"]), (&json!(null), &json!("user_1")));
    let subscription = stripe.object(paid["subscription"].as_str().unwrap());
    assert_eq!((&subscription["status"], &subscription["customer"]), (&json!("active"), &json!("cus_1")));
    assert_eq!(subscription["metadata"], json!({"clerk_user_id": "user_1"}));
    let item = &subscription["items"]["data"][0];
    assert_eq!((&item["price"]["id"], &item["quantity"]), (&json!("price_pro"), &json!(2)));
    // 2027-01-15 to 2027-02-15.
    assert_eq!(item["current_period_end"], NOW + 31 * DAY_S);
    let invoice = stripe.object(subscription["latest_invoice"].as_str().unwrap());
    assert_eq!((&invoice["status"], &invoice["total"]), (&json!("paid"), &json!(4000)));
    assert_eq!(invoice["billing_reason"], "subscription_create");
    assert_eq!(invoice["parent"]["subscription_details"]["subscription"], subscription["id"]);
    let want = [
        "invoice.created",
        "invoice.finalized",
        "customer.subscription.created",
        "payment_intent.succeeded",
        "invoice.paid",
        "invoice.payment_succeeded",
        "checkout.session.completed",
    ];
    assert_eq!(types(&stripe), want);
    let error = stripe.pay_session_with(id, Card::Works);
    assert_eq!(error, Err(PaymentPageError::NotOpen("complete".to_owned())), "only once");
}

#[tokio::test]
async fn a_trial_begins_without_a_payment_and_maybe_without_a_card() {
    let stripe = store().await;
    for (collection, card) in [("always", Card::InsufficientFunds), ("if_required", Card::Missing)] {
        stripe.put(Customer::new("cus_2").card(Card::Missing));
        let form = with(
            &SUBSCRIPTION,
            &[
                ("customer", "cus_2"),
                ("payment_method_collection", collection),
                ("subscription_data[trial_period_days]", "14"),
                ("subscription_data[trial_settings][end_behavior][missing_payment_method]", "cancel"),
            ],
        );
        let session = created(&stripe, &form).await;
        let id = session["id"].as_str().unwrap();
        assert_eq!(session["amount_total"], 0, "{collection}");
        if collection == "always" {
            let error = stripe.pay_session_with(id, card);
            assert!(matches!(error, Err(PaymentPageError::NotCharged(_))), "{error:?}");
        }
        stripe.pay_session(id);
        let paid = stripe.get::<Session>(id);
        assert_eq!(paid.payment_status, "no_payment_required", "{collection}");
        let subscription = stripe.get::<Subscription>(&paid.subscription.unwrap());
        assert_eq!(subscription.status, "trialing");
        assert_eq!((subscription.trial_start, subscription.trial_end), (Some(NOW), Some(NOW + 14 * DAY_S)));
        assert_eq!(subscription.items[0].current_period_end, NOW + 14 * DAY_S);
        assert_eq!(subscription.missing_payment_method.as_deref(), Some("cancel"));
        let has_card = stripe.get::<Customer>("cus_2").card != Card::Missing;
        assert_eq!(has_card, collection == "always");
    }
}

#[tokio::test]
async fn a_purchase_has_a_payment_intent_and_an_invoice_if_asked() {
    let stripe = store().await;
    for (creation, has_invoice) in [("true", true), ("false", false)] {
        let changes = [
            ("invoice_creation[enabled]", creation),
            ("payment_intent_data[metadata][clerk_user_id]", "user_1"),
        ];
        let session = created(&stripe, &with(&PAYMENT, &changes)).await;
        assert_eq!((&session["amount_total"], &session["payment_intent"]), (&json!(1500), &json!(null)));
        let id = session["id"].as_str().unwrap();
        assert_eq!(stripe.pay_session(id), "https://app.example.com/done");
        let paid = stripe.get::<Session>(id);
        assert_eq!((paid.payment_status.as_str(), paid.subscription), ("paid", None));
        let intent = stripe.get::<PaymentIntent>(&paid.payment_intent.unwrap());
        assert_eq!((intent.status(), intent.amount), ("succeeded", 1500));
        assert_eq!(intent.metadata["clerk_user_id"], "user_1");
        assert_eq!(paid.invoice.is_some(), has_invoice);
        let invoices = get(&stripe, "/v1/invoices?customer=cus_1&status=paid").await.1;
        assert_eq!(paid.invoice.as_deref(), ids(&invoices).first().copied().filter(|_| has_invoice));
        assert_eq!(types(&stripe).last().unwrap(), "checkout.session.completed");
    }
}

#[tokio::test]
async fn a_declined_card_leaves_the_session_open() {
    let stripe = store().await;
    let session = created(&stripe, &SUBSCRIPTION).await;
    let id = session["id"].as_str().unwrap();
    let declined = ChargeFailure::Declined("generic_decline", "Your card was declined.");
    let error = stripe.pay_session_with(id, Card::Declines);
    assert_eq!(error, Err(PaymentPageError::NotCharged(declined)));
    assert_eq!(types(&stripe), ["payment_intent.payment_failed"]);
    assert_eq!(stripe.get::<Session>(id).status, "open");
    assert_eq!(ids(&get(&stripe, "/v1/subscriptions?customer=cus_1").await.1), ["sub_1"]);
    // A customer who is present authenticates the payment.
    stripe.pay_session_with(id, Card::NeedsAuthentication).unwrap();
    assert_eq!(stripe.get::<Customer>("cus_1").card, Card::NeedsAuthentication);
}

#[tokio::test]
async fn a_session_without_customer_makes_one() {
    let stripe = store().await;
    let changes = [("customer", ""), ("customer_email", "ada@example.com")];
    let session = created(&stripe, &with(&SUBSCRIPTION, &changes)).await;
    assert_eq!(session["customer"], Value::Null);
    stripe.pay_session(session["id"].as_str().unwrap());
    let paid = stripe.get::<Session>(session["id"].as_str().unwrap());
    let customer = stripe.get::<Customer>(&paid.customer.unwrap());
    assert_eq!(customer.email.as_deref(), Some("ada@example.com"));
    assert_eq!(taken(&stripe)[0], ("customer.created".to_owned(), customer.id));
}

#[tokio::test]
async fn sessions_are_listed_and_only_open_ones_expire() {
    let stripe = store().await;
    let mut made = Vec::new();
    for n in 0..3 {
        stripe.set_now(NOW + n);
        made.push(created(&stripe, &SUBSCRIPTION).await["id"].as_str().unwrap().to_owned());
    }
    stripe.pay_session(&made[0]);
    stripe.take_events();
    let expire = format!("/v1/checkout/sessions/{}/expire", made[1]);
    let (status, expired) = post(&stripe, &expire, "").await;
    assert_eq!(
        (status.as_u16(), &expired["status"], &expired["url"]),
        (200, &json!("expired"), &json!(null))
    );
    assert_eq!(taken(&stripe), [("checkout.session.expired".to_owned(), made[1].clone())]);
    let (status, body) = post(&stripe, &expire, "").await;
    let message = "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a \
                   status of `expired`.";
    assert_eq!((status.as_u16(), &body["error"]["message"]), (400, &json!(message)));
    assert_eq!(post(&stripe, "/v1/checkout/sessions/cs_test_0/expire", "").await.0, 404);
    let list = "/v1/checkout/sessions?customer=cus_1";
    for (query, want) in [
        ("&status=open", vec![&made[2]]),
        ("&status=expired", vec![&made[1]]),
        ("&limit=2", vec![&made[2], &made[1]]),
    ] {
        assert_eq!(ids(&get(&stripe, &format!("{list}{query}")).await.1), want, "{query}");
    }
    let rest = get(&stripe, &format!("{list}&starting_after={}", made[1])).await.1;
    assert_eq!(ids(&rest)[0], made[0]);
}

#[tokio::test]
async fn the_page_of_a_session_takes_a_card_and_redirects() {
    let stripe = store().await;
    stripe.put(Price::new("price_team").amount(4200).product("prod_<team>"));
    let changes =
        [("line_items[0][price]", "price_team"), ("cancel_url", "https://app.example.com/?a=1&b=2")];
    let session = created(&stripe, &with(&SUBSCRIPTION, &changes)).await;
    let (id, url) = (session["id"].as_str().unwrap(), session["url"].as_str().unwrap());
    assert_eq!(url, format!("http://{}/c/pay/{id}", stripe.addr()));
    let browser = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let page = browser.get(url).send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let page = page.text().await.unwrap();
    let stand_in = "This page stands in for Stripe";
    for part in ["42.00 USD a month", "prod_&lt;team&gt;", "?a=1&amp;b=2", "<button>Pay</button>", stand_in] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let declined = with_form(browser.post(url), &[("card", "declines")]).send().await.unwrap();
    assert_eq!(declined.status(), 402);
    assert!(declined.text().await.unwrap().contains("Your card was declined."));
    let paid = with_form(browser.post(url), &[("card", "works")]).send().await.unwrap();
    assert_eq!(paid.status(), 303);
    assert_eq!(paid.headers()["location"], format!("https://app.example.com/billing?session={id}"));
    assert_eq!(stripe.get::<Session>(id).status, "complete");
    let again = with_form(browser.post(url), &[("card", "works")]).send().await.unwrap();
    assert_eq!(again.headers()["location"], paid.headers()["location"], "a double click");
    let later = browser.get(url).send().await.unwrap().text().await.unwrap();
    assert!(later.contains("You're all done here") && later.contains(">Return</a>"), "{later}");
    assert_eq!(ids(&get(&stripe, "/v1/subscriptions?customer=cus_1").await.1).len(), 2, "one new");
    assert_eq!(browser.get(format!("{url}0")).send().await.unwrap().status(), 404);
}
