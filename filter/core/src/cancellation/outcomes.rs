//! Handles the outcomes of a cancellation's requests, and decides which requests follow.

use super::lines;
use super::request::{CancelSubscription, CancellationRequest, ReleaseSchedule, RetrieveSchedule};
use super::subject_cancellation::SubjectCancellation;
use super::verdict::{Verdict, cancellation_time, is_canceled};
use crate::http::Outcome;
use crate::stripe::schedule::Schedule;
use crate::stripe::search::SearchResult;
use crate::stripe::subscription::{Subscription, SubscriptionPage};
use crate::sync::{
    ApiRequest, ListSessions, ListSubscriptions, RetrieveSubscription, SearchSubject, Service, SessionClaims,
    SessionsResponse, SubscriptionResponse, SyncError, SyncState, is_created_by_tollgate,
};

/// The maximum number of customers whose subscriptions are read.
const CUSTOMERS_MAX: usize = 20;

/// The maximum number of subscriptions whose Checkout Sessions are read.
const SESSIONS_READ_MAX: usize = 20;

/// The maximum number of subscriptions to cancel. A retry continues with the others.
const CANCELED_MAX: usize = 50;

impl SubjectCancellation {
    /// Handles the outcome of a request. Returns the requests that follow from it.
    pub(super) fn take(
        &mut self,
        state: &SyncState,
        request: CancellationRequest,
        outcome: &Outcome<'_>,
    ) -> Result<Vec<CancellationRequest>, SyncError> {
        let settings = &state.settings;
        let next = match request {
            CancellationRequest::Record(request) => match request.read(settings, outcome)? {
                Some(_) => {
                    self.subject_exists = true;
                    self.alarm(lines::subject_exists(&self.deletion));
                    Vec::new()
                }
                None => SearchSubject::both(&self.deletion.subject).map(CancellationRequest::Search).into(),
            },
            CancellationRequest::Search(request) => match request.read(settings, outcome) {
                Err(why @ SyncError::Refused { .. }) => {
                    self.take_refused_search(&why);
                    Vec::new()
                }
                found => self.take_found(request, found?),
            },
            CancellationRequest::Subscriptions(request) => {
                let page = request.read(settings, outcome)?;
                self.take_subscriptions(state, request, page)
            }
            CancellationRequest::Sessions(subscription) => {
                let claims = session_claims(state, &subscription, outcome)?;
                self.decide(state, *subscription, Some(&claims)).into_iter().collect()
            }
            CancellationRequest::Schedule(subscription, request) => {
                let schedule = request.read(settings, outcome)?;
                self.take_schedule(&subscription, schedule).into_iter().collect()
            }
            CancellationRequest::Release(cancel, request) => match request.read(settings, outcome) {
                // If Stripe refuses, the schedule has just ended otherwise, or the cancellation will fail.
                Ok(()) | Err(SyncError::Refused { .. }) => vec![CancellationRequest::Cancel(cancel)],
                Err(error) => return Err(error),
            },
            CancellationRequest::Cancel(cancel) => match cancel.read(settings, outcome) {
                Ok(true) => self.take_canceled(&cancel),
                Ok(false) => Vec::new(),
                Err(error @ SyncError::Transient { .. }) => vec![CancellationRequest::Check(cancel, error)],
                Err(error) => return Err(error),
            },
            CancellationRequest::Check(cancel, error) => {
                let read = RetrieveSubscription(cancel.subscription.clone()).read(settings, outcome);
                match read {
                    Ok(SubscriptionResponse::Found(found)) if is_canceled(&found, cancel.at) => {
                        self.take_canceled(&cancel)
                    }
                    _ => return Err(error),
                }
            }
        };
        Ok(next)
    }

    /// Handles a search that Stripe refuses: it is not available everywhere, and a retry would not help.
    fn take_refused_search(&mut self, why: &SyncError) {
        if !std::mem::replace(&mut self.search_refused, true) {
            self.alarm(lines::unsearched(&self.deletion, why));
        }
    }

    /// Handles a page of a search: reads the subscriptions of each new customer.
    fn take_found(&mut self, request: SearchSubject, found: SearchResult) -> Vec<CancellationRequest> {
        self.skip(found.skipped.len());
        let mut next = Vec::new();
        for customer in found.customers {
            if self.customers.contains(&customer) {
                continue;
            }
            if self.customers.len() >= CUSTOMERS_MAX {
                self.fail(SyncError::TooMany);
                break;
            }
            next.push(CancellationRequest::Subscriptions(ListSubscriptions::first(&customer, false)));
            self.customers.insert(customer);
        }
        match request.next(found.next) {
            Ok(page) => next.extend(page.map(CancellationRequest::Search)),
            Err(error) => self.fail(error),
        }
        next
    }

