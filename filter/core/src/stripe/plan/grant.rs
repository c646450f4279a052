//! What one subscription gives, given what it sells and how it stands.

use super::alarm::PlanAlarm;
use super::offer::Offer;
use super::{GrantedPlan, PastDue, Recorded, Shown};
use crate::ids::SubscriptionId;
use crate::plan_table::{Rank, RecordedPlan};
use crate::sorted::SortedSet;
use crate::stripe::invoice::{Invoice, OpenInvoices};
use crate::stripe::subscription::{Subscription, SubscriptionStatus, UnreadablePart};
use crate::time::Micros;
use std::cmp::Reverse;
use std::time::Duration;

/// A subscription whose status may count, and what is known of it.
pub(super) struct Judged<'a> {
    pub(super) subscription: &'a Subscription,
    pub(super) offer: Offer,
    pub(super) owed: OpenInvoices,
    /// What it granted when it was last paid, if that is known.
    pub(super) was_paid: Option<Rank>,
}

/// A plan, and the subscription that gives it.
pub(super) struct Grant<'a> {
    pub(super) plan: GrantedPlan,
    pub(super) subscription: &'a SubscriptionId,
    pub(super) shown: Shown,
    /// It gives no more than what is on record, so of equals it comes after what gives a plan by itself: else
    /// the next question, with that plan on record, would choose another one.
    keeps: bool,
}

/// How the grace of a subscription that is past due stands.
enum GracePeriod {
    /// It ends then, in seconds since the Unix epoch.
    Until(u64),
    /// It is over, or nothing is owed.
    Over,
    /// What is owed cannot be read.
    Unknown,
}

impl Grant<'_> {
    /// It gives a plan, or keeps one that is above the default: what everyone has needs no keeping.
    pub(super) fn counts(&self, default_rank: Rank) -> bool {
        !self.keeps || self.plan > GrantedPlan::Known(default_rank)
    }

    /// The plan of this document that it gives without regard to what is on record.
    pub(super) fn by_itself(&self) -> Option<Rank> {
        match self.plan {
            GrantedPlan::Known(rank) if !self.keeps => Some(rank),
            GrantedPlan::Known(_) | GrantedPlan::AsRecorded => None,
        }
    }

    /// The order in which one of several is chosen: the least comes first. Total, so that every replica
    /// chooses the same, in whatever order Stripe lists them.
    pub(super) fn preference(&self) -> impl Ord {
        (Reverse(self.plan), self.keeps, self.shown.preference(), self.subscription)
    }
}

