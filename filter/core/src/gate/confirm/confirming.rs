//! One refused request's way to Clerk's own record: ask, wait for who asks already, or learn that there is no asking.

use super::ledger::{self, Ledger, OF_PROCESS, OF_SUBJECT};
use crate::clerk::api::BackendApi;
use crate::gate::caller::Caller;
use crate::gate::metrics::Event;
use crate::gate::refusal::Refusal;
use crate::gate::worker::{Purpose, Worker};
use crate::ids::Subject;
use crate::machine::{Action, Input, Version};
use crate::report::Report;
use crate::time::Micros;
use std::rc::Rc;

/// How often a swap of the ledger is tried. It is shared by few refused requests, and not worth more.
const SWAP_TRIES_MAX: u32 = 8;

/// A request that will be refused unless Clerk's own record says otherwise.
#[derive(Debug)]
pub(in crate::gate) struct Confirming {
    caller: Rc<Caller>,
    subject: Subject,
    refusal: Refusal,
    /// When the question began whose answer this request was judged by.
    judged_by: Option<Micros>,
    step: Step,
    tries: u32,
}

/// What is being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Whether a question about the subject is left.
    Subject,
    /// Whether one of the process is left.
    Process,
    /// Clerk's answer, to a question of this request or of another one.
    Answer { own: bool },
    /// That the other workers can know it too.
    Sharing,
}

/// How far it has come.
#[derive(Debug)]
pub(in crate::gate) enum Progress {
    /// The host must be asked first.
    Ask(Box<Confirming>, Action),
    /// Something is known now that was not: judge again. `asked` if that was Clerk itself, just now.
    JudgeAgain { caller: Rc<Caller>, asked: bool },
    /// Nothing was learned: the refusal stands.
    Stands(Rc<Caller>, Refusal),
}

impl Confirming {
    /// Begins, for a caller whose subject this is and whom the refusal would meet.
    pub(in crate::gate) fn begin(
        worker: &Worker,
        caller: Rc<Caller>,
        subject: &Subject,
        refusal: Refusal,
        now: Micros,
    ) -> (Box<Self>, Action) {
        let (step, action) = match worker.confirmed.under_way(subject) {
            Some(inquiry) => (Step::Answer { own: false }, Action::Await(inquiry)),
            None => (Step::Subject, Action::Load { key: ledger::place(&worker.namespace, subject).0 }),
        };
        let subject = subject.clone();
        let judged_by = worker.confirmed.latest(&subject, now).map(|answer| answer.asked_at);
        (Box::new(Confirming { caller, subject, refusal, judged_by, step, tries: 1 }), action)
    }

