//! Evaluates queries of the alert rules on given series: the part of PromQL that the rules use
//! (<https://prometheus.io/docs/prometheus/latest/querying/operators/>). Other expressions panic.

use promql_parser::parser::token::{
    T_ADD, T_DIV, T_EQLC, T_GTR, T_LAND, T_LOR, T_LSS, T_LUNLESS, T_MUL, T_SUM, TokenType,
};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, MatrixSelector, Offset, VectorSelector,
};
use std::collections::BTreeMap;

/// The labels of a series.
pub type LabelSet = BTreeMap<String, String>;
type Vector = Vec<(LabelSet, f64)>;

/// The increase of a counter: `before` and `after` are per minute before and after minute 0, and `at_once` is
/// added at minute 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Course {
    pub before: f64,
    pub at_once: f64,
    pub after: f64,
}

/// A counter.
#[derive(Clone, Debug)]
pub struct Series {
    pub name: String,
    pub labels: LabelSet,
    pub course: Course,
}

impl Series {
    fn at(&self, minute: f64) -> f64 {
        let Course { before, at_once, after } = self.course;
        if minute < 0.0 { before * minute } else { after * minute + at_once }
    }
}

/// Evaluates a query at a minute.
pub fn vector_at(expression: &Expr, series: &[Series], minute: f64) -> Vector {
    match expression {
        Expr::Paren(inner) => vector_at(&inner.expr, series, minute),
        Expr::VectorSelector(selector) => values(selector, series, minute),
        Expr::Call(call) => evaluate_call(call, series, minute),
        Expr::Aggregate(aggregate) => evaluate_aggregate(aggregate, series, minute),
        Expr::Binary(binary) => evaluate_binary(binary, series, minute),
        other => panic!("not supported: {other}"),
    }
}

fn scalar(expression: &Expr) -> Option<f64> {
    match expression {
        Expr::NumberLiteral(number) => Some(number.val),
        Expr::Paren(inner) => scalar(&inner.expr),
        _ => None,
    }
}

fn evaluate_call(call: &Call, series: &[Series], minute: f64) -> Vector {
    let arguments: Vec<&Expr> = call.args.args.iter().map(Box::as_ref).collect();
    match (call.func.name, &arguments[..]) {
        ("increase", [Expr::MatrixSelector(range)]) => increases(range, series, minute, 1.0),
        ("rate", [Expr::MatrixSelector(range)]) => {
            increases(range, series, minute, 1.0 / range.range.as_secs_f64())
        }
        ("histogram_quantile", [quantile, buckets]) => {
            quantiles(scalar(quantile).expect("a number"), vector_at(buckets, series, minute))
        }
        (name, _) => panic!("{name} is not supported"),
    }
}

/// Returns the values at a minute. Here each counter exists at any time.
fn values(selector: &VectorSelector, series: &[Series], minute: f64) -> Vector {
    let at = minute - minutes_back(selector);
    let found = series.iter().filter(|series| selects(selector, series));
    found.map(|series| (series.labels.clone(), series.at(at))).collect()
}

fn minutes_back(selector: &VectorSelector) -> f64 {
    match &selector.offset {
        None => 0.0,
        Some(Offset::Pos(offset)) => offset.as_secs_f64() / 60.0,
        Some(Offset::Neg(_)) => panic!("a negative offset is not supported"),
    }
}

/// Computes the increase over a range, without Prometheus' extrapolation to the ends of the range.
fn increases(range: &MatrixSelector, series: &[Series], minute: f64, factor: f64) -> Vector {
    let end = minute - minutes_back(&range.vs);
    let begin = end - range.range.as_secs_f64() / 60.0;
    let found = series.iter().filter(|series| selects(&range.vs, series));
    found.map(|series| (series.labels.clone(), (series.at(end) - series.at(begin)) * factor)).collect()
}

fn selects(selector: &VectorSelector, series: &Series) -> bool {
    let empty = String::new();
    selector.name.as_ref() == Some(&series.name)
        && selector.matchers.or_matchers.is_empty()
        && selector
            .matchers
            .matchers
            .iter()
            .all(|matcher| matcher.is_match(series.labels.get(&matcher.name).unwrap_or(&empty)))
}

