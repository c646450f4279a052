//! Reads what the checks need of the accounts at Stripe and Clerk. Decides nothing.

use super::account::{ClerkAccount, ConfiguredObject, Listing, StripeAccount};
use super::document::InspectedDocument;
use super::read_error::ReadError;
use super::request::{InspectionRequest, NeededRead};
use crate::auth::KeySource;
use crate::clerk::instance::{self, Instance};
use crate::http::{Callout, Outcome};
use crate::ids::ProductId;
use crate::machine::CallId;
use crate::sorted::SortedMap;
use crate::stripe::object::UnreadableError;
use crate::stripe::outcome::StripeResponse;
use crate::stripe::portal_configuration::PortalConfiguration;
use crate::stripe::price::Price;
use crate::stripe::product::Product;
use crate::stripe::webhook_endpoint::WebhookEndpoint;
use std::collections::BTreeSet;

/// The maximum number of configured prices, of lookup keys, and of products to read.
const CONFIGURED_MAX: usize = 500;

/// The maximum number of pages to read of a list.
const PAGES_MAX: usize = 10;

/// What was read of the accounts.
#[derive(Debug, Default)]
pub struct Accounts {
    pub(super) stripe: StripeAccount,
    pub(super) clerk: ClerkAccount,
}

impl Accounts {
    /// Returns why no sync can be rehearsed: an API refuses its key.
    pub(super) fn refused_key(&self) -> Option<&ReadError> {
        let errors = [
            self.stripe.permissions.get(&NeededRead::Subscriptions).and_then(|read| read.as_ref().err()),
            self.clerk.instance.as_ref().err(),
        ];
        let is_refused = |error: &&ReadError| {
            matches!(error, ReadError::StripeKeyRefused(_) | ReadError::ClerkKeyRefused(_))
        };
        errors.into_iter().flatten().find(is_refused)
    }
}

/// A reading in progress.
#[derive(Debug, Default)]
pub struct AccountReading {
    accounts: Accounts,
    requests: SortedMap<CallId, InspectionRequest>,
    calls: u32,
}

impl AccountReading {
    /// Creates a reading of what a document refers to. Also returns the callouts to start, in parallel.
    pub fn begin(document: &InspectedDocument) -> (Self, Vec<(CallId, Callout)>) {
        let mut reading = AccountReading::default();
        let mut requests = Vec::new();
        if document.reads_stripe() {
            reading.request_configured(document, &mut requests);
            requests.push(InspectionRequest::SoldPrices { after: None, pages: 0 });
            requests.extend(NeededRead::SYNC.iter().copied().map(InspectionRequest::Permission));
        }
        if document.stripe_webhook.is_some() {
            requests.push(InspectionRequest::WebhookEndpoints { after: None, pages: 0 });
        }
        if let Some(billing) = &document.billing {
            requests.push(InspectionRequest::Portal(billing.portal_configuration.clone()));
            requests.extend(NeededRead::BILLING.iter().copied().map(InspectionRequest::Permission));
        }
        if document.settings().is_some() {
            requests.push(InspectionRequest::Instance);
            if document.gate.is_some() {
                requests.extend([InspectionRequest::Domains, InspectionRequest::InstanceKeys]);
            }
            if let Some(Ok(KeySource::Jwks { .. })) = document.token_keys {
                requests.push(InspectionRequest::TokenKeys);
            }
        }
        let calls = requests.into_iter().filter_map(|request| reading.start(document, request)).collect();
        (reading, calls)
    }

    /// Handles the outcome of a callout. Returns the callouts to start next.
    pub fn handle_outcome(
        &mut self,
        document: &InspectedDocument,
        call: CallId,
        outcome: &Outcome<'_>,
    ) -> Vec<(CallId, Callout)> {
        let next = self.requests.remove(&call).and_then(|request| self.store(request, outcome));
        next.and_then(|request| self.start(document, request)).into_iter().collect()
    }

