//! Who there is to bring in line, read from both sides.
//!
//! Of everyone: whoever Stripe's subscriptions name, by metadata or by their Checkout Session; and whoever
//! Clerk shows with more than the default plan, or with a subscription that grants it, so that what nothing
//! pays for any more is found too. Of one subject: the customers that Stripe's search finds. Judges nobody:
//! that is the reconciliation's.

use super::census_result::{Candidate, CensusCounts, CensusResult, Scope};
use super::error::{BackfillError, BackfillErrorCode};
use crate::clerk::api::BackendApi;
use crate::clerk::metadata::Record;
use crate::clerk::user_list::{self, SubjectListKind};
use crate::config::note_keys::OWNER_KEY;
use crate::http::{Callout, Outcome};
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::machine::CallId;
use crate::sorted::{SortedMap, SortedSet};
use crate::stripe::api::{Searched, StripeApi};
use crate::stripe::outcome::StripeResponse;
use crate::stripe::search::SearchResult;
use crate::stripe::subscription::{Subscription, SubscriptionPage};
use crate::sync::{
    ApiRequest, Claims, ListSessions, NamedSubject, Service, SessionClaims, SessionsResponse, SyncError,
    SyncState, Via, found,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many subscriptions, users or organizations are read at most.
const LISTED_MAX: usize = 2_000_000;

/// How many Checkout Sessions are looked up side by side.
const LOOKUPS_MAX: usize = 16;

/// How many customers of one subject are kept whose subscriptions have all ended.
const ENDED_CUSTOMERS_MAX: usize = 16;

/// How many pages of one search are read.
const SEARCH_PAGES_MAX: usize = 10;

/// A census on its way.
#[derive(Debug, Default)]
pub struct Census {
    people: BTreeMap<Subject, CustomerTies>,
    unowned: Vec<(SubscriptionId, CustomerId)>,
    skipped: Vec<String>,
    counts: CensusCounts,
    /// Every subscription that Stripe has.
    known: BTreeSet<SubscriptionId>,
    /// Those that Clerk says grant a plan.
    recorded: BTreeSet<SubscriptionId>,
    /// Everyone whom Clerk has.
    members: BTreeSet<Subject>,
    pending: VecDeque<PendingLookup>,
    lookups: usize,
    questions: SortedMap<CallId, CensusRequest>,
    calls: u32,
}

/// What Stripe knows of somebody.
#[derive(Debug, Default)]
struct CustomerTies {
    live: SortedSet<CustomerId>,
    ended: SortedSet<CustomerId>,
    trusted: bool,
}

/// A live subscription whose Checkout Session is to be looked up.
#[derive(Clone, Debug)]
struct PendingLookup {
    subscription: SubscriptionId,
    customer: CustomerId,
    /// Something with less weight names somebody.
    is_named: bool,
}

/// What was asked.
#[derive(Clone, Debug)]
enum CensusRequest {
    Subscriptions { after: Option<SubscriptionId> },
    Members { kind: SubjectListKind, offset: usize },
    Session(PendingLookup),
    Search { what: Searched, subject: Subject, page: Option<String>, pages: usize },
}

impl Census {
    /// Begins one. These callouts are to be started, side by side.
    pub fn begin(state: &SyncState, scope: Scope) -> (Self, Vec<(CallId, Callout)>) {
        let mut census = Census::default();
        let questions = match scope {
            Scope::All => vec![
                CensusRequest::Subscriptions { after: None },
                CensusRequest::Members { kind: SubjectListKind::Users, offset: 0 },
                CensusRequest::Members { kind: SubjectListKind::Organizations, offset: 0 },
            ],
            Scope::Subject(subject) => {
                census.people.entry(subject.clone()).or_default();
                [Searched::Customers, Searched::Subscriptions]
                    .map(|what| CensusRequest::Search {
                        what,
                        subject: subject.clone(),
                        page: None,
                        pages: 0,
                    })
                    .into()
            }
        };
        let calls = questions.into_iter().map(|question| census.ask(state, question)).collect();
        (census, calls)
    }

    /// Goes on with the outcome of a callout: what to start next.
    ///
    /// # Errors
    /// [`BackfillError`]: then it has ended.
    pub fn answered(
        &mut self,
        state: &SyncState,
        call: CallId,
        outcome: &Outcome<'_>,
    ) -> Result<Vec<(CallId, Callout)>, BackfillError> {
        let Some(question) = self.questions.remove(&call) else { return Ok(Vec::new()) };
        let next = self.learn(state, question, outcome).map_err(|error| failure(&error))?;
        let mut calls: Vec<_> = next.into_iter().map(|question| self.ask(state, question)).collect();
        while self.lookups < LOOKUPS_MAX
            && let Some(pending) = self.pending.pop_front()
        {
            self.lookups = self.lookups.saturating_add(1);
            calls.push(self.ask(state, CensusRequest::Session(pending)));
        }
        if self.questions.is_empty() {
            self.check_account()?;
        }
        Ok(calls)
    }

    /// Returns what it found, once nothing is under way any more.
    pub fn people(&mut self) -> Option<CensusResult> {
        if !self.questions.is_empty() {
            return None;
        }
        let is_in_both =
            |(subject, ties): &(&Subject, &CustomerTies)| ties.trusted && self.members.contains(subject);
        let in_both = self.people.iter().filter(is_in_both).count();
        let candidate = |(subject, ties): (Subject, CustomerTies)| {
            let CustomerTies { live, ended, trusted } = ties;
            Candidate { subject, customers: live.into_iter().chain(ended).collect(), trusted }
        };
        Some(CensusResult {
            candidates: std::mem::take(&mut self.people).into_iter().map(candidate).collect(),
            unowned: std::mem::take(&mut self.unowned),
            skipped: std::mem::take(&mut self.skipped),
            counts: self.counts(),
            in_both,
        })
    }

    /// Returns how far it has come.
    pub fn counts(&self) -> CensusCounts {
        CensusCounts { lookups_left: self.pending.len().saturating_add(self.lookups), ..self.counts }
    }

    fn ask(&mut self, state: &SyncState, question: CensusRequest) -> (CallId, Callout) {
        let stripe = StripeApi::new(&state.settings.stripe);
        let clerk = BackendApi::new(&state.settings.clerk);
        let callout = match &question {
            CensusRequest::Subscriptions { after } => stripe.list_all_subscriptions(after.as_ref()),
            CensusRequest::Members { kind, offset } => user_list::list(clerk, *kind, *offset),
            CensusRequest::Session(pending) => stripe.list_checkout_sessions(&pending.subscription),
            CensusRequest::Search { what, subject, page, .. } => {
                stripe.search(*what, &query(state, *what, subject), page.as_deref())
            }
        };
        let call = CallId(self.calls);
        self.calls = self.calls.saturating_add(1);
        self.questions.insert(call, question);
        (call, callout)
    }

    fn learn(
        &mut self,
        state: &SyncState,
        question: CensusRequest,
        outcome: &Outcome<'_>,
    ) -> Result<Option<CensusRequest>, SyncError> {
        match question {
            CensusRequest::Subscriptions { .. } => {
                let page =
                    found("GET /v1/subscriptions", StripeResponse::of(outcome, SubscriptionPage::parse))?
                        .unwrap_or_default();
                let left_out = page.skipped.len().saturating_add(page.unreadable.len());
                let read = page.subscriptions.len().saturating_add(left_out);
                self.counts.subscriptions = bounded(self.counts.subscriptions, read)?;
                self.skipped.extend(page.skipped);
                self.skipped.extend(page.unreadable.iter().map(|id| id.as_str().to_owned()));
                self.known.extend(page.unreadable);
                for subscription in &page.subscriptions {
                    self.meet(state, subscription);
                }
                Ok(page.next.map(|after| CensusRequest::Subscriptions { after: Some(after) }))
            }
            CensusRequest::Members { kind, offset } => {
                let page = user_list::SubjectPage::read(outcome, kind, &state.settings.plan_key)
                    .map_err(|error| SyncError::from_clerk(&error))?;
                let counted = match kind {
                    SubjectListKind::Users => &mut self.counts.users,
                    SubjectListKind::Organizations => &mut self.counts.organizations,
                };
                *counted = bounded(*counted, page.members)?;
                let next = page
                    .is_full()
                    .then_some(CensusRequest::Members { kind, offset: offset.saturating_add(page.members) });
                self.skipped.extend(page.skipped);
                for (subject, record) in page.records {
                    self.meet_member(state, subject, record);
                }
                Ok(next)
            }
            CensusRequest::Session(pending) => {
                self.lookups = self.lookups.saturating_sub(1);
                self.learn_session(state, pending, outcome)?;
                Ok(None)
            }
            CensusRequest::Search { what, subject, pages, .. } => {
                let page = found(what.endpoint(), StripeResponse::of(outcome, SearchResult::parse))?
                    .unwrap_or_default();
                self.skipped.extend(page.skipped);
                let ties = self.people.entry(subject.clone()).or_default();
                ties.trusted |= what == Searched::Customers && !page.customers.is_empty();
                ties.live.extend(page.customers);
                let pages = pages.saturating_add(1);
                match page.next {
                    Some(_) if pages >= SEARCH_PAGES_MAX => Err(SyncError::TooMany),
                    Some(next) => Ok(Some(CensusRequest::Search { what, subject, page: Some(next), pages })),
                    None => Ok(None),
                }
            }
        }
    }

    fn learn_session(
        &mut self,
        state: &SyncState,
        pending: PendingLookup,
        outcome: &Outcome<'_>,
    ) -> Result<(), SyncError> {
        let PendingLookup { subscription, customer, is_named } = pending;
        let list = match ListSessions(subscription.clone()).read(&state.settings, outcome)? {
            SessionsResponse::Listed(list) => list,
            // The reconciliation of whom something else names says what follows from it.
            SessionsResponse::Refused(_) if is_named => return Ok(()),
            SessionsResponse::Refused(why) => return Err(why),
        };
        let words = SessionClaims::new(&list.sessions, &state.settings.subject_keys);
        // The one that cannot be read may name somebody else.
        if list.unreadable && !words.has_metadata() {
            self.skipped.push(subscription.as_str().to_owned());
            return Ok(());
        }
        match words.owner(&state.settings) {
            Some(named) => self.tie(named, customer, true),
            None if !is_named => self.unowned.push((subscription, customer)),
            None => {}
        }
        Ok(())
    }

    fn meet(&mut self, state: &SyncState, subscription: &Subscription) {
        self.known.insert(subscription.id.clone());
        let claims = Claims::new(subscription, None, &state.settings);
        let (id, customer) = (&subscription.id, &subscription.customer);
        let is_live = subscription.status.is_live();
        for named in claims.all_named() {
            self.tie(named.clone(), customer.clone(), is_live);
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

    fn tie(&mut self, named: NamedSubject, customer: CustomerId, is_live: bool) {
        let ties = self.people.entry(named.subject).or_default();
        ties.trusted |= named.via == Via::Metadata;
        if is_live {
            ties.live.insert(customer);
        } else if ties.ended.len() < ENDED_CUSTOMERS_MAX {
            ties.ended.insert(customer);
        }
    }

    fn meet_member(&mut self, state: &SyncState, subject: Subject, record: Record) {
        let is_paid = state.plans.recorded(record.plan.as_deref()).is_above_default();
        if is_paid || record.granted_by.is_some() {
            self.people.entry(subject.clone()).or_default();
        }
        self.members.insert(subject);
        self.recorded.extend(record.granted_by);
    }

    /// With a Stripe key of another account or mode everybody would look unpaid.
    fn check_account(&self) -> Result<(), BackfillError> {
        let is_stranger = !self.recorded.is_empty() && self.recorded.is_disjoint(&self.known);
        let Some(example) = self.recorded.first().filter(|_| is_stranger) else { return Ok(()) };
        let error = SyncError::Credentials { service: Service::Stripe };
        let detail = format!(
            "Stripe knows none of the {} subscriptions that Clerk says grant a plan, {example} for one: the API key is of \
             another account or mode",
            self.recorded.len()
        );
        Err(BackfillError { detail, ..BackfillError::from(&error) })
    }
}

fn failure(error: &SyncError) -> BackfillError {
    let failure = BackfillError::from(error);
    match error {
        SyncError::TooMany => BackfillError {
            code: BackfillErrorCode::TooMany,
            detail: "there is more than one run reads".to_owned(),
            ..failure
        },
        _ => failure,
    }
}

/// Where Stripe's metadata name a subject; on subscriptions, a note too.
fn query(state: &SyncState, what: Searched, subject: &Subject) -> String {
    let keys = &state.settings.subject_keys;
    let keys = match subject {
        Subject::User(_) => &keys.user,
        Subject::Organization(_) => &keys.organization,
    };
    let note = (what == Searched::Subscriptions).then_some(OWNER_KEY);
    let clause = |key: &str| {
        let key = key.replace('\\', "\\\\").replace('\'', "\\'");
        format!("metadata['{key}']:'{subject}'")
    };
    keys.iter().map(String::as_str).chain(note).map(clause).collect::<Vec<_>>().join(" OR ")
}

fn bounded(so_far: usize, more: usize) -> Result<usize, SyncError> {
    let count = so_far.saturating_add(more);
    if count > LISTED_MAX { Err(SyncError::TooMany) } else { Ok(count) }
}
