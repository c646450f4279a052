//! Tests of fetched keys: how often they are fetched, which requests wait, and the effect of changes on
//! tokens.

use super::host::{CalloutEnd, GateResult, Progress, bearer, response, signed};
use super::{Host, gate_with, get};
use serde_json::json;
use tollgate_core::http::{Callout, Request};
use tollgate_driver::CalloutResult;
use tollgate_fixtures::{NOW_S, SigningKey, other_key, own_key};

/// The maximum number of requests of a worker thread that wait for keys, and the maximum number of bytes that
/// they keep.
const WAITING_MAX: usize = 2_048;
const WAITING_BYTES_MAX: usize = 4 << 20;

fn jwks_gate() -> Host {
    gate_with(|gate| gate["keys"] = json!({"jwks": {"cluster": "clerk_frontend"}}))
}

fn key_set(keys: &[&SigningKey]) -> String {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}).to_string()
}

/// Returns a token that is signed with `key`.
fn signed_by(key: &'static SigningKey) -> String {
    bearer(|draft| {
        draft.key = key;
        draft.head("kid", key.id);
    })
}

/// Returns a token with another `kid`.
fn with_kid(kid: &str) -> String {
    bearer(|draft| draft.head("kid", kid))
}

fn start(host: &mut Host, authorization: &str) -> Progress {
    host.start(&get("/account", &[("authorization", authorization)]))
}

/// Sends a request. If the gate fetches the keys, the response is `body`.
fn send(host: &mut Host, authorization: &str, body: &str) -> GateResult {
    let started = start(host, authorization);
    host.answer_inquiries(200, body);
    host.finish(started)
}

fn paths(inquiries: &[Callout]) -> Vec<String> {
    inquiries.iter().map(|callout| format!("{} {:?}", callout.cluster, callout.request)).collect()
}

#[test]
fn all_requests_before_the_first_set_wait_for_one_fetch() {
    let mut host = jwks_gate();
    let waiting: Vec<Progress> = (0..50).map(|_| start(&mut host, &signed_by(own_key()))).collect();
    assert!(waiting.iter().all(|progress| matches!(progress, Progress::Held(_))));
    assert_eq!(
        paths(&host.inquiries()),
        ["clerk_frontend GET clerk.example.com/.well-known/jwks.json"],
        "the issuer's, once"
    );
    host.answer_inquiries(200, &key_set(&[own_key()]));
    for progress in waiting {
        assert_eq!(host.finish(progress).code(), "forwarded");
    }
    assert_eq!(start(&mut host, &signed_by(own_key())).result().code(), "forwarded");
    assert_eq!((host.count("keys.fetched"), host.inquiries().len()), (1, 0));
}

#[test]
fn an_unknown_key_is_logged_with_the_known_ones() {
    let mut host = jwks_gate();
    let set = key_set(&[own_key(), other_key()]);
    assert_eq!(send(&mut host, &with_kid("ins_of_another"), &set).code(), "unknown_key");
    let alarm = &host.alarms("token_refused")[0];
    assert_eq!((&alarm["code"], &alarm["received"]), (&json!("unknown_key"), &json!("ins_of_another")));
    assert_eq!(alarm["expected"], format!("{}, {}", own_key().id, other_key().id));
}

#[test]
fn requests_that_wait_for_keys_are_bounded_in_number_and_size() {
    let mut host = jwks_gate();
    let token = signed_by(own_key());
    let mut waiting: Vec<Progress> = (0..WAITING_MAX).map(|_| start(&mut host, &token)).collect();
    assert!(waiting.iter().all(|progress| matches!(progress, Progress::Held(_))));
    let refused = start(&mut host, &token).result();
    assert_eq!((refused.status(), refused.code()), (503, "keys_unavailable"));
    assert_eq!(refused.field("retry-after"), Some("1"));
    assert_eq!(host.count("rule.signed_in.unauthenticated"), 1, "it triggers no alert");
    waiting.pop();
    assert!(matches!(start(&mut host, &token), Progress::Held(_)), "a request that ends makes room");
    drop(waiting);

    let large = |number: usize| {
        let long = "x".repeat(5000);
        format!(
            "__session={}",
            signed(|draft| {
                draft.claim("iat", NOW_S - i64::try_from(number).unwrap());
                draft.claim("long", long);
            })
        )
    };
    let cookies = (0..16).map(large).collect::<Vec<_>>().join("; ");
    let search = get("/search", &[("cookie", cookies.as_str())]);
    let mut held = Vec::new();
    let refused = loop {
        match host.start(&search) {
            Progress::Done(result) => break result,
            waiting => held.push(waiting),
        }
    };
    assert_eq!(refused.code(), "keys_unavailable", "a caller with a cookie is not treated as anonymous");
    let kept = WAITING_BYTES_MAX / held.len();
    assert!(kept < 80_000, "only the tokens to check are kept of a request: {kept}");
    let first = held.remove(0);
    let left = held.len();
    drop(held);
    let again: Vec<Progress> =
        (0..=left).map(|_| host.start(&search)).take_while(|one| matches!(one, Progress::Held(_))).collect();
    assert_eq!(again.len(), left, "ended requests no longer count");
    host.answer_inquiries(200, &key_set(&[own_key()]));
    assert_eq!(host.finish(first).code(), "forwarded");
}

