//! Finds the subjects of an event: those that Stripe currently names for the event's subscription or
//! customer.

use super::api_request::{
    ApiRequest, ListSessions, ListSubscriptions, RetrieveCustomer, RetrieveSubscription, SubscriptionResponse,
};
use super::error::SyncError;
use super::findings::SyncFindings;
use super::ownership::{NamedSubject, Via};
use super::state::SyncState;
use super::trigger::{Trigger, TriggerObject};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::{CustomerId, ProductId, SubscriptionId};
use crate::sorted::SortedSet;
use crate::stripe::object::Expandable;
use crate::stripe::subscription::{Subscription, SubscriptionStatus};
use crate::time::Micros;

/// The maximum number of subscriptions whose open invoices are requested before it is known that they matter.
const PAST_DUE_MAX: usize = 4;

/// The search for the subjects of an event.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    subscriptions: Vec<Subscription>,
    /// The customers of the event's subscriptions.
    pub(crate) customers: SortedSet<CustomerId>,
    /// The subscriptions that grant a plan according to Clerk, as far as they were requested from Stripe.
    recorded: SortedSet<SubscriptionId>,
    /// Whether the event's customer has more subscriptions than Tollgate reads.
    truncated: bool,
}

/// The subjects that Stripe names for an event, and the requests that are needed to find the rest.
#[derive(Debug)]
pub(crate) struct DiscoveredSubjects {
    pub(crate) named: Vec<NamedSubject>,
    pub(crate) missing: Vec<DiscoveryRequest>,
}

/// A request of the discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DiscoveryRequest {
    /// The subscription that the event is about.
    Subscription(RetrieveSubscription),
    /// The customer that the event is about.
    Customer(RetrieveCustomer),
    /// A page of that customer's subscriptions.
    Subscriptions(ListSubscriptions),
    /// The Checkout Sessions of a subscription.
    Sessions(ListSessions),
}

impl DiscoveryRequest {
    /// Returns the callout.
    pub(crate) fn callout(&self, settings: &SyncSettings, scope: &str) -> Callout {
        match self {
            DiscoveryRequest::Subscription(request) => request.callout(settings, scope),
            DiscoveryRequest::Customer(request) => request.callout(settings, scope),
            DiscoveryRequest::Subscriptions(request) => request.callout(settings, scope),
            DiscoveryRequest::Sessions(request) => request.callout(settings, scope),
        }
    }
}

impl Discovery {
    /// Returns the first requests. The Checkout Sessions are requested in parallel, unless the event shows
    /// that the subscription's own metadata identifies its current and previous owner.
    pub(crate) fn begin(&mut self, trigger: &Trigger) -> Vec<DiscoveryRequest> {
        self.customers.extend(trigger.customer.clone());
        match &trigger.object {
            TriggerObject::Subscription(id) => {
                let sessions =
                    (!trigger.names_owner).then(|| DiscoveryRequest::Sessions(ListSessions(id.clone())));
                let subscription = DiscoveryRequest::Subscription(RetrieveSubscription(id.clone()));
                [subscription].into_iter().chain(sessions).collect()
            }
            TriggerObject::Customer(customer) => vec![
                DiscoveryRequest::Customer(RetrieveCustomer(customer.clone())),
                DiscoveryRequest::Subscriptions(ListSubscriptions::first(customer, false)),
            ],
            TriggerObject::Subjects(customers) => {
                self.customers.extend(customers.iter().cloned());
                Vec::new()
            }
        }
    }

    /// Returns requests for the subscriptions that grant a plan according to Clerk, if no event names one.
    /// Stripe must have them: with the API key of another account, every subject would look unpaid.
    pub(crate) fn recorded_requests(
        &mut self,
        trigger: &Trigger,
        granted_by: &SortedSet<SubscriptionId>,
    ) -> Vec<DiscoveryRequest> {
        if !matches!(trigger.object, TriggerObject::Subjects(_)) {
            return Vec::new();
        }
        let missing: Vec<_> = granted_by.difference(&self.recorded).cloned().collect();
        self.recorded.extend(missing.iter().cloned());
        missing.into_iter().map(|id| DiscoveryRequest::Subscription(RetrieveSubscription(id))).collect()
    }

