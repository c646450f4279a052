//! The second half of a request's state machine: from the caller to the response. It decides by the plan,
//! counts the request, and confirms a refusal with Clerk's record.

use super::{GateRequest, GateStage};
use crate::auth::AuthError;
use crate::gate::confirm::{ConfirmProgress, Confirming};
use crate::gate::decision::{self, PlanDecision};
use crate::gate::metrics::{GateDecision, GateEvent};
use crate::gate::principal::Principal;
use crate::gate::redirect::CountedRequest;
use crate::gate::refusal::Refusal;
use crate::gate::response;
use crate::gate::store::{Counted, Counting, LimitState, ReadProgress};
use crate::gate::usage::UsageRequest;
use crate::gate::worker::{GateWorker, Purpose};
use crate::ids::Subject;
use crate::machine::Action;
use crate::quota::tightest;
use crate::report::{Level, Report};
use crate::time::Micros;
use serde::Serialize;
use std::rc::Rc;

impl GateRequest {
    pub(super) fn decide(&mut self, worker: &mut GateWorker, now: Micros, principal: Principal) -> Action {
        if self.at_usage_path {
            return self.respond_usage(worker, now, principal);
        }
        match decision::decide(worker, self.rule(worker), &principal, now) {
            Ok(PlanDecision::Pass) => self.pass(worker, now, &principal, &LimitState::default()),
            Ok(PlanDecision::Count(mut charge)) => {
                let Some(owner) = principal.counter_owner() else {
                    return self.refuse(worker, now, &Refusal::OrganizationRequired, Some(&principal));
                };
                let request = CountedRequest::new(owner, &charge.limit, charge.cost);
                self.counting = Some(request);
                charge.cost = charge.cost.saturating_sub(request.cost_in(self.counted_before));
                let counted = Counting::begin(&worker.store, owner, charge, self.is_decided_again, now);
                self.handle_count(worker, now, Box::new(principal), counted)
            }
            Err(refusal) => self.refuse_by_plan(worker, now, refusal, &principal),
        }
    }

    /// Reads the caller's counters, and responds with its usage.
    fn respond_usage(&mut self, worker: &mut GateWorker, now: Micros, principal: Principal) -> Action {
        let Some(owner) = principal.counter_owner() else {
            return self.refuse(worker, now, &Refusal::OrganizationRequired, Some(&principal));
        };
        let (request, read) = UsageRequest::begin(worker, &principal, owner, now);
        self.handle_usage_read(worker, now, Box::new(principal), Box::new(request), read)
    }

    pub(super) fn handle_usage_read(
        &mut self,
        worker: &mut GateWorker,
        now: Micros,
        principal: Box<Principal>,
        mut request: Box<UsageRequest>,
        read: ReadProgress,
    ) -> Action {
        match read {
            ReadProgress::Perform(reading, action) => {
                self.stage = GateStage::Usage(principal, request, Box::new(reading));
                action
            }
            ReadProgress::Done(states) => {
                request.add(states);
                self.reports.push(worker.metrics.count_event(GateEvent::UsageRead));
                Action::Reply(request.reply(worker, &principal, &self.context, now))
            }
            ReadProgress::Unavailable => {
                self.reports.push(worker.metrics.count_event(GateEvent::StoreFailed));
                self.refuse(worker, now, &Refusal::StoreUnavailable, Some(&principal))
            }
        }
    }

    pub(super) fn handle_count(
        &mut self,
        worker: &mut GateWorker,
        now: Micros,
        principal: Box<Principal>,
        counted: Counted,
    ) -> Action {
        match counted {
            Counted::Perform(counting, action) => {
                self.stage = GateStage::Store(principal, Box::new(counting));
                action
            }
            Counted::StartInquiry(counting, windows, callout) => {
                self.stage = GateStage::Store(principal, Box::new(counting));
                let inquiry = worker.inquiries.start_with(|inquiry| {
                    windows.started(inquiry);
                    Purpose::Windows(windows)
                });
                Action::StartInquiry { inquiry, callout: Box::new(callout) }
            }
            Counted::Admitted(state) => {
                self.counted = self.counting;
                self.pass(worker, now, &principal, &state)
            }
            Counted::Exhausted { state, reset } => {
                let Some(tightest) = tightest(&state.windows).copied() else {
                    return self.refuse(worker, now, &Refusal::StoreUnavailable, Some(&principal));
                };
                let plan = worker.plans.get(principal.plan(&worker.plans, now)).name.clone();
                let refusal = Refusal::QuotaExceeded { plan, limit: state.limit, tightest, reset };
                self.refuse_by_plan(worker, now, refusal, &principal)
            }
            Counted::Uncounted => {
                let events = [GateEvent::StoreFailed, GateEvent::Uncounted];
                self.reports.extend(events.map(|event| worker.metrics.count_event(event)));
                self.pass(worker, now, &principal, &LimitState::default())
            }
            Counted::Unavailable => {
                self.reports.push(worker.metrics.count_event(GateEvent::StoreFailed));
                self.refuse(worker, now, &Refusal::StoreUnavailable, Some(&principal))
            }
        }
    }

