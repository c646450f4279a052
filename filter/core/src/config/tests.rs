//! Tests of reading the document, in both encodings, with every field and with only the required ones.

use super::struct_value::tests::encode;
use super::test_documents::{environment, smallest, text, whole, with, without};
use super::*;
use crate::auth::KeySource;
use crate::path::PathPattern;
use crate::plan_table::{Limit, Period, Window};
use crate::secret::Secret;
use serde_json::{Value, json};
use std::time::Duration;

/// Returns the debug output of a filter's configuration, which has every setting.
fn printed<S: Section>(document: &[u8]) -> String {
    format!("{:?}", read::<S>(document, &environment).unwrap())
}

fn gate_section(document: &Value) -> PlanGateSettings {
    read::<PlanGateSettings>(&text(document), &environment).unwrap().section
}

fn webhook_section(document: &Value) -> StripeWebhookSettings {
    read::<StripeWebhookSettings>(&text(document), &environment).unwrap().section
}

fn exposed(secret: Option<&Secret>) -> Option<&str> {
    secret.map(Secret::expose)
}

#[test]
fn both_encodings_mean_the_same() {
    let with_max = |max: Value| with(whole(), "/plans/1/limits/asks/0/max", max);
    let cases = [
        ("every field", whole(), whole()),
        ("only the required fields", smallest(), smallest()),
        // Envoy writes integers beyond 32 bits as strings.
        ("3e9", with_max(json!(3_000_000_000_u64)), with_max(json!("3000000000"))),
        ("an integer with a fraction of 0", with_max(json!(100.0)), with_max(json!(100))),
        (
            "`off`, which Envoy reads as false",
            with(whole(), "/plan_gate/cors", json!("off")),
            with(whole(), "/plan_gate/cors", json!(false)),
        ),
    ];
    for (why, as_text, as_struct) in cases {
        for reverse in [false, true] {
            let bytes = encode(as_struct.as_object().unwrap(), reverse);
            let text = text(&as_text);
            assert_eq!(
                printed::<StripeWebhookSettings>(&text),
                printed::<StripeWebhookSettings>(&bytes),
                "{why}"
            );
            assert_eq!(printed::<PlanGateSettings>(&text), printed::<PlanGateSettings>(&bytes), "{why}");
        }
    }
}

#[test]
fn the_defaults_are_as_documented() {
    let optional = ["usage_path", "upgrade_url", "confirm", "rules"];
    let mut written = without(without(whole(), "/billing"), "/clerk_webhook");
    for field in optional {
        written = without(written, &format!("/plan_gate/{field}"));
    }
    written = without(written, "/stripe_webhook/livemode");
    let written = with(without(written, "/not_plans"), "/plans", json!([{"name": "free"}]));
    assert_eq!(
        printed::<StripeWebhookSettings>(&text(&written)),
        printed::<StripeWebhookSettings>(&text(&smallest()))
    );
    assert_eq!(printed::<PlanGateSettings>(&text(&written)), printed::<PlanGateSettings>(&text(&smallest())));
    let written = with(whole(), "/plan_gate/confirm", json!({"cluster": "clerk_api"}));
    assert_eq!(printed::<PlanGateSettings>(&text(&written)), printed::<PlanGateSettings>(&text(&whole())));
}

#[test]
fn the_webhook_section_is_read_as_written() {
    let configuration = read::<StripeWebhookSettings>(&text(&whole()), &environment).unwrap();
    let section = configuration.section;
    assert_eq!(section.endpoint.path, "/webhooks/stripe");
    assert_eq!(section.endpoint.mode, Mode::Respond);
    assert_eq!(section.endpoint.tolerance, Duration::from_secs(300));
    assert_eq!(section.endpoint.body_bytes_max, 512 * 1024);
    assert_eq!(section.livemode, Some(true));
    let secrets: Vec<_> = section.signing_secrets.iter().map(Secret::expose).collect();
    assert_eq!(secrets, ["whsec_1", "whsec_2"]);
    assert_eq!(section.sync.past_due, PastDue::Grace(Duration::from_secs(14 * 86_400)));
    assert_eq!(section.sync.unmapped_price, UnmappedPrice::Keep);
    assert_eq!(section.sync.subject_keys.user, ["clerk_user_id"]);
    assert_eq!(section.sync.subject_keys.organization, ["clerk_org_id"]);
    assert!(section.sync.client_reference_id);
    assert_eq!(section.sync.stripe.cluster, "stripe_api");
    assert_eq!(section.sync.stripe.authority, "api.stripe.com");
    assert_eq!(section.sync.stripe.base_path, "");
    assert_eq!(section.sync.stripe.timeout, Duration::from_secs(2));
    assert_eq!(exposed(section.sync.stripe.authorization.as_ref()), Some("sk_test_1"));
    assert_eq!(section.sync.clerk.authority, "api.clerk.com");
    assert_eq!(section.sync.clerk.base_path, "/v1");
    assert_eq!(section.sync.clerk.timeout, Duration::from_secs(2));
    assert_eq!(exposed(section.sync.clerk.authorization.as_ref()), Some("sk_test_2"));
    assert_eq!(section.sync.plan_key, "plan");
    assert_eq!(configuration.not_plans.prices.len(), 1);
    assert!(configuration.not_plans.products.is_empty());
}

