//! Defects of plans, counters, and the reads of Clerk's record.

use super::{once, twice};
use crate::recording::Recording;
use serde_json::json;
use tokio::task::JoinSet;
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::processes::envoy::{Envoy, Standalone, yaml};
use tollgate_tests::processes::gateway::Gateway;

/// The number of requests that are in progress at the same time.
const AT_ONCE: usize = 32;

pub async fn recordings() -> Vec<Recording> {
    let gateway = Gateway::start(with_a_rule_for_pro).await;
    vec![
        unknown_plan(&gateway).await,
        confirm_failing(&gateway).await,
        store_failing(&gateway).await,
        counters_evicted(&gateway).await,
    ]
}

/// Removes the webhook's filter, which these defects do not concern: Envoy starts in half the time.
fn gate_alone(shipped: Standalone) -> Standalone {
    shipped.without_filter("stripe_webhook")
}

fn with_a_rule_for_pro(shipped: Standalone) -> Standalone {
    gate_alone(shipped).document(|document| {
        let rule = json!({"name": "reports", "path_prefix": "/reports", "require": {"plan": "pro"}});
        document["plan_gate"]["rules"].as_sequence_mut().expect("rules").push(yaml(rule));
    })
}

/// Sends a request of each of these users.
async fn ask(gateway: &Gateway, envoy: &Envoy, path: &str, plan: &str, users: std::ops::Range<usize>) {
    let client = reqwest::Client::new();
    let mut requests = JoinSet::new();
    for number in users {
        let token = gateway.token(&format!("user_{number}"), plan);
        let request = client.get(envoy.url(path)).bearer_auth(token);
        requests.spawn(async move { request.send().await.expect("a response").status() });
        if requests.len() == AT_ONCE {
            requests.join_next().await;
        }
    }
    requests.join_all().await;
}

async fn unknown_plan(gateway: &Gateway) -> Recording {
    let scrapes =
        once(&gateway.envoy, async || ask(gateway, &gateway.envoy, "/ask", "platinum", 0..1).await).await;
    Recording::once("tokens name a plan of another program", scrapes, &["TollgateUnknownPlan"])
}

async fn confirm_failing(gateway: &Gateway) -> Recording {
    gateway.clerk.faults().always(on("GET", "/v1/users/"), Fault::unavailable());
    let mut asked = 0;
    let scrapes = twice(&gateway.envoy, async || {
        ask(gateway, &gateway.envoy, "/reports", "free", asked..asked + 8).await;
        asked += 8;
    })
    .await;
    gateway.clerk.faults().clear();
    Recording::lasting("Clerk is down when the gate asks", scrapes, &["TollgateConfirmFailing"])
}

/// Records a store whose cluster leads to a server that is not envoyproxy/ratelimit.
async fn store_failing(gateway: &Gateway) -> Recording {
    let configured = |shipped: Standalone| {
        gate_alone(shipped).document(|document| {
            let store =
                json!({"ratelimit": {"cluster": "upstream", "domain": "tollgate", "on_error": "allow"}});
            document["plan_gate"]["store"] = yaml(store);
        })
    };
    let envoy = gateway.replica(configured).await;
    let scrapes = twice(&envoy, async || ask(gateway, &envoy, "/ask", "pro", 0..8).await).await;
    Recording::lasting("the rate limit service is down", scrapes, &["TollgateStoreFailing"])
}

/// Records a table of the smallest size, whose callers have six counters each.
async fn counters_evicted(gateway: &Gateway) -> Recording {
    let periods = ["second", "minute", "hour", "day", "week", "month"];
    let limits = periods.map(|period| json!({"max": 1_000_000, "per": period}));
    let configured = |shipped: Standalone| {
        gate_alone(shipped).document(|document| {
            document["plan_gate"]["local_memory_mb"] = 1.into();
            for plan in document["plans"].as_sequence_mut().expect("plans") {
                plan["limits"]["asks"] = yaml(json!(limits));
            }
        })
    };
    let envoy = gateway.replica(configured).await;
    let evicted = "tollgate.gate.counters.evicted";
    let scrapes = once(&envoy, async || {
        let mut users = 0;
        while envoy.stats().await.plugin(evicted) == 0 {
            ask(gateway, &envoy, "/ask", "pro", users..users + 200).await;
            users += 200;
        }
    })
    .await;
    Recording::once(
        "more callers than the table of counters has room for",
        scrapes,
        &["TollgateCountersEvicted"],
    )
}
