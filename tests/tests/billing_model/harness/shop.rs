//! A shop: Stripe, Clerk, two gateways, and the clock. Nothing happens until a test makes it happen.

use super::convert;
use super::worker::{SIGNING_SECRET, Worker, billing_worker, webhook_worker};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tollgate_core::http::Callout;
use tollgate_core::time::Micros;
use tollgate_driver::CalloutResult;
use tollgate_driver::memory::SharedData;
use tollgate_tests::fakes::clerk::tokens::Token;
use tollgate_tests::fakes::clerk::{ClerkSettings, FakeClerk, User};
use tollgate_tests::fakes::faults::{Fault, any};
use tollgate_tests::fakes::stripe::events::Event;
use tollgate_tests::fakes::stripe::model::Price;
use tollgate_tests::fakes::stripe::{ExecutionFailure, FakeStripe, StripeSettings};

/// The id of the user who buys.
pub(crate) const USER: &str = "user_ada";
/// The time at which a shop opens, in Unix seconds.
const OPENS_S: u64 = 1_800_000_000;
/// The number of gateways, and the number of workers of each that have the billing endpoints.
const GATEWAYS: usize = 2;
const BILLING_WORKERS: usize = 2;
/// The maximum number of callouts of a request, and of rounds in which events are delivered.
const CALLOUTS_MAX: usize = 1_000;
const ROUNDS_MAX: usize = 20;

/// The duration of a callout.
const CALLOUT_TIME: Duration = Duration::from_millis(20);

/// The end of a callout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The service's response arrived.
    Responded,
    /// The request was performed, but its response was lost.
    ResponseLost,
    /// The request was lost, so it was not performed.
    RequestLost,
    /// A load balancer responded with 503; the request was not performed.
    Unavailable,
    /// Stripe performed the request, but responded with 500, and so it does for each repetition with the same
    /// idempotency key. Clerk's response is lost.
    FailedAfterWork,
}

/// A callout in progress.
struct CalloutInFlight {
    worker: usize,
    request: Option<u32>,
    id: u32,
    callout: Callout,
    /// The result, once the fate of the request is decided.
    result: Option<CalloutResult>,
}

/// A request in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunningRequest {
    worker: usize,
    request: u32,
}

/// A status and a body.
pub(crate) type Response = (u16, Value);

/// Stripe, Clerk, and the gateways.
pub(crate) struct Shop {
    pub(crate) stripe: FakeStripe,
    pub(crate) clerk: FakeClerk,
    pub(crate) now: Micros,
    /// The workers of each gateway: those with the billing endpoints, then that with the webhook.
    workers: Vec<Box<dyn Worker>>,
    in_flight: Vec<CalloutInFlight>,
    /// The events that were not delivered yet.
    pub(crate) events: Vec<Event>,
    /// The codes of all alarms so far.
    pub(crate) alarms: BTreeSet<String>,
    /// The bodies of all replies with 5xx, and what else a failed test needs.
    pub(crate) trace: Vec<String>,
}

/// Returns the runtime on which the fakes listen, which no test here uses.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    })
}

impl Shop {
    /// Opens a shop with a user who has bought nothing.
    pub(crate) fn open() -> Self {
        Shop::open_with(StripeSettings::default())
    }

