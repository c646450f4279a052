//! The section `billing` as written in the document.

use super::WrittenUpstream;
use super::gate::SubjectKind;
use serde::Deserialize;

/// The filter with the billing endpoints: checkout, portal, changes, and invoices.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Billing"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub struct WrittenBilling<'a> {
    /// The path below which the endpoints are.
    pub(crate) path: &'a str,
    /// The subject that buys. If left out, that of `plan_gate.subject`.
    pub(crate) acts_for: Option<SubjectKind>,
    /// The roles that may act for an organization.
    #[serde(default = "organization_roles")]
    pub(crate) organization_roles: Vec<&'a str>,
    /// A custom permission that may act for an organization as well.
    pub(crate) organization_permission: Option<&'a str>,
    /// The origins of URLs to which a customer may return. If left out, those of
    /// `plan_gate.authorized_parties`.
    pub(crate) return_origins: Option<Vec<&'a str>>,
    /// The URL to which a customer returns after a payment.
    pub(crate) success_url: &'a str,
    /// The URL to which a customer returns without a payment.
    pub(crate) cancel_url: &'a str,
    /// The URL to which a customer returns from the portal.
    pub(crate) return_url: &'a str,
    /// The settings of the checkout.
    #[serde(default)]
    pub(crate) checkout: WrittenCheckout<'a>,
    /// The customer portal.
    #[serde(default)]
    pub(crate) portal: WrittenPortal<'a>,
    /// The purchases, which are sold once, in addition to the plans.
    #[serde(default)]
    pub(crate) purchases: Vec<WrittenPurchase<'a>>,
    /// Stripe's API.
    pub(crate) stripe: WrittenUpstream<'a>,
    /// Clerk's Backend API.
    pub(crate) clerk: WrittenUpstream<'a>,
}

fn organization_roles() -> Vec<&'static str> {
    vec!["admin"]
}

/// The settings of the checkout.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Checkout"))]
#[serde(deny_unknown_fields, default, bound = "'de: 'a")]
pub(crate) struct WrittenCheckout<'a> {
    /// Whether promotion codes can be entered.
    pub(crate) promotion_codes: bool,
    /// Whether the billing address is always required.
    pub(crate) billing_address: BillingAddress,
    /// Whether Stripe computes taxes.
    pub(crate) automatic_tax: bool,
    /// Whether tax ids can be entered.
    pub(crate) tax_ids: bool,
    /// The trial.
    pub(crate) trial: Option<WrittenTrial<'a>>,
}

/// The collection of the billing address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum BillingAddress {
    /// Only if it is needed.
    #[default]
    Auto,
    /// Always.
    Required,
}

/// A trial, which a subject gets once.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Trial"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct WrittenTrial<'a> {
    /// Its length in days.
    pub(crate) days: u64,
    /// The plans that have it.
    pub(crate) plans: Vec<&'a str>,
    /// Whether a card is needed for it.
    #[serde(default)]
    pub(crate) payment_method: TrialPayment,
}

/// The requirement of a card for a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrialPayment {
    /// Yes.
    #[default]
    Always,
    /// No: without one, the subscription ends with the trial.
    IfRequired,
}

/// The customer portal.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Portal"))]
#[serde(deny_unknown_fields, default, bound = "'de: 'a")]
pub(crate) struct WrittenPortal<'a> {
    /// The id of the portal's configuration at Stripe. If left out, the account's default.
    pub(crate) configuration: Option<&'a str>,
}

/// Something that is sold once.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Purchase"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct WrittenPurchase<'a> {
    /// Its name in requests.
    pub(crate) name: &'a str,
    /// The id of its one-time price.
    pub(crate) price: &'a str,
}
