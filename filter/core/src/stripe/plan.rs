//! Determines a subject's plan from its subscriptions.
//!
//! The plan is the highest one that any subscription grants. Two kinds of subscriptions only keep the
//! recorded plan: a granting one whose price no longer maps to a plan, and one with an unknown status. So a
//! new price or a new status of Stripe neither removes nor grants a plan. A recorded plan that is not in the
//! configuration is kept while the subscription that granted it has unmapped prices. A subscription with an
//! unreadable part grants what its readable parts grant, and never less than the recorded plan that it
//! granted.

mod alarm;
mod catalog;
mod grant;
mod offer;
mod sold;

pub(crate) use alarm::PlanAlarm;
#[cfg(test)]
pub(crate) use alarm::PlanNameSource;
pub(crate) use catalog::{Catalog, PriceMapping, Products};
pub(crate) use sold::SoldPlan;

use super::invoice::OpenInvoices;
use super::subscription::{Subscription, SubscriptionStatus, UnreadablePart};
use crate::ids::{ProductId, SubscriptionId};
use crate::plan_table::{Rank, RecordedPlan};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Micros;
use grant::{Grant, RelevantSubscription};
use offer::{Offer, Renewal};
use std::cmp::Reverse;
use std::time::Duration;

/// The plan that a past-due subscription grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PastDue {
    /// Its plan, as long as its status is `past_due`.
    Keep,
    /// No plan.
    Revoke,
    /// Its plan for this duration after the oldest open invoice became due.
    Grace(Duration),
}

/// The configured rules that map subscriptions to a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanRules<'a> {
    /// The mapping of prices to plans.
    pub(crate) catalog: Catalog<'a>,
    /// The rule for failed payments.
    pub(crate) past_due: PastDue,
}

/// The data from Stripe about one subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    /// All its subscriptions, of any customers, in any order.
    pub(crate) subscriptions: &'a [&'a Subscription],
    /// The products that were read for them.
    pub(crate) products: &'a Products,
    /// The open invoices of past-due subscriptions.
    pub(crate) open_invoices: &'a SortedMap<SubscriptionId, OpenInvoices>,
}

/// The subject's record in Clerk.
#[derive(Clone, Debug)]
pub(crate) struct Recorded<'a> {
    /// Its plan.
    pub(crate) plan: RecordedPlan<'a>,
    /// The subscription that granted it.
    pub(crate) granting: Option<&'a SubscriptionId>,
    /// The end of its paid period, in seconds since the Unix epoch.
    pub(crate) period_end_s: Option<u64>,
    /// The plan that each subscription granted when it was last paid, if known. While past due, a
    /// subscription grants no more than that, so that a change to a higher plan has no effect before it is
    /// paid.
    pub(crate) paid: SortedMap<SubscriptionId, Rank>,
    /// Whether the record shows the granting subscription as paid. Then an open invoice is newer than the
    /// record. Otherwise an open invoice does not raise the last paid plan.
    pub(crate) granting_is_paid: bool,
}

/// A plan that is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum GrantedPlan {
    /// A plan in the configuration.
    Known(Rank),
    /// The recorded plan, which is not in the configuration. It is kept even if other subscriptions grant a
    /// plan.
    AsRecorded,
}

impl Recorded<'_> {
    /// Returns whether this subscription granted the recorded plan.
    fn is_granted_by(&self, subscription: &Subscription) -> bool {
        self.granting == Some(&subscription.id)
    }

    /// Returns the plan that a past-due subscription granted when it was last paid, given the plan that its
    /// oldest open invoice charges for.
    fn last_paid(&self, subscription: &Subscription, renewal: &Renewal, default_rank: Rank) -> Option<Rank> {
        let recorded = self.paid.get(&subscription.id).copied();
        match (renewal, recorded) {
            (Renewal::Unknown(_), _) => None,
            (Renewal::Plan(renewed), Some(recorded))
                if !(self.granting_is_paid && self.is_granted_by(subscription)) =>
            {
                Some(recorded.min(*renewed))
            }
            (Renewal::Plan(renewed), _) => Some(*renewed),
            // An invoice that charges for no plan does not affect a plan that is known to be paid.
            (Renewal::NoPlan, Some(_)) => None,
            (Renewal::NoPlan, None) => Some(default_rank),
        }
    }
}

/// The data that must be read from Stripe before [`PlanRules::resolve`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Products whose metadata is needed.
    pub(crate) products: SortedSet<ProductId>,
    /// Subscriptions whose open invoices are needed.
    pub(crate) open_invoices: SortedSet<SubscriptionId>,
    /// Subscriptions whose remaining items are needed.
    pub(crate) items: SortedSet<SubscriptionId>,
}

