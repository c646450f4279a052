//! The state machine of a webhook request: it holds the request, verifies the event, processes it, and
//! responds. Every event source uses it.
//!
//! ```text
//! Header ─▶ Body ─▶ CheckingDuplicate ─▶ Processing ─▶ Remembering ─▶ Done
//!   │        │             │               │  └─▶ Forwarded ─▶ Remembering   (mode `forward`, after a 2xx)
//!   │        │             ├────▶ Remembering  └────▶ Done: it failed, found no subject, or raised an alarm
//!   │        │             └────────────────────▶ Done: an earlier delivery was processed
//!   └────────┴──────────────────────────────────▶ Done: another path, refused, or no work
//! ```

use super::event_process::{EventCause, EventProcess, ProcessEnd, ProcessStep};
use super::metrics;
use super::receipt::Receipt;
use super::refusal;
use super::remembered_events::RememberedEvent;
use super::request_kind::{RequestKind, client_sent_fields};
use super::result::DeliveryResult;
use super::source::{EventSource, EventWork, VerifiedEvent};
use super::worker::WebhookWorker;
use crate::config::Mode;
use crate::held::Hold;
use crate::http::{Forward, HeaderMap};
use crate::ids::EventId;
use crate::machine::{Action, Input, Machine, Step};
use crate::problem::Problem;
use crate::report::Report;
use crate::shared::{Change, SharedUpdate, UpdateProgress};
use crate::sync::SyncError;
use crate::time::Micros;

/// The maximum number of attempts to remember an event while other workers change the same bucket. Giving up
/// is harmless: a duplicate is synced again.
const REMEMBER_TRIES_MAX: u32 = 3;

/// A request in the webhook filter: a delivery of an event, or a request that the filter passes on or
/// refuses.
#[derive(Debug)]
pub struct Delivery<S: EventSource> {
    /// The header fields to remove if the request is forwarded.
    fields_to_remove: Vec<Vec<u8>>,
    /// The request's part of the memory that held requests may use in this worker thread; `None` before it is
    /// held and after it has ended.
    hold: Option<Hold>,
    stage: DeliveryStage<S::Signature>,
    reports: Vec<Report>,
}

/// The next input that a delivery waits for.
#[derive(Debug)]
enum DeliveryStage<G> {
    /// The request's header.
    Header,
    /// The complete body, which the signature covers. `header_bytes` is the number of held bytes that are the
    /// header's.
    Body { signature: G, header_bytes: usize },
    /// The bucket that shows whether an earlier delivery of the event was processed.
    CheckingDuplicate(Box<PendingEvent>),
    /// Responses from Stripe and Clerk, and the results of updating the shared audit records.
    Processing(Box<Processing>),
    /// The upstream's response to an event whose processing has ended.
    Forwarded { remembered: RememberedEvent, ended_at: Micros },
    /// The update of the bucket of processed events. `response` follows it.
    Remembering { remembered: RememberedEvent, ended_at: Micros, update: SharedUpdate<()>, response: Action },
    /// Nothing: the request was forwarded or has its response.
    Done,
}

/// A verified event that needs work unless it is a duplicate.
#[derive(Debug)]
struct PendingEvent {
    event: EventId,
    signed_at: Micros,
    work: PendingWork,
    remembered: RememberedEvent,
}

/// The work of an event that is no duplicate.
#[derive(Debug)]
enum PendingWork {
    /// A sync, or the cancellation of subscriptions.
    Process(EventCause),
    /// These log lines.
    Log(Vec<Report>),
}

/// An event that is being processed.
#[derive(Debug)]
struct Processing {
    event: EventId,
    remembered: RememberedEvent,
    process: EventProcess,
}

impl<S: EventSource> Default for Delivery<S> {
    fn default() -> Self {
        Delivery {
            fields_to_remove: Vec::new(),
            hold: None,
            stage: DeliveryStage::Header,
            reports: Vec::new(),
        }
    }
}

impl<S: EventSource> Machine for Delivery<S> {
    type Worker = WebhookWorker<S>;

