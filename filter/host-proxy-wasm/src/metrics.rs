//! A worker's metrics: defined once with Envoy, then counted by their place in the list.

use crate::{abi, log};
use tollgate_core::report::{Level, MetricDefinition, MetricId, MetricKind, Report};

/// How many metrics a worker may define.
pub(crate) const METRICS_MAX: usize = 4096;

/// Envoy's numbers for a worker's metrics, in the worker's order. None where Envoy refused one.
#[derive(Debug, Default)]
pub(crate) struct DefinedMetrics(Vec<Option<u32>>);

impl DefinedMetrics {
    /// Defines them all. A metric that Envoy refuses is left out and said so: counting is not worth a gateway.
    ///
    /// # Errors
    /// If there are more than [`METRICS_MAX`].
    pub(crate) fn define(definitions: &[MetricDefinition]) -> Result<Self, String> {
        if definitions.len() > METRICS_MAX {
            return Err(format!(
                "{} metrics would be defined, at most {METRICS_MAX} can be",
                definitions.len()
            ));
        }
        let define = |definition: &MetricDefinition| {
            let kind = match definition.kind {
                MetricKind::Counter => 0,
                MetricKind::Histogram => 2,
            };
            let id = abi::define_metric(kind, definition.name.as_bytes());
            if let Err(status) = id {
                let name = definition.name.escape_debug();
                let line = format!(r#"{{"alarm":"metric_refused","metric":"{name}","status":{}}}"#, status.0);
                log::write(Level::Warn, &line);
            }
            id.ok()
        };
        Ok(DefinedMetrics(definitions.iter().map(define).collect()))
    }

    /// Writes down what there is to report, in order.
    pub(crate) fn report(&self, reports: Vec<Report>) {
        for report in reports {
            match report {
                Report::Line(level, line) => log::write(level, &line),
                Report::Count(id) => {
                    self.get(id).map(|id| abi::increment_metric(id, 1));
                }
                Report::Record(id, value) => {
                    self.get(id).map(|id| abi::record_metric(id, value));
                }
            }
        }
    }

    fn get(&self, id: MetricId) -> Option<u32> {
        self.0.get(id.0).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::scripted::{self, Event};

    fn counter(name: &str) -> MetricDefinition {
        MetricDefinition { kind: MetricKind::Counter, name: name.to_owned() }
    }

    #[test]
    fn metrics_are_counted_under_envoys_numbers() {
        scripted::reset();
        let histogram = MetricDefinition { kind: MetricKind::Histogram, name: "sync_ms".to_owned() };
        let metrics = DefinedMetrics::define(&[counter("a"), histogram]).unwrap();
        metrics.report(vec![
            Report::Record(MetricId(1), 42),
            Report::Count(MetricId(0)),
            Report::Count(MetricId(2)),
            Report::Line(Level::Warn, "{}".to_owned()),
        ]);
        let want = [
            Event::Defined(0, "a".to_owned()),
            Event::Defined(2, "sync_ms".to_owned()),
            Event::Recorded(2, 42),
            Event::Incremented(1, 1),
            Event::Logged(3, "{}".to_owned()),
        ];
        assert_eq!(scripted::events(), want, "an id that was never defined counts nothing");
    }

    #[test]
    fn too_many_metrics_are_refused() {
        scripted::reset();
        assert!(DefinedMetrics::define(&vec![counter("a"); METRICS_MAX]).is_ok());
        assert!(DefinedMetrics::define(&vec![counter("a"); METRICS_MAX + 1]).is_err());
    }
}
