//! The configuration document, parsed once into types that cannot hold invalid values.
//!
//! One document configures all filters. Each filter reads the shared part and its own section ([`read`]),
//! with the secrets of that section: the filters run in different VMs, and no module contains code that only
//! another needs. [`check`] checks the whole document. `sections.rs` lists the sections. An error has the
//! location and the cure, and never shows a secret.
//!
//! To add a field: 1. `document/<section>.rs`, as written; its doc comment is the text of the schema. 2.
//! `<section>.rs`, as checked, in [`section::Section::read`]. 3. An example in the section's `EXAMPLES`. 4.
//! `cargo tollgate schema > envoy/tollgate.schema.json`. 5. `docs/configuration.md`. 6. `whole()` in
//! `tests.rs`. Tests check 4 and 5. A cluster also goes into `filter/ctl/src/check/document/callouts.rs`.

mod address;
mod billing;
mod clerk_webhook;
mod document;
mod encoding;
mod endpoint;
mod error;
mod example;
mod field_error;
mod gate;
mod names;
pub(crate) mod note_keys;
mod past_due;
mod plans;
mod rules;
mod secrets;
mod section;
mod sections;
mod struct_value;
mod sync_settings;
mod tokens;
mod typed;
mod upstream;
mod webhook;

pub use crate::clerk::plan_claim::ClaimSource;
pub(crate) use crate::stripe::plan::PastDue;
pub use crate::upstream::Upstream;
pub use billing::BillingSettings;
pub(crate) use billing::Purchase;
pub use clerk_webhook::ClerkWebhookSettings;
pub(crate) use clerk_webhook::{CancellationTime, DeletedSubjects};
pub use document::ApiKeyVariable;
pub(crate) use document::billing::{BillingAddress, TrialPayment};
pub(crate) use document::gate::{IdentityHeader, OnError, RateLimitHeaders, SubjectKind, Unmatched};
pub(crate) use document::webhook::{Mode, SubjectKeys, UnmappedPrice};
pub use endpoint::EndpointSettings;
pub use error::{ConfigError, ERRORS_MAX};
pub use gate::{PlanClaims, PlanGateSettings, StoreConfig};
pub(crate) use plans::NotPlans;
pub(crate) use rules::{PathMatch, Requirement, Rule, Spend};
pub(crate) use section::NamedSection;
pub use sections::{Document, SECTION_NAMES, read_each};
pub use sync_settings::SyncSettings;
pub use tokens::TokenSettings;
pub use webhook::StripeWebhookSettings;

use crate::plan_table::PlanTable;
use crate::secret::Secret;
use document::FromEnvironment;
use error::{Checked, Problems};
use secrets::Secrets;
use section::{Section, SharedValues};
use serde::Deserialize;
use serde_json::Value;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// Looks up a variable of the VM's environment.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A filter's configuration: the part that all filters share, and the filter's own section.
#[derive(Clone, Debug)]
pub struct Configuration<S> {
    /// The prefix that separates the shared data of this configuration from that of others: the configured
    /// one, or a hash of the issuer and the Clerk authority.
    pub namespace: String,
    /// The plans, with the prices of `PLAN_MAP`.
    pub plans: PlanTable,
    /// The prices and products in Stripe that are deliberately not plans.
    pub(crate) not_plans: NotPlans,
    /// The filter's own section.
    pub section: S,
}

impl<S> Configuration<S> {
    /// Returns the same configuration with the part of the section that `part` returns.
    pub fn map_section<T>(self, part: impl FnOnce(S) -> T) -> Configuration<T> {
        let Configuration { namespace, plans, not_plans, section } = self;
        Configuration { namespace, plans, not_plans, section: part(section) }
    }
}

/// Reads the signing secrets in an environment variable, for a host that signs events.
///
/// # Errors
/// [`ConfigError`] if the variable is not set, or holds anything else.
pub fn signing_secrets(variable: &str, environment: Environment<'_>) -> Result<Vec<Secret>, ConfigError> {
    Secrets::From(environment).signing(&FromEnvironment { env: variable }, variable).map_err(|error| *error)
}

/// Reads the configuration of a filter: JSON text or the bytes of a `google.protobuf.Struct`.
///
/// # Errors
/// The first [`ConfigError`] of the shared part, of the filter's section, or of the environment; also if the
/// section is absent.
pub fn read<S: Section>(
    document: &[u8],
    environment: Environment<'_>,
) -> Result<Configuration<S>, ConfigError> {
    read_with(document, Secrets::From(environment))
}

