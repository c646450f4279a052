//! Each defect, planted in a sound world, yields exactly its check: its level, what is wrong, and the cure.

use crate::world::{EVENTS, WEBHOOK, World, WorldSettings};
use serde_json::json;
use tokio::task::JoinSet;
use tollgate_tests::fakes::clerk::ClerkSettings;
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::fakes::stripe::StripeSettings;
use tollgate_tests::fakes::stripe::model::{Customer, Price, Product, Subscription, WebhookEndpoint};

/// The number of cases that run at a time.
const PARALLEL: usize = 4;

/// A defect.
#[derive(Clone, Copy)]
struct Defect {
    why: &'static str,
    /// Plants the defect before the world starts.
    plan: fn(&mut WorldSettings),
    /// Plants the defect in the running world.
    world: fn(&World),
    check: &'static str,
    level: &'static str,
    /// A part of the detail, and a part of the cure.
    says: (&'static str, &'static str),
}

impl Defect {
    fn planned(
        why: &'static str,
        plan: fn(&mut WorldSettings),
        (check, level): (&'static str, &'static str),
        says: (&'static str, &'static str),
    ) -> Self {
        Defect { why, plan, world: |_| (), check, level, says }
    }

    /// Also changes the running world.
    fn and(self, world: fn(&World)) -> Self {
        Defect { world, ..self }
    }

    fn in_world(
        why: &'static str,
        world: fn(&World),
        (check, level): (&'static str, &'static str),
        says: (&'static str, &'static str),
    ) -> Self {
        Defect::planned(why, |_| (), (check, level), says).and(world)
    }
}

/// Runs the command in each world.
async fn assert_found(defects: Vec<Defect>) {
    let mut running = JoinSet::new();
    for defect in defects {
        running.spawn(async move {
            let Defect { why, plan: plant, world: change, check, level, says } = defect;
            let mut plan = WorldSettings::default();
            plant(&mut plan);
            let world = World::start(plan).await;
            change(&world);
            let output = world.doctor().await;
            let findings = output.findings();
            let names: Vec<&str> = findings.iter().map(|found| found.name.as_str()).collect();
            assert_eq!(names, [check], "{why}: {findings:#?}");
            let found = &findings[0];
            assert_eq!(found.level, level, "{why}: {found:?}");
            assert!(found.detail.contains(says.0), "{why}: {found:?}");
            assert!(found.cure.contains(says.1), "{why}: {found:?}");
            assert_eq!(output.code, Some(if level == "problem" { 2 } else { 0 }), "{why}");
            if level == "warning" {
                assert_eq!(world.run(&["--strict"]).await.code, Some(1), "{why}");
            }
        });
        if running.len() >= PARALLEL {
            running.join_next().await.expect("one").expect("a passed case");
        }
    }
    while let Some(case) = running.join_next().await {
        case.expect("a passed case");
    }
}

