//! One delivery of an event: held, verified, brought to its end, answered. The same machine for every source.
//!
//! ```text
//! Header ─▶ Body ─▶ Recall ─▶ Syncing ─▶ Remember ─▶ Answered
//!   │        │        │          │  └─▶ Forwarded ──▶ Remember      (mode `forward`: after the upstream's 2xx)
//!   │        │        │          └────▶ Answered: the sync failed, or there was nobody, or an alarm
//!   │        │        └───────────────▶ Answered: an earlier delivery was processed
//!   └────────┴────────────────────────▶ Answered: something else, refused, or no work
//! ```

use super::arrival::{Arrival, foreign_to};
use super::metrics;
use super::receipt::Receipt;
use super::refusal;
use super::remembered_events::RememberedEvent;
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
use crate::sync::{Deadline, RecordedSync, SyncEnd, SyncError, SyncStep, Trigger, audit};
use crate::time::Micros;
use std::time::Duration;

/// The time for a sync that a sender waits for. Stripe's Checkout holds the customer's redirect for at most
/// 10 s.
const SYNC_TIME: Duration = Duration::from_secs(8);

/// How often remembering an event is tried while other workers are faster. Forgetting one is harmless.
const REMEMBER_TRIES_MAX: u32 = 3;

/// One HTTP request on its way through the webhook filter.
#[derive(Debug)]
pub struct Delivery<S: EventSource> {
    /// The header fields to remove if it is forwarded.
    remove: Vec<Vec<u8>>,
    /// Its part of what the worker thread holds.
    hold: Option<Hold>,
    stage: DeliveryStage<S::Signature>,
    reports: Vec<Report>,
}

/// What is being waited for.
#[derive(Debug)]
enum DeliveryStage<G> {
    /// The request itself.
    Header,
    /// The rest of its body, which must be what was signed. The header counts with so many bytes.
    Body { signature: G, header_bytes: usize },
    /// Whether the event came to its end before.
    Recall(Box<Recalled>),
    /// Stripe and Clerk, and the audit.
    Syncing(Box<Syncing>),
    /// The upstream's answer to an event that ended then.
    Forwarded { place: RememberedEvent, ended: Micros },
    /// The memory of ended events.
    Remember { place: RememberedEvent, ended: Micros, update: SharedUpdate<()>, then: Action },
    /// Nothing any more.
    Answered,
}

/// A verified event that asks for a sync.
#[derive(Debug)]
struct Recalled {
    event: EventId,
    signed_at: Micros,
    trigger: Trigger,
    place: RememberedEvent,
}

#[derive(Debug)]
struct Syncing {
    event: EventId,
    place: RememberedEvent,
    sync: RecordedSync,
}

impl<S: EventSource> Default for Delivery<S> {
    fn default() -> Self {
        Delivery { remove: Vec::new(), hold: None, stage: DeliveryStage::Header, reports: Vec::new() }
    }
}

impl<S: EventSource> Machine for Delivery<S> {
    type Worker = WebhookWorker<S>;

    fn handle(&mut self, worker: &mut WebhookWorker<S>, now: Micros, input: Input<'_>) -> Step {
        let stage = std::mem::replace(&mut self.stage, DeliveryStage::Answered);
        let action = match (stage, input) {
            (DeliveryStage::Header, Input::Head { headers, end_of_stream }) => {
                self.arrive(worker, now, &headers, end_of_stream)
            }
            (DeliveryStage::Body { signature, header_bytes }, Input::BodyGrew { bytes }) => {
                if bytes > worker.endpoint.body_bytes_max {
                    self.refuse(DeliveryResult::TooLarge, refusal::too_large(worker.endpoint.body_bytes_max))
                } else if self.grow(header_bytes.saturating_add(bytes)) {
                    self.wait_in(DeliveryStage::Body { signature, header_bytes })
                } else {
                    self.refuse_overload(worker, now)
                }
            }
            (DeliveryStage::Body { signature, .. }, Input::Body(body)) => {
                self.judge(worker, now, &signature, body)
            }
            (DeliveryStage::Recall(recalled), Input::Loaded { value, .. }) => {
                match recalled.place.ended_before(value, recalled.signed_at, now) {
                    true => {
                        self.receipt(worker, &Receipt::new(DeliveryResult::AlreadyReceived, &recalled.event))
                    }
                    false => self.begin(worker, now, *recalled),
                }
            }
            (DeliveryStage::Syncing(mut syncing), input) => {
                match syncing.sync.handle(&mut worker.sync, now, &input) {
                    SyncStep::Continue(action, reports) => {
                        self.reports.extend(reports);
                        self.stage = DeliveryStage::Syncing(syncing);
                        action
                    }
                    SyncStep::Ended(end) => self.conclude(worker, now, *syncing, *end),
                }
            }
            (DeliveryStage::Remember { place, ended, mut update, then }, input) => {
                match update.handle(&input, |value| Change::Write(place.remember(value, ended), ())) {
                    UpdateProgress::Continue(action) => {
                        self.stage = DeliveryStage::Remember { place, ended, update, then };
                        action
                    }
                    UpdateProgress::Done(()) | UpdateProgress::GaveUp(()) => then,
                }
            }
            (DeliveryStage::Forwarded { place, ended }, Input::Responded { status: 200..=299 }) => {
                self.remember(place, ended, Action::Wait)
            }
            // What nobody asked for changes nothing.
            (stage, _) => self.wait_in(stage),
        };
        if matches!(action, Action::Reply(_) | Action::Forward(_)) {
            self.hold = None;
            self.remove = Vec::new();
        }
        Step { action, reports: std::mem::take(&mut self.reports) }
    }
}

