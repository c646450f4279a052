//! The state machine of a request that will be refused unless the plan in Clerk's record allows it.
//!
//! ```text
//! start ─┬─ Subject ─► Process ─► [Starting ─►] Confirmation ─► Sharing ─► DecideAgain
//!        └─ another request reads the record ─► Confirmation ─► DecideAgain
//! ```
//!
//! `Subject` and `Process` count the request to Clerk against the limit of the subject and against that of
//! the process; `Starting` sends a second request if there are two sources; `Confirmation` waits for Clerk's
//! responses; `Sharing` writes the confirmation to the shared records. If a limit is reached or Clerk does
//! not respond, the request stays refused. If `Subject` finds a newer confirmation from another worker, the
//! client's request is decided again with it.

use super::confirmations::Confirmation;
use super::plan_read::ConfirmSource;
use super::record::ConfirmRequest;
use super::shared_records::{self, ConfirmRecords, PROCESS_LIMIT, SUBJECT_LIMIT};
use crate::clerk::api::BackendApi;
use crate::gate::caller::Caller;
use crate::gate::metrics::GateEvent;
use crate::gate::refusal::Refusal;
use crate::gate::worker::{GateWorker, Purpose};
use crate::http::Callout;
use crate::ids::Subject;
use crate::machine::{Action, Input, InquiryId};
use crate::report::Report;
use crate::shared::{Change, SharedUpdate, UpdateProgress};
use crate::time::Micros;
use std::rc::Rc;

/// The maximum number of attempts to swap a bucket of shared records. Concurrent writes are rare.
const SWAP_TRIES_MAX: u32 = 8;

/// A request that will be refused unless the plan in Clerk's record allows it.
#[derive(Debug)]
pub(in crate::gate) struct Confirming {
    caller: Rc<Caller>,
    subject: Subject,
    refusal: Refusal,
    /// The time at which the confirmation that the first decision used was requested from Clerk; `None` if it
    /// used none.
    used_confirmation_requested_at: Option<Micros>,
    step: ConfirmStep,
}

/// The input that the request waits for.
#[derive(Debug)]
enum ConfirmStep {
    /// The update of the shared records that counts the request to Clerk against the subject's limit.
    Subject(SharedUpdate<Permission>),
    /// The update of the shared records that counts the request to Clerk against the process's limit.
    Process(SharedUpdate<Permission>),
    /// The start of the first inquiry. `callout` reads the second source, in the inquiry `second`.
    Starting { second: InquiryId, callout: Box<Callout> },
    /// Clerk's responses. `own` is false if another request started the inquiries.
    Confirmation { own: bool },
    /// The update of the shared records with the confirmation. Its result is whether the confirmation is
    /// still valid.
    Sharing(SharedUpdate<bool>),
}

/// The decision whether a request may be sent to Clerk, by the counts in the shared records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permission {
    /// The request is allowed, and counted.
    Granted,
    /// The limit is reached.
    Denied,
    /// The request is not needed, because another worker has a newer confirmation.
    Known(Confirmation),
}

/// The result of a step.
#[derive(Debug)]
pub(in crate::gate) enum ConfirmProgress {
    /// The host must perform an action first.
    Perform(Box<Confirming>, Action),
    /// There is a newer confirmation: decide again. That decision is final if Clerk has just responded.
    DecideAgain { caller: Rc<Caller>, is_final: bool },
    /// There is no newer confirmation, so the request is refused.
    Refuse(Rc<Caller>, Refusal),
}

impl Confirming {
    /// Starts the confirmation of a caller's plan, before a refusal.
    pub(in crate::gate) fn begin(
        worker: &GateWorker,
        caller: Rc<Caller>,
        subject: &Subject,
        refusal: Refusal,
        now: Micros,
    ) -> (Box<Self>, Action) {
        let (step, action) = match worker.confirmed.reads.in_progress(subject) {
            Some(inquiry) => (ConfirmStep::Confirmation { own: false }, Action::AwaitInquiry(inquiry)),
            None => {
                let (key, _) = shared_records::location(&worker.namespace, subject);
                let (update, action) = SharedUpdate::begin(key, SWAP_TRIES_MAX);
                (ConfirmStep::Subject(update), action)
            }
        };
        let subject = subject.clone();
        let used_confirmation_requested_at =
            worker.confirmed.latest(&subject, now).map(|latest| latest.requested_at);
        (Box::new(Confirming { caller, subject, refusal, used_confirmation_requested_at, step }), action)
    }

