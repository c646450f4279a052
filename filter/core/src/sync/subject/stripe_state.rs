//! Data read from Stripe for one subject in one round, and the requests that are still missing.

use super::paid_plans;
use super::request::SubjectRequest;
use crate::clerk::metadata::Record;
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::sorted::{SortedMap, SortedSet};
use crate::stripe::invoice::OpenInvoices;
use crate::stripe::plan::{Evidence, Recorded};
use crate::stripe::subscription::{Item, ItemsPage, Subscription, SubscriptionPage};
use crate::sync::api_request::{
    ListItems, ListOpenInvoices, ListSubscriptions, RecordedResponse, RetrieveProduct, RetrieveRecorded,
};
use crate::sync::findings::SyncFindings;
use crate::sync::ownership::{NamedSubject, Via};
use crate::sync::state::SyncState;
use crate::time::Micros;
use std::cmp::Reverse;

/// The data read from Stripe in one round.
#[derive(Debug, Default)]
pub(crate) struct StripeState {
    /// The customers whose subscriptions were read.
    pub(crate) customers: SortedSet<CustomerId>,
    /// Whether all customers in the record are among those that were read.
    pub(crate) complete: bool,
    /// The customers with more subscriptions than Tollgate reads.
    pub(crate) truncated: SortedSet<CustomerId>,
    /// All subscriptions of these customers, of any subject.
    pub(crate) subscriptions: SortedMap<SubscriptionId, Subscription>,
    /// Subscriptions whose owner or status cannot be parsed.
    pub(crate) unreadable: SortedSet<SubscriptionId>,
    /// The customers of unreadable subscriptions.
    pub(crate) partly_read: SortedSet<CustomerId>,
    /// The open invoices of the subscriptions for which they matter.
    pub(crate) open_invoices: SortedMap<SubscriptionId, OpenInvoices>,
    /// The items, as far as read, of subscriptions whose response contained only some of them.
    pub(crate) items: SortedMap<SubscriptionId, ReadItems>,
    /// The state of the recorded subscription, if it belongs to none of the customers.
    pub(crate) recorded: RecordedSubscription,
}

/// The items of one subscription, as far as they have been read.
#[derive(Debug, Default)]
pub(crate) struct ReadItems {
    items: Vec<Item>,
    has_unreadable: bool,
}

/// The state of the subscription that grants the plan according to Clerk's record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RecordedSubscription {
    /// It was not requested.
    #[default]
    NotRequested,
    /// It was read.
    Read,
    /// The API key's account does not have it.
    Unknown,
}

/// A subject and its record in Clerk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubjectRecord<'a> {
    pub(crate) subject: &'a Subject,
    /// The record that Clerk has now, with the plan that Stripe granted.
    pub(crate) current: &'a Record,
    /// Whether metadata names the subject, and not only a `client_reference_id`, which the payer may have
    /// chosen.
    pub(crate) trusted: bool,
}

impl StripeState {
    /// Stores a page of a customer's subscriptions. Returns the request for the next page.
    pub(super) fn store_page(
        &mut self,
        findings: &mut SyncFindings,
        request: ListSubscriptions,
        page: SubscriptionPage,
    ) -> Option<ListSubscriptions> {
        let customer = request.customer.clone();
        let next = findings.next_page(request, page.next);
        if next.is_truncated() {
            self.truncated.insert(customer.clone());
        }
        findings.skipped.extend(page.skipped);
        if !page.unreadable.is_empty() {
            self.partly_read.insert(customer);
        }
        self.unreadable.extend(page.unreadable.iter().cloned());
        findings.unreadable.extend(page.unreadable);
        for found in page.subscriptions {
            self.subscriptions.insert(found.id.clone(), found);
        }
        next.request()
    }

