//! What Clerk should show of a subject, reckoned from what was read at Stripe.

use super::aim::{Grounds, aim};
use super::asks::Ask;
use super::facts::{Facts, UnknownPlan};
use super::owner::{Named, Via, named_in, owner_by_metadata};
use super::target::Holders;
use super::worker::Worker;
use crate::clerk::metadata::Record;
use crate::config::UnmappedPrice;
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::plan_table::{PlanTable, RecordedPlan};
use crate::sorted::{SortedMap, SortedSet};
use crate::stripe::invoice::OpenInvoices;
use crate::stripe::plan::{Evidence, Recorded, Resolution};
use crate::stripe::subscription::{Item, ItemsPage, Subscription};
use crate::time::Micros;

/// How many subscriptions without metadata of ours are looked up by their Checkout Session.
pub(super) const SESSIONS_READ_MAX: usize = 20;

/// How many pages of a subscription's items are read. Stripe's limit is 20 items, so one page holds them all.
const ITEM_PAGES_MAX: usize = 3;

/// What was read at Stripe in one round.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The customers whose subscriptions were read.
    pub(super) customers: SortedSet<CustomerId>,
    /// Whether all that the record lists are among them.
    pub(super) complete: bool,
    /// All their subscriptions, of whichever subjects.
    pub(super) subscriptions: SortedMap<SubscriptionId, Subscription>,
    /// Subscriptions of which it cannot be read whose they are or where they stand.
    pub(super) unreadable: SortedSet<SubscriptionId>,
    /// The customers of those.
    pub(super) partly_read: SortedSet<CustomerId>,
    /// What is owed for those where it matters.
    pub(super) open_invoices: SortedMap<SubscriptionId, OpenInvoices>,
    /// The items of subscriptions of which Stripe showed only a part, as far as they were read.
    pub(super) items: SortedMap<SubscriptionId, ReadItems>,
    /// The recorded subscription, where it is of none of the customers.
    pub(super) recorded: RecordedSubscription,
}

/// The items of one subscription, as far as they were read.
#[derive(Debug, Default)]
pub(super) struct ReadItems {
    items: Vec<Item>,
    unread: bool,
}

/// What Stripe says of the subscription that Clerk says grants the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum RecordedSubscription {
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
pub(super) struct Reckoning {
    /// What Clerk should show.
    pub(super) aim: Record,
    /// What Stripe should remember, so that no Checkout Session has to be looked up again.
    pub(super) names: Vec<Ask>,
    /// When the subscription was made that grants the plan, in seconds since the Unix epoch.
    pub(super) granting_since_s: Option<u64>,
    /// A subscription sells nothing known that could change what is shown, and the configuration asks to wait for it.
    pub(super) awaits_mapping: bool,
}

/// A subject whose record is to be reckoned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account<'a> {
    pub(super) subject: &'a Subject,
    /// What Clerk shows of it.
    pub(super) shown: &'a Record,
    /// Whether the event names it in metadata.
    pub(super) trusted: bool,
}

impl Reading {
    /// The Checkout Sessions that must be read to know whose subscriptions these are.
    pub(super) fn sessions_missing(&self, worker: &Worker, facts: &Facts, shown: &Record) -> Vec<Ask> {
        let unnamed = self.unnamed(worker, facts, shown);
        unnamed.map(|subscription| Ask::Sessions(subscription.id.clone())).collect()
    }