    /// Continues with an input.
    pub(in crate::gate) fn advance(
        mut self: Box<Self>,
        worker: &mut GateWorker,
        now: Micros,
        input: &Input<'_>,
        reports: &mut Vec<Report>,
    ) -> ConfirmProgress {
        let Confirming { step, subject, used_confirmation_requested_at, .. } = &mut *self;
        let calls = worker.confirm_sources(subject).len();
        match step {
            ConfirmStep::Subject(update) => {
                let (_, id) = shared_records::location(&worker.namespace, subject);
                let progress = update.handle(input, |value| {
                    let records = ConfirmRecords::read(value);
                    match records.confirmation(id, &worker.plans, now) {
                        Some(known) if Some(known.requested_at) > *used_confirmation_requested_at => {
                            Change::Keep(Permission::Known(known))
                        }
                        _ => permission(records.with_request(id, SUBJECT_LIMIT, now)),
                    }
                });
                match progress {
                    UpdateProgress::Done(Permission::Granted) => self.count_against_process_limit(worker),
                    progress => self.handle_other_progress(worker, now, progress, reports),
                }
            }
            ConfirmStep::Process(update) => {
                let (_, id) = shared_records::process_location(&worker.namespace);
                let limit = PROCESS_LIMIT.of_calls(calls);
                let with_request =
                    |value: Option<&[u8]>| ConfirmRecords::read(value).with_request(id, limit, now);
                match update.handle(input, |value| permission(with_request(value))) {
                    UpdateProgress::Done(Permission::Granted) => self.start_inquiries(worker, now, reports),
                    progress => self.handle_other_progress(worker, now, progress, reports),
                }
            }
            ConfirmStep::Starting { .. } => match input {
                Input::InquiryStarted => self.start_second(),
                // An unexpected input changes nothing.
                _ => ConfirmProgress::Perform(self, Action::Wait),
            },
            ConfirmStep::Confirmation { .. } => match (input, worker.confirmed.reads.in_progress(subject)) {
                (Input::InquiryStarted | Input::InquiryEnded, Some(inquiry)) => {
                    ConfirmProgress::Perform(self, Action::AwaitInquiry(inquiry))
                }
                (Input::InquiryStarted | Input::InquiryEnded, None) => self.handle_ended_inquiry(worker, now),
                // An unexpected input changes nothing.
                _ => ConfirmProgress::Perform(self, Action::Wait),
            },
            ConfirmStep::Sharing(update) => {
                let (_, id) = shared_records::location(&worker.namespace, subject);
                let latest = worker.confirmed.latest(subject, now);
                let share = |value: Option<&[u8]>| {
                    let Some(latest) = latest else { return Change::Keep(false) };
                    match ConfirmRecords::read(value).with_confirmation(id, latest, &worker.plans, now) {
                        Some(value) => Change::Write(value, true),
                        None => Change::Keep(true),
                    }
                };
                match update.handle(input, share) {
                    UpdateProgress::Continue(action) => ConfirmProgress::Perform(self, action),
                    UpdateProgress::Done(false) => self.refuse(),
                    // This worker uses the confirmation, even if it could not be shared.
                    UpdateProgress::Done(true) | UpdateProgress::GaveUp(_) => self.decide_again(),
                }
            }
        }
    }

    fn perform(mut self: Box<Self>, step: ConfirmStep, action: Action) -> ConfirmProgress {
        self.step = step;
        ConfirmProgress::Perform(self, action)
    }

    fn count_against_process_limit(self: Box<Self>, worker: &GateWorker) -> ConfirmProgress {
        let (key, _) = shared_records::process_location(&worker.namespace);
        let (update, action) = SharedUpdate::begin(key, SWAP_TRIES_MAX);
        self.perform(ConfirmStep::Process(update), action)
    }

