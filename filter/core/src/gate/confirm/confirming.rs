//! One refused request's way to Clerk's own record: ask, wait for who asks already, or learn that there is no asking.

use super::memory::Confirmation;
use super::shared_records::{self, Ledger, OF_PROCESS, OF_SUBJECT};
use crate::clerk::api::BackendApi;
use crate::gate::caller::Caller;
use crate::gate::metrics::GateEvent;
use crate::gate::refusal::Refusal;
use crate::gate::worker::{GateWorker, Purpose};
use crate::ids::Subject;
use crate::machine::{Action, Input};
use crate::report::Report;
use crate::shared::{Change, SharedUpdate, UpdateProgress};
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
    step: ConfirmStep,
}

/// What is being waited for.
#[derive(Debug)]
enum ConfirmStep {
    /// Whether a question about the subject is left.
    Subject(SharedUpdate<Permission>),
    /// Whether one of the process is left.
    Process(SharedUpdate<Permission>),
    /// Clerk's answer, to a question of this request or of another one.
    Confirmation { own: bool },
    /// That the other workers can know it too. True if the answer still holds.
    Sharing(SharedUpdate<bool>),
}

/// What the ledger says to a question that is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permission {
    /// It is one of those that are left.
    Granted,
    /// None is left.
    Denied,
    /// Another worker has asked since.
    Answered(Confirmation),
}

