//! Whom an event concerns: the subjects that Stripe names at present for what the event is about.

use super::api_request::{
    ApiRequest, ListSessions, ListSubscriptions, RetrieveCustomer, RetrieveSubscription, SubscriptionResponse,
};
use super::error::SyncError;
use super::findings::SyncFindings;
use super::ownership::{NamedSubject, Via};
use super::state::SyncState;
use super::trigger::{About, Trigger};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::{CustomerId, ProductId, SubscriptionId};
use crate::sorted::SortedSet;
use crate::stripe::object::Expandable;
use crate::stripe::subscription::{Subscription, SubscriptionStatus};
use crate::time::Micros;

/// How many subscriptions' open invoices are asked for before it is known that they matter.
const PAST_DUE_MAX: usize = 4;

/// The search for whom an event concerns.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    subscriptions: Vec<Subscription>,
    /// The customers that hold what the event is about.
    pub(crate) customers: SortedSet<CustomerId>,
    /// The subscriptions that Clerk says grant a plan, as far as Stripe was asked for them.
    recorded: SortedSet<SubscriptionId>,
    /// The event is about a customer with more subscriptions than are read.
    cut: bool,
}

/// Whom anything at Stripe names for what an event is about, and what must be read to know the rest.
#[derive(Debug)]
pub(crate) struct Present {
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
    /// Returns what to ask first. Unless the event shows that the subscription itself says whose it is and
    /// was, its Checkout Session is asked for side by side.
    pub(crate) fn begin(&mut self, trigger: &Trigger) -> Vec<DiscoveryRequest> {
        self.customers.extend(trigger.customer.clone());
        match &trigger.about {
            About::Subscription(id) => {
                let sessions =
                    (!trigger.names_owner).then(|| DiscoveryRequest::Sessions(ListSessions(id.clone())));
                let subscription = DiscoveryRequest::Subscription(RetrieveSubscription(id.clone()));
                [subscription].into_iter().chain(sessions).collect()
            }
            About::Customer(customer) => vec![
                DiscoveryRequest::Customer(RetrieveCustomer(customer.clone())),
                DiscoveryRequest::Subscriptions(ListSubscriptions::first(customer, false)),
            ],
            About::Subjects(customers) => {
                self.customers.extend(customers.iter().cloned());
                Vec::new()
            }
        }
    }

    /// Where no event names a subscription: Stripe must know those that Clerk says grant a plan. With the API
    /// key of another account everybody would look unpaid.
    pub(crate) fn recorded(
        &mut self,
        trigger: &Trigger,
        granted_by: &SortedSet<SubscriptionId>,
    ) -> Vec<DiscoveryRequest> {
        if !matches!(trigger.about, About::Subjects(_)) {
            return Vec::new();
        }
        let missing: Vec<_> = granted_by.difference(&self.recorded).cloned().collect();
        self.recorded.extend(missing.iter().cloned());
        missing.into_iter().map(|id| DiscoveryRequest::Subscription(RetrieveSubscription(id))).collect()
    }

