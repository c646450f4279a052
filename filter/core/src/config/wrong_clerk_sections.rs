//! Tests of the section `clerk_webhook`: its errors, each with its location and a cure, and what it takes
//! from the other sections.

use super::test_documents::{environment, text, whole, with, without};
use super::*;
use crate::stripe::plan::PastDue;
use serde_json::json;
use std::time::Duration;

fn section(document: &Value) -> ClerkWebhookSettings {
    read::<ClerkWebhookSettings>(&text(document), &environment).unwrap().section
}

#[test]
fn a_clerk_section_out_of_bounds_is_refused() {
    let set = |pointer: &'static str, value| with(whole(), pointer, value);
    let deletes = |on_deleted: &str| set("/clerk_webhook/on_deleted", json!(on_deleted));
    let cases = [
        (
            without(whole(), "/clerk_webhook/path"),
            "clerk_webhook.path: missing; write it like `path: /webhooks/clerk`",
        ),
        (
            without(whole(), "/clerk_webhook/signing_secrets/env"),
            "clerk_webhook.signing_secrets.env: missing; write it like `env: CLERK_WEBHOOK_SIGNING_SECRET`",
        ),
        (set("/clerk_webhook/path", json!("webhooks")), "clerk_webhook.path: "),
        (
            set("/clerk_webhook/path", json!("/webhooks/stripe")),
            "clerk_webhook.path: \"/webhooks/stripe\" is also stripe_webhook.path",
        ),
        (
            set("/clerk_webhook/path", json!("/usage")),
            "clerk_webhook.path: \"/usage\" is also plan_gate.usage_path",
        ),
        (
            set("/clerk_webhook/path", json!("/billing/plans")),
            "clerk_webhook.path: \"/billing/plans\" overlaps with billing.path",
        ),
        (set("/clerk_webhook/tolerance_s", json!(0)), "clerk_webhook.tolerance_s: 0 is out of range"),
        (set("/clerk_webhook/max_body_kb", json!(1025)), "clerk_webhook.max_body_kb: 1025 is out of range"),
        (
            set("/clerk_webhook/past_due", json!({"grace_days": 0})),
            "clerk_webhook.past_due.grace_days: 0 days is no grace period",
        ),
        (
            set("/clerk_webhook/instance", json!("app_123")),
            "clerk_webhook.instance: \"app_123\" is not the id of an instance",
        ),
        (
            set("/clerk_webhook/billing", json!("on")),
            "clerk_webhook.billing: unknown value \"on\"; known here: off, mirror",
        ),
        (
            set("/clerk_webhook/on_deleted", json!("delete")),
            "clerk_webhook.on_deleted: unknown value \"delete\"; known here: keep, cancel_at_period_end, cancel",
        ),
        (
            without(deletes("cancel"), "/clerk_webhook/instance"),
            "clerk_webhook.instance: missing, but `on_deleted: cancel` must know whose users are deleted",
        ),
        (
            without(deletes("cancel_at_period_end"), "/clerk_webhook/stripe"),
            "clerk_webhook.stripe: missing, but `on_deleted: cancel_at_period_end` cancels subscriptions there",
        ),
    ];
    for (document, want) in cases {
        let errors = check(&text(&document)).expect_err(want);
        let found = errors.iter().find(|error| error.to_string().starts_with(want));
        let found = found.unwrap_or_else(|| panic!("want: {want}\nfound: {errors:?}"));
        assert!(!found.cure.is_empty(), "no cure: {found}");
        assert_eq!(read::<ClerkWebhookSettings>(&text(&document), &environment).unwrap_err(), *found);
    }
}

#[test]
fn an_unreadable_clerk_section_stops_every_filter_that_writes_plans() {
    // Whether Clerk Billing grants plans must be known before any is lowered.
    let document = text(&with(whole(), "/clerk_webhook/billing", json!("mirrored")));
    let error = read::<ClerkWebhookSettings>(&document, &environment).unwrap_err();
    assert_eq!(read::<StripeWebhookSettings>(&document, &environment).unwrap_err(), error);
    assert_eq!(read::<BillingSettings>(&document, &environment).unwrap_err(), error);
    assert!(read::<PlanGateSettings>(&document, &environment).is_ok());
}

