//! What a user writes, parsed once into what cannot be wrong.
//!
//! One document serves both filters (see [`document`]). Each checks what both share and its own section, for which it
//! reads the secrets: the filters run in different VMs, and neither module carries what only the other needs. [`check`]
//! looks at everything. An error names the place and the cure, and never shows a secret.

mod address;
pub mod document;
mod encoding;
mod error;
mod example;
mod fault;
mod gate;
mod names;
pub mod note_keys;
mod plans;
mod rules;
mod secrets;
mod struct_value;
mod sync_settings;
mod typed;
mod upstream;
mod webhook;

pub use crate::clerk::plan_claim::ClaimSource;
pub use crate::path::PathPattern;
pub use crate::stripe::plan::PastDue;
pub use crate::upstream::Upstream;
pub use document::gate::{IdentityHeader, OnError, RateLimitHeaders, SubjectKind, Unmatched};
pub use document::webhook::{Mode, SubjectKeys, UnmappedPrice};
pub use encoding::DOCUMENT_BYTES_MAX;
pub use error::{ConfigError, ERRORS_MAX};
pub use gate::{Gate, Keys, PlanClaims, Store};
pub use plans::{NotPlans, WINDOW_COUNT_MAX};
pub use rules::{COST_MAX, PathMatch, RULES_MAX, Requirement, Rule, Spend};
pub use sync_settings::SyncSettings;
pub use webhook::Webhook;

use crate::plan_table::PlanTable;
use crate::secret::Secret;
use document::gate::PlanGate;
use document::webhook::{StripeWebhook, plan_key as usual_plan_key};
use document::{Document, FromEnvironment};
use error::{Checked, Problems};
use secrets::Secrets;
use serde::de::IgnoredAny;
use serde_json::Value;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// Looks up a variable of the VM's environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A filter's configuration: what both filters share, and its own section.
#[derive(Clone, Debug)]
pub struct Configuration<S> {
    /// Keeps the shared data of this configuration apart from others': the given one, else a hash of the issuer and
    /// the Clerk authority.
    pub namespace: String,
    /// The plans, with the prices of `PLAN_MAP`.
    pub plans: PlanTable,
    /// What Stripe sells that is knowingly no plan.
    pub not_plans: NotPlans,
    /// The filter's own section.
    pub section: S,
}

impl<S> Configuration<S> {
    /// Returns the same configuration with what `part` takes of the section.
    pub fn map_section<T>(self, part: impl FnOnce(S) -> T) -> Configuration<T> {
        let Configuration { namespace, plans, not_plans, section } = self;
        Configuration { namespace, plans, not_plans, section: part(section) }
    }
}

/// Reads the signing secrets in a variable, for a host that signs.
///
/// # Errors
/// [`ConfigError`] if it is not set, or holds anything else.
pub fn signing_secrets(variable: &str, environment: Environment<'_>) -> Result<Vec<Secret>, ConfigError> {
    Secrets::From(environment).signing(&FromEnvironment { env: variable }, variable).map_err(|error| *error)
}

/// Reads the configuration of the webhook filter: JSON text or the bytes of a `google.protobuf.Struct`.
///
/// # Errors
/// The first [`ConfigError`] of what both filters share, of the section `stripe_webhook` or of the environment; also if
/// there is no such section.
pub fn webhook(document: &[u8], environment: Environment<'_>) -> Result<Configuration<Webhook>, ConfigError> {
    webhook_with(document, Secrets::From(environment))
}

/// The same for a host that verifies no events: the signing secrets are not read.
///
/// # Errors
/// As [`webhook`].
pub fn webhook_without_signing(
    document: &[u8],
    environment: Environment<'_>,
) -> Result<Configuration<Webhook>, ConfigError> {
    webhook_with(document, Secrets::ApiKeys(environment))
}

fn webhook_with(document: &[u8], secrets: Secrets<'_>) -> Result<Configuration<Webhook>, ConfigError> {
    let value = encoding::read(document).map_err(|error| *error)?;
    let document: Document<'_, StripeWebhook<'_>, IgnoredAny> =
        typed::from_value(&value).map_err(|error| *error)?;
    let mut problems = Problems::default();
    let shared = shared(&document, &value, secrets, &mut problems);
    let section = document.stripe_webhook.as_ref();
    let section = section.map(|written| webhook::webhook(written, secrets, &mut problems));
    shared.with(section, "stripe_webhook", problems)
}

