//! A dry run, and the changes when it is applied.

use crate::run::Shop;
use serde_json::json;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::stripe::model::{Customer, Price, Session, Subscription};

#[tokio::test]
async fn a_dry_run_shows_what_apply_does() {
    let shop = Shop::open().await;
    shop.subscriber("a", "price_pro");
    let dry = shop.sync(&["--all"]).await;
    assert_eq!((dry.code, shop.writes()), (Some(0), 0), "{dry:?}");
    let row = "user_a   -         pro       sub_a is active  cus_a";
    assert!(dry.out.contains(row), "{}", dry.out);
    assert!(dry.out.contains("1 checked, 1 to change, 0 owners to note at Stripe, 0 failed"), "{}", dry.out);
    let command = dry.out.lines().last().unwrap_or_default();
    assert!(
        command.starts_with("nothing was written; to apply it: tollgate sync --all --config "),
        "{command}"
    );
    assert!(command.ends_with(" --apply"), "{command}");
    assert_eq!(shop.sync(&["--all", "--exit-code"]).await.code, Some(3));
    let applied = shop.sync(&["--all", "--apply", "--json"]).await;
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert_eq!(applied.lines("audit")[0]["reason"], "sync");
    assert_eq!(applied.lines("plan_by_stripe")[0]["applied"], true);
    assert_eq!(shop.clerk.plan("user_a").as_deref(), Some("pro"));
    let writes = shop.writes();
    for arguments in
        [&["--all", "--apply"][..], &["--all", "--exit-code"], &["--subject", "user_a", "--apply"]]
    {
        let again = shop.sync(arguments).await;
        assert_eq!(
            (again.code, shop.writes()),
            (Some(0), writes),
            "without differences nothing is written: {again:?}"
        );
    }
}

#[tokio::test]
async fn one_subject_or_one_customer_is_synced_alone() {
    for arguments in [["--subject", "user_a"], ["--customer", "cus_a"]] {
        let shop = Shop::open().await;
        shop.subscriber("a", "price_pro");
        shop.subscriber("b", "price_pro");
        let applied = shop.sync(&[&arguments[..], &["--apply"]].concat()).await;
        assert_eq!(applied.code, Some(0), "{applied:?}");
        assert_eq!(shop.clerk.plan("user_a").as_deref(), Some("pro"), "{arguments:?}");
        assert_eq!(shop.clerk.plan("user_b"), None, "{arguments:?}");
    }
}

#[tokio::test]
async fn the_owner_in_a_session_is_noted_and_unowned_subscriptions_listed() {
    let shop = Shop::open().await;
    shop.clerk.put_user(User::new("user_a"));
    for name in ["a", "b"] {
        shop.stripe.put(Customer::new(&format!("cus_{name}")));
        shop.stripe.put(Subscription::new(&format!("sub_{name}"), &format!("cus_{name}")).item("price_pro"));
    }
    shop.stripe.put(Session::new("cs_live_1", "cus_a", "sub_a").metadata("clerk_user_id", "user_a"));
    let dry = shop.sync(&["--all", "--json"]).await;
    assert_eq!((dry.total("owner_noted"), dry.total("unowned"), shop.writes()), (1, 1, 0), "{dry:?}");
    assert_eq!(dry.lines("unowned")[0], json!({"unowned": "sub_b", "customer": "cus_b"}));
    assert_eq!(shop.sync(&["--all", "--apply"]).await.code, Some(0));
    assert_eq!(shop.clerk.plan("user_a").as_deref(), Some("pro"));
    assert_eq!(shop.stripe.metadata("sub_a")["tollgate_owner"], "user_a");
    assert!(shop.stripe.metadata("cus_a").is_empty());
}

#[tokio::test]
async fn a_mapping_mistake_is_repaired() {
    let shop = Shop::open().await;
    shop.subscriber("a", "price_pro");
    shop.stripe.put(Price::new("price_old"));
    shop.configure("price_old", "price_pro");
    shop.sync(&["--all", "--apply"]).await;
    assert_eq!(shop.clerk.plan("user_a").as_deref(), Some("enterprise"), "the mistake");
    shop.configure("price_pro", "price_ent");
    let repaired = shop.sync(&["--all", "--apply"]).await;
    assert!(repaired.out.contains("user_a   enterprise  pro"), "{}", repaired.out);
    assert_eq!(shop.clerk.plan("user_a").as_deref(), Some("pro"));
}
