//! Which plan a record should show, given what the subject's subscriptions grant and what the record shows.

use crate::clerk::metadata::{Record, SubscriptionNote};
use crate::plan_table::PlanTable;
use crate::stripe::plan::{GrantedPlan, Resolution, Shown};
use crate::time::Micros;

/// How far what was read at Stripe may be believed to say all about the subject.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grounds {
    /// Whether anything but a payer's own choice names the subject. Otherwise it may gain by what was read, but not
    /// lose what came from elsewhere.
    pub(super) trusted: bool,
    /// Whether all customers were read that the record lists. Otherwise nothing is taken away.
    pub(super) complete: bool,
    /// It is not known whether the subscription that granted the plan on record still grants it.
    pub(super) recorded_is_unclear: bool,
}

/// What the record should show of the plan, and of the subscription that grants it. The rest stays as it is.
pub(super) fn aim(plans: &PlanTable, shown: &Record, resolution: &Resolution, grounds: Grounds) -> Record {
    let recorded = plans.recorded(shown.plan.as_deref());
    let rank = match resolution.plan {
        GrantedPlan::Known(rank) => rank,
        GrantedPlan::AsRecorded => return as_recorded(shown, resolution),
    };
    let by_hand = !grounds.trusted && shown.granted_by.is_none();
    let may_be_kept = by_hand || grounds.recorded_is_unclear;
    if (may_be_kept && recorded.may_be_worth(rank)) || (!grounds.complete && recorded.may_be_lowered_by(rank))
    {
        return shown.clone();
    }
    Record {
        plan: Some(plans.get(rank).name.clone()),
        subscription: resolution.shown.as_ref().map(note).unwrap_or_default(),
        granted_by: resolution.granting.clone(),
        ..shown.clone()
    }
}

/// A plan that this document does not have stays. What is shown of its subscription follows Stripe, as it says when
/// the plan ends; but nothing is begun to be shown for it.
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
