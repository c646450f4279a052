//! The plan that a subject's subscriptions amount to.
//!
//! The highest plan that any of them grants. Two kinds of subscription only keep what there is, and never
//! give more: one that was granting and now sells something unknown, and one whose status is unknown; so
//! nobody is cut off by a new price or a new word of Stripe's, and nobody gets a plan by one. A plan on
//! record that this document does not have is kept too, while the subscription that granted it grants
//! something that this document does not know either. A subscription of which a part cannot be read grants
//! what can be read of it, and never less than what it granted before.

mod alarm;
mod catalog;
mod grant;
mod offer;

pub(crate) use alarm::PlanAlarm;
pub(crate) use catalog::{Catalog, Products};

use super::invoice::OpenInvoices;
use super::subscription::{Subscription, SubscriptionStatus, UnreadablePart};
use crate::ids::{ProductId, SubscriptionId};
use crate::plan_table::{Rank, RecordedPlan};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Micros;
use grant::{Grant, Judged};
use offer::{Offer, Renewal};
use std::cmp::Reverse;
use std::time::Duration;

/// What a subscription grants while a payment for it has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PastDue {
    /// Its plan, as long as Stripe calls it past due.
    Keep,
    /// Nothing.
    Revoke,
    /// Its plan for so long from the time when the oldest open invoice is owed.
    Grace(Duration),
}

/// The rules that an installation is configured with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanRules<'a> {
    /// Which price sells which plan.
    pub(crate) catalog: Catalog<'a>,
    /// What becomes of a failed payment.
    pub(crate) past_due: PastDue,
}

/// What Stripe says of one subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    /// All its subscriptions, of whichever customers, in any order.
    pub(crate) subscriptions: &'a [&'a Subscription],
    /// The products that were read for them.
    pub(crate) products: &'a Products,
    /// What is owed for those that are past due.
    pub(crate) open_invoices: &'a SortedMap<SubscriptionId, OpenInvoices>,
}

/// What Clerk has on record of the subject.
#[derive(Clone, Debug)]
pub(crate) struct Recorded<'a> {
    /// Its plan.
    pub(crate) plan: RecordedPlan<'a>,
    /// The subscription that granted it.
    pub(crate) granting: Option<&'a SubscriptionId>,
    /// Until when that was paid, in seconds since the Unix epoch.
    pub(crate) period_end_s: Option<u64>,
    /// What each subscription granted when it was last paid, as far as that is known. While it is past due it
    /// grants no more: the card that failed does not buy what it is changed to meanwhile.
    pub(crate) paid: SortedMap<SubscriptionId, Rank>,
    /// Whether the record shows the granting subscription as paid. Then an open invoice is newer than the
    /// record; otherwise no invoice that is still open raises what is on record as paid.
    pub(crate) granting_is_paid: bool,
}

/// A plan that is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum GrantedPlan {
    /// One of this document.
    Known(Rank),
    /// The one on record, which this document does not have: it stays, whatever else is granted.
    AsRecorded,
}

impl Recorded<'_> {
    /// Whether it was that subscription that granted the plan on record.
    fn is_of(&self, subscription: &Subscription) -> bool {
        self.granting == Some(&subscription.id)
    }

    /// What a late subscription granted when it was last paid, given what its oldest open invoice charges
    /// for.
    fn last_paid(&self, late: &Subscription, renewal: &Renewal, default_rank: Rank) -> Option<Rank> {
        let noted = self.paid.get(&late.id).copied();
        match (renewal, noted) {
            (Renewal::Unknown(_), _) => None,
            (Renewal::Plan(renewed), Some(noted)) if !(self.granting_is_paid && self.is_of(late)) => {
                Some(noted.min(*renewed))
            }
            (Renewal::Plan(renewed), _) => Some(*renewed),
            // An invoice for other things than a plan says nothing of a plan that is known to have been paid.
            (Renewal::NoPlan, Some(_)) => None,
            (Renewal::NoPlan, None) => Some(default_rank),
        }
    }
}

