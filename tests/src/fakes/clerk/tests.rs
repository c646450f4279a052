//! The promises of the Clerk fake, over real HTTP.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::keys::{KeyPair, jwks};
use super::{API_VERSION, ClerkSettings, FakeClerk, Organization, User};

async fn instance() -> FakeClerk {
    let clerk = FakeClerk::start().await;
    clerk.put_user(
        User::new("user_1").public_metadata(json!({"plan": "free", "theme": {"dark": true, "size": 1}})),
    );
    clerk.put_organization(Organization::new("org_1"));
    clerk
}

fn request(clerk: &FakeClerk, method: Method, path: &str) -> RequestBuilder {
    reqwest::Client::new()
        .request(method, format!("http://{}{path}", clerk.addr()))
        .bearer_auth(clerk.secret_key())
        .header("clerk-api-version", API_VERSION)
}

async fn response(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn patch(clerk: &FakeClerk, path: &str, body: &Value) -> (u16, Value) {
    response(request(clerk, Method::PATCH, path).json(body)).await
}

#[tokio::test]
async fn metadata_are_merged_and_the_whole_object_is_returned() {
    let clerk = instance().await;
    let update = json!({
        "public_metadata": {"plan": "pro", "theme": {"size": 2}},
        "private_metadata": {"stripe_customers": {"cus_1": true}},
    });
    let (status, user) = patch(&clerk, "/v1/users/user_1/metadata", &update).await;
    assert_eq!((status, &user["object"]), (200, &json!("user")));
    assert_eq!(user["public_metadata"], json!({"plan": "pro", "theme": {"dark": true, "size": 2}}));
    assert_eq!(user["private_metadata"], json!({"stripe_customers": {"cus_1": true}}));
    assert_eq!(response(request(&clerk, Method::GET, "/v1/users/user_1")).await, (200, user));
    assert_eq!(clerk.plan("user_1").as_deref(), Some("pro"));
    let update = json!({"public_metadata": {"plan": "team", "theme": null}});
    let (status, organization) = patch(&clerk, "/v1/organizations/org_1/metadata", &update).await;
    assert_eq!((status, &organization["object"]), (200, &json!("organization")));
    assert_eq!(organization["public_metadata"], json!({"plan": "team"}));
    assert_eq!(clerk.log().writes(), 2);
}

#[tokio::test]
async fn requests_that_clerk_refuses_are_refused_and_change_nothing() {
    let clerk = instance().await;
    let plan = json!({"public_metadata": {"plan": "pro"}});
    let cases = [
        ("no such user", "/v1/users/user_0/metadata", plan.clone(), 404, "resource_not_found", ""),
        (
            "no such organization",
            "/v1/organizations/org_0/metadata",
            plan.clone(),
            404,
            "resource_not_found",
            "",
        ),
        (
            "a user among organizations",
            "/v1/organizations/user_1/metadata",
            plan.clone(),
            404,
            "resource_not_found",
            "",
        ),
        ("no such endpoint", "/v1/user/user_1/metadata", plan.clone(), 404, "resource_not_found", ""),
        (
            "metadata on the user itself",
            "/v1/users/user_1",
            plan.clone(),
            422,
            "form_param_deprecated",
            "public_metadata",
        ),
        (
            "an unknown field",
            "/v1/users/user_1/metadata",
            json!({"plan": "pro"}),
            422,
            "form_param_unknown",
            "plan",
        ),
        (
            "an organization has no unsafe metadata",
            "/v1/organizations/org_1/metadata",
            json!({"unsafe_metadata": {}}),
            422,
            "form_param_unknown",
            "unsafe_metadata",
        ),
        (
            "metadata that is no object",
            "/v1/users/user_1/metadata",
            json!({"public_metadata": "pro"}),
            422,
            "form_param_value_invalid",
            "public_metadata",
        ),
        ("a body that is no object", "/v1/users/user_1/metadata", json!([]), 400, "request_body_invalid", ""),
    ];
    let before = clerk.public_metadata("user_1");
    for (why, path, body, status, code, param) in cases {
        let (got, response) = patch(&clerk, path, &body).await;
        let error = &response["errors"][0];
        assert_eq!((got, error["code"].as_str().unwrap()), (status, code), "{why}: {response}");
        assert_eq!(error["meta"]["param_name"].as_str().unwrap_or_default(), param, "{why}");
        assert!(error["message"].is_string() && error["long_message"].is_string(), "{why}");
        assert_eq!(response["clerk_trace_id"].as_str().unwrap().len(), 32, "{why}");
    }
    let form = request(&clerk, Method::PATCH, "/v1/users/user_1/metadata").body("{}");
    assert_eq!(response(form).await.0, 415, "no content type");
    assert_eq!(clerk.public_metadata("user_1"), before);
    assert_eq!(clerk.log().writes(), 0);
}

#[tokio::test]
async fn each_kind_of_metadata_may_have_eight_kilobytes() {
    let clerk = instance().await;
    clerk.set_public_metadata("user_1", json!({}));
    let frame = json!({"a": ""}).to_string().len();
    let largest = json!({"public_metadata": {"a": "x".repeat(8192 - frame)}});
    assert_eq!(patch(&clerk, "/v1/users/user_1/metadata", &largest).await.0, 200);
    let (status, body) =
        patch(&clerk, "/v1/users/user_1/metadata", &json!({"public_metadata": {"b": 1}})).await;
    assert_eq!((status, &body["errors"][0]["code"]), (422, &json!("form_param_exceeds_allowed_size")));
    assert!(clerk.public_metadata("user_1").get("b").is_none());
}

#[tokio::test]
async fn keys_and_versions_are_checked_but_the_public_key_set_is_public() {
    let clerk = instance().await;
    let client = reqwest::Client::new();
    let url = format!("http://{}/v1/users/user_1", clerk.addr());
    let cases = [
        ("no authorization", client.get(&url), 401, "authorization_header_format_invalid"),
        ("a wrong key", client.get(&url).bearer_auth("sk_test_wrong"), 401, "clerk_key_invalid"),
        ("no version", client.get(&url).bearer_auth(clerk.secret_key()), 400, "api_version_invalid"),
        (
            "another version",
            client.get(&url).bearer_auth(clerk.secret_key()).header("clerk-api-version", "2025-11-10"),
            400,
            "api_version_invalid",
        ),
        (
            "the key set of the Backend API",
            client.get(url.replace("users/user_1", "jwks")),
            401,
            "authorization_header_format_invalid",
        ),
    ];
    for (why, request, status, code) in cases {
        let (got, body) = response(request).await;
        assert_eq!((got, body["errors"][0]["code"].as_str().unwrap()), (status, code), "{why}");
    }
    let want = jwks(&[KeyPair::first()]);
    let public = client.get(format!("http://{}/.well-known/jwks.json", clerk.addr()));
    assert_eq!(response(public).await, (200, want.clone()));
    assert_eq!(response(request(&clerk, Method::GET, "/v1/jwks")).await, (200, want));
    clerk.set_keys(&[KeyPair::second(), KeyPair::first()]);
    assert_eq!(clerk.jwks()["keys"][0]["kid"], KeyPair::second().kid());
}

#[tokio::test]
async fn the_eleventh_write_is_refused_unless_limits_are_off() {
    let clerk = instance().await;
    let unlimited =
        FakeClerk::start_with(ClerkSettings { rate_limit: false, ..ClerkSettings::default() }).await;
    unlimited.put_user(User::new("user_1"));
    let update = json!({"public_metadata": {"plan": "pro"}});
    for _ in 0..10 {
        assert_eq!(patch(&clerk, "/v1/users/user_1/metadata", &update).await.0, 200);
        assert_eq!(patch(&unlimited, "/v1/users/user_1/metadata", &update).await.0, 200);
    }
    let refused =
        request(&clerk, Method::PATCH, "/v1/users/user_1/metadata").json(&update).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let retry_after: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=10).contains(&retry_after));
    assert_eq!(patch(&clerk, "/v1/organizations/org_1/metadata", &update).await.0, 200, "another subject");
    assert_eq!(patch(&unlimited, "/v1/users/user_1/metadata", &update).await.0, 200);
}