/// Reads the configuration for a host that does not verify events: the signing secrets are not read.
///
/// # Errors
/// The same errors as [`read`].
pub fn read_without_signing<S: Section>(
    document: &[u8],
    environment: Environment<'_>,
) -> Result<Configuration<S>, ConfigError> {
    read_with(document, Secrets::ApiKeys(environment))
}

fn read_with<S: Section>(document: &[u8], secrets: Secrets<'_>) -> Result<Configuration<S>, ConfigError> {
    let value = encoding::read(document).map_err(|error| *error)?;
    let document: Document<'_> = typed::from_value(&value).map_err(|error| *error)?;
    let mut problems = Problems::default();
    let (namespace, shared) = read_shared(&document, &value, secrets, &mut problems);
    let section = sections::read_section::<S>(&value, &shared, secrets, &mut problems);
    match (problems.into_errors().into_iter().next(), section, shared.plans) {
        (None, Some(section), Some((plans, not_plans))) => {
            Ok(Configuration { namespace, plans, not_plans, section })
        }
        // Only the first of several errors, because it goes into one log line.
        (Some(error), ..) => Err(error),
        (None, ..) => {
            let problem = "missing, but it is this filter's section";
            Err(*ConfigError::new(S::NAME, problem, example::cure(S::NAME, S::EXAMPLES)))
        }
    }
}

/// Returns the API keys that a document lists under `environment`: none if the document cannot be read, which
/// [`read`] reports.
pub fn listed_api_keys(document: &[u8]) -> Vec<ApiKeyVariable> {
    let value = encoding::read(document).unwrap_or_default();
    value.get("environment").and_then(|listed| Vec::deserialize(listed).ok()).unwrap_or_default()
}

/// Checks a document without an environment: the plans and all sections that it has.
///
/// # Errors
/// All [`ConfigError`]s that are found, at most [`ERRORS_MAX`]; a value of the wrong type hides the errors
/// inside it.
pub fn check(document: &[u8]) -> Result<(), Vec<ConfigError>> {
    let value = encoding::read(document).map_err(|error| vec![*error])?;
    let document: Document<'_> = typed::from_value(&value).map_err(|error| vec![*error])?;
    let mut problems = Problems::default();
    let (_, shared) = read_shared(&document, &value, Secrets::NotRead, &mut problems);
    sections::check(&value, &shared, &mut problems);
    if !document.has_section() {
        let problem = format!("has neither `{}`", SECTION_NAMES.join("` nor `"));
        problems.add(ConfigError::new("", problem, "add the section of the filter that you configure"));
    }
    if problems.any() { Err(problems.into_errors()) } else { Ok(()) }
}

/// Reads the part that all filters share: the namespace, and the shared values with the plans.
fn read_shared<'a>(
    document: &Document<'_>,
    value: &'a Value,
    plan_map: Secrets<'_>,
    problems: &mut Problems,
) -> (String, SharedValues<'a>) {
    let mut shared = SharedValues::new(value, sections::own_paths(value));
    shared.api_keys.clone_from(&document.environment);
    let namespace = problems.keep_or_default(namespace(document.namespace, &shared));
    let plan_map = problems.keep_or_default(plan_map.plan_map());
    let plans = plans::plans(&document.plans, &document.not_plans, &plan_map, problems);
    shared.plans = plans.filter(|_| !problems.any());
    (namespace, shared)
}

/// Returns the configured namespace, or one derived from the document, which is the same for all filters.
fn namespace(given: Option<&str>, shared: &SharedValues<'_>) -> Checked<String> {
    if let Some(given) = given {
        return names::name(given, "namespace");
    }
    // SipHash-1-3 as published, so that gateways of different releases in one process derive the same
    // namespace.
    let mut hasher = SipHasher13::new();
    hasher.write([shared.issuer, "\0", shared.clerk_authority].concat().as_bytes());
    Ok(format!("{:016x}", hasher.finish128().h1))
}

#[cfg(test)]
mod test_documents;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wrong_billing_sections;
#[cfg(test)]
mod wrong_clerk_sections;
#[cfg(test)]
mod wrong_documents;
#[cfg(test)]
mod wrong_environments;
#[cfg(test)]
mod wrong_gate_sections;
