//! Scrapes of a real Envoy laid out in time, and the alerts that fire by them: Prometheus' own `promtool`
//! evaluates the shipped rules.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;
use tollgate_tests::install::workspace;
use tollgate_tests::processes::envoy::Envoy;
use tollgate_tests::processes::prometheus::promtool;
use tollgate_tests::queries::{self, RULES, ShippedQuery};

/// The time between two scrapes of a long recording, in minutes.
const TEN_MINUTES: usize = 10;

/// The series of a scrape that the alert rules use, with their values, both as Envoy writes them.
#[derive(Clone, Debug, Default)]
pub struct AlertSeries(BTreeMap<String, String>);

impl AlertSeries {
    /// Scrapes an Envoy.
    pub async fn of(envoy: &Envoy) -> AlertSeries {
        let response = reqwest::get(envoy.admin_url("/stats/prometheus")).await.expect("a response");
        let text = response.text().await.expect("text");
        let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        let used = used_metrics();
        let series =
            lines.filter(|(series, _)| series.split('{').next().is_some_and(|metric| used.contains(metric)));
        AlertSeries(series.map(|(series, value)| (series.to_owned(), value.to_owned())).collect())
    }

    /// Returns the sum of all series of a metric.
    pub fn sum(&self, metric: &str) -> f64 {
        let series = self.0.iter().filter(|(series, _)| series.split('{').next() == Some(metric));
        series.map(|(_, value)| value.parse::<f64>().expect("a number")).sum()
    }
}

/// Causes a defect. Returns the scrapes before and after.
pub async fn once(envoy: &Envoy, cause: impl AsyncFnOnce()) -> [AlertSeries; 2] {
    let before = AlertSeries::of(envoy).await;
    cause().await;
    [before, AlertSeries::of(envoy).await]
}

/// Causes a defect twice. Returns the scrapes before, between, and after.
pub async fn twice(envoy: &Envoy, mut cause: impl AsyncFnMut()) -> [AlertSeries; 3] {
    let before = AlertSeries::of(envoy).await;
    cause().await;
    let first = AlertSeries::of(envoy).await;
    cause().await;
    [before, first, AlertSeries::of(envoy).await]
}

/// Returns the names of all metrics that the rules use.
fn used_metrics() -> BTreeSet<String> {
    let alerts = queries::all().into_iter().filter(|query| query.location.starts_with("alert "));
    let selectors: Vec<_> = alerts.flat_map(|query| ShippedQuery::selectors(&query)).collect();
    selectors.into_iter().filter_map(|selector| selector.name).collect()
}

/// What Prometheus has of one gateway in the course of time.
#[derive(Clone, Debug)]
pub struct Recording {
    defect: &'static str,
    /// The time between two scrapes.
    step_min: usize,
    /// Scrapes, each with the number of times that Prometheus gets it.
    scrapes: Vec<(usize, AlertSeries)>,
    alerts: BTreeSet<&'static str>,
}

impl Recording {
    /// Records a defect that happens once, between the scrapes. Five minutes later, it must have made exactly these
    /// alerts fire.
    pub fn once(defect: &'static str, scrapes: [AlertSeries; 2], alerts: &[&'static str]) -> Recording {
        let scrapes = [60, 6].into_iter().zip(scrapes).collect();
        Recording { defect, step_min: 1, scrapes, alerts: alerts.iter().copied().collect() }
    }

    /// Records a defect that shows first in the second scrape, and 8 minutes later again in the third. It must
    /// have made exactly these alerts fire 15 minutes after it began.
    pub fn lasting(defect: &'static str, scrapes: [AlertSeries; 3], alerts: &[&'static str]) -> Recording {
        let scrapes = [60, 8, 8].into_iter().zip(scrapes).collect();
        Recording { defect, step_min: 1, scrapes, alerts: alerts.iter().copied().collect() }
    }

    /// Records scrapes, each for a number of [`TEN_MINUTES`]. At the end, exactly these alerts must fire.
    pub fn of_weeks(
        defect: &'static str,
        scrapes: Vec<(usize, AlertSeries)>,
        alerts: &[&'static str],
    ) -> Recording {
        Recording { defect, step_min: TEN_MINUTES, scrapes, alerts: alerts.iter().copied().collect() }
    }

    /// Returns the alerts that must fire.
    pub fn alerts(&self) -> &BTreeSet<&'static str> {
        &self.alerts
    }

    /// Returns this as a test for `promtool`
    /// (<https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/>).
    fn as_rule_test(&self) -> Value {
        let all: BTreeSet<&String> = self.scrapes.iter().flat_map(|(_, scrape)| scrape.0.keys()).collect();
        let input = all.into_iter().map(|series| json!({"series": series, "values": self.values(series)}));
        let fired =
            self.alerts.iter().map(|alert| json!({"labels": format!("{{alertname={alert:?}}}"), "value": 1}));
        let scrapes: usize = self.scrapes.iter().map(|(times, _)| times).sum();
        json!({
            "name": self.defect,
            "interval": format!("{}m", self.step_min),
            "input_series": input.collect::<Vec<_>>(),
            "promql_expr_test": [{
                "expr": r#"group by (alertname) (ALERTS{alertstate="firing"})"#,
                "eval_time": format!("{}m", (scrapes - 1) * self.step_min),
                "exp_samples": fired.collect::<Vec<_>>(),
            }],
        })
    }

    /// Returns the values of a series. `_` is a scrape without it.
    fn values(&self, series: &str) -> String {
        let of_scrape = |(times, scrape): &(usize, AlertSeries)| match scrape.0.get(series) {
            Some(value) => format!("{value}+0x{}", times - 1),
            None => format!("_x{times}"),
        };
        self.scrapes.iter().map(of_scrape).collect::<Vec<_>>().join(" ")
    }
}

/// Checks that each recording makes exactly its alerts fire.
pub fn check(recordings: &[Recording]) {
    for step_min in [1, TEN_MINUTES] {
        let tests = recordings.iter().filter(|recording| recording.step_min == step_min);
        let tests: Vec<Value> = tests.map(Recording::as_rule_test).collect();
        let file = json!({
            "rule_files": [workspace::file(RULES)],
            "evaluation_interval": format!("{step_min}m"),
            "tests": tests,
        });
        let out = run(&file);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(out.status.success(), "{}{}", text(&out.stdout), text(&out.stderr));
    }
}

fn run(file: &Value) -> Output {
    let dir = tempfile::tempdir().expect("a directory");
    // JSON is YAML.
    let path = dir.path().join("rules.test.yaml");
    std::fs::write(&path, file.to_string()).expect("a file");
    promtool().args(["test", "rules"]).arg(path).output().expect("promtool")
}
