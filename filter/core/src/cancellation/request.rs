//! The requests of a cancellation, each with what it is about.

use crate::config::{CancellationTime, SyncSettings};
use crate::http::{Callout, Outcome};
use crate::ids::{CustomerId, ScheduleId, SubscriptionId};
use crate::stripe::api::StripeApi;
use crate::stripe::outcome::StripeResponse;
use crate::stripe::schedule::Schedule;
use crate::stripe::subscription::Subscription;
use crate::stripe::write::Parameters;
use crate::sync::{
    ApiRequest, ListSessions, ListSubscriptions, ReadRecord, RetrieveSubscription, SearchSubject, SyncError,
    object_in,
};

/// A request in progress.
#[derive(Debug)]
pub(super) enum CancellationRequest {
    /// Clerk's record of the subject, which must not exist.
    Record(ReadRecord),
    /// A page of the customers or subscriptions that name the subject.
    Search(SearchSubject),
    /// A page of a customer's subscriptions.
    Subscriptions(ListSubscriptions),
    /// The Checkout Sessions of a subscription whose own metadata do not name its owner.
    Sessions(Box<Subscription>),
    /// The schedule that manages a subscription.
    Schedule(Box<Subscription>, RetrieveSchedule),
    /// The release of that schedule, which Tollgate created.
    Release(CancelSubscription, ReleaseSchedule),
    /// The cancellation of a subscription.
    Cancel(CancelSubscription),
    /// The subscription after a cancellation that failed with this error: the response may be lost.
    Check(CancelSubscription, SyncError),
}

impl CancellationRequest {
    /// Returns the callout, with the configured timeout.
    pub(super) fn callout(&self, settings: &SyncSettings) -> Callout {
        // Only notes on subscriptions need a scope, and none is written here.
        let scope = "";
        match self {
            CancellationRequest::Record(request) => request.callout(settings, scope),
            CancellationRequest::Search(request) => request.callout(settings, scope),
            CancellationRequest::Subscriptions(request) => request.callout(settings, scope),
            CancellationRequest::Sessions(subscription) => {
                ListSessions(subscription.id.clone()).callout(settings, scope)
            }
            CancellationRequest::Schedule(_, request) => request.callout(settings, scope),
            CancellationRequest::Release(_, request) => request.callout(settings, scope),
            CancellationRequest::Cancel(request) => request.callout(settings, scope),
            CancellationRequest::Check(end, _) => {
                RetrieveSubscription(end.subscription.clone()).callout(settings, scope)
            }
        }
    }
}

/// A request for a subscription's schedule.
#[derive(Debug)]
pub(super) struct RetrieveSchedule(pub(super) ScheduleId);

impl ApiRequest for RetrieveSchedule {
    /// The schedule; `None` if Stripe does not have it.
    type Response = Option<Schedule>;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).retrieve_schedule(&self.0)
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<Option<Schedule>, SyncError> {
        let response = StripeResponse::from_outcome(outcome, Schedule::parse);
        object_in("GET /v1/subscription_schedules/:id", response)
    }
}

/// A request that ends a schedule and leaves its subscription as it is.
#[derive(Debug)]
pub(super) struct ReleaseSchedule(pub(super) ScheduleId);

impl ApiRequest for ReleaseSchedule {
    type Response = ();

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).release_schedule(&self.0)
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<(), SyncError> {
        let response = StripeResponse::from_outcome(outcome, |_| Ok(()));
        object_in("POST /v1/subscription_schedules/:id/release", response).map(|_| ())
    }
}

/// The cancellation of one subscription. It sets a state, so performing it twice is the same as performing it
/// once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CancelSubscription {
    pub(super) subscription: SubscriptionId,
    pub(super) customer: CustomerId,
    pub(super) at: CancellationTime,
}

impl ApiRequest for CancelSubscription {
    /// Whether the subscription is canceled by this request; false if Stripe no longer has a live one.
    type Response = bool;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        let stripe = StripeApi::new(&settings.stripe);
        match self.at {
            CancellationTime::PeriodEnd => {
                let form = Parameters::default().with("cancel_at_period_end", "true");
                stripe.update_subscription(&self.subscription, &form, None)
            }
            // Neither a refund nor a last invoice.
            CancellationTime::Now => {
                let form = Parameters::default().with("invoice_now", "false").with("prorate", "false");
                stripe.cancel_subscription(&self.subscription, &form)
            }
        }
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<bool, SyncError> {
        let endpoint = match self.at {
            CancellationTime::PeriodEnd => "POST /v1/subscriptions/:id",
            CancellationTime::Now => "DELETE /v1/subscriptions/:id",
        };
        Ok(object_in(endpoint, StripeResponse::from_outcome(outcome, |_| Ok(())))?.is_some())
    }
}