    /// Continues after any progress other than a granted request.
    fn handle_other_progress(
        self: Box<Self>,
        worker: &mut GateWorker,
        now: Micros,
        progress: UpdateProgress<Permission>,
        reports: &mut Vec<Report>,
    ) -> ConfirmProgress {
        match progress {
            UpdateProgress::Continue(action) => ConfirmProgress::Perform(self, action),
            UpdateProgress::Done(Permission::Known(confirmation)) => {
                worker.confirmed.insert(self.subject.clone(), confirmation, now);
                ConfirmProgress::DecideAgain { caller: self.caller, is_final: false }
            }
            UpdateProgress::Done(Permission::Denied) => {
                reports.push(worker.metrics.count_event(GateEvent::ConfirmLimited));
                self.refuse()
            }
            // Other workers won every swap, so the request to Clerk is not counted, and therefore not sent.
            UpdateProgress::Done(Permission::Granted) | UpdateProgress::GaveUp(_) => self.refuse(),
        }
    }

    fn start_inquiries(
        self: Box<Self>,
        worker: &mut GateWorker,
        now: Micros,
        reports: &mut Vec<Report>,
    ) -> ConfirmProgress {
        let Some(confirm) = &worker.gate.confirm else { return self.refuse() };
        let clerk = BackendApi::new(&confirm.clerk);
        let requests = worker.confirm_sources(&self.subject).iter().map(|source| {
            let callout = match source {
                ConfirmSource::Record => clerk.read(&self.subject),
                ConfirmSource::BillingSubscription => clerk.read_billing_subscription(&self.subject),
            };
            let request = ConfirmRequest { subject: self.subject.clone(), source: *source };
            (worker.inquiries.start(Purpose::Plan(request)), Box::new(callout))
        });
        let requests: Vec<(InquiryId, Box<Callout>)> = requests.collect();
        let inquiries = requests.iter().map(|(inquiry, _)| *inquiry).collect();
        worker.confirmed.reads.begin(self.subject.clone(), inquiries, now);
        let mut requests = requests.into_iter();
        let Some((inquiry, callout)) = requests.next() else { return self.refuse() };
        reports.push(worker.metrics.count_event(GateEvent::ConfirmRequested));
        let step = match requests.next() {
            Some((second, callout)) => ConfirmStep::Starting { second, callout },
            None => ConfirmStep::Confirmation { own: true },
        };
        self.perform(step, Action::StartInquiry { inquiry, callout })
    }

    fn start_second(mut self: Box<Self>) -> ConfirmProgress {
        match std::mem::replace(&mut self.step, ConfirmStep::Confirmation { own: true }) {
            ConfirmStep::Starting { second: inquiry, callout } => {
                ConfirmProgress::Perform(self, Action::StartInquiry { inquiry, callout })
            }
            step => self.perform(step, Action::Wait),
        }
    }

    /// Continues when the inquiry has ended. If it failed, there is no newer confirmation.
    fn handle_ended_inquiry(self: Box<Self>, worker: &GateWorker, now: Micros) -> ConfirmProgress {
        let known = worker.confirmed.latest(&self.subject, now).map(|latest| latest.requested_at);
        match self.step {
            _ if known <= self.used_confirmation_requested_at => self.refuse(),
            ConfirmStep::Confirmation { own: true } => {
                let (key, _) = shared_records::location(&worker.namespace, &self.subject);
                let (update, action) = SharedUpdate::begin(key, SWAP_TRIES_MAX);
                self.perform(ConfirmStep::Sharing(update), action)
            }
            _ => self.decide_again(),
        }
    }

    fn decide_again(self) -> ConfirmProgress {
        ConfirmProgress::DecideAgain { caller: self.caller, is_final: true }
    }

    fn refuse(self) -> ConfirmProgress {
        ConfirmProgress::Refuse(self.caller, self.refusal)
    }
}

/// Returns the change that counts a request to Clerk. `with_request` is the value to write; `None` if the
/// limit is reached.
fn permission(with_request: Option<Vec<u8>>) -> Change<Permission> {
    match with_request {
        Some(value) => Change::Write(value, Permission::Granted),
        None => Change::Keep(Permission::Denied),
    }
}
