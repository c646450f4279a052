//! The section `clerk_webhook` as written in the document.

use super::webhook::{Mode, WrittenPastDue, max_body_kb, tolerance_s};
use super::{FromEnvironment, WrittenUpstream};
use serde::Deserialize;

/// The filter that verifies Clerk's webhooks and mirrors the plans of Clerk Billing.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ClerkWebhook"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub struct WrittenClerkWebhook<'a> {
    /// The exact path to which Clerk delivers its events.
    pub(crate) path: &'a str,
    /// The side that responds to Clerk: the gateway or the upstream.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// The largest difference between the signature's time and now, in seconds.
    #[serde(default = "tolerance_s")]
    pub(crate) tolerance_s: u64,
    /// The largest accepted body, in kilobytes of 1024 bytes. A larger one is refused before it is hashed.
    #[serde(default = "max_body_kb")]
    pub(crate) max_body_kb: u64,
    /// The endpoint's signing secrets (`whsec_…`), separated by commas if there are several.
    pub(crate) signing_secrets: FromEnvironment<'a>,
    /// The only accepted Clerk instance (`ins_…`). Events of another get a 200 and are ignored, with an
    /// alarm.
    pub(crate) instance: Option<&'a str>,
    /// Whether a plan of Clerk Billing becomes the plan in the metadata.
    #[serde(default)]
    pub(crate) billing: WrittenClerkBilling,
    /// The plan that an item of Clerk Billing with a failed payment grants.
    #[serde(default)]
    pub(crate) past_due: WrittenPastDue,
    /// The handling of the Stripe subscriptions of a deleted user or organization.
    #[serde(default)]
    pub(crate) on_deleted: WrittenOnDeleted,
    /// Stripe's API. Required unless `on_deleted` is `keep`.
    pub(crate) stripe: Option<WrittenUpstream<'a>>,
    /// Clerk's Backend API.
    pub(crate) clerk: WrittenUpstream<'a>,
}

/// Whether a plan of Clerk Billing becomes the plan in the metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ClerkBilling"))]
#[serde(rename_all = "snake_case")]
pub(crate) enum WrittenClerkBilling {
    /// It does not.
    #[default]
    Off,
    /// It does. If Stripe grants a plan too, the higher one counts.
    Mirror,
}

/// The handling of the Stripe subscriptions of a deleted user or organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "OnDeleted"))]
#[serde(rename_all = "snake_case")]
pub(crate) enum WrittenOnDeleted {
    /// They stay.
    #[default]
    Keep,
    /// They end with the period that is paid.
    CancelAtPeriodEnd,
    /// They end at once, without a refund.
    Cancel,
}