    /// Handles a page of a customer's subscriptions.
    fn take_subscriptions(
        &mut self,
        state: &SyncState,
        request: ListSubscriptions,
        page: SubscriptionPage,
    ) -> Vec<CancellationRequest> {
        self.skip(page.skipped.len());
        // It may be the subject's.
        if let Some(id) = page.unreadable.first() {
            self.fail(unreadable(format!("subscription {id}")));
        }
        let subscriptions = page.subscriptions.into_iter();
        let mut next: Vec<_> =
            subscriptions.filter_map(|subscription| self.decide(state, subscription, None)).collect();
        let page = request.next(page.next);
        if page.is_truncated() {
            self.fail(SyncError::TooMany);
        }
        next.extend(page.request().map(CancellationRequest::Subscriptions));
        next
    }

    /// Decides about a subscription. Returns the request that follows, if there is one.
    fn decide(
        &mut self,
        state: &SyncState,
        subscription: Subscription,
        session: Option<&SessionClaims>,
    ) -> Option<CancellationRequest> {
        match Verdict::new(&self.deletion, &subscription, session, &state.settings) {
            Verdict::Keep => None,
            Verdict::AwaitSessions if self.sessions_read < SESSIONS_READ_MAX => {
                self.sessions_read = self.sessions_read.saturating_add(1);
                Some(CancellationRequest::Sessions(Box::new(subscription)))
            }
            Verdict::Cancel(_) if self.begun < CANCELED_MAX => {
                self.begun = self.begun.saturating_add(1);
                Some(match subscription.changes.schedule.clone() {
                    Some(schedule) => {
                        CancellationRequest::Schedule(Box::new(subscription), RetrieveSchedule(schedule))
                    }
                    None => CancellationRequest::Cancel(self.cancel(&subscription)),
                })
            }
            Verdict::AwaitSessions | Verdict::Cancel(_) => {
                self.fail(SyncError::TooMany);
                None
            }
            Verdict::InvalidKeys(keys) => {
                self.alarm(lines::invalid_keys(&self.deletion, &subscription, &keys));
                None
            }
        }
    }

    /// Handles the schedule that manages a subscription: Stripe refuses to cancel as long as it does.
    fn take_schedule(
        &mut self,
        subscription: &Subscription,
        schedule: Option<Schedule>,
    ) -> Option<CancellationRequest> {
        let cancel = self.cancel(subscription);
        match schedule.filter(|schedule| schedule.is_in_force) {
            None => Some(CancellationRequest::Cancel(cancel)),
            Some(schedule) if is_created_by_tollgate(&schedule, &subscription.metadata) => {
                Some(CancellationRequest::Release(cancel, ReleaseSchedule(schedule.id)))
            }
            // The merchant may have agreed on a term.
            Some(schedule) => {
                self.alarm(lines::scheduled(&self.deletion, subscription, &schedule.id));
                None
            }
        }
    }

    fn take_canceled(&mut self, cancel: &CancelSubscription) -> Vec<CancellationRequest> {
        self.canceled = self.canceled.saturating_add(1);
        self.reports.push(lines::subscription_canceled(&self.deletion, cancel));
        Vec::new()
    }

    fn cancel(&self, subscription: &Subscription) -> CancelSubscription {
        CancelSubscription {
            subscription: subscription.id.clone(),
            customer: subscription.customer.clone(),
            at: cancellation_time(&self.deletion, subscription),
        }
    }

    /// Reports ids that cannot be part of a path.
    fn skip(&mut self, count: usize) {
        if count > 0 {
            self.alarm(lines::skipped(&self.deletion, count));
        }
    }
}

/// Returns the claims in the Checkout Sessions of a subscription.
///
/// # Errors
/// [`SyncError`] if they cannot be read: a session may name another owner, so without it nothing is canceled.
fn session_claims(
    state: &SyncState,
    subscription: &Subscription,
    outcome: &Outcome<'_>,
) -> Result<SessionClaims, SyncError> {
    let list = match ListSessions(subscription.id.clone()).read(&state.settings, outcome)? {
        SessionsResponse::Refused(why) => return Err(why),
        SessionsResponse::Listed(list) => list,
    };
    let claims = SessionClaims::new(&list.sessions, &state.settings.subject_keys);
    if list.unreadable && !claims.has_metadata() {
        return Err(unreadable(format!("a Checkout Session of {}", subscription.id)));
    }
    Ok(claims)
}

fn unreadable(what: String) -> SyncError {
    SyncError::Transient {
        service: Service::Stripe,
        why: format!("{what} does not match Stripe's API reference"),
    }
}
