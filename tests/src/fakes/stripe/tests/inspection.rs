//! What only an inspection of the account reads: webhook endpoints, configurations of the portal, the clock,
//! and what a restricted key lacks.

use super::*;
use crate::fakes::stripe::model::WebhookEndpoint;

fn ids(body: &Value) -> Vec<&str> {
    body["data"].as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn webhook_endpoints_are_listed_page_by_page() {
    let stripe = FakeStripe::start().await;
    for (number, id) in ["we_1", "we_2", "we_3"].into_iter().enumerate() {
        let mut endpoint = WebhookEndpoint::new(id, "https://a.example/hook").events(&["invoice.paid"]);
        endpoint.created = 100 + number as i64;
        stripe.put(endpoint);
    }
    let (status, first) = get(&stripe, "/v1/webhook_endpoints?limit=2").await;
    assert_eq!((status.as_u16(), ids(&first), &first["has_more"]), (200, vec!["we_3", "we_2"], &json!(true)));
    let endpoint = &first["data"][0];
    assert_eq!((&endpoint["status"], &endpoint["api_version"]), (&json!("enabled"), &json!(null)));
    assert_eq!((&endpoint["livemode"], endpoint.get("secret")), (&json!(false), None), "no secret");
    let (_, rest) = get(&stripe, "/v1/webhook_endpoints?limit=2&starting_after=we_2").await;
    assert_eq!((ids(&rest), &rest["has_more"]), (vec!["we_1"], &json!(false)));
    assert_eq!(get(&stripe, "/v1/webhook_endpoints?url=x").await.0, 400, "an unknown parameter");
}

#[tokio::test]
async fn portal_configurations_are_read_by_id_or_as_the_default() {
    const PATH: &str = "/v1/billing_portal/configurations";
    let settings = StripeSettings {
        portal_configurations: vec!["bpc_default".to_owned(), "bpc_old".to_owned()],
        inactive_portal_configurations: vec!["bpc_old".to_owned()],
        other_mode_ids: vec!["bpc_live".to_owned()],
        ..StripeSettings::default()
    };
    let stripe = FakeStripe::start_with(settings).await;
    assert_eq!(ids(&get(&stripe, &format!("{PATH}?is_default=true&limit=1")).await.1), ["bpc_default"]);
    assert_eq!(ids(&get(&stripe, &format!("{PATH}?active=false")).await.1), ["bpc_old"]);
    let (status, old) = get(&stripe, &format!("{PATH}/bpc_old")).await;
    assert_eq!((status.as_u16(), &old["active"]), (200, &json!(false)));
    let (status, live) = get(&stripe, &format!("{PATH}/bpc_live")).await;
    let message = live["error"]["message"].as_str().unwrap();
    assert!(status == 404 && message.contains("a similar object exists in live mode"), "{message}");
    assert_eq!(get(&stripe, &format!("{PATH}/bpc_none")).await.0, 404);
    assert_eq!(get(&stripe, &format!("{PATH}?default=true")).await.0, 400, "an unknown parameter");
}

#[tokio::test]
async fn a_restricted_key_is_refused_before_the_object_is_looked_for() {
    let missing_permissions = vec!["rak_webhook_read".to_owned(), "rak_customer_read".to_owned()];
    let stripe = FakeStripe::start_with(StripeSettings { missing_permissions, ..Default::default() }).await;
    let ask = async |key: &str, path: &str| {
        let request = reqwest::Client::new().get(format!("http://{}{path}", stripe.addr()));
        response(request.bearer_auth(key).header("stripe-version", API_VERSION)).await
    };
    let cases = [("/v1/webhook_endpoints", "rak_webhook_read"), ("/v1/customers/cus_0", "rak_customer_read")];
    for (path, permission) in cases {
        let (status, body) = ask("rk_test_tollgate0001", path).await;
        let message = body["error"]["message"].as_str().unwrap();
        assert!(
            status == 403 && message.contains(&format!("Having the '{permission}' permission")),
            "{message}"
        );
        assert!(!message.contains("rk_test_tollgate0001"), "the key is masked: {message}");
    }
    assert_eq!(ask("rk_test_tollgate0001", "/v1/products/prod_0").await.0, 404, "it has this permission");
    assert_eq!(ask(stripe.key(), "/v1/webhook_endpoints").await.0, 200, "a secret key has all");
}

#[tokio::test]
async fn a_response_has_the_date_of_the_fakes_clock() {
    let date = async |clock_ahead_s| {
        let settings = StripeSettings { clock_ahead_s, ..StripeSettings::default() };
        let stripe = FakeStripe::start_with(settings).await;
        let response = request(&stripe, Method::GET, "/v1/webhook_endpoints").send().await.unwrap();
        response.headers()["date"].to_str().unwrap().to_owned()
    };
    assert!(date(0).await.ends_with(" GMT"));
    assert!(date(1_000_000_000_000).await.contains(" 337"), "about 31,700 years ahead");
}
