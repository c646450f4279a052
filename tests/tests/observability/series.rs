//! Envoy exports every series that the alerts and the dashboard query.

use crate::events::exported_after_all_events;
use promql_parser::parser::value::ValueType;
use promql_parser::util::parse_duration;
use std::collections::BTreeSet;
use tollgate_tests::queries::{all, dashboard, rules};

#[tokio::test]
async fn every_selector_finds_a_series_of_a_real_envoy() {
    let exported = exported_after_all_events().await;
    for query in all() {
        for selector in query.selectors() {
            let found = exported.found_by(&selector);
            assert!(!found.is_empty(), "{}: Envoy exports no series for {selector}", query.location);
        }
    }

    let counted = [
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
        ("tollgate_clerk_webhook", ("result", "processed"), 1.0),
        ("tollgate_clerk_webhook", ("result", "no_subject"), 1.0),
        ("tollgate_clerk_webhook", ("result", "refused"), 1.0),
        ("tollgate_clerk_webhook", ("result", "failed"), 1.0),
        ("tollgate_clerk_webhook_callouts_failed", ("api", "clerk"), 1.0),
        ("tollgate_billing", ("code", "ok"), 1.0),
        ("tollgate_billing", ("code", "no_subscription"), 1.0),
        ("tollgate_billing", ("code", "upstream_unavailable"), 1.0),
        ("tollgate_billing", ("endpoint", "cancel"), 3.0),
        ("tollgate_billing_callouts_failed", ("api", "stripe"), 1.0),
        ("envoy_cluster_upstream_rq", ("envoy_response_code", "401"), 1.0),
        ("envoy_cluster_upstream_rq", ("envoy_response_code", "429"), 1.0),
        ("envoy_cluster_ssl_fail_verify_san", ("envoy_cluster_name", "clerk_api"), 1.0),
    ];
    for (name, label, at_least) in counted {
        let sum = exported.sum(name, &[label]);
        assert!(sum >= at_least, "{name} with {label:?} is {sum} and should be {at_least} or more");
    }
    assert_eq!(exported.sum("tollgate_webhook_double_subscriptions", &[]), 1.0);
}

#[test]
fn alert_names_are_unique_and_every_alert_has_its_annotations() {
    let mut names = BTreeSet::new();
    let groups = rules().groups;
    let group_names: BTreeSet<_> = groups.iter().map(|group| &group.name).collect();
    assert_eq!(group_names.len(), groups.len(), "two groups have the same name");
    for alert in groups.iter().flat_map(|group| &group.rules) {
        let name = &alert.alert;
        assert!(
            name.starts_with("Tollgate") && names.insert(name.clone()),
            "{name} is used twice or lacks the prefix"
        );
        let annotations: Vec<_> = alert.annotations.keys().map(String::as_str).collect();
        assert_eq!(annotations, ["cure", "summary"], "{name}");
        let severity = alert.labels.get("severity").map(String::as_str);
        assert!(matches!(severity, Some("page" | "ticket")), "{name}: {severity:?}");
        if let Some(duration) = &alert.duration {
            parse_duration(duration).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
    assert!(!names.is_empty());
}

/// Checks that queries return vectors: an alert on a scalar would always fire, and a panel cannot draw a
/// string.
#[test]
fn every_query_gives_series() {
    for query in all() {
        assert_eq!(query.expression.value_type(), ValueType::Vector, "{}", query.location);
    }
}

#[test]
fn panels_do_not_overlap_and_use_the_selected_data_source() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut taken = BTreeSet::new();
    for panel in panels {
        let at = |side: &str| panel["gridPos"][side].as_u64().expect("a number");
        assert!(at("x") + at("w") <= 24, "{} is too wide", panel["title"]);
        for cell in
            (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert(cell), "{} overlaps another panel", panel["title"]);
        }
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        }
    }
    assert_eq!(dashboard["templating"]["list"][0]["name"], "datasource");
}
