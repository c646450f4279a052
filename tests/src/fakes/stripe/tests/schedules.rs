//! Subscription schedules: a change of price at the end of a period.

use serde_json::{Value, json};

use super::super::FakeStripe;
use super::super::model::{Invoice, Price, Subscription};
use super::{assert_refused, get, post, post_form, shop, types};

const NOW: i64 = 1_800_000_000;
const DAY_S: i64 = 24 * 3600;
const START: i64 = NOW - 10 * DAY_S;
const END: i64 = NOW + 20 * DAY_S;
const START_TEXT: &str = "1799136000";
const END_TEXT: &str = "1801728000";

async fn subscribed() -> FakeStripe {
    let stripe = shop().await;
    stripe.set_now(NOW);
    stripe.put(Price::new("price_small").amount(500));
    stripe.put(Price::new("price_once").one_time());
    stripe.change::<Subscription>("sub_1", |s| s.items[0].set_period((START, END)));
    stripe
}

/// Makes a schedule and returns its path.
async fn scheduled(stripe: &FakeStripe) -> (Value, String) {
    let (status, schedule) = post(stripe, "/v1/subscription_schedules", "from_subscription=sub_1").await;
    assert_eq!(status, 200, "{schedule}");
    let path = format!("/v1/subscription_schedules/{}", schedule["id"].as_str().unwrap());
    (schedule, path)
}

/// The current phase, and another price after it.
const DOWNGRADE: [(&str, &str); 10] = [
    ("phases[0][items][0][price]", "price_pro"),
    ("phases[0][items][0][quantity]", "1"),
    ("phases[0][start_date]", START_TEXT),
    ("phases[0][end_date]", END_TEXT),
    ("phases[1][items][0][price]", "price_small"),
    ("phases[1][duration][interval]", "month"),
    ("phases[1][duration][interval_count]", "1"),
    ("phases[1][proration_behavior]", "none"),
    ("end_behavior", "release"),
    ("metadata[source]", "tollgate"),
];

fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let is_changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
    let kept = DOWNGRADE.iter().filter(|(name, _)| !is_changed(name));
    kept.chain(changes).filter(|(_, value)| !value.is_empty()).copied().collect()
}

#[tokio::test]
async fn a_schedule_is_made_from_a_subscription_alone() {
    let stripe = subscribed().await;
    let path = "/v1/subscription_schedules";
    for other in ["end_behavior", "metadata[source]", "phases[0][start_date]"] {
        let form = [("from_subscription", "sub_1"), (other, "release")];
        let param = other.split('[').next().unwrap();
        assert_refused(&stripe, path, "in addition to from_subscription", &form, ("", param)).await;
    }
    let form = [("from_subscription", "sub_0")];
    assert_refused(&stripe, path, "no such subscription", &form, ("resource_missing", "from_subscription"))
        .await;
    let (schedule, _) = scheduled(&stripe).await;
    assert_eq!((&schedule["subscription"], &schedule["status"]), (&json!("sub_1"), &json!("active")));
    assert_eq!(schedule["current_phase"], json!({"start_date": START, "end_date": END}));
    assert_eq!(schedule["phases"][0]["items"][0]["price"], "price_pro");
    assert_eq!((&schedule["metadata"], &schedule["end_behavior"]), (&json!({}), &json!("release")));
    assert_eq!(get(&stripe, "/v1/subscriptions/sub_1").await.1["schedule"], schedule["id"]);
    let expanded = get(&stripe, "/v1/subscriptions/sub_1?expand[]=schedule").await.1;
    assert_eq!(expanded["schedule"], schedule);
    assert_eq!(types(&stripe), ["subscription_schedule.created", "customer.subscription.updated"]);
    let (status, body) = post(&stripe, path, "from_subscription=sub_1").await;
    let message = body["error"]["message"].as_str().unwrap();
    assert!(status == 400 && message.contains("already attached to a schedule"), "{message}");
}

#[tokio::test]
async fn a_downgrade_counts_from_the_end_of_the_period() {
    let stripe = subscribed().await;
    let (_, path) = scheduled(&stripe).await;
    let (status, schedule) =
        post_form(&stripe, &path, &with(&[("phases[1][metadata][note]", "small")])).await;
    assert_eq!(status, 200, "{schedule}");
    assert_eq!(schedule["metadata"], json!({"source": "tollgate"}));
    let phase = &schedule["phases"][1];
    assert_eq!(
        (&phase["start_date"], &phase["end_date"]),
        (&json!(END), &json!(END + 28 * DAY_S)),
        "a February"
    );
    assert_eq!(stripe.get::<Subscription>("sub_1").items[0].price, "price_pro", "not yet");
    assert_eq!(post(&stripe, "/v1/subscriptions/sub_1", "cancel_at_period_end=true").await.0, 400);
    stripe.take_events();

    stripe.advance_to(END - 1);
    assert_eq!(types(&stripe), [""; 0]);
    stripe.advance_to(END);
    let subscription = stripe.get::<Subscription>("sub_1");
    assert_eq!(subscription.items[0].price, "price_small");
    assert_eq!(subscription.items[0].period(), (END, END + 28 * DAY_S));
    assert_eq!(subscription.metadata["note"], "small");
    let invoice = stripe.get::<Invoice>(&subscription.latest_invoice.unwrap());
    assert_eq!((invoice.total, invoice.billing_reason.as_str()), (500, "subscription_cycle"));
    assert_eq!(types(&stripe)[..2], ["customer.subscription.updated", "subscription_schedule.updated"]);

    stripe.advance_to(END + 28 * DAY_S);
    let schedule = get(&stripe, &path).await.1;
    assert_eq!((&schedule["status"], &schedule["subscription"]), (&json!("released"), &Value::Null));
    assert_eq!(schedule["released_subscription"], "sub_1");
    let subscription = stripe.get::<Subscription>("sub_1");
    assert_eq!((subscription.status.as_str(), subscription.schedule), ("active", None));
    assert_eq!(subscription.items[0].current_period_start, END + 28 * DAY_S, "it continues");
}

