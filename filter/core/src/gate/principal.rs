//! The principal of a request, which has the plan and the counters: a signed-in caller, or a client network.

use super::caller::Caller;
use super::confirm::Confirmation;
use super::store::CounterOwner;
use crate::plan_table::{PlanTable, Rank};
use crate::quota::ClientNetwork;
use crate::time::Micros;
use std::rc::Rc;

/// The principal of a request, which has the plan and the counters.
#[derive(Clone, Debug)]
pub(super) enum Principal {
    /// The bearer of a token.
    Caller {
        /// The caller, from the token.
        caller: Rc<Caller>,
        /// The plan from Clerk's own record, if that is newer than the token.
        confirmed: Option<Confirmation>,
    },
    /// An anonymous caller, which the rule allows.
    Anonymous {
        /// The network of the client.
        network: ClientNetwork,
        /// The plan that the rule gives to anonymous callers.
        plan: Rank,
    },
}

impl Principal {
    /// Returns the plan in force.
    pub(super) fn plan(&self, plans: &PlanTable, now: Micros) -> Rank {
        match self {
            Principal::Caller { caller, confirmed: Some(confirmation) } => {
                confirmation.plan(caller.plan(plans, now), plans, now)
            }
            Principal::Caller { caller, confirmed: None } => caller.plan(plans, now),
            Principal::Anonymous { plan, .. } => *plan,
        }
    }

    /// Returns whether the principal has a feature.
    pub(super) fn has_feature(&self, feature: &str, plans: &PlanTable, now: Micros) -> bool {
        let own = |caller: &Caller| caller.own_features().any(|own| own == feature);
        plans.has_feature(self.plan(plans, now), feature) || self.caller().is_some_and(own)
    }

    /// Returns all features of the principal, each once and in alphabetical order.
    pub(super) fn features<'a>(&'a self, plans: &'a PlanTable, now: Micros) -> Vec<&'a str> {
        let mut features = plans.features(self.plan(plans, now));
        if let Some(caller) = self.caller() {
            for own in caller.own_features() {
                if let Err(index) = features.binary_search(&own) {
                    features.insert(index, own);
                }
            }
        }
        features
    }

    /// Returns whether the subject must be an organization but none is active.
    pub(super) fn lacks_organization(&self) -> bool {
        self.counter_owner().is_none()
    }

    /// Returns the caller, if there is a token.
    pub(super) fn caller(&self) -> Option<&Caller> {
        match self {
            Principal::Caller { caller, .. } => Some(caller),
            Principal::Anonymous { .. } => None,
        }
    }

    /// Returns the owner of the counters; `None` if it must be an organization but none is active.
    pub(super) fn counter_owner(&self) -> Option<CounterOwner<'_>> {
        match self {
            Principal::Caller { caller, .. } => caller.subject.as_ref().map(CounterOwner::Subject),
            Principal::Anonymous { network, .. } => Some(CounterOwner::Network(network)),
        }
    }
}
