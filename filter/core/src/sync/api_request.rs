//! What a sync asks of Stripe and Clerk, and what the answers mean to it.

use super::error::{Service, SyncError};
use super::ownership::NoteChange;
use super::state::SyncState;
use crate::clerk::api::{self, ApiError, BackendApi};
use crate::clerk::metadata::Record;
use crate::http::{Callout, Outcome};
use crate::ids::{CustomerId, ProductId, Subject, SubscriptionId, SubscriptionItemId};
use crate::stripe::api::StripeApi;
use crate::stripe::checkout_session::SessionList;
use crate::stripe::customer::Customer;
use crate::stripe::invoice::OpenInvoices;
use crate::stripe::object::{Metadata, Unreadable};
use crate::stripe::outcome;
use crate::stripe::product::Product;
use crate::stripe::subscription::{ItemsPage, Page, Subscription};
use serde_json::Value;

/// A request to Stripe or Clerk.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ask {
    /// The subscription that the event is about, with its customer and products.
    Subscription(SubscriptionId),
    /// The customer that the event is about.
    Customer(CustomerId),
    /// A page of a customer's subscriptions.
    Subscriptions {
        customer: CustomerId,
        after: Option<SubscriptionId>,
        /// How many pages came before.
        page: usize,
        /// An id that the API key's mode does not have counts as a customer without subscriptions. Only for customers
        /// that stand in Clerk's record: of those that the event names it means that the key is wrong.
        other_mode_is_empty: bool,
    },
    /// The subscription that Clerk's record says grants the plan, where it is of none of the customers that were read.
    Recorded(SubscriptionId),
    /// A page of a subscription's items.
    Items {
        subscription: SubscriptionId,
        after: Option<SubscriptionItemId>,
        /// How many pages came before.
        page: usize,
    },
    /// The Checkout Sessions that made a subscription.
    Sessions(SubscriptionId),
    /// A product, for its metadata.
    Product(ProductId),
    /// What is owed for a subscription.
    OpenInvoices(SubscriptionId),
    /// Notes on a subscription what its Checkout Session says.
    Note(SubscriptionId, NoteChange),
    /// Clerk's record of a subject.
    Record(Subject),
    /// A change of that record.
    Write(Subject, Value),
}

/// An answer to an [`Ask`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// The subscription.
    Subscription(Box<Subscription>),
    /// The customer is there, or was.
    Customer,
    /// A page. One without subscriptions if Stripe does not have the customer.
    Subscriptions(Page),
    /// The recorded subscription; `None` if it is not known to this API key.
    Recorded(Option<Box<Subscription>>),
    /// The recorded subscription is there, and it cannot be read whose it is or where it stands.
    RecordedUnreadable,
    /// A page of items; `None` if Stripe does not have the subscription any more.
    Items(Option<ItemsPage>),
    /// The sessions.
    Sessions(SessionList),
    /// The product's metadata; `None` if Stripe does not have it any more, or shows it so that it cannot be read.
    Product(Option<Metadata>),
    /// What is owed.
    OpenInvoices(OpenInvoices),
    /// Stripe does not let the API key read the sessions. Others may say whose the subscription is.
    SessionsRefused(SyncError),
    /// What came of a note.
    Noted(NoteOutcome),
    /// The record, as it is after a change if there was one; `None` if Clerk does not have the subject.
    Record(Option<Box<Record>>),
}

/// What came of a note. Whatever it is, the sync goes on: a note only saves a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoteOutcome {
    /// It is noted.
    Written,
    /// Stripe refused it, in these words: it will again, until somebody acts.
    Refused(String),
    /// It failed; the next sync tries again.
    Failed,
}

const OTHER_ACCOUNT: SyncError = SyncError::Credentials { service: Service::Stripe };

impl Ask {
    /// Whether it is to change anything.
    pub(crate) fn changes_something(&self) -> bool {
        matches!(self, Ask::Write(..) | Ask::Note(..))
    }

    /// The callout, with the time that the configuration gives it. `occasion` tells this delivery from all others.
    pub(crate) fn callout(&self, state: &SyncState, occasion: &str) -> Callout {
        let stripe = StripeApi::new(&state.settings.stripe);
        let clerk = BackendApi::new(&state.settings.clerk);
        match self {
            Ask::Subscription(id) | Ask::Recorded(id) => stripe.retrieve_subscription(id),
            Ask::Items { subscription, after, .. } => {
                stripe.list_subscription_items(subscription, after.as_ref())
            }
            Ask::Customer(id) => stripe.retrieve_customer(id),
            Ask::Subscriptions { customer, after, .. } => stripe.list_subscriptions(customer, after.as_ref()),
            Ask::Sessions(subscription) => stripe.list_checkout_sessions(subscription),
            Ask::Product(id) => stripe.retrieve_product(id),
            Ask::OpenInvoices(subscription) => stripe.list_open_invoices(subscription),
            Ask::Note(id, change) => stripe.update_subscription_metadata(id, &change.pairs(), occasion),
            Ask::Record(subject) => clerk.read(subject),
            Ask::Write(subject, patch) => clerk.write(subject, patch),
        }
    }

