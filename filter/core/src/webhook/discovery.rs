//! Whom an event concerns: the subjects that Stripe names at present for what the event is about.

use super::asks::{Ask, Told};
use super::facts::Facts;
use super::owner::{Named, owner_by_metadata};
use super::trigger::{About, Trigger};
use super::trouble::Trouble;
use super::worker::Worker;
use crate::ids::{CustomerId, SubscriptionId};
use crate::sorted::SortedSet;
use crate::stripe::subscription::Subscription;

/// How many pages of a customer's subscriptions are read.
pub(super) const PAGES_MAX: usize = 10;

/// The search for whom an event concerns.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    subscriptions: Vec<Subscription>,
    /// The customers that hold what the event is about.
    pub(super) customers: SortedSet<CustomerId>,
}

impl Discovery {
    /// What to ask first. Where the event itself names nobody, its Checkout Session is asked for side by side.
    pub(super) fn begin(&mut self, trigger: &Trigger) -> Vec<Ask> {
        self.customers.extend(trigger.customer.clone());
        match &trigger.about {
            About::Subscription(id) => {
                let session = trigger.named.is_empty().then(|| Ask::Sessions(id.clone()));
                [Ask::Subscription(id.clone())].into_iter().chain(session).collect()
            }
            About::Customer(customer) => vec![Ask::Customer(customer.clone()), first_page(customer, false)],
        }
    }

    /// Takes an answer, and says what else is to be asked.
    pub(super) fn take(
        &mut self,
        worker: &Worker,
        facts: &mut Facts,
        ask: &Ask,
        told: Told,
    ) -> Result<Vec<Ask>, Trouble> {
        match told {
            Told::Subscription(found) => self.subscriptions.push(*found),
            Told::Subscriptions(page) => {
                let next = next_page(ask, page.next)?;
                facts.skipped.extend(page.skipped);
                self.subscriptions.extend(page.subscriptions);
                return Ok(next.into_iter().collect());
            }
            Told::Sessions(sessions) => facts.learn_sessions(worker, ask, &sessions),
            _ => {}
        }
        Ok(Vec::new())
    }

    /// Those who own what the event is about, each once, and the sessions that must be read to know the rest.
    pub(super) fn owners(&mut self, worker: &Worker, facts: &mut Facts) -> (Vec<Named>, Vec<Ask>) {
        self.customers.extend(self.subscriptions.iter().map(|subscription| subscription.customer.clone()));
        let (mut owners, mut asks) = (Vec::<Named>::new(), Vec::new());
        let only_one = self.subscriptions.len() == 1;
        for subscription in &self.subscriptions {
            let (by_metadata, unfit) = owner_by_metadata(subscription, &worker.config.subject_keys);
            facts.unfit.extend(unfit);
            let owner = match by_metadata {
                Some(owner) => Some(owner),
                None => match facts.sessions.get(&subscription.id) {
                    Some(owner) => owner.clone(),
                    // Of those that have ended only the event's own matters.
                    None if only_one || subscription.status.is_live() => {
                        asks.push(Ask::Sessions(subscription.id.clone()));
                        None
                    }
                    None => None,
                },
            };
            if let Some(owner) = owner
                && !owners.iter().any(|known| known.subject == owner.subject)
            {
                owners.push(owner);
            }
        }
        (owners, asks)
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
