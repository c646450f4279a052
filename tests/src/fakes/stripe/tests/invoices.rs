//! Invoices of the fake of Stripe: collecting them, and what they show.

use serde_json::json;

use super::super::model::{Card, ChargeFailure};
use super::{get, shop, taken};

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
