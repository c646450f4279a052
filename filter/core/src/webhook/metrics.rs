//! The metrics of the webhook filter: one counter for each result of a delivery, followed by the metrics of
//! syncs, and the counter of canceled subscriptions. A metric's id is its position in this order.

use super::result::DeliveryResult;
use super::source::SourceLabels;
use crate::report::{MetricDefinition, MetricId, MetricKind, Report};
use crate::sync::SyncMetrics;

/// The metrics of the syncs that deliveries start.
pub(super) const SYNC: SyncMetrics = SyncMetrics::starting_at(DeliveryResult::ALL.len());

/// Returns the report that counts a delivery with this result.
pub(super) fn result_count(result: DeliveryResult) -> Report {
    Report::Count(MetricId(result as usize))
}

/// Returns the report that counts a subscription of a deleted subject that was canceled.
pub(super) fn canceled_count() -> Report {
    Report::Count(MetricId(SYNC.end()))
}

/// Returns the definitions of all metrics of a source in the order of their ids.
pub(super) fn definitions(labels: &SourceLabels) -> Vec<MetricDefinition> {
    let results = DeliveryResult::ALL.into_iter().map(|result| MetricDefinition {
        kind: MetricKind::Counter,
        name: format!("{}.{}", labels.result_metrics, result.as_str()),
    });
    let canceled = labels.cancels_subscriptions.then(|| MetricDefinition {
        kind: MetricKind::Counter,
        name: format!("{}.subscriptions_canceled", labels.metrics),
    });
    results.chain(SyncMetrics::definitions(labels.metrics)).chain(canceled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{Service, SyncEnd, SyncError};
    use crate::time::Micros;
    use crate::webhook::source::EventSource;
    use crate::webhook::source::stripe::StripeSource;

    #[test]
    fn each_metric_id_has_the_matching_name() {
        let definitions = definitions(&StripeSource::LABELS);
        let name = |report: Report| match report {
            Report::Count(MetricId(index)) | Report::Record(MetricId(index), _) => {
                definitions[index].name.as_str()
            }
            Report::Line(..) => panic!("not a metric"),
        };
        for result in DeliveryResult::ALL {
            let want = format!("tollgate.webhook.result.{}", result.as_str());
            assert_eq!(name(result_count(result)), want);
        }
        assert_eq!(name(result_count(DeliveryResult::TooLarge)), "tollgate.webhook.result.too_large");
        for (service, want) in [(Service::Stripe, "stripe"), (Service::Clerk, "clerk")] {
            let failed = SYNC.callout_failed(&SyncError::KeyRefused { service, why: String::new() }).unwrap();
            assert_eq!(name(failed), format!("tollgate.webhook.callouts_failed.{want}"));
        }
        assert_eq!(SYNC.callout_failed(&SyncError::OutOfTime), None);
        let end = SyncEnd {
            started_at: Micros::from_secs(1),
            result: Err(SyncError::KeyRefused { service: Service::Clerk, why: String::new() }),
            subject: None,
            plan: None,
            changed: false,
            unowned: None,
            has_alarms: true,
            found_double_subscription: true,
            reports: Vec::new(),
        };
        let ended: Vec<&str> = SYNC.ended(&end, Micros::from_secs(2)).map(name).collect();
        let want = ["sync_duration_ms", "callouts_failed.clerk", "double_subscriptions"];
        assert_eq!(ended, want.map(|name| format!("tollgate.webhook.{name}")));
        assert_eq!(definitions.len(), DeliveryResult::ALL.len() + SyncMetrics::definitions("").count());
    }
}
