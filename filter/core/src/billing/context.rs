//! The context of an endpoint: its subject, the configuration, and calls to Stripe and Clerk.

use super::code::BillingCode;
use super::effects::{Effect, EffectResult, Effects, OwnedOutcome};
use super::error::BillingError;
use super::metrics;
use super::prices::PriceList;
use super::views::ViewCache;
use crate::clerk::api::{self, BackendApi};
use crate::clerk::metadata::Record;
use crate::config::BillingSettings;
use crate::http::Callout;
use crate::ids::{CustomerId, Subject};
use crate::machine::Version;
use crate::plan_table::{PlanTable, Rank};
use crate::report::{Level, Report};
use crate::sorted::SortedSet;
use crate::stripe::api::StripeApi;
use crate::stripe::customer::Customer;
use crate::stripe::object::UnreadableError;
use crate::stripe::outcome::{StripeApiError, StripeResponse};
use crate::stripe::write::{IdempotencyKey, is_replayed};
use crate::sync::{self, Service, SubjectAccount, SyncError, Trigger};
use crate::time::Micros;
use serde::Serialize;
use std::rc::Rc;
use std::time::Duration;

/// The maximum number of idempotency keys that one write tries.
pub(super) const KEYS_MAX: u32 = 8;

/// The maximum number of times that a write is sent if Stripe is still performing another one with the same
/// key.
const IN_USE_TRIES_MAX: u32 = 8;

/// The minimum timeout of a write, which is long because Stripe charges a card before it responds.
const WRITE_TIMEOUT_MIN: Duration = Duration::from_secs(8);

/// Returns the callout with a timeout of at least [`WRITE_TIMEOUT_MIN`].
fn with_write_timeout(callout: Callout) -> Callout {
    Callout { timeout: callout.timeout.max(WRITE_TIMEOUT_MIN), ..callout }
}

/// The data that all endpoints of a worker share.
#[derive(Debug)]
pub(super) struct BillingShared {
    pub(super) settings: BillingSettings,
    pub(super) plans: PlanTable,
    /// The namespace of keys in shared data.
    pub(super) namespace: String,
    pub(super) views: ViewCache,
}

/// The context of an endpoint: its subject, the configuration, and its access to effects.
#[derive(Clone)]
pub(super) struct BillingContext {
    pub(super) effects: Effects,
    pub(super) shared: Rc<BillingShared>,
    pub(super) subject: Subject,
}

/// An action that the audit logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BillingAction {
    CheckoutStarted,
    PurchaseStarted,
    PortalOpened,
    CancelRequested,
    Resumed,
    ChangeRequested,
}

impl BillingAction {
    /// Returns the action's name in the log.
    const fn as_str(self) -> &'static str {
        match self {
            BillingAction::CheckoutStarted => "checkout_started",
            BillingAction::PurchaseStarted => "purchase_started",
            BillingAction::PortalOpened => "portal_opened",
            BillingAction::CancelRequested => "cancel_requested",
            BillingAction::Resumed => "resumed",
            BillingAction::ChangeRequested => "change_requested",
        }
    }
}

impl BillingContext {
    /// Returns the time.
    pub(super) fn now(&self) -> Micros {
        self.effects.now()
    }

    /// Returns the configuration.
    pub(super) fn settings(&self) -> &BillingSettings {
        &self.shared.settings
    }