/// What must be read of Stripe before [`PlanRules::resolve`] can be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Products whose metadata decides.
    pub(crate) products: SortedSet<ProductId>,
    /// Subscriptions whose open invoices decide.
    pub(crate) open_invoices: SortedSet<SubscriptionId>,
    /// Subscriptions of which Stripe showed only a part of the items.
    pub(crate) items: SortedSet<SubscriptionId>,
}

impl Needs {
    /// Returns whether nothing is missing.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.products.is_empty() && self.open_invoices.is_empty() && self.items.is_empty()
    }
}

/// The plan of a subject, and what there is to show and say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolution {
    /// The plan.
    pub(crate) plan: GrantedPlan,
    /// The subscription that grants it; None if none does and it is the default plan.
    pub(crate) granting: Option<SubscriptionId>,
    /// What is shown of the granting subscription; where none grants, of the one that comes closest to it.
    pub(crate) shown: Option<Shown>,
    /// What each live subscription granted when it was last paid, as far as that is known now.
    pub(crate) paid: SortedMap<SubscriptionId, Rank>,
    /// What an operator should see to.
    pub(crate) alarms: SortedSet<PlanAlarm>,
}

impl Resolution {
    /// The subscriptions that should grant something and sell nothing that is known.
    pub(crate) fn unmapped(&self) -> impl Iterator<Item = &SubscriptionId> {
        self.alarms.iter().filter_map(|alarm| match alarm {
            PlanAlarm::Unmapped { subscription, .. } => Some(subscription),
            _ => None,
        })
    }
}

/// What a subject may know of a subscription of its own. Times are in seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Where it stands.
    pub(crate) status: SubscriptionStatus,
    /// Until when it is paid.
    pub(crate) current_period_end_s: Option<u64>,
    /// It ends then.
    pub(crate) cancel_at_period_end: bool,
    /// Until when it grants its plan though a payment failed.
    pub(crate) grace_until_s: Option<u64>,
}

impl Shown {
    /// `period_end_s` is that of the item that counts, for items may have periods of their own. A
    /// subscription that is set to end at some time ends with its period if that time is not later: the
    /// customer portal writes it so.
    fn of(subscription: &Subscription, period_end_s: Option<u64>, grace_until_s: Option<u64>) -> Self {
        let ends_by_then = subscription.cancel_at_s.is_some_and(|end_s| Some(end_s) <= period_end_s);
        Shown {
            status: subscription.status.clone(),
            current_period_end_s: period_end_s,
            cancel_at_period_end: subscription.cancel_at_period_end || ends_by_then,
            grace_until_s,
        }
    }

    /// The order in which one of several is chosen: the least comes first.
    fn preference(&self) -> impl Ord {
        let ends =
            (Reverse(self.current_period_end_s), self.cancel_at_period_end, Reverse(self.grace_until_s));
        (&self.status, ends)
    }
}

