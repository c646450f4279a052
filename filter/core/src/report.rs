//! What operators are told: audit and alarm lines, and metrics. Values only; the host writes them.

use serde::Serialize;

/// Something to write down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A line for the log.
    Line(Level, String),
    /// Adds one to a counter.
    Count(MetricId),
    /// Adds a value to a histogram.
    Record(MetricId, u64),
}

impl Report {
    /// A line that is one JSON object: the fields of `line`.
    pub(crate) fn json(level: Level, line: &impl Serialize) -> Self {
        // Serializing plain structs with string keys has no failing case; an empty line would show it if it
        // had.
        Report::Line(level, serde_json::to_string(line).unwrap_or_default())
    }
}

/// How urgent a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of interest when looking for a fault.
    Debug,
    /// What happened: the audit trail.
    Info,
    /// Somebody should look at it.
    Warn,
    /// Somebody must look at it.
    Error,
}

/// A metric's place in the list that a worker's [`Metrics::metrics`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MetricId(pub usize);

/// A metric to define before the first request. Its name never holds a user's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricDefinition {
    /// Counter or histogram.
    pub kind: MetricKind,
    /// The name in Envoy's statistics, where it stands behind `wasmcustom.`.
    pub name: String,
}

/// Whether a metric counts or samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only ever goes up.
    Counter,
    /// Samples of a size or a duration, its unit at the end of the name.
    Histogram,
}

/// Whatever counts says first what it will count.
pub trait Metrics {
    /// Every metric, in the order of their ids. Bounded by the configuration.
    fn metrics(&self) -> Vec<MetricDefinition>;
}