#[test]
fn the_plans_are_read_as_written_and_plan_map_adds_to_them() {
    let environment = |variable: &str| match variable {
        "PLAN_MAP" => {
            Some(" price_9=pro, price_123=pro ,price_8 = enterprise,plan_Fx12ab=pro,a=b=pro".to_owned())
        }
        other => environment(other),
    };
    let plans = read::<StripeWebhookSettings>(&text(&whole()), &environment).unwrap().plans;
    let pro = plans.get(plans.rank_of("pro").unwrap());
    assert_eq!(pro.prices.iter().collect::<Vec<_>>(), ["a=b", "plan_Fx12ab", "price_123", "price_9"]);
    assert_eq!(pro.lookup_keys.iter().collect::<Vec<_>>(), ["pro_monthly"]);
    assert_eq!(pro.features.iter().collect::<Vec<_>>(), ["priority_support"]);
    let windows = vec![Window { max: 100, per: Period::Month }, Window { max: 10, per: Period::Minute }];
    assert_eq!(pro.limits.get("asks"), Some(&Limit::Windows(windows.into())));
    let enterprise = plans.get(plans.rank_of("enterprise").unwrap());
    assert_eq!(enterprise.prices.iter().collect::<Vec<_>>(), ["price_8", "price_ent"]);
    assert!(enterprise.clerk_slugs.iter().eq(["enterprise_org"]));
    assert_eq!(enterprise.limits.get("asks"), Some(&Limit::Unlimited));
    assert_eq!(plans.get(plans.default_rank()).name, "free");
    assert_eq!(read::<PlanGateSettings>(&text(&whole()), &environment).unwrap().plans, plans);
}

#[test]
fn the_gate_section_is_read_as_written() {
    let configuration = read::<PlanGateSettings>(&text(&whole()), &environment).unwrap();
    let (plans, section) = (configuration.plans, configuration.section);
    assert_eq!(section.tokens.rules.issuer, "https://clerk.example.com");
    assert!(matches!(&section.tokens.keys, KeySource::Pem(keys) if keys == &["QUJD"]));
    assert_eq!(section.tokens.rules.authorized_parties, ["https://app.example.com"]);
    assert!(section.tokens.rules.require_azp && section.tokens.cookie && section.cors && !section.shadow);
    assert!(section.tokens.rules.audience.is_empty());
    assert_eq!(section.tokens.rules.clock_skew, Duration::from_secs(5));
    assert_eq!(section.subject, SubjectKind::User);
    assert_eq!((section.plan_claims.user.len(), section.plan_claims.organization.len()), (5, 2));
    let deep = ["user", "public_metadata", "plan"].map(str::to_owned);
    assert_eq!(section.plan_claims.user[3], ClaimSource::Path(deep.to_vec()));
    let rule = |name: &str, prefix: &str| Rule {
        name: name.to_owned(),
        path: PathMatch::Prefix(PathPattern::new(prefix)),
        methods: vec![],
        host: None,
        require: None,
        limit: None,
        anonymous: None,
    };
    let asks = Some(Spend { limit: "asks".into(), cost: 1 });
    let pro = Requirement::Plan(plans.rank_of("pro").unwrap());
    assert_eq!(
        section.rules,
        [
            Rule { limit: asks.clone(), ..rule("ask", "/ask") },
            Rule { require: Some(pro), ..rule("reports", "/reports") },
            Rule { limit: asks, anonymous: Some(plans.default_rank()), ..rule("search", "/search") },
        ]
    );
    assert_eq!(section.unmatched, Unmatched::Pass);
    assert_eq!(section.usage_path.as_deref(), Some("/usage"));
    assert_eq!(section.upgrade_url.as_deref(), Some("https://app.example.com/pricing"));
    assert_eq!(section.plan_required_status, 403);
    assert_eq!(section.rate_limit_headers, RateLimitHeaders::Both);
    assert_eq!(section.identity_headers.len(), 4, "all");
    let super::gate::ConfirmSettings { clerk: confirm, .. } = section.confirm.unwrap();
    assert_eq!((confirm.base_path.as_str(), confirm.timeout), ("/v1", Duration::from_secs(1)));
    assert_eq!(exposed(confirm.authorization.as_ref()), Some("sk_test_2"));
    assert_eq!(section.store, StoreConfig::Local { memory_mb: 97 });
    let is_other = |path: &str| section.paths_of_others.iter().any(|other| other.serves(path.as_bytes()));
    assert!(is_other("/webhooks/stripe") && !is_other("/webhooks/stripe/x"));
    assert!(is_other("/billing/plans") && is_other("/billing") && !is_other("/billings"));
    assert_eq!(section.plan_key, "plan");
}