    fn handle(&mut self, worker: &mut WebhookWorker<S>, now: Micros, input: Input<'_>) -> Step {
        let stage = std::mem::replace(&mut self.stage, DeliveryStage::Done);
        let action = match (stage, input) {
            (DeliveryStage::Header, Input::Head { headers, end_of_stream }) => {
                self.handle_header(worker, now, &headers, end_of_stream)
            }
            (DeliveryStage::Body { signature, header_bytes }, Input::BodyGrew { bytes }) => {
                if bytes > worker.endpoint.body_bytes_max {
                    self.refuse(DeliveryResult::TooLarge, refusal::too_large(worker.endpoint.body_bytes_max))
                } else if self.resize_hold(header_bytes.saturating_add(bytes)) {
                    self.wait_in(DeliveryStage::Body { signature, header_bytes })
                } else {
                    self.refuse_overload(worker, now)
                }
            }
            (DeliveryStage::Body { signature, .. }, Input::Body(body)) => {
                self.verify(worker, now, &signature, body)
            }
            (DeliveryStage::CheckingDuplicate(pending), Input::Loaded { value, .. }) => {
                if pending.remembered.processed_before(value, pending.signed_at, now) {
                    let receipt = Receipt::new(DeliveryResult::AlreadyReceived, &pending.event);
                    self.respond_or_forward(worker, &receipt)
                } else {
                    self.start_work(worker, now, *pending)
                }
            }
            (DeliveryStage::Processing(mut processing), input) => {
                match processing.process.handle(&mut worker.sync, now, &input) {
                    ProcessStep::Continue(action, reports) => {
                        self.reports.extend(reports);
                        self.stage = DeliveryStage::Processing(processing);
                        action
                    }
                    ProcessStep::Ended(end) => self.finish(worker, now, *processing, *end),
                }
            }
            (DeliveryStage::Remembering { remembered, ended_at, mut update, response }, input) => {
                let change =
                    |value: Option<&[u8]>| Change::Write(remembered.bucket_with(value, ended_at), ());
                match update.handle(&input, change) {
                    UpdateProgress::Continue(action) => {
                        self.stage = DeliveryStage::Remembering { remembered, ended_at, update, response };
                        action
                    }
                    UpdateProgress::Done(()) | UpdateProgress::GaveUp(()) => response,
                }
            }
            (DeliveryStage::Forwarded { remembered, ended_at }, Input::Responded { status: 200..=299 }) => {
                self.remember(remembered, ended_at, Action::Wait)
            }
            // Inputs that this stage does not wait for are ignored.
            (stage, _) => self.wait_in(stage),
        };
        if matches!(action, Action::Reply(_) | Action::Forward(_)) {
            self.hold = None;
            self.fields_to_remove = Vec::new();
        }
        Step { action, reports: std::mem::take(&mut self.reports) }
    }
}

impl<S: EventSource> Delivery<S> {
    fn wait_in(&mut self, stage: DeliveryStage<S::Signature>) -> Action {
        self.stage = stage;
        Action::Wait
    }

    /// Classifies the request, reads its signature, and starts to hold it.
    fn handle_header(
        &mut self,
        worker: &mut WebhookWorker<S>,
        now: Micros,
        headers: &HeaderMap,
        end_of_stream: bool,
    ) -> Action {
        match RequestKind::new(&worker.endpoint, &S::LABELS, headers) {
            RequestKind::Delivery => {}
            RequestKind::OtherPath => {
                let remove = client_sent_fields(S::LABELS.header_owner, headers);
                return Action::Forward(Forward { remove, ..Forward::default() });
            }
            RequestKind::Refused(problem) => return Action::Reply(problem.into()),
            RequestKind::TooLarge => {
                let problem = refusal::too_large(worker.endpoint.body_bytes_max);
                return self.refuse(DeliveryResult::TooLarge, problem);
            }
        }
        let signature = match worker.source.read_signature(headers, now) {
            Ok(signature) => signature,
            Err(rejection) => {
                let refusal = refusal::rejected(worker, now, rejection);
                return self.refuse_and_report(DeliveryResult::Refused, refusal);
            }
        };
        let header_bytes = headers.byte_len();
        self.hold = worker.held.hold(header_bytes);
        if self.hold.is_none() {
            return self.refuse_overload(worker, now);
        }
        if worker.endpoint.mode == Mode::Forward {
            self.fields_to_remove = client_sent_fields(S::LABELS.header_owner, headers);
        }
        if end_of_stream {
            self.verify(worker, now, &signature, b"")
        } else {
            self.wait_in(DeliveryStage::Body { signature, header_bytes })
        }
    }

    /// Sets the number of bytes that are held for the request. Returns false if that exceeds the worker
    /// thread's limit.
    fn resize_hold(&mut self, bytes: usize) -> bool {
        self.hold.as_mut().is_some_and(|hold| hold.resize(bytes))
    }

    fn verify(
        &mut self,
        worker: &mut WebhookWorker<S>,
        now: Micros,
        signature: &S::Signature,
        body: &[u8],
    ) -> Action {
        let verified = worker.source.verify(signature, body, now, &worker.sync.settings);
        let VerifiedEvent { id: event, signed_at, work } = match verified {
            Ok(verified) => verified,
            Err(rejection) => {
                let refusal = refusal::rejected(worker, now, rejection);
                return self.refuse_and_report(DeliveryResult::Refused, refusal);
            }
        };
        let ignored = Receipt::new(DeliveryResult::Ignored, &event);
        match work {
            EventWork::Sync(trigger) => {
                let work = PendingWork::Process(EventCause::Sync(trigger));
                self.check_duplicate(worker, event, signed_at, work)
            }
            EventWork::Cancel(deletion) => {
                let work = PendingWork::Process(EventCause::Deletion(deletion));
                self.check_duplicate(worker, event, signed_at, work)
            }
            EventWork::Log(lines) => self.check_duplicate(worker, event, signed_at, PendingWork::Log(lines)),
            EventWork::None(alarms) => {
                self.reports.extend(alarms);
                self.respond_or_forward(worker, &ignored)
            }
            EventWork::NoSubject(alarm) => {
                self.reports.push(alarm);
                self.respond_or_forward(worker, &Receipt::new(DeliveryResult::NoSubject, &event))
            }
            EventWork::NotOurs(alarm) => {
                self.reports.push(alarm);
                self.reply(&ignored)
            }
        }
    }

