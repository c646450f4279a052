//! Which plan a record should show, given what the subject's subscriptions grant and what the record shows.

use crate::clerk::metadata::{PlanOf, Record, SubscriptionNote};
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::stripe::plan::{GrantedPlan, Resolution, Shown};
use crate::time::Micros;

/// How far what was read at Stripe may be believed to say all about the subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reliability {
    /// Whether anything but a payer's own choice names the subject. Otherwise it may gain by what was read,
    /// but not lose what came from elsewhere.
    pub(crate) trusted: bool,
    /// Whether all customers were read that the record lists. Otherwise nothing is taken away.
    pub(crate) complete: bool,
    /// It is not known whether the subscription that granted the plan on record still grants it.
    pub(crate) recorded_is_unclear: bool,
}

/// Says what the record should show of the plan, and of the subscription that grants it. The rest stays as it
/// is.
pub(crate) fn target_plan(
    plans: &PlanTable,
    shown: &Record,
    resolution: &Resolution,
    reliability: Reliability,
) -> Record {
    let rank = match resolution.plan {
        GrantedPlan::Known(rank) => rank,
        GrantedPlan::AsRecorded => return as_recorded(shown, resolution),
    };
    let recorded = plans.recorded(shown.plan.as_deref());
    // A release that reads the source has let Stripe raise the plan, and did not say from what.
    let unread_before = shown.has_unread_source() && shown.granted_by.is_some() && shown.before().is_none();
    let lowers = recorded.may_be_lowered_by(rank) && (!reliability.complete || unread_before);
    if lowers || (reliability.recorded_is_unclear && recorded.may_be_worth(rank)) {
        return shown.clone();
    }
    let granted = Record {
        plan: Some(plans.get(rank).name.clone()),
        subscription: resolution.shown.as_ref().map(note).unwrap_or_default(),
        granted_by: resolution.granting.clone(),
        plan_before: None,
        ..shown.clone()
    };
    match floor(shown, reliability.trusted) {
        None => granted,
        Some(floor) if raises(plans, floor, recorded, rank, shown) => {
            let counts = plans.recorded(floor).is_above_default() || shown.has_unread_source();
            let plan = floor.unwrap_or(&plans.get(plans.default_rank()).name).to_owned();
            let before = resolution.granting.clone().map(|subscription| PlanOf { subscription, plan });
            Record { plan_before: before.filter(|_| counts), ..granted }
        }
        Some(_) if shown.granted_by.is_none() => Record { plan_before: None, ..shown.clone() },
        Some(floor) => Record {
            plan: floor.map(str::to_owned),
            subscription: SubscriptionNote::default(),
            granted_by: None,
            plan_before: None,
            ..shown.clone()
        },
    }
}

/// Returns the plan that nothing read at Stripe may take away: one that stands there without a subscription,
/// or stood there before the one that grants now. Inside, `None` if no plan was named. It gives way to what
/// the seller's own metadata name, as long as it is not from a source that is not read.
fn floor(shown: &Record, trusted: bool) -> Option<Option<&str>> {
    if trusted && !shown.has_unread_source() {
        return None;
    }
    match &shown.granted_by {
        None => Some(shown.plan.as_deref()),
        Some(_) => shown.before().map(Some),
    }
}

/// Returns whether a plan of that rank is more than the floor. Of a floor that this document does not have,
/// whoever raised it to what is on record knew that it was less; nothing else does.
fn raises(
    plans: &PlanTable,
    floor: Option<&str>,
    recorded: RecordedPlan<'_>,
    rank: Rank,
    shown: &Record,
) -> bool {
    match (plans.recorded(floor), recorded) {
        (RecordedPlan::Unknown(_), RecordedPlan::Known(raised)) => {
            shown.granted_by.is_some() && rank >= raised && rank > plans.default_rank()
        }
        (floor, _) => !floor.may_be_worth(rank),
    }
}

/// A plan that this document does not have stays. What is shown of its subscription follows Stripe, as it
/// says when the plan ends; but nothing is begun to be shown for it.
fn as_recorded(shown: &Record, resolution: &Resolution) -> Record {
    let found = resolution.shown.as_ref().map(note).unwrap_or_default();
    let shows_nothing = shown.subscription == SubscriptionNote::default();
    let subscription = match shows_nothing && found.grace_until.is_none() {
        true => shown.subscription.clone(),
        false => found,
    };
    Record { subscription, ..shown.clone() }
}

fn note(shown: &Shown) -> SubscriptionNote {
    SubscriptionNote {
        status: Some(shown.status.as_str().to_owned()),
        current_period_end: shown.current_period_end_s.map(Micros::from_secs),
        cancel_at_period_end: Some(shown.cancel_at_period_end),
        grace_until: shown.grace_until_s.map(Micros::from_secs),
    }
}