    /// Opens such a shop with these settings of Stripe, whose search finds what is a minute old.
    pub(crate) fn open_with(stripe: StripeSettings) -> Self {
        let settings = ClerkSettings { rate_limit: false, ..ClerkSettings::default() };
        let delayed = StripeSettings { search_delay_s: 60, ..stripe };
        let stripe = runtime().block_on(FakeStripe::start_with(delayed));
        let clerk = runtime().block_on(FakeClerk::start_with(settings));
        stripe.set_now(seconds(OPENS_S));
        stripe.put(Price::new("price_pro"));
        stripe.put(Price::new("price_ent").amount(9_000));
        stripe.put(Price::new("price_ent_year").amount(90_000).every(1, "year").lookup_key("ent_yearly"));
        stripe.put(Price::new("price_credits").amount(500).one_time());
        clerk.put_user(User::new(USER));
        let mut workers = Vec::new();
        for _ in 0..GATEWAYS {
            let shared = SharedData::default();
            workers.extend((0..BILLING_WORKERS).map(|_| billing_worker(&shared)));
            workers.push(webhook_worker(&shared));
        }
        Shop {
            stripe,
            clerk,
            now: Micros::from_secs(OPENS_S),
            workers,
            in_flight: Vec::new(),
            events: Vec::new(),
            alarms: BTreeSet::new(),
            trace: Vec::new(),
        }
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        self.stripe.advance_to(seconds(self.now.as_secs()));
    }

    /// Begins a request of the user to a billing endpoint, on one of the workers with them.
    pub(crate) fn begin(&mut self, number: usize, path: &str, body: Option<&Value>) -> RunningRequest {
        let worker = number / BILLING_WORKERS % GATEWAYS * (BILLING_WORKERS + 1) + number % BILLING_WORKERS;
        let token = Token::session(USER, seconds(self.now.as_secs())).sign();
        let path = format!("/billing/{path}");
        let fields = [
            (":method", if body.is_some() { "POST" } else { "GET" }),
            (":path", path.as_str()),
            (":authority", "api.example.com"),
            ("authorization", &format!("Bearer {token}")),
            ("content-type", "application/json"),
        ];
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.trace.push(format!(
            "{} worker {worker}: {path} {}",
            self.now.as_secs(),
            String::from_utf8_lossy(&body)
        ));
        let request = convert::client_request(&fields, body);
        let request = self.workers[worker].begin(self.now, request);
        self.observe(worker);
        RunningRequest { worker, request }
    }

    /// Begins the delivery of an event to the webhook of a gateway.
    pub(crate) fn begin_delivery(&mut self, gateway: usize, event: &Event) -> RunningRequest {
        let worker = gateway % GATEWAYS * (BILLING_WORKERS + 1) + BILLING_WORKERS;
        let (body, signature) = event.signed(&[SIGNING_SECRET], seconds(self.now.as_secs()));
        let fields = [
            (":method", "POST"),
            (":path", "/webhooks/stripe"),
            (":authority", "api.example.com"),
            ("stripe-signature", signature.as_str()),
        ];
        self.trace.push(format!("worker {worker}: event {}", event.json["type"]));
        let request = self.workers[worker].begin(self.now, convert::client_request(&fields, body));
        self.observe(worker);
        RunningRequest { worker, request }
    }

    /// Returns the response to a request, once there is one, and ends it.
    pub(crate) fn response(&mut self, running: RunningRequest) -> Option<Response> {
        let RunningRequest { worker, request } = running;
        let reply = self.workers[worker].reply(request)?;
        self.end(running);
        let response = (reply.status, convert::json(&reply.body));
        self.trace.push(format!("worker {worker}: {} {}", response.0, response.1));
        Some(response)
    }

    /// Ends a request whose client has disconnected, or has its response. Callouts that were not performed
    /// yet never are.
    pub(crate) fn end(&mut self, running: RunningRequest) {
        let RunningRequest { worker, request } = running;
        self.workers[worker].end(request);
        self.in_flight.retain(|call| (call.worker, call.request) != (worker, Some(request)));
    }

    /// Returns how many callouts are in progress.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Performs a callout, unless it was performed already.
    pub(crate) fn perform(&mut self, index: usize, fate: Fate) {
        if self.in_flight[index].result.is_none() {
            let call = &self.in_flight[index];
            self.trace.push(format!("worker {}: {fate:?} {}", call.worker, convert::line(&call.callout)));
            let result = self.result(&self.in_flight[index].callout, fate);
            self.in_flight[index].result = Some(result);
            self.events.extend(self.stripe.take_events());
        }
    }

