//! One delivery from its beginning to its end; nothing fails but what a test lets fail.

use super::delivery_run::{DeliveryEnd, DeliveryRun, WebhookRequest, signed};
use super::gateway::{Replica, configuration, document};
use super::response::FakeResponse;
use super::world::{World, parts};
use serde_json::Value;
use std::time::Duration;
use tollgate_core::backfill::SyncState;
use tollgate_core::http::Callout;
use tollgate_driver::CalloutResult;
use tollgate_driver::memory::SharedData;

/// The callouts that a test lets end in one way, with their result.
type Broken = (fn(&Callout) -> bool, CalloutResult);

/// A world, and one replica of the gateway in it.
pub(crate) struct Model {
    pub(crate) world: World,
    replica: Replica,
    /// The state that the command keeps for one configuration.
    pub(crate) command: SyncState,
    /// The duration of each callout.
    pub(crate) callout_takes: Duration,
    /// All callouts so far.
    pub(crate) callouts: Vec<Callout>,
    /// The function that returns the result of a callout if it fails; `None` for the service's response.
    pub(crate) fails: fn(&Callout) -> Option<CalloutResult>,
    /// The function that changes the bodies of responses.
    pub(crate) rewrites: fn(String) -> String,
    /// The callouts that end in one way, and how.
    broken: Option<Broken>,
}

/// The result of a delivery.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// 0 if it was forwarded.
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
    /// Log lines, each with its fields.
    pub(crate) lines: Vec<Value>,
    pub(crate) sent: Vec<(usize, String)>,
    /// The request that went on to the upstream.
    pub(crate) forwarded: Option<DeliveryRun>,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self::configured(Value::Null)
    }

    pub(crate) fn configured(changes: Value) -> Self {
        let document = document(changes);
        Model {
            world: World::new(),
            replica: Replica::new(&document, &SharedData::default()),
            command: command_state(&document),
            callout_takes: Duration::from_millis(20),
            callouts: Vec::new(),
            fails: |_| None,
            rewrites: |body| body,
            broken: None,
        }
    }

    /// Replaces the gateway by one with that document, as a rollout does.
    pub(crate) fn roll_out(&mut self, document: &str) {
        self.replica = Replica::new(document, &SharedData::default());
        self.command = command_state(document);
    }

    /// Lets those callouts end so from now on.
    pub(crate) fn fails_with(&mut self, which: fn(&Callout) -> bool, result: CalloutResult) {
        self.broken = Some((which, result));
    }

    /// Lets all callouts succeed again.
    pub(crate) fn works(&mut self) {
        self.broken = None;
    }

    /// Delivers the event of that number, signed now.
    pub(crate) fn deliver(&mut self, event: usize) -> Delivered {
        let body = self.world.stripe.events[event].body.clone();
        self.send(&signed(&body, self.world.now.as_secs()))
    }

    /// Delivers all events from that number on, also those that the deliveries cause. Returns the last
    /// delivery.
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

    pub(crate) fn send(&mut self, request: &WebhookRequest<'_>) -> Delivered {
        let mut run = DeliveryRun::begin(request, &mut self.replica, self.world.now);
        while run.end.is_none() {
            assert!(!run.in_flight.is_empty(), "it waits for nothing");
            // Callouts of the same round trip end together, so that parallel callouts take their time once.
            let wave = run.in_flight.iter().map(|call| call.round_trip).min().unwrap();
            self.world.now = self.world.now.plus(self.callout_takes);
            for call in run.in_flight.iter_mut().filter(|call| call.round_trip == wave) {
                call.result = Some(self.result(&call.callout));
            }
            while let Some(index) = run.in_flight.iter().position(|call| call.result.is_some()) {
                if run.end.is_some() {
                    break;
                }
                run.end_callout(&mut self.replica, self.world.now, index);
            }
        }
        Delivered::new(run, &mut self.replica)
    }

    /// Returns how a callout ends, once it has taken effect or never will.
    fn result(&mut self, callout: &Callout) -> CalloutResult {
        self.callouts.push(callout.clone());
        let broken = self.broken.as_ref().filter(|(is_broken, _)| is_broken(callout));
        let broken = broken.map(|(_, result)| result.clone());
        (self.fails)(callout).or(broken).unwrap_or_else(|| {
            let response = self.world.respond(callout);
            FakeResponse { body: (self.rewrites)(response.body), ..response }.into()
        })
    }

    /// Lets the upstream respond to what was forwarded to it.
    pub(crate) fn respond(&mut self, delivered: Delivered, status: u16) {
        let run = delivered.forwarded.expect("it was forwarded");
        run.respond(&mut self.replica, self.world.now, status);
    }

    pub(crate) fn plan(&self, subject: &str) -> Option<&str> {
        self.world.clerk.subjects[subject].plan()
    }
}

/// Returns the state of a command that reads this document.
pub(crate) fn command_state(document: &str) -> SyncState {
    SyncState::new(configuration(document))
}

impl Delivered {
    fn new(mut run: DeliveryRun, replica: &mut Replica) -> Self {
        let (lines, sent) = (std::mem::take(&mut run.lines), std::mem::take(&mut run.sent));
        let (status, headers, body, forwarded) = match &run.end {
            Some(DeliveryEnd::Replied(reply)) => {
                let headers = reply.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
                let (headers, body) = (headers.collect(), serde_json::from_slice(&reply.body));
                let status = reply.status;
                run.close(replica);
                (status, headers, body.unwrap_or_default(), None)
            }
            _ => (0, Vec::new(), Value::Null, Some(run)),
        };
        Delivered { status, headers, body, lines, sent, forwarded }
    }

    /// Returns the response's status code, and the `code` or `status` in its body.
    pub(crate) fn response(&self) -> (u16, &str) {
        let word = self.body["code"].as_str().or(self.body["status"].as_str());
        (self.status, word.unwrap_or_default())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Returns the codes of the alarms.
    pub(crate) fn alarms(&self) -> Vec<&str> {
        self.lines.iter().filter_map(|line| line["alarm"].as_str()).collect()
    }

    /// Returns the first alarm with this code.
    pub(crate) fn alarm(&self, code: &str) -> &Value {
        self.lines.iter().find(|line| line["alarm"] == code).unwrap_or(&Value::Null)
    }

    /// Returns the audit lines.
    pub(crate) fn audit(&self) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["audit"].is_string()).collect()
    }

    /// Returns the callouts that change something.
    pub(crate) fn writes(&self) -> Vec<&str> {
        self.sent.iter().map(|(_, line)| line.as_str()).filter(|line| !line.starts_with("GET")).collect()
    }

    /// Returns how many round trips came one after the other before the first write at Clerk, and how many in
    /// all.
    pub(crate) fn round_trips(&self) -> (usize, usize) {
        let write = self.sent.iter().find(|(_, line)| line.starts_with("PATCH"));
        let before = write.map_or(0, |(round_trip, _)| round_trip - 1);
        (before, self.sent.iter().map(|(round_trip, _)| *round_trip).max().unwrap_or_default())
    }
}

/// Returns whether a callout has that method and that part in its path.
pub(crate) fn is_to(callout: &Callout, method: &str, part: &str) -> bool {
    let (its_method, path, ..) = parts(callout);
    its_method == method && path.contains(part)
}
