//! The gateway that these tests share.

use reqwest::Response;
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::processes::envoy::Standalone;
use tollgate_tests::processes::gateway::{Gateway, SharedGateway};

/// Returns the shared gateway: Envoy as shipped, and Clerk Billing mirrored.
pub async fn shipped() -> Arc<Gateway> {
    static GATEWAY: SharedGateway = SharedGateway::with_clerk_webhook(mirrored);
    GATEWAY.gateway().await
}

/// Mirrors Clerk Billing. Everything else in the document is as shipped.
pub fn mirrored(standalone: Standalone) -> Standalone {
    standalone.document(|document| document["clerk_webhook"]["billing"] = "mirror".into())
}

/// Creates a user who has no plan yet.
pub fn user(gateway: &Gateway, name: &str) -> String {
    let user = format!("user_{name}");
    gateway.clerk.put_user(User::new(&user));
    user
}

/// Returns the body of a response with status 200.
pub async fn receipt(response: Response) -> Value {
    let status = response.status();
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(status, 200, "{body}");
    body
}

/// Returns the receipt of an event that started no sync.
pub fn without_sync(id: &str, status: &str) -> Value {
    json!({"received": true, "status": status, "event": id})
}
