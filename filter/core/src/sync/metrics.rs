//! Metrics of syncs: failed callouts and the duration of a sync.

use super::error::{Service, SyncError};
use crate::report::{MetricDefinition, MetricId, MetricKind, Report};
use crate::time::Micros;

const SERVICES: [Service; 2] = [Service::Stripe, Service::Clerk];

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

    /// Returns the report of a sync's duration, in milliseconds.
    pub(crate) fn took(self, from: Micros, to: Micros) -> Report {
        let ms = u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX);
        Report::Record(self.id(SERVICES.len()), ms)
    }

    /// Returns the definitions of all metrics in the order of their ids; each name begins with `prefix`.
    pub(crate) fn definitions(prefix: &str) -> impl Iterator<Item = MetricDefinition> {
        let failed = SERVICES.map(|service| MetricDefinition {
            kind: MetricKind::Counter,
            name: format!("{prefix}.callouts_failed.{}", service.name().to_ascii_lowercase()),
        });
        let duration = format!("{prefix}.sync_duration_ms");
        failed.into_iter().chain([MetricDefinition { kind: MetricKind::Histogram, name: duration }])
    }

    fn id(self, number: usize) -> MetricId {
        MetricId(self.first.saturating_add(number))
    }
}