#[test]
fn everything_that_a_waiting_request_keeps_counts() {
    let mut host = jwks_gate();
    let token = signed_by(own_key());
    let name = format!("x-tollgate-{}", "x".repeat(50_000));
    let forged = get("/account", &[("authorization", token.as_str()), (name.as_str(), "")]);
    let held: Vec<Progress> = (0..WAITING_MAX)
        .map(|_| host.start(&forged))
        .take_while(|progress| matches!(progress, Progress::Held(_)))
        .collect();
    assert!((40..WAITING_BYTES_MAX / 50_000).contains(&held.len()), "{}", held.len());
}

#[test]
fn a_fetch_survives_the_request_that_started_it() {
    let mut host = jwks_gate();
    drop(start(&mut host, &signed_by(own_key())));
    let second = start(&mut host, &signed_by(own_key()));
    assert_eq!(host.inquiries().len(), 1);
    host.answer_inquiries(200, &key_set(&[own_key()]));
    assert_eq!(host.finish(second).code(), "forwarded");
}

#[test]
fn without_any_key_requests_are_refused_with_503() {
    let ends: [(&str, CalloutEnd); 7] = [
        ("down", Some(|| response(503, ""))),
        ("not a key set", Some(|| response(200, "<html>"))),
        ("no usable key", Some(|| response(200, "{\"keys\":[]}"))),
        ("late", Some(|| CalloutResult::TimedOut)),
        ("refused", Some(|| CalloutResult::Reset)),
        ("no such cluster", None),
        ("huge", Some(|| CalloutResult::TooLarge)),
    ];
    for (why, end) in ends {
        let mut host = jwks_gate();
        host.unknown_clusters.extend(end.is_none().then(|| "clerk_frontend".to_owned()));
        let first = start(&mut host, &signed_by(own_key()));
        if let Some(end) = end {
            host.end_inquiries(&end);
        }
        let result = host.finish(first);
        assert_eq!((result.status(), result.code()), (503, "keys_unavailable"), "{why}");
        assert_eq!(result.field("retry-after"), Some("1"), "{why}");
        assert_eq!(host.alarms("keys_unavailable").len(), 1, "{why}");

        let soon = start(&mut host, &signed_by(own_key())).result();
        assert_eq!(
            (soon.code(), host.inquiries().len()),
            ("keys_unavailable", 0),
            "{why}: not fetched again at once"
        );
        host.sleep_s(1);
        host.unknown_clusters.clear();
        assert_eq!(
            send(&mut host, &signed_by(own_key()), &key_set(&[own_key()])).code(),
            "forwarded",
            "{why}: then it succeeds"
        );
    }
}

#[test]
fn failed_fetches_are_counted_and_an_alarm_once_a_minute() {
    let mut host = jwks_gate();
    for (pause_s, failed, alarms) in [(0, 1, 1), (59, 2, 1), (1, 3, 2)] {
        host.sleep_s(pause_s);
        let started = start(&mut host, &signed_by(own_key()));
        host.end_inquiries(&|| CalloutResult::TimedOut);
        assert_eq!(host.finish(started).code(), "keys_unavailable");
        assert_eq!(
            (host.count("keys.fetch_failed"), host.alarms("keys_unavailable").len()),
            (failed, alarms)
        );
    }
}

#[test]
fn without_keys_a_request_with_a_cookie_is_not_anonymous() {
    let mut host = jwks_gate();
    let cookie = format!("__session={}", super::host::signed(|_| {}));
    let search = get("/search", &[("cookie", cookie.as_str())]);
    let started = host.start(&search);
    host.end_inquiries(&|| CalloutResult::TimedOut);
    assert_eq!(host.finish(started).code(), "keys_unavailable");
    assert_eq!(
        host.send(&get("/search", &[])).code(),
        "forwarded",
        "a request without a cookie needs no key"
    );
}

#[test]
fn an_old_set_is_refreshed_in_the_background() {
    let mut host = jwks_gate();
    send(&mut host, &signed_by(own_key()), &key_set(&[own_key()]));
    host.sleep_s(299);
    assert_eq!(start(&mut host, &with_subject("user_2")).result().code(), "forwarded");
    assert_eq!(host.inquiries().len(), 0, "not old yet");
    host.sleep_s(1);
    assert_eq!(start(&mut host, &with_subject("user_3")).result().code(), "forwarded", "no request waits");
    assert_eq!(start(&mut host, &with_subject("user_4")).result().code(), "forwarded");
    assert_eq!(host.inquiries().len(), 1);
    host.end_inquiries(&|| CalloutResult::TimedOut);
    assert_eq!(host.count("keys.fetch_failed"), 1);
    assert_eq!(start(&mut host, &with_subject("user_5")).result().code(), "forwarded", "the old keys stay");
    assert_eq!(host.inquiries().len(), 0, "no fetch for a while");
    host.sleep_s(5);
    start(&mut host, &with_subject("user_6")).result();
    assert_eq!(host.inquiries().len(), 1);
}

