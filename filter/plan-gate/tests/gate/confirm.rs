//! Tests of reading Clerk's own record before a refusal: when, how often, and the effect and validity of the
//! result.

use super::host::{CalloutEnd, GateResult, Progress, bearer, request, response};
use super::{Host, gate, gate_with, get, token};
use serde_json::{Value, json};
use tollgate_core::http::Request;
use tollgate_driver::CalloutResult;
use tollgate_fixtures::NOW_S;

fn edit(gate: &mut Value) {
    gate["confirm"] = json!({"cluster": "clerk_api"});
    gate["usage_path"] = json!("/usage");
}

fn confirming() -> Host {
    gate_with(edit)
}

/// Creates a second worker thread of the same process.
fn second(host: &Host) -> Host {
    host.another_worker(&super::configuration(edit), [2; 16])
}

/// Returns Clerk's record of that user with that plan.
fn record(user: &str, plan: impl Into<Value>) -> String {
    json!({"id": user, "public_metadata": {"plan": plan.into()}}).to_string()
}

/// Sends a request; Clerk's record has that plan.
fn send(host: &mut Host, path: &str, authorization: &str, clerk: &str) -> GateResult {
    let started = host.start(&get(path, &[("authorization", authorization)]));
    host.answer_inquiries(200, &record("user_1", clerk));
    host.finish(started)
}

fn requested(host: &Host) -> usize {
    host.count("confirm.asked")
}

/// Returns a token whose claims were read at another time, relative to that of other tokens.
fn token_read(plan: &str, after_s: i64) -> String {
    bearer(|draft| {
        draft.claim("public_metadata", json!({"plan": plan}));
        draft.head("oiat", NOW_S - 5 + after_s);
    })
}

#[test]
fn an_upgrade_takes_effect_with_the_same_token() {
    let refusals =
        [("/reports", "plan_required"), ("/support", "feature_required"), ("/bulk", "plan_required")];
    for (path, without) in refusals {
        let stale = token("free");
        assert_eq!(gate().send(&get(path, &[("authorization", &stale)])).code(), without);
        let mut host = confirming();
        let first = send(&mut host, path, &stale, "pro");
        assert_eq!((first.code(), first.upstream("x-tollgate-plan")), ("forwarded", Some("pro")), "{path}");
        for _ in 0..10 {
            assert_eq!(host.send(&get(path, &[("authorization", &stale)])).code(), "forwarded", "{path}");
        }
        assert_eq!(requested(&host), 1, "{path}");
    }
}

#[test]
fn an_upgrade_after_a_used_up_limit_is_served_from_zero() {
    let mut host = confirming();
    let stale = token("free");
    let ask = get("/ask", &[("authorization", &stale)]);
    assert_eq!(host.served(5, &ask), 5);
    let sixth = send(&mut host, "/ask", &stale, "pro");
    assert_eq!((sixth.code(), sixth.field("x-ratelimit-remaining")), ("forwarded", Some("99")));
    assert_eq!(host.served(99, &ask), 99);
    let usage = host.send(&get("/usage", &[("authorization", &stale)]));
    assert_eq!(
        (&usage.json()["plan"], &usage.json()["limits"]["asks"][0]["used"]),
        (&json!("pro"), &json!(100))
    );
}

#[test]
fn the_record_of_the_subject_is_requested() {
    let cases = [("user", "/v1/users/user_1"), ("organization", "/v1/organizations/org_1")];
    for (subject, want) in cases {
        let mut host = gate_with(|gate| {
            edit(gate);
            gate["subject"] = json!(subject);
        });
        let token = bearer(|draft| draft.claim("o", json!({"id": "org_1"})));
        let started = host.start(&get("/reports", &[("authorization", &token)]));
        let callout = host.inquiries().remove(0);
        let Request::Http { method, authority, path, headers, .. } = callout.request else { panic!("HTTP") };
        assert_eq!((method, authority.as_str(), path.as_str()), ("GET", "api.clerk.com", want));
        assert!(headers.contains(&("authorization", "Bearer sk_test_1".to_owned())));
        let id = if subject == "user" { "user_1" } else { "org_1" };
        host.answer_inquiries(200, &record(id, "pro"));
        assert_eq!(host.finish(started).code(), "forwarded", "{subject}");
    }
}

