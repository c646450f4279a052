//! Errors of the section `billing`: each with its location and a cure.

use super::test_documents::{environment, text, whole, with, without};
use super::*;
use serde_json::{Value, json};

#[test]
fn an_empty_list_of_parties_is_one_error() {
    let document = with(whole(), "/plan_gate/authorized_parties", json!([]));
    let document = match document.pointer("/billing/return_origins") {
        Some(_) => without(document, "/billing/return_origins"),
        None => document,
    };
    let errors = check(&text(&document)).expect_err("it is empty");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].path, "plan_gate.authorized_parties");
}

#[test]
fn a_billing_section_out_of_bounds_is_refused() {
    let set = |path: &'static str, value| (path, Some(value));
    let cases = [
        (vec![("/plan_gate", None)], "billing: needs the section `plan_gate`"),
        (vec![set("/billing/path", json!("/"))], "billing.path: \"/\" would take every request"),
        (
            vec![set("/billing/path", json!("/webhooks"))],
            "billing.path: \"/webhooks\" overlaps with stripe_webhook.path",
        ),
        (
            vec![set("/billing/path", json!("/usage"))],
            "billing.path: \"/usage\" is also plan_gate.usage_path",
        ),
        (
            vec![set("/billing/success_url", json!("/done"))],
            "billing.success_url: \"/done\" is not an absolute URL",
        ),
        (
            vec![set("/billing/return_url", json!("https://evil.example.com/x"))],
            "billing.return_url: \"https://evil.example.com/x\" leads to \"https://evil.example.com\", which is not in \
             `billing.return_origins`",
        ),
        (vec![set("/billing/return_origins", json!([]))], "billing.return_origins: is empty"),
        (
            vec![
                set("/plan_gate/authorized_parties", json!([])),
                set("/plan_gate/require_azp", json!(false)),
            ],
            "plan_gate.authorized_parties: is empty while `plan_gate.cookie` is true",
        ),
        (
            vec![
                set("/billing/acts_for", json!("organization")),
                set("/stripe_webhook/subject_keys", json!({"user": ["clerk_user_id"], "organization": []})),
            ],
            "stripe_webhook.subject_keys.organization: has no key, though `billing` sells to such subjects",
        ),
        (
            vec![set("/billing/checkout/trial/days", json!(0))],
            "billing.checkout.trial.days: 0 is out of range",
        ),
        (
            vec![set("/billing/checkout/trial/plans", json!(["gold"]))],
            "billing.checkout.trial.plans[0]: there is no plan \"gold\"",
        ),
        (vec![set("/billing/checkout/trial/plans", json!([]))], "billing.checkout.trial.plans: is empty"),
        (
            vec![set(
                "/billing/purchases",
                json!([{"name": "a", "price": "p"}, {"name": "a", "price": "q"}]),
            )],
            "billing.purchases[1].name: another purchase is also named \"a\"",
        ),
        (
            vec![set("/billing/purchases", json!([{"name": "a", "price": "price_123"}]))],
            "billing.purchases[0].price: \"price_123\" is the price of a plan",
        ),
    ];
    for (edits, want) in cases {
        let edit = |document: Value, (pointer, value)| match value {
            Some(value) => with(document, pointer, value),
            None => without(document, pointer),
        };
        let document = text(&edits.into_iter().fold(whole(), edit));
        let errors = check(&document).expect_err(want);
        let found = errors.iter().find(|error| error.to_string().starts_with(want));
        let found = found.unwrap_or_else(|| panic!("want: {want}\nfound: {errors:?}"));
        assert!(!found.cure.is_empty(), "no cure: {found}");
        assert_eq!(read::<BillingSettings>(&document, &environment).unwrap_err(), *found);
    }
}

#[test]
fn a_billing_section_takes_the_settings_of_the_others() {
    let read = |document: &serde_json::Value| {
        read::<BillingSettings>(&text(document), &environment).unwrap().section
    };
    let whole = whole();
    let settings = read(&whole);
    assert_eq!(settings.sync.plan_key, "plan");
    assert_eq!(settings.tokens.rules.issuer, "https://clerk.example.com");
    let mut smallest = without(whole.clone(), "/stripe_webhook");
    for field in [
        "acts_for",
        "organization_roles",
        "organization_permission",
        "return_origins",
        "checkout",
        "portal",
        "purchases",
    ] {
        smallest = without(smallest, &format!("/billing/{field}"));
    }
    let settings = read(&with(smallest, "/plan_gate/subject", json!("organization")));
    assert_eq!(settings.acts_for, SubjectKind::Organization, "as the gate's subject");
    assert_eq!(settings.return_origins, ["https://app.example.com"], "as the authorized parties");
    assert_eq!(settings.organization_roles, ["admin"]);
    assert_eq!(settings.sync.subject_keys, SubjectKeys::default(), "without the section that has them");
    let renamed = with(whole, "/stripe_webhook/plan_key", json!("tier"));
    assert_eq!(read(&renamed).sync.plan_key, "tier");
}
