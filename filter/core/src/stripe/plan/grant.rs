//! Determines the plan that one subscription grants from its prices and its status.

use super::alarm::PlanAlarm;
use super::offer::Offer;
use super::{GrantedPlan, PastDue, Recorded, SubscriptionDetails};
use crate::ids::SubscriptionId;
use crate::plan_table::{Rank, RecordedPlan};
use crate::sorted::SortedSet;
use crate::stripe::invoice::{Invoice, OpenInvoices};
use crate::stripe::subscription::{Subscription, SubscriptionStatus, UnreadablePart};
use crate::time::Micros;
use std::cmp::Reverse;
use std::time::Duration;

/// A subscription whose status may grant a plan, with the data that determines the plan.
pub(super) struct RelevantSubscription<'a> {
    pub(super) subscription: &'a Subscription,
    pub(super) offer: Offer,
    pub(super) open_invoices: OpenInvoices,
    /// The plan that the subscription granted when it was last paid, if known.
    pub(super) last_paid: Option<Rank>,
}

/// A plan and the subscription that grants it.
pub(super) struct Grant<'a> {
    pub(super) plan: GrantedPlan,
    pub(super) subscription: &'a SubscriptionId,
    pub(super) details: SubscriptionDetails,
    /// Whether the grant only keeps the recorded plan. Among equal plans such a grant comes last; otherwise
    /// the next sync, with the changed record, would choose another subscription.
    keeps_recorded: bool,
}

/// The grace period of a past-due subscription.
enum GracePeriod {
    /// The period ends at this time, in seconds since the Unix epoch.
    Until(u64),
    /// The period is over, or no invoice is due.
    Over,
    /// Unknown, because an invoice cannot be parsed.
    Unknown,
}

impl Grant<'_> {
    /// Returns whether the subscription grants a plan, or keeps one above the default plan.
    pub(super) fn counts(&self, default_rank: Rank) -> bool {
        !self.keeps_recorded || self.plan > GrantedPlan::Known(default_rank)
    }

    /// Returns the rank of the granted plan, unless it was only taken from the record.
    pub(super) fn configured_rank(&self) -> Option<Rank> {
        match self.plan {
            GrantedPlan::Known(rank) if !self.keeps_recorded => Some(rank),
            GrantedPlan::Known(_) | GrantedPlan::AsRecorded => None,
        }
    }

    /// Returns the key by which one grant is chosen; the smallest key comes first. The order is total, so
    /// every replica chooses the same grant for any order of Stripe's list.
    pub(super) fn preference(&self) -> impl Ord {
        (Reverse(self.plan), self.keeps_recorded, self.details.preference(), self.subscription)
    }
}