const PROBLEM: &str = "problem";
const WARNING: &str = "warning";

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_of_keys_and_clock_is_found() {
    assert_found(vec![
        Defect::planned(
            "a live key of Stripe beside a key of a development instance",
            |plan| plan.clerk = ClerkSettings::default(),
            ("key_modes", PROBLEM),
            ("of a development instance", "production instance"),
        ),
        Defect::planned(
            "a test key of Stripe beside a key of a production instance",
            |plan| {
                plan.stripe = StripeSettings::default();
                plan.document["stripe_webhook"]["livemode"] = json!(false);
            },
            ("key_modes", PROBLEM),
            ("of test mode", "production instance"),
        ),
        Defect::planned(
            "test keys and livemode: true",
            |plan| {
                plan.stripe = StripeSettings::default();
                plan.clerk = ClerkSettings::default();
            },
            ("key_modes", PROBLEM),
            ("livemode is true", "remove `livemode`"),
        ),
        Defect::planned(
            "a restricted key without the permission to read sessions",
            |plan| {
                plan.stripe_key = Some("rk_live_tollgate0001".to_owned());
                plan.stripe.missing_permissions = vec!["rak_checkout_session_read".to_owned()];
            },
            ("stripe_permissions", PROBLEM),
            ("may not read Checkout Sessions", "rak_checkout_session_read"),
        ),
        Defect::planned(
            "a clock that is an hour behind",
            |plan| plan.stripe.clock_ahead_s = 3600,
            ("clock", PROBLEM),
            ("behind Stripe's", "NTP"),
        ),
        Defect::planned(
            "a clock that is a minute ahead",
            |plan| plan.stripe.clock_ahead_s = -60,
            ("clock", WARNING),
            ("ahead of Stripe's", "NTP"),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_of_configured_prices_and_products_is_found() {
    assert_found(vec![
        Defect::planned(
            "a price that does not exist",
            |plan| plan.document["plans"][1]["prices"] = json!(["price_pro", "price_prp"]),
            ("prices_exist", PROBLEM),
            ("does not have price_prp", "correct the ids"),
        ),
        Defect::planned(
            "a price of the other mode",
            |plan| {
                plan.document["plans"][1]["prices"] = json!(["price_pro", "price_test"]);
                plan.stripe.other_mode_ids = vec!["price_test".to_owned()];
            },
            ("prices_mode", PROBLEM),
            ("price_test", "mode of the API key"),
        ),
        Defect::in_world(
            "an archived price",
            |world| world.stripe.change("price_pro", |price: &mut Price| price.active = false),
            ("prices_active", WARNING),
            ("archived: price_pro", "unarchive"),
        ),
        Defect::planned(
            "a plan's price that does not recur",
            |plan| plan.document["plans"][1]["prices"] = json!(["price_pro", "price_once"]),
            ("prices_recurring", PROBLEM),
            ("price_once", "recurring prices"),
        )
        .and(|world| world.stripe.put(Price::new("price_once").product("prod_pro").one_time())),
        Defect::in_world(
            "a purchase's price that recurs",
            |world| world.stripe.put(Price::new("price_credits").product("prod_ent")),
            ("purchase_prices", PROBLEM),
            ("price_credits", "one-time prices"),
        ),
        Defect::planned(
            "a lookup key that no price has",
            |plan| plan.document["plans"][1]["lookup_keys"] = json!(["pro_yearly", "pro_weekly"]),
            ("lookup_keys_exist", PROBLEM),
            ("pro_weekly", "give a price at Stripe the lookup key"),
        ),
        Defect::planned(
            "a product that does not exist",
            |plan| plan.document["plans"][2]["products"] = json!(["prod_ent", "prod_none"]),
            ("products_exist", PROBLEM),
            ("prod_none", "correct the ids"),
        ),
        Defect::in_world(
            "an archived product",
            |world| world.stripe.change("prod_ent", |product: &mut Product| product.active = false),
            ("products_exist", WARNING),
            ("archived: prod_ent", "unarchive"),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_of_what_is_sold_is_found() {
    assert_found(vec![
        Defect::in_world(
            "a price that maps to no plan",
            |world| world.stripe.put(Price::new("price_new")),
            ("sold_prices_mapped", WARNING),
            ("map to no plan: price_new", "`not_plans`"),
        ),
        Defect::in_world(
            "a price whose lookup key and product name two plans",
            |world| {
                let product = |price: &mut Price| "prod_ent".clone_into(&mut price.product);
                world.stripe.change("price_pro_yearly", product);
            },
            ("sold_prices_mapped_once", WARNING),
            ("price_pro_yearly (pro and enterprise)", "name the same plan"),
        ),
        Defect::in_world(
            "a price whose metadata have the plan in another case",
            |world| world.stripe.put(Price::new("price_new").metadata("plan", "Pro")),
            ("plan_names", PROBLEM),
            ("price price_new has \"Pro\"", "exactly as in `plans`"),
        ),
        Defect::in_world(
            "a product whose metadata have an unknown plan",
            |world| {
                world.stripe.put(Product::new("prod_new").metadata("plan", "gold"));
                world.stripe.put(Price::new("price_new").product("prod_new"));
            },
            ("plan_names", PROBLEM),
            ("product prod_new has the plan \"gold\"", "exactly as in `plans`"),
        ),
        Defect::in_world(
            "a record at Clerk with the plan in another case",
            |world| {
                let mut metadata = world.clerk.public_metadata("user_ada");
                metadata["plan"] = json!("PRO");
                world.clerk.set_public_metadata("user_ada", metadata);
            },
            ("plan_names", PROBLEM),
            ("user_ada at Clerk has \"PRO\"", "exactly as in `plans`"),
        ),
    ])
    .await;
}

/// Changes the gateway's webhook endpoint.
fn endpoint(world: &World, change: fn(&mut WebhookEndpoint)) {
    world.stripe.change("we_1", change);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_of_the_webhook_endpoint_is_found() {
    assert_found(vec![
        Defect::in_world(
            "no endpoint with this URL",
            |world| endpoint(world, |endpoint| endpoint.url.push('/')),
            ("webhook_endpoint", PROBLEM),
            ("https://gateway.example.com/webhooks/stripe", "Developers, Webhooks"),
        ),
        Defect::planned(
            "a URL that only this machine reaches",
            |plan| plan.url = "http://127.0.0.1:8080",
            ("webhook_endpoint", WARNING),
            ("Stripe cannot reach http://127.0.0.1:8080/webhooks/stripe", "stripe listen"),
        ),
        Defect::in_world(
            "two endpoints with this URL",
            |world| {
                let second = WebhookEndpoint::new("we_2", WEBHOOK).events(&EVENTS);
                world.stripe.put(second.api_version("2026-10-28.endive"));
            },
            ("webhook_endpoint_once", PROBLEM),
            ("we_2, we_1", "delete all but one"),
        ),
        Defect::in_world(
            "a disabled endpoint",
            |world| endpoint(world, |endpoint| endpoint.disabled = true),
            ("webhook_endpoint_enabled", PROBLEM),
            ("disabled: we_1", "enable the endpoint"),
        ),
        Defect::in_world(
            "an event is missing",
            |world| {
                endpoint(world, |endpoint| {
                    endpoint.enabled_events.retain(|event| event != "customer.subscription.deleted");
                });
            },
            ("webhook_events_missing", PROBLEM),
            ("does not get customer.subscription.deleted", "customer.subscription.deleted"),
        ),
        Defect::in_world(
            "an event too many",
            |world| endpoint(world, |endpoint| endpoint.enabled_events.push("charge.refunded".to_owned())),
            ("webhook_events_superfluous", WARNING),
            ("charge.refunded", "remove them"),
        ),
        Defect::in_world(
            "all events",
            |world| endpoint(world, |endpoint| endpoint.enabled_events = vec!["*".to_owned()]),
            ("webhook_events_superfluous", WARNING),
            ("all events", "select only checkout.session"),
        ),
        Defect::in_world(
            "another API version",
            |world| endpoint(world, |endpoint| endpoint.api_version = Some("2024-06-20".to_owned())),
            ("webhook_api_version", WARNING),
            ("we_1 (2024-06-20)", "2026-10-28.endive"),
        ),
        Defect::in_world(
            "the account's API version",
            |world| endpoint(world, |endpoint| endpoint.api_version = None),
            ("webhook_api_version", WARNING),
            ("the account's default version", "2026-10-28.endive"),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_of_the_portal_is_found() {
    assert_found(vec![
        Defect::planned(
            "no such configuration",
            |plan| plan.document["billing"]["portal"]["configuration"] = json!("bpc_none"),
            ("portal_configuration", PROBLEM),
            ("does not have bpc_none", "an active configuration"),
        ),
        Defect::planned(
            "a configuration of the other mode",
            |plan| {
                plan.document["billing"]["portal"]["configuration"] = json!("bpc_test");
                plan.stripe.other_mode_ids = vec!["bpc_test".to_owned()];
            },
            ("portal_configuration", PROBLEM),
            ("bpc_test of the customer portal is of the other mode", "an active configuration"),
        ),
        Defect::planned(
            "a configuration that is not active",
            |plan| plan.stripe.inactive_portal_configurations = vec!["bpc_123".to_owned()],
            ("portal_configuration", PROBLEM),
            ("not active", "an active configuration"),
        ),
        Defect::planned(
            "no default configuration",
            |plan| {
                plan.document["billing"]["portal"] = json!({});
                plan.stripe.portal_configurations = Vec::new();
            },
            ("portal_configuration", PROBLEM),
            ("the default configuration", "save the portal's settings"),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_of_the_clerk_instance_is_found() {
    assert_found(vec![
        Defect::planned(
            "the PEM of another instance",
            |plan| plan.pem = KeyPair::second().pem(),
            ("token_keys", PROBLEM),
            ("not a key of the instance", "copy the public key"),
        ),
        Defect::planned(
            "no PEM in this environment",
            |plan| plan.document["plan_gate"]["keys"] = json!({"pem": {"env": "OTHER_JWT_KEY"}}),
            ("token_keys", WARNING),
            ("OTHER_JWT_KEY is not set", "set the variable"),
        ),
        Defect::planned(
            "another issuer",
            |plan| plan.document["plan_gate"]["issuer"] = json!("https://clerk.other.example"),
            ("issuer", PROBLEM),
            ("the instance's tokens have https://clerk.example.com", "`plan_gate.issuer`"),
        ),
        Defect::planned(
            "another instance than the configured one",
            |plan| {
                plan.document["clerk_webhook"] = json!({
                    "path": "/webhooks/clerk",
                    "signing_secrets": {"env": "CLERK_WEBHOOK_SIGNING_SECRET"},
                    "instance": "ins_other",
                    "clerk": {"cluster": "clerk_api"},
                });
            },
            ("clerk_instance", PROBLEM),
            ("clerk_webhook.instance is ins_other", "correct `clerk_webhook.instance`"),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_of_subjects_is_found() {
    assert_found(vec![
        Defect::in_world(
            "a user with two live subscriptions",
            |world| {
                let second = Subscription::new("sub_second", "cus_ada").item("price_pro").created(1_000);
                world.stripe.put(second);
            },
            ("double_subscriptions", WARNING),
            ("charge user_ada", "cancel and refund"),
        ),
        Defect::in_world(
            "a subscription without an owner",
            |world| {
                world.stripe.put(Customer::new("cus_none"));
                world.stripe.put(Subscription::new("sub_none", "cus_none").item("price_pro"));
            },
            ("subscription_owners", WARNING),
            ("sub_none", "`subject_keys`"),
        ),
        Defect::in_world(
            "a user without the plan that is paid",
            |world| world.clerk.set_public_metadata("user_ada", json!({})),
            ("plans_in_step", WARNING),
            ("user_ada differ", "tollgate sync"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_refused_key_is_the_only_problem_and_nothing_is_ok_without_it() {
    for service in ["stripe", "clerk"] {
        let mut plan = WorldSettings::default();
        match service {
            "stripe" => plan.stripe_key = Some("sk_live_of_another_account".to_owned()),
            _ => plan.clerk_key = Some("sk_live_of_another_instance".to_owned()),
        }
        let output = World::start(plan).await.doctor().await;
        let key = format!("{service}_key");
        let findings = output.findings();
        let problems: Vec<&str> =
            findings.iter().filter(|found| found.level == PROBLEM).map(|found| found.name.as_str()).collect();
        assert_eq!(problems, [key.as_str()], "{findings:#?}");
        for found in findings.iter().filter(|found| found.level == WARNING) {
            assert!(found.cure.contains(&format!("see `{key}`")), "{found:?}");
        }
        let checks = output.checks();
        let needs: &[&str] = match service {
            "stripe" => &["prices_exist", "webhook_endpoint", "portal_configuration", "plans_in_step"],
            _ => &["clerk_instance", "token_keys", "issuer", "plans_in_step"],
        };
        for name in needs {
            let check = checks.iter().find(|check| check.name == *name).expect("the check");
            assert_eq!(check.level, WARNING, "{check:?}");
        }
    }
}

#[tokio::test]
async fn a_restricted_key_may_lack_what_only_this_command_reads() {
    let mut plan =
        WorldSettings { stripe_key: Some("rk_live_tollgate0001".to_owned()), ..WorldSettings::default() };
    plan.stripe.missing_permissions = vec!["rak_webhook_read".to_owned()];
    let output = World::start(plan).await.doctor().await;
    let findings = output.findings();
    assert_eq!((findings.len(), output.code), (6, Some(0)), "{findings:#?}");
    for found in findings {
        assert!(found.name.starts_with("webhook_") && found.level == WARNING, "{found:?}");
        assert!(found.cure.contains("rak_webhook_read"), "{found:?}");
    }
}
