//! The callout clusters as shipped: which peers get the API keys.

use std::path::Path;
use tollgate_tests::fakes::upstream::{Backend, Certificate};
use tollgate_tests::processes::envoy::{Envoy, Standalone};

/// Each cluster with a key, its secret's name, and the only name that its peer may have.
const CALLOUTS: [(&str, &str, &str); 2] =
    [("stripe_api", "stripe_api_key", "api.stripe.com"), ("clerk_api", "clerk_secret_key", "api.clerk.com")];

/// Starts an Envoy whose listener routes to one callout cluster, which the plugin's callouts would use.
async fn envoy_on(cluster: &str, secret: &str, peer: &Backend, ca: &Path) -> Envoy {
    let standalone = Standalone::load().without_modules().upstream_with_tls(cluster, peer.tls_address(), ca);
    standalone.secret(secret, "sk_test_first").route_all_to(cluster).start().await
}

async fn status(envoy: &Envoy) -> u16 {
    // A client's own authorization must not replace the gateway's.
    let request = reqwest::Client::new().get(envoy.url("/v1/any")).header("authorization", "Bearer mine");
    request.send().await.expect("a response").status().as_u16()
}

#[tokio::test]
async fn the_real_peer_gets_the_key_and_after_a_rotation_the_new_one() {
    for (cluster, secret, name) in CALLOUTS {
        let certificate = Certificate::for_names(&[name]);
        let peer = Backend::start_with_tls(&certificate).await;
        let envoy = envoy_on(cluster, secret, &peer, &certificate.authority()).await;

        assert_eq!(status(&envoy).await, 200, "{name}");
        assert_eq!(peer.received().await[0].header("authorization"), ["Bearer sk_test_first"], "{name}");

        let updates = format!("sds.{secret}.update_success");
        let before = envoy.stats().await.value(&updates);
        envoy.rotate_secret(secret, "sk_test_second");
        envoy.stats_until("the new key", |stats| stats.value(&updates) > before).await;
        peer.clear_received().await;
        assert_eq!(status(&envoy).await, 200, "{name}");
        assert_eq!(peer.received().await[0].header("authorization"), ["Bearer sk_test_second"], "{name}");
        assert!(!envoy.log().contains("sk_test_"), "a key is in the log");
    }
}

#[tokio::test]
async fn an_impostor_receives_no_request() {
    for (cluster, secret, name) in CALLOUTS {
        let right = Certificate::for_names(&[name]);
        let wrong_names =
            ["api.example.com", "stripe.com", "clerk.com", "x.api.stripe.com", "x.api.clerk.com"];
        let wrong = Certificate::for_names(&wrong_names);
        let cases = [
            ("a certificate for other names, of a trusted authority", &wrong, wrong.authority()),
            ("the right name, of an authority that is not trusted", &right, wrong.authority()),
        ];
        for (why, shown, trusted) in cases {
            let impostor = Backend::start_with_tls(shown).await;
            let envoy = envoy_on(cluster, secret, &impostor, &trusted).await;
            assert_eq!(status(&envoy).await, 503, "{name}: {why}");
            assert_eq!(impostor.received().await, [], "{name}: {why}");
        }
    }
}

#[tokio::test]
async fn a_key_file_that_envoy_cannot_use_leaves_the_old_key_in_use() {
    let (cluster, secret, name) = CALLOUTS[0];
    let certificate = Certificate::for_names(&[name]);
    let peer = Backend::start_with_tls(&certificate).await;
    let envoy = envoy_on(cluster, secret, &peer, &certificate.authority()).await;
    for (value, counter) in [("[", "update_failure"), ("null", "update_rejected")] {
        envoy.rotate_secret(secret, value);
        let counter = format!("sds.{secret}.{counter}");
        envoy.stats_until(&counter, |stats| stats.value(&counter) == 1).await;
        assert_eq!(status(&envoy).await, 200, "{counter}");
    }
    for request in peer.received().await {
        assert_eq!(request.header("authorization"), ["Bearer sk_test_first"]);
    }
}
