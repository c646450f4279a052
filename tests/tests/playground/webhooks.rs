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
    let delivery = &response["deliveries"][0];
    assert_eq!((*status, &delivery["status"], &delivery["body"]["code"]), (200, &json!(400), &json!(code)));
    assert_eq!(response["changed"], json!([]));
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
    let received = |delivery: &Value| (delivery["status"].clone(), delivery["body"]["status"].clone());
    assert_eq!(received(&again["deliveries"][0]), (json!(200), json!("already_received")));
    events.until("delivery", ends_with(id, "delivered again")).await;
    let late = visitor.press(&format!("deliveries/{id}/late")).await;
    assert_refused(&late, "timestamp_outside_tolerance");
    let shown = events.until("delivery", ends_with(id, "delivered late")).await;
    assert_eq!(shown["attempts"][2]["outcome"], "timestamp_outside_tolerance", "{shown}");
    let (_, out_of_order) = visitor.press("deliveries/out-of-order").await;
    let [newer, older] = [0, 1].map(|index| &out_of_order["deliveries"][index]);
    assert_eq!((&newer["status"], &older["status"]), (&json!(200), &json!(200)), "{out_of_order}");
    assert_eq!(out_of_order["changed"], json!([]));
    for delivery in [newer, older] {
        let id = delivery["event"].as_str().expect("an id");
        events.until("delivery", ends_with(id, "out of order")).await;
    }
    // A page that is opened later gets the events in the order in which Stripe has sent them.
    let is_one = |delivery: &Value| [&newer["event"], &older["event"]].contains(&&delivery["id"]);
    assert_eq!(visitor.events().await.until("delivery", is_one).await["id"], older["event"]);
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
