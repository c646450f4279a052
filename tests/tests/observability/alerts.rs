//! Attackers can neither make an alert fire nor prevent it from firing. Real failures make it fire.

use crate::evaluation::{Course, LabelSet, Series, vector_at};
use promql_parser::parser::{Expr, parse};
use promql_parser::util::parse_duration;
use std::collections::{BTreeMap, BTreeSet};
use tollgate_tests::queries::rules;

const HOUR: f64 = 60.0;

/// All series that the rules query, as Envoy exports them from the start.
const EXPORTED: &[&str] = &[
    r#"tollgate_webhook_result{result="processed"}"#,
    r#"tollgate_webhook_result{result="already_received"}"#,
    r#"tollgate_webhook_result{result="ignored"}"#,
    r#"tollgate_webhook_result{result="no_subject"}"#,
    r#"tollgate_webhook_result{result="subject_gone"}"#,
    r#"tollgate_webhook_result{result="failed"}"#,
    r#"tollgate_webhook_sync_duration_ms_bucket{le="1000"}"#,
    r#"tollgate_webhook_sync_duration_ms_bucket{le="5000"}"#,
    r#"tollgate_webhook_sync_duration_ms_bucket{le="10000"}"#,
    r#"tollgate_webhook_sync_duration_ms_bucket{le="+Inf"}"#,
    "tollgate_webhook_sync_duration_ms_count",
    "tollgate_webhook_double_subscriptions",
    r#"tollgate_clerk_webhook{result="processed"}"#,
    r#"tollgate_clerk_webhook{result="ignored"}"#,
    r#"tollgate_clerk_webhook{result="no_subject"}"#,
    r#"tollgate_clerk_webhook{result="subject_exists"}"#,
    r#"tollgate_clerk_webhook{result="not_canceled"}"#,
    r#"tollgate_clerk_webhook{result="failed"}"#,
    "tollgate_clerk_webhook_double_subscriptions",
    r#"tollgate_billing{endpoint="checkout",code="ok"}"#,
    r#"tollgate_billing{endpoint="checkout",code="upstream_unavailable"}"#,
    r#"tollgate_billing{endpoint="checkout",code="keys_unavailable"}"#,
    r#"tollgate_billing{endpoint="subscription",code="ok"}"#,
    r#"tollgate_billing{endpoint="subscription",code="upstream_unavailable"}"#,
    "tollgate_billing_double_subscriptions",
    r#"tollgate_gate_rule{rule="ask",outcome="allowed"}"#,
    r#"tollgate_gate_rule{rule="ask",outcome="undecided"}"#,
    r#"tollgate_gate_rule{rule="unmatched",outcome="allowed"}"#,
    r#"tollgate_gate_rule{rule="unmatched",outcome="undecided"}"#,
    "tollgate_gate_token_cache_hits",
    "tollgate_gate_token_cache_misses",
    "tollgate_gate_keys_fetched",
    "tollgate_gate_keys_fetch_failed",
    "tollgate_gate_plan_unknown",
    "tollgate_gate_plan_claim_missing",
    "tollgate_gate_counters_evicted",
    "tollgate_gate_counters_store_failed",
    "tollgate_gate_confirm_asked",
    "tollgate_gate_confirm_failed",
    r#"envoy_wasm_vm_reload_success{plugin="plan_gate"}"#,
    r#"envoy_wasm_vm_reload_failure{plugin="plan_gate"}"#,
    r#"envoy_wasm_vm_reload_backoff{plugin="plan_gate"}"#,
    r#"envoy_cluster_upstream_rq{envoy_cluster_name="stripe_api",envoy_response_code="200"}"#,
    r#"envoy_cluster_upstream_rq{envoy_cluster_name="stripe_api",envoy_response_code="401"}"#,
    r#"envoy_cluster_upstream_rq{envoy_cluster_name="clerk_api",envoy_response_code="429"}"#,
    r#"envoy_cluster_upstream_cx_connect_fail{envoy_cluster_name="clerk_api"}"#,
    r#"envoy_cluster_ssl_fail_verify_san{envoy_cluster_name="clerk_api"}"#,
    r#"envoy_cluster_ssl_fail_verify_error{envoy_cluster_name="clerk_api"}"#,
    r#"envoy_cluster_upstream_rq_pending_overflow{envoy_cluster_name="stripe_api"}"#,
    r#"envoy_sds_update_failure{envoy_xds_resource_name="clerk_secret_key"}"#,
    r#"envoy_sds_update_rejected{envoy_xds_resource_name="clerk_secret_key"}"#,
    r#"envoy_sds_key_rotation_failed{envoy_xds_resource_name="clerk_secret_key"}"#,
];

