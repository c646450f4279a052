//! From a request's caller to its answer: judged by the plan, counted, confirmed before it is refused.

use super::{Passage, Stage};
use crate::gate::confirm::{Confirming, Progress};
use crate::gate::judgement::{self, Judgement};
use crate::gate::metrics::{Decision, Event};
use crate::gate::redirect::CountedRequest;
use crate::gate::refusal::Refusal;
use crate::gate::spender::Spender;
use crate::gate::store::{Counted, Counting, Read, Standing};
use crate::gate::worker::Worker;
use crate::gate::{answer, usage};
use crate::machine::Action;
use crate::quota::tightest;
use crate::time::Micros;
use std::rc::Rc;

impl Passage {
    pub(super) fn judge(&mut self, worker: &mut Worker, now: Micros, spender: Spender) -> Action {
        if self.at_usage_path {
            return self.tell(worker, now, spender);
        }
        match judgement::of(worker, self.rule(worker), &spender, now) {
            Ok(Judgement::Pass) => self.pass(worker, now, &spender, &Standing::default()),
            Ok(Judgement::Count(mut spending)) => {
                let whole = CountedRequest::new(&spender, &spending.limit, spending.cost);
                self.counting = Some(whole);
                spending.cost = spending.cost.saturating_sub(whole.cost_in(self.counted_before));
                let doubted = self.is_judged_again;
                let counted = Counting::begin(worker, &spender, spending, doubted, now);
                self.counted(worker, now, spender, counted)
            }
            Err(refusal) => self.refuse_by_plan(worker, now, refusal, spender),
        }
    }

    /// Tells a caller how its limits stand.
    fn tell(&mut self, worker: &mut Worker, now: Micros, spender: Spender) -> Action {
        if spender.lacks_organization() {
            return self.refuse(worker, now, &Refusal::OrganizationRequired, Some(&spender));
        }
        let (question, read) = usage::Question::begin(worker, spender, now);
        self.read(worker, now, Box::new(question), read)
    }

    pub(super) fn read(
        &mut self,
        worker: &Worker,
        now: Micros,
        mut question: Box<usage::Question>,
        read: Read,
    ) -> Action {
        match read {
            Read::Ask(reading, action) => {
                self.stage = Stage::Usage(question, Box::new(reading));
                action
            }
            Read::Done(standings) => {
                question.take(standings);
                self.reports.push(worker.metrics.happened(Event::UsageRead));
                Action::Reply(question.reply(worker, &self.context, now))
            }
            Read::Unavailable => {
                self.reports.push(worker.metrics.happened(Event::StoreFailed));
                self.refuse(worker, now, &Refusal::StoreUnavailable, Some(question.spender()))
            }
        }
    }

    pub(super) fn counted(
        &mut self,
        worker: &Worker,
        now: Micros,
        spender: Spender,
        counted: Counted,
    ) -> Action {
        match counted {
            Counted::Ask(counting, action) => {
                self.stage = Stage::Store(Box::new(spender), Box::new(counting));
                action
            }
            Counted::Admitted(standing) => {
                self.counted = self.counting;
                self.pass(worker, now, &spender, &standing)
            }
            Counted::Exhausted { standing, reset } => {
                let Some(tightest) = tightest(&standing.states).copied() else {
                    return self.refuse(worker, now, &Refusal::StoreUnavailable, Some(&spender));
                };
                let plan = worker.plans.get(spender.plan(&worker.plans, now)).name.clone();
                let refusal = Refusal::QuotaExceeded { plan, limit: standing.limit, tightest, reset };
                self.refuse_by_plan(worker, now, refusal, spender)
            }
            Counted::Uncounted => {
                self.reports
                    .extend([Event::StoreFailed, Event::Uncounted].map(|e| worker.metrics.happened(e)));
                self.pass(worker, now, &spender, &Standing::default())
            }
            Counted::Unavailable => {
                self.reports.push(worker.metrics.happened(Event::StoreFailed));
                self.refuse(worker, now, &Refusal::StoreUnavailable, Some(&spender))
            }
        }
    }

    /// Refuses by the plan, unless a higher one would do and Clerk's own record may know of it.
    ///
    /// In shadow mode nobody is asked: the request goes on either way, and must not wait for it.
    fn refuse_by_plan(&mut self, worker: &Worker, now: Micros, refusal: Refusal, spender: Spender) -> Action {
        let plan = spender.plan(&worker.plans, now);
        let worth_asking = !self.was_confirmed
            && !worker.gate.shadow
            && judgement::is_liftable(&worker.plans, plan, &refusal);
        if let Spender::Caller { caller, .. } = &spender
            && let Some(subject) = caller.subject.as_ref().filter(|subject| worker.can_confirm(subject))
            && worth_asking
        {
            let (confirming, action) = Confirming::begin(worker, Rc::clone(caller), subject, refusal, now);
            self.stage = Stage::Confirm(confirming);
            return action;
        }
        self.refuse(worker, now, &refusal, Some(&spender))
    }

    pub(super) fn confirming(&mut self, worker: &mut Worker, now: Micros, progress: Progress) -> Action {
        match progress {
            Progress::Ask(confirming, action) => {
                self.stage = Stage::Confirm(confirming);
                action
            }
            Progress::JudgeAgain { caller, asked } => {
                self.was_confirmed = asked;
                self.is_judged_again = true;
                let spender = Spender::of(worker, caller, now);
                self.judge(worker, now, spender)
            }
            Progress::Stands(caller, refusal) => {
                let spender = Spender::of(worker, caller, now);
                self.refuse(worker, now, &refusal, Some(&spender))
            }
        }
    }

    /// The request goes on.
    fn pass(&mut self, worker: &Worker, now: Micros, spender: &Spender, standing: &Standing) -> Action {
        self.reports.push(worker.metrics.decided(self.rule, Decision::Allowed));
        let mut forward = answer::vouched(worker, std::mem::take(&mut self.context), spender, now);
        if let Some(state) = tightest(&standing.states) {
            forward.respond_with = answer::rate_limit(worker, &standing.limit, state, now);
        }
        Action::Forward(forward)
    }

    /// The request does not go on, unless the gate only watches.
    pub(super) fn refuse(
        &mut self,
        worker: &Worker,
        now: Micros,
        refusal: &Refusal,
        spender: Option<&Spender>,
    ) -> Action {
        if let Refusal::Token(error) = refusal {
            self.reports.extend(Event::refused(error.code()).map(|event| worker.metrics.happened(event)));
        }
        // The gate's own path is nobody's to go on to.
        if worker.gate.shadow && !self.at_usage_path {
            self.reports.push(worker.metrics.decided(self.rule, Decision::Shadowed));
            return Action::Forward(match spender {
                Some(spender) => answer::vouched(worker, std::mem::take(&mut self.context), spender, now),
                None => answer::unvouched(std::mem::take(&mut self.context)),
            });
        }
        self.reports.push(worker.metrics.decided(self.rule, refusal.decision()));
        Action::Reply(answer::refused(worker, &std::mem::take(&mut self.context), refusal, now))
    }
}
