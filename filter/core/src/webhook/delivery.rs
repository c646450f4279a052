//! One delivery of an event: held, verified, brought to its end, answered.

use super::deadline::Deadline;
use super::memory::Place;
use super::sync::{Progress, Sync};
use super::trigger::Trigger;
use super::trouble::Trouble;
use super::worker::Worker;
use super::{audit, lookalike, metrics};
use crate::config::Mode;
use crate::http::{Forward, HeaderMap, Reply};
use crate::identity::{Voucher, foreign_fields};
use crate::ids::EventId;
use crate::machine::{Action, Input, Machine, Step};
use crate::problem::Problem;
use crate::report::{Level, Report};
use crate::secret::Secret;
use crate::stripe::event::Event;
use crate::stripe::signature::{self, SignatureError};
use crate::time::Micros;
use serde::Serialize;
use std::time::Duration;

/// What an operator is told of refused signatures at most once in so long: strangers can cause as many as they like.
const REFUSALS_LOGGED_EVERY: Duration = Duration::from_secs(60);

/// How often remembering an event is tried while other workers are faster. Forgetting one is harmless.
const REMEMBER_TRIES_MAX: u32 = 3;

/// One HTTP request on its way through the webhook filter.
#[derive(Debug, Default)]
pub struct Delivery {
    headers: HeaderMap,
    stage: Stage,
    reports: Vec<Report>,
}

/// What is being waited for.
#[derive(Debug, Default)]
enum Stage {
    /// The request itself.
    #[default]
    Header,
    /// The rest of its body.
    Body,
    /// Whether the event came to its end before.
    Recall(Box<Verified>),
    /// Stripe and Clerk.
    Syncing(Box<Syncing>),
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

#[derive(Debug)]
struct Syncing {
    began: Micros,
    event: EventId,
    place: Place,
    sync: Sync,
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

impl Machine for Delivery {
    type Worker = Worker;

