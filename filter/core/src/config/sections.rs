//! The list of sections, one for each filter. A new section needs a line here and an implementation of
//! [`Section`].
//!
//! The list defines the fields of the document, its JSON Schema, the sections that [`super::check`] checks,
//! and the paths where the gate requires no token. The document itself is also defined here, by the macro
//! `sections!`.

use super::billing::BillingSettings;
use super::clerk_webhook::ClerkWebhookSettings;
use super::document::{ApiKeyVariable, WrittenNotPlans, WrittenPlan};
use super::error::{ConfigError, Problems};
use super::gate::PlanGateSettings;
use super::secrets::Secrets;
use super::section::{NamedSection, OwnPath, Section, SharedValues, add_own_paths};
use super::webhook::StripeWebhookSettings;
use super::{Environment, encoding, read, typed};
use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde_json::Value;
use std::fmt;
use std::marker::PhantomData;

/// Defines the document and the functions that depend on the list.
macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident: $section:ty,)*) => {
        /// Tollgate's configuration: the same document for all of its filters.
        #[derive(Debug, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields, bound = "'de: 'a")]
        pub struct Document<'a> {
            /// Separates the shared data of several gateways in one Envoy process. If left out, it is derived
            /// from the issuer and the Clerk authority.
            pub namespace: Option<&'a str>,
            /// The plans, lowest first: the order is the rank, and the first is the default plan.
            pub plans: Vec<WrittenPlan<'a>>,
            /// Prices and products in Stripe that are deliberately not plans, such as add-ons.
            #[serde(default)]
            pub not_plans: WrittenNotPlans<'a>,
            /// The API keys that the filters read from Envoy's environment, send, and cannot do without. In
            /// the native build they read no other; a Wasm filter reads each that its `host_env_keys` list.
            #[serde(default)]
            pub environment: Vec<ApiKeyVariable>,
            $($(#[$doc])* $name: Option<SectionPresence<$section>>,)*
        }

        impl Document<'_> {
            /// Returns whether the document has any section.
            pub(super) fn has_section(&self) -> bool {
                $(self.$name.is_some())||*
            }
        }

        /// The names of all sections.
        pub const SECTION_NAMES: &[&str] = &[$(stringify!($name)),*];

        $(impl NamedSection for $section {
            const NAME: &'static str = stringify!($name);
        })*

        /// Returns the paths to which the filters themselves respond.
        pub(super) fn own_paths(document: &Value) -> Vec<OwnPath<'_>> {
            let mut paths = Vec::new();
            $(add_own_paths::<$section>(document, &mut paths);)*
            paths
        }

        /// Checks every section that the document has.
        pub(super) fn check(document: &Value, shared: &SharedValues<'_>, problems: &mut Problems) {
            $(read_section::<$section>(document, shared, Secrets::NotRead, problems);)*
        }

        /// Reads the configuration of every filter whose section the document has, in the way that the filter
        /// reads it.
        pub fn read_each(
            document: &[u8],
            environment: Environment<'_>,
        ) -> Vec<Result<Box<dyn fmt::Debug>, ConfigError>> {
            let value = encoding::read(document).unwrap_or_default();
            let mut all: Vec<Result<Box<dyn fmt::Debug>, ConfigError>> = Vec::new();
            $(if value.get(stringify!($name)).is_some() {
                let configuration = read::<$section>(document, environment);
                all.push(configuration.map(|configuration| Box::new(configuration) as Box<dyn fmt::Debug>));
            })*
            all
        }
    };
}

sections! {
    /// The filter that turns Stripe's webhooks into a plan in Clerk's metadata.
    stripe_webhook: StripeWebhookSettings,
    /// The filter that verifies Clerk's webhooks and mirrors the plans of Clerk Billing.
    clerk_webhook: ClerkWebhookSettings,
    /// The filter with the billing endpoints: checkout, portal, changes, and invoices.
    billing: BillingSettings,
    /// The filter that turns the plan in a session token into enforced limits.
    plan_gate: PlanGateSettings,
}

/// Reads one section; returns `None` if it is absent or cannot be read.
pub(super) fn read_section<S: Section>(
    document: &Value,
    shared: &SharedValues<'_>,
    secrets: Secrets<'_>,
    problems: &mut Problems,
) -> Option<S> {
    let written = typed::from_section::<S::Written<'_>>(document, S::NAME, S::EXAMPLES)?;
    S::read(&problems.keep(written)?, shared, secrets, problems)
}

/// A section whose content is ignored here. Its filter reads it, so that no module contains code for the
/// sections of other filters.
#[derive(Debug)]
struct SectionPresence<S>(PhantomData<S>);

impl<'de, S> Deserialize<'de> for SectionPresence<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| SectionPresence(PhantomData))
    }
}

/// Returns the JSON Schema of `S::Written` in place of the ignored content.
#[cfg(feature = "schema")]
impl<S: Section> schemars::JsonSchema for SectionPresence<S>
where
    S::Written<'static>: schemars::JsonSchema,
{
    fn schema_name() -> std::borrow::Cow<'static, str> {
        S::Written::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        S::Written::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        S::Written::json_schema(generator)
    }
}
