//! The configuration document as written: the filters' sections, and the parts that they share.
//!
//! These types define only the structure. [`super::Configuration`] is built from them with checks of the
//! values. The JSON Schema is generated from these types, so editors show their doc comments to users.

pub(super) mod billing;
pub(super) mod clerk_webhook;
pub(super) mod gate;
pub(super) mod webhook;

use crate::plan_table::Period;
use crate::sorted::SortedMap;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A plan, and how Stripe and Clerk Billing name it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Plan"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub struct WrittenPlan<'a> {
    /// Its name, as in Clerk's metadata.
    pub(crate) name: &'a str,
    /// Ids of the Stripe prices that sell it (`price_…`, or any id that you chose). `PLAN_MAP` in the
    /// environment can add more.
    #[serde(default)]
    pub(crate) prices: Vec<&'a str>,
    /// Lookup keys of the Stripe prices that sell it.
    #[serde(default)]
    pub(crate) lookup_keys: Vec<&'a str>,
    /// Ids of the Stripe products that sell it (`prod_…`, or any id that you chose).
    #[serde(default)]
    pub(crate) products: Vec<&'a str>,
    /// The features that it adds to those of the plans below it.
    #[serde(default)]
    pub(crate) features: Vec<&'a str>,
    /// The slug that Clerk Billing uses for it, or a list of slugs. If left out, the plan's name.
    pub(crate) clerk_plan: Option<ClerkPlan<'a>>,
    /// Its limits, by name. Every plan defines every limit that a rule uses.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "std::collections::BTreeMap<String, WrittenLimit>"))]
    pub(crate) limits: SortedMap<&'a str, WrittenLimit>,
}

/// The slugs that Clerk Billing uses for a plan. Plans for users and for organizations have different slugs.
#[derive(Clone, Debug)]
pub(crate) enum ClerkPlan<'a> {
    /// One slug.
    Slug(&'a str),
    /// Several slugs, all of which mean the plan.
    Slugs(Vec<&'a str>),
}

/// A limit: `unlimited`, or a list of windows.
#[derive(Clone, Debug)]
pub(crate) enum WrittenLimit {
    /// No limit; nothing is counted.
    Unlimited,
    /// Windows that all must have room, at most one of each period.
    Windows(Vec<WrittenWindow>),
}

/// The maximum number of requests in each calendar period, in UTC.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Window"))]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenWindow {
    /// The maximum; 0 allows none.
    pub(crate) max: u64,
    /// The period.
    pub(crate) per: Period,
}

/// Prices and products in Stripe that are deliberately not plans.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "NotPlans"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub struct WrittenNotPlans<'a> {
    /// Ids of prices (`price_…`, or any id that you chose).
    #[serde(default)]
    pub(crate) prices: Vec<&'a str>,
    /// Ids of products (`prod_…`, or any id that you chose).
    #[serde(default)]
    pub(crate) products: Vec<&'a str>,
}

/// A value in an environment variable of the VM, not in this document.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct FromEnvironment<'a> {
    /// The variable's name. A Wasm filter's `vm_config.environment_variables.host_env_keys` must list it too.
    pub(crate) env: &'a str,
}

/// A variable of the environment that holds an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ApiKeyVariable {
    /// A key of Stripe.
    #[serde(rename = "STRIPE_API_KEY")]
    StripeApiKey,
    /// The same, under the other name that is in use.
    #[serde(rename = "STRIPE_SECRET_KEY")]
    StripeSecretKey,
    /// The secret key of the Clerk instance.
    #[serde(rename = "CLERK_SECRET_KEY")]
    ClerkSecretKey,
}

impl ApiKeyVariable {
    /// All variables.
    pub const ALL: [ApiKeyVariable; 3] =
        [ApiKeyVariable::StripeApiKey, ApiKeyVariable::StripeSecretKey, ApiKeyVariable::ClerkSecretKey];

    /// Returns the variable's name.
    pub const fn name(self) -> &'static str {
        match self {
            ApiKeyVariable::StripeApiKey => "STRIPE_API_KEY",
            ApiKeyVariable::StripeSecretKey => "STRIPE_SECRET_KEY",
            ApiKeyVariable::ClerkSecretKey => "CLERK_SECRET_KEY",
        }
    }
}

/// An HTTP API that is called through one of Envoy's clusters.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Upstream"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct WrittenUpstream<'a> {
    /// The cluster's name in Envoy's configuration.
    pub(crate) cluster: &'a str,
    /// Host, and port if it is not 443: `api.stripe.com` or `api.clerk.com` if left out.
    pub(crate) authority: Option<&'a str>,
    /// The prefix of each path. If left out, none for Stripe and `/v1` for Clerk.
    pub(crate) base_path: Option<&'a str>,
    /// The timeout of one call, in milliseconds. If left out, 2000; 1000 for `confirm`.
    pub(crate) timeout_ms: Option<u64>,
}

impl<'de: 'a, 'a> Deserialize<'de> for ClerkPlan<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClerkPlanVisitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for ClerkPlan<'_> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClerkPlan".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let slugs = generator.subschema_for::<Vec<String>>();
        schemars::json_schema!({
            "description": "A slug of Clerk Billing, or a list of slugs: plans for users and for organizations have different slugs.",
            "oneOf": [{"type": "string"}, slugs],
        })
    }
}

struct ClerkPlanVisitor;

impl<'de> Visitor<'de> for ClerkPlanVisitor {
    type Value = ClerkPlan<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a slug or a list of slugs")
    }

    fn visit_borrowed_str<E: de::Error>(self, slug: &'de str) -> Result<Self::Value, E> {
        Ok(ClerkPlan::Slug(slug))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut slugs = Vec::new();
        while let Some(slug) = items.next_element()? {
            slugs.push(slug);
        }
        Ok(ClerkPlan::Slugs(slugs))
    }
}

impl<'de> Deserialize<'de> for WrittenLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LimitVisitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for WrittenLimit {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limit".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let windows = generator.subschema_for::<Vec<WrittenWindow>>();
        schemars::json_schema!({
            "description": "`unlimited`, or a list of windows, all of which must have room.",
            "oneOf": [{"const": "unlimited"}, windows],
        })
    }
}

struct LimitVisitor;

impl<'de> Visitor<'de> for LimitVisitor {
    type Value = WrittenLimit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unlimited or a list of windows")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<WrittenLimit, E> {
        match text {
            "unlimited" => Ok(WrittenLimit::Unlimited),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<WrittenLimit, A::Error> {
        let mut windows = Vec::new();
        while let Some(window) = items.next_element()? {
            windows.push(window);
        }
        Ok(WrittenLimit::Windows(windows))
    }
}
