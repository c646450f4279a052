//! Defects of the keys and the issuer of session tokens.

use super::twice;
use crate::recording::{AlertSeries, Recording};
use serde_json::json;
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::processes::envoy::{Envoy, yaml};
use tollgate_tests::processes::gateway::Gateway;

/// The number of ten minutes in a week.
const WEEK: usize = 7 * 24 * 6;

pub async fn recordings() -> Vec<Recording> {
    vec![unavailable().await, of_another_instance().await]
}

async fn unavailable() -> Recording {
    let gateway = Gateway::start(|shipped| {
        shipped.without_filter("stripe_webhook").without_env("CLERK_JWT_KEY").document(|document| {
            let keys = json!({"jwks": {"cluster": "clerk_api", "authority": "clerk.example.com"}});
            document["plan_gate"]["keys"] = yaml(keys);
        })
    })
    .await;
    gateway.clerk.faults().always(on("GET", "/.well-known/jwks.json"), Fault::unavailable());
    let failed = "tollgate.gate.keys.fetch_failed";
    let mut fetches = 0;
    let scrapes = twice(&gateway.envoy, async || {
        fetches += 2;
        let mut asked = 0;
        // While there is no key, a worker fetches the key set at most once a second, for a request.
        while asked < 12 || gateway.envoy.stats().await.plugin(failed) < fetches {
            asked += 1;
            let ask = gateway.get("/ask").bearer_auth(gateway.token("user_1", "free"));
            assert_eq!(ask.send().await.expect("a response").status(), 503);
        }
    })
    .await;
    Recording::lasting(
        "Clerk's key set cannot be fetched",
        scrapes,
        &["TollgateKeysUnavailable", "TollgateUndecided"],
    )
}

/// Records a gateway that is restarted with the issuer of another Clerk instance.
async fn of_another_instance() -> Recording {
    let gateway = Gateway::start(|shipped| shipped.without_filter("stripe_webhook")).await;
    let new = AlertSeries::of(&gateway.envoy).await;
    ask(&gateway, &gateway.envoy, 110).await;
    let in_use = AlertSeries::of(&gateway.envoy).await;

    let of_another = |document: &mut serde_norway::Value| {
        document["plan_gate"]["issuer"] = "https://clerk.another.example.com".into();
    };
    let restarted =
        gateway.replica(|shipped| shipped.without_filter("stripe_webhook").document(of_another)).await;
    ask(&gateway, &restarted, 1).await;
    let first = AlertSeries::of(&restarted).await;
    ask(&gateway, &restarted, 25).await;
    let scrapes = vec![(12, new), (WEEK, in_use), (1, first), (3, AlertSeries::of(&restarted).await)];
    Recording::of_weeks("the issuer is that of another instance", scrapes, &["TollgateTokensDoNotFit"])
}

/// Sends requests of different users.
async fn ask(gateway: &Gateway, envoy: &Envoy, times: usize) {
    let client = reqwest::Client::new();
    for number in 0..times {
        let token = gateway.token(&format!("user_{number}"), "pro");
        client.get(envoy.url("/ask")).bearer_auth(token).send().await.expect("a response");
    }
}
