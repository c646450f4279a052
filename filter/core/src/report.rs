//! Reports for operators: audit and alarm lines, and metrics. These are only values; the host writes them.

use serde::Serialize;

/// A line to log, or a metric to record.
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
    /// Creates a line that is one JSON object with the fields of `line`.
    pub(crate) fn json(level: Level, line: &impl Serialize) -> Self {
        // Serializing plain structs with string keys cannot fail; if it did, the line would be empty.
        Report::Line(level, serde_json::to_string(line).unwrap_or_default())
    }
}

/// The log level of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Details for the search for a fault.
    Debug,
    /// An event of the audit trail.
    Info,
    /// A problem that an operator should look at.
    Warn,
    /// A problem that an operator must fix.
    Error,
}

/// A metric's index in the list that a worker's [`Metrics::metrics`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MetricId(pub usize);

/// A metric to define before the first request. Its name never holds a user's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricDefinition {
    /// Whether it is a counter or a histogram.
    pub kind: MetricKind,
    /// The name in Envoy's statistics, where it follows the prefix `wasmcustom.`.
    pub name: String,
}

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A count that only increases.
    Counter,
    /// A counter of events of most requests. A host may write what it has counted with a delay of a second.
    FrequentCounter,
    /// Samples of a size or a duration, with the unit at the end of the name.
    Histogram,
}

/// A worker that records metrics, all of which it defines before the first request.
pub trait Metrics {
    /// Returns every metric, in the order of their ids. The configuration bounds their number.
    fn metrics(&self) -> Vec<MetricDefinition>;
}
