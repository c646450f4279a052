//! Failures of Stripe and Clerk: nothing is canceled wrongly, and a retry completes what is left.

use super::apis::run_within;
use super::*;
use crate::cancellation::CancellationResult;
use crate::config::CancellationTime::{Now, PeriodEnd};
use crate::sync::{Service, SyncError};
use serde_json::{Value, json};
use std::time::Duration;

fn apis() -> ScriptedApis {
    ScriptedApis::new(["sub_1", "sub_2", "sub_3"].map(|id| subscription(id, json!({}))))
}

fn is_transient(error: &SyncError, of: Service) -> bool {
    matches!(error, SyncError::Transient { service, .. } if *service == of)
}

#[test]
fn only_clerks_own_404_means_that_the_user_is_gone() {
    let cases = [
        (500, json!({}), false),
        (429, json!({}), false),
        (401, json!({}), true),
        (403, json!({}), true),
        (404, json!({}), true),
        (422, json!({"errors": [{"code": "x"}]}), true),
        (200, json!({"id": "user_2"}), false),
    ];
    for (status, body, needs_operator) in cases {
        let mut apis = apis();
        apis.faults.push(("/v1/users/", Fault::Status(status, body)));
        let (end, lines) = run(&mut apis, Now);
        let error = end.result.unwrap_err();
        assert_eq!(
            (error.needs_operator(), error.service()),
            (needs_operator, Some(Service::Clerk)),
            "{status}"
        );
        assert_eq!((apis.requests.len(), alarms(&lines).len()), (1, 1), "{status}: nothing else is asked");
    }
    let mut apis = apis();
    apis.faults.push(("/v1/users/", Fault::Lost));
    assert!(is_transient(&run(&mut apis, Now).0.result.unwrap_err(), Service::Clerk));
}

#[test]
fn a_search_that_stripe_refuses_is_an_alarm() {
    let mut apis = apis();
    for kind in ["customers/search", "subscriptions/search"] {
        apis.faults.push((kind, Fault::refused(400, "", "Search is not available in your country.")));
    }
    let (end, lines) = run(&mut apis, Now);
    assert_eq!((end.result, end.canceled), (Ok(CancellationResult::NotCanceled), 0));
    assert!(end.has_alarms);
    assert_eq!((alarms(&lines), apis.writes().len()), (vec!["deleted_subject_unsearched".to_owned()], 0));
}

#[test]
fn a_failed_search_fails_the_whole_and_what_else_is_found_is_canceled() {
    let permission = Fault::refused(403, "more_permissions_required", "needs 'rak_customer_read'");
    let cases = [
        (Fault::Lost, false),
        (Fault::Status(503, json!({})), false),
        (Fault::refused(429, "rate_limit", ""), false),
        (permission, true),
    ];
    for (fault, needs_operator) in cases {
        let own = json!({"metadata": {"clerk_user_id": "user_1"}, "customer": "cus_2"});
        let mut apis = ScriptedApis::new([subscription("sub_1", json!({})), subscription("sub_2", own)]);
        apis.faults.push(("customers/search", fault.clone()));
        let (end, lines) = run(&mut apis, Now);
        assert_eq!(end.result.unwrap_err().needs_operator(), needs_operator, "{fault:?}");
        assert_eq!(audited(&lines), [("sub_2".to_owned(), "cancel".to_owned())], "{fault:?}");
        let (end, lines) = run(&mut apis, Now);
        assert_eq!((end.result, end.canceled), (Ok(CancellationResult::Done), 1), "{fault:?}");
        assert_eq!(audited(&lines), [("sub_1".to_owned(), "cancel".to_owned())], "{fault:?}");
    }
}

#[test]
fn all_pages_are_read() {
    let of = |customer: usize| {
        subscription(&format!("sub_{customer}"), json!({"customer": format!("cus_{customer}")}))
    };
    let mut apis = ScriptedApis::new((10..15).map(of));
    apis.customers = (10..15).map(|n| (format!("cus_{n}"), json!({"clerk_user_id": "user_1"}))).collect();
    apis.page = 2;
    assert_eq!(run(&mut apis, Now).0.canceled, 5);

    // The subscriptions of one customer on two pages: the first hundred belong to another user.
    let of_another =
        |n: usize| subscription(&format!("sub_{n}"), json!({"metadata": {"clerk_user_id": "user_2"}}));
    let mut apis = ScriptedApis::new((100..250).map(of_another).chain([subscription("sub_999", json!({}))]));
    let (end, lines) = run(&mut apis, Now);
    assert_eq!(
        (end.result, audited(&lines)),
        (Ok(CancellationResult::Done), vec![("sub_999".to_owned(), "cancel".to_owned())])
    );
}

#[test]
fn what_exceeds_a_maximum_fails_and_the_rest_is_canceled() {
    let customers = |count: usize, page: usize| {
        let id = |n: usize| format!("cus_{}", n + 100);
        let of = |n: usize| subscription(&format!("sub_{n}"), json!({"customer": id(n)}));
        let mut apis = ScriptedApis { page, ..ScriptedApis::new((0..count).map(of)) };
        apis.customers = (0..count).map(|n| (id(n), json!({"clerk_user_id": "user_1"}))).collect();
        apis
    };
    let many_at_once = ScriptedApis::new(
        (0..60).map(|n| subscription(&format!("sub_{n}"), json!({"metadata": {"clerk_user_id": "user_1"}}))),
    );
    let without_metadata = ScriptedApis::new((0..25).map(|n| subscription(&format!("sub_{n}"), json!({}))));
    let cases = [
        ("customers", customers(21, 0), 20),
        ("pages of a search", customers(11, 1), 10),
        ("cancellations", many_at_once, 50),
        ("sessions", without_metadata, 20),
    ];
    for (why, mut apis, canceled) in cases {
        let (end, _) = run(&mut apis, Now);
        assert_eq!((end.result, end.canceled), (Err(SyncError::TooMany), canceled), "{why}");
    }
}

