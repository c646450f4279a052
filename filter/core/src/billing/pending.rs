//! What comes at the end of the period: a cancellation, or a change by a subscription schedule; and whose schedule it is.

use super::context::BillingContext;
use super::error::BillingError;
use super::prices::PriceList;
use crate::config::note_keys::CHANGE_KEY;
use crate::plan_table::Rank;
use crate::stripe::object::Metadata;
use crate::stripe::plan::SoldPlan;
use crate::stripe::schedule::Schedule;
use crate::stripe::subscription::Subscription;
use crate::sync::OwnedSubscription;
use crate::time::Micros;

/// How far Stripe's clock may be behind the gateway's, in seconds.
const CLOCK_SKEW_S: u64 = 60;

/// For how long after its note a schedule is taken for ours, in seconds.
const NOTE_VALID_S: u64 = 600;

/// A subscription's schedule.
#[derive(Clone, Debug)]
pub(super) enum ManagedBy {
    /// None.
    Nothing,
    /// One of ours, with a phase to come or without one.
    Us(Schedule),
    /// Someone else's.
    Other(Schedule),
}

/// What comes at the end of the period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PendingPlan {
    /// The plan; `None` for one that the configuration does not know.
    pub(super) plan: Option<Rank>,
    /// The quantity, if it is that of a scheduled change.
    pub(super) quantity: Option<u64>,
    /// The price's id, if it is that of a scheduled change.
    pub(super) price: Option<String>,
    /// The time, in seconds since the Unix epoch.
    pub(super) at_s: u64,
}

impl ManagedBy {
    /// Reads the subscription's schedule.
    ///
    /// # Errors
    /// That of the read.
    pub(super) async fn read(cx: &BillingContext, subscription: &Subscription) -> Result<Self, BillingError> {
        let Some(id) = &subscription.changes.schedule else { return Ok(ManagedBy::Nothing) };
        let callout = cx.stripe().retrieve_schedule(id);
        let schedule = cx.read("GET /v1/subscription_schedules/:id", callout, Schedule::parse).await?;
        Ok(match schedule {
            None => ManagedBy::Nothing,
            Some(schedule) if is_ours(&schedule, &subscription.metadata) => ManagedBy::Us(schedule),
            Some(schedule) => ManagedBy::Other(schedule),
        })
    }

    /// Returns the change that the schedule makes, if one is to come.
    pub(super) fn change(&self, prices: &PriceList, now: Micros) -> Option<PendingPlan> {
        let (ManagedBy::Us(schedule) | ManagedBy::Other(schedule)) = self else { return None };
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

    /// Returns whether a schedule of ours has a phase to come.
    pub(super) fn is_pending(&self, now: Micros) -> bool {
        matches!(self, ManagedBy::Us(schedule) if schedule.next_phase(now).is_some())
    }

    /// Returns whether someone else's schedule manages the subscription.
    pub(super) fn is_other(&self) -> bool {
        matches!(self, ManagedBy::Other(_))
    }
}

/// Returns the value of the note about a change to a plan at that time.
pub(super) fn change_note(plan: &str, now: Micros) -> String {
    format!("{plan}:{}", now.as_secs())
}

/// Returns whether a schedule is ours: it says so, or it is what is left if the call after its creation failed.
fn is_ours(schedule: &Schedule, metadata: &Metadata) -> bool {
    let noted_s = metadata.get(CHANGE_KEY).and_then(|note| note.rsplit_once(':')?.1.parse::<u64>().ok());
    // A note that could not be removed must not claim what someone else makes much later.
    let follows_note = noted_s.is_some_and(|noted_s| {
        let earliest_s = noted_s.saturating_sub(CLOCK_SKEW_S);
        (earliest_s..=noted_s.saturating_add(NOTE_VALID_S)).contains(&schedule.created_s)
    });
    schedule.is_marked || (schedule.phases.len() == 1 && !schedule.has_other_source && follows_note)
}

/// Returns the time at which a pending cancellation ends the subscription, in seconds since the Unix epoch.
pub(super) fn cancels_at_s(subscription: &Subscription) -> Option<u64> {
    match subscription.cancel_at_period_end {
        true => subscription.cancel_at_s.or(subscription.current_period_end_s()),
        false => subscription.cancel_at_s,
    }
}

/// Returns what comes at the end of the period.
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

/// Returns the item that grants the plan; `None` if the subscription sells none.
pub(super) fn plan_item(owned: &OwnedSubscription) -> Option<(Rank, &crate::stripe::subscription::Item)> {
    match owned.sold {
        SoldPlan::Plan { rank, item } => Some((rank, owned.subscription.items.get(item)?)),
        SoldPlan::AddOns | SoldPlan::Unmapped => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_schedule_is_ours_only_with_a_note_before_it() {
        let schedule = |created_s, source: &str, phases| {
            let phase = r#"{"start_date": 1, "end_date": 2, "items": []}"#;
            let body = format!(
                r#"{{"id": "sub_sched_1", "created": {created_s}, "metadata": {{{source}}}, "phases": [{}]}}"#,
                vec![phase; phases].join(",")
            );
            Schedule::parse(body.as_bytes()).unwrap()
        };
        let ours = r#""source": "tollgate""#;
        let cases = [
            ("marked", schedule(1_000, ours, 2), "", true),
            ("someone else's", schedule(1_000, "", 2), "", false),
            ("someone else's, with an old note of ours", schedule(1_000, "", 2), "free:900", false),
            ("created after the note", schedule(1_000, "", 1), "free:999", true),
            ("created a little before it, by another clock", schedule(1_000, "", 1), "free:1030", true),
            ("created long before it", schedule(1_000, "", 1), "free:2000", false),
            ("marked by someone else", schedule(1_000, r#""source": "crm""#, 1), "free:999", false),
            ("no note", schedule(1_000, "", 1), "", false),
            ("created long after it", schedule(2_000, "", 1), "free:999", false),
            ("an unreadable note", schedule(1_000, "", 1), "free:soon", false),
        ];
        for (why, schedule, note, want) in cases {
            let pairs = [(CHANGE_KEY, note)].into_iter().filter(|(_, note)| !note.is_empty());
            assert_eq!(is_ours(&schedule, &pairs.collect()), want, "{why}");
        }
    }
}