    /// Handles the outcome of a request. Returns the requests that follow from it.
    ///
    /// # Errors
    /// [`SyncError`] of the request.
    pub(crate) fn handle_outcome(
        &mut self,
        state: &mut SyncState,
        findings: &mut SyncFindings,
        now: Micros,
        request: DiscoveryRequest,
        outcome: &Outcome<'_>,
    ) -> Result<Vec<DiscoveryRequest>, SyncError> {
        let mut next = None;
        match request {
            DiscoveryRequest::Subscription(request) => match request.read(&state.settings, outcome)? {
                SubscriptionResponse::Found(found) => self.store_subscription(state, now, *found),
                SubscriptionResponse::Skipped(ids) => findings.skipped.extend(ids),
            },
            DiscoveryRequest::Customer(request) => request.read(&state.settings, outcome)?,
            DiscoveryRequest::Subscriptions(request) => {
                let page = request.read(&state.settings, outcome)?;
                let next_page = findings.next_page(request, page.next);
                self.truncated |= next_page.is_truncated();
                findings.skipped.extend(page.skipped);
                findings.unreadable.extend(page.unreadable);
                self.subscriptions.extend(page.subscriptions);
                next = next_page.request().map(DiscoveryRequest::Subscriptions);
            }
            DiscoveryRequest::Sessions(request) => {
                let response = request.read(&state.settings, outcome)?;
                findings.store_sessions(state, request, response);
            }
        }
        findings.cache_sessions_without_subject(state, self.subscriptions.iter(), now);
        Ok(next.into_iter().collect())
    }

    fn store_subscription(&mut self, state: &mut SyncState, now: Micros, found: Subscription) {
        // The response includes the products, so they need no requests of their own.
        for item in &found.items {
            if let Some(Expandable::Object(product)) = &item.price.product
                && let Ok(id) = ProductId::parse(&product.id)
            {
                let metadata = (!product.deleted).then(|| product.metadata.clone());
                state.products.insert(id, metadata, now);
            }
        }
        // A subscription of Clerk's record was requested only to check that Stripe has it.
        if !self.recorded.contains(&found.id) {
            self.subscriptions.push(found);
        }
    }

    /// Returns all subjects that Stripe names for the event, without duplicates, and the sessions that must
    /// be read to find the rest.
    ///
    /// The result includes more subjects than the owners. For example, if the customer names one subject and
    /// the subscription another, the customer's subject may have been the owner until this event. A subject
    /// gets no plan only because it is named.
    ///
    /// # Errors
    /// [`SyncError`] if the subjects cannot be determined, because only an object that Stripe refuses to
    /// return may name them; [`SyncError::TooMany`] if the customer has too many subscriptions.
    pub(crate) fn subjects(
        &mut self,
        state: &SyncState,
        findings: &mut SyncFindings,
        trigger: &Trigger,
        now: Micros,
    ) -> Result<DiscoveredSubjects, SyncError> {
        self.customers.extend(self.subscriptions.iter().map(|subscription| subscription.customer.clone()));
        let mut discovered = DiscoveredSubjects { named: Vec::new(), missing: Vec::new() };
        let is_only_one = self.subscriptions.len() == 1;
        let mut without_session: Vec<&Subscription> = Vec::new();
        let mut refused: Option<SyncError> = None;
        findings.unowned.clear();
        for subscription in &self.subscriptions {
            let claims = findings.claims(state, subscription, now);
            findings.record_unowned(&state.settings, subscription, &claims);
            findings.record_invalid_keys(&claims.invalid_keys, Some(&subscription.id));
            for named in claims.all_named() {
                match discovered.named.iter_mut().find(|known| known.subject == named.subject) {
                    Some(known) => known.via = known.via.min(named.via),
                    None => discovered.named.push(named.clone()),
                }
            }
            // An ended subscription matters only if the event is about it.
            if claims.needs_session && (is_only_one || subscription.status.is_live()) {
                match findings.session_refused(&subscription.id) {
                    Some(why) if trigger.is_checkout || claims.owner().is_none() => {
                        refused = Some(why.clone());
                    }
                    Some(_) => {}
                    None => without_session.push(subscription),
                }
            }
        }
        // Of a customer's subscriptions, those with a named subject are enough; the others have their own
        // events.
        let is_about_subscription = matches!(trigger.object, TriggerObject::Subscription(_));
        if let Some(why) = refused
            && (is_about_subscription || (discovered.named.is_empty() && trigger.named.is_empty()))
        {
            return Err(why);
        }
        // The newest come first, because older ones usually have a note already.
        without_session.sort_by_key(|subscription| std::cmp::Reverse(subscription.created_s));
        let sessions = findings.request_sessions(without_session.into_iter(), None);
        discovered.missing = sessions.into_iter().map(DiscoveryRequest::Sessions).collect();
        let only_by_reference = discovered.named.iter().all(|named| named.via == Via::Reference);
        if self.truncated
            && discovered.missing.is_empty()
            && (discovered.named.is_empty() || !only_by_reference)
        {
            return Err(SyncError::TooMany);
        }
        Ok(discovered)
    }

    /// Returns the past-due subscriptions, whose open invoices will be needed.
    pub(crate) fn past_due(&self) -> impl Iterator<Item = &SubscriptionId> {
        let past_due = self
            .subscriptions
            .iter()
            .filter(|subscription| subscription.status == SubscriptionStatus::PastDue);
        past_due.map(|subscription| &subscription.id).take(PAST_DUE_MAX)
    }
}
