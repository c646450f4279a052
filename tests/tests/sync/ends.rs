//! Plans that must end, and plans that must not.

use crate::run::Shop;
use serde_json::json;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::model::{Invoice, Subscription};

const DAY_S: i64 = 86_400;

#[tokio::test]
async fn a_grace_period_ends_in_the_night_after_it() {
    let shop = Shop::open().await;
    for (name, overdue_days) in [("in", 13), ("out", 15)] {
        shop.subscriber(name, "price_pro");
        shop.sync(&["--all", "--apply"]).await;
        let (customer, subscription) = (format!("cus_{name}"), format!("sub_{name}"));
        let invoice = Invoice::new(&format!("in_{name}"), &customer, &subscription);
        shop.stripe.put(invoice.created(unix_now() - overdue_days * DAY_S));
        shop.stripe.change(&subscription, |subscription: &mut Subscription| {
            "past_due".clone_into(&mut subscription.status);
        });
    }
    assert_eq!(shop.clerk.plan("user_out").as_deref(), Some("pro"), "there is no event");
    let night = shop.sync(&["--all", "--apply", "--json"]).await;
    assert_eq!(night.code, Some(0), "{night:?}");
    assert_eq!(shop.clerk.plan("user_out").as_deref(), Some("free"));
    assert_eq!(shop.clerk.plan("user_in").as_deref(), Some("pro"), "one day is left");
    let deactivated: Vec<_> =
        night.lines("audit").into_iter().filter(|l| l["audit"] == "deactivated").collect();
    assert_eq!(deactivated.len(), 1, "{night:?}");
    assert_eq!(deactivated[0]["subject"], "user_out");
}

#[tokio::test]
async fn ended_subscriptions_end_plans_and_plans_set_by_hand_stay() {
    let shop = Shop::open().await;
    shop.subscriber("a", "price_pro");
    shop.sync(&["--all", "--apply"]).await;
    shop.stripe.cancel("sub_a");
    shop.clerk.put_user(User::new("user_friend").public_metadata(json!({"plan": "enterprise"})));
    let applied = shop.sync(&["--all", "--apply"]).await;
    assert_eq!(shop.clerk.plan("user_a").as_deref(), Some("free"));
    assert_eq!(shop.clerk.plan("user_friend").as_deref(), Some("enterprise"));
    assert!(applied.out.contains("1 plans of unknown origin, kept"), "{}", applied.out);
    shop.sync(&["--all", "--apply", "--end-unrecorded"]).await;
    assert_eq!(shop.clerk.plan("user_friend").as_deref(), Some("free"));
}

#[tokio::test]
async fn a_key_of_another_account_takes_no_plan_away() {
    let shop = Shop::open().await;
    shop.subscriber("a", "price_pro");
    shop.sync(&["--all", "--apply"]).await;
    let other = Shop::open().await;
    let writes = shop.writes();
    let running = shop.command_at(&other.stripe, &["--all", "--apply", "--end-unrecorded"]).spawn();
    let output = shop.ended(running.expect("it starts")).await;
    assert_eq!((output.code, shop.writes()), (Some(1), writes), "{output:?}");
    assert!(output.out.contains("the API key belongs to another account or mode"), "{output:?}");
    assert_eq!(shop.clerk.plan("user_a").as_deref(), Some("pro"));
}

/// Checks a key of another account before the first rollout, when no record in Clerk has a subscription that
/// would reveal it.
#[tokio::test]
async fn nothing_ends_when_nothing_is_recorded_yet() {
    let shop = Shop::open().await;
    shop.clerk.put_user(User::new("user_a").public_metadata(json!({"plan": "pro"})));
    // Another shop's account, with subscribers of its own.
    let other = Shop::open().await;
    other.subscriber("b", "price_pro");
    for arguments in [&["--all", "--apply", "--end-unrecorded"][..], &["--all", "--end-unrecorded"]] {
        let running = shop.command_at(&other.stripe, arguments).spawn();
        let output = shop.ended(running.expect("it starts")).await;
        assert_eq!((output.code, shop.writes()), (Some(1), 0), "{output:?}");
        assert!(output.out.contains("Stripe's metadata names no subject that Clerk has"), "{output:?}");
    }
    assert_eq!(shop.clerk.plan("user_a").as_deref(), Some("pro"));
    // The plan of a named subject can be removed.
    shop.sync(&["--subject", "user_a", "--apply", "--end-unrecorded"]).await;
    assert_eq!(shop.clerk.plan("user_a").as_deref(), Some("free"));
}
