//! Decides whether a caller's plan allows what a rule guards, before anything is counted.

use super::principal::Principal;
use super::refusal::Refusal;
use super::store::Charge;
use super::worker::GateWorker;
use crate::config::{Requirement, Rule, Spend};
use crate::plan_table::{Limit, PlanTable, Rank};
use crate::time::Micros;
use std::sync::Arc;

/// The decision for a request that the plan allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PlanDecision {
    /// Forward it.
    Pass,
    /// Count it, and forward it if there is room.
    Count(Charge),
}

/// Decides by the rule that guards the request. Without a rule, a valid token is enough.
///
/// # Errors
/// [`Refusal`] if the plan does not allow the request.
pub(super) fn decide(
    worker: &GateWorker,
    rule: Option<&Rule>,
    principal: &Principal,
    now: Micros,
) -> Result<PlanDecision, Refusal> {
    let Some(rule) = rule else { return Ok(PlanDecision::Pass) };
    if principal.lacks_organization() && (rule.require.is_some() || rule.limit.is_some()) {
        return Err(Refusal::OrganizationRequired);
    }
    let plans = &worker.plans;
    let plan = principal.plan(plans, now);
    match &rule.require {
        Some(Requirement::Plan(required)) if plan < *required => Err(Refusal::PlanRequired {
            plan: plans.get(plan).name.clone(),
            required: Some(plans.get(*required).name.clone()),
        }),
        Some(Requirement::Feature(feature)) if !principal.has_feature(feature, plans, now) => {
            Err(Refusal::FeatureRequired {
                plan: plans.get(plan).name.clone(),
                feature: feature.clone(),
                required: lowest(plans, plan, |rank| plans.has_feature(rank, feature)),
            })
        }
        _ => spend(plans, plan, rule.limit.as_ref()),
    }
}

fn spend(plans: &PlanTable, plan: Rank, spend: Option<&Spend>) -> Result<PlanDecision, Refusal> {
    let Some(Spend { limit, cost }) = spend else { return Ok(PlanDecision::Pass) };
    let serves = |rank| match plans.get(rank).limits.get(&**limit) {
        Some(Limit::Unlimited) => true,
        Some(Limit::Windows(windows)) => windows.iter().all(|window| *cost <= window.max),
        None => false,
    };
    match plans.get(plan).limits.get(&**limit) {
        Some(Limit::Unlimited) => Ok(PlanDecision::Pass),
        Some(Limit::Windows(windows)) if serves(plan) => Ok(PlanDecision::Count(Charge {
            limit: Arc::clone(limit),
            cost: *cost,
            windows: Arc::clone(windows),
        })),
        // The cost exceeds the maximum at any time, so waiting would not help.
        _ => Err(Refusal::PlanRequired {
            plan: plans.get(plan).name.clone(),
            required: lowest(plans, plan, serves),
        }),
    }
}

/// Returns whether a plan above this one would lift a refusal.
pub(super) fn is_liftable(plans: &PlanTable, plan: Rank, refusal: &Refusal) -> bool {
    match refusal {
        Refusal::PlanRequired { required, .. } | Refusal::FeatureRequired { required, .. } => {
            required.is_some()
        }
        Refusal::QuotaExceeded { limit, .. } => {
            let own = plans.get(plan).limits.get(&**limit);
            lowest(plans, plan, |above| plans.get(above).limits.get(&**limit) != own).is_some()
        }
        _ => false,
    }
}

/// Returns the name of the lowest plan above `plan` that `is_enough` accepts.
fn lowest(plans: &PlanTable, plan: Rank, is_enough: impl Fn(Rank) -> bool) -> Option<String> {
    let mut above = plans.iter().filter(|(rank, _)| *rank > plan && is_enough(*rank));
    above.next().map(|(_, plan)| plan.name.clone())
}
