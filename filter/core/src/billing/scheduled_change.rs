//! A change at the end of the paid period, by a subscription schedule
//! (<https://docs.stripe.com/billing/subscriptions/subscription-schedules>).
//!
//! ```text
//! note on the subscription ─▶ create the schedule (one phase) ─▶ add the next phase ─▶ remove the note
//!                                          └ if this fails, the note shows that Tollgate created the schedule: repeating
//!                                            the request completes it, and it does not block other requests
//! ```

use super::change::{PlannedChange, state};
use super::context::BillingContext;
use super::error::BillingError;
use super::pending::{ManagedBy, cancels_at_s, change_note};
use super::resume::undo_cancellation;
use crate::config::note_keys::CHANGE_KEY;
use crate::ids::ScheduleId;
use crate::stripe::schedule::{PhaseDiscount, PhaseItem, SOURCE, Schedule, SchedulePhase};
use crate::stripe::subscription::Subscription;
use crate::stripe::write::Parameters;

/// A change at the end of the period.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScheduledChange<'a> {
    /// The change.
    pub(super) change: &'a PlannedChange<'a>,
    /// The subscription's schedule: none, or one that Tollgate created.
    pub(super) managed_by: &'a ManagedBy,
}

/// Schedules the change. It replaces a pending change that Tollgate scheduled.
///
/// # Errors
/// [`BillingError::NoChange`] if exactly this change is pending, and [`BillingError::Service`].
pub(super) async fn schedule(
    cx: &BillingContext,
    scheduled: ScheduledChange<'_>,
) -> Result<(), BillingError> {
    let change = scheduled.change;
    let subscription = &change.owned.subscription;
    let schedule = match scheduled.managed_by {
        ManagedBy::Tollgate(schedule)
            if schedule.next_phase(cx.now()).is_some_and(|next| has_change(next, change)) =>
        {
            return Err(BillingError::NoChange);
        }
        ManagedBy::Tollgate(schedule) => {
            if cancels_at_s(subscription).is_some() {
                undo_cancellation(cx, subscription).await?;
            }
            schedule.clone()
        }
        ManagedBy::Nothing | ManagedBy::Other(_) => create(cx, change).await?,
    };
    let form = phases(cx, &schedule, change)?;
    // The request sets all phases, so repeating it changes nothing, and it needs no idempotency key.
    let callout = cx.stripe().update_schedule(&schedule.id, &form);
    let _: Schedule = cx.send("POST /v1/subscription_schedules/:id", callout, Schedule::parse).await?;
    // From now on, the schedule's metadata shows that Tollgate created it. If the note is not removed, it
    // does no harm.
    let _: Result<(), BillingError> = write_note(cx, change, "").await;
    Ok(())
}

/// Writes the note about the change, then creates a schedule from the subscription.
async fn create(cx: &BillingContext, change: &PlannedChange<'_>) -> Result<Schedule, BillingError> {
    let subscription = &change.owned.subscription;
    write_note(cx, change, &change_note(cx.plan_name(change.plan), cx.now())).await?;
    let is_canceled = cancels_at_s(subscription).is_some();
    if is_canceled {
        // Stripe refuses to create a schedule from a subscription that is about to end.
        undo_cancellation(cx, subscription).await?;
    }
    let created = create_once(cx, subscription).await;
    if created.is_err() && is_canceled {
        // The change failed, so the cancellation is restored.
        let form = Parameters::default().with("cancel_at_period_end", "true");
        let callout = cx.stripe().update_subscription(&subscription.id, &form, None);
        let _: Result<(), BillingError> = cx.send("POST /v1/subscriptions/:id", callout, |_| Ok(())).await;
    }
    created
}

async fn create_once(cx: &BillingContext, subscription: &Subscription) -> Result<Schedule, BillingError> {
    let state = state(subscription);
    let parts = [subscription.id.as_str(), state.as_str()];
    let request = |key: &_| cx.stripe().create_schedule(&subscription.id, key);
    let still_holds = async |schedule: &Schedule| Ok(is_in_force(cx, &schedule.id).await?);
    cx.create("POST /v1/subscription_schedules", &parts, request, Schedule::parse, still_holds).await
}