    /// Takes the outcome of a request, and returns what else is to be asked.
    ///
    /// # Errors
    /// See [`SyncError`].
    pub(crate) fn take(
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
                SubscriptionResponse::Found(found) => self.learn_subscription(state, now, *found),
                SubscriptionResponse::Skipped(ids) => findings.skipped.extend(ids),
            },
            DiscoveryRequest::Customer(request) => request.read(&state.settings, outcome)?,
            DiscoveryRequest::Subscriptions(request) => {
                let page = request.read(&state.settings, outcome)?;
                let after = findings.next_page(request, page.next);
                self.cut |= after.is_cut();
                findings.skipped.extend(page.skipped);
                findings.unreadable.extend(page.unreadable);
                self.subscriptions.extend(page.subscriptions);
                next = after.request().map(DiscoveryRequest::Subscriptions);
            }
            DiscoveryRequest::Sessions(request) => {
                let response = request.read(&state.settings, outcome)?;
                findings.learn_sessions(state, request, response);
            }
        }
        findings.keep_silent_sessions(state, self.subscriptions.iter(), now);
        Ok(next.into_iter().collect())
    }

    fn learn_subscription(&mut self, state: &mut SyncState, now: Micros, found: Subscription) {
        // They came along, so no round trip is spent on them.
        for item in &found.items {
            if let Some(Expandable::Object(product)) = &item.price.product
                && let Ok(id) = ProductId::parse(&product.id)
            {
                let metadata = (!product.deleted).then(|| product.metadata.clone());
                state.products.insert(id, metadata, now);
            }
        }
        // That Stripe knows it is all that had to be learned of one that Clerk's record names.
        if !self.recorded.contains(&found.id) {
            self.subscriptions.push(found);
        }
    }

    /// Returns those whom anything at Stripe names for what the event is about, each once, and the sessions
    /// that must be read to know the rest.
    ///
    /// Not only the owners: whom the customer names though the subscription names somebody else may have been
    /// the owner until this very event, and then nothing in it says so. Who is named gets nothing by it.
    ///
    /// # Errors
    /// [`SyncError`] if that cannot be known: what Stripe does not let be read may name somebody whom nothing
    /// else names.
    pub(crate) fn present(
        &mut self,
        state: &SyncState,
        findings: &mut SyncFindings,
        trigger: &Trigger,
        now: Micros,
    ) -> Result<Present, SyncError> {
        self.customers.extend(self.subscriptions.iter().map(|subscription| subscription.customer.clone()));
        let mut present = Present { named: Vec::new(), missing: Vec::new() };
        let only_one = self.subscriptions.len() == 1;
        let mut unread: Vec<&Subscription> = Vec::new();
        let mut refused: Option<SyncError> = None;
        for subscription in &self.subscriptions {
            let claims = findings.claims(state, subscription, now);
            findings.invalid_keys.extend(claims.invalid_keys.clone());
            for named in claims.everyone() {
                match present.named.iter_mut().find(|known| known.subject == named.subject) {
                    Some(known) => known.via = known.via.min(named.via),
                    None => present.named.push(named.clone()),
                }
            }
            // Of those that have ended only the event's own matters.
            if claims.needs_session && (only_one || subscription.status.is_live()) {
                match findings.session_refused(&subscription.id) {
                    Some(why) if trigger.is_checkout || claims.owner().is_none() => {
                        refused = Some(why.clone());
                    }
                    Some(_) => {}
                    None => unread.push(subscription),
                }
            }
        }
        // Of a customer's subscriptions those count that somebody is named for; the others have events of their own.
        let is_of_one = matches!(trigger.about, About::Subscription(_));
        if let Some(why) = refused
            && (is_of_one || (present.named.is_empty() && trigger.named.is_empty()))
        {
            return Err(why);
        }
        // The newest first: what was noted need not be read, and what is new is not noted yet.
        unread.sort_by_key(|subscription| std::cmp::Reverse(subscription.created_s));
        let sessions = findings.ask_sessions(unread.into_iter(), None);
        present.missing = sessions.into_iter().map(DiscoveryRequest::Sessions).collect();
        let only_referred = present.named.iter().all(|named| named.via == Via::Reference);
        if self.cut && present.missing.is_empty() && (present.named.is_empty() || !only_referred) {
            return Err(SyncError::TooMany);
        }
        Ok(present)
    }

    /// Returns the subscriptions whose open invoices will matter.
    pub(crate) fn past_due(&self) -> impl Iterator<Item = &SubscriptionId> {
        let past_due = self
            .subscriptions
            .iter()
            .filter(|subscription| subscription.status == SubscriptionStatus::PastDue);
        past_due.map(|subscription| &subscription.id).take(PAST_DUE_MAX)
    }

    /// Returns when the oldest live subscription of nobody was made, in seconds since the Unix epoch.
    pub(crate) fn ownerless_since_s(&self) -> Option<u64> {
        let live = self.subscriptions.iter().filter(|subscription| subscription.status.is_live());
        live.map(|subscription| subscription.created_s).min()
    }
}
