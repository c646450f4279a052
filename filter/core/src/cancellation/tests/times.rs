//! When a subscription of a deleted user ends, by the configuration and its state.

use super::*;
use crate::cancellation::CancellationResult;
use crate::config::CancellationTime::{self, Now, PeriodEnd};
use serde_json::{Value, json};

const AT_PERIOD_END: &str = "POST subscriptions/sub_1 cancel_at_period_end=true";
const NOW: &str = "DELETE subscriptions/sub_1?invoice_now=false&prorate=false";

/// Returns the writes for a subscription with these members, and the modes in the audit.
fn cancel(changes: Value, at: CancellationTime) -> (Vec<String>, Vec<String>) {
    let mut apis = ScriptedApis::new([subscription("sub_1", changes)]);
    let (end, lines) = run(&mut apis, at);
    assert_eq!(end.canceled, apis.writes().len());
    assert!(end.result.is_ok() && !end.has_alarms, "{end:?}");
    (apis.writes(), audited(&lines).into_iter().map(|(_, mode)| mode).collect())
}

#[test]
fn a_live_subscription_ends_with_its_period_or_now() {
    for status in ["active", "trialing", "past_due", "unpaid", "a_new_status"] {
        let (writes, modes) = cancel(json!({"status": status}), PeriodEnd);
        assert_eq!(
            (writes, modes),
            (vec![AT_PERIOD_END.to_owned()], vec!["cancel_at_period_end".to_owned()])
        );
        let (writes, modes) = cancel(json!({"status": status}), Now);
        assert_eq!((writes, modes), (vec![NOW.to_owned()], vec!["cancel".to_owned()]), "{status}");
    }
}

#[test]
fn a_subscription_without_a_paid_period_ends_now() {
    for status in ["incomplete", "paused"] {
        for at in [PeriodEnd, Now] {
            let (writes, modes) = cancel(json!({"status": status}), at);
            assert_eq!((writes, modes), (vec![NOW.to_owned()], vec!["cancel".to_owned()]), "{status}");
        }
    }
}

#[test]
fn a_subscription_that_ends_anyway_is_left_alone() {
    let cases = [
        ("ended", json!({"status": "canceled"}), true, true),
        ("never paid", json!({"status": "incomplete_expired"}), true, true),
        ("ends with its period", json!({"cancel_at_period_end": true}), true, false),
        ("ends earlier", json!({"cancel_at": NOW_S + 500}), true, false),
        ("ends much later", json!({"cancel_at": NOW_S + 9_000}), false, false),
    ];
    for (why, changes, stays_at_period_end, stays_now) in cases {
        for (at, stays) in [(PeriodEnd, stays_at_period_end), (Now, stays_now)] {
            let (writes, _) = cancel(changes.clone(), at);
            assert_eq!(writes.is_empty(), stays, "{why}, {at:?}: {writes:?}");
        }
    }
}

#[test]
fn the_audit_says_what_was_canceled_and_why() {
    let mut apis = ScriptedApis::new([subscription("sub_1", json!({}))]);
    let (end, lines) = run(&mut apis, PeriodEnd);
    assert_eq!((end.subject.as_str(), end.canceled), ("user_1", 1));
    let want = r#"{"audit":"subscription_canceled","event":"msg_1","customer":"cus_1","subject":"user_1","subscription":"sub_1","mode":"cancel_at_period_end","reason":"user.deleted"}"#;
    assert_eq!(lines, [want]);
}

#[test]
fn a_schedule_of_tollgate_is_released_first() {
    let schedule = |status: &str, metadata: Value| {
        let phases = json!([{"start_date": 1, "end_date": NOW_S + 1_000, "items": []}]);
        json!({"id": "sub_sched_1", "created": 5, "status": status, "metadata": metadata, "phases": phases})
    };
    let own = json!({"source": "tollgate"});
    let release = "POST subscription_schedules/sub_sched_1/release";
    for (at, write) in [(PeriodEnd, AT_PERIOD_END), (Now, NOW)] {
        let mut apis = ScriptedApis::new([subscription("sub_1", json!({"schedule": "sub_sched_1"}))]);
        apis.schedules.insert("sub_sched_1".to_owned(), schedule("active", own.clone()));
        let (end, _) = run(&mut apis, at);
        assert_eq!((apis.writes(), end.canceled), (vec![release.to_owned(), write.to_owned()], 1));

        // Another request has just released it.
        let mut apis = ScriptedApis::new([subscription("sub_1", json!({"schedule": "sub_sched_1"}))]);
        apis.schedules.insert("sub_sched_1".to_owned(), schedule("active", own.clone()));
        apis.faults.push(("/release", Fault::ResponseLost));
        assert!(run(&mut apis, at).0.result.is_err(), "not known to be released");
        let (end, _) = run(&mut apis, at);
        assert_eq!((apis.writes().len(), end.canceled, end.result.is_ok()), (2, 1, true));
    }

    let mut apis = ScriptedApis::new([subscription("sub_1", json!({"schedule": "sub_sched_1"}))]);
    apis.schedules.insert("sub_sched_1".to_owned(), schedule("active", json!({})));
    let (end, lines) = run(&mut apis, Now);
    assert_eq!((apis.writes().len(), end.canceled, end.result), (0, 0, Ok(CancellationResult::NotCanceled)));
    assert_eq!(alarms(&lines), ["deleted_subject_scheduled"]);
    assert!(lines[0].contains(r#""object":"sub_1""#), "{lines:?}");
}
