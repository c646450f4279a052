//! Tests of reading Clerk Billing's subscription before a refusal, beside Clerk's own record or instead of
//! it.

use super::host::{GateResult, bearer, response};
use super::{Host, get};
use serde_json::{Value, json};
use tollgate_core::http::Request;
use tollgate_driver::CalloutResult;
use tollgate_fixtures::NOW_S;

const BOTH: &[&str] = &["public_metadata.plan", "clerk_billing"];
const BILLING_ONLY: &[&str] = &["clerk_billing"];

/// Returns a worker thread whose gate reads a user's plan from these claims.
fn confirming(claims: &[&str]) -> Host {
    Host::new(&configuration(claims), [1; 16])
}

fn configuration(claims: &[&str]) -> Value {
    super::configuration(|gate| {
        gate["confirm"] = json!({"cluster": "clerk_api"});
        gate["plan_claims"] = json!({"user": claims});
    })
}

/// Returns a token with these plans of Clerk Billing, and none in the metadata.
fn token(plans: &str) -> String {
    bearer(|draft| {
        draft.claim("public_metadata", json!({}));
        draft.claim("pla", json!(plans));
    })
}

fn record(plan: impl Into<Value>) -> CalloutResult {
    response(200, &json!({"id": "user_1", "public_metadata": {"plan": plan.into()}}).to_string())
}

/// Returns a billing subscription with one item.
fn billing(slug: &str, changes: Value) -> CalloutResult {
    let mut item = json!({
        "id": "csub_item_1", "status": "active", "plan": {"slug": slug, "is_default": false},
        "period_end": (NOW_S + 86_400) * 1_000,
    });
    item.as_object_mut().unwrap().extend(changes.as_object().cloned().unwrap_or_default());
    let subscription = json!({"object": "commerce_subscription", "subscription_items": [item]});
    response(200, &subscription.to_string())
}

fn error(status: u16, code: &str) -> CalloutResult {
    response(status, &json!({"errors": [{"code": code, "message": "x"}]}).to_string())
}

fn down() -> CalloutResult {
    error(503, "down")
}

/// Sends a request. The callout for the record ends with `record`, that for the billing subscription with
/// `billing`.
fn send(
    host: &mut Host,
    path: &str,
    authorization: &str,
    record: &CalloutResult,
    billing: &CalloutResult,
) -> GateResult {
    let started = host.start(&get(path, &[("authorization", authorization)]));
    for callout in host.new_callouts() {
        let Request::Http { path, .. } = &callout.callout.request else { panic!("HTTP") };
        let result = if path.ends_with("/billing/subscription") { billing } else { record };
        host.end_callout(callout.id, result.clone());
    }
    host.finish(started)
}

#[test]
fn the_higher_plan_of_the_record_and_of_clerk_billing_counts() {
    let past_due = |days: i64| {
        billing("pro_monthly", json!({"status": "past_due", "past_due_at": (NOW_S - days * 86_400) * 1_000}))
    };
    let missing = || error(404, "resource_not_found");
    let cases = [
        ("the record's", record("pro"), missing(), "forwarded"),
        ("Clerk Billing's", record("free"), billing("pro_monthly", json!({})), "forwarded"),
        ("a record without a plan", record(Value::Null), billing("pro_monthly", json!({})), "forwarded"),
        ("neither", record("free"), missing(), "plan_required"),
        (
            "Clerk Billing's has ended",
            record("free"),
            billing("pro_monthly", json!({"status": "ended"})),
            "plan_required",
        ),
        ("a lower one of Clerk Billing", record("pro"), billing("free", json!({})), "forwarded"),
        ("within the usual grace period", record("free"), past_due(13), "forwarded"),
        ("after it", record("free"), past_due(14), "plan_required"),
        ("a slug that maps to no plan", record("free"), billing("gold", json!({})), "plan_required"),
        (
            "a slug that maps to no plan, beside the record's",
            record("pro"),
            billing("gold", json!({})),
            "forwarded",
        ),
        (
            "a plan of the record that is not known",
            record("gold"),
            billing("pro_monthly", json!({})),
            "forwarded",
        ),
        ("Billing is switched off", record("pro"), error(422, "billing_off"), "forwarded"),
        (
            "Billing is switched off, and the record has none",
            record("free"),
            error(403, "off"),
            "plan_required",
        ),
        ("the record cannot be read", down(), billing("pro_monthly", json!({})), "plan_required"),
        ("Clerk Billing cannot be read", record("pro"), down(), "plan_required"),
        ("Clerk Billing's response is about another user", record("pro"), record("pro"), "plan_required"),
    ];
    for (why, record, billing, want) in cases {
        let mut host = confirming(BOTH);
        let result = send(&mut host, "/reports", &token("u:free"), &record, &billing);
        assert_eq!(result.code(), want, "{why}");
        assert_eq!(host.count("confirm.asked"), 1, "{why}");
    }
}

