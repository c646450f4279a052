//! Envoy's counters and gauges, as its admin interface returns them.

use serde::Deserialize;
use std::collections::BTreeMap;

/// One reading of all counters and gauges, without histograms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats(BTreeMap<String, u64>);

#[derive(Deserialize)]
struct StatsResponse {
    stats: Vec<Entry>,
}

/// An entry. A histogram has neither member; the value of a text is a string.
#[derive(Deserialize)]
struct Entry {
    name: Option<String>,
    value: Option<serde_json::Value>,
}

impl Stats {
    /// Parses the response to `/stats?format=json`.
    pub(super) fn parse(json: &[u8]) -> serde_json::Result<Stats> {
        let response: StatsResponse = serde_json::from_slice(json)?;
        let numbers =
            response.stats.into_iter().filter_map(|entry| Some((entry.name?, entry.value?.as_u64()?)));
        Ok(Stats(numbers.collect()))
    }

    /// Returns the value with exactly that name, or 0 if it is missing: Envoy creates many counters on first
    /// use.
    pub fn value(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Returns all whose names start with `prefix`, sorted by name.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.0
            .range(prefix.to_owned()..)
            .take_while(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), *value))
    }

    /// Returns the value of a metric of the plugin, with the prefix of either build.
    pub fn plugin(&self, metric: &str) -> u64 {
        let prefixes = ["wasmcustom", "dynamicmodulescustom"];
        prefixes.iter().map(|prefix| self.value(&format!("{prefix}.{metric}"))).sum()
    }

    /// Returns how often Envoy found a crashed VM of one filter, whether it started a new one or still
    /// waited: 0 unless something is wrong. In the first second after a crash only `vm_reload_backoff`
    /// changes, so all of them count.
    pub fn vm_reloads(&self, filter: &str) -> u64 {
        self.with_prefix(&format!("wasm.{filter}.vm_reload")).map(|(_, times)| times).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_and_texts_and_histograms_are_skipped() {
        let json =
            br#"{"stats":[{"name":"a.b","value":3},{"name":"t","value":"text"},{"name":"a.c","value":0},
            {"name":"ab","value":1},{"name":"wasm.f.vm_reload","value":0},{"name":"wasm.f.vm_reload_backoff","value":2},
            {"histograms":{"supported_quantiles":[0]}}]}"#;
        let stats = Stats::parse(json).expect("valid");
        assert_eq!(stats.value("a.b"), 3);
        assert_eq!(stats.value("t"), 0);
        assert_eq!(stats.vm_reloads("f"), 2);
        assert_eq!(stats.with_prefix("a.").collect::<Vec<_>>(), [("a.b", 3), ("a.c", 0)]);
    }
}
