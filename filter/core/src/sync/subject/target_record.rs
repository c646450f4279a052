//! What Clerk should show of a subject, reckoned from what was read at Stripe.

use super::customer_list::HeldCustomers;
use super::paid_plans;
use super::request::SubjectRequest;
use super::target_plan::{Reliability, target_plan};
use crate::clerk::metadata::Record;
use crate::config::UnmappedPrice;
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::sorted::{SortedMap, SortedSet};
use crate::stripe::invoice::OpenInvoices;
use crate::stripe::plan::{Evidence, GrantedPlan, Recorded, Resolution};
use crate::stripe::subscription::{Item, ItemsPage, Status, Subscription};
use crate::sync::api_request::{ListItems, ListOpenInvoices, NoteOwner, RetrieveProduct, RetrieveRecorded};
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

/// What follows for one subject.
#[derive(Debug)]
pub(crate) struct TargetRecord {
    /// What Clerk should show.
    pub(crate) aim: Record,
    /// What is to be noted at Stripe, so that no Checkout Session has to be looked up again.
    pub(crate) notes: Vec<NoteOwner>,
    /// When the subscription was made that grants the plan, in seconds since the Unix epoch.
    pub(crate) granting_since_s: Option<u64>,
    /// A subscription sells nothing known that could change what is shown, and the configuration asks to wait for it.
    pub(crate) awaits_mapping: bool,
}

/// A subject whose record is to be reckoned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account<'a> {
    pub(crate) subject: &'a Subject,
    /// What Clerk shows of it.
    pub(crate) shown: &'a Record,
    /// Whether the event names it in metadata.
    pub(crate) trusted: bool,
}

impl StripeState {
    /// The Checkout Sessions that must be read to know whose subscriptions these are.
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

    /// The live subscriptions whose sessions were not read, though they say more than what was.
    fn unclaimed(&self, state: &SyncState, findings: &SyncFindings, now: Micros) -> Vec<&Subscription> {
        let live = self.subscriptions.values().filter(|subscription| subscription.status.is_live());
        live.filter(|subscription| findings.claims(state, subscription, now).needs_session).collect()
    }

    /// What else must be read to know the plan of the account.
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

    /// The recorded subscription must be asked for: of those that were read it is none. Nothing may take its place
    /// before it is known where it stands.
    pub(crate) fn recorded_missing(&self, shown: &Record) -> Option<SubjectRequest> {
        let id = shown.granted_by.as_ref()?;
        let is_known = self.subscriptions.contains_key(id) || self.unreadable.contains(id);
        let is_missing = !is_known && self.recorded == RecordedSubscription::Unasked;
        is_missing.then(|| SubjectRequest::Recorded(RetrieveRecorded(id.clone())))
    }

    /// It is not known whether the recorded subscription still grants what it granted.
    fn recorded_is_unclear(&self, shown: &Record) -> bool {
        let is_unreadable = shown.granted_by.as_ref().is_some_and(|id| self.unreadable.contains(id));
        is_unreadable || self.recorded == RecordedSubscription::Unknown
    }

    /// What Clerk should show of the account.
    pub(crate) fn reckon(
        &self,
        state: &SyncState,
        findings: &mut SyncFindings,
        account: Account<'_>,
        now: Micros,
    ) -> TargetRecord {
        let Account { subject, shown, trusted } = account;
        let owned = self.owned(state, findings, subject, now);
        // One that has ended says no more of what somebody gave by hand since.
        let is_trusted = |(found, named): &(&Subscription, NamedSubject)| {
            named.via == Via::Metadata && found.status.is_live()
        };
        let trusted = trusted || owned.iter().any(is_trusted);
        let subscriptions: Vec<_> = owned.iter().map(|(subscription, _)| *subscription).collect();
        let products = state.products.fresh(now);
        let evidence = Evidence {
            subscriptions: &subscriptions,
            products: &products,
            open_invoices: &self.open_invoices,
        };
        let recorded = recorded(state, shown);
        let resolution = state.plan_rules().resolve(now, &evidence, &recorded);
        let granting = resolution.granting.as_ref().and_then(|id| self.subscriptions.get(id));
        let granting_since_s = granting.map(|subscription| subscription.created_s);
        let is_unclear = self.recorded_is_unclear(shown);
        // A session that was not read may name the subject.
        let unread = self.unclaimed_grants_more(state, findings, &resolution, account, now);
        let complete = self.complete && !unread;
        let reliability = Reliability { trusted, complete, recorded_is_unclear: is_unclear };
        let aim = target_plan(&state.plans, shown, &resolution, reliability);
        let granted = match resolution.plan {
            GrantedPlan::Known(rank) => Some(&state.plans.get(rank).name),
            GrantedPlan::AsRecorded => None,
        };
        if unread && aim == *shown && granted != shown.plan.as_ref() {
            findings.unread_sessions.insert(subject.clone());
        }
        findings.learn_kept(&state.plans, subject, &aim, &resolution);
        let awaits_mapping = state.settings.unmapped_price == UnmappedPrice::Retry
            && awaits_mapping(&resolution, &owned, &aim, &state.plans);
        let holders = self.holders(&owned, shown, aim.granted_by.as_ref());
        if holders.too_many() {
            findings.too_many_customers.insert(subject.clone());
        }
        let notes = self.notes(state, findings, subject, now);
        findings.plan_alarms.extend(resolution.alarms);
        // A record that another account's or mode's gateway keeps is left as it is.
        let is_others = self.recorded == RecordedSubscription::Unknown && aim == *shown;
        let aim = match is_others {
            true => aim,
            false => holders.lists(shown, self.note_paid(&state.plans, &owned, shown, aim, &resolution.paid)),
        };
        TargetRecord { aim, notes, granting_since_s, awaits_mapping }
    }