/// Returns whether a schedule has been neither released nor canceled.
async fn is_in_force(cx: &BillingContext, id: &ScheduleId) -> Result<bool, BillingError> {
    let callout = cx.stripe().retrieve_schedule(id);
    let schedule = cx.read("GET /v1/subscription_schedules/:id", callout, Schedule::parse).await?;
    Ok(schedule.is_some_and(|schedule| schedule.is_in_force))
}

/// Writes the note about the change. An empty value removes it.
async fn write_note(
    cx: &BillingContext,
    change: &PlannedChange<'_>,
    value: &str,
) -> Result<(), BillingError> {
    let form = Parameters::default().with(format!("metadata[{CHANGE_KEY}]"), value);
    let callout = cx.stripe().update_subscription(&change.owned.subscription.id, &form, None);
    cx.send("POST /v1/subscriptions/:id", callout, |_| Ok(())).await
}

/// Returns whether a phase already contains the change.
fn has_change(phase: &SchedulePhase, change: &PlannedChange<'_>) -> bool {
    let mut items = phase.items.iter();
    items.any(|item| {
        item.price == change.price && (change.quantity.is_none() || item.quantity == change.quantity)
    })
}

/// Returns the parameters of the current phase, unchanged, and of the next phase. Only the item that grants
/// the plan changes.
fn phases(
    cx: &BillingContext,
    schedule: &Schedule,
    change: &PlannedChange<'_>,
) -> Result<Parameters, BillingError> {
    let current =
        schedule.current_phase(cx.now()).ok_or_else(|| BillingError::transient("a schedule has no phase"))?;
    let changed_item =
        change.owned.subscription.items.iter().find(|item| item.id.as_ref() == Some(&change.item));
    let changed_price = changed_item.map_or("", |item| item.price.id.as_str());
    let mut form = Parameters::default()
        .with("end_behavior", "release")
        .with(format!("metadata[{}]", SOURCE.0), SOURCE.1)
        .with("phases[0][start_date]", current.start_s.to_string())
        .with("phases[0][end_date]", current.end_s.to_string())
        .with_optional("phases[0][trial_end]", current.trial_end_s.map(|end_s| end_s.to_string()));
    let (interval, count) = &change.interval;
    form = form
        .with("phases[1][proration_behavior]", "none")
        .with("phases[1][duration][interval]", interval)
        .with("phases[1][duration][interval_count]", count.to_string());
    // Stripe removes from a phase what its parameters leave out.
    for phase in ["phases[0]", "phases[1]"] {
        form = with_discounts(form, phase, &current.discounts);
        form = with_ids(form, &format!("{phase}[default_tax_rates]"), &current.default_tax_rates);
    }
    for (index, item) in current.items.iter().enumerate() {
        form = with_item(form, &format!("phases[0][items][{index}]"), item, (&item.price, item.quantity));
        let next = match item.price == changed_price {
            true => (&change.price, change.quantity),
            false => (&item.price, item.quantity),
        };
        form = with_item(form, &format!("phases[1][items][{index}]"), item, next);
    }
    Ok(form)
}

/// Adds an item as it is, except for its price and its quantity.
fn with_item(
    form: Parameters,
    prefix: &str,
    item: &PhaseItem,
    (price, quantity): (&String, Option<u64>),
) -> Parameters {
    let form = form
        .with(format!("{prefix}[price]"), price)
        .with_optional(&format!("{prefix}[quantity]"), quantity.map(|quantity| quantity.to_string()));
    let form = with_discounts(form, prefix, &item.discounts);
    with_ids(form, &format!("{prefix}[tax_rates]"), &item.tax_rates)
}

fn with_discounts(mut form: Parameters, prefix: &str, discounts: &[PhaseDiscount]) -> Parameters {
    for (index, (kind, id)) in discounts.iter().enumerate() {
        form = form.with(format!("{prefix}[discounts][{index}][{kind}]"), id);
    }
    form
}

fn with_ids(mut form: Parameters, list: &str, ids: &[String]) -> Parameters {
    for (index, id) in ids.iter().enumerate() {
        form = form.with(format!("{list}[{index}]"), id);
    }
    form
}
