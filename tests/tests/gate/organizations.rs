//! The owner of the plan and the counter: the active organization, or the user if none is active.

use crate::shared::with_rules;
use serde_json::{Value, json};
use tollgate_tests::fakes::clerk::{Organization, User};
use tollgate_tests::processes::envoy::{Standalone, yaml};
use tollgate_tests::processes::gateway::Gateway;

fn of_organizations(standalone: Standalone) -> Standalone {
    with_subject(standalone, "organization")
}

fn of_active_subjects(standalone: Standalone) -> Standalone {
    with_subject(standalone, "organization_or_user")
}

fn with_subject(standalone: Standalone, subject: &str) -> Standalone {
    with_rules(standalone).document(|document| {
        document["plan_gate"]["subject"] = subject.into();
        document["plan_gate"]["usage_path"] = "/usage".into();
        document["plan_gate"]["confirm"] = yaml(json!({"cluster": "clerk_api", "timeout_ms": 8000}));
    })
}

/// Creates a user and an organization with this plan, and returns a token in which it is active.
fn member(gateway: &Gateway, user: &str, organization: &str, plan: &str) -> String {
    gateway.clerk.put_user(User::new(user).public_metadata(json!({"plan": "free"})));
    gateway.clerk.put_organization(Organization::new(organization).public_metadata(json!({"plan": plan})));
    gateway.clerk.organization_token(user, organization).sign()
}

async fn get(gateway: &Gateway, path: &str, token: &str) -> (u16, Value) {
    let response = gateway.get(path).bearer_auth(token).send().await.expect("a response");
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn the_members_of_an_organization_share_its_plan_and_its_counter() {
    let gateway = Gateway::start(of_organizations).await;
    let ada = member(&gateway, "user_ada", "org_guild", "free");
    let bob = member(&gateway, "user_bob", "org_guild", "free");
    for token in [&ada, &bob, &ada, &bob, &ada] {
        assert_eq!(get(&gateway, "/ask", token).await.0, 200);
    }
    assert_eq!(get(&gateway, "/ask", &bob).await.0, 429, "five a day for all of them");
    let (_, usage) = get(&gateway, "/usage", &ada).await;
    assert_eq!((&usage["subject"], &usage["limits"]["asks"][0]["used"]), (&json!("org_guild"), &json!(5)));

    // It upgrades: the stale tokens of all members get the new plan at once.
    gateway.clerk.set_public_metadata("org_guild", json!({"plan": "pro"}));
    assert_eq!(get(&gateway, "/ask", &bob).await.0, 200);
    assert_eq!(get(&gateway, "/reports", &ada).await.0, 200);

    let (status, problem) = get(&gateway, "/ask", &gateway.token("user_ada", "pro")).await;
    assert_eq!(
        (status, &problem["code"]),
        (403, &json!("organization_required")),
        "the user's own plan does not count"
    );
}

#[tokio::test]
async fn without_an_active_organization_the_users_own_plan_counts() {
    let gateway = Gateway::start(of_active_subjects).await;
    let in_guild = member(&gateway, "user_ada", "org_guild", "pro");
    let alone = gateway.token("user_ada", "free");
    assert_eq!(get(&gateway, "/reports", &in_guild).await.0, 200);
    assert_eq!(get(&gateway, "/reports", &alone).await.0, 403);
    for _ in 0..5 {
        assert_eq!(get(&gateway, "/ask", &alone).await.0, 200);
    }
    assert_eq!(get(&gateway, "/ask", &alone).await.0, 429);
    assert_eq!(get(&gateway, "/ask", &in_guild).await.0, 200, "the counters are separate");
    let (_, usage) = get(&gateway, "/usage", &in_guild).await;
    assert_eq!((&usage["plan"], &usage["subject"]), (&json!("pro"), &json!("org_guild")));
}
