//! Tests of the resources for Envoy Gateway with a real Envoy Gateway, which checks them, fetches the
//! modules, and runs Envoy.

use crate::image::Images;
use crate::registry::Registry;
use crate::{observed, promises};
use tollgate_tests::client::transport::Transport;
use tollgate_tests::processes::platform::{EnvoyGateway, Resources, Site};

/// Checks the promises with the real APIs and with impostors, in one test because a machine can run only one
/// Envoy Gateway.
#[tokio::test]
async fn envoy_gateway_with_the_resources_keeps_the_promises() {
    let registry = Registry::with(&Images::build()).await;
    let site = Site::open().await;
    let gateway = EnvoyGateway::start(&site, |resources| from(resources, &registry)).await;
    promises::check(gateway.address(), &site).await;
    check_that_clients_cannot_reach_the_apis(&gateway, &site).await;
    assert!(!gateway.log().contains(" failed: Uncaught "), "a VM has crashed");
    let file = "envoy/envoy-gateway/prometheus.yaml";
    observed::check(gateway.address(), gateway.admin_address(), &site, file, || gateway.log()).await;
    drop(gateway);

    let site = Site::with_impostors().await;
    let gateway = EnvoyGateway::start(&site, |resources| from(resources, &registry)).await;
    assert_eq!(promises::deliver(gateway.address(), &site).await.status, 503);
    assert_eq!((site.stripe.log().entries().len(), site.clerk.log().entries().len()), (0, 0));
}

/// Sets the URLs of the modules to those in the registry.
fn from(resources: &mut Resources, registry: &Registry) {
    let plugins = resources.get("EnvoyExtensionPolicy", "tollgate")["spec"]["wasm"].as_sequence_mut();
    for plugin in plugins.expect("plugins") {
        let url = &mut plugin["code"]["image"]["url"];
        let image =
            url.as_str().expect("an image").strip_prefix("registry.example.com").expect("the registry");
        *url = format!("{}{image}", registry.host()).into();
    }
}

/// Checks that clients cannot use the routes that exist for the filters' callouts.
async fn check_that_clients_cannot_reach_the_apis(gateway: &EnvoyGateway, site: &Site) {
    let before = (site.stripe.log().entries().len(), site.clerk.log().entries().len());
    for host in ["stripe-api.tollgate.invalid", "clerk-api.tollgate.invalid"] {
        let bytes = format!("GET /v1/customers HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let response = tollgate_tests::client::wire::exchange(gateway.address(), bytes.as_bytes())
            .await
            .expect("a response");
        assert_eq!(response.status, 403, "{host}");
    }
    assert_eq!((site.stripe.log().entries().len(), site.clerk.log().entries().len()), before);
    // By its own name everything else is the service's.
    let response = Transport::Length.send(gateway.address(), ("GET", "/v1/customers"), &[], b"", &[]).await;
    assert_eq!(response.map(|response| response.status), Some(200));
}