    /// Returns Stripe's API.
    pub(super) fn stripe(&self) -> StripeApi<'_> {
        StripeApi::new(&self.shared.settings.sync.stripe)
    }

    /// Returns the name of a plan.
    pub(super) fn plan_name(&self, plan: Rank) -> &str {
        &self.shared.plans.get(plan).name
    }

    /// Returns the metadata key under which the subject is written.
    pub(super) fn subject_key(&self) -> &str {
        let keys = &self.shared.settings.sync.subject_keys;
        let keys = match &self.subject {
            Subject::User(_) => &keys.user,
            Subject::Organization(_) => &keys.organization,
        };
        keys.first().map(String::as_str).unwrap_or_default()
    }

    /// Logs an action of the subject. `object` is the id of what it created or changed at Stripe.
    pub(super) fn audit(&self, action: BillingAction, plan: Option<&str>, object: Option<&str>) {
        #[derive(Serialize)]
        struct Line<'a> {
            audit: &'static str,
            subject: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            plan: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            object: Option<&'a str>,
        }
        let line = Line { audit: action.as_str(), subject: self.subject.as_str(), plan, object };
        self.effects.report(Report::json(Level::Info, &line));
    }

    /// Reads the subject's current account from Clerk and Stripe. It includes the customers in Clerk's record
    /// and those in `customers`.
    ///
    /// # Errors
    /// [`BillingError::SubjectMissing`] if Clerk does not have the subject, and the error of a read that failed.
    pub(super) async fn account(
        &self,
        customers: SortedSet<CustomerId>,
    ) -> Result<Box<SubjectAccount>, BillingError> {
        let trigger = Trigger::for_subject("billing", self.subject.clone(), customers);
        let trigger = Box::new(Trigger { reads_only: true, ..trigger });
        match self.effects.perform(Effect::ReadAccount(trigger)).await {
            EffectResult::Account(Ok(Some(account))) => Ok(account),
            EffectResult::Account(Ok(None)) => Err(BillingError::SubjectMissing),
            EffectResult::Account(Err(error)) => Err(self.count_failure(error)),
            _ => Err(BillingError::Internal),
        }
    }

    /// Updates Clerk's record from Stripe, as an event would. Returns whether that succeeded; if not,
    /// Stripe's event of the same change updates it.
    pub(super) async fn sync(&self, reason: &str, customers: SortedSet<CustomerId>) -> bool {
        let trigger = Box::new(Trigger::for_subject(reason, self.subject.clone(), customers));
        matches!(self.effects.perform(Effect::Sync(trigger)).await, EffectResult::Synced(true))
    }

    /// Returns the prices.
    ///
    /// # Errors
    /// [`BillingError::PricesUnavailable`].
    pub(super) async fn prices(&self) -> Result<Rc<PriceList>, BillingError> {
        prices(&self.effects).await
    }

    /// Reads a value that all workers of the process share.
    pub(super) async fn load(&self, key: &str) -> (Option<Vec<u8>>, Version) {
        match self.effects.perform(Effect::Load(key.to_owned())).await {
            EffectResult::Loaded(value, version) => (value, version),
            _ => (None, Version::ABSENT),
        }
    }

    /// Writes a value that all workers of the process share, unless it was changed since it was loaded.
    /// Returns whether it was written.
    pub(super) async fn swap(&self, key: &str, value: Vec<u8>, version: Version) -> bool {
        let effect = Effect::Swap { key: key.to_owned(), value, version };
        matches!(self.effects.perform(effect).await, EffectResult::Swapped(true))
    }

    /// Writes the metadata of the subject in Clerk.
    ///
    /// # Errors
    /// [`BillingError::Service`] if Clerk did not confirm it.
    pub(super) async fn write_record(&self, patch: &serde_json::Value) -> Result<(), BillingError> {
        let clerk = BackendApi::new(&self.shared.settings.sync.clerk);
        self.record(clerk.write(&self.subject, patch)).await.map(drop)
    }

    /// Reads the metadata of the subject in Clerk.
    ///
    /// # Errors
    /// [`BillingError::Service`] if Clerk did not return it.
    pub(super) async fn read_record(&self) -> Result<Record, BillingError> {
        self.record(BackendApi::new(&self.shared.settings.sync.clerk).read(&self.subject)).await
    }

    async fn record(&self, callout: Callout) -> Result<Record, BillingError> {
        let outcome = self.call(callout).await;
        let plan_key = &self.shared.settings.sync.plan_key;
        let record = api::record(&outcome.as_outcome(), &self.subject, plan_key);
        record.map_err(|error| self.count_failure(SyncError::from_clerk(&error)))
    }

    /// Reads an object from Stripe; `None` if Stripe does not have it.
    ///
    /// # Errors
    /// [`BillingError::Service`] if Stripe did not return it.
    pub(super) async fn read<T>(
        &self,
        endpoint: &'static str,
        callout: Callout,
        parse: fn(&[u8]) -> Result<T, UnreadableError>,
    ) -> Result<Option<T>, BillingError> {
        let outcome = self.call(callout).await;
        let response = StripeResponse::from_outcome(&outcome.as_outcome(), parse).with_other_mode_missing();
        sync::object_in(endpoint, response).map_err(|error| self.count_failure(error))
    }

    /// Reads a customer that Clerk's record names; `None` if Stripe does not have it. A customer of Stripe's
    /// other mode (test or live) is an error: the API key is wrong, and a paying subject would look unpaid.
    ///
    /// # Errors
    /// [`BillingError::Service`] if Stripe did not return it.
    pub(super) async fn read_customer(&self, id: &CustomerId) -> Result<Option<Customer>, BillingError> {
        let outcome = self.call(self.stripe().retrieve_customer(id)).await;
        let response = StripeResponse::from_outcome(&outcome.as_outcome(), Customer::parse);
        sync::object_in("GET /v1/customers/:id", response).map_err(|error| self.count_failure(error))
    }

    /// Sends a write that sets a state, so that repeating it changes nothing.
    ///
    /// # Errors
    /// The errors of [`Self::written_object`].
    pub(super) async fn send<T>(
        &self,
        endpoint: &'static str,
        callout: Callout,
        parse: fn(&[u8]) -> Result<T, UnreadableError>,
    ) -> Result<T, BillingError> {
        let outcome = self.call(with_write_timeout(callout)).await;
        self.written_object(endpoint, StripeResponse::from_outcome(&outcome.as_outcome(), parse))
    }

    /// Performs a write that must happen once. `parts` identify it: every parameter, and the state that was
    /// just read, so that requests that read the same state have the same idempotency key.
    ///
    /// If the state changes and returns within a day, Stripe replays its earlier response. `still_holds`
    /// returns whether the object in such a response is still current; if not, the next idempotency key is
    /// used.
    ///
    /// # Errors
    /// The errors of [`Self::written_object`] and of `still_holds`.
    pub(super) async fn create<T>(
        &self,
        endpoint: &'static str,
        parts: &[&str],
        callout: impl Fn(&IdempotencyKey) -> Callout,
        parse: fn(&[u8]) -> Result<T, UnreadableError>,
        still_holds: impl AsyncFn(&T) -> Result<bool, BillingError>,
    ) -> Result<T, BillingError> {
        for attempt in 0..KEYS_MAX {
            let outcome = self.create_once(endpoint, parts, attempt, &callout).await;
            let is_last = attempt.saturating_add(1) == KEYS_MAX;
            if replays_failure(&outcome) && !is_last {
                continue;
            }
            let created =
                self.written_object(endpoint, StripeResponse::from_outcome(&outcome.as_outcome(), parse))?;
            if !is_replayed(&outcome.as_outcome()) || still_holds(&created).await? {
                return Ok(created);
            }
        }
        Err(BillingError::transient("Stripe replays earlier responses that no longer hold"))
    }

    /// Performs a write that must happen once with the idempotency key of this attempt. If a request with the
    /// same key is in progress, repeats the write.
    pub(super) async fn create_once(
        &self,
        endpoint: &'static str,
        parts: &[&str],
        attempt: u32,
        callout: &impl Fn(&IdempotencyKey) -> Callout,
    ) -> OwnedOutcome {
        let attempt = attempt.to_string();
        let mut all = vec![endpoint, self.subject.as_str(), attempt.as_str()];
        all.extend(parts);
        let key = IdempotencyKey::new(&all);
        let mut tries = 1_u32;
        loop {
            let outcome = self.call(with_write_timeout(callout(&key))).await;
            if !is_in_use(&outcome) || tries >= IN_USE_TRIES_MAX {
                return outcome;
            }
            tries = tries.saturating_add(1);
        }
    }

    /// Returns the object in the response to a write.
    ///
    /// # Errors
    /// [`BillingError::PaymentFailed`] and [`BillingError::PaymentActionRequired`] if a card could not be charged,
    /// [`BillingError::ObjectMissing`] if Stripe does not have the object, and [`BillingError::Service`] for other
    /// errors.
    pub(super) fn written_object<T>(
        &self,
        endpoint: &'static str,
        response: StripeResponse<T>,
    ) -> Result<T, BillingError> {
        if let StripeResponse::Refused(error) = &response
            && let Some(error) = card_error(error)
        {
            return Err(error);
        }
        match sync::object_in(endpoint, response) {
            Ok(Some(object)) => Ok(object),
            // The object was just read, but no longer exists.
            Ok(None) => {
                let why = format!("{endpoint}: Stripe does not have the object");
                Err(BillingError::ObjectMissing(SyncError::Refused { service: Service::Stripe, why }))
            }
            Err(error) => Err(self.count_failure(error)),
        }
    }

    /// Performs a callout.
    pub(super) async fn call(&self, callout: Callout) -> OwnedOutcome {
        match self.effects.perform(Effect::Call(vec![callout])).await {
            EffectResult::Outcomes(outcomes) => outcomes.into_iter().next(),
            _ => None,
        }
        .unwrap_or(OwnedOutcome::Failed(crate::http::Outcome::Reset))
    }

    /// Raises the alarm about a failure that the response does not show, if the API key is the cause. Other
    /// failures are only counted.
    pub(super) fn report_if_credentials(&self, error: &BillingError) {
        let alarm = error.alarm(&self.shared.settings.sync, Some(&self.subject));
        if let Some(alarm) = alarm.filter(|_| matches!(error.code(), BillingCode::BadCredentials)) {
            self.effects.report(alarm);
        }
    }

    /// Counts a failed callout, and returns its error.
    fn count_failure(&self, error: SyncError) -> BillingError {
        if let Some(count) = metrics::SYNC.callout_failed(&error) {
            self.effects.report(count);
        }
        error.into()
    }
}