impl Needs {
    /// Returns whether nothing is missing.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.products.is_empty() && self.open_invoices.is_empty() && self.items.is_empty()
    }
}

/// The plan of a subject, with the details for its record and alarms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolution {
    /// The plan.
    pub(crate) plan: GrantedPlan,
    /// The granting subscription; `None` if no subscription grants a plan, so that it is the default one.
    pub(crate) granting: Option<SubscriptionId>,
    /// The details of the granting subscription; if there is none, of the one that comes closest to granting
    /// a plan.
    pub(crate) details: Option<SubscriptionDetails>,
    /// The plan that each live subscription granted when it was last paid, if known.
    pub(crate) paid: SortedMap<SubscriptionId, Rank>,
    /// Alarms for the operator.
    pub(crate) alarms: SortedSet<PlanAlarm>,
}

impl Resolution {
    /// Returns the live subscriptions whose prices map to no plan.
    pub(crate) fn unmapped(&self) -> impl Iterator<Item = &SubscriptionId> {
        self.alarms.iter().filter_map(|alarm| match alarm {
            PlanAlarm::Unmapped { subscription, .. } => Some(subscription),
            _ => None,
        })
    }
}

/// The details of a subscription in the subject's public metadata. Times are in seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionDetails {
    /// The subscription's status.
    pub(crate) status: SubscriptionStatus,
    /// The end of the paid period.
    pub(crate) current_period_end_s: Option<u64>,
    /// Whether the subscription ends at the end of the period.
    pub(crate) cancel_at_period_end: bool,
    /// The end of the grace period after a failed payment.
    pub(crate) grace_until_s: Option<u64>,
}

impl SubscriptionDetails {
    /// Creates the details. `period_end_s` is the end of the granting item's period, because items may have
    /// different periods. `cancel_at` at or before that end also counts as `cancel_at_period_end`, because
    /// the customer portal cancels at the end of the period by setting `cancel_at`.
    fn new(subscription: &Subscription, period_end_s: Option<u64>, grace_until_s: Option<u64>) -> Self {
        let ends_by_then = subscription.cancel_at_s.is_some_and(|end_s| Some(end_s) <= period_end_s);
        SubscriptionDetails {
            status: subscription.status.clone(),
            current_period_end_s: period_end_s,
            cancel_at_period_end: subscription.cancel_at_period_end || ends_by_then,
            grace_until_s,
        }
    }

    /// Returns the key by which one of several subscriptions is chosen; the smallest key comes first.
    fn preference(&self) -> impl Ord {
        let ends =
            (Reverse(self.current_period_end_s), self.cancel_at_period_end, Reverse(self.grace_until_s));
        (&self.status, ends)
    }
}