#[test]
fn a_failed_cancellation_stops_no_other_and_a_retry_completes_it() {
    for (at, words) in [(PeriodEnd, "POST /v1/subscriptions/sub_2"), (Now, "DELETE /v1/subscriptions/sub_2")]
    {
        let mut apis = apis();
        apis.faults.push((words, Fault::Lost));
        let (end, lines) = run(&mut apis, at);
        assert!(is_transient(&end.result.unwrap_err(), Service::Stripe));
        assert_eq!((end.canceled, alarms(&lines)), (2, vec!["upstream_unavailable".to_owned()]));
        let before = apis.writes().len();
        let (end, lines) = run(&mut apis, at);
        assert_eq!((end.result, apis.writes().len() - before), (Ok(CancellationResult::Done), 1));
        assert_eq!(audited(&lines)[0].0, "sub_2");
        assert_eq!(run(&mut apis, at).0.canceled, 0, "nothing is done twice");
    }
}

#[test]
fn a_lost_response_is_found_by_reading_the_subscription_again() {
    for (at, words) in [(PeriodEnd, "POST /v1/subscriptions/sub_2"), (Now, "DELETE /v1/subscriptions/sub_2")]
    {
        let mut apis = apis();
        apis.faults.push((words, Fault::ResponseLost));
        let (end, lines) = run(&mut apis, at);
        assert_eq!((end.result, end.canceled, audited(&lines).len()), (Ok(CancellationResult::Done), 3, 3));
        // If it cannot be read either, the retry finds it canceled.
        let mut apis = self::apis();
        apis.faults = vec![(words, Fault::ResponseLost), ("GET /v1/subscriptions/sub_2", Fault::Lost)];
        assert_eq!(run(&mut apis, at).0.canceled, 2);
        let before = apis.writes().len();
        let (end, _) = run(&mut apis, at);
        assert_eq!((end.result, apis.writes().len()), (Ok(CancellationResult::Done), before));
    }
}

#[test]
fn a_refused_cancellation_needs_an_operator() {
    let permission = Fault::refused(403, "more_permissions_required", "needs 'rak_subscription_write'");
    for (fault, is_forbidden) in [(Fault::refused(400, "", "no"), false), (permission, true)] {
        let mut apis = apis();
        apis.faults.push(("DELETE /v1/subscriptions/sub_1", fault.clone()));
        let (end, _) = run(&mut apis, Now);
        let error = end.result.unwrap_err();
        let endpoint = "DELETE /v1/subscriptions/:id";
        assert!(error.is_refusal(), "{fault:?}");
        assert_eq!(
            matches!(error, SyncError::Forbidden { endpoint: found, .. } if found == endpoint),
            is_forbidden,
            "{fault:?}"
        );
        assert_eq!(end.canceled, 2, "{fault:?}");
    }
    // Another request has canceled it in the meantime.
    let mut apis = apis();
    let missing = Fault::refused(404, "resource_missing", "No such subscription");
    apis.faults.push(("DELETE /v1/subscriptions/sub_1", missing));
    let (end, lines) = run(&mut apis, Now);
    assert_eq!((end.result, end.canceled, audited(&lines).len()), (Ok(CancellationResult::Done), 2, 2));
}

#[test]
fn without_the_sessions_of_an_unnamed_subscription_it_stays() {
    let unreadable = json!({"data": [{"id": 7}], "has_more": false});
    let faults = [
        (Fault::Lost, false),
        (Fault::refused(403, "more_permissions_required", "needs 'rak_checkout_session_read'"), true),
        (Fault::Status(200, unreadable), false),
    ];
    for (fault, needs_operator) in faults {
        let mut apis = apis();
        apis.faults.push(("sessions?subscription=sub_1", fault.clone()));
        let (end, _) = run(&mut apis, Now);
        assert_eq!(end.result.unwrap_err().needs_operator(), needs_operator, "{fault:?}");
        assert_eq!(apis.subscriptions["sub_1"]["status"], "active", "{fault:?}");
        assert_eq!(end.canceled, 2, "{fault:?}");
    }
}

#[test]
fn unreadable_parts_of_a_list_fail_or_are_an_alarm() {
    let mut apis = apis();
    apis.subscriptions.get_mut("sub_1").unwrap()["status"] = Value::Null;
    let (end, _) = run(&mut apis, Now);
    assert!(is_transient(&end.result.unwrap_err(), Service::Stripe), "it may be the user's");
    assert_eq!(end.canceled, 2);

    let mut apis = self::apis();
    apis.subscriptions.insert("sub/1".to_owned(), subscription("sub/1", json!({})));
    let (end, lines) = run(&mut apis, Now);
    assert_eq!((end.result, end.canceled), (Ok(CancellationResult::NotCanceled), 3));
    assert_eq!(alarms(&lines), ["unknown_ids"]);
    assert!(!lines.iter().any(|line| line.contains("sub/1")), "{lines:?}");
}

#[test]
fn no_callout_starts_after_the_time_is_over() {
    let mut apis = apis();
    let (end, lines) = run_within(&mut apis, Now, Duration::from_secs(2), Duration::from_millis(450));
    assert_eq!(end.result, Err(SyncError::OutOfTime));
    assert_eq!((apis.writes().len(), alarms(&lines)), (0, vec!["out_of_time".to_owned()]));
}
