//! gRPC clients cannot read problem documents: they get a gRPC status.

use crate::shared::shipped;
use reqwest::Method;
use tollgate_tests::windows::within_one_window;

#[tokio::test]
async fn a_grpc_client_gets_a_grpc_status() {
    let gateway = shipped().await;
    within_one_window(86400).await;
    let token = gateway.token("user_grpc", "free");
    for _ in 0..5 {
        assert_eq!(gateway.get("/ask").bearer_auth(&token).send().await.expect("a response").status(), 200);
    }
    let cases = [
        ("UNAUTHENTICATED", "/ask", "garbage", "16"),
        ("PERMISSION_DENIED", "/reports", &token, "7"),
        ("RESOURCE_EXHAUSTED", "/ask", &token, "8"),
        ("INVALID_ARGUMENT", "/ask;x", &token, "3"),
    ];
    for (name, path, token, status) in cases {
        let request = gateway.request(Method::POST, path).header("content-type", "application/grpc");
        let response = request.bearer_auth(token).send().await.expect("a response");
        assert_eq!(response.status(), 200, "{name}: every gRPC response has HTTP status 200");
        assert_eq!(response.headers()["grpc-status"], status, "{name}");
        assert_eq!(response.headers()["content-type"], "application/grpc", "{name}");
        assert!(response.headers().contains_key("grpc-message"), "{name}");
        assert_eq!(response.headers().contains_key("retry-after"), status == "8", "{name}");
    }
}
