//! The gate's rules, checked against the plans.

use super::document::gate::{Require, WrittenRule};
use super::error::{Checked, ConfigError, Problems, field, item, quote, quote_all};
use super::section::OwnPath;
use super::{address, names};
use crate::path::{self, PathPattern};
use crate::plan_table::{PlanTable, Rank};
use crate::sorted::SortedMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The maximum number of rules. Each has its own metrics.
pub(crate) const RULES_MAX: usize = 200;

/// The maximum number of methods of one rule.
const METHODS_MAX: usize = 16;

/// The highest cost of one request.
pub(crate) const COST_MAX: u64 = 1_000_000;

/// A rule: the requests that it matches, and what they need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Its name, which is unique.
    pub(crate) name: String,
    /// The paths that it matches.
    pub(crate) path: PathMatch,
    /// The methods that it matches, in upper case; empty for any.
    pub(crate) methods: Vec<String>,
    /// The host that it matches, in lower case and without a port.
    pub(crate) host: Option<String>,
    /// The plan or feature that the caller needs.
    pub(crate) require: Option<Requirement>,
    /// The limit that a request counts against.
    pub(crate) limit: Option<Spend>,
    /// The plan of callers without a token; if `None`, they are refused.
    pub(crate) anonymous: Option<Rank>,
}

/// The paths that a rule matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathMatch {
    /// Any path. A rule without path, method, and host is for routes that name it.
    Any,
    /// This path.
    Exact(PathPattern),
    /// This path, and all that continue with `/`. The pattern has no `/` at its end, so that for `/` it is
    /// empty.
    Prefix(PathPattern),
}

/// The plan or feature that a caller needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// This plan or a higher one.
    Plan(Rank),
    /// This feature, which at least one plan has.
    Feature(String),
}

/// The limit that a request counts against, and the request's cost. Every plan defines the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spend {
    /// The limit's name.
    pub(crate) limit: Arc<str>,
    /// The cost of one request, at least 1.
    pub(crate) cost: u64,
}