    /// The live subscriptions that no metadata name anybody for, and whose sessions are to be read yet. The recorded one is
    /// always among them: that there are many others takes nothing away.
    fn unnamed<'a>(
        &'a self,
        worker: &'a Worker,
        facts: &'a Facts,
        shown: &'a Record,
    ) -> impl Iterator<Item = &'a Subscription> {
        let is_recorded = |subscription: &Subscription| shown.granted_by.as_ref() == Some(&subscription.id);
        let is_unnamed = |subscription: &Subscription| {
            subscription.status.is_live()
                && !facts.sessions.contains_key(&subscription.id)
                && owner_by_metadata(subscription, &worker.config.subject_keys).0.is_none()
        };
        let all = || self.subscriptions.values().filter(move |subscription| is_unnamed(subscription));
        let recorded = all().filter(move |subscription| is_recorded(subscription));
        let others = all().filter(move |subscription| !is_recorded(subscription));
        recorded.chain(others.take(SESSIONS_READ_MAX.saturating_sub(facts.sessions.len())))
    }

    /// What else must be read to know the plan of the account.
    pub(super) fn details_missing(
        &self,
        worker: &Worker,
        facts: &Facts,
        account: Account<'_>,
        now: Micros,
    ) -> Vec<Ask> {
        let owned = self.owned(worker, facts, account.subject);
        // Those whose session is yet to be read may turn out to be the subject's: asked for side by side with it.
        let unnamed = self.unnamed(worker, facts, account.shown);
        let subscriptions: Vec<_> =
            owned.into_iter().map(|(subscription, _)| subscription).chain(unnamed).collect();
        let products = worker.products.fresh(now);
        let evidence = Evidence {
            subscriptions: &subscriptions,
            products: &products,
            open_invoices: &self.open_invoices,
        };
        let needs = worker.plan_rules().needs(&evidence, &recorded(worker, account.shown));
        let products = needs.products.into_iter().map(Ask::Product);
        let invoices = needs.open_invoices.into_iter().map(Ask::OpenInvoices);
        let cut = needs.items.into_iter().filter(|id| !self.items.contains_key(id));
        let items = cut.map(|subscription| Ask::Items { subscription, after: None, page: 0 });
        products.chain(invoices).chain(items).collect()
    }

    /// Takes a page of items; says which page comes after it.
    pub(super) fn take_items(&mut self, ask: &Ask, page: Option<ItemsPage>) -> Option<Ask> {
        let Ask::Items { subscription, page: number, .. } = ask else { return None };
        let mut read = self.items.remove(subscription).unwrap_or_default();
        // Without it the subscription is gone in this moment, and what was shown of it stands.
        let Some(page) = page else {
            self.items.insert(subscription.clone(), read);
            return None;
        };
        read.items.extend(page.items);
        read.unread |= page.unread;
        let number = number.saturating_add(1);
        let next = page.last.filter(|_| page.has_more && number < ITEM_PAGES_MAX);
        if next.is_none()
            && let Some(known) = self.subscriptions.get_mut(subscription)
        {
            known.take_items(std::mem::take(&mut read.items), read.unread, !page.has_more);
        }
        self.items.insert(subscription.clone(), read);
        let subscription = subscription.clone();
        next.map(|after| Ask::Items { subscription, after: Some(after), page: number })
    }

    /// The recorded subscription must be asked for: of those that were read it is none. Nothing may take its place
    /// before it is known where it stands.
    pub(super) fn recorded_missing(&self, shown: &Record) -> Option<Ask> {
        let id = shown.granted_by.as_ref()?;
        let is_known = self.subscriptions.contains_key(id) || self.unreadable.contains(id);
        (!is_known && self.recorded == RecordedSubscription::Unasked).then(|| Ask::Recorded(id.clone()))
    }

    /// It is not known whether the recorded subscription still grants what it granted.
    fn recorded_is_unclear(&self, shown: &Record) -> bool {
        let is_unreadable = shown.granted_by.as_ref().is_some_and(|id| self.unreadable.contains(id));
        is_unreadable || self.recorded == RecordedSubscription::Unknown
    }

    /// What Clerk should show of the account.
    pub(super) fn reckon(
        &self,
        worker: &Worker,
        facts: &mut Facts,
        account: Account<'_>,
        now: Micros,
    ) -> Reckoning {
        let Account { subject, shown, trusted } = account;
        let owned = self.owned(worker, facts, subject);
        let trusted = trusted || owned.iter().any(|(_, named)| named.via == Via::Metadata);
        let subscriptions: Vec<_> = owned.iter().map(|(subscription, _)| *subscription).collect();
        let products = worker.products.fresh(now);
        let evidence = Evidence {
            subscriptions: &subscriptions,
            products: &products,
            open_invoices: &self.open_invoices,
        };
        let recorded = recorded(worker, shown);
        let resolution = worker.plan_rules().resolve(now, &evidence, &recorded);
        let granting = resolution.granting.as_ref().and_then(|id| self.subscriptions.get(id));
        let granting_since_s = granting.map(|subscription| subscription.created_s);
        let is_unclear = self.recorded_is_unclear(shown);
        let grounds = Grounds { trusted, complete: self.complete, recorded_is_unclear: is_unclear };
        let aim = aim(&worker.plans, shown, &resolution, grounds);
        if let RecordedPlan::Unknown(plan) = worker.plans.recorded(aim.plan.as_deref()) {
            let unknown = UnknownPlan { name: plan.to_owned(), granted_by: aim.granted_by.clone() };
            facts.unknown_plans.insert(subject.clone(), unknown);
        } else {
            facts.unknown_plans.remove(subject);
        }
        let awaits_mapping = worker.config.unmapped_price == UnmappedPrice::Retry
            && awaits_mapping(&resolution, &owned, &aim, &worker.plans);
        let holders = self.holders(&owned, shown, aim.granted_by.as_ref());
        if holders.too_many() {
            facts.too_many_customers.insert(subject.clone());
        }
        let mut asks = Vec::new();
        for (subscription, named) in &owned {
            asks.extend(names(worker, facts, subscription, named));
        }
        facts.plan_alarms.extend(resolution.alarms);
        // A record that another account's or mode's gateway keeps is left as it is.
        let is_others = self.recorded == RecordedSubscription::Unknown && aim == *shown;
        let aim = if is_others { aim } else { holders.lists(shown, aim) };
        Reckoning { aim, names: asks, granting_since_s, awaits_mapping }
    }

    /// The subject's subscriptions, and how each is known to be its own.
    fn owned(&self, worker: &Worker, facts: &Facts, subject: &Subject) -> Vec<(&Subscription, Named)> {
        let owner = |subscription: &Subscription| {
            let (by_metadata, _) = owner_by_metadata(subscription, &worker.config.subject_keys);
            by_metadata.or_else(|| facts.sessions.get(&subscription.id).cloned().flatten())
        };
        let all =
            self.subscriptions.values().filter_map(|subscription| Some((subscription, owner(subscription)?)));
        all.filter(|(_, named)| named.subject == *subject).collect()
    }

    /// That of the subscription that grants the plan goes first, whoever named its owner: without it the plan would be
    /// lost. Then come the surest claims, and of equally sure ones those that are listed already: else the list would be another one with each set of customers that is read.
    fn holders(
        &self,
        owned: &[(&Subscription, Named)],
        shown: &Record,
        granting: Option<&SubscriptionId>,
    ) -> Holders {
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
        Holders { live, read: self.customers.difference(&self.partly_read).cloned().collect() }
    }
}