    /// Returns whether a callout in progress is to Stripe.
    pub fn is_of_stripe(&self, call: CallId) -> bool {
        self.requests.get(&call).is_some_and(InspectionRequest::is_of_stripe)
    }

    /// Returns whether no callout is in progress.
    pub fn is_complete(&self) -> bool {
        self.requests.is_empty()
    }

    /// Returns what was read so far.
    pub fn into_accounts(self) -> Accounts {
        self.accounts
    }

    /// Requests the objects that the document names. Those beyond the maximum are marked as not read.
    fn request_configured(&mut self, document: &InspectedDocument, requests: &mut Vec<InspectionRequest>) {
        let (mut prices, mut keys, mut products) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (_, plan) in document.plans.iter() {
            prices.extend(plan.prices.iter().cloned());
            keys.extend(plan.lookup_keys.iter().cloned());
            products.extend(plan.products.iter().cloned());
        }
        prices.extend(document.not_plans.prices.iter().cloned());
        products.extend(document.not_plans.products.iter().cloned());
        if let Some(billing) = &document.billing {
            prices.extend(billing.purchases.iter().map(|purchase| purchase.price.clone()));
        }
        let stripe = &mut self.accounts.stripe;
        for (index, id) in prices.into_iter().enumerate() {
            stripe.prices.insert(id.clone(), ConfiguredObject::Failed(unread(index)));
            requests.extend((index < CONFIGURED_MAX).then_some(InspectionRequest::Price(id)));
        }
        for (index, key) in keys.into_iter().enumerate() {
            stripe.lookup_keys.insert(key.clone(), ConfiguredObject::Failed(unread(index)));
            requests.extend((index < CONFIGURED_MAX).then_some(InspectionRequest::LookupKey(key)));
        }
        for (index, id) in products.into_iter().enumerate() {
            match ProductId::parse(&id) {
                Ok(product) => {
                    stripe.products.insert(id, ConfiguredObject::Failed(unread(index)));
                    requests.extend((index < CONFIGURED_MAX).then_some(InspectionRequest::Product(product)));
                }
                // No product has such an id.
                Err(_) => drop(stripe.products.insert(id, ConfiguredObject::Missing)),
            }
        }
    }

    fn start(
        &mut self,
        document: &InspectedDocument,
        request: InspectionRequest,
    ) -> Option<(CallId, Callout)> {
        let settings = document.settings()?;
        let keys = document.token_keys.as_ref().and_then(|keys| keys.as_ref().ok());
        let callout = request.callout(&settings.stripe, &settings.clerk, keys)?;
        let call = CallId(self.calls);
        self.calls = self.calls.saturating_add(1);
        self.requests.insert(call, request);
        Some((call, callout))
    }

