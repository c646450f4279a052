//! The change at the end of the period: a cancellation, or a change by a subscription schedule.

use super::context::BillingContext;
use super::error::BillingError;
use super::prices::PriceList;
use crate::plan_table::Rank;
use crate::stripe::plan::SoldPlan;
use crate::stripe::schedule::Schedule;
use crate::stripe::subscription::Subscription;
use crate::sync::{OwnedSubscription, is_created_by_tollgate};
use crate::time::Micros;

/// The schedule that manages a subscription.
#[derive(Clone, Debug)]
pub(super) enum ManagedBy {
    /// No schedule.
    Nothing,
    /// A schedule that Tollgate created, with or without a next phase.
    Tollgate(Schedule),
    /// Another schedule.
    Other(Schedule),
}

/// The change at the end of the period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PendingPlan {
    /// The plan; `None` if the configuration does not have it.
    pub(super) plan: Option<Rank>,
    /// The quantity, if a schedule makes the change.
    pub(super) quantity: Option<u64>,
    /// The price's id, if a schedule makes the change.
    pub(super) price: Option<String>,
    /// The time, in seconds since the Unix epoch.
    pub(super) at_s: u64,
}

impl ManagedBy {
    /// Reads the subscription's schedule.
    ///
    /// # Errors
    /// The error of the read if it failed.
    pub(super) async fn read(cx: &BillingContext, subscription: &Subscription) -> Result<Self, BillingError> {
        let Some(id) = &subscription.changes.schedule else { return Ok(ManagedBy::Nothing) };
        let callout = cx.stripe().retrieve_schedule(id);
        let schedule = cx.read("GET /v1/subscription_schedules/:id", callout, Schedule::parse).await?;
        Ok(match schedule {
            None => ManagedBy::Nothing,
            Some(schedule) if is_created_by_tollgate(&schedule, &subscription.metadata) => {
                ManagedBy::Tollgate(schedule)
            }
            Some(schedule) => ManagedBy::Other(schedule),
        })
    }

    /// Returns the change that the schedule's next phase makes, if it has one.
    pub(super) fn change(&self, prices: &PriceList, now: Micros) -> Option<PendingPlan> {
        let (ManagedBy::Tollgate(schedule) | ManagedBy::Other(schedule)) = self else { return None };
        let next = schedule.next_phase(now)?;
        let sold = next.items.iter().filter_map(|item| Some((prices.find(&item.price)?.0, item)));
        let best = sold.max_by_key(|(rank, _)| *rank);
        Some(PendingPlan {
            plan: best.map(|(rank, _)| rank),
            quantity: best.and_then(|(_, item)| item.quantity),
            price: best.map(|(_, item)| item.price.clone()),
            at_s: next.start_s,
        })
    }

    /// Returns whether a schedule that Tollgate created has a next phase.
    pub(super) fn is_pending(&self, now: Micros) -> bool {
        matches!(self, ManagedBy::Tollgate(schedule) if schedule.next_phase(now).is_some())
    }

    /// Returns whether a schedule that Tollgate did not create manages the subscription.
    pub(super) fn is_other(&self) -> bool {
        matches!(self, ManagedBy::Other(_))
    }
}

/// Returns the value of the note about a change to a plan, requested at `now`.
pub(super) fn change_note(plan: &str, now: Micros) -> String {
    format!("{plan}:{}", now.as_secs())
}

/// Returns the time at which a pending cancellation ends the subscription, in seconds since the Unix epoch.
pub(super) fn cancels_at_s(subscription: &Subscription) -> Option<u64> {
    match subscription.cancel_at_period_end {
        true => subscription.cancel_at_s.or(subscription.current_period_end_s()),
        false => subscription.cancel_at_s,
    }
}

/// Returns the change at the end of the period, if there is one.
pub(super) fn pending(
    owned: &OwnedSubscription,
    managed_by: &ManagedBy,
    prices: &PriceList,
    default_plan: Rank,
    now: Micros,
) -> Option<PendingPlan> {
    let canceled = cancels_at_s(&owned.subscription).map(|at_s| PendingPlan {
        plan: Some(default_plan),
        quantity: None,
        price: None,
        at_s,
    });
    canceled.or_else(|| managed_by.change(prices, now))
}

/// Returns the item that grants the plan; `None` if the subscription sells no plan.
pub(super) fn plan_item(owned: &OwnedSubscription) -> Option<(Rank, &crate::stripe::subscription::Item)> {
    match owned.sold {
        SoldPlan::Plan { rank, item } => Some((rank, owned.subscription.items.get(item)?)),
        SoldPlan::AddOns | SoldPlan::Unmapped => None,
    }
}