fn recorded<'a>(worker: &Worker, shown: &'a Record) -> Recorded<'a> {
    Recorded {
        plan: worker.plans.recorded(shown.plan.as_deref()),
        granting: shown.granted_by.as_ref(),
        period_end_s: shown.subscription.current_period_end.map(Micros::as_secs),
    }
}

/// Whether one of the subscriptions that sell nothing known could change what is aimed at: it could grant a higher plan,
/// or it is the one whose plan is kept. Whoever only a payer's own choice ties to the subject holds up nobody's events by
/// it.
fn awaits_mapping(
    resolution: &Resolution,
    owned: &[(&Subscription, Named)],
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

/// What a session names is recorded on the subscription, and on the customer when the session's metadata name it and
/// none of our keys is there.
fn names(worker: &Worker, facts: &Facts, subscription: &Subscription, named: &Named) -> Vec<Ask> {
    let keys = &worker.config.subject_keys;
    if owner_by_metadata(subscription, keys).0.is_some() {
        return Vec::new();
    }
    let id = &subscription.id;
    let mut asks = Vec::new();
    if !facts.named.contains(id) {
        asks.push(Ask::NameOnSubscription(id.clone(), named.clone()));
        let customers = subscription.customer_object.as_ref().filter(|customer| !customer.deleted);
        let unnamed = customers.is_some_and(|customer| {
            let found = named_in(&customer.metadata, keys);
            found.subject.is_none() && found.unfit.is_empty()
        });
        if unnamed && named.via == Via::Metadata {
            asks.push(Ask::NameOnCustomer(subscription.customer.clone(), named.clone()));
        }
    }
    asks
}
