//! Tests of the responses to hostile or mistaken clients, and that these change nothing at Stripe or Clerk.

use crate::shared::{Client, ORIGIN, SHIPPED, StatusAndBody, acts_for, refusal, send};
use reqwest::Method;
use serde_json::json;
use tollgate_tests::fakes::clerk::{Organization, User};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::windows::within_one_window;

#[tokio::test]
async fn paths_and_methods_are_exact() {
    let gateway = SHIPPED.gateway().await;
    let ada = Client::user(&gateway, "user_paths");
    for (method, path, want) in [
        (Method::GET, "nothing", (404, "not_found")),
        (Method::GET, "plans/", (404, "not_found")),
        (Method::GET, "checkout", (405, "method_not_allowed")),
        (Method::DELETE, "subscription", (405, "method_not_allowed")),
        (Method::POST, "invoices", (405, "method_not_allowed")),
    ] {
        let got = send(ada.request(method.clone(), path)).await;
        assert_eq!(refusal(&got), want, "{method} {path}");
    }
    let response = ada.request(Method::GET, "cancel").send().await.expect("a response");
    assert_eq!(response.headers()["allow"], "POST");
    assert_eq!(response.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn only_a_session_token_opens_an_endpoint() {
    let gateway = SHIPPED.gateway().await;
    let without = gateway.get("/billing/subscription");
    assert_eq!(refusal(&send(without).await), (401, "missing_token"));
    for token in ["ak_live_1234567890", "oat_1234567890", "mt_1234567890"] {
        let machine = Client::with_token(&gateway, token.to_owned());
        assert_eq!(refusal(&machine.get("subscription").await), (401, "unsupported_token"), "{token}");
    }
    let expired = gateway.session("user_expired").claim("exp", json!(unix_now() - 60)).sign();
    let expired = Client::with_token(&gateway, expired);
    assert_eq!(refusal(&expired.post("cancel", json!({})).await), (401, "token_expired"));
    // The gate's header fields are not accepted as a client's identity.
    let forged = gateway.get("/billing/subscription").header("x-tollgate-user", "user_paths");
    assert_eq!(refusal(&send(forged).await), (401, "missing_token"));
}

#[tokio::test]
async fn a_cookie_is_believed_only_from_the_applications_origin() {
    let gateway = SHIPPED.gateway().await;
    let ada = Client::user(&gateway, "user_cookie");
    for origin in
        [None, Some("https://evil.example.com"), Some("null"), Some("https://app.example.com.evil.com")]
    {
        let got = send(ada.post_with_cookie("cancel", origin)).await;
        assert_eq!(refusal(&got), (403, "origin_required"), "{origin:?}");
    }
    let own = send(ada.post_with_cookie("cancel", Some(ORIGIN))).await;
    assert_eq!(refusal(&own), (404, "no_subscription"));
}

#[tokio::test]
async fn without_cors_a_cookie_is_still_believed_from_the_application() {
    let gateway = Gateway::start_with_billing(|shipped| {
        // Envoy's own cors filter would add the field.
        let shipped = shipped.without_filter("envoy.filters.http.cors");
        shipped.document(|document| document["plan_gate"]["cors"] = "off".into())
    })
    .await;
    let ada = Client::user(&gateway, "user_ada");
    let own = ada.post_with_cookie("cancel", Some(ORIGIN)).send().await.expect("a response");
    assert_eq!(own.status(), 404);
    assert!(own.headers().get("access-control-allow-origin").is_none());
    let foreign = send(ada.post_with_cookie("cancel", Some("https://evil.example.com"))).await;
    assert_eq!(refusal(&foreign), (403, "origin_required"));
}

#[tokio::test]
async fn a_page_of_the_application_may_read_the_responses() {
    let gateway = SHIPPED.gateway().await;
    let ada = Client::user(&gateway, "user_cors");
    let preflight = gateway
        .request(Method::OPTIONS, "/billing/cancel")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "POST");
    let preflight = preflight.send().await.expect("a response");
    let allowed = &preflight.headers()["access-control-allow-headers"];
    assert!(allowed.to_str().is_ok_and(|fields| fields.contains("authorization")), "{allowed:?}");
    let read =
        ada.request(Method::GET, "subscription").header("origin", ORIGIN).send().await.expect("a response");
    assert_eq!(read.headers()["access-control-allow-origin"], ORIGIN);
    let foreign = ada.request(Method::GET, "subscription").header("origin", "https://evil.example.com");
    let foreign = foreign.send().await.expect("a response");
    assert!(foreign.headers().get("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn a_body_is_json_short_and_without_unknown_members() {
    let gateway = SHIPPED.gateway().await;
    let ada = Client::user(&gateway, "user_body");
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let request = ada.request(Method::POST, "cancel").body("{}");
        let request = content_type.into_iter().fold(request, |r, value| r.header("content-type", value));
        assert_eq!(refusal(&send(request).await), (415, "unsupported_media_type"), "{content_type:?}");
    }
    let long = json!({"comment": "x".repeat(17 * 1024)});
    assert_eq!(refusal(&ada.post("cancel", long).await), (413, "body_too_large"));
    for (path, body, member) in [
        ("checkout", json!({"plan": "pro", "price": "price_123"}), "price"),
        ("checkout", json!({"plan": "pro", "customer": "cus_1"}), "customer"),
        ("checkout", json!({"plan": "pro", "quantity": 0}), "quantity"),
        ("checkout", json!({"plan": "pro", "locale": "tlh"}), "locale"),
        ("checkout", json!({"plan": 7}), "plan"),
        ("checkout", json!({}), "plan"),
        ("checkout", json!({"plan": "pro", "purchase": "credits"}), "purchase"),
        ("portal", json!({"flow": "everything"}), "flow"),
        ("cancel", json!({"at": "later"}), "at"),
        ("cancel", json!({"feedback": "meh"}), "feedback"),
        ("resume", json!({"x": 1}), "x"),
        ("change", json!({"quantity": 2}), "plan"),
        ("change", json!({"plan": "pro", "proration_date": "now"}), "proration_date"),
        ("change/preview", json!({"plan": "pro", "proration_date": 1}), "proration_date"),
    ] {
        let got = ada.post(path, body.clone()).await;
        assert_eq!(
            (refusal(&got), &got.1["member"]),
            ((400, "invalid_request"), &json!(member)),
            "{path} {body}"
        );
    }
    for query in ["limit=0", "limit=101", "limit=x", "after=cus_1", "page=2", "limit=1&limit=2"] {
        let got = ada.get(&format!("invoices?{query}")).await;
        assert_eq!(refusal(&got), (400, "invalid_request"), "{query}");
    }
}

#[tokio::test]
async fn no_url_leads_anywhere_but_to_the_application() {
    let gateway = SHIPPED.gateway().await;
    let ada = Client::user(&gateway, "user_urls");
    for url in [
        "https://evil.example.com/x",
        "//evil.example.com",
        "https://app.example.com@evil.example.com/",
        "https://app.example.com.evil.com/",
        "http://app.example.com/",
        "https:\\\\evil.example.com",
        "javascript:alert(1)",
        "/billing",
    ] {
        for (path, body, member) in [
            ("checkout", json!({"plan": "pro", "success_url": url}), "success_url"),
            ("checkout", json!({"plan": "pro", "cancel_url": url}), "cancel_url"),
            ("portal", json!({"return_url": url}), "return_url"),
        ] {
            let got = ada.post(path, body).await;
            assert_eq!(
                (refusal(&got), &got.1["member"]),
                ((400, "url_not_allowed"), &json!(member)),
                "{url}"
            );
        }
    }
}

#[tokio::test]
async fn plans_are_names_and_prices_are_none() {
    let gateway = SHIPPED.gateway().await;
    let ada = Client::user(&gateway, "user_names");
    for plan in ["price_123", "Pro", "gold"] {
        let got = ada.post("checkout", json!({"plan": plan})).await;
        assert_eq!(refusal(&got), (400, "unknown_plan"), "{plan}");
    }
    let got = ada.post("checkout", json!({"purchase": "credits"})).await;
    assert_eq!(refusal(&got), (400, "unknown_purchase"));
}

#[tokio::test]
async fn only_some_roles_act_for_an_organization() {
    let gateway = Gateway::start_with_billing(|shipped| {
        acts_for(shipped, "organization").document(|document| {
            document["billing"]["organization_permission"] = "org:billing:manage".into();
        })
    })
    .await;
    gateway.clerk.put_user(User::new("user_ada"));
    gateway.clerk.put_organization(Organization::new("org_1"));
    let second = |role: &str| gateway.session("user_ada").organization("org_1", role);
    let first = |role: &str| {
        let token = gateway.session("user_ada").without_claim("v").without_claim("sts");
        token.claim("org_id", json!("org_1")).claim("org_role", json!(role))
    };
    let with_permission = second("member")
        .claim("fea", json!("o:billing"))
        .claim("o", json!({"id": "org_1", "slg": "one", "rol": "member", "per": "read,manage", "fpm": "2"}));
    let refused = (403, "not_allowed_for_organization");
    let allowed = (404, "no_subscription");
    for (why, token, want) in [
        ("an admin", second("admin"), allowed),
        ("an admin by version 1", first("org:admin"), allowed),
        ("a member", second("member"), refused),
        ("a member by version 1", first("org:member"), refused),
        ("a role that only begins the same", second("admin_assistant"), refused),
        ("a member with the permission", with_permission, allowed),
        ("no organization", gateway.session("user_ada"), (403, "organization_required")),
    ] {
        let client = Client::with_token(&gateway, token.sign());
        assert_eq!(refusal(&client.post("cancel", json!({})).await), want, "{why}");
        if want != allowed {
            assert_eq!(refusal(&client.get("subscription").await), want, "{why}, reading");
        }
    }
}

async fn click(client: &Client<'_>) -> StatusAndBody {
    client.post("cancel", json!({})).await
}

#[tokio::test]
async fn sixty_requests_a_minute_are_accepted() {
    let gateway = SHIPPED.gateway().await;
    within_one_window(60).await;
    let ada = Client::user(&gateway, "user_clicks");
    let mut taken = 0;
    let mut refused = 0;
    for _ in 0..50 {
        let (a, b, c, d) = tokio::join!(click(&ada), click(&ada), click(&ada), click(&ada));
        for got in [a, b, c, d] {
            match refusal(&got) {
                (404, "no_subscription") => taken += 1,
                (429, "too_many_requests") => refused += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((taken, refused), (60, 140));
    let bob = Client::user(&gateway, "user_calm");
    assert_eq!(refusal(&bob.post("cancel", json!({})).await), (404, "no_subscription"), "each for itself");
}

#[tokio::test]
async fn a_subject_that_bought_nothing_costs_no_request_to_stripe() {
    let gateway = SHIPPED.gateway().await;
    let ada = Client::user(&gateway, "user_nothing");
    let got = ada.get("subscription").await;
    assert_eq!(got, (200, json!({"plan": "free", "status": "none", "actions": ["checkout"]})));
    gateway.clerk.put_user(User::new("user_gift").public_metadata(json!({"plan": "pro"})));
    let gift = Client::with_token(&gateway, gateway.token("user_gift", "pro"));
    let want = json!({"plan": "pro", "status": "none", "actions": ["checkout"]});
    assert_eq!(gift.get("subscription").await, (200, want), "a manually granted plan");
}
