//! What strangers do moves no alert, neither towards an alarm nor away from one; what has really failed does.

use crate::evaluation::{Course, LabelSet, Series, vector_at};
use crate::queries::rules;
use promql_parser::parser::{Expr, parse};
use promql_parser::util::parse_duration;
use std::collections::{BTreeMap, BTreeSet};

const HOUR: f64 = 60.0;

/// Everything that the rules ask for, as Envoy shows it before anything has happened.
const SHOWN: &[&str] = &[
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
    r#"tollgate_gate_rule{rule="ask",outcome="allowed"}"#,
    r#"tollgate_gate_rule{rule="ask",outcome="unjudged"}"#,
    r#"tollgate_gate_rule{rule="unmatched",outcome="allowed"}"#,
    r#"tollgate_gate_rule{rule="unmatched",outcome="unjudged"}"#,
    "tollgate_gate_token_cache_hits",
    "tollgate_gate_token_cache_misses",
    "tollgate_gate_keys_fetched",
    "tollgate_gate_keys_fetch_failed",
    "tollgate_gate_plan_unknown",
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
    r#"envoy_sds_update_rejected{envoy_xds_resource_name="clerk_secret_key"}"#,
    r#"envoy_sds_key_rotation_failed{envoy_xds_resource_name="clerk_secret_key"}"#,
];