    /// Refuses because of the plan, or first reads Clerk's own record if a higher plan there would lift the
    /// refusal.
    ///
    /// In shadow mode, Clerk's record is not read: the request passes anyway, and must not wait.
    fn refuse_by_plan(
        &mut self,
        worker: &mut GateWorker,
        now: Micros,
        refusal: Refusal,
        principal: &Principal,
    ) -> Action {
        let plan = principal.plan(&worker.plans, now);
        let may_be_lifted = !self.was_confirmed
            && !worker.gate.shadow
            && decision::is_liftable(&worker.plans, plan, &refusal);
        if let Principal::Caller { caller, .. } = principal
            && let Some(subject) = caller.subject.as_ref().filter(|_| worker.can_confirm())
            && may_be_lifted
        {
            let (confirming, action) = Confirming::begin(worker, Rc::clone(caller), subject, refusal, now);
            self.stage = GateStage::Confirm(confirming);
            return action;
        }
        self.refuse(worker, now, &refusal, Some(principal))
    }

    pub(super) fn handle_confirm_progress(
        &mut self,
        worker: &mut GateWorker,
        now: Micros,
        progress: ConfirmProgress,
    ) -> Action {
        match progress {
            ConfirmProgress::Perform(confirming, action) => {
                self.stage = GateStage::Confirm(confirming);
                action
            }
            ConfirmProgress::DecideAgain { caller, is_final } => {
                self.was_confirmed = is_final;
                self.is_decided_again = true;
                let principal = super::principal(worker, caller, now);
                self.decide(worker, now, principal)
            }
            ConfirmProgress::Refuse(caller, refusal) => {
                let principal = super::principal(worker, caller, now);
                self.refuse(worker, now, &refusal, Some(&principal))
            }
        }
    }

    /// Forwards the request with the caller's identity.
    fn pass(
        &mut self,
        worker: &GateWorker,
        now: Micros,
        principal: &Principal,
        state: &LimitState,
    ) -> Action {
        self.reports.push(worker.metrics.count_decision(self.rule, GateDecision::Allowed));
        let mut forward = response::with_identity(worker, std::mem::take(&mut self.context), principal, now);
        if let Some(tightest) = tightest(&state.windows) {
            forward.respond_with = response::rate_limit(worker, &state.limit, tightest, now);
        }
        Action::Forward(forward)
    }

    /// Refuses the request, or forwards it in shadow mode.
    pub(super) fn refuse(
        &mut self,
        worker: &mut GateWorker,
        now: Micros,
        refusal: &Refusal,
        principal: Option<&Principal>,
    ) -> Action {
        if let Refusal::Auth(AuthError::Token(error)) = refusal {
            self.reports.push(worker.metrics.count_event(GateEvent::TokenRefused(error.code())));
        }
        // The usage path is the gate's own, so there is no upstream to forward to.
        if worker.gate.shadow && !self.at_usage_path {
            self.reports.push(worker.metrics.count_decision(self.rule, GateDecision::Shadowed));
            self.reports.push(worker.metrics.count_shadowed(refusal.code()));
            if let Some(left_out) = worker.shadowed.due(now) {
                self.reports.push(shadowed_line(worker, self.rule, refusal, principal, left_out));
            }
            return Action::Forward(match principal {
                Some(principal) => {
                    response::with_identity(worker, std::mem::take(&mut self.context), principal, now)
                }
                None => response::without_identity(std::mem::take(&mut self.context)),
            });
        }
        self.reports.push(worker.metrics.count_decision(self.rule, refusal.decision()));
        Action::Reply(response::refused(worker, &std::mem::take(&mut self.context), refusal, now))
    }
}

/// Returns the audit line about a refusal that shadow mode did not carry out.
fn shadowed_line(
    worker: &GateWorker,
    rule: Option<usize>,
    refusal: &Refusal,
    principal: Option<&Principal>,
    left_out: u64,
) -> Report {
    let problem = refusal.problem(worker.gate.plan_required_status, None);
    let subject = principal.and_then(Principal::caller).and_then(|caller| caller.subject.as_ref());
    let line = ShadowedLine {
        audit: "shadowed",
        code: refusal.code().as_str(),
        rule: worker.metrics.rule_name(rule),
        subject: subject.map(Subject::as_str),
        detail: problem.detail_text(),
        left_out: (left_out > 0).then_some(left_out),
    };
    Report::json(Level::Info, &line)
}

/// The audit line about a refusal that shadow mode did not carry out.
#[derive(Serialize)]
struct ShadowedLine<'a> {
    audit: &'static str,
    code: &'static str,
    rule: &'a str,
    /// The caller whose plan or limit it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    detail: &'a str,
    /// The number of lines that were left out before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u64>,
}
