//! Finds the Stripe customer of a subject, or creates it; a subject gets only one.
//!
//! ```text
//! own customer with a subscription ─▶ use it
//! customer recorded in Clerk (stripe_customer) ─▶ use it, unless it was deleted or is another subject's
//! search by metadata ─▶ use the first that is the subject's own
//! none ─▶ create it; the idempotency key is made from the subject (and from the deleted customer, if there is one)
//! ```
//! The customer is recorded in Clerk before a session is created for it.

use super::context::{BillingContext, KEYS_MAX, replays_failure};
use super::error::BillingError;
use super::owned::{CustomerOwner, customer_owner, own_customers};
use crate::alarm::{Alarm, AlarmCode};
use crate::clerk::metadata;
use crate::ids::{CustomerId, Subject};
use crate::report::Report;
use crate::sorted::SortedSet;
use crate::stripe::api::Searched;
use crate::stripe::customer::Customer;
use crate::stripe::outcome::StripeResponse;
use crate::stripe::search::{SearchResult, metadata_clause};
use crate::stripe::write::is_replayed;
use crate::sync::SubjectAccount;

/// The maximum number of customers found by a search that are read.
const FOUND_MAX: usize = 10;

/// A subject's account and its own customers, before anything is bought.
#[derive(Debug)]
pub(super) struct Buyer {
    /// The account.
    pub(super) account: Box<SubjectAccount>,
    /// The subject's own customers, the preferred one first.
    pub(super) own: Vec<CustomerId>,
    /// A customer of the subject that was deleted at Stripe.
    deleted: Option<CustomerId>,
}

impl Buyer {
    /// Reads the subject's account, and finds its customers.
    ///
    /// # Errors
    /// The error of a read that failed.
    pub(super) async fn read(cx: &BillingContext) -> Result<Self, BillingError> {
        let mut buyer = Self::read_without_search(cx).await?;
        if buyer.own.is_empty() {
            let found = search(cx).await;
            if !found.is_empty() {
                // Earlier trials and subscriptions of the found customers count, too.
                buyer.account = cx.account(found.iter().cloned().collect()).await?;
                buyer.read_known(cx).await?;
                buyer.add_own(cx, found).await?;
            }
        }
        Ok(buyer)
    }

    /// Reads the account and the known customers, without a search. A customer that only a search can find
    /// has no subscription.
    ///
    /// # Errors
    /// The error of a read that failed.
    pub(super) async fn read_without_search(cx: &BillingContext) -> Result<Self, BillingError> {
        let account = cx.account(SortedSet::default()).await?;
        let mut buyer = Buyer { own: Vec::new(), account, deleted: None };
        buyer.read_known(cx).await?;
        Ok(buyer)
    }

    /// Sets `own` to the customers with subscriptions and the recorded one, and `deleted` if one of them was
    /// deleted.
    async fn read_known(&mut self, cx: &BillingContext) -> Result<(), BillingError> {
        self.own = own_customers(&self.account, &cx.settings().sync.subject_keys);
        // A deleted customer no longer has metadata; Clerk's record shows which subject owned it.
        let record = &self.account.record;
        let was_own = |customer: &&Customer| {
            customer.deleted
                && (record.customer.as_ref() == Some(&customer.id) || record.customers.contains(&customer.id))
        };
        self.deleted =
            self.account.customer_objects.values().find(was_own).map(|customer| customer.id.clone());
        let recorded = self.account.record.customer.clone();
        let known = recorded.filter(|recorded| !self.account.customer_objects.contains_key(recorded));
        self.add_own(cx, known.into_iter().collect()).await
    }

    /// Adds the customers in `customers` that belong to the subject.
    async fn add_own(&mut self, cx: &BillingContext, customers: Vec<CustomerId>) -> Result<(), BillingError> {
        for id in customers {
            if self.own.contains(&id) {
                continue;
            }
            let customer = cx.read_customer(&id).await?;
            let owner = customer
                .map(|customer| customer_owner(&self.account, &customer, &cx.settings().sync.subject_keys));
            match owner {
                Some(CustomerOwner::Subject) => self.own.push(id),
                Some(CustomerOwner::Deleted) => self.deleted = Some(id),
                Some(CustomerOwner::Other) | None => {}
            }
        }
        Ok(())
    }

