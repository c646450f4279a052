//! A restricted key that lacks a permission which the response does not need.

use crate::harness::actions::{buy, set_card};
use crate::harness::{Response, Shop};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_tests::fakes::stripe::StripeSettings;
use tollgate_tests::fakes::stripe::model::Card;

/// Opens a shop whose key of Stripe lacks a permission.
fn open_without(permission: &str) -> Shop {
    Shop::open_with(StripeSettings {
        keys: vec!["rk_test_tollgate0001".to_owned()],
        missing_permissions: vec![permission.to_owned()],
        ..StripeSettings::default()
    })
}

/// Opens a shop whose key of Stripe lacks a permission, and in which an upgrade was declined. Returns the
/// response to the upgrade.
fn declined_without(permission: &str) -> (Shop, Response) {
    let mut shop = open_without(permission);
    buy(&mut shop, "pro");
    set_card(&mut shop, Card::Declines);
    let declined = shop.post("change", &upgrade());
    (shop, declined)
}

fn upgrade() -> Value {
    json!({"plan": "enterprise", "interval": "month"})
}

/// Requires an alarm that names the permission.
fn require_alarm(shop: &Shop, permission: &str) {
    let trace = shop.trace();
    let is_about = |line: &&str| line.contains(r#""alarm":"bad_credentials""#) && line.contains(permission);
    assert!(trace.lines().any(|line| is_about(&line)), "{permission}: {trace}");
}

#[test]
fn a_payment_whose_reason_cannot_be_read_is_an_alarm() {
    for missing in ["rak_payment_intent_read", "rak_invoice_read"] {
        let (shop, (status, refused)) = declined_without(missing);
        assert_eq!((status, &refused["code"]), (402, &json!("payment_failed")), "{refused}");
        assert_eq!(refused["url"], json!(null), "{refused}");
        require_alarm(&shop, missing);
    }
}

#[test]
fn an_earlier_invoice_that_cannot_be_read_is_an_alarm() {
    let missing = "rak_payment_intent_read";
    let (mut shop, (status, _)) = declined_without(missing);
    assert_eq!(status, 402);
    shop.trace.clear();
    set_card(&mut shop, Card::Works);
    shop.pass(Duration::from_secs(60));
    // Its change succeeds; what fails is to void the invoice of the declined one.
    let (status, changed) = shop.post("change", &upgrade());
    assert_eq!((status, &changed["plan"]), (200, &json!("enterprise")), "{changed}");
    require_alarm(&shop, missing);
}

#[test]
fn the_alarm_about_failed_requests_is_logged_once_a_minute() {
    let mut shop = open_without("rak_checkout_session_read");
    for (pause_s, alarms) in [(0, 1), (59, 1), (1, 2)] {
        shop.pass(Duration::from_secs(pause_s));
        let (status, refused) = shop.post("checkout", &json!({"plan": "pro", "interval": "month"}));
        assert_eq!((status, &refused["code"]), (500, &json!("bad_credentials")), "{refused}");
        let trace = shop.trace();
        let logged = trace.lines().filter(|line| line.contains(r#""alarm":"bad_credentials""#)).count();
        assert_eq!(logged, alarms, "after {pause_s} s: {trace}");
    }
}