#[test]
fn the_gate_needs_the_clerk_section_only_for_plans_of_clerk_billing() {
    let claims = |document| with(document, "/plan_gate/plan_claims", json!({"user": ["clerk_billing"]}));
    let past_due = |document: &Value| {
        let gate = read::<PlanGateSettings>(&text(document), &environment).unwrap().section;
        gate.confirm.unwrap().past_due
    };
    let days = |days: u64| PastDue::Grace(Duration::from_secs(days * 86_400));
    assert_eq!(past_due(&without(claims(whole()), "/clerk_webhook")), days(14));
    let three = json!({"grace_days": 3});
    assert_eq!(past_due(&with(claims(whole()), "/clerk_webhook/past_due", three)), days(3));
    let off = with(claims(whole()), "/clerk_webhook/billing", json!("off"));
    assert_eq!(past_due(&with(off, "/clerk_webhook/past_due", json!("keep"))), PastDue::Keep);
    // A grace period that is too short would take a paid plan away.
    let wrong = with(whole(), "/clerk_webhook/past_due", json!("kept"));
    assert!(read::<PlanGateSettings>(&text(&wrong), &environment).is_ok());
    assert!(read::<PlanGateSettings>(&text(&claims(wrong)), &environment).is_err());
}

#[test]
fn the_clerk_section_is_read_as_written() {
    let whole = section(&whole());
    assert_eq!(whole.endpoint.path, "/webhooks/clerk");
    assert_eq!(whole.endpoint.mode, Mode::Respond);
    assert_eq!(whole.endpoint.tolerance, Duration::from_secs(300));
    assert_eq!(whole.endpoint.body_bytes_max, 512 * 1024);
    assert_eq!(whole.signing_keys.len(), 1);
    assert_eq!(whole.instance.unwrap().as_str(), "ins_123");
    assert_eq!(whole.on_deleted, DeletedSubjects::Keep);
    assert!(whole.sync.reads_stripe);
    assert_eq!(whole.sync.clerk_billing, Some(PastDue::Grace(Duration::from_secs(14 * 86_400))));
    assert_eq!(whole.sync.clerk.authorization.as_ref().map(Secret::expose), Some("sk_test_2"));
}

#[test]
fn only_what_on_deleted_names_is_canceled() {
    for (name, want) in
        [("cancel", CancellationTime::Now), ("cancel_at_period_end", CancellationTime::PeriodEnd)]
    {
        let section = section(&with(whole(), "/clerk_webhook/on_deleted", json!(name)));
        assert_eq!(section.on_deleted, DeletedSubjects::Cancel(want));
        let stripe = section.sync.stripe;
        assert_eq!(stripe.cluster, "stripe_api");
        assert_eq!(stripe.authorization.as_ref().map(Secret::expose), Some("sk_test_1"));
    }
}

#[test]
fn every_filter_knows_whether_clerk_billing_grants_plans() {
    let billing = |document: &Value| {
        let clerk = section(document).sync.clerk_billing;
        let stripe = read::<StripeWebhookSettings>(&text(document), &environment).unwrap().section.sync;
        let endpoints = read::<BillingSettings>(&text(document), &environment).unwrap().section.sync;
        assert_eq!((stripe.clerk_billing, endpoints.clerk_billing), (clerk, clerk));
        clerk
    };
    let set = |pointer: &str, value| with(whole(), pointer, value);
    assert_eq!(billing(&set("/clerk_webhook/past_due", json!("keep"))), Some(PastDue::Keep));
    assert_eq!(billing(&set("/clerk_webhook/past_due", json!("revoke"))), Some(PastDue::Revoke));
    assert_eq!(billing(&set("/clerk_webhook/billing", json!("off"))), None);
    assert_eq!(billing(&set("/clerk_webhook/billing", json!(false))), None, "as Envoy reads `off`");
    assert_eq!(billing(&without(whole(), "/clerk_webhook/billing")), None);
}

#[test]
fn stripe_is_read_if_another_section_sells_by_it() {
    let lone = without(without(whole(), "/clerk_webhook/stripe"), "/billing");
    let with_webhook = section(&lone).sync;
    assert_eq!((with_webhook.reads_stripe, with_webhook.stripe.cluster.as_str()), (true, "stripe_api"));
    assert!(!section(&without(lone, "/stripe_webhook")).sync.reads_stripe);
    let with_billing = without(without(whole(), "/clerk_webhook/stripe"), "/stripe_webhook");
    let sync = section(&with_billing).sync;
    assert_eq!((sync.reads_stripe, sync.stripe.cluster.as_str()), (true, "stripe_api"));
}

#[test]
fn the_gate_asks_for_no_token_at_the_clerk_path() {
    let taken = with(whole(), "/plan_gate/usage_path", json!("/webhooks/clerk"));
    let error = read::<PlanGateSettings>(&text(&taken), &environment).unwrap_err().to_string();
    assert!(
        error.starts_with("plan_gate.usage_path: \"/webhooks/clerk\" is also clerk_webhook.path"),
        "{error}"
    );
    let gate = read::<PlanGateSettings>(&text(&whole()), &environment).unwrap().section;
    assert!(gate.paths_of_others.iter().any(|other| other.serves(b"/webhooks/clerk")));
}