impl<S: EventSource> Delivery<S> {
    fn wait_in(&mut self, stage: DeliveryStage<S::Signature>) -> Action {
        self.stage = stage;
        Action::Wait
    }

    fn arrive(
        &mut self,
        worker: &mut WebhookWorker<S>,
        now: Micros,
        headers: &HeaderMap,
        end_of_stream: bool,
    ) -> Action {
        match Arrival::new(&worker.endpoint, &S::WORDS, headers) {
            Arrival::Delivery => {}
            Arrival::Elsewhere => {
                let remove = foreign_to(S::WORDS.voucher, headers);
                return Action::Forward(Forward { remove, ..Forward::default() });
            }
            Arrival::Refused(problem) => return Action::Reply(problem.into()),
            Arrival::TooLarge => {
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
            self.remove = foreign_to(S::WORDS.voucher, headers);
        }
        match end_of_stream {
            true => self.judge(worker, now, &signature, b""),
            false => self.wait_in(DeliveryStage::Body { signature, header_bytes }),
        }
    }

    /// Counts what is held of it by now. Returns false if that is too much for the worker thread.
    fn grow(&mut self, bytes: usize) -> bool {
        self.hold.as_mut().is_some_and(|hold| hold.resize(bytes))
    }

    fn judge(
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
                let place = RememberedEvent::of(&event, &worker.sync.namespace);
                let key = place.key.clone();
                let recalled = Recalled { event, signed_at, trigger: *trigger, place };
                self.stage = DeliveryStage::Recall(Box::new(recalled));
                Action::Load { key }
            }
            EventWork::None(alarms) => {
                self.reports.extend(alarms);
                self.receipt(worker, &ignored)
            }
            EventWork::NotOurs(alarm) => {
                self.reports.push(alarm);
                self.reply(&ignored)
            }
        }
    }

    fn refuse(&mut self, result: DeliveryResult, problem: Problem) -> Action {
        self.reports.push(metrics::delivered(result));
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

    fn begin(&mut self, worker: &mut WebhookWorker<S>, now: Micros, recalled: Recalled) -> Action {
        let Recalled { event, trigger, place, .. } = recalled;
        match RecordedSync::begin(&worker.sync, now, trigger, Deadline::new(now, SYNC_TIME)) {
            Ok((sync, action)) => {
                self.stage = DeliveryStage::Syncing(Box::new(Syncing { event, place, sync }));
                action
            }
            Err(error) => {
                self.reports.push(audit::sync_failed(&error, Some(&event)));
                self.fail(&error, &event)
            }
        }
    }

    fn fail(&mut self, error: &SyncError, event: &EventId) -> Action {
        self.reports.extend(metrics::SYNC.callout_failed(error));
        self.refuse(DeliveryResult::Failed, refusal::failed(error, event))
    }

    fn conclude(
        &mut self,
        worker: &WebhookWorker<S>,
        now: Micros,
        syncing: Syncing,
        mut end: SyncEnd,
    ) -> Action {
        let Syncing { event, place, .. } = syncing;
        self.reports.push(metrics::SYNC.took(end.began, now));
        self.reports.append(&mut end.reports);
        let result = match &end.result {
            Ok(result) => DeliveryResult::from(*result),
            Err(error) => return self.fail(error, &event),
        };
        let then = self.receipt(worker, &Receipt::of_sync(result, &event, &end));
        match then {
            _ if result != DeliveryResult::Processed || end.has_alarms => then,
            // The upstream may yet fail; then the sender retries.
            Action::Forward(forward) => {
                self.stage = DeliveryStage::Forwarded { place, ended: now };
                Action::Forward(Forward { tell_status: true, ..forward })
            }
            then => self.remember(place, now, then),
        }
    }

    /// Remembers that the event has ended, and then answers.
    fn remember(&mut self, place: RememberedEvent, ended: Micros, then: Action) -> Action {
        let (update, action) = SharedUpdate::begin(place.key.clone(), REMEMBER_TRIES_MAX);
        self.stage = DeliveryStage::Remember { place, ended, update, then };
        action
    }

    /// Answers, or lets the event go on to the upstream where the configuration says so.
    fn receipt(&mut self, worker: &WebhookWorker<S>, receipt: &Receipt<'_>) -> Action {
        if worker.endpoint.mode == Mode::Respond {
            return self.reply(receipt);
        }
        self.reports.push(metrics::delivered(receipt.result()));
        Action::Forward(receipt.forward(&S::WORDS, std::mem::take(&mut self.remove)))
    }

    fn reply(&mut self, receipt: &Receipt<'_>) -> Action {
        self.reports.push(metrics::delivered(receipt.result()));
        Action::Reply(receipt.reply())
    }
}
