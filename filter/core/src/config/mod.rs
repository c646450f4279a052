//! What a user writes, parsed once into what cannot be wrong.
//!
//! One document serves both filters (see [`document`]). Each asks for its own section; the whole document is checked
//! either way, but only the section asked for reads its secrets, because the filters run in different VMs. An error
//! names the place and the cure, and never shows a secret.

mod address;
pub mod document;
mod encoding;
mod error;
mod example;
mod fault;
mod gate;
mod names;
mod plans;
mod rules;
mod secrets;
mod struct_value;
mod typed;
mod upstream;
mod webhook;

pub use crate::clerk::plan_claim::ClaimSource;
pub use crate::stripe::plan::PastDue;
pub use document::gate::{OnError, RateLimitHeaders, SubjectKind, Unmatched};
pub use document::webhook::{Mode, SubjectKeys, UnmappedPrice};
pub use encoding::DOCUMENT_BYTES_MAX;
pub use error::{ConfigError, ERRORS_MAX};
pub use gate::{Gate, Keys, PlanClaims, Store};
pub use plans::{NotPlans, WINDOW_COUNT_MAX};
pub use rules::{COST_MAX, PathMatch, RULES_MAX, Requirement, Rule, Spend};
pub use upstream::Upstream;
pub use webhook::Webhook;

use crate::plan_table::PlanTable;
use document::Document;
use error::{Checked, Problems};
use secrets::Secrets;
use sha2::{Digest, Sha256};

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

/// Reads the configuration of the webhook filter: JSON text or the bytes of a `google.protobuf.Struct`.
///
/// # Errors
/// The first [`ConfigError`] of the document or of the environment; also if it has no section `stripe_webhook`.
pub fn webhook(document: &[u8], environment: Environment<'_>) -> Result<Configuration<Webhook>, ConfigError> {
    let checked = read(document, Secrets::From(environment), Secrets::Unread, Secrets::From(environment));
    checked.map_err(first)?.with_section("stripe_webhook", |sections| sections.webhook)
}

/// Reads the configuration of the gate: JSON text or the bytes of a `google.protobuf.Struct`.
///
/// # Errors
/// The first [`ConfigError`] of the document or of the environment; also if it has no section `plan_gate`.
pub fn gate(document: &[u8], environment: Environment<'_>) -> Result<Configuration<Gate>, ConfigError> {
    let checked = read(document, Secrets::Unread, Secrets::From(environment), Secrets::From(environment));
    checked.map_err(first)?.with_section("plan_gate", |sections| sections.gate)
}

/// Checks a document by itself, without an environment: the plans and the sections that are there.
///
/// # Errors
/// Every [`ConfigError`] that one look finds, at most [`ERRORS_MAX`]; a wrong shape hides what is behind it.
pub fn check(document: &[u8]) -> Result<(), Vec<ConfigError>> {
    let sections = read(document, Secrets::Unread, Secrets::Unread, Secrets::Unread)?.section;
    if sections.webhook.is_none() && sections.gate.is_none() {
        let cure = "add the section of the filter that is to be configured";
        return Err(vec![*ConfigError::new("", "there is neither `stripe_webhook` nor `plan_gate`", cure)]);
    }
    Ok(())
}

/// The sections that are there.
struct Sections {
    webhook: Option<Webhook>,
    gate: Option<Gate>,
}

impl Configuration<Sections> {
    fn with_section<S>(
        self,
        name: &str,
        pick: fn(Sections) -> Option<S>,
    ) -> Result<Configuration<S>, ConfigError> {
        let Configuration { namespace, plans, not_plans, section } = self;
        match pick(section) {
            Some(section) => Ok(Configuration { namespace, plans, not_plans, section }),
            None => Err(*ConfigError::new(
                name,
                "missing, and this filter is configured by it",
                example::cure(name),
            )),
        }
    }
}

/// Reads and checks everything. Each part has its own leave to read secrets.
fn read(
    document: &[u8],
    webhook_secrets: Secrets<'_>,
    gate_secrets: Secrets<'_>,
    plan_map: Secrets<'_>,
) -> Result<Configuration<Sections>, Vec<ConfigError>> {
    let value = encoding::read(document).map_err(|error| vec![*error])?;
    let document: Document = typed::from_value(&value).map_err(|error| vec![*error])?;
    let mut problems = Problems::default();
    let namespace = problems.keep(namespace(&document));
    let plan_map = problems.keep(plan_map.plan_map()).unwrap_or_default();
    let plans = plans::plans(&document, &plan_map, &mut problems);
    let plans_are_right = !problems.any();
    let webhook = document.stripe_webhook.as_ref();
    let webhook = webhook.map(|written| webhook::webhook(written, webhook_secrets, &mut problems));
    // A rule can only be held against plans that are right.
    let gate = match (&document.plan_gate, &plans) {
        (Some(written), Some((plans, _))) if plans_are_right => {
            Some(gate::gate(written, &surroundings(&document, plans), gate_secrets, &mut problems))
        }
        _ => None,
    };
    match (namespace, plans) {
        (Some(namespace), Some((plans, not_plans))) if !problems.any() => {
            Ok(Configuration { namespace, plans, not_plans, section: Sections { webhook, gate } })
        }
        _ => Err(problems.into_errors()),
    }
}

fn surroundings<'a>(document: &Document<'a>, plans: &'a PlanTable) -> gate::Surroundings<'a> {
    let webhook = document.stripe_webhook.as_ref();
    gate::Surroundings {
        plans,
        webhook_path: webhook.map(|webhook| webhook.path),
        plan_key: webhook.map_or("plan", |webhook| webhook.plan_key),
        clerk_authority: clerk_authority(document),
    }
}

/// The host of Clerk's Backend API, as the first section says that calls it.
fn clerk_authority<'a>(document: &Document<'a>) -> &'a str {
    let webhook = document.stripe_webhook.as_ref().and_then(|webhook| webhook.clerk.authority);
    let confirm = document.plan_gate.as_ref().and_then(|gate| gate.confirm.as_ref());
    let confirm = confirm.and_then(|confirm| confirm.authority);
    webhook.or(confirm).unwrap_or(upstream::CLERK_AUTHORITY)
}

/// The given namespace, or one that both filters derive alike from the same document.
fn namespace(document: &Document<'_>) -> Checked<String> {
    if let Some(given) = document.namespace {
        return names::name(given, "namespace");
    }
    let issuer = document.plan_gate.as_ref().map_or("", |gate| gate.issuer);
    let hash = Sha256::digest(format!("{issuer}\0{}", clerk_authority(document)));
    Ok(hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// The first of several errors: what a log line has room for.
fn first(errors: Vec<ConfigError>) -> ConfigError {
    let mut errors = errors.into_iter();
    // Nothing is refused without an error; if it were, the operator would still learn that it was.
    errors.next().unwrap_or_else(|| *ConfigError::new("", "the configuration is refused", ""))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wrong_documents;
