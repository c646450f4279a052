//! Idempotency keys as Stripe treats them.

use reqwest::Response;
use serde_json::Value;

use super::super::model::Customer;
use super::super::{ExecutionFailure, FakeStripe};
use super::{request, shop};
use crate::fakes::faults::{Fault, HoldPoint, on};

async fn send(stripe: &FakeStripe, path: &str, form: &'static str, key: &str) -> Response {
    let request = request(stripe, reqwest::Method::POST, path).header("idempotency-key", key);
    request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await.unwrap()
}

fn is_replayed(response: &Response) -> bool {
    response.headers().get("idempotent-replayed").is_some_and(|value| value == "true")
}

async fn error_code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    (status, response.json::<Value>().await.unwrap()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_key_whose_request_is_being_executed_is_in_use() {
    let stripe = shop().await;
    let point = HoldPoint::new();
    stripe.faults().next(1, on("POST", "/v1/customers"), Fault::HoldExecution(point.clone()));
    let first = send(&stripe, "/v1/customers/cus_1", "metadata[a]=1", "k");
    let second = async {
        point.wait_for(1).await;
        let second = send(&stripe, "/v1/customers/cus_1", "metadata[a]=1", "k").await;
        let other = send(&stripe, "/v1/customers/cus_1", "metadata[b]=1", "l").await;
        point.open();
        (second, other)
    };
    let (first, (second, other)) = tokio::join!(first, second);
    assert_eq!(error_code(second).await, (409, "idempotency_key_in_use".to_owned()));
    assert_eq!((first.status().as_u16(), other.status().as_u16()), (200, 200));
    assert!(is_replayed(&send(&stripe, "/v1/customers/cus_1", "metadata[a]=1", "k").await));
}

#[tokio::test]
async fn an_error_of_the_execution_is_kept_whatever_was_done() {
    let stripe = shop().await;
    for (failure, key, done) in
        [(ExecutionFailure::BeforeWork, "k", false), (ExecutionFailure::AfterWork, "l", true)]
    {
        stripe.change::<Customer>("cus_1", |customer| customer.metadata.clear());
        stripe.fail_execution(1, on("POST", "/v1/customers"), failure);
        let first = send(&stripe, "/v1/customers/cus_1", "metadata[a]=1", key).await;
        assert_eq!((first.status().as_u16(), is_replayed(&first)), (500, false), "{failure:?}");
        let again = send(&stripe, "/v1/customers/cus_1", "metadata[a]=1", key).await;
        assert_eq!((again.status().as_u16(), is_replayed(&again)), (500, true), "{failure:?}");
        assert_eq!(stripe.metadata("cus_1").contains_key("a"), done, "{failure:?}");
        let next = send(&stripe, "/v1/customers/cus_1", "metadata[a]=1", &format!("{key}2")).await;
        assert_eq!((next.status().as_u16(), is_replayed(&next)), (200, false), "{failure:?}");
    }
}

#[tokio::test]
async fn a_request_that_fails_validation_leaves_its_key_free() {
    let stripe = shop().await;
    let invalid = send(&stripe, "/v1/customers/cus_1", "nothing=1", "k").await;
    assert_eq!(error_code(invalid).await, (400, "parameter_unknown".to_owned()));
    assert_eq!(send(&stripe, "/v1/customers/cus_1", "metadata[a]=1", "k").await.status(), 200);
    let missing = send(&stripe, "/v1/customers/cus_0", "metadata[a]=1", "l").await;
    assert_eq!(error_code(missing).await, (404, "resource_missing".to_owned()));
    stripe.put(Customer::new("cus_0"));
    let again = send(&stripe, "/v1/customers/cus_0", "metadata[a]=1", "l").await;
    assert_eq!((again.status().as_u16(), is_replayed(&again)), (404, true), "it was executed, and stays");
}

#[tokio::test]
async fn a_key_is_kept_for_a_day_and_has_at_most_255_characters() {
    let stripe = shop().await;
    stripe.set_now(1_800_000_000);
    send(&stripe, "/v1/customers/cus_1", "metadata[a]=1", "k").await;
    stripe.set_now(1_800_000_000 + 24 * 3600 - 1);
    assert_eq!(send(&stripe, "/v1/customers/cus_1", "metadata[a]=2", "k").await.status(), 400);
    stripe.set_now(1_800_000_000 + 24 * 3600);
    assert_eq!(send(&stripe, "/v1/customers/cus_1", "metadata[a]=2", "k").await.status(), 200);
    assert_eq!(send(&stripe, "/v1/customers/cus_1", "metadata[a]=2", &"k".repeat(255)).await.status(), 200);
    assert_eq!(send(&stripe, "/v1/customers/cus_1", "metadata[a]=2", &"k".repeat(256)).await.status(), 400);
}
