//! Tests of wrong documents: the errors have the location, the problem, and the cure.
//! `wrong_gate_sections.rs` has the cases of the gate's section.

use super::test_documents::{environment, whole, with, without};
use super::*;
use serde_json::{Value, json};

/// A change to a correct document.
pub(super) enum Edit {
    /// Sets the value at this JSON pointer.
    Set(&'static str, Value),
    /// Removes the field at this JSON pointer.
    Remove(&'static str),
}
use Edit::{Remove, Set};

/// Edits the whole document, and checks that every way to read it returns the same error, which starts with
/// the given text. An error in a section is returned only to its own filter.
pub(super) fn refused(cases: Vec<(Edit, &str)>) {
    for (edit, want) in cases {
        let document = match edit {
            Set(pointer, value) => with(whole(), pointer, value),
            Remove(pointer) => without(whole(), pointer),
        };
        let bytes = document.to_string().into_bytes();
        let error = check(&bytes).expect_err(want).remove(0);
        let line = error.to_string();
        assert!(line.starts_with(want), "\n want: {want}\nfound: {line}");
        assert!(!error.cure.is_empty(), "no cure: {line}");
        let of_the_gate = error.path.starts_with("plan_gate") || error.problem.contains("plan_gate");
        if !of_the_gate {
            assert_eq!(read::<StripeWebhookSettings>(&bytes, &environment).unwrap_err(), error);
        }
        if !error.path.starts_with("stripe_webhook") {
            assert_eq!(read::<PlanGateSettings>(&bytes, &environment).unwrap_err(), error);
        }
    }
}

#[test]
fn a_filter_ignores_the_section_of_the_other_filter() {
    let others = ["path", "plan_key", "clerk", "authority", "signing_secrets"];
    for nonsense in [json!(5), json!({}), json!([null]), json!({"clerk": 1}), json!({"rule": {"a": 0.5}})] {
        let bytes = with(whole(), "/plan_gate", nonsense.clone()).to_string().into_bytes();
        assert!(read::<StripeWebhookSettings>(&bytes, &environment).is_ok(), "{nonsense}");
        assert!(
            read::<PlanGateSettings>(&bytes, &environment).is_err() && check(&bytes).is_err(),
            "{nonsense}"
        );
        let bytes = with(whole(), "/stripe_webhook", nonsense.clone()).to_string().into_bytes();
        assert!(read::<PlanGateSettings>(&bytes, &environment).is_ok(), "{nonsense}");
        assert!(
            read::<StripeWebhookSettings>(&bytes, &environment).is_err() && check(&bytes).is_err(),
            "{nonsense}"
        );
    }
    for field in others {
        let bytes = with(whole(), "/stripe_webhook", json!({field: 5})).to_string().into_bytes();
        let section = read::<PlanGateSettings>(&bytes, &environment).unwrap().section;
        let is_other = |path: &[u8]| section.paths_of_others.iter().any(|other| other.serves(path));
        assert!(!is_other(b"/webhooks/stripe") && is_other(b"/billing"), "{field}");
        assert_eq!(section.plan_key, "plan", "{field}");
    }
}

#[test]
fn a_wrong_structure_is_refused_with_its_location() {
    refused(vec![
        (Set("/plan", json!([])), "plan: unknown field; did you mean \"plans\"?"),
        (
            Set("/webhook", json!({})),
            "webhook: unknown field; known here: namespace, plans, not_plans, environment, stripe_webhook, clerk_webhook, billing, plan_gate",
        ),
        (Set("/plan_gate/rule", json!([])), "plan_gate.rule: unknown field; did you mean \"rules\"?"),
        (
            Set("/plan_gate/rules/0/lmit", json!("x")),
            "plan_gate.rules[0].lmit: unknown field; did you mean \"limit\"?",
        ),
        (
            Set("/plans/0/limits/asks/0/maximum", json!(1)),
            "plans[0].limits.asks[0].maximum: unknown field; known",
        ),
        (Remove("/plans"), "plans: missing; write it like `plans: [{name: free}, {name: pro"),
        (Remove("/plans/1/name"), "plans[1].name: missing; write it like `name: pro`"),
        (
            Remove("/stripe_webhook/path"),
            "stripe_webhook.path: missing; write it like `path: /webhooks/stripe`",
        ),
        (
            Remove("/stripe_webhook/clerk"),
            "stripe_webhook.clerk: missing; write it like `clerk: {cluster: clerk_api}`",
        ),
        (Remove("/stripe_webhook/signing_secrets"), "stripe_webhook.signing_secrets: missing; write it like"),
        (
            Remove("/plan_gate/issuer"),
            "plan_gate.issuer: missing; write it like `issuer: https://clerk.example.com`",
        ),
        (
            Remove("/plan_gate/keys"),
            "plan_gate.keys: missing; write it like `keys: {pem: {env: CLERK_JWT_KEY}}",
        ),
        (Set("/plans", json!({})), "plans: expected a list, found fields; write it like `plans: ["),
        (Set("/plans/0", json!("free")), "plans[0]: expected fields, found a text; write it like"),
        (
            Set("/plans/1/prices", json!("price_1")),
            "plans[1].prices: expected a list, found a text; write it like",
        ),
        (
            Set("/plans/1/name", json!(5)),
            "plans[1].name: expected a text, found a number; write it like `name: pro`",
        ),
        (
            Set("/stripe_webhook/tolerance_s", json!("5m")),
            "stripe_webhook.tolerance_s: expected a whole number, found a text; write it like `tolerance_s: 300`",
        ),
        (
            Set("/plan_gate/clock_skew_s", json!(0.5)),
            "plan_gate.clock_skew_s: expected a whole number, found a fraction; write it like `clock_skew_s: 5`",
        ),
        (
            Set("/plan_gate/shadow", json!("no")),
            "plan_gate.shadow: expected true or false, found a text; write it like `true or false`",
        ),
        (
            Set("/plan_gate/rules/1/require", Value::Null),
            "plan_gate.rules[1].require: expected one of plan, feature, found nothing (null); write it like",
        ),
        (
            Set("/plan_gate/usage_path", Value::Null),
            "plan_gate.usage_path: expected a text, found nothing (null)",
        ),
    ]);
}

#[test]
fn an_unknown_choice_is_refused() {
    refused(vec![
        (
            Set("/stripe_webhook/mode", json!("forwards")),
            "stripe_webhook.mode: unknown value \"forwards\"; did you mean \"forward\"?",
        ),
        (
            Set("/stripe_webhook/past_due", json!("grace_days")),
            "stripe_webhook.past_due: \"grace_days\" needs a value; write it like `past_due: {grace_days: 14}",
        ),
        (
            Set("/stripe_webhook/past_due", json!({"keep": true})),
            "stripe_webhook.past_due: \"keep\" takes no value; write it like",
        ),
        (
            Set("/stripe_webhook/past_due", json!(14)),
            "stripe_webhook.past_due: expected one of keep, revoke, grace_days, found a number; write it like",
        ),
        (
            Set("/stripe_webhook/past_due", json!({"grace_days": -1})),
            "stripe_webhook.past_due.grace_days: expected a whole number, found a negative number; write it like",
        ),
        (
            Set("/plan_gate/store", json!("redis")),
            "plan_gate.store: unknown value \"redis\"; known here: local, ratelimit",
        ),
        (
            Set("/plan_gate/store", json!({"ratelimit": {"cluster": "r", "on_error": "open"}})),
            "plan_gate.store.ratelimit.on_error: unknown value \"open\"; known here: allow, deny",
        ),
        (
            Set("/plan_gate/keys/jwks", json!({"cluster": "c"})),
            "plan_gate.keys: expected exactly one of pem, jwks; write it like",
        ),
        (
            Set("/plan_gate/cors", json!(true)),
            "plan_gate.cors: expected one of authorized_parties, off, found true",
        ),
        (
            Set("/plan_gate/identity_headers", json!(["user", "plans"])),
            "plan_gate.identity_headers[1]: unknown value \"plans\"; did you mean \"plan\"?",
        ),
        (
            Set("/plan_gate/identity_headers", json!(["user", "plan", "user"])),
            "plan_gate.identity_headers[2]: appears twice; remove one",
        ),
        (
            Set("/plan_gate/rate_limit_headers", json!("xratelimit")),
            "plan_gate.rate_limit_headers: unknown value \"xratelimit\"; did you mean \"x-ratelimit\"?",
        ),
        (
            Set("/plans/0/limits/asks", json!("unlimted")),
            "plans[0].limits.asks: expected unlimited or a list of windows; write it like",
        ),
        (
            Set("/plans/0/limits/asks", json!(5)),
            "plans[0].limits.asks: expected unlimited or a list of windows, found a number; write it like",
        ),
        (
            Set("/plans/0/limits/asks/0/per", json!("year")),
            "plans[0].limits.asks[0].per: unknown value \"year\"; known here: second, minute, hour, day, week, month",
        ),
    ]);
}

#[test]
fn plans_that_contradict_each_other_are_refused() {
    let plans = |count: usize| {
        let plan = |index| json!({"name": format!("p{index}"), "limits": {"asks": "unlimited"}});
        Value::Array((0..count).map(plan).collect())
    };
    refused(vec![
        (
            Set("/plans", json!([])),
            "plans: the list is empty; add at least the plan of users who pay nothing",
        ),
        (Set("/plans", plans(65)), "plans: has 65 entries; there may be at most 64"),
        (
            Set("/plans/1/name", json!("free")),
            "plans[1].name: plans[0] is also named \"free\"; give each plan its own",
        ),
        (
            Set("/plans/1/name", json!("pro plan")),
            "plans[1].name: \"pro plan\" is not a valid name; use letters",
        ),
        (
            Set("/plans/1/name", json!("deny")),
            "plans[1].name: no plan can be named \"deny\"; `anonymous: deny` means",
        ),
        (
            Set("/plans/2/prices/-", json!("price_123")),
            "plans[2].prices[1]: the price \"price_123\" is also in plans[1].prices[0]; it may appear only once",
        ),
        (
            Set("/plans/1/prices/-", json!("price_123")),
            "plans[1].prices[1]: the price \"price_123\" is also in plans[1].prices[0]",
        ),
        (
            Set("/not_plans/prices/0", json!("price_ent")),
            "not_plans.prices[0]: the price \"price_ent\" is also in plans[2].prices[0]",
        ),
        (
            Set("/plans/2/lookup_keys", json!(["pro_monthly"])),
            "plans[2].lookup_keys[0]: the lookup key \"pro_monthly\" is also in plans[1].lookup_keys[0]",
        ),
        (
            Set("/plans/1/prices/0", json!("prod_1")),
            "plans[1].prices[0]: \"prod_1\" is the id of a product, not of a price; put it under `products`",
        ),
        (
            Set("/plans/1/products", json!(["price_1"])),
            "plans[1].products[0]: \"price_1\" is the id of a price, not of a product; put it under `prices`",
        ),
        (
            Set("/plans/1/lookup_keys/0", json!(" ")),
            "plans[1].lookup_keys[0]: \" \" is blank, too long or not plain",
        ),
        (
            Set("/plans/2/clerk_plan", json!("pro")),
            "plans[2].clerk_plan: \"pro\" is also the Clerk Billing slug of plans[1]",
        ),
        (
            Set("/plans/0/clerk_plan", json!("pro")),
            "plans[1].name: \"pro\" is also the Clerk Billing slug of plans[0]",
        ),
        (
            Set("/plans/2/clerk_plan", json!(["enterprise", "pro"])),
            "plans[2].clerk_plan[1]: \"pro\" is also the Clerk Billing slug of plans[1]",
        ),
        (
            Set("/plans/2/clerk_plan", json!(["ent_user", "ent_org", "ent_user"])),
            "plans[2].clerk_plan[2]: \"ent_user\" appears twice; remove one",
        ),
        (Set("/plans/2/clerk_plan", json!([])), "plans[2].clerk_plan: has no slug; name at least one"),
        (Set("/plans/2/clerk_plan", json!(["a b"])), "plans[2].clerk_plan[0]: \"a b\" is not a valid name"),
        (
            Set("/plans/2/clerk_plan", json!(vec!["a"; 17])),
            "plans[2].clerk_plan: has 17 entries; there may be at most 16",
        ),
        (Set("/plans/2/clerk_plan", json!(7)), "plans[2].clerk_plan: expected a slug or a list of slugs"),
        (Set("/plans/2/clerk_plan", json!([["a"]])), "plans[2].clerk_plan[0]: expected"),
        (
            Set("/plans/1/features/-", json!("priority_support")),
            "plans[1].features[1]: \"priority_support\" appears twice",
        ),
        (Set("/plans/0/limits/asks", json!([])), "plans[0].limits.asks: has no window; write `unlimited`"),
        (
            Set("/plans/1/limits/asks/1/per", json!("month")),
            "plans[1].limits.asks[1].per: appears twice; one window of each period is enough",
        ),
        (
            Set("/plans/0/limits/asks/0/max", json!(4_000_000_001_u64)),
            "plans[0].limits.asks[0].max: 4000000001 is out of range; use 0 to 4000000000",
        ),
        (
            Set("/plans/0/limits/a b", json!("unlimited")),
            "plans[0].limits: \"a b\" is not a valid name; use letters",
        ),
        (Set("/namespace", json!("a/b")), "namespace: \"a/b\" is not a valid name; use letters"),
    ]);
}

#[test]
fn a_webhook_section_out_of_bounds_is_refused() {
    refused(vec![
        (
            Set("/stripe_webhook/path", json!("webhooks")),
            "stripe_webhook.path: \"webhooks\" does not start with `/`; put",
        ),
        (
            Set("/stripe_webhook/path", json!("/a/../b")),
            "stripe_webhook.path: \"/a/../b\" has a dot segment; write",
        ),
        (
            Set("/stripe_webhook/tolerance_s", json!(0)),
            "stripe_webhook.tolerance_s: 0 is out of range; use 1 to 3600 seconds",
        ),
        (Set("/stripe_webhook/tolerance_s", json!(3601)), "stripe_webhook.tolerance_s: 3601 is out of range"),
        (
            Set("/stripe_webhook/max_body_kb", json!(0)),
            "stripe_webhook.max_body_kb: 0 is out of range; use 1 to 1024",
        ),
        (Set("/stripe_webhook/max_body_kb", json!(1025)), "stripe_webhook.max_body_kb: 1025 is out of range"),
        (
            Set("/stripe_webhook/past_due/grace_days", json!(0)),
            "stripe_webhook.past_due.grace_days: 0 days is no grace period; write `past_due: revoke`",
        ),
        (
            Set("/stripe_webhook/past_due/grace_days", json!(91)),
            "stripe_webhook.past_due.grace_days: 91 is out of range; use 1 to 90 days",
        ),
        (
            Set("/stripe_webhook/clerk/timeout_ms", json!(8001)),
            "stripe_webhook.clerk.timeout_ms: 8001 is out of range; use 1 to 8000 milliseconds",
        ),
        (
            Set("/stripe_webhook/stripe/timeout_ms", json!(0)),
            "stripe_webhook.stripe.timeout_ms: 0 is out of range",
        ),
        (
            Set("/stripe_webhook/stripe/cluster", json!("")),
            "stripe_webhook.stripe.cluster: \"\" is not the name of a cluster",
        ),
        (
            Set("/stripe_webhook/clerk/authority", json!("https://api.clerk.com")),
            "stripe_webhook.clerk.authority: \"https://api.clerk.com\" is not a host; write a host",
        ),
        (
            Set("/stripe_webhook/clerk/base_path", json!("/v1/")),
            "stripe_webhook.clerk.base_path: \"/v1/\" ends with `/`; write \"/v1\"",
        ),
        (
            Set("/stripe_webhook/plan_key", json!("subscription")),
            "stripe_webhook.plan_key: \"subscription\" is the key of",
        ),
        (
            Set("/stripe_webhook/subject_keys", json!({"user": [], "organization": []})),
            "stripe_webhook.subject_keys: has no key; name at least one",
        ),
        (
            Set("/stripe_webhook/subject_keys/organization/0", json!("clerk_user_id")),
            "stripe_webhook.subject_keys.organization[0]: \"clerk_user_id\" is also a key for users; a key holds",
        ),
        (
            Set("/stripe_webhook/subject_keys/user/0", json!("a[b]")),
            "stripe_webhook.subject_keys.user[0]: \"a[b]\" is not a valid key of Stripe's metadata; use 1 to 40",
        ),
        (
            Set("/stripe_webhook/subject_keys/user/0", json!("tollgate_owner")),
            "stripe_webhook.subject_keys.user[0]: \"tollgate_owner\" is where Tollgate records",
        ),
        (
            Set("/stripe_webhook/subject_keys/organization/0", json!("tollgate_named_by")),
            "stripe_webhook.subject_keys.organization[0]: \"tollgate_named_by\" is where Tollgate records",
        ),
    ]);
}

#[test]
fn one_check_finds_the_errors_of_all_parts() {
    let mut document = with(whole(), "/stripe_webhook/tolerance_s", json!(0));
    document = with(document, "/plan_gate/clock_skew_s", json!(61));
    document = with(document, "/plan_gate/rules/0/limit", json!("ask"));
    document = with(document, "/plan_gate/rules/1/require/plan", json!("team"));
    let errors = check(document.to_string().as_bytes()).unwrap_err();
    let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "stripe_webhook.tolerance_s",
            "plan_gate.clock_skew_s",
            "plan_gate.rules[0].limit",
            "plan_gate.rules[1].require.plan",
        ]
    );
}

#[test]
fn a_secret_in_the_document_is_refused_and_not_shown() {
    let cases = [
        with(whole(), "/stripe_webhook/signing_secrets", json!("whsec_abc")),
        with(whole(), "/stripe_webhook/signing_secrets/env", json!("whsec_abc")),
        with(whole(), "/stripe_webhook/mode", json!("whsec_abc")),
        with(whole(), "/stripe_webhook/whsec_abc", json!("")),
        with(whole(), "/plan_gate/keys/pem/env", json!("sk_live_abc")),
        with(whole(), "/plans/0/name", json!("sk_live_abc.")),
    ];
    for document in cases {
        let line = check(document.to_string().as_bytes()).unwrap_err().remove(0).to_string();
        assert!(!line.contains("_abc"), "{line}");
    }
}
