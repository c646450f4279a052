//! Whom an event concerns: the subjects that Stripe names at present for what the event is about.

use super::api_request::{Ask, Told};
use super::error::SyncError;
use super::findings::SyncFindings;
use super::ownership::{NamedSubject, Via};
use super::state::SyncState;
use super::subject::SubjectSync;
use super::trigger::{About, Trigger};
use crate::ids::{CustomerId, ProductId, SubscriptionId};
use crate::sorted::SortedSet;
use crate::stripe::object::Expandable;
use crate::stripe::subscription::{Status, Subscription};
use crate::time::Micros;

/// How many pages of a customer's subscriptions are read.
pub(crate) const PAGES_MAX: usize = 10;

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
    pub(crate) missing: Vec<Ask>,
}

impl Discovery {
    /// What to ask first. Unless the event shows that the subscription itself says whose it is and was, its Checkout
    /// Session is asked for side by side.
    pub(crate) fn begin(&mut self, trigger: &Trigger) -> Vec<Ask> {
        self.customers.extend(trigger.customer.clone());
        match &trigger.about {
            About::Subscription(id) => {
                let session = (!trigger.says_whose).then(|| Ask::Sessions(id.clone()));
                [Ask::Subscription(id.clone())].into_iter().chain(session).collect()
            }
            About::Customer(customer) => vec![Ask::Customer(customer.clone()), first_page(customer, false)],
            About::Subjects(customers) => {
                self.customers.extend(customers.iter().cloned());
                Vec::new()
            }
        }
    }

    /// Where no event names a subscription: Stripe must know the one that Clerk says grants the plan. With the API key
    /// of another account everybody would look unpaid.
    pub(crate) fn recorded(&mut self, trigger: &Trigger, subjects: &[SubjectSync]) -> Vec<Ask> {
        if !matches!(trigger.about, About::Subjects(_)) {
            return Vec::new();
        }
        let granted_by: SortedSet<_> = subjects.iter().filter_map(SubjectSync::granted_by).cloned().collect();
        let missing: Vec<_> = granted_by.difference(&self.recorded).cloned().collect();
        self.recorded.extend(missing.iter().cloned());
        missing.into_iter().map(Ask::Subscription).collect()
    }

    /// Takes an answer, and says what else is to be asked.
    pub(crate) fn take(
        &mut self,
        state: &mut SyncState,
        findings: &mut SyncFindings,
        now: Micros,
        ask: &Ask,
        told: Told,
    ) -> Result<Vec<Ask>, SyncError> {
        match told {
            Told::Subscription(found) => {
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
                    self.subscriptions.push(*found);
                }
            }
            Told::Subscriptions(page) => {
                let next = next_page(ask, page.next);
                self.cut |= next.is_cut(findings);
                findings.skipped.extend(page.skipped);
                findings.unreadable.extend(page.unreadable);
                self.subscriptions.extend(page.subscriptions);
                return Ok(next.ask().into_iter().collect());
            }
            Told::Sessions(sessions) => findings.learn_sessions(state, ask, &sessions),
            Told::SessionsRefused(why) => findings.learn_sessions_refused(ask, why),
            _ => {}
        }
        findings.keep_silent_sessions(state, self.subscriptions.iter(), now);
        Ok(Vec::new())
    }

    /// Those whom anything at Stripe names for what the event is about, each once, and the sessions that must be read
    /// to know the rest.
    ///
    /// Not only the owners: whom the customer names though the subscription names somebody else may have been the owner
    /// until this very event, and then nothing in it says so. Who is named gets nothing by it.
    ///
    /// # Errors
    /// [`SyncError`] if that cannot be known: what Stripe does not let be read may name somebody whom nothing else names.
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
            findings.unfit.extend(claims.unfit.clone());
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
        present.missing = findings.ask_sessions(unread.into_iter(), None);
        let only_referred = present.named.iter().all(|named| named.via == Via::Reference);
        if self.cut && present.missing.is_empty() && (present.named.is_empty() || !only_referred) {
            return Err(SyncError::TooMany);
        }
        Ok(present)
    }

    /// The subscriptions whose open invoices will matter.
    pub(crate) fn past_due(&self) -> impl Iterator<Item = &SubscriptionId> {
        let past_due =
            self.subscriptions.iter().filter(|subscription| subscription.status == Status::PastDue);
        past_due.map(|subscription| &subscription.id).take(PAST_DUE_MAX)
    }

    /// When the oldest live subscription of nobody was made, in seconds since the Unix epoch.
    pub(crate) fn ownerless_since_s(&self) -> Option<u64> {
        let live = self.subscriptions.iter().filter(|subscription| subscription.status.is_live());
        live.map(|subscription| subscription.created_s).min()
    }
}

/// The first page of a customer's subscriptions.
pub(crate) fn first_page(customer: &CustomerId, other_mode_is_empty: bool) -> Ask {
    Ask::Subscriptions { customer: customer.clone(), after: None, page: 0, other_mode_is_empty }
}

/// What comes after a page.
#[derive(Debug)]
pub(crate) enum NextPage {
    /// Nothing.
    None,
    /// This page.
    Ask(Ask),
    /// More of this customer's subscriptions than are read.
    Cut(CustomerId),
}

impl NextPage {
    /// Whether there is more than is read, which is put down.
    pub(crate) fn is_cut(&self, findings: &mut SyncFindings) -> bool {
        match self {
            NextPage::Cut(customer) => findings.cut_customers.insert(customer.clone()),
            NextPage::None | NextPage::Ask(_) => return false,
        }
        true
    }

    /// What to ask.
    pub(crate) fn ask(self) -> Option<Ask> {
        match self {
            NextPage::Ask(ask) => Some(ask),
            NextPage::None | NextPage::Cut(_) => None,
        }
    }
}

/// The page after the one that was asked for.
pub(crate) fn next_page(ask: &Ask, next: Option<SubscriptionId>) -> NextPage {
    let (Ask::Subscriptions { customer, page, other_mode_is_empty, .. }, Some(after)) = (ask, next) else {
        return NextPage::None;
    };
    let page = page.saturating_add(1);
    let (customer, other_mode_is_empty) = (customer.clone(), *other_mode_is_empty);
    if page >= PAGES_MAX {
        return NextPage::Cut(customer);
    }
    NextPage::Ask(Ask::Subscriptions { customer, after: Some(after), page, other_mode_is_empty })
}