impl<'a> Judged<'a> {
    /// The plan that it gives at the time `now`, if any.
    pub(super) fn grant(
        &self,
        now: Micros,
        past_due: PastDue,
        recorded: &Recorded<'_>,
        alarms: &mut SortedSet<PlanAlarm>,
    ) -> Option<Grant<'a>> {
        if self.offer.knowingly_none {
            return None;
        }
        let grace_until_s = match (&self.subscription.status, past_due) {
            (SubscriptionStatus::PastDue, PastDue::Grace(grace)) => match self.grace(now, grace, alarms) {
                GracePeriod::Until(end_s) => Some(end_s),
                GracePeriod::Over => return None,
                // Nobody gets a plan by what cannot be read, and nobody loses one.
                GracePeriod::Unknown if recorded.is_of(self.subscription) => None,
                GracePeriod::Unknown => return None,
            },
            _ => None,
        };
        let (plan, keeps) = self.plan(recorded, alarms)?;
        // What cannot be seen may be what granted the plan on record.
        let hidden = kept(recorded).filter(|_| self.offer.partly_read && recorded.is_of(self.subscription));
        let (plan, keeps) = match hidden {
            Some(hidden) if hidden > plan => (hidden, true),
            _ => (plan, keeps),
        };
        let period_end_s = match self.offer.best {
            // Which item it is that grants is not known here: what is on record stays while there is such an
            // item.
            _ if plan == GrantedPlan::AsRecorded => self.period_end_as_recorded(recorded),
            Some(best) => best.current_period_end_s,
            None => self.subscription.current_period_end_s(),
        };
        let shown = Shown::of(self.subscription, period_end_s, grace_until_s);
        Some(Grant { plan, subscription: &self.subscription.id, shown, keeps })
    }

    /// The plan, and whether it is only kept.
    fn plan(
        &self,
        recorded: &Recorded<'_>,
        alarms: &mut SortedSet<PlanAlarm>,
    ) -> Option<(GrantedPlan, bool)> {
        let keeps = |plan| Some((plan, true));
        match &self.subscription.status {
            SubscriptionStatus::Unknown(status) => {
                keeps(self.plan_of_unknown_status(status, recorded, alarms)?)
            }
            // What it sells in the place of a plan that this document does not have may be that very plan.
            _ if self.granted_unknown(recorded) && !self.offer.complete => {
                if self.offer.best.is_none() {
                    self.plan_of_unmapped(recorded, alarms);
                }
                keeps(GrantedPlan::AsRecorded)
            }
            status => match self.offer.best {
                Some(best) if *status == SubscriptionStatus::PastDue => {
                    self.plan_of_past_due(best.rank, recorded)
                }
                Some(best) => Some((GrantedPlan::Known(best.rank), false)),
                None => keeps(self.plan_of_unmapped(recorded, alarms)?),
            },
        }
    }

    /// No more than when it was last paid. Where that is not known, since it is past due for as long as it
    /// has been known: what it sells, if no change of plan is what was not paid.
    fn plan_of_past_due(&self, sold: Rank, recorded: &Recorded<'_>) -> Option<(GrantedPlan, bool)> {
        match self.was_paid {
            Some(paid) => Some((GrantedPlan::Known(sold.min(paid)), sold > paid)),
            // What was paid is the plan on record, and nobody here knows whether this is more.
            None if self.granted_unknown(recorded) => Some((GrantedPlan::AsRecorded, true)),
            None if self.is_unpaid_plan_change() => {
                Some((GrantedPlan::Known(recorded.plan.at_most(sold)), true))
            }
            None => Some((GrantedPlan::Known(sold), false)),
        }
    }

    /// Whether it granted the plan on record, and this document does not have that plan.
    fn granted_unknown(&self, recorded: &Recorded<'_>) -> bool {
        matches!(recorded.plan, RecordedPlan::Unknown(_)) && recorded.is_of(self.subscription)
    }

    fn period_end_as_recorded(&self, recorded: &Recorded<'_>) -> Option<u64> {
        let mut ends = self.subscription.items.iter().map(|item| item.current_period_end_s);
        let stands = ends.any(|end_s| end_s.is_some() && end_s == recorded.period_end_s);
        if stands { recorded.period_end_s } else { self.subscription.current_period_end_s() }
    }

    /// A word that is new to this version takes nothing away and gives nothing.
    fn plan_of_unknown_status(
        &self,
        status: &str,
        recorded: &Recorded<'_>,
        alarms: &mut SortedSet<PlanAlarm>,
    ) -> Option<GrantedPlan> {
        let subscription = self.subscription.id.clone();
        alarms.insert(PlanAlarm::UnknownStatus { subscription, status: status.to_owned() });
        if recorded.is_of(self.subscription) {
            return kept(recorded);
        }
        self.offer.best.map(|best| GrantedPlan::Known(recorded.plan.at_most(best.rank)))
    }

    /// A price that nobody has mapped yet takes nothing away from whom it was sold to, and gives nobody
    /// anything.
    fn plan_of_unmapped(
        &self,
        recorded: &Recorded<'_>,
        alarms: &mut SortedSet<PlanAlarm>,
    ) -> Option<GrantedPlan> {
        let protects = recorded.is_of(self.subscription);
        if !self.offer.unmapped {
            return if protects { kept(recorded) } else { None };
        }
        let prices: SortedSet<_> = self.subscription.items.iter().map(|item| item.price.id.clone()).collect();
        let subscription = self.subscription.id.clone();
        alarms.insert(PlanAlarm::Unmapped { subscription, prices: prices.into_iter().collect(), protects });
        if protects { kept(recorded) } else { None }
    }

    /// How its grace stands. The last invoice stands in where none is open, as when it was paid, or given up,
    /// between two of our questions.
    fn grace(&self, now: Micros, grace: Duration, alarms: &mut SortedSet<PlanAlarm>) -> GracePeriod {
        let latest_s = self.subscription.latest_invoice.as_ref().map(Invoice::owed_since_s);
        match self.owed.oldest_s.or(latest_s) {
            Some(owed_since_s) => {
                let end_s = owed_since_s.saturating_add(grace.as_secs());
                if now.as_secs() < end_s { GracePeriod::Until(end_s) } else { GracePeriod::Over }
            }
            None if self.has_unread_invoice() => GracePeriod::Unknown,
            None => {
                alarms.insert(PlanAlarm::NoGraceStart { subscription: self.subscription.id.clone() });
                GracePeriod::Over
            }
        }
    }

    fn has_unread_invoice(&self) -> bool {
        self.owed.unreadable || self.subscription.unreadable.contains(&UnreadablePart::LatestInvoice)
    }

    /// The open invoices are asked too: after the next renewal the last invoice is another one.
    fn is_unpaid_plan_change(&self) -> bool {
        let latest = self.subscription.latest_invoice.as_ref();
        // An invoice that cannot be read may be for one.
        self.owed.plan_change
            || self.has_unread_invoice()
            || latest.is_some_and(Invoice::is_unpaid_plan_change)
    }
}

/// The plan on record, granted once more.
fn kept(recorded: &Recorded<'_>) -> Option<GrantedPlan> {
    match recorded.plan {
        RecordedPlan::None => None,
        RecordedPlan::Known(rank) => Some(GrantedPlan::Known(rank)),
        RecordedPlan::Unknown(_) => Some(GrantedPlan::AsRecorded),
    }
}