    /// Stores what a response shows. Returns the request for the next page, if there is one.
    fn store(&mut self, request: InspectionRequest, outcome: &Outcome<'_>) -> Option<InspectionRequest> {
        let Accounts { stripe, clerk } = &mut self.accounts;
        match request {
            InspectionRequest::Price(id) => {
                let found =
                    lookup(StripeResponse::from_outcome(outcome, |body| Price::parse(body).map(Some)));
                stripe.prices.insert(id, found);
            }
            InspectionRequest::LookupKey(key) => {
                let first = |body: &[u8]| Ok(Price::parse_list(body)?.into_iter().next());
                let found = lookup(StripeResponse::from_outcome(outcome, first));
                stripe.lookup_keys.insert(key, found);
            }
            InspectionRequest::Product(id) => {
                let present =
                    |body: &[u8]| Product::parse(body).map(|product| Some(product).filter(|p| !p.deleted));
                let found = lookup(StripeResponse::from_outcome(outcome, present));
                stripe.products.insert(id.as_str().to_owned(), found);
            }
            InspectionRequest::Portal(_) => {
                let parse = |body: &[u8]| match PortalConfiguration::parse_first(body) {
                    Ok(first) => Ok(first),
                    Err(_) => PortalConfiguration::parse(body).map(Some),
                };
                stripe.portal = lookup(StripeResponse::from_outcome(outcome, parse));
            }
            InspectionRequest::Permission(read) => {
                let response = StripeResponse::from_outcome(outcome, |_| Ok(()));
                let permitted = match ReadError::of_stripe(response) {
                    Err(ReadError::Refused(_)) | Ok(_) => Ok(()),
                    Err(error) => Err(error),
                };
                stripe.permissions.insert(read, permitted);
            }
            InspectionRequest::SoldPrices { pages, .. } => {
                let page = page(outcome, Price::parse_page);
                let after = next_page(&mut stripe.sold_prices, page, pages, |price| price.id.clone());
                return after.map(|after| InspectionRequest::SoldPrices {
                    after: Some(after),
                    pages: pages.saturating_add(1),
                });
            }
            InspectionRequest::WebhookEndpoints { pages, .. } => {
                let page = page(outcome, WebhookEndpoint::parse_page);
                let list = &mut stripe.webhook_endpoints;
                let after = next_page(list, page, pages, |endpoint| endpoint.id.clone());
                return after.map(|after| InspectionRequest::WebhookEndpoints {
                    after: Some(after),
                    pages: pages.saturating_add(1),
                });
            }
            InspectionRequest::Instance => clerk.instance = Instance::read(outcome).map_err(ReadError::from),
            InspectionRequest::Domains => clerk.issuers = instance::issuers(outcome).map_err(ReadError::from),
            InspectionRequest::InstanceKeys => {
                clerk.keys = instance::key_set(outcome).map_err(ReadError::from);
            }
            InspectionRequest::TokenKeys => {
                clerk.token_keys = instance::key_set(outcome).map_err(ReadError::from);
            }
        }
        None
    }
}

/// Returns why the configured object with this index is not read yet, or never will be.
fn unread(index: usize) -> ReadError {
    if index < CONFIGURED_MAX { ReadError::NotRead } else { ReadError::TooMany }
}

/// Returns what a response says about an object.
fn lookup<T>(response: StripeResponse<Option<T>>) -> ConfiguredObject<T> {
    if let StripeResponse::Unauthorized(error) = &response
        && error.code == "resource_missing"
    {
        return ConfiguredObject::OtherMode;
    }
    match ReadError::of_stripe(response) {
        Ok(Some(Some(object))) => ConfiguredObject::Found(object),
        Ok(Some(None) | None) => ConfiguredObject::Missing,
        Err(error) => ConfiguredObject::Failed(error),
    }
}

/// The objects of a page, and whether there are more.
type Page<T> = Result<(Vec<T>, bool), ReadError>;

/// Parses a page.
type ParsePage<T> = fn(&[u8]) -> Result<(Vec<T>, bool), UnreadableError>;

fn page<T>(outcome: &Outcome<'_>, parse: ParsePage<T>) -> Page<T> {
    let page = ReadError::of_stripe(StripeResponse::from_outcome(outcome, parse))?;
    page.ok_or_else(|| ReadError::Refused("Stripe does not have the list".to_owned()))
}

/// Adds a page to a list. Returns the id after which the next page starts, if it is to be read.
fn next_page<T>(
    list: &mut Result<Listing<T>, ReadError>,
    page: Page<T>,
    pages_before: usize,
    id: impl Fn(&T) -> String,
) -> Option<String> {
    let (objects, has_more) = match page {
        Ok(page) => page,
        Err(error) => {
            *list = Err(error);
            return None;
        }
    };
    let after = objects.last().map(id).filter(|_| has_more);
    let mut so_far = std::mem::replace(list, Err(ReadError::NotRead)).unwrap_or_default();
    so_far.objects.extend(objects);
    let is_last = pages_before.saturating_add(1) >= PAGES_MAX;
    so_far.cut = is_last && after.is_some();
    *list = Ok(so_far);
    after.filter(|_| !is_last)
}
