//! `GET subscription`: the subject's subscription, for an account page. It is read from Stripe at most every
//! 30 seconds.

use super::context::BillingContext;
use super::effects::EndpointResult;
use super::view::SubscriptionView;
use crate::ids::CustomerId;
use crate::sorted::SortedSet;
use crate::sync::{ChangedSubject, SubjectAccount};

/// Returns the subject's subscription.
pub(super) async fn subscription(cx: BillingContext) -> EndpointResult {
    if let Some(cached) = cx.shared.views.get(&cx.subject, cx.now()) {
        let changed = ChangedSubject::new(&cx.subject, &cx.shared.namespace);
        let (bucket, _) = cx.load(&changed.key).await;
        if !changed.has_changed_since(bucket.as_deref(), cached.read_at) {
            return Ok(cached.view.response());
        }
    }
    let read_at = cx.now();
    let account = cx.account(SortedSet::default()).await?;
    let view = SubscriptionView::read(&cx, &account).await?;
    cx.shared.views.insert(&cx.subject, read_at, view.clone());
    Ok(view.response())
}

/// Syncs the subject after an action, and returns its current subscription.
pub(super) async fn response_after_action(
    cx: &BillingContext,
    reason: &str,
    account: &SubjectAccount,
) -> EndpointResult {
    let customers: SortedSet<CustomerId> =
        account.subscriptions.iter().map(|owned| owned.subscription.customer.clone()).collect();
    invalidate_views(cx).await;
    let synced = cx.sync(reason, customers.clone()).await;
    let read_at = cx.now();
    // The action is done. If the new state cannot be read, the response shows the state before the action.
    let view = match cx.account(customers).await {
        Ok(now) => SubscriptionView::read(cx, &now).await,
        Err(error) => Err(error),
    };
    match view {
        Ok(view) => {
            cx.shared.views.insert(&cx.subject, read_at, view.clone());
            Ok(view.response_after_action(synced))
        }
        Err(_) => Ok(SubscriptionView::without_schedule(cx, account).response_after_action(false)),
    }
}

/// Invalidates the subject's views in every worker of the process.
pub(super) async fn invalidate_views(cx: &BillingContext) {
    cx.shared.views.remove(&cx.subject);
    let changed = ChangedSubject::new(&cx.subject, &cx.shared.namespace);
    for _ in 0..ChangedSubject::SWAP_TRIES_MAX {
        let (bucket, version) = cx.load(&changed.key).await;
        if cx.swap(&changed.key, changed.bucket_with(bucket.as_deref(), cx.now()), version).await {
            return;
        }
    }
}
