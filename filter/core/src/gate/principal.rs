//! Whose plan a request is judged by and whose counter it counts in: a caller, or an address.

use super::caller::Caller;
use super::confirm::Confirmation;
use super::store::CounterOwner;
use crate::plan_table::{PlanTable, Rank};
use crate::quota::ClientNetwork;
use crate::time::Micros;
use std::rc::Rc;

/// Whose plan a request is judged by and whose counter it counts in.
#[derive(Clone, Debug)]
pub(super) enum Principal {
    /// The bearer of a token.
    Caller {
        /// As the token says.
        caller: Rc<Caller>,
        /// What Clerk's own record said later than the token.
        confirmed: Option<Confirmation>,
    },
    /// Somebody without a token, where the rule takes such callers.
    Anonymous {
        /// Where the request comes from.
        network: ClientNetwork,
        /// The plan that the rule gives such callers.
        plan: Rank,
    },
}

impl Principal {
    /// The plan in force.
    pub(super) fn plan(&self, plans: &PlanTable, now: Micros) -> Rank {
        match self {
            Principal::Caller { caller, confirmed: Some(answer) } => {
                answer.plan(caller.plan(plans, now), plans, now)
            }
            Principal::Caller { caller, confirmed: None } => caller.plan(plans, now),
            Principal::Anonymous { plan, .. } => *plan,
        }
    }

    /// Whether a feature is theirs.
    pub(super) fn has_feature(&self, feature: &str, plans: &PlanTable, now: Micros) -> bool {
        let own = |caller: &Caller| caller.own_features().any(|own| own == feature);
        plans.has_feature(self.plan(plans, now), feature) || self.caller().is_some_and(own)
    }

    /// All that are theirs, each once and in alphabetical order.
    pub(super) fn features<'a>(&'a self, plans: &'a PlanTable, now: Micros) -> Vec<&'a str> {
        let mut features = plans.features(self.plan(plans, now));
        if let Some(caller) = self.caller() {
            for own in caller.own_features() {
                if let Err(place) = features.binary_search(&own) {
                    features.insert(place, own);
                }
            }
        }
        features
    }

    /// Whether it should be an organization's plan and there is no organization.
    pub(super) fn lacks_organization(&self) -> bool {
        self.counter_owner().is_none()
    }

    /// The caller, if there is a token.
    pub(super) fn caller(&self) -> Option<&Caller> {
        match self {
            Principal::Caller { caller, .. } => Some(caller),
            Principal::Anonymous { .. } => None,
        }
    }

    /// Returns whose its counters are; `None` if an organization's plan counts and there is no organization.
    pub(super) fn counter_owner(&self) -> Option<CounterOwner<'_>> {
        match self {
            Principal::Caller { caller, .. } => caller.subject.as_ref().map(CounterOwner::Subject),
            Principal::Anonymous { network, .. } => Some(CounterOwner::Network(network)),
        }
    }
}
