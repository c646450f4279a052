//! What was read at Stripe for one subject in one round, and what must be read yet.

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

/// What was read at Stripe in one round.
#[derive(Debug, Default)]
pub(crate) struct StripeState {
    /// The customers whose subscriptions were read.
    pub(crate) customers: SortedSet<CustomerId>,
    /// Whether all that the record lists are among them.
    pub(crate) complete: bool,
    /// Those that have more subscriptions than were read.
    pub(crate) cut: SortedSet<CustomerId>,
    /// All their subscriptions, of whichever subjects.
    pub(crate) subscriptions: SortedMap<SubscriptionId, Subscription>,
    /// Subscriptions of which it cannot be read whose they are or where they stand.
    pub(crate) unreadable: SortedSet<SubscriptionId>,
    /// The customers of those.
    pub(crate) partly_read: SortedSet<CustomerId>,
    /// What is owed for those where it matters.
    pub(crate) open_invoices: SortedMap<SubscriptionId, OpenInvoices>,
    /// The items of subscriptions of which Stripe showed only a part, as far as they were read.
    pub(crate) items: SortedMap<SubscriptionId, ReadItems>,
    /// The recorded subscription, where it is of none of the customers.
    pub(crate) recorded: RecordedSubscription,
}

/// The items of one subscription, as far as they were read.
#[derive(Debug, Default)]
pub(crate) struct ReadItems {
    items: Vec<Item>,
    unread: bool,
}

/// What Stripe says of the subscription that Clerk says grants the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RecordedSubscription {
    /// It was not asked for.
    #[default]
    Unasked,
    /// It is among those that were read.
    Read,
    /// It is not known to this API key.
    Unknown,
}

/// A subject, and what Clerk shows of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account<'a> {
    pub(crate) subject: &'a Subject,
    /// What Clerk shows of it.
    pub(crate) shown: &'a Record,
    /// Whether the event names it in metadata.
    pub(crate) trusted: bool,
}

