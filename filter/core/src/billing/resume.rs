//! `POST resume`: undoes a pending cancellation, a change that Tollgate scheduled, or a pause.

use super::cancel::release;
use super::context::{BillingAction, BillingContext};
use super::effects::EndpointResult;
use super::error::BillingError;
use super::owned::current;
use super::payment;
use super::pending::{ManagedBy, cancels_at_s};
use super::subscription::response_after_action;
use crate::sorted::SortedSet;
use crate::stripe::subscription::{Subscription, SubscriptionStatus};
use crate::stripe::write::Parameters;

/// Resumes the subscription.
pub(super) async fn resume(cx: BillingContext) -> EndpointResult {
    let account = cx.account(SortedSet::default()).await?;
    let owned = current(&account).ok_or(BillingError::NoSubscription)?;
    let subscription = &owned.subscription;
    if subscription.status == SubscriptionStatus::Paused {
        let callout = cx.stripe().resume_subscription(&subscription.id);
        let resumed = cx.send("POST /v1/subscriptions/:id/resume", callout, Subscription::parse).await?;
        // The subscription stays paused until its invoice is paid.
        if resumed.status == SubscriptionStatus::Paused {
            return Err(payment::payment_error(&cx, &resumed).await);
        }
    } else {
        undo_pending_change(&cx, subscription).await?;
    }
    let plan = owned.sold.rank().map(|rank| cx.plan_name(rank));
    cx.audit(BillingAction::Resumed, plan, Some(subscription.id.as_str()));
    response_after_action(&cx, "billing.resume", &account).await
}

async fn undo_pending_change(cx: &BillingContext, subscription: &Subscription) -> Result<(), BillingError> {
    match ManagedBy::read(cx, subscription).await? {
        ManagedBy::Tollgate(schedule) if schedule.next_phase(cx.now()).is_some() => {
            release(cx, &schedule.id).await
        }
        ManagedBy::Other(_) if cancels_at_s(subscription).is_some() => Err(BillingError::ChangePending),
        ManagedBy::Other(_) => Err(BillingError::NothingToResume),
        ManagedBy::Tollgate(schedule) if cancels_at_s(subscription).is_some() => {
            release(cx, &schedule.id).await?;
            undo_cancellation(cx, subscription).await
        }
        ManagedBy::Nothing if cancels_at_s(subscription).is_some() => {
            undo_cancellation(cx, subscription).await
        }
        ManagedBy::Tollgate(_) | ManagedBy::Nothing => Err(BillingError::NothingToResume),
    }
}

/// Undoes a pending cancellation.
///
/// # Errors
/// [`BillingError::Service`].
pub(super) async fn undo_cancellation(
    cx: &BillingContext,
    subscription: &Subscription,
) -> Result<(), BillingError> {
    // Stripe refuses both parameters in one request. An empty value removes a time that `cancel_at` has set.
    let form = match subscription.cancel_at_period_end {
        true => Parameters::default().with("cancel_at_period_end", "false"),
        false => Parameters::default().with("cancel_at", ""),
    };
    let callout = cx.stripe().update_subscription(&subscription.id, &form, None);
    cx.send("POST /v1/subscriptions/:id", callout, |_| Ok(())).await
}