#[tokio::test]
async fn a_token_has_the_metadata_of_the_time_when_it_was_issued() {
    let clerk = instance().await;
    let claims = |token: &super::tokens::Token| serde_json::from_str::<Value>(&token.claims_json()).unwrap();
    let before = clerk.token("user_1");
    patch(&clerk, "/v1/users/user_1/metadata", &json!({"public_metadata": {"plan": "pro"}})).await;
    assert_eq!(claims(&before)["public_metadata"]["plan"], "free", "a token does not change");
    assert_eq!(claims(&clerk.token("user_1"))["public_metadata"]["plan"], "pro");
    clerk.set_public_metadata("org_1", json!({"plan": "team"}));
    let member = claims(&clerk.organization_token("user_1", "org_1"));
    assert_eq!(
        (&member["o"]["id"], &member["org_public_metadata"]["plan"]),
        (&json!("org_1"), &json!("team"))
    );
    clerk.delete("user_1");
    assert_eq!(response(request(&clerk, Method::GET, "/v1/users/user_1")).await.0, 404);
}

#[tokio::test]
async fn users_and_organizations_are_listed_page_by_page() {
    let clerk = FakeClerk::start().await;
    for n in 0..12 {
        let mut user = User::new(&format!("user_{n:02}")).private_metadata(json!({"n": n}));
        user.created_at = n;
        clerk.put_user(user);
    }
    clerk.put_organization(Organization::new("org_1"));
    let ids = async |path: &str| {
        let (status, body) = response(request(&clerk, Method::GET, path)).await;
        assert_eq!(status, 200, "{path}: {body}");
        let members = body.as_array().or(body["data"].as_array()).expect("a list").clone();
        members.iter().map(|member| member["id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("/v1/users").await.len(), 10, "the default");
    assert_eq!(ids("/v1/users").await[0], "user_11", "newest first");
    assert_eq!(ids("/v1/users?limit=500&offset=10&order_by=created_at").await, ["user_10", "user_11"]);
    assert!(ids("/v1/users?offset=12").await.is_empty());
    let (_, page) = response(request(&clerk, Method::GET, "/v1/organizations?limit=500")).await;
    assert_eq!((&page["total_count"], &page["data"][0]["id"]), (&json!(1), &json!("org_1")));
    for wrong in ["limit=0", "limit=501", "limit=x", "offset=-1", "order_by=plan", "page=2"] {
        let (status, _) = response(request(&clerk, Method::GET, &format!("/v1/users?{wrong}"))).await;
        assert_eq!(status, 422, "{wrong}");
    }
    let anonymous = reqwest::Client::new().get(format!("http://{}/v1/users", clerk.addr()));
    assert_eq!(response(anonymous).await.0, 401);
}

#[tokio::test]
async fn the_instance_has_an_environment_and_a_domain() {
    for (settings, environment) in
        [(ClerkSettings::default(), "development"), (ClerkSettings::production(), "production")]
    {
        let clerk = FakeClerk::start_with(settings).await;
        let (status, instance) = response(request(&clerk, Method::GET, "/v1/instance")).await;
        assert_eq!((status, &instance["environment_type"]), (200, &json!(environment)));
        assert!(instance["id"].as_str().unwrap().starts_with("ins_"));
        let (_, domains) = response(request(&clerk, Method::GET, "/v1/domains")).await;
        assert_eq!(domains["data"][0]["frontend_api_url"], clerk.issuer());
        assert_eq!(domains["total_count"], 1);
        let (status, _) = response(request(&clerk, Method::GET, "/v1/instance?limit=1")).await;
        assert_eq!(status, 422, "it takes no parameters");
        let anonymous = reqwest::Client::new().get(format!("http://{}/v1/instance", clerk.addr()));
        assert_eq!(response(anonymous).await.0, 401);
    }
}
