//! Whose plan a request is judged by and whose counter it counts in: a caller, or an address.

use super::caller::Caller;
use super::confirm::Answer;
use super::store::local::Tables;
use super::worker::Worker;
use crate::plan_table::{PlanTable, Rank};
use crate::quota::ratelimit::{CounterOf, descriptor};
use crate::quota::{ClientNetwork, Place};
use crate::time::Micros;
use std::rc::Rc;

/// Whose plan a request is judged by and whose counter it counts in.
#[derive(Clone, Debug)]
pub(super) enum Spender {
    /// The bearer of a token.
    Caller {
        /// As the token says.
        caller: Rc<Caller>,
        /// What Clerk's own record said later than the token.
        confirmed: Option<Answer>,
    },
    /// Somebody without a token, where the rule takes such callers.
    Anonymous {
        /// Where the request comes from.
        network: ClientNetwork,
        /// The plan that the rule gives such callers.
        plan: Rank,
    },
}

impl Spender {
    /// The bearer of a token, by what is known of the plan now.
    pub(super) fn of(worker: &Worker, caller: Rc<Caller>, now: Micros) -> Self {
        let known = |subject| worker.confirmed.answer(subject, caller.session.claims_read_at, now);
        let confirmed = caller.subject.as_ref().and_then(known);
        Spender::Caller { caller, confirmed }
    }

    /// The plan in force.
    pub(super) fn plan(&self, plans: &PlanTable, now: Micros) -> Rank {
        match self {
            Spender::Caller { caller, confirmed: Some(answer) } => {
                answer.plan(caller.plan(plans, now), plans, now)
            }
            Spender::Caller { caller, confirmed: None } => caller.plan(plans, now),
            Spender::Anonymous { plan, .. } => *plan,
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

    /// Whether it should be an organisation's plan and there is no organisation.
    pub(super) fn lacks_organization(&self) -> bool {
        matches!(self, Spender::Caller { caller, .. } if caller.subject.is_none())
    }

    /// The caller, if there is a token.
    pub(super) fn caller(&self) -> Option<&Caller> {
        match self {
            Spender::Caller { caller, .. } => Some(caller),
            Spender::Anonymous { .. } => None,
        }
    }

    /// The bytes that tell its counters from others'; none without a subject.
    pub(super) fn counter_subject(&self) -> &[u8] {
        match self {
            Spender::Caller { caller, .. } => {
                caller.subject.as_ref().map(|subject| subject.as_str().as_bytes()).unwrap_or_default()
            }
            Spender::Anonymous { network, .. } => network.octets(),
        }
    }

    /// Where the counters of a limit are in the local store; `None` without a subject.
    pub(super) fn place(&self, tables: &Tables, limit: &str) -> Option<Place> {
        Some(match self {
            Spender::Caller { caller, .. } => {
                tables.signed_in.place(caller.subject.as_ref()?.as_str().as_bytes(), limit)
            }
            Spender::Anonymous { network, .. } => tables.anonymous.place(network.octets(), limit),
        })
    }

    /// What the counters of a limit are called in envoyproxy/ratelimit; `None` without a subject.
    pub(super) fn counter_of(&self, limit: &str) -> Option<CounterOf> {
        let subject = match self {
            Spender::Caller { caller, .. } => caller.subject.as_ref()?.as_str().to_owned(),
            Spender::Anonymous { network, .. } => descriptor::address(network),
        };
        Some(CounterOf { subject, limit: limit.to_owned() })
    }
}