fn with_subject(user: &str) -> String {
    bearer(|draft| draft.claim("sub", user))
}

#[test]
fn a_new_key_is_fetched_when_a_token_names_it() {
    let mut host = jwks_gate();
    send(&mut host, &signed_by(own_key()), &key_set(&[own_key()]));
    host.sleep_s(5);
    let rotated = key_set(&[own_key(), other_key()]);
    assert_eq!(send(&mut host, &signed_by(other_key()), &rotated).code(), "forwarded");
    assert_eq!(
        start(&mut host, &signed_by(own_key())).result().code(),
        "forwarded",
        "the old one is still there"
    );
}

#[test]
fn a_token_whose_key_is_dropped_is_dropped_with_it() {
    let mut host = jwks_gate();
    let old = signed_by(own_key());
    assert_eq!(send(&mut host, &old, &key_set(&[own_key()])).code(), "forwarded");
    assert_eq!(start(&mut host, &old).result().code(), "forwarded", "from the cache");
    host.sleep_s(5);
    assert_eq!(send(&mut host, &signed_by(other_key()), &key_set(&[other_key()])).code(), "forwarded");
    host.sleep_s(5);
    let refused = send(&mut host, &old, &key_set(&[other_key()]));
    assert_eq!((refused.status(), refused.code()), (401, "unknown_key"));
}

#[test]
fn an_added_key_keeps_the_token_cache() {
    let mut host = jwks_gate();
    let old = signed_by(own_key());
    send(&mut host, &old, &key_set(&[own_key()]));
    host.sleep_s(5);
    send(&mut host, &signed_by(other_key()), &key_set(&[own_key(), other_key()]));
    let before = host.verifications;
    start(&mut host, &old).result();
    assert_eq!(host.verifications, before);
}

#[test]
fn unknown_keys_cause_one_fetch_in_five_seconds() {
    let mut host = jwks_gate();
    let set = key_set(&[own_key()]);
    send(&mut host, &signed_by(own_key()), &set);
    host.sleep_s(5);
    let mut fetches = 0;
    for number in 0..100 {
        let started = start(&mut host, &with_kid(&format!("ins_{number}")));
        fetches += host.inquiries().len();
        host.answer_inquiries(200, &set);
        assert_eq!(host.finish(started).code(), "unknown_key");
    }
    assert_eq!(fetches, 1);
}

#[test]
fn an_unknown_key_is_remembered_for_a_while() {
    let mut host = jwks_gate();
    let set = key_set(&[own_key()]);
    send(&mut host, &signed_by(own_key()), &set);
    host.sleep_s(5);
    let other = with_kid("ins_other");
    assert_eq!(send(&mut host, &other, &set).code(), "unknown_key");
    host.sleep_s(29);
    assert_eq!(start(&mut host, &other).result().code(), "unknown_key", "at once");
    assert_eq!(host.inquiries().len(), 0);
    host.sleep_s(1);
    assert!(matches!(start(&mut host, &other), Progress::Held(_)), "fetched again");
}

#[test]
fn a_key_is_not_unknown_if_the_fetch_failed() {
    let mut host = jwks_gate();
    send(&mut host, &signed_by(own_key()), &key_set(&[own_key()]));
    host.sleep_s(5);
    let started = start(&mut host, &signed_by(other_key()));
    host.end_inquiries(&|| CalloutResult::TimedOut);
    assert_eq!(host.finish(started).code(), "keys_unavailable", "it may be a new one");
    assert_eq!(start(&mut host, &signed_by(own_key())).result().code(), "forwarded");
    host.sleep_s(5);
    let rotated = key_set(&[own_key(), other_key()]);
    assert_eq!(
        send(&mut host, &signed_by(other_key()), &rotated).code(),
        "forwarded",
        "it was not remembered as unknown"
    );
}

#[test]
fn a_clock_that_stepped_back_delays_no_fetch() {
    let mut host = jwks_gate();
    let started = start(&mut host, &signed_by(own_key()));
    host.end_inquiries(&|| CalloutResult::Reset);
    host.finish(started);
    host.now = tollgate_core::time::Micros::from_secs(host.now.as_secs() - 3);
    assert_eq!(send(&mut host, &signed_by(own_key()), &key_set(&[own_key()])).code(), "forwarded");
}

#[test]
fn the_backend_apis_set_is_fetched_with_the_secret_key() {
    let keys = json!({"jwks": {"cluster": "clerk_api", "authority": "api.clerk.com", "path": "/v1/jwks"}});
    let mut host = gate_with(|gate| gate["keys"] = keys);
    drop(start(&mut host, &signed_by(own_key())));
    let callout = host.inquiries().remove(0);
    let Request::Http { method, authority, path, headers, .. } = callout.request else { panic!("HTTP") };
    assert_eq!((method, authority.as_str(), path.as_str()), ("GET", "api.clerk.com", "/v1/jwks"));
    assert!(headers.contains(&("authorization", "Bearer sk_test_1".to_owned())));
}
