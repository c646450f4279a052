//! The prices at which plans and purchases are sold, as read from Stripe. They are the same for all callers,
//! so a worker thread reads them once for all of its requests.
//!
//! ```text
//! empty or older than 5 minutes ──▶ one request to Stripe for each price and lookup key ──▶ fresh
//!                                     └ one fails: the last good response is used for a day, with an alarm
//! ```

use crate::alarm::{Alarm, AlarmCode};
use crate::config::Purchase;
use crate::http::{Callout, Outcome};
use crate::log_limit::TextLogLimit;
use crate::machine::InquiryId;
use crate::plan_table::{PlanTable, Rank};
use crate::report::Report;
use crate::sorted::SortedMap;
use crate::stripe::api::StripeApi;
use crate::stripe::object::UnreadableError;
use crate::stripe::outcome::StripeResponse;
use crate::stripe::price::{Price, Recurring};
use crate::sync::{self, SyncError};
use crate::time::Micros;
use crate::upstream::Upstream;
use std::rc::Rc;
use std::time::Duration;

/// The duration for which a response of Stripe is used before the price is read again.
const FRESH_FOR: Duration = Duration::from_secs(5 * 60);

/// The duration for which the last good response is used if Stripe does not respond.
const USABLE_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The minimum time between two attempts after one has failed.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// The maximum number of queries.
const QUERIES_MAX: usize = 2_048;

/// A price at which a plan is sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlanPrice {
    /// The price's id.
    pub(super) id: String,
    /// `day`, `week`, `month` or `year`.
    pub(super) interval: String,
    /// The number of intervals between renewals.
    pub(super) interval_count: u64,
    /// The amount for one unit, in the currency's smallest unit; `None` for tiered and fractional prices.
    pub(super) amount: Option<u64>,
    /// The three-letter currency code, in lower case.
    pub(super) currency: String,
    /// Whether the quantity is the metered usage, so that the buyer chooses none.
    pub(super) is_metered: bool,
}

impl PlanPrice {
    /// Copies the terms of a recurring price.
    pub(super) fn new(price: &Price, recurring: &Recurring) -> Self {
        PlanPrice {
            id: price.id.clone(),
            interval: recurring.interval.clone(),
            interval_count: recurring.interval_count,
            amount: price.terms.unit_amount,
            currency: price.terms.currency.clone(),
            is_metered: recurring.is_metered,
        }
    }
}

/// The prices of everything that is sold.
#[derive(Debug, Default)]
pub(super) struct PriceList {
    plans: SortedMap<Rank, Vec<PlanPrice>>,
    /// The price ids of the purchases that can be bought now, by name.
    purchases: SortedMap<String, String>,
}

impl PriceList {
    /// Returns the prices of a plan, in the order of the configuration's ids and lookup keys.
    pub(super) fn of_plan(&self, plan: Rank) -> &[PlanPrice] {
        self.plans.get(&plan).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the price's id of a purchase, if it can be bought now.
    pub(super) fn of_purchase(&self, name: &str) -> Option<&str> {
        self.purchases.get(name).map(String::as_str)
    }

    /// Returns the plan and the terms of the price with this id.
    pub(super) fn find(&self, id: &str) -> Option<(Rank, &PlanPrice)> {
        let all = self.plans.iter().flat_map(|(rank, prices)| prices.iter().map(move |price| (*rank, price)));
        all.into_iter().find(|(_, price)| price.id == id)
    }
}

/// A request to Stripe for a price.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PriceQuery {
    /// The price with this id.
    Id(String),
    /// The active price with this lookup key.
    LookupKey(String),
}

/// The item that is sold at the price that a query finds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sold {
    Plan(Rank),
    Purchase(String),
}

/// A query and its last good response.
#[derive(Debug)]
struct Entry {
    query: PriceQuery,
    sold: Sold,
    read_at: Option<Micros>,
    /// The price; `None` if Stripe does not have it, or has archived it.
    price: Option<Price>,
    in_progress: Option<InquiryId>,
}

/// One worker thread's cache of the prices.
#[derive(Debug)]
pub(super) struct PriceBook {
    stripe: Upstream,
    entries: Vec<Entry>,
    list: Option<Rc<PriceList>>,
    /// The time of the last failure; `None` after a success. After a failure, one query is tried at a time.
    failed_at: Option<Micros>,
    logged: TextLogLimit,
}

/// The next step toward the prices.
#[derive(Debug)]
pub(super) enum PriceStep {
    /// The prices can be used.
    Ready(Rc<PriceList>),
    /// A request to Stripe for all requests of the worker. The caller starts the inquiry and passes its id to
    /// [`PriceBook::started`] with this index.
    Start(usize, Callout),
    /// The request waits until this inquiry ends.
    Await(InquiryId),
    /// The prices could not be read.
    Unavailable,
}

impl PriceBook {
    /// Creates an empty cache.
    pub(super) fn new(plans: &PlanTable, purchases: &[Purchase], stripe: Upstream) -> Self {
        let mut queries = Vec::new();
        for (rank, plan) in plans.iter() {
            let ids = plan.prices.iter().cloned().map(PriceQuery::Id);
            let keys = plan.lookup_keys.iter().cloned().map(PriceQuery::LookupKey);
            queries.extend(ids.chain(keys).map(|query| (query, Sold::Plan(rank))));
        }
        let purchase = |purchase: &Purchase| {
            (PriceQuery::Id(purchase.price.clone()), Sold::Purchase(purchase.name.clone()))
        };
        queries.extend(purchases.iter().map(purchase));
        let entry = |(query, sold)| Entry { query, sold, read_at: None, price: None, in_progress: None };
        PriceBook {
            stripe,
            entries: queries.into_iter().take(QUERIES_MAX).map(entry).collect(),
            list: None,
            failed_at: None,
            logged: TextLogLimit::default(),
        }
    }

