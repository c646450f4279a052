//! Determines the plan that a billing subscription grants.
//!
//! | status | grants |
//! |---|---|
//! | active | its plan; also in a trial, and if it is free |
//! | canceled | its plan until `period_end`; without one nothing |
//! | `past_due` | its plan for the grace period from `past_due_at`, the item's or else the subscription's |
//! | others | nothing |
//!
//! The highest plan counts. An item whose slug maps to no plan, or whose status is unknown, neither grants
//! nor ends a plan. The price never counts: a complimentary plan has none.

use super::alarm::{ClerkPlanAlarm, shortened};
use super::subscription::{ClerkItem, ClerkItemStatus, ClerkSubscription};
use crate::config::PastDue;
use crate::ids::BillingItemId;
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::time::Micros;
use std::cmp::Reverse;

/// The configured rules that map billing subscriptions to a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClerkPlanRules<'a> {
    /// The plans with their slugs.
    pub(crate) plans: &'a PlanTable,
    /// The rule for items with a failed payment.
    pub(crate) past_due: PastDue,
}

/// The plan that a billing subscription grants, with the details for the record and alarms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClerkResolution {
    /// The highest plan that an item grants, else the default plan.
    pub(crate) plan: Rank,
    /// The item that grants the plan, if it is not the default plan.
    pub(crate) granting: Option<ItemDetails>,
    /// The granting item; if there is none, the item that comes closest to granting a plan.
    pub(crate) details: Option<ItemDetails>,
    /// The item that the subject pays for, or must pay for, so that it should buy no plan elsewhere.
    pub(crate) sold: Option<SoldItem>,
    /// The items that may grant more than is known.
    unclear: Unclear,
    /// Alarms for the operator.
    pub(crate) alarms: Vec<ClerkPlanAlarm>,
}

/// The plans that may be granted in addition to the known one, by items whose plan or status is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Unclear {
    /// Nothing.
    #[default]
    Nothing,
    /// At most this plan.
    UpTo(Rank),
    /// Any plan.
    Anything,
}

/// An item in the subject's public metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ItemDetails {
    /// The id.
    pub(crate) id: BillingItemId,
    /// The status.
    pub(crate) status: ClerkItemStatus,
    /// The end of the paid period.
    pub(crate) period_end: Option<Micros>,
    /// The end of the grace period after a failed payment.
    pub(crate) grace_until: Option<Micros>,
}

impl ItemDetails {
    fn new(item: &ClerkItem, grace_until: Option<Micros>) -> Self {
        let ClerkItem { id, status, period_end, .. } = item;
        ItemDetails { id: id.clone(), status: status.clone(), period_end: *period_end, grace_until }
    }

    /// Returns the key by which one of several items is chosen; the smallest key comes first. The order is
    /// total, so every replica chooses the same item for any order of Clerk's list.
    fn preference(&self) -> impl Ord {
        (self.status.clone(), Reverse(self.period_end), self.id.clone())
    }
}

/// An item that grants a plan or is past due, and is not of Clerk's free default plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SoldItem {
    /// Its plan; `None` if it maps to none.
    pub(crate) plan: Option<Rank>,
    /// The item.
    pub(crate) item: ItemDetails,
}

/// Whether an item grants its plan.
enum ItemGrant {
    /// The item grants its plan, perhaps only until the end of a grace period.
    Grants(Option<Micros>),
    /// The item grants nothing.
    Nothing,
    /// The item's status is unknown.
    Unclear,
}