    fn handle(&mut self, worker: &mut Worker, now: Micros, input: Input<'_>) -> Step {
        let stage = std::mem::replace(&mut self.stage, Stage::Answered);
        let action = match (stage, input) {
            (Stage::Header, Input::Head { headers, end_of_stream }) => {
                self.headers = headers;
                self.arrive(worker, now, end_of_stream)
            }
            (Stage::Body, Input::BodyGrew { bytes }) => match bytes > worker.config.body_bytes_max {
                true => self.too_large(worker),
                false => self.wait_in(Stage::Body),
            },
            (Stage::Body, Input::Body(body)) => self.judge(worker, now, body),
            (Stage::Recall(verified), Input::Loaded { value, .. }) => {
                match verified.place.ended_before(value.unwrap_or_default(), verified.signed_at, now) {
                    true => self.receipt(worker, &Receipt::of("already_received", &verified.event.id)),
                    false => self.begin(worker, now, *verified),
                }
            }
            (Stage::Syncing(mut syncing), Input::Answered { call, outcome }) => {
                let progress = syncing.sync.answered(worker, now, call, &outcome);
                self.reports.extend(audit::changes(&mut syncing.sync, &worker.plans));
                self.progressed(worker, now, syncing, progress)
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
        Step { action, reports: std::mem::take(&mut self.reports) }
    }
}

impl Delivery {
    fn wait_in(&mut self, stage: Stage) -> Action {
        self.stage = stage;
        Action::Wait
    }

    fn arrive(&mut self, worker: &mut Worker, now: Micros, end_of_stream: bool) -> Action {
        let path = self.headers.get(":path").unwrap_or_default();
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        if path != worker.config.path.as_bytes() {
            // What forwards events has an upstream that takes them, and it must not take them by another door.
            if worker.config.mode == Mode::Forward && lookalike::reads_as(path, &worker.config.path) {
                let detail = "this could be read as the webhook's path: send it in normal form";
                return Action::Reply(Problem::new(400, "ambiguous_path", detail).into());
            }
            return Action::Forward(self.forward());
        }
        if self.headers.get(":method") != Some(b"POST") {
            let problem = Problem::new(405, "method_not_allowed", "Stripe's events are sent by POST");
            return Action::Reply(problem.header("allow", "POST").into());
        }
        let announced =
            self.headers.get("content-length").and_then(|length| std::str::from_utf8(length).ok());
        if announced
            .and_then(|length| length.parse().ok())
            .is_some_and(|length: usize| length > worker.config.body_bytes_max)
        {
            return self.too_large(worker);
        }
        if end_of_stream { self.judge(worker, now, b"") } else { self.wait_in(Stage::Body) }
    }

    fn too_large(&mut self, worker: &Worker) -> Action {
        self.reports.extend(metrics::answered("too_large"));
        let detail = format!("an event is at most {} bytes long", worker.config.body_bytes_max);
        Action::Reply(Problem::new(413, "body_too_large", detail).into())
    }

    /// The signature first, over the bytes; only then what they say.
    fn judge(&mut self, worker: &mut Worker, now: Micros, body: &[u8]) -> Action {
        let secrets = worker.config.signing_secrets.iter().map(|secret| Secret::expose(secret).as_bytes());
        let signed_at = signature::signature_field(&self.headers)
            .and_then(|field| signature::verify(field, body, secrets, now, worker.config.tolerance));
        let signed_at = match signed_at {
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
        let Some(trigger) = Trigger::of(&event, &worker.config) else {
            for id in &event.names.skipped {
                let detail = format!("an id of {} bytes in the event does not look like Stripe's", id.len());
                self.reports.push(audit::alarm("strange_ids", Some(&event.id), None, &detail));
            }
            return self.receipt(worker, &Receipt::of("ignored", &event.id));
        };
        let place = Place::of(&event.id, &worker.namespace);
        let key = place.key.clone();
        self.stage = Stage::Recall(Box::new(Verified { event, signed_at, trigger, place }));
        Action::Load { key }
    }

    fn refuse_signature(&mut self, worker: &mut Worker, now: Micros, error: &SignatureError) -> Action {
        #[derive(Serialize)]
        struct Line<'a> {
            alarm: &'a str,
            detail: &'a str,
        }
        self.reports.extend(metrics::answered("refused"));
        let logged_lately =
            worker.refusal_logged_at.is_some_and(|logged_at| now.since(logged_at) < REFUSALS_LOGGED_EVERY);
        if !logged_lately {
            worker.refusal_logged_at = Some(now);
            let line = Line { alarm: error.code(), detail: &error.to_string() };
            self.reports.push(Report::json(Level::Warn, &line));
        }
        Action::Reply(Problem::new(400, error.code(), "this is not signed as Stripe signs").into())
    }

    fn begin(&mut self, worker: &mut Worker, now: Micros, verified: Verified) -> Action {
        let Verified { event, trigger, place, .. } = verified;
        match Sync::begin(worker, now, trigger, Deadline::of_delivery(now)) {
            Ok((sync, progress)) => {
                let syncing = Box::new(Syncing { began: now, event: event.id, place, sync });
                self.progressed(worker, now, syncing, Ok(progress))
            }
            Err(trouble) => self.fail(&trouble, &event.id),
        }
    }

    fn progressed(
        &mut self,
        worker: &Worker,
        now: Micros,
        syncing: Box<Syncing>,
        progress: Result<Progress, Trouble>,
    ) -> Action {
        match progress {
            Ok(Progress::Call(calls)) => {
                self.stage = Stage::Syncing(syncing);
                if calls.is_empty() { Action::Wait } else { Action::Call(calls) }
            }
            Ok(Progress::Done) => self.conclude(worker, now, *syncing),
            Err(trouble) => {
                self.reports.push(metrics::sync_took(syncing.began, now));
                self.reports.extend(audit::alarms(&syncing.sync.facts, Some(&syncing.event)));
                self.fail(&trouble, &syncing.event)
            }
        }
    }

    fn fail(&mut self, trouble: &Trouble, event: &EventId) -> Action {
        self.reports.extend(metrics::answered("failed"));
        self.reports.extend(trouble.service().map(metrics::callout_failed));
        self.reports.push(audit::trouble(trouble, Some(event)));
        Action::Reply(Problem::from(trouble).with("event", event.as_str()).into())
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
        let mut forward = self.forward();
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

    fn forward(&self) -> Forward {
        Forward { remove: foreign_fields(&self.headers, |by| by == Voucher::Webhook), ..Forward::default() }
    }
}

impl<'a> Receipt<'a> {
    fn of(status: &'static str, event: &'a EventId) -> Self {
        Receipt { received: true, status, event, subject: None, plan: None, changed: None }
    }
}
