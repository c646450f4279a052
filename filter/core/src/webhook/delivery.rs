//! One delivery of an event: held, verified, brought to its end, answered.

use super::metrics;
use super::remembered_events::Place;
use super::worker::Worker;
use crate::config::Mode;
use crate::held::Hold;
use crate::http::{Forward, HeaderMap, Reply};
use crate::identity::{Voucher, foreign_fields};
use crate::ids::EventId;
use crate::machine::{Action, Input, Machine, Step};
use crate::override_fields::OverrideFields;
use crate::path::{self, PathPattern};
use crate::problem::Problem;
use crate::report::{Level, Report};
use crate::secret::Secret;
use crate::stripe::event::Event;
use crate::stripe::signature::{self, SignatureError, Signed};
use crate::sync::Deadline;
use crate::sync::Trigger;
use crate::sync::audit::{self, AuditRecorder};
use crate::sync::{PlanSync, SyncProgress};
use crate::sync::{RETRY_AFTER_S, SyncError};
use crate::time::Micros;
use serde::Serialize;

/// How often remembering an event is tried while other workers are faster. Forgetting one is harmless.
const REMEMBER_TRIES_MAX: u32 = 3;

/// One HTTP request on its way through the webhook filter.
#[derive(Debug, Default)]
pub struct Delivery {
    /// The header fields to remove if it is forwarded.
    remove: Vec<Vec<u8>>,
    /// Its part of what the worker thread holds.
    hold: Option<Hold>,
    stage: Stage,
    reports: Vec<Report>,
}

/// What is being waited for.
#[derive(Debug, Default)]
enum Stage {
    /// The request itself.
    #[default]
    Header,
    /// The rest of its body, which must be what was signed. The header counts with so many bytes.
    Body { signed: Signed, header_bytes: usize },
    /// Whether the event came to its end before.
    Recall(Box<Verified>),
    /// Stripe and Clerk.
    Syncing(Box<Syncing>),
    /// The memory of told changes, before the sync goes on.
    Auditing(Box<Audited>),
    /// The upstream's answer to an event that ended then.
    Forwarded { place: Place, ended: Micros },
    /// The memory of ended events.
    Remember { place: Place, ended: Micros, tries: u32, then: Action },
    /// Nothing any more.
    Answered,
}

/// An event that Stripe did sign.
#[derive(Debug)]
struct Verified {
    event: Event,
    signed_at: Micros,
    trigger: Trigger,
    place: Place,
}

/// A sync that has taken a step which is not in the audit yet.
#[derive(Debug)]
struct Audited {
    auditing: AuditRecorder,
    syncing: Box<Syncing>,
    progress: Result<SyncProgress, SyncError>,
}

#[derive(Debug)]
struct Syncing {
    began: Micros,
    event: EventId,
    place: Place,
    sync: PlanSync,
}

/// What came of a delivery, as it is answered and counted.
#[derive(Debug, Serialize)]
struct Receipt<'a> {
    received: bool,
    status: &'static str,
    event: &'a EventId,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
}

/// An alarm about what strangers can cause.
#[derive(Serialize)]
struct Line<'a> {
    alarm: &'a str,
    detail: &'a str,
}

impl From<Line<'_>> for Report {
    fn from(line: Line<'_>) -> Self {
        Report::json(Level::Warn, &line)
    }
}

impl Machine for Delivery {
    type Worker = Worker;

