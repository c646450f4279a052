//! What Clerk should show of a subject, reckoned from what was read at Stripe.

use super::aim::{Grounds, aim};
use super::asks::Ask;
use super::facts::{Facts, UnknownPlan};
use super::owner::{Named, Via, named_in, owner_by_metadata};
use super::target::Holders;
use super::trouble::Trouble;
use super::worker::Worker;
use crate::clerk::metadata::Record;
use crate::config::UnmappedPrice;
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::plan_table::RecordedPlan;
use crate::sorted::{SortedMap, SortedSet};
use crate::stripe::invoice::OpenInvoices;
use crate::stripe::plan::{Evidence, Recorded};
use crate::stripe::subscription::Subscription;
use crate::time::Micros;

/// How many subscriptions without metadata of ours are looked up by their Checkout Session.
pub(super) const SESSIONS_READ_MAX: usize = 20;

/// What was read at Stripe in one round.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The customers whose subscriptions were read.
    pub(super) customers: SortedSet<CustomerId>,
    /// Whether all that the record lists are among them.
    pub(super) complete: bool,
    /// All their subscriptions, of whichever subjects.
    pub(super) subscriptions: SortedMap<SubscriptionId, Subscription>,
    /// What is owed for those where it matters.
    pub(super) open_invoices: SortedMap<SubscriptionId, OpenInvoices>,
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
    pub(super) fn sessions_missing(&self, worker: &Worker, facts: &Facts) -> Vec<Ask> {
        let unnamed = self.unnamed(worker, facts);
        unnamed.map(|subscription| Ask::Sessions(subscription.id.clone())).collect()
    }

    /// The live subscriptions that no metadata name anybody for, and whose sessions are to be read yet.
    fn unnamed<'a>(&'a self, worker: &'a Worker, facts: &'a Facts) -> impl Iterator<Item = &'a Subscription> {
        let unnamed = self.subscriptions.values().filter(|subscription| {
            subscription.status.is_live()
                && !facts.sessions.contains_key(&subscription.id)
                && owner_by_metadata(subscription, &worker.config.subject_keys).0.is_none()
        });
        unnamed.take(SESSIONS_READ_MAX.saturating_sub(facts.sessions.len()))
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
        let unnamed = self.unnamed(worker, facts);
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
        products.chain(needs.open_invoices.into_iter().map(Ask::OpenInvoices)).collect()
    }

    /// What Clerk should show of the account.
    ///
    /// # Errors
    /// [`Trouble::Unmapped`] if an active subscription sells nothing known and the configuration asks to wait.
    pub(super) fn reckon(
        &self,
        worker: &Worker,
        facts: &mut Facts,
        account: Account<'_>,
        now: Micros,
    ) -> Result<Reckoning, Trouble> {
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
        if resolution.has_unmapped() && worker.config.unmapped_price == UnmappedPrice::Retry {
            return Err(Trouble::Unmapped);
        }
        let granting = resolution.granting.as_ref().and_then(|id| self.subscriptions.get(id));
        let granting_since_s = granting.map(|subscription| subscription.created_s);
        let grounds = Grounds { trusted, complete: self.complete };
        let aim = aim(&worker.plans, shown, &resolution, grounds);
        if let RecordedPlan::Unknown(plan) = worker.plans.recorded(aim.plan.as_deref()) {
            let unknown = UnknownPlan { name: plan.to_owned(), granted_by: aim.granted_by.clone() };
            facts.unknown_plans.insert(subject.clone(), unknown);
        } else {
            facts.unknown_plans.remove(subject);
        }
        let holders = self.holders(&owned, shown, aim.granted_by.as_ref());
        if holders.too_many() {
            facts.too_many_customers.insert(subject.clone());
        }
        let mut asks = Vec::new();
        for (subscription, named) in &owned {
            asks.extend(names(worker, facts, subscription, named));
        }
        facts.plan_alarms.extend(resolution.alarms);
        Ok(Reckoning { aim: holders.lists(shown, aim), names: asks, granting_since_s })
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

    /// Of equally sure claims that of the subscription that grants the plan goes first, and then those that are listed
    /// already: else the list would be another one with each set of customers that is read.
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
                (named.via, granting != Some(customer), !shown.customers.contains(customer), customer)
            })
            .collect();
        let mut live: Vec<CustomerId> = Vec::new();
        for (.., customer) in &claims {
            if !live.contains(customer) {
                live.push((*customer).clone());
            }
        }
        Holders { live, read: self.customers.clone() }
    }
}

fn recorded<'a>(worker: &Worker, shown: &'a Record) -> Recorded<'a> {
    Recorded {
        plan: worker.plans.recorded(shown.plan.as_deref()),
        granting: shown.granted_by.as_ref(),
        period_end_s: shown.subscription.current_period_end.map(Micros::as_secs),
    }
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
