//! The gate's metrics: decisions by rule, refusals by code, and events of the cache and the stores.

use super::refusal::RULE_CODES;
use crate::auth::token::TokenCode;
use crate::problem::ProblemCode;
use crate::report::{MetricDefinition, MetricId, MetricKind, Report};

/// The decision about a request that a rule guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GateDecision {
    /// Forwarded to the upstream.
    Allowed,
    /// Refused without a valid token, or because too many requests wait for keys.
    Unauthenticated,
    /// Refused because the plan does not allow it.
    PlanRequired,
    /// Refused because the plan's limit is used up.
    OverLimit,
    /// Refused because of its path, host, method, or `x-forwarded-for`.
    BadRequest,
    /// Refused because its rule, its keys, or its counter were not available.
    Undecided,
    /// Forwarded only because the gate runs in shadow mode.
    Shadowed,
}

const DECISIONS: [(GateDecision, &str); 7] = [
    (GateDecision::Allowed, "allowed"),
    (GateDecision::Unauthenticated, "unauthenticated"),
    (GateDecision::PlanRequired, "plan_required"),
    (GateDecision::OverLimit, "over_limit"),
    (GateDecision::BadRequest, "bad_request"),
    (GateDecision::Undecided, "undecided"),
    (GateDecision::Shadowed, "shadowed"),
];

/// An event that is counted for all rules together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GateEvent {
    /// A token was found in the cache.
    CacheHit,
    /// A token's signature had to be verified.
    CacheMiss,
    /// A token or a record named an unknown plan.
    PlanUnknown,
    /// No token of a worker thread had a plan claim for a while.
    PlanClaimMissing,
    /// A signed-in caller's counter was evicted because its bucket was full.
    Evicted,
    /// An anonymous caller's counter was evicted. Counted separately, because a client can cause it with many
    /// addresses.
    AnonymousEvicted,
    /// A counter could not be read or stored.
    StoreFailed,
    /// A request was forwarded uncounted, because counting failed and `on_error` allows that.
    Uncounted,
    /// The keys were fetched.
    KeysFetched,
    /// The keys could not be fetched.
    KeysFailed,
    /// Clerk's record of a subject was requested before a refusal.
    ConfirmRequested,
    /// Clerk's record could not be read.
    ConfirmFailed,
    /// Clerk's record was not requested, because the limit of requests was reached.
    ConfirmLimited,
    /// A caller's usage was returned.
    UsageRead,
    /// A token was refused.
    TokenRefused(TokenCode),
}

const EVENTS: [(GateEvent, &str); 14] = [
    (GateEvent::CacheHit, "token_cache.hits"),
    (GateEvent::CacheMiss, "token_cache.misses"),
    (GateEvent::PlanUnknown, "plan_unknown"),
    (GateEvent::PlanClaimMissing, "plan_claim_missing"),
    (GateEvent::Evicted, "counters.evicted"),
    (GateEvent::AnonymousEvicted, "counters.anonymous_evicted"),
    (GateEvent::StoreFailed, "counters.store_failed"),
    (GateEvent::Uncounted, "counters.uncounted"),
    (GateEvent::KeysFetched, "keys.fetched"),
    (GateEvent::KeysFailed, "keys.fetch_failed"),
    (GateEvent::ConfirmRequested, "confirm.asked"),
    (GateEvent::ConfirmFailed, "confirm.failed"),
    (GateEvent::ConfirmLimited, "confirm.limited"),
    (GateEvent::UsageRead, "usage.read"),
];

/// Returns the codes of refusals that shadow mode counts, in the order of their metric ids.
fn shadowed_codes() -> impl Iterator<Item = ProblemCode> {
    RULE_CODES.into_iter().chain(TokenCode::ALL.map(TokenCode::problem))
}

/// The names of the rules by which decisions are counted. Decisions without a rule are counted as
/// `unmatched`.
#[derive(Clone, Debug)]
pub(crate) struct GateMetrics {
    rules: Vec<String>,
    /// Whether the gate runs in shadow mode, which has metrics of its own.
    shadow: bool,
}

impl GateMetrics {
    pub(crate) fn new(rules: impl IntoIterator<Item = String>, shadow: bool) -> Self {
        GateMetrics { rules: rules.into_iter().chain(["unmatched".to_owned()]).collect(), shadow }
    }

    /// Returns the name by which decisions of this rule are counted.
    pub(crate) fn rule_name(&self, rule: Option<usize>) -> &str {
        let rule = rule.and_then(|rule| self.rules.get(rule)).or(self.rules.last());
        rule.map(String::as_str).unwrap_or_default()
    }

