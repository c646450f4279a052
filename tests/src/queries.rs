//! The queries of the shipped alert rules and of the shipped dashboard, parsed.

use crate::install::workspace;
use promql_parser::parser::{Expr, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::convert::Infallible;

/// The shipped alert rules.
pub const RULES: &str = "envoy/observability/tollgate.rules.yaml";
/// The shipped dashboard.
const DASHBOARD: &str = "envoy/observability/tollgate.dashboard.json";

/// A query and the alert or panel that contains it.
pub struct ShippedQuery {
    pub location: String,
    pub expression: Expr,
}

/// A Prometheus rules file
/// (<https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/>).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    pub groups: Vec<Group>,
}

/// Rules that are evaluated together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub name: String,
    pub rules: Vec<Alert>,
}

/// One alert.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    pub alert: String,
    pub expr: String,
    #[serde(rename = "for")]
    pub duration: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

/// Returns the shipped rules.
pub fn rules() -> Rules {
    serde_norway::from_str(&workspace::text(RULES)).unwrap_or_else(|e| panic!("{RULES}: {e}"))
}

/// Returns the shipped dashboard.
pub fn dashboard() -> Value {
    serde_json::from_str(&workspace::text(DASHBOARD)).unwrap_or_else(|e| panic!("{DASHBOARD}: {e}"))
}

/// Returns all queries of the rules and of the dashboard.
pub fn all() -> Vec<ShippedQuery> {
    let alerts = rules().groups.into_iter().flat_map(|group| group.rules);
    let alerts = alerts.map(|alert| query(format!("alert {}", alert.alert), &alert.expr));
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| {
        let targets = panel["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
        targets.iter().map(|target| {
            // Grafana replaces this variable.
            let text = target["expr"].as_str().expect("a query").replace("$__rate_interval", "1m");
            query(format!("panel {}", panel["title"]), &text)
        })
    });
    alerts.chain(targets).collect()
}

impl ShippedQuery {
    /// Returns all selectors in the query.
    pub fn selectors(&self) -> Vec<VectorSelector> {
        let mut selectors = Selectors(Vec::new());
        let Ok(_) = walk_expr(&mut selectors, &self.expression);
        selectors.0
    }
}

struct Selectors(Vec<VectorSelector>);

impl ExprVisitor for Selectors {
    type Error = Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Infallible> {
        match expression {
            Expr::VectorSelector(selector) => self.0.push(selector.clone()),
            Expr::MatrixSelector(range) => self.0.push(range.vs.clone()),
            _ => {}
        }
        Ok(true)
    }
}

fn query(location: String, text: &str) -> ShippedQuery {
    let expression = parse(text).unwrap_or_else(|e| panic!("{location}: {e}\n{text}"));
    ShippedQuery { location, expression }
}