    fn handle(&mut self, worker: &mut Worker, now: Micros, input: Input<'_>) -> Step {
        let stage = std::mem::replace(&mut self.stage, Stage::Answered);
        let action = match (stage, input) {
            (Stage::Header, Input::Head { headers, end_of_stream }) => {
                self.arrive(worker, now, &headers, end_of_stream)
            }
            (Stage::Body { signed, header_bytes }, Input::BodyGrew { bytes }) => {
                if bytes > worker.config.body_bytes_max {
                    self.too_large(worker)
                } else if self.grow(header_bytes.saturating_add(bytes)) {
                    self.wait_in(Stage::Body { signed, header_bytes })
                } else {
                    self.refuse_overload(worker, now)
                }
            }
            (Stage::Body { signed, .. }, Input::Body(body)) => self.judge(worker, now, &signed, body),
            (Stage::Recall(verified), Input::Loaded { value, .. }) => {
                match verified.place.ended_before(value.unwrap_or_default(), verified.signed_at, now) {
                    true => self.receipt(worker, &Receipt::of("already_received", &verified.event.id)),
                    false => self.begin(worker, now, *verified),
                }
            }
            (Stage::Syncing(mut syncing), Input::Answered { call, outcome }) => {
                let progress = syncing.sync.answered(&mut worker.sync, now, call, &outcome);
                let auditing = AuditRecorder::of(&mut syncing.sync, &progress, &worker.sync.plans);
                self.audit(worker, now, Box::new(Audited { auditing, syncing, progress }))
            }
            (Stage::Auditing(mut audited), Input::Loaded { value, version }) => {
                match audited.auditing.loaded(value.unwrap_or_default(), &worker.sync.plans, now) {
                    Some((key, value)) => {
                        self.stage = Stage::Auditing(audited);
                        Action::Swap { key, value, version }
                    }
                    None => self.audit(worker, now, audited),
                }
            }
            (Stage::Auditing(mut audited), Input::Swapped { stored }) => {
                self.reports.extend(audited.auditing.swapped(stored, &audited.syncing.sync));
                self.audit(worker, now, audited)
            }
            (Stage::Remember { place, ended, tries, then }, Input::Loaded { value, version }) => {
                let value = place.remember(value.unwrap_or_default(), ended);
                let key = place.key.clone();
                self.stage = Stage::Remember { place, ended, tries, then };
                Action::Swap { key, value, version }
            }
            (Stage::Remember { place, ended, tries, then }, Input::Swapped { stored }) => {
                self.remember(place, ended, tries, then, stored)
            }
            (Stage::Forwarded { place, ended }, Input::Responded { status: 200..=299 }) => {
                self.remember(place, ended, 0, Action::Wait, false)
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

impl Delivery {
    fn wait_in(&mut self, stage: Stage) -> Action {
        self.stage = stage;
        Action::Wait
    }

    fn arrive(
        &mut self,
        worker: &mut Worker,
        now: Micros,
        headers: &HeaderMap,
        end_of_stream: bool,
    ) -> Action {
        let path = path::without_query(headers.get(":path").unwrap_or_default());
        if path != worker.config.path.as_bytes() {
            // What forwards events has an upstream that takes them, and it must not take them by another door.
            if worker.config.mode == Mode::Forward && may_be_read_as(headers, &worker.config.path) {
                let detail = "this could be read as the webhook's path: send it in normal form";
                return Action::Reply(Problem::new(400, "ambiguous_path", detail).into());
            }
            return Action::Forward(Forward { remove: foreign_to_webhook(headers), ..Forward::default() });
        }
        if headers.get(":method") != Some(b"POST") {
            let problem = Problem::new(405, "method_not_allowed", "Stripe's events are sent by POST");
            return Action::Reply(problem.header("allow", "POST").into());
        }
        let announced = headers.get("content-length").and_then(|length| std::str::from_utf8(length).ok());
        if announced
            .and_then(|length| length.parse().ok())
            .is_some_and(|length: usize| length > worker.config.body_bytes_max)
        {
            return self.too_large(worker);
        }
        let signed = signature::signature_field(headers)
            .and_then(|field| signature::read(field, now, worker.config.tolerance));
        let signed = match signed {
            Ok(signed) => signed,
            Err(error) => return self.refuse_signature(worker, now, &error),
        };
        let header_bytes = headers.byte_len();
        self.hold = worker.held.hold(header_bytes);
        if self.hold.is_none() {
            return self.refuse_overload(worker, now);
        }
        if worker.config.mode == Mode::Forward {
            self.remove = foreign_to_webhook(headers);
        }
        match end_of_stream {
            true => self.judge(worker, now, &signed, b""),
            false => self.wait_in(Stage::Body { signed, header_bytes }),
        }
    }

    /// Counts what is held of it by now. False if that is too much for the worker thread.
    fn grow(&mut self, bytes: usize) -> bool {
        self.hold.as_mut().is_some_and(|hold| hold.resize(bytes))
    }

    fn too_large(&mut self, worker: &Worker) -> Action {
        self.reports.extend(metrics::answered("too_large"));
        let detail = format!("an event is at most {} bytes long", worker.config.body_bytes_max);
        Action::Reply(Problem::new(413, "body_too_large", detail).into())
    }

    /// The signature first, over the bytes; only then what they say.
    fn judge(&mut self, worker: &mut Worker, now: Micros, signed: &Signed, body: &[u8]) -> Action {
        let secrets = worker.config.signing_secrets.iter().map(|secret| Secret::expose(secret).as_bytes());
        let signed_at = match signed.verify(body, secrets, now, worker.config.tolerance) {
            Ok(signed_at) => signed_at,
            Err(error) => return self.refuse_signature(worker, now, &error),
        };
        let event = match Event::parse(body) {
            Ok(event) => event,
            Err(error) => {
                self.reports.extend(metrics::answered("refused"));
                return Action::Reply(Problem::new(400, error.code(), error.to_string()).into());
            }
        };
        if let (Some(wanted), Some(livemode)) = (worker.config.livemode, event.livemode)
            && wanted != livemode
        {
            let detail = if livemode { "an event of live mode" } else { "an event of test mode" };
            self.reports.push(audit::alarm("wrong_mode", Some(&event.id), None, detail));
            return self.reply(&Receipt::of("ignored", &event.id));
        }
        if event.account.is_some() {
            let detail = "an event of a connected account: no plan is sold there";
            self.reports.push(audit::alarm("connected_account", Some(&event.id), None, detail));
            return self.receipt(worker, &Receipt::of("ignored", &event.id));
        }
        let Some(trigger) = Trigger::of(&event, &worker.config.sync) else {
            for id in &event.names.skipped {
                let detail =
                    format!("an id of {} bytes in the event could change the path of a request", id.len());
                self.reports.push(audit::alarm("strange_ids", Some(&event.id), None, &detail));
            }
            return self.receipt(worker, &Receipt::of("ignored", &event.id));
        };
        let place = Place::of(&event.id, &worker.sync.namespace);
        let key = place.key.clone();
        self.stage = Stage::Recall(Box::new(Verified { event, signed_at, trigger, place }));
        Action::Load { key }
    }

    fn refuse_signature(&mut self, worker: &mut Worker, now: Micros, error: &SignatureError) -> Action {
        self.reports.extend(metrics::answered("refused"));
        if worker.refusal_logged.is_due(now) {
            self.reports.push(Line { alarm: error.code(), detail: &error.to_string() }.into());
        }
        Action::Reply(Problem::new(400, error.code(), "this is not signed as Stripe signs").into())
    }

    /// More is held than this worker thread may hold. Stripe retries.
    fn refuse_overload(&mut self, worker: &mut Worker, now: Micros) -> Action {
        self.reports.extend(metrics::answered("overloaded"));
        if worker.overload_logged.is_due(now) {
            let detail = "too many deliveries, or too many bytes of them, wait for their end at once";
            self.reports.push(Line { alarm: "deliveries_overloaded", detail }.into());
        }
        let detail = "the gateway holds too many deliveries at this moment";
        let problem = Problem::new(503, "deliveries_overloaded", detail);
        Action::Reply(problem.header("retry-after", RETRY_AFTER_S).into())
    }

    fn begin(&mut self, worker: &mut Worker, now: Micros, verified: Verified) -> Action {
        let Verified { event, trigger, place, .. } = verified;
        match PlanSync::begin(&worker.sync, now, trigger, Deadline::of_delivery(now)) {
            Ok((sync, progress)) => {
                let syncing = Box::new(Syncing { began: now, event: event.id, place, sync });
                self.progressed(worker, now, syncing, Ok(progress))
            }
            Err(error) => self.fail(&error, &event.id),
        }
    }

    /// Takes the notes of the audit, one after the other; then the sync goes on.
    fn audit(&mut self, worker: &Worker, now: Micros, mut audited: Box<Audited>) -> Action {
        match audited.auditing.next(&worker.sync.namespace) {
            Some(key) => {
                self.stage = Stage::Auditing(audited);
                Action::Load { key }
            }
            None => self.progressed(worker, now, audited.syncing, audited.progress),
        }
    }

    fn progressed(
        &mut self,
        worker: &Worker,
        now: Micros,
        syncing: Box<Syncing>,
        progress: Result<SyncProgress, SyncError>,
    ) -> Action {
        match progress {
            Ok(SyncProgress::Call(calls)) => {
                self.stage = Stage::Syncing(syncing);
                if calls.is_empty() { Action::Wait } else { Action::Call(calls) }
            }
            Ok(SyncProgress::Done) => self.conclude(worker, now, *syncing),
            Err(error) => {
                self.reports.push(metrics::sync_took(syncing.began, now));
                self.reports.extend(audit::alarms(&syncing.sync.findings, Some(&syncing.event)));
                self.fail(&error, &syncing.event)
            }
        }
    }

    fn fail(&mut self, error: &SyncError, event: &EventId) -> Action {
        self.reports.extend(metrics::answered("failed"));
        self.reports.extend(error.service().map(metrics::callout_failed));
        self.reports.push(audit::sync_failed(error, Some(event)));
        Action::Reply(Problem::from(error).with("event", event.as_str()).into())
    }

    fn conclude(&mut self, worker: &Worker, now: Micros, syncing: Syncing) -> Action {
        let Syncing { began, event, place, sync } = syncing;
        self.reports.push(metrics::sync_took(began, now));
        self.reports.extend(audit::payment_failed(&sync));
        let (status, alarms) = audit::ending(&sync, now);
        let quiet = alarms.is_empty();
        self.reports.extend(alarms);
        let shown = sync.subjects.iter().find(|subject| subject.plan().is_some()).or(sync.subjects.first());
        let receipt = Receipt {
            subject: shown.map(|subject| subject.subject.as_str()),
            plan: shown.and_then(|subject| subject.plan()),
            changed: (status == "processed").then(|| sync.subjects.iter().any(|subject| subject.changed)),
            ..Receipt::of(status, &event)
        };
        let then = self.receipt(worker, &receipt);
        match then {
            _ if status != "processed" || !quiet => then,
            // The upstream may yet fail; then Stripe comes again.
            Action::Forward(forward) => {
                self.stage = Stage::Forwarded { place, ended: now };
                Action::Forward(Forward { tell_status: true, ..forward })
            }
            then => self.remember(place, now, 0, then, false),
        }
    }

    /// Remembers that the event has ended, and then answers.
    fn remember(&mut self, place: Place, ended: Micros, tries: u32, then: Action, stored: bool) -> Action {
        if stored || tries >= REMEMBER_TRIES_MAX {
            return then;
        }
        let key = place.key.clone();
        self.stage = Stage::Remember { place, ended, tries: tries.saturating_add(1), then };
        Action::Load { key }
    }

    /// Answers, or lets the event go on to the upstream where the configuration says so.
    fn receipt(&mut self, worker: &Worker, receipt: &Receipt<'_>) -> Action {
        if worker.config.mode == Mode::Respond {
            return self.reply(receipt);
        }
        self.reports.extend(metrics::answered(receipt.status));
        let mut forward = Forward { remove: std::mem::take(&mut self.remove), ..Forward::default() };
        forward.set.push(("x-tollgate-stripe-event", receipt.event.as_str().into()));
        forward.set.push(("x-tollgate-stripe-result", receipt.status.into()));
        Action::Forward(forward)
    }

    fn reply(&mut self, receipt: &Receipt<'_>) -> Action {
        self.reports.extend(metrics::answered(receipt.status));
        Action::Reply(Reply {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            // Serialising a plain struct has no failing case.
            body: serde_json::to_vec(receipt).unwrap_or_default(),
            details: receipt.status,
            grpc_status: None,
        })
    }
}

impl<'a> Receipt<'a> {
    fn of(status: &'static str, event: &'a EventId) -> Self {
        Receipt { received: true, status, event, subject: None, plan: None, changed: None }
    }
}

/// Whether an upstream could take the request for one to this path: by what it makes of the request's own path, or of
/// one that a header field puts in its place.
fn may_be_read_as(headers: &HeaderMap, webhook: &str) -> bool {
    let webhook = PathPattern::new(webhook);
    let overrides = OverrideFields::read(headers);
    let Some(replaced) = overrides.paths.get() else { return true };
    let own = headers.get(":path").unwrap_or_default();
    let mut paths = std::iter::once(own).chain(replaced.iter().map(Vec::as_slice));
    paths.any(|path| path::may_be_read_as(path, &webhook))
}

/// The header fields that this filter alone vouches for, as somebody outside has sent them.
fn foreign_to_webhook(headers: &HeaderMap) -> Vec<Vec<u8>> {
    foreign_fields(headers, |by| by == Voucher::Webhook)
}
