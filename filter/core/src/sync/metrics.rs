//! Metrics of syncs: failed callouts, the duration of a sync, and subjects that pay twice.

use super::error::{Service, SyncError};
use super::recorded_sync::SyncEnd;
use crate::report::{MetricDefinition, MetricId, MetricKind, Report};
use crate::time::Micros;

const SERVICES: [Service; 2] = [Service::Stripe, Service::Clerk];

/// The number of metrics that are not of one service.
const OF_SYNCS: usize = 2;

/// The metrics of a worker's syncs, among those of the worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SyncMetrics {
    first: usize,
}

impl SyncMetrics {
    /// Creates the metrics, the first of which has the id `first` among the worker's metrics.
    pub(crate) const fn starting_at(first: usize) -> Self {
        SyncMetrics { first }
    }

    /// Returns the report that counts a failed callout, if the error is from one.
    pub(crate) fn callout_failed(self, error: &SyncError) -> Option<Report> {
        let id = match error.service()? {
            Service::Stripe => 0,
            Service::Clerk => 1,
        };
        Some(Report::Count(self.id(id)))
    }

    /// Returns the reports of a sync that has ended: its duration in milliseconds, the callout that failed,
    /// and whether a subject has several subscriptions.
    pub(crate) fn ended(self, end: &SyncEnd, now: Micros) -> impl Iterator<Item = Report> {
        let ms = u64::try_from(now.since(end.started_at).as_millis()).unwrap_or(u64::MAX);
        let failed = end.result.as_ref().err().and_then(|error| self.callout_failed(error));
        let double =
            end.found_double_subscription.then(|| Report::Count(self.id(SERVICES.len().saturating_add(1))));
        [Report::Record(self.id(SERVICES.len()), ms)].into_iter().chain(failed).chain(double)
    }

    /// Returns the definitions of all metrics in the order of their ids; each name begins with `prefix`.
    pub(crate) fn definitions(prefix: &str) -> impl Iterator<Item = MetricDefinition> {
        let failed = SERVICES.map(|service| MetricDefinition {
            kind: MetricKind::Counter,
            name: format!("{prefix}.callouts_failed.{}", service.name().to_ascii_lowercase()),
        });
        let of_syncs: [_; OF_SYNCS] = [
            (MetricKind::Histogram, format!("{prefix}.sync_duration_ms")),
            (MetricKind::Counter, format!("{prefix}.double_subscriptions")),
        ];
        failed.into_iter().chain(of_syncs.map(|(kind, name)| MetricDefinition { kind, name }))
    }

    /// Returns the number of the metric after the last of these.
    pub(crate) const fn end(self) -> usize {
        self.first.saturating_add(SERVICES.len()).saturating_add(OF_SYNCS)
    }

    fn id(self, number: usize) -> MetricId {
        MetricId(self.first.saturating_add(number))
    }
}
