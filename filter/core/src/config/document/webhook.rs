//! The section `stripe_webhook` as it is written.

use super::{FromEnvironment, WrittenUpstream};
use serde::Deserialize;

/// The filter that turns Stripe's webhooks into a plan in Clerk's metadata.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub struct StripeWebhook<'a> {
    /// Where Stripe delivers its events: an exact path.
    pub(crate) path: &'a str,
    /// Who answers Stripe.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// How far the time of signing may be from now, in seconds.
    #[serde(default = "tolerance_s")]
    pub(crate) tolerance_s: u64,
    /// The largest body that is taken, in kilobytes of 1024. A larger one is refused before it is hashed.
    #[serde(default = "max_body_kb")]
    pub(crate) max_body_kb: u64,
    /// Take only events of this mode. The others are answered 200 and ignored, loudly.
    pub(crate) livemode: Option<bool>,
    /// The endpoint's signing secrets (`whsec_…`), separated by commas if there are several.
    pub(crate) signing_secrets: FromEnvironment<'a>,
    /// What a subscription grants whose payment failed.
    #[serde(default)]
    pub(crate) past_due: WrittenPastDue,
    /// What happens when an active subscription sells no plan that is known here.
    #[serde(default)]
    pub(crate) unmapped_price: UnmappedPrice,
    /// The metadata keys in Stripe that say whose a subscription is. The first of each list is also written.
    #[serde(default)]
    pub(crate) subject_keys: SubjectKeys,
    /// Whether a checkout session's `client_reference_id` may say whose it is.
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

fn tolerance_s() -> u64 {
    300
}

fn max_body_kb() -> u64 {
    512
}

fn client_reference_id() -> bool {
    true
}

fn plan_key() -> &'static str {
    "plan"
}

/// Who answers Stripe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// The gateway.
    #[default]
    Respond,
    /// The upstream: verified events go on to it.
    Forward,
}

/// What a subscription grants whose payment failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PastDue"))]
#[serde(rename_all = "snake_case")]
pub(crate) enum WrittenPastDue {
    /// Its plan, as long as Stripe calls it past due.
    Keep,
    /// Nothing.
    Revoke,
    /// Its plan for so many days from the oldest open invoice.
    GraceDays(u64),
}

impl Default for WrittenPastDue {
    fn default() -> Self {
        WrittenPastDue::GraceDays(14)
    }
}

/// What happens when an active subscription sells no plan that is known here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum UnmappedPrice {
    /// The plan stays as it is, with an alarm, and Stripe is answered 200.
    #[default]
    Keep,
    /// Stripe is answered 503 and tries again.
    Retry,
}

/// The metadata keys in Stripe that say whose a subscription is.
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