#[test]
fn no_record_is_requested_if_no_higher_plan_would_help() {
    let enterprise = token("enterprise");
    let cases = [
        ("no token", request("GET", "/reports", &[])),
        ("an anonymous caller", get("/search", &[])),
        ("a path", get("//reports", &[("authorization", &enterprise)])),
        ("the highest plan", get("/ask", &[("authorization", &enterprise)])),
    ];
    for (why, request) in cases {
        let mut host = confirming();
        for _ in 0..9 {
            host.send(&request);
        }
        assert_eq!(requested(&host), 0, "{why}");
    }
    let mut shadow = gate_with(|gate| {
        edit(gate);
        gate["shadow"] = json!(true);
    });
    assert_eq!(shadow.send(&get("/reports", &[("authorization", &token("free"))])).code(), "forwarded");
    assert_eq!(requested(&shadow), 0, "in shadow mode no request waits");
}

#[test]
fn no_record_is_requested_if_no_higher_plan_raises_the_limit() {
    let mut document = super::fixture::document();
    for plan in 1..3 {
        document["plans"][plan]["limits"] = document["plans"][0]["limits"].clone();
    }
    document["plan_gate"]["rules"] = json!([{"name": "ask", "path_prefix": "/ask", "limit": "asks"}]);
    edit(&mut document["plan_gate"]);
    let mut host = super::fixture::gate_of(&document);
    assert_eq!(host.served(9, &get("/ask", &[("authorization", &token("free"))])), 5);
    assert_eq!(requested(&host), 0);
}

#[test]
fn many_refused_requests_stay_below_the_subjects_limit() {
    let mut host = confirming();
    let mut other = second(&host);
    let free = token("free");
    let mut times = Vec::new();
    for second in 0..60 {
        for _ in 0..20 {
            let before = requested(&host) + requested(&other);
            assert_eq!(send(&mut host, "/reports", &free, "free").code(), "plan_required");
            assert_eq!(send(&mut other, "/reports", &free, "free").code(), "plan_required");
            times.extend(vec![second; requested(&host) + requested(&other) - before]);
        }
        host.sleep_s(1);
        other.sleep_s(1);
    }
    assert_eq!(times, [0, 0, 10, 20, 30, 40, 50], "both workers together");
    assert!(host.count("confirm.limited") > 0);
}

#[test]
fn the_requests_of_the_process_are_limited() {
    let mut host = confirming();
    for number in 0..150 {
        let user = format!("user_{number}");
        let token = bearer(|draft| draft.claim("sub", user.as_str()));
        let started = host.start(&get("/reports", &[("authorization", &token)]));
        host.answer_inquiries(200, &record(&user, "free"));
        assert_eq!(host.finish(started).code(), "plan_required");
    }
    assert_eq!(requested(&host), 100);
}

#[test]
fn concurrent_refused_requests_wait_for_one_inquiry() {
    let mut host = confirming();
    let stale = token("free");
    let reports = get("/reports", &[("authorization", &stale)]);
    let waiting: Vec<Progress> = (0..30).map(|_| host.start(&reports)).collect();
    assert_eq!(host.inquiries().len(), 1);
    assert_eq!(
        host.send(&get("/account", &[("authorization", &stale)])).code(),
        "forwarded",
        "an allowed request never waits"
    );
    host.answer_inquiries(200, &record("user_1", "pro"));
    for started in waiting {
        assert_eq!(host.finish(started).code(), "forwarded");
    }
    assert_eq!(requested(&host), 1);
}

#[test]
fn the_result_survives_the_request_that_started_the_inquiry() {
    let mut host = confirming();
    let stale = token("free");
    drop(host.start(&get("/reports", &[("authorization", &stale)])));
    host.answer_inquiries(200, &record("user_1", "pro"));
    assert_eq!(host.send(&get("/reports", &[("authorization", &stale)])).code(), "forwarded");
}

#[test]
fn the_result_of_one_worker_is_used_by_the_others() {
    let mut first = confirming();
    let mut others: Vec<Host> = (0..7).map(|_| second(&first)).collect();
    let stale = token("free");
    assert_eq!(send(&mut first, "/reports", &stale, "pro").code(), "forwarded");
    for other in &mut others {
        assert_eq!(other.send(&get("/reports", &[("authorization", &stale)])).code(), "forwarded");
        assert_eq!(requested(other), 0);
    }
}