    /// Returns the next step toward the prices.
    pub(super) fn step(&mut self, now: Micros) -> PriceStep {
        let is_fresh = |entry: &Entry| entry.read_at.is_some_and(|at| at.is_within(FRESH_FOR, now));
        let is_idle = self.entries.iter().all(|entry| entry.in_progress.is_none());
        let may_try = self.failed_at.is_none_or(|at| is_idle && !at.is_within(RETRY_AFTER, now));
        let is_due = |entry: &Entry| !is_fresh(entry) && entry.in_progress.is_none();
        if let Some(index) = self.entries.iter().position(is_due).filter(|_| may_try)
            && let Some(entry) = self.entries.get(index)
        {
            let stripe = StripeApi::new(&self.stripe);
            let callout = match &entry.query {
                PriceQuery::Id(id) => stripe.retrieve_price(id),
                PriceQuery::LookupKey(key) => stripe.list_prices(key),
            };
            return PriceStep::Start(index, callout);
        }
        if let Some(inquiry) = self.entries.iter().find_map(|entry| entry.in_progress) {
            return PriceStep::Await(inquiry);
        }
        let is_usable = |entry: &Entry| entry.read_at.is_some_and(|at| at.is_within(USABLE_FOR, now));
        if !self.entries.iter().all(is_usable) {
            return PriceStep::Unavailable;
        }
        PriceStep::Ready(Rc::clone(self.list.get_or_insert_with(|| Rc::new(list(&self.entries)))))
    }

    /// Records that a query is in progress.
    pub(super) fn started(&mut self, index: usize, inquiry: InquiryId) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.in_progress = Some(inquiry);
        }
    }

    /// Handles the outcome of a query.
    pub(super) fn handle_outcome(
        &mut self,
        inquiry: InquiryId,
        outcome: &Outcome<'_>,
        now: Micros,
    ) -> Vec<Report> {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.in_progress == Some(inquiry)) else {
            return Vec::new();
        };
        entry.in_progress = None;
        let (endpoint, response) = match entry.query {
            PriceQuery::Id(_) => (
                "GET /v1/prices/:id",
                StripeResponse::from_outcome(outcome, |body| Price::parse(body).map(Some)),
            ),
            PriceQuery::LookupKey(_) => {
                ("GET /v1/prices", StripeResponse::from_outcome(outcome, first_of_list))
            }
        };
        // A price of Stripe's other mode (test or live) cannot be sold, so it counts as missing.
        match sync::object_in(endpoint, response.with_other_mode_missing()) {
            Ok(found) => {
                let found = found.flatten().filter(|price| price.terms.active);
                let sellable = found.filter(|price| price.terms.recurring.is_some() == entry.sold.renews());
                let changed = sellable != entry.price || entry.read_at.is_none();
                let is_missing = sellable.is_none();
                (entry.price, entry.read_at, self.failed_at) = (sellable, Some(now), None);
                if changed {
                    self.list = None;
                }
                let is_due = is_missing && self.logged.due(&entry.query.to_string(), now).is_some();
                is_due.then(|| price_unavailable(&entry.query)).into_iter().collect()
            }
            Err(error) => {
                self.failed_at = Some(now);
                let is_due = self.logged.due(error.alarm_code().as_str(), now).is_some();
                is_due.then(|| stale_prices(entry, &error, &self.stripe)).into_iter().collect()
            }
        }
    }
}

impl Sold {
    /// Returns whether it is sold at a recurring price.
    fn renews(&self) -> bool {
        matches!(self, Sold::Plan(_))
    }
}

impl std::fmt::Display for PriceQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PriceQuery::Id(id) => write!(f, "price {id}"),
            PriceQuery::LookupKey(key) => write!(f, "lookup key {key}"),
        }
    }
}

fn first_of_list(body: &[u8]) -> Result<Option<Price>, UnreadableError> {
    Ok(Price::parse_list(body)?.into_iter().next())
}

/// Returns the prices of the entries that can be sold.
fn list(entries: &[Entry]) -> PriceList {
    let mut list = PriceList::default();
    for entry in entries {
        let Some(price) = &entry.price else { continue };
        match (&entry.sold, &price.terms.recurring) {
            (Sold::Plan(rank), Some(recurring)) => {
                let price = PlanPrice::new(price, recurring);
                let mut prices = list.plans.remove(rank).unwrap_or_default();
                // The configuration may name a price by its id and by its lookup key.
                if !prices.contains(&price) {
                    prices.push(price);
                }
                list.plans.insert(*rank, prices);
            }
            (Sold::Purchase(name), None) => {
                list.purchases.insert(name.clone(), price.id.clone());
            }
            _ => {}
        }
    }
    list
}

fn price_unavailable(query: &PriceQuery) -> Report {
    let cause = format!("Stripe has no active {query} that can be sold as configured");
    let cure = "correct `plans` or `billing.purchases`, or activate the price at Stripe";
    about(Alarm::warning(AlarmCode::PriceUnavailable, cause, cure), query)
}

fn stale_prices(entry: &Entry, error: &SyncError, stripe: &Upstream) -> Report {
    let consequence = match entry.read_at {
        Some(_) => "so the last response is used, for at most a day",
        None => "so requests that need it are refused",
    };
    let cause = format!("{} could not be read, {consequence}: {error}", entry.query);
    about(Alarm::warning(AlarmCode::PricesStale, cause, error.cure(stripe)), &entry.query)
}

/// Returns the alarm with the price as its object, if its id is known.
fn about(alarm: Alarm, query: &PriceQuery) -> Report {
    match query {
        PriceQuery::Id(id) => alarm.object(id).into(),
        PriceQuery::LookupKey(_) => alarm.into(),
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
