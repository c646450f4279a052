//! Tests that with `shadow: true` all requests are decided and counted, but none is refused.

use crate::shared::with_rules;
use tollgate_tests::processes::envoy::Stats;
use tollgate_tests::processes::gateway::Gateway;

#[tokio::test]
async fn in_shadow_mode_requests_to_be_refused_pass_and_are_counted() {
    let gateway = Gateway::start(|standalone| {
        with_rules(standalone).document(|document| document["plan_gate"]["shadow"] = true.into())
    })
    .await;
    let token = gateway.token("user_1", "free");
    for _ in 0..7 {
        let response = gateway.get("/ask").bearer_auth(&token).send().await.expect("a response");
        assert_eq!(response.status(), 200);
    }
    let requests = [
        gateway.get("/ask").header("x-tollgate-user", "user_0"),
        gateway.get("/reports").bearer_auth(&token),
        gateway.get("/reports").bearer_auth("garbage"),
    ];
    for request in requests {
        assert_eq!(request.send().await.expect("a response").status(), 200);
    }
    let anonymous = &gateway.backend.received().await[7];
    assert_eq!(
        anonymous.header("x-tollgate-user"),
        [""; 0],
        "clients cannot set identity fields in shadow mode either"
    );
    let allowed = |stats: &Stats| stats.plugin("tollgate.gate.rule.ask.allowed");
    let stats = gateway.envoy.stats_until("five permitted requests", |stats| allowed(stats) >= 5).await;
    let counted = |name: &str| stats.plugin(&format!("tollgate.gate.{name}"));
    assert_eq!(counted("rule.ask.allowed"), 5);
    assert_eq!(counted("rule.ask.shadowed"), 3, "two over the limit, one without a token");
    assert_eq!(counted("rule.reports.shadowed"), 2);
    assert_eq!(counted("rule.ask.over_limit") + counted("rule.ask.unauthenticated"), 0);
    assert_eq!(counted("token_refused.missing_token") + counted("token_refused.malformed_token"), 2);
    let codes = ["quota_exceeded", "plan_required", "missing_token", "malformed_token"];
    assert_eq!(codes.map(|code| counted(&format!("shadowed.{code}"))), [2, 1, 1, 1]);
    let line = r#"{"audit":"shadowed","code":"plan_required","rule":"reports","subject":"user_1","detail":"#;
    assert!(gateway.envoy.log().contains(line), "{}", gateway.envoy.log());
}