#[test]
fn a_confirmation_is_valid_for_a_minute() {
    let mut host = confirming();
    let stale = token("free");
    assert_eq!(send(&mut host, "/reports", &stale, "pro").code(), "forwarded");
    host.sleep_s(59);
    assert_eq!(host.send(&get("/reports", &[("authorization", &stale)])).code(), "forwarded");
    host.sleep_s(1);
    assert_eq!(send(&mut host, "/reports", &stale, "free").code(), "plan_required", "a canceled plan ends");
    assert_eq!(requested(&host), 2);
}

#[test]
fn a_token_read_after_the_request_is_newer_than_the_result() {
    let cases = [
        ("read before", -1, "forwarded"),
        ("read at the time of the request", 5, "forwarded"),
        ("read a second later", 6, "plan_required"),
    ];
    for (why, after_s, want) in cases {
        let mut host = confirming();
        assert_eq!(send(&mut host, "/reports", &token("free"), "pro").code(), "forwarded");
        let refused = send(&mut host, "/reports", &token_read("free", after_s), "free");
        assert_eq!(refused.code(), want, "{why}");
    }
}

#[test]
fn a_fresh_iat_is_not_a_fresh_plan() {
    let mut host = confirming();
    assert_eq!(send(&mut host, "/reports", &token("free"), "pro").code(), "forwarded");
    let refreshed = bearer(|draft| {
        draft.claim("iat", NOW_S + 4);
        draft.head("oiat", NOW_S - 40);
    });
    assert_eq!(host.send(&get("/reports", &[("authorization", &refreshed)])).code(), "forwarded");
    let by_iat = bearer(|draft| draft.claim("iat", NOW_S + 4));
    assert_eq!(
        send(&mut host, "/reports", &by_iat, "free").code(),
        "plan_required",
        "without oiat, iat counts"
    );
}

#[test]
fn a_confirmation_may_also_lower_a_plan() {
    let mut host = confirming();
    let stale = token("pro");
    assert_eq!(host.send(&get("/reports", &[("authorization", &stale)])).code(), "forwarded");
    let refused = send(&mut host, "/login", &stale, "free");
    assert_eq!((refused.code(), &refused.json()["plan"]), ("feature_required", &json!("free")));
    assert_eq!(send(&mut host, "/reports", &stale, "free").code(), "plan_required");
}

#[test]
fn an_unknown_recorded_plan_counts_as_the_tokens_plan() {
    // Another gateway's document may have that plan.
    for (why, token_plan, path, want) in [
        ("the plan of the token still counts", "pro", "/login", ("feature_required", "pro")),
        ("also if it is the default plan", "free", "/reports", ("plan_required", "free")),
        (
            "a token whose plan is unknown counts as the default one",
            "platinum",
            "/reports",
            ("plan_required", "free"),
        ),
    ] {
        let mut host = confirming();
        let mut other = second(&host);
        let authorization = token(token_plan);
        let refused = send(&mut host, path, &authorization, "platinum");
        assert_eq!((refused.code(), refused.json()["plan"].as_str().unwrap()), want, "{why}");
        let allowed = send(&mut host, "/reports", &authorization, "platinum");
        assert_eq!(allowed.code(), if token_plan == "pro" { "forwarded" } else { "plan_required" }, "{why}");
        // Another worker, which finds the result in the shared records.
        let refused = send(&mut other, path, &authorization, "platinum");
        assert_eq!((refused.code(), refused.json()["plan"].as_str().unwrap()), want, "{why}: another worker");
    }
}

#[test]
fn a_known_recorded_plan_replaces_an_unknown_plan_of_the_token() {
    let mut host = confirming();
    assert_eq!(send(&mut host, "/reports", &token("platinum"), "pro").code(), "forwarded");
}

#[test]
fn an_unknown_recorded_plan_keeps_the_tokens_grace_period() {
    let mut host = confirming();
    let ended = bearer(|draft| {
        let subscription = json!({"grace_until": NOW_S - 1});
        draft.claim("public_metadata", json!({"plan": "pro", "subscription": subscription}));
    });
    assert_eq!(send(&mut host, "/reports", &ended, "platinum").code(), "plan_required");
}