    /// Goes on with what the host says.
    pub(in crate::gate) fn go_on(
        self: Box<Self>,
        worker: &mut Worker,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> Progress {
        match (self.step, input) {
            (Step::Subject, Input::Loaded { value, version }) => {
                let ledger = Ledger::read(*value);
                let (_, who) = ledger::place(&worker.namespace, &self.subject);
                match ledger.answer(who, &worker.plans, now) {
                    // Another worker has asked since.
                    Some(answer) if Some(answer.asked_at) > self.judged_by => {
                        worker.confirmed.learn(self.subject.clone(), answer, now);
                        Progress::JudgeAgain { caller: self.caller, asked: false }
                    }
                    _ => self.spend(worker, ledger.question(who, OF_SUBJECT, now), *version, reports),
                }
            }
            (Step::Process, Input::Loaded { value, version }) => {
                let (_, who) = ledger::process_place(&worker.namespace);
                self.spend(worker, Ledger::read(*value).question(who, OF_PROCESS, now), *version, reports)
            }
            (Step::Subject, Input::Swapped { stored: true }) => self.load(worker, Step::Process),
            (Step::Process, Input::Swapped { stored: true }) => self.inquire(worker, now, reports),
            (Step::Subject | Step::Process | Step::Sharing, Input::Swapped { stored: false }) => {
                self.again(worker)
            }
            (Step::Answer { .. }, Input::Inquired) => match worker.confirmed.under_way(&self.subject) {
                Some(inquiry) => {
                    let step = self.step;
                    self.ask(step, Action::Await(inquiry))
                }
                None => self.settled(worker, now),
            },
            (Step::Answer { .. }, Input::Settled) => self.settled(worker, now),
            (Step::Sharing, Input::Loaded { value, version }) => self.share(worker, now, *value, *version),
            (Step::Sharing, Input::Swapped { stored: true }) => self.learned(),
            // What nobody asked for changes nothing.
            (step, _) => self.ask(step, Action::Wait),
        }
    }

    fn ask(mut self: Box<Self>, step: Step, action: Action) -> Progress {
        self.step = step;
        Progress::Ask(self, action)
    }

    fn load(mut self: Box<Self>, worker: &Worker, step: Step) -> Progress {
        self.tries = 1;
        let key = self.key(worker, step);
        self.ask(step, Action::Load { key })
    }

    /// Another worker was faster.
    fn again(mut self: Box<Self>, worker: &Worker) -> Progress {
        if self.tries >= SWAP_TRIES_MAX {
            return if self.step == Step::Sharing { self.learned() } else { self.stands() };
        }
        self.tries = self.tries.saturating_add(1);
        let (step, key) = (self.step, self.key(worker, self.step));
        self.ask(step, Action::Load { key })
    }

    fn key(&self, worker: &Worker, step: Step) -> String {
        match step {
            Step::Process => ledger::process_place(&worker.namespace).0,
            Step::Subject | Step::Answer { .. } | Step::Sharing => {
                ledger::place(&worker.namespace, &self.subject).0
            }
        }
    }

    /// Writes down that a question is asked, if one is left.
    fn spend(
        self: Box<Self>,
        worker: &Worker,
        value: Option<Vec<u8>>,
        version: Version,
        reports: &mut Vec<Report>,
    ) -> Progress {
        let Some(value) = value else {
            reports.push(worker.metrics.happened(Event::ConfirmLimited));
            return self.stands();
        };
        let (step, key) = (self.step, self.key(worker, self.step));
        self.ask(step, Action::Swap { key, value, version })
    }

    fn inquire(self: Box<Self>, worker: &mut Worker, now: Micros, reports: &mut Vec<Report>) -> Progress {
        let Some(upstream) = &worker.gate.confirm else { return self.stands() };
        let callout = Box::new(BackendApi::new(upstream).read(&self.subject));
        let inquiry =
            worker.inquiries.begin(Purpose::Record { subject: self.subject.clone(), asked_at: now });
        worker.confirmed.began(self.subject.clone(), inquiry);
        reports.push(worker.metrics.happened(Event::ConfirmAsked));
        self.ask(Step::Answer { own: true }, Action::Inquire { inquiry, callout })
    }

    /// The question has ended. If Clerk did not say anything, nothing is remembered.
    fn settled(self: Box<Self>, worker: &Worker, now: Micros) -> Progress {
        let known = worker.confirmed.latest(&self.subject, now).map(|answer| answer.asked_at);
        match self.step {
            _ if known <= self.judged_by => self.stands(),
            Step::Answer { own: true } => self.load(worker, Step::Sharing),
            _ => self.learned(),
        }
    }

    fn share(
        self: Box<Self>,
        worker: &Worker,
        now: Micros,
        value: Option<&[u8]>,
        version: Version,
    ) -> Progress {
        let (key, who) = ledger::place(&worker.namespace, &self.subject);
        let Some(answer) = worker.confirmed.latest(&self.subject, now) else { return self.stands() };
        match Ledger::read(value).answered(who, answer, &worker.plans, now) {
            Some(value) => self.ask(Step::Sharing, Action::Swap { key, value, version }),
            None => self.learned(),
        }
    }

    fn learned(self) -> Progress {
        Progress::JudgeAgain { caller: self.caller, asked: true }
    }

    fn stands(self) -> Progress {
        Progress::Stands(self.caller, self.refusal)
    }
}