impl ClerkPlanRules<'_> {
    /// Determines the plan at the time `now`.
    pub(crate) fn resolve(&self, now: Micros, subscription: &ClerkSubscription) -> ClerkResolution {
        let mut resolution = ClerkResolution {
            plan: self.plans.default_rank(),
            granting: None,
            details: None,
            sold: None,
            unclear: Unclear::Nothing,
            alarms: Vec::new(),
        };
        for item in &subscription.items {
            match self.grant(now, item, subscription, &mut resolution.alarms) {
                ItemGrant::Grants(grace_until) => {
                    let (plan, details) = (self.plan_of(item), ItemDetails::new(item, grace_until));
                    resolution.add_sold(plan, item, &details);
                    match plan {
                        Some(rank) => resolution.add(rank, details, self.plans),
                        None => {
                            resolution.unclear = Unclear::Anything;
                            resolution.alarms.push(unmapped(item));
                        }
                    }
                }
                ItemGrant::Unclear => {
                    let may_grant = self.plan_of(item).map_or(Unclear::Anything, Unclear::UpTo);
                    resolution.unclear = resolution.unclear.max(may_grant);
                }
                ItemGrant::Nothing if item.status == ClerkItemStatus::PastDue => {
                    resolution.add_sold(self.plan_of(item), item, &ItemDetails::new(item, None));
                }
                ItemGrant::Nothing => {}
            }
        }
        resolution.details = resolution.granting.clone().or_else(|| nearest(subscription));
        resolution
    }

    /// Returns the plan of an item; `None` if it maps to none.
    fn plan_of(&self, item: &ClerkItem) -> Option<Rank> {
        match &item.slug {
            _ if item.is_default => Some(self.plans.default_rank()),
            Some(slug) => self.plans.rank_of_clerk_slug(slug),
            None => None,
        }
    }

    fn grant(
        &self,
        now: Micros,
        item: &ClerkItem,
        subscription: &ClerkSubscription,
        alarms: &mut Vec<ClerkPlanAlarm>,
    ) -> ItemGrant {
        match (&item.status, self.past_due) {
            (ClerkItemStatus::Active, _) | (ClerkItemStatus::PastDue, PastDue::Keep) => {
                ItemGrant::Grants(None)
            }
            (ClerkItemStatus::Canceled, _) if item.period_end.is_some_and(|end| now < end) => {
                ItemGrant::Grants(None)
            }
            (ClerkItemStatus::PastDue, PastDue::Grace(grace)) => {
                let Some(since) = item.past_due_at.or(subscription.past_due_at) else {
                    alarms.push(ClerkPlanAlarm::NoGraceStart { item: item.id.clone() });
                    return ItemGrant::Nothing;
                };
                let end = since.plus(grace);
                if now < end { ItemGrant::Grants(Some(end)) } else { ItemGrant::Nothing }
            }
            (ClerkItemStatus::Unknown(status), _) => {
                let (item, status) = (item.id.clone(), shortened(status));
                alarms.push(ClerkPlanAlarm::UnknownStatus { item, status });
                ItemGrant::Unclear
            }
            (
                ClerkItemStatus::PastDue
                | ClerkItemStatus::Canceled
                | ClerkItemStatus::Incomplete
                | ClerkItemStatus::Ended
                | ClerkItemStatus::Expired
                | ClerkItemStatus::Upcoming
                | ClerkItemStatus::Abandoned,
                _,
            ) => ItemGrant::Nothing,
        }
    }
}

impl ClerkResolution {
    fn add(&mut self, rank: Rank, item: ItemDetails, plans: &PlanTable) {
        let replaces = match &self.granting {
            _ if rank == plans.default_rank() => false,
            Some(granting) => {
                (Reverse(rank), item.preference()) < (Reverse(self.plan), granting.preference())
            }
            None => true,
        };
        if replaces {
            (self.plan, self.granting) = (rank, Some(item));
        }
    }

    /// Returns whether an item may grant more than is known, because its plan or its status is unknown.
    pub(crate) fn is_unclear(&self) -> bool {
        self.unclear != Unclear::Nothing
    }

    /// Adds an item that is paid for, unless it is of the default plan. The highest plan comes first.
    fn add_sold(&mut self, plan: Option<Rank>, item: &ClerkItem, details: &ItemDetails) {
        let is_first = |sold: &SoldItem| {
            (Reverse(plan), details.preference()) < (Reverse(sold.plan), sold.item.preference())
        };
        if !item.is_default && self.sold.as_ref().is_none_or(is_first) {
            self.sold = Some(SoldItem { plan, item: details.clone() });
        }
    }

    /// Returns whether the recorded plan of Clerk Billing must be kept, because an item may still grant it.
    pub(crate) fn may_still_grant(&self, recorded: RecordedPlan<'_>) -> bool {
        let is_higher = recorded.is_above_default() && recorded.may_be_lowered_by(self.plan);
        match self.unclear {
            Unclear::Nothing => false,
            // A plan that is not in the configuration is not the one that the item's slug maps to.
            Unclear::UpTo(rank) => {
                is_higher && matches!(recorded, RecordedPlan::Known(recorded) if recorded <= rank)
            }
            Unclear::Anything => is_higher,
        }
    }
}

fn unmapped(item: &ClerkItem) -> ClerkPlanAlarm {
    let id = item.id.clone();
    match &item.slug {
        Some(slug) => ClerkPlanAlarm::UnmappedSlug { item: id, slug: shortened(slug) },
        None => ClerkPlanAlarm::NoPlan { item: id },
    }
}

/// Returns the item that comes closest to granting a plan, so that users see why they lost it.
fn nearest(subscription: &ClerkSubscription) -> Option<ItemDetails> {
    let may_have_granted = |item: &&ClerkItem| {
        !item.is_default && !matches!(item.status, ClerkItemStatus::Upcoming | ClerkItemStatus::Abandoned)
    };
    let items = subscription.items.iter().filter(may_have_granted).map(|item| ItemDetails::new(item, None));
    items.min_by(|a, b| a.preference().cmp(&b.preference()))
}