impl PlanRules<'_> {
    /// What is missing in the evidence. To be asked again once it was read: one need may come from another's
    /// answer.
    pub(crate) fn needs(&self, evidence: &Evidence<'_>, recorded: &Recorded<'_>) -> Needs {
        let mut needs = Needs::default();
        for subscription in evidence.subscriptions.iter().filter(|s| self.may_count(&s.status)) {
            let offer = Offer::of(subscription, &self.catalog, evidence.products);
            let best = offer.best.map(|best| best.rank);
            let invoices_decide = match self.past_due {
                _ if subscription.status != SubscriptionStatus::PastDue => false,
                PastDue::Revoke => false,
                PastDue::Grace(_) => best.is_some() || recorded.is_of(subscription),
                // Only whether an unpaid change of plan raised it.
                PastDue::Keep => best.is_some_and(|best| {
                    !recorded.paid.contains_key(&subscription.id) && recorded.plan.at_most(best) < best
                }),
            };
            if invoices_decide && !evidence.open_invoices.contains_key(&subscription.id) {
                needs.open_invoices.insert(subscription.id.clone());
            }
            if let Some(owed) = evidence.open_invoices.get(&subscription.id)
                && let Renewal::Unknown(depends_on) =
                    Renewal::of(subscription, owed, &self.catalog, evidence.products)
            {
                needs.products.extend(depends_on);
            }
            needs.products.extend(offer.depends_on);
            if subscription.items_cut {
                needs.items.insert(subscription.id.clone());
            }
        }
        needs
    }

    /// The plan that the subscriptions amount to at the time `now`.
    ///
    /// What [`needs`](Self::needs) still names counts as not there: a product as one that names no plan,
    /// invoices as none.
    pub(crate) fn resolve(
        &self,
        now: Micros,
        evidence: &Evidence<'_>,
        recorded: &Recorded<'_>,
    ) -> Resolution {
        let default_rank = self.catalog.plans.default_rank();
        let mut alarms = SortedSet::default();
        let mut grants = Vec::new();
        let mut paid = still_paid(evidence, recorded);
        for subscription in evidence.subscriptions.iter().filter(|s| self.may_count(&s.status)) {
            let offer = Offer::of(subscription, &self.catalog, evidence.products);
            let owed = evidence.open_invoices.get(&subscription.id).cloned().unwrap_or_default();
            if owed.unreadable {
                let (subscription, part) = (subscription.id.clone(), UnreadablePart::OpenInvoice);
                alarms.insert(PlanAlarm::Unreadable { subscription, part });
            }
            let renewal = Renewal::of(subscription, &owed, &self.catalog, evidence.products);
            // Of several the oldest decides, and one that cannot be read may be older.
            if subscription.status == SubscriptionStatus::PastDue
                && !owed.unreadable
                && let Some(last_paid) = recorded.last_paid(subscription, &renewal, default_rank)
            {
                paid.insert(subscription.id.clone(), last_paid);
            }
            let was_paid = paid.get(&subscription.id).copied();
            let judged = Judged { subscription, offer, owed, was_paid };
            let grant = judged.grant(now, self.past_due, recorded, &mut alarms);
            if let Some(rank) = grant.as_ref().and_then(Grant::by_itself)
                && (subscription.status != SubscriptionStatus::PastDue
                    || !paid.contains_key(&subscription.id))
            {
                paid.insert(subscription.id.clone(), rank);
            }
            grants.extend(grant.filter(|grant| grant.counts(default_rank)));
            alarms.extend(judged.offer.alarms);
        }
        match grants.into_iter().min_by(|a, b| a.preference().cmp(&b.preference())) {
            Some(grant) => Resolution {
                plan: grant.plan,
                granting: Some(grant.subscription.clone()),
                shown: Some(grant.shown),
                paid,
                alarms,
            },
            None => Resolution {
                plan: GrantedPlan::Known(default_rank),
                granting: None,
                shown: self.shown_without_grant(evidence),
                paid,
                alarms,
            },
        }
    }

    /// Whether a subscription of that status can have a say.
    fn may_count(&self, status: &SubscriptionStatus) -> bool {
        match status {
            SubscriptionStatus::Active | SubscriptionStatus::Trialing | SubscriptionStatus::Unknown(_) => {
                true
            }
            SubscriptionStatus::PastDue => self.past_due != PastDue::Revoke,
            SubscriptionStatus::Unpaid | SubscriptionStatus::Paused | SubscriptionStatus::Incomplete => false,
            SubscriptionStatus::IncompleteExpired | SubscriptionStatus::Canceled => false,
        }
    }

    /// Where nothing grants: the subscription nearest to it, so that people see why they lost a plan. One
    /// that sells no plan is not shown. For an ended one nobody asks for products, so only configuration can
    /// say that of it.
    fn shown_without_grant(&self, evidence: &Evidence<'_>) -> Option<Shown> {
        let candidates = evidence.subscriptions.iter().filter(|subscription| {
            let offer = Offer::of(subscription, &self.catalog, evidence.products);
            !offer.knowingly_none && (offer.best.is_some() || !self.may_count(&subscription.status))
        });
        let nearest = candidates.map(|s| (Shown::of(s, s.current_period_end_s(), None), &s.id));
        nearest
            .min_by(|(a, id_a), (b, id_b)| a.preference().cmp(&b.preference()).then(id_a.cmp(id_b)))
            .map(|(s, _)| s)
    }
}

/// What is on record of those that have not ended.
fn still_paid(evidence: &Evidence<'_>, recorded: &Recorded<'_>) -> SortedMap<SubscriptionId, Rank> {
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
