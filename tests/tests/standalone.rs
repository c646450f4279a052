//! The shipped configuration of a single Envoy: it loads as it is, and the harness around it does what it says.

use tollgate_tests::envoy::Standalone;
use tollgate_tests::upstream::Backend;

#[tokio::test]
async fn a_request_passes_to_the_backend_and_its_answer_comes_back() {
    let backend = Backend::start().await;
    let envoy = Standalone::load().without_modules().upstream_at("upstream", backend.address()).start().await;
    let answer = reqwest::get(envoy.url("/ask?q=1")).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let seen = backend.seen().await;
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].method.as_str(), seen[0].path.as_str(), seen[0].query.as_str()),
        ("GET", "/ask", "q=1")
    );
}
