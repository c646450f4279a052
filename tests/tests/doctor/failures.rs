//! A check whose read failed is never ok, and wrong arguments are named.

use crate::world::{World, WorldSettings};
use tollgate_tests::fakes::faults::{Fault, on};

#[tokio::test]
async fn a_check_whose_read_failed_is_never_ok() {
    // The path that fails at Stripe or Clerk, and the checks that cannot be made.
    let cases: [(&str, &str, &[&str]); 8] = [
        (
            "stripe",
            "/v1/webhook_endpoints",
            &[
                "webhook_endpoint",
                "webhook_endpoint_once",
                "webhook_endpoint_enabled",
                "webhook_events_missing",
                "webhook_events_superfluous",
                "webhook_api_version",
            ],
        ),
        ("stripe", "/v1/billing_portal/configurations", &["portal_configuration"]),
        (
            "stripe",
            "/v1/prices/price_pro",
            &["prices_exist", "prices_mode", "prices_active", "prices_recurring", "purchase_prices"],
        ),
        ("stripe", "/v1/products/prod_ent", &["products_exist"]),
        ("clerk", "/v1/instance", &["clerk_key", "clerk_instance"]),
        ("clerk", "/v1/domains", &["issuer"]),
        ("clerk", "/v1/jwks", &["token_keys"]),
        ("clerk", "/v1/users", &["double_subscriptions", "subscription_owners", "plans_in_step"]),
    ];
    for (service, path, want) in cases {
        let world = World::start(WorldSettings::default()).await;
        let faults = if service == "stripe" { world.stripe.faults() } else { world.clerk.faults() };
        faults.always(on("GET", path), Fault::unavailable());
        let output = world.doctor().await;
        let findings = output.findings();
        let names: Vec<&str> = findings.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(names, want, "{path}: {output:?}");
        for check in &findings {
            assert_eq!(check.level, "problem", "{path}: {check:?}");
            assert!(
                check.detail.starts_with("could not be checked: ") && !check.cure.is_empty(),
                "{check:?}"
            );
        }
        assert_eq!(output.code, Some(2), "{path}");
    }
}

#[tokio::test]
async fn wrong_arguments_are_named_and_nothing_is_called() {
    type Change = fn(&mut WorldSettings);
    let cases: [(Change, &str); 3] = [
        (|plan| plan.url = "https://gateway.example.com/webhooks", "a URL without a path"),
        (|plan| plan.stripe_url = Some("http://api.stripe.com"), "could be read in transit"),
        (
            |plan| {
                let document = plan.document.as_object_mut().expect("an object");
                document.retain(|name, _| name == "plans" || name == "plan_gate");
            },
            "has none of `stripe_webhook`",
        ),
    ];
    for (change, want) in cases {
        let mut plan = WorldSettings::default();
        change(&mut plan);
        let world = World::start(plan).await;
        let output = world.run(&[]).await;
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.err.contains(want), "{want}: {}", output.err);
        assert!(world.stripe.log().entries().is_empty() && world.clerk.log().entries().is_empty());
    }
}