/// Returns the prices. They are the same for every subject.
///
/// # Errors
/// [`BillingError::PricesUnavailable`].
pub(super) async fn prices(effects: &Effects) -> Result<Rc<PriceList>, BillingError> {
    match effects.perform(Effect::Prices).await {
        EffectResult::Prices(Some(prices)) => Ok(prices),
        _ => Err(BillingError::PricesUnavailable),
    }
}

/// Returns whether Stripe replayed an error, which it does for a day. A write with the next idempotency key
/// is tried anew, and may succeed if the reason for the error no longer exists. The failed write changed
/// nothing.
pub(super) fn replays_failure(outcome: &OwnedOutcome) -> bool {
    let is_error = matches!(outcome, OwnedOutcome::Response { status: 400..=599, .. });
    is_error && is_replayed(&outcome.as_outcome())
}

/// Returns whether Stripe is still performing a request with the same key.
fn is_in_use(outcome: &OwnedOutcome) -> bool {
    let in_use = |error: &StripeApiError| error.code == "idempotency_key_in_use";
    let OwnedOutcome::Response { status: 409, .. } = outcome else { return false };
    match StripeResponse::from_outcome(&outcome.as_outcome(), |_| Ok(())) {
        StripeResponse::Transient(crate::stripe::outcome::TransientError::Stripe(error)) => in_use(&error),
        StripeResponse::Refused(error) => in_use(&error),
        _ => false,
    }
}

/// Returns the error for the cardholder, if Stripe's error is about the card
/// (<https://docs.stripe.com/error-codes>).
fn card_error(error: &StripeApiError) -> Option<BillingError> {
    const AUTHENTICATION: [&str; 3] = [
        "authentication_required",
        "subscription_payment_intent_requires_action",
        "payment_intent_action_required",
    ];
    if AUTHENTICATION.contains(&error.code.as_str()) {
        return Some(BillingError::PaymentActionRequired { url: None });
    }
    let is_card = error.kind == "card_error";
    // Stripe writes only messages about a card for the cardholder.
    let message = (is_card && !error.message.is_empty()).then(|| error.message.clone());
    (is_card || error.status == 402).then_some(BillingError::PaymentFailed { message, url: None })
}