/// Returns the quantile of each histogram, by linear interpolation within its bucket.
fn quantiles(quantile: f64, buckets: Vector) -> Vector {
    let mut histograms: BTreeMap<LabelSet, Vec<(f64, f64)>> = BTreeMap::new();
    for (mut labels, count) in buckets {
        let bound = labels.remove("le").expect("a bucket");
        histograms.entry(labels).or_default().push((bound.parse().expect("a bound"), count));
    }
    let of = |mut buckets: Vec<(f64, f64)>| {
        buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let rank = quantile * buckets.last().expect("a bucket").1;
        let index = buckets.iter().position(|(_, count)| *count >= rank).expect("the last one is infinite");
        let (from, below) = if index == 0 { (0.0, 0.0) } else { buckets[index - 1] };
        let (to, count) = buckets[index];
        if to.is_infinite() { from } else { from + (to - from) * (rank - below) / (count - below) }
    };
    histograms.into_iter().map(|(labels, buckets)| (labels, of(buckets))).collect()
}

fn evaluate_aggregate(aggregate: &AggregateExpr, series: &[Series], minute: f64) -> Vector {
    assert_eq!(aggregate.op.id(), T_SUM, "only sum is supported: {}", aggregate.op);
    let by: &[String] = match &aggregate.modifier {
        None => &[],
        Some(LabelModifier::Include(labels)) => &labels.labels,
        Some(LabelModifier::Exclude(_)) => panic!("`without` is not supported"),
    };
    let mut sums: BTreeMap<LabelSet, f64> = BTreeMap::new();
    for (labels, value) in vector_at(&aggregate.expr, series, minute) {
        let group = labels.into_iter().filter(|(name, _)| by.contains(name)).collect();
        *sums.entry(group).or_default() += value;
    }
    sums.into_iter().collect()
}

fn evaluate_binary(binary: &BinaryExpr, series: &[Series], minute: f64) -> Vector {
    if let Some(right) = scalar(&binary.rhs) {
        let left = vector_at(&binary.lhs, series, minute);
        return left
            .into_iter()
            .filter_map(|(labels, value)| Some((labels, calculate(binary.op, value, right)?)))
            .collect();
    }
    let right = vector_at(&binary.rhs, series, minute);
    if let Some(left) = scalar(&binary.lhs) {
        return right
            .into_iter()
            .filter_map(|(labels, value)| Some((labels, calculate(binary.op, left, value)?)))
            .collect();
    }
    let left = vector_at(&binary.lhs, series, minute);
    let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
    let key = |labels: &LabelSet| match matching {
        None => labels.clone(),
        Some(LabelModifier::Include(on)) => labels
            .iter()
            .filter(|(name, _)| on.labels.contains(name))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect(),
        Some(LabelModifier::Exclude(_)) => panic!("`ignoring` is not supported"),
    };
    let partner = |labels: &LabelSet| right.iter().find(|(other, _)| key(other) == key(labels));
    if binary.op.id() == T_LOR {
        let is_missing =
            |(labels, _): &&(LabelSet, f64)| left.iter().all(|(other, _)| key(other) != key(labels));
        return left.iter().chain(right.iter().filter(is_missing)).cloned().collect();
    }
    let combine = |(labels, value): (LabelSet, f64)| {
        let other = partner(&labels).map(|(_, other)| *other);
        let value = match binary.op.id() {
            T_LAND => other.map(|_| value),
            T_LUNLESS => other.is_none().then_some(value),
            _ => other.and_then(|other| calculate(binary.op, value, other)),
        };
        Some((labels, value?))
    };
    left.into_iter().filter_map(combine).collect()
}

/// Applies an operator. Returns the left side of a comparison that is true.
fn calculate(operator: TokenType, left: f64, right: f64) -> Option<f64> {
    match operator.id() {
        T_ADD => Some(left + right),
        T_MUL => Some(left * right),
        T_DIV => Some(left / right),
        T_GTR => (left > right).then_some(left),
        T_LSS => (left < right).then_some(left),
        T_EQLC => (left == right).then_some(left),
        _ => panic!("{operator} is not supported"),
    }
}