#[test]
fn the_record_is_read_like_a_token() {
    let past = NOW_S - 1;
    let cases = [
        ("no metadata", json!({"id": "user_1"}), "plan_required"),
        ("null", json!({"id": "user_1", "public_metadata": {"plan": null}}), "plan_required"),
        ("not sold", json!({"id": "user_1", "public_metadata": {"plan": "platinum"}}), "plan_required"),
        ("no text", json!({"id": "user_1", "public_metadata": {"plan": true}}), "plan_required"),
        (
            "its grace is over",
            json!({"id": "user_1", "public_metadata": {"plan": "pro", "subscription": {"grace_until": past}}}),
            "plan_required",
        ),
        (
            "its grace is not",
            json!({"id": "user_1", "public_metadata": {"plan": "pro", "subscription": {"grace_until": NOW_S + 1}}}),
            "forwarded",
        ),
    ];
    for (why, record, want) in cases {
        let mut host = confirming();
        let started = host.start(&get("/reports", &[("authorization", &token("free"))]));
        host.answer_inquiries(200, &record.to_string());
        assert_eq!(host.finish(started).code(), want, "{why}");
        assert_eq!(host.alarms("plan_unknown").len(), usize::from(why == "not sold"), "{why}");
    }
}

#[test]
fn if_clerk_does_not_respond_the_refusal_stands() {
    let ends: [(&str, CalloutEnd); 8] = [
        ("late", Some(|| CalloutResult::TimedOut)),
        ("refused", Some(|| CalloutResult::Reset)),
        ("down", Some(|| response(500, ""))),
        ("too often", Some(|| response(429, ""))),
        ("wrong key", Some(|| response(401, ""))),
        ("another user's", Some(|| response(200, &record("user_9", "pro")))),
        ("a page", Some(|| response(200, "<html>"))),
        ("no such cluster", None),
    ];
    for (why, end) in ends {
        let mut host = confirming();
        host.unknown_clusters.extend(end.is_none().then(|| "clerk_api".to_owned()));
        let stale = token("free");
        let started = host.start(&get("/reports", &[("authorization", &stale)]));
        if let Some(end) = end {
            host.end_inquiries(&end);
        }
        assert_eq!(host.finish(started).code(), "plan_required", "{why}");
        host.unknown_clusters.clear();
        assert_eq!((host.count("confirm.failed"), host.alarms("confirm_failed").len()), (1, 1), "{why}");
        assert_eq!(
            send(&mut host, "/reports", &stale, "pro").code(),
            "forwarded",
            "{why}: requested again, by the second request of the limit"
        );
    }
}

#[test]
fn failed_reads_are_counted_and_an_alarm_once_a_minute() {
    let mut host = confirming();
    for (pause_s, failed, alarms) in [(0, 1, 1), (59, 2, 1), (1, 3, 2)] {
        host.sleep_s(pause_s);
        let started = host.start(&get("/reports", &[("authorization", &token("free"))]));
        host.end_inquiries(&|| CalloutResult::TimedOut);
        assert_eq!(host.finish(started).code(), "plan_required");
        assert_eq!((host.count("confirm.failed"), host.alarms("confirm_failed").len()), (failed, alarms));
    }
}

#[test]
fn no_record_is_requested_if_the_shared_records_cannot_be_written() {
    let mut host = confirming();
    host.swaps_to_lose = 8;
    let stale = token("free");
    assert_eq!(host.send(&get("/reports", &[("authorization", &stale)])).code(), "plan_required");
    assert_eq!(requested(&host), 0);
    host.swaps_to_lose = 7;
    assert_eq!(send(&mut host, "/reports", &stale, "pro").code(), "forwarded", "one try fewer");
}

#[test]
fn a_refusal_after_a_confirmation_has_the_plan_in_force() {
    let mut host = confirming();
    let refused = send(&mut host, "/login", &token("free"), "pro");
    assert_eq!((refused.code(), &refused.json()["plan"]), ("feature_required", &json!("pro")));
    assert_eq!(refused.json()["required_plan"], "enterprise");
}
