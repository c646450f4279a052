//! Deliveries about deleted users and organizations.

use super::*;
use crate::machine::CallId;
use crate::report::MetricId;

/// The response to a callout whose path contains the words.
type Answers<'a> = &'a [(&'a str, u16, Value)];

/// Returns a worker that cancels at once, with these fields changed.
fn canceling(fields: Value) -> ClerkWorker {
    let mut all = json!({
        "billing": "off", "instance": "ins_1", "on_deleted": "cancel", "stripe": {"cluster": "stripe_api"},
    });
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    worker(all)
}

/// Delivers the deletion of a user who is no duplicate. Returns the last action, and all reports.
fn delete(worker: &mut ClerkWorker, answers: Answers<'_>) -> (Action, Vec<Report>) {
    let (mut delivery, step) =
        deliver(worker, &event("user.deleted", json!({"id": "user_1", "deleted": true})));
    assert!(matches!(step.action, Action::Load { .. }), "checks for a duplicate first: {step:?}");
    let absent = || Input::Loaded { value: None, version: Version::ABSENT };
    let mut step = delivery.handle(worker, NOW, absent());
    let mut calls: Vec<(CallId, Callout)> = Vec::new();
    let mut reports = Vec::new();
    loop {
        reports.append(&mut step.reports);
        match step.action {
            Action::Call(started) => calls.extend(started),
            Action::Wait => {}
            // The event is remembered.
            Action::Load { .. } => {
                step = delivery.handle(worker, NOW, absent());
                assert!(matches!(step.action, Action::Swap { .. }), "{step:?}");
                step = delivery.handle(worker, NOW, Input::Swapped { stored: true });
                return (step.action, reports);
            }
            action => return (action, reports),
        }
        let (call, callout) = calls.remove(0);
        let request = format!("{:?}", callout.request);
        let answer = answers.iter().find(|(words, ..)| request.contains(words));
        let (_, status, body) = answer.unwrap_or_else(|| panic!("{request}"));
        let (headers, body) = (HeaderMap::default(), body.to_string());
        let outcome =
            crate::http::Outcome::Response { status: *status, headers: &headers, body: body.as_bytes() };
        step = delivery.handle(worker, NOW, Input::CalloutEnded { call, outcome });
    }
}

fn gone() -> (&'static str, u16, Value) {
    ("/users/user_1", 404, json!({"errors": [{"code": "resource_not_found"}]}))
}

/// Returns how often a metric was counted.
fn count(worker: &ClerkWorker, reports: &[Report], name: &str) -> usize {
    let name = format!("tollgate.clerk_webhook.{name}");
    let id = worker.metrics().iter().position(|metric| metric.name == name).expect("a defined metric");
    reports.iter().filter(|report| **report == Report::Count(MetricId(id))).count()
}

#[test]
fn the_subscriptions_of_a_deleted_user_are_canceled() {
    let live = json!({
        "id": "sub_1", "customer": "cus_1", "status": "active", "metadata": {"clerk_user_id": "user_1"}, "created": 1,
        "items": {"data": []},
    });
    let answers = [
        gone(),
        ("/customers/search", 200, json!({"data": [{"object": "customer", "id": "cus_1"}]})),
        ("/subscriptions/search", 200, json!({"data": []})),
        ("GET api.stripe.com/v1/subscriptions", 200, json!({"data": [live]})),
        ("DELETE api.stripe.com/v1/subscriptions/sub_1", 200, json!({"id": "sub_1"})),
    ];
    let mut worker = canceling(json!({}));
    let (action, reports) = delete(&mut worker, &answers);
    let want =
        json!({"received": true, "status": "processed", "event": ID, "subject": "user_1", "canceled": 1});
    assert_eq!(reply(action), (200, want));
    assert_eq!(lines(&reports).len(), 1);
    assert_eq!(count(&worker, &reports, "subscriptions_canceled"), 1);
    assert_eq!(count(&worker, &reports, "processed"), 1);
}

#[test]
fn a_user_who_exists_and_a_refused_search_have_their_own_results() {
    let refused = json!({"error": {"type": "invalid_request_error", "message": "no search"}});
    let cases = [
        ("subject_exists", vec![("/users/user_1", 200, json!({"id": "user_1"}))]),
        ("not_canceled", vec![gone(), ("/search", 400, refused)]),
    ];
    for (status, answers) in cases {
        let mut worker = canceling(json!({}));
        let (action, reports) = delete(&mut worker, &answers);
        let want =
            json!({"received": true, "status": status, "event": ID, "subject": "user_1", "canceled": 0});
        assert_eq!(reply(action), (200, want));
        assert_eq!((lines(&reports).len(), count(&worker, &reports, status)), (1, 1), "{status}");
    }
}

#[test]
fn a_failure_makes_clerk_retry_and_counts_the_service() {
    for (answers, status, service) in [
        (vec![("/users/user_1", 500, json!({}))], 503, "clerk"),
        (vec![("/users/user_1", 401, json!({}))], 500, "clerk"),
        (vec![gone(), ("/search", 503, json!({}))], 503, "stripe"),
    ] {
        let mut worker = canceling(json!({}));
        let (action, reports) = delete(&mut worker, &answers);
        assert_eq!(reply(action).0, status);
        assert_eq!(count(&worker, &reports, "failed"), 1);
        assert_eq!(count(&worker, &reports, &format!("callouts_failed.{service}")), 1);
    }
}

#[test]
fn a_deletion_at_another_instance_or_as_shipped_cancels_nothing() {
    let deleted = event("organization.deleted", json!({"id": "org_1", "deleted": true}));
    let (_, step) = deliver(&mut canceling(json!({"instance": "ins_2"})), &deleted);
    assert!(lines(&step.reports)[0].contains("wrong_instance"), "{:?}", step.reports);
    assert_eq!(reply(step.action).1["status"], "ignored");
    let (_, step) = deliver(&mut canceling(json!({"on_deleted": "keep"})), &deleted);
    assert_eq!(reply(step.action).1["status"], "ignored");
    let (_, step) = deliver(&mut canceling(json!({"on_deleted": "cancel_at_period_end"})), &deleted);
    assert!(matches!(step.action, Action::Load { .. }), "{step:?}");
}