/// Reads the configuration of the gate: JSON text or the bytes of a `google.protobuf.Struct`.
///
/// # Errors
/// The first [`ConfigError`] of what both filters share, of the section `plan_gate` or of the environment; also if there
/// is no such section.
pub fn gate(document: &[u8], environment: Environment<'_>) -> Result<Configuration<Gate>, ConfigError> {
    let value = encoding::read(document).map_err(|error| *error)?;
    let document: Document<'_, IgnoredAny, PlanGate<'_>> =
        typed::from_value(&value).map_err(|error| *error)?;
    let secrets = Secrets::From(environment);
    let mut problems = Problems::default();
    let shared = shared(&document, &value, secrets, &mut problems);
    let section = gate_of(document.plan_gate.as_ref(), &shared, &value, secrets, &mut problems);
    shared.with(section, "plan_gate", problems)
}

/// Checks a document by itself, without an environment: the plans and both sections, where they are there.
///
/// # Errors
/// Every [`ConfigError`] that one look finds, at most [`ERRORS_MAX`]; a wrong shape hides what is behind it.
pub fn check(document: &[u8]) -> Result<(), Vec<ConfigError>> {
    let value = encoding::read(document).map_err(|error| vec![*error])?;
    let document: Document<'_> = typed::from_value(&value).map_err(|error| vec![*error])?;
    let mut problems = Problems::default();
    let shared = shared(&document, &value, Secrets::Unread, &mut problems);
    if let Some(written) = &document.stripe_webhook {
        webhook::webhook(written, Secrets::Unread, &mut problems);
    }
    gate_of(document.plan_gate.as_ref(), &shared, &value, Secrets::Unread, &mut problems);
    if document.stripe_webhook.is_none() && document.plan_gate.is_none() {
        let cure = "add the section of the filter that is to be configured";
        problems.add(ConfigError::new("", "there is neither `stripe_webhook` nor `plan_gate`", cure));
    }
    if problems.any() { Err(problems.into_errors()) } else { Ok(()) }
}

/// What both filters read alike; without the plans if they are wrong.
struct Shared {
    namespace: String,
    plans: Option<(PlanTable, NotPlans)>,
}

impl Shared {
    /// A filter's configuration, if nothing is wrong with it and its section is there.
    fn with<S>(
        self,
        section: Option<S>,
        name: &str,
        problems: Problems,
    ) -> Result<Configuration<S>, ConfigError> {
        let missing =
            || ConfigError::new(name, "missing, and this filter is configured by it", example::cure(name));
        match (problems.into_errors().into_iter().next(), section, self.plans) {
            (None, Some(section), Some((plans, not_plans))) => {
                Ok(Configuration { namespace: self.namespace, plans, not_plans, section })
            }
            // The first of several: what a log line has room for.
            (error, ..) => Err(error.unwrap_or_else(|| *missing())),
        }
    }
}

fn shared<W, G>(
    document: &Document<'_, W, G>,
    value: &Value,
    plan_map: Secrets<'_>,
    problems: &mut Problems,
) -> Shared {
    let namespace = problems.keep_or_default(namespace(document.namespace, value));
    let plan_map = problems.keep_or_default(plan_map.plan_map());
    let plans = plans::plans(&document.plans, &document.not_plans, &plan_map, problems);
    Shared { namespace, plans: plans.filter(|_| !problems.any()) }
}

/// Reads the gate's section, unless the plans are wrong: a rule can only be held against plans that are right.
fn gate_of(
    written: Option<&PlanGate<'_>>,
    shared: &Shared,
    value: &Value,
    secrets: Secrets<'_>,
    problems: &mut Problems,
) -> Option<Gate> {
    let (plans, _) = shared.plans.as_ref()?;
    let surroundings = gate::Surroundings {
        plans,
        webhook_path: text(value, &["stripe_webhook", "path"]),
        plan_key: text(value, &["stripe_webhook", "plan_key"]).unwrap_or_else(|| usual_plan_key()),
        clerk_authority: clerk_authority(value),
    };
    Some(gate::gate(written?, &surroundings, secrets, problems))
}

/// A text of a section that may be the other filter's: that one checks it, and whatever is no text is not there.
fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(value, |value, field| value.get(field))?.as_str()
}

/// The host of Clerk's Backend API, as the first section says that calls it.
fn clerk_authority(value: &Value) -> &str {
    text(value, &["stripe_webhook", "clerk", "authority"])
        .or_else(|| text(value, &["plan_gate", "confirm", "authority"]))
        .unwrap_or(upstream::CLERK_AUTHORITY)
}

/// The given namespace, or one that both filters derive alike from the same document.
fn namespace(given: Option<&str>, value: &Value) -> Checked<String> {
    if let Some(given) = given {
        return names::name(given, "namespace");
    }
    let issuer = text(value, &["plan_gate", "issuer"]).unwrap_or_default();
    // SipHash as published: gateways of different releases that share a process agree on it.
    let mut hasher = SipHasher13::new();
    hasher.write([issuer, "\0", clerk_authority(value)].concat().as_bytes());
    Ok(format!("{:016x}", hasher.finish128().h1))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wrong_documents;
#[cfg(test)]
mod wrong_environments;