    /// What is asked, as Stripe's reference names it.
    fn endpoint(&self) -> &'static str {
        match self {
            Ask::Subscription(_) | Ask::Recorded(_) => "GET /v1/subscriptions/:id",
            Ask::Items { .. } => "GET /v1/subscription_items",
            Ask::Customer(_) => "GET /v1/customers/:id",
            Ask::Subscriptions { .. } => "GET /v1/subscriptions",
            Ask::Sessions(_) => "GET /v1/checkout/sessions",
            Ask::Product(_) => "GET /v1/products/:id",
            Ask::OpenInvoices(_) => "GET /v1/invoices",
            Ask::Note(..) => "POST /v1/subscriptions/:id",
            Ask::Record(_) | Ask::Write(..) => "Clerk",
        }
    }

    /// What the outcome of the callout means.
    pub(crate) fn read(&self, state: &SyncState, outcome: &Outcome<'_>) -> Result<Told, SyncError> {
        match self {
            // Stripe forgets neither: who does not have what the event is about is another account, of which nothing
            // may be concluded.
            Ask::Subscription(_) => {
                let parse: Parse = |body| {
                    let mut page = Page::of_one(body)?;
                    // Nothing can be concluded without it: it is waited for.
                    if !page.unreadable.is_empty() {
                        return Err(Unreadable::SUBSCRIPTION);
                    }
                    Ok(match page.subscriptions.pop() {
                        Some(subscription) => Told::Subscription(Box::new(subscription)),
                        None => Told::Subscriptions(page),
                    })
                };
                stripe_says(self, outcome, parse)?.ok_or(OTHER_ACCOUNT)
            }
            Ask::Customer(_) => {
                stripe_says(self, outcome, |body| Customer::parse(body).map(|_| Told::Customer))?
                    .ok_or(OTHER_ACCOUNT)
            }
            Ask::Subscriptions { other_mode_is_empty, .. } => {
                let parse: Parse = |body| Page::parse(body).map(Told::Subscriptions);
                let answer = outcome::Answer::of(outcome, parse);
                let answer = if *other_mode_is_empty { answer.or_of_other_mode() } else { answer };
                Ok(found(self.endpoint(), answer)?.unwrap_or(Told::Subscriptions(Page::default())))
            }
            Ask::Recorded(_) => {
                let parse: Parse = |body| {
                    let mut page = Page::of_one(body)?;
                    Ok(match page.unreadable.is_empty() {
                        true => Told::Recorded(page.subscriptions.pop().map(Box::new)),
                        false => Told::RecordedUnreadable,
                    })
                };
                let answer = outcome::Answer::of(outcome, parse).or_of_other_mode();
                Ok(found(self.endpoint(), answer)?.unwrap_or(Told::Recorded(None)))
            }
            Ask::Items { .. } => {
                let items = stripe_says(self, outcome, |body| {
                    ItemsPage::parse(body).map(|page| Told::Items(Some(page)))
                })?;
                Ok(items.unwrap_or(Told::Items(None)))
            }
            Ask::Sessions(_) => {
                let parse = |body: &[u8]| SessionList::parse(body).map(Told::Sessions);
                match stripe_says(self, outcome, parse) {
                    Err(refused) if refused.is_refusal() => Ok(Told::SessionsRefused(refused)),
                    sessions => Ok(sessions?.unwrap_or(Told::Sessions(SessionList::default()))),
                }
            }
            Ask::Product(_) => {
                let parse = |body: &[u8]| Product::parse_metadata(body).map(Told::Product);
                Ok(stripe_says(self, outcome, parse)?.unwrap_or(Told::Product(None)))
            }
            Ask::OpenInvoices(_) => {
                let invoices =
                    stripe_says(self, outcome, |body| OpenInvoices::parse(body).map(Told::OpenInvoices))?;
                Ok(invoices.unwrap_or(Told::OpenInvoices(OpenInvoices::default())))
            }
            Ask::Note(..) => Ok(Told::Noted(NoteOutcome::of(self.endpoint(), outcome))),
            Ask::Record(subject) | Ask::Write(subject, _) => {
                match api::record(outcome, subject, &state.settings.plan_key) {
                    Ok(record) => Ok(Told::Record(Some(Box::new(record)))),
                    Err(ApiError::Gone) => Ok(Told::Record(None)),
                    Err(error) => Err(SyncError::of_clerk(&error)),
                }
            }
        }
    }
}

impl NoteOutcome {
    fn of(endpoint: &'static str, outcome: &Outcome<'_>) -> Self {
        match found(endpoint, outcome::Answer::of(outcome, |_| Ok(()))) {
            // A subscription that is no more needs no note.
            Ok(_) => NoteOutcome::Written,
            Err(error) if error.is_refusal() => NoteOutcome::Refused(error.to_string()),
            Err(_) => NoteOutcome::Failed,
        }
    }
}

/// How a body is read. One type for all, for each would make another copy of what judges an answer.
type Parse = fn(&[u8]) -> Result<Told, Unreadable>;

/// What Stripe's answer says; `None` where it says that there is no such thing.
fn stripe_says(ask: &Ask, outcome: &Outcome<'_>, parse: Parse) -> Result<Option<Told>, SyncError> {
    found(ask.endpoint(), outcome::Answer::of(outcome, parse))
}

/// What the answer of that endpoint says; `None` where it says that there is no such thing.
pub(crate) fn found<T>(endpoint: &'static str, answer: outcome::Answer<T>) -> Result<Option<T>, SyncError> {
    match answer {
        outcome::Answer::Done(found) => Ok(Some(found)),
        outcome::Answer::Missing => Ok(None),
        outcome::Answer::Unauthorized(_) => Err(SyncError::Credentials { service: Service::Stripe }),
        outcome::Answer::Forbidden(missing) => {
            Err(SyncError::Forbidden { endpoint, missing: Box::new(missing) })
        }
        outcome::Answer::Transient(error) => {
            Err(SyncError::Transient { service: Service::Stripe, why: error.to_string() })
        }
        outcome::Answer::Refused(error) => {
            Err(SyncError::Refused { service: Service::Stripe, why: error.to_string() })
        }
    }
}