impl StripeState {
    /// Takes a page of a customer's subscriptions. Returns the request for the one after it.
    pub(super) fn take_page(
        &mut self,
        findings: &mut SyncFindings,
        request: ListSubscriptions,
        page: SubscriptionPage,
    ) -> Option<ListSubscriptions> {
        let customer = request.customer.clone();
        let next = findings.next_page(request, page.next);
        if next.is_cut() {
            self.cut.insert(customer.clone());
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

    /// Takes what Stripe says of the recorded subscription. Returns the request for its customer's
    /// subscriptions, of which there may be others.
    pub(super) fn take_recorded(
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

    /// Returns the Checkout Sessions that must be read to know whose subscriptions these are.
    pub(crate) fn sessions_missing(
        &self,
        state: &SyncState,
        findings: &mut SyncFindings,
        account: Account<'_>,
        now: Micros,
    ) -> Vec<SubjectRequest> {
        let mut unclaimed = self.unclaimed(state, findings, now);
        // First the one that grants the plan, which is always read: that there are many others takes nothing away. Then
        // the newest, for they are not noted yet.
        let order = |subscription: &&Subscription| {
            (account.shown.granted_by.as_ref() != Some(&subscription.id), Reverse(subscription.created_s))
        };
        unclaimed.sort_by_key(order);
        let requests = findings.ask_sessions(unclaimed.into_iter(), account.shown.granted_by.as_ref());
        requests.into_iter().map(SubjectRequest::Sessions).collect()
    }

    /// Returns the live subscriptions whose sessions were not read, though they say more than what was.
    pub(super) fn unclaimed(
        &self,
        state: &SyncState,
        findings: &SyncFindings,
        now: Micros,
    ) -> Vec<&Subscription> {
        let live = self.subscriptions.values().filter(|subscription| subscription.status.is_live());
        live.filter(|subscription| findings.claims(state, subscription, now).needs_session).collect()
    }

    /// Returns what else must be read to know the plan of the account.
    pub(crate) fn details_missing(
        &self,
        state: &SyncState,
        findings: &SyncFindings,
        account: Account<'_>,
        now: Micros,
    ) -> Vec<SubjectRequest> {
        let owned = self.owned(state, findings, account.subject, now);
        // Those whose session is yet to be read may turn out to be the subject's: asked for side by side with it.
        let mut unread = self.unclaimed(state, findings, now);
        unread.retain(|subscription| findings.session_asked(&subscription.id));
        let may_be: SortedMap<_, _> = owned
            .into_iter()
            .map(|(subscription, _)| subscription)
            .chain(unread)
            .map(|subscription| (&subscription.id, subscription))
            .collect();
        let subscriptions: Vec<_> = may_be.values().copied().collect();
        let products = state.products.fresh(now);
        let evidence = Evidence {
            subscriptions: &subscriptions,
            products: &products,
            open_invoices: &self.open_invoices,
        };
        let needs = state.plan_rules().needs(&evidence, &recorded(state, account.shown));
        let products = needs.products.into_iter().map(|id| SubjectRequest::Product(RetrieveProduct(id)));
        let invoices =
            needs.open_invoices.into_iter().map(|id| SubjectRequest::OpenInvoices(ListOpenInvoices(id)));
        let cut = needs.items.into_iter().filter(|id| !self.items.contains_key(id));
        let items = cut.map(|subscription| SubjectRequest::Items(ListItems::first(subscription)));
        products.chain(invoices).chain(items).collect()
    }

    /// Takes a page of items. Returns the request for the one after it.
    pub(crate) fn take_items(&mut self, request: ListItems, page: Option<ItemsPage>) -> Option<ListItems> {
        let subscription = request.subscription.clone();
        let mut read = self.items.remove(&subscription).unwrap_or_default();
        // Without it the subscription is gone in this moment, and what was shown of it stands.
        let Some(page) = page else {
            self.items.insert(subscription, read);
            return None;
        };
        let next = request.next(&page);
        read.items.extend(page.items);
        read.unread |= page.unread;
        if next.is_none()
            && let Some(known) = self.subscriptions.get_mut(&subscription)
        {
            known.take_items(std::mem::take(&mut read.items), read.unread, !page.has_more);
        }
        self.items.insert(subscription, read);
        next
    }

    /// Returns the request for the recorded subscription, where it is none of those that were read. Nothing
    /// may take its place before it is known where it stands.
    pub(crate) fn recorded_missing(&self, shown: &Record) -> Option<SubjectRequest> {
        let id = shown.granted_by.as_ref()?;
        let is_known = self.subscriptions.contains_key(id) || self.unreadable.contains(id);
        let is_missing = !is_known && self.recorded == RecordedSubscription::Unasked;
        is_missing.then(|| SubjectRequest::Recorded(RetrieveRecorded(id.clone())))
    }

    /// Returns whether it is unknown if the recorded subscription still grants what it granted.
    pub(super) fn recorded_is_unclear(&self, shown: &Record) -> bool {
        let is_unreadable = shown.granted_by.as_ref().is_some_and(|id| self.unreadable.contains(id));
        is_unreadable || self.recorded == RecordedSubscription::Unknown
    }

    /// Returns the subject's subscriptions, and how each is known to be its own.
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

    /// Returns whether there are more subscriptions than were read of a customer that the seller's word
    /// connects with the subject. What a stranger's customer holds beyond that is left out: it could only
    /// have given something.
    pub(crate) fn is_cut_for(
        &self,
        state: &SyncState,
        findings: &SyncFindings,
        subject: &Subject,
        now: Micros,
    ) -> bool {
        let mut cut = self.subscriptions.values().filter(|found| self.cut.contains(&found.customer));
        cut.any(|subscription| {
            let claims = findings.claims(state, subscription, now);
            claims.everyone().any(|named| named.via == Via::Metadata && named.subject == *subject)
        })
    }
}

/// Returns what the record says of the plan and what granted it.
pub(super) fn recorded<'a>(state: &SyncState, shown: &'a Record) -> Recorded<'a> {
    Recorded {
        plan: state.plans.recorded(shown.plan.as_deref()),
        granting: shown.granted_by.as_ref(),
        period_end_s: shown.subscription.current_period_end.map(Micros::as_secs),
        paid: paid_plans::on_record(&state.plans, shown),
        granting_is_paid: paid_plans::is_paid(shown),
    }
}
