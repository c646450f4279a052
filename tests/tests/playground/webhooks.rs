//! The buttons beside the deliveries: again, late, forged, out of order.

use crate::shared::{ADA, Answer, BOB, Visitor};
use serde_json::{Value, json};

/// Returns whether the newest attempt to deliver this event is the one with that note.
fn ends_with<'a>(id: &'a str, note: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |delivery| {
        let newest = delivery["attempts"].as_array().and_then(|attempts| attempts.last());
        delivery["id"] == id && newest.is_some_and(|newest| newest["note"] == note)
    }
}

#[track_caller]
fn assert_refused((status, response): &Answer, code: &str) {
    assert_eq!((*status, &response["status"], &response["body"]["code"]), (200, &json!(400), &json!(code)));
}

#[tokio::test]
async fn deliveries_again_late_and_out_of_order_change_nothing() {
    let visitor = Visitor::start().await;
    let (status, refusal) = visitor.press("deliveries/out-of-order").await;
    assert_eq!((status, &refusal["error"]), (409, &json!("Stripe has not sent two events yet")));
    assert_eq!(visitor.press("deliveries/evt_unknown/again").await.0, 404);

    let mut events = visitor.events().await;
    visitor.buy(ADA).await;
    let is_sale = |delivery: &Value| delivery["type"] == "checkout.session.completed";
    let sale = events.until("delivery", is_sale).await;
    let first = &sale["attempts"][0];
    assert_eq!((&first["status"], &first["outcome"]), (&json!(200), &json!("processed")), "{sale}");
    let id = sale["id"].as_str().expect("an id");

    let (_, again) = visitor.press(&format!("deliveries/{id}/again")).await;
    assert_eq!((&again["status"], &again["body"]["status"]), (&json!(200), &json!("already_received")));
    events.until("delivery", ends_with(id, "delivered again")).await;
    let late = visitor.press(&format!("deliveries/{id}/late")).await;
    assert_refused(&late, "timestamp_outside_tolerance");
    let shown = events.until("delivery", ends_with(id, "delivered late")).await;
    assert_eq!(shown["attempts"][2]["outcome"], "timestamp_outside_tolerance", "{shown}");
    let (_, out_of_order) = visitor.press("deliveries/out-of-order").await;
    assert_eq!(out_of_order["status"], 200);
    assert_eq!(visitor.get("/usage", ADA).await.1["plan"], "pro");
}

#[tokio::test]
async fn a_forged_event_grants_nothing() {
    let visitor = Visitor::start().await;
    let mut events = visitor.events().await;
    assert_refused(&visitor.press("deliveries/forge").await, "signature_mismatch");
    let forged = events.until("delivery", |delivery| delivery["attempts"][0]["note"] == "forged").await;
    assert_eq!(forged["attempts"][0]["outcome"], "signature_mismatch");
    let request = events.until("request", |request| request["path"] == "/webhooks/stripe").await;
    assert_eq!((&request["decision"], &request["code"]), (&json!("refused"), &json!("signature_mismatch")));
    assert_eq!(visitor.get("/usage", BOB).await.1["plan"], "free");
}