    /// Stores the response about the recorded subscription. Returns the request for its customer's other
    /// subscriptions.
    pub(super) fn store_recorded(
        &mut self,
        findings: &mut SyncFindings,
        RetrieveRecorded(id): RetrieveRecorded,
        response: RecordedResponse,
    ) -> Option<ListSubscriptions> {
        let found = match response {
            RecordedResponse::Found(found) => *found,
            RecordedResponse::Unknown => {
                self.recorded = RecordedSubscription::Unknown;
                findings.unknown_recorded.insert(id);
                return None;
            }
            RecordedResponse::Unreadable => {
                self.recorded = RecordedSubscription::Read;
                self.unreadable.insert(id.clone());
                findings.unreadable.insert(id);
                return None;
            }
        };
        self.recorded = RecordedSubscription::Read;
        let customer = found.customer.clone();
        self.subscriptions.insert(id, found);
        if self.customers.contains(&customer) {
            return None;
        }
        self.customers.insert(customer.clone());
        Some(ListSubscriptions::first(&customer, true))
    }

    /// Returns the requests for what is still needed to determine the plan of the subject.
    pub(super) fn missing(
        &self,
        state: &SyncState,
        findings: &mut SyncFindings,
        subject_record: SubjectRecord<'_>,
        now: Micros,
    ) -> Vec<SubjectRequest> {
        let mut missing = self.sessions_missing(state, findings, subject_record, now);
        missing.extend(self.details_missing(state, findings, subject_record, now));
        missing.extend(self.recorded_missing(subject_record.current));
        missing
    }

    /// Returns the requests for Checkout Sessions that are needed to determine owners.
    fn sessions_missing(
        &self,
        state: &SyncState,
        findings: &mut SyncFindings,
        subject_record: SubjectRecord<'_>,
        now: Micros,
    ) -> Vec<SubjectRequest> {
        let mut unclaimed = self.unclaimed(state, findings, now);
        // The sessions of the granting subscription come first and are always read, so that many others
        // cannot remove the plan. Then come the newest, because they have no note yet.
        let order = |subscription: &&Subscription| {
            (
                subject_record.current.granted_by.as_ref() != Some(&subscription.id),
                Reverse(subscription.created_s),
            )
        };
        unclaimed.sort_by_key(order);
        let requests =
            findings.request_sessions(unclaimed.into_iter(), subject_record.current.granted_by.as_ref());
        requests.into_iter().map(SubjectRequest::Sessions).collect()
    }

    /// Returns the live subscriptions without a known owner whose sessions were not read.
    pub(super) fn unclaimed(
        &self,
        state: &SyncState,
        findings: &SyncFindings,
        now: Micros,
    ) -> Vec<&Subscription> {
        let live = self.subscriptions.values().filter(|subscription| subscription.status.is_live());
        live.filter(|subscription| findings.claims(state, subscription, now).needs_session).collect()
    }

    /// Returns the other requests that are needed to determine the plan of the subject.
    fn details_missing(
        &self,
        state: &SyncState,
        findings: &SyncFindings,
        subject_record: SubjectRecord<'_>,
        now: Micros,
    ) -> Vec<SubjectRequest> {
        let owned = self.owned(state, findings, subject_record.subject, now);
        // Subscriptions whose sessions are being read may belong to the subject, so their details are
        // requested in parallel.
        let mut unclaimed = self.unclaimed(state, findings, now);
        unclaimed.retain(|subscription| findings.session_requested(&subscription.id));
        let may_be_owned: SortedMap<_, _> = owned
            .into_iter()
            .map(|(subscription, _)| subscription)
            .chain(unclaimed)
            .map(|subscription| (&subscription.id, subscription))
            .collect();
        let subscriptions: Vec<_> = may_be_owned.values().copied().collect();
        let products = state.products.fresh(now);
        let evidence = Evidence {
            subscriptions: &subscriptions,
            products: &products,
            open_invoices: &self.open_invoices,
        };
        let needs = state.plan_rules().needs(&evidence, &recorded(state, subject_record.current));
        let products = needs.products.into_iter().map(|id| SubjectRequest::Product(RetrieveProduct(id)));
        let invoices =
            needs.open_invoices.into_iter().map(|id| SubjectRequest::OpenInvoices(ListOpenInvoices(id)));
        let not_listed = needs.items.into_iter().filter(|id| !self.items.contains_key(id));
        let items = not_listed.map(|subscription| SubjectRequest::Items(ListItems::first(subscription)));
        products.chain(invoices).chain(items).collect()
    }