/// Series that anyone on the Internet can increase at any rate.
const ATTACKER_SERIES: &[&str] = &[
    r#"tollgate_webhook_result{result="refused"}"#,
    r#"tollgate_webhook_result{result="too_large"}"#,
    r#"tollgate_webhook_result{result="overloaded"}"#,
    r#"tollgate_clerk_webhook{result="refused"}"#,
    r#"tollgate_clerk_webhook{result="too_large"}"#,
    r#"tollgate_clerk_webhook{result="overloaded"}"#,
    r#"tollgate_billing{endpoint="plans",code="ok"}"#,
    r#"tollgate_billing{endpoint="plans",code="upstream_unavailable"}"#,
    r#"tollgate_billing{endpoint="plans",code="too_many_requests"}"#,
    r#"tollgate_billing{endpoint="checkout",code="payment_failed"}"#,
    r#"tollgate_gate_rule{rule="ask",outcome="unauthenticated"}"#,
    r#"tollgate_gate_rule{rule="ask",outcome="bad_request"}"#,
    r#"tollgate_gate_rule{rule="ask",outcome="over_limit"}"#,
    r#"tollgate_gate_rule{rule="ask",outcome="plan_required"}"#,
    r#"tollgate_gate_rule{rule="unmatched",outcome="unauthenticated"}"#,
    r#"tollgate_gate_rule{rule="unmatched",outcome="bad_request"}"#,
    r#"tollgate_gate_rule{rule="unmatched",outcome="plan_required"}"#,
    r#"tollgate_gate_token_refused{code="missing_token"}"#,
    r#"tollgate_gate_token_refused{code="malformed_token"}"#,
    r#"tollgate_gate_token_refused{code="token_expired"}"#,
    r#"tollgate_gate_token_refused{code="signature_mismatch"}"#,
    r#"tollgate_gate_token_refused{code="unknown_key"}"#,
    r#"tollgate_gate_token_refused{code="wrong_issuer"}"#,
    r#"tollgate_gate_token_refused{code="unauthorized_party"}"#,
    r#"tollgate_gate_token_refused{code="wrong_audience"}"#,
    "tollgate_gate_counters_anonymous_evicted",
    "tollgate_gate_confirm_limited",
];

