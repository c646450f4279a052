//! The parts of the configuration document as they are written: the filters' sections, and what they share.
//!
//! These types only give the shape. What the values must be, and how they fit together, is checked on the way to
//! [`super::Configuration`]. JSON Schema is generated from them, so their documentation is what an editor shows.

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
    /// Its name, as it stands in Clerk's metadata.
    pub(crate) name: &'a str,
    /// Ids of the Stripe prices that sell it (`price_…`, or any id that you chose). `PLAN_MAP` in the environment can add more.
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
    /// The slug that Clerk Billing uses for it, or a list of slugs, where that is not its name.
    pub(crate) clerk_plan: Option<ClerkPlan<'a>>,
    /// How often what may be done, by the name of the limit. Every plan names every limit that a rule uses.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "std::collections::BTreeMap<String, WrittenLimit>"))]
    pub(crate) limits: SortedMap<&'a str, WrittenLimit>,
}

/// The slugs that Clerk Billing uses for a plan. Those for users and for organizations differ.
#[derive(Clone, Debug)]
pub(crate) enum ClerkPlan<'a> {
    /// One.
    Slug(&'a str),
    /// Any of these.
    Slugs(Vec<&'a str>),
}

/// How often something may be done: `unlimited`, or so often in each of these windows.
#[derive(Clone, Debug)]
pub(crate) enum WrittenLimit {
    /// As often as one likes; nothing is counted.
    Unlimited,
    /// At most one window of each period; all must have room.
    Windows(Vec<WrittenWindow>),
}

/// So often in each calendar period, in UTC.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Window"))]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenWindow {
    /// How often; 0 forbids it.
    pub(crate) max: u64,
    /// In which period.
    pub(crate) per: Period,
}

/// What Stripe sells that is knowingly no plan.
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

/// Something that stands in an environment variable of the VM, not in this document.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct FromEnvironment<'a> {
    /// The variable's name. It must be named in the filter's `vm_config.environment_variables.host_env_keys` too.
    pub(crate) env: &'a str,
}

/// An HTTP API that is called through a cluster of Envoy's.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Upstream"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct WrittenUpstream<'a> {
    /// The cluster's name in Envoy's configuration.
    pub(crate) cluster: &'a str,
    /// Host, and port if it is not 443: `api.stripe.com` or `api.clerk.com` if left out.
    pub(crate) authority: Option<&'a str>,
    /// What stands before each path. If left out, nothing for Stripe and `/v1` for Clerk.
    pub(crate) base_path: Option<&'a str>,
    /// How long one call may take, in milliseconds. If left out, 2000; 1000 for `confirm`.
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
            "description": "A slug of Clerk Billing, or a list of slugs: those for users and for organizations differ.",
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
            "description": "`unlimited`, or windows in each of which there must be room.",
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
