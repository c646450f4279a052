//! Reads a request to change a subscription, and refuses it as Stripe does.

use super::super::endpoints::Call;
use super::super::error::StripeError;
use super::super::model::{CancellationDetails, Item, StripeMetadata, Subscription};
use super::proration::ProrationBehavior;

/// The parameters that the fake supports, in API version 2026-10-28.endive: `billing_cycle_anchor` is an
/// object, no longer a string.
const SUPPORTED: [&str; 17] = [
    "billing_cycle_anchor[type]",
    "cancel_at",
    "cancel_at_period_end",
    "cancellation_details[comment]",
    "cancellation_details[feedback]",
    "expand[#]",
    "items[#][deleted]",
    "items[#][id]",
    "items[#][price]",
    "items[#][quantity]",
    "metadata",
    "metadata[*]",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
    "trial_end",
    "trial_from_plan",
];
/// The parameters that only Stripe supports, not this fake.
const UNSUPPORTED: [&str; 19] = [
    "add_invoice_items",
    "application_fee_percent",
    "automatic_tax",
    "billing_cycle_anchor",
    "billing_thresholds",
    "collection_method",
    "days_until_due",
    "default_payment_method",
    "default_source",
    "default_tax_rates",
    "description",
    "discounts",
    "invoice_settings",
    "items[#][metadata]",
    "off_session",
    "pause_collection",
    "payment_settings",
    "pending_invoice_item_interval",
    "trial_settings",
];
/// The parameters that can be combined with `payment_behavior=pending_if_incomplete`:
/// <https://docs.stripe.com/billing/subscriptions/pending-updates-reference>.
const WITH_PENDING: [&str; 11] = [
    "add_invoice_items",
    "billing_cycle_anchor",
    "discounts",
    "expand",
    "items",
    "metadata",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
    "trial_end",
    "trial_from_plan",
];
/// The reasons that a customer can choose from.
const FEEDBACK: [&str; 8] = [
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
];
/// The latest end of a trial, in seconds from now: five years.
const TRIAL_S_MAX: i64 = 5 * 366 * 24 * 3600;

/// The behavior if a payment fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PaymentBehavior {
    /// `allow_incomplete`: the change is made all the same.
    Allow,
    /// `default_incomplete`: the change is made, and the payment is not even tried.
    Postpone,
    /// `error_if_incomplete`: the request fails.
    Refuse,
    /// `pending_if_incomplete`: the change waits for its payment.
    KeepPending,
}

/// The requested end of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Cancellation {
    Never,
    AtPeriodEnd,
    At(i64),
}

/// The end of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrialEnd {
    Now,
    At(i64),
}

/// A checked request.
pub(super) struct ChangeRequest {
    pub(super) items: Option<Vec<Item>>,
    pub(super) metadata: Option<StripeMetadata>,
    pub(super) cancellation: Option<Cancellation>,
    pub(super) cancellation_details: CancellationDetails,
    pub(super) trial_end: Option<TrialEnd>,
    pub(super) proration: ProrationBehavior,
    /// The time from which prorations count (Unix seconds).
    pub(super) proration_date: i64,
    pub(super) payment: PaymentBehavior,
}

impl ChangeRequest {
    /// Returns a change of items alone, which is paid at once.
    pub(super) fn of_items(items: Vec<Item>, now: i64) -> Self {
        ChangeRequest {
            items: Some(items),
            metadata: None,
            cancellation: None,
            cancellation_details: CancellationDetails::default(),
            trial_end: None,
            proration: ProrationBehavior::AlwaysInvoice,
            proration_date: now,
            payment: PaymentBehavior::Refuse,
        }
    }
}

