//! One delivery from its beginning to its end, nothing failing but what a test wants to fail.

use super::gateway::{End, Passage, Replica, Sending, SharedData, configuration, signed};
use super::response::FakeAnswer;
use super::world::{Ending, ModelWorld, parts};
use serde_json::Value;
use std::time::Duration;
use tollgate_core::backfill::SyncState;
use tollgate_core::config::{Configuration, Webhook};
use tollgate_core::http::Callout;
use tollgate_core::machine::Input;
use tollgate_core::report::Report;
use tollgate_core::webhook::{StripeDelivery, StripeWorker};

/// Callouts that all end in one way.
type Broken = (fn(&Callout) -> bool, Ending);

/// A world, and one replica of the gateway in it.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) world: ModelWorld,
    pub(crate) replica: Replica,
    pub(crate) shared: SharedData,
    /// What the command keeps of one configuration.
    pub(crate) command: SyncState,
    /// How long each callout takes.
    pub(crate) callout_takes: Duration,
    /// All callouts that there were.
    pub(crate) callouts: Vec<Callout>,
    /// What becomes of a callout in place of an answer, if anything.
    pub(crate) fails: fn(&Callout) -> Option<Ending>,
    /// How the body of an answer is written.
    pub(crate) rewrites: fn(String) -> String,
    /// The callouts that end in one way, and how.
    broken: Option<Broken>,
}

/// What came of a delivery.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// 0 if it was forwarded.
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
    /// Log lines, each with its fields.
    pub(crate) lines: Vec<Value>,
    pub(crate) sent: Vec<(usize, String)>,
    pub(crate) passage_end: End,
    delivery: StripeDelivery,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::configured(Value::Null)
    }

    pub(crate) fn configured(changes: Value) -> Self {
        Self::of(configuration(changes))
    }

    pub(crate) fn of(configuration: Configuration<Webhook>) -> Self {
        let command = command(&configuration);
        let worker = StripeWorker::new(configuration);
        Bench {
            world: ModelWorld::new(),
            replica: Replica { worker, process: 0 },
            shared: SharedData::default(),
            command,
            callout_takes: Duration::from_millis(20),
            callouts: Vec::new(),
            fails: |_| None,
            rewrites: |body| body,
            broken: None,
        }
    }

    /// The gateway gets another document, as it does between two releases of it, or is another one with that document.
    pub(crate) fn roll_out(&mut self, configuration: Configuration<Webhook>) {
        self.command = command(&configuration);
        self.replica.worker = StripeWorker::new(configuration);
        self.shared = SharedData::default();
    }

    /// Those callouts end so from now on.
    pub(crate) fn fails_with(&mut self, which: fn(&Callout) -> bool, ending: Ending) {
        self.broken = Some((which, ending));
    }

    /// Everything works again.
    pub(crate) fn works(&mut self) {
        self.broken = None;
    }

    /// Delivers the event of that number, signed now.
    pub(crate) fn deliver(&mut self, event: usize) -> Delivered {
        let body = self.world.stripe.events[event].body.clone();
        self.send(&signed(&body, self.world.now.as_secs()))
    }

    /// Delivers all events from that number on, those too that the deliveries cause. The last of them.
    pub(crate) fn deliver_from(&mut self, first: usize) -> Delivered {
        let mut event = first;
        loop {
            let delivered = self.deliver(event);
            assert!(matches!(delivered.status, 0 | 200), "event {event}: {delivered:?}");
            event += 1;
            if event >= self.world.stripe.events.len() {
                return delivered;
            }
        }
    }

    pub(crate) fn send(&mut self, sending: &Sending<'_>) -> Delivered {
        let mut passage = Passage::begin(sending, &mut self.replica, &mut self.shared, self.world.now);
        while passage.end.is_none() {
            assert!(!passage.in_flight.is_empty(), "it waits for nothing");
            // Those that were sent first are answered first, so that what is side by side takes its time once.
            let wave = passage.in_flight.iter().map(|call| call.round_trip).min().unwrap();
            self.world.now = self.world.now.plus(self.callout_takes);
            for call in passage.in_flight.iter_mut().filter(|call| call.round_trip == wave) {
                let answer = || {
                    let answer = self.world.answer(&call.callout);
                    Ending::Answered(FakeAnswer { body: (self.rewrites)(answer.body), ..answer })
                };
                self.callouts.push(call.callout.clone());
                let broken = self.broken.as_ref().filter(|(is_broken, _)| is_broken(&call.callout));
                let broken = broken.map(|(_, ending)| ending.clone());
                call.ending = Some((self.fails)(&call.callout).or(broken).unwrap_or_else(answer));
            }
            while let Some(place) = passage.in_flight.iter().position(|call| call.ending.is_some()) {
                if passage.end.is_some() {
                    break;
                }
                passage.answer(&mut self.replica, &mut self.shared, self.world.now, place);
            }
        }
        Delivered::of(passage)
    }

    /// The upstream answers what was forwarded to it.
    pub(crate) fn respond(&mut self, delivered: Delivered, status: u16) {
        let mut passage = Passage { delivery: delivered.delivery, ..Passage::default() };
        passage.give(&mut self.replica, &mut self.shared, self.world.now, 0, Input::Responded { status });
        assert!(passage.end.is_none() && passage.in_flight.is_empty(), "{passage:?}");
    }

    pub(crate) fn plan(&self, subject: &str) -> Option<&str> {
        self.world.clerk.subjects[subject].plan()
    }
}

