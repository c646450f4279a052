//! Tests of the invoices of the fake of Stripe: collecting and showing them.

use serde_json::json;

use super::super::PaymentPageError;
use super::super::model::{Card, ChargeFailure, Customer, Price};
use super::{get, ids, post_form, shop, taken, with_form};

#[tokio::test]
async fn an_invoice_shows_why_its_payment_failed_and_then_that_it_is_paid() {
    let stripe = shop().await;
    let path = "/v1/invoices/in_1?expand[]=payments.data.payment.payment_intent";
    assert_eq!(get(&stripe, path).await.1["payments"]["data"], json!([]), "not tried yet");
    assert_eq!(get(&stripe, "/v1/invoices/in_1").await.1.get("payments"), None, "only on demand");

    stripe.set_card("cus_1", Card::InsufficientFunds);
    let declined = ChargeFailure::Declined("insufficient_funds", "Your card has insufficient funds.");
    assert_eq!(stripe.collect_invoice("in_1"), Err(declined));
    let invoice = get(&stripe, path).await.1;
    assert_eq!((&invoice["status"], &invoice["attempt_count"]), (&json!("open"), &json!(1)));
    let intent = &invoice["payments"]["data"][0]["payment"]["payment_intent"];
    assert_eq!(intent["status"], "requires_payment_method");
    let error = &intent["last_payment_error"];
    assert_eq!(
        (&error["code"], &error["decline_code"]),
        (&json!("card_declined"), &json!("insufficient_funds"))
    );
    assert_eq!(
        (&error["type"], &error["message"]),
        (&json!("card_error"), &json!("Your card has insufficient funds."))
    );
    assert_eq!(taken(&stripe).last().unwrap(), &("invoice.payment_failed".to_owned(), "in_1".to_owned()));

    stripe.set_card("cus_1", Card::NeedsAuthentication);
    assert_eq!(stripe.collect_invoice("in_1"), Err(ChargeFailure::AuthenticationRequired));
    let invoice = get(&stripe, path).await.1;
    let intent = &invoice["payments"]["data"][0]["payment"]["payment_intent"];
    assert_eq!((&intent["status"], &intent["last_payment_error"]), (&json!("requires_action"), &json!(null)));
    let types: Vec<String> = taken(&stripe).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(
        types,
        ["payment_intent.requires_action", "invoice.payment_action_required", "invoice.payment_failed"]
    );

    stripe.set_card("cus_1", Card::Works);
    assert_eq!(stripe.collect_invoice("in_1"), Ok(()));
    let invoice = get(&stripe, path).await.1;
    assert_eq!((&invoice["status"], &invoice["amount_remaining"]), (&json!("paid"), &json!(0)));
    assert_eq!(invoice["payments"]["data"].as_array().unwrap().len(), 1, "one payment, three attempts");
    assert_eq!(taken(&stripe).last().unwrap().0, "invoice.payment_succeeded");
}

#[tokio::test]
async fn invoices_are_listed_with_what_a_customer_needs() {
    let stripe = shop().await;
    stripe.put(Price::new("price_credits").amount(500).one_time());
    let mut sessions = Vec::new();
    for (mode, price) in [("subscription", "price_pro"), ("payment", "price_credits")] {
        let mut form = vec![
            ("mode", mode),
            ("customer", "cus_1"),
            ("line_items[0][price]", price),
            ("line_items[0][quantity]", "1"),
            ("success_url", "https://app.example.com/"),
        ];
        form.extend((mode == "payment").then_some(("invoice_creation[enabled]", "true")));
        let session = post_form(&stripe, "/v1/checkout/sessions", &form).await.1;
        stripe.pay_session(session["id"].as_str().unwrap());
        sessions.push(stripe.object(session["id"].as_str().unwrap()));
    }
    let list = get(&stripe, "/v1/invoices?customer=cus_1&status=paid&limit=100").await.1;
    let want: Vec<_> = sessions.iter().rev().map(|session| session["invoice"].as_str().unwrap()).collect();
    assert_eq!(ids(&list), want, "newest first");
    let invoice = &list["data"][1];
    assert_eq!((&invoice["total"], &invoice["currency"]), (&json!(2000), &json!("usd")));
    assert!(invoice["number"].is_string() && invoice["created"].is_i64(), "{invoice}");
    assert_ne!(invoice["number"], list["data"][0]["number"]);
    let subscription = &sessions[0]["subscription"];
    assert_eq!(&invoice["parent"]["subscription_details"]["subscription"], subscription);
    assert_eq!(list["data"][0]["parent"], json!(null));
    let after = format!("/v1/invoices?customer=cus_1&status=paid&starting_after={}", want[0]);
    assert_eq!(ids(&get(&stripe, &after).await.1), want[1..]);
    let of = format!("/v1/invoices?subscription={}", subscription.as_str().unwrap());
    assert_eq!(ids(&get(&stripe, &of).await.1), want[1..]);
    let page =
        reqwest::get(invoice["hosted_invoice_url"].as_str().unwrap()).await.unwrap().text().await.unwrap();
    assert!(page.contains("20.00 USD, paid") && !page.contains("Pay</button>"), "{page}");
    let pdf = reqwest::get(invoice["invoice_pdf"].as_str().unwrap()).await.unwrap();
    assert_eq!(pdf.headers()["content-type"], "application/pdf");
}

#[tokio::test]
async fn an_open_invoice_is_paid_on_its_page() {
    let stripe = shop().await;
    stripe.set_card("cus_1", Card::NeedsAuthentication);
    let url = format!("http://{}/i/in_1", stripe.addr());
    let client = reqwest::Client::new();
    let declined = with_form(client.post(&url), &[("card", "declines")]).send().await.unwrap();
    assert_eq!(declined.status(), 402);
    assert!(declined.text().await.unwrap().contains("Your card was declined."));
    assert_eq!(stripe.get::<Customer>("cus_1").card, Card::NeedsAuthentication, "the card of before stays");
    let paid = with_form(client.post(&url), &[("card", "needs_authentication")]).send().await.unwrap();
    assert!(paid.text().await.unwrap().contains("20.00 USD, paid"), "it redirects to itself");
    let again = stripe.pay_invoice_with("in_1", Card::Works);
    assert_eq!(again, Err(PaymentPageError::NotOpen("paid".to_owned())));
    assert_eq!(client.get(format!("{url}0")).send().await.unwrap().status(), 404);
}
