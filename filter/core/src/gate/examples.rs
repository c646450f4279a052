//! The alarms and refusals of the gate that `docs/alarms.md` shows, with those of session tokens.

use super::caller::CallerPlanError;
use super::client_address::AddressError;
use super::refusal::Refusal;
use super::store::local::{LossLog, LostCounters};
use super::store::ratelimit::RatelimitStore;
use super::{GateWorker, missing_plan_claim};
use crate::auth::token::{Jws, TokenError};
use crate::auth::{AuthError, KeyFetchResult};
use crate::clerk::api::ClerkApiError;
use crate::config::OnError;
use crate::examples::{self, NOW, user};
use crate::http::{CalloutError, Outcome};
use crate::plan_table::Period;
use crate::problem::Problem;
use crate::quota::calendar::Interval;
use crate::quota::ratelimit::RatelimitError;
use crate::quota::{Callers, WindowState};
use crate::report::Report;
use crate::time::Micros;
use std::time::Duration;

/// The page at which a client gets another plan.
const UPGRADE_URL: &str = "https://app.example.com/pricing";

/// The end of the day of the examples.
const RESET: Micros = Micros::from_secs(1_795_305_600);

/// Returns the alarms of the page.
pub(crate) fn alarms() -> Vec<Report> {
    let mut worker = GateWorker::new(examples::plan_gate(), [0; 16]).unwrap();
    let user = user();
    let mut lines = of_tokens(&mut worker);
    let unknown = CallerPlanError::Unknown("gold".to_owned());
    lines.extend(unknown.reports(&worker.metrics, &mut worker.reported, Some(&user), NOW));
    lines.push(missing_plan_claim::alarm(&worker.gate, &user));
    lines.extend(worker.unknown_rule(Some(b"ask"), NOW));
    lines.extend(worker.filter_missing("billing", NOW));
    lines.push(AddressError::Unknown.alarm().into());
    lines.extend(worker.confirm_failed(&user, &ClerkApiError::Down { status: 503 }, NOW));
    let ratelimit = RatelimitStore::new("ratelimit", "tollgate", Duration::from_millis(20), OnError::Allow);
    lines.extend(ratelimit.failed(&RatelimitError::Callout(CalloutError::TimedOut), NOW));
    let lost = LostCounters { evicted: 1, unreadable: true };
    LossLog::default().report(&worker.metrics, Callers::SignedIn, lost, NOW, &mut lines);
    lines
}

/// Returns the alarms about session tokens and the keys that sign them.
fn of_tokens(worker: &mut GateWorker) -> Vec<Report> {
    let unauthorized = AuthError::Token(TokenError::UnauthorizedParty);
    let refused = worker.auth.refusal_alarm(unauthorized, Some("https://app.example.org"), NOW);
    let unverified = worker.auth.refusal_alarm(AuthError::SignaturesUnsupported, None, NOW);
    let KeyFetchResult::Failed(keys) = worker.auth.handle_fetched_keys(&Outcome::TimedOut, NOW) else {
        panic!("the keys were fetched")
    };
    refused.into_iter().chain(unverified).chain(keys).collect()
}

/// Returns the refusals of the page.
pub(crate) fn problems() -> Vec<Problem> {
    let tokens = [
        TokenError::Missing,
        Jws::parse(b"not a token").unwrap_err(),
        TokenError::Expired,
        TokenError::NotYetValid,
        TokenError::SignatureMismatch,
        TokenError::UnknownKey,
        TokenError::WrongIssuer,
        TokenError::UnauthorizedParty,
        TokenError::WrongAudience,
        Jws::parse(b"mt_123").unwrap_err(),
        TokenError::SessionPending,
    ];
    let tokens = tokens.map(|error| Refusal::Auth(AuthError::Token(error)));
    let (plan, required) = ("free".to_owned(), Some("pro".to_owned()));
    let refusals = [
        Refusal::Auth(AuthError::KeysUnavailable),
        Refusal::AmbiguousPath,
        Refusal::AmbiguousHost,
        Refusal::AmbiguousMethod,
        Refusal::NoRule,
        Refusal::UnknownRule,
        Refusal::OrganizationRequired,
        Refusal::PlanRequired { plan: plan.clone(), required: required.clone() },
        Refusal::FeatureRequired { plan: plan.clone(), feature: "exports".to_owned(), required },
        Refusal::QuotaExceeded { plan, limit: "asks".into(), tightest: used_up(), reset: RESET },
        Refusal::MethodNotAllowed,
        Refusal::AddressUnknown(AddressError::Unknown),
        Refusal::StoreUnavailable,
    ];
    tokens.iter().chain(&refusals).map(|refusal| refusal.problem(403, Some(UPGRADE_URL))).collect()
}

fn used_up() -> WindowState {
    WindowState { per: Period::Day, max: 5, used: 5, interval: Interval { start: NOW, end: RESET } }
}
