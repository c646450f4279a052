//! Requests for subscriptions and their customers.

use super::{ApiRequest, object_in, stripe_response};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::{CustomerId, SubscriptionId};
use crate::stripe::api::StripeApi;
use crate::stripe::customer::Customer;
use crate::stripe::object::UnreadableError;
use crate::stripe::outcome::StripeResponse;
use crate::stripe::subscription::{Subscription, SubscriptionPage};
use crate::sync::error::SyncError;

/// The maximum number of pages of a customer's subscriptions to read.
const PAGES_MAX: usize = 10;

const RETRIEVE: &str = "GET /v1/subscriptions/:id";

/// A request for the subscription that the event is about, with its customer and products.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RetrieveSubscription(pub(crate) SubscriptionId);

/// The response to [`RetrieveSubscription`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SubscriptionResponse {
    /// The subscription.
    Found(Box<Subscription>),
    /// The subscription was skipped because these ids are malformed.
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
            // Without the subscription the plan is unknown, so the sync fails and is retried.
            if !page.unreadable.is_empty() {
                return Err(UnreadableError::SUBSCRIPTION);
            }
            Ok(match page.subscriptions.pop() {
                Some(subscription) => SubscriptionResponse::Found(Box::new(subscription)),
                None => SubscriptionResponse::Skipped(page.skipped),
            })
        };
        let response = stripe_response(RETRIEVE, outcome, parse).map_err(|error| error.about(&self.0))?;
        response.ok_or_else(|| SyncError::unknown(&self.0))
    }
}

/// A request for the subscription that grants the plan according to Clerk's record, if it belongs to none of
/// the customers that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RetrieveRecorded(pub(crate) SubscriptionId);

/// The response to [`RetrieveRecorded`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RecordedResponse {
    /// The subscription.
    Found(Box<Subscription>),
    /// The API key's account does not have the subscription.
    Unknown,
    /// The subscription exists, but its owner or status cannot be parsed.
    Unreadable,
}

impl ApiRequest for RetrieveRecorded {
    type Response = RecordedResponse;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).retrieve_subscription(&self.0)
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<RecordedResponse, SyncError> {
        let response = StripeResponse::from_outcome(outcome, |body| {
            let mut page = SubscriptionPage::of_one(body)?;
            Ok(match (page.unreadable.is_empty(), page.subscriptions.pop()) {
                (false, _) => RecordedResponse::Unreadable,
                (true, Some(found)) => RecordedResponse::Found(Box::new(found)),
                (true, None) => RecordedResponse::Unknown,
            })
        });
        Ok(object_in(RETRIEVE, response.with_other_mode_missing())?.unwrap_or(RecordedResponse::Unknown))
    }
}

/// A request for the customer that the event is about. It only checks that Stripe has the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RetrieveCustomer(pub(crate) CustomerId);

impl ApiRequest for RetrieveCustomer {
    type Response = ();

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).retrieve_customer(&self.0)
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<(), SyncError> {
        let parse = |body: &[u8]| Customer::parse(body).map(|_| ());
        let response = stripe_response("GET /v1/customers/:id", outcome, parse);
        response.map_err(|error| error.about(&self.0))?.ok_or_else(|| SyncError::unknown(&self.0))
    }
}

/// A request for a page of a customer's subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListSubscriptions {
    pub(crate) customer: CustomerId,
    after: Option<SubscriptionId>,
    /// The number of earlier pages.
    page: usize,
    /// Whether a customer of the other mode (test or live) counts as a customer without subscriptions. True
    /// for customers in Clerk's record. If the event names such a customer, the API key is wrong.
    other_mode_is_empty: bool,
}

/// The continuation of a list after one page.
#[derive(Debug)]
pub(crate) enum NextPage {
    /// The page was the last.
    None,
    /// The request for the next page.
    List(ListSubscriptions),
    /// The customer has more subscriptions than Tollgate reads.
    Truncated,
}

impl NextPage {
    /// Returns whether the list has more pages than Tollgate reads.
    pub(crate) fn is_truncated(&self) -> bool {
        matches!(self, NextPage::Truncated)
    }

    /// Returns the request for the next page, if any.
    pub(crate) fn request(self) -> Option<ListSubscriptions> {
        match self {
            NextPage::List(request) => Some(request),
            NextPage::None | NextPage::Truncated => None,
        }
    }
}

impl ListSubscriptions {
    /// Creates the request for the first page.
    pub(crate) fn first(customer: &CustomerId, other_mode_is_empty: bool) -> Self {
        ListSubscriptions { customer: customer.clone(), after: None, page: 0, other_mode_is_empty }
    }

    /// Returns the continuation after this page. `after` is the page's last subscription if there are more.
    pub(crate) fn next(self, after: Option<SubscriptionId>) -> NextPage {
        let page = self.page.saturating_add(1);
        match after {
            None => NextPage::None,
            Some(_) if page >= PAGES_MAX => NextPage::Truncated,
            after => NextPage::List(ListSubscriptions { after, page, ..self }),
        }
    }
}

impl ApiRequest for ListSubscriptions {
    /// The page; empty if Stripe does not have the customer.
    type Response = SubscriptionPage;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).list_subscriptions(&self.customer, self.after.as_ref())
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<SubscriptionPage, SyncError> {
        let response = StripeResponse::from_outcome(outcome, SubscriptionPage::parse);
        let response = if self.other_mode_is_empty { response.with_other_mode_missing() } else { response };
        Ok(object_in("GET /v1/subscriptions", response)?.unwrap_or_default())
    }
}
