//! Whom an event concerns: the subjects that Stripe names at present for what the event is about.

use super::asks::{Ask, Told};
use super::facts::Facts;
use super::owner::{Named, named_by_metadata};
use super::reckoning::SESSIONS_READ_MAX;
use super::subject_sync::SubjectSync;
use super::trigger::{About, Trigger};
use super::trouble::Trouble;
use super::worker::Worker;
use crate::ids::{CustomerId, ProductId, SubscriptionId};
use crate::sorted::SortedSet;
use crate::stripe::object::Expandable;
use crate::stripe::subscription::{Status, Subscription};
use crate::time::Micros;

/// How many pages of a customer's subscriptions are read.
pub(super) const PAGES_MAX: usize = 10;

/// How many subscriptions' open invoices are asked for before it is known that they matter.
const PAST_DUE_MAX: usize = 4;

/// The search for whom an event concerns.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    subscriptions: Vec<Subscription>,
    /// The customers that hold what the event is about.
    pub(super) customers: SortedSet<CustomerId>,
    /// The subscriptions that Clerk says grant a plan, as far as Stripe was asked for them.
    recorded: SortedSet<SubscriptionId>,
}

impl Discovery {
    /// What to ask first. Unless the event shows that the subscription names its owner itself, its Checkout Session is
    /// asked for side by side.
    pub(super) fn begin(&mut self, trigger: &Trigger) -> Vec<Ask> {
        self.customers.extend(trigger.customer.clone());
        match &trigger.about {
            About::Subscription(id) => {
                let session = (!trigger.names_owner).then(|| Ask::Sessions(id.clone()));
                [Ask::Subscription(id.clone())].into_iter().chain(session).collect()
            }
            About::Customer(customer) => vec![Ask::Customer(customer.clone()), first_page(customer, false)],
            About::Named(customers) => {
                self.customers.extend(customers.iter().cloned());
                Vec::new()
            }
        }
    }

    /// Where no event names a subscription: Stripe must know the one that Clerk says grants the plan. With the API key
    /// of another account everybody would look unpaid.
    pub(super) fn recorded(&mut self, trigger: &Trigger, subjects: &[SubjectSync]) -> Vec<Ask> {
        if !matches!(trigger.about, About::Named(_)) {
            return Vec::new();
        }
        let granted_by: SortedSet<_> = subjects.iter().filter_map(SubjectSync::granted_by).cloned().collect();
        let missing: Vec<_> = granted_by.difference(&self.recorded).cloned().collect();
        self.recorded.extend(missing.iter().cloned());
        missing.into_iter().map(Ask::Subscription).collect()
    }

    /// Takes an answer, and says what else is to be asked.
    pub(super) fn take(
        &mut self,
        worker: &mut Worker,
        facts: &mut Facts,
        now: Micros,
        ask: &Ask,
        told: Told,
    ) -> Result<Vec<Ask>, Trouble> {
        match told {
            Told::Subscription(found) => {
                // They came along, so no round trip is spent on them.
                for item in &found.items {
                    if let Some(Expandable::Object(product)) = &item.price.product
                        && let Ok(id) = ProductId::parse(&product.id)
                    {
                        let metadata = (!product.deleted).then(|| product.metadata.clone());
                        worker.products.insert(id, metadata, now);
                    }
                }
                // That Stripe knows it is all that had to be learned of one that Clerk's record names.
                if !self.recorded.contains(&found.id) {
                    self.subscriptions.push(*found);
                }
            }
            Told::Subscriptions(page) => {
                let next = next_page(ask, page.next)?;
                facts.skipped.extend(page.skipped);
                facts.unreadable.extend(page.unreadable);
                self.subscriptions.extend(page.subscriptions);
                return Ok(next.into_iter().collect());
            }
            Told::Sessions(sessions) => facts.learn_sessions(worker, ask, &sessions),
            _ => {}
        }
        Ok(Vec::new())
    }

    /// Those whom anything at Stripe names for what the event is about, each once, and the sessions that must be read
    /// to know the rest.
    ///
    /// Not only the owners: whom the customer names though the subscription names somebody else may have been the owner
    /// until this very event, and then nothing in it says so. Who is named gets nothing by it.
    pub(super) fn named(&mut self, worker: &Worker, facts: &mut Facts) -> (Vec<Named>, Vec<Ask>) {
        self.customers.extend(self.subscriptions.iter().map(|subscription| subscription.customer.clone()));
        let keys = &worker.config.subject_keys;
        let (mut all, mut asks) = (Vec::<Named>::new(), Vec::new());
        let only_one = self.subscriptions.len() == 1;
        for subscription in &self.subscriptions {
            let (by_metadata, unfit) = named_by_metadata(subscription, keys);
            facts.unfit.extend(unfit);
            let sessions = facts.sessions.get(&subscription.id);
            // Of those that have ended only the event's own matters.
            let matters = only_one || subscription.status.is_live();
            let room = facts.sessions.len().saturating_add(asks.len()) < SESSIONS_READ_MAX;
            if by_metadata.is_empty() && sessions.is_none() && matters && room {
                asks.push(Ask::Sessions(subscription.id.clone()));
            }
            for named in by_metadata.into_iter().chain(sessions.cloned().flatten()) {
                match all.iter_mut().find(|known| known.subject == named.subject) {
                    Some(known) => known.via = known.via.min(named.via),
                    None => all.push(named),
                }
            }
        }
        (all, asks)
    }

    /// The subscriptions whose open invoices will matter.
    pub(super) fn past_due(&self) -> impl Iterator<Item = &SubscriptionId> {
        let past_due =
            self.subscriptions.iter().filter(|subscription| subscription.status == Status::PastDue);
        past_due.map(|subscription| &subscription.id).take(PAST_DUE_MAX)
    }

    /// When the oldest live subscription of nobody was made, in seconds since the Unix epoch.
    pub(super) fn ownerless_since_s(&self) -> Option<u64> {
        let live = self.subscriptions.iter().filter(|subscription| subscription.status.is_live());
        live.map(|subscription| subscription.created_s).min()
    }
}

/// The first page of a customer's subscriptions.
pub(super) fn first_page(customer: &CustomerId, other_mode_is_empty: bool) -> Ask {
    Ask::Subscriptions { customer: customer.clone(), after: None, page: 0, other_mode_is_empty }
}

/// The page after the one that was asked for.
pub(super) fn next_page(ask: &Ask, next: Option<SubscriptionId>) -> Result<Option<Ask>, Trouble> {
    let (Ask::Subscriptions { customer, page, other_mode_is_empty, .. }, Some(after)) = (ask, next) else {
        return Ok(None);
    };
    let page = page.saturating_add(1);
    if page >= PAGES_MAX {
        return Err(Trouble::TooMany);
    }
    let (customer, other_mode_is_empty) = (customer.clone(), *other_mode_is_empty);
    Ok(Some(Ask::Subscriptions { customer, after: Some(after), page, other_mode_is_empty }))
}