#[test]
fn the_other_forms_of_each_field_are_read() {
    let mut document = with(whole(), "/stripe_webhook/past_due", json!("revoke"));
    document = with(document, "/stripe_webhook/plan_key", json!("tier"));
    document = with(document, "/stripe_webhook/stripe/base_path", json!("/"));
    let section = webhook_section(&document);
    assert_eq!((section.sync.past_due, section.sync.stripe.base_path.as_str()), (PastDue::Revoke, ""));
    let keep = with(document.clone(), "/stripe_webhook/past_due", json!("keep"));
    assert_eq!(webhook_section(&keep).sync.past_due, PastDue::Keep);

    document = without(document, "/plan_gate/plan_claims");
    let ratelimit = json!({"ratelimit": {"cluster": "ratelimit"}});
    document = with(document, "/plan_gate/store", ratelimit);
    let rules = json!([
        {"name": "all"},
        {"name": "root", "path_prefix": "/", "methods": ["POST"], "host": "API.example.com", "anonymous": "deny"},
        {"name": "exact", "path": "/x/", "require": {"feature": "priority_support"}, "limit": "asks", "cost": 2},
    ]);
    document = with(document, "/plan_gate/rules", rules);
    let section = gate_section(&document);
    assert_eq!(
        section.plan_claims.user[4],
        ClaimSource::Path(vec!["tier".to_owned()]),
        "claims follow plan_key"
    );
    let (domain, timeout) = ("tollgate".to_owned(), Duration::from_millis(100));
    let store =
        StoreConfig::Ratelimit { cluster: "ratelimit".to_owned(), domain, timeout, on_error: OnError::Allow };
    assert_eq!(section.store, store);
    assert_eq!(
        (&section.rules[0].path, &section.rules[1].path),
        (&PathMatch::Any, &PathMatch::Prefix(PathPattern::new("")))
    );
    assert_eq!(section.rules[1].methods, ["POST"]);
    assert_eq!(section.rules[1].host.as_deref(), Some("api.example.com"));
    assert_eq!(section.rules[1].anonymous, None);
    assert_eq!(section.rules[2].path, PathMatch::Exact(PathPattern::new("/x/")));
    assert_eq!(section.rules[2].require, Some(Requirement::Feature("priority_support".to_owned())));
    assert_eq!(section.rules[2].limit, Some(Spend { limit: "asks".into(), cost: 2 }));
}

#[test]
fn plan_claims_can_mix_clerk_billing_and_paths() {
    let document = with(whole(), "/plan_gate/plan_claims/user", json!(["clerk_billing", "plan"]));
    let section = gate_section(&document);
    let plan = ClaimSource::Path(vec!["plan".to_owned()]);
    assert_eq!(section.plan_claims.user, [ClaimSource::ClerkBilling, plan]);
}

