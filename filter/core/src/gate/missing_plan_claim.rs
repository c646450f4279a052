//! Detects that Clerk's session tokens have no plan claim at all, because the session token was not customized:
//! then the default plan counts for everyone, whatever they pay.
//!
//! All tokens of an instance are made from one template, so either all have the claim or none, except around a
//! change of the template. So a worker thread reports it if no token has had the claim for longer than tokens
//! live. Only tokens that are verified count, not those in the cache.

use crate::alarm::{Alarm, AlarmCode};
use crate::config::{ClaimSource, PlanGateSettings};
use crate::ids::Subject;
use crate::report::Report;
use crate::time::Micros;
use std::time::Duration;

/// The time without a token with the claim after which it counts as missing: twice the usual lifetime of a
/// token, so that a token from before a change of the template does not count.
const MISSING_AFTER: Duration = Duration::from_secs(120);

/// The minimum time between two reports of a worker thread.
const REPORT_EVERY: Duration = Duration::from_secs(600);

/// What a worker thread knows about the plan claim of its tokens.
#[derive(Debug, Default)]
pub(super) struct MissingPlanClaim {
    /// The time of the first token without the claim since the last token with it.
    since: Option<Micros>,
    reported_at: Option<Micros>,
}

impl MissingPlanClaim {
    /// Records a token. Returns whether the missing claim must be reported now.
    pub(super) fn record(&mut self, is_provided: bool, now: Micros) -> bool {
        if is_provided {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        let is_long_ago = |at: Micros, than: Duration| now.since(at) >= than;
        let due = is_long_ago(since, MISSING_AFTER)
            && self.reported_at.is_none_or(|at| at > now || is_long_ago(at, REPORT_EVERY));
        if since > now {
            // The clock stepped back.
            self.since = Some(now);
        }
        if due {
            self.reported_at = Some(now);
        }
        due
    }
}

/// Returns the alarm. `subject` is that of the last token.
pub(super) fn alarm(gate: &PlanGateSettings, subject: &Subject) -> Report {
    let names: Vec<String> = gate.plan_claims.sources(subject).iter().map(name).collect();
    let template = session_token_template(gate, subject);
    let cure = format!("customize the session token at Clerk (Sessions): {template}");
    let cause = format!(
        "for {} s, no session token had a plan claim ({}), so the default plan counts for everyone",
        MISSING_AFTER.as_secs(),
        names.join(", ")
    );
    Alarm::error(AlarmCode::PlanClaimMissing, cause, cure).subject(Some(subject.as_str())).into()
}

/// Returns what to add to the session token at Clerk, so that it has the first of the plan claims of such a
/// subject.
pub fn session_token_template(gate: &PlanGateSettings, subject: &Subject) -> String {
    let (object, standard) = match subject {
        Subject::User(_) => ("user", "public_metadata"),
        Subject::Organization(_) => ("org", "org_public_metadata"),
    };
    let first = gate.plan_claims.sources(subject).iter().find_map(|source| match source {
        ClaimSource::Path(path) => Some(path.clone()),
        ClaimSource::ClerkBilling => None,
    });
    let path = first.unwrap_or_else(|| vec![standard.to_owned(), gate.plan_key.clone()]);
    let value = format!("\"{{{{{object}.public_metadata.{}}}}}\"", gate.plan_key);
    path.iter().rev().fold(value, |value, name| format!("{{\"{name}\": {value}}}"))
}

fn name(source: &ClaimSource) -> String {
    match source {
        ClaimSource::Path(path) => path.join("."),
        ClaimSource::ClerkBilling => "clerk_billing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_missing_if_no_token_has_it_for_two_minutes() {
        let at = |seconds: u64| Micros::from_secs(1_800_000_000_u64.saturating_add(seconds));
        let mut claim = MissingPlanClaim::default();
        let cases = [
            (0, false, false),
            (119, false, false),
            (120, true, false),
            (130, false, false),
            (249, false, false),
            (250, false, true),
            (251, false, false),
            (849, false, false),
            (850, false, true),
            (900, true, false),
            (2_000, false, false),
        ];
        for (second, is_provided, want) in cases {
            assert_eq!(claim.record(is_provided, at(second)), want, "{second} s");
        }
        assert!(!claim.record(false, at(100)), "the clock stepped back");
        assert!(!claim.record(false, at(219)));
        assert!(claim.record(false, at(220)));
    }
}
