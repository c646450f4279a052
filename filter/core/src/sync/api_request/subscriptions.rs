//! Requests for subscriptions and their customers.

use super::{ApiRequest, OTHER_ACCOUNT, found, stripe_response};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::{CustomerId, SubscriptionId};
use crate::stripe::api::StripeApi;
use crate::stripe::customer::Customer;
use crate::stripe::object::Unreadable;
use crate::stripe::outcome::StripeResponse;
use crate::stripe::subscription::{Subscription, SubscriptionPage};
use crate::sync::error::SyncError;

/// How many pages of a customer's subscriptions are read.
const PAGES_MAX: usize = 10;

const RETRIEVE: &str = "GET /v1/subscriptions/:id";

/// Retrieves the subscription that the event is about, with its customer and products.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RetrieveSubscription(pub(crate) SubscriptionId);

/// The response to [`RetrieveSubscription`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SubscriptionResponse {
    /// The subscription.
    Found(Box<Subscription>),
    /// It is left out, because of these ids.
    Skipped(Vec<String>),
}

impl ApiRequest for RetrieveSubscription {
    type Response = SubscriptionResponse;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).retrieve_subscription(&self.0)
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<SubscriptionResponse, SyncError> {
        let parse = |body: &[u8]| {
            let mut page = SubscriptionPage::of_one(body)?;
            // Nothing can be concluded without it: it is waited for.
            if !page.unreadable.is_empty() {
                return Err(Unreadable::SUBSCRIPTION);
            }
            Ok(match page.subscriptions.pop() {
                Some(subscription) => SubscriptionResponse::Found(Box::new(subscription)),
                None => SubscriptionResponse::Skipped(page.skipped),
            })
        };
        stripe_response(RETRIEVE, outcome, parse)?.ok_or(OTHER_ACCOUNT)
    }
}

/// Retrieves the subscription that Clerk's record says grants the plan, where it is of none of the customers
/// that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RetrieveRecorded(pub(crate) SubscriptionId);

/// The response to [`RetrieveRecorded`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RecordedResponse {
    /// The subscription.
    Found(Box<Subscription>),
    /// It is not known to this API key.
    Unknown,
    /// It is there, and it cannot be read whose it is or where it stands.
    Unreadable,
}

impl ApiRequest for RetrieveRecorded {
    type Response = RecordedResponse;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).retrieve_subscription(&self.0)
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<RecordedResponse, SyncError> {
        let answer = StripeResponse::of(outcome, |body| {
            let mut page = SubscriptionPage::of_one(body)?;
            Ok(match (page.unreadable.is_empty(), page.subscriptions.pop()) {
                (false, _) => RecordedResponse::Unreadable,
                (true, Some(found)) => RecordedResponse::Found(Box::new(found)),
                (true, None) => RecordedResponse::Unknown,
            })
        });
        Ok(found(RETRIEVE, answer.or_of_other_mode())?.unwrap_or(RecordedResponse::Unknown))
    }
}

/// Retrieves the customer that the event is about. That Stripe has it is all that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RetrieveCustomer(pub(crate) CustomerId);

impl ApiRequest for RetrieveCustomer {
    type Response = ();

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).retrieve_customer(&self.0)
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<(), SyncError> {
        let parse = |body: &[u8]| Customer::parse(body).map(|_| ());
        stripe_response("GET /v1/customers/:id", outcome, parse)?.ok_or(OTHER_ACCOUNT)
    }
}

/// Lists a page of a customer's subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListSubscriptions {
    pub(crate) customer: CustomerId,
    after: Option<SubscriptionId>,
    /// How many pages came before.
    page: usize,
    /// An id that the API key's mode does not have counts as a customer without subscriptions. Only for
    /// customers that stand in Clerk's record: of those that the event names it means that the key is wrong.
    other_mode_is_empty: bool,
}

/// What comes after a page.
#[derive(Debug)]
pub(crate) enum NextPage {
    /// Nothing.
    None,
    /// This page.
    List(ListSubscriptions),
    /// More of the customer's subscriptions than are read.
    Cut,
}

impl NextPage {
    /// Returns whether there is more than is read.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self, NextPage::Cut)
    }

    /// Returns the request for it.
    pub(crate) fn request(self) -> Option<ListSubscriptions> {
        match self {
            NextPage::List(request) => Some(request),
            NextPage::None | NextPage::Cut => None,
        }
    }
}

impl ListSubscriptions {
    /// Creates the request for the first page.
    pub(crate) fn first(customer: &CustomerId, other_mode_is_empty: bool) -> Self {
        ListSubscriptions { customer: customer.clone(), after: None, page: 0, other_mode_is_empty }
    }

    /// Returns what comes after its page, which ends at that subscription if there are more.
    pub(crate) fn next(self, after: Option<SubscriptionId>) -> NextPage {
        let page = self.page.saturating_add(1);
        match after {
            None => NextPage::None,
            Some(_) if page >= PAGES_MAX => NextPage::Cut,
            after => NextPage::List(ListSubscriptions { after, page, ..self }),
        }
    }
}

impl ApiRequest for ListSubscriptions {
    /// One without subscriptions if Stripe does not have the customer.
    type Response = SubscriptionPage;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).list_subscriptions(&self.customer, self.after.as_ref())
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<SubscriptionPage, SyncError> {
        let answer = StripeResponse::of(outcome, SubscriptionPage::parse);
        let answer = if self.other_mode_is_empty { answer.or_of_other_mode() } else { answer };
        Ok(found("GET /v1/subscriptions", answer)?.unwrap_or_default())
    }
}
