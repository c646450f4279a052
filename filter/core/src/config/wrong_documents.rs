//! Wrong documents, and what the operator is told: the place, the problem and the cure.

use super::tests::{environment, whole, with, without};
use super::*;
use serde_json::{Value, json};

/// What is done to a right document.
enum Edit {
    /// Puts a value in at this JSON pointer.
    Set(&'static str, Value),
    /// Takes the field at this JSON pointer out.
    Cut(&'static str),
}
use Edit::{Cut, Set};

/// Edits the whole document and checks that each way to read it ends with the same error, which begins so; but that of
/// a section is its own filter's.
fn refused(cases: Vec<(Edit, &str)>) {
    for (edit, want) in cases {
        let document = match edit {
            Set(pointer, value) => with(whole(), pointer, value),
            Cut(pointer) => without(whole(), pointer),
        };
        let bytes = document.to_string().into_bytes();
        let error = check(&bytes).expect_err(want).remove(0);
        let line = error.to_string();
        assert!(line.starts_with(want), "\n want: {want}\nfound: {line}");
        assert!(!error.cure.is_empty(), "no cure: {line}");
        let of_the_gate = error.path.starts_with("plan_gate") || error.problem.contains("plan_gate");
        if !of_the_gate {
            assert_eq!(read::<Webhook>(&bytes, &environment).unwrap_err(), error);
        }
        if !error.path.starts_with("stripe_webhook") {
            assert_eq!(read::<Gate>(&bytes, &environment).unwrap_err(), error);
        }
    }
}

#[test]
fn a_filter_does_not_mind_the_section_of_the_other() {
    let others = ["path", "plan_key", "clerk", "authority", "signing_secrets"];
    for nonsense in [json!(5), json!({}), json!([null]), json!({"clerk": 1}), json!({"rule": {"a": 0.5}})] {
        let bytes = with(whole(), "/plan_gate", nonsense.clone()).to_string().into_bytes();
        assert!(read::<Webhook>(&bytes, &environment).is_ok(), "{nonsense}");
        assert!(read::<Gate>(&bytes, &environment).is_err() && check(&bytes).is_err(), "{nonsense}");
        let bytes = with(whole(), "/stripe_webhook", nonsense.clone()).to_string().into_bytes();
        assert!(read::<Gate>(&bytes, &environment).is_ok(), "{nonsense}");
        assert!(read::<Webhook>(&bytes, &environment).is_err() && check(&bytes).is_err(), "{nonsense}");
    }
    for field in others {
        let bytes = with(whole(), "/stripe_webhook", json!({field: 5})).to_string().into_bytes();
        let section = read::<Gate>(&bytes, &environment).unwrap().section;
        assert!(section.paths_of_others.is_empty(), "{field}");
        assert_eq!(section.plan_key, "plan", "{field}");
    }
}

#[test]
fn a_wrong_shape_is_refused_at_its_place() {
    refused(vec![
        (Set("/plan", json!([])), "plan: unknown field; did you mean \"plans\"?"),
        (
            Set("/webhook", json!({})),
            "webhook: unknown field; known here: namespace, plans, not_plans, stripe_webhook, plan_gate",
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
        (Cut("/plans"), "plans: missing; write it like `plans: [{name: free}, {name: pro"),
        (Cut("/plans/1/name"), "plans[1].name: missing; write it like `name: pro`"),
        (Cut("/stripe_webhook/path"), "stripe_webhook.path: missing; write it like `path: /webhooks/stripe`"),
        (
            Cut("/stripe_webhook/clerk"),
            "stripe_webhook.clerk: missing; write it like `clerk: {cluster: clerk_api}`",
        ),
        (Cut("/stripe_webhook/signing_secrets"), "stripe_webhook.signing_secrets: missing; write it like"),
        (
            Cut("/plan_gate/issuer"),
            "plan_gate.issuer: missing; write it like `issuer: https://clerk.example.com`",
        ),
        (Cut("/plan_gate/keys"), "plan_gate.keys: missing; write it like `keys: {pem: {env: CLERK_JWT_KEY}}"),
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
fn a_choice_that_is_none_is_refused() {
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
            "stripe_webhook.past_due: \"keep\" stands alone, without fields; write it like",
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
            "plan_gate.identity_headers[2]: stands there twice; remove one",
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
        let plan = |place| json!({"name": format!("p{place}"), "limits": {"asks": "unlimited"}});
        Value::Array((0..count).map(plan).collect())
    };
    refused(vec![
        (Set("/plans", json!([])), "plans: there is none; name at least the plan of those who pay for none"),
        (Set("/plans", plans(65)), "plans: has 65 entries; there may be at most 64"),
        (
            Set("/plans/1/name", json!("free")),
            "plans[1].name: plans[0] is called \"free\" too; give each plan its own",
        ),
        (
            Set("/plans/1/name", json!("pro plan")),
            "plans[1].name: \"pro plan\" cannot be a name; take letters",
        ),
        (
            Set("/plans/1/name", json!("deny")),
            "plans[1].name: no plan can be called \"deny\"; `anonymous: deny` means",
        ),
        (
            Set("/plans/2/prices/-", json!("price_123")),
            "plans[2].prices[1]: the price \"price_123\" stands in plans[1].prices[0] too; it belongs to one place",
        ),
        (
            Set("/plans/1/prices/-", json!("price_123")),
            "plans[1].prices[1]: the price \"price_123\" stands in plans[1].prices[0] too",
        ),
        (
            Set("/not_plans/prices/0", json!("price_ent")),
            "not_plans.prices[0]: the price \"price_ent\" stands in plans[2].prices[0] too",
        ),
        (
            Set("/plans/2/lookup_keys", json!(["pro_monthly"])),
            "plans[2].lookup_keys[0]: the lookup key \"pro_monthly\" stands in plans[1].lookup_keys[0] too",
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
            "plans[2].clerk_plan: \"pro\" is how Clerk Billing names plans[1] too",
        ),
        (
            Set("/plans/0/clerk_plan", json!("pro")),
            "plans[1].name: \"pro\" is how Clerk Billing names plans[0] too",
        ),
        (
            Set("/plans/2/clerk_plan", json!(["enterprise", "pro"])),
            "plans[2].clerk_plan[1]: \"pro\" is how Clerk Billing names plans[1] too",
        ),
        (
            Set("/plans/2/clerk_plan", json!(["ent_user", "ent_org", "ent_user"])),
            "plans[2].clerk_plan[2]: \"ent_user\" stands there twice; remove one",
        ),
        (Set("/plans/2/clerk_plan", json!([])), "plans[2].clerk_plan: has no slug; name at least one"),
        (Set("/plans/2/clerk_plan", json!(["a b"])), "plans[2].clerk_plan[0]: \"a b\" cannot be a name"),
        (
            Set("/plans/2/clerk_plan", json!(vec!["a"; 17])),
            "plans[2].clerk_plan: has 17 entries; there may be at most 16",
        ),
        (Set("/plans/2/clerk_plan", json!(7)), "plans[2].clerk_plan: expected a slug or a list of slugs"),
        (Set("/plans/2/clerk_plan", json!([["a"]])), "plans[2].clerk_plan[0]: expected"),
        (
            Set("/plans/1/features/-", json!("priority_support")),
            "plans[1].features[1]: \"priority_support\" stands there twice",
        ),
        (Set("/plans/0/limits/asks", json!([])), "plans[0].limits.asks: has no window; write `unlimited`"),
        (
            Set("/plans/1/limits/asks/1/per", json!("month")),
            "plans[1].limits.asks[1].per: stands there twice; one window of each period is enough",
        ),
        (
            Set("/plans/0/limits/asks/0/max", json!(4_000_000_001_u64)),
            "plans[0].limits.asks[0].max: 4000000001 is out of range; take 0 to 4000000000",
        ),
        (
            Set("/plans/0/limits/a b", json!("unlimited")),
            "plans[0].limits: \"a b\" cannot be a name; take letters",
        ),
        (Set("/namespace", json!("a/b")), "namespace: \"a/b\" cannot be a name; take letters"),
    ]);
}

#[test]
fn a_webhook_section_out_of_bounds_is_refused() {
    refused(vec![
        (
            Set("/stripe_webhook/path", json!("webhooks")),
            "stripe_webhook.path: \"webhooks\" does not begin with `/`; put",
        ),
        (
            Set("/stripe_webhook/path", json!("/a/../b")),
            "stripe_webhook.path: \"/a/../b\" has a dot segment; write",
        ),
        (
            Set("/stripe_webhook/tolerance_s", json!(0)),
            "stripe_webhook.tolerance_s: 0 is out of range; take 1 to 3600 seconds",
        ),
        (Set("/stripe_webhook/tolerance_s", json!(3601)), "stripe_webhook.tolerance_s: 3601 is out of range"),
        (
            Set("/stripe_webhook/max_body_kb", json!(0)),
            "stripe_webhook.max_body_kb: 0 is out of range; take 1 to 1024",
        ),
        (Set("/stripe_webhook/max_body_kb", json!(1025)), "stripe_webhook.max_body_kb: 1025 is out of range"),
        (
            Set("/stripe_webhook/past_due/grace_days", json!(0)),
            "stripe_webhook.past_due.grace_days: 0 days are no grace; write `past_due: revoke`",
        ),
        (
            Set("/stripe_webhook/past_due/grace_days", json!(91)),
            "stripe_webhook.past_due.grace_days: 91 is out of range; take 1 to 90 days",
        ),
        (
            Set("/stripe_webhook/clerk/timeout_ms", json!(8001)),
            "stripe_webhook.clerk.timeout_ms: 8001 is out of range; take 1 to 8000 milliseconds",
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
            "stripe_webhook.plan_key: \"subscription\" is where",
        ),
        (
            Set("/stripe_webhook/subject_keys", json!({"user": [], "organization": []})),
            "stripe_webhook.subject_keys: there is no key; name at least one",
        ),
        (
            Set("/stripe_webhook/subject_keys/organization/0", json!("clerk_user_id")),
            "stripe_webhook.subject_keys.organization[0]: \"clerk_user_id\" is a key for users too; a key says",
        ),
        (
            Set("/stripe_webhook/subject_keys/user/0", json!("a[b]")),
            "stripe_webhook.subject_keys.user[0]: \"a[b]\" cannot be a key of Stripe's metadata; take 1 to 40",
        ),
        (
            Set("/stripe_webhook/subject_keys/user/0", json!("tollgate_owner")),
            "stripe_webhook.subject_keys.user[0]: \"tollgate_owner\" is where Tollgate notes",
        ),
        (
            Set("/stripe_webhook/subject_keys/organization/0", json!("tollgate_named_by")),
            "stripe_webhook.subject_keys.organization[0]: \"tollgate_named_by\" is where Tollgate notes",
        ),
    ]);
}

#[test]
fn a_gate_section_out_of_bounds_is_refused() {
    refused(vec![
        (
            Set("/plan_gate/issuer", json!("https://c.example/")),
            "plan_gate.issuer: \"https://c.example/\" ends with `/`; leave",
        ),
        (
            Set("/plan_gate/issuer", json!("clerk.example.com")),
            "plan_gate.issuer: \"clerk.example.com\" is not an absolute URL",
        ),
        (
            Set("/plan_gate/authorized_parties/0", json!("https://app.example.com/")),
            "plan_gate.authorized_parties[0]: \"https://app.example.com/\" is not an origin; write scheme, host and port",
        ),
        (
            Set("/plan_gate/authorized_parties", json!([])),
            "plan_gate.authorized_parties: there is none, so that no token could pass; list the origins",
        ),
        (
            Set("/plan_gate/local_memory_mb", json!(1_001)),
            "plan_gate.local_memory_mb: 1001 is out of range; take 1 to 1000 megabytes",
        ),
        (
            Set("/plan_gate/clock_skew_s", json!(61)),
            "plan_gate.clock_skew_s: 61 is out of range; take 0 to 60 seconds",
        ),
        (
            Set("/plan_gate/audience", json!([""])),
            "plan_gate.audience[0]: \"\" is blank, too long or not plain",
        ),
        (
            Set("/plan_gate/plan_claims/user", json!([])),
            "plan_gate.plan_claims.user: names no claim, so that everybody",
        ),
        (
            Set("/plan_gate/plan_claims/user/0", json!("a..b")),
            "plan_gate.plan_claims.user[0]: \"a..b\" is not the path of a claim",
        ),
        (
            Set("/plan_gate/plan_claims/user", json!(["plan", "user.unsafe_metadata.plan"])),
            "plan_gate.plan_claims.user[1]: \"user.unsafe_metadata.plan\" is what users write themselves; write",
        ),
        (
            Set("/plan_gate/plan_claims/user", json!(["unsafeMetadata"])),
            "plan_gate.plan_claims.user[0]: \"unsafeMetadata\" is what users write themselves",
        ),
        (
            Set("/plan_gate/plan_claims/organization", json!(["Unsafe_Metadata.plan"])),
            "plan_gate.plan_claims.organization[0]: \"Unsafe_Metadata.plan\" is what users write themselves",
        ),
        (
            Set("/plan_gate/usage_path", json!("/webhooks/stripe")),
            "plan_gate.usage_path: \"/webhooks/stripe\" is stripe_webhook.path too; take another path",
        ),
        (
            Set("/plan_gate/upgrade_url", json!("/pricing")),
            "plan_gate.upgrade_url: \"/pricing\" is not an absolute URL",
        ),
        (
            Set("/plan_gate/plan_required_status", json!(401)),
            "plan_gate.plan_required_status: 401 is no status for it; take 403 or 402",
        ),
        (
            Set("/plan_gate/confirm/cluster", json!("")),
            "plan_gate.confirm.cluster: \"\" is not the name of a cluster",
        ),
        (
            Set("/plan_gate/store", json!({"ratelimit": {"cluster": "r", "timeout_ms": 0}})),
            "plan_gate.store.ratelimit.timeout_ms: 0 is out of range; take 1 to 8000 milliseconds",
        ),
        (
            Set("/plan_gate/keys", json!({"jwks": {"cluster": "c", "path": "jwks"}})),
            "plan_gate.keys.jwks.path: \"jwks\" does not begin with `/`",
        ),
    ]);
}

#[test]
fn rules_that_do_not_fit_the_plans_are_refused() {
    let rules = |count: usize| (0..count).map(|place| json!({"name": format!("r{place}")})).collect();
    refused(vec![
        (
            Set("/plan_gate/rules/2/limit", json!("ask")),
            "plan_gate.rules[2].limit: no plan defines a limit \"ask\"; defined: \"asks\"",
        ),
        (
            Cut("/plans/1/limits/asks"),
            "plans[1].limits: \"pro\" says nothing about \"asks\", which plan_gate.rules[0] counts; add `asks: unlimited`",
        ),
        (
            Set("/plan_gate/rules/1/require/plan", json!("Pro")),
            "plan_gate.rules[1].require.plan: there is no plan \"Pro\"; defined: \"free\", \"pro\", \"enterprise\"",
        ),
        (
            Set("/plan_gate/rules/1/require", json!({"feature": "sso"})),
            "plan_gate.rules[1].require.feature: no plan has a feature \"sso\"; defined: \"priority_support\"",
        ),
        (
            Set("/plan_gate/rules/2/anonymous", json!("guest")),
            "plan_gate.rules[2].anonymous: there is no plan \"guest\"; defined",
        ),
        (
            Set("/plan_gate/rules/1/anonymous", json!("free")),
            "plan_gate.rules[1].anonymous: \"free\" is not enough for this rule's own `require`; write `anonymous: deny`",
        ),
        (
            Set("/plan_gate/rules/0/cost", json!(0)),
            "plan_gate.rules[0].cost: 0 is out of range; take 1 to 1000000",
        ),
        (
            Set("/plan_gate/rules/1/cost", json!(2)),
            "plan_gate.rules[1].cost: there is no limit beside it; name",
        ),
        (
            Set("/plan_gate/rules/1/name", json!("ask")),
            "plan_gate.rules[1].name: plan_gate.rules[0] is called \"ask\" too",
        ),
        (Set("/plan_gate/rules/1/name", json!("")), "plan_gate.rules[1].name: \"\" cannot be a name"),
        (
            Set("/plan_gate/rules/0/path", json!("/ask")),
            "plan_gate.rules[0].path_prefix: stands beside `path`; keep",
        ),
        (
            Set("/plan_gate/rules/0/path_prefix", json!("/ask/")),
            "plan_gate.rules[0].path_prefix: \"/ask/\" ends with `/`",
        ),
        (
            Set("/plan_gate/rules/0/path_prefix", json!("/a//b")),
            "plan_gate.rules[0].path_prefix: \"/a//b\" has an empty segment",
        ),
        (
            Set("/plan_gate/rules/-", json!({"name": "x", "path": "/usage"})),
            "plan_gate.rules[3].path: \"/usage\" is plan_gate.usage_path, to which no rule applies; remove",
        ),
        (
            Set("/plan_gate/rules/0/methods", json!(["post"])),
            "plan_gate.rules[0].methods[0]: \"post\" is not a method; write",
        ),
        (
            Set("/plan_gate/rules/0/methods", json!([])),
            "plan_gate.rules[0].methods: names no method; leave it out",
        ),
        (
            Set("/plan_gate/rules/0/host", json!("a.b:80")),
            "plan_gate.rules[0].host: \"a.b:80\" is not a host; write one",
        ),
        (Set("/plan_gate/rules", rules(201)), "plan_gate.rules: has 201 entries; there may be at most 200"),
    ]);
}

#[test]
fn one_look_finds_the_errors_of_all_parts() {
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
