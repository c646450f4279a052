//! The caller of a request and its plan: the part of a verified session token that is kept.

use super::metrics::{GateEvent, GateMetrics};
use crate::alarm::{Alarm, AlarmCode};
use crate::auth::token::Session;
use crate::clerk::plan_claim::{self, PlanClaim};
use crate::config::{PlanGateSettings, SubjectKind};
use crate::ids::Subject;
use crate::log_limit::TextLogLimit;
use crate::plan_table::{PlanTable, Rank};
use crate::report::Report;
use crate::time::Micros;
use serde_json::Map;

/// The bearer of a verified session token.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The token's claims, without those that are read only once.
    pub(crate) session: Session,
    /// The subject of the plan and of the counters; `None` if it must be an organization and none is active.
    pub(crate) subject: Option<Subject>,
    plan: Rank,
    grace_until: Option<Micros>,
    /// The features that Clerk Billing adds to those of the plan.
    features: Vec<String>,
}

/// An error in the plan of a token or a record. The default plan, or the readable part of the claim, is then
/// used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallerPlanError {
    /// The configuration has no plan with this name.
    Unknown(String),
    /// No plan has these slugs of Clerk Billing.
    UnknownSlugs(Vec<String>),
    /// The claim is malformed.
    Unreadable(String),
}

impl AsRef<Session> for Caller {
    fn as_ref(&self) -> &Session {
        &self.session
    }
}

impl Caller {
    /// Reads the caller from a verified token. A plan that cannot be read counts as the default plan, and the
    /// error is returned for a report.
    ///
    /// Also returns whether the token has a location for the plan; `None` without a subject.
    pub(crate) fn new(
        session: Session,
        gate: &PlanGateSettings,
        plans: &PlanTable,
    ) -> (Self, Option<CallerPlanError>, Option<bool>) {
        let subject = subject(&session, gate.subject);
        let (named, error) = match &subject {
            Some(subject) => named_plan(&session, subject, gate, plans),
            None => (NamedPlan::default_of(plans), None),
        };
        let is_provided = subject
            .as_ref()
            .map(|subject| plan_claim::is_provided(gate.plan_claims.sources(subject), &session.claims));
        let session = Session { claims: Map::new(), ..session };
        let NamedPlan { plan, grace_until, features } = named;
        (Caller { session, subject, plan, grace_until, features }, error, is_provided)
    }

    /// Returns the plan in force: the plan in the token, or the default plan after its grace period.
    pub(crate) fn plan(&self, plans: &PlanTable, now: Micros) -> Rank {
        if self.grace_until.is_some_and(|end| end <= now) { plans.default_rank() } else { self.plan }
    }

    /// Returns the features that Clerk Billing adds to those of the plan.
    pub(crate) fn own_features(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(String::as_str)
    }
}

impl CallerPlanError {
    /// Returns the reports for operators: a count for each token or record, and a log line for each plan once
    /// a minute.
    pub(crate) fn reports(
        &self,
        metrics: &GateMetrics,
        reported: &mut TextLogLimit,
        subject: Option<&Subject>,
        now: Micros,
    ) -> Vec<Report> {
        let (found, what, cure) = match self {
            CallerPlanError::Unknown(plan) => (
                std::slice::from_ref(plan),
                "names a plan that is not in the configuration, so it grants nothing",
                "add the plan to `plans`, or correct it in Clerk",
            ),
            CallerPlanError::UnknownSlugs(slugs) => (
                slugs.as_slice(),
                "names a plan of Clerk Billing that maps to none, so it grants nothing",
                "add the slug to the `clerk_plan` of a plan in `plans`",
            ),
            CallerPlanError::Unreadable(error) => (
                std::slice::from_ref(error),
                "has a plan claim that cannot be read, so the default plan counts",
                "correct the session token's claims in Clerk",
            ),
        };
        let subject = subject.map(Subject::as_str);
        let due = found.iter().filter_map(|found| reported.due(found, now));
        let lines = due.map(|found| {
            let cause = format!("a token or Clerk's record {what}: {found}");
            let alarm = Alarm::warning(AlarmCode::PlanUnknown, cause, cure);
            alarm.subject(subject).with("found", found).into()
        });
        std::iter::once(metrics.count_event(GateEvent::PlanUnknown)).chain(lines).collect()
    }
}

fn subject(session: &Session, kind: SubjectKind) -> Option<Subject> {
    let user = || Subject::User(session.user.clone());
    let organization = session.organization.clone().map(Subject::Organization);
    match kind {
        SubjectKind::User => Some(user()),
        SubjectKind::Organization => organization,
        SubjectKind::OrganizationOrUser => Some(organization.unwrap_or_else(user)),
    }
}

struct NamedPlan {
    plan: Rank,
    grace_until: Option<Micros>,
    features: Vec<String>,
}

impl NamedPlan {
    fn default_of(plans: &PlanTable) -> Self {
        NamedPlan { plan: plans.default_rank(), grace_until: None, features: Vec::new() }
    }
}

fn named_plan(
    session: &Session,
    subject: &Subject,
    gate: &PlanGateSettings,
    plans: &PlanTable,
) -> (NamedPlan, Option<CallerPlanError>) {
    let sources = gate.plan_claims.sources(subject);
    let none = NamedPlan::default_of(plans);
    match plan_claim::read(sources, &session.claims, subject) {
        Ok(PlanClaim::Absent) => (none, None),
        Ok(PlanClaim::Named { plan, grace_until }) => match plans.rank_of(&plan) {
            Some(rank) => (NamedPlan { plan: rank, grace_until, ..none }, None),
            None => (none, Some(CallerPlanError::Unknown(plan))),
        },
        Ok(PlanClaim::Billing { plans: slugs, features }) => {
            let highest = slugs.iter().filter_map(|slug| plans.rank_of_clerk_slug(slug)).max();
            let is_unknown = |slug: &String| plans.rank_of_clerk_slug(slug).is_none();
            let unknown: Vec<String> = slugs.into_iter().filter(is_unknown).collect();
            let error = (!unknown.is_empty()).then_some(CallerPlanError::UnknownSlugs(unknown));
            (NamedPlan { plan: highest.unwrap_or(none.plan), features, ..none }, error)
        }
        Err(error) => (none, Some(CallerPlanError::Unreadable(error.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::tests::factory::{Draft, own_keys, rules, verify_token};
    use crate::config::{self, Configuration};
    use serde_json::json;

    #[test]
    fn claims_are_read_once_and_not_kept() {
        let document = json!({
            "plans": [{"name": "free"}, {"name": "pro"}],
            "plan_gate": {
                "issuer": "https://clerk.example.com",
                "keys": {"jwks": {"cluster": "clerk_frontend"}},
                "authorized_parties": ["https://app.example.com"],
                "rules": [{"name": "account", "path_prefix": "/account"}],
            },
        });
        let read = config::read::<config::PlanGateSettings>(document.to_string().as_bytes(), &|_| None);
        let Configuration { section, plans, .. } = read.unwrap();
        let mut draft = Draft::session();
        draft.claim("public_metadata", json!({"plan": "pro"}));
        let session = verify_token(draft.sign().as_bytes(), &own_keys(), &rules()).unwrap();
        assert!(!session.claims.is_empty());
        let (caller, error, is_provided) = Caller::new(session, &section, &plans);
        assert_eq!((Some(caller.plan), error, is_provided), (plans.rank_of("pro"), None, Some(true)));
        assert!(caller.session.claims.is_empty());
    }
}
