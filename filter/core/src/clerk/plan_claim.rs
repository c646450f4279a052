//! Reads the plan from a token's claims. Does not check whether the plan is configured.

use super::numeric_date::numeric_date;
use crate::ids::Subject;
use crate::time::Micros;
use serde_json::{Map, Value};

/// A claim that may contain the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimSource {
    /// The names of the members on the path to the claim, from the outermost object inwards.
    Path(Vec<String>),
    /// Clerk Billing's own claims: `pla` and `fea`.
    ClerkBilling,
}

/// The plan in a token's claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlanClaim {
    /// No plan, which means the default plan.
    Absent,
    /// A plan's name, as in Clerk's metadata.
    Named {
        /// The name.
        plan: String,
        /// `subscription.grace_until` in the same object: from that time, the plan counts as the default
        /// plan.
        grace_until: Option<Micros>,
    },
    /// The slugs that Clerk Billing assigns to the subject; at least one plan.
    Billing {
        /// Slugs of plans.
        plans: Vec<String>,
        /// Slugs of features.
        features: Vec<String>,
    },
}

/// A claim that is present but invalid. It must grant nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the claim `{claim}` is not {expected}")]
pub(crate) struct PlanClaimError {
    /// The path of the claim, joined by dots.
    pub(crate) claim: String,
    /// The expected type.
    pub(crate) expected: &'static str,
}