    /// Passes the result of a callout to its filter. It is performed first, if it was not yet.
    pub(crate) fn finish_callout(&mut self, index: usize, fate: Fate) {
        self.perform(index, fate);
        self.now = self.now.plus(CALLOUT_TIME);
        let CalloutInFlight { worker, id, result, .. } = self.in_flight.remove(index);
        if let Some(result) = result {
            self.workers[worker].end_callout(self.now, id, result);
        }
        self.observe(worker);
    }

    /// Runs a request to its end. `fate` decides how each of its callouts ends, by its index.
    pub(crate) fn run(&mut self, running: RunningRequest, mut fate: impl FnMut(usize) -> Fate) -> Response {
        for index in 0..CALLOUTS_MAX {
            if let Some(response) = self.response(running) {
                return response;
            }
            let next = self.in_flight.iter().position(|call| call.worker == running.worker);
            let next = next.unwrap_or_else(|| panic!("the request waits for nothing\n{}", self.trace()));
            self.finish_callout(next, fate(index));
        }
        panic!("the request does not end\n{}", self.trace());
    }

    /// Sends a request to the first worker; nothing fails.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Response {
        let running = self.begin(0, path, Some(body));
        self.run(running, |_| Fate::Responded)
    }

    /// Delivers all events, until the webhook has taken them and they cause no others.
    pub(crate) fn deliver_all(&mut self) {
        for round in 0..ROUNDS_MAX {
            self.events.extend(self.stripe.take_events());
            if self.events.is_empty() {
                return;
            }
            for event in std::mem::take(&mut self.events) {
                let running = self.begin_delivery(round, &event);
                let (status, body) = self.run(running, |_| Fate::Responded);
                assert_eq!(status, 200, "{body}\n{}", self.trace());
            }
        }
        panic!("events cause events\n{}", self.trace());
    }

    /// Drops all events but the last.
    pub(crate) fn keep_last_event(&mut self) {
        self.events.extend(self.stripe.take_events());
        self.events.drain(..self.events.len().saturating_sub(1));
    }

    /// Returns the user's plan in Clerk's metadata.
    pub(crate) fn plan(&self) -> Option<String> {
        self.clerk.plan(USER)
    }

    /// Returns the lines of the trace.
    pub(crate) fn trace(&self) -> String {
        self.trace.join("\n")
    }

    /// Takes what a filter did at its last input.
    fn observe(&mut self, worker: usize) {
        for line in self.workers[worker].take_lines() {
            if let Some(alarm) = convert::json(line.as_bytes())["alarm"].as_str() {
                self.alarms.insert(alarm.to_owned());
            }
            self.trace.push(format!("worker {worker}: {line}"));
        }
        for started in self.workers[worker].take_callouts() {
            let (id, request, callout) = (started.id, started.request_id, started.callout);
            self.in_flight.push(CalloutInFlight { worker, request, id, callout, result: None });
        }
    }

    fn result(&self, callout: &Callout, fate: Fate) -> CalloutResult {
        let is_stripe = callout.cluster == "stripe_api";
        if fate == Fate::FailedAfterWork && is_stripe {
            self.stripe.fail_execution(1, any(), ExecutionFailure::AfterWork);
        }
        match fate {
            Fate::RequestLost => return CalloutResult::Reset,
            Fate::Unavailable => match Fault::unavailable() {
                Fault::Response(response) => return convert::result(&response),
                fault => panic!("no response: {fault:?}"),
            },
            Fate::Responded | Fate::ResponseLost | Fate::FailedAfterWork => {}
        }
        let response = match is_stripe {
            true => self.stripe.carry_out(&convert::received(callout, self.stripe.key())),
            false => self.clerk.carry_out(&convert::received(callout, self.clerk.secret_key())),
        };
        match fate {
            Fate::ResponseLost => CalloutResult::Reset,
            Fate::FailedAfterWork if !is_stripe => CalloutResult::Reset,
            _ => convert::result(&response),
        }
    }
}

/// Returns seconds as the fakes count them.
fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).expect("a time of this millennium")
}
