//! From a request's caller to its answer: judged by the plan, counted, confirmed before it is refused.

use super::{GateRequest, GateStage};
use crate::auth::AuthError;
use crate::gate::confirm::{ConfirmProgress, Confirming};
use crate::gate::decision::{self, Judgement};
use crate::gate::metrics::{GateDecision, GateEvent};
use crate::gate::principal::Principal;
use crate::gate::redirect::CountedRequest;
use crate::gate::refusal::Refusal;
use crate::gate::response;
use crate::gate::store::{Counted, Counting, LimitState, Read};
use crate::gate::usage::UsageRequest;
use crate::gate::worker::{GateWorker, Purpose};
use crate::machine::Action;
use crate::quota::tightest;
use crate::time::Micros;
use std::rc::Rc;

impl GateRequest {
    pub(super) fn judge(&mut self, worker: &mut GateWorker, now: Micros, principal: Principal) -> Action {
        if self.at_usage_path {
            return self.respond_usage(worker, now, principal);
        }
        match decision::of(worker, self.rule(worker), &principal, now) {
            Ok(Judgement::Pass) => self.pass(worker, now, &principal, &LimitState::default()),
            Ok(Judgement::Count(mut charge)) => {
                let Some(owner) = principal.counter_owner() else {
                    return self.refuse(worker, now, &Refusal::OrganizationRequired, Some(&principal));
                };
                let whole = CountedRequest::new(owner, &charge.limit, charge.cost);
                self.counting = Some(whole);
                charge.cost = charge.cost.saturating_sub(whole.cost_in(self.counted_before));
                let counted = Counting::begin(&worker.store, owner, charge, self.is_judged_again, now);
                self.counted(worker, now, Box::new(principal), counted)
            }
            Err(refusal) => self.refuse_by_plan(worker, now, refusal, &principal),
        }
    }

    /// Responds to a caller with how its limits stand.
    fn respond_usage(&mut self, worker: &GateWorker, now: Micros, principal: Principal) -> Action {
        let Some(owner) = principal.counter_owner() else {
            return self.refuse(worker, now, &Refusal::OrganizationRequired, Some(&principal));
        };
        let (request, read) = UsageRequest::begin(worker, &principal, owner, now);
        self.read(worker, now, Box::new(principal), Box::new(request), read)
    }

    pub(super) fn read(
        &mut self,
        worker: &GateWorker,
        now: Micros,
        principal: Box<Principal>,
        mut request: Box<UsageRequest>,
        read: Read,
    ) -> Action {
        match read {
            Read::Perform(reading, action) => {
                self.stage = GateStage::Usage(principal, request, Box::new(reading));
                action
            }
            Read::Done(states) => {
                request.take(states);
                self.reports.push(worker.metrics.happened(GateEvent::UsageRead));
                Action::Reply(request.reply(worker, &principal, &self.context, now))
            }
            Read::Unavailable => {
                self.reports.push(worker.metrics.happened(GateEvent::StoreFailed));
                self.refuse(worker, now, &Refusal::StoreUnavailable, Some(&principal))
            }
        }
    }

    pub(super) fn counted(
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
            Counted::Inquire(counting, windows, callout) => {
                self.stage = GateStage::Store(principal, Box::new(counting));
                let inquiry = worker.inquiries.start_with(|inquiry| {
                    windows.began(inquiry);
                    Purpose::Windows(windows)
                });
                Action::Inquire { inquiry, callout: Box::new(callout) }
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
                self.reports.extend(events.map(|event| worker.metrics.happened(event)));
                self.pass(worker, now, &principal, &LimitState::default())
            }
            Counted::Unavailable => {
                self.reports.push(worker.metrics.happened(GateEvent::StoreFailed));
                self.refuse(worker, now, &Refusal::StoreUnavailable, Some(&principal))
            }
        }
    }

    /// Refuses by the plan, unless a higher one would do and Clerk's own record may know of it.
    ///
    /// In shadow mode nobody is asked: the request goes on either way, and must not wait for it.
    fn refuse_by_plan(
        &mut self,
        worker: &GateWorker,
        now: Micros,
        refusal: Refusal,
        principal: &Principal,
    ) -> Action {
        let plan = principal.plan(&worker.plans, now);
        let worth_asking = !self.was_confirmed
            && !worker.gate.shadow
            && decision::is_liftable(&worker.plans, plan, &refusal);
        if let Principal::Caller { caller, .. } = principal
            && let Some(subject) = caller.subject.as_ref().filter(|subject| worker.can_confirm(subject))
            && worth_asking
        {
            let (confirming, action) = Confirming::begin(worker, Rc::clone(caller), subject, refusal, now);
            self.stage = GateStage::Confirm(confirming);
            return action;
        }
        self.refuse(worker, now, &refusal, Some(principal))
    }

    pub(super) fn confirming(
        &mut self,
        worker: &mut GateWorker,
        now: Micros,
        progress: ConfirmProgress,
    ) -> Action {
        match progress {
            ConfirmProgress::Ask(confirming, action) => {
                self.stage = GateStage::Confirm(confirming);
                action
            }
            ConfirmProgress::JudgeAgain { caller, asked } => {
                self.was_confirmed = asked;
                self.is_judged_again = true;
                let principal = super::principal(worker, caller, now);
                self.judge(worker, now, principal)
            }
            ConfirmProgress::Stands(caller, refusal) => {
                let principal = super::principal(worker, caller, now);
                self.refuse(worker, now, &refusal, Some(&principal))
            }
        }
    }

    /// The request goes on.
    fn pass(
        &mut self,
        worker: &GateWorker,
        now: Micros,
        principal: &Principal,
        state: &LimitState,
    ) -> Action {
        self.reports.push(worker.metrics.decided(self.rule, GateDecision::Allowed));
        let mut forward = response::with_identity(worker, std::mem::take(&mut self.context), principal, now);
        if let Some(tightest) = tightest(&state.windows) {
            forward.respond_with = response::rate_limit(worker, &state.limit, tightest, now);
        }
        Action::Forward(forward)
    }

    /// The request does not go on, unless the gate only watches.
    pub(super) fn refuse(
        &mut self,
        worker: &GateWorker,
        now: Micros,
        refusal: &Refusal,
        principal: Option<&Principal>,
    ) -> Action {
        if let Refusal::Auth(AuthError::Token(error)) = refusal {
            self.reports.push(worker.metrics.happened(GateEvent::TokenRefused(error.code())));
        }
        // The gate's own path is nobody's to go on to.
        if worker.gate.shadow && !self.at_usage_path {
            self.reports.push(worker.metrics.decided(self.rule, GateDecision::Shadowed));
            return Action::Forward(match principal {
                Some(principal) => {
                    response::with_identity(worker, std::mem::take(&mut self.context), principal, now)
                }
                None => response::without_identity(std::mem::take(&mut self.context)),
            });
        }
        self.reports.push(worker.metrics.decided(self.rule, refusal.decision()));
        Action::Reply(response::refused(worker, &std::mem::take(&mut self.context), refusal, now))
    }
}