#[test]
fn the_key_set_is_below_the_issuers_path_unless_another_host_has_it() {
    let cases = [
        ("no path", "https://clerk.example.com", json!({}), "/.well-known/jwks.json"),
        ("a proxy", "https://app.example.com/__clerk", json!({}), "/__clerk/.well-known/jwks.json"),
        ("a deeper one", "https://app.example.com:8443/a/b", json!({}), "/a/b/.well-known/jwks.json"),
        (
            "the issuer's host, written out",
            "https://app.example.com/__clerk",
            json!({"authority": "APP.example.com"}),
            "/__clerk/.well-known/jwks.json",
        ),
        (
            "the instance itself behind the proxy",
            "https://app.example.com/__clerk",
            json!({"authority": "frontend-api.clerk.dev"}),
            "/.well-known/jwks.json",
        ),
        (
            "a configured path",
            "https://app.example.com/__clerk",
            json!({"path": "/.well-known/jwks.json"}),
            "/.well-known/jwks.json",
        ),
    ];
    for (why, issuer, mut jwks, want) in cases {
        jwks["cluster"] = json!("clerk_frontend");
        let document = with(whole(), "/plan_gate/keys", json!({"jwks": jwks}));
        let document = with(document, "/plan_gate/issuer", json!(issuer));
        let KeySource::Jwks { path, .. } = gate_section(&document).tokens.keys else { panic!("not a JWKS") };
        assert_eq!(path, want, "{why}");
    }
}

#[test]
fn a_plan_can_have_several_slugs_of_clerk_billing() {
    let document = with(whole(), "/plans/2/clerk_plan", json!(["enterprise_user", "enterprise_org"]));
    let plans = read::<PlanGateSettings>(&text(&document), &environment).unwrap().plans;
    let enterprise = plans.rank_of("enterprise");
    assert!(enterprise.is_some());
    for slug in ["enterprise_user", "enterprise_org"] {
        assert_eq!(plans.rank_of_clerk_slug(slug), enterprise, "{slug}");
    }
    assert_eq!(plans.rank_of_clerk_slug("enterprise"), None, "the list replaces the name");
}

#[test]
fn a_secret_key_goes_only_to_the_backend_api() {
    let keys = |jwks: Value| {
        let document = with(whole(), "/plan_gate/keys", json!({"jwks": jwks}));
        match gate_section(&document).tokens.keys {
            KeySource::Jwks { upstream, path } => (upstream, path),
            KeySource::Pem(_) => panic!("not a JWKS"),
        }
    };
    let (frontend, path) = keys(json!({"cluster": "clerk_frontend"}));
    assert_eq!((frontend.authority.as_str(), path.as_str()), ("clerk.example.com", "/.well-known/jwks.json"));
    assert_eq!((frontend.timeout, exposed(frontend.authorization.as_ref())), (Duration::from_secs(2), None));
    let (backend, path) = keys(json!({"cluster": "c", "authority": "api.clerk.com", "path": "/v1/jwks"}));
    assert_eq!((backend.base_path.as_str(), path.as_str()), ("", "/v1/jwks"));
    assert_eq!(exposed(backend.authorization.as_ref()), Some("sk_test_2"));
}

#[test]
fn each_filter_reads_only_its_own_secrets() {
    let read_variables = std::cell::RefCell::new(Vec::new());
    let environment = |variable: &str| {
        read_variables.borrow_mut().push(variable.to_owned());
        environment(variable)
    };
    read::<StripeWebhookSettings>(&text(&whole()), &environment).unwrap();
    assert!(!read_variables.borrow().contains(&"CLERK_JWT_KEY".to_owned()), "{read_variables:?}");
    read_variables.borrow_mut().clear();
    read::<PlanGateSettings>(&text(&whole()), &environment).unwrap();
    let of_stripe = read_variables.borrow().iter().filter(|name| name.starts_with("STRIPE_")).count();
    assert_eq!(of_stripe, 0, "{read_variables:?}");
}

#[test]
fn api_keys_are_optional() {
    let environment = |variable: &str| environment(variable).filter(|_| !variable.ends_with("SECRET_KEY"));
    let unlisted = text(&without(whole(), "/environment"));
    let section = read::<StripeWebhookSettings>(&unlisted, &environment).unwrap().section;
    assert!(section.sync.stripe.authorization.is_none() && section.sync.clerk.authorization.is_none());
    let error = read::<StripeWebhookSettings>(&text(&whole()), &environment).unwrap_err().to_string();
    assert!(
        error.starts_with("environment: the environment variable STRIPE_SECRET_KEY is not set"),
        "{error}"
    );
}

