//! The metrics that Envoy's admin interface exports to Prometheus.

use prometheus_parse::{Sample, Scrape, Value};
use promql_parser::parser::VectorSelector;
use tollgate_tests::processes::envoy::Envoy;

/// All series of one or several scrapes.
pub struct Exported(Vec<Sample>);

impl Exported {
    /// Scrapes an Envoy.
    pub async fn by(envoy: &Envoy) -> Exported {
        let response = reqwest::get(envoy.admin_url("/stats/prometheus")).await.expect("a response");
        let text = response.text().await.expect("text");
        // Envoy writes empty braces for a series without labels; the parser would skip that series.
        let lines = text.lines().map(|line| Ok(line.replacen("{} ", " ", 1)));
        let scrape = Scrape::parse(lines).expect("Prometheus' format");
        assert!(!scrape.samples.is_empty(), "nothing is exported:\n{text}");
        Exported(scrape.samples)
    }

    /// Adds the series of another scrape.
    pub fn and(mut self, other: Exported) -> Exported {
        self.0.extend(other.0);
        self
    }

    /// Returns the series that a selector matches.
    pub fn found_by(&self, selector: &VectorSelector) -> Vec<&Sample> {
        self.0.iter().filter(|sample| selects(selector, sample)).collect()
    }

    /// Returns the sum of all series with this name and these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let matching = |sample: &&Sample| {
            sample.metric == name
                && labels.iter().all(|(label, value)| sample.labels.get(label) == Some(value))
        };
        self.0.iter().filter(matching).map(|sample| number(&sample.value)).sum()
    }

    /// Returns the names of Tollgate's metrics. The sum and count of a histogram are left out.
    pub fn own_names(&self) -> Vec<&str> {
        let names = self.0.iter().map(|sample| sample.metric.as_str());
        let own = |name: &&str| {
            name.starts_with("tollgate_") && !name.ends_with("_sum") && !name.ends_with("_count")
        };
        let mut names: Vec<_> = names.filter(own).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Counter(number) | Value::Gauge(number) | Value::Untyped(number) => *number,
        Value::Histogram(_) | Value::Summary(_) => 0.0,
    }
}

/// Returns whether the selector selects the sample. The parser returns a histogram as one series under its
/// base name; queries use its buckets.
fn selects(selector: &VectorSelector, sample: &Sample) -> bool {
    let wanted = selector.name.as_deref().expect("a selector with a metric name");
    let same = match (&sample.value, wanted.strip_suffix("_bucket")) {
        (Value::Histogram(_), Some(histogram)) => sample.metric == histogram,
        _ => sample.metric == wanted,
    };
    let labels = &selector.matchers.matchers;
    same && labels.iter().all(|matcher| matcher.is_match(sample.labels.get(&matcher.name).unwrap_or("")))
}