/// The increase per minute of each series of a gateway in use.
const IN_USE: &[(&str, f64)] = &[
    (r#"tollgate_webhook_result{result="processed"}"#, 0.2),
    (r#"tollgate_webhook_result{result="ignored"}"#, 0.1),
    (r#"tollgate_webhook_sync_duration_ms_bucket{le="1000"}"#, 0.2),
    (r#"tollgate_webhook_sync_duration_ms_bucket{le="5000"}"#, 0.2),
    (r#"tollgate_webhook_sync_duration_ms_bucket{le="10000"}"#, 0.2),
    (r#"tollgate_webhook_sync_duration_ms_bucket{le="+Inf"}"#, 0.2),
    ("tollgate_webhook_sync_duration_ms_count", 0.2),
    (r#"tollgate_clerk_webhook{result="processed"}"#, 0.1),
    (r#"tollgate_clerk_webhook{result="ignored"}"#, 0.1),
    (r#"tollgate_billing{endpoint="checkout",code="ok"}"#, 0.2),
    (r#"tollgate_billing{endpoint="subscription",code="ok"}"#, 2.0),
    (r#"tollgate_gate_rule{rule="ask",outcome="allowed"}"#, 10.0),
    ("tollgate_gate_token_cache_hits", 9.0),
    ("tollgate_gate_token_cache_misses", 1.0),
    ("tollgate_gate_keys_fetched", 0.2),
    ("tollgate_gate_confirm_asked", 0.1),
    (r#"envoy_cluster_upstream_rq{envoy_cluster_name="stripe_api",envoy_response_code="200"}"#, 1.0),
];

/// The series of a gateway that increase, each with its course.
type Scenario<'a> = Vec<(&'a str, Course)>;

const fn once(times: f64) -> Course {
    Course { before: 0.0, at_once: times, after: 0.0 }
}

const fn from_now_on(per_minute: f64) -> Course {
    Course { before: 0.0, at_once: 0.0, after: per_minute }
}

const fn no_more(per_minute: f64) -> Course {
    Course { before: per_minute, at_once: 0.0, after: 0.0 }
}

const fn always(per_minute: f64) -> Course {
    Course { before: per_minute, at_once: 0.0, after: per_minute }
}

/// Returns the gateway in use, with the series of the scenario replaced.
fn in_use_with<'a>(scenario: &Scenario<'a>) -> Scenario<'a> {
    let usual = IN_USE.iter().map(|(series, rate)| (*series, always(*rate)));
    let usual = usual.filter(|(series, _)| scenario.iter().all(|(changed, _)| changed != series));
    usual.chain(scenario.iter().copied()).collect()
}

fn attack(course: Course) -> Scenario<'static> {
    ATTACKER_SERIES.iter().map(|series| (*series, course)).collect()
}

fn series_of(scenario: &Scenario<'_>) -> Vec<Series> {
    let all: BTreeSet<&str> = EXPORTED.iter().chain(ATTACKER_SERIES).copied().collect();
    for (series, _) in scenario {
        assert!(all.contains(series), "{series} is not in EXPORTED or ATTACKER_SERIES");
    }
    let course = |text| scenario.iter().find(|(series, _)| *series == text).map(|(_, course)| *course);
    all.into_iter()
        .map(|text| {
            let Ok(Expr::VectorSelector(selector)) = parse(text) else { panic!("{text}") };
            let labels =
                selector.matchers.matchers.iter().map(|m| (m.name.clone(), m.value.clone())).collect();
            let name = selector.name.expect("a name");
            Series { name, labels, course: course(text).unwrap_or_default() }
        })
        .collect()
}

/// Returns the alerts that fire in the two hours before minute 0 or in the given hours after it.
fn fired(scenario: &Scenario<'_>, hours: f64) -> BTreeSet<String> {
    let series = series_of(scenario);
    let mut fired = BTreeSet::new();
    for alert in rules().groups.into_iter().flat_map(|group| group.rules) {
        let expression = parse(&alert.expr).unwrap_or_else(|e| panic!("{}: {e}", alert.alert));
        let duration = alert
            .duration
            .map_or(0.0, |text| parse_duration(&text).expect("a duration").as_secs_f64() / 60.0);
        let step = if hours > 24.0 { 30.0 } else { 5.0 };
        let mut since: BTreeMap<LabelSet, f64> = BTreeMap::new();
        let mut minute = -2.0 * HOUR;
        while minute <= hours * HOUR {
            let now: BTreeSet<LabelSet> =
                vector_at(&expression, &series, minute).into_iter().map(|(labels, _)| labels).collect();
            since.retain(|labels, _| now.contains(labels));
            for labels in now {
                let start = *since.entry(labels).or_insert(minute);
                if minute - start >= duration {
                    fired.insert(alert.alert.clone());
                }
            }
            minute += step;
        }
    }
    fired
}

#[test]
fn no_attack_makes_an_alert_fire() {
    // Many anonymous requests only fill the table of anonymous counters.
    let anonymous = r#"tollgate_gate_rule{rule="unmatched",outcome="allowed"}"#;
    let cases: Vec<(&str, Scenario<'_>)> = vec![
        ("one POST", vec![(ATTACKER_SERIES[0], once(1.0))]),
        ("a few POSTs for days", vec![(ATTACKER_SERIES[0], always(0.1))]),
        ("a POST that is too large", vec![(ATTACKER_SERIES[1], once(1.0))]),
        ("one of each", attack(once(1.0))),
        ("a flood of each", attack(from_now_on(10_000.0))),
        ("a flood that ends", attack(no_more(10_000.0))),
        ("anonymous callers come and go", vec![(anonymous, no_more(1_000.0))]),
    ];
    for (why, scenario) in &cases {
        for hours in [12.0, 100.0] {
            assert_eq!(fired(scenario, hours), BTreeSet::new(), "{why}, on a quiet gateway");
            assert_eq!(fired(&in_use_with(scenario), hours), BTreeSet::new(), "{why}, on one in use");
        }
    }
}

#[test]
fn a_gateway_with_few_subscribers_fires_no_alert() {
    let few = vec![(r#"tollgate_webhook_result{result="processed"}"#, always(0.0005))];
    assert_eq!(fired(&few, 100.0), BTreeSet::new());
    let one_fails = vec![
        (r#"tollgate_webhook_result{result="processed"}"#, always(0.2)),
        (r#"tollgate_webhook_result{result="failed"}"#, once(1.0)),
    ];
    assert_eq!(fired(&in_use_with(&one_fails), 12.0), BTreeSet::new(), "Stripe retries");
    let two_fail = vec![(r#"tollgate_billing{endpoint="checkout",code="upstream_unavailable"}"#, once(2.0))];
    assert_eq!(fired(&in_use_with(&two_fail), 12.0), BTreeSet::new(), "the user clicks again");
}

/// Returns each alert with a failure and the number of hours within which it must fire.
fn failures() -> Vec<(&'static str, Scenario<'static>, f64)> {
    let clerk_processed = r#"tollgate_clerk_webhook{result="processed"}"#;
    let clerk_ignored = r#"tollgate_clerk_webhook{result="ignored"}"#;
    let clerk_failed = r#"tollgate_clerk_webhook{result="failed"}"#;
    let processed = r#"tollgate_webhook_result{result="processed"}"#;
    let ignored = r#"tollgate_webhook_result{result="ignored"}"#;
    let failed = r#"tollgate_webhook_result{result="failed"}"#;
    let allowed = r#"tollgate_gate_rule{rule="ask",outcome="allowed"}"#;
    let undecided = r#"tollgate_gate_rule{rule="ask",outcome="undecided"}"#;
    let within_5_s = r#"tollgate_webhook_sync_duration_ms_bucket{le="5000"}"#;
    let within_1_s = r#"tollgate_webhook_sync_duration_ms_bucket{le="1000"}"#;
    let bought = r#"tollgate_billing{endpoint="checkout",code="ok"}"#;
    let not_bought = r#"tollgate_billing{endpoint="checkout",code="upstream_unavailable"}"#;
    let without_keys = r#"tollgate_billing{endpoint="checkout",code="keys_unavailable"}"#;
    let stopped = || vec![(processed, no_more(0.2)), (ignored, no_more(0.1))];
    let hits = ("tollgate_gate_token_cache_hits", no_more(9.0));
    let misses = ("tollgate_gate_token_cache_misses", no_more(1.0));
    let foreign = (r#"tollgate_gate_token_refused{code="wrong_issuer"}"#, from_now_on(10.0));
    let day = 12.0;
    vec![
        ("TollgateWebhookFailing", vec![(processed, no_more(0.2)), (failed, from_now_on(0.2))], 2.0),
        ("TollgateWebhookFailing", vec![(failed, from_now_on(0.1))], 2.0),
        ("TollgateWebhookStopped", stopped(), day),
        (
            "TollgateWebhookStopped",
            [stopped(), vec![(r#"tollgate_webhook_result{result="refused"}"#, from_now_on(0.3))]].concat(),
            day,
        ),
        ("TollgateWebhookSilent", vec![(processed, no_more(0.002)), (ignored, no_more(0.0))], 100.0),
        ("TollgateUnknownOwner", vec![(r#"tollgate_webhook_result{result="no_subject"}"#, once(1.0))], day),
        ("TollgateUnknownOwner", vec![(r#"tollgate_clerk_webhook{result="no_subject"}"#, once(1.0))], day),
        (
            "TollgateClerkWebhookFailing",
            vec![(clerk_processed, no_more(0.1)), (clerk_failed, from_now_on(0.1))],
            2.0,
        ),
        (
            "TollgateDeletedNotCanceled",
            vec![(r#"tollgate_clerk_webhook{result="subject_exists"}"#, once(1.0))],
            day,
        ),
        (
            "TollgateDeletedNotCanceled",
            vec![(r#"tollgate_clerk_webhook{result="not_canceled"}"#, once(1.0))],
            day,
        ),
        (
            "TollgateClerkWebhookSilent",
            vec![(clerk_processed, no_more(0.002)), (clerk_ignored, no_more(0.0))],
            100.0,
        ),
        (
            "TollgateSyncSlow",
            vec![(within_1_s, no_more(0.2)), (within_5_s, Course { after: 0.15, ..no_more(0.2) })],
            day,
        ),
        ("TollgateBillingFailing", vec![(bought, no_more(0.2)), (not_bought, from_now_on(0.2))], 2.0),
        ("TollgateBillingFailing", vec![(not_bought, from_now_on(0.2))], 2.0),
        ("TollgateBillingFailing", vec![(without_keys, from_now_on(0.2))], 2.0),
        ("TollgateDoubleSubscription", vec![("tollgate_webhook_double_subscriptions", once(1.0))], day),
        ("TollgateDoubleSubscription", vec![("tollgate_clerk_webhook_double_subscriptions", once(1.0))], day),
        ("TollgateDoubleSubscription", vec![("tollgate_billing_double_subscriptions", once(1.0))], day),
        ("TollgateTokensDoNotFit", vec![hits, misses, foreign, (allowed, no_more(10.0))], day),
        (
            "TollgateKeysUnavailable",
            vec![
                ("tollgate_gate_keys_fetched", no_more(0.2)),
                ("tollgate_gate_keys_fetch_failed", from_now_on(0.2)),
            ],
            day,
        ),
        ("TollgateUndecided", vec![(undecided, from_now_on(2.0))], day),
        ("TollgateUndecided", vec![(undecided, from_now_on(10.0)), (allowed, no_more(10.0))], day),
        ("TollgateUnknownPlan", vec![("tollgate_gate_plan_unknown", once(1.0))], day),
        ("TollgatePlanClaimMissing", vec![("tollgate_gate_plan_claim_missing", once(1.0))], day),
        ("TollgateCountersEvicted", vec![("tollgate_gate_counters_evicted", once(1.0))], day),
        ("TollgateStoreFailing", vec![("tollgate_gate_counters_store_failed", from_now_on(1.0))], day),
        (
            "TollgateStoreFailing",
            vec![("tollgate_gate_counters_store_failed", from_now_on(10.0)), (allowed, no_more(10.0))],
            day,
        ),
        (
            "TollgateConfirmFailing",
            vec![
                ("tollgate_gate_confirm_failed", from_now_on(0.9)),
                ("tollgate_gate_confirm_asked", from_now_on(1.0)),
            ],
            day,
        ),
        ("TollgateVmCrashed", vec![(r#"envoy_wasm_vm_reload_success{plugin="plan_gate"}"#, once(1.0))], day),
        (
            "TollgateKeyRefused",
            vec![(
                r#"envoy_cluster_upstream_rq{envoy_cluster_name="stripe_api",envoy_response_code="401"}"#,
                once(1.0),
            )],
            day,
        ),
        (
            "TollgateCalloutsUnreachable",
            vec![(
                r#"envoy_cluster_upstream_cx_connect_fail{envoy_cluster_name="clerk_api"}"#,
                from_now_on(2.0),
            )],
            day,
        ),
        (
            "TollgateCalloutsNotTrusted",
            vec![(r#"envoy_cluster_ssl_fail_verify_san{envoy_cluster_name="clerk_api"}"#, once(1.0))],
            day,
        ),
        (
            "TollgateCalloutsThrottled",
            vec![(
                r#"envoy_cluster_upstream_rq{envoy_cluster_name="clerk_api",envoy_response_code="429"}"#,
                from_now_on(2.0),
            )],
            day,
        ),
        (
            "TollgateCalloutQueueFull",
            vec![(
                r#"envoy_cluster_upstream_rq_pending_overflow{envoy_cluster_name="stripe_api"}"#,
                from_now_on(5.0),
            )],
            day,
        ),
        (
            "TollgateKeyFileNotRead",
            vec![(r#"envoy_sds_update_failure{envoy_xds_resource_name="clerk_secret_key"}"#, once(1.0))],
            day,
        ),
        (
            "TollgateKeyFileNotRead",
            vec![(r#"envoy_sds_update_rejected{envoy_xds_resource_name="clerk_secret_key"}"#, once(1.0))],
            day,
        ),
    ]
}

#[test]
fn a_failure_makes_its_alert_fire_even_during_an_attack() {
    let mut covered = BTreeSet::new();
    for (alert, failure, hours) in failures() {
        let want = BTreeSet::from([alert.to_owned()]);
        let alone = in_use_with(&failure);
        assert_eq!(fired(&alone, hours), want, "{failure:?}");
        let flood = attack(always(10_000.0));
        let others = flood.into_iter().filter(|(series, _)| failure.iter().all(|(own, _)| own != series));
        let attacked: Scenario<'_> = alone.into_iter().chain(others).collect();
        assert_eq!(fired(&attacked, hours), want, "{failure:?}, with a flood");
        covered.insert(alert.to_owned());
    }
    let all: BTreeSet<String> =
        rules().groups.into_iter().flat_map(|group| group.rules).map(|rule| rule.alert).collect();
    assert_eq!(covered, all, "each alert has a failure that makes it fire");
}

#[test]
fn a_gateway_in_use_fires_no_alert() {
    assert_eq!(fired(&in_use_with(&Vec::new()), 100.0), BTreeSet::new());
}