/// Reads the rules. `own_paths` are the paths to which the filters themselves respond.
pub(super) fn rules(
    written: &[WrittenRule<'_>],
    plans: &PlanTable,
    own_paths: &[OwnPath<'_>],
    problems: &mut Problems,
) -> Vec<Rule> {
    if problems.keep(names::length(written.len(), RULES_MAX, "plan_gate.rules")).is_none() {
        return Vec::new();
    }
    let mut named = SortedMap::new();
    let mut rules = Vec::with_capacity(written.len());
    for (index, written) in written.iter().enumerate() {
        let at = item("plan_gate.rules", index);
        if let Some(first) = named.insert(written.name, index) {
            let problem = format!("plan_gate.rules[{first}] is also named {}", quote(written.name));
            problems.add(ConfigError::new(field(&at, "name"), problem, "give each rule its own name"));
        }
        rules.push(rule(written, plans, own_paths, &at, problems));
    }
    check_plans_define_limits(written, plans, problems);
    rules
}

/// Reads one rule.
fn rule(
    written: &WrittenRule<'_>,
    plans: &PlanTable,
    own_paths: &[OwnPath<'_>],
    at: &str,
    problems: &mut Problems,
) -> Rule {
    let host = written.host.map(|host| address::host(host, &field(at, "host"))).transpose();
    let require = written.require.as_ref().map(|require| requirement(require, plans, at)).transpose();
    let rule = Rule {
        name: problems.keep_or_default(names::name(written.name, &field(at, "name"))),
        path: problems.keep(path(written, own_paths, at)).unwrap_or(PathMatch::Any),
        methods: problems.keep_or_default(methods(written, &field(at, "methods"))),
        host: problems.keep_or_default(host),
        require: problems.keep_or_default(require),
        limit: problems.keep_or_default(spend(written, plans, at)),
        anonymous: problems.keep_or_default(anonymous(written, plans, at)),
    };
    problems.keep(anonymous_can_pass(&rule, plans, at));
    rule
}

fn path(written: &WrittenRule<'_>, own_paths: &[OwnPath<'_>], at: &str) -> Checked<PathMatch> {
    match (written.path, written.path_prefix) {
        (Some(_), Some(_)) => {
            let cure = "keep `path` to match exactly that path, or `path_prefix` to match all paths below it";
            Err(ConfigError::new(field(at, "path_prefix"), "cannot be combined with `path`", cure))
        }
        (Some(exact), None) => {
            let at = field(at, "path");
            let exact = address::path(exact, &at)?;
            if let Some(own) = own_paths.iter().find(|own| path::are_equal(own.path, &exact)) {
                let problem = format!("{} is {own}, to which no rule applies", quote(&exact));
                return Err(ConfigError::new(at, problem, "remove this rule, or change one of the paths"));
            }
            Ok(PathMatch::Exact(PathPattern::new(&exact)))
        }
        (None, Some(prefix)) => {
            let prefix = address::prefix(prefix, &field(at, "path_prefix"))?;
            Ok(PathMatch::Prefix(PathPattern::new(&prefix.unwrap_or_default())))
        }
        (None, None) => Ok(PathMatch::Any),
    }
}

fn methods(written: &WrittenRule<'_>, path: &str) -> Checked<Vec<String>> {
    match written.methods.as_deref() {
        None => Ok(Vec::new()),
        Some([]) => Err(ConfigError::new(path, "has no method", "leave it out to match every method")),
        Some(methods) => names::list(methods, METHODS_MAX, path, names::method),
    }
}

fn requirement(require: &Require<'_>, plans: &PlanTable, at: &str) -> Checked<Requirement> {
    match require {
        Require::Plan(name) => rank(name, plans, &field(at, "require.plan")).map(Requirement::Plan),
        Require::Feature(feature) => {
            let features = || plans.iter().flat_map(|(_, plan)| plan.features.iter().map(String::as_str));
            if features().any(|known| known == *feature) {
                return Ok(Requirement::Feature((*feature).to_owned()));
            }
            let problem = format!("no plan has a feature {}", quote(feature));
            let cure = format!("defined: {}", quote_all(features()));
            Err(ConfigError::new(field(at, "require.feature"), problem, cure))
        }
    }
}

fn rank(name: &str, plans: &PlanTable, path: &str) -> Checked<Rank> {
    plans.rank_of(name).ok_or_else(|| {
        let defined = quote_all(plans.iter().map(|(_, plan)| plan.name.as_str()));
        ConfigError::new(path, format!("there is no plan {}", quote(name)), format!("defined: {defined}"))
    })
}

fn spend(written: &WrittenRule<'_>, plans: &PlanTable, at: &str) -> Checked<Option<Spend>> {
    let Some(limit) = written.limit else {
        return match written.cost {
            None => Ok(None),
            Some(_) => {
                let cure = "add the `limit` that it counts against, or leave `cost` out";
                Err(ConfigError::new(field(at, "cost"), "has no effect without a limit", cure))
            }
        };
    };
    if !plans.iter().any(|(_, plan)| plan.limits.contains_key(limit)) {
        let mut defined = BTreeSet::new();
        for (_, plan) in plans.iter() {
            for limit in plan.limits.iter().map(|(limit, _)| limit) {
                defined.insert(limit.clone());
            }
        }
        let problem = format!("no plan defines a limit {}", quote(limit));
        let cure = format!("defined: {}", quote_all(defined.iter().map(String::as_str)));
        return Err(ConfigError::new(field(at, "limit"), problem, cure));
    }
    let cost = names::between(written.cost.unwrap_or(1), 1..=COST_MAX, "", &field(at, "cost"))?;
    Ok(Some(Spend { limit: limit.into(), cost }))
}

fn anonymous(written: &WrittenRule<'_>, plans: &PlanTable, at: &str) -> Checked<Option<Rank>> {
    match written.anonymous {
        None | Some("deny") => Ok(None),
        Some(name) => rank(name, plans, &field(at, "anonymous")).map(Some),
    }
}

/// Checks that the rule does not refuse the plan that it gives to anonymous callers.
fn anonymous_can_pass(rule: &Rule, plans: &PlanTable, at: &str) -> Checked<()> {
    let (Some(rank), Some(require)) = (rule.anonymous, &rule.require) else { return Ok(()) };
    let passes = match require {
        Requirement::Plan(required) => rank >= *required,
        Requirement::Feature(feature) => plans.has_feature(rank, feature),
    };
    if passes {
        return Ok(());
    }
    let problem = format!("{} is not enough for this rule's own `require`", quote(&plans.get(rank).name));
    Err(ConfigError::new(field(at, "anonymous"), problem, "write `anonymous: deny`, or require less"))
}

/// Checks that every plan defines every limit that a rule uses: no default would be right for a plan without
/// it.
fn check_plans_define_limits(written: &[WrittenRule<'_>], plans: &PlanTable, problems: &mut Problems) {
    let mut used = SortedMap::new();
    for (index, rule) in written.iter().enumerate() {
        if let Some(limit) = rule.limit {
            // A limit that no plan defines is an error of the rule, and is already recorded there.
            let defined = plans.iter().any(|(_, plan)| plan.limits.contains_key(limit));
            if defined && !used.contains_key(limit) {
                used.insert(limit, index);
            }
        }
    }
    for (index, (_, plan)) in plans.iter().enumerate() {
        for (limit, rule) in used.iter().filter(|(limit, _)| !plan.limits.contains_key(**limit)) {
            let problem = format!(
                "{} does not define {}, which plan_gate.rules[{rule}] counts",
                quote(&plan.name),
                quote(limit)
            );
            let cure = format!("add `{limit}: unlimited`, or `{limit}: [{{max: 100, per: month}}]`");
            problems.add(ConfigError::new(format!("plans[{index}].limits"), problem, cure));
        }
    }
}