/// Reads the subject's plan from the first of `sources` that is present and not null.
///
/// # Errors
/// [`PlanClaimError`] if that claim is not a string, or if the grace period next to it is not a time.
pub(crate) fn read(
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

/// Returns whether Clerk's session token is customized to contain the plan: whether the claims have one of the
/// sources, or the object that would contain it.
///
/// For a user without a plan, Clerk writes an object without it, or null for a shortcode without a value
/// (<https://clerk.com/docs/guides/sessions/jwt-templates>). Without the customization, both are absent.
pub(crate) fn is_provided(sources: &[ClaimSource], claims: &Map<String, Value>) -> bool {
    sources.iter().any(|source| match source {
        ClaimSource::Path(path) => is_path_provided(path, claims),
        ClaimSource::ClerkBilling => claims.contains_key("pla"),
    })
}

fn is_path_provided(path: &[String], claims: &Map<String, Value>) -> bool {
    let Some((name, outer)) = path.split_last() else { return false };
    let mut holder = claims;
    for segment in outer {
        match holder.get(segment) {
            Some(Value::Object(object)) => holder = object,
            Some(Value::Null) => return true,
            _ => return false,
        }
    }
    !outer.is_empty() || holder.contains_key(name)
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

/// Returns `subscription.grace_until` of the object that contains the plan; the outer `None` means that it is
/// not a time.
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

/// Returns the subject's slugs in a list such as `u:free,o:pro`. The scope is `u`, `o`, or both letters.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const USER: [&str; 6] = [
        "public_metadata.plan",
        "metadata.plan",
        "publicMetadata.plan",
        "user.public_metadata.plan",
        "plan",
        "clerk_billing",
    ];

    fn sources(texts: &[&str]) -> Vec<ClaimSource> {
        let source = |text: &&str| match *text {
            "clerk_billing" => ClaimSource::ClerkBilling,
            path => ClaimSource::Path(path.split('.').map(str::to_owned).collect()),
        };
        texts.iter().map(source).collect()
    }

    fn read_for(subject: &str, sources: &[ClaimSource], claims: &Value) -> Result<PlanClaim, String> {
        let subject = Subject::parse(subject).unwrap();
        read(sources, claims.as_object().unwrap(), &subject).map_err(|error| error.to_string())
    }

    fn named(plan: &str) -> Result<PlanClaim, String> {
        Ok(PlanClaim::Named { plan: plan.to_owned(), grace_until: None })
    }

    #[test]
    fn the_first_present_claim_is_the_plan() {
        let cases = [
            ("Clerk's documentation", json!({"metadata": {"plan": "pro"}}), named("pro")),
            ("the whole user", json!({"user": {"public_metadata": {"plan": "pro"}}}), named("pro")),
            ("flat", json!({"plan": "pro"}), named("pro")),
            ("the first of two", json!({"plan": "free", "public_metadata": {"plan": "pro"}}), named("pro")),
            ("null is passed over", json!({"plan": "pro", "public_metadata": {"plan": null}}), named("pro")),
            ("so is an object without it", json!({"plan": "pro", "public_metadata": {}}), named("pro")),
            (
                "and what is no object",
                json!({"plan": "pro", "public_metadata": "x", "metadata": [1]}),
                named("pro"),
            ),
            ("an empty text is there", json!({"plan": "pro", "metadata": {"plan": ""}}), named("")),
            ("before Clerk Billing", json!({"plan": "free", "pla": "u:pro"}), named("free")),
            ("nowhere", json!({"sub": "user_1"}), Ok(PlanClaim::Absent)),
            ("names are exact", json!({"Plan": "pro", "metadata.plan": "pro"}), Ok(PlanClaim::Absent)),
        ];
        for (why, claims, want) in cases {
            assert_eq!(read_for("user_1", &sources(&USER), &claims), want, "{why}");
        }
        assert_eq!(read_for("user_1", &[], &json!({"plan": "pro"})), Ok(PlanClaim::Absent), "no source");
    }

    #[test]
    fn a_claim_is_provided_if_the_token_has_a_location_for_it() {
        let cases = [
            (json!({"metadata": {"plan": "pro"}}), true),
            (json!({"metadata": {}}), true),
            (json!({"metadata": null}), true),
            (json!({"user": {"public_metadata": {}}}), true),
            (json!({"plan": null}), true),
            (json!({"pla": "u:free"}), true),
            (json!({"user": {"email": "a@example.com"}}), false),
            (json!({"metadata": "x"}), false),
            (json!({"Plan": "pro", "metadata.plan": "pro", "sub": "user_1"}), false),
        ];
        for (claims, want) in cases {
            assert_eq!(is_provided(&sources(&USER), claims.as_object().unwrap()), want, "{claims}");
        }
        assert!(!is_provided(&sources(&["metadata.plan"]), json!({"pla": "u:free"}).as_object().unwrap()));
    }

    #[test]
    fn a_plan_that_is_not_text_is_an_error_despite_later_claims() {
        for value in [json!(1), json!(true), json!(["pro"]), json!({"name": "pro"})] {
            let claims = json!({"metadata": {"plan": value}, "plan": "pro"});
            let want = Err("the claim `metadata.plan` is not text".to_owned());
            assert_eq!(read_for("user_1", &sources(&USER), &claims), want, "{value}");
        }
    }

    #[test]
    fn the_grace_period_is_in_the_same_object_as_the_plan() {
        let until = |secs: u64| {
            Ok(PlanClaim::Named { plan: "pro".to_owned(), grace_until: Some(Micros::from_secs(secs)) })
        };
        let no_time = |claim: &str| Err(format!("the claim `{claim}` is not a time in Unix seconds"));
        let cases = [
            ("beside", json!({"metadata": {"plan": "pro", "subscription": {"grace_until": 9}}}), until(9)),
            ("beside a flat one", json!({"plan": "pro", "subscription": {"grace_until": 9}}), until(9)),
            ("null", json!({"plan": "pro", "subscription": {"grace_until": null}}), named("pro")),
            ("no subscription", json!({"plan": "pro", "subscription": null}), named("pro")),
            (
                "elsewhere",
                json!({"plan": "pro", "metadata": {"subscription": {"grace_until": 9}}}),
                named("pro"),
            ),
            (
                "as text",
                json!({"metadata": {"plan": "pro", "subscription": {"grace_until": "9"}}}),
                no_time("metadata.subscription.grace_until"),
            ),
            (
                "beyond dates",
                json!({"plan": "pro", "subscription": {"grace_until": 1e300}}),
                no_time("subscription.grace_until"),
            ),
        ];
        for (why, claims, want) in cases {
            assert_eq!(read_for("user_1", &sources(&USER), &claims), want, "{why}");
        }
    }

    #[test]
    fn clerk_billing_separates_users_and_organizations() {
        let billing = |plans: &[&str], features: &[&str]| {
            let owned = |slugs: &[&str]| slugs.iter().map(|slug| (*slug).to_owned()).collect();
            Ok(PlanClaim::Billing { plans: owned(plans), features: owned(features) })
        };
        let both = json!({"pla": "u:free,o:pro", "fea": "u:a, o:b ,uo:c,ou:d"});
        let cases = [
            ("the user's", "user_1", both.clone(), billing(&["free"], &["a", "c", "d"])),
            ("the organization's", "org_1", both, billing(&["pro"], &["b", "c", "d"])),
            ("no features", "user_1", json!({"pla": "u:free"}), billing(&["free"], &[])),
            ("several plans", "user_1", json!({"pla": "u:free,u:pro"}), billing(&["free", "pro"], &[])),
            ("only another's", "org_1", json!({"pla": "u:free"}), Ok(PlanClaim::Absent)),
            ("no scope", "user_1", json!({"pla": "pro"}), Ok(PlanClaim::Absent)),
            ("no slug", "user_1", json!({"pla": "u:"}), Ok(PlanClaim::Absent)),
            ("another scope", "user_1", json!({"pla": "user:pro,U:pro,:pro"}), Ok(PlanClaim::Absent)),
            ("empty", "user_1", json!({"pla": ""}), Ok(PlanClaim::Absent)),
            ("no plan, but features", "user_1", json!({"fea": "u:a"}), Ok(PlanClaim::Absent)),
            ("no text", "user_1", json!({"pla": ["u:pro"]}), Err("the claim `pla` is not text".to_owned())),
            (
                "features no text",
                "user_1",
                json!({"pla": "u:pro", "fea": 1}),
                Err("the claim `fea` is not text".to_owned()),
            ),
        ];
        for (why, subject, claims, want) in cases {
            assert_eq!(read_for(subject, &sources(&["clerk_billing"]), &claims), want, "{why}");
        }
    }

    proptest! {
        #[test]
        fn slugs_of_other_scopes_are_ignored(list in "[uo:,a-c ]{0,24}") {
            let claims = json!({"pla": list});
            let found = read_for("org_1", &[ClaimSource::ClerkBilling], &claims);
            if let Ok(PlanClaim::Billing { plans, .. }) = found {
                for plan in plans {
                    let fits = ["o:", "uo:", "ou:"].iter().any(|scope| list.contains(&format!("{scope}{plan}")));
                    prop_assert!(fits, "{plan} of {list}");
                }
            }
        }
    }
}
