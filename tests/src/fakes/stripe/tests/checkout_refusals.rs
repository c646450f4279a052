//! Tests of the requests about a Checkout Session that Stripe refuses.

use super::checkout::{DAY_S, Form, NOW, PAYMENT, SUBSCRIPTION, created, store, with};
use super::{assert_refused, get, ids, post};
use crate::fakes::stripe::FakeStripe;

const PATH: &str = "/v1/checkout/sessions";

/// A case: its description, the form, and the code and the parameter of the error.
type Refusal = (&'static str, Form, &'static str, &'static str);

fn sub(changes: &[(&'static str, &'static str)]) -> Form {
    with(&SUBSCRIPTION, changes)
}

fn pay(changes: &[(&'static str, &'static str)]) -> Form {
    with(&PAYMENT, changes)
}

async fn refuses(stripe: &FakeStripe, cases: &[Refusal]) {
    for (why, form, code, param) in cases {
        assert_refused(stripe, PATH, why, form, (code, param)).await;
    }
    assert_eq!(ids(&get(stripe, PATH).await.1), ["cs_test_1"], "none was made");
}

#[tokio::test]
async fn parameters_that_stripe_refuses_are_refused() {
    let stripe = store().await;
    let (early, late) = ((NOW + 1799).to_string(), (NOW + DAY_S + 1).to_string());
    let (early, late): (&'static str, &'static str) = (early.leak(), late.leak());
    let cases = [
        (
            "removed in endive",
            sub(&[("payment_method_types[0]", "card")]),
            "parameter_unknown",
            "payment_method_types[0]",
        ),
        (
            "a nested one that is none",
            sub(&[("line_items[0][plan]", "p")]),
            "parameter_unknown",
            "line_items[0][plan]",
        ),
        ("no mode", sub(&[("mode", "")]), "parameter_missing", "mode"),
        ("an unknown mode", sub(&[("mode", "trial")]), "", "mode"),
        ("no success_url", sub(&[("success_url", "")]), "parameter_missing", "success_url"),
        ("a path as URL", sub(&[("cancel_url", "/pricing")]), "url_invalid", "cancel_url"),
        (
            "a trial of 0 days",
            sub(&[("subscription_data[trial_period_days]", "0")]),
            "parameter_invalid_integer",
            "subscription_data[trial_period_days]",
        ),
        ("an unknown language", sub(&[("locale", "xx")]), "", "locale"),
        ("not a boolean", sub(&[("allow_promotion_codes", "yes")]), "", "allow_promotion_codes"),
        ("expires too soon", sub(&[("expires_at", early)]), "", "expires_at"),
        ("expires too late", sub(&[("expires_at", late)]), "", "expires_at"),
    ];
    refuses(&stripe, &cases).await;
    assert_eq!(post(&stripe, PATH, "discounts[0][coupon]=c").await.0, 501);
}

#[tokio::test]
async fn line_items_that_stripe_refuses_are_refused() {
    let stripe = store().await;
    let cases = [
        (
            "no line items",
            sub(&[("line_items[0][price]", ""), ("line_items[0][quantity]", "")]),
            "parameter_missing",
            "line_items",
        ),
        ("no quantity", sub(&[("line_items[0][quantity]", "")]), "", "line_items[0][quantity]"),
        (
            "quantity 0",
            sub(&[("line_items[0][quantity]", "0")]),
            "parameter_invalid_integer",
            "line_items[0][quantity]",
        ),
        (
            "no such price",
            sub(&[("line_items[0][price]", "price_0")]),
            "resource_missing",
            "line_items[0][price]",
        ),
        ("an archived price", sub(&[("line_items[0][price]", "price_old")]), "", "line_items[0][price]"),
        (
            "two currencies",
            sub(&[("line_items[1][price]", "price_eur"), ("line_items[1][quantity]", "1")]),
            "",
            "line_items",
        ),
        ("no recurring price", sub(&[("line_items[0][price]", "price_credits")]), "", "line_items"),
        ("a recurring price", pay(&[("line_items[0][price]", "price_pro")]), "", "line_items"),
    ];
    refuses(&stripe, &cases).await;
}

#[tokio::test]
async fn what_belongs_to_another_mode_is_refused() {
    let stripe = store().await;
    let cases = [
        ("of mode payment", sub(&[("invoice_creation[enabled]", "true")]), "", "invoice_creation"),
        ("of mode payment", sub(&[("payment_intent_data[metadata][a]", "1")]), "", "payment_intent_data"),
        ("of mode subscription", pay(&[("subscription_data[metadata][a]", "1")]), "", "subscription_data"),
        (
            "of mode subscription",
            pay(&[("payment_method_collection", "always")]),
            "",
            "payment_method_collection",
        ),
    ];
    refuses(&stripe, &cases).await;
}

#[tokio::test]
async fn a_session_changes_a_customer_only_if_it_may() {
    let stripe = store().await;
    let cases = [
        ("no such customer", sub(&[("customer", "cus_0")]), "resource_missing", "customer"),
        ("customer and address", sub(&[("customer_email", "a@example.com")]), "", "customer_email"),
        (
            "update of an empty customer",
            sub(&[("customer", ""), ("customer_update[name]", "auto")]),
            "",
            "customer_update",
        ),
        (
            "tax without address",
            sub(&[("automatic_tax[enabled]", "true")]),
            "customer_tax_location_invalid",
            "automatic_tax",
        ),
        ("tax id without name", sub(&[("tax_id_collection[enabled]", "true")]), "", "customer_update"),
    ];
    refuses(&stripe, &cases).await;
    let allowed = sub(&[
        ("automatic_tax[enabled]", "true"),
        ("tax_id_collection[enabled]", "true"),
        ("customer_update[address]", "auto"),
        ("customer_update[name]", "auto"),
    ]);
    assert_eq!(created(&stripe, &allowed).await["automatic_tax"]["enabled"], true);
}