    /// Returns the customer to buy with. Creates it if the subject has none, and records it in Clerk.
    ///
    /// # Errors
    /// The error of a read or a write that failed.
    pub(super) async fn find_or_create_customer(
        &self,
        cx: &BillingContext,
    ) -> Result<CustomerId, BillingError> {
        let customer = match self.own.first() {
            Some(customer) => customer.clone(),
            None => self.create(cx).await?,
        };
        let is_known = self.account.record.customer.as_ref() == Some(&customer);
        if !is_known && !self.account.record.customers.contains(&customer) {
            record(cx, &customer).await?;
        }
        Ok(customer)
    }

    /// Creates the customer. The idempotency key is made from the subject, so that concurrent requests create
    /// one customer. If the subject's customer was deleted, the key also contains its id; otherwise Stripe
    /// would replay the response that created the deleted customer.
    async fn create(&self, cx: &BillingContext) -> Result<CustomerId, BillingError> {
        const ENDPOINT: &str = "POST /v1/customers";
        let deleted = self.deleted.as_ref().map_or("", CustomerId::as_str);
        let request = |key: &_| cx.stripe().create_customer(cx.subject_key(), cx.subject.as_str(), key);
        for attempt in 0..KEYS_MAX {
            let outcome = cx.create_once(ENDPOINT, &[deleted], attempt, &request).await;
            if replays_failure(&outcome) {
                // The failed request may still have created the customer.
                match search(cx).await.into_iter().next() {
                    Some(found) => return Ok(found),
                    None => continue,
                }
            }
            let response = StripeResponse::from_outcome(&outcome.as_outcome(), Customer::parse);
            let created = cx.written_object(ENDPOINT, response)?.id;
            if !is_replayed(&outcome.as_outcome()) || exists(cx, &created).await? {
                return Ok(created);
            }
        }
        Err(BillingError::transient("Stripe replays earlier responses about customers that were deleted"))
    }
}

/// Returns whether a subject has a customer of its own that is known without a search.
///
/// # Errors
/// The error of a read that failed.
pub(super) async fn has_customer(
    cx: &BillingContext,
    account: &SubjectAccount,
) -> Result<bool, BillingError> {
    let keys = &cx.settings().sync.subject_keys;
    if !own_customers(account, keys).is_empty() {
        return Ok(true);
    }
    let recorded = account.record.customer.as_ref();
    let Some(recorded) = recorded.filter(|id| !account.customer_objects.contains_key(id)) else {
        return Ok(false);
    };
    let customer = cx.read_customer(recorded).await?;
    Ok(customer.is_some_and(|customer| customer_owner(account, &customer, keys) == CustomerOwner::Subject))
}

/// Records the customer in Clerk.
///
/// # Errors
/// [`BillingError::Service`] if Clerk did not confirm the write and no concurrent request has recorded the same
/// customer. (Of twenty concurrent writes, Clerk accepts about ten.)
async fn record(cx: &BillingContext, customer: &CustomerId) -> Result<(), BillingError> {
    let Err(error) = cx.write_record(&metadata::customer_patch(customer)).await else { return Ok(()) };
    let recorded = cx.read_record().await?;
    if recorded.customer.as_ref() == Some(customer) { Ok(()) } else { Err(error) }
}

/// Returns whether a customer has not been deleted.
async fn exists(cx: &BillingContext, customer: &CustomerId) -> Result<bool, BillingError> {
    let customer = cx.read_customer(customer).await?;
    Ok(customer.is_some_and(|customer| !customer.deleted))
}

/// Searches for customers whose metadata names the subject. If the search fails, raises an alarm and returns
/// no customers. Stripe does not offer search in every country, and for a day the idempotency key alone
/// prevents a second customer.
async fn search(cx: &BillingContext) -> Vec<CustomerId> {
    let query = metadata_clause(cx.subject_key(), cx.subject.as_str());
    let callout = cx.stripe().search(Searched::Customers, &query, None);
    let endpoint = Searched::Customers.endpoint();
    match cx.read(endpoint, callout, SearchResult::parse).await {
        Ok(found) => found.unwrap_or_default().customers.into_iter().take(FOUND_MAX).collect(),
        Err(error) => {
            let why = match &error {
                BillingError::Service(error) => error.to_string(),
                _ => String::new(),
            };
            cx.effects.report(search_failed(&cx.subject, &why));
            Vec::new()
        }
    }
}

/// Returns the alarm about a search that failed.
pub(super) fn search_failed(subject: &Subject, why: &str) -> Report {
    let cause = format!("a search for the subject's customers failed, and the checkout continued: {why}");
    let cure =
        "give the restricted key the permission Customers, read (Stripe does not offer search in India)";
    Alarm::warning(AlarmCode::CustomerSearchFailed, cause, cure).subject(Some(subject.as_str())).into()
}