impl Call<'_> {
    /// Reads the request.
    pub(super) fn change_request(&self, of: &Subscription) -> Result<ChangeRequest, StripeError> {
        // A text where a hash is expected is no parameter of this version.
        let is_text = |name: &&(String, String)| name.0 == "billing_cycle_anchor";
        if let Some((name, _)) = self.parameters.0.iter().find(is_text) {
            return Err(StripeError::unknown_parameters(std::slice::from_ref(name)));
        }
        self.parameters.accept(&SUPPORTED, &UNSUPPORTED)?;
        if !matches!(self.parameters.get("billing_cycle_anchor[type]")?, None | Some("unchanged")) {
            return Err(StripeError::not_faked("billing_cycle_anchor"));
        }
        if self.parameters.has("trial_from_plan") {
            return Err(StripeError::not_faked("trial_from_plan"));
        }
        let payment = self.payment_behavior()?;
        self.check_ended(of)?;
        self.check_schedule(of)?;
        let mut metadata = of.metadata.clone();
        self.parameters.merge_metadata(&mut metadata)?;
        Ok(ChangeRequest {
            items: if self.parameters.has("items") { Some(self.changed_items("items", of)?) } else { None },
            metadata: self.parameters.has("metadata").then_some(metadata),
            cancellation: self.cancellation()?,
            cancellation_details: self.cancellation_details()?,
            trial_end: self.trial_end()?,
            proration: self.proration_behavior("proration_behavior")?,
            proration_date: self.proration_date("proration_date", of)?,
            payment,
        })
    }

    fn payment_behavior(&self) -> Result<PaymentBehavior, StripeError> {
        let words =
            ["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"];
        Ok(match self.parameters.one_of("payment_behavior", &words)? {
            Some("default_incomplete") => PaymentBehavior::Postpone,
            Some("error_if_incomplete") => PaymentBehavior::Refuse,
            Some("pending_if_incomplete") => {
                let base = |name: &str| name.split('[').next().unwrap_or_default().to_owned();
                let names = self.parameters.0.iter().map(|(name, _)| base(name));
                let is_refused = |name: &String| !WITH_PENDING.contains(&name.as_str());
                if let Some(name) = names.into_iter().find(is_refused) {
                    return Err(StripeError::invalid_value(
                        &name,
                        format!(
                            "When `payment_behavior` is set to `pending_if_incomplete`, you can only pass supported \
                         params. `{name}` is not supported. See \
                         https://stripe.com/docs/billing/subscriptions/pending-updates-reference#supported-attributes \
                         for more details."
                        ),
                    ));
                }
                PaymentBehavior::KeepPending
            }
            _ => PaymentBehavior::Allow,
        })
    }

    fn check_ended(&self, of: &Subscription) -> Result<(), StripeError> {
        let allowed = ["cancellation_details", "expand", "metadata"];
        let is_other =
            |(name, _): &&(String, String)| !allowed.contains(&name.split('[').next().unwrap_or_default());
        if of.ended_at.is_some() && self.parameters.0.iter().any(|pair| is_other(&pair)) {
            let message = "A canceled subscription can only update its cancellation_details and metadata.";
            return Err(StripeError::not_allowed(message.to_owned()));
        }
        Ok(())
    }

    /// Refuses what a schedule decides.
    fn check_schedule(&self, of: &Subscription) -> Result<(), StripeError> {
        if self.parameters.has("cancel_at") || self.parameters.has("cancel_at_period_end") {
            of.check_unscheduled("cancelation behavior")?;
        }
        if self.parameters.has("items") || self.parameters.has("trial_end") {
            of.check_unscheduled("items")?;
        }
        Ok(())
    }

    fn cancellation(&self) -> Result<Option<Cancellation>, StripeError> {
        let at_period_end = self.parameters.flag("cancel_at_period_end")?;
        let cancel_at = match self.parameters.raw("cancel_at") {
            None => None,
            Some("") => Some(Cancellation::Never),
            Some("max_period_end" | "min_period_end") => Some(Cancellation::AtPeriodEnd),
            Some(_) => {
                let at = self.parameters.integer("cancel_at", 0..=i64::MAX)?.unwrap_or_default();
                if at <= self.account.now {
                    let message = "You cannot set `cancel_at` to a date in the past.";
                    return Err(StripeError::invalid_value("cancel_at", message.to_owned()));
                }
                Some(Cancellation::At(at))
            }
        };
        match (at_period_end, cancel_at) {
            (Some(_), Some(_)) => {
                let message =
                    "You may only specify one of these parameters: cancel_at, cancel_at_period_end.";
                Err(StripeError::invalid_value("cancel_at", message.to_owned()))
            }
            (Some(true), None) => Ok(Some(Cancellation::AtPeriodEnd)),
            (Some(false), None) => Ok(Some(Cancellation::Never)),
            (None, cancel_at) => Ok(cancel_at),
        }
    }

    /// Reads what a request says about a cancellation.
    pub(super) fn cancellation_details(&self) -> Result<CancellationDetails, StripeError> {
        Ok(CancellationDetails {
            comment: self.parameters.text("cancellation_details[comment]")?,
            feedback: self.parameters.one_of("cancellation_details[feedback]", &FEEDBACK)?.map(str::to_owned),
        })
    }

    fn trial_end(&self) -> Result<Option<TrialEnd>, StripeError> {
        let now = self.account.now;
        if self.parameters.raw("trial_end") == Some("now") {
            return Ok(Some(TrialEnd::Now));
        }
        match self.parameters.integer("trial_end", 0..=now + TRIAL_S_MAX)? {
            Some(at) if at <= now => {
                let message = "Invalid timestamp: must be an integer Unix timestamp in the future.";
                Err(StripeError::invalid_value("trial_end", message.to_owned()))
            }
            at => Ok(at.map(TrialEnd::At)),
        }
    }
}

impl Subscription {
    /// Refuses a change of what a schedule manages.
    pub(in super::super) fn check_unscheduled(&self, what: &str) -> Result<(), StripeError> {
        let Some(schedule) = &self.schedule else { return Ok(()) };
        Err(StripeError::not_allowed(format!(
            "The subscription is managed by the subscription schedule `{schedule}`, and updating any {what} directly \
             is not allowed. Please update the schedule instead."
        )))
    }
}
