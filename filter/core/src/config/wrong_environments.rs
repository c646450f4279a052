//! Tests of environments that do not fit the document, and of the errors of the filters that read them.

use super::test_documents::{environment, whole};
use super::*;

#[test]
fn a_wrong_environment_is_refused_by_the_filter_that_reads_it() {
    let bytes = whole().to_string().into_bytes();
    let changed = |name: &'static str, value: Option<&'static str>| {
        move |variable: &str| if variable == name { value.map(str::to_owned) } else { environment(variable) }
    };
    let cases = [
        (
            "STRIPE_WEBHOOK_SECRET",
            None,
            "stripe_webhook.signing_secrets.env: the environment variable STRIPE_WEBHOOK_SECRET is not set; set it for \
             Envoy; for a Wasm filter, also add STRIPE_WEBHOOK_SECRET to its vm_config.environment_variables.host_env_keys",
        ),
        (
            "STRIPE_SECRET_KEY",
            Some(""),
            "STRIPE_SECRET_KEY: the environment variable STRIPE_SECRET_KEY is set but blank",
        ),
        ("STRIPE_API_KEY", Some("sk_other"), "STRIPE_SECRET_KEY: differs from STRIPE_API_KEY"),
        (
            "PLAN_MAP",
            Some("price_1"),
            "PLAN_MAP: the entry \"price_1\" has no `=`; write it like `price_123=pro",
        ),
        (
            "PLAN_MAP",
            Some("price_1=team"),
            "PLAN_MAP: \"price_1\" is assigned to \"team\", which is not a plan; defined: \"free\"",
        ),
        ("PLAN_MAP", Some("price_1=pro,"), "PLAN_MAP: the entry \"\" has no `=`"),
        ("PLAN_MAP", Some("prod_1=pro"), "PLAN_MAP: \"prod_1\" is the id of a product, not of a price"),
        (
            "PLAN_MAP",
            Some("price_ent=pro"),
            "PLAN_MAP: the price \"price_ent\" is also in plans[2].prices[0]",
        ),
        (
            "PLAN_MAP",
            Some("price_storage=pro"),
            "PLAN_MAP: the price \"price_storage\" is also in not_plans.prices[0]",
        ),
        (
            "PLAN_MAP",
            Some("'price_1=pro'"),
            "PLAN_MAP: the environment variable PLAN_MAP holds quotes around a value",
        ),
        (
            "PLAN_MAP",
            Some("price_1=\"pro\""),
            "PLAN_MAP: the environment variable PLAN_MAP holds quotes around a value",
        ),
        ("PLAN_MAP", Some(" "), "PLAN_MAP: the environment variable PLAN_MAP is set but blank"),
    ];
    for (name, value, want) in cases {
        let line = read::<StripeWebhookSettings>(&bytes, &changed(name, value)).unwrap_err().to_string();
        assert!(line.starts_with(want), "\n want: {want}\nfound: {line}");
    }
    let line = read::<PlanGateSettings>(&bytes, &changed("CLERK_JWT_KEY", None)).unwrap_err().to_string();
    assert!(
        line.starts_with("plan_gate.keys.pem.env: the environment variable CLERK_JWT_KEY is not set"),
        "{line}"
    );
    assert!(read::<PlanGateSettings>(&bytes, &changed("STRIPE_WEBHOOK_SECRET", None)).is_ok());
    assert!(read::<StripeWebhookSettings>(&bytes, &changed("CLERK_JWT_KEY", None)).is_ok());
}

#[test]
fn a_price_cannot_be_in_two_plans_of_plan_map() {
    let environment = |variable: &str| match variable {
        "PLAN_MAP" => Some("price_1=pro,price_1=enterprise".to_owned()),
        other => environment(other),
    };
    let line =
        read::<StripeWebhookSettings>(whole().to_string().as_bytes(), &environment).unwrap_err().to_string();
    assert!(line.starts_with("PLAN_MAP: the price \"price_1\" is also in PLAN_MAP"), "{line}");
}
