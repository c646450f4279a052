//! A worker's metrics: defined once with the host, then counted by their index in the worker's list.

use crate::host::{Host, raise};
use tollgate_core::alarm::{Alarm, AlarmCode};
use tollgate_core::report::{MetricDefinition, MetricId, Report};

/// The maximum number of metrics that a worker may define.
pub const METRICS_MAX: usize = 4096;

/// The host's IDs of a worker's metrics, in the worker's order; `None` where the host rejected the
/// definition.
#[derive(Debug, Default)]
pub(crate) struct DefinedMetrics(Vec<Option<u32>>);

impl DefinedMetrics {
    /// Defines all metrics. One that the host rejects is left out, with an alarm: the gateway works without
    /// it.
    ///
    /// # Errors
    /// If there are more than [`METRICS_MAX`].
    pub(crate) fn define<H: Host>(host: &mut H, definitions: &[MetricDefinition]) -> Result<Self, String> {
        if definitions.len() > METRICS_MAX {
            return Err(format!(
                "{} metrics would be defined, the maximum is {METRICS_MAX}",
                definitions.len()
            ));
        }
        let define = |definition: &MetricDefinition| {
            let id = host.define_metric(definition.kind, &definition.name);
            if let Err(error) = id {
                let detail = "the host did not define a metric: it is not counted";
                let alarm = Alarm::warning(AlarmCode::MetricRefused, detail);
                raise(host, &alarm.with("metric", definition.name.as_str()).with("status", error.0));
            }
            id.ok()
        };
        Ok(DefinedMetrics(definitions.iter().map(define).collect()))
    }

    /// Writes the reports to the host, in order.
    pub(crate) fn report<H: Host>(&self, host: &mut H, reports: Vec<Report>) {
        for report in reports {
            match report {
                Report::Line(level, line) => host.log(level, &line),
                Report::Count(id) => {
                    if let Some(metric) = self.get(id) {
                        host.increment_metric(metric);
                    }
                }
                Report::Record(id, value) => {
                    if let Some(metric) = self.get(id) {
                        host.record_metric(metric, value);
                    }
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
    use crate::memory::MemoryHost;
    use tollgate_core::report::{Level, MetricKind};

    fn counter(name: &str) -> MetricDefinition {
        MetricDefinition { kind: MetricKind::Counter, name: name.to_owned() }
    }

    #[test]
    fn metrics_are_counted_under_the_hosts_ids() {
        let mut host = MemoryHost::default();
        let histogram = MetricDefinition { kind: MetricKind::Histogram, name: "sync_ms".to_owned() };
        let metrics = DefinedMetrics::define(&mut host, &[counter("a"), histogram]).unwrap();
        metrics.report(
            &mut host,
            vec![
                Report::Record(MetricId(1), 42),
                Report::Count(MetricId(0)),
                Report::Count(MetricId(2)),
                Report::Line(Level::Warn, "{}".to_owned()),
            ],
        );
        assert_eq!((host.count("a"), host.samples("sync_ms")), (Some(1), Some(&[42][..])));
        assert_eq!((host.count("b"), host.samples("b")), (None, None), "an unknown one");
        assert_eq!(host.take_lines(), [(Level::Warn, "{}".to_owned())]);
    }

    #[test]
    fn too_many_metrics_are_refused() {
        let mut host = MemoryHost::default();
        assert!(DefinedMetrics::define(&mut host, &vec![counter("a"); METRICS_MAX]).is_ok());
        assert!(DefinedMetrics::define(&mut host, &vec![counter("a"); METRICS_MAX + 1]).is_err());
    }
}