/// Returns the state of a command that reads this configuration.
fn command(configuration: &Configuration<Webhook>) -> SyncState {
    SyncState::new(configuration.clone().map_section(|section| section.sync))
}

impl Delivered {
    fn of(passage: Passage) -> Self {
        let end = passage.end.unwrap();
        let (status, headers, body) = match &end {
            End::Reply(reply) => (reply.status, reply.headers.clone(), reply.body.clone()),
            End::Forward(_) => (0, Vec::new(), Vec::new()),
        };
        let line = |report: &Report| match report {
            Report::Line(_, line) => Some(serde_json::from_str(line).unwrap()),
            Report::Count(_) | Report::Record(..) => None,
        };
        Delivered {
            status,
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
            lines: passage.reports.iter().filter_map(line).collect(),
            sent: passage.sent,
            passage_end: end,
            delivery: passage.delivery,
        }
    }

    /// `status` or `code` of the answer.
    pub(crate) fn answer(&self) -> (u16, &str) {
        let word = self.body["code"].as_str().or(self.body["status"].as_str());
        (self.status, word.unwrap_or_default())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The codes of the alarms.
    pub(crate) fn alarms(&self) -> Vec<&str> {
        self.lines.iter().filter_map(|line| line["alarm"].as_str()).collect()
    }

    /// The lines of the audit.
    pub(crate) fn audit(&self) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["audit"].is_string()).collect()
    }

    /// The callouts that change something.
    pub(crate) fn writes(&self) -> Vec<&str> {
        self.sent.iter().map(|(_, line)| line.as_str()).filter(|line| !line.starts_with("GET")).collect()
    }

    /// How many round trips came one after the other before the first write at Clerk, and how many there were in all.
    pub(crate) fn round_trips(&self) -> (usize, usize) {
        let write = self.sent.iter().find(|(_, line)| line.starts_with("PATCH"));
        let before = write.map_or(0, |(round_trip, _)| round_trip - 1);
        (before, self.sent.iter().map(|(round_trip, _)| *round_trip).max().unwrap_or_default())
    }
}

/// Whether a callout goes there with that method.
pub(crate) fn is_to(callout: &Callout, method: &str, place: &str) -> bool {
    let (asked, path, ..) = parts(callout);
    asked == method && path.contains(place)
}