    /// Stores a page of items. Returns the request for the next page.
    pub(crate) fn store_items(&mut self, request: ListItems, page: Option<ItemsPage>) -> Option<ListItems> {
        let subscription = request.subscription.clone();
        let mut read = self.items.remove(&subscription).unwrap_or_default();
        // Stripe no longer has the subscription; the items that it returned before are kept.
        let Some(page) = page else {
            self.items.insert(subscription, read);
            return None;
        };
        let next = request.next(&page);
        read.items.extend(page.items);
        read.has_unreadable |= page.unreadable;
        if next.is_none()
            && let Some(known) = self.subscriptions.get_mut(&subscription)
        {
            known.set_items(std::mem::take(&mut read.items), read.has_unreadable, !page.has_more);
        }
        self.items.insert(subscription, read);
        next
    }

    /// Returns the request for the recorded subscription if it was not read yet. No other subscription may
    /// replace it before its status is known.
    fn recorded_missing(&self, current: &Record) -> Option<SubjectRequest> {
        let id = current.granted_by.as_ref()?;
        let is_known = self.subscriptions.contains_key(id) || self.unreadable.contains(id);
        let is_missing = !is_known && self.recorded == RecordedSubscription::NotRequested;
        is_missing.then(|| SubjectRequest::Recorded(RetrieveRecorded(id.clone())))
    }

    /// Returns whether it is unknown if the recorded subscription still grants the recorded plan.
    pub(super) fn recorded_is_unclear(&self, current: &Record) -> bool {
        let is_unreadable = current.granted_by.as_ref().is_some_and(|id| self.unreadable.contains(id));
        is_unreadable || self.recorded == RecordedSubscription::Unknown
    }

    /// Returns the subject's subscriptions, each with the claim that makes the subject its owner.
    pub(super) fn owned(
        &self,
        state: &SyncState,
        findings: &SyncFindings,
        subject: &Subject,
        now: Micros,
    ) -> Vec<(&Subscription, NamedSubject)> {
        let owner = |subscription: &Subscription| {
            let claims = findings.claims(state, subscription, now);
            claims.owner().filter(|owner| owner.subject == *subject).cloned()
        };
        let all = self.subscriptions.values();
        all.filter_map(|subscription| Some((subscription, owner(subscription)?))).collect()
    }

    /// Returns whether a customer that the merchant's metadata links to the subject has more subscriptions
    /// than Tollgate reads. Other customers do not count: their additional subscriptions could only have
    /// granted something.
    pub(crate) fn has_truncated_customer(
        &self,
        state: &SyncState,
        findings: &SyncFindings,
        subject: &Subject,
        now: Micros,
    ) -> bool {
        let of_truncated = |subscription: &&Subscription| self.truncated.contains(&subscription.customer);
        self.subscriptions.values().filter(of_truncated).any(|subscription| {
            let claims = findings.claims(state, subscription, now);
            claims.all_named().any(|named| named.via == Via::Metadata && named.subject == *subject)
        })
    }
}

/// Returns the recorded plan and the members about the subscription that granted it.
pub(super) fn recorded<'a>(state: &SyncState, current: &'a Record) -> Recorded<'a> {
    Recorded {
        plan: state.plans.recorded(current.plan.as_deref()),
        granting: current.granted_by.as_ref(),
        period_end_s: current.subscription.current_period_end.map(Micros::as_secs),
        paid: paid_plans::on_record(&state.plans, current),
        granting_is_paid: paid_plans::is_paid(current),
    }
}
