//! `POST cancel`: ends the subscription at the end of its period, or now.

use super::context::{BillingAction, BillingContext};
use super::effects::EndpointResult;
use super::error::BillingError;
use super::members::Members;
use super::owned::current;
use super::pending::ManagedBy;
use super::subscription::response_after_action;
use crate::ids::ScheduleId;
use crate::sorted::SortedSet;
use crate::stripe::write::Parameters;

/// The time at which a cancellation or a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EffectiveAt {
    /// Immediately.
    Now,
    /// At the end of the paid period.
    PeriodEnd,
}

impl EffectiveAt {
    /// Reads the member `at`.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`] if it has another value.
    pub(super) fn read(members: &mut Members) -> Result<Option<Self>, BillingError> {
        members.word("at", &[("now", EffectiveAt::Now), ("period_end", EffectiveAt::PeriodEnd)])
    }
}

/// Stripe's reasons for a cancellation
/// (<https://docs.stripe.com/api/subscriptions/cancel#cancel_subscription-cancellation_details-feedback>).
const FEEDBACK: [(&str, &str); 8] = [
    ("customer_service", "customer_service"),
    ("low_quality", "low_quality"),
    ("missing_features", "missing_features"),
    ("other", "other"),
    ("switched_service", "switched_service"),
    ("too_complex", "too_complex"),
    ("too_expensive", "too_expensive"),
    ("unused", "unused"),
];

/// The maximum length of a comment, in characters. It is sent in the query, whose length is limited.
const COMMENT_CHARS_MAX: usize = 500;

/// The body of the request.
#[derive(Debug)]
pub(super) struct CancelRequest {
    at: EffectiveAt,
    feedback: Option<&'static str>,
    comment: Option<String>,
}

impl CancelRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`].
    pub(super) fn read(mut members: Members) -> Result<Self, BillingError> {
        let at = EffectiveAt::read(&mut members)?.unwrap_or(EffectiveAt::PeriodEnd);
        let feedback = members.word("feedback", &FEEDBACK)?;
        let comment = members.text("comment")?;
        if comment.as_ref().is_some_and(|comment| comment.chars().count() > COMMENT_CHARS_MAX) {
            return Err(BillingError::invalid("comment", "it must be at most 500 characters long"));
        }
        members.end()?;
        Ok(CancelRequest { at, feedback, comment })
    }
}

/// Cancels the subscription.
pub(super) async fn cancel(cx: BillingContext, request: &CancelRequest) -> EndpointResult {
    let account = cx.account(SortedSet::default()).await?;
    let owned = current(&account).ok_or(BillingError::NoSubscription)?;
    let subscription = &owned.subscription;
    match ManagedBy::read(&cx, subscription).await? {
        ManagedBy::Nothing => {}
        // Stripe refuses to cancel a subscription that a schedule manages.
        ManagedBy::Tollgate(schedule) => release(&cx, &schedule.id).await?,
        ManagedBy::Other(_) => return Err(BillingError::ChangePending),
    }
    let form = Parameters::default()
        .with_optional("cancellation_details[feedback]", request.feedback)
        .with_optional("cancellation_details[comment]", request.comment.clone());
    match request.at {
        EffectiveAt::PeriodEnd => {
            let form = form.with("cancel_at_period_end", "true");
            let callout = cx.stripe().update_subscription(&subscription.id, &form, None);
            cx.send("POST /v1/subscriptions/:id", callout, |_| Ok(())).await?;
        }
        EffectiveAt::Now => {
            let callout = cx.stripe().cancel_subscription(&subscription.id, &form);
            cx.send("DELETE /v1/subscriptions/:id", callout, |_| Ok(())).await?;
        }
    }
    let plan = owned.sold.rank().map(|rank| cx.plan_name(rank));
    cx.audit(BillingAction::CancelRequested, plan, Some(subscription.id.as_str()));
    response_after_action(&cx, "billing.cancel", &account).await
}

/// Releases a schedule that Tollgate created, so that the subscription stays as it is.
///
/// # Errors
/// [`BillingError::Service`].
pub(super) async fn release(cx: &BillingContext, schedule: &ScheduleId) -> Result<(), BillingError> {
    let callout = cx.stripe().release_schedule(schedule);
    cx.send("POST /v1/subscription_schedules/:id/release", callout, |_| Ok(())).await
}
