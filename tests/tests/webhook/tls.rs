//! A TLS failure on the way to Stripe or Clerk: the alarm tells it apart from a server that is down, if Envoy tells the
//! filter, and otherwise says where to look.

use crate::shared::{Payer, shipped};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::upstream::{Backend, Certificate};
use tollgate_tests::processes::envoy::{Standalone, yaml};
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::processes::ports;

/// The guard without which Envoy 1.38.1 and later do not tell filters why a connection failed.
const GUARD: &str = "envoy.reloadable_features.hide_transport_failure_reason_in_response_body";

/// Makes Envoy tell the filters why a connection failed.
fn with_reasons(shipped: Standalone) -> Standalone {
    shipped.edit(|config| {
        let layer = json!({"name": "reasons", "static_layer": {GUARD: false}});
        config["layered_runtime"] = yaml(json!({"layers": [layer]}));
    })
}

/// Delivers an event through an Envoy with this edit, and returns the alarm's detail.
async fn detail_of_failure(
    gateway: &Gateway,
    payer: &Payer,
    edit: impl FnOnce(Standalone) -> Standalone,
) -> String {
    let envoy = gateway.replica(edit).await;
    let event = payer.event(gateway, "customer.subscription.updated");
    let response = gateway.deliver_to(&envoy, &event, unix_now()).await.expect("a response");
    assert_eq!(response.status(), 503);
    let line = envoy.log_line_with(r#""alarm":"upstream_unavailable""#).await;
    let alarm: Value = serde_json::from_str(&line[line.find('{').expect("JSON")..]).expect("JSON");
    alarm["detail"].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn the_alarm_tells_a_tls_failure_from_a_server_that_is_down() {
    let gateway = shipped().await;
    let payer = Payer::about_to_change(&gateway, "tls_with_reason").await;
    let for_another_name = Certificate::for_names(&["api.example.com"]);
    let untrusted = Certificate::for_names(&["api.stripe.com", "api.clerk.com"]);
    let impostor = Backend::start_with_tls(&for_another_name).await;
    let unknown = Backend::start_with_tls(&untrusted).await;
    let authority = for_another_name.authority();
    let certificate = "does not accept the server's certificate";
    let cases: [(&str, SocketAddr, &Path, &str); 3] = [
        ("a certificate for another name", impostor.tls_address(), &authority, certificate),
        ("a certificate of an unknown authority", unknown.tls_address(), &authority, certificate),
        ("a server that does not use TLS", gateway.backend.address(), &authority, "the TLS handshake failed"),
    ];
    for cluster in ["stripe_api", "clerk_api"] {
        for (what, address, authority, want) in cases {
            let edit = |shipped: Standalone| shipped.upstream_with_tls(cluster, address, authority);
            let detail = detail_of_failure(&gateway, &payer, |shipped| with_reasons(edit(shipped))).await;
            assert!(detail.contains(want), "{cluster}, {what}: {detail}");
        }
        let edit = |shipped: Standalone| with_reasons(shipped.upstream_at(cluster, ports::CLOSED));
        let detail = detail_of_failure(&gateway, &payer, edit).await;
        assert!(detail.contains("the connection was refused or reset"), "{cluster}: {detail}");
    }
}

#[tokio::test]
async fn without_a_reason_from_envoy_the_alarm_says_where_to_look() {
    let gateway = shipped().await;
    let payer = Payer::about_to_change(&gateway, "tls_without_reason").await;
    let certificate = Certificate::for_names(&["api.example.com"]);
    let impostor = Backend::start_with_tls(&certificate).await;
    let edit = |shipped: Standalone| {
        shipped.upstream_with_tls("stripe_api", impostor.tls_address(), &certificate.authority())
    };
    let detail = detail_of_failure(&gateway, &payer, edit).await;
    // Envoy before 1.38.1 gives the reason.
    let texts =
        ["TLS handshake failed (then the cluster's `ssl` counters", "not accept the server's certificate"];
    assert!(texts.iter().any(|text| detail.contains(text)), "{detail}");
}