    /// Counts a refusal that shadow mode did not carry out.
    pub(crate) fn count_shadowed(&self, code: ProblemCode) -> Report {
        let index = shadowed_codes().position(|known| known == code).unwrap_or_default();
        let before = self.rules.len().saturating_mul(DECISIONS.len()).saturating_add(EVENTS.len());
        Report::Count(MetricId(before.saturating_add(TokenCode::ALL.len()).saturating_add(index)))
    }

    /// Counts a decision. `rule` is the rule's index in the configuration, or `None` if no rule guards the
    /// request.
    pub(crate) fn count_decision(&self, rule: Option<usize>, decision: GateDecision) -> Report {
        let rule = rule.unwrap_or(self.rules.len().saturating_sub(1));
        let decision = DECISIONS.iter().position(|(known, _)| *known == decision).unwrap_or_default();
        let index = rule.saturating_mul(DECISIONS.len()).saturating_add(decision);
        Report::Count(MetricId(index.saturating_add(EVENTS.len()).saturating_add(TokenCode::ALL.len())))
    }

    /// Counts an event.
    pub(crate) fn count_event(&self, event: GateEvent) -> Report {
        let index = match event {
            GateEvent::TokenRefused(code) => EVENTS.len().saturating_add(code.index()),
            event => EVENTS.iter().position(|(known, _)| *known == event).unwrap_or_default(),
        };
        Report::Count(MetricId(index))
    }

    /// Returns all metrics, in the order of their ids.
    pub(crate) fn definitions(&self) -> Vec<MetricDefinition> {
        let events = EVENTS.iter().map(|(event, name)| {
            let is_frequent = *event == GateEvent::CacheHit;
            counter(is_frequent, format!("tollgate.gate.{name}"))
        });
        let codes = TokenCode::ALL
            .iter()
            .map(|code| counter(false, format!("tollgate.gate.token_refused.{}", code.as_str())));
        let decisions = self.rules.iter().flat_map(|rule| {
            DECISIONS.iter().map(move |(decision, name)| {
                let is_frequent = *decision == GateDecision::Allowed;
                counter(is_frequent, format!("tollgate.gate.rule.{rule}.{name}"))
            })
        });
        let shadowed = shadowed_codes().filter(|_| self.shadow);
        let shadowed =
            shadowed.map(|code| counter(false, format!("tollgate.gate.shadowed.{}", code.as_str())));
        events.chain(codes).chain(decisions).chain(shadowed).collect()
    }
}

/// Returns a counter. What operators act on is counted at once, so only permitted requests are frequent.
fn counter(is_frequent: bool, name: String) -> MetricDefinition {
    let kind = if is_frequent { MetricKind::FrequentCounter } else { MetricKind::Counter };
    MetricDefinition { kind, name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_its_own_name() {
        let metrics = GateMetrics::new(["ask".to_owned(), "reports".to_owned()], true);
        let names = metrics.definitions();
        let name = |report: Report| match report {
            Report::Count(MetricId(index)) => names[index].name.clone(),
            other => panic!("{other:?}"),
        };
        for (report, want) in [
            (metrics.count_event(GateEvent::CacheHit), "tollgate.gate.token_cache.hits"),
            (metrics.count_event(GateEvent::StoreFailed), "tollgate.gate.counters.store_failed"),
            (
                metrics.count_event(GateEvent::TokenRefused(TokenCode::SessionPending)),
                "tollgate.gate.token_refused.session_pending",
            ),
            (metrics.count_decision(Some(0), GateDecision::Allowed), "tollgate.gate.rule.ask.allowed"),
            (
                metrics.count_decision(Some(1), GateDecision::OverLimit),
                "tollgate.gate.rule.reports.over_limit",
            ),
            (metrics.count_decision(None, GateDecision::Shadowed), "tollgate.gate.rule.unmatched.shadowed"),
            (metrics.count_shadowed(ProblemCode::QuotaExceeded), "tollgate.gate.shadowed.quota_exceeded"),
            (metrics.count_shadowed(ProblemCode::SessionPending), "tollgate.gate.shadowed.session_pending"),
        ] {
            assert_eq!(name(report), want);
        }
        let unique: std::collections::BTreeSet<_> = names.iter().map(|metric| &metric.name).collect();
        assert_eq!(unique.len(), names.len());
        let without_shadow = GateMetrics::new(["ask".to_owned(), "reports".to_owned()], false).definitions();
        assert_eq!(
            without_shadow[..],
            names[..without_shadow.len()],
            "the metrics of shadow mode are the last"
        );
        assert_eq!(names.len() - without_shadow.len(), RULE_CODES.len() + TokenCode::ALL.len());
    }
}
