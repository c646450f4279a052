//! Finds the subjects to sync by reading Stripe and Clerk.
//!
//! A census of all subjects finds those that Stripe's subscriptions name in metadata or in a Checkout
//! Session, and those whose record in Clerk has a plan above the default or a granting subscription, so that
//! plans that are no longer paid are found too, and the payers of Clerk Billing. A sample ends after some
//! pages of each list. A census of one subject finds its customers with Stripe's search. What the document
//! does not read is not listed. The census decides no plan; that is the reconciliation's task.

use super::census_result::{Candidate, CensusCounts, CensusResult, Scope};
use super::error::{BackfillError, BackfillErrorCode};
use crate::clerk::api::{BackendApi, ClerkApiError};
use crate::clerk::billing::item_list::ItemPage;
use crate::clerk::metadata::Record;
use crate::clerk::user_list::{self, SubjectListKind};
use crate::http::{Callout, Outcome};
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::machine::CallId;
use crate::sorted::{SortedMap, SortedSet};
use crate::stripe::api::{Searched, StripeApi};
use crate::stripe::outcome::StripeResponse;
use crate::stripe::subscription::{Subscription, SubscriptionPage};
use crate::sync::{
    ApiRequest, Claims, ListSessions, NamedSubject, SearchSubject, SessionClaims, SessionsResponse,
    SyncError, SyncState, Via, object_in,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The maximum number of subscriptions, users, or organizations to read.
const LISTED_MAX: usize = 2_000_000;

/// The maximum number of concurrent requests for Checkout Sessions.
const LOOKUPS_MAX: usize = 16;

/// The maximum number of a subject's customers to keep whose subscriptions have all ended.
const ENDED_CUSTOMERS_MAX: usize = 16;

/// A census in progress.
#[derive(Debug, Default)]
pub struct Census {
    candidates: BTreeMap<Subject, CustomerTies>,
    unowned: Vec<(SubscriptionId, CustomerId)>,
    skipped: Vec<String>,
    counts: CensusCounts,
    /// All subscriptions that Stripe has.
    known: BTreeSet<SubscriptionId>,
    /// The subscriptions that grant a plan according to Clerk.
    recorded: BTreeSet<SubscriptionId>,
    /// All users and organizations that Clerk has.
    members: BTreeSet<Subject>,
    /// The payers of the items of Clerk Billing.
    payers: BTreeSet<Subject>,
    pending: VecDeque<PendingLookup>,
    lookups: usize,
    requests: SortedMap<CallId, CensusRequest>,
    calls: u32,
    /// The maximum number of pages to read of each list; `None` for all.
    pages_max: Option<usize>,
    /// Whether a list has more pages than were read.
    cut: bool,
}

/// The customers of a subject, as far as Stripe's objects name it.
#[derive(Debug, Default)]
struct CustomerTies {
    live: SortedSet<CustomerId>,
    ended: SortedSet<CustomerId>,
    trusted: bool,
    /// How many live subscriptions name the subject, and the last of them. One whose session is read
    /// later may count twice.
    live_subscriptions: usize,
    last_live: Option<SubscriptionId>,
}

/// A live subscription whose Checkout Sessions are to be read.
#[derive(Clone, Debug)]
struct PendingLookup {
    subscription: SubscriptionId,
    customer: CustomerId,
    /// Whether a claim with lower precedence names a subject.
    is_named: bool,
}

/// A request in progress.
#[derive(Clone, Debug)]
enum CensusRequest {
    Subscriptions { after: Option<SubscriptionId>, pages: usize },
    Members { kind: SubjectListKind, offset: usize, pages: usize },
    BillingItems { offset: usize, pages: usize },
    Session(PendingLookup),
    Search(SearchSubject),
}

impl Census {
    /// Creates a census. Also returns the callouts to start, in parallel.
    pub fn begin(state: &SyncState, scope: Scope) -> (Self, Vec<(CallId, Callout)>) {
        let mut census = Census::default();
        let settings = &state.settings;
        if let Scope::Sample { pages_max } = scope {
            census.pages_max = Some(pages_max);
        }
        let requests: Vec<CensusRequest> = match scope {
            Scope::All | Scope::Sample { .. } => {
                let subscriptions =
                    settings.reads_stripe.then_some(CensusRequest::Subscriptions { after: None, pages: 0 });
                let members = [SubjectListKind::Users, SubjectListKind::Organizations];
                let members = members.map(|kind| CensusRequest::Members { kind, offset: 0, pages: 0 });
                let items =
                    settings.clerk_billing.map(|_| CensusRequest::BillingItems { offset: 0, pages: 0 });
                subscriptions.into_iter().chain(members).chain(items).collect()
            }
            Scope::Subject(subject) => {
                census.candidates.entry(subject.clone()).or_default();
                let searches = settings.reads_stripe.then(|| SearchSubject::both(&subject));
                searches.into_iter().flatten().map(CensusRequest::Search).collect()
            }
        };
        let calls = requests.into_iter().map(|request| census.start(state, request)).collect();
        (census, calls)
    }

    /// Handles the outcome of a callout. Returns the callouts to start next.
    ///
    /// # Errors
    /// [`BackfillError`] if the census has failed.
    pub fn handle_outcome(
        &mut self,
        state: &SyncState,
        call: CallId,
        outcome: &Outcome<'_>,
    ) -> Result<Vec<(CallId, Callout)>, BackfillError> {
        let Some(request) = self.requests.remove(&call) else { return Ok(Vec::new()) };
        let next = self.store_response(state, request, outcome).map_err(|error| failure(&error))?;
        let mut calls: Vec<_> = next.into_iter().map(|request| self.start(state, request)).collect();
        while self.lookups < LOOKUPS_MAX
            && let Some(pending) = self.pending.pop_front()
        {
            self.lookups = self.lookups.saturating_add(1);
            calls.push(self.start(state, CensusRequest::Session(pending)));
        }
        if self.requests.is_empty() && state.settings.reads_stripe && !self.cut {
            self.check_account()?;
        }
        Ok(calls)
    }

    /// Returns the result once no callout is in progress.
    pub fn result(&mut self) -> Option<CensusResult> {
        if !self.requests.is_empty() {
            return None;
        }
        let is_in_both = |(subject, ties): &(&Subject, &CustomerTies)| {
            (ties.trusted || self.payers.contains(*subject)) && self.members.contains(*subject)
        };
        let in_both = self.candidates.iter().filter(is_in_both).count();
        let candidate = |(subject, ties): (Subject, CustomerTies)| {
            let CustomerTies { live, ended, trusted, live_subscriptions, .. } = ties;
            let customers = live.into_iter().chain(ended).collect();
            Candidate { subject, customers, trusted, live_subscriptions }
        };
        Some(CensusResult {
            candidates: std::mem::take(&mut self.candidates).into_iter().map(candidate).collect(),
            unowned: std::mem::take(&mut self.unowned),
            skipped: std::mem::take(&mut self.skipped),
            counts: self.counts(),
            in_both,
        })
    }

    /// Returns the progress.
    pub fn counts(&self) -> CensusCounts {
        CensusCounts { lookups_left: self.pending.len().saturating_add(self.lookups), ..self.counts }
    }

    fn start(&mut self, state: &SyncState, request: CensusRequest) -> (CallId, Callout) {
        let stripe = StripeApi::new(&state.settings.stripe);
        let clerk = BackendApi::new(&state.settings.clerk);
        let callout = match &request {
            CensusRequest::Subscriptions { after, .. } => stripe.list_all_subscriptions(after.as_ref()),
            CensusRequest::Members { kind, offset, .. } => user_list::list(clerk, *kind, *offset),
            CensusRequest::BillingItems { offset, .. } => clerk.list_billing_items(*offset),
            CensusRequest::Session(pending) => stripe.list_checkout_sessions(&pending.subscription),
            CensusRequest::Search(request) => request.callout(&state.settings, ""),
        };
        let call = CallId(self.calls);
        self.calls = self.calls.saturating_add(1);
        self.requests.insert(call, request);
        (call, callout)
    }

    fn store_response(
        &mut self,
        state: &SyncState,
        request: CensusRequest,
        outcome: &Outcome<'_>,
    ) -> Result<Option<CensusRequest>, SyncError> {
        match request {
            CensusRequest::Subscriptions { pages, .. } => {
                let page = object_in(
                    "GET /v1/subscriptions",
                    StripeResponse::from_outcome(outcome, SubscriptionPage::parse),
                )?
                .unwrap_or_default();
                let left_out = page.skipped.len().saturating_add(page.unreadable.len());
                let read = page.subscriptions.len().saturating_add(left_out);
                self.counts.subscriptions = bounded(self.counts.subscriptions, read)?;
                self.skipped.extend(page.skipped);
                self.skipped.extend(page.unreadable.iter().map(|id| id.as_str().to_owned()));
                self.known.extend(page.unreadable);
                for subscription in &page.subscriptions {
                    self.store_subscription(state, subscription);
                }
                let pages = pages.saturating_add(1);
                let next = page.next.map(|after| CensusRequest::Subscriptions { after: Some(after), pages });
                Ok(self.within_sample(pages, next))
            }
            CensusRequest::Members { kind, offset, pages } => {
                let page = user_list::SubjectPage::read(outcome, kind, &state.settings.plan_key)
                    .map_err(|error| SyncError::from_clerk(&error))?;
                let counted = match kind {
                    SubjectListKind::Users => &mut self.counts.users,
                    SubjectListKind::Organizations => &mut self.counts.organizations,
                };
                *counted = bounded(*counted, page.members)?;
                let (offset, pages) = (offset.saturating_add(page.members), pages.saturating_add(1));
                let next = page.is_full().then_some(CensusRequest::Members { kind, offset, pages });
                self.skipped.extend(page.skipped);
                for (subject, record) in page.records {
                    self.store_member(state, subject, record);
                }
                Ok(self.within_sample(pages, next))
            }
            CensusRequest::BillingItems { offset, pages } => self.store_billing_items(offset, pages, outcome),
            CensusRequest::Session(pending) => {
                self.lookups = self.lookups.saturating_sub(1);
                self.store_session(state, pending, outcome)?;
                Ok(None)
            }
            CensusRequest::Search(request) => {
                let page = request.read(&state.settings, outcome)?;
                self.skipped.extend(page.skipped);
                let ties = self.candidates.entry(request.subject.clone()).or_default();
                ties.trusted |= request.what == Searched::Customers && !page.customers.is_empty();
                ties.live.extend(page.customers);
                Ok(request.next(page.next)?.map(CensusRequest::Search))
            }
        }
    }

    /// Stores the payers of a page of items. Where Billing is switched off, there are none.
    fn store_billing_items(
        &mut self,
        offset: usize,
        pages: usize,
        outcome: &Outcome<'_>,
    ) -> Result<Option<CensusRequest>, SyncError> {
        let page = match ItemPage::read(outcome) {
            Err(ClerkApiError::Credentials { status: 403 } | ClerkApiError::Refused { status: 422, .. }) => {
                return Ok(None);
            }
            page => page.map_err(|error| SyncError::from_clerk(&error))?,
        };
        self.counts.billing_items = bounded(self.counts.billing_items, page.items)?;
        let (offset, pages) = (offset.saturating_add(page.items), pages.saturating_add(1));
        let next = page.is_full().then_some(CensusRequest::BillingItems { offset, pages });
        self.skipped.extend(page.skipped);
        // Every payer has an item of the default plan, which grants nothing.
        for (payer, is_default) in page.payers {
            if !is_default {
                self.candidates.entry(payer.clone()).or_default();
            }
            self.payers.insert(payer);
        }
        Ok(self.within_sample(pages, next))
    }

    /// Returns the request for the next page, unless the sample ends before it.
    fn within_sample(&mut self, pages: usize, next: Option<CensusRequest>) -> Option<CensusRequest> {
        let is_over = self.pages_max.is_some_and(|pages_max| pages >= pages_max);
        self.cut |= is_over && next.is_some();
        next.filter(|_| !is_over)
    }

    fn store_session(
        &mut self,
        state: &SyncState,
        pending: PendingLookup,
        outcome: &Outcome<'_>,
    ) -> Result<(), SyncError> {
        let PendingLookup { subscription, customer, is_named } = pending;
        let list = match ListSessions(subscription.clone()).read(&state.settings, outcome)? {
            SessionsResponse::Listed(list) => list,
            // The reconciliation of the named subject handles the refusal.
            SessionsResponse::Refused(_) if is_named => return Ok(()),
            SessionsResponse::Refused(why) => return Err(why),
        };
        let claims = SessionClaims::new(&list.sessions, &state.settings.subject_keys);
        // The session that cannot be parsed may name another subject.
        if list.unreadable && !claims.has_metadata() {
            self.skipped.push(subscription.as_str().to_owned());
            return Ok(());
        }
        match claims.owner(&state.settings) {
            Some(named) => self.tie(named, customer, Some(&subscription)),
            None if !is_named => self.unowned.push((subscription, customer)),
            None => {}
        }
        Ok(())
    }

    fn store_subscription(&mut self, state: &SyncState, subscription: &Subscription) {
        self.known.insert(subscription.id.clone());
        let claims = Claims::new(subscription, None, &state.settings);
        let (id, customer) = (&subscription.id, &subscription.customer);
        let is_live = subscription.status.is_live();
        for named in claims.all_named() {
            self.tie(named.clone(), customer.clone(), is_live.then_some(id));
        }
        let is_named = claims.owner().is_some();
        if is_live && claims.needs_session {
            self.pending.push_back(PendingLookup {
                subscription: id.clone(),
                customer: customer.clone(),
                is_named,
            });
        } else if is_live && !is_named {
            self.unowned.push((id.clone(), customer.clone()));
        }
    }

    /// Stores that a subscription of the customer names a subject; `live` is the subscription if it is live.
    fn tie(&mut self, named: NamedSubject, customer: CustomerId, live: Option<&SubscriptionId>) {
        let ties = self.candidates.entry(named.subject).or_default();
        ties.trusted |= named.via == Via::Metadata;
        if let Some(subscription) = live {
            if ties.last_live.as_ref() != Some(subscription) {
                ties.live_subscriptions = ties.live_subscriptions.saturating_add(1);
                ties.last_live = Some(subscription.clone());
            }
            ties.live.insert(customer);
        } else if ties.ended.len() < ENDED_CUSTOMERS_MAX {
            ties.ended.insert(customer);
        }
    }

    fn store_member(&mut self, state: &SyncState, subject: Subject, record: Record) {
        let is_paid = state.plans.recorded(record.plan.as_deref()).is_above_default();
        if is_paid || record.granted_by.is_some() {
            self.candidates.entry(subject.clone()).or_default();
        }
        self.members.insert(subject);
        self.recorded.extend(record.granted_by);
    }

    /// Checks that Stripe has a subscription of Clerk's records. With a key of another account or mode, every
    /// subject would look unpaid.
    fn check_account(&self) -> Result<(), BackfillError> {
        let is_other_account = !self.recorded.is_empty() && self.recorded.is_disjoint(&self.known);
        let Some(example) = self.recorded.first().filter(|_| is_other_account) else { return Ok(()) };
        let detail = format!(
            "Stripe has none of the {} subscriptions that grant a plan according to Clerk, such as {example}: the API key \
             belongs to another account or mode",
            self.recorded.len()
        );
        Err(BackfillError::of_other_account(detail))
    }
}

fn failure(error: &SyncError) -> BackfillError {
    let failure = BackfillError::from(error);
    match error {
        SyncError::TooMany => BackfillError {
            code: BackfillErrorCode::TooMany,
            detail: "there are more objects than one run reads".to_owned(),
            ..failure
        },
        _ => failure,
    }
}

fn bounded(so_far: usize, more: usize) -> Result<usize, SyncError> {
    let count = so_far.saturating_add(more);
    if count > LISTED_MAX { Err(SyncError::TooMany) } else { Ok(count) }
}
