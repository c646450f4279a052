//! A sound world yields nothing.

use crate::world::{World, WorldSettings};
use serde_json::json;
use tollgate_tests::fakes::clerk::ClerkSettings;
use tollgate_tests::fakes::stripe::StripeSettings;

#[tokio::test]
async fn a_sound_world_yields_nothing() {
    let world = World::start(WorldSettings::default()).await;
    let output = world.doctor().await;
    assert_eq!(output.findings(), [], "{output:?}");
    assert_eq!(output.code, Some(0));
    assert_eq!(output.checks().len(), 28, "every check applies to a document with all sections");
    let strict = world.run(&["--strict"]).await;
    assert_eq!(strict.code, Some(0), "{strict:?}");
    let lines: Vec<&str> = strict.out.lines().collect();
    assert_eq!(lines.last(), Some(&"28 checks: no problems, no warnings"));
    assert!(lines.iter().take(28).all(|line| line.starts_with("ok ")), "{}", strict.out);
}

#[tokio::test]
async fn test_mode_with_a_development_instance_is_sound() {
    let mut plan = WorldSettings {
        stripe: StripeSettings::default(),
        clerk: ClerkSettings::default(),
        ..WorldSettings::default()
    };
    plan.document["stripe_webhook"]["livemode"] = json!(false);
    let output = World::start(plan).await.doctor().await;
    assert_eq!((output.findings(), output.code), (vec![], Some(0)), "{output:?}");
}

#[tokio::test]
async fn a_key_set_of_the_instance_is_sound() {
    let mut plan = WorldSettings::default();
    plan.document["plan_gate"]["keys"] = json!({"jwks": {"cluster": "clerk_frontend"}});
    let output = World::start(plan).await.doctor().await;
    assert_eq!((output.findings(), output.code), (vec![], Some(0)), "{output:?}");
}

#[tokio::test]
async fn what_the_document_does_not_have_is_not_checked() {
    let mut plan = WorldSettings::default();
    for section in ["billing", "plan_gate"] {
        plan.document.as_object_mut().expect("an object").remove(section);
    }
    let output = World::start(plan).await.doctor().await;
    assert_eq!(output.findings(), [], "{output:?}");
    let names: Vec<String> = output.checks().into_iter().map(|check| check.name).collect();
    for absent in ["portal_configuration", "purchase_prices", "token_keys", "issuer"] {
        assert!(!names.iter().any(|name| name == absent), "{names:?}");
    }
}