#[test]
fn the_listed_api_keys_are_read_from_any_document() {
    let listed = listed_api_keys(&text(&whole()));
    assert_eq!(listed, [ApiKeyVariable::StripeSecretKey, ApiKeyVariable::ClerkSecretKey]);
    let wrong = with(whole(), "/environment", json!(["PATH"]));
    for document in [without(whole(), "/environment"), wrong.clone()] {
        assert_eq!(listed_api_keys(&text(&document)), []);
    }
    assert_eq!(listed_api_keys(b"\xff"), []);
    let error = check(&text(&wrong)).unwrap_err()[0].to_string();
    assert!(error.starts_with("environment[0]: "), "{error}");
    assert!(error.contains("STRIPE_API_KEY"), "{error}");
}

#[test]
fn each_filter_needs_only_its_own_section() {
    let without_others = || without(without(whole(), "/billing"), "/clerk_webhook");
    let only_webhook = without(without_others(), "/plan_gate");
    let only_gate = without(without_others(), "/stripe_webhook");
    read::<StripeWebhookSettings>(&text(&only_webhook), &environment).unwrap();
    assert!(gate_section(&only_gate).paths_of_others.is_empty());
    let error = read::<StripeWebhookSettings>(&text(&only_gate), &environment).unwrap_err().to_string();
    assert!(error.starts_with("stripe_webhook: missing, but it is this filter's section; write it like"));
    let error = read::<PlanGateSettings>(&text(&only_webhook), &environment).unwrap_err().to_string();
    assert!(error.starts_with("plan_gate: missing, but it is this filter's section; write it like"));
    assert_eq!((check(&text(&only_webhook)), check(&text(&only_gate))), (Ok(()), Ok(())));
    let neither = check(&text(&without(only_gate, "/plan_gate"))).unwrap_err();
    assert!(neither[0].problem.contains("neither"));
}

#[test]
fn filters_derive_the_same_namespace_unless_it_is_configured() {
    let namespaces = |document: &Value| {
        let webhook = read::<StripeWebhookSettings>(&text(document), &environment).unwrap().namespace;
        assert_eq!(read::<PlanGateSettings>(&text(document), &environment).unwrap().namespace, webhook);
        webhook
    };
    let derived = namespaces(&whole());
    assert_eq!(derived.len(), 16);
    assert_eq!(derived, namespaces(&smallest()), "the default authority written out is the same");
    let other_issuer = with(whole(), "/plan_gate/issuer", json!("https://other.example.com"));
    assert_ne!(derived, namespaces(&other_issuer));
    let other_clerk = with(whole(), "/stripe_webhook/clerk/authority", json!("clerk.internal"));
    assert_ne!(derived, namespaces(&other_clerk));
    assert_eq!(namespaces(&with(whole(), "/namespace", json!("shop"))), "shop");
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let webhook = printed::<StripeWebhookSettings>(&text(&whole()));
    let gate = printed::<PlanGateSettings>(&text(&whole()));
    for secret in ["whsec_", "sk_test"] {
        assert!(!webhook.contains(secret) && !gate.contains(secret), "{secret}");
    }
}

#[test]
fn a_host_that_verifies_no_events_needs_no_signing_secret() {
    let document = without(whole(), "/environment").to_string();
    let environment = |name: &str| match name {
        "STRIPE_SECRET_KEY" => Some("sk_test_1".to_owned()),
        "PLAN_MAP" => Some("price_new=pro".to_owned()),
        _ => None,
    };
    let taken = read_without_signing::<StripeWebhookSettings>(document.as_bytes(), &environment).unwrap();
    let key = taken.section.sync.stripe.authorization.as_ref();
    assert_eq!(key.map(Secret::expose), Some("sk_test_1"));
    assert!(taken.section.signing_secrets.is_empty());
    let pro = taken.plans.rank_of("pro").unwrap();
    assert!(taken.plans.get(pro).prices.contains("price_new"));
    assert!(
        read::<StripeWebhookSettings>(document.as_bytes(), &environment).is_err(),
        "a host that verifies events needs one"
    );
}
