//! Stripe's events with the attempts to deliver them, as the pages show them.

use super::history::KEPT_MAX;
use crate::fakes::stripe::{DeliveryAttempt, DeliveryReason};
use serde::Serialize;
use serde_json::Value;

/// The maximum number of attempts that are shown of one event: the newest.
const ATTEMPTS_MAX: usize = 20;

/// An event of Stripe and the attempts to deliver it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct ShownDelivery {
    pub(super) id: String,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    attempts: Vec<ShownAttempt>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct ShownAttempt {
    time: i64,
    status: Option<u16>,
    outcome: Option<String>,
    note: &'static str,
}

/// Returns the newest events of these attempts, in the order of their first attempts.
pub(super) fn by_event(attempts: &[DeliveryAttempt]) -> Vec<ShownDelivery> {
    let mut deliveries: Vec<ShownDelivery> = Vec::new();
    for attempt in attempts {
        let shown = ShownAttempt {
            time: attempt.ended_at_ms,
            status: attempt.status,
            outcome: outcome(&attempt.body),
            note: note(attempt.reason),
        };
        match deliveries.iter_mut().find(|delivery| delivery.id == attempt.event) {
            Some(delivery) => delivery.attempts.push(shown),
            None => deliveries.push(ShownDelivery {
                id: attempt.event.clone(),
                kind: attempt.kind.clone(),
                created: attempt.created,
                attempts: vec![shown],
            }),
        }
    }
    // More than the history keeps would push one another out of it again and again.
    deliveries.drain(..deliveries.len().saturating_sub(KEPT_MAX));
    for delivery in &mut deliveries {
        let older = delivery.attempts.len().saturating_sub(ATTEMPTS_MAX);
        delivery.attempts.drain(..older);
    }
    deliveries
}

/// Returns the status of a receipt or the code of a refusal.
fn outcome(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let is_problem = body["code"].is_string();
    body[if is_problem { "code" } else { "status" }].as_str().map(str::to_owned)
}

fn note(reason: DeliveryReason) -> &'static str {
    match reason {
        DeliveryReason::First => "delivered by Stripe",
        DeliveryReason::Retry => "retry",
        DeliveryReason::Again => "delivered again",
        DeliveryReason::Late => "delivered late",
        DeliveryReason::Forged => "forged",
        DeliveryReason::OutOfOrder => "out of order",
    }
}

/// Returns the ids of the newest two events that Stripe has delivered, the newer one first.
pub(super) fn newest_two(attempts: &[DeliveryAttempt]) -> Option<[String; 2]> {
    let firsts = attempts.iter().rev().filter(|attempt| attempt.reason == DeliveryReason::First);
    let mut ids: Vec<&str> = Vec::new();
    for attempt in firsts {
        if !ids.contains(&attempt.event.as_str()) {
            ids.push(&attempt.event);
        }
    }
    Some([(*ids.first()?).to_owned(), (*ids.get(1)?).to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attempt(event: &str, reason: DeliveryReason, status: Option<u16>, body: &str) -> DeliveryAttempt {
        DeliveryAttempt {
            event: event.to_owned(),
            kind: "invoice.paid".to_owned(),
            created: 1_795_939_200,
            reason,
            ended_at_ms: 7,
            status,
            body: body.to_owned(),
        }
    }

    #[test]
    fn attempts_are_shown_below_their_event() {
        let attempts = [
            attempt("evt_1", DeliveryReason::First, None, ""),
            attempt("evt_2", DeliveryReason::First, Some(200), r#"{"received":true,"status":"ignored"}"#),
            attempt(
                "evt_1",
                DeliveryReason::Retry,
                Some(503),
                r#"{"status":503,"code":"upstream_unavailable"}"#,
            ),
            attempt("evt_1", DeliveryReason::Retry, Some(502), "<html>"),
        ];
        let want = json!([
            {"id": "evt_1", "type": "invoice.paid", "created": 1_795_939_200, "attempts": [
                {"time": 7, "status": null, "outcome": null, "note": "delivered by Stripe"},
                {"time": 7, "status": 503, "outcome": "upstream_unavailable", "note": "retry"},
                {"time": 7, "status": 502, "outcome": null, "note": "retry"},
            ]},
            {"id": "evt_2", "type": "invoice.paid", "created": 1_795_939_200, "attempts": [
                {"time": 7, "status": 200, "outcome": "ignored", "note": "delivered by Stripe"},
            ]},
        ]);
        assert_eq!(serde_json::to_value(by_event(&attempts)).expect("JSON"), want);
    }

    #[test]
    fn the_newest_attempts_are_shown() {
        let mut attempts = vec![attempt("evt_1", DeliveryReason::First, Some(500), "")];
        attempts.resize(ATTEMPTS_MAX + 1, attempt("evt_1", DeliveryReason::Retry, Some(500), ""));
        let shown = by_event(&attempts);
        assert_eq!((shown[0].attempts.len(), shown[0].attempts[0].note), (ATTEMPTS_MAX, "retry"));
    }

    #[test]
    fn no_more_events_are_shown_than_the_history_keeps() {
        let attempts: Vec<_> = (0..=KEPT_MAX)
            .map(|n| attempt(&format!("evt_{n}"), DeliveryReason::First, Some(200), ""))
            .collect();
        let shown = by_event(&attempts);
        assert_eq!((shown.len(), shown[0].id.as_str()), (KEPT_MAX, "evt_1"));
    }

    #[test]
    fn the_newest_two_events_are_those_that_stripe_sent_last() {
        let attempts = [
            attempt("evt_1", DeliveryReason::First, Some(200), ""),
            attempt("evt_2", DeliveryReason::First, Some(503), ""),
            attempt("evt_3", DeliveryReason::First, Some(200), ""),
            attempt("evt_1", DeliveryReason::Again, Some(200), ""),
            attempt("evt_forged", DeliveryReason::Forged, Some(400), ""),
        ];
        assert_eq!(newest_two(&attempts), Some(["evt_3".to_owned(), "evt_2".to_owned()]));
        assert_eq!(newest_two(&attempts[..1]), None);
    }
}