impl<'a> RelevantSubscription<'a> {
    /// Returns the grant at the time `now`, if any.
    pub(super) fn grant(
        &self,
        now: Micros,
        past_due: PastDue,
        recorded: &Recorded<'_>,
        alarms: &mut SortedSet<PlanAlarm>,
    ) -> Option<Grant<'a>> {
        if self.offer.only_add_ons {
            return None;
        }
        let grace_until_s = match (&self.subscription.status, past_due) {
            (SubscriptionStatus::PastDue, PastDue::Grace(grace)) => match self.grace(now, grace, alarms) {
                GracePeriod::Until(end_s) => Some(end_s),
                GracePeriod::Over => return None,
                // Unreadable data neither grants nor removes a plan.
                GracePeriod::Unknown if recorded.is_granted_by(self.subscription) => None,
                GracePeriod::Unknown => return None,
            },
            _ => None,
        };
        let (plan, keeps_recorded) = self.plan(recorded, alarms)?;
        // The part that was not read may grant the recorded plan.
        let hidden = recorded_grant(recorded)
            .filter(|_| self.offer.partly_read && recorded.is_granted_by(self.subscription));
        let (plan, keeps_recorded) = match hidden {
            Some(hidden) if hidden > plan => (hidden, true),
            _ => (plan, keeps_recorded),
        };
        let period_end_s = match self.offer.best {
            // It is unknown which item grants the plan. The recorded end is kept while an item still has that
            // end.
            _ if plan == GrantedPlan::AsRecorded => self.period_end_as_recorded(recorded),
            Some(best) => best.current_period_end_s,
            None => self.subscription.current_period_end_s(),
        };
        let details = SubscriptionDetails::new(self.subscription, period_end_s, grace_until_s);
        Some(Grant { plan, subscription: &self.subscription.id, details, keeps_recorded })
    }

    /// Returns the plan, and whether it is only kept because it is recorded.
    fn plan(
        &self,
        recorded: &Recorded<'_>,
        alarms: &mut SortedSet<PlanAlarm>,
    ) -> Option<(GrantedPlan, bool)> {
        let keep = |plan| Some((plan, true));
        match &self.subscription.status {
            SubscriptionStatus::Unknown(status) => {
                keep(self.plan_of_unknown_status(status, recorded, alarms)?)
            }
            // An unmapped price may sell the recorded plan that is not in the configuration.
            _ if self.granted_unconfigured_plan(recorded) && !self.offer.all_mapped => {
                if self.offer.best.is_none() {
                    self.plan_of_unmapped(recorded, alarms);
                }
                keep(GrantedPlan::AsRecorded)
            }
            status => match self.offer.best {
                Some(best) if *status == SubscriptionStatus::PastDue => {
                    self.plan_of_past_due(best.rank, recorded)
                }
                Some(best) => Some((GrantedPlan::Known(best.rank), false)),
                None => keep(self.plan_of_unmapped(recorded, alarms)?),
            },
        }
    }

    /// Returns the plan of a past-due subscription: at most the plan that was last paid. If that is unknown,
    /// because the subscription has been past due since it was first seen, the plan that it sells, unless the
    /// unpaid invoice is for a change of plan.
    fn plan_of_past_due(&self, sold: Rank, recorded: &Recorded<'_>) -> Option<(GrantedPlan, bool)> {
        match self.last_paid {
            Some(paid) => Some((GrantedPlan::Known(sold.min(paid)), sold > paid)),
            // The recorded plan was paid, and it is unknown whether the sold plan is higher.
            None if self.granted_unconfigured_plan(recorded) => Some((GrantedPlan::AsRecorded, true)),
            None if self.is_unpaid_plan_change() => {
                Some((GrantedPlan::Known(recorded.plan.at_most(sold)), true))
            }
            None => Some((GrantedPlan::Known(sold), false)),
        }
    }

    /// Returns whether the subscription granted a recorded plan that is not in the configuration.
    fn granted_unconfigured_plan(&self, recorded: &Recorded<'_>) -> bool {
        matches!(recorded.plan, RecordedPlan::Unknown(_)) && recorded.is_granted_by(self.subscription)
    }

    fn period_end_as_recorded(&self, recorded: &Recorded<'_>) -> Option<u64> {
        let mut ends = self.subscription.items.iter().map(|item| item.current_period_end_s);
        let is_unchanged = ends.any(|end_s| end_s.is_some() && end_s == recorded.period_end_s);
        if is_unchanged { recorded.period_end_s } else { self.subscription.current_period_end_s() }
    }

    /// Returns the plan for an unsupported status, which neither removes nor grants a plan.
    fn plan_of_unknown_status(
        &self,
        status: &str,
        recorded: &Recorded<'_>,
        alarms: &mut SortedSet<PlanAlarm>,
    ) -> Option<GrantedPlan> {
        let subscription = self.subscription.id.clone();
        alarms.insert(PlanAlarm::UnknownStatus { subscription, status: status.to_owned() });
        if recorded.is_granted_by(self.subscription) {
            return recorded_grant(recorded);
        }
        self.offer.best.map(|best| GrantedPlan::Known(recorded.plan.at_most(best.rank)))
    }

    /// Returns the plan for unmapped prices, which neither remove nor grant a plan.
    fn plan_of_unmapped(
        &self,
        recorded: &Recorded<'_>,
        alarms: &mut SortedSet<PlanAlarm>,
    ) -> Option<GrantedPlan> {
        let keeps_plan = recorded.is_granted_by(self.subscription);
        if !self.offer.unmapped {
            return if keeps_plan { recorded_grant(recorded) } else { None };
        }
        let prices: SortedSet<_> = self.subscription.items.iter().map(|item| item.price.id.clone()).collect();
        let subscription = self.subscription.id.clone();
        alarms.insert(PlanAlarm::Unmapped { subscription, prices: prices.into_iter().collect(), keeps_plan });
        if keeps_plan { recorded_grant(recorded) } else { None }
    }

    /// Returns the grace period. The latest invoice counts if none is open, for example because it was paid
    /// or written off between two requests.
    fn grace(&self, now: Micros, grace: Duration, alarms: &mut SortedSet<PlanAlarm>) -> GracePeriod {
        let latest_s = self.subscription.latest_invoice.as_ref().map(Invoice::due_since_s);
        match self.open_invoices.oldest_s.or(latest_s) {
            Some(due_since_s) => {
                let end_s = due_since_s.saturating_add(grace.as_secs());
                if now.as_secs() < end_s { GracePeriod::Until(end_s) } else { GracePeriod::Over }
            }
            None if self.has_unreadable_invoice() => GracePeriod::Unknown,
            None => {
                alarms.insert(PlanAlarm::NoGraceStart { subscription: self.subscription.id.clone() });
                GracePeriod::Over
            }
        }
    }

    fn has_unreadable_invoice(&self) -> bool {
        self.open_invoices.unreadable || self.subscription.unreadable.contains(&UnreadablePart::LatestInvoice)
    }

    /// Returns whether the unpaid invoice is for a change of plan. Open invoices count too, because after the
    /// next renewal the latest invoice is another one.
    fn is_unpaid_plan_change(&self) -> bool {
        let latest = self.subscription.latest_invoice.as_ref();
        // An invoice that cannot be parsed may be for a change of plan.
        self.open_invoices.plan_change
            || self.has_unreadable_invoice()
            || latest.is_some_and(Invoice::is_unpaid_plan_change)
    }
}

/// Returns the grant that keeps the recorded plan.
fn recorded_grant(recorded: &Recorded<'_>) -> Option<GrantedPlan> {
    match recorded.plan {
        RecordedPlan::None => None,
        RecordedPlan::Known(rank) => Some(GrantedPlan::Known(rank)),
        RecordedPlan::Unknown(_) => Some(GrantedPlan::AsRecorded),
    }
}
