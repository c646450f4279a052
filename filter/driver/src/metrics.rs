//! A worker's metrics: defined once with the host, then counted by their index in the worker's list.

use crate::host::{Host, raise};
use tollgate_core::alarm::{Alarm, AlarmCode, FAULT_CURE};
use tollgate_core::report::{MetricDefinition, MetricId, MetricKind, Report};

/// The maximum number of metrics that a worker may define.
pub const METRICS_MAX: usize = 4096;

/// A worker's metrics, in the worker's order; `None` where the host rejected the definition.
#[derive(Debug, Default)]
pub(crate) struct DefinedMetrics(Vec<Option<DefinedMetric>>);

/// A metric that the host knows.
#[derive(Debug)]
struct DefinedMetric {
    /// The host's ID.
    id: u32,
    /// The count that is not written yet; `None` if each count is written at once.
    unwritten: Option<u64>,
}

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
        let is_frequent = |definition: &MetricDefinition| definition.kind == MetricKind::FrequentCounter;
        let has_ticks = definitions.iter().any(is_frequent) && host.start_ticks();
        let define = |definition: &MetricDefinition| {
            let id = host.define_metric(definition.kind, &definition.name);
            if let Err(error) = id {
                let cause =
                    format!("Envoy did not define the metric {}, so it is not counted", definition.name);
                let alarm = Alarm::warning(AlarmCode::MetricRefused, cause, FAULT_CURE);
                raise(host, &alarm.with("metric", definition.name.as_str()).with("status", error.0));
            }
            let unwritten = (has_ticks && is_frequent(definition)).then_some(0);
            id.ok().map(|id| DefinedMetric { id, unwritten })
        };
        Ok(DefinedMetrics(definitions.iter().map(define).collect()))
    }

    /// Writes the reports to the host, in order. Frequent counters wait for [`DefinedMetrics::write_counts`]
    /// if the host calls that regularly: a call for each count would be a noticeable part of a request's
    /// cost.
    pub(crate) fn report<H: Host>(&mut self, host: &mut H, reports: Vec<Report>) {
        for report in reports {
            match report {
                Report::Line(level, line) => host.log(level, &line),
                Report::Count(id) => match self.get_mut(id) {
                    Some(DefinedMetric { unwritten: Some(count), .. }) => *count = count.saturating_add(1),
                    Some(DefinedMetric { id, unwritten: None }) => host.increment_metric(*id, 1),
                    None => {}
                },
                Report::Record(id, value) => {
                    if let Some(metric) = self.get_mut(id) {
                        host.record_metric(metric.id, value);
                    }
                }
            }
        }
    }

    /// Writes the frequent counters to the host.
    pub(crate) fn write_counts<H: Host>(&mut self, host: &mut H) {
        for metric in self.0.iter_mut().flatten() {
            let count = metric.unwritten.as_mut().map_or(0, std::mem::take);
            if count > 0 {
                host.increment_metric(metric.id, count);
            }
        }
    }

    fn get_mut(&mut self, id: MetricId) -> Option<&mut DefinedMetric> {
        self.0.get_mut(id.0)?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryHost;
    use tollgate_core::report::Level;

    fn counter(name: &str) -> MetricDefinition {
        MetricDefinition { kind: MetricKind::Counter, name: name.to_owned() }
    }

    #[test]
    fn metrics_are_counted_under_the_hosts_ids() {
        let mut host = MemoryHost::default();
        let histogram = MetricDefinition { kind: MetricKind::Histogram, name: "sync_ms".to_owned() };
        let mut metrics = DefinedMetrics::define(&mut host, &[counter("a"), histogram]).unwrap();
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
    fn only_frequent_counts_wait_and_only_on_a_host_with_ticks() {
        for ticks in [false, true] {
            let mut host = MemoryHost::default();
            host.ticks = ticks;
            let frequent = MetricDefinition { kind: MetricKind::FrequentCounter, ..counter("frequent") };
            let mut metrics = DefinedMetrics::define(&mut host, &[counter("rare"), frequent]).unwrap();
            for _ in 0..3 {
                metrics.report(&mut host, vec![Report::Count(MetricId(0)), Report::Count(MetricId(1))]);
            }
            assert_eq!(host.count("rare"), Some(3));
            assert_eq!(host.count("frequent"), Some(if ticks { 0 } else { 3 }));
            metrics.write_counts(&mut host);
            metrics.write_counts(&mut host);
            assert_eq!((host.count("rare"), host.count("frequent")), (Some(3), Some(3)), "each once");
        }
    }

    #[test]
    fn too_many_metrics_are_refused() {
        let mut host = MemoryHost::default();
        assert!(DefinedMetrics::define(&mut host, &vec![counter("a"); METRICS_MAX]).is_ok());
        assert!(DefinedMetrics::define(&mut host, &vec![counter("a"); METRICS_MAX + 1]).is_err());
    }
}