/// How far it has come.
#[derive(Debug)]
pub(in crate::gate) enum ConfirmProgress {
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
        worker: &GateWorker,
        caller: Rc<Caller>,
        subject: &Subject,
        refusal: Refusal,
        now: Micros,
    ) -> (Box<Self>, Action) {
        let (step, action) = match worker.confirmed.under_way(subject) {
            Some(inquiry) => (ConfirmStep::Confirmation { own: false }, Action::Await(inquiry)),
            None => {
                let (key, _) = shared_records::place(&worker.namespace, subject);
                let (update, action) = SharedUpdate::begin(key, SWAP_TRIES_MAX);
                (ConfirmStep::Subject(update), action)
            }
        };
        let subject = subject.clone();
        let judged_by = worker.confirmed.latest(&subject, now).map(|answer| answer.asked_at);
        (Box::new(Confirming { caller, subject, refusal, judged_by, step }), action)
    }

    /// Goes on with what the host says.
    pub(in crate::gate) fn go_on(
        mut self: Box<Self>,
        worker: &mut GateWorker,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> ConfirmProgress {
        let Confirming { step, subject, judged_by, .. } = &mut *self;
        match step {
            ConfirmStep::Subject(update) => {
                let (_, who) = shared_records::place(&worker.namespace, subject);
                let progress = update.handle(input, |value| {
                    let ledger = Ledger::read(value);
                    match ledger.answer(who, &worker.plans, now) {
                        Some(answer) if Some(answer.asked_at) > *judged_by => {
                            Change::Keep(Permission::Answered(answer))
                        }
                        _ => permission(ledger.question(who, OF_SUBJECT, now)),
                    }
                });
                match progress {
                    UpdateProgress::Done(Permission::Granted) => self.ask_process(worker),
                    progress => self.not_granted(worker, now, progress, reports),
                }
            }
            ConfirmStep::Process(update) => {
                let (_, who) = shared_records::process_place(&worker.namespace);
                let question = |value: Option<&[u8]>| Ledger::read(value).question(who, OF_PROCESS, now);
                match update.handle(input, |value| permission(question(value))) {
                    UpdateProgress::Done(Permission::Granted) => self.inquire(worker, now, reports),
                    progress => self.not_granted(worker, now, progress, reports),
                }
            }
            ConfirmStep::Confirmation { .. } => match (input, worker.confirmed.under_way(subject)) {
                (Input::Inquired, Some(inquiry)) => ConfirmProgress::Ask(self, Action::Await(inquiry)),
                (Input::Inquired | Input::Settled, _) => self.settled(worker, now),
                // What nobody asked for changes nothing.
                _ => ConfirmProgress::Ask(self, Action::Wait),
            },
            ConfirmStep::Sharing(update) => {
                let (_, who) = shared_records::place(&worker.namespace, subject);
                let latest = worker.confirmed.latest(subject, now);
                let share = |value: Option<&[u8]>| {
                    let Some(answer) = latest else { return Change::Keep(false) };
                    match Ledger::read(value).answered(who, answer, &worker.plans, now) {
                        Some(value) => Change::Write(value, true),
                        None => Change::Keep(true),
                    }
                };
                match update.handle(input, share) {
                    UpdateProgress::Continue(action) => ConfirmProgress::Ask(self, action),
                    UpdateProgress::Done(false) => self.stands(),
                    // This worker knows it, whether or not the others will.
                    UpdateProgress::Done(true) | UpdateProgress::GaveUp(_) => self.learned(),
                }
            }
        }
    }

    fn ask(mut self: Box<Self>, step: ConfirmStep, action: Action) -> ConfirmProgress {
        self.step = step;
        ConfirmProgress::Ask(self, action)
    }

    fn ask_process(self: Box<Self>, worker: &GateWorker) -> ConfirmProgress {
        let (key, _) = shared_records::process_place(&worker.namespace);
        let (update, action) = SharedUpdate::begin(key, SWAP_TRIES_MAX);
        self.ask(ConfirmStep::Process(update), action)
    }

    /// Goes on where the question is not asked, or not yet.
    fn not_granted(
        self: Box<Self>,
        worker: &mut GateWorker,
        now: Micros,
        progress: UpdateProgress<Permission>,
        reports: &mut Vec<Report>,
    ) -> ConfirmProgress {
        match progress {
            UpdateProgress::Continue(action) => ConfirmProgress::Ask(self, action),
            UpdateProgress::Done(Permission::Answered(answer)) => {
                worker.confirmed.learn(self.subject.clone(), answer, now);
                ConfirmProgress::JudgeAgain { caller: self.caller, asked: false }
            }
            UpdateProgress::Done(Permission::Denied) => {
                reports.push(worker.metrics.happened(GateEvent::ConfirmLimited));
                self.stands()
            }
            // Other workers were faster each time, so the question was not noted, and is not asked.
            UpdateProgress::Done(Permission::Granted) | UpdateProgress::GaveUp(_) => self.stands(),
        }
    }

    fn inquire(
        self: Box<Self>,
        worker: &mut GateWorker,
        now: Micros,
        reports: &mut Vec<Report>,
    ) -> ConfirmProgress {
        let Some(upstream) = &worker.gate.confirm else { return self.stands() };
        let callout = Box::new(BackendApi::new(upstream).read(&self.subject));
        let inquiry =
            worker.inquiries.start(Purpose::Record { subject: self.subject.clone(), asked_at: now });
        worker.confirmed.began(self.subject.clone(), inquiry);
        reports.push(worker.metrics.happened(GateEvent::ConfirmAsked));
        self.ask(ConfirmStep::Confirmation { own: true }, Action::Inquire { inquiry, callout })
    }

    /// The question has ended. If Clerk did not say anything, nothing is remembered.
    fn settled(self: Box<Self>, worker: &GateWorker, now: Micros) -> ConfirmProgress {
        let known = worker.confirmed.latest(&self.subject, now).map(|answer| answer.asked_at);
        match self.step {
            _ if known <= self.judged_by => self.stands(),
            ConfirmStep::Confirmation { own: true } => {
                let (key, _) = shared_records::place(&worker.namespace, &self.subject);
                let (update, action) = SharedUpdate::begin(key, SWAP_TRIES_MAX);
                self.ask(ConfirmStep::Sharing(update), action)
            }
            _ => self.learned(),
        }
    }

    fn learned(self) -> ConfirmProgress {
        ConfirmProgress::JudgeAgain { caller: self.caller, asked: true }
    }

    fn stands(self) -> ConfirmProgress {
        ConfirmProgress::Stands(self.caller, self.refusal)
    }
}

/// Returns the change that writes down a question, if one is left.
fn permission(question: Option<Vec<u8>>) -> Change<Permission> {
    match question {
        Some(value) => Change::Write(value, Permission::Granted),
        None => Change::Keep(Permission::Denied),
    }
}
