//! `GET subscription`: what the subject has, for an account page. Read from Stripe at most once in half a minute.

use super::context::BillingContext;
use super::task::EndpointResult;
use super::view::SubscriptionView;
use crate::ids::CustomerId;
use crate::sorted::SortedSet;
use crate::sync::{ChangedSubject, SubjectAccount};

/// Answers with the subject's subscription.
pub(super) async fn subscription(cx: BillingContext) -> EndpointResult {
    if let Some(cached) = cx.shared.views.get(&cx.subject, cx.now()) {
        let changed = ChangedSubject::new(&cx.subject, &cx.shared.namespace);
        let (bucket, _) = cx.load(&changed.key).await;
        if !changed.has_changed_since(bucket.as_deref(), cached.read_at) {
            return Ok(cached.view.answer());
        }
    }
    let read_at = cx.now();
    let account = cx.account(SortedSet::default()).await?;
    let view = SubscriptionView::read(&cx, &account).await?;
    cx.shared.views.insert(&cx.subject, read_at, view.clone());
    Ok(view.answer())
}

/// Syncs the subject after an action, and answers with what it has now.
pub(super) async fn answer_after_action(
    cx: &BillingContext,
    reason: &str,
    account: &SubjectAccount,
) -> EndpointResult {
    let customers: SortedSet<CustomerId> =
        account.subscriptions.iter().map(|owned| owned.subscription.customer.clone()).collect();
    forget_views(cx).await;
    let synced = cx.sync(reason, customers.clone()).await;
    let read_at = cx.now();
    // The action is done. If its state cannot be read now, what was read before it is shown.
    let shown = match cx.account(customers).await {
        Ok(now) => SubscriptionView::read(cx, &now).await,
        Err(error) => Err(error),
    };
    match shown {
        Ok(view) => {
            cx.shared.views.insert(&cx.subject, read_at, view.clone());
            Ok(view.answer_after_action(synced))
        }
        Err(_) => Ok(SubscriptionView::without_schedule(cx, account).answer_after_action(false)),
    }
}

/// Drops the subject's views on every worker of the process.
pub(super) async fn forget_views(cx: &BillingContext) {
    cx.shared.views.remove(&cx.subject);
    let changed = ChangedSubject::new(&cx.subject, &cx.shared.namespace);
    for _ in 0..ChangedSubject::SWAP_TRIES_MAX {
        let (bucket, version) = cx.load(&changed.key).await;
        if cx.swap(&changed.key, changed.bucket_with(bucket.as_deref(), cx.now()), version).await {
            return;
        }
    }
}
