//! What the gate counts: decisions by rule, refusals by code, and how its cache and its counters fare.

use crate::auth::token::TokenCode;
use crate::report::{MetricDefinition, MetricId, MetricKind, Report};

/// What became of a request that a rule guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GateDecision {
    /// It went on to the upstream.
    Allowed,
    /// No token, a bad one, or one for whose keys too many wait already.
    Unauthenticated,
    /// The plan does not allow it.
    PlanRequired,
    /// The plan's limit is used up.
    OverLimit,
    /// Its path, host, method, or `x-forwarded-for` is one that nobody is served with.
    BadRequest,
    /// Its rule, its keys or its counter were not there.
    Unjudged,
    /// It would have been refused, and went on because the gate runs in shadow mode.
    Shadowed,
}

const DECISIONS: [(GateDecision, &str); 7] = [
    (GateDecision::Allowed, "allowed"),
    (GateDecision::Unauthenticated, "unauthenticated"),
    (GateDecision::PlanRequired, "plan_required"),
    (GateDecision::OverLimit, "over_limit"),
    (GateDecision::BadRequest, "bad_request"),
    (GateDecision::Unjudged, "unjudged"),
    (GateDecision::Shadowed, "shadowed"),
];

/// What is counted whatever the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GateEvent {
    /// A token was found in the cache.
    CacheHit,
    /// A token's signature had to be checked.
    CacheMiss,
    /// A token named no plan that is sold.
    PlanUnknown,
    /// A signed-in caller's counter was lost because its bucket was full.
    Evicted,
    /// The same of an anonymous caller's, of whom a stranger can be as many as they have addresses.
    AnonymousEvicted,
    /// A counter could not be read or stored.
    StoreFailed,
    /// A request was served without being counted, because it could not be and `on_error` allows it.
    Uncounted,
    /// The keys were fetched.
    KeysFetched,
    /// The keys could not be fetched.
    KeysFailed,
    /// Clerk was asked for a subject's own record before a refusal.
    ConfirmAsked,
    /// It did not say.
    ConfirmFailed,
    /// It was not asked, because it had been often enough.
    ConfirmLimited,
    /// A caller was told its usage.
    UsageRead,
    /// A token was refused.
    TokenRefused(TokenCode),
}

const EVENTS: [(GateEvent, &str); 13] = [
    (GateEvent::CacheHit, "token_cache.hits"),
    (GateEvent::CacheMiss, "token_cache.misses"),
    (GateEvent::PlanUnknown, "plan_unknown"),
    (GateEvent::Evicted, "counters.evicted"),
    (GateEvent::AnonymousEvicted, "counters.anonymous_evicted"),
    (GateEvent::StoreFailed, "counters.store_failed"),
    (GateEvent::Uncounted, "counters.uncounted"),
    (GateEvent::KeysFetched, "keys.fetched"),
    (GateEvent::KeysFailed, "keys.fetch_failed"),
    (GateEvent::ConfirmAsked, "confirm.asked"),
    (GateEvent::ConfirmFailed, "confirm.failed"),
    (GateEvent::ConfirmLimited, "confirm.limited"),
    (GateEvent::UsageRead, "usage.read"),
];

/// The names of the rules, after which decisions are counted. Those of no rule are counted as `unmatched`.
#[derive(Clone, Debug)]
pub(crate) struct GateMetrics {
    rules: Vec<String>,
}

impl GateMetrics {
    pub(crate) fn new(rules: impl IntoIterator<Item = String>) -> Self {
        GateMetrics { rules: rules.into_iter().chain(["unmatched".to_owned()]).collect() }
    }

    /// Counts a decision. `rule` is the rule's place in the configuration; `None` if none guards the request.
    pub(crate) fn decided(&self, rule: Option<usize>, decision: GateDecision) -> Report {
        let rule = rule.unwrap_or(self.rules.len().saturating_sub(1));
        let decision = DECISIONS.iter().position(|(known, _)| *known == decision).unwrap_or_default();
        let place = rule.saturating_mul(DECISIONS.len()).saturating_add(decision);
        Report::Count(MetricId(place.saturating_add(EVENTS.len()).saturating_add(TokenCode::ALL.len())))
    }

    /// Counts anything else.
    pub(crate) fn happened(&self, event: GateEvent) -> Report {
        let place = match event {
            GateEvent::TokenRefused(code) => EVENTS.len().saturating_add(code.index()),
            event => EVENTS.iter().position(|(known, _)| *known == event).unwrap_or_default(),
        };
        Report::Count(MetricId(place))
    }

    /// All of them, in the order of their ids.
    pub(crate) fn definitions(&self) -> Vec<MetricDefinition> {
        let events = EVENTS.iter().map(|(_, name)| format!("tollgate.gate.{name}"));
        let codes =
            TokenCode::ALL.iter().map(|code| format!("tollgate.gate.token_refused.{}", code.as_str()));
        let decisions = self.rules.iter().flat_map(|rule| {
            DECISIONS.iter().map(move |(_, name)| format!("tollgate.gate.rule.{rule}.{name}"))
        });
        let names = events.chain(codes).chain(decisions);
        names.map(|name| MetricDefinition { kind: MetricKind::Counter, name }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_the_name_of_what_it_counts() {
        let metrics = GateMetrics::new(["ask".to_owned(), "reports".to_owned()]);
        let names = metrics.definitions();
        let name = |report: Report| match report {
            Report::Count(MetricId(place)) => names[place].name.clone(),
            other => panic!("{other:?}"),
        };
        for (report, want) in [
            (metrics.happened(GateEvent::CacheHit), "tollgate.gate.token_cache.hits"),
            (metrics.happened(GateEvent::StoreFailed), "tollgate.gate.counters.store_failed"),
            (
                metrics.happened(GateEvent::TokenRefused(TokenCode::SessionPending)),
                "tollgate.gate.token_refused.session_pending",
            ),
            (metrics.decided(Some(0), GateDecision::Allowed), "tollgate.gate.rule.ask.allowed"),
            (metrics.decided(Some(1), GateDecision::OverLimit), "tollgate.gate.rule.reports.over_limit"),
            (metrics.decided(None, GateDecision::Shadowed), "tollgate.gate.rule.unmatched.shadowed"),
        ] {
            assert_eq!(name(report), want);
        }
        let unique: std::collections::BTreeSet<_> = names.iter().map(|metric| &metric.name).collect();
        assert_eq!(unique.len(), names.len());
    }
}