    fn refuse(&mut self, result: DeliveryResult, problem: Problem) -> Action {
        self.reports.push(metrics::result_count(result));
        Action::Reply(problem.into())
    }

    fn refuse_and_report(
        &mut self,
        result: DeliveryResult,
        (problem, line): (Problem, Option<Report>),
    ) -> Action {
        let action = self.refuse(result, problem);
        self.reports.extend(line);
        action
    }

    fn refuse_overload(&mut self, worker: &mut WebhookWorker<S>, now: Micros) -> Action {
        self.refuse_and_report(DeliveryResult::Overloaded, refusal::overloaded(worker, now))
    }

    /// Loads the bucket that shows whether an earlier delivery of the event was processed.
    fn check_duplicate(
        &mut self,
        worker: &WebhookWorker<S>,
        event: EventId,
        signed_at: Micros,
        work: PendingWork,
    ) -> Action {
        let remembered = RememberedEvent::new(&event, &worker.sync.namespace);
        let key = remembered.key.clone();
        let pending = PendingEvent { event, signed_at, work, remembered };
        self.stage = DeliveryStage::CheckingDuplicate(Box::new(pending));
        Action::Load { key }
    }

    fn start_work(&mut self, worker: &mut WebhookWorker<S>, now: Micros, pending: PendingEvent) -> Action {
        let PendingEvent { event, work, remembered, .. } = pending;
        let cause = match work {
            PendingWork::Process(cause) => cause,
            PendingWork::Log(lines) => {
                self.reports.extend(lines);
                let receipt = Receipt::new(DeliveryResult::Ignored, &event);
                let response = self.respond_or_forward(worker, &receipt);
                return self.remember_and_respond(remembered, now, response);
            }
        };
        match EventProcess::begin(&worker.sync, now, &event, cause) {
            Ok((process, action)) => {
                self.stage = DeliveryStage::Processing(Box::new(Processing { event, remembered, process }));
                action
            }
            Err((error, reports)) => {
                self.reports.extend(reports);
                self.fail(&error, &event)
            }
        }
    }

    fn fail(&mut self, error: &SyncError, event: &EventId) -> Action {
        self.refuse(DeliveryResult::Failed, refusal::failed(error, event))
    }

    /// Responds after the event was processed, and remembers it if all its work is done.
    fn finish(
        &mut self,
        worker: &WebhookWorker<S>,
        now: Micros,
        processing: Processing,
        mut end: ProcessEnd,
    ) -> Action {
        let Processing { event, remembered, .. } = processing;
        self.reports.append(&mut end.reports);
        let result = match &end.result {
            Ok(result) => *result,
            Err(error) => return self.fail(error, &event),
        };
        let response = self.respond_or_forward(worker, &Receipt::after(result, &event, &end));
        if result == DeliveryResult::Processed && !end.has_alarms {
            self.remember_and_respond(remembered, now, response)
        } else {
            response
        }
    }

    /// Remembers that the work of the event ended at `ended_at`. A forwarded event is remembered after the
    /// upstream's response: if the upstream fails, the sender retries, so the event counts as processed only
    /// then.
    fn remember_and_respond(
        &mut self,
        remembered: RememberedEvent,
        ended_at: Micros,
        response: Action,
    ) -> Action {
        match response {
            Action::Forward(forward) => {
                self.stage = DeliveryStage::Forwarded { remembered, ended_at };
                Action::Forward(Forward { needs_response_status: true, ..forward })
            }
            response => self.remember(remembered, ended_at, response),
        }
    }

    /// Remembers that the event was processed, then performs `response`.
    fn remember(&mut self, remembered: RememberedEvent, ended_at: Micros, response: Action) -> Action {
        let (update, action) = SharedUpdate::begin(remembered.key.clone(), REMEMBER_TRIES_MAX);
        self.stage = DeliveryStage::Remembering { remembered, ended_at, update, response };
        action
    }

    /// Responds with the receipt; in mode `forward`, forwards the event to the upstream instead.
    fn respond_or_forward(&mut self, worker: &WebhookWorker<S>, receipt: &Receipt<'_>) -> Action {
        if worker.endpoint.mode == Mode::Respond {
            return self.reply(receipt);
        }
        self.reports.push(metrics::result_count(receipt.result()));
        Action::Forward(receipt.forward(&S::LABELS, std::mem::take(&mut self.fields_to_remove)))
    }

    fn reply(&mut self, receipt: &Receipt<'_>) -> Action {
        self.reports.push(metrics::result_count(receipt.result()));
        Action::Reply(receipt.reply())
    }
}
