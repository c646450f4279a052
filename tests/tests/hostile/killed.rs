//! VMs that crash while requests are in progress: each is replaced, and counters keep their values.

use tollgate_tests::client::wire::{WireResponse, exchange, request};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::install::modules::Modules;
use tollgate_tests::processes::crash_switch::{FIELDS_MAX, installed};
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::waiting::until;

/// The number of times that each filter's VMs are killed.
const TIMES: usize = 3;

/// Returns a request that crashes the VM of the worker that handles it.
fn crashing() -> Vec<u8> {
    let fields: String = (0..=FIELDS_MAX).map(|n| format!("x-{n}: 1\r\n")).collect();
    request("GET", "/ask", fields, b"")
}

#[tokio::test]
async fn a_crashed_vm_is_replaced_grants_nothing_and_loses_no_count() {
    let shipped = Modules::build();
    for filter in ["stripe_webhook", "plan_gate"] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut modules = shipped.clone();
        let module = if filter == "plan_gate" { &mut modules.plan_gate } else { &mut modules.stripe_webhook };
        *module = installed(module, dir.path());
        let gateway = Gateway::start(|standalone| standalone.modules(&modules)).await;
        gateway.allow_crashes();
        crash_repeatedly(&gateway, filter).await;
    }
}

async fn crash_repeatedly(gateway: &Gateway, filter: &str) {
    let ask = |token: &str| request("GET", "/ask", format!("authorization: Bearer {token}\r\n"), b"");
    let spent = gateway.session("user_spent").plan("free").claim("exp", (unix_now() + 600).into()).sign();
    for _ in 0..5 {
        assert_eq!(settled(gateway, &ask(&spent)).await.status, 200);
    }
    for round in 0..TIMES {
        let reloads = gateway.envoy.stats().await.vm_reloads(filter);
        for _ in 0..8 {
            let response = exchange(gateway.envoy.address(), &crashing()).await;
            let status = response.map(|response| response.status);
            assert!(matches!(status, None | Some(500 | 503)), "{filter}, round {round}: {status:?}");
        }
        // A request without a token is refused in any state of the VM; then everything works as before.
        let refused = settled(gateway, &request("GET", "/ask", "", b"")).await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (401, &"missing_token".into()),
            "{filter}, {round}"
        );
        let spent = settled(gateway, &ask(&spent)).await;
        assert_eq!(spent.status, 429, "{filter}, round {round}: {spent:?}");
        let pro = gateway.token(&format!("user_round{round}"), "pro");
        assert_eq!(settled(gateway, &ask(&pro)).await.status, 200, "{filter}, round {round}");
        let now = gateway.envoy.stats().await.vm_reloads(filter);
        assert!(now > reloads, "{filter}, round {round}: no VM has crashed");
    }
    assert_eq!(
        gateway.backend.received().await.len(),
        5 + TIMES,
        "only permitted requests reached the service"
    );
}

/// Returns the response once Envoy no longer waits for a VM: it waits a second before it creates a new one.
async fn settled(gateway: &Gateway, bytes: &[u8]) -> WireResponse {
    until("VM that was started", async || {
        let response = exchange(gateway.envoy.address(), bytes).await;
        response.filter(|response| response.status != 503)
    })
    .await
}
