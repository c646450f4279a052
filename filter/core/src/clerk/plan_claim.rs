//! Where in a token's claims the plan is. Says what stands there, not whether a plan of that name is sold.

use super::claims::numeric_date;
use crate::ids::Subject;
use crate::time::Micros;
use serde_json::{Map, Value};
use std::str::FromStr;

/// How deep the plan may lie within the claims.
pub const CLAIM_PATH_SEGMENTS_MAX: usize = 8;

/// The name that stands for [`ClaimSource::ClerkBilling`] in the configuration.
const CLERK_BILLING: &str = "clerk_billing";

/// A place where a token may show the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimSource {
    /// The names that lead to it, from the outermost object inwards.
    Path(Vec<String>),
    /// Clerk Billing's own claims: `pla` and `fea`.
    ClerkBilling,
}

/// Not a place in a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected `{CLERK_BILLING}`, or names with dots between them such as `public_metadata.plan`, at most {CLAIM_PATH_SEGMENTS_MAX}"
)]
pub struct ClaimSourceError;

impl FromStr for ClaimSource {
    type Err = ClaimSourceError;

    /// Reads `clerk_billing`, or names with dots between them.
    fn from_str(text: &str) -> Result<Self, ClaimSourceError> {
        if text == CLERK_BILLING {
            return Ok(ClaimSource::ClerkBilling);
        }
        let segments: Vec<String> = text.split('.').map(str::to_owned).collect();
        let blank = segments.iter().any(|segment| segment.trim() != segment || segment.is_empty());
        if blank || segments.len() > CLAIM_PATH_SEGMENTS_MAX {
            return Err(ClaimSourceError);
        }
        Ok(ClaimSource::Path(segments))
    }
}

/// What a token says about the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanClaim {
    /// Nothing, which means the default plan.
    Absent,
    /// A plan's name, as it stands in Clerk's metadata.
    Named {
        /// The name.
        plan: String,
        /// `subscription.grace_until` beside it: from then on the plan counts as the default one.
        grace_until: Option<Micros>,
    },
    /// The slugs that Clerk Billing gives the subject; at least one plan.
    Billing {
        /// Slugs of plans.
        plans: Vec<String>,
        /// Slugs of features.
        features: Vec<String>,
    },
}

/// A claim that is there but cannot be read. It must grant nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the claim `{claim}` is not {expected}")]
pub struct PlanClaimError {
    /// Which claim, its names joined by dots.
    pub claim: String,
    /// What it should have been.
    pub expected: &'static str,
}

/// Reads the subject's plan from the first of `sources` that is present and not null.
///
/// # Errors
/// [`PlanClaimError`] if that one is no text, or the grace period beside it no time.
pub fn read(
    sources: &[ClaimSource],
    claims: &Map<String, Value>,
    subject: &Subject,
) -> Result<PlanClaim, PlanClaimError> {
    for source in sources {
        let found = match source {
            ClaimSource::Path(path) => named(path, claims)?,
            ClaimSource::ClerkBilling => billing(claims, subject)?,
        };
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Ok(PlanClaim::Absent)
}

fn named(path: &[String], claims: &Map<String, Value>) -> Result<Option<PlanClaim>, PlanClaimError> {
    let Some((name, outer)) = path.split_last() else { return Ok(None) };
    let mut holder = claims;
    for segment in outer {
        match holder.get(segment) {
            Some(Value::Object(object)) => holder = object,
            _ => return Ok(None),
        }
    }
    let plan = match holder.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(plan)) => plan.clone(),
        Some(_) => return Err(PlanClaimError { claim: path.join("."), expected: "text" }),
    };
    let grace_until = grace_until(holder).ok_or_else(|| {
        let names = outer.iter().map(String::as_str).chain(["subscription", "grace_until"]);
        PlanClaimError { claim: names.collect::<Vec<_>>().join("."), expected: "a time in Unix seconds" }
    })?;
    Ok(Some(PlanClaim::Named { plan, grace_until }))
}

/// `subscription.grace_until` of the object that holds the plan; the outer `None` if it is there and no time.
pub(super) fn grace_until(holder: &Map<String, Value>) -> Option<Option<Micros>> {
    match holder.get("subscription").and_then(|subscription| subscription.get("grace_until")) {
        None | Some(Value::Null) => Some(None),
        Some(time) => numeric_date(time).map(Some),
    }
}

fn billing(claims: &Map<String, Value>, subject: &Subject) -> Result<Option<PlanClaim>, PlanClaimError> {
    let plans = slugs("pla", claims, subject)?;
    if plans.is_empty() {
        return Ok(None);
    }
    Ok(Some(PlanClaim::Billing { plans, features: slugs("fea", claims, subject)? }))
}

/// The slugs of a list as in `u:free,o:pro` that are the subject's. The scope is `u`, `o`, or both letters.
fn slugs(name: &str, claims: &Map<String, Value>, subject: &Subject) -> Result<Vec<String>, PlanClaimError> {
    let list = match claims.get(name) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(list)) => list,
        Some(_) => return Err(PlanClaimError { claim: name.to_owned(), expected: "text" }),
    };
    let scope = match subject {
        Subject::User(_) => 'u',
        Subject::Organization(_) => 'o',
    };
    let entries = list.split(',').filter_map(|entry| entry.trim().split_once(':'));
    let own = entries.filter(|(scopes, slug)| {
        matches!(*scopes, "u" | "o" | "uo" | "ou") && scopes.contains(scope) && !slug.is_empty()
    });
    Ok(own.map(|(_, slug)| slug.to_owned()).collect())
}