/// What anybody on the Internet can count up, as fast as they like.
const STRANGERS: &[&str] = &[
    r#"tollgate_webhook_result{result="refused"}"#,
    r#"tollgate_webhook_result{result="too_large"}"#,
    r#"tollgate_webhook_result{result="overloaded"}"#,
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

/// A gateway in use: so many a minute.
const IN_USE: &[(&str, f64)] = &[
    (r#"tollgate_webhook_result{result="processed"}"#, 0.2),
    (r#"tollgate_webhook_result{result="ignored"}"#, 0.1),
    (r#"tollgate_webhook_sync_duration_ms_bucket{le="1000"}"#, 0.2),
    (r#"tollgate_webhook_sync_duration_ms_bucket{le="5000"}"#, 0.2),
    (r#"tollgate_webhook_sync_duration_ms_bucket{le="10000"}"#, 0.2),
    (r#"tollgate_webhook_sync_duration_ms_bucket{le="+Inf"}"#, 0.2),
    ("tollgate_webhook_sync_duration_ms_count", 0.2),
    (r#"tollgate_gate_rule{rule="ask",outcome="allowed"}"#, 10.0),
    ("tollgate_gate_token_cache_hits", 9.0),
    ("tollgate_gate_token_cache_misses", 1.0),
    ("tollgate_gate_keys_fetched", 0.2),
    ("tollgate_gate_confirm_asked", 0.1),
    (r#"envoy_cluster_upstream_rq{envoy_cluster_name="stripe_api",envoy_response_code="200"}"#, 1.0),
];

/// What happens to a gateway.
type Happening<'a> = Vec<(&'a str, Course)>;

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

/// The gateway in use, but for what the happening changes.
fn in_use_but<'a>(happening: &Happening<'a>) -> Happening<'a> {
    let usual = IN_USE.iter().map(|(series, rate)| (*series, always(*rate)));
    let usual = usual.filter(|(series, _)| happening.iter().all(|(changed, _)| changed != series));
    usual.chain(happening.iter().copied()).collect()
}

fn strangers(course: Course) -> Happening<'static> {
    STRANGERS.iter().map(|series| (*series, course)).collect()
}

fn series_of(happening: &Happening<'_>) -> Vec<Series> {
    let all: BTreeSet<&str> = SHOWN.iter().chain(STRANGERS).copied().collect();
    for (series, _) in happening {
        assert!(all.contains(series), "{series} is not known");
    }
    let course = |text| happening.iter().find(|(series, _)| *series == text).map(|(_, course)| *course);
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

/// The alerts that fire within so many hours after the happening, or in the hours before it.
fn fired(happening: &Happening<'_>, hours: f64) -> BTreeSet<String> {
    let series = series_of(happening);
    let mut fired = BTreeSet::new();
    for alert in rules().groups.into_iter().flat_map(|group| group.rules) {
        let expression = parse(&alert.expr).unwrap_or_else(|e| panic!("{}: {e}", alert.alert));
        let lasting =
            alert.lasting.map_or(0.0, |text| parse_duration(&text).expect("a duration").as_secs_f64() / 60.0);
        let step = if hours > 24.0 { 30.0 } else { 5.0 };
        let mut since: BTreeMap<LabelSet, f64> = BTreeMap::new();
        let mut minute = -2.0 * HOUR;
        while minute <= hours * HOUR {
            let now: BTreeSet<LabelSet> =
                vector_at(&expression, &series, minute).into_iter().map(|(labels, _)| labels).collect();
            since.retain(|labels, _| now.contains(labels));
            for labels in now {
                let began = *since.entry(labels).or_insert(minute);
                if minute - began >= lasting {
                    fired.insert(alert.alert.clone());
                }
            }
            minute += step;
        }
    }
    fired
}

#[test]
fn nothing_that_strangers_send_makes_an_alert_fire() {
    // Many anonymous requests fill the table of anonymous counters, and nothing else.
    let anonymous = r#"tollgate_gate_rule{rule="unmatched",outcome="allowed"}"#;
    let cases: Vec<(&str, Happening<'_>)> = vec![
        ("one POST", vec![(STRANGERS[0], once(1.0))]),
        ("a few POSTs for days", vec![(STRANGERS[0], always(0.1))]),
        ("a POST that is too large", vec![(STRANGERS[1], once(1.0))]),
        ("one of everything", strangers(once(1.0))),
        ("a flood of everything", strangers(from_now_on(10_000.0))),
        ("a flood that ends", strangers(no_more(10_000.0))),
        ("anonymous callers come and go", vec![(anonymous, no_more(1_000.0))]),
    ];
    for (why, happening) in &cases {
        for hours in [12.0, 100.0] {
            assert_eq!(fired(happening, hours), BTreeSet::new(), "{why}, on a quiet gateway");
            assert_eq!(fired(&in_use_but(happening), hours), BTreeSet::new(), "{why}, on one in use");
        }
    }
}

#[test]
fn a_gateway_with_few_subscribers_is_no_alarm() {
    let few = vec![(r#"tollgate_webhook_result{result="processed"}"#, always(0.0005))];
    assert_eq!(fired(&few, 100.0), BTreeSet::new());
    let one_fails = vec![
        (r#"tollgate_webhook_result{result="processed"}"#, always(0.2)),
        (r#"tollgate_webhook_result{result="failed"}"#, once(1.0)),
    ];
    assert_eq!(fired(&in_use_but(&one_fails), 12.0), BTreeSet::new(), "Stripe retries");
}

/// Each alert, what really fails, and within how many hours it fires.
fn failures() -> Vec<(&'static str, Happening<'static>, f64)> {
    let processed = r#"tollgate_webhook_result{result="processed"}"#;
    let ignored = r#"tollgate_webhook_result{result="ignored"}"#;
    let failed = r#"tollgate_webhook_result{result="failed"}"#;
    let allowed = r#"tollgate_gate_rule{rule="ask",outcome="allowed"}"#;
    let unjudged = r#"tollgate_gate_rule{rule="ask",outcome="unjudged"}"#;
    let within_5_s = r#"tollgate_webhook_sync_duration_ms_bucket{le="5000"}"#;
    let within_1_s = r#"tollgate_webhook_sync_duration_ms_bucket{le="1000"}"#;
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
        (
            "TollgateNobodyToGiveThePlanTo",
            vec![(r#"tollgate_webhook_result{result="no_subject"}"#, once(1.0))],
            day,
        ),
        (
            "TollgateSyncSlow",
            vec![(within_1_s, no_more(0.2)), (within_5_s, Course { after: 0.15, ..no_more(0.2) })],
            day,
        ),
        ("TollgateTokensDoNotFit", vec![hits, misses, foreign, (allowed, no_more(10.0))], day),
        (
            "TollgateKeysUnavailable",
            vec![
                ("tollgate_gate_keys_fetched", no_more(0.2)),
                ("tollgate_gate_keys_fetch_failed", from_now_on(0.2)),
            ],
            day,
        ),
        ("TollgateUnjudged", vec![(unjudged, from_now_on(2.0))], day),
        ("TollgateUnjudged", vec![(unjudged, from_now_on(10.0)), (allowed, no_more(10.0))], day),
        ("TollgateUnknownPlan", vec![("tollgate_gate_plan_unknown", once(1.0))], day),
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
            vec![(r#"envoy_sds_update_rejected{envoy_xds_resource_name="clerk_secret_key"}"#, once(1.0))],
            day,
        ),
    ]
}

#[test]
fn what_really_fails_makes_its_alert_fire_whatever_strangers_send() {
    let mut seen = BTreeSet::new();
    for (alert, failure, hours) in failures() {
        let want = BTreeSet::from([alert.to_owned()]);
        let alone = in_use_but(&failure);
        assert_eq!(fired(&alone, hours), want, "{failure:?}");
        let flood = strangers(always(10_000.0));
        let others = flood.into_iter().filter(|(series, _)| failure.iter().all(|(own, _)| own != series));
        let hidden: Happening<'_> = alone.into_iter().chain(others).collect();
        assert_eq!(fired(&hidden, hours), want, "{failure:?}, and a flood beside it");
        seen.insert(alert.to_owned());
    }
    let all: BTreeSet<String> =
        rules().groups.into_iter().flat_map(|group| group.rules).map(|rule| rule.alert).collect();
    assert_eq!(seen, all, "each alert has a failure that makes it fire");
}

#[test]
fn a_gateway_in_use_is_no_alarm() {
    assert_eq!(fired(&in_use_but(&Vec::new()), 100.0), BTreeSet::new());
}