#[tokio::test]
async fn a_released_schedule_lets_its_subscription_go() {
    let stripe = subscribed().await;
    let (_, path) = scheduled(&stripe).await;
    post_form(&stripe, &path, &DOWNGRADE).await;
    stripe.take_events();
    let (status, schedule) = post(&stripe, &format!("{path}/release"), "").await;
    assert_eq!((status.as_u16(), &schedule["status"]), (200, &json!("released")));
    assert_eq!(types(&stripe), ["subscription_schedule.released", "customer.subscription.updated"]);
    for (path, form) in [(format!("{path}/release"), &[][..]), (path, &DOWNGRADE[..])] {
        let (status, body) = post_form(&stripe, &path, form).await;
        let message = body["error"]["message"].as_str().unwrap();
        assert!(status == 400 && message.contains("currently in the `released` status"), "{message}");
    }
    assert_eq!(post(&stripe, "/v1/subscriptions/sub_1", "cancel_at_period_end=true").await.0, 200);
    stripe.advance_to(END);
    assert_eq!(stripe.get::<Subscription>("sub_1").status, "canceled");
}

#[tokio::test]
async fn a_schedule_can_end_its_subscription() {
    let stripe = subscribed().await;
    post(&stripe, "/v1/subscriptions/sub_1", "cancel_at_period_end=true").await;
    let (schedule, path) = scheduled(&stripe).await;
    assert_eq!(schedule["end_behavior"], "cancel", "as the subscription would have ended");
    stripe.change::<Subscription>("sub_1", |s| s.cancel_at = None);
    stripe.advance_to(END);
    assert_eq!(get(&stripe, &path).await.1["status"], "completed");
    assert_eq!(stripe.get::<Subscription>("sub_1").status, "canceled");
}

#[tokio::test]
async fn phases_that_stripe_refuses_are_refused() {
    let stripe = subscribed().await;
    let (_, path) = scheduled(&stripe).await;
    for (why, changes, code, param) in [
        (
            "removed in clover",
            vec![("phases[1][iterations]", "1")],
            "parameter_unknown",
            "phases[1][iterations]",
        ),
        (
            "a parameter that is none",
            vec![("phases[1][plans]", "1")],
            "parameter_unknown",
            "phases[1][plans]",
        ),
        ("no items", vec![("phases[1][items][0][price]", "")], "parameter_missing", "phases[1][items]"),
        (
            "no such price",
            vec![("phases[1][items][0][price]", "p")],
            "resource_missing",
            "phases[1][items][0][price]",
        ),
        (
            "a one-time price",
            vec![("phases[1][items][0][price]", "price_once")],
            "",
            "phases[1][items][0][price]",
        ),
        ("no start", vec![("phases[0][start_date]", "")], "parameter_missing", "phases[0][start_date]"),
        ("another start", vec![("phases[0][start_date]", "1799136001")], "", "phases[0][start_date]"),
        ("no end", vec![("phases[0][end_date]", "")], "parameter_missing", "phases[0][end_date]"),
        (
            "all in the past",
            vec![("phases[0][end_date]", "1799136001"), ("phases[1][duration][interval]", "day")],
            "",
            "phases",
        ),
        ("an end before the start", vec![("phases[0][end_date]", "1799136000")], "", "phases[0][end_date]"),
        ("end and duration", vec![("phases[1][end_date]", "1901728000")], "", "phases[1][duration]"),
        ("a gap", vec![("phases[1][start_date]", "1801728001")], "", "phases[1][start_date]"),
        (
            "an unknown interval",
            vec![("phases[1][duration][interval]", "eon")],
            "",
            "phases[1][duration][interval]",
        ),
        ("an end of old", vec![("end_behavior", "renew")], "", "end_behavior"),
    ] {
        assert_refused(&stripe, &path, why, &with(&changes), (code, param)).await;
    }
    assert_eq!(get(&stripe, &path).await.1["phases"].as_array().unwrap().len(), 1, "nothing changed");
    assert_eq!(post_form(&stripe, &path, &with(&[("phases[0][items][0][quantity]", "2")])).await.0, 501);
    assert_eq!(get(&stripe, "/v1/subscription_schedules/sub_sched_0").await.0, 404);
}
