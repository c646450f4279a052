//! The list of sections: one for each filter. A new one is a line here, and an implementation of [`Section`].
//!
//! From the list follow the document's fields, its JSON Schema, what [`super::check`] looks at, and the paths at which the
//! gate asks for no token.

use super::document::{WrittenNotPlans, WrittenPlan};
use super::error::{ConfigError, Problems};
use super::gate::Gate;
use super::secrets::Secrets;
use super::section::{Facts, Named, OwnPath, Section, add_own_paths};
use super::webhook::Webhook;
use super::{Environment, encoding, read, typed};
use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde_json::Value;
use std::fmt;
use std::marker::PhantomData;

/// Defines what follows from the list.
macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident: $section:ty,)*) => {
        /// Tollgate's configuration: the same document for all of its filters.
        #[derive(Debug, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields, bound = "'de: 'a")]
        pub struct Document<'a> {
            /// Keeps the shared data of gateways in one Envoy process apart. Without it, it is derived from the issuer and
            /// the Clerk authority.
            pub namespace: Option<&'a str>,
            /// The plans that are sold, lowest first: the order is the rank, and the first is the default plan.
            pub plans: Vec<WrittenPlan<'a>>,
            /// What Stripe sells that is knowingly no plan, such as add-ons.
            #[serde(default)]
            pub not_plans: WrittenNotPlans<'a>,
            $($(#[$doc])* $name: Option<Unread<$section>>,)*
        }

        impl Document<'_> {
            /// Returns whether any section is there.
            pub(super) fn has_section(&self) -> bool {
                $(self.$name.is_some())||*
            }
        }

        /// The names of all sections.
        pub const SECTION_NAMES: &[&str] = &[$(stringify!($name)),*];

        $(impl Named for $section {
            const NAME: &'static str = stringify!($name);
        })*

        /// Returns the paths that the filters answer themselves.
        pub(super) fn own_paths(document: &Value) -> Vec<OwnPath<'_>> {
            let mut paths = Vec::new();
            $(add_own_paths::<$section>(document, &mut paths);)*
            paths
        }

        /// Checks every section that is there.
        pub(super) fn check(document: &Value, facts: &Facts<'_>, problems: &mut Problems) {
            $(section::<$section>(document, facts, Secrets::Unread, problems);)*
        }

        /// Reads the configuration of every filter whose section is there, each as its filter does.
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
    stripe_webhook: Webhook,
    /// The filter that turns the plan in a session token into enforced limits.
    plan_gate: Gate,
}

/// Reads one section; `None` if it is not there, or cannot be read.
pub(super) fn section<S: Section>(
    document: &Value,
    facts: &Facts<'_>,
    secrets: Secrets<'_>,
    problems: &mut Problems,
) -> Option<S> {
    let written = typed::from_section::<S::Written<'_>>(document, S::NAME, S::EXAMPLES)?;
    S::read(&problems.keep(written)?, facts, secrets, problems)
}

/// A section that is read by itself, so that a filter's module has no code for the sections of others.
#[derive(Debug)]
struct Unread<S>(PhantomData<S>);

impl<'de, S> Deserialize<'de> for Unread<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Unread(PhantomData))
    }
}

/// The schema of the section as it is written.
#[cfg(feature = "schema")]
impl<S: Section> schemars::JsonSchema for Unread<S>
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
