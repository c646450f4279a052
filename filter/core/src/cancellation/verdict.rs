//! Decides whether a subscription is canceled because its owner was deleted, and when it ends.

use super::subject_cancellation::Deletion;
use crate::config::{CancellationTime, SyncSettings};
use crate::stripe::subscription::{Subscription, SubscriptionStatus};
use crate::sync::{Claims, SessionClaims, Via};

/// The decision about a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs to another subject or to none, has ended, or ends in time anyway.
    Keep,
    /// Its Checkout Sessions must be read, because its own metadata do not name its owner.
    AwaitSessions,
    /// It belongs to the subject, but these metadata keys have malformed values: another owner may be meant.
    InvalidKeys(Vec<String>),
    /// It is canceled.
    Cancel(CancellationTime),
}

impl Verdict {
    /// Decides about a subscription; `session` is `None` if its Checkout Sessions were not read.
    ///
    /// Only the merchant's metadata count: the payer of a payment link can choose a `client_reference_id`.
    pub(super) fn new(
        deletion: &Deletion,
        subscription: &Subscription,
        session: Option<&SessionClaims>,
        settings: &SyncSettings,
    ) -> Self {
        let at = cancellation_time(deletion, subscription);
        if is_canceled(subscription, at) {
            return Verdict::Keep;
        }
        let claims = Claims::new(subscription, session, settings);
        if claims.needs_session {
            return Verdict::AwaitSessions;
        }
        let owner = claims.owner().filter(|owner| owner.via == Via::Metadata);
        if owner.is_none_or(|owner| owner.subject != deletion.subject) {
            return Verdict::Keep;
        }
        match claims.invalid_keys {
            keys if keys.is_empty() => Verdict::Cancel(at),
            keys => Verdict::InvalidKeys(keys),
        }
    }
}

/// Returns the time at which a canceled subscription ends. One whose period is not paid ends now:
/// Stripe begins no further period of it that it could end with.
pub(super) fn cancellation_time(deletion: &Deletion, subscription: &Subscription) -> CancellationTime {
    match subscription.status {
        SubscriptionStatus::Incomplete | SubscriptionStatus::Paused => CancellationTime::Now,
        _ => deletion.at,
    }
}

/// Returns whether a subscription has ended, or ends at that time without a cancellation.
pub(super) fn is_canceled(subscription: &Subscription, at: CancellationTime) -> bool {
    let period_end_s = subscription.current_period_end_s();
    let ends_before = |at_s| period_end_s.is_some_and(|period_end_s| at_s <= period_end_s);
    let ends_with_period =
        subscription.cancel_at_period_end || subscription.cancel_at_s.is_some_and(ends_before);
    !subscription.status.is_live() || (at == CancellationTime::PeriodEnd && ends_with_period)
}
