//! The section `stripe_webhook` as written in the document.

use super::{FromEnvironment, WrittenUpstream};
use serde::Deserialize;

/// The filter that turns Stripe's webhooks into a plan in Clerk's metadata.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "StripeWebhook"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub struct WrittenStripeWebhook<'a> {
    /// The exact path to which Stripe delivers its events.
    pub(crate) path: &'a str,
    /// The side that responds to Stripe: the gateway or the upstream.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// The largest difference between the signature's time and now, in seconds.
    #[serde(default = "tolerance_s")]
    pub(crate) tolerance_s: u64,
    /// The largest accepted body, in kilobytes of 1024 bytes. A larger one is refused before it is hashed.
    #[serde(default = "max_body_kb")]
    pub(crate) max_body_kb: u64,
    /// The only accepted mode of events. Events of the other mode get a 200 and are ignored, with an alarm.
    pub(crate) livemode: Option<bool>,
    /// The endpoint's signing secrets (`whsec_…`), separated by commas if there are several.
    pub(crate) signing_secrets: FromEnvironment<'a>,
    /// The plan that a subscription with a failed payment grants.
    #[serde(default)]
    pub(crate) past_due: WrittenPastDue,
    /// The handling of an active subscription without a known plan.
    #[serde(default)]
    pub(crate) unmapped_price: UnmappedPrice,
    /// The metadata keys in Stripe that name the subject of a subscription. The first of each list is also
    /// written.
    #[serde(default)]
    pub(crate) subject_keys: SubjectKeys,
    /// Whether the `client_reference_id` of a Checkout Session may name the subject.
    #[serde(default = "client_reference_id")]
    pub(crate) client_reference_id: bool,
    /// Stripe's API.
    pub(crate) stripe: WrittenUpstream<'a>,
    /// Clerk's Backend API.
    pub(crate) clerk: WrittenUpstream<'a>,
    /// The key of the plan in `public_metadata`.
    #[serde(default = "plan_key")]
    pub(crate) plan_key: &'a str,
}

pub(super) fn tolerance_s() -> u64 {
    300
}

pub(super) fn max_body_kb() -> u64 {
    512
}

fn client_reference_id() -> bool {
    true
}

/// The default key of the plan.
pub(in crate::config) const PLAN_KEY: &str = "plan";

fn plan_key() -> &'static str {
    PLAN_KEY
}

/// The side that responds to the sender of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// The gateway.
    #[default]
    Respond,
    /// The upstream, to which verified events are forwarded.
    Forward,
}

/// The plan that a subscription, or an item of Clerk Billing, with a failed payment grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PastDue"))]
#[serde(rename_all = "snake_case")]
pub(crate) enum WrittenPastDue {
    /// Its plan, as long as its status is `past_due`.
    Keep,
    /// Nothing.
    Revoke,
    /// Its plan for this number of days: from the oldest open invoice in Stripe, or from `past_due_at` in
    /// Clerk Billing.
    GraceDays(u64),
}

impl Default for WrittenPastDue {
    fn default() -> Self {
        WrittenPastDue::GraceDays(14)
    }
}

/// The handling of an active subscription without a known plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum UnmappedPrice {
    /// The plan stays as it is, with an alarm, and Stripe gets a 200.
    #[default]
    Keep,
    /// Stripe gets a 503 and retries the delivery.
    Retry,
}

/// The metadata keys in Stripe that name the subject of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SubjectKeys {
    /// Keys whose value is a Clerk user's id.
    pub(crate) user: Vec<String>,
    /// Keys whose value is a Clerk organization's id.
    pub(crate) organization: Vec<String>,
}

impl Default for SubjectKeys {
    fn default() -> Self {
        SubjectKeys { user: vec!["clerk_user_id".to_owned()], organization: vec!["clerk_org_id".to_owned()] }
    }
}
