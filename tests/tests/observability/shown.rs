//! What the alerts and the dashboard ask for is there, after it has happened.

use crate::events::exported_after_them;
use crate::queries::{all, dashboard, rules};
use promql_parser::parser::value::ValueType;
use promql_parser::util::parse_duration;
use std::collections::BTreeSet;

#[tokio::test]
async fn every_selector_finds_a_series_of_a_real_envoy() {
    let exported = exported_after_them().await;
    for query in all() {
        for selector in query.selectors() {
            let found = exported.found_by(&selector);
            assert!(!found.is_empty(), "{}: Envoy exports nothing that fits {selector}", query.place);
        }
    }

    let moved = [
        ("tollgate_gate_rule", ("outcome", "allowed"), 6.0),
        ("tollgate_gate_rule", ("outcome", "over_limit"), 2.0),
        ("tollgate_gate_rule", ("outcome", "unauthenticated"), 2.0),
        ("tollgate_gate_token_refused", ("code", "wrong_issuer"), 1.0),
        ("tollgate_webhook_result", ("result", "processed"), 1.0),
        ("tollgate_webhook_result", ("result", "no_subject"), 1.0),
        ("tollgate_webhook_result", ("result", "refused"), 1.0),
        ("tollgate_webhook_result", ("result", "too_large"), 1.0),
        ("tollgate_webhook_result", ("result", "failed"), 4.0),
        ("tollgate_webhook_callouts_failed", ("api", "clerk"), 1.0),
        ("envoy_cluster_upstream_rq", ("envoy_response_code", "401"), 1.0),
        ("envoy_cluster_upstream_rq", ("envoy_response_code", "429"), 1.0),
        ("envoy_cluster_ssl_fail_verify_san", ("envoy_cluster_name", "clerk_api"), 1.0),
    ];
    for (name, label, at_least) in moved {
        let sum = exported.sum(name, &[label]);
        assert!(sum >= at_least, "{name} with {label:?} is {sum} and should be {at_least} or more");
    }
}

#[test]
fn alerts_are_named_once_and_say_what_is_wrong_and_what_to_do() {
    let mut names = BTreeSet::new();
    let groups = rules().groups;
    let group_names: BTreeSet<_> = groups.iter().map(|group| &group.name).collect();
    assert_eq!(group_names.len(), groups.len(), "Prometheus takes each group's name once");
    for alert in groups.iter().flat_map(|group| &group.rules) {
        let name = &alert.alert;
        assert!(name.starts_with("Tollgate") && names.insert(name.clone()), "{name} twice, or another's");
        let said: Vec<_> = alert.annotations.keys().map(String::as_str).collect();
        assert_eq!(said, ["cure", "summary"], "{name}");
        let severity = alert.labels.get("severity").map(String::as_str);
        assert!(matches!(severity, Some("page" | "ticket")), "{name}: {severity:?}");
        if let Some(lasting) = &alert.lasting {
            parse_duration(lasting).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
    assert!(!names.is_empty());
}

/// An alert on a number would fire for ever, and a panel cannot draw a text.
#[test]
fn every_query_gives_series() {
    for query in all() {
        assert_eq!(query.expression.value_type(), ValueType::Vector, "{}", query.place);
    }
}

#[test]
fn panels_lie_side_by_side_and_read_the_source_that_is_chosen() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut taken = BTreeSet::new();
    for panel in panels {
        let at = |side: &str| panel["gridPos"][side].as_u64().expect("a number");
        assert!(at("x") + at("w") <= 24, "{} sticks out", panel["title"]);
        for cell in
            (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert(cell), "{} lies on another panel", panel["title"]);
        }
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        }
    }
    assert_eq!(dashboard["templating"]["list"][0]["name"], "datasource");
}
