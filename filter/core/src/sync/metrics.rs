//! What is counted of syncs: failed callouts, and how long a sync takes.

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
    /// Creates those whose first one is number `first` of the worker's metrics.
    pub(crate) const fn starting_at(first: usize) -> Self {
        SyncMetrics { first }
    }

    /// Counts the callout at which a sync failed, if it failed at one.
    pub(crate) fn callout_failed(self, error: &SyncError) -> Option<Report> {
        let id = match error.service()? {
            Service::Stripe => 0,
            Service::Clerk => 1,
        };
        Some(Report::Count(self.id(id)))
    }

    /// Records how long a sync took.
    pub(crate) fn took(self, from: Micros, to: Micros) -> Report {
        let ms = u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX);
        Report::Record(self.id(SERVICES.len()), ms)
    }

    /// Returns all of them in the order of their ids, under names that begin with `prefix`.
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
