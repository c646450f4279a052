//! Clerk Billing as a source of plans: its payers are found, the higher plan counts, and a source can be
//! given up.

use crate::run::Shop;
use serde_json::json;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::clerk::billing::{BillingPlan, BillingSwitch};
use tollgate_tests::fakes::faults::{Fault, any, on};

/// Opens a shop that sells by Stripe and by Clerk Billing, and mirrors the latter. `user_a` pays at Clerk for
/// Pro, `user_b` at Stripe for Pro and at Clerk for Enterprise, and `user_c` has Clerk's default plan.
async fn selling_twice() -> Shop {
    let shop = Shop::open().await;
    shop.mirror(true);
    shop.clerk.put_billing_plan(BillingPlan::new("free_user").default_plan());
    for slug in ["pro", "enterprise"] {
        shop.clerk.put_billing_plan(BillingPlan::new(slug));
    }
    for user in ["user_a", "user_c"] {
        shop.clerk.put_user(User::new(user));
    }
    shop.subscriber("b", "price_pro");
    shop.clerk.subscribe("user_a", "pro");
    shop.clerk.subscribe("user_b", "enterprise");
    shop.clerk.open_billing("user_c");
    shop
}

fn plans(shop: &Shop) -> [Option<String>; 3] {
    ["user_a", "user_b", "user_c"].map(|user| shop.clerk.plan(user))
}

fn some(plan: &str) -> Option<String> {
    Some(plan.to_owned())
}

#[tokio::test]
async fn payers_of_clerk_billing_are_found_and_the_higher_plan_counts() {
    let shop = selling_twice().await;
    let dry = shop.sync(&["--all"]).await;
    assert!(dry.out.contains("its item at Clerk Billing is active"), "{}", dry.out);
    assert_eq!(shop.writes(), 0, "a dry run");
    let applied = shop.sync(&["--all", "--apply", "--json"]).await;
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert_eq!(
        plans(&shop),
        [some("pro"), some("enterprise"), None],
        "nothing is written of who has no plan"
    );
    let private = shop.clerk.private_metadata("user_b");
    let beside = json!({"source": "stripe", "plan": "pro", "subscription": "sub_b"});
    assert_eq!((&private["plan_source"], &private["plan_beside"]), (&json!("clerk_billing"), &beside));
    shop.clerk.end_billing("user_a");
    shop.clerk.end_billing("user_b");
    assert_eq!(shop.sync(&["--subject", "user_a", "--apply"]).await.code, Some(0));
    assert_eq!(shop.sync(&["--all", "--apply"]).await.code, Some(0));
    assert_eq!(plans(&shop), [some("free"), some("pro"), None]);
    assert_eq!(shop.sync(&["--all", "--exit-code"]).await.code, Some(0), "a second run finds nothing");
}

#[tokio::test]
async fn a_document_with_clerk_billing_alone_calls_only_clerk() {
    let shop = selling_twice().await;
    shop.mirror(false);
    let mut command = shop.command(&["--all", "--apply"]);
    command.env_remove("STRIPE_API_KEY");
    let applied = shop.ended(command.spawn().expect("it starts")).await;
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert_eq!(plans(&shop), [some("pro"), some("enterprise"), None]);
    assert_eq!(shop.stripe.log().count(&any()), 0);
    let refused = shop.sync(&["--customer", "cus_b"]).await;
    assert!(refused.code == Some(2) && refused.err.contains("does not read Stripe"), "{refused:?}");
}

#[tokio::test]
async fn a_source_that_is_not_read_keeps_its_plans_until_it_is_given_up() {
    let shop = selling_twice().await;
    shop.sync(&["--all", "--apply"]).await;
    let refused = shop.sync(&["--all", "--release-source", "clerk_billing"]).await;
    assert!(refused.code == Some(2) && refused.err.contains("the document reads this source"), "{refused:?}");
    shop.configure("price_pro", "price_ent");
    let kept = shop.sync(&["--all", "--apply", "--json"]).await;
    assert_eq!(plans(&shop), [some("pro"), some("enterprise"), None]);
    assert!(kept.lines("alarm").iter().any(|line| line["alarm"] == "unread_plan_source"), "{kept:?}");
    let released = shop.sync(&["--all", "--release-source", "clerk_billing", "--apply"]).await;
    assert_eq!(released.code, Some(0), "{released:?}");
    assert_eq!(plans(&shop), [some("free"), some("pro"), None]);
    assert_eq!(shop.clerk.private_metadata("user_a").get("plan_source"), None);
}

#[tokio::test]
async fn what_clerk_billing_does_not_say_takes_no_plan_away() {
    let shop = selling_twice().await;
    shop.sync(&["--all", "--apply"]).await;
    shop.stripe.cancel("sub_b");
    shop.clerk.faults().always(on("GET", "/v1/users/user_a/billing"), Fault::garbage());
    shop.clerk.end_billing("user_a");
    let failed = shop.sync(&["--subject", "user_a", "--apply"]).await;
    assert_eq!((failed.code, shop.clerk.plan("user_a")), (Some(1), some("pro")), "{failed:?}");
    shop.clerk.faults().clear();
    shop.clerk.set_billing(BillingSwitch::Unprocessable);
    let kept = shop.sync(&["--all", "--apply", "--json"]).await;
    assert_eq!(kept.code, Some(0), "{kept:?}");
    assert_eq!(plans(&shop), [some("pro"), some("enterprise"), None]);
    assert!(kept.lines("alarm").iter().any(|line| line["alarm"] == "clerk_billing_off"), "{kept:?}");
}
