//! Why a request does not go on, and the answer that says so.

use crate::auth::AuthError;
use crate::gate::client_address::AddressError;
use crate::gate::metrics::GateDecision;
use crate::problem::Problem;
use crate::quota::WindowState;
use crate::quota::calendar::rfc3339;
use crate::time::Micros;

/// The methods by which usage can be read.
pub(super) const USAGE_METHODS: &str = "GET, HEAD";

/// Why a request does not go on. Each has one status and one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request has no caller.
    Auth(AuthError),
    /// The path could be read otherwise behind the gateway.
    AmbiguousPath,
    /// There are rules for hosts, and servers differ on which host the request is for.
    AmbiguousHost,
    /// There are rules for methods, and a header field names another method than the request's.
    AmbiguousMethod,
    /// No rule guards the path, and what no rule guards is closed.
    NoRule,
    /// The route names a rule that is not configured.
    UnknownRule,
    /// The rule asks for an organization's plan and the session has none active.
    OrganizationRequired,
    /// A higher plan is needed.
    PlanRequired {
        /// The caller's plan.
        plan: String,
        /// The lowest plan that would do, if there is one.
        required: Option<String>,
    },
    /// A feature is needed that the plan does not have.
    FeatureRequired {
        /// The caller's plan.
        plan: String,
        /// The feature.
        feature: String,
        /// The lowest plan that has it, if there is one.
        required: Option<String>,
    },
    /// The plan's limit is used up for now.
    QuotaExceeded {
        /// The caller's plan.
        plan: String,
        /// The limit's name.
        limit: String,
        /// The tightest of its windows.
        tightest: WindowState,
        /// When there is room again in all of them.
        reset: Micros,
    },
    /// A method that `usage_path` does not have.
    MethodNotAllowed,
    /// The caller's address is not known, so that an anonymous caller cannot be counted.
    AddressUnknown(AddressError),
    /// The counter could not be stored in time.
    StoreUnavailable,
}

impl Refusal {
    /// Under what it is counted.
    pub(crate) fn decision(&self) -> GateDecision {
        match self {
            Refusal::Auth(AuthError::Token(_) | AuthError::TooManyWaiting) => GateDecision::Unauthenticated,
            Refusal::OrganizationRequired
            | Refusal::NoRule
            | Refusal::PlanRequired { .. }
            | Refusal::FeatureRequired { .. } => GateDecision::PlanRequired,
            Refusal::QuotaExceeded { .. } => GateDecision::OverLimit,
            Refusal::AmbiguousPath
            | Refusal::AmbiguousHost
            | Refusal::AmbiguousMethod
            | Refusal::AddressUnknown(AddressError::Unread)
            | Refusal::MethodNotAllowed => GateDecision::BadRequest,
            Refusal::UnknownRule
            | Refusal::AddressUnknown(AddressError::Unknown)
            | Refusal::Auth(AuthError::KeysUnavailable | AuthError::SignaturesUnsupported)
            | Refusal::StoreUnavailable => GateDecision::Unjudged,
        }
    }

