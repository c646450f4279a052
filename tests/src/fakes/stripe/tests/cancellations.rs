//! Cancellations of subscriptions, and what undoes them.

use serde_json::{Value, json};

use super::super::FakeStripe;
use super::super::model::{Card, Customer, Subscription};
use super::{assert_refused, delete, get, post, post_form, shop, taken};

const NOW: i64 = 1_800_000_000;
const DAY_S: i64 = 24 * 3600;
const END: i64 = NOW + 20 * DAY_S;
const PATH: &str = "/v1/subscriptions/sub_1";

async fn subscribed() -> FakeStripe {
    let stripe = shop().await;
    stripe.set_now(NOW);
    stripe.change::<Subscription>("sub_1", |s| s.items[0].set_period((NOW - 10 * DAY_S, END)));
    stripe
}

fn event(kind: &str) -> (String, String) {
    (kind.to_owned(), "sub_1".to_owned())
}

#[tokio::test]
async fn a_cancellation_at_period_end_can_be_undone() {
    let stripe = subscribed().await;
    let form = [
        ("cancel_at_period_end", "true"),
        ("cancellation_details[feedback]", "too_expensive"),
        ("cancellation_details[comment]", "maybe later"),
    ];
    let subscription = post_form(&stripe, PATH, &form).await.1;
    assert_eq!(
        (&subscription["status"], &subscription["cancel_at_period_end"]),
        (&json!("active"), &json!(true))
    );
    assert_eq!((&subscription["cancel_at"], &subscription["canceled_at"]), (&json!(END), &json!(NOW)));
    let want =
        json!({"comment": "maybe later", "feedback": "too_expensive", "reason": "cancellation_requested"});
    assert_eq!(subscription["cancellation_details"], want);
    assert_eq!(taken(&stripe), [event("customer.subscription.updated")]);
    let subscription = post(&stripe, PATH, "cancel_at_period_end=false").await.1;
    let none = json!({"comment": null, "feedback": null, "reason": null});
    assert_eq!((&subscription["cancel_at"], &subscription["cancellation_details"]), (&Value::Null, &none));
    assert_eq!(subscription["cancel_at_period_end"], false);
    taken(&stripe);
    post(&stripe, PATH, "cancel_at_period_end=false").await;
    assert_eq!(taken(&stripe), [], "nothing changed");
}

#[tokio::test]
async fn a_cancellation_can_have_a_date() {
    let stripe = subscribed().await;
    let at = (NOW + DAY_S).to_string();
    let subscription = post_form(&stripe, PATH, &[("cancel_at", &at)]).await.1;
    assert_eq!(
        (&subscription["cancel_at"], &subscription["cancel_at_period_end"]),
        (&json!(NOW + DAY_S), &json!(false))
    );
    assert_eq!(post(&stripe, PATH, "cancel_at=").await.1["cancel_at"], Value::Null);
    assert_eq!(post(&stripe, PATH, "cancel_at=min_period_end").await.1["cancel_at"], END);
    for (why, form, param) in [
        ("a date in the past", vec![("cancel_at", "1")], "cancel_at"),
        ("both", vec![("cancel_at", at.as_str()), ("cancel_at_period_end", "true")], "cancel_at"),
        ("no boolean", vec![("cancel_at_period_end", "1")], "cancel_at_period_end"),
        (
            "a reason of one's own",
            vec![("cancellation_details[feedback]", "bored")],
            "cancellation_details[feedback]",
        ),
    ] {
        assert_refused(&stripe, PATH, why, &form, ("", param)).await;
    }
}

#[tokio::test]
async fn a_deleted_subscription_is_canceled_at_once() {
    let stripe = subscribed().await;
    let (status, subscription) = delete(&stripe, PATH, &[("cancellation_details[feedback]", "unused")]).await;
    assert_eq!((status.as_u16(), &subscription["status"]), (200, &json!("canceled")));
    assert_eq!((&subscription["ended_at"], &subscription["canceled_at"]), (&json!(NOW), &json!(NOW)));
    assert_eq!(subscription["cancellation_details"]["feedback"], "unused");
    assert_eq!(taken(&stripe), [event("customer.subscription.deleted")]);
    assert_eq!(delete(&stripe, PATH, &[]).await.0, 404, "it is gone");
    let (status, body) = post(&stripe, PATH, "cancel_at_period_end=false").await;
    let message = "A canceled subscription can only update its cancellation_details and metadata.";
    assert_eq!((status.as_u16(), &body["error"]["message"]), (400, &json!(message)));
    assert_eq!(post(&stripe, PATH, "metadata[note]=1").await.0, 200);
    assert_eq!(delete(&stripe, "/v1/subscriptions/sub_0", &[]).await.0, 404);
    assert_eq!(delete(&stripe, PATH, &[("at_period_end", "true")]).await.0, 400);
}

#[tokio::test]
async fn what_is_left_of_the_period_is_credited_on_demand() {
    for (form, balance) in [
        (vec![], 0),
        (vec![("prorate", "true"), ("invoice_now", "true")], -1333),
        (vec![("prorate", "true")], 0),
    ] {
        let stripe = subscribed().await;
        assert_eq!(delete(&stripe, PATH, &form).await.0, 200);
        assert_eq!(stripe.get::<Customer>("cus_1").balance, balance, "{form:?}");
    }
}

#[tokio::test]
async fn a_schedule_decides_about_its_subscription() {
    let stripe = subscribed().await;
    stripe.change::<Subscription>("sub_1", |s| s.schedule = Some("sub_sched_1".to_owned()));
    let want = "The subscription is managed by the subscription schedule `sub_sched_1`, and updating any cancelation \
                behavior directly is not allowed. Please update the schedule instead.";
    for form in ["cancel_at_period_end=true", "cancel_at_period_end=false", "cancel_at=min_period_end"] {
        let (status, body) = post(&stripe, PATH, form).await;
        assert_eq!((status.as_u16(), body["error"]["message"].as_str()), (400, Some(want)), "{form}");
    }
    assert_eq!(post(&stripe, PATH, "items[0][id]=si_1_1&items[0][quantity]=2").await.0, 400);
    assert_eq!(delete(&stripe, PATH, &[]).await.1["error"]["message"], want);
    assert_eq!(post(&stripe, PATH, "metadata[note]=1").await.0, 200);
    assert_eq!(get(&stripe, PATH).await.1["status"], "active");
}

#[tokio::test]
async fn only_a_paused_subscription_can_be_resumed() {
    let stripe = subscribed().await;
    let resume = format!("{PATH}/resume");
    assert_eq!(post(&stripe, &resume, "").await.0, 400, "it is active");
    stripe.change::<Subscription>("sub_1", |s| "paused".clone_into(&mut s.status));
    assert_eq!(
        post(&stripe, &resume, "billing_cycle_anchor=now").await.1["error"]["code"],
        "parameter_unknown"
    );
    stripe.set_card("cus_1", Card::Declines);
    let subscription = post(&stripe, &resume, "").await.1;
    assert_eq!(subscription["status"], "paused", "the payment failed");
    taken(&stripe);
    stripe.set_card("cus_1", Card::Works);
    let subscription =
        post(&stripe, &resume, "billing_cycle_anchor[type]=now&proration_behavior=none").await.1;
    assert_eq!(subscription["status"], "active");
    assert_eq!(subscription["items"]["data"][0]["current_period_start"], NOW);
    assert_eq!(taken(&stripe).last().unwrap(), &event("customer.subscription.resumed"));
    assert_eq!(post(&stripe, "/v1/subscriptions/sub_0/resume", "").await.0, 404);
}