#[test]
fn where_only_clerk_billing_has_the_plan_it_alone_is_read() {
    let mut host = confirming(BILLING_ONLY);
    let started = host.start(&get("/reports", &[("authorization", &token("u:free"))]));
    let callouts = host.new_callouts();
    let paths: Vec<&str> = callouts
        .iter()
        .map(|started| match &started.callout.request {
            Request::Http { path, .. } => path.as_str(),
            Request::Grpc { .. } => panic!("HTTP"),
        })
        .collect();
    assert_eq!(paths, ["/v1/users/user_1/billing/subscription"]);
    host.end_callout(callouts[0].id, billing("pro_monthly", json!({})));
    let result = host.finish(started);
    assert_eq!((result.code(), result.upstream("x-tollgate-plan")), ("forwarded", Some("pro")));
}

#[test]
fn both_are_requested_at_once_and_other_requests_wait_for_both() {
    for order in [[0, 1], [1, 0]] {
        let mut host = confirming(BOTH);
        let token = token("u:free");
        let request = get("/reports", &[("authorization", &token)]);
        let started: Vec<_> = (0..3).map(|_| host.start(&request)).collect();
        let callouts = host.new_callouts();
        assert_eq!(callouts.len(), 2, "one request for all of them");
        for index in order {
            assert!(host.new_callouts().is_empty());
            let path = match &callouts[index].callout.request {
                Request::Http { path, .. } => path.clone(),
                Request::Grpc { .. } => panic!("HTTP"),
            };
            let result = if path.ends_with("subscription") {
                billing("pro_monthly", json!({}))
            } else {
                record("free")
            };
            host.end_callout(callouts[index].id, result);
        }
        for started in started {
            assert_eq!(host.finish(started).code(), "forwarded", "{order:?}");
        }
    }
}

#[test]
fn what_clerk_billing_does_not_say_lowers_no_plan() {
    let unclear = [
        ("an unmapped slug", billing("gold", json!({})), "unmapped_clerk_plan"),
        ("a null plan", billing("gold", json!({"plan": null})), "unmapped_clerk_plan"),
        ("an unknown status", billing("free", json!({"status": "resting"})), "unknown_status"),
        ("Billing is switched off", error(403, "off"), "clerk_billing_off"),
    ];
    for (why, unclear, alarm) in unclear {
        let mut host = confirming(BILLING_ONLY);
        let mut other = host.another_worker(&configuration(BILLING_ONLY), [2; 16]);
        let pro = token("u:pro_monthly");
        let refused = send(&mut host, "/login", &pro, &down(), &unclear);
        assert_eq!(refused.code(), "feature_required", "{why}");
        assert_eq!(host.alarms(alarm).len(), 1, "{why}");
        for host in [&mut host, &mut other] {
            let result = host.send(&get("/reports", &[("authorization", &pro)]));
            assert_eq!(
                (result.code(), result.upstream("x-tollgate-plan")),
                ("forwarded", Some("pro")),
                "{why}"
            );
        }
        // Another worker finds it in the shared records, and it lowers nothing there either.
        let refused = send(&mut other, "/login", &pro, &down(), &down());
        assert_eq!(refused.code(), "feature_required", "{why}");
        let result = other.send(&get("/reports", &[("authorization", &pro)]));
        assert_eq!(result.code(), "forwarded", "{why}");
    }
}

#[test]
fn a_plan_that_has_ended_at_clerk_billing_ends_with_the_confirmation() {
    let mut host = confirming(BOTH);
    let pro = token("u:pro_monthly");
    let ended = billing("pro_monthly", json!({"status": "canceled", "period_end": NOW_S * 1_000}));
    assert_eq!(send(&mut host, "/login", &pro, &record("free"), &ended).code(), "feature_required");
    assert_eq!(send(&mut host, "/reports", &pro, &down(), &down()).code(), "plan_required");
}

#[test]
fn two_calls_count_twice_against_the_limit_of_the_process() {
    for (claims, want) in [(BILLING_ONLY, 100), (BOTH, 50)] {
        let mut host = confirming(claims);
        for number in 0..150 {
            let token = bearer(|draft| {
                draft.claim("sub", json!(format!("user_{number}")));
                draft.claim("public_metadata", json!({}));
            });
            send(&mut host, "/reports", &token, &down(), &down());
        }
        assert_eq!(host.count("confirm.asked"), want);
    }
}