    /// The target, with what the granting subscription and those that are late granted when they were last paid; those
    /// that metadata name go first.
    fn note_paid(
        &self,
        plans: &PlanTable,
        owned: &[(&Subscription, NamedSubject)],
        shown: &Record,
        target: Record,
        paid: &SortedMap<SubscriptionId, Rank>,
    ) -> Record {
        // Of one that is paid Stripe itself says it.
        let is_late =
            |status: &Status| status.is_live() && !matches!(status, Status::Active | Status::Trialing);
        let mut live: Vec<_> =
            owned.iter().filter(|(subscription, _)| is_late(&subscription.status)).collect();
        live.sort_by_key(|(subscription, named)| (named.via, &subscription.id));
        let live = live.into_iter().map(|(subscription, _)| &subscription.id);
        let is_unread = |id: &SubscriptionId| !self.complete && !self.subscriptions.contains_key(id);
        paid_plans::noted(plans, shown, target, paid, live, is_unread)
    }

    /// The subject's subscriptions, and how each is known to be its own.
    fn owned(
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

    /// What is to be noted on the subscriptions of the subject; what the seller says against its owner is put down.
    fn notes(
        &self,
        state: &SyncState,
        findings: &mut SyncFindings,
        subject: &Subject,
        now: Micros,
    ) -> Vec<NoteOwner> {
        let mut notes = Vec::new();
        for subscription in self.subscriptions.values() {
            let claims = findings.claims(state, subscription, now);
            if !claims.is_noted_by(subject) {
                continue;
            }
            findings.learn_claims(subscription, &claims);
            // One that has ended is hardly looked at any more.
            if subscription.status.is_live() && findings.may_note(&subscription.id) {
                let note = |change| NoteOwner { subscription: subscription.id.clone(), change };
                notes.extend(claims.note_change.map(note));
            }
        }
        notes
    }

    /// Whether subscriptions whose sessions were not read would grant more, if they were the subject's.
    fn unclaimed_grants_more(
        &self,
        state: &SyncState,
        findings: &SyncFindings,
        resolution: &Resolution,
        account: Account<'_>,
        now: Micros,
    ) -> bool {
        let subscriptions = self.unclaimed(state, findings, now);
        let products = state.products.fresh(now);
        let evidence = Evidence {
            subscriptions: &subscriptions,
            products: &products,
            open_invoices: &self.open_invoices,
        };
        let granted = state.plan_rules().resolve(now, &evidence, &recorded(state, account.shown));
        match (granted.plan, resolution.plan) {
            (GrantedPlan::Known(unread), GrantedPlan::Known(rank)) => unread > rank,
            (GrantedPlan::AsRecorded, GrantedPlan::Known(_)) => true,
            (_, GrantedPlan::AsRecorded) => false,
        }
    }

    /// Whether there are more subscriptions than were read of a customer that the seller's word connects with the subject.
    /// What a stranger's customer holds beyond that is left out: it could only have given something.
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

    /// That of the subscription that grants the plan goes first, whoever named its owner: without it the plan would be
    /// lost. Then come the surest claims, and of equally sure ones those that are listed already: else the list would be another one with each set of customers that is read.
    fn holders(
        &self,
        owned: &[(&Subscription, NamedSubject)],
        shown: &Record,
        granting: Option<&SubscriptionId>,
    ) -> HeldCustomers {
        let live = owned.iter().filter(|(subscription, _)| subscription.status.is_live());
        let granting = granting.and_then(|id| self.subscriptions.get(id)).map(|granting| &granting.customer);
        let claims: SortedSet<_> = live
            .map(|(subscription, named)| {
                let customer = &subscription.customer;
                (granting != Some(customer), named.via, !shown.customers.contains(customer), customer)
            })
            .collect();
        let mut live: Vec<CustomerId> = Vec::new();
        for (.., customer) in &claims {
            if !live.contains(customer) {
                live.push((*customer).clone());
            }
        }
        HeldCustomers { live, read: self.customers.difference(&self.partly_read).cloned().collect() }
    }
}

fn recorded<'a>(state: &SyncState, shown: &'a Record) -> Recorded<'a> {
    Recorded {
        plan: state.plans.recorded(shown.plan.as_deref()),
        granting: shown.granted_by.as_ref(),
        period_end_s: shown.subscription.current_period_end.map(Micros::as_secs),
        paid: paid_plans::on_record(&state.plans, shown),
        granting_is_paid: paid_plans::is_paid(shown),
    }
}

/// Whether one of the subscriptions that sell nothing known could change what is aimed at: it could grant a higher plan,
/// or it is the one whose plan is kept. Whoever only a payer's own choice ties to the subject holds up nobody's events by
/// it.
fn awaits_mapping(
    resolution: &Resolution,
    owned: &[(&Subscription, NamedSubject)],
    aim: &Record,
    plans: &PlanTable,
) -> bool {
    let aimed = plans.recorded(aim.plan.as_deref());
    // A plan that this document does not have stays, whatever others grant.
    let is_unknown = matches!(aimed, RecordedPlan::Unknown(_));
    let is_highest = is_unknown || plans.iter().all(|(rank, _)| aimed.may_be_worth(rank));
    resolution.unmapped().any(|id| {
        let named = owned.iter().find(|(subscription, _)| subscription.id == *id);
        let is_trusted = named.is_some_and(|(_, named)| named.via == Via::Metadata);
        is_trusted && (!is_highest || resolution.granting.as_ref() == Some(id))
    })
}