    /// The answer. `plan_required_status` is 402 or 403, as configured.
    pub(crate) fn problem(&self, plan_required_status: u16, upgrade_url: Option<&str>) -> Problem {
        match self {
            Refusal::Auth(error) => error.problem(),
            Refusal::AmbiguousPath => Problem::new(
                400,
                "ambiguous_path",
                "this path can be read in more than one way: send it in normal form",
            ),
            Refusal::AmbiguousHost => Problem::new(
                400,
                "ambiguous_host",
                "this host can be read in more than one way: send one host name, with a port at most",
            ),
            Refusal::AmbiguousMethod => Problem::new(
                400,
                "ambiguous_method",
                "a header field names another method, for which another rule holds: send one method",
            ),
            Refusal::NoRule => Problem::new(403, "no_rule", "nothing is served at this path"),
            Refusal::UnknownRule => {
                Problem::new(500, "unknown_rule", "the gateway's route names a rule that is not configured")
            }
            Refusal::OrganizationRequired => Problem::new(
                403,
                "organization_required",
                "choose an organization: its plan is what counts here",
            ),
            Refusal::PlanRequired { plan, required } => {
                let detail = match required {
                    Some(required) => format!("the plan {plan} does not include this; {required} does"),
                    None => format!("the plan {plan} does not include this"),
                };
                let problem = Problem::new(plan_required_status, "plan_required", detail);
                by_plan(problem, plan, required.as_deref(), upgrade_url)
            }
            Refusal::FeatureRequired { plan, feature, required } => {
                let detail = format!("the plan {plan} does not have {feature}");
                let problem = Problem::new(plan_required_status, "feature_required", detail);
                by_plan(problem.with("feature", feature.as_str()), plan, required.as_deref(), upgrade_url)
            }
            Refusal::QuotaExceeded { plan, limit, tightest, reset } => {
                let detail =
                    format!("the plan {plan} allows {limit} {} a {}", tightest.max, tightest.per.name());
                let problem = Problem::new(429, "quota_exceeded", detail)
                    .with("limit", limit.as_str())
                    .with("max", tightest.max)
                    .with("per", tightest.per.name())
                    .with("reset", rfc3339(*reset));
                by_plan(problem, plan, None, upgrade_url)
            }
            Refusal::MethodNotAllowed => Problem::new(405, "method_not_allowed", "usage can only be read")
                .header("allow", USAGE_METHODS),
            Refusal::AddressUnknown(_) => {
                Problem::new(503, "address_unknown", "the gateway cannot tell where this request comes from")
            }
            Refusal::StoreUnavailable => {
                Problem::new(503, "store_unavailable", "usage could not be counted; try again")
                    .header("retry-after", "1")
            }
        }
    }
}

/// Adds the plan that the caller has and the one that would do.
fn by_plan(problem: Problem, plan: &str, required: Option<&str>, upgrade_url: Option<&str>) -> Problem {
    let mut problem = problem.with("plan", plan);
    if let Some(required) = required {
        problem = problem.with("required_plan", required);
    }
    match upgrade_url {
        Some(url) => problem.with("upgrade_url", url),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::TokenError;
    use crate::http::Reply;

    #[test]
    fn each_refusal_has_its_status_and_code() {
        let required = Some("pro".to_owned());
        let plan = "free".to_owned();
        let cases = [
            (Refusal::Auth(AuthError::Token(TokenError::Missing)), 401, "missing_token"),
            (Refusal::Auth(AuthError::Token(TokenError::Expired)), 401, "token_expired"),
            (Refusal::AmbiguousPath, 400, "ambiguous_path"),
            (Refusal::AmbiguousHost, 400, "ambiguous_host"),
            (Refusal::AmbiguousMethod, 400, "ambiguous_method"),
            (Refusal::NoRule, 403, "no_rule"),
            (Refusal::UnknownRule, 500, "unknown_rule"),
            (Refusal::OrganizationRequired, 403, "organization_required"),
            (Refusal::PlanRequired { plan: plan.clone(), required: required.clone() }, 402, "plan_required"),
            (Refusal::FeatureRequired { plan, feature: "sso".to_owned(), required }, 402, "feature_required"),
            (Refusal::Auth(AuthError::KeysUnavailable), 503, "keys_unavailable"),
            (Refusal::MethodNotAllowed, 405, "method_not_allowed"),
            (Refusal::StoreUnavailable, 503, "store_unavailable"),
        ];
        for (refusal, status, code) in cases {
            let reply = Reply::from(refusal.problem(402, Some("https://x/pricing")));
            assert_eq!((reply.status, reply.details), (status, code));
        }
    }

    #[test]
    fn a_caller_learns_which_plan_would_do_and_where_to_get_it() {
        let refusal = Refusal::PlanRequired { plan: "free".to_owned(), required: Some("pro".to_owned()) };
        let reply = Reply::from(refusal.problem(403, Some("https://x/pricing")));
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["plan"], "free");
        assert_eq!(body["required_plan"], "pro");
        assert_eq!(body["upgrade_url"], "https://x/pricing");
    }

    #[test]
    fn a_bad_token_is_told_apart_from_none() {
        let challenge =
            |error| Reply::from(Refusal::Auth(AuthError::Token(error)).problem(403, None)).headers;
        assert!(challenge(TokenError::Missing).contains(&("www-authenticate", "Bearer".to_owned())));
        let bad = challenge(TokenError::Expired);
        assert!(
            bad.iter().any(|(_, value)| value.contains("invalid_token") && value.contains("token_expired"))
        );
    }
}