impl PlanRules<'_> {
    /// Returns the data that is missing in the evidence. Call it again after reading, because a response may
    /// create another need.
    pub(crate) fn needs(&self, evidence: &Evidence<'_>, recorded: &Recorded<'_>) -> Needs {
        let mut needs = Needs::default();
        for subscription in evidence.subscriptions.iter().filter(|s| self.may_affect_plan(&s.status)) {
            let offer = Offer::new(subscription, &self.catalog, evidence.products);
            let best = offer.best.map(|best| best.rank);
            let invoices_decide = match self.past_due {
                _ if subscription.status != SubscriptionStatus::PastDue => false,
                PastDue::Revoke => false,
                PastDue::Grace(_) => best.is_some() || recorded.is_granted_by(subscription),
                // The invoices only show whether an unpaid change raised the plan.
                PastDue::Keep => best.is_some_and(|best| {
                    !recorded.paid.contains_key(&subscription.id) && recorded.plan.at_most(best) < best
                }),
            };
            if invoices_decide && !evidence.open_invoices.contains_key(&subscription.id) {
                needs.open_invoices.insert(subscription.id.clone());
            }
            if let Some(invoices) = evidence.open_invoices.get(&subscription.id)
                && let Renewal::Unknown(depends_on) =
                    Renewal::new(subscription, invoices, &self.catalog, evidence.products)
            {
                needs.products.extend(depends_on);
            }
            needs.products.extend(offer.depends_on);
            if subscription.items_truncated {
                needs.items.insert(subscription.id.clone());
            }
        }
        needs
    }

    /// Determines the plan at the time `now`.
    ///
    /// Data that [`needs`](Self::needs) still returns counts as absent: a product without a plan, and no
    /// invoices.
    pub(crate) fn resolve(
        &self,
        now: Micros,
        evidence: &Evidence<'_>,
        recorded: &Recorded<'_>,
    ) -> Resolution {
        let default_rank = self.catalog.plans.default_rank();
        let mut alarms = SortedSet::default();
        let mut grants = Vec::new();
        let mut paid = recorded_paid_plans(evidence, recorded);
        for subscription in evidence.subscriptions.iter().filter(|s| self.may_affect_plan(&s.status)) {
            let offer = Offer::new(subscription, &self.catalog, evidence.products);
            let open_invoices = evidence.open_invoices.get(&subscription.id).cloned().unwrap_or_default();
            if open_invoices.unreadable {
                let (subscription, part) = (subscription.id.clone(), UnreadablePart::OpenInvoice);
                alarms.insert(PlanAlarm::Unreadable { subscription, part });
            }
            let renewal = Renewal::new(subscription, &open_invoices, &self.catalog, evidence.products);
            // The oldest invoice decides, and an unreadable one may be older.
            if subscription.status == SubscriptionStatus::PastDue
                && !open_invoices.unreadable
                && let Some(last_paid) = recorded.last_paid(subscription, &renewal, default_rank)
            {
                paid.insert(subscription.id.clone(), last_paid);
            }
            let last_paid = paid.get(&subscription.id).copied();
            let relevant = RelevantSubscription { subscription, offer, open_invoices, last_paid };
            let grant = relevant.grant(now, self.past_due, recorded, &mut alarms);
            if let Some(rank) = grant.as_ref().and_then(Grant::configured_rank)
                && (subscription.status != SubscriptionStatus::PastDue
                    || !paid.contains_key(&subscription.id))
            {
                paid.insert(subscription.id.clone(), rank);
            }
            grants.extend(grant.filter(|grant| grant.counts(default_rank)));
            alarms.extend(relevant.offer.alarms);
        }
        match grants.into_iter().min_by(|a, b| a.preference().cmp(&b.preference())) {
            Some(grant) => Resolution {
                plan: grant.plan,
                granting: Some(grant.subscription.clone()),
                details: Some(grant.details),
                paid,
                alarms,
            },
            None => Resolution {
                plan: GrantedPlan::Known(default_rank),
                granting: None,
                details: self.details_without_grant(evidence),
                paid,
                alarms,
            },
        }
    }

    /// Returns whether a subscription with this status may affect the plan.
    fn may_affect_plan(&self, status: &SubscriptionStatus) -> bool {
        match status {
            SubscriptionStatus::Active | SubscriptionStatus::Trialing | SubscriptionStatus::Unknown(_) => {
                true
            }
            SubscriptionStatus::PastDue => self.past_due != PastDue::Revoke,
            SubscriptionStatus::Unpaid | SubscriptionStatus::Paused | SubscriptionStatus::Incomplete => false,
            SubscriptionStatus::IncompleteExpired | SubscriptionStatus::Canceled => false,
        }
    }

    /// Returns the details of the subscription that comes closest to granting a plan, so that users see why
    /// they lost it. A subscription that sells no plan is excluded. Products of ended subscriptions are not
    /// read, so for these subscriptions only the configuration counts.
    fn details_without_grant(&self, evidence: &Evidence<'_>) -> Option<SubscriptionDetails> {
        let candidates = evidence.subscriptions.iter().filter(|subscription| {
            let offer = Offer::new(subscription, &self.catalog, evidence.products);
            !offer.only_add_ons && (offer.best.is_some() || !self.may_affect_plan(&subscription.status))
        });
        let nearest =
            candidates.map(|s| (SubscriptionDetails::new(s, s.current_period_end_s(), None), &s.id));
        nearest
            .min_by(|(a, id_a), (b, id_b)| a.preference().cmp(&b.preference()).then(id_a.cmp(id_b)))
            .map(|(s, _)| s)
    }
}

/// Returns the recorded last paid plans of subscriptions that have not ended.
fn recorded_paid_plans(evidence: &Evidence<'_>, recorded: &Recorded<'_>) -> SortedMap<SubscriptionId, Rank> {
    let mut paid = SortedMap::default();
    for subscription in evidence.subscriptions.iter().filter(|subscription| subscription.status.is_live()) {
        if let Some(rank) = recorded.paid.get(&subscription.id) {
            paid.insert(subscription.id.clone(), *rank);
        }
    }
    paid
}

#[cfg(test)]
mod tests;
